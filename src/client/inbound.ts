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

/** Where inbound stanzas go, and their answers. What gives a promise is at work until that is settled; it never rejects. */
export interface InboundTarget {
  message(message: Message): Promise<unknown> | undefined;
  presence(presence: Presence): Promise<unknown> | undefined;
  /** A result or an error. */
  reply(iq: Element): void;
  /** An answer of ours; a promise when it cannot be written at once. */
  answer(iq: Element): Promise<unknown> | undefined;
  /** Stanzas wait for others to be dealt with, or none does any more. */
  hold(held: boolean): void;
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
  /** The connection that carries the session. */
  readonly connected: boolean;
  /**
   * Whether a stanza that had to wait is still to be dealt with. Where the connection ends what was not counted comes again;
   * a message of a session that does not count never would.
   */
  wants(stanza: Element): boolean;
}

type Waiting = readonly [Element, InboundSession];

/**
 * The way in: filters, then whoever is meant. One stanza after the other, also when a filter takes its time, and no more at
 * a time than the application can take: what comes while `concurrency` stanzas are at work waits. Replies do not, since they
 * may be what the others are waiting for.
 */
export class Inbound {
  readonly #filters: Filters;
  readonly #target: InboundTarget;
  readonly #concurrency: number;
  readonly #handlers = new Map<string, IqHandler>();
  /** Whose stanza a filter is at work on. */
  #filtering: InboundSession | null = null;
  #waiting = new Fifo<Waiting>();
  /** Replies among those that wait: they came while a filter was at work. */
  #replies = 0;
  #handling = 0;
  #held = false;
  #run = 0;

  /** @param concurrency stanzas whose listeners and handlers may be at work at a time. */
  constructor(filters: Filters, target: InboundTarget, concurrency: number) {
    this.#filters = filters;
    this.#target = target;
    this.#concurrency = concurrency;
  }

  /** Stanzas whose listeners and handlers are at work. */
  get handling(): number {
    return this.#handling;
  }

  /** Stanzas that wait for their turn. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** The run is over: nobody wants any more what waits, or is in a filter. */
  clear(): void {
    this.#run += 1;
    this.#waiting.take();
    this.#replies = 0;
    this.#tellHeld();
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
    const reply = isReply(stanza);
    if (!this.#filtering?.connected && (reply || (this.#waiting.length === 0 && this.#free))) {
      this.#filtering = null;
      this.#filter(stanza, session);
      return;
    }
    this.#waiting.push([stanza, session]);
    if (reply) this.#replies += 1;
    this.#drain();
  }

  get #free(): boolean {
    return this.#handling < this.#concurrency;
  }

  /** What waits for a filter of a connection that is gone does so no longer. */
  #drain(): void {
    while (this.#waiting.length > 0 && !this.#filtering?.connected) {
      this.#filtering = null;
      if (!this.#free && !this.#bringForward()) break;
      const [stanza, session] = this.#waiting.shift();
      if (isReply(stanza)) this.#replies -= 1;
      if (session.wants(stanza)) this.#filter(stanza, session);
    }
    this.#tellHeld();
  }

  /** Puts the replies in front; returns whether there are any. */
  #bringForward(): boolean {
    if (this.#replies === 0) return false;
    if (isReply((this.#waiting.first as Waiting)[0])) return true;
    const all = this.#waiting.take();
    this.#waiting.unshift(all.filter(([stanza]) => !isReply(stanza)));
    this.#waiting.unshift(all.filter(([stanza]) => isReply(stanza)));
    return true;
  }

  #tellHeld(): void {
    const held = this.#waiting.length > 0;
    if (held === this.#held) return;
    this.#held = held;
    this.#target.hold(held);
  }

  #filter(stanza: Element, session: InboundSession): void {
    if (this.#filters.empty) {
      this.#dispatch(stanza, stanza, session);
      return;
    }
    try {
      const result = this.#filters.run(stanza);
      if (!(result instanceof Promise)) {
        this.#dispatch(stanza, result, session);
        return;
      }
      this.#filtering = session;
      const run = this.#run;
      const finish = (deal: () => void) => {
        if (run === this.#run && session.wants(stanza)) deal();
        if (this.#filtering !== session) return;
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

  /** A stanza is at work until `done`, if there is something to wait for. */
  #track(done: Promise<unknown> | undefined): void {
    if (done === undefined) return;
    this.#handling += 1;
    void done.then(() => {
      this.#handling -= 1;
      this.#drain();
    });
  }

  /** A filter failed: the stanza goes nowhere, and who waits for an answer gets one. */
  #refuse(stanza: Element, error: unknown, session: InboundSession): void {
    session.handled();
    this.#target.report(error, stanza);
    if (stanza.name === 'iq' && isRequest(stanza)) {
      this.#track(this.#target.answer(errorReply(stanza, new StanzaError('internal-server-error'))));
    }
  }

  #dispatch(original: Element, stanza: Element | null, session: InboundSession): void {
    // Before anybody is told: whoever stops the client because of a stanza does not want it again.
    session.handled();
    switch (stanza?.name) {
      case 'message':
        this.#track(this.#target.message(new Message(stanza)));
        break;
      case 'presence': {
        const presence = new Presence(stanza);
        if (presence.type === undefined) this.#target.invalid(stanza, 'presence of an unknown type');
        else if (presence.priority === undefined) this.#target.invalid(stanza, 'presence with a priority that is none');
        else this.#track(this.#target.presence(presence));
        break;
      }
      case 'iq':
        if (isRequest(stanza)) this.#request(stanza, session);
        else if (isReply(stanza)) this.#target.reply(stanza);
        else this.#target.invalid(stanza, 'an iq without an id, or of an unknown type');
        break;
      case undefined:
        // Dropped by a filter. A request is answered nevertheless. RFC 6120 §8.2.3
        if (original.name === 'iq' && isRequest(original)) {
          this.#track(this.#target.answer(errorReply(original, new StanzaError('service-unavailable'))));
        }
    }
  }

  #request(stanza: Element, session: InboundSession): void {
    const iq = new Iq(stanza);
    const payload = iq.payload;
    const handler = payload && this.#handlers.get(`${iq.type} {${payload.namespace}}${payload.name}`);
    if (handler === undefined) {
      this.#track(this.#target.answer(errorReply(stanza, new StanzaError('service-unavailable'))));
      return;
    }
    let answered = false;
    const answer = (result: Element | StanzaError | undefined) => {
      const reply = replyTo(stanza, result);
      answered = true;
      if (!session.signal.aborted) this.#track(this.#target.answer(reply));
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
      if (result instanceof Promise)
        this.#track(result.then((value) => answered || answer(value ?? undefined)).catch(failed));
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

function isReply(stanza: Element): boolean {
  const type = stanza.name === 'iq' ? stanza.attr('type') : undefined;
  return type === 'result' || type === 'error';
}

function replyTo(request: Element, result: Element | StanzaError | undefined): Element {
  if (result instanceof StanzaError) return errorReply(request, result);
  return el('iq', { type: 'result', id: request.attr('id'), to: request.attr('from') }, result);
}

function errorReply(request: Element, error: StanzaError): Element {
  return el('iq', { type: 'error', id: request.attr('id'), to: request.attr('from') }, error.toElement());
}
