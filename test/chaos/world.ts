/**
 * A client on a clock that stands still, over connections in memory: what a fault makes of it, how long that takes, and what
 * is left of it afterwards. No deadline is waited for in earnest, and none passes while anything else can still happen.
 */
import { type EventEmitter, getEventListeners } from 'node:events';
import { createSecureContext, type SecureContext } from 'node:tls';
import * as assert from 'uvu/assert';
import type { AnyActorRef, InspectionEvent } from 'xstate';
import {
  type Client,
  type ClientOptions,
  type Connect,
  createClient,
  type Failure,
  type SrvRecord,
} from '../../src/index.ts';
import { ManualClock } from '../../src/testing/clock.ts';
import { type Acceptor, type MemoryLink, type MemoryTransport, memoryTransport } from '../../src/testing/memory.ts';
import { type TestServer, type TestServerOptions, testServer } from '../../src/testing/server.ts';

export const DOMAIN = 'xmpp.test';
const PASSWORD = 'secret';

// What the clients of these tests are made with, in milliseconds. No two are the same, so that it shows which one was waited for.
/** How long a step may take. */
export const STEP = 60_000;
/** How long a farewell may take. */
export const FAREWELL = 5_000;
/** Silence before the server is asked. */
export const IDLE = 50_000;
/** How long it may then take. */
export const ANSWER = 40_000;
/** The pause before any attempt. */
export const PAUSE = 100;

/** A server with Romeo's account whose logins cost little. */
export function chaosServer(options: TestServerOptions = {}): Promise<TestServer> {
  return testServer({ domain: DOMAIN, accounts: { romeo: PASSWORD }, scram: { iterations: 1 }, ...options });
}

/** Turns of the event loop without a move that are enough: some pass in a TLS handshake. */
const TURNS = 40;

/** Milliseconds after which something that has not happened never will. */
const PATIENCE = 5_000;

/** What a world is made with. */
export interface WorldOptions extends Partial<ClientOptions> {
  /** TLS comes first. */
  readonly direct?: boolean | undefined;
  /** Called with every connection before its first byte. */
  readonly onLink?: (link: MemoryLink) => void;
}

const contexts = new Map<string, SecureContext>();

function contextOf(ca: string): SecureContext {
  const context = contexts.get(ca) ?? createSecureContext({ ca });
  contexts.set(ca, context);
  return context;
}

const record: SrvRecord = { name: 'server.test', port: 5222, priority: 0, weight: 0 };

const noRecord = () => Object.assign(new Error('no record'), { code: 'ENODATA', syscall: 'querySrv' });

/** A client and all that it has to do with. */
export class World {
  readonly clock: ManualClock;
  readonly memory: MemoryTransport;
  readonly client: Client;
  /** What the client told, in words: `waiting 1`, `suspended`. */
  readonly life: string[] = [];
  /** Why it waits, was cut off, or gave up, the latest first. */
  readonly reasons: Failure[] = [];
  /** Every signal that was handed to a hook of the application. */
  readonly signals: AbortSignal[] = [];
  readonly #actors = new Set<AnyActorRef>();
  readonly #before = handles();

  constructor(server: Acceptor & { readonly ca: string }, options: WorldOptions = {}, clock = new ManualClock()) {
    const { direct = false, onLink, ...rest } = options;
    this.clock = clock;
    this.memory = memoryTransport(server, { clock, ...(onLink && { onLink }) });
    const connect = rest.connect ?? this.memory.connect;
    const watched: Connect = (endpoint, { signal }) => {
      this.signals.push(signal);
      return connect(endpoint, { signal });
    };
    this.client = createClient({
      jid: `romeo@${DOMAIN}`,
      password: PASSWORD,
      mechanisms: ['SCRAM-SHA-256'],
      iterations: { min: 1 },
      // Read once, and not for every connection.
      secureContext: contextOf(server.ca),
      clock,
      random: () => 0,
      resolveSrv: async (name) => {
        if (name.startsWith('_xmpps-') !== direct) throw noRecord();
        return [record];
      },
      negotiationTimeout: STEP,
      shutdownTimeout: FAREWELL,
      liveness: { idle: IDLE, answer: ANSWER },
      backoff: { start: PAUSE, factor: 1, cap: PAUSE },
      maxInitialAttempts: null,
      inspect: (event: InspectionEvent) => {
        if (event.type === '@xstate.actor') this.#actors.add(event.actorRef as AnyActorRef);
      },
      ...rest,
      connect: watched,
    });
    for (const type of ['established', 'resumed', 'stopped'] as const) this.client.on(type, () => this.life.push(type));
    for (const type of ['suspended', 'destroyed', 'waiting'] as const) {
      this.client.on(type, ({ reason }) => {
        this.life.push(type);
        if (reason !== null) this.reasons.unshift(reason);
      });
    }
    this.client.on('failure', ({ failure }) => {
      this.life.push('failure');
      this.reasons.unshift(failure);
    });
    this.client.on('handlerError', ({ error }) => this.life.push(String(error)));
  }

