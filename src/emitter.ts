/** Options of `on`. */
export interface ListenOptions {
  /** Ends listening when it is aborted. */
  readonly signal?: AbortSignal;
  /** Ends listening after the first time. */
  readonly once?: boolean;
}

/** Something that can be taken back, by hand or by `using`. */
export interface Subscription extends Disposable {
  /** Takes it back; the second time does nothing. */
  unsubscribe(): void;
}

export function subscription(unsubscribe: () => void): Subscription {
  return { unsubscribe, [Symbol.dispose]: unsubscribe };
}

type Listener<E> = (event: E) => unknown;

/**
 * Listeners by event. They are called in the order they came; one that throws, or returns a promise that rejects, is
 * reported and harms nobody.
 */
export class Emitter<Events> {
  readonly #listeners = new Map<keyof Events, readonly Listener<never>[]>();
  readonly #report: (error: unknown, type: keyof Events, event: unknown) => void;

  /** @param report hears of listeners that throw or whose promise rejects. */
  constructor(report: (error: unknown, type: keyof Events, event: unknown) => void) {
    this.#report = report;
  }

  /** Listens to an event, behind those who listen already. */
  on<T extends keyof Events>(type: T, listener: Listener<Events[T]>, options: ListenOptions = {}): Subscription {
    const { signal, once } = options;
    // An event that is being told goes on with the listeners it began with.
    let over = false;
    const entry: Listener<Events[T]> = (event) => {
      if (over) return undefined;
      if (once) remove();
      return listener(event);
    };
    const remove = () => {
      over = true;
      signal?.removeEventListener('abort', remove);
      const rest = (this.#listeners.get(type) ?? []).filter((other) => other !== entry);
      if (rest.length > 0) this.#listeners.set(type, rest);
      else this.#listeners.delete(type);
    };
    if (!signal?.aborted) {
      this.#listeners.set(type, [...(this.#listeners.get(type) ?? []), entry]);
      signal?.addEventListener('abort', remove, { once: true });
    }
    return subscription(remove);
  }

  /** How many listen to an event. */
  count(type: keyof Events): number {
    return this.#listeners.get(type)?.length ?? 0;
  }

  /** Calls the listeners. A promise when one of them gave one; it is fulfilled when all are. */
  emit<T extends keyof Events>(type: T, event: Events[T]): Promise<unknown> | undefined {
    const listeners = this.#listeners.get(type);
    if (listeners === undefined) return undefined;
    let working: Promise<unknown> | undefined;
    for (const listener of listeners as readonly Listener<Events[T]>[]) {
      try {
        const result = listener(event);
        if (!(result instanceof Promise)) continue;
        const settled = result.catch((error) => this.#report(error, type, event));
        working = working === undefined ? settled : Promise.all([working, settled]);
      } catch (error) {
        this.#report(error, type, event);
      }
    }
    return working;
  }
}
