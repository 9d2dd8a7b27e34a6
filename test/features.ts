/**
 * The capabilities of aioxmpp's `node` (N), `protocol` (P) and `disco` (D) and of slixmpp's `XMLStream` (X), by the ids that the
 * titles of tests name. What each is called there and here is in MIGRATION.md, in the same order.
 */
export const FEATURES: readonly string[] = `
  N-01 N-02 N-03 N-04 N-05 N-06 N-07 N-08 N-09 N-10 N-11 N-12 N-13 N-14 N-15 N-16 N-17 N-18 N-19 N-20 N-21
  N-22 N-23 N-24 N-25 N-26 N-27 N-28 N-29 N-30 N-31 N-32 N-33 N-34 N-35 N-36 N-37 N-38 N-39 N-40 N-41 N-42
  N-43 N-44 N-45 N-46 N-47 N-48 N-49 N-50 N-51 N-52 N-53 N-54 N-55 N-56 N-57 N-58 N-59 N-60 N-61 N-62 N-63
  N-64 N-65 N-66 N-67 N-68 N-69 N-70 N-71 N-72 N-73 N-74 N-75 N-76 N-77 N-78 N-79 N-80 N-81 N-82 N-83 N-84
  N-85 N-86 N-87 N-88 N-89 N-90 N-91 N-92 N-93 N-94 N-95
  P-01 P-02 P-03 P-04 P-05 P-06 P-07 P-08 P-09 P-10 P-11 P-12 P-13 P-14 P-15 P-16 P-17 P-18 P-19 P-20 P-21
  P-22 P-23 P-24 P-25 P-26 P-27 P-28 P-29 P-30 P-31 P-32 P-33 P-34 P-35 P-36 P-37 P-38 P-39 P-40 P-41 P-42
  P-43
  D-01 D-02 D-03 D-04 D-05 D-06 D-07 D-08 D-09 D-10 D-11 D-12 D-13 D-14 D-15 D-16 D-17 D-18 D-19 D-20 D-21
  D-22 D-23 D-24 D-25 D-26 D-27 D-28 D-29 D-30 D-31 D-32 D-33 D-34 D-35 D-36 D-37 D-38 D-39 D-40 D-41 D-42
  D-43 D-44 D-45 D-46 D-47 D-48 D-49 D-50 D-51 D-52 D-53 D-54 D-55 D-56
  X-01 X-02 X-03 X-04 X-05 X-06 X-07 X-08 X-09 X-10 X-11 X-12 X-13 X-14 X-15 X-16 X-17 X-18 X-19 X-20 X-21a
  X-21b X-22 X-23 X-24a X-24b X-24c X-24d X-25 X-26a X-26b X-26c X-26d X-27a X-27b X-28a X-28b X-29a X-29b
  X-29c X-30a X-30b X-31 X-32 X-33a X-33b X-34 X-35 X-36 X-37 X-38 X-39 X-40a X-40b X-41a X-41b X-42a X-42b
  X-43 X-44 X-45a X-45b X-46 X-47 X-48 X-49a X-49b
`
  .trim()
  .split(/\s+/);

/** Those that exist for Python alone or are deprecated there: a line in MIGRATION.md is all they need. */
export const WITHOUT_TEST: readonly string[] = ['N-06', 'N-66', 'N-88', 'N-89', 'N-90', 'P-05', 'X-39'];
