/**
 * What XState tells an inspector, as frames. It reports bit by bit: that an actor was sent an event, each action, each
 * microstep, and last the snapshot; what belongs together is one frame here. Actors nest, so the bits of several
 * are mixed, and what an actor caused in others is told before its own step is.
 */
import type {
  AnyActorRef,
  AnyEventObject,
  AnyStateMachine,
  AnyStateNode,
  AnyTransitionDefinition,
  InspectionEvent,
} from 'xstate';
import type { InspectedClient } from '../../src/client/inspect.ts';
import type { Subscription } from '../../src/emitter.ts';
import type { Crossing } from '../../src/stream/tap.ts';
import { transitionId } from '../chart.ts';
import { attempt, clip, clipName, isPlain, redact, redactNamed } from './redact.ts';
import type { NewFrame } from './ring.ts';
import type { FactsFrame, Json, Order, StepFrame } from './world.ts';

/** Actions and transitions of one step that are told. */
const MAX_COMMANDS = 100;
/** Keys of a context that are told. */
const MAX_KEYS = 100;
/** Events an actor may not have got round to of which is remembered who sent them. */
const MAX_QUEUE = 1_000;
/** Characters of one crossing of the wire. */
const MAX_XML = 16_000;
/** Milliseconds between two looks at what a client knows, unless its phase has changed. */
const FACTS_INTERVAL = 100;

/** Where frames go. */
export interface Sink {
  push(frame: NewFrame): void;
  /** The actor will do nothing more. */
  ended(actor: string): void;
  /** The key of a machine's picture. */
  chart(machine: AnyStateMachine): string;
}

/** What is remembered of an actor. Held by nothing but the actor, so that it goes with it. */
interface Track {
  readonly actor: AnyActorRef;
  readonly id: string;
  /** Events that it was sent and has not dealt with, the oldest first. */
  queue: { readonly event: AnyEventObject; readonly from: string | null }[];
  /** Of the step that is under way. */
  taken: string[];
  commands: { readonly type: string; readonly params: Json }[];
  /** The latest that is in a frame. */
  nodes: readonly AnyStateNode[];
  states: readonly string[];
  tags: string;
  context: { readonly [key: string]: unknown };
  ended: boolean;
  client: InspectedClient | null;
  tap: Subscription | null;
  /** The latest facts, as JSON. */
  facts: string;
}

/** What the snapshots of the various kinds of actors have. */
interface Snapshot {
  readonly status: StepFrame['status'];
  readonly output?: unknown;
  readonly error?: unknown;
  readonly context?: unknown;
  readonly tags?: ReadonlySet<string>;
  readonly _nodes?: readonly AnyStateNode[];
  can?(event: AnyEventObject): boolean;
}

/** Turns inspection into frames until it is closed. Never throws into the program it looks at, and keeps none of its actors. */
export class Recorder {
  readonly #sink: Sink;
  readonly #tracks = new WeakMap<object, Track>();
  /** The actors that may still do something. */
  readonly #living = new Map<string, WeakRef<AnyActorRef>>();
  readonly #collected = new FinalizationRegistry<string>((id) => this.#safely(() => this.#end(id)));
  /** Actors that were sent something in this turn of the event loop. */
  readonly #busy = new Set<Track>();
  /** Clients whose facts may have changed. */
  readonly #stale = new Set<Track>();
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(sink: Sink) {
    this.#sink = sink;
  }

  /** Takes an event of XState's inspection. */
  inspect(event: InspectionEvent): void {
    this.#safely(() => this.#read(event));
  }

