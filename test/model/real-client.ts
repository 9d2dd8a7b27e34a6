/** A real client beside its twin: what is watched of it, and how the two are compared. */
import * as assert from 'uvu/assert';
import type { AnyMachineSnapshot, InspectionEvent } from 'xstate';
import { phaseOf } from '../../src/client/snapshot.ts';
import type { Client } from '../../src/index.ts';
import { ManualClock } from '../../src/testing/clock.ts';
import { Coverage, transitionId } from '../../src/testing/coverage.ts';
import { configurationOf, type ExploreOptions, type Move, Run } from '../../src/testing/explore.ts';
import { turn } from '../../src/testing/outlet.ts';
import { type ClientMachine, snapshotOf, twinModel } from './real-twin.ts';

/** A clock of a machine that may sleep: time goes on then, and no timer runs. */
export class DrowsyClock extends ManualClock {
  /** Milliseconds slept. */
  asleep = 0;

  override now(): number {
    return super.now() + this.asleep;
  }

  /** Milliseconds on the scale that the timers are armed on. */
  get awake(): number {
    return super.now();
  }
}

/** Milliseconds after which a client that has not done what its twin did never will. */
const PATIENCE = 3_000;

/** The transitions that a client takes, in the order in which XState tells of them. */
export class Watch extends Coverage {
  readonly taken: string[] = [];
  readonly notable: (id: string) => boolean;
  #wake = () => {};

  /** @param notable leaves out what is left to chance. */
  constructor(notable: (id: string) => boolean = () => true) {
    super();
    this.notable = notable;
  }

  override readonly inspect = (event: InspectionEvent): void => {
    if (event.type !== '@xstate.microstep') return;
    const ids = event._transitions.filter(({ source }) => source !== undefined).map(transitionId);
    this.taken.push(...ids.filter(this.notable));
    this.#wake();
  };

  /** Resolves when so many were taken, or it is too late for that, and a moment has passed in which more could be. */
  async until(count: number): Promise<void> {
    const deadline = performance.now() + PATIENCE;
    while (this.taken.length < count && performance.now() < deadline) {
      let timer: NodeJS.Timeout | undefined;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        timer = setTimeout(resolve, deadline - performance.now());
      });
      clearTimeout(timer);
    }
    await turn();
  }
}

/** What has to be the same of a client and of its twin, besides the transitions they take. */
function stand(snapshot: ReturnType<typeof snapshotOf>, phase: string, pending: readonly number[]) {
  const { session, failure, endpoint } = snapshot.context;
  return {
    state: configurationOf(snapshot as unknown as AnyMachineSnapshot),
    phase,
    session: session && [session.jid, session.ticket?.id != null, session.ticket?.max ?? null],
    failure: failure && [failure.kind, failure.retry],
    endpoint: endpoint && [endpoint.host, endpoint.tls, endpoint.source],
    timers: pending,
  };
}

/** What can be made of the client and of the world around it. */
export interface Surroundings {
  readonly client: Client;
  readonly clock: DrowsyClock;
  readonly watch: Watch;
  /** Called between moves. */
  tidy?(): Promise<void>;
}

/** Something that happens to a client and to its twin. */
export interface RealMove<World extends Surroundings> extends Move<ClientMachine> {
  /** What the world does, once the twin has made the move. */
  readonly world: (world: World, twin: Run<ClientMachine>) => unknown;
}

/**
 * Takes a client along a path, and looks after every move whether it is where its twin is; returns how many transitions it
 * took.
 */
export async function together<World extends Surroundings>(
  world: World,
  options: ExploreOptions<ClientMachine>,
  path: readonly RealMove<World>[],
): Promise<number> {
  const { client, clock, watch } = world;
  const expected = new Watch(watch.notable);
  const twin = new Run(twinModel, { ...options, coverage: expected });
  const made: string[] = [];
  let transitions = 0;
  try {
    for (const move of path) {
      made.push(move.label);
      twin.retake(move);
      await move.world(world, twin);
      await watch.until(expected.taken.length);
      transitions += watch.taken.length;
      const context = `after: ${made.join(', ')}`;
      assert.equal(watch.taken.splice(0), expected.taken.splice(0), `other transitions ${context}`);
      const real = client.actor.getSnapshot() as ReturnType<typeof snapshotOf>;
      const model = snapshotOf(twin);
      assert.equal(
        stand(real, client.phase, clock.pending),
        stand(model, phaseOf(model as never), twin.clock.pending),
        `elsewhere ${context}`,
      );
      await world.tidy?.();
    }
    return transitions;
  } catch (error) {
    if (error instanceof Error && !error.message.includes('after: ')) error.message += `\n after: ${made.join(', ')}`;
    throw error;
  } finally {
    twin.end();
  }
}
