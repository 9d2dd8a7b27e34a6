import type { Endpoint } from '../../machines/endpoint.ts';
import { type Failure, isFailure, type Stage } from '../../machines/failure.ts';
import type { NegotiationEvent, StreamError, StreamEvent, WireCommand } from '../../machines/wire.ts';
import { NS } from '../namespaces.ts';
import { isStanzaName } from '../stanza/stanza.ts';
import { Connection, type ConnectionHandler } from '../stream/connection.ts';
import { decodeBind, decodeHeader, decodeLegacySession, decodeNonza, isDue, parseCount } from '../stream/decode.ts';
import { BIND_ID, encodeCommand, encodeHeader, FOOTER, LEGACY_SESSION_ID } from '../stream/encode.ts';
import { footerReceived, transportEnded, transportLost, violation } from '../stream/ending.ts';
import { type OpeningOptions, open, securityUnder, upgrade } from '../stream/opening.ts';
import type { Tap } from '../stream/tap.ts';
import { channelBinding } from '../transport/binding.ts';
import { failureOf } from '../transport/failure.ts';
import type { Element } from '../xml/element.ts';
import type { XmlError } from '../xml/error.ts';
import type { ParserLimits } from '../xml/parser.ts';
import { serialize } from '../xml/serializer.ts';
import type { Exchange } from './exchange.ts';
import type { InboundSession } from './inbound.ts';
import type { Wire } from './outbox.ts';
import { Session } from './session.ts';
import type { Outgoing } from './token.ts';

/** Stanzas after which an acknowledgement is asked for within a burst. XEP-0198 §4 */
const ACK_EVERY = 50;
/** Stanzas that may be unacknowledged before the next has to wait: all of them are kept, and a server may never say a word. */
const MOST_UNACKED = 10_000;

/** Bytes that are read while stanzas wait for the application, since the reply it may be waiting for can be among them. */
const READ_AHEAD = 1024 * 1024;
/** Bytes that may come between the end of binding and the first moment at which somebody hears of them. */
const EARLY = 4 * 1024 * 1024;
/** Bytes that are read while stanzas wait for the application and nothing can be written before an acknowledgement comes. */
const BEFORE_ACK = 4 * 1024 * 1024;

/** What a link needs to know, the same for all links of a client. */
export interface LinkOptions extends OpeningOptions {
  /** The bare JID, shown to the server once the stream is encrypted; null when it is the server's to give. */
  readonly from: string | null;
  readonly lang: string | null;
  /** What may arrive before and after authentication. */
  readonly limits: { readonly connecting: ParserLimits; readonly online: ParserLimits };
  /** What is written may have to be changed before it is written again. */
  readonly keepElements: boolean;
  /** Shown everything that crosses the wire. */
  readonly tap: Tap;
  /** Milliseconds on a clock that never goes back. */
  now(): number;
}

/** Whom a link serves. */
export interface LinkHost {
  receive(stanza: Element, session: InboundSession): void;
  /** A stanza was written for the first time. */
  sent(): void;
  /** So many stanzas were acknowledged. */
  acked(count: number): void;
  /** More can be written again. */
  drained(): void;
}

type LinkEvent =
  | StreamEvent
  | NegotiationEvent
  | { type: 'flow.waiting' }
  | { type: 'flow.drained' }
  | { type: 'flow.heard' };

/**
 * One connection, from dialing to its last byte: it does what the charts command and tells them what it hears. Stanzas and
 * acknowledgements go through here and past the charts.
 */
export class Link implements ConnectionHandler, InboundSession, Wire {
  readonly endpoint: Endpoint;
  readonly #options: LinkOptions;
  readonly #host: LinkHost;
  readonly #tell: (event: LinkEvent) => void;
  /** Ends the opening of the connection; null once there is nothing left to open. */
  #opening: AbortController | null;
  #connection: Connection | null = null;
  #stage: Stage = 'connect';
  /** The IQ of negotiation that is to be answered next. */
  #awaiting: 'bind' | 'session' | null = null;
  /** Stanzas that came after binding and before the gate was opened. */
  #early: (readonly [Element, InboundSession])[] | null = null;
  /** Bytes received when the first of those came. */
  #earlySince = 0;
  /** Bytes received when stanzas began to wait for the application; null while none does. */
  #heldSince: number | null = null;
  #bound = false;
  /** The account that the server has to bind; null when it is the server's to give. */
  #account: string | null;
  #open = false;
  #carrying = false;
  #footerSent = false;
  #upgrading = false;
  /** The server asked what was handled when nothing could be written. */
  #owesCount = false;
  #probing = false;
  #probedAt = 0;
  /** The session that this link carries or asks back. */
  session: Session;
  /** The secrets of authentication on this link. */
  exchange: Exchange | null = null;
  /** What the server says it handled of a session that it does not resume; null when it does not say. */
  refusedCount: number | null = null;
  /** The `h` of `<resumed/>`. */
  #resumedCount = 0;

