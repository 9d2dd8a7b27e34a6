import type { Element } from '../xml/element.ts';

/** A stanza that was sent, or would have been had somebody been there. */
export interface Entry {
  readonly text: string;
  /** Missing for what a test sent as text. */
  readonly stanza: Element | undefined;
}

/** The two counters of stream management and what has not been acknowledged (XEP-0198 §4). */
export class Ledger {
  /** Stanzas handled since `<enable/>`, modulo 2^32. */
  #handled: number;
  #acked: number;
  #unacked: Entry[] = [];

  constructor(countFrom: number) {
    this.#handled = countFrom >>> 0;
    this.#acked = countFrom >>> 0;
  }

  /** Our `h`. */
  get handled(): number {
    return this.#handled;
  }

  /** What was sent and not acknowledged, oldest first. */
  get unacked(): readonly Entry[] {
    return this.#unacked;
  }

  /** Counts a stanza that was handled. */
  count(): void {
    this.#handled = (this.#handled + 1) >>> 0;
  }

  /** Keeps a stanza until it is acknowledged. */
  push(entry: Entry): void {
    this.#unacked.push(entry);
  }

  /** Takes the client's `h`; false when it is more than was ever sent. */
  settle(h: number): boolean {
    const count = (h - this.#acked) >>> 0;
    if (count > this.#unacked.length) return false;
    this.#acked = h >>> 0;
    this.#unacked.splice(0, count);
    return true;
  }
}
