import { randomUUID } from 'node:crypto';
import type { Duplex } from 'node:stream';
import type { TLSSocket, TLSSocketOptions } from 'node:tls';
import type { Element } from '../xml/element.ts';
import { ONLINE_LIMITS, StreamParser } from '../xml/parser.ts';
import type { AuthenticationContext } from './authentication.ts';
import { type Direction, FaultList, type Match, matches } from './faults.ts';
import { FOOTER, FOOTER_ELEMENT, streamError, streamFeatures, streamHeader, streamText } from './framing.ts';
import { NS } from './names.ts';
import { type Negotiated, type NegotiateOptions, Prologue } from './prologue.ts';
import { Wire, type WireSocket } from './wire.ts';

/** Bytes of XML as they came or went; those of TLS are not among them. */
export interface TranscriptEntry {
  /** Seen from the server. */
  readonly direction: Direction;
  /** As they were on the wire, or inside TLS. */
  readonly bytes: Buffer;
}

/** What went wrong in a script; the message names the connection and the step. */
export class ScriptError extends Error {
  override readonly name = 'ScriptError';
}

/** Ends a script whose server was closed; nobody's mistake. */
export class Closed extends Error {}

const CLOSED = 'the client closed the connection';

/** What a peer needs to know of its server. */
export interface PeerContext {
  readonly domain: string;
  readonly faults: FaultList;
  /** Milliseconds that each step may wait for the client. */
  readonly limit: number;
  readonly login: AuthenticationContext;
  tlsOptions(direct: boolean): TLSSocketOptions;
}

/**
 * One connection of a client, as a script sees it: everything that is awaited is a step, and what the client sends waits
 * until a step asks for it.
 */
export class Peer {
  /** Counts the connections of a server, from 1 on. */
  readonly number: number;
  /** Whether it came in on the port where TLS comes first. */
  readonly direct: boolean;
  /** Faults of this connection alone. */
  readonly faults: FaultList = new FaultList();
  /** Every byte of XML, both ways. */
  readonly transcript: TranscriptEntry[] = [];
  readonly #context: PeerContext;
  readonly #wire: Wire;
  readonly #prologue: Prologue;
  #parser: StreamParser | undefined;
  /** Bytes that no step has asked for. */
  #bytes: Buffer[] = [];
  /** What the bytes that were asked for turned out to be. */
  #items: (Element | Error)[] = [];
  #wake: () => void = () => {};
  /** A step was told of the end of the client's stream. */
  #footerSeen = false;
  /** Nothing more will come from the client. */
  #ended = false;
  /** The socket is closed. */
  #gone = false;
  #aborted = false;
  #steps = 0;
  #step = 'before its first step';

