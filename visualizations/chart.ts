/**
 * A machine as plain data, ready to be drawn, listed or told: what `layout`, `mermaid` and `describe` all start from, so that
 * no two of them can say different things about one machine.
 */
import type { AnyStateMachine, AnyStateNode, AnyTransitionDefinition } from 'xstate';

export interface Chart {
  /** The machine's id. */
  readonly id: string;
  readonly root: ChartState;
}

export interface ChartState {
  /** XState's id of the node, unique in the chart: `client.link.down`. */
  readonly id: string;
  readonly key: string;
  readonly type: 'atomic' | 'compound' | 'parallel' | 'final' | 'history';
  /** What a history state remembers; null for every other. */
  readonly history: 'shallow' | 'deep' | null;
  /** The id of the state that is entered first, and by a history state that remembers nothing; null where none is named. */
  readonly initial: string | null;
  readonly description: string | null;
  /** The section of the standard that defines it: `meta.spec`. */
  readonly spec: string | null;
  /** `meta.sink`: so much leads here that lines would hide everything else. */
  readonly sink: boolean;
  readonly tags: readonly string[];
  readonly entry: readonly ChartAction[];
  readonly exit: readonly ChartAction[];
  readonly invoke: readonly ChartInvoke[];
  /** In the order of the document. */
  readonly transitions: readonly ChartTransition[];
  readonly states: readonly ChartState[];
}

export interface ChartAction {
  /** Its name; for XState's own kinds without a name, what it does: `raise go`, `emit`, `assign`. */
  readonly name: string;
  /** What it is told, as far as that is written down and short: `starttls`. */
  readonly detail: string | null;
}

export interface ChartInvoke {
  readonly id: string;
  /** The name of the actor logic; `ƒ` for one that was written in place. */
  readonly src: string;
}

/** Why a transition is taken. */
export type TransitionKind = 'event' | 'wildcard' | 'after' | 'done' | 'error' | 'always';

export interface ChartTransition {
  /** Unique in the chart, and what inspection of a running actor can tell, too; see `transitionId`. */
  readonly id: string;
  readonly kind: TransitionKind;
  /** For people: `start`, `after idle`, `sasl done`, `any stream.*`; empty for what is taken at once. */
  readonly label: string;
  readonly guard: string | null;
  readonly actions: readonly ChartAction[];
  /** The id of the state it starts in. */
  readonly source: string;
  /** The ids of the states it leads to; none if it leads nowhere. */
  readonly targets: readonly string[];
  /** It leaves and enters its source also where that would not be needed. */
  readonly reenter: boolean;
  /** It does nothing: the event is kept from states further out. */
  readonly forbidden: boolean;
}

/** The chart of a machine, the same for the same machine always. */
export function chartOf(machine: AnyStateMachine): Chart {
  return { id: machine.id, root: stateOf(machine.root) };
}

/** All states of a chart, the root first, in the order of the document. */
export function statesOf(state: ChartState): readonly ChartState[] {
  return [state, ...state.states.flatMap(statesOf)];
}

/** `source --event[place among its candidates]`, where what is taken at once has `always` for an event. */
export function transitionId(transition: AnyTransitionDefinition): string {
  const { source, eventType } = transition;
  const candidates = eventType === '' ? source.always : source.transitions.get(eventType);
  return `${source.id} --${eventType || 'always'}[${candidates?.indexOf(transition) ?? 0}]`;
}

function stateOf(node: AnyStateNode): ChartState {
  const transitions: AnyTransitionDefinition[] = [...[...node.transitions.values()].flat(), ...(node.always ?? [])];
  const meta = (node.meta ?? {}) as { spec?: unknown; sink?: unknown };
  return {
    id: node.id,
    key: node.key,
    type: node.type,
    history: node.type === 'history' ? (node.history === 'deep' ? 'deep' : 'shallow') : null,
    initial: initialOf(node),
    description: node.description ?? null,
    spec: typeof meta.spec === 'string' ? meta.spec : null,
    sink: meta.sink === true,
    tags: [...node.tags],
    entry: node.entry.filter(written).map(actionOf),
    exit: node.exit.filter(written).map(actionOf),
    invoke: node.invoke.map(({ id, src }) => ({ id, src: typeof src === 'string' && !unnamed(src) ? src : 'ƒ' })),
    transitions: transitions.map(transitionOf),
    states: Object.values<AnyStateNode>(node.states).map(stateOf),
  };
}

function initialOf(node: AnyStateNode): string | null {
  if (node.type === 'compound') return node.initial?.target?.[0]?.id ?? null;
  const { target } = node.config as { target?: string };
  if (node.type !== 'history' || target === undefined) return null;
  if (target.startsWith('#')) return node.machine.getStateNodeById(target).id;
  return target.split('.').reduce((inner, key) => inner?.states[key], node.parent)?.id ?? null;
}

