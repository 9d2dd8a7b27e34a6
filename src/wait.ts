import { type Clock, LONGEST_DELAY } from './clock.ts';
import { TimeoutError } from './error.ts';

/** Bounds on a wait. */
export interface WaitOptions {
  /** Milliseconds; none by default, and none if they are more than 24 days. */
  readonly timeout?: number;
  /** Ends the wait when it is aborted, with its reason. */
  readonly signal?: AbortSignal;
}

/**
 * A promise with bounds, which may be ignored: its rejection alone brings nobody down.
 *
 * @param what is waited for, for the message of the `TimeoutError`.
 * @param begin starts the wait and returns what is to be undone at its end, however it ends.
 */
export function wait<T>(
  clock: Clock,
  { timeout, signal }: WaitOptions,
  what: string,
  begin: (resolve: (value: T) => void, reject: (error: unknown) => void) => () => void,
): Promise<T> {
  const promise = new Promise<T>((resolve, reject) => {
    let over = false;
    let timer: unknown;
    let undo: (() => void) | undefined;
    let unlisten: (() => void) | undefined;
    const end = () => {
      over = true;
      undo?.();
      if (timer !== undefined) clock.clearTimeout(timer);
      unlisten?.();
    };
    const settle =
      <A>(act: (value: A) => void) =>
      (value: A) => {
        if (over) return;
        end();
        act(value);
      };
    const fail = settle(reject);
    const aborted = () => fail(signal?.reason);
    if (signal?.aborted) {
      aborted();
      return;
    }
    undo = begin(settle(resolve), fail);
    if (over) {
      undo();
      return;
    }
    if (signal !== undefined) unlisten = onAbort(signal, aborted);
    if (timeout !== undefined && timeout <= LONGEST_DELAY) {
      timer = clock.setTimeout(() => fail(new TimeoutError(`${what}: nothing within ${timeout} ms`)), timeout);
    }
  });
  return tended(promise);
}

/** What is to be done when a signal is aborted, and the listener that does it. */
interface Shared {
  readonly acts: Set<() => void>;
  readonly listener: () => void;
}

/** To add a listener Node looks at all there are: the waits of one signal, who may be many, share one. */
const shared = new WeakMap<AbortSignal, Shared>();

/** Calls `act` when the signal is aborted. Returns what ends that. */
function onAbort(signal: AbortSignal, act: () => void): () => void {
  const { acts, listener } = shared.get(signal) ?? share(signal);
  if (acts.size === 0) signal.addEventListener('abort', listener, { once: true });
  acts.add(act);
  return () => {
    if (acts.delete(act) && acts.size === 0) signal.removeEventListener('abort', listener);
  };
}

function share(signal: AbortSignal): Shared {
  const acts = new Set<() => void>();
  const listener = () => {
    for (const act of acts) act();
  };
  const entry = { acts, listener };
  shared.set(signal, entry);
  return entry;
}

/** The promise, which may be ignored from now on. */
export function tended<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  return promise;
}
