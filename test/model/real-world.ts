/** The world around a real client, of which every piece waits for a move: name servers, dials, a server, an application. */
import { createSecureContext, type SecureContext } from 'node:tls';
import type { ClientSettings } from '../../machines/client.ts';
import { type Client, type ClientOptions, createClient, type Element, el, type Preparation } from '../../src/index.ts';
import { makeCertificates, sharedCertificates } from '../../src/testing/certificates.ts';
import type { Coverage } from '../../src/testing/coverage.ts';
import { NS } from '../../src/testing/names.ts';
import { turn } from '../../src/testing/outlet.ts';
import type { Peer } from '../../src/testing/peer.ts';
import { createServerMechanism, type ServerMechanism } from '../../src/testing/sasl.ts';
import { type ScriptedServer, scriptedServer } from '../../src/testing/scripted.ts';
import type { SrvRecord } from '../../src/transport/resolver.ts';
import { dial } from '../../src/transport/tcp.ts';
import { DrowsyClock, type Surroundings, Watch } from './real-client.ts';

/** The domain of the server. */
export const DOMAIN = 'xmpp.test';
/** What the client is bound as. */
export const JID = `user@${DOMAIN}/there`;
const PASSWORD = 'secret';

/** A question that waits for its answer. */
interface Question<Asked, Answer> {
  readonly asked: Asked;
  resolve(answer: Answer): void;
  reject(error: unknown): void;
}

/** Where questions wait until they are answered or nobody wants to know any more. */
export class Desk<Asked, Answer> {
  #open: Question<Asked, Answer>[] = [];
  #wake = () => {};

