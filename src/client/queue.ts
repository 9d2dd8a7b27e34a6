import { Fifo } from '../fifo.ts';
import type { Outgoing } from './token.ts';

/**
 * Stanzas that wait to be written, first in, first out. Any may be taken back meanwhile: it stays where it is until half of
 * the queue is like that, so that everything is done in constant time on average.
 */
export class Queue {
  readonly #tokens = new Fifo<Outgoing>();
  /** How many of them do not wait any more. */
  #gone = 0;

  /** How many wait. */
  get size(): number {
    return this.#tokens.length - this.#gone;
  }

  /** The next, or one in its place that does not wait any more. */
  get first(): Outgoing | undefined {
    return this.#tokens.first;
  }

  push(token: Outgoing): void {
    token.queue = this;
    this.#tokens.push(token);
  }

  /** Removes and returns the first; there has to be one. */
  shift(): Outgoing {
    const token = this.#tokens.shift();
    if (isWaiting(token)) token.queue = null;
    else this.#gone -= 1;
    this.#tidy();
    return token;
  }

  /** Puts tokens in front, in their order. */
  unshift(tokens: readonly Outgoing[]): void {
    for (const token of tokens) token.queue = this;
    this.#tokens.unshift(tokens);
  }

  /** Removes and returns all that wait. */
  take(): Outgoing[] {
    const tokens = this.#tokens.take().filter(isWaiting);
    for (const token of tokens) token.queue = null;
    this.#gone = 0;
    return tokens;
  }

  /** One of them does not wait any more. */
  left(): void {
    this.#gone += 1;
    this.#tidy();
  }

  #tidy(): void {
    if (this.#gone <= this.size) return;
    this.#tokens.unshift(this.#tokens.take().filter(isWaiting));
    this.#gone = 0;
  }
}

function isWaiting(token: Outgoing): boolean {
  return token.state === 'queued';
}
