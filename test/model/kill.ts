/**
 * One whole session of a real client with the embedded server, cut at one byte: STARTTLS, SCRAM, bind, enable, twenty
 * messages each way, a loss and a resumption. The network is sound again behind the cut, and all has to come to a good end.
 */
import { createSecureContext, type SecureContext } from 'node:tls';
import * as assert from 'uvu/assert';
import { type Client, createClient } from '../../src/client/client.ts';
import type { ClientOptions } from '../../src/client/options.ts';
import type { DeliveryState } from '../../src/client/token.ts';
import { ManualClock } from '../../src/testing/clock.ts';
import type { Direction, DropKind } from '../../src/testing/faults.ts';
import { type MemoryTransport, memoryTransport } from '../../src/testing/memory.ts';
import { type TestServer, testServer } from '../../src/testing/server.ts';
import { el } from '../../src/xml/element.ts';

/** Where a connection is cut: the first is lost anyhow once most messages have arrived, the second resumes the session. */
export interface Cut {
  readonly link: 1 | 2;
  readonly direction: Direction;
  readonly bytes: number;
  readonly kind: DropKind;
}

/** How many bytes go over the two links, each way, when nothing is cut. */
export type Lengths = Readonly<Record<1 | 2, Readonly<Record<Direction, number>>>>;

/** Every way to end it. */
export const KINDS: readonly DropKind[] = ['fin', 'rst', 'silence'];

export const DIRECTIONS: readonly Direction[] = ['in', 'out'];

/** A cut in one word: `1:in:700:rst`. */
export function wordOf({ link, direction, bytes, kind }: Cut): string {
  return [link, direction, bytes, kind].join(':');
}

/** What came of a cut. */
export interface Outcome {
  /** Whether the byte was ever reached: the length of a handshake varies a little. */
  readonly cut: boolean;
  readonly lengths: Lengths;
  /** Whether a session was there when the cut came, which was resumed; otherwise there was nothing yet to be lost. */
  readonly resumed: boolean;
  readonly lost: number;
  readonly duplicated: number;
}

const MESSAGES = 20;

/** Messages that have arrived when the first connection is lost. */
const ENOUGH = 15;

/** Milliseconds in which a sound connection has to get on. */
const PATIENCE = 10_000;

/** A server, and somebody to talk to who stays connected all the time. */
export class Stage implements AsyncDisposable {
  readonly server: TestServer;
  readonly #juliet: Client;
  #count = 0;

  private constructor(server: TestServer, juliet: Client) {
    this.server = server;
    this.#juliet = juliet;
  }

  static async set(): Promise<Stage> {
    const server = await testServer({ accounts: { romeo: 'secret', juliet: 'secret' }, scram: { iterations: 1 } });
    const juliet = person(server, 'juliet', memoryTransport(server));
    await juliet.start();
    return new Stage(server, juliet);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#juliet.stop();
    await this.server.close();
  }

  /** Plays it through once. Throws when the client does not recover, or leaves something behind. */
  async play(cut: Cut | null): Promise<Outcome> {
    this.#count += 1;
    const play = new Play(this.server, this.#juliet, `${this.#count}`.padStart(8, '0'), cut);
    try {
      return await play.run();
    } finally {
      play.end();
    }
  }
}

function person(
  server: TestServer,
  name: string,
  memory: MemoryTransport,
  options: Partial<ClientOptions> = {},
): Client {
  return createClient({
    jid: `${name}@localhost`,
    password: 'secret',
    // Read once, and not for every connection.
    secureContext: contextOf(server.ca),
    mechanisms: ['SCRAM-SHA-256-PLUS'],
    endpoints: [server.endpoint],
    connect: memory.connect,
    iterations: { min: 1 },
    maxInitialAttempts: null,
    ...options,
  });
}

const contexts = new Map<string, SecureContext>();

function contextOf(ca: string): SecureContext {
  const context = contexts.get(ca) ?? createSecureContext({ ca });
  contexts.set(ca, context);
  return context;
}

/** One session of the client, from its start to its stop. */
class Play {
  readonly #server: TestServer;
  readonly #juliet: Client;
  readonly #romeo: Client;
  readonly #memory: MemoryTransport;
  readonly #clock = new ManualClock();
  readonly #name: string;
  readonly #cut: Cut | null;
  /** Numbers of the messages that arrived. */
  readonly #heard = { romeo: [] as number[], juliet: [] as number[] };
  readonly #states: DeliveryState[][] = [];
  #life = '';
  /** The client's life up to the cut. */
  #before: string | null = null;
  readonly #listening: { unsubscribe(): void };

