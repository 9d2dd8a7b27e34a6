import { EventEmitter } from 'node:events';
import type { TLSSocketOptions } from 'node:tls';
import type { Endpoint } from '../../machines/endpoint.ts';
import { JID } from '../jid.ts';
import { SaltedPasswordCache } from '../sasl/salted-password.ts';
import type { Element } from '../xml/element.ts';
import { type Certificates, goodIdentity, type Identity, sharedCertificates } from './certificates.ts';
import { Connection } from './connection.ts';
import { type Direction, type DropKind, FaultList, type Match, matches } from './faults.ts';
import type { Host } from './host.ts';
import type { Link } from './link.ts';
import { Listener, refused } from './listener.ts';
import { Registry } from './registry.ts';
import { Router } from './router.ts';
import { tlsOptions } from './security.ts';
import type { Session, SessionOwner } from './session.ts';
import { DEFAULT_SETTINGS, type Settings } from './settings.ts';
import type { WireSocket } from './wire.ts';

/** What a server is made with. */
export interface TestServerOptions extends Partial<Settings> {
  /** The domain it serves; `localhost` by default. */
  readonly domain?: string;
  /** Passwords by localpart. */
  readonly accounts?: Readonly<Record<string, string>>;
  /** The authority that clients trust and that certificates of clients are signed by; by default one for the process. */
  readonly certificates?: Certificates;
  /** The certificate it shows; by default a good one for its domain. */
  readonly identity?: Identity;
  /** Whether `log` is kept; false by default. It holds everything, SASL included. */
  readonly log?: boolean;
}

/** One element that was received or sent; the header of a stream is called `stream`, its footer `/stream`. */
export interface LogEntry {
  /** The number of the connection. */
  readonly connection: number;
  /** Seen from the server. */
  readonly direction: Direction;
  /** As it was on the wire, secrets included. */
  readonly element: Element;
}

/** How a server goes down: in order, with a stream error; or as if it were killed; or as if its cable were pulled. */
export type Downfall = 'shutdown' | DropKind;

/** What happens to a server's connections and sessions. */
export interface TestServerEvents {
  /** A socket was accepted; nothing was read of it yet. */
  connected: [connection: Connection];
  /** A connection is gone. */
  disconnected: [connection: Connection];
  /** A resource was bound. */
  bound: [session: Session];
  /** A session was resumed on another connection. */
  resumed: [session: Session];
  /** A session lost its connection, and waits. */
  hibernated: [session: Session];
  /** A session is over. */
  ended: [session: Session];
}

/** Who waits for an element. */
interface Waiter {
  readonly direction: Direction;
  readonly match: Match;
  readonly resolve: (element: Element) => void;
  readonly reject: (error: Error) => void;
}

/** An XMPP server for tests; see `testServer`. */
export class TestServer extends EventEmitter<TestServerEvents> implements AsyncDisposable {
  /** The domain it serves, normalised. */
  readonly domain: string;
  /** Passwords by localpart; may be changed at any time. */
  readonly accounts: Map<string, string>;
  /** The authority in PEM that a client has to trust. */
  readonly ca: string;
  /** Faults on every connection. */
  readonly faults: FaultList = new FaultList();
  /** What was received and sent, if it was asked for. */
  readonly log: LogEntry[] = [];
  /** Defects that showed: of the server, or of a service or a listener that a test gave it. Empty, one hopes. */
  readonly errors: unknown[] = [];
  readonly #logging: boolean;
  readonly #connections = new Map<number, Connection>();
  /** Those whose socket is not closed yet, although the connection may have ended. */
  readonly #sockets = new Set<Connection>();
  readonly #registry: Registry;
  readonly #router: Router;
  readonly #host: Host;
  readonly #starttls: Listener;
  readonly #direct: Listener;
  #settings: Settings;
  /** Made when it is first needed, and again when the settings change. */
  #tls: TLSSocketOptions | undefined;
  #count = 0;
  #waiters: Waiter[] = [];