function transitionOf(transition: AnyTransitionDefinition): ChartTransition {
  const { eventType, guard, actions, source, target = [], reenter } = transition;
  const { kind, label } = causeOf(eventType, source);
  return {
    id: transitionId(transition),
    kind,
    label,
    guard: guard === undefined ? null : guardName(guard),
    actions: actions.map(actionOf),
    source: source.id,
    targets: target.map(({ id }: AnyStateNode) => id),
    reenter,
    forbidden: target.length === 0 && actions.length === 0,
  };
}

function causeOf(type: string, source: AnyStateNode): { kind: TransitionKind; label: string } {
  if (type === '') return { kind: 'always', label: '' };
  // What XState calls `xstate.after.<delay>.<id of the state>`, where both may have dots.
  const after = type.startsWith('xstate.after.') ? type.slice('xstate.after.'.length, -source.id.length - 1) : null;
  if (after !== null) return { kind: 'after', label: `after ${/^\d+$/.test(after) ? `${after} ms` : after}` };
  const state = /^xstate\.done\.state\.(.+)$/.exec(type);
  if (state !== null) return { kind: 'done', label: 'done' };
  const actor = /^xstate\.(done|error)\.actor\.(.+)$/.exec(type);
  if (actor !== null) {
    const who = actor[2] === '*' ? 'any child' : anonymous(actor[2] as string) ? 'child' : actor[2];
    return actor[1] === 'done' ? { kind: 'done', label: `${who} done` } : { kind: 'error', label: `${who} failed` };
  }
  if (type === '*' || type.endsWith('.*')) return { kind: 'wildcard', label: type === '*' ? 'any event' : type };
  return { kind: 'event', label: type };
}

/** What XState calls actor logic that has no name. */
const unnamed = (src: string): boolean => src.startsWith('xstate.invoke.');

/** XState calls a child without an id `0.machine.state`. */
const anonymous = (id: string): boolean => /^\d+\./.test(id);

/** The name of a guard, with those that it combines; `ƒ` for a function that has none. */
export function guardName(guard: unknown): string {
  if (typeof guard === 'string') return guard;
  if (typeof guard === 'object' && guard !== null && 'type' in guard) return String(guard.type);
  if (typeof guard !== 'function') return 'ƒ';
  // `and`, `or`, `not` and `stateIn` are functions that know what they combine.
  const { name, guards, stateValue } = guard as { name: string; guards?: unknown[]; stateValue?: unknown };
  if (guards !== undefined) {
    const inner = guards.map(guardName);
    const operator = (guard as { check?: { name?: string } }).check?.name === 'checkOr' ? ' or ' : ' and ';
    return (guard as { check?: { name?: string } }).check?.name === 'checkNot'
      ? `not ${inner[0]}`
      : inner.join(operator);
  }
  if (stateValue !== undefined) return `in ${typeof stateValue === 'string' ? stateValue : JSON.stringify(stateValue)}`;
  return anonymousFunction(name);
}

/** A function in place of a name is called after the key it was written under. */
const anonymousFunction = (name: string): string => (/^(?:guard|entry|exit|actions)?$/.test(name) ? 'ƒ' : name);

/** XState starts and cancels the timers of `after` by actions of its own, which nobody wrote. */
function written(action: unknown): boolean {
  const { type, event, sendId } = action as { type?: string; event?: { type?: string }; sendId?: unknown };
  if (type === 'xstate.raise') return !event?.type?.startsWith('xstate.after.');
  return !(type === 'xstate.cancel' && String(sendId).startsWith('xstate.after.'));
}

/** An action as it stands in a configuration. */
export function actionOf(action: unknown): ChartAction {
  if (typeof action === 'string') return { name: action, detail: null };
  if (typeof action === 'object' && action !== null && 'type' in action) {
    const { type, params } = action as { type: string; params?: unknown };
    return { name: type, detail: detailOf(params) };
  }
  const builtIn = action as { type?: string; event?: unknown; name?: string };
  const kind = /^xstate\.(.+)$/.exec(builtIn.type ?? '')?.[1];
  if (kind !== undefined) return { name: kind, detail: detailOf(builtIn.event) };
  return { name: anonymousFunction(builtIn.name ?? ''), detail: null };
}

/** The first word of what an action is told. A function is asked for the first literal that names a kind in its source. */
function detailOf(params: unknown): string | null {
  if (typeof params === 'function') return /\b(?:kind|type):\s*['"]([^'"]+)['"]/.exec(params.toString())?.[1] ?? null;
  if (typeof params === 'string') return params;
  if (typeof params !== 'object' || params === null) return null;
  const { kind, type } = params as { kind?: unknown; type?: unknown };
  for (const named of [kind, type, ...Object.values(params)]) {
    if (typeof named === 'string' || typeof named === 'boolean' || typeof named === 'number') return String(named);
  }
  return null;
}
