/**
 * A long run: twenty correspondents, ten on Prosody and ten on ejabberd, each behind a cable of its own. They write to each other
 * while cables and servers suffer; then everything is sound again, what is on its way arrives, and the books are closed.
 */
import { setMaxListeners } from 'node:events';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { Chance } from '../chance.ts';
import { PASSWORD } from '../servers/people.ts';
import { type RealServer, startEjabberd, startProsody } from '../servers/servers.ts';
import { type Books, FAULTS, type FaultKind } from './books.ts';
import { Cable } from './cable.ts';
import { emptyToll, type Toll, troubleCables, troubleServer } from './chaos.ts';
import { Correspondent, emptyTally, type Fault, type Tally } from './correspondent.ts';
import { Memory } from './memory.ts';

const PER_SERVER = 10;

/** Seconds for which servers keep a session: cables are unplugged for longer, too. */
const RESUME_SECONDS = 8;

/** Milliseconds in which everything has to arrive once nothing goes wrong any more. */
const PATIENCE = 100_000;

/** Faults and suspicions that are shown with what crossed the wire before. */
const SHOWN = 5;

export interface Plan {
  /** Milliseconds in which things go wrong. */
  readonly ms: number;
  /** Mean milliseconds between two times that a correspondent writes. */
  readonly pace: number;
  readonly seed: number;
}

export interface Figures {
  readonly seed: number;
  readonly tally: Tally;
  readonly toll: Toll;
  readonly faults: Record<FaultKind, number>;
  /** Taken by a server, for a session that ended before it arrived. */
  readonly orphaned: number;
  /** Written in order, and delivered in another by a server. */
  readonly reordered: number;
  /** Letters that were never read. */
  readonly unread: number;
  /** Sockets and timers that were still there when all clients had stopped. */
  readonly left: number;
  readonly memory: Memory;
  /** Milliseconds by which the event loop was late. */
  readonly lateness: { readonly median: number; readonly p99: number; readonly max: number };
}

/** What must be nothing. */
export function wrong({ faults, unread, left, tally }: Figures): number {
  return FAULTS.reduce((sum, kind) => sum + faults[kind], 0) + unread + left + tally.ended + tally.invalid;
}

/**
 * Runs as planned, and some seconds before and after.
 *
 * @param say hears of faults, with what crossed the wire.
 */
export async function soak(plan: Plan, say: (line: string) => void): Promise<Figures> {
  const servers = await Promise.all([startProsody(SERVER_OPTIONS.prosody), startEjabberd(SERVER_OPTIONS.ejabberd)]);
  const run = new Run(servers, plan, say);
  const before = resources();
  try {
    const figures = await run.play();
    await run.end();
    await until(() => resources() <= before, PATIENCE);
    return { ...figures, left: Math.max(resources() - before, 0) };
  } finally {
    await run.end();
    await Promise.all(servers.map((server) => server.dispose()));
  }
}

/** How many sockets and timers keep this process alive. */
const resources = (): number => process.getActiveResourcesInfo().filter((name) => /^(?:TCP|Timeout)/.test(name)).length;

const SERVER_OPTIONS = {
  prosody: { version: '13', resumeSeconds: RESUME_SECONDS },
  ejabberd: { version: '24.12', resumeSeconds: RESUME_SECONDS },
} as const;

class Run {
  readonly #servers: readonly RealServer[];
  readonly #plan: Plan;
  readonly #say: (line: string) => void;
  readonly #tally = emptyTally();
  readonly #toll = emptyToll();
  readonly #faults = Object.fromEntries(FAULTS.map((kind) => [kind, 0])) as Record<FaultKind, number>;
  readonly #everybody: Correspondent[] = [];
  readonly #books: Books[] = [];
  readonly #memory = new Memory();
  #shown = 0;

  constructor(servers: readonly RealServer[], plan: Plan, say: (line: string) => void) {
    this.#servers = servers;
    this.#plan = plan;
    this.#say = say;
  }