  constructor(server: TestServer, juliet: Client, name: string, cut: Cut | null) {
    this.#server = server;
    this.#juliet = juliet;
    this.#name = name;
    this.#cut = cut;
    this.#memory = memoryTransport(server, {
      onLink: (link) => {
        if (link.number === cut?.link) link.cut(cut.direction, cut.bytes, cut.kind);
      },
    });
    const random = () => 0.5;
    this.#romeo = person(server, 'romeo', this.#memory, { clock: this.#clock, random });
    this.#listening = juliet.on('message', ({ body }) => this.#hear('juliet', body));
    this.#romeo.on('message', ({ body }) => this.#hear('romeo', body));
    for (const [type, letter] of [
      ['established', 'E'],
      ['suspended', 'S'],
      ['resumed', 'R'],
      ['destroyed', 'D'],
      ['stopped', '.'],
    ] as const) {
      this.#romeo.on(type, () => {
        this.#life += letter;
      });
    }
  }

  #hear(who: 'romeo' | 'juliet', body: string | undefined): void {
    const [name, number] = body?.split(' ') ?? [];
    if (name !== this.#name) return;
    this.#heard[who].push(Number(number));
    // The first connection is lost while messages and acknowledgements are under way.
    if (who === 'juliet' && Number(number) === ENOUGH && this.#romeo.phase === 'online') this.#memory.link?.drop('rst');
  }

  async run(): Promise<Outcome> {
    const romeo = this.#romeo;
    romeo.start().catch(() => {});
    await this.#until('online', () => romeo.phase === 'online');
    for (let number = 0; number < MESSAGES; number += 1) {
      this.#send(romeo, this.#juliet, number);
      this.#send(this.#juliet, romeo, number);
      if (number % 5 === 4) for (let turns = 0; turns < 3; turns += 1) await this.#turn();
    }
    const isDone = () =>
      this.#heard.romeo.length >= MESSAGES &&
      this.#heard.juliet.length >= MESSAGES &&
      this.#states.every((states) => states.at(-1) === 'acked') &&
      romeo.phase === 'online';
    await this.#until('done', isDone);
    const { links } = this.#memory;
    const passed = (number: number) => links[number - 1]?.passed ?? { in: 0, out: 0 };
    const lengths = { 1: passed(1), 2: passed(2) };
    const cut = this.#cut !== null && links[this.#cut.link - 1]?.passed[this.#cut.direction] === this.#cut.bytes;
    await this.#stop();
    return { cut, lengths, resumed: this.#before?.includes('E') ?? false, ...this.#tally() };
  }

  /** Takes away what is left on the server. */
  end(): void {
    this.#listening.unsubscribe();
    this.#memory.close();
    for (const session of this.#server.sessions) if (session.jid.local === 'romeo') session.end();
  }

  #send(from: Client, to: Client, number: number): void {
    const token = from.send(el('message', { to: to.jid.toString() }, el('body', {}, `${this.#name} ${number}`)));
    if (from !== this.#romeo) return;
    const states = [token.state];
    this.#states.push(states);
    token.onStateChange((state) => states.push(state));
  }

  /** C.8-2: nothing is left of a client that was stopped. */
  async #stop(): Promise<void> {
    void this.#romeo.stop();
    await this.#until('stopped', () => this.#romeo.phase === 'offline');
    await this.#memory.quiet(2);
    assert.ok(
      this.#memory.links.every(({ near }) => near.closed),
      'a socket is left',
    );
    assert.equal(this.#clock.pending, [], 'a timer is left');
    assert.equal(this.#server.errors, []);
    // A session that was once established is never given up.
    assert.match(this.#life, /^E(SR)*D\.$/);
  }

  /** C.8-17, C.8-18, C.8-23 */
  #tally(): { lost: number; duplicated: number } {
    let [lost, duplicated] = [0, 0];
    for (const heard of Object.values(this.#heard)) {
      const numbers = new Set(heard);
      lost += MESSAGES - numbers.size;
      duplicated += heard.length - numbers.size;
      if (heard.length === MESSAGES)
        assert.equal(
          heard,
          [...numbers].sort((one, other) => one - other),
          'the order',
        );
    }
    for (const states of this.#states) assert.match(states.join(' '), /^(queued )?(sent )?acked$/);
    return { lost, duplicated };
  }

  /** Goes on until something is true. Time passes only when nothing else can happen. */
  async #until(what: string, isTrue: () => boolean): Promise<void> {
    const deadline = performance.now() + PATIENCE;
    while (!isTrue()) {
      const { link } = this.#memory;
      if (this.#romeo.getSnapshot().retry !== null) this.#clock.next();
      else if (link?.dropped === 'silence') {
        await this.#memory.quiet();
        if (!isTrue()) this.#clock.next();
      } else if (performance.now() > deadline) {
        const { phase } = this.#romeo;
        throw new Error(
          `never ${what}: ${phase} ${this.#life}, ${this.#memory.links.length} links, heard ${JSON.stringify(this.#heard)}`,
        );
      }
      await this.#turn();
    }
  }

  async #turn(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    if (this.#before === null && this.#cut !== null && this.#memory.links[this.#cut.link - 1]?.dropped)
      this.#before = this.#life;
  }
}
