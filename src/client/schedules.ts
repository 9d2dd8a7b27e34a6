import { type Clock, LONGEST_DELAY } from '../clock.ts';
import { type Subscription, subscription } from '../emitter.ts';
import { StateError } from '../error.ts';

/** Options of `schedule`. */
export interface ScheduleOptions {
  /** Calls back again and again, each time so much later (default false). */
  readonly repeat?: boolean;
  /** Ends it when it is aborted. */
  readonly signal?: AbortSignal;
}

/** Timers by name. */
export class Schedules {
  readonly #clock: Clock;
  readonly #report: (error: unknown) => void;
  readonly #cancels = new Map<string, () => void>();

  constructor(clock: Clock, report: (error: unknown) => void) {
    this.#clock = clock;
    this.#report = report;
  }

  /** Throws `StateError` when there is one of that name, `RangeError` when the delay is none. */
  add(name: string, delay: number, callback: () => unknown, { repeat = false, signal }: ScheduleOptions): Subscription {
    if (this.#cancels.has(name)) throw new StateError(`${name} is scheduled already`);
    if (!(delay >= 0 && delay <= LONGEST_DELAY)) throw new RangeError('a delay is at most 24 days of milliseconds');
    let timer: unknown;
    const cancel = () => {
      this.#clock.clearTimeout(timer);
      signal?.removeEventListener('abort', cancel);
      if (this.#cancels.get(name) === cancel) this.#cancels.delete(name);
    };
    const arm = () => {
      timer = this.#clock.setTimeout(() => {
        // Before the callback, which may cancel it or schedule another.
        if (repeat) arm();
        else cancel();
        this.#call(callback);
      }, delay);
    };
    if (!signal?.aborted) {
      this.#cancels.set(name, cancel);
      signal?.addEventListener('abort', cancel, { once: true });
      arm();
    }
    return subscription(cancel);
  }

  /** Returns whether there was one of that name. */
  cancel(name: string): boolean {
    const cancel = this.#cancels.get(name);
    cancel?.();
    return cancel !== undefined;
  }

  #call(callback: () => unknown): void {
    try {
      const result = callback();
      if (result instanceof Promise) result.catch(this.#report);
    } catch (error) {
      this.#report(error);
    }
  }
}
