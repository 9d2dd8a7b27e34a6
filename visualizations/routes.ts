/**
 * What becomes of each transition in a picture: a line between two states that stand side by side, a chip inside of its
 * source that names the target, or a row for what leads nowhere. Lines never cross the border of a state, and what would
 * hide everything else is a chip.
 */
import { type Chart, type ChartState, type ChartTransition, statesOf } from './chart.ts';

/** More sources than this make a state one that chips lead to. */
const MANY_SOURCES = 6;

/** How many states further on in the document a line may lead. */
const FAR_AHEAD = 8;

/** More states in one than anybody can follow lines between: only neighbours are joined. */
export const CROWD = 40;

export interface Line {
  /** The ids of the states that it joins, which have the same parent. */
  readonly from: string;
  readonly to: string;
  readonly legs: readonly Leg[];
}

/** One transition that a line stands for. */
export interface Leg {
  readonly transition: ChartTransition;
  /** See {@link Inside.place}. */
  readonly place: number | null;
  /** The state inside of `from` that it really starts in, where a chip says the rest; null if it is `from`. */
  readonly within: string | null;
  /** What it really leads to inside of `to`; null if it is `to`. */
  readonly into: string | null;
}

export interface Routes {
  /** By the id of the state that both ends are children of. */
  readonly lines: ReadonlyMap<string, readonly Line[]>;
  /** What is written in a state, by its id, in the order of the document. */
  readonly inside: ReadonlyMap<string, readonly Inside[]>;
}

/** A chip or a row. */
export interface Inside {
  readonly transition: ChartTransition;
  /** Its place among the candidates of its event, from 1: the first whose guard agrees is taken. Null for the only one. */
  readonly place: number | null;
  /** The name of where it leads; null if it leads nowhere. */
  readonly target: string | null;
  /** It leads to its own source. */
  readonly loop: boolean;
}

/** How every transition of a chart is drawn; if `thrifty`, what leads back past another state or far ahead is a chip, too. */
export function routesOf(chart: Chart, thrifty: boolean): Routes {
  const tree = new Tree(chart);
  const sinks = sinksOf(chart, tree);
  const lines = new Map<string, Map<string, Line>>();
  const inside = new Map<string, Inside[]>();
  const leaving: { transition: ChartTransition; place: number | null; ends: Ends }[] = [];
  for (const state of statesOf(chart.root)) {
    const places = placesOf(state);
    for (const transition of state.transitions) {
      const { targets } = transition;
      const place = places.get(transition) ?? null;
      const joined = targets.length === 0 ? null : tree.ends(state.id, targets);
      const hidden = targets.some((target) => sinks.has(target)) || (thrifty && joined !== null && tree.isFar(joined));
      const ends = hidden ? null : joined;
      if (ends?.from === state.id) {
        addLine(lines, ends, { transition, place, within: null, into: into(tree, ends, targets) });
        continue;
      }
      if (ends !== null) leaving.push({ transition, place, ends });
      const target = targets.length === 0 ? null : targets.map((id) => tree.name(state.id, id)).join(' + ');
      const loop = targets.length === 1 && targets[0] === state.id;
      inside.set(state.id, [...(inside.get(state.id) ?? []), { transition, place, target, loop }]);
    }
  }
  // A state that only chips elsewhere lead to would stand there as if nothing led to it.
  const named = [...inside.values()]
    .flat()
    .filter(({ transition }) => transition.targets.some((to) => tree.isIn(transition.source, to)));
  const led = new Set([
    ...[...lines.values()].flatMap((some) => [...some.values()].map(({ to }) => to)),
    ...named.flatMap(({ transition }) => transition.targets),
  ]);
  for (const { transition, place, ends } of leaving) {
    if (led.has(ends.to) || tree.isInitial(ends.to)) continue;
    addLine(lines, ends, {
      transition,
      place,
      within: tree.name(ends.from, transition.source),
      into: into(tree, ends, transition.targets),
    });
  }
  return { lines: new Map([...lines].map(([home, some]) => [home, [...some.values()]])), inside };
}

