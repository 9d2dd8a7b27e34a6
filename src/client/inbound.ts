import { StateError } from '../error.ts';
import { Fifo } from '../fifo.ts';
import { StanzaError } from '../stanza/error.ts';
import { Iq } from '../stanza/iq.ts';
import { Message } from '../stanza/message.ts';
import { Presence } from '../stanza/presence.ts';
import { type Element, el } from '../xml/element.ts';
import type { Filters } from './filters.ts';

/** What an IQ handler is given besides the request. */
export interface IqExchange {
  /** Answers before the handler returns; once only. Throws `StateError` the second time. */
  reply(payload?: Element | StanzaError): void;
  /** Aborted when the session is gone, and with it whoever could take the answer. */
  readonly signal: AbortSignal;
}

/**
 * Answers an IQ request: what it returns is the payload of the result, what it throws the error. A `StanzaError` is sent as
 * it is; anything else as `undefined-condition`, and reported.
 */
export type IqHandler = (iq: Iq, exchange: IqExchange) => Answer | Promise<Answer>;

/** What an IQ handler may return; nothing is an empty result. */
// biome-ignore lint/suspicious/noConfusingVoidType: a function without a return statement is a handler, too
export type Answer = Element | undefined | void;

/** Where inbound stanzas go, and their answers. */
export interface InboundTarget {
  message(message: Message): void;
  presence(presence: Presence): void;
  /** A result or an error. */
  reply(iq: Element): void;
  /** An answer of ours. */
  answer(iq: Element): void;
  report(error: unknown, element: Element): void;
  /** A stanza that nobody can make sense of. */
  invalid(element: Element, reason: string): void;
}

/** The session that stanzas came in by. */
export interface InboundSession {
  /** The stanza is dealt with: `h` of XEP-0198. */
  handled(): void;
  /** Aborted when the session is gone. */
  readonly signal: AbortSignal;
  /** Where the session's connection ends, what waits for a filter is forgotten: the server will send it again. */
  readonly connected: boolean;
}

/** The way in: filters, then whoever is meant. One stanza after the other, also when a filter takes its time. */
export class Inbound {
  readonly #filters: Filters;
  readonly #target: InboundTarget;
  readonly #handlers = new Map<string, IqHandler>();
  /** Whose stanza a filter is at work on. */
  #filtering: InboundSession | null = null;
  readonly #waiting = new Fifo<readonly [Element, InboundSession]>();

  constructor(filters: Filters, target: InboundTarget) {
    this.#filters = filters;
    this.#target = target;
  }

