/** A statechart as a Mermaid state diagram: text that GitHub draws. */
import type { AnyStateMachine } from 'xstate';
import { type ChartState, type ChartTransition, chartOf, statesOf } from './chart.ts';

/** Characters of a name that are shown; who needs more reads it elsewhere. */
const LONGEST = 100;

/** What a text may not have in it as it is; an underscore at the end of a word is one of stress. */
const SPECIAL = /[^\p{L}\p{N} .,()_-]|(?<![\p{L}\p{N}])_|_(?![\p{L}\p{N}])/gu;

/** What cannot be a state: words of Mermaid's own, names it makes itself, and what every object inherits. */
const RESERVED = /^(?:acctitle|accdescr|class|classdef|click|default|href|note|scale|state|statediagram|style)$/i;
const MADE = /(?:^|_)(?:start|end)$/;
const reserved = (name: string): boolean => RESERVED.test(name) || MADE.test(name) || name in {};

/**
 * The diagram of a machine, the same for the same machine always: its states, and what leads from one to another. Events
 * that lead nowhere are left out.
 */
export function toMermaid(machine: AnyStateMachine): string {
  const { root } = chartOf(machine);
  const picture = new Picture(root);
  return `${['stateDiagram-v2', ...picture.lines()].join('\n')}\n`;
}

class Picture {
  readonly #root: ChartState;
  readonly #states = new Map<string, ChartState>();
  /** Names without dots, which Mermaid would read as more than one state, by the ids of states. */
  readonly #names = new Map<string, string>();
  /** States that something leads out of from wherever one is inside. */
  readonly #left = new Set<ChartState>();

  constructor(root: ChartState) {
    this.#root = root;
    for (const state of statesOf(root)) this.#states.set(state.id, state);
    this.#name(root, [], new Set());
  }

  lines(): string[] {
    const arrows = this.#arrows();
    // Regions can only be drawn inside a state, and a machine without states is one itself.
    const boxed = this.#root.type !== 'compound';
    // What leads where comes last and outermost: Mermaid moves a state to where it is mentioned.
    return [...(boxed ? this.#draw(this.#root, '  ') : this.#drawInside(this.#root, '  ')), ...arrows];
  }

  #name(state: ChartState, path: readonly string[], taken: Set<string>): void {
    const plain = (path.join('_') || state.key).replace(/\W/g, '_');
    const wanted = reserved(plain) ? `${plain}_` : plain;
    let name = wanted;
    for (let count = 2; taken.has(name); count++) name = `${wanted}_${count}`;
    this.#names.set(state.id, name);
    taken.add(name).add(`${name}_anywhere`);
    for (const child of state.states) this.#name(child, [...path, child.key], taken);
  }

  #nameOf(state: ChartState): string {
    return this.#names.get(state.id) as string;
  }

  #draw(state: ChartState, indent: string): string[] {
    const name = this.#nameOf(state);
    const lines = [`${indent}${name}: ${text(caption(state))}`];
    if (state.states.length === 0) return lines;
    return [...lines, `${indent}state ${name} {`, ...this.#drawInside(state, `${indent}  `), `${indent}}`];
  }

  #drawInside(state: ChartState, indent: string): string[] {
    const initial = state.initial === null ? undefined : this.#states.get(state.initial);
    const lines = initial === undefined ? [] : [`${indent}[*] --> ${this.#nameOf(initial)}`];
    const parts = state.states.map((child) => this.#draw(child, indent));
    // Mermaid cannot draw a line from a box to its inside.
    if (this.#left.has(state)) {
      parts.push([`${indent}${this.#nameOf(state)}_anywhere: anywhere in ${text(state.key)}`]);
    }
    for (const [index, part] of parts.entries()) {
      if (state.type === 'parallel' && index > 0) lines.push(`${indent}--`);
      lines.push(...part);
    }
    for (const child of state.states) {
      if (child.type === 'final') lines.push(`${indent}${this.#nameOf(child)} --> [*]`);
    }
    return lines;
  }

  /** Everything that leads from one state to another, what leads the same way on one line. */
  #arrows(): string[] {
    const found = new Map<string, string[]>();
    const add = (ends: string, what: string) => found.set(ends, [...(found.get(ends) ?? []), what]);
    for (const from of this.#states.values()) {
      for (const transition of from.transitions) {
        for (const to of this.#targets(from, transition)) {
          const inside = from !== to && within(from, to);
          if (inside) this.#left.add(from);
          add(`${this.#nameOf(from)}${inside ? '_anywhere' : ''} --> ${this.#nameOf(to)}`, label(transition));
        }
      }
      const first = from.history === null || from.initial === null ? undefined : this.#states.get(from.initial);
      if (first !== undefined) add(`${this.#nameOf(from)} --> ${this.#nameOf(first)}`, 'the first time');
    }
    return [...found].map(([ends, labels]) => {
      const shown = labels.filter((one) => one !== '').join(', ');
      return `  ${ends}${shown === '' ? '' : `: ${shown}`}`;
    });
  }

  #targets(from: ChartState, { targets }: ChartTransition): readonly ChartState[] {
    return targets.flatMap((id) => this.#begin(this.#states.get(id) as ChartState, from));
  }

  /** Where one comes to in `state`: a line cannot lead from inside a box to the box, so it leads to where that begins. */
  #begin(state: ChartState, from: ChartState): readonly ChartState[] {
    const around = state === this.#root ? state.states.length > 0 : state !== from && within(state, from);
    if (!around) return [state];
    const begins = state.states.filter(({ id }) => state.type === 'parallel' || id === state.initial);
    return begins.flatMap((child) => this.#begin(child, from));
  }
}

/** Whether `inner` is `outer` or somewhere inside of it. */
function within(outer: ChartState, inner: ChartState): boolean {
  return outer === inner || outer.states.some((child) => within(child, inner));
}

function caption({ key, history }: ChartState): string {
  if (history === null) return key;
  return history === 'deep' ? 'H*' : 'H';
}

function label({ label: event, guard }: ChartTransition): string {
  return [event, guard === null ? '' : `(${guard})`]
    .filter((part) => part !== '')
    .map(text)
    .join(' ');
}

/** A text with everything by its number that Mermaid, Markdown or HTML could take for their own. */
function text(plain: string): string {
  const shown = plain.length > LONGEST ? `${plain.slice(0, LONGEST - 1)}…` : plain;
  const line = shown.replace(/[\s\p{Cc}\p{Bidi_Control}]+/gu, ' ').trim();
  return line.replace(SPECIAL, (character) => `#${character.codePointAt(0)};`) || '…';
}