  /** @internal Made by `testServer`. */
  constructor(options: TestServerOptions, certificates: Certificates) {
    super();
    const { domain = 'localhost', accounts = {}, log = false, certificates: _, identity, ...settings } = options;
    this.domain = JID.parse(domain).toString();
    this.accounts = new Map(Object.entries(accounts));
    this.ca = certificates.ca;
    this.#logging = log;
    this.#settings = { ...DEFAULT_SETTINGS, ...settings };
    this.#registry = new Registry(this.#sessionOwner());
    this.#router = new Router(this.domain, this.#registry, () => this.#settings);
    this.#host = this.#makeHost(identity ?? goodIdentity(certificates, this.domain));
    this.#starttls = new Listener((socket) => this.#accept(socket, false));
    this.#direct = new Listener((socket) => this.#accept(socket, true));
  }

  /** The port where TLS begins inside the stream, if at all. */
  get port(): number {
    return this.#starttls.port;
  }

  /** The port where TLS comes first. */
  get directPort(): number {
    return this.#direct.port;
  }

  /** Where to connect to. */
  get endpoint(): Endpoint {
    return { host: '127.0.0.1', port: this.port, tls: 'starttls', source: 'application' };
  }

  /** Where to connect to with TLS from the first byte. */
  get directEndpoint(): Endpoint {
    return { host: '127.0.0.1', port: this.directPort, tls: 'direct', source: 'application' };
  }

