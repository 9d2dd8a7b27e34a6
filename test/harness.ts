/**
 * uvu has no timeouts: a test that hangs would stop the run without a name. `suite` is uvu's, with a bound on every test
 * and hook; a test that passes it fails with its own name, and the process goes on.
 */
import * as uvu from 'uvu';

/** Milliseconds a test may take unless its suite says otherwise. */
const DEFAULT_LIMIT = 10_000;

type Body = () => unknown;

export interface Suite {
  /** Adds a test. */
  (name: string, body: Body): void;
  /** Runs `hook` once before the tests of the suite. */
  before(hook: Body): void;
  /** Runs `hook` once after the tests of the suite, also when one failed. */
  after(hook: Body): void;
  /** Runs `hook` after each test. */
  afterEach(hook: Body): void;
  /** Adds a test that is counted as skipped, for what this machine cannot run. */
  skip(name: string, body?: Body): void;
  /** Registers the suite; the last line of a test file. */
  run(): void;
}

/** Rejects with the test's name when `body` takes longer than `limit` milliseconds. */
function timed(name: string, body: Body, limit: number): () => Promise<void> {
  return async () => {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`"${name}" took longer than ${limit} ms`)), limit);
    });
    try {
      await Promise.race([body(), late]);
    } finally {
      clearTimeout(timer);
    }
  };
}

/** uvu counts a suite whose hook failed as nothing passed, and says no word of why. */
function hook(name: string, body: Body, limit: number): () => Promise<void> {
  const run = timed(name, body, limit);
  return async () => {
    try {
      await run();
    } catch (error) {
      console.error(`${name}:`, error);
      throw error;
    }
  };
}

/** A uvu suite whose tests may each take `limit` milliseconds (default 10 s). */
export function suite(title: string, limit: number = DEFAULT_LIMIT): Suite {
  const inner = uvu.suite(title);
  const outer = (name: string, body: Body) => inner(name, timed(`${title}: ${name}`, body, limit));
  return Object.assign(outer, {
    before: (body: Body) => inner.before(hook(`${title}: before`, body, limit)),
    after: (body: Body) => inner.after(hook(`${title}: after`, body, limit)),
    afterEach: (body: Body) => inner.after.each(hook(`${title}: after each`, body, limit)),
    skip: (name: string) => inner.skip(name, () => {}),
    run: () => inner.run(),
  });
}
