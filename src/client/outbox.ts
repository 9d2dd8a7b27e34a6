import { QueueFullError } from '../error.ts';
import type { Element } from '../xml/element.ts';
import type { Filters } from './filters.ts';
import { Queue } from './queue.ts';
import type { DeliveryState, Outgoing } from './token.ts';

/** Where stanzas go when the gate is open. */
export interface Wire {
  /** Writes a stanza, or throws when it cannot be written as XML; nothing is written then. */
  transmit(token: Outgoing, element: Element): void;
  /** Nothing should be written for now: the server does not read, or does not acknowledge. */
  readonly congested: boolean;
}

/**
 * The way out, first in, first out. While the gate is shut stanzas wait here, up to a limit; once it opens they go through
 * the outbound filters and onto the wire. Nobody overtakes anybody, also not while a filter takes its time; but what hooks
 * send precedes what waits for them to be done.
 */
export class Outbox {
  readonly #filters: Filters;
  readonly #limit: number;
  readonly #report: (error: unknown) => void;
  #wire: Wire | null = null;
  #everyone = false;
  /** What goes before everything else. A stanza stays in its queue until it is written, also while a filter has it. */
  readonly #first = new Queue();
  readonly #queue = new Queue();
  /** What a filter is at work on. */
  #filtering: Outgoing | null = null;
  #pumping = false;
  #stuck = false;
  readonly #onStuck: (stuck: boolean) => void;

  /** @param onStuck hears when stanzas wait although the gate is open, and when none does any more. */
  constructor(
    filters: Filters,
    limit: number,
    report: (error: unknown) => void,
    onStuck: (stuck: boolean) => void = () => {},
  ) {
    this.#filters = filters;
    this.#limit = limit;
    this.#report = report;
    this.#onStuck = onStuck;
  }

  /** Stanzas waiting, those that were taken back not among them. */
  get size(): number {
    return this.#first.size + this.#queue.size;
  }

  /** The gate is open, but for hooks alone. */
  get forHooks(): boolean {
    return this.#wire !== null && !this.#everyone;
  }

  /**
   * Takes a stanza. It is on the wire when this returns, if nothing is in its way.
   *
   * @param first before all that is not first.
   */
  push(token: Outgoing, first = false): void {
    const queue = first ? this.#first : this.#queue;
    const isNext = this.#next === queue && queue.size === 0 && this.#wire?.congested === false;
    if (queue.size >= this.#limit && !isNext) {
      token.become('failed', new QueueFullError(`${this.#limit} stanzas are waiting to be sent already`));
      return;
    }
    queue.push(token);
    this.pump();
  }

  /** The gate is open: stanzas go to `wire`; only those that are first, unless it is open for everyone. */
  open(wire: Wire, everyone = true): void {
    this.#wire = wire;
    this.#everyone = everyone;
    this.pump();
  }

  /** The gate is shut. */
  shut(): void {
    this.#wire = null;
    this.#stuck = false;
  }

  /** Ends the wait of everything queued, or of what is first alone. */
  clear(state: DeliveryState, error: Error | null, whose: 'hooks' | 'everyone' = 'everyone'): void {
    const tokens = [...this.#first.take(), ...(whose === 'everyone' ? this.#queue.take() : [])];
    for (const token of tokens) token.become(state, error);
  }

  /** Puts stanzas in front of everything that is queued and not first, in their order. */
  unshift(tokens: readonly Outgoing[]): void {
    this.#queue.unshift(tokens);
  }

  /** Sends what can be sent. */
  pump(): void {
    // Whoever is called from here may send; that is for the loop that is running already.
    if (this.#pumping) return;
    this.#pumping = true;
    // Nobody waits for a filter whose stanza came to another end.
    while (this.#wire !== null && !this.#wire.congested && this.#filtering?.state !== 'queued') {
      const queue = this.#next;
      const token = queue.first;
      if (token === undefined) break;
      if (token.state === 'queued' && !token.filtered && !this.#filters.empty) this.#filter(token);
      else {
        queue.shift();
        if (token.state === 'queued') this.#write(token, this.#wire);
      }
    }
    this.#pumping = false;
    this.#tellStuck(this.#wire !== null && this.#next.size > 0);
  }

  /** The queue whose turn it is. */
  get #next(): Queue {
    return this.#everyone && this.#first.size === 0 ? this.#queue : this.#first;
  }

  #tellStuck(stuck: boolean): void {
    if (stuck === this.#stuck) return;
    this.#stuck = stuck;
    this.#onStuck(stuck);
  }

  #filter(token: Outgoing): void {
    this.#filtering = token;
    try {
      const result = this.#filters.run(token.element as Element);
      if (result instanceof Promise) {
        result.then(
          (filtered) => this.#filtered(token, filtered),
          (error) => this.#failed(token, error),
        );
      } else this.#filtered(token, result);
    } catch (error) {
      this.#failed(token, error);
    }
  }

  #filtered(token: Outgoing, filtered: Element | null): void {
    if (filtered === null) token.become('dropped');
    else if (token.state === 'queued') {
      token.filtered = true;
      token.element = filtered;
    }
    this.#release(token);
  }

  #failed(token: Outgoing, error: unknown): void {
    token.become('failed', error instanceof Error ? error : new Error('an outbound filter failed'));
    this.#report(error);
    this.#release(token);
  }

  #release(token: Outgoing): void {
    if (this.#filtering === token) this.#filtering = null;
    this.pump();
  }

  #write(token: Outgoing, wire: Wire): void {
    try {
      wire.transmit(token, token.element as Element);
    } catch (error) {
      token.become('failed', error instanceof Error ? error : new Error('not serializable'));
    }
  }
}