  /** Asks, and gives up when `signal` is aborted. */
  ask(asked: Asked, signal?: AbortSignal): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const question = { asked, resolve, reject };
      this.#open.push(question);
      signal?.addEventListener('abort', () => {
        this.#open = this.#open.filter((other) => other !== question);
        reject(signal.reason);
      });
      this.#wake();
    });
  }

  /** The next question, now or when it comes. */
  async next(): Promise<Question<Asked, Answer>> {
    for (;;) {
      const question = this.#open.shift();
      if (question !== undefined) return question;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  get empty(): boolean {
    return this.#open.length === 0;
  }
}

/** A server whose connections are spoken for by whoever takes them. */
export class Stage {
  readonly server: ScriptedServer;
  /** Shown by an impostor. */
  readonly forged: SecureContext;
  readonly #arrivals: Desk<Peer, void>;

  private constructor(server: ScriptedServer, forged: SecureContext, arrivals: Desk<Peer, void>) {
    this.server = server;
    this.forged = forged;
    this.#arrivals = arrivals;
  }

  static async open(): Promise<Stage> {
    const arrivals = new Desk<Peer, void>();
    const [certificates, { cert, key }] = await Promise.all([sharedCertificates(), makeCertificates()]);
    const server = await scriptedServer(
      (peer) => {
        void arrivals.ask(peer);
        return new Promise((resolve) => peer.socket.once('close', resolve));
      },
      { domain: DOMAIN, certificates },
    );
    return new Stage(server, createSecureContext({ cert, key }), arrivals);
  }

  /** The connection that was made last. */
  async arrival(): Promise<Peer> {
    return (await this.#arrivals.next()).asked;
  }

  close(): Promise<void> {
    return this.server.close();
  }
}

/** What every client of this world is made with; no two limits are the same, so that no two timers are due together. */
const OPTIONS = {
  jid: `user@${DOMAIN}`,
  mechanisms: ['SCRAM-SHA-256-PLUS', 'SCRAM-SHA-256', 'PLAIN', 'ANONYMOUS'],
  negotiationTimeout: 50_000,
  liveness: { idle: 60_000, answer: 70_000 },
  maxInitialAttempts: null,
};

/** What the charts of such a client decide by. */
export const settingsOf = (options: Partial<ClientOptions>): ClientSettings =>
  createClient({ ...OPTIONS, ...options, credentials: () => null }).actor.getSnapshot().context.settings;

/** A client and all that it deals with. */
export class World implements Surroundings {
  readonly client: Client;
  readonly clock = new DrowsyClock();
  readonly watch = new Watch();
  readonly forged: SecureContext;
  readonly #stage: Stage;
  readonly #direct: boolean;
  readonly #peers: Peer[] = [];
  readonly #endpoints = new Desk<string, readonly []>();
  readonly #records = new Desk<string, readonly SrvRecord[]>();
  readonly #dials = new Desk<string, string>();
  readonly #credentials = new Desk<string, string | null>();
  readonly #hooks = new Desk<Preparation, void>();
  readonly #filtered = new Desk<Element, null>();
  #preparation: Preparation | null = null;
  #holding = false;
  #scram: ServerMechanism | null = null;

  constructor(stage: Stage, options: Partial<ClientOptions>, direct: boolean, coverage: Coverage) {
    this.#stage = stage;
    this.#direct = direct;
    this.forged = stage.forged;
    const { port, directPort, ca } = stage.server;
    this.client = createClient({
      ...OPTIONS,
      ca,
      clock: this.clock,
      random: () => 0.5,
      inspect: (event) => {
        coverage.inspect(event);
        this.watch.inspect(event);
      },
      endpoints: ({ domain, signal }) => this.#endpoints.ask(domain, signal),
      resolveSrv: (name, { signal }) => this.#records.ask(name, signal),
      connect: async ({ host }, { signal }) => {
        const address = await this.#dials.ask(host, signal);
        return dial({ host: address, port: direct ? directPort : port }, { signal });
      },
      credentials: ({ mechanism, signal }) => this.#credentials.ask(mechanism, signal),
      ...options,
    });
    this.client.beforeEstablished((preparation) => {
      this.#preparation = preparation;
      return this.#hooks.ask(preparation, preparation.signal);
    });
    this.client.filter('outbound', (stanza) => (this.#holding ? this.#filtered.ask(stanza) : stanza));
  }

  // The application.

  start(): void {
    this.client.start().catch(() => {});
  }

  stop(): void {
    void this.client.stop();
  }

  probe(): void {
    this.client.probe().catch(() => {});
  }

  /** Sends a stanza that goes straight to the server. */
  send(): void {
    const stanza = el('message', { to: JID });
    if (this.client.phase === 'online') this.client.send(stanza);
    else this.#preparation?.send(stanza);
  }

  /** Sends one that does not get through the filter. */
  hold(): void {
    this.#holding = true;
    this.send();
  }

  /** Drops what the filter has. */
  async free(): Promise<void> {
    this.#holding = false;
    (await this.#filtered.next()).resolve(null);
  }

  async prepared(error?: Error): Promise<void> {
    const hook = await this.#hooks.next();
    if (error === undefined) hook.resolve();
    else hook.reject(error);
  }

  async login(credentials: string | null | Error = PASSWORD): Promise<void> {
    const question = await this.#credentials.next();
    if (credentials instanceof Error) question.reject(credentials);
    else question.resolve(credentials);
  }

  // Name servers.

  /** The application names no endpoint, or fails to. */
  async named(error?: Error): Promise<void> {
    const question = await this.#endpoints.next();
    if (error === undefined) question.resolve([]);
    else question.reject(error);
  }

  /** The domain has these hosts; `.` says that it has none for us. */
  async found(...hosts: string[]): Promise<void> {
    const records = hosts.map((name, priority) => ({ name, port: 5222, priority, weight: 0 }));
    for (const question of [await this.#records.next(), await this.#records.next()]) {
      const wanted = hosts.includes('.') || question.asked.startsWith('_xmpps-') === this.#direct;
      question.resolve(wanted ? records : []);
    }
  }

  // The connection.

  /** The server's end of the current one. */
  get peer(): Peer {
    const peer = this.#peers.at(-1);
    if (peer === undefined) throw new Error('there is no connection');
    return peer;
  }

  /** Nobody listens there. */
  async refuse(): Promise<void> {
    (await this.#dials.next()).resolve('127.0.0.2');
  }

  /** Lets the client through; where TLS comes first, to a server with its own certificate or to an impostor. */
  async connect(impostor = false): Promise<void> {
    (await this.#dials.next()).resolve('127.0.0.1');
    this.#peers.push(await this.#stage.arrival());
    if (this.#direct) await this.shake(impostor);
  }

  /** Shakes hands, by a certificate that the client trusts or not. */
  async shake(impostor: boolean): Promise<void> {
    const handshake = this.peer.handshake(impostor ? { secureContext: this.forged } : {});
    if (impostor) await handshake.catch(() => {});
    else await handshake;
  }

  async proceed(): Promise<void> {
    await this.peer.expect('starttls');
    // What comes next is for whoever shakes hands.
    this.peer.socket.pause();
    await this.peer.send(el('proceed', { xmlns: NS.tls }));
  }

  // Authentication.

  sasl(name: string, content?: string | Element): Promise<void> {
    return this.peer.send(el(name, { xmlns: NS.sasl }, content));
  }

  /** Takes what the client sends, and gives the answer of SCRAM to it if that is what it uses. */
  async #step(kind: 'challenge' | 'success'): Promise<void> {
    const element = await this.peer.next();
    if (element.name === 'auth') {
      const name = element.attr('mechanism') ?? '';
      const options = { password: () => PASSWORD, binding: () => undefined, iterations: 4096 };
      this.#scram = name.startsWith('SCRAM') ? createServerMechanism(name, options) : null;
    }
    const outcome: Partial<Record<string, unknown>> =
      (await this.#scram?.step(Buffer.from(element.text, 'base64'))) ?? {};
    const answer = outcome[kind];
    await this.sasl(kind, answer instanceof Uint8Array ? Buffer.from(answer).toString('base64') : undefined);
  }

  /** Asks for a proof; without a word where SCRAM asks for none. */
  challenge(): Promise<void> {
    return this.#step('challenge');
  }

  /** Says that all is well; without a proof where SCRAM has not come to its end. */
  succeed(): Promise<void> {
    return this.#step('success');
  }

  async refuseLogin(condition: string): Promise<void> {
    await this.peer.next();
    await this.sasl('failure', el(condition));
  }

  /** Asks for a proof and does not wait for it. */
  async hurry(verdict: 'success' | 'failure'): Promise<void> {
    await this.peer.next();
    const then = el(verdict, { xmlns: NS.sasl }, verdict === 'failure' ? el('not-authorized') : undefined);
    await this.peer.send(`${el('challenge', { xmlns: NS.sasl })}${then}`);
  }

  // The session.

  /** Says something that the client hears of. */
  async speak(): Promise<void> {
    const heard = this.client.once('message');
    await this.peer.send(el('message', { from: DOMAIN }, el('body', {}, 'still here')));
    await heard;
  }

  sm(name: string, attrs: Record<string, string | number> = {}, ...children: Element[]): Promise<void> {
    return this.peer.send(el(name, { xmlns: NS.sm, ...attrs }, children));
  }

  /** A stanza that no connection waits for any more is let go: on the next one it would be in the way at once. */
  async tidy(): Promise<void> {
    if (this.client.actor.getSnapshot().matches({ link: { connected: 'live' } })) return;
    this.#holding = false;
    while (!this.#filtered.empty) (await this.#filtered.next()).resolve(null);
  }

  /** Ends everything, however far it has come. */
  async close(): Promise<void> {
    const stopped = this.client.stop();
    for (const peer of this.#peers) peer.reset();
    for (let left = 100; left > 0 && this.client.running; left -= 1) {
      this.clock.advance(10_000);
      await turn();
    }
    if (this.client.running)
      throw new Error(`it does not stop: ${JSON.stringify(this.client.actor.getSnapshot().value)}`);
    await stopped;
  }
}
