/**
 * Every state a machine can get into, found by trying whatever may happen in each. States are reached by running the machine
 * from its start, so that timers, children and signals are the real ones; only time is told when to pass.
 */
import {
  type Actor,
  type ActorOptions,
  type AnyActorRef,
  type AnyMachineSnapshot,
  type AnyStateMachine,
  createActor,
  type EventFrom,
  fromCallback,
  type InputFrom,
  type InspectionEvent,
  type SnapshotFrom,
} from 'xstate';
import { ManualClock } from './clock.ts';
import { type Coverage, transitionId } from './coverage.ts';

/** A machine on the bench: an actor and its time. */
export interface Rig<Machine extends AnyStateMachine = AnyStateMachine> {
  /** The actor. */
  readonly actor: Actor<Machine>;
  /** Its time, and that of all its children. */
  readonly clock: ManualClock;
}

/** Something that may happen to a machine, with all that comes with it. What the machine does not wait for passes it by. */
export interface Move<Machine extends AnyStateMachine = AnyStateMachine> {
  /** What happens; unlike every other move's that is possible at the same time. */
  readonly label: string;
  /** Whether it can happen now; always, if it does not say. */
  when?(rig: Rig<Machine>): boolean;
  /** Has it happen. */
  apply(rig: Rig<Machine>): void;
}

/** A move, or what finds those that are possible now. */
export type Moves<Machine extends AnyStateMachine = AnyStateMachine> =
  | Move<Machine>
  | ((rig: Rig<Machine>) => readonly Move<Machine>[]);

/** What a monitor is told, in the order in which it happened; what follows of a step comes behind it. */
export type Happening<Machine extends AnyStateMachine = AnyStateMachine> =
  /** The move that follows. */
  | { readonly type: 'move'; readonly label: string }
  /** A move of which nothing came. The run goes on as if it had not been. */
  | { readonly type: 'ignored'; readonly label: string }
  /** A machine (`by` the id it was invoked with, or the id of the one on the bench) took a step for an event. */
  | { readonly type: 'step'; readonly by: string; readonly event: { readonly type: string }; readonly taken: string[] }
  /** A machine did something, at a time on the clock. */
  | {
      readonly type: 'action';
      readonly by: string;
      readonly name: string;
      readonly params: unknown;
      readonly at: number;
    }
  /** A machine emitted an event, at a time on the clock. */
  | { readonly type: 'emitted'; readonly by: string; readonly event: { readonly type: string }; readonly at: number }
  /** Everything that follows at once has followed. Also at the start, before any move. */
  | { readonly type: 'settled'; readonly rig: Rig<Machine> };

/** Watches over one run from its start, and throws when it sees what must not be. */
export type Monitor<Machine extends AnyStateMachine = AnyStateMachine> = (happening: Happening<Machine>) => void;

/** Options of `explore`. */
export interface ExploreOptions<Machine extends AnyStateMachine> {
  /** What the machine is started with. */
  readonly input: InputFrom<Machine>;
  /** What may happen. */
  readonly moves: readonly Moves<Machine>[];
  /**
   * What tells states apart besides the configuration (the active states of the machine and of the machines below it):
   * whatever decides what comes next, as plain data, and as little as will do. Everything in it multiplies the states.
   */
  readonly key?: (snapshot: SnapshotFrom<Machine>) => unknown;
  /** What holds in every state, by name; throws where it does not. */
  readonly invariants?: Readonly<Record<string, (rig: Rig<Machine>) => void>>;
  /** What holds over every way there, by name; each run has its own. */
  readonly monitors?: Readonly<Record<string, () => Monitor<Machine>>>;
  /** Counts the transitions that are taken. */
  readonly coverage?: Coverage;
  /** More states than this are too many (default 5,000). */
  readonly maxStates?: number;
  /** States so many moves away from the start are not looked behind (default: all are). */
  readonly maxDepth?: number;
  /** Stop at the limits and say `truncated`, in place of throwing. */
  readonly truncate?: boolean;
}