  /** Takes what a client has beside its charts. */
  client(client: InspectedClient): void {
    this.#safely(() => {
      const track = this.#track(client.actor as unknown as AnyActorRef, client.actor.sessionId);
      track.client = client;
      track.tap = client.tap((crossing) => this.#safely(() => this.#cross(track, crossing)));
    });
  }

  /** Whether an actor may still do something. */
  isAlive(id: string): boolean {
    return this.#living.has(id);
  }

  /** Does what somebody wants of the root of an actor system. */
  order({ actor: id, action }: Order): 'done' | 'unknown' | 'refused' {
    const actor = this.#living.get(id)?.deref();
    const track = actor && this.#tracks.get(actor);
    if (track === undefined || track.actor._parent !== undefined) return 'unknown';
    try {
      if (action === 'drop') {
        if (track.client === null) return 'refused';
        track.client.drop();
        return 'done';
      }
      const snapshot = track.actor.getSnapshot() as Snapshot;
      if (track.client === null && !snapshot.can?.({ type: action })) return 'refused';
      track.actor.send({ type: action });
      return 'done';
    } catch {
      return 'refused';
    }
  }

  /** Ends the recording and lets go of every actor. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#stale.clear();
    for (const reference of this.#living.values()) {
      const actor = reference.deref();
      if (actor !== undefined) this.#tracks.get(actor)?.tap?.unsubscribe();
    }
    this.#living.clear();
  }

  /** A recording with a gap is better than a program with an exception that it did not ask for. */
  #safely(body: () => void): void {
    if (this.#closed) return;
    try {
      body();
    } catch {
      // Whoever records can do nothing about it, nor can who is recorded.
    }
  }

  #read(event: InspectionEvent): void {
    const actor = event.actorRef as AnyActorRef;
    const track = this.#track(actor, event.rootId);
    switch (event.type) {
      case '@xstate.event':
        this.#sent(track, event.event, event.sourceRef as AnyActorRef | undefined);
        break;
      case '@xstate.action': {
        const { type, params } = event.action;
        if (track.commands.length === MAX_COMMANDS || isOwnTimer(type, params)) break;
        track.commands.push({ type: clipName(type), params: redact(params) });
        break;
      }
      case '@xstate.microstep':
        for (const transition of event._transitions) {
          if (track.taken.length < MAX_COMMANDS) track.taken.push(idOf(transition));
        }
        break;
      case '@xstate.snapshot':
        this.#step(track, event.event);
        break;
    }
  }

  #track(actor: AnyActorRef, root: string): Track {
    const known = this.#tracks.get(actor);
    if (known !== undefined) return known;
    const id = actor.sessionId;
    const track: Track = {
      actor,
      id,
      queue: [],
      taken: [],
      commands: [],
      nodes: [],
      states: [],
      tags: '',
      context: {},
      ended: false,
      client: null,
      tap: null,
      facts: '',
    };
    this.#tracks.set(actor, track);
    this.#living.set(id, new WeakRef(actor));
    this.#collected.register(actor, id);
    const machine = machineOf(actor);
    this.#sink.push({
      kind: 'birth',
      actor: id,
      id: clipName(actor.id),
      parent: actor._parent?.sessionId ?? null,
      root,
      chart: machine && this.#sink.chart(machine),
    });
    return track;
  }

  #sent(track: Track, event: AnyEventObject, source: AnyActorRef | undefined): void {
    const sender = source && this.#tracks.get(source);
    // The news of an end is sent, and dealt with, before the snapshot is told; after an exception that never is.
    if (sender !== undefined && isEnd(event.type)) this.#finish(sender);
    if (track.ended) return;
    const sent = { event, from: source?.sessionId ?? null };
    // What it was sent before it started waits for the start.
    if (event.type === 'xstate.init') track.queue.unshift(sent);
    else if (track.queue.length < MAX_QUEUE) track.queue.push(sent);
    // Nobody is told of an exception in a root.
    if (this.#busy.size === 0) queueMicrotask(() => this.#settle());
    this.#busy.add(track);
  }

  #settle(): void {
    const busy = [...this.#busy];
    this.#busy.clear();
    for (const track of busy) {
      this.#safely(() => {
        if (track.actor.getSnapshot().status === 'error') this.#finish(track);
      });
    }
  }

  /** The last step of an actor that is over, unless it is told already. */
  #finish(track: Track): void {
    if (track.actor.getSnapshot().status !== 'active') this.#step(track, track.queue[0]?.event ?? UNKNOWN);
  }

  #step(track: Track, event: AnyEventObject): void {
    if (track.ended) return;
    const snapshot = track.actor.getSnapshot() as Snapshot;
    const place = track.queue.findIndex((sent) => sent.event === event);
    const from = track.queue[place]?.from ?? null;
    // What is older was thrown away.
    track.queue.splice(0, place + 1);
    const { taken, commands } = track;
    track.taken = [];
    track.commands = [];
    const nodes = snapshot._nodes ?? NO_NODES;
    if (nodes !== track.nodes) {
      track.nodes = nodes;
      track.states = nodes.toSorted((one, other) => one.order - other.order).map(({ id }) => id);
    }
    const tags = [...(snapshot.tags ?? [])];
    const status = snapshot.status === 'active' && event.type === 'xstate.stop' ? 'stopped' : snapshot.status;
    this.#sink.push({
      kind: 'step',
      actor: track.id,
      event: { type: clipName(event.type), payload: payloadOf(event) },
      from,
      taken,
      commands,
      states: track.states,
      tags,
      status,
      ...changes(track, contextOf(snapshot)),
      ...(status === 'done' && { output: redact(snapshot.output) }),
      ...(status === 'error' && { output: redact(snapshot.error) }),
    });
    const wasTagged = track.tags;
    track.tags = tags.join(' ');
    if (track.client !== null) {
      // The phase is told by tags.
      if (track.tags !== wasTagged || status !== 'active') this.#sample(track);
      else this.#sampleSoon(track);
    }
    if (status !== 'active') this.#over(track);
  }

  #over(track: Track): void {
    track.ended = true;
    track.queue = [];
    track.context = {};
    track.nodes = NO_NODES;
    track.tap?.unsubscribe();
    track.tap = null;
    track.client = null;
    this.#stale.delete(track);
    this.#end(track.id);
  }

  #end(id: string): void {
    if (this.#living.delete(id)) this.#sink.ended(id);
  }

  #cross(track: Track, { direction, xml }: Crossing): void {
    this.#sink.push({ kind: 'wire', actor: track.id, direction, xml: clip(xml, MAX_XML) });
    this.#sampleSoon(track);
  }

  #sampleSoon(track: Track): void {
    this.#stale.add(track);
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      for (const stale of this.#stale) this.#safely(() => this.#sample(stale));
    }, FACTS_INTERVAL).unref();
  }

  #sample(track: Track): void {
    this.#stale.delete(track);
    const facts = redact(track.client?.facts()) as FactsFrame['facts'];
    const json = JSON.stringify(facts);
    if (json === track.facts) return;
    track.facts = json;
    this.#sink.push({ kind: 'facts', actor: track.id, facts });
  }
}

