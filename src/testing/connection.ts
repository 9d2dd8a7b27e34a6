import { randomUUID } from 'node:crypto';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import { JID } from '../jid.ts';
import type { Element } from '../xml/element.ts';
import { ONLINE_LIMITS, StreamParser } from '../xml/parser.ts';
import { serialize } from '../xml/serializer.ts';
import { type DropKind, FaultList } from './faults.ts';
import { FOOTER, FOOTER_ELEMENT, streamError, streamFeatures, streamHeader, streamText } from './framing.ts';
import type { Host } from './host.ts';
import { NS } from './names.ts';
import { countTooHigh, failedSm, type Negotiable, Negotiation, readCount } from './negotiation.ts';
import type { Session } from './session.ts';
import { Wire, type WireSocket } from './wire.ts';

const STANZAS = new Set(['message', 'presence', 'iq']);

/** One connection of a client to the test server. */
export class Connection implements Negotiable {
  /** Counts the connections of the server, from 1 on. */
  readonly number: number;
  /** Whether it came in on the port where TLS comes first. */
  readonly direct: boolean;
  /** Faults on this connection alone. */
  readonly faults: FaultList = new FaultList();
  readonly #host: Host;
  readonly #wire: Wire;
  readonly #negotiation: Negotiation;
  #parser: StreamParser;
  #session: Session | undefined;
  #headerSent = false;
  /** Elements that came while an earlier one was being worked on. */
  #inbox: Element[] | undefined;

