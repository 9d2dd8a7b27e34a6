/**
 * What is known of running actors, and how it changes: the record that the live page replays. The server and the page share
 * this file, so that a point in time means the same to both.
 */

/** Plain data that went through `redact`. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

interface Place {
  /** Its place in the record, counted from 0. */
  readonly n: number;
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** XState's session id of the actor it is about, unique in the record. */
  readonly actor: string;
}

/** An actor came to be. */
export interface BirthFrame extends Place {
  readonly kind: 'birth';
  /** Its id within its parent. */
  readonly id: string;
  /** The session id of its parent; null for the root of an actor system. */
  readonly parent: string | null;
  /** The session id of the root of its system. */
  readonly root: string;
  /** The key of its picture; null where there is none, as for promises. */
  readonly chart: string | null;
}

/** An actor dealt with an event. What it did to others meanwhile is told before, as that was over first. */
export interface StepFrame extends Place {
  readonly kind: 'step';
  readonly event: { readonly type: string; readonly payload: Json };
  /** The session id of who sent it, as far as that is known. */
  readonly from: string | null;
  /** The ids of the transitions that were taken (`transitionId`). */
  readonly taken: readonly string[];
  readonly commands: readonly { readonly type: string; readonly params: Json }[];
  /** The ids of the state nodes that are active afterwards. */
  readonly states: readonly string[];
  readonly tags: readonly string[];
  readonly status: 'active' | 'done' | 'error' | 'stopped';
  /** The keys of the context that are new or other than before. */
  readonly context: { readonly [key: string]: Json };
  /** The keys of the context that are no more. */
  readonly gone?: readonly string[];
  /** What a done actor came to, or how it failed. */
  readonly output?: Json;
}

/** Something crossed the wire of a client. */
export interface WireFrame extends Place {
  readonly kind: 'wire';
  readonly direction: 'in' | 'out';
  readonly xml: string;
}

/** What a client knows of its connection changed. */
export interface FactsFrame extends Place {
  readonly kind: 'facts';
  /** Everything, not only what is new: facts are few. */
  readonly facts: { readonly [key: string]: Json };
}

export type Frame = BirthFrame | StepFrame | WireFrame | FactsFrame;

/** All that is known of an actor at a point in time. */
export interface ActorState {
  readonly birth: BirthFrame;
  readonly states: readonly string[];
  readonly tags: readonly string[];
  readonly status: StepFrame['status'];
  readonly context: { readonly [key: string]: Json };
  readonly output: Json;
  readonly facts: { readonly [key: string]: Json } | null;
}

/** All actors at a point in time, by session id, in the order of their births. Never changed in place. */
export type World = { readonly [actor: string]: ActorState };

/** The world after a frame. */
export function after(world: World, frame: Frame): World {
  const known = world[frame.actor];
  const next = stateAfter(known, frame);
  return next === undefined || next === known ? world : { ...world, [frame.actor]: next };
}

/** An actor after a frame about it; undefined as long as nobody knows of its birth. */
export function stateAfter(known: ActorState | undefined, frame: Frame): ActorState | undefined {
  if (frame.kind === 'birth') {
    return { birth: frame, states: [], tags: [], status: 'active', context: {}, output: null, facts: null };
  }
  if (known === undefined || frame.kind === 'wire') return known;
  if (frame.kind === 'facts') return { ...known, facts: frame.facts };
  const { states, tags, status, output = known.output } = frame;
  const context = { ...known.context, ...frame.context };
  for (const key of frame.gone ?? []) delete context[key];
  return { ...known, states, tags, status, output, context };
}

/**
 * The first thing the page is told: the server-sent event `greeting`. Every event without a name that follows is a JSON
 * array of frames; another greeting begins from scratch.
 */
export interface Greeting {
  /** The world before the first frame that follows. */
  readonly world: World;
  /** How many frames are kept. */
  readonly limit: number;
  /** Goes into the header `X-Control` of a `POST /control`; null if the page may only look. */
  readonly control: string | null;
}

/** The JSON body of a `POST /control`. */
export interface Order {
  /** The session id of the root of an actor system. */
  readonly actor: string;
  readonly action: 'start' | 'stop' | 'retry' | 'drop';
}

/** What a saved page carries in place of a server, in a `<script type="application/json" id="saved">`. */
export interface Saved extends Omit<Greeting, 'control'> {
  readonly frames: readonly Frame[];
  /** Pictures by their key. */
  readonly charts: { readonly [key: string]: string };
}
