/**
 * What the tests of the charts share: an actor on a clock of its own, a log of what it did, and a tally of the transitions
 * that were taken. Children are the charts' own inert ones; how one ends is told by `done` and `error`, synchronously.
 */

import * as assert from 'uvu/assert';
import {
  type ActorOptions,
  type AnyMachineSnapshot,
  type AnyStateMachine,
  type ContextFrom,
  createActor,
  type EmittedFrom,
  type EventFrom,
  type InputFrom,
  type InspectionEvent,
  type OutputFrom,
} from 'xstate';
import { ManualClock } from '../../src/testing/clock.ts';
import { Coverage } from '../../src/testing/coverage.ts';
import { leavesOf } from '../../src/testing/explore.ts';
import { type Suite, suite } from '../harness.ts';

/** What the rigs of this process have taken. */
const coverage = new Coverage();

/** The transitions of `machine` that no rig has taken. */
export function untaken(machine: AnyStateMachine): string[] {
  return coverage.missing(machine);
}

/** A value in the words of the log: its parts in a row, nothing as `-`, a failure by its condition or else its kind. */
export function words(value: unknown): string {
  if (value === null || value === undefined) return '-';
  if (typeof value !== 'object') return String(value);
  if ('kind' in value && 'retry' in value) return words('condition' in value ? value.condition : value.kind);
  return Object.values(value).map(words).join(' ');
}

interface Running {
  stop(): unknown;
  getSnapshot(): { readonly status: string; readonly error: unknown };
}

/** The root actors of the test that runs. */
const running = new Set<Running>();

/** A chart on the bench. */
export class Rig<Machine extends AnyStateMachine> {
  readonly clock;
  readonly actor;
  #log: string[] = [];

  constructor(machine: Machine, input: InputFrom<Machine>, clock = new ManualClock()) {
    const inspect = (event: InspectionEvent) => this.#inspect(event);
    this.clock = clock;
    this.actor = createActor(machine, { input, inspect, clock } as unknown as ActorOptions<Machine>);
    // Without an observer an error would end the whole run; `chart` looks for it after the test.
    this.actor.subscribe({ error: () => {} });
    running.add(this.actor);
    this.actor.start();
  }

  #inspect(event: InspectionEvent): void {
    coverage.inspect(event);
    if (event.type !== '@xstate.action') return;
    const { type, params } = event.action;
    if (type === 'xstate.emit') this.#log.push(this.tell((params as { event: EmittedFrom<Machine> }).event));
    // What other built-in actions do shows in states, in context and in children.
    else if (!type.startsWith('xstate.')) this.#log.push(params === undefined ? type : `${type} ${words(params)}`);
  }

  /** An emitted event in the words of the log. */
  protected tell(event: EmittedFrom<Machine>): string {
    return words(event);
  }

  /** Sends events one after the other. */
  send(...events: EventFrom<Machine>[]): this {
    for (const event of events) this.actor.send(event);
    return this;
  }

  /** Ends the child `id`, or the only child there is, with `output`. */
  done(output?: unknown, id: string = this.#onlyChild()): this {
    this.actor.send({ type: `xstate.done.actor.${id}`, output, actorId: id } as never);
    return this;
  }

  /** Makes the child `id`, or the only child there is, fail with `error`. */
  error(error: unknown, id: string = this.#onlyChild()): this {
    this.actor.send({ type: `xstate.error.actor.${id}`, error, actorId: id } as never);
    return this;
  }

  /** What the promise `id`, or the only child there is, was asked with. */
  inputOf<Input>(id: string = this.#onlyChild()): Input {
    return this.snapshot.children[id]?.getSnapshot().input as Input;
  }

  #onlyChild(): string {
    const [id, ...others] = this.children;
    assert.ok(id !== undefined && others.length === 0, `children: ${this.children}`);
    return id;
  }

  /** Lets `ms` milliseconds pass. */
  pass(ms: number): this {
    this.clock.advance(ms);
    return this;
  }

  get snapshot() {
    return this.actor.getSnapshot() as AnyMachineSnapshot;
  }

  /** The active states, regions parted by blanks. */
  get state(): string {
    return leavesOf(this.snapshot.value);
  }

  get context(): ContextFrom<Machine> {
    return this.snapshot.context;
  }

  get output(): OutputFrom<Machine> {
    return this.snapshot.output as OutputFrom<Machine>;
  }

  /** The ids of the children that are alive. */
  get children(): string[] {
    return Object.keys(this.snapshot.children);
  }

  /** How many timers are armed. */
  get timers(): number {
    return this.clock.pending.length;
  }

  /** What was done since this was asked last: commands to the shell, and events emitted. */
  log(): string[] {
    return this.#log.splice(0);
  }
}

/** A suite that also fails a test when a chart broke down in it or XState warned. Stops the rigs after each test. */
export function chart(title: string, limit?: number): Suite {
  const tests = suite(title, limit);
  const { warn } = console;
  const troubles: unknown[] = [];
  tests.before(() => {
    console.warn = (text: unknown) => troubles.push(text);
  });
  tests.after(() => {
    console.warn = warn;
  });
  tests.afterEach(() => {
    for (const actor of running) {
      if (actor.getSnapshot().status === 'error') troubles.push(actor.getSnapshot().error);
      actor.stop();
    }
    running.clear();
    assert.equal(troubles.splice(0), []);
  });
  return tests;
}
