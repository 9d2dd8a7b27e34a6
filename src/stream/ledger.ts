/**
 * The books of one session under stream management: what was sent and not acknowledged, and how much was handled of what
 * came in. XEP-0198. Counters live modulo 2^32.
 *
 * Without stream management the ledger is never opened: it counts nothing and keeps nothing.
 */

import { Fifo } from '../fifo.ts';

/** What the ledger keeps of a stanza until the server has it. */
export interface Entry {
  /** The stanza as it was written. */
  readonly text: string;
  /** The server has handled it. */
  acked(): void;
}

const MODULUS = 2 ** 32;

export class Ledger<E extends Entry = Entry> {
  /** Outbound stanzas are counted: `<enable/>` was written. */
  #sending = false;
  /** Inbound stanzas are counted: `<enabled/>` was read. */
  #receiving = false;
  /** The last `h` of the server. */
  #acked = 0;
  #handled = 0;
  readonly #queue = new Fifo<E>();
  /** Stanzas written since the server was last asked for an acknowledgement. */
  #unasked = 0;
  /** An `<r/>` is not answered yet. */
  #asking = false;

  /** From now on what is sent is kept until it is acknowledged. `<enable/>` is being written. */
  beginSending(): void {
    this.#sending = true;
  }

  /** From now on what comes in is counted. `<enabled/>` was read. */
  beginReceiving(): void {
    this.#receiving = true;
  }

  /** The server does not do stream management after all; what was kept is returned. */
  abandon(): E[] {
    this.#sending = false;
    return this.take();
  }

  /** Whether stanzas are kept until acknowledged. */
  get active(): boolean {
    return this.#sending;
  }

  /** Whether the server counts on being told `h`. */
  get counting(): boolean {
    return this.#receiving;
  }

  /** `h`: inbound stanzas handled, modulo 2^32. */
  get handled(): number {
    return this.#handled;
  }

  /** How many stanzas the server has not acknowledged. */
  get unacked(): number {
    return this.#queue.length;
  }

  /** How many were sent since the beginning, modulo 2^32. */
  get sent(): number {
    return (this.#acked + this.unacked) % MODULUS;
  }

  /** One more inbound stanza is handled. */
  handle(): void {
    this.#handled = (this.#handled + 1) % MODULUS;
  }

  /** A stanza was written. */
  push(entry: E): void {
    this.#queue.push(entry);
    this.#unasked += 1;
  }

  /** Whether `h` acknowledges no more than was sent. */
  plausible(h: number): boolean {
    return (h - this.#acked + MODULUS) % MODULUS <= this.unacked;
  }

  /** The server has handled everything up to a `plausible` `h`. Returns how many stanzas that are. */
  ack(h: number): number {
    const count = (h - this.#acked + MODULUS) % MODULUS;
    this.#acked = h;
    this.#asking = false;
    // All are out of the books before the first is told: it may do anything, end the session even.
    for (const entry of this.#queue.take(count)) entry.acked();
    return count;
  }

  /** Whether to ask for an acknowledgement: at the end of a burst, and within one after `every` stanzas. */
  wantsAck(every: number): boolean {
    return this.#unasked > 0 && (!this.#asking || this.#unasked >= every);
  }

  /** `<r/>` is being written. */
  ask(): void {
    this.#asking = true;
    this.#unasked = 0;
  }

  /** What has to be sent again on a new connection, in the original order. */
  replay(): string {
    let texts = '';
    for (const entry of this.#queue) texts += entry.text;
    this.#asking = false;
    this.#unasked = this.unacked;
    return texts;
  }

  /** Empties the queue into the caller's hands, in order. */
  take(): E[] {
    this.#unasked = 0;
    return this.#queue.take();
  }

  /** Sets the counters, for tests of what happens at 2^32. */
  setCounters(sent: number, handled: number): void {
    this.#acked = sent % MODULUS;
    this.#handled = handled % MODULUS;
  }
}