function placesOf(state: ChartState): Map<ChartTransition, number> {
  const groups = new Map<string, ChartTransition[]>();
  for (const transition of state.transitions) {
    // The id of a transition ends with its place among the candidates of its event.
    const event = transition.id.slice(0, transition.id.lastIndexOf('['));
    groups.set(event, [...(groups.get(event) ?? []), transition]);
  }
  const several = [...groups.values()].filter(({ length }) => length > 1);
  return new Map(several.flatMap((group) => group.map((transition, index) => [transition, index + 1])));
}

/** Two children of `home`. */
interface Ends {
  readonly home: string;
  readonly from: string;
  readonly to: string;
}

function addLine(lines: Map<string, Map<string, Line>>, { home, from, to }: Ends, leg: Leg): void {
  const here = lines.get(home) ?? new Map<string, Line>();
  lines.set(home, here);
  const key = JSON.stringify([from, to]);
  here.set(key, { from, to, legs: [...(here.get(key)?.legs ?? []), leg] });
}

function into(tree: Tree, { to }: Ends, targets: readonly string[]): string | null {
  return targets.length === 1 && targets[0] === to ? null : targets.map((id) => tree.name(to, id)).join(' + ');
}

function sinksOf(chart: Chart, tree: Tree): Set<string> {
  const sources = new Map<string, Set<string>>();
  const sinks = new Set<string>();
  for (const state of statesOf(chart.root)) {
    if (state.sink) sinks.add(state.id);
    for (const target of state.transitions.flatMap(({ targets }) => targets)) {
      sources.set(target, (sources.get(target) ?? new Set()).add(state.id));
    }
  }
  for (const [target, { size }] of sources) if (size > MANY_SOURCES && !tree.isInitial(target)) sinks.add(target);
  return sinks;
}

/** Who is inside of whom. */
class Tree {
  readonly #paths = new Map<string, readonly ChartState[]>();

  constructor(chart: Chart) {
    this.#add(chart.root, []);
  }

  /** The two children that a transition joins of one state; null if it leads into itself, outwards, or to another region. */
  ends(source: string, targets: readonly string[]): Ends | null {
    const from = this.#path(source);
    const paths = targets.map((target) => this.#path(target));
    let depth = 0;
    while (depth < from.length && paths.every((path) => path[depth] === from[depth])) depth += 1;
    const home = from[depth - 1];
    const left = from[depth];
    const entered = paths[0]?.[depth];
    if (home === undefined || left === undefined || entered === undefined || home.type === 'parallel') return null;
    if (paths.some((path) => path[depth] !== entered)) return null;
    return { home: home.id, from: left.id, to: entered.id };
  }

  /** What `id` is called seen from `viewer`: its key, after those of the states that have to be entered on the way. */
  name(viewer: string, id: string): string {
    const from = this.#path(viewer);
    const path = this.#path(id);
    if (viewer === id) return path.at(-1)?.key ?? id;
    let depth = 0;
    while (depth < from.length && depth < path.length && from[depth] === path[depth]) depth += 1;
    const rest = path.slice(Math.min(depth, path.length - 1));
    return rest.map(({ key }) => key).join('.');
  }

  isIn(parent: string, child: string): boolean {
    return this.#path(child).at(-2)?.id === parent;
  }

  isFar({ home, from, to }: Ends): boolean {
    const order =
      this.#path(home)
        .at(-1)
        ?.states.map(({ id }) => id) ?? [];
    const ahead = order.indexOf(to) - order.indexOf(from);
    return ahead < -1 || ahead > (order.length > CROWD ? 1 : FAR_AHEAD);
  }

  isInitial(id: string): boolean {
    return this.#path(id).at(-2)?.initial === id;
  }

  #path(id: string): readonly ChartState[] {
    return this.#paths.get(id) ?? [];
  }

  #add(state: ChartState, above: readonly ChartState[]): void {
    const path = [...above, state];
    this.#paths.set(state.id, path);
    for (const child of state.states) this.#add(child, path);
  }
}
