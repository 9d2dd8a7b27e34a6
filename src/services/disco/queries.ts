/** Questions that several may wait for the answers of, and a bounded memory for the answers. */
import { Lru } from '../lru.ts';

/** Asks; the signal is aborted when nobody waits for the answer any more. */
export type Ask<T> = (signal: AbortSignal) => Promise<T>;

interface Waiter<T> {
  readonly resolve: (value: T) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * A question: asked once somebody waits for the answer, and once only. A failure is told to everybody who waits, and then
 * the question is as if it had not been asked; the same when everybody has left.
 */
export class Query<T> {
  readonly #ask: Ask<T>;
  readonly #asking: Set<Query<T>>;
  readonly #waiters = new Set<Waiter<T>>();
  #controller: AbortController | null = null;
  #answer: { readonly value: T } | null = null;

  /** @param asking holds the questions that are being asked. */
  constructor(ask: Ask<T>, asking: Set<Query<T>>) {
    this.#ask = ask;
    this.#asking = asking;
  }

  /** Waits for the answer. What is returned ends that. */
  join(resolve: (value: T) => void, reject: (error: unknown) => void): () => void {
    if (this.#answer !== null) {
      resolve(this.#answer.value);
      return () => {};
    }
    const waiter = { resolve, reject };
    this.#waiters.add(waiter);
    if (this.#controller === null) this.#begin();
    return () => {
      if (this.#waiters.delete(waiter) && this.#waiters.size === 0) this.#end();
    };
  }

  /** Tells everybody who waits that there will be no answer. */
  fail(error: unknown): void {
    const waiters = this.#end();
    for (const { reject } of waiters) reject(error);
  }

  async #begin(): Promise<void> {
    const controller = new AbortController();
    this.#controller = controller;
    this.#asking.add(this);
    try {
      const value = await this.#ask(controller.signal);
      if (this.#controller !== controller) return;
      this.#answer = { value };
      for (const { resolve } of this.#end()) resolve(value);
    } catch (error) {
      if (this.#controller === controller) this.fail(error);
    }
  }

  /** Ends asking; returns who waited. */
  #end(): Waiter<T>[] {
    const controller = this.#controller;
    this.#controller = null;
    this.#asking.delete(this);
    const waiters = [...this.#waiters];
    this.#waiters.clear();
    controller?.abort();
    return waiters;
  }
}

/** How a question is looked for in what is known. */
export interface QueryOptions {
  /** Asks in any case; whoever asks after that shares this question (default false). */
  readonly requireFresh?: boolean;
  /** Forgets the answer; one that is known already is taken nevertheless (default false). */
  readonly noCache?: boolean;
}

/** Questions by their key; of more than the limit those go that nobody has asked for longest. */
export class Queries<T> {
  readonly known: Lru<Query<T>>;
  /** Also those that are not known by their key any more. */
  readonly #asking = new Set<Query<T>>();

  constructor(limit: number) {
    this.known = new Lru(limit);
  }

  /** The question of that key, or a new one. */
  get(key: string, ask: Ask<T>, { requireFresh = false, noCache = false }: QueryOptions = {}): Query<T> {
    const known = requireFresh ? undefined : this.known.get(key);
    if (known !== undefined) return known;
    const query = new Query(ask, this.#asking);
    if (!noCache) this.known.set(key, query);
    return query;
  }

  /** Has the question of that key asked in another way from now on. */
  prime(key: string, ask: Ask<T>): void {
    this.known.set(key, new Query(ask, this.#asking));
  }

  /** Forgets every question, and ends every wait with the error. Who waits for a forgotten one goes on waiting otherwise. */
  fail(error: unknown): void {
    this.known.clear();
    for (const query of [...this.#asking]) query.fail(error);
  }
}