  /** The connections that are open, silent ones included, oldest first. */
  get connections(): Connection[] {
    return [...this.#connections.values()];
  }

  /** The sessions there are, hibernating ones included, oldest first. */
  get sessions(): Session[] {
    return [...this.#registry];
  }

  /** How it behaves. */
  get settings(): Settings {
    return this.#settings;
  }

  /** The session of a full JID, or the first one of a bare JID. */
  session(jid: JID | string): Session | undefined {
    const address = typeof jid === 'string' ? JID.parse(jid) : jid;
    if (address.resource !== undefined) return this.#registry.get(address.toString());
    const [first] = this.#registry.of(address.toString());
    return first;
  }

  /** Changes how it behaves from now on; what was granted before stays as it is. */
  configure(settings: Partial<Settings>): void {
    this.#settings = { ...this.#settings, ...settings };
    this.#tls = undefined;
  }

  /**
   * Waits for the next element that a client sends, or that is sent to one with `out`. Rejects when the server is closed
   * before.
   */
  next(match: Match, direction: Direction = 'in'): Promise<Element> {
    return new Promise((resolve, reject) => this.#waiters.push({ direction, match, resolve, reject }));
  }

  /** Drops every connection. */
  drop(kind: DropKind): void {
    for (const connection of this.connections) connection.drop(kind);
  }

  /**
   * Goes down: stops listening and ends every connection, by default like a process that is killed. Sessions that can be
   * resumed are kept in `keepSessions` mode, and wait; by default all memory is lost.
   */
  down(how: Downfall = 'fin', options: { keepSessions?: boolean } = {}): void {
    this.#starttls.close();
    this.#direct.close();
    for (const connection of this.connections) {
      if (how === 'shutdown') connection.end('system-shutdown');
      else connection.drop(how);
    }
    if (!options.keepSessions) this.#registry.forget();
  }

  /** Comes up again, on the same ports. */
  async up(): Promise<void> {
    await Promise.all([this.#starttls.listen(), this.#direct.listen()]);
  }

  /** Goes down and comes up again at once, on the same ports; see `down`. */
  async restart(options: { how?: Downfall; keepSessions?: boolean } = {}): Promise<void> {
    this.down(options.how, options);
    await this.up();
  }

  /**
   * Takes a connection that came by another way than its ports; TLS comes first on it if it is `direct`.
   *
   * @throws ECONNREFUSED while it is down.
   */
  accept(socket: WireSocket, direct = false): void {
    if (!this.#starttls.wanted) throw refused();
    this.#accept(socket, direct);
  }

  /** Closes every socket at once and ends every timer. */
  async close(): Promise<void> {
    this.#starttls.close();
    this.#direct.close();
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const { reject } of waiters) reject(new Error('the test server was closed'));
    const sockets = [...this.#sockets];
    for (const connection of sockets) connection.destroy();
    this.#registry.forget();
    await Promise.all(sockets.map(({ closed }) => closed));
  }

  /** Closes the server, for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #accept(socket: WireSocket, direct: boolean): void {
    this.#count += 1;
    const connection = new Connection(this.#host, socket, this.#count, direct);
    this.#connections.set(connection.number, connection);
    this.#sockets.add(connection);
    void connection.closed.then(() => this.#sockets.delete(connection));
    this.#tell('connected', connection);
    connection.start();
  }

  /** Emits an event; a listener that throws breaks no socket and no timer. */
  #tell<Name extends keyof TestServerEvents>(name: Name, ...args: TestServerEvents[Name]): void {
    try {
      (this as EventEmitter).emit(name, ...args);
    } catch (error) {
      this.errors.push(error);
    }
  }

  #sessionOwner(): SessionOwner {
    return {
      route: (from, stanza) => this.#router.route(from, stanza),
      hibernated: (session) => this.#tell('hibernated', session),
      ended: (session, undelivered) => {
        this.#registry.remove(session);
        this.#router.ended(session, undelivered);
        this.#tell('ended', session);
      },
    };
  }

  /** What connections see of the server: what it is now, not what it was when they began. */
  #makeHost(identity: Identity): Host {
    const server = this;
    return {
      domain: this.domain,
      accounts: this.accounts,
      faults: this.faults,
      registry: this.#registry,
      identity,
      ca: this.ca,
      saltedPasswords: new SaltedPasswordCache(),
      get settings() {
        return server.#settings;
      },
      get observed() {
        return server.#logging || server.#waiters.length > 0;
      },
      observe: (direction, element, link) => this.#observe(direction, element, link),
      tlsOptions: (direct) => this.#tlsOptions(identity, direct),
      bound: (session) => this.#tell('bound', session),
      resumed: (session) => this.#tell('resumed', session),
      disconnected: ({ number }) => {
        const connection = this.#connections.get(number);
        this.#connections.delete(number);
        if (connection !== undefined) this.#tell('disconnected', connection);
      },
      broke: (error) => this.errors.push(error),
    };
  }

  #tlsOptions(identity: Identity, direct: boolean): TLSSocketOptions {
    this.#tls ??= tlsOptions(identity, this.ca, this.#settings);
    return direct && this.#settings.alpn ? { ...this.#tls, ALPNProtocols: ['xmpp-client'] } : this.#tls;
  }

  #observe(direction: Direction, element: Element, link: Link): void {
    if (this.#logging) this.log.push({ connection: link.number, direction, element });
    const isMeant = (waiter: Waiter) => waiter.direction === direction && matches(waiter.match, element);
    const meant = this.#waiters.filter(isMeant);
    if (meant.length === 0) return;
    this.#waiters = this.#waiters.filter((waiter) => !meant.includes(waiter));
    for (const { resolve } of meant) resolve(element);
  }
}

/**
 * Starts an XMPP server in this process, on ports of its own on 127.0.0.1: STARTTLS and direct TLS with a certificate made
 * for it, SASL, resource binding, stream management with resumption, messages, IQs and presence among its accounts, and
 * everything that can go wrong on the way. Close it, and nothing of it is left.
 *
 *     const server = await testServer({ accounts: { romeo: 'secret' } });
 *     const client = createClient({ jid: 'romeo@localhost', password: 'secret', endpoints: [server.endpoint], ca: server.ca });
 */
export async function testServer(options: TestServerOptions = {}): Promise<TestServer> {
  const server = new TestServer(options, options.certificates ?? (await sharedCertificates()));
  await server.up();
  return server;
}
