import type { InspectionEvent } from 'xstate';
import type { RetryPlan } from '../../machines/client.ts';
import type { Endpoint } from '../../machines/endpoint.ts';
import { type Subscription, subscription } from '../emitter.ts';
import { describeFailure } from '../error.ts';
import type { Crossing } from '../stream/tap.ts';
import type { ClientActor, Shell } from './shell.ts';
import { type Phase, type StreamManagement, view } from './snapshot.ts';

/**
 * Looks into a running client: a function that XState calls with everything its statecharts do. If it has a method `client`,
 * that is called with what no chart knows.
 */
export interface Inspector {
  /** Called with every inspection event of XState. */
  (event: InspectionEvent): void;
  /** Called when the client is made, before anything happens. */
  client?(client: InspectedClient): void;
}

/** What there is to see of a client beside its charts. */
export interface InspectedClient {
  /** The actor of the client. */
  readonly actor: ClientActor;
  /** What is known of the connection now. */
  facts(): ConnectionFacts;
  /** Shows everything that crosses the wire from now on, with its secrets taken out. */
  tap(listener: (crossing: Crossing) => void): Subscription;
  /** Destroys the socket, as if the cable had been cut. */
  drop(): void;
}

/** What is known of a connection; the counters are those of the session. */
export interface ConnectionFacts {
  /** Where the client stands. */
  readonly phase: Phase;
  /** The bound JID; the last one while there is none, null before the first. */
  readonly jid: string | null;
  /** Whether the session went on when the client last came online; null before. */
  readonly resumed: boolean | null;
  /** Where it is connected or connecting to. */
  readonly endpoint: Endpoint | null;
  /** How the connection is encrypted; null while it is not. */
  readonly tls: { readonly version: string; readonly cipher: string; readonly alpn: string | null } | null;
  /** The SASL mechanism, once authenticated. */
  readonly mechanism: string | null;
  /** The channel binding it used. */
  readonly channelBinding: string | null;
  /** What the server granted of stream management; null without. XEP-0198 */
  readonly streamManagement: StreamManagement | null;
  /** Stanzas of this session: written, and those of them without an acknowledgement. XEP-0198 */
  readonly sent: number;
  /** Those of `sent` without an acknowledgement. */
  readonly unacked: number;
  /** Stanzas of this session: received and dealt with. */
  readonly handled: number;
  /** Stanzas that wait to be written. */
  readonly queued: number;
  /** Requests without a reply. */
  readonly requests: number;
  /** The pause before the next attempt, while it lasts. */
  readonly retry: RetryPlan | null;
  /** The latest failure in words; null once online. */
  readonly failure: string | null;
}

/** A client as inspectors see it. */
export function inspected(shell: Shell): InspectedClient {
  return {
    actor: shell.actor,
    facts: () => factsOf(shell),
    tap: (listener) => subscription(shell.tap.add(listener)),
    drop: () => shell.link?.drop(),
  };
}

function factsOf({ actor, delivery }: Shell): ConnectionFacts {
  const { phase, jid, resumed, endpoint, trust, streamManagement, retry, failure } = view(actor.getSnapshot(), null);
  const security = trust?.security ?? null;
  return {
    phase,
    jid,
    resumed,
    endpoint,
    tls: security && { version: security.protocol, cipher: security.cipher, alpn: security.alpn },
    mechanism: trust?.mechanism ?? null,
    channelBinding: trust?.binding ?? null,
    streamManagement,
    ...delivery,
    retry,
    failure: failure && describeFailure(failure),
  };
}
