/** A statechart in words, for a terminal or to be read aloud. */
import type { AnyStateMachine } from 'xstate';
import { type ChartAction, type ChartState, type ChartTransition, chartOf, statesOf } from './chart.ts';
import { definitionOf, type MachineDefinition } from './definition.ts';

/** Options of `describe`. */
export interface DescribeOptions {
  /** `text` (default) for people; `json` for programs: the definition, which XState's `createMachine` takes back. */
  readonly format?: 'text' | 'json';
}

/**
 * What a machine is, in words or as JSON: the same for the same machine always.
 *
 * As text it has a block of lines for every state, indented below the state it is in: what the state is for, what it does,
 * and what leads where, what is tried first before the rest. A state is called by its key where no other has the same, and
 * else by its path from the top, as in `connected.live`.
 *
 * As JSON it is the configuration without its functions; see `definitionOf`.
 */
export function describe(machine: AnyStateMachine, options: { readonly format: 'json' }): MachineDefinition;
export function describe(machine: AnyStateMachine, options?: { readonly format?: 'text' }): string;
export function describe(machine: AnyStateMachine, options?: DescribeOptions): string | MachineDefinition;
export function describe(machine: AnyStateMachine, { format = 'text' }: DescribeOptions = {}) {
  return format === 'json' ? definitionOf(machine) : textOf(chartOf(machine).root);
}

/** One line of a state: why, and what comes of it. */
type Line = readonly [cause: string, effect: string];

function textOf(root: ChartState): string {
  const names = namesOf(root);
  return `${block(root, marksOf(root, null), names, '').join('\n')}\n`;
}

function block(
  state: ChartState,
  marks: readonly string[],
  names: ReadonlyMap<string, string>,
  indent: string,
): string[] {
  const inner = `${indent}  `;
  const lines = linesOf(state, names);
  const width = Math.max(...lines.map(([cause]) => cause.length));
  return [
    `${indent}${clean(state.key)}${marks.length === 0 ? '' : ` (${marks.join(', ')})`}`,
    ...(state.description === null ? [] : [`${inner}${clean(state.description)}`]),
    ...lines.map(([cause, effect]) => `${inner}${cause.padEnd(width)}   ${effect}`),
    ...state.states.flatMap((child) => ['', ...block(child, marksOf(child, state), names, inner)]),
  ];
}

function marksOf(state: ChartState, parent: ChartState | null): string[] {
  const { type, history } = state;
  const kind = history === null ? type : `${history} history`;
  return [
    ...(parent?.initial === state.id ? ['initial'] : []),
    ...(kind === 'atomic' || kind === 'compound' ? [] : [kind]),
  ];
}

function linesOf(state: ChartState, names: ReadonlyMap<string, string>): Line[] {
  const { spec, tags, entry, exit, invoke, transitions, history, initial } = state;
  return [
    ...(spec === null ? [] : [['specified in', clean(spec)] as const]),
    ...(tags.length === 0 ? [] : [['tagged', tags.map(clean).join(', ')] as const]),
    ...(entry.length === 0 ? [] : [['entering', doing(entry)] as const]),
    ...(exit.length === 0 ? [] : [['leaving', doing(exit)] as const]),
    ...invoke.map(
      ({ id, src }) => ['running', clean(id === src || /^\d+\./.test(id) ? src : `${id}, a ${src}`)] as const,
    ),
    ...(history === null || initial === null ? [] : [['the first time', `to ${names.get(initial)}`] as const]),
    ...transitions.map((transition, index) => {
      const before = transitions[index - 1];
      return [
        cause(transition, before?.label === transition.label && before.guard !== null),
        effect(transition, names),
      ] as const;
    }),
  ];
}

/** @param again what came before has the same cause and a guard. */
function cause({ kind, label, guard }: ChartTransition, again: boolean): string {
  const words = { event: 'on ', wildcard: 'on ', after: '', done: 'when ', error: 'when ', always: 'at once' };
  const condition = guard === null ? (again ? ', else' : '') : `, if ${clean(guard)}`;
  return `${words[kind]}${clean(label)}${condition}`;
}

function effect({ source, targets, actions, reenter, forbidden }: ChartTransition, names: ReadonlyMap<string, string>) {
  if (forbidden) return 'ignored';
  const where = targets.map((id) => names.get(id)).join(' and ');
  const way = targets.length === 0 ? 'stays' : `to ${where}${reenter || targets[0] === source ? ' again' : ''}`;
  return actions.length === 0 ? way : `${way}, doing ${doing(actions)}`;
}

function doing(actions: readonly ChartAction[]): string {
  return actions.map(({ name, detail }) => clean(detail === null ? name : `${name} ${detail}`)).join(', ');
}

/** What the states are called by, by their ids. */
function namesOf(root: ChartState): Map<string, string> {
  const keys = statesOf(root).map(({ key }) => key);
  const names = new Map<string, string>();
  const visit = (state: ChartState, path: readonly string[]): void => {
    const alone = keys.indexOf(state.key) === keys.lastIndexOf(state.key);
    names.set(state.id, clean(alone || path.length === 0 ? state.key : path.join('.')));
    for (const child of state.states) visit(child, [...path, child.key]);
  };
  visit(root, []);
  return names;
}

/** On one line, without what would move the cursor or turn the direction of writing, and with a word for a function. */
function clean(text: string): string {
  return text
    .replaceAll('ƒ', 'inline')
    .replace(/[\s\p{Cc}\p{Bidi_Control}]+/gu, ' ')
    .trim();
}
