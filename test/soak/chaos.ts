/** What goes wrong, by chance: with the cables often, with the servers now and then. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Chance } from '../chance.ts';
import type { RealServer } from '../servers/servers.ts';
import type { Cable, CutKind, Way } from './cable.ts';

const CUTS: readonly CutKind[] = ['fin', 'rst', 'silence', 'half-open client', 'half-open server'];

/** What happens to cables, and how often in relation to each other. */
const CABLE_DECK = [...CUTS, ...CUTS, 'twice', 'stall', 'stall', 'delay', 'unplug'] as const;

const SERVER_DECK = ['pause', 'pause', 'restart', 'kill'] as const;

/** Mean milliseconds between two things that happen to cables. */
const CABLE_PACE = 2_000;

/** Milliseconds between two things that happen to a server, at least and at most. */
const SERVER_PACE = [12_000, 30_000] as const;

/** How often each thing happened. */
export const emptyToll = () => ({
  fin: 0,
  rst: 0,
  silence: 0,
  'half-open client': 0,
  'half-open server': 0,
  stall: 0,
  delay: 0,
  unplug: 0,
  pause: 0,
  restart: 0,
  kill: 0,
});

export type Toll = ReturnType<typeof emptyToll>;

/** Troubles cables until told to stop. */
export async function troubleCables(
  cables: readonly Cable[],
  random: Chance,
  toll: Toll,
  signal: AbortSignal,
): Promise<void> {
  const deck = random.deck(CABLE_DECK);
  const going: Promise<void>[] = [];
  while (await pause(-Math.log(1 - random.next()) * CABLE_PACE, signal)) {
    const cable = random.pick(cables);
    const kind = deck.next().value;
    switch (kind) {
      case 'twice':
        // The second one meets the client in the midst of coming back.
        for (let times = 0; times < 2; times += 1) cable.cut(someCut(random, random.pick(CUTS)));
        break;
      case 'stall':
        toll.stall += 1;
        cable.stall(random.pick<readonly Way[]>([['in'], ['out'], ['in', 'out']]), random.whole(300, 7_000));
        break;
      case 'delay':
        toll.delay += 1;
        going.push(cable.slow(random.whole(20, 300), random.whole(1_000, 6_000)));
        break;
      case 'unplug':
        toll.unplug += 1;
        going.push(cable.unplug(random.whole(500, 14_000)));
        break;
      default:
        cable.cut(someCut(random, kind));
    }
  }
  for (const cable of cables) cable.mend();
  await Promise.all(going);
}

function someCut(random: Chance, kind: CutKind): Parameters<Cable['cut']>[0] {
  const way = random.pick<Way>(['in', 'out']);
  return { kind, way, bytes: random.whole(1, 6_000), late: random.whole(0, 6_000) };
}

/** Troubles a server until told to stop; it runs when this resolves. */
export async function troubleServer(
  server: RealServer,
  random: Chance,
  toll: Toll,
  signal: AbortSignal,
): Promise<void> {
  const deck = random.deck(SERVER_DECK);
  while (await pause(random.whole(...SERVER_PACE), signal)) {
    const kind = deck.next().value;
    toll[kind] += 1;
    if (kind === 'pause') {
      await server.pause();
      await delay(random.whole(200, 7_000));
      server.resume();
    } else {
      await server[kind === 'kill' ? 'kill' : 'stop']();
      await delay(random.whole(0, 3_000));
      await server.start();
    }
  }
}

/** Waits; returns whether to go on. */
async function pause(ms: number, signal: AbortSignal): Promise<boolean> {
  await delay(ms, undefined, { signal }).catch(() => {});
  return !signal.aborted;
}
