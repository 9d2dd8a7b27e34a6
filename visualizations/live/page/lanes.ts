/**
 * The tree of actors. An actor that comes back, as a stream does with every connection, keeps its place: a lane is all
 * actors that had the same name within the same parent, one after another.
 */
import type { BirthFrame } from '../world.ts';
import type { Standing, Standings } from './recording.ts';

export interface Lane {
  /** Its place in the order of appearance, which never changes. */
  readonly index: number;
  /** Its id within its parent; for a root that has none, what its machine is called. */
  name: string;
  readonly parent: Lane | null;
  /** The session id of the root of its system. */
  readonly root: string;
  readonly depth: number;
  readonly children: Lane[];
  /** The picture of its latest actor; null without. */
  chart: string | null;
  /** The session ids of its actors, the oldest first. */
  readonly actors: string[];
}

export class Lanes {
  readonly #byActor = new Map<string, Lane>();
  readonly #byKey = new Map<string, Lane>();
  #roots: Lane[] = [];
  #count = 0;
  #order: readonly Lane[] | undefined;

  /** Parents before their children. */
  get all(): readonly Lane[] {
    this.#order ??= this.#roots.flatMap(withChildren);
    return this.#order;
  }

  of(actor: string): Lane | undefined {
    return this.#byActor.get(actor);
  }

  add({ actor, id, parent, root, chart }: BirthFrame): Lane {
    const known = this.#byActor.get(actor);
    if (known !== undefined) return known;
    const above = (parent === null ? undefined : this.#byActor.get(parent)) ?? null;
    const key = JSON.stringify(above === null ? [actor] : [above.index, id]);
    let lane = this.#byKey.get(key);
    if (lane === undefined) {
      const depth = above === null ? 0 : above.depth + 1;
      lane = { index: this.#count++, name: id, parent: above, root, depth, children: [], chart, actors: [] };
      this.#byKey.set(key, lane);
      (above?.children ?? this.#roots).push(lane);
      this.#order = undefined;
    }
    lane.chart = chart ?? lane.chart;
    lane.actors.push(actor);
    this.#byActor.set(actor, lane);
    return lane;
  }

  /** Forgets actors, and the lanes that are empty without them. */
  remove(actors: readonly string[]): void {
    for (const actor of actors) {
      const lane = this.#byActor.get(actor);
      this.#byActor.delete(actor);
      lane?.actors.splice(lane.actors.indexOf(actor), 1);
    }
    const empty = new Set([...this.#byKey.values()].filter(isEmpty));
    if (empty.size === 0) return;
    for (const [key, lane] of this.#byKey) if (empty.has(lane)) this.#byKey.delete(key);
    for (const lane of this.#byKey.values()) {
      const kept = lane.children.filter((child) => !empty.has(child));
      lane.children.splice(0, lane.children.length, ...kept);
    }
    this.#roots = this.#roots.filter((lane) => !empty.has(lane));
    this.#order = undefined;
  }
}

/** The actor that a lane stands for in a world: its latest that was born by then. */
export function standing(lane: Lane, world: Standings, n: number): Standing | null {
  for (let index = lane.actors.length - 1; index >= 0; index--) {
    const found = world.get(lane.actors[index] as string);
    if (found !== undefined && found.state.birth.n <= n) return found;
  }
  return null;
}

/** `client › negotiation › sasl` */
export function path(lane: Lane): string {
  return lane.parent === null ? lane.name : `${path(lane.parent)} › ${lane.name}`;
}

const withChildren = (lane: Lane): Lane[] => [lane, ...lane.children.flatMap(withChildren)];

const isEmpty = ({ actors, children }: Lane): boolean => actors.length === 0 && children.every(isEmpty);