/** A state that was found. */
export interface Found<Machine extends AnyStateMachine = AnyStateMachine> {
  /** What tells it from others. */
  readonly key: string;
  /** The active states, as `configurationOf` has them. */
  readonly configuration: string;
  /** A way there, the shortest of those that were taken. */
  readonly path: readonly Move<Machine>[];
}

/** A move that made a difference. */
export interface Edge<Machine extends AnyStateMachine = AnyStateMachine> {
  /** The key of the state before. */
  readonly from: string;
  /** What happened. */
  readonly move: Move<Machine>;
  /** The key of the state after. */
  readonly to: string;
  /** The ids of the transitions that were taken, also of the machines below. */
  readonly taken: readonly string[];
}

/** What `explore` found. */
export interface Exploration<Machine extends AnyStateMachine> {
  /** The states by their keys, in the order in which they were found. */
  readonly states: ReadonlyMap<string, Found<Machine>>;
  /** Every move that made a difference, in the order they were tried. */
  readonly edges: readonly Edge<Machine>[];
  /** How often the machine was run from its start. */
  readonly runs: number;
  /** There are states that were not looked behind, or not at all. */
  readonly truncated: boolean;
  /** Runs the machine along a path, watched as ever, and ends it when `visit` returns. */
  along<Result>(path: readonly Move<Machine>[], visit: (run: Run<Machine>) => Result): Result;
}

/** An invariant or a monitor that threw, or a machine that did, with the moves from the start that led there. */
export class Broken extends Error {
  override readonly name = 'Broken';
  /** The name of what did not hold. */
  readonly what: string;
  /** The moves from the start. */
  readonly path: readonly Move[];

  /** @internal Made by `explore`. */
  constructor(what: string, path: readonly Move[], cause: unknown) {
    const why = cause instanceof Error ? cause.message : String(cause);
    super(`${what}: ${why}\n  after: ${path.map(({ label }) => label).join(', ') || 'the start'}`, { cause });
    this.what = what;
    this.path = path;
  }
}

/** `{ link: { connected: 'dialing' }, network: 'online' }` as `link.connected.dialing network.online`. */
export function leavesOf(value: unknown, path = ''): string {
  if (typeof value === 'string') return path + value;
  const inner = Object.entries(value as object);
  return inner.map(([key, below]) => leavesOf(below, `${path}${key}.`)).join(' ');
}

const isMachine = (snapshot: unknown): snapshot is AnyMachineSnapshot =>
  typeof snapshot === 'object' && snapshot !== null && 'machine' in snapshot;

/** The active states of a machine and, in brackets, of the machines below it: `link.waiting network.online (backoff: held)`. */
export function configurationOf(snapshot: AnyMachineSnapshot): string {
  const below = Object.keys(snapshot.children)
    .sort()
    .map((id) => {
      const inner = snapshot.children[id]?.getSnapshot();
      return isMachine(inner) ? `${id}: ${configurationOf(inner)}` : id;
    });
  return leavesOf(snapshot.value) + (below.length === 0 ? '' : ` (${below.join(', ')})`);
}

/** Children that a move has ended, as far as their parents know. */
const over = new WeakSet<AnyActorRef>();

/** The child of that id, however deep, while it lives. */
function livingChild(actor: AnyActorRef, wanted: string): AnyActorRef | null {
  const { children = {} } = actor.getSnapshot() as Partial<AnyMachineSnapshot>;
  for (const [id, child] of Object.entries<AnyActorRef>(children)) {
    const isIt = id === wanted && !over.has(child) && child.getSnapshot().status === 'active';
    const found = isIt ? child : livingChild(child, wanted);
    if (found !== null) return found;
  }
  return null;
}

function outcome(child: string, type: 'done' | 'error', payload: object, label: string): Move {
  return {
    label,
    when: ({ actor }) => livingChild(actor as AnyActorRef, child) !== null,
    apply({ actor }) {
      const ended = livingChild(actor as AnyActorRef, child) as AnyActorRef;
      over.add(ended);
      ended._parent?.send({ type: `xstate.${type}.actor.${child}`, actorId: child, ...payload });
    },
  };
}

