/** Paths through a machine that was explored: few and long ones that together see everything there is to see. */
import type { AnyStateMachine } from 'xstate';
import type { Edge, Exploration, Move, Run } from './explore.ts';

/**
 * What paths have to cover: every state, every transition that was taken, or every two transitions of which one was taken
 * by a move and the other by the next.
 */
export type Criterion = 'states' | 'transitions' | 'pairs';

/** Options of `coveringPaths`. */
export interface CoveringOptions {
  /** Moves after which a path is long enough (default 100). */
  readonly longest?: number;
}

/** A path under way: what it has taken, and the transitions of its last move. */
interface Walk<Machine extends AnyStateMachine> {
  readonly run: Run<Machine>;
  taken: readonly string[];
  /** It has covered something that no path before it had. */
  worthwhile: boolean;
}

/**
 * Paths from the start that cover an exploration, each going on to whatever is nearest. They are run while they are made, so
 * that each really leads where it is meant to: the exploration's key may be too coarse to foresee it. Pairs that turn out
 * not to exist are left out.
 */
export function coveringPaths<Machine extends AnyStateMachine>(
  { states, edges, along }: Exploration<Machine>,
  criterion: Criterion,
  { longest = 100 }: CoveringOptions = {},
): readonly (readonly Move<Machine>[])[] {
  const leaving = new Map<string, Edge<Machine>[]>([...states.keys()].map((key) => [key, []]));
  for (const edge of edges) leaving.get(edge.from)?.push(edge);

  /** What a move covers that comes after one that took the transitions `before`. */
  const goalsOf = (before: readonly string[], { to, taken }: Pick<Edge, 'to' | 'taken'>): readonly string[] => {
    if (criterion === 'states') return [to];
    if (criterion === 'transitions') return taken;
    return before.flatMap((first) => taken.map((second) => `${first} then ${second}`));
  };

  const [start = ''] = states.keys();
  const open = new Set<string>();
  for (const first of edges) {
    if (criterion !== 'pairs') for (const goal of goalsOf([], first)) open.add(goal);
    else
      for (const second of leaving.get(first.to) ?? []) for (const goal of goalsOf(first.taken, second)) open.add(goal);
  }
  open.delete(start);

  /** The shortest way from a state, entered by the transitions `before`, to a move that covers something new. */
  const wayFrom = (key: string, before: readonly string[]): readonly Edge<Machine>[] | null => {
    interface Place {
      readonly key: string;
      readonly taken: readonly string[];
      readonly way: readonly Edge<Machine>[];
    }
    const seen = new Set<unknown>([key]);
    const places: Place[] = [{ key, taken: before, way: [] }];
    for (const { key, taken, way } of places) {
      for (const edge of leaving.get(key) ?? []) {
        const longer = [...way, edge];
        if (goalsOf(taken, edge).some((goal) => open.has(goal))) return longer;
        // What two moves cover depends on the first of them and not only on the state between them.
        const identity = criterion === 'pairs' ? edge : edge.to;
        if (seen.has(identity)) continue;
        seen.add(identity);
        places.push({ key: edge.to, taken: edge.taken, way: longer });
      }
    }
    return null;
  };

  /** Makes a move; returns whether anything came of it. */
  const step = (walk: Walk<Machine>, move: Move<Machine>): boolean => {
    const taken = (move.when?.(walk.run) ?? true) ? walk.run.take(move) : null;
    if (taken === null) return false;
    for (const goal of goalsOf(walk.taken, { to: walk.run.key, taken })) {
      if (open.delete(goal)) walk.worthwhile = true;
    }
    walk.taken = taken;
    return true;
  };

  /** Goes from one goal to the next as long as every move leads where it is meant to. */
  const wander = (walk: Walk<Machine>): void => {
    const { run } = walk;
    for (let way = wayFrom(run.key, walk.taken); way !== null; way = wayFrom(run.key, walk.taken)) {
      if (run.path.length > 0 && run.path.length + way.length > longest) return;
      for (const { move, to } of way) {
        // Where the key is too coarse a move may be impossible here, or change nothing; it would be tried for ever.
        if (!step(walk, move) || run.key !== to) return;
      }
    }
  };

  const paths: (readonly Move<Machine>[])[] = [];
  for (let way = wayFrom(start, []); way !== null; way = wayFrom(start, [])) {
    const goal = way.at(-1) as Edge<Machine>;
    const before = way.at(-2)?.taken ?? [];
    const tell = (go: (walk: Walk<Machine>) => void) =>
      along([], (run) => {
        const walk: Walk<Machine> = { run, taken: [], worthwhile: false };
        go(walk);
        if (walk.worthwhile) paths.push([...run.path]);
        return walk.worthwhile;
      });
    if (tell(wander)) continue;
    // The goal is not where it seemed to be; it is behind the path that found its state, or, of pairs, nowhere.
    tell((walk) => {
      for (const move of [...(states.get(goal.from)?.path ?? []), goal.move]) step(walk, move);
    });
    for (const each of goalsOf(before, goal)) open.delete(each);
  }
  return paths;
}
