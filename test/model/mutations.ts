/**
 * Small things that could be wrong with a machine: a transition that is missing or leads elsewhere, a guard the other way
 * round, an action that was forgotten. Each is made on a copy of the machine's own definition.
 */
import { type AnyStateMachine, not, StateMachine } from 'xstate';

export interface Mutation {
  /** What is wrong, and where. */
  readonly title: string;
  /** A machine of which that is true. */
  make(machine: AnyStateMachine): AnyStateMachine;
}

interface TransitionConfig {
  target?: string;
  guard?: unknown;
  actions?: unknown;
}

interface StateConfig {
  id?: string;
  states?: Record<string, StateConfig>;
  on?: Record<string, unknown>;
  after?: Record<string, unknown>;
  always?: unknown;
  invoke?: unknown;
  entry?: unknown;
  exit?: unknown;
}

type Holder = Record<string, unknown>;

const list = (value: unknown): unknown[] => (value === undefined ? [] : Array.isArray(value) ? value : [value]);

/** A copy of what is plain data; functions are shared. */
function copy<Value>(value: Value): Value {
  if (Array.isArray(value)) return value.map(copy) as Value;
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, copy(inner)])) as Value;
}

const nameOf = (action: unknown): string =>
  typeof action === 'string' ? action : String((action as { type?: unknown }).type ?? 'an action');

/** Where lists of transitions are kept in a state: the object, the key in it, and a name for people. */
function* holders(state: StateConfig): Generator<readonly [holder: Holder, key: string, name: string]> {
  for (const event of Object.keys(state.on ?? {})) yield [state.on as Holder, event, event];
  for (const delay of Object.keys(state.after ?? {})) yield [state.after as Holder, delay, `after ${delay}`];
  if (state.always !== undefined) yield [state as Holder, 'always', 'always'];
  for (const invocation of list(state.invoke) as Holder[]) {
    for (const key of ['onDone', 'onError']) {
      if (invocation[key] !== undefined) yield [invocation, key, `${String(invocation.id)} ${key}`];
    }
  }
}

/** The next state beside the one that a transition leads to; null where there is no other. */
function elsewhere(target: string, root: StateConfig, path: readonly string[]): string | null {
  const steps = target.replace(/^#[^.]+\.?|^\./, '').split('.');
  const start = target.startsWith('#') ? [] : target.startsWith('.') ? path : path.slice(0, -1);
  let parent: StateConfig | undefined = root;
  for (const step of [...start, ...steps.slice(0, -1)]) parent = parent?.states?.[step];
  const names = Object.keys(parent?.states ?? {});
  const other = names[(names.indexOf(steps.at(-1) as string) + 1) % names.length];
  if (other === undefined || other === steps.at(-1)) return null;
  return target.slice(0, target.length - (steps.at(-1) as string).length) + other;
}

/** Something that can be done to a definition, found again in any copy of it by its place in this order. */
interface Change {
  readonly title: string;
  apply(): void;
}

function* changesOf(root: StateConfig, state: StateConfig, path: readonly string[], id: string): Generator<Change> {
  const where = [id, ...path].join('.');
  for (const key of ['entry', 'exit'] as const) {
    const actions = list(state[key]);
    for (const action of actions) {
      yield {
        title: `${where}: ${key} without ${nameOf(action)}`,
        apply: () => {
          state[key] = actions.filter((each) => each !== action);
        },
      };
    }
  }
  for (const [holder, key, name] of holders(state)) {
    const candidates = list(holder[key]).map((each) => (typeof each === 'string' ? { target: each } : each));
    const change = (index: number, replacement: TransitionConfig | null) => () => {
      const changed = candidates.map((each, place) => (place === index ? replacement : each));
      holder[key] = changed.filter((each) => each !== null);
    };
    for (const [index, each] of candidates.entries()) {
      const transition = each as TransitionConfig;
      const title = `${where} --${name}[${index}]`;
      yield { title: `${title}: missing`, apply: change(index, null) };
      if (transition.guard !== undefined) {
        const guard = not(transition.guard as never);
        yield { title: `${title}: guard the other way round`, apply: change(index, { ...transition, guard }) };
      }
      const other = transition.target === undefined ? null : elsewhere(transition.target, root, path);
      if (other !== null) {
        yield { title: `${title}: leads to ${other}`, apply: change(index, { ...transition, target: other }) };
      }
      const actions = list(transition.actions);
      for (const [place, action] of actions.entries()) {
        const rest = actions.filter((_, at) => at !== place);
        yield { title: `${title}: without ${nameOf(action)}`, apply: change(index, { ...transition, actions: rest }) };
      }
    }
  }
  for (const [name, inner] of Object.entries(state.states ?? {})) yield* changesOf(root, inner, [...path, name], id);
}

/** A machine made of a copy of the definition, after `change` was made to it. */
function remade(machine: AnyStateMachine, change: (config: StateConfig) => void): AnyStateMachine {
  const config = copy(machine.config) as StateConfig;
  change(config);
  // States that lead to one another at once would otherwise never come to an end.
  const options = { maxIterations: 1_000 };
  return new StateMachine({ ...config, options } as never, machine.implementations as never) as AnyStateMachine;
}

/** No mistake at all: what is noticed of this would be noticed of anything. */
export const nothing: Mutation = { title: 'nothing changed', make: (machine) => remade(machine, () => {}) };

/** All mutations of a machine, in the order of the document. */
export function mutationsOf({ config, id }: AnyStateMachine): readonly Mutation[] {
  const titles = [...changesOf(config as StateConfig, config as StateConfig, [], id)].map(({ title }) => title);
  return titles.map((title, index) => ({
    title,
    make: (machine) => remade(machine, (changed) => [...changesOf(changed, changed, [], id)][index]?.apply()),
  }));
}
