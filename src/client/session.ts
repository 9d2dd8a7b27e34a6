import { Ledger } from '../stream/ledger.ts';
import type { Outgoing } from './token.ts';

/** What outlives a connection: the books of stream management, and whether anybody can still take an answer. */
export class Session {
  readonly ledger = new Ledger<Outgoing>();
  /** Nobody can take an answer any more. */
  ended = false;
  #controller: AbortController | null = null;

  /** Aborted when the session is gone. Made only for those who ask. */
  get signal(): AbortSignal {
    if (this.#controller === null) {
      this.#controller = new AbortController();
      if (this.ended) this.#controller.abort();
    }
    return this.#controller.signal;
  }

  handled(): void {
    if (this.ledger.counting) this.ledger.handle();
  }

  end(): void {
    this.ended = true;
    this.#controller?.abort();
  }
}
