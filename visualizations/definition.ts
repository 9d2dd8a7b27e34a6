/**
 * A machine as it was written down, in plain JSON that XState's `createMachine` takes back: whatever was a function is there
 * by a name that an implementation can be provided for, or it is left out.
 */
import type { AnyStateMachine } from 'xstate';
import { actionOf, guardName } from './chart.ts';

export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };
type OneOrMany<T> = T | readonly T[];

/** A machine as `createMachine` of XState takes it, with names in place of functions. */
export interface MachineDefinition extends StateDefinition {
  /** The author's own. */
  readonly version?: string;
  /** Where it is a value. */
  readonly context?: { readonly [key: string]: Json };
}

export interface StateDefinition {
  readonly id?: string;
  readonly description?: string;
  readonly type?: 'atomic' | 'compound' | 'parallel' | 'final' | 'history';
  readonly history?: 'shallow' | 'deep' | boolean;
  /** Where a history state leads that remembers nothing. */
  readonly target?: string;
  readonly initial?: string | { readonly target: string; readonly actions?: OneOrMany<Reference> };
  readonly tags?: OneOrMany<string>;
  readonly meta?: { readonly [key: string]: Json };
  readonly entry?: OneOrMany<Reference>;
  readonly exit?: OneOrMany<Reference>;
  readonly invoke?: OneOrMany<InvokeDefinition>;
  readonly always?: Ways;
  /** By the type of the event. */
  readonly on?: { readonly [type: string]: Ways };
  /** By milliseconds, or by the name of a delay. */
  readonly after?: { readonly [delay: string]: Ways };
  readonly onDone?: Ways;
  readonly route?: TransitionDefinition;
  readonly states?: { readonly [key: string]: StateDefinition };
  /** Where it is a value. */
  readonly output?: Json;
}

/** What may happen, tried in this order; a target alone is written as such. */
export type Ways = string | OneOrMany<TransitionDefinition>;

export interface TransitionDefinition {
  readonly description?: string;
  readonly guard?: Reference;
  readonly target?: OneOrMany<string>;
  readonly actions?: OneOrMany<Reference>;
  readonly reenter?: boolean;
  readonly meta?: { readonly [key: string]: Json };
}

/** An action or a guard by its name. Parameters that a function works out are left out. */
export type Reference = string | { readonly type: string; readonly params?: { readonly [key: string]: Json } };

export interface InvokeDefinition {
  readonly id?: string;
  /** The name of the actor logic. */
  readonly src: string;
  readonly systemId?: string;
  /** Where it is a value. */
  readonly input?: Json;
  readonly onDone?: Ways;
  readonly onError?: Ways;
  readonly onSnapshot?: Ways;
}

/**
 * The definition of a machine, the same for the same machine always.
 *
 * A function in place of a name goes by its own name, and by `inline 1`, `inline 2` and so on if it has none. XState's own
 * actions and guards go by what they do: `raise go`, `ready and not busy`. A second one of the same name is numbered.
 */
export function definitionOf(machine: AnyStateMachine): MachineDefinition {
  return new Writer(machine).state(machine.config) as MachineDefinition;
}

/** Any part of a configuration: XState has taken it already, and its types say no more about a machine of any kind. */
// biome-ignore lint/suspicious/noExplicitAny: as in XState's own `AnyStateMachine`
type Config = any;

type Kind = 'actions' | 'guards' | 'actors';

class Writer {
  /** The names that functions were given, by kind. */
  readonly #names = { actions: new Map(), guards: new Map(), actors: new Map() };
  readonly #taken: Readonly<Record<Kind, Set<string>>>;

  constructor({ implementations: { actions, guards, actors } }: AnyStateMachine) {
    const keys = (known: object) => new Set(Object.keys(known));
    this.#taken = { actions: keys(actions), guards: keys(guards), actors: keys(actors) };
  }

  state = (config: Config): StateDefinition =>
    present({
      id: config.id,
      version: config.version,
      description: config.description,
      type: config.type,
      history: config.history,
      target: config.target,
      context: plain(config.context),
      initial: config.initial && this.#ways(config.initial),
      tags: plain(config.tags),
      meta: plain(config.meta),
      entry: each(config.entry, this.#action),
      exit: each(config.exit, this.#action),
      invoke: each(config.invoke, this.#invoke),
      always: this.#ways(config.always),
      on: mapped(config.on, (ways) => this.#ways(ways ?? {})),
      after: mapped(config.after, (ways) => this.#ways(ways ?? [])),
      onDone: this.#ways(config.onDone),
      route: config.route && this.#transition(config.route),
      states: mapped(config.states, this.state),
      output: plain(config.output),
    });

  #ways = (config: Config): Ways | undefined =>
    typeof config === 'string' ? config : each(config, (one) => this.#transition(one));

  #transition = (config: Config): TransitionDefinition =>
    present({
      description: config?.description,
      guard: config?.guard && this.#guard(config.guard),
      target: typeof config === 'string' ? config : each(config?.target, idOf),
      actions: each(config?.actions, this.#action),
      reenter: config?.reenter,
      meta: plain(config?.meta),
    });

  #invoke = (config: Config): InvokeDefinition =>
    present({
      id: config.id,
      src:
        typeof config.src === 'string' ? config.src : this.#named('actors', config.src, config.src.config?.id ?? 'ƒ'),
      systemId: config.systemId,
      input: plain(config.input),
      onDone: this.#ways(config.onDone),
      onError: this.#ways(config.onError),
      onSnapshot: this.#ways(config.onSnapshot),
    });

  #action = (action: Config): Reference => {
    if (typeof action !== 'function') return reference(action);
    const { name, detail } = actionOf(action);
    return this.#named('actions', action, detail === null ? name : `${name} ${detail}`);
  };

  #guard = (guard: Config): Reference =>
    typeof guard === 'function' ? this.#named('guards', guard, guardName(guard)) : reference(guard);

  #named(kind: Kind, what: unknown, own: string): string {
    const known = this.#names[kind].get(what);
    if (known !== undefined) return known;
    const unnamed = own.includes('ƒ');
    const wanted = unnamed ? 'inline' : own;
    let name = unnamed ? 'inline 1' : own;
    for (let count = 2; this.#taken[kind].has(name); count++) name = `${wanted} ${count}`;
    this.#names[kind].set(what, name);
    this.#taken[kind].add(name);
    return name;
  }
}

/** A target is a reference, or else a state itself. */
const idOf = (target: Config): string => (typeof target === 'string' ? target : `#${target.id}`);

function reference(config: Config): Reference {
  return typeof config === 'string' ? config : present({ type: config.type, params: plain(config.params) });
}

/** One or many, as it was written. */
function each<T>(config: Config, write: (one: Config) => T): OneOrMany<T> | undefined {
  if (config === undefined) return undefined;
  return Array.isArray(config) ? config.map(write) : write(config);
}

function mapped<T>(config: Config, write: (one: Config) => T): { readonly [key: string]: T } | undefined {
  return config && Object.fromEntries(Object.entries(config).map(([key, one]) => [key, write(one)]));
}

/** Without what is not there. */
function present<T>(record: Record<string, unknown>): T {
  return Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined)) as T;
}

/** What JSON can say of a value; undefined where that is nothing. */
function plain(value: unknown): Json | undefined {
  try {
    const json = JSON.stringify(value);
    return json === undefined ? undefined : JSON.parse(json);
  } catch {
    return undefined;
  }
}