const NO_NODES: readonly AnyStateNode[] = [];

/** Where the event that broke an actor is not known. */
const UNKNOWN: AnyEventObject = { type: 'unknown' };

const ids = new WeakMap<AnyTransitionDefinition, string>();

function idOf(transition: AnyTransitionDefinition): string {
  const known = ids.get(transition);
  if (known !== undefined) return known;
  const id = transitionId(transition);
  ids.set(transition, id);
  return id;
}

function machineOf(actor: AnyActorRef): AnyStateMachine | null {
  const { logic } = actor as unknown as { readonly logic?: AnyStateMachine };
  return logic !== undefined && '__xstatenode' in logic ? logic : null;
}

const isEnd = (type: string): boolean =>
  type.startsWith('xstate.done.actor.') || type.startsWith('xstate.error.actor.');

/** XState starts and cancels the timers of `after` by actions of its own, which nobody wrote. */
function isOwnTimer(type: string, params: unknown): boolean {
  const { event, sendId } = (params ?? {}) as { event?: AnyEventObject; sendId?: unknown };
  if (type === 'xstate.raise') return event?.type.startsWith('xstate.after.') ?? false;
  return type === 'xstate.cancel' && String(sendId ?? params).startsWith('xstate.after.');
}

/** What an event says beyond its type; null for nothing. */
function payloadOf(event: AnyEventObject): Json {
  const shown = redact(event);
  if (typeof shown !== 'object' || shown === null || Array.isArray(shown)) return shown;
  const { type: _, ...payload } = shown as { readonly [key: string]: Json };
  return Object.keys(payload).length === 0 ? null : payload;
}

/** What an actor remembers; what is not made of keys is under `value`. */
function contextOf({ context }: Snapshot): { readonly [key: string]: unknown } {
  if (context === undefined) return {};
  try {
    if (isPlain(context)) return context;
  } catch {
    // A proxy that is switched off, say.
  }
  return { value: context };
}

/** The keys of a context that are other than those told before. A context is never changed in place. */
function changes(track: Track, context: Track['context']): Pick<StepFrame, 'context' | 'gone'> {
  const known = track.context;
  if (context === known) return { context: {} };
  track.context = context;
  const changed: { [key: string]: Json } = {};
  for (const key of Object.keys(context).slice(0, MAX_KEYS)) {
    const value = attempt(() => context[key]);
    if (
      value === undefined ||
      key === '__proto__' ||
      Object.is(
        value,
        attempt(() => known[key]),
      )
    )
      continue;
    changed[clipName(key)] = redactNamed(key, value);
  }
  const gone = Object.keys(known)
    .slice(0, MAX_KEYS)
    .filter((key) => attempt(() => context[key]) === undefined && attempt(() => known[key]) !== undefined)
    .map(clipName);
  return gone.length === 0 ? { context: changed } : { context: changed, gone };
}
