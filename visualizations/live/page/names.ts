/** What things are called on the page. */
import type { Frame, Json, StepFrame } from '../world.ts';

/** The kinds of events that are told apart by colour. */
export type Tone = 'plain' | 'idle' | 'timer' | 'done' | 'error' | 'birth' | 'in' | 'out' | 'facts';

/** Of what kind a frame is; `idle` is an event that moved nothing. */
export function toneOf(frame: Frame): Tone {
  if (frame.kind === 'birth' || frame.kind === 'facts') return frame.kind;
  if (frame.kind === 'wire') return frame.direction;
  const { type } = frame.event;
  if (frame.status === 'error' || type.startsWith('xstate.error.')) return 'error';
  if (type.startsWith('xstate.done.')) return 'done';
  if (type.startsWith('xstate.after.')) return 'timer';
  return frame.taken.length > 0 || type === 'xstate.init' ? 'plain' : 'idle';
}

/** An event in words: `after idle`, `sasl done`; its type where that says it. */
export function eventLabel(type: string): string {
  if (type === 'xstate.init') return 'starts';
  if (type === 'xstate.stop') return 'is stopped';
  if (type === 'xstate.promise.resolve') return 'resolves';
  if (type === 'xstate.promise.reject') return 'rejects';
  const after = /^xstate\.after\.([^.]+)\./.exec(type);
  if (after !== null) return /^\d+$/.test(after[1] as string) ? `after ${after[1]} ms` : `after ${after[1]}`;
  const actor = /^xstate\.(done|error)\.actor\.(.+)$/.exec(type);
  if (actor !== null) return `${actor[2]} ${actor[1] === 'done' ? 'done' : 'failed'}`;
  return type.startsWith('xstate.done.state.') ? `${type.slice('xstate.done.state.'.length)} done` : type;
}

/** What a frame says, in a line. */
export function frameLabel(frame: Frame): string {
  switch (frame.kind) {
    case 'birth':
      return 'created';
    case 'facts':
      return 'connection facts';
    case 'wire':
      return frame.direction === 'in' ? 'received' : 'sent';
    case 'step':
      return eventLabel(frame.event.type);
  }
}

/** The states without an active state inside: where the chart is, in as few names as say it. */
export function leaves(states: readonly string[]): readonly string[] {
  return states.filter((state) => !states.some((other) => other.startsWith(`${state}.`)));
}

/** A state without the name of its machine. */
export function shortState(id: string): string {
  return id.slice(id.indexOf('.') + 1);
}

/** What a transition was, from its id: the source and the event. */
export function transitionLabel(id: string): { readonly source: string; readonly event: string } {
  const at = id.indexOf(' --');
  if (at === -1) return { source: '', event: id };
  const event = id.slice(at + 3).replace(/\[\d+\]$/, '');
  return { source: shortState(id.slice(0, at)), event: event === 'always' ? 'at once' : eventLabel(event) };
}

/** What XState's own commands do, in a word, and what of their parameters tells it. */
const OWN_COMMANDS: { readonly [type: string]: readonly [string, string] } = {
  'xstate.spawnChild': ['start', 'input'],
  'xstate.sendTo': ['send', 'event'],
  'xstate.raise': ['raise', 'event'],
  'xstate.emit': ['emit', 'event'],
};

/** A command in words, and what it was told; `nameOf` gives the name of an actor by its session id. */
export function commandLabel(
  { type, params }: StepFrame['commands'][number],
  nameOf: (actor: string) => string,
): { readonly name: string; readonly params: Json } {
  if (type === 'xstate.stopChild' && typeof params === 'string') {
    return { name: `stop ${nameOf(params.replace(/^\[actor (.*)\]$/, '$1'))}`, params: null };
  }
  const own = Object.hasOwn(OWN_COMMANDS, type) ? OWN_COMMANDS[type] : undefined;
  if (own === undefined || !isRecord(params)) return { name: type, params };
  const [verb, key] = own;
  const told = params[key] ?? null;
  const { type: event, ...rest } = isRecord(told) ? told : { type: undefined };
  const about = typeof event === 'string' ? event : typeof params.id === 'string' ? params.id : '';
  const to = typeof params.targetId === 'string' ? ` to ${params.targetId}` : '';
  return { name: `${verb} ${about}${to}`, params: typeof event === 'string' ? rest : told };
}

const isRecord = (value: Json): value is { readonly [key: string]: Json } =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Where a step led, for one line: the leaves that were not there before. */
export function arrivals(step: StepFrame, before: readonly string[]): readonly string[] {
  const known = new Set(before);
  return leaves(step.states)
    .filter((state) => !known.has(state))
    .map(shortState);
}