  /** @internal */
  constructor(context: PeerContext, socket: WireSocket, number: number, direct: boolean) {
    this.#context = context;
    this.#prologue = new Prologue(this, context.login);
    this.number = number;
    this.direct = direct;
    this.#wire = new Wire(socket, [context.faults, this.faults], {
      data: (bytes) => {
        this.#bytes.push(bytes);
        this.#wake();
      },
      ended: () => this.#finish(),
      closed: () => this.#finish(),
      tap: (direction, bytes) => this.transcript.push({ direction, bytes }),
    });
    void this.#wire.closed.then(() => {
      this.#gone = true;
      this.#wake();
    });
    if (!direct) this.#wire.start();
  }

  /** Everything that came in, as text. */
  get received(): string {
    return this.#text('in');
  }

  /** Everything that went out, as text. */
  get sent(): string {
    return this.#text('out');
  }

  /** The encrypted socket, for what it knows: protocol, `servername`, `alpnProtocol`. */
  get tls(): TLSSocket | undefined {
    return this.#wire.tls;
  }

  /** The byte stream in clear, a `net.Socket` where it came over TCP, for what is not XML. */
  get socket(): Duplex {
    return this.#wire.socket;
  }

  /** Waits for the header of a stream, a new one if there was one before; shakes hands first where TLS comes first. */
  async header(): Promise<Element> {
    if (this.direct && this.tls === undefined) await this.handshake();
    this.#begin('header');
    const [early] = this.#items;
    if (early !== undefined) this.#fail(`got ${described(early)} before it`);
    this.#footerSeen = false;
    this.#parser = this.#newParser();
    const header = await this.#next();
    return header.is('stream', NS.stream) ? header : this.#fail(`got ${described(header)}`);
  }

  /** Waits for the header of a stream and answers it; `attrs` change what the answer says. */
  async open(attrs: Readonly<Record<string, string | undefined>> = {}): Promise<Element> {
    const header = await this.header();
    await this.send(streamHeader({ id: randomUUID(), from: this.#context.domain, version: '1.0', ...attrs }).text);
    return header;
  }

  /** Waits for the next element, whatever it is; the footer of the stream is one called `/stream`. */
  next(): Promise<Element> {
    this.#begin('next');
    return this.#next();
  }

  /** Waits for the next element, which has to be this one. */
  async expect(match: Match): Promise<Element> {
    this.#begin(`expect ${typeof match === 'string' ? `<${match}>` : 'what the predicate wants'}`);
    const element = await this.#next();
    return matches(match, element) ? element : this.#fail(`got ${described(element)}`);
  }

  /** Every element from here to the end of the stream, without a limit on the wait; never the footer. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Element, void, void> {
    for (;;) {
      this.#begin('next of all');
      await this.#until(() => this.#feed() || this.#ended, Number.POSITIVE_INFINITY);
      if (this.#items.length === 0) return;
      const element = this.#take();
      if (element === FOOTER_ELEMENT) return;
      yield element;
    }
  }

  /** Waits for bytes and takes them as they are, past the parser. */
  async raw(): Promise<Buffer> {
    this.#begin('raw');
    await this.#until(() => this.#bytes.length > 0 || this.#ended);
    if (this.#bytes.length === 0) this.#fail(CLOSED);
    return Buffer.concat(this.#bytes.splice(0));
  }

  /** Waits until the client closes the connection: in order, or with a reset. */
  async closed(): Promise<'fin' | 'rst'> {
    this.#begin('closed');
    // Once we have said goodbye ourselves, only the socket tells what the client does.
    await this.#until(() => this.#gone || (this.#ended && this.#wire.open));
    return this.#wire.error?.code === 'ECONNRESET' ? 'rst' : 'fin';
  }

  /** Sends an element, or text as it is; resolves when it is with the operating system. */
  async send(what: Element | string): Promise<void> {
    this.#begin('send');
    if (typeof what === 'string') this.#wire.send(what);
    else this.#wire.send(what.namespace === NS.stream ? streamText(what) : String(what), what);
    await this.#settled();
  }

  /** Sends bytes as they are. */
  async write(bytes: Uint8Array): Promise<void> {
    this.#begin('write');
    this.#wire.write(bytes);
    await this.#settled();
  }

  /** Sends text in pieces of so many bytes, each a segment of its own. */
  async dribble(text: string, sizes: number | readonly number[] = 1): Promise<void> {
    const split = this.faults.add({ split: sizes });
    await this.send(text);
    split.remove();
  }

  /** Sends the features of the stream. */
  features(...features: Element[]): Promise<void> {
    return this.send(streamFeatures(...features));
  }

  /** Ends the stream with a stream error, and the connection in order. */
  async error(condition: string, text?: string, ...details: Element[]): Promise<void> {
    await this.send(streamError(condition, text, ...details));
    await this.close();
  }

  /** Ends the stream, and the connection in order. */
  async close(): Promise<void> {
    await this.send(FOOTER);
    this.end();
  }

  /** Waits for `<starttls/>`, says `<proceed/>` and shakes hands. */
  async startTls(options: TLSSocketOptions = {}): Promise<TLSSocket> {
    await this.expect('starttls');
    await this.send(`<proceed xmlns='${NS.tls}'/>`);
    return this.handshake(options);
  }

  /** Shakes hands as a TLS server; rejects when the client will not. `options` go before the server's. */
  handshake(options: TLSSocketOptions = {}): Promise<TLSSocket> {
    this.#begin('handshake');
    this.#bytes = [];
    this.#items = [];
    return this.#wire.secure({ ...this.#context.tlsOptions(this.direct), ...options });
  }

  /** Goes through the beginning of a session, from where it is, so that a script can start at what it is about. */
  negotiate(options: NegotiateOptions): Promise<Negotiated> {
    return this.#prologue.negotiate(options);
  }

  /** Closes the connection without a word; what was sent before still goes out. */
  end(): void {
    this.#wire.end(Number.POSITIVE_INFINITY);
  }

  /** Resets the connection. */
  reset(): void {
    this.#wire.drop('rst');
  }

  /** Says and hears nothing more, until the server is closed. */
  silence(): void {
    this.#wire.drop('silence');
  }

  /** Waits so many milliseconds. */
  async wait(milliseconds: number): Promise<void> {
    this.#begin('wait');
    const since = performance.now();
    for (let left = milliseconds; left > 0; left = milliseconds - (performance.now() - since)) await this.#pause(left);
  }

  /** @internal The mistake `error`, with the connection and the step where it was made. */
  blame(error: unknown): ScriptError {
    if (error instanceof ScriptError) return error;
    const found = error instanceof Error ? error : new Error(String(error));
    const mistake = new ScriptError(`connection ${this.number}, ${this.#step}: ${found.message}`, { cause: error });
    // It was made where the script is, and that is what a test has to show.
    if (found.stack !== undefined) mistake.stack = found.stack.replace(found.message, () => mistake.message);
    return mistake;
  }

  /** @internal Once the script is done: closes the stream and the connection when the client does. */
  async farewell(): Promise<void> {
    this.#begin('farewell');
    const isOver = () => this.#footerSeen || this.#ended || this.#items[0] instanceof Error;
    while (!isOver()) {
      await this.#until(() => this.#feed() || this.#ended, Number.POSITIVE_INFINITY);
      if (this.#items.length > 0 && !isOver()) this.#take();
    }
    if (this.#footerSeen) this.#wire.send(FOOTER);
    this.end();
  }

  /** @internal Closes the socket at once and ends the step that is waiting. */
  async destroy(): Promise<void> {
    this.#aborted = true;
    this.#wire.destroy();
    this.#wake();
    await this.#wire.closed;
  }

  #text(direction: Direction): string {
    return Buffer.concat(
      this.transcript.filter((entry) => entry.direction === direction).map((entry) => entry.bytes),
    ).toString();
  }

  #begin(step: string): void {
    this.#steps += 1;
    this.#step = `step ${this.#steps} (${step})`;
  }

  #fail(message: string): never {
    throw this.blame(new Error(message));
  }

  #finish(): void {
    this.#ended = true;
    this.#wake();
  }

  #newParser(): StreamParser {
    this.#items = [];
    const push = (item: Element | Error) => this.#items.push(item);
    return new StreamParser(
      { header: push, element: push, footer: () => push(FOOTER_ELEMENT), error: push },
      ONLINE_LIMITS,
    );
  }

  async #next(): Promise<Element> {
    await this.#until(() => this.#feed() || this.#ended);
    return this.#take();
  }

  /** What comes next, or why nothing does. */
  #take(): Element {
    const item = this.#items.shift() ?? new Error(CLOSED);
    if (item === FOOTER_ELEMENT) this.#footerSeen = true;
    return item instanceof Error ? this.#fail(item.message) : item;
  }

  /** Parses until there is something to be handed out, and says whether there is. */
  #feed(): boolean {
    this.#parser ??= this.#newParser();
    for (let bytes = this.#bytes[0]; bytes !== undefined && this.#items.length === 0; bytes = this.#bytes[0]) {
      this.#bytes.shift();
      this.#parser.write(bytes);
    }
    return this.#items.length > 0;
  }

  /** Waits until everything is written. */
  async #settled(): Promise<void> {
    await this.#wire.idle();
    if (this.#aborted) throw new Closed();
  }

  /** Waits for something to become true, which can happen whenever the client does anything. */
  async #until(isTrue: () => boolean, limit = this.#context.limit): Promise<void> {
    const since = performance.now();
    for (;;) {
      if (this.#aborted) throw new Closed();
      if (isTrue()) return;
      const left = limit - (performance.now() - since);
      if (left <= 0) this.#fail(`nothing came for ${limit} ms`);
      await this.#pause(left);
    }
  }

  /** Until the client does something, at most so many milliseconds. */
  async #pause(milliseconds: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      if (milliseconds !== Number.POSITIVE_INFINITY) timer = setTimeout(resolve, Math.ceil(milliseconds));
    });
    clearTimeout(timer);
    if (this.#aborted) throw new Closed();
  }
}

/** What an element is, without what it says: that may be secret. */
function described(item: Element | Error): string {
  return item instanceof Error ? item.message : `<${item.name} xmlns='${item.namespace}'>`;
}
