import type { Element } from '../xml/element.ts';

/**
 * Where a stanza is on its way:
 *
 * - `queued`: not written yet
 * - `sent`: written, the server owes an acknowledgement (XEP-0198)
 * - `acked`: the server has it. Final
 * - `unconfirmed`: written, and nobody will ever say whether it arrived: there is no stream management, or the session
 *   ended before the acknowledgement. Final
 * - `aborted`: taken back while queued. Final
 * - `dropped`: an outbound filter returned null. Final
 * - `failed`: it could not be written: not XML, no room in the queue, or a filter failed. Final
 * - `lost`: the server does not have it: the session ended before it was written, or the server said so. Final
 */
export type DeliveryState = 'queued' | 'sent' | 'acked' | 'unconfirmed' | 'aborted' | 'dropped' | 'failed' | 'lost';

/** The ends that count as success for those who await a token. */
export type Delivered = 'acked' | 'unconfirmed';

/**
 * A stanza that was given to `send`. Awaiting it resolves with `acked` or `unconfirmed`, and rejects with `DeliveryError`
 * otherwise; who does not await it need not care.
 */
export interface Token extends PromiseLike<Delivered> {
  /** The stanza's id. */
  readonly id: string;
  /** Where the stanza is now. */
  readonly state: DeliveryState;
  /** Why it ended in `failed` or `lost`. */
  readonly error: Error | null;
  /** Takes the stanza back if it is still queued. Returns whether it will not be sent. */
  abort(): boolean;
  /** Calls `listener` at each change, at once and in order. Returns what ends that. */
  onStateChange(listener: (state: DeliveryState, token: Token) => void): () => void;
}

/** A stanza did not get through; `state` is how its token ended. */
export class DeliveryError extends Error {
  override readonly name = 'DeliveryError';
  /** How the token ended. */
  readonly state: DeliveryState;

  /** @internal Made for those who await a token. */
  constructor(state: DeliveryState, cause: Error | null) {
    super(cause === null ? `the stanza was ${state}` : `the stanza was ${state}: ${cause.message}`, { cause });
    this.state = state;
  }
}

const FINAL: ReadonlySet<DeliveryState> = new Set(['acked', 'unconfirmed', 'aborted', 'dropped', 'failed', 'lost']);

type Listener = (state: DeliveryState, token: Token) => void;

const NOBODY: readonly Listener[] = [];

/** The shell's side of a token, and the ledger's entry. */
export class Outgoing implements Token {
  readonly id: string;
  /** What to send; gone once it is written. */
  element: Element | null;
  /** As it was written; kept until it is acknowledged. */
  text = '';
  /** When it was written, if that may have to be told. Milliseconds since the epoch. */
  sentAt = 0;
  /** It has been through the outbound filters. */
  filtered = false;
  /** Where it waits, and has to be missed once it does not. */
  queue: { left(): void } | null = null;
  #state: DeliveryState = 'queued';
  #error: Error | null = null;
  #listeners: readonly Listener[] = NOBODY;
  /** States that the listeners are being told of. */
  #news: DeliveryState[] | null = null;
  #promise: Promise<Delivered> | null = null;
  readonly #report: (error: unknown) => void;

  /** @param report hears of listeners that throw. */
  constructor(id: string, element: Element, report: (error: unknown) => void) {
    this.id = id;
    this.element = element;
    this.#report = report;
  }

  get state(): DeliveryState {
    return this.#state;
  }

  get error(): Error | null {
    return this.#error;
  }

  abort(): boolean {
    if (this.#state === 'queued') this.become('aborted');
    return this.#state === 'aborted';
  }

  onStateChange(listener: Listener): () => void {
    this.#listeners = [...this.#listeners, listener];
    return () => {
      this.#listeners = this.#listeners.filter((other) => other !== listener);
    };
  }

  // biome-ignore lint/suspicious/noThenProperty: a token is awaited like a promise, which is only made for those who do
  then<T = Delivered, E = never>(
    fulfilled?: ((value: Delivered) => T | PromiseLike<T>) | null,
    rejected?: ((reason: unknown) => E | PromiseLike<E>) | null,
  ): Promise<T | E> {
    this.#promise ??= new Promise((resolve, reject) => {
      const settle = () => {
        const state = this.#state;
        if (state === 'acked' || state === 'unconfirmed') resolve(state);
        else if (FINAL.has(state)) reject(new DeliveryError(state, this.#error));
      };
      settle();
      this.onStateChange(settle);
    });
    return this.#promise.then(fulfilled, rejected);
  }

  /** The server has it. */
  acked(): void {
    this.become('acked');
  }

  /** Moves on; a final state stays. */
  become(state: DeliveryState, error: Error | null = null): void {
    if (FINAL.has(this.#state)) return;
    this.#state = state;
    this.#error = error;
    if (this.queue !== null && state !== 'queued') {
      const { queue } = this;
      this.queue = null;
      queue.left();
    }
    if (FINAL.has(state)) {
      this.element = null;
      this.text = '';
    }
    if (this.#listeners.length > 0) this.#tell(state);
  }

  /** What a listener changes is told when all have heard what was before. */
  #tell(state: DeliveryState): void {
    if (this.#news !== null) {
      this.#news.push(state);
      return;
    }
    this.#news = [state];
    for (const next of this.#news) {
      for (const listener of this.#listeners) {
        try {
          listener(next, this);
        } catch (error) {
          this.#report(error);
        }
      }
    }
    this.#news = null;
  }
}
