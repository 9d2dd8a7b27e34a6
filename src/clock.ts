/** Time, for everything in a client that waits. XState's `SimulatedClock` is one; tests hand it in. */
export interface Clock {
  setTimeout(callback: () => void, delay: number): unknown;
  clearTimeout(id: unknown): void;
  /** Milliseconds on a scale that never goes back. */
  now(): number;
}

/** Milliseconds; setTimeout takes no more, and fires at once when it is given more. */
export const LONGEST_DELAY = 2 ** 31 - 1;

/** The machine's own, counting from the epoch, and steady when somebody sets the date. */
export const systemClock: Clock = {
  setTimeout: (callback, delay) => setTimeout(callback, delay),
  clearTimeout: (id) => clearTimeout(id as NodeJS.Timeout),
  now: () => performance.timeOrigin + performance.now(),
};
