/** An XML stream for those who negotiate it themselves: elements in both directions over one connection, and no more. */
import { type Actor, createActor, type InspectionEvent } from 'xstate';
import type { Endpoint } from '../../machines/endpoint.ts';
import { type Failure, isFailure, type Stage } from '../../machines/failure.ts';
import { type StreamMachineEvent, streamMachine } from '../../machines/stream.ts';
import type { Security, StreamError, WireCommand } from '../../machines/wire.ts';
import { type Clock, LONGEST_DELAY, systemClock } from '../clock.ts';
import { Emitter, type ListenOptions, type Subscription, subscription } from '../emitter.ts';
import { ConnectionError, describeFailure, StateError } from '../error.ts';
import { childLogger, type Logger } from '../logger.ts';
import { NS } from '../namespaces.ts';
import { elementOf, type Stanza } from '../stanza/stanza.ts';
import { type ChannelBindingType, channelBinding } from '../transport/binding.ts';
import { causeOf, failureOf } from '../transport/failure.ts';
import type { Connect } from '../transport/tcp.ts';
import type { TlsOptions } from '../transport/tls.ts';
import { tended, type WaitOptions, wait } from '../wait.ts';
import type { Element } from '../xml/element.ts';
import { ONLINE_LIMITS, type ParserLimits } from '../xml/parser.ts';
import { type SerializeOptions, serialize } from '../xml/serializer.ts';
import { Connection, type ConnectionHandler } from './connection.ts';
import { DeadTime, type DeadTimeLimits } from './dead-time.ts';
import { decodeHeader, decodeNonza } from './decode.ts';
import { Dispatcher, type ElementType, type ValueOf } from './dispatcher.ts';
import { encodeCommand, encodeHeader, FOOTER } from './encode.ts';
import { footerReceived, transportEnded, transportLost, violation } from './ending.ts';
import { type OpeningOptions, open, securityUnder, upgrade } from './opening.ts';
import { type Crossing, Tap } from './tap.ts';

/** The states of a stream, in the order in which it goes through them; only `reset` leads back. RFC 6120 §4 */
export const STREAM_STATES = [
  'READY',
  'STREAM_HEADER_SENT',
  'OPEN',
  'CLOSING',
  'CLOSING_STREAM_FOOTER_RECEIVED',
  'CLOSED',
] as const;

/**
 * Where a stream is:
 *
 * - `READY`: there is no connection yet
 * - `STREAM_HEADER_SENT`: our header is written, the peer's is awaited
 * - `OPEN`: elements may be sent and received
 * - `CLOSING`: our footer is written, the peer's is awaited; nothing can be sent any more, and elements may still come
 * - `CLOSING_STREAM_FOOTER_RECEIVED`: the stream is over, the connection is closing
 * - `CLOSED`: the connection is gone
 */
export type StreamState = (typeof STREAM_STATES)[number];

/** Options of an XML stream. Times in milliseconds. */
export interface XMLStreamOptions {
  /** The domain that the stream is addressed to, for which the peer's certificate has to be valid. */
  readonly to: string;
  /** The bare JID to put on the header; only shown once the stream is encrypted. RFC 6120 §4.7.1 */
  readonly from?: string;
  /** The language of the stream. RFC 6120 §4.7.4 */
  readonly lang?: string;
  /** The default namespace of what the stream carries (default `jabber:client`). RFC 6120 §4.8.2 */
  readonly namespace?: string;
  /** Writes attributes in the order of their names instead of their own (default false). */
  readonly sorted?: boolean;
  /** How long connecting, TLS and the peer's header may take, each (default 60,000). */
  readonly timeout?: number;
  /** How long the peer's footer may take (default 15,000). */
  readonly shutdownTimeout?: number;
  /** How long the peer may be silent: `soft` is told as `silent`, `hard` ends the stream. By default for ever. */
  readonly deadTime?: DeadTimeLimits;
  /** What the peer may send in one piece (default 1 MiB an element). */
  readonly limits?: Partial<ParserLimits>;
  /** For `startTls` and for direct TLS; by default Node's, from TLS 1.2 on. */
  readonly tls?: TlsOptions;
  /** Opens the byte stream in place of TCP. */
  readonly connect?: Connect;
  /** Hears of the life of the stream, in words; neither elements nor secrets. */
  readonly logger?: Logger;
  /** Sees everything that the statechart does; handed to XState. */
  readonly inspect?: (event: InspectionEvent) => void;
  /** Time, for tests. */
  readonly clock?: Clock;
}

