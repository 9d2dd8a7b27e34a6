import type { SnapshotFrom } from 'xstate';
import type { RetryPlan } from '../../machines/client.ts';
import type { Endpoint } from '../../machines/endpoint.ts';
import type { Failure } from '../../machines/failure.ts';
import type { Trust } from '../../machines/negotiation.ts';
import type { Features, Ticket } from '../../machines/wire.ts';
import type { clientLogic } from './logic.ts';

/** What XState knows of a client; its state tree may change from version to version. */
export type ActorSnapshot = SnapshotFrom<typeof clientLogic>;

/** Where a client stands, for people. It does not flicker: what happens within an attempt is one phase. */
export type Phase = 'offline' | 'connecting' | 'online' | 'reconnecting' | 'disconnecting' | 'failed';

/** Stream management of the session. */
export interface StreamManagement {
  /** The server keeps the session for a while when the connection is lost. */
  readonly resumable: boolean;
  /** Seconds a lost connection may last; null when the server did not say. */
  readonly max: number | null;
  /** Where the server prefers to be resumed. */
  readonly location: { readonly host: string; readonly port: number } | null;
}

/** Where a client stands, as plain data. The same object as long as nothing in it has changed. */
export interface ClientSnapshot {
  /** In a word. */
  readonly phase: Phase;
  /** The bound JID; the last one while there is none, null before the first. */
  readonly jid: string | null;
  /** A session is established; also while it is suspended. */
  readonly established: boolean;
  /** An established session is without a connection, and may be resumed. */
  readonly suspended: boolean;
  /** Whether the session went on when the client last came online, or began; null before. */
  readonly resumed: boolean | null;
  /** What the server granted of stream management; null without. XEP-0198 */
  readonly streamManagement: StreamManagement | null;
  /** The latest failure: the reason of a pause or of the end. Null once online. */
  readonly failure: Failure | null;
  /** The pause before the next attempt, while it lasts. */
  readonly retry: RetryPlan | null;
  /** Where it is connected or connecting to. */
  readonly endpoint: Endpoint | null;
  /** How the connection is secured, and by what the server knows us. */
  readonly trust: Trust | null;
  /** The latest stream features. Null until the first; old ones until a new connection has its own. */
  readonly features: Features | null;
}

/** The phase of a snapshot of `client.actor`, for selectors of XState. */
export function phaseOf(snapshot: ActorSnapshot): Phase {
  if (snapshot.hasTag('online')) return 'online';
  if (snapshot.hasTag('connecting')) return snapshot.context.reached ? 'reconnecting' : 'connecting';
  if (snapshot.hasTag('disconnecting')) return 'disconnecting';
  return snapshot.hasTag('failed') ? 'failed' : 'offline';
}

/** The countdown to the next attempt; null while there is none, as when there is no network. */
export function selectRetry(snapshot: ActorSnapshot): RetryPlan | null {
  return snapshot.matches({ link: 'waiting', network: 'online' }) ? snapshot.context.retry : null;
}

/** A view of the actor's snapshot; `previous` itself when it would be the same. */
export function view(snapshot: ActorSnapshot, previous: ClientSnapshot | null): ClientSnapshot {
  const { context } = snapshot;
  const next: ClientSnapshot = {
    phase: phaseOf(snapshot),
    jid: context.jid,
    established: snapshot.matches({ session: 'held' }),
    suspended: snapshot.matches({ session: { held: 'detached' } }),
    resumed: context.resumed,
    streamManagement: granted(context.session?.ticket ?? null),
    failure: context.failure,
    retry: selectRetry(snapshot),
    endpoint: context.endpoint,
    trust: context.trust,
    features: context.features,
  };
  if (previous === null) return next;
  const keys = Object.keys(next) as (keyof ClientSnapshot)[];
  return keys.every((key) => next[key] === previous[key]) ? previous : next;
}

const views = new WeakMap<Ticket, StreamManagement>();

/** The same object for the same ticket; its id is for the server alone. */
function granted(ticket: Ticket | null): StreamManagement | null {
  if (ticket === null) return null;
  const { id, max, location } = ticket;
  const known = views.get(ticket) ?? { resumable: id !== null, max, location };
  views.set(ticket, known);
  return known;
}
