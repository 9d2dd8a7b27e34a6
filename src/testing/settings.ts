import { randomUUID } from 'node:crypto';
import type { SecureVersion } from 'node:tls';
import type { Element } from '../xml/element.ts';
import type { ServerSaslOptions } from './sasl.ts';
import type { Session } from './session.ts';

/** What channel binding ties SCRAM-*-PLUS to. `tls-unique` is not for TLS 1.3, yet some servers know nothing else. */
export type BindingType = 'tls-exporter' | 'tls-server-end-point' | 'tls-unique';

/** What can be set of SCRAM. */
export type ScramSettings = Pick<ServerSaslOptions, 'iterations' | 'salt' | 'nonce' | 'signatureIn' | 'fault'>;

/** Stream management (XEP-0198). */
export interface SmSettings {
  /** Whether a session may be resumed; true by default. */
  readonly resume?: boolean;
  /** Seconds a session waits for its client, and what `<enabled max=…/>` says; 300 by default. A client may ask for less. */
  readonly max?: number;
  /** Milliseconds a session really waits, when that should differ from what was said. */
  readonly hibernation?: number;
  /** Where the client should resume, as in `<enabled location=…/>`; nothing by default. */
  readonly location?: string;
  /** Whether the server asks for acknowledgements; true by default, one request at a time. */
  readonly requestAcks?: boolean;
  /** What both counters begin with, to come near 2^32; 0 by default, and anything else needs a client that does the same. */
  readonly countFrom?: number;
}

/**
 * Answers the IQ requests of one namespace that are sent to the server or to the account of the sender. Nothing is sent
 * when it returns undefined: it may answer later with `session.send`, or never.
 */
export type Service = (request: Element, session: Session) => Element | undefined;

/** How the server behaves; `configure` changes it for what comes next. */
export interface Settings {
  /** Whether STARTTLS is demanded, offered or unknown (RFC 6120 §5). `required` by default. */
  readonly tls: 'required' | 'optional' | 'off';
  /** TLS versions, `TLSv1.2` to `TLSv1.3` by default. */
  readonly minVersion: SecureVersion;
  /** The latest version of TLS. */
  readonly maxVersion: SecureVersion;
  /** Whether the direct TLS port selects `xmpp-client` by ALPN (XEP-0368); true by default. */
  readonly alpn: boolean;
  /**
   * SASL mechanisms, in the order offered. By default every SCRAM, with -PLUS and without, PLAIN and EXTERNAL; the server
   * also knows ANONYMOUS. Those that cannot work on a connection are not offered on it: -PLUS in clear, EXTERNAL without
   * a certificate of a client.
   */
  readonly mechanisms: readonly string[];
  /** Types of channel binding; `tls-exporter` and `tls-server-end-point` by default, the former on TLS 1.3 alone. */
  readonly channelBinding: readonly BindingType[];
  /** Whether the features name them (XEP-0440); true by default. */
  readonly announceChannelBinding: boolean;
  /** How SCRAM goes: iterations (4096 by default), salt, where the signature goes, and what is wrong with it on purpose. */
  readonly scram: ScramSettings;
  /** The obsolete session IQ (RFC 3921 §3): not offered, offered with `<optional/>`, or demanded. `none` by default. */
  readonly session: 'none' | 'optional' | 'required';
  /** Stream management, on with its defaults by default. */
  readonly sm: SmSettings | false;
  /** Client state indication (XEP-0352), announced and kept in `session.clientState`, but without any effect; true by default. */
  readonly csi: boolean;
  /** Whether it announces that rosters have versions (RFC 6121 §2.6); true by default. */
  readonly rosterVersions: boolean;
  /** Chooses the resource, knowing what the client wished for; by default the wish, or a random one. */
  readonly resource: (wish: string | undefined) => string;
  /** Who gets a message to a bare JID: one session, of the highest priority, or all of them. `highest` by default. */
  readonly bareMessages: 'highest' | 'all';
  /** Answers of your own, by the namespace of the IQ's payload; they go before the server's. */
  readonly services: Readonly<Record<string, Service>>;
}

/** Every mechanism that works without further ado, strongest first. */
const MECHANISMS: readonly string[] = [
  ...['SCRAM-SHA-512-PLUS', 'SCRAM-SHA-256-PLUS', 'SCRAM-SHA-1-PLUS'],
  ...['SCRAM-SHA-512', 'SCRAM-SHA-256', 'SCRAM-SHA-1', 'PLAIN', 'EXTERNAL'],
];

/** A server as one would wish it to be. */
export const DEFAULT_SETTINGS: Settings = {
  tls: 'required',
  minVersion: 'TLSv1.2',
  maxVersion: 'TLSv1.3',
  alpn: true,
  mechanisms: MECHANISMS,
  channelBinding: ['tls-exporter', 'tls-server-end-point'],
  announceChannelBinding: true,
  scram: {},
  session: 'none',
  sm: {},
  csi: true,
  rosterVersions: true,
  resource: (wish) => wish ?? randomUUID(),
  bareMessages: 'highest',
  services: {},
};
