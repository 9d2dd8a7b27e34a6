/**
 * What can happen to a client and its stanzas, as commands of fast-check, and what has to be true of them at every moment.
 * The real client runs against `HonestServer` over a link in memory, on a clock that stands still.
 */
import * as fc from 'fast-check';
import * as assert from 'uvu/assert';
import { type Client, createClient } from '../../src/client/client.ts';
import type { DeliveryState, Token } from '../../src/client/token.ts';
import { ManualClock } from '../../src/testing/clock.ts';
import type { Direction, DropKind } from '../../src/testing/faults.ts';
import { type MemoryLink, type MemoryTransport, memoryTransport } from '../../src/testing/memory.ts';
import { el } from '../../src/xml/element.ts';
import { type Answer, type Books, DOMAIN, HonestServer, type Kind, QUERY } from './delivery-server.ts';

const FINAL: ReadonlySet<DeliveryState> = new Set(['acked', 'unconfirmed', 'aborted', 'dropped', 'failed', 'lost']);

/** What is expected: all that a command may decide by. */
export interface Model {
  /** The client has been told to start, and not to stop. */
  running: boolean;
  up: boolean;
}

/** A stanza of the client, by the number it says. */
interface Sent {
  readonly token: Token;
  readonly states: DeliveryState[];
  /** The session it was written in, none without stream management. */
  session: Books | null;
}

/** A cut that waits for a link. */
interface Cut {
  readonly direction: Direction;
  readonly bytes: number;
  readonly kind: DropKind;
}

/** A client, its server, and what was seen of them. */
export class Run {
  readonly clock = new ManualClock();
  readonly server: HonestServer;
  readonly memory: MemoryTransport;
  readonly client: Client;
  readonly sent: Sent[] = [];
  /** What went wrong by itself, out of anybody's call. */
  readonly mistakes: string[] = [];
  armed: Cut | null = null;
  /** Every event of the client's life. */
  #life = '';
  #asksAnswers = false;

  constructor(base: number, split: number) {
    this.server = new HonestServer(base);
    this.memory = memoryTransport(this.server, {
      clock: this.clock,
      onLink: (link) => {
        link.split = split;
        this.#cut(link);
      },
    });
    this.client = createClient({
      jid: DOMAIN,
      tls: 'off',
      endpoints: [{ host: DOMAIN }],
      resolveSrv: async () => [{ name: '.', port: 0, priority: 0, weight: 0 }],
      connect: this.memory.connect,
      clock: this.clock,
      random: () => 0.5,
      backoff: { start: 100, factor: 1, cap: 100 },
      liveness: { idle: 1000, answer: 1000 },
      negotiationTimeout: 5000,
      shutdownTimeout: 500,
      maxInitialAttempts: null,
    });
    this.#listen();
  }