/** Where an XML stream connects to. */
export interface StreamEndpoint {
  /** A host name or an IP address. */
  readonly host: string;
  /** Default 5222, or 5223 for direct TLS. */
  readonly port?: number;
  /** `direct` speaks TLS from the first byte (XEP-0368); default `starttls`, which leaves that to `startTls`. */
  readonly tls?: Endpoint['tls'];
}

/** What an XML stream tells those who listen with `on`, by name. */
export interface XMLStreamEvents {
  /** The peer's header, an element without children; again after every `reset`. */
  header: Element;
  /** The features of a stream; again after every `reset`. RFC 6120 §4.3.2 */
  features: Element;
  /** The stream ends, and nothing can be sent any more; once. Null when that was asked of us. */
  closing: { readonly failure: Failure | null };
  /** The peer was silent for as long as the soft dead time; once for every silence. */
  silent: { readonly silence: number };
  /** An element of which its type's `read` could make nothing. All of it is there. */
  invalid: { readonly element: Element; readonly error: unknown };
  /** A listener or handler threw, or its promise was rejected. Nothing else is affected. */
  handlerError: { readonly error: unknown; readonly element: Element | null };
}

/** Options of `sendAndWaitFor`. */
export interface AnswerOptions<Value> extends WaitOptions {
  /** Sees the answer at once, before anything that comes behind it is looked at. What it throws rejects the wait. */
  readonly onAnswer?: (value: Value) => void;
}

/** Options of `startTls`; the timeout, by default that of the stream, is for all of it. */
export interface StartTlsOptions extends WaitOptions {
  /** Refuses the encryption by throwing or rejecting. The certificate is verified when it is asked. */
  readonly postHandshake?: (security: Security) => unknown;
}

type StreamActor = Actor<typeof streamMachine>;

interface Effects {
  write(command: WireCommand): void;
  closeTransport(): void;
}

const effects = new WeakMap<StreamActor['system'], Effects>();

const logic = streamMachine.provide({
  actions: {
    write: ({ system }, command) => effects.get(system)?.write(command),
    closeTransport: ({ system }) => effects.get(system)?.closeTransport(),
  },
});

/** Milliseconds that an aborted connection has to send what was written. */
const LINGER = 1000;

const BROKEN: Failure = { kind: 'internal', stage: 'stream', text: 'unexpected error', retry: 'never' };

/**
 * One XML stream over one connection; never used twice. It writes headers and footers, parses what comes, and hands out
 * elements by their type. What they mean, and with it all of negotiation, is the application's: whoever does not want that
 * wants a `Client`.
 *
 *     const stream = new XMLStream({ to: 'example.org' });
 *     await stream.connect({ host: 'xmpp.example.org' });
 *     const features = await stream.features();
 *     await stream.sendAndWaitFor([el('starttls', { xmlns: TLS })], [{ name: 'proceed', namespace: TLS }]);
 *     await stream.startTls();
 *     const more = await stream.resetAndGetFeatures();
 *
 * What cannot be done in the state that the stream is in throws: a `ConnectionError` when a failure ended the stream, with
 * that failure, else a `StateError`.
 */
export class XMLStream implements AsyncDisposable {
  /** The chart, `streamMachine` of `xstanza/machines`, running. It starts with `connect`. */
  readonly actor: StreamActor;
  readonly #options: XMLStreamOptions;
  readonly #opening: OpeningOptions;
  readonly #clock: Clock;
  readonly #serializing: SerializeOptions;
  readonly #log: Logger | null;
  readonly #emitter: Emitter<XMLStreamEvents>;
  readonly #dispatcher: Dispatcher;
  readonly #deadTime: DeadTime;
  readonly #tap = new Tap();
  /** Aborted once the stream is over. */
  readonly #over = new AbortController();
  /** Who waits for something to become true of the stream. */
  readonly #watchers = new Set<() => void>();
  #connection: Connection | null = null;
  #stage: Stage = 'connect';
  #started = false;
  /** TLS does not let elements through: it is being agreed upon, or waits for `reset`. */
  #tls: 'handshake' | 'agreed' | null = null;
  #features: Element | null = null;
  #muted = 0;
  #closingTold = false;
  /** Ends an aborted connection that does not end by itself. */
  #linger: unknown;