  start(): void {
    this.client.start().catch(() => {});
  }

  /** The latest connection. */
  get link(): MemoryLink {
    return this.memory.link as MemoryLink;
  }

  /** The state of the link, such as `connected.live.ready.quiet`. */
  get state(): string {
    return pathOf((this.client.actor.getSnapshot().value as { link: unknown }).link);
  }

  /** Waits, while no time passes, for what has to happen without it. */
  async until(what: string, isTrue: () => boolean): Promise<void> {
    const deadline = performance.now() + PATIENCE;
    while (!isTrue()) {
      if (performance.now() > deadline) {
        throw new Error(`never ${what}: ${this.state} at ${this.clock.now()}, ${this.life.join(' ')}`);
      }
      await turn();
    }
  }

  /** Online, having waited for no deadline: time passes in pauses alone. */
  async online(): Promise<void> {
    if (this.client.phase === 'offline' || this.client.phase === 'failed') this.start();
    await this.until('online', () => {
      if (this.state === 'waiting') this.client.retry();
      return this.client.phase === 'online';
    });
    await this.still();
  }

  /** Resolves when what happens next, time has to bring about. */
  async still(): Promise<void> {
    // A password is hashed in a thread, of which the connection sees nothing.
    do await this.memory.quiet(TURNS);
    while (this.#isComputing);
  }

  get #isComputing(): boolean {
    return [...this.#actors].some(
      (actor) => actor.getSnapshot().status === 'active' && /^(?:initiate|respond|verify)$/.test(actor.id),
    );
  }

  /** Lets time pass until something is true, at most so many milliseconds; returns how many it took. */
  async pass(what: string, isTrue: () => boolean, most: number): Promise<number> {
    const began = this.clock.now();
    await this.still();
    while (!isTrue()) {
      const [next = Number.POSITIVE_INFINITY] = this.clock.pending;
      // What needs no time on the clock may need some of the machine's.
      if (next - began > most) {
        await this.until(`${what} within ${most} ms`, isTrue);
        break;
      }
      this.clock.next();
      await this.still();
    }
    return this.clock.now() - began;
  }

  /** Stops within the time for it, and leaves nothing behind. */
  async stop(most = FAREWELL): Promise<void> {
    let isStopped = false;
    void this.client.stop().then(() => {
      isStopped = true;
    });
    await this.pass('stopped', () => isStopped, most);
    await this.gone();
  }

  /** Nothing is left of a run that is over. */
  async gone(): Promise<void> {
    await this.still();
    assert.equal(this.census(), NOTHING);
    assert.equal(handles().slice(this.#before.length), [], 'handles');
    this.close();
  }

  /** What there is of everything that could be left behind. */
  census() {
    const open = this.memory.links.filter(({ near }) => !near.closed);
    return {
      timers: this.clock.pending.length,
      sockets: open.length,
      listeners: open.map(({ near }) => listeners(near)),
      signals: this.signals.filter((signal) => getEventListeners(signal, 'abort').length > 0).length,
      actors: [...this.#actors]
        .filter((actor) => actor !== this.client.actor && actor.getSnapshot().status === 'active')
        .map(({ id }) => id)
        .sort(),
    };
  }

  /** Takes away the server's ends. */
  close(): void {
    this.memory.close();
  }
}

function pathOf(value: unknown): string {
  const [inner] = typeof value === 'object' ? Object.entries(value as object) : [];
  return inner === undefined ? String(value) : `${inner[0]}.${pathOf(inner[1])}`;
}

const NOTHING = { timers: 0, sockets: 0, listeners: [], signals: 0, actors: [] };

const turn = () => new Promise((resolve) => setImmediate(resolve));

function listeners(emitter: EventEmitter): string[] {
  return emitter.eventNames().map((name) => `${String(name)} ${emitter.listenerCount(name)}`);
}

/** What keeps the process alive, of the kinds that a client could leave behind. */
function handles(): string[] {
  return process.getActiveResourcesInfo().filter((name) => !/^(?:Immediate|Timeout|TTY|Pipe|FS)/.test(name));
}

/** What an application decides by. */
export function verdictOf({ kind, stage, condition, retry }: Failure): string {
  return [kind, stage, ...(condition === undefined ? [] : [condition]), retry].join(' ');
}