  /** @internal */
  constructor(host: Host, socket: WireSocket, number: number, direct: boolean) {
    this.#host = host;
    this.number = number;
    this.direct = direct;
    this.#wire = new Wire(socket, [host.faults, this.faults], {
      data: (bytes) => this.#guard(() => this.#parser.write(bytes)),
      ended: () => this.#wire.end(),
      closed: () => this.#guard(() => this.#closed()),
      flushing: () => this.#guard(() => this.#requestAck()),
    });
    this.#negotiation = new Negotiation(host, this);
    this.#parser = this.#newParser();
  }

  /** The session it carries, once bound or resumed. */
  get session(): Session | undefined {
    return this.#session?.connection === this ? this.#session : undefined;
  }

  /** The account that was authenticated on it. */
  get account(): JID | undefined {
    return this.#negotiation.bare;
  }

  /** The encrypted socket, for what it knows: protocol, `servername`, `alpnProtocol`. */
  get tls(): TLSSocket | undefined {
    return this.#wire.tls;
  }

  /** The byte stream in clear, a `net.Socket` where it came over TCP. */
  get socket(): Duplex {
    return this.#wire.socket;
  }

  /** Writes an element, or a text that is to be seen by faults and the log as `element`. */
  send(what: Element | string, element: Element | undefined = typeof what === 'string' ? undefined : what): void {
    if (element !== undefined && this.#host.observed) this.#host.observe('out', element, this);
    this.#wire.send(typeof what === 'string' ? what : serialize(what), element);
  }

  /** Writes bytes as they are, behind everything sent so far; no fault that waits for an element sees them. */
  write(bytes: Uint8Array): void {
    this.#wire.write(bytes);
  }

  /** Says why with a stream error, if there is a reason, then the footer, and closes. */
  end(condition?: string, text?: string, ...details: Element[]): void {
    if (!this.#headerSent) this.#sendHeader();
    if (condition !== undefined) this.#sendStream(streamError(condition, text, ...details));
    this.send(FOOTER, FOOTER_ELEMENT);
    this.#wire.end();
  }

  /** Ends it without a word. */
  drop(kind: DropKind): void {
    this.#wire.drop(kind);
  }

  /** Fulfilled when everything that was sent is written. */
  flushed(): Promise<void> {
    return this.#wire.idle();
  }

  /** @internal Begins to read, after a handshake if TLS comes first. */
  start(): void {
    if (this.direct) this.#secure();
    else this.#wire.start();
  }

  /** @internal Settled when the socket is closed, which may be a while after the connection has ended. */
  get closed(): Promise<void> {
    return this.#wire.closed;
  }

  /** @internal Closes the socket at once. */
  destroy(): void {
    this.#wire.destroy();
  }

  /** @internal Ends the stream for what the client did; nothing of it can be resumed. */
  fail(condition: string, text?: string, ...details: Element[]): void {
    this.#session?.detach(this, false);
    this.end(condition, text, ...details);
  }

  /** @internal The client is somebody: what follows are stanzas. */
  attach(session: Session): void {
    this.#session = session;
  }

  /** @internal A new stream begins. */
  restart(): void {
    this.#parser.stop();
    this.#parser = this.#newParser();
    this.#headerSent = false;
    // What came behind the client's last element belongs to no stream.
    if (this.#inbox !== undefined) this.#inbox.length = 0;
  }

  /** @internal Shakes hands, behind what was sent; a new stream begins after it. */
  startTls(): void {
    this.restart();
    this.#secure();
  }

  /** A handshake that fails closes the socket, and that is all there is to it. */
  #secure(): void {
    this.#wire.secure(this.#host.tlsOptions(this.direct)).catch(() => {});
  }

  #newParser(): StreamParser {
    return new StreamParser(
      {
        header: (root) => this.#wire.receive(root, (header) => this.#header(header)),
        element: (element) => this.#wire.receive(element, (element) => this.#element(element)),
        footer: () => this.#wire.receive(FOOTER_ELEMENT, () => this.#footer()),
        error: ({ condition, message }) => this.fail(condition === 'invalid-xml' ? 'bad-format' : condition, message),
      },
      ONLINE_LIMITS,
    );
  }

  #observe(element: Element): void {
    if (this.#host.observed) this.#host.observe('in', element, this);
  }

  /** RFC 6120 §4.7 */
  #header(header: Element): void {
    this.#observe(header);
    this.#sendHeader(header.attr('from'));
    if (!header.is('stream', NS.stream)) this.fail('invalid-namespace');
    else if (!/^[1-9]\d*\./.test(header.attr('version') ?? '')) this.fail('unsupported-version');
    else if (!this.#isOurs(header.attr('to'))) this.fail('host-unknown');
    else this.#sendStream(streamFeatures(...this.#negotiation.features()));
  }

  #isOurs(to: string | undefined): boolean {
    try {
      return to !== undefined && JID.parse(to).toString() === this.#host.domain;
    } catch {
      return false;
    }
  }

  #element(element: Element): void {
    if (this.#inbox !== undefined) {
      this.#inbox.push(element);
      return;
    }
    this.#observe(element);
    if (this.#session === undefined) {
      const work = this.#negotiation.take(element);
      if (work !== undefined) void this.#wait(work);
    } else if (element.namespace === NS.client && STANZAS.has(element.name)) this.#session.receive(element);
    else if (element.namespace === NS.sm) this.#manage(element, this.#session);
    else if (element.namespace === NS.csi && this.#host.settings.csi) {
      this.#session.clientState = element.name === 'inactive' ? 'inactive' : 'active';
    } else this.fail('unsupported-stanza-type');
  }

  /** Lets nothing in until `work` is done. */
  async #wait(work: Promise<void>): Promise<void> {
    const inbox: Element[] = [];
    this.#inbox = inbox;
    try {
      await work;
    } catch (error) {
      this.#broke(error);
    }
    this.#inbox = undefined;
    for (const element of inbox) this.#guard(() => this.#wire.open && this.#element(element));
  }

  #footer(): void {
    this.#observe(FOOTER_ELEMENT);
    const ack = this.#session?.ack();
    this.#session?.detach(this, false);
    if (ack !== undefined) this.send(ack);
    this.end();
  }

  /** The nonzas of stream management (XEP-0198 §3, §4). */
  #manage(element: Element, session: Session): void {
    const { sm } = this.#host.settings;
    if (element.name === 'r') {
      const ack = session.ack();
      if (ack !== undefined) this.send(ack);
    } else if (element.name === 'a') this.#acked(element, session);
    else if (element.name !== 'enable' || session.smId !== undefined) this.send(failedSm('unexpected-request'));
    else if (sm === false) this.send(failedSm('feature-not-implemented'));
    else this.send(session.enable(element, sm, this.#host.registry.remember(session)));
  }

  #acked(element: Element, session: Session): void {
    const h = readCount(element);
    if (h === undefined) this.fail('bad-format');
    else if (!session.acked(h)) this.fail('undefined-condition', undefined, countTooHigh(h));
  }

  #requestAck(): void {
    const request = this.session?.ackRequest();
    if (request !== undefined) this.send(request);
  }

  #closed(): void {
    this.#session?.detach(this, true);
    this.#host.disconnected(this);
  }

  #sendHeader(to?: string): void {
    this.#headerSent = true;
    const { domain } = this.#host;
    const { text, element } = streamHeader({ id: randomUUID(), from: domain, to, version: '1.0', 'xml:lang': 'en' });
    this.send(text, element);
  }

  #sendStream(element: Element): void {
    this.send(streamText(element), element);
  }

  /** Nothing may be thrown into a socket. */
  #guard(body: () => void): void {
    try {
      body();
    } catch (error) {
      this.#broke(error);
    }
  }

  #broke(error: unknown): void {
    this.#host.broke(error);
    this.#wire.destroy();
  }
}
