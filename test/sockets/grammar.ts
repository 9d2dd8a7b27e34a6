/** What is announced of a client, as a text: C.8.1 to C.8.7 are a grammar for it. */
import type { ClientEvents } from '../../src/index.ts';

/** One letter for each event. */
export const LETTERS = {
  established: 'E',
  resumed: 'R',
  online: 'O',
  suspended: 'S',
  destroyed: 'D',
  waiting: 'W',
  failure: 'F',
  stopped: 'X',
} as const satisfies Partial<Record<keyof ClientEvents, string>>;

/**
 * Any number of runs, each with exactly one end. In a run there are sessions, each established and destroyed once; while it
 * lasts, suspended and resumed take turns. Destroyed without having been suspended is a session only at the end of its run.
 */
export const GRAMMAR = /^(?:W*(?:EO(?:SW*RO)*(?:SW*DW*|D(?=[XF])))*[XF])*$/;