  #listen(): void {
    const { client } = this;
    client.on('message', ({ id }) => this.#hear(id));
    client.on('invalid', ({ element }) => this.#hear(element.attr('id')));
    client.handle('get', QUERY, 'query', ({ id }) => this.#hear(id));
    client.on('handlerError', ({ error }) => this.mistakes.push(String(error)));
    const note = (letter: string) => () => (this.#life += letter);
    client.on('established', note('E'));
    client.on('suspended', note('S'));
    client.on('resumed', note('R'));
    client.on('destroyed', note('D'));
    client.on('stopped', note('.'));
    client.on('failure', ({ failure }) => this.mistakes.push(`failure ${failure.kind} ${failure.text}`));
    // C.8-18: once a session is over, so is everything that was in its hands.
    client.on('destroyed', () => {
      const before = [...this.sent];
      queueMicrotask(() => this.#settled(before, 'destroyed'));
    });
    client.on('stopped', () => this.#settled(this.sent, 'stopped'));
  }

  #settled(sent: readonly Sent[], when: string): void {
    const open = sent.findIndex(({ token }) => !FINAL.has(token.state));
    if (open >= 0) this.mistakes.push(`C.8-18: stanza ${open} is ${this.sent[open]?.token.state} after ${when}`);
  }

  /** C.8-23: what the server has sent is heard once, and in order. */
  #hear(name: string | undefined): void {
    const [session, position] = (name ?? '').split(':').map(Number);
    const books = this.server.sessions[session ?? -1];
    if (books === undefined || books.heard !== position) this.mistakes.push(`heard ${name} after ${books?.heard}`);
    else books.heard += 1;
  }

  start(): void {
    this.client.start().catch(() => {});
  }

  stop(): void {
    this.server.expectEnd();
    void this.client.stop();
  }

  send(): void {
    const number = this.sent.length;
    const token = this.client.send(el('message', { id: `${number}`, to: DOMAIN }));
    const sent: Sent = { token, states: [], session: null };
    this.sent.push(sent);
    const note = (state: DeliveryState) => {
      sent.states.push(state);
      if (state === 'sent') sent.session ??= this.server.sessions.at(-1) ?? null;
    };
    note(token.state);
    token.onStateChange(note);
  }

  /** Starts, and goes on once the first session is there. */
  async online(): Promise<void> {
    this.start();
    await this.#until('online', () => this.client.phase === 'online');
  }

  /** Counts what happened, so that one can see whether anything did. */
  tell(seen: Record<string, number>): void {
    const count = (what: string, times: number) => {
      seen[what] = (seen[what] ?? 0) + times;
    };
    count('stanzas', this.sent.length);
    count('resumed', this.#life.split('R').length - 1);
    for (const { refusedWithH, excuses } of this.server.sessions) {
      if (refusedWithH) count('refused with h', 1);
      for (const excuse of excuses) count(excuse, 1);
    }
  }

  /** The client will answer with stanzas that have no token. */
  answers(): void {
    this.#asksAnswers = true;
  }

  /** Cuts the link there is, or else the next one. */
  cut(cut: Cut): void {
    this.armed = cut;
    const { link } = this.memory;
    if (link !== undefined && link.dropped === null && !link.closed) this.#cut(link);
  }

  #cut(link: MemoryLink): void {
    if (this.armed === null) return;
    const { direction, bytes, kind } = this.armed;
    this.armed = null;
    link.cut(direction, link.passed[direction] + bytes, kind);
  }

  async turns(count: number): Promise<void> {
    for (let left = count; left > 0; left -= 1) await new Promise((resolve) => setImmediate(resolve));
    this.#glance();
  }

  /** What holds at every moment. */
  #glance(): void {
    for (const mistake of [...this.server.violations, ...this.mistakes]) throw new Error(mistake);
    const { unacked, sent } = this.client.delivery;
    let waiting = 0;
    for (const { token } of this.sent) if (token.state === 'sent') waiting += 1;
    // C.8-22
    if (!this.#asksAnswers) assert.is(unacked, waiting, 'C.8-22: unacknowledged');
    assert.ok(unacked >= waiting && sent < 2 ** 32, 'C.8-22');
  }

  /** What holds of all that has happened. */
  #check(): void {
    this.#glance();
    // C.8-5 to C.8-7
    assert.match(this.#life, /^(E(SR)*(S?D\.?|S?$|\.$)|\.)*$/);
    for (const [number, { token, states, session }] of this.sent.entries()) {
      // C.8-18
      const path = states.join(' ');
      assert.match(path, /^(queued ?)?(sent ?)?(acked|unconfirmed|aborted|lost|failed)?$/, `C.8-18: stanza ${number}`);
      if (token.state === 'acked') assert.ok(session && this.#isHandled(session, number), `${number} is not handled`);
      if (token.state === 'lost') assert.not(this.server.handled.includes(`${number}`), `${number} is not lost`);
      if (token.state === 'unconfirmed' && session !== null) {
        assert.ok(session.excuses.size > 0, `nothing keeps stanza ${number} from being confirmed`);
      }
    }
    // C.8-17, C.8-23: each once, and in the order they were sent.
    const handled = this.server.handled.map(Number).filter((number) => !Number.isNaN(number));
    for (const [i, number] of handled.entries())
      assert.ok(i === 0 || number > (handled[i - 1] as number), `${handled}`);
  }

  #isHandled(session: Books, number: number): boolean {
    const position = session.received.indexOf(`${number}`);
    return position >= 0 && position < session.handled;
  }

  /** Makes everything whole again and brings all to an end. */
  async finish(): Promise<void> {
    const { server, client, memory, clock } = this;
    Object.assign(server, { up: true, answer: 'accept', eager: true });
    this.armed = null;
    for (const link of memory.links) for (const way of ['in', 'out'] as const) link.cut(way, Infinity, 'fin');
    await this.#until('done with a stop', () => client.phase !== 'disconnecting');
    if (!client.running) this.start();
    await this.#until('online and settled', () => {
      const { live } = server;
      server.handle(Infinity);
      if (live !== null && live.owing > 0) live.acknowledge();
      const isWhole = memory.link?.dropped === null && !memory.link.far.destroyed;
      return isWhole && client.phase === 'online' && this.sent.every(({ token }) => FINAL.has(token.state));
    });
    const books = server.sessions.at(-1);
    if (books !== undefined && client.getSnapshot().streamManagement !== null) await this.#compare(books);
    this.stop();
    await this.#until('gone', () => client.phase === 'offline');
    await memory.quiet(4);
    this.#check();
    // C.8-2
    assert.ok(
      memory.links.every(({ near }) => near.closed),
      'a socket is left',
    );
    assert.equal(clock.pending, [], 'a timer is left');
    memory.close();
  }

  /** Both sides agree on every count. */
  async #compare(books: Books): Promise<void> {
    const { live } = this.server;
    live?.ask();
    await this.#until('even', () => live?.asked === live?.answered && this.client.delivery.unacked === 0);
    assert.is(books.heard, books.sent.length, 'something of the server was lost');
    assert.is(books.acked, books.heard, 'C.8-21');
    const { unacked, sent, handled } = this.client.delivery;
    assert.is(handled, books.h(books.heard), 'C.8-21: h');
    assert.is(sent, books.h(live?.position ?? 0), 'C.8-22: sent');
    assert.is(unacked, 0, 'C.8-22: unacknowledged');
  }