  /** @param held the session to ask back, if there is one. */
  constructor(
    endpoint: Endpoint,
    options: LinkOptions,
    host: LinkHost,
    held: Session | null,
    tell: (event: LinkEvent) => void,
  ) {
    this.endpoint = endpoint;
    this.#options = options;
    this.#account = options.from;
    this.#host = host;
    this.session = held ?? new Session();
    this.#tell = tell;
    const opening = new AbortController();
    this.#opening = opening;
    void this.#dial(opening.signal);
  }

  async #dial(signal: AbortSignal): Promise<void> {
    try {
      const socket = await open(this.endpoint, this.#options, signal, () => {
        this.#stage = 'tls';
        this.#tell({ type: 'transport.securing' });
      });
      const { limits, now } = this.#options;
      this.#connection = new Connection(socket, this, limits.connecting, now);
      this.#stage = 'stream';
      this.#tell({ type: 'transport.connected', security: securityUnder(this.#connection) });
    } catch (error) {
      if (!signal.aborted) this.#lose(failureOf(error, this.#stage));
    }
  }

  /** Nothing is heard of this link any more. */
  destroy(): void {
    this.#carrying = false;
    this.#open = false;
    this.#opening?.abort();
    this.#connection?.destroy();
  }

  // What the charts command.

  command(command: WireCommand): void {
    const connection = this.#connection;
    if (connection === null) return;
    switch (command.kind) {
      case 'header': {
        const from = connection.tls === null ? null : this.#options.from;
        this.#write(encodeHeader(this.#options.domain, from, this.#options.lang));
        return;
      }
      case 'footer':
        this.#footer(connection);
        return;
      case 'bind':
        // What was held, if anything was, is lost: a resource makes a session.
        this.session = new Session();
        this.refusedCount = null;
        this.#awaiting = this.#stage = 'bind';
        break;
      case 'session':
        this.#awaiting = this.#stage = 'session';
        break;
      case 'starttls':
        this.#stage = 'tls';
        break;
      case 'resume':
      case 'enable':
        this.#stage = command.kind;
    }
    this.#write(encodeCommand(command, this.session.ledger.handled));
    if (command.kind === 'enable') this.session.ledger.beginSending();
  }

  #footer(connection: Connection): void {
    if (this.#upgrading) {
      // In the middle of a handshake there is no stream to end.
      connection.destroy();
      this.#lose({ kind: 'network', stage: 'tls', text: 'closed during the TLS handshake', retry: 'backoff' });
      return;
    }
    this.#stage = 'close';
    if (this.#bound && this.session.ledger.counting) {
      this.#write(ack(this.session.ledger.handled));
      // What a filter still has was not counted: it is the server's to deliver again.
      this.#carrying = false;
    }
    this.#write(FOOTER);
    this.#footerSent = true;
    // The answer may be behind what has not been read for a while.
    connection.resume();
    connection.flush();
  }

  /** Shakes hands after `<proceed/>`. RFC 6120 §5.4.3 */
  async secure(): Promise<void> {
    const connection = this.#connection;
    const signal = this.#opening?.signal;
    if (connection === null || signal === undefined) return;
    // Whatever came in the same segment has been seen when this goes on.
    await null;
    if (connection.finished) return;
    try {
      this.#upgrading = true;
      await upgrade(connection, this.#options, signal);
      this.#upgrading = false;
      const security = securityUnder(connection);
      if (security !== null) this.#tell({ type: 'tls.secured', security });
    } catch (error) {
      if (signal.aborted) return;
      const failure = isFailure(error) ? error : failureOf(error, 'tls');
      connection.destroy();
      this.#tell({ type: 'tls.failed', failure });
      this.#lose(failure);
    }
  }

  /** Prepares for a new stream on the same connection; returns whether that is possible. RFC 6120 §4.3.3 */
  restart(): boolean {
    const connection = this.#connection;
    if (connection === null) return false;
    if (this.exchange !== null && connection.trailing) {
      this.#violate('policy-violation', 'data behind the end of authentication');
      return false;
    }
    if (this.exchange !== null) {
      connection.limits = this.#options.limits.online;
      if (this.exchange.asAnother) this.#account = null;
      // Nothing secret is kept for longer than it is needed.
      this.exchange = null;
    }
    this.#stage = 'stream';
    connection.reset();
    return true;
  }

  /** Ends the connection: the stream is over on both sides. */
  close(): void {
    if (this.#connection === null)
      this.#lose({ kind: 'network', stage: this.#stage, text: 'closed', retry: 'backoff' });
    else this.#connection.end();
  }

  /** Makes the server say something. XEP-0198 §4, XEP-0199 */
  probe(): void {
    this.#probing = true;
    this.#probedAt = this.#options.now();
    // The sign of life may be here already.
    this.#connection?.resume();
    if (this.session.ledger.active) {
      this.session.ledger.ask();
      this.#write(REQUEST_ACK);
    } else this.#write(`<iq type="get" id="${PROBE_ID}"><ping xmlns="${NS.ping}"/></iq>`);
  }

  /** Milliseconds since the last byte came; none while it is we who do not listen. */
  get silence(): number {
    return this.#connection === null || this.#full ? 0 : this.#options.now() - this.#connection.heardAt;
  }

  /** Milliseconds since the server was last probed. */
  get sinceProbe(): number {
    return this.#options.now() - this.#probedAt;
  }

  /** White space between stanzas, for what stands in the way and forgets idle connections. RFC 6120 §4.6.1 */
  keepalive(): void {
    this.#write(' ');
  }

  /** Writes SASL, which the charts must not see. */
  writeSasl(text: string): void {
    this.#stage = 'auth';
    this.#write(text);
  }

  /** The channel binding of that type. */
  binding(type: string): Uint8Array {
    const socket = this.#connection?.tls;
    if (!socket) throw new Error('there is no TLS to bind to');
    return channelBinding(socket, type as Parameters<typeof channelBinding>[1]);
  }

  /** Stanzas flow in both directions from now on; those that came early are first. */
  open(stage: 'prepare' | 'online'): void {
    this.#stage = stage;
    if (this.#open) return;
    this.#open = true;
    this.#opening = null;
    this.#awaiting = null;
    this.#carrying = true;
    if (this.#early !== null) queueMicrotask(() => this.#deliverEarly());
  }

  /** Stanzas flow no more. */
  shut(): void {
    this.#open = false;
  }

  /** Goes on with the session: what the server has is settled, what it has not is written again, in order. XEP-0198 §5 */
  resume(): void {
    this.#bound = true;
    const { session } = this;
    this.#host.acked(session.ledger.ack(this.#resumedCount));
    const again = session.ledger.replay();
    if (again !== '') this.#write(again);
  }

  /** Stanzas wait for the application, or none does any more. */
  hold(held: boolean): void {
    if (held) this.#heldSince ??= this.#connection?.received ?? 0;
    else {
      this.#heldSince = null;
      this.#connection?.resume();
    }
  }

  /** So much waits for the application that the server has to wait, too. */
  get #full(): boolean {
    // What the application waits for may be waiting for an acknowledgement, which has to be read.
    return this.#ahead > READ_AHEAD && !this.#unacknowledged;
  }

  /** Bytes received since stanzas began to wait for the application. */
  get #ahead(): number {
    return this.#heldSince === null ? 0 : (this.#connection?.received ?? 0) - this.#heldSince;
  }

  /** The server has to acknowledge something before more is written. */
  get #unacknowledged(): boolean {
    return this.session.ledger.unacked >= MOST_UNACKED;
  }

  /** Destroys the socket, if there is one that is ours: during a handshake it is not. */
  drop(): void {
    if (!this.#upgrading) this.#connection?.drop();
  }

  #write(text: string): void {
    const { tap } = this.#options;
    if (tap.open && text !== '') tap.show('out', text);
    this.#connection?.write(text);
  }

  // Stanzas out.

  get congested(): boolean {
    return (this.#connection?.congested ?? true) || this.#unacknowledged;
  }

  transmit(token: Outgoing, element: Element): void {
    const text = serialize(element);
    const { ledger } = this.session;
    this.#write(text);
    this.#host.sent();
    if (!ledger.active) {
      token.become('unconfirmed');
      return;
    }
    token.text = text;
    if (this.#options.keepElements) token.sentAt = Date.now();
    else token.element = null;
    ledger.push(token);
    if (this.#unacknowledged) this.#connection?.resume();
    token.become('sent');
    if (ledger.unacked === 1) this.#tell({ type: 'flow.waiting' });
  }

  /** Writes what is no stanza, uncounted; returns whether stanzas could be written, too. */
  writeNonza(element: Element): boolean {
    if (!this.#open || this.#footerSent) return false;
    this.#write(serialize(element));
    return true;
  }

  /** At the end of a burst the server is asked what it has. */
  flushing(): void {
    if (!this.#open || this.#footerSent || !this.session.ledger.active) return;
    if (!this.session.ledger.wantsAck(ACK_EVERY)) return;
    this.session.ledger.ask();
    this.#write(REQUEST_ACK);
  }

  // The session as the stanzas of this connection know it: to them another connection that resumes it means nothing.

  get connected(): boolean {
    return this.#carrying && !this.session.ended;
  }

  wants(stanza: Element): boolean {
    return this.connected || (!this.session.ledger.counting && stanza.name === 'message');
  }

  get signal(): AbortSignal {
    return this.session.signal;
  }

  handled(): void {
    this.session.handled();
  }

  // What the connection says.

  heard(): void {
    if (!this.#footerSent) {
      if (this.#full) this.#connection?.pause();
      else if (this.#ahead > BEFORE_ACK) this.#violate('policy-violation', 'too much in place of an acknowledgement');
    }
    if (!this.#probing) return;
    this.#probing = false;
    this.#tell({ type: 'flow.heard' });
  }

  header(root: Element, content: string): void {
    const { tap } = this.#options;
    if (tap.open) tap.show('in', root);
    this.#tell(decodeHeader(root, content));
  }

  element(element: Element): void {
    const { tap } = this.#options;
    if (tap.open) tap.show('in', element);
    if (element.namespace === NS.client && isStanzaName(element.name)) this.#stanza(element);
    else if (element.namespace === NS.sm && (element.name === 'r' || element.name === 'a')) this.#acknowledge(element);
    else this.#nonza(element);
  }

  footer(): void {
    const { tap } = this.#options;
    if (tap.open) tap.show('in', FOOTER);
    this.#tell(footerReceived(this.#stage));
  }

  error(error: XmlError): void {
    this.#violate(error.condition, error.message);
  }

  ended(): void {
    this.#tell(transportEnded(this.#stage));
  }

  lost(error: Error | null): void {
    this.#tell(transportLost(this.#stage, error));
  }

  drained(): void {
    if (this.#owesCount) this.#answerCount();
    if (this.#open) this.#host.drained();
  }

  #stanza(element: Element): void {
    if (this.#open && this.#early === null) {
      this.#host.receive(element, this);
      return;
    }
    const id = element.name === 'iq' ? element.attr('id') : undefined;
    if (this.#awaiting === 'bind' && id === BIND_ID) {
      this.#awaiting = null;
      this.#bound = true;
      this.#tell(decodeBind(element, this.#options.domain, this.#account));
    } else if (this.#awaiting === 'session' && id === LEGACY_SESSION_ID) {
      this.#awaiting = null;
      this.#tell(decodeLegacySession(element));
    } else if (this.#footerSent) {
      // The last word on what was handled has been said: the server takes it back and delivers it to the next session.
      // Without counting nobody delivers it again; but where others wait already there is no time left for it.
      if (!this.session.ledger.counting && this.#bound && this.#heldSince === null) this.#host.receive(element, this);
    } else if (this.#bound) {
      const received = this.#connection?.received ?? 0;
      if (this.#early === null) {
        this.#early = [];
        this.#earlySince = received;
      }
      this.#early.push([element, this.session.ledger.counting ? this : uncounted(this)]);
      if (received - this.#earlySince > EARLY)
        this.#violate('policy-violation', 'too much before the session is ready');
    } else this.#violate('policy-violation', 'a stanza before resource binding');
  }

  #deliverEarly(): void {
    const early = this.#early ?? [];
    this.#early = null;
    for (const [element, session] of early) if (session.wants(element)) this.#host.receive(element, session);
  }

  #acknowledge(element: Element): void {
    // Of a session that is still to be asked back nobody knows on this connection.
    if (!this.#bound) return;
    const { ledger } = this.session;
    if (element.name === 'r') {
      this.#answerCount();
      return;
    }
    const h = parseCount(element.attr('h'));
    if (h === null || !ledger.plausible(h)) {
      this.#countTooHigh(h);
      return;
    }
    const before = ledger.unacked;
    this.#host.acked(ledger.ack(h));
    if (before > 0 && ledger.unacked === 0) this.#tell({ type: 'flow.drained' });
    // The last of a burst that went out while an answer was due has not been asked for.
    else if (ledger.unacked > 0) this.#write('');
    if (before >= MOST_UNACKED) this.drained();
  }

  /** Who asks again and again and does not read gets one answer, once it reads. */
  #answerCount(): void {
    const { ledger } = this.session;
    if (!ledger.counting || this.#footerSent) return;
    this.#owesCount = this.#connection?.congested ?? false;
    if (!this.#owesCount) this.#write(ack(ledger.handled));
  }

  #countTooHigh(h: number | null): void {
    if (h === null) this.#violate('bad-format', 'an acknowledgement without a count');
    else
      this.#violate('undefined-condition', 'more was acknowledged than was sent', {
        handledTooHigh: { h, sent: this.session.ledger.sent },
      });
  }

  #nonza(element: Element): void {
    const event = decodeNonza(element, this.#stage);
    if (event === null) {
      if (!this.#footerSent) this.#violate('unsupported-stanza-type', 'an unknown element in the stream');
      return;
    }
    if (!isDue(event, this.#stage)) {
      // A server that thinks of TLS or SASL now is in another stream than we are.
      if (element.namespace !== NS.sm && !this.#footerSent)
        this.#violate('unsupported-stanza-type', 'an answer that nobody asked for');
      return;
    }
    const count = parseCount(element.attr('h'));
    switch (event.type) {
      case 'starttls.proceed':
      case 'sasl.success':
        this.exchange?.receive(element.text);
        // What follows belongs to another stream, if it belongs at all.
        this.#connection?.stopParsing();
        break;
      case 'sasl.challenge':
        this.exchange?.receive(element.text);
        break;
      case 'sm.enabled':
        this.session.ledger.beginReceiving();
        break;
      case 'sm.failed':
        if (this.#stage === 'enable') this.session.ledger.abandon();
        if (this.#bound) break;
        if (count !== null && !this.session.ledger.plausible(count)) {
          this.#countTooHigh(count);
          return;
        }
        this.refusedCount = count;
        break;
      case 'sm.resumed':
        this.#resumedCount = count ?? 0;
        if (!this.session.ledger.plausible(this.#resumedCount)) {
          this.#countTooHigh(this.#resumedCount);
          return;
        }
    }
    this.#tell(event);
  }

  #violate(condition: string, text: string, details?: Pick<StreamError, 'handledTooHigh'>): void {
    this.#tell(violation(this.#stage, condition, text, details));
  }

  #lose(failure: Failure): void {
    this.#tell({ type: 'transport.lost', failure });
  }
}

/** The id of a ping that nobody waits for: whatever comes, also an error, is a sign of life. */
export const PROBE_ID = 'probe';

const REQUEST_ACK = `<r xmlns="${NS.sm}"/>`;

const ack = (h: number) => `<a xmlns="${NS.sm}" h="${h}"/>`;

/** For stanzas that came before the server began to count. */
function uncounted(session: InboundSession): InboundSession {
  return {
    handled() {},
    get signal() {
      return session.signal;
    },
    get connected() {
      return session.connected;
    },
    wants: (stanza) => session.connected || stanza.name === 'message',
  };
}