/** The event comes. */
export function sends<Machine extends AnyStateMachine>(
  event: EventFrom<Machine>,
  label: string = (event as { type: string }).type,
): Move<Machine> {
  return { label, apply: ({ actor }) => actor.send(event) };
}

/** The child `id`, however deep, is done; once, and only while it lives. Its own logic, if it has any, goes unasked. */
export function done(id: string, output?: unknown, label = `${id} done`): Move {
  return outcome(id, 'done', { output }, label);
}

/** The child `id`, however deep, fails; once, and only while it lives. */
export function fails(id: string, error: unknown, label = `${id} fails`): Move {
  return outcome(id, 'error', { error }, label);
}

/** The instants at which timers are due, the next one first. */
const instants = ({ clock }: Rig): readonly number[] => [...new Set(clock.pending)];

/** Time passes until the next timer fires, or until the one after it, and so on: a move for every instant that is awaited. */
export const timers = (rig: Rig): readonly Move[] =>
  instants(rig).map((_, index) => ({
    label: `timer ${index + 1}`,
    apply: (later) => later.clock.advance((instants(later)[index] ?? later.clock.now()) - later.clock.now()),
  }));

/** `moves` for the child `id` of the machine on the bench, while it lives: an app's machine that has a client in it. */
export function within<Child extends AnyStateMachine>(id: string, moves: readonly Moves<Child>[]): Moves {
  const inside = ({ actor, clock }: Rig): Rig<Child> => {
    const children = (actor.getSnapshot() as AnyMachineSnapshot).children as Record<string, unknown>;
    return { actor: children[id] as Actor<Child>, clock };
  };
  return (rig) => {
    const inner = inside(rig);
    if ((inner.actor?.getSnapshot() as AnyMachineSnapshot | undefined)?.status !== 'active') return [];
    return possible(inner, moves).map(({ label, apply }) => ({
      label: `${id}: ${label}`,
      apply: (later) => apply(inside(later)),
    }));
  };
}

/** A machine whose children do nothing at all, so that how they end is a move. */
export function alone<Machine extends AnyStateMachine>(machine: Machine): Machine {
  const names = Object.keys(machine.implementations.actors);
  return machine.provide({
    actors: Object.fromEntries(names.map((name) => [name, fromCallback(() => {})])),
  }) as Machine;
}

function possible<Machine extends AnyStateMachine>(
  rig: Rig<Machine>,
  moves: readonly Moves<Machine>[],
): readonly Move<Machine>[] {
  return moves
    .flatMap((move) => (typeof move === 'function' ? move(rig) : [move]))
    .filter((move) => move.when?.(rig) ?? true);
}

/** One run of a machine from its start. */
export class Run<Machine extends AnyStateMachine> implements Rig<Machine> {
  /** The actor on the bench. */
  readonly actor: Actor<Machine>;
  /** Its time, and that of all its children. */
  readonly clock = new ManualClock();
  readonly #options: ExploreOptions<Machine>;
  readonly #monitors: (readonly [name: string, monitor: Monitor<Machine>])[];
  readonly #path: Move<Machine>[] = [];
  #happened: Happening<Machine>[] = [];

  /** @internal Made by `explore`. */
  constructor(machine: Machine, options: ExploreOptions<Machine>) {
    this.#options = options;
    this.#monitors = Object.entries(options.monitors ?? {}).map(([name, make]) => [name, make()]);
    const inspect = (event: InspectionEvent) => this.#inspect(event);
    this.actor = createActor(machine, { input: options.input, clock: this.clock, inspect } as ActorOptions<Machine>);
    // Without an observer the error of a machine would end the process; `#settle` looks for it.
    this.actor.subscribe({ error: () => {} });
    this.actor.start();
    this.#settle();
    this.#verify();
  }

  /** Where the machine is now. */
  get snapshot(): SnapshotFrom<Machine> {
    return this.actor.getSnapshot();
  }

  /** What tells the state it is in from others. */
  get key(): string {
    const { key } = this.#options;
    return key === undefined ? this.configuration : `${this.configuration} ${JSON.stringify(key(this.snapshot))}`;
  }

