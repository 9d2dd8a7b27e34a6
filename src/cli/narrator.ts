/** Tells what the statecharts of a client do as it happens: a line a state change. */
import type { AnyMachineSnapshot, InspectionEvent, StateValue } from 'xstate';
import type { Inspector } from '../client/inspect.ts';
import { oneLine } from '../error.ts';

/** Whether to use colour: on a terminal, unless the environment asks otherwise (no-color.org). */
export function wantsColour(stream: { isTTY?: boolean }, env: NodeJS.ProcessEnv): boolean {
  if (env.FORCE_COLOR !== undefined) return env.FORCE_COLOR !== '0';
  return stream.isTTY === true && (env.NO_COLOR ?? '') === '';
}

const COLOURS = { client: 36, stream: 34, negotiation: 35, sasl: 33, backoff: 32, dim: 2, bold: 1, bad: 31 } as const;

/** Writes lines with a clock, a name and a state change in each. */
export class Narrator {
  readonly #write: (line: string) => void;
  readonly #colour: boolean;
  readonly #begin = performance.now();

  constructor(write: (line: string) => void, colour: boolean) {
    this.#write = write;
    this.#colour = colour;
  }

  /** An `inspect` function that tells of the client called `name`, and passes on what it sees. */
  follow(name: string, next?: Inspector): Inspector {
    const tell = this.#teller(name);
    const inspect = (event: InspectionEvent) => {
      tell(event);
      next?.(event);
    };
    return Object.assign(inspect, next?.client && { client: next.client });
  }

  #teller(name: string): (event: InspectionEvent) => void {
    const values = new Map<string, string[]>();
    return (inspected) => {
      if (inspected.type !== '@xstate.snapshot') return;
      const snapshot = inspected.snapshot as Partial<AnyMachineSnapshot>;
      const machine = snapshot.machine?.id;
      if (machine === undefined || snapshot.value === undefined) return;
      const { sessionId } = inspected.actorRef;
      const now = leaves(snapshot.value);
      const before = values.get(sessionId) ?? [];
      if (snapshot.status === 'active') values.set(sessionId, now);
      else values.delete(sessionId);
      const gone = before.filter((leaf) => !now.includes(leaf));
      const come = now.filter((leaf) => !before.includes(leaf));
      if (before.length === 0 && machine === 'client') return;
      if (gone.length > 0 || come.length > 0) this.change(name, machine, gone, come, reason(inspected.event));
    };
  }

  /** A state change. */
  change(name: string, machine: string, from: readonly string[], to: readonly string[], why: string): void {
    const colour = COLOURS[machine as keyof typeof COLOURS] ?? COLOURS.bold;
    const arrow = `${from.join(', ') || '·'} → ${to.join(', ') || '·'}`;
    this.#line(name, this.#paint(colour, machine.padEnd(11)), arrow, this.#paint(COLOURS.dim, why));
  }

  /** Something to say that is no state change. */
  say(name: string, text: string): void {
    this.#line(name, this.#paint(COLOURS.bold, text));
  }

  /** The same, when it is bad news. */
  complain(name: string, text: string): void {
    this.#line(name, this.#paint(COLOURS.bad, text));
  }

  #line(name: string, ...parts: string[]): void {
    const seconds = ((performance.now() - this.#begin) / 1000).toFixed(3).padStart(8);
    this.#write([this.#paint(COLOURS.dim, seconds), name.padEnd(8), ...parts].join('  ').trimEnd());
  }

  #paint(code: number, text: string): string {
    return this.#colour ? `\u001b[${code}m${text}\u001b[0m` : text;
  }
}

/** Every active leaf state as a path with dots. */
function leaves(value: StateValue, path = ''): string[] {
  if (typeof value === 'string') return [path === '' ? value : `${path}.${value}`];
  return Object.entries(value).flatMap(([key, inner]) =>
    inner === undefined ? [] : leaves(inner, path === '' ? key : `${path}.${key}`),
  );
}

/** Why a state changed: the event, with the failure in it if there is one. */
function reason(event: { type: string }): string {
  const { type } = event;
  const after = /^xstate\.after\.(.+?)\./.exec(type);
  const child = /^xstate\.(done|error)\.actor\.(.+)$/.exec(type);
  const why = after ? `after ${after[1]}` : child ? `${child[2]} ${child[1] === 'done' ? 'done' : 'failed'}` : type;
  const { failure, output } = event as { failure?: unknown; output?: { failure?: unknown; cause?: unknown } };
  const cause = (failure ?? output?.failure ?? output?.cause) as
    | { text?: string; condition?: string }
    | null
    | undefined;
  const details = cause?.condition ?? cause?.text;
  // What a server says must not move the cursor of whoever reads it.
  return details === undefined ? why : `${why}: ${oneLine(details)}`;
}
