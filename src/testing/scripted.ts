import type { TLSSocketOptions } from 'node:tls';
import type { Endpoint } from '../../machines/endpoint.ts';
import { JID } from '../jid.ts';
import { SaltedPasswordCache } from '../sasl/salted-password.ts';
import { type Certificates, goodIdentity, type Identity, sharedCertificates } from './certificates.ts';
import { FaultList } from './faults.ts';
import { Listener, refused } from './listener.ts';
import { Closed, Peer, type PeerContext, type ScriptError } from './peer.ts';
import { tlsOptions } from './security.ts';
import { DEFAULT_SETTINGS, type Settings } from './settings.ts';
import type { WireSocket } from './wire.ts';

/** What a server does on one connection, step by step. It is over when the promise is settled. */
export type Script = (peer: Peer) => Promise<unknown>;

/** What a scripted server is made with. */
export interface ScriptedServerOptions extends Partial<Settings> {
  /** The domain it serves; `localhost` by default. */
  readonly domain?: string;
  /** Passwords by localpart, for `negotiate`; by default `romeo` has the password `secret`. */
  readonly accounts?: Readonly<Record<string, string>>;
  /** The authority that clients trust; by default one for the process. */
  readonly certificates?: Certificates;
  /** The certificate it shows; by default a good one for its domain. */
  readonly identity?: Identity;
  /** Milliseconds that one step may wait for the client before the script fails; 5000 by default. */
  readonly limit?: number;
}

/** Milliseconds a step may wait unless the options say otherwise. */
const DEFAULT_LIMIT = 5000;

/** A server that says what a script says; see `scriptedServer`. */
export class ScriptedServer implements AsyncDisposable {
  /** The domain it serves. */
  readonly domain: string;
  /** The authority in PEM that a client has to trust. */
  readonly ca: string;
  /** Faults on every connection. */
  readonly faults: FaultList = new FaultList();
  /** Every connection there was, in order. */
  readonly peers: Peer[] = [];
  /** The mistakes that scripts found, in order. */
  readonly errors: ScriptError[] = [];
  /** Never fulfilled; rejects with the first mistake. May be ignored. */
  readonly failed: Promise<never>;
  readonly #scripts: Script | readonly Script[];
  readonly #context: PeerContext;
  readonly #starttls: Listener;
  readonly #direct: Listener;
  readonly #running: Promise<void>[] = [];
  #wake: () => void = () => {};
  #fail: (error: ScriptError) => void = () => {};

  /** @internal Made by `scriptedServer`. */
  constructor(scripts: Script | readonly Script[], options: ScriptedServerOptions, certificates: Certificates) {
    const { domain = 'localhost', accounts = { romeo: 'secret' }, limit = DEFAULT_LIMIT } = options;
    const { certificates: _, identity: given, limit: __, ...settings } = options;
    this.#scripts = scripts;
    this.domain = JID.parse(domain).toString();
    this.ca = certificates.ca;
    const identity = given ?? goodIdentity(certificates, this.domain);
    const merged = { ...DEFAULT_SETTINGS, ...settings };
    let tls: TLSSocketOptions | undefined;
    this.#context = {
      domain: this.domain,
      faults: this.faults,
      limit,
      tlsOptions: (direct) => {
        tls ??= tlsOptions(identity, this.ca, merged);
        return direct && merged.alpn ? { ...tls, ALPNProtocols: ['xmpp-client'] } : tls;
      },
      login: {
        domain: this.domain,
        accounts: new Map(Object.entries(accounts)),
        settings: merged,
        identity,
        ca: this.ca,
        saltedPasswords: new SaltedPasswordCache(),
      },
    };
    this.failed = new Promise((_, reject) => {
      this.#fail = reject;
    });
    this.failed.catch(() => {});
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

  /** Waits until every script of the list is done, or every connection there was; rejects with the first mistake. */
  async done(): Promise<void> {
    const expected = typeof this.#scripts === 'function' ? 1 : this.#scripts.length;
    const all = async () => {
      while (this.#running.length < expected) {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
      await Promise.all(this.#running);
    };
    await Promise.race([all(), this.failed]);
    const [error] = this.errors;
    if (error !== undefined) throw error;
  }

  /** Stops listening; connections there are stay. */
  down(): void {
    this.#starttls.close();
    this.#direct.close();
  }

  /** Listens again, on the same ports. */
  async up(): Promise<void> {
    await Promise.all([this.#starttls.listen(), this.#direct.listen()]);
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

  /** Closes every socket at once and ends every script; a script that waits is not at fault. */
  async close(): Promise<void> {
    this.down();
    await Promise.all(this.peers.map((peer) => peer.destroy()));
    await Promise.all(this.#running);
  }

  /** Closes the server, for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #accept(socket: WireSocket, direct: boolean): void {
    const peer = new Peer(this.#context, socket, this.peers.length + 1, direct);
    this.peers.push(peer);
    const script = typeof this.#scripts === 'function' ? this.#scripts : this.#scripts[peer.number - 1];
    this.#running.push(this.#run(peer, script ?? noScript));
    this.#wake();
  }

  async #run(peer: Peer, script: Script): Promise<void> {
    try {
      await script(peer);
    } catch (error) {
      if (error instanceof Closed) return;
      const mistake = peer.blame(error);
      this.errors.push(mistake);
      this.#fail(mistake);
      // The client need not wait for a server that is at a loss.
      peer.reset();
      return;
    }
    void peer.farewell().catch(() => {});
  }
}

async function noScript(): Promise<never> {
  throw new Error('there is no script for it');
}

/**
 * Starts a server that does what `script` says, on every connection; or what the first script says on the first
 * connection, and so on.
 *
 *     const server = await scriptedServer(async (peer) => {
 *       await peer.negotiate({ upTo: 'auth' });
 *       await peer.features(el('bind', { xmlns: 'urn:ietf:params:xml:ns:xmpp-bind' }));
 *       await peer.expect('iq');
 *       peer.reset();
 *     });
 */
export async function scriptedServer(
  script: Script | readonly Script[],
  options: ScriptedServerOptions = {},
): Promise<ScriptedServer> {
  const server = new ScriptedServer(script, options, options.certificates ?? (await sharedCertificates()));
  await server.up();
  return server;
}

/**
 * Runs `body` against a scripted server and closes it. Rejects as soon as a script finds a mistake, so that a test says
 * what the client did wrong and at which step, and not that it waited in vain.
 */
export async function scripted(
  script: Script | readonly Script[],
  body: (server: ScriptedServer) => Promise<unknown>,
  options: ScriptedServerOptions = {},
): Promise<void> {
  const server = await scriptedServer(script, options);
  try {
    await Promise.race([body(server), server.failed]);
    const [error] = server.errors;
    if (error !== undefined) throw error;
  } finally {
    await server.close();
  }
}
