import { Fifo } from '../fifo.ts';
import type { Element } from '../xml/element.ts';
import { QueueFullError } from './error.ts';
import type { Filters } from './filters.ts';
import type { DeliveryState, Outgoing } from './token.ts';

/** Where stanzas go when the gate is open. */
export interface Wire {
  /** Writes a stanza, or throws when it cannot be written as XML; nothing is written then. */
  transmit(token: Outgoing, element: Element): void;
  /** Nothing should be written for now: the server does not read. */
  readonly congested: boolean;
}

/**
 * The way out, first in, first out. While the gate is shut stanzas wait here, up to a limit; once it opens they go through
 * the outbound filters and onto the wire. Nobody overtakes anybody, also not while a filter takes its time.
 */
export class Outbox {
  readonly #filters: Filters;
  readonly #limit: number;
  readonly #report: (error: unknown) => void;
  #wire: Wire | null = null;
  readonly #queue = new Fifo<Outgoing>();
  /** A filter is at work, and on what. */
  #busy = false;
  #held: Outgoing | null = null;

  constructor(filters: Filters, limit: number, report: (error: unknown) => void) {
    this.#filters = filters;
    this.#limit = limit;
    this.#report = report;
  }

  /** Stanzas waiting. */
  get size(): number {
    return this.#queue.length + (this.#held === null ? 0 : 1);
  }

  /** Takes a stanza. It is on the wire when this returns, if nothing is in its way. */
  push(token: Outgoing): void {
    if (this.size >= this.#limit) this.#discardAborted();
    if (this.size >= this.#limit) {
      token.become('failed', new QueueFullError(`${this.#limit} stanzas are waiting to be sent already`));
      return;
    }
    this.#queue.push(token);
    this.pump();
  }

  /** The gate is open: stanzas go to `wire`. */
  open(wire: Wire): void {
    this.#wire = wire;
    this.pump();
  }

  /** The gate is shut. */
  shut(): void {
    this.#wire = null;
  }

  /** Ends the wait of everything queued. */
  clear(state: DeliveryState, error: Error | null): void {
    this.#held?.become(state, error);
    for (const token of this.#queue.take()) token.become(state, error);
  }

  /** Puts stanzas in front of everything queued, in their order. */
  unshift(tokens: readonly Outgoing[]): void {
    this.#queue.unshift(tokens);
  }

  /** Sends what can be sent. */
  pump(): void {
    while (!this.#busy && this.#wire !== null && this.#queue.length > 0 && !this.#wire.congested) {
      const token = this.#queue.shift();
      if (token.state !== 'queued') continue;
      if (token.filtered || this.#filters.empty) this.#write(token, this.#wire);
      else this.#filter(token);
    }
  }

  #filter(token: Outgoing): void {
    this.#busy = true;
    this.#held = token;
    try {
      const result = this.#filters.run(token.element as Element);
      if (result instanceof Promise) {
        result.then(
          (filtered) => this.#filtered(token, filtered),
          (error) => this.#fail(token, error),
        );
      } else this.#filtered(token, result);
    } catch (error) {
      this.#fail(token, error);
    }
  }

  #filtered(token: Outgoing, filtered: Element | null): void {
    if (filtered === null) token.become('dropped');
    if (filtered !== null && token.state === 'queued') {
      token.filtered = true;
      token.element = filtered;
      this.#queue.unshift([token]);
    }
    this.#release();
  }

  #fail(token: Outgoing, error: unknown): void {
    token.become('failed', error instanceof Error ? error : new Error('an outbound filter failed'));
    this.#report(error);
    this.#release();
  }

  #release(): void {
    this.#busy = false;
    this.#held = null;
    this.pump();
  }

  #write(token: Outgoing, wire: Wire): void {
    try {
      wire.transmit(token, token.element as Element);
    } catch (error) {
      token.become('failed', error instanceof Error ? error : new Error('not serializable'));
    }
  }

  #discardAborted(): void {
    this.#queue.unshift(this.#queue.take().filter((token) => token.state === 'queued'));
  }
}