  /**
   * Registers the handler of a request. Returns what removes it.
   *
   * @throws StateError if there is one already.
   */
  handle(type: 'get' | 'set', namespace: string, name: string, handler: IqHandler): () => void {
    const key = `${type} {${namespace}}${name}`;
    if (this.#handlers.has(key)) throw new StateError(`there is a handler for ${key} already`);
    const entry: IqHandler = (iq, exchange) => handler(iq, exchange);
    this.#handlers.set(key, entry);
    return () => {
      if (this.#handlers.get(key) === entry) this.#handlers.delete(key);
    };
  }

  /** Takes a stanza from the wire. */
  receive(stanza: Element, session: InboundSession): void {
    if (this.#filters.empty && this.#filtering === null) {
      this.#dispatch(stanza, stanza, session);
      return;
    }
    this.#waiting.push([stanza, session]);
    this.#drain();
  }

  /** What waited for a filter goes with its connection, and holds up nobody on the next. */
  #drain(): void {
    while (this.#waiting.length > 0 && !this.#filtering?.connected) {
      this.#filtering = null;
      const [stanza, session] = this.#waiting.shift();
      if (session.connected) this.#filter(stanza, session);
    }
  }

  #filter(stanza: Element, session: InboundSession): void {
    try {
      const result = this.#filters.run(stanza);
      if (!(result instanceof Promise)) {
        this.#dispatch(stanza, result, session);
        return;
      }
      this.#filtering = session;
      const finish = (deal: () => void) => {
        if (!session.connected) return;
        deal();
        this.#filtering = null;
        this.#drain();
      };
      result.then(
        (filtered) => finish(() => this.#dispatch(stanza, filtered, session)),
        (error) => finish(() => this.#refuse(stanza, error, session)),
      );
    } catch (error) {
      this.#refuse(stanza, error, session);
    }
  }

  /** A filter failed: the stanza goes nowhere, and who waits for an answer gets one. */
  #refuse(stanza: Element, error: unknown, session: InboundSession): void {
    session.handled();
    this.#target.report(error, stanza);
    if (stanza.name === 'iq' && isRequest(stanza)) {
      this.#target.answer(errorReply(stanza, new StanzaError('internal-server-error')));
    }
  }

  #dispatch(original: Element, stanza: Element | null, session: InboundSession): void {
    // Before anybody is told: whoever stops the client because of a stanza does not want it again.
    session.handled();
    switch (stanza?.name) {
      case 'message':
        this.#target.message(new Message(stanza));
        break;
      case 'presence': {
        const presence = new Presence(stanza);
        if (presence.type === undefined) this.#target.invalid(stanza, 'presence of an unknown type');
        else if (presence.priority === undefined) this.#target.invalid(stanza, 'presence with a priority that is none');
        else this.#target.presence(presence);
        break;
      }
      case 'iq':
        if (isRequest(stanza)) this.#request(stanza, session);
        else if (stanza.attr('type') === 'result' || stanza.attr('type') === 'error') this.#target.reply(stanza);
        else this.#target.invalid(stanza, 'an iq without an id, or of an unknown type');
        break;
      case undefined:
        // Dropped by a filter. A request is answered nevertheless. RFC 6120 §8.2.3
        if (original.name === 'iq' && isRequest(original)) {
          this.#target.answer(errorReply(original, new StanzaError('service-unavailable')));
        }
    }
  }

  #request(stanza: Element, session: InboundSession): void {
    const iq = new Iq(stanza);
    const payload = iq.payload;
    const handler = payload && this.#handlers.get(`${iq.type} {${payload.namespace}}${payload.name}`);
    if (handler === undefined) {
      this.#target.answer(errorReply(stanza, new StanzaError('service-unavailable')));
      return;
    }
    let answered = false;
    const answer = (result: Element | StanzaError | undefined) => {
      const reply = replyTo(stanza, result);
      answered = true;
      if (!session.signal.aborted) this.#target.answer(reply);
    };
    const exchange: IqExchange = {
      signal: session.signal,
      reply: (result) => {
        if (answered) throw new StateError('the request is answered already');
        answer(result);
      },
    };
    const failed = (error: unknown) => {
      if (!(error instanceof StanzaError)) this.#target.report(error, stanza);
      if (!answered) answer(error instanceof StanzaError ? error : new StanzaError('undefined-condition'));
    };
    try {
      const result = handler(iq, exchange);
      if (result instanceof Promise) result.then((value) => answered || answer(value ?? undefined)).catch(failed);
      else if (!answered) answer(result ?? undefined);
    } catch (error) {
      failed(error);
    }
  }
}

/** An IQ that has to be answered. Without an id nobody could tell what the answer answers. */
function isRequest(stanza: Element): boolean {
  const type = stanza.attr('type');
  return (type === 'get' || type === 'set') && stanza.attr('id') !== undefined;
}

function replyTo(request: Element, result: Element | StanzaError | undefined): Element {
  if (result instanceof StanzaError) return errorReply(request, result);
  return el('iq', { type: 'result', id: request.attr('id'), to: request.attr('from') }, result);
}

function errorReply(request: Element, error: StanzaError): Element {
  return el('iq', { type: 'error', id: request.attr('id'), to: request.attr('from') }, error.toElement());
}