  /** The active states, its own and those of the machines below. */
  get configuration(): string {
    return configurationOf(this.snapshot as AnyMachineSnapshot);
  }

  /** The moves so far that made a difference. */
  get path(): readonly Move<Machine>[] {
    return this.#path;
  }

  /** What may happen now; nothing any more to a machine that is done. */
  get moves(): readonly Move<Machine>[] {
    const { status } = this.snapshot as AnyMachineSnapshot;
    return status === 'active' ? possible(this, this.#options.moves) : [];
  }

  /**
   * Makes a move and looks whether everything still holds; returns the transitions that were taken, or null when nothing
   * came of it.
   *
   * @throws Broken
   */
  take(move: Move<Machine>): readonly string[] | null {
    const taken = this.retake(move);
    if (taken !== null) this.#verify();
    return taken;
  }

  /** The same where it was looked at before: only the monitors watch. */
  retake(move: Move<Machine>): readonly string[] | null {
    const now = this.clock.now();
    this.#happened = [{ type: 'move', label: move.label }];
    move.apply(this);
    const taken = this.#happened.flatMap((happening) => (happening.type === 'step' ? happening.taken : []));
    const { status } = this.snapshot as AnyMachineSnapshot;
    this.#path.push(move);
    if (taken.length > 0 || this.clock.now() !== now || status === 'error') {
      this.#settle();
      return taken;
    }
    this.#happened = [{ type: 'ignored', label: move.label }];
    this.#tell();
    this.#path.pop();
    return null;
  }

  /** Stops the machine. */
  end(): void {
    this.actor.stop();
  }

  #inspect(event: InspectionEvent): void {
    this.#options.coverage?.inspect(event);
    const actor = event.actorRef as Partial<Actor<AnyStateMachine>>;
    const at = this.clock.now();
    const by = actor === this.actor ? this.actor.logic.id : (actor.id ?? '');
    if (event.type === '@xstate.microstep') {
      const taken = event._transitions.filter(({ source }) => source !== undefined).map(transitionId);
      // XState tells of a step when its actions are through; here they follow it.
      const place = this.#happened.findLastIndex((each) => each.type === 'step' && each.by === by) + 1;
      const first = this.#happened.findIndex((each, index) => index >= place && 'by' in each && each.by === by);
      const step = { type: 'step', by, event: event.event, taken } as const;
      this.#happened.splice(first === -1 ? this.#happened.length : first, 0, step);
    } else if (event.type === '@xstate.action') {
      const { type: name, params } = event.action;
      if (name === 'xstate.emit') {
        this.#happened.push({ type: 'emitted', by, event: (params as { event: { type: string } }).event, at });
      } else this.#happened.push({ type: 'action', by, name, params, at });
    }
  }

