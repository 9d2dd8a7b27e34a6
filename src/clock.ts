/** Time, for everything in a client that waits. XState's `SimulatedClock` is one; tests hand it in. */
export interface Clock {
  /** Calls back after so many milliseconds; returns what `clearTimeout` takes. */
  setTimeout(callback: () => void, delay: number): unknown;
  /** Takes that back. */
  clearTimeout(id: unknown): void;
  /** Milliseconds on a scale that never goes back. */
  now(): number;
}

/** Milliseconds; setTimeout takes no more, and fires at once when it is given more. */
export const LONGEST_DELAY = 2 ** 31 - 1;

/**
 * A timer that lets sockets be read before it fires: behind something that kept the process busy, or asleep, both are due at
 * once, and the answer that came in time would be overtaken by its deadline.
 */
class Timer {
  readonly #timeout: NodeJS.Timeout;
  #immediate: NodeJS.Immediate | undefined;

  constructor(callback: () => void, delay: number) {
    this.#timeout = setTimeout(() => {
      this.#immediate = setImmediate(callback);
    }, delay);
  }

  clear(): void {
    clearTimeout(this.#timeout);
    clearImmediate(this.#immediate);
  }
}

/** The machine's own, counting from the epoch, and steady when somebody sets the date. */
export const systemClock: Clock = {
  setTimeout: (callback, delay) => new Timer(callback, delay),
  clearTimeout: (timer) => (timer as Timer | undefined)?.clear(),
  now: () => performance.timeOrigin + performance.now(),
};
