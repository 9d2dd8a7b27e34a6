import type { AnyStateMachine, AnyStateNode, AnyTransitionDefinition, InspectionEvent } from 'xstate';

/** All nodes of a machine, the root first, in the order of the document. */
export function nodesOf(node: AnyStateNode): readonly AnyStateNode[] {
  return [node, ...Object.values<AnyStateNode>(node.states).flatMap(nodesOf)];
}

/** All transitions that start at a node, for whatever reason: events, timers, the ends of children, and at once. */
export function transitionsOf(node: AnyStateNode): readonly AnyTransitionDefinition[] {
  return [...[...node.transitions.values()].flat(), ...(node.always ?? [])];
}

const ids = new WeakMap<AnyTransitionDefinition, string>();

/** `source --event[place among its candidates]`, where what is taken at once has `always` for an event. */
export function transitionId(transition: AnyTransitionDefinition): string {
  const known = ids.get(transition);
  if (known !== undefined) return known;
  const { source, eventType } = transition;
  const candidates = eventType === '' ? source.always : source.transitions.get(eventType);
  const id = `${source.id} --${eventType || 'always'}[${candidates?.indexOf(transition) ?? 0}]`;
  ids.set(transition, id);
  return id;
}

/** Columns set under one another; the first row is the head. */
export function table(rows: readonly (readonly (string | number)[])[]): string {
  const width = (column: number) => Math.max(...rows.map((row) => String(row[column] ?? '').length));
  const cell = (value: string | number, column: number) =>
    typeof value === 'number' ? String(value).padStart(width(column)) : value.padEnd(width(column));
  return rows.map((row) => row.map(cell).join('  ').trimEnd()).join('\n');
}

/**
 * Which transitions were taken: every guard's branch, every timer, every end of a child and every handler that only keeps
 * an event from the states around it counts by itself. Give `inspect` to an actor, or a `Coverage` to `explore`, and ask
 * afterwards what is missing; machines are told apart by their ids.
 */
export class Coverage {
  readonly #taken = new Map<string, number>();

  /** For `createActor(machine, { inspect })`; hears the machines below that actor, too. */
  readonly inspect = (event: InspectionEvent): void => {
    if (event.type !== '@xstate.microstep') return;
    for (const transition of event._transitions) {
      // The way into the initial state is not written down anywhere.
      if (transition.source === undefined) continue;
      const id = transitionId(transition);
      this.#taken.set(id, (this.#taken.get(id) ?? 0) + 1);
    }
  };

  /** How often a transition was taken. */
  times(id: string): number {
    return this.#taken.get(id) ?? 0;
  }

  /** The ids of all transitions of a machine, in the order of the document. */
  static all(machine: AnyStateMachine): string[] {
    return nodesOf(machine.root).flatMap(transitionsOf).map(transitionId);
  }

  /** The ids of the transitions of a machine that were never taken. */
  missing(machine: AnyStateMachine): string[] {
    return Coverage.all(machine).filter((id) => !this.#taken.has(id));
  }

  /** A line a machine: how many transitions it has and how many were taken, and below it those that were not. */
  table(...machines: readonly AnyStateMachine[]): string {
    const rows = machines.flatMap((machine) => {
      const missing = this.missing(machine);
      const all = Coverage.all(machine).length;
      return [[machine.id, `${all - missing.length}/${all}`], ...missing.map((id) => [`  never ${id}`])];
    });
    return table([['machine', 'transitions'], ...rows]);
  }
}