  #settle(): void {
    const { status, error } = this.snapshot as AnyMachineSnapshot;
    if (status === 'error') throw new Broken('the machine broke down', [...this.#path], error);
    this.#happened.push({ type: 'settled', rig: this });
    this.#tell();
  }

  #tell(): void {
    for (const [name, monitor] of this.#monitors) {
      this.#hold(name, () => {
        for (const happening of this.#happened) monitor(happening);
      });
    }
  }

  #verify(): void {
    for (const [name, holds] of Object.entries(this.#options.invariants ?? {})) this.#hold(name, () => holds(this));
  }

  #hold(name: string, check: () => void): void {
    try {
      check();
    } catch (error) {
      throw new Broken(name, [...this.#path], error);
    }
  }
}

/** Moves that a run goes on for behind the state it was made for, while there is something new to try. */
const STRIDE = 20;

/**
 * Explores a machine from its start: in every state whatever may happen is tried once. What does not hold is told with a way
 * there that no move can be left out of.
 *
 * @throws Broken when an invariant or a monitor does not hold, or the machine throws
 * @throws Error when there are more states than `maxStates`, or states further away than `maxDepth`, unless `truncate` says
 *   that it need not be complete; and when a path does not lead to the same state twice
 */
export function explore<Machine extends AnyStateMachine>(
  machine: Machine,
  options: ExploreOptions<Machine>,
): Exploration<Machine> {
  try {
    return exploreAll(machine, options);
  } catch (error) {
    throw error instanceof Broken ? shortened(machine, options, error) : error;
  }
}

interface Open<Machine extends AnyStateMachine> extends Found<Machine> {
  path: readonly Move<Machine>[];
  readonly tried: Set<string>;
  done: boolean;
}

function exploreAll<Machine extends AnyStateMachine>(
  machine: Machine,
  options: ExploreOptions<Machine>,
): Exploration<Machine> {
  const { maxStates = 5_000, maxDepth = Infinity, truncate = false } = options;
  const states = new Map<string, Open<Machine>>();
  const edges: Edge<Machine>[] = [];
  let runs = 0;
  let truncated = false;

  const cut = (why: string): null => {
    if (!truncate) throw new Error(`${machine.id}: ${why}; what is left out of the key, or of the moves?`);
    truncated = true;
    return null;
  };

  const along = <Result>(path: readonly Move<Machine>[], visit: (run: Run<Machine>) => Result): Result => {
    runs += 1;
    const run = new Run(machine, options);
    try {
      for (const move of path) run.retake(move);
      return visit(run);
    } finally {
      run.end();
    }
  };

  /** The state that a run is in, perhaps a new one. */
  const at = (run: Run<Machine>): Open<Machine> | null => {
    const { key, path } = run;
    const known = states.get(key);
    if (known !== undefined) {
      if (path.length < known.path.length) known.path = [...path];
      return known;
    }
    if (states.size >= maxStates) return cut(`more than ${maxStates} states`);
    const found = { key, configuration: run.configuration, path: [...path], tried: new Set<string>(), done: false };
    states.set(key, found);
    return found;
  };

  /** Tries what is new in a state until something comes of it; null when nothing new is left. */
  const step = (run: Run<Machine>, { key, tried }: Open<Machine>): Edge<Machine> | null => {
    for (const move of run.moves) {
      if (tried.has(move.label)) continue;
      tried.add(move.label);
      const taken = run.take(move);
      if (taken !== null) return { from: key, move, to: run.key, taken };
    }
    return null;
  };

  /** Goes on from the state that a run is in as long as there is something new to try. */
  const stroll = (run: Run<Machine>, longest: number): void => {
    for (let here = at(run); here !== null && run.path.length < longest; here = at(run)) {
      const edge = step(run, here);
      if (edge === null) {
        here.done = true;
        return;
      }
      edges.push(edge);
    }
  };

  along([], at);
  for (const state of states.values()) {
    if (state.path.length >= maxDepth && !state.done) {
      cut(`states more than ${maxDepth} moves away`);
      state.done = true;
    }
    while (!state.done) {
      along(state.path, (run) => {
        if (run.key !== state.key) throw new Error(`${run.key} where it was ${state.key}`);
        stroll(run, Math.min(state.path.length + STRIDE, maxDepth));
      });
    }
  }
  return { states, edges, runs, truncated, along };
}

/** The same that is broken on a path from which no move can be left out. */
function shortened<Machine extends AnyStateMachine>(
  machine: Machine,
  options: ExploreOptions<Machine>,
  broken: Broken,
): Broken {
  let shortest = broken;
  for (let index = 0; index < shortest.path.length; ) {
    const path = shortest.path.filter((_, place) => place !== index);
    const again = breaks(machine, options, path);
    if (again?.what === broken.what && again.path.length < shortest.path.length) {
      shortest = again;
      index = 0;
    } else index += 1;
  }
  return shortest;
}

/** What breaks on a path, as far as it can be gone. */
function breaks<Machine extends AnyStateMachine>(
  machine: Machine,
  options: ExploreOptions<Machine>,
  path: readonly Move[],
): Broken | null {
  let run: Run<Machine> | null = null;
  try {
    run = new Run(machine, options);
    for (const move of path as readonly Move<Machine>[]) {
      const now = run.moves.find(({ label }) => label === move.label);
      if (now !== undefined) run.take(now);
    }
    return null;
  } catch (error) {
    if (error instanceof Broken) return error;
    throw error;
  } finally {
    run?.end();
  }
}
