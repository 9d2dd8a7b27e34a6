import type { InspectionEvent } from 'xstate';
import type { RetryPlan } from '../../machines/client.ts';
import type { Endpoint } from '../../machines/endpoint.ts';
import type { Subscription } from './emitter.ts';
import type { ClientActor } from './shell.ts';
import type { Phase, StreamManagement } from './snapshot.ts';

/**
 * Looks into a running client: a function that XState calls with everything its statecharts do. If it has a method `client`,
 * that is called with what no chart knows.
 */
export interface Inspector {
  (event: InspectionEvent): void;
  /** Called when the client is made, before anything happens. */
  client?(client: InspectedClient): void;
}

/** What there is to see of a client beside its charts. */
export interface InspectedClient {
  readonly actor: ClientActor;
  /** What is known of the connection now. */
  facts(): ConnectionFacts;
  /** Shows everything that crosses the wire from now on, with its secrets taken out. */
  tap(listener: (crossing: Crossing) => void): Subscription;
  /** Destroys the socket, as if the cable had been cut. */
  drop(): void;
}

/** Something that was written or read: a stanza, a nonza, a header, a footer or white space. */
export interface Crossing {
  readonly direction: 'in' | 'out';
  readonly xml: string;
}

/** What is known of a connection; the counters are those of the session. */
export interface ConnectionFacts {
  readonly phase: Phase;
  readonly jid: string | null;
  /** Whether the session went on when the client last came online; null before. */
  readonly resumed: boolean | null;
  readonly endpoint: Endpoint | null;
  readonly tls: { readonly version: string; readonly cipher: string; readonly alpn: string | null } | null;
  /** The SASL mechanism, once authenticated. */
  readonly mechanism: string | null;
  /** The channel binding it used. */
  readonly channelBinding: string | null;
  readonly streamManagement: StreamManagement | null;
  /** Stanzas of this session: written, and those of them without an acknowledgement. XEP-0198 */
  readonly sent: number;
  readonly unacked: number;
  /** Stanzas of this session: received and dealt with. */
  readonly handled: number;
  /** Stanzas that wait to be written. */
  readonly queued: number;
  /** Requests without a reply. */
  readonly requests: number;
  readonly retry: RetryPlan | null;
  /** The latest failure in words; null once online. */
  readonly failure: string | null;
}
