/** A client that is always online and never was, for what a service does with more than a wire could bring in a test. */

import type { IqHandler } from '../../src/client/inbound.ts';
import type { RequestOptions } from '../../src/client/requests.ts';
import type { ServiceHost } from '../../src/client/services.ts';
import { Emitter } from '../../src/emitter.ts';
import { JID } from '../../src/jid.ts';
import { Iq } from '../../src/stanza/iq.ts';
import { Presence } from '../../src/stanza/presence.ts';
import type { Element } from '../../src/xml/element.ts';

/** The host of one service, and what comes in. */
export class FakeHost {
  readonly client = {
    jid: JID.parse('romeo@localhost/orchard'),
    established: false,
    getSnapshot: () => ({ features: null }),
    request: async (_: Element, { onReply }: RequestOptions) => onReply?.(this.answer),
  };
  /** What every request is answered with. */
  answer: Element;
  /** Why stanzas were refused. */
  readonly refused: string[] = [];
  readonly #listeners = new Map<string, (event: unknown) => void>();
  #handler: IqHandler | undefined;

  constructor(answer: Element) {
    this.answer = answer;
  }

  /** Itself, as services know it. */
  get host(): ServiceHost {
    return this as unknown as ServiceHost;
  }

  /** Throws what the service answers with, if it is an error. */
  request(iq: Element): void {
    this.#handler?.(new Iq(iq), undefined as never);
  }

  presence(presence: Element): void {
    this.#listeners.get('presence')?.(new Presence(presence));
  }

  // What services call.

  on(type: string, listener: (event: unknown) => void): void {
    this.#listeners.set(type, listener);
  }

  handle(_type: string, _namespace: string, _name: string, handler: IqHandler): void {
    this.#handler = handler;
  }

  beforeEstablished(): void {}

  emitter<Events>(): Emitter<Events> {
    return new Emitter((error) => {
      throw error;
    });
  }

  refuse(_: Element, reason: string): void {
    this.refused.push(reason);
  }
}