  async play(): Promise<Omit<Figures, 'left'>> {
    for (const server of this.#servers) await this.#settle(server);
    for (const one of this.#everybody) one.start();
    await until(() => this.#isOnline(), PATIENCE);

    const lateness = monitorEventLoopDelay({ resolution: 20 });
    lateness.enable();
    this.#memory.begin();
    await this.#suffer();
    lateness.disable();

    await until(() => this.#isQuiet(), PATIENCE);
    const orphaned = this.#books.reduce((sum, books) => sum + books.close(), 0);
    const reordered = this.#books.reduce((sum, books) => sum + books.reordered, 0);
    const unread = this.#everybody.reduce((sum, one) => sum + one.unread, 0);
    return {
      seed: this.#plan.seed,
      tally: this.#tally,
      toll: this.#toll,
      faults: this.#faults,
      orphaned,
      reordered,
      unread,
      memory: this.#memory,
      lateness: {
        median: lateness.percentile(50) / 1e6,
        p99: lateness.percentile(99) / 1e6,
        max: lateness.max / 1e6,
      },
    };
  }

  /** Gives ten correspondents a place at a server, in a circle where everybody writes to both neighbours. */
  async #settle(server: RealServer): Promise<void> {
    const circle: Correspondent[] = [];
    for (let index = 0; index < PER_SERVER; index += 1) {
      const name = `${server.name.toLowerCase()}${index}`;
      await server.addAccount(name, PASSWORD);
      const random = new Chance(this.#plan.seed * 1_000 + 200 + this.#everybody.length);
      // What is sent is on its way for a while, and can be lost there.
      const cable = new Cable(server.ports.starttls, random.whole(5, 50), (kind) => {
        this.#toll[kind] += 1;
      });
      await cable.plug();
      const slowly = index % 2 === 1;
      const one = new Correspondent({ name, server, cable, random, tally: this.#tally, slowly });
      circle.push(one);
      this.#everybody.push(one);
    }
    for (const [index, one] of circle.entries()) {
      for (const step of [1, PER_SERVER - 1]) {
        const friend = circle[(index + step) % PER_SERVER] as Correspondent;
        this.#books.push(one.meet(friend, (fault) => this.#onFault(fault)));
      }
    }
  }

  /** Everybody writes, and everything goes wrong. */
  async #suffer(): Promise<void> {
    const { ms, pace, seed } = this.#plan;
    const signal = AbortSignal.timeout(ms);
    setMaxListeners(0, signal);
    const random = (part: number) => new Chance(seed * 1_000 + part);
    await Promise.all([
      ...this.#everybody.map((one, index) => writeOn(one, pace, random(100 + index), signal)),
      troubleCables(
        this.#everybody.map(({ cable }) => cable),
        random(0),
        this.#toll,
        signal,
      ),
      ...this.#servers.map((server, index) => troubleServer(server, random(1 + index), this.#toll, signal)),
    ]);
  }

  #isOnline(): boolean {
    return this.#everybody.every(({ client }) => client.phase === 'online');
  }

  /** Whether nothing is on its way any more. */
  #isQuiet(): boolean {
    for (const one of this.#everybody) one.writeAgain();
    return (
      this.#isOnline() && this.#everybody.every(({ waiting }) => waiting === 0) && this.#books.every((b) => b.settled)
    );
  }

  #onFault({ kind, number, between }: Fault): void {
    if (kind !== 'suspect') this.#faults[kind] += 1;
    this.#shown += 1;
    if (this.#shown > SHOWN) return;
    const [from, to] = between.map(({ party }) => party.name);
    this.#say(`${kind}: number ${number} from ${from} to ${to} (seed ${this.#plan.seed})`);
    for (const { party, history } of between) this.#say(`what ${party.name} saw:\n${history.join('\n')}`);
  }

  async end(): Promise<void> {
    this.#memory.end();
    await Promise.all(this.#everybody.map((one) => one.stop()));
    for (const { cable } of this.#everybody) cable.close();
  }
}

async function writeOn(one: Correspondent, pace: number, random: Chance, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await delay(random.next() * 2 * pace, undefined, { signal }).catch(() => {});
    one.write();
  }
}

/** Resolves when `condition` holds, or when there is no more patience. */
async function until(condition: () => boolean, patience: number): Promise<void> {
  const deadline = performance.now() + patience;
  while (!condition() && performance.now() < deadline) await delay(100);
}

const SORTS: readonly (readonly [keyof Tally, string])[] = [
  ['letters', 'letters written'],
  ['again', 'written again'],
  ['read', 'letters read'],
  ['repeats', 'letters that were read already'],
  ['receipts', 'receipts written'],
  ['sent', 'stanzas sent'],
  ['acked', '  acked'],
  ['unconfirmed', '  unconfirmed'],
  ['toldLost', '  told to be lost'],
  ['failed', '  failed'],
  ['bounced', '  sent back by the server'],
  ['received', 'stanzas received'],
  ['suspended', 'connections lost'],
  ['resumed', 'sessions resumed'],
  ['sessions', 'sessions begun'],
];

/** The figures as lines for people. */
export function describe(figures: Figures): string {
  const { tally, toll, faults, orphaned, reordered, unread, left, memory, lateness, seed } = figures;
  const line = (label: string, value: string | number) => `${label.padEnd(34)} ${value}`;
  const list = Object.entries(toll).map(([kind, count]) => `${kind} ${count}`);
  return [
    line('seed', seed),
    ...SORTS.map(([name, label]) => line(label, tally[name])),
    line('orphaned with a session', orphaned),
    line('reordered by a server', reordered),
    line('went wrong', list.join(', ')),
    line('event loop late by', `median ${ms(lateness.median)}, p99 ${ms(lateness.p99)}, max ${ms(lateness.max)}`),
    ...memory.describe().map(([label, value]) => line(label, value)),
    ...FAULTS.map((kind) => line(kind, faults[kind])),
    line('letters never read', unread),
    line('runs that ended', tally.ended),
    line('nonsense received', tally.invalid),
    line('sockets and timers left', left),
  ].join('\n');
}

const ms = (value: number): string => `${value.toFixed(1)} ms`;
