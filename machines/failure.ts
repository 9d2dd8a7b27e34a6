/**
 * Why something ended. One plain value for every way a connection, an attempt or a run can fail, so that nobody ever has
 * to search a message text to decide what to do next.
 */

import type { Endpoint } from './endpoint.ts';

/** Where in the life of a connection it happened. */
export type Stage =
  | 'resolve'
  | 'connect'
  | 'tls'
  | 'stream'
  | 'auth'
  | 'resume'
  | 'bind'
  | 'enable'
  | 'session'
  | 'prepare'
  | 'online'
  | 'close';

/**
 * What may be done about it: `backoff` tries again by itself after a pause, `user` waits for a person (a new password, a
 * trusted certificate, a changed setting), `never` is pointless to repeat with the same options.
 */
export type Retry = 'backoff' | 'user' | 'never';

/** The error a failure was made of, as plain data: what is safe to show, and nothing else. */
export interface Cause {
  /** The name of the class of the error. */
  readonly name: string;
  /** Its words, without a secret. Never parsed. */
  readonly message: string;
  /** A system or TLS error code such as `ECONNREFUSED` or `CERT_HAS_EXPIRED`. */
  readonly code?: string;
}

/** What every failure has. */
interface Base<Kind extends string> {
  /** What went wrong. */
  readonly kind: Kind;
  /** Where in the life of a connection. */
  readonly stage: Stage;
  /** A defined condition of RFC 6120, a XEP or this client, in the standard's spelling. */
  readonly condition?: string;
  /** Words for a person: the server's own, or ours. Never parsed. */
  readonly text?: string;
  /** What may be done about it. */
  readonly retry: Retry;
  /** The error it was made of, where there was one. */
  readonly cause?: Cause;
  /** Where we were connected or connecting to. */
  readonly endpoint?: Endpoint;
  /** For a sweep over several endpoints: what each of them failed with, in the order tried. */
  readonly attempts?: readonly Failure[];
}

/**
 * The failure of an attempt or of a run, told apart by `kind`:
 *
 * - `dns`: the name could not be resolved, or the domain says that it offers no XMPP (RFC 6120 §3.2)
 * - `network`: refused, reset, unreachable, closed without a word
 * - `timeout`: nobody answered within the limit of the stage
 * - `tls`: handshake, certificate or protocol version (RFC 6120 §5, RFC 9525)
 * - `policy`: what the server offers is less than our options demand
 * - `stream`: the server ended the stream, with or without a stream error (RFC 6120 §4.9)
 * - `protocol`: the server broke the rules and we ended the stream
 * - `auth`: SASL (RFC 6120 §6.5)
 * - `bind`: resource binding was refused (RFC 6120 §7.6), or gave us another account (`another-account`)
 * - `conflict`: another client took the resource over
 * - `session`: the session is gone and a new one was not wanted
 * - `prepare`: a before-established hook failed
 * - `aborted`: the application called stop() or aborted
 * - `internal`: a defect of this client
 */
export type Failure =
  | Base<'dns'>
  | Base<'network'>
  | Base<'timeout'>
  | Base<'tls'>
  | Base<'policy'>
  | Base<'stream'>
  | Base<'protocol'>
  | Base<'auth'>
  | Base<'bind'>
  | Base<'conflict'>
  | Base<'session'>
  | Base<'prepare'>
  | Base<'aborted'>
  | Base<'internal'>;

/** The kinds of `Failure`. */
export type FailureKind = Failure['kind'];

/** Whether something that was thrown is a failure already. */
export function isFailure(error: unknown): error is Failure {
  const known = error as Partial<Failure> | null | undefined;
  return typeof known?.kind === 'string' && typeof known.retry === 'string';
}

/**
 * What an actor of the shell rejected with. The shell rejects with a `Failure`; anything else is a defect of this client,
 * and its text stays out of what inspection shows.
 */
export function asFailure(error: unknown, stage: Stage): Failure {
  return isFailure(error) ? error : { kind: 'internal', stage, text: 'unexpected error', retry: 'never' };
}