  async #until(what: string, isTrue: () => boolean): Promise<void> {
    for (let left = 100; !isTrue(); left -= 1) {
      assert.ok(left > 0, `never ${what}: ${this.client.phase}, ${this.sent.map(({ token }) => token.state)}`);
      await this.memory.quiet(5);
      this.#glance();
      if (!isTrue()) this.clock.next();
    }
  }
}

/** A command, in words and in deeds; a few turns of the event loop later comes the next. */
class Step implements fc.AsyncCommand<Model, Run> {
  readonly #words: string;
  readonly #turns: number;
  readonly #check: (model: Model) => boolean;
  readonly #deed: (run: Run, model: Model) => void | Promise<void>;

  constructor(
    words: string,
    turns: number,
    deed: (run: Run, model: Model) => void | Promise<void>,
    check = (_: Model) => true,
  ) {
    this.#words = words;
    this.#turns = turns;
    this.#check = check;
    this.#deed = deed;
  }

  check(model: Readonly<Model>): boolean {
    return this.#check(model);
  }

  async run(model: Model, run: Run): Promise<void> {
    await this.#deed(run, model);
    await run.turns(this.#turns);
  }

  toString(): string {
    return `${this.#words}, ${this.#turns} turns`;
  }
}

/** What may become of a resumption. */
export const ANSWERS: readonly Answer[] = ['accept', 'accept', 'refuse with h', 'refuse', 'no sm'];

const turns = fc.nat(6);
const some = fc.integer({ min: 1, max: 12 });

const send = fc.tuple(some, turns).map(
  ([count, turns]) =>
    new Step(`send ${count}`, turns, (run) => {
      for (let left = count; left > 0; left -= 1) run.send();
    }),
);

const abort = fc
  .tuple(fc.nat(8), turns)
  .map(
    ([back, turns]) =>
      new Step(`abort the last but ${back}`, turns, (run) => void run.sent.at(-1 - back)?.token.abort()),
  );

const receive = fc.tuple(fc.constantFrom<Kind>('message', 'message', 'iq', 'odd'), some, turns).map(
  ([kind, count, turns]) =>
    new Step(`receive ${count} ${kind}`, turns, (run) => {
      if (kind === 'iq') run.answers();
      run.server.live?.say(kind, count);
    }),
);

const ask = turns.map((turns) => new Step('be asked', turns, ({ server: { live } }) => live?.ask()));

const ack = fc.tuple(fc.nat(15), turns).map(
  ([count, turns]) =>
    new Step(`ack ${count} more`, turns, ({ server }) => {
      server.handle(count);
      server.live?.acknowledge();
    }),
);

/** What is handled and never acknowledged is what a refusal with a count is about. */
const handle = fc
  .tuple(fc.nat(15), turns)
  .map(([count, turns]) => new Step(`handle ${count} more`, turns, ({ server }) => server.handle(count)));

const eager = fc.tuple(fc.boolean(), turns).map(
  ([eager, turns]) =>
    new Step(`${eager ? 'an eager' : 'a lazy'} server`, turns, ({ server }) => {
      server.eager = eager;
    }),
);

const kinds = fc.constantFrom<DropKind>('fin', 'rst', 'rst', 'silence');

const drop = fc
  .tuple(fc.constantFrom<Direction>('in', 'out'), fc.nat(1200), kinds, turns)
  .map(
    ([direction, bytes, kind, turns]) =>
      new Step(`drop after ${bytes} bytes ${direction} by ${kind}`, turns, (run) =>
        run.cut({ direction, bytes, kind }),
      ),
  );

const dropNow = fc
  .tuple(kinds, turns)
  .map(([kind, turns]) => new Step(`drop now by ${kind}`, turns, ({ memory }) => memory.link?.drop(kind)));

const answer = fc.tuple(fc.constantFrom(...ANSWERS), turns).map(
  ([answer, turns]) =>
    new Step(`resumption: ${answer}`, turns, ({ server }) => {
      server.answer = answer;
    }),
);

const restart = turns.map((turns) => new Step('restart the server', turns, ({ server }) => server.restart()));

const power = fc.tuple(fc.boolean(), turns).map(
  ([up, turns]) =>
    new Step(
      up ? 'server up' : 'server down',
      turns,
      ({ server }, model) => {
        server.up = model.up = up;
      },
      (model) => model.up !== up,
    ),
);

const stop = turns.map(
  (turns) =>
    new Step(
      'stop',
      turns,
      (run, model) => {
        model.running = false;
        run.stop();
      },
      ({ running }) => running,
    ),
);

const start = turns.map(
  (turns) =>
    new Step(
      'start',
      turns,
      (run, model) => {
        if (run.client.running) return;
        model.running = true;
        run.start();
      },
      ({ running }) => !running,
    ),
);

const tick = fc.tuple(some, fc.nat(4)).map(
  ([count, turns]) =>
    new Step(`${count} timers`, turns, ({ clock }) => {
      for (let left = count; left > 0; left -= 1) clock.next();
    }),
);

const calm = fc.nat(25).map((turns) => new Step('nothing', turns, () => {}));

/** Time passes until something happens, and what happens goes its way undisturbed. */
const recover = fc.integer({ min: 1, max: 4 }).map(
  (count) =>
    new Step(`${count} timers, one after the other`, 0, async ({ clock, memory }) => {
      for (let left = count; left > 0; left -= 1) {
        clock.next();
        await memory.quiet(3);
      }
    }),
);

/** Everything that can happen, and how often. */
const anything = [
  [send, 4],
  [receive, 3],
  [ask, 1],
  [ack, 2],
  [handle, 1],
  [abort, 1],
  [eager, 1],
  [drop, 4],
  [dropNow, 4],
  [answer, 1],
  [restart, 1],
  [power, 1],
  [stop, 1],
  [start, 2],
  [tick, 1],
  [calm, 2],
  [recover, 7],
] as const;

/**
 * Up to forty commands.
 *
 * @param replayPath which of them were run, as a failure tells it.
 */
export function commands(replayPath: string | undefined): fc.Arbitrary<Iterable<fc.AsyncCommand<Model, Run>>> {
  const weighted = anything.flatMap(([command, weight]) => Array<typeof command>(weight).fill(command));
  return fc.commands(weighted, { maxCommands: 40, size: '+1', ...(replayPath !== undefined && { replayPath }) });
}
