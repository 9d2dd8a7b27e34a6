/**
 * Real clients against the embedded server, over loopback. Whatever a test makes is gone after it, and a test fails when
 * it leaves a socket or a timer behind, breaks the server, or lets a rejection escape.
 */
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import * as assert from 'uvu/assert';
import {
  type Client,
  type ClientEvents,
  type ClientOptions,
  type Connect,
  createClient,
  type Endpoint,
} from '../../src/index.ts';
import {
  type Script,
  type ScriptedServer,
  type ScriptedServerOptions,
  scriptedServer,
} from '../../src/testing/scripted.ts';
import { type TestServer, type TestServerOptions, testServer } from '../../src/testing/server.ts';
import { dial } from '../../src/transport/tcp.ts';
import { suite } from '../harness.ts';

export { sleep };

export const JID = 'romeo@localhost';
export const PASSWORD = 'secret';

/** What a client needs to know of a server, whichever kind it is. */
type Server = { readonly ca: string; readonly endpoint: Endpoint };

const unhandled: unknown[] = [];
process.on('unhandledRejection', (reason) => unhandled.push(reason));

/** What happens to a client, in words: `waiting 1`, `destroyed network`, `online anew`. A reason that is missing is `-`. */
export class Journal {
  #entries: string[] = [];
  #wake: (() => void)[] = [];

  constructor(client: Client) {
    const why = (reason: { kind: string; condition?: string } | null) => reason?.condition ?? reason?.kind ?? '-';
    const note = <T extends keyof ClientEvents>(type: T, words: (event: ClientEvents[T]) => string = () => '') =>
      client.on(type, (event) => this.note(`${type} ${words(event)}`.trimEnd()));
    note('established');
    note('resumed');
    note('online', ({ resumed }) => (resumed ? 'again' : 'anew'));
    note('suspended', ({ reason }) => why(reason));
    note('destroyed', ({ reason }) => why(reason));
    note('waiting', ({ attempt, reason }) => `${attempt} ${why(reason)}`);
    note('failure', ({ failure }) => why(failure));
    note('stopped');
    note('handlerError', ({ error }) => String(error));
  }

  /** What happened since the journal was last read. */
  read(): string[] {
    return this.#entries.splice(0);
  }

  /** Waits for something that has not been read yet. */
  async until(entry: string): Promise<void> {
    while (!this.#entries.includes(entry)) await new Promise<void>((resolve) => this.#wake.push(resolve));
  }

  note(entry: string): void {
    this.#entries.push(entry);
    for (const wake of this.#wake.splice(0)) wake();
  }
}

/** A client under test. */
export interface Subject {
  readonly client: Client;
  readonly journal: Journal;
  /** Everywhere it tried to connect to, in order. */
  readonly dialed: readonly Endpoint[];
  /** Every TCP socket it had, in order; destroying the last is pulling the cable. */
  readonly sockets: readonly Socket[];
}

/** Makes what one test needs, and takes it away. */
export class Rig {
  readonly #clients: Client[] = [];
  readonly #servers: (TestServer | ScriptedServer)[] = [];
  #fail: (mistake: unknown) => void = () => {};
  /** Rejects with the first mistake that a script finds. */
  readonly mistake = new Promise<never>((_, reject) => {
    this.#fail = reject;
  });

  /** A server with the accounts `romeo` and `juliet`. */
  async server(options: TestServerOptions = {}): Promise<TestServer> {
    const server = await testServer({ accounts: { romeo: PASSWORD, juliet: PASSWORD }, ...options });
    this.#servers.push(server);
    return server;
  }

  /** A server that says what scripts say; a mistake that one finds fails the test at once. */
  async scripted(scripts: Script | readonly Script[], options: ScriptedServerOptions = {}): Promise<ScriptedServer> {
    const server = await scriptedServer(scripts, options);
    this.#servers.push(server);
    server.failed.catch(this.#fail);
    return server;
  }

  /** Romeo, unless the options say otherwise, on a server and with the shortest of pauses; not started. */
  client(server: Server, options: Partial<ClientOptions> = {}): Subject {
    const dialed: Endpoint[] = [];
    const sockets: Socket[] = [];
    const connect: Connect = async (endpoint, { signal }) => {
      dialed.push(endpoint);
      // Who knows what listens at the port of XMPP on this machine.
      if (endpoint.source === 'fallback') throw Object.assign(new Error('refused'), { syscall: 'connect' });
      const socket = await dial(endpoint, { signal });
      sockets.push(socket);
      return socket;
    };
    const client = createClient({
      jid: JID,
      ...(options.credentials === undefined && { password: PASSWORD }),
      ca: server.ca,
      endpoints: [server.endpoint],
      backoff: { start: 1, factor: 1, cap: 1 },
      ...(options.configureSocket === undefined && { connect }),
      ...options,
    });
    this.#clients.push(client);
    return { client, journal: new Journal(client), dialed, sockets };
  }

  /** The same, online. */
  async online(server: Server, options: Partial<ClientOptions> = {}): Promise<Subject> {
    const subject = this.client(server, options);
    await subject.client.start();
    return subject;
  }

  /** Stops every client and closes every server. */
  async close(): Promise<void> {
    const closing = [...this.#clients.map((client) => client.stop()), ...this.#servers.map((server) => server.close())];
    await Promise.all(closing);
  }

  /** Throws what a server found wrong. */
  check(): void {
    for (const { errors } of this.#servers) if (errors.length > 0) throw errors[0];
  }
}

/** What keeps a process alive, of the kinds that a client can leave behind. */
export function resources(): string[] {
  return process.getActiveResourcesInfo().filter((name) => /^(?:TCP|TLS|Timeout|GetAddrInfo|QUERY)/.test(name));
}

/** Waits until there is no more of it than before. */
async function nothingLeft(before: readonly string[]): Promise<void> {
  for (let left = 100; resources().length > before.length; left -= 1) {
    if (left === 0) assert.equal(resources(), before, 'something was left behind');
    await sleep(5);
  }
}

/** Milliseconds a test may take. What it has made is taken away then, too, or the process would not end. */
const LIMIT = 30_000;

async function late(): Promise<never> {
  await sleep(LIMIT, undefined, { ref: false });
  throw new Error(`it took longer than ${LIMIT} ms`);
}

/** A suite whose tests are given a rig each. */
export function sockets(title: string): { (name: string, body: (rig: Rig) => Promise<unknown>): void; run(): void } {
  const test = suite(title, LIMIT + 5_000);
  const add = (name: string, body: (rig: Rig) => Promise<unknown>) =>
    test(name, async () => {
      const before = resources();
      const rig = new Rig();
      try {
        await Promise.race([body(rig), rig.mistake, late()]);
      } finally {
        await rig.close();
      }
      rig.check();
      await nothingLeft(before);
      assert.equal(unhandled.splice(0), [], 'a rejection escaped');
    });
  return Object.assign(add, { run: () => test.run() });
}