  /**
   * A stream that is not connected yet.
   *
   * @throws TypeError for an option that cannot be used.
   */
  constructor(options: XMLStreamOptions) {
    if (typeof options.to !== 'string' || options.to === '') throw new TypeError('to has to be a domain');
    this.#options = options;
    const { to, tls = {}, connect, clock = systemClock, namespace = NS.client, sorted = false } = options;
    this.#opening = { domain: to, tls, connect, dial: {} };
    this.#clock = clock;
    this.#serializing = { namespace, sorted, prefixes: { [NS.stream]: 'stream' } };
    this.#log = options.logger ? childLogger(options.logger, 'stream', to) : null;
    this.#emitter = new Emitter((error, type) => {
      if (type !== 'handlerError') this.#report(error, null);
    });
    this.#dispatcher = new Dispatcher({
      invalid: (element, error) => this.#emitter.emit('invalid', { element, error }),
      thrown: (error, element) => this.#report(error, element),
    });
    this.#deadTime = new DeadTime(clock, readDeadTime(options.deadTime), {
      silence: () => this.#silence,
      soft: () => this.#emitter.emit('silent', { silence: this.#silence }),
      hard: () => this.#die({ kind: 'timeout', stage: this.#stage, text: 'the peer went silent', retry: 'backoff' }),
    });
    this.actor = createActor(logic, {
      input: {
        timeout: milliseconds('timeout', options.timeout, 60_000),
        shutdown: milliseconds('shutdownTimeout', options.shutdownTimeout, 15_000),
      },
      clock,
      ...(options.inspect && { inspect: options.inspect }),
    });
    effects.set(this.actor.system, {
      write: (command) => this.#command(command),
      closeTransport: () => this.#connection?.end(),
    });
    this.actor.subscribe({ next: () => this.#moved(), error: (error) => this.#broke(error) });
  }

  /** Where the stream is. */
  get state(): StreamState {
    const { value } = this.actor.getSnapshot();
    return typeof value === 'string' ? value : value.CONNECTED;
  }

  /** What is known of the encryption; null when there is none. */
  get security(): Security | null {
    return this.#connection && securityUnder(this.#connection);
  }

  /** The stream could be encrypted now: there is a connection, it is not encrypted, and nothing is closing. */
  get canStartTls(): boolean {
    return this.state === 'OPEN' && this.#tls === null && this.#connection?.tls === null;
  }

  /**
   * Data that ties an authentication to this encryption.
   *
   * @param type one of `security.bindings`.
   * @throws StateError without encryption.
   */
  channelBinding(type: ChannelBindingType): Uint8Array {
    const socket = this.#connection?.tls;
    if (!socket) throw new StateError('there is no TLS to bind to');
    return channelBinding(socket, type);
  }

  /**
   * Connects, and resolves once the peer's header is there. When the wait ends otherwise, the stream is aborted.
   *
   * @throws StateError when the stream was connected or closed before: it is good for one connection.
   * @throws ConnectionError when there was none to be had, or the stream ended at once.
   */
  connect(endpoint: StreamEndpoint, options: WaitOptions = {}): Promise<void> {
    return tended(this.#connect(endpoint, options));
  }

  async #connect({ host, port, tls = 'starttls' }: StreamEndpoint, options: WaitOptions): Promise<void> {
    if (this.#started) throw new StateError('a stream is good for one connection');
    options.signal?.throwIfAborted();
    this.#start();
    void this.#open({ host, port: port ?? (tls === 'direct' ? 5223 : 5222), tls, source: 'application' });
    try {
      await this.#until('the stream', options, () => this.state === 'OPEN' || undefined);
    } catch (error) {
      if (!this.#isOver) this.abort();
      throw error;
    }
  }

  #start(): void {
    if (this.#started) return;
    this.#started = true;
    this.actor.start();
  }

  async #open(endpoint: Endpoint): Promise<void> {
    const { signal } = this.#over;
    try {
      const socket = await open(endpoint, this.#opening, signal, () => {
        this.#stage = 'tls';
        this.#tell({ type: 'transport.securing' });
      });
      const limits = { ...ONLINE_LIMITS, ...this.#options.limits };
      this.#connection = new Connection(socket, this.#hearing, limits, () => this.#clock.now());
      this.#stage = 'stream';
      this.#say('debug', `connected to ${endpoint.host}:${endpoint.port}`);
      this.#deadTime.start();
      this.#tell({ type: 'transport.connected', security: this.security });
    } catch (error) {
      this.#tell({ type: 'transport.lost', failure: { ...failureOf(error, this.#stage), endpoint } });
    }
  }

  /**
   * Writes an element.
   *
   * @throws StateError, ConnectionError unless the stream is `OPEN`, and not between `startTls` and `reset`.
   * @throws XmlError for what cannot be written; nothing of it is, then.
   */
  send(element: Element | Stanza): void {
    const connection = this.#writable('send');
    const text = serialize(elementOf(element), this.#serializing);
    this.#show('out', text);
    connection.write(text);
  }

  /**
   * Writes text as it is. It has to leave the stream well-formed, which nobody checks; `tap` does not see it.
   *
   * @throws StateError, ConnectionError as `send` does.
   */
  sendRaw(text: string): void {
    this.#writable('send').write(text);
  }

  /**
   * Writes elements and resolves with the first element that comes and is of one of the types, as read by it. Listening begins
   * before writing, and the element is seen by nobody else.
   *
   * @throws StateError, ConnectionError as `send` does, or when the stream ends before.
   * @throws TimeoutError after `timeout`.
   * @throws what `read` or `onAnswer` threw.
   */
  sendAndWaitFor<const Types extends readonly ElementType[]>(
    elements: readonly (Element | Stanza)[],
    types: Types,
    options: AnswerOptions<ValueOf<Types[number]>> = {},
  ): Promise<ValueOf<Types[number]>> {
    const { onAnswer } = options;
    return wait(this.#clock, options, 'waiting for an answer', (resolve, reject) => {
      const take = (value: unknown) => {
        onAnswer?.(value as ValueOf<Types[number]>);
        resolve(value as ValueOf<Types[number]>);
      };
      const unwait = this.#dispatcher.wait({ types, take, fail: reject });
      const unwatch = this.#whenOver(reject);
      try {
        for (const element of elements) this.send(element);
      } catch (error) {
        reject(error);
      }
      return () => {
        unwait();
        unwatch();
      };
    });
  }

  /**
   * Has `handler` see every element of a type, also while the stream is closing. An element that nobody handles ends the
   * stream with `unsupported-stanza-type`, and is ignored when it is closing already. A stream error is never handed out.
   *
   * @throws StateError when the type has a handler.
   */
  handle<Type extends ElementType>(type: Type, handler: (value: ValueOf<Type>) => unknown): Subscription {
    return subscription(this.#dispatcher.handle(type, handler));
  }

  /**
   * Shakes hands, which the peer has to have agreed to by `<proceed/>`. Afterwards only `reset` is possible: what came in
   * clear counts for nothing. When anything goes wrong the stream is over. RFC 6120 §5
   *
   * @throws StateError, ConnectionError when `canStartTls` is false.
   * @throws ConnectionError when the handshake failed or was refused by `postHandshake`, or did not end in time.
   * @throws the reason of `signal`.
   */
  startTls(options: StartTlsOptions = {}): Promise<Security> {
    return tended(this.#startTls(options));
  }

  async #startTls(options: StartTlsOptions): Promise<Security> {
    const connection = this.#connection;
    if (!this.canStartTls || connection === null) throw this.#refusal('encrypt');
    this.#tls = 'handshake';
    this.#stage = 'tls';
    connection.stopParsing();
    const handshake = new AbortController();
    const { timeout = this.actor.getSnapshot().context.timeout, signal } = options;
    try {
      const security = await wait<Security>(
        this.#clock,
        { timeout, ...(signal && { signal }) },
        'the TLS handshake',
        (resolve, reject) => {
          this.#shake(connection, handshake.signal, options.postHandshake).then(resolve, reject);
          return this.#whenOver(reject);
        },
      );
      this.#tls = 'agreed';
      this.#stage = 'stream';
      this.#say('debug', `encrypted with ${security.protocol}`);
      return security;
    } catch (error) {
      handshake.abort(error);
      connection.destroy();
      const failure = isFailure(error) ? error : failureOf(error, 'tls');
      this.#tell({ type: 'transport.lost', failure });
      throw signal?.aborted || error instanceof ConnectionError || error instanceof StateError
        ? error
        : new ConnectionError(failure);
    }
  }

  async #shake(
    connection: Connection,
    signal: AbortSignal,
    postHandshake: StartTlsOptions['postHandshake'],
  ): Promise<Security> {
    // Whatever came in the same segment has been seen when this goes on.
    await null;
    signal.throwIfAborted();
    await upgrade(connection, this.#opening, signal);
    const security = securityUnder(connection) as Security;
    try {
      await postHandshake?.(security);
    } catch (error) {
      throw {
        kind: 'tls',
        stage: 'tls',
        condition: 'certificate',
        text: 'refused after the handshake',
        retry: 'user',
        cause: causeOf(error),
      } satisfies Failure;
    }
    return security;
  }

  /**
   * Begins a new stream on the same connection, after TLS and after authentication: everything that was parsed is forgotten
   * and the header written anew. Until the peer's is there nothing can be sent. RFC 6120 §4.3.3
   *
   * @throws StateError, ConnectionError unless the stream is `OPEN`.
   * @throws ConnectionError when something followed the end of authentication: the stream is closed then.
   */
  reset(): void {
    const connection = this.#connection;
    if (connection === null || this.state !== 'OPEN' || this.#tls === 'handshake') throw this.#refusal('reset');
    if (this.#tls === null && connection.trailing) {
      this.#tell(violation(this.#stage, 'policy-violation', 'data behind the end of a stream'));
      throw this.#refusal('reset');
    }
    this.#tls = null;
    this.#features = null;
    connection.stopParsing();
    connection.reset();
    this.#tell({ type: 'reset' });
  }

  /**
   * `reset`, and resolves with the features of the new stream.
   *
   * @throws what `reset` and `features` throw.
   */
  resetAndGetFeatures(options: WaitOptions = {}): Promise<Element> {
    return tended(
      (async () => {
        this.reset();
        return this.features(options);
      })(),
    );
  }

  /**
   * The features of the stream: those that came since the last `reset`, or the first to come.
   *
   * @throws StateError, ConnectionError when the stream ends before.
   * @throws TimeoutError after `timeout`.
   */
  features(options: WaitOptions = {}): Promise<Element> {
    return this.#until('the features', options, () => this.#features ?? undefined);
  }

  /** Resolves once the stream is closing, or at once if it is: with why, null when that was asked of us. */
  async ended(options: WaitOptions = {}): Promise<Failure | null> {
    const { failure } = await this.#until('the end of the stream', options, () =>
      this.#isOver ? { failure: this.#failure } : undefined,
    );
    return failure;
  }

  /**
   * Writes the footer, and then that nothing more will come where that can be said without TLS; the connection is closed when
   * the peer has answered or `shutdownTimeout` is over. Nothing happens when the stream is closing already.
   */
  close(): void {
    this.#close(null);
  }

  /**
   * Tells the peer what is wrong and closes.
   *
   * @param condition a defined condition such as `policy-violation`. RFC 6120 §4.9.3
   * @throws XmlError for what cannot be written.
   */
  closeWithError(condition: string, text?: string): void {
    const error: StreamError = { condition, ...(text !== undefined && { text }) };
    // What cannot be written throws here and not in the chart.
    encodeCommand({ kind: 'error', error }, 0);
    this.#close(error);
  }

  #close(error: StreamError | null): void {
    if (this.#isOver) return;
    this.#start();
    this.#tell({ type: 'close', failure: null, error });
  }

  /** `close`, and resolves when the stream is over on both sides. Never rejects; aborting `signal` aborts the stream. */
  async closeAndWait({ signal }: Pick<WaitOptions, 'signal'> = {}): Promise<void> {
    this.close();
    if (signal?.aborted) this.abort();
    const abort = () => this.abort();
    signal?.addEventListener('abort', abort, { once: true });
    const isEnded = () => this.#hasReached('CLOSING_STREAM_FOOTER_RECEIVED') || undefined;
    await this.#until('the end of the stream', {}, isEnded, () => false);
    signal?.removeEventListener('abort', abort);
  }

  /** Closes the stream and waits for the end, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.closeAndWait();
  }

  /**
   * Closes the connection at once and without a footer: what was written is still sent, if that takes no longer than a second,
   * and nothing more is received. The stream is `CLOSED`. While it is closing, this is as good as the peer's footer.
   */
  abort(): void {
    if (this.state === 'CLOSED') return;
    const connection = this.#connection;
    if (connection !== null && this.#tls !== 'handshake' && this.#linger === undefined) {
      connection.stopParsing();
      connection.end();
      this.#linger = this.#clock.setTimeout(() => connection.destroy(), LINGER);
    }
    this.#start();
    this.#tell({ type: 'abort', failure: null });
  }

  /** Listens to an event. A listener that throws, or whose promise rejects, is reported as `handlerError`. */
  on<T extends keyof XMLStreamEvents>(
    type: T,
    listener: (event: XMLStreamEvents[T]) => unknown,
    options: ListenOptions = {},
  ): Subscription {
    return this.#emitter.on(type, listener, options);
  }

  /** Shows everything that crosses the wire but for `sendRaw`: SASL, passwords and tokens are taken out. */
  tap(listener: (crossing: Crossing) => void): Subscription {
    return subscription(this.#tap.add(listener));
  }

  /** Keeps everything from `tap` until it is taken back: for secrets that nobody but the application knows to be such. */
  mute(): Subscription {
    let over = false;
    this.#muted += 1;
    return subscription(() => {
      if (!over) this.#muted -= 1;
      over = true;
    });
  }

  get #silence(): number {
    return this.#clock.now() - (this.#connection?.heardAt ?? 0);
  }

  // What the chart says.

  get #failure(): Failure | null {
    const { status, context } = this.actor.getSnapshot();
    return status === 'error' ? BROKEN : context.cause;
  }

  get #isOver(): boolean {
    return this.#hasReached('CLOSING');
  }

  #hasReached(state: StreamState): boolean {
    return (
      STREAM_STATES.indexOf(this.state) >= STREAM_STATES.indexOf(state) || this.actor.getSnapshot().status === 'error'
    );
  }

  #tell(event: StreamMachineEvent): void {
    if (this.#started && this.actor.getSnapshot().status === 'active') this.actor.send(event);
  }

  /** The chart moved. */
  #moved(): void {
    this.#say('debug', this.state);
    if (this.#isOver && !this.#closingTold) {
      this.#closingTold = true;
      const failure = this.#failure;
      if (failure !== null) this.#say('warn', `closing: ${describeFailure(failure)}`);
      this.#emitter.emit('closing', { failure });
    }
    if (this.#hasReached('CLOSED')) {
      this.#deadTime.stop();
      this.#over.abort();
      if (this.#linger === undefined) this.#connection?.destroy();
    }
    this.#look();
  }

  /** The chart is broken: a defect, and the socket must not stay. */
  #broke(error: unknown): void {
    this.#moved();
    this.#connection?.destroy();
    this.#report(error, null);
  }

  /** Ends a connection from which nothing is to be expected. */
  #die(failure: Failure): void {
    this.#connection?.destroy();
    this.#tell({ type: 'transport.lost', failure });
  }

  // What the chart commands.

  #command(command: WireCommand): void {
    const connection = this.#connection;
    if (connection === null) return;
    if (command.kind === 'footer') this.#footer(connection);
    else this.#write(connection, command.kind === 'header' ? this.#header(connection) : encodeCommand(command, 0));
  }

  #header(connection: Connection): string {
    const { to, from = null, lang = null, namespace } = this.#options;
    return encodeHeader(to, connection.tls === null ? null : from, lang, namespace);
  }

  #footer(connection: Connection): void {
    if (this.#tls === 'handshake') {
      // In the middle of a handshake there is no stream to end.
      this.#die({ kind: 'network', stage: 'tls', text: 'closed during the TLS handshake', retry: 'backoff' });
      return;
    }
    this.#write(connection, FOOTER);
    // To TLS 1.2 the end of one direction is that of both. RFC 5246 §7.2.1
    if (connection.tls === null) connection.finish();
    else connection.flush();
  }

  #write(connection: Connection, text: string): void {
    this.#show('out', text);
    connection.write(text);
  }

  #show(direction: Crossing['direction'], what: string | Element): void {
    if (this.#tap.open && this.#muted === 0) this.#tap.show(direction, what);
  }

  // What the connection says.

  readonly #hearing: ConnectionHandler = {
    header: (root, content) => {
      this.#show('in', root);
      this.#tell(decodeHeader(root, content, this.#options.namespace));
      if (this.state === 'OPEN') this.#emitter.emit('header', root);
    },
    element: (element) => {
      this.#show('in', element);
      this.#element(element);
    },
    footer: () => {
      this.#show('in', FOOTER);
      this.#tell(footerReceived(this.#stage));
    },
    error: ({ condition, message }) => this.#tell(violation(this.#stage, condition, message)),
    ended: () => this.#tell(transportEnded(this.#stage)),
    lost: (error) => {
      if (this.#linger !== undefined) this.#clock.clearTimeout(this.#linger);
      this.#tell(transportLost(this.#stage, error));
    },
    heard: () => this.#deadTime.heard(),
    flushing() {},
    drained() {},
  };

  #element(element: Element): void {
    if (this.#hasReached('CLOSING_STREAM_FOOTER_RECEIVED')) return;
    const isFeatures = element.is('features', NS.stream);
    if (element.is('error', NS.stream)) {
      const event = decodeNonza(element, this.#stage);
      if (event?.type === 'stream.error') this.#tell(event);
      return;
    }
    // What follows belongs to another stream, if it belongs at all. RFC 6120 §5.4.3.3, §6.4.6
    if (element.is('proceed', NS.tls) || element.is('success', NS.sasl)) this.#connection?.stopParsing();
    if (isFeatures) {
      this.#features = element;
      this.#emitter.emit('features', element);
      this.#look();
    }
    if (this.#dispatcher.dispatch(element) || isFeatures) return;
    this.#tell(violation(this.#stage, 'unsupported-stanza-type', 'an unknown element in the stream'));
  }

  #say(level: 'debug' | 'warn', message: string): void {
    try {
      this.#log?.[level](message);
    } catch (error) {
      this.#report(error, null);
    }
  }

  #report(error: unknown, element: Element | null): void {
    this.#emitter.emit('handlerError', { error, element });
  }

  // Waiting and refusing.

  /** The connection, if elements can be written. */
  #writable(what: string): Connection {
    const connection = this.#connection;
    if (connection === null || this.state !== 'OPEN' || this.#tls !== null) throw this.#refusal(what);
    return connection;
  }

  #refusal(what: string): ConnectionError | StateError {
    const failure = this.#failure;
    if (this.#isOver && failure !== null) return new ConnectionError(failure);
    const why = this.#tls === null || this.#isOver ? `in state ${this.state}` : 'before TLS is followed by reset';
    return new StateError(`the stream cannot ${what} ${why}`);
  }

  #look(): void {
    for (const watcher of [...this.#watchers]) watcher();
  }

  /** Returns what ends it. */
  #watch(watcher: () => void): () => void {
    this.#watchers.add(watcher);
    return () => void this.#watchers.delete(watcher);
  }

  #whenOver(reject: (error: unknown) => void): () => void {
    const look = () => {
      if (this.#isOver) reject(this.#refusal('go on'));
    };
    look();
    return this.#watch(look);
  }

  /** Waits until there is something to be found, and rejects when there can be no more. */
  #until<T>(
    what: string,
    options: WaitOptions,
    find: () => T | undefined,
    isHopeless = () => this.#isOver,
  ): Promise<T> {
    return wait(this.#clock, options, `waiting for ${what}`, (resolve, reject) => {
      const look = () => {
        const found = find();
        if (found !== undefined) resolve(found);
        else if (isHopeless()) reject(this.#refusal('go on'));
      };
      const unwatch = this.#watch(look);
      look();
      return unwatch;
    });
  }
}

function milliseconds(name: string, value: number | undefined, fallback: number): number {
  if (value === undefined) return fallback;
  if (!(value >= 0)) throw new TypeError(`${name} has to be a number of milliseconds`);
  return Math.min(value, LONGEST_DELAY);
}

function readDeadTime({ soft, hard }: DeadTimeLimits = {}): DeadTimeLimits {
  return { soft: milliseconds('deadTime.soft', soft, Infinity), hard: milliseconds('deadTime.hard', hard, Infinity) };
}
