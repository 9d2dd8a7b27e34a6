import type { Clock } from '../clock.ts';

interface Timer {
  readonly at: number;
  readonly callback: () => void;
}

/**
 * A clock that stands still until it is told to go on, for clients (`createClient({ clock })`) and for XState actors
 * (`createActor(machine, { clock })`). Other than XState's `SimulatedClock` it says which timers are armed.
 */
export class ManualClock implements Clock {
  readonly #timers = new Map<number, Timer>();
  #now: number;
  #count = 0;

  /**
   * A clock that stands still.
   *
   * @param now milliseconds that it begins with (default 0).
   */
  constructor(now = 0) {
    this.#now = now;
  }

  /** Milliseconds; they pass by `advance` alone. */
  now(): number {
    return this.#now;
  }

  /** Calls back when the clock is told that so many milliseconds have passed. */
  setTimeout(callback: () => void, delay: number): number {
    this.#count += 1;
    this.#timers.set(this.#count, { at: this.#now + Math.max(0, delay), callback });
    return this.#count;
  }

  /** Takes that back. */
  clearTimeout(id: unknown): void {
    this.#timers.delete(id as number);
  }

  /** When the armed timers are due, earliest first. */
  get pending(): readonly number[] {
    return [...this.#timers.values()].map(({ at }) => at).sort((one, other) => one - other);
  }

  /** Lets so many milliseconds pass, firing on the way what comes due, also what is armed only then. */
  advance(ms: number): void {
    const end = this.#now + ms;
    for (let next = this.#earliest(end); next !== null; next = this.#earliest(end)) {
      const [id, { at, callback }] = next;
      this.#timers.delete(id);
      this.#now = at;
      callback();
    }
    this.#now = end;
  }

  /** Goes on to the earliest timer and fires all that are due then; returns whether there was one. */
  next(): boolean {
    const [at] = this.pending;
    if (at === undefined) return false;
    this.advance(at - this.#now);
    return true;
  }

  /** The earliest timer, of several the oldest, that is due by `end`. */
  #earliest(end: number): [number, Timer] | null {
    let found: [number, Timer] | null = null;
    for (const entry of this.#timers) {
      if (entry[1].at <= end && (found === null || entry[1].at < found[1].at)) found = entry;
    }
    return found;
  }
}
