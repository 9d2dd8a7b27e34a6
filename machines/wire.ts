/**
 * The vocabulary between the charts and the wire: what the server said, as meaning and never as XML, and what we may be
 * told to write. Nothing here can hold an element, a socket or a secret; inspection shows all of it.
 */
import type { Failure } from './failure.ts';

/** A `<stream:features/>` element, decoded. RFC 6120 §4.3.2 */
export interface Features {
  /** STARTTLS is offered, and whether the server insists. RFC 6120 §5.4.1 */
  readonly starttls: 'required' | 'optional' | null;
  /** SASL mechanisms in the server's order; empty when the feature is absent. RFC 6120 §6.4.1 */
  readonly mechanisms: readonly string[];
  /** Channel-binding types the server announces; null when it announces none. XEP-0440 */
  readonly bindings: readonly string[] | null;
  /** Resource binding is offered. RFC 6120 §7.4 */
  readonly bind: boolean;
  /** Stream management is offered. XEP-0198 §3 */
  readonly sm: boolean;
  /** Legacy session establishment, and whether the server insists. RFC 3921 §3 */
  readonly session: 'required' | 'optional' | null;
  /** Every feature offered, as `{namespace}name`, for those who look for one of their own. */
  readonly all: readonly string[];
}

/** What is known of the encryption under a stream. */
export interface Security {
  /** Such as `TLSv1.3`. */
  readonly protocol: string;
  /** The name of the cipher suite, as OpenSSL has it. */
  readonly cipher: string;
  /** The protocol that ALPN agreed on; null for none. RFC 7301 */
  readonly alpn: string | null;
  /** The channel-binding types this connection can provide, strongest first. RFC 9266, RFC 5929 */
  readonly bindings: readonly string[];
  /** The server's certificate; null when it is not known. */
  readonly certificate: Certificate | null;
}

/** Whom a connection was secured with. */
export interface Certificate {
  /** The distinguished name of its owner, on one line. */
  readonly subject: string;
  /** The distinguished name of who signed it, on one line. */
  readonly issuer: string;
  /** The end of its validity, ISO 8601. */
  readonly validTo: string;
  /** SHA-256 of the certificate, as colon-separated hexadecimal bytes. */
  readonly fingerprint256: string;
}

/** What the server granted when it enabled stream management. XEP-0198 §3 */
export interface Ticket {
  /** The id to resume with; null when the stream cannot be resumed. */
  readonly id: string | null;
  /** Seconds a lost connection may last; null when the server did not say. */
  readonly max: number | null;
  /** Where the server prefers to be resumed. */
  readonly location: { readonly host: string; readonly port: number } | null;
}

/** What happens to the connection under a stream, and to the stream itself. */
export type StreamEvent =
  /** The byte stream is there, and TLS comes first on it. XEP-0368 */
  | { readonly type: 'transport.securing' }
  | { readonly type: 'transport.connected'; readonly security: Security | null }
  /** The peer will send no more bytes. */
  | { readonly type: 'transport.ended'; readonly failure: Failure }
  /** The connection is gone, or never came to be. */
  | { readonly type: 'transport.lost'; readonly failure: Failure }
  /** A stream header; `fault` is the stream error it deserves. RFC 6120 §4.7 */
  | { readonly type: 'stream.header'; readonly id: string | null; readonly fault: string | null }
  | { readonly type: 'stream.footer'; readonly failure: Failure }
  /** The peer sent a stream error; `redirect` is the target of `see-other-host`. RFC 6120 §4.9 */
  | {
      readonly type: 'stream.error';
      readonly failure: Failure;
      readonly redirect: { readonly host: string; readonly port: number } | null;
    }
  /** The peer broke the rules and `error` is the stream error that tells it so. */
  | { readonly type: 'stream.violation'; readonly failure: Failure; readonly error: StreamError };

/** A stream error that we send. RFC 6120 §4.9 */
export interface StreamError {
  /** A defined condition such as `policy-violation`. RFC 6120 §4.9.3 */
  readonly condition: string;
  readonly text?: string;
  /** XEP-0198 §8: the peer acknowledged more than was sent. */
  readonly handledTooHigh?: { readonly h: number; readonly sent: number };
}

/** What the server says while features are negotiated. */
export type NegotiationEvent =
  | { readonly type: 'features'; readonly features: Features }
  | { readonly type: 'starttls.proceed' }
  | { readonly type: 'starttls.failure' }
  | { readonly type: 'tls.secured'; readonly security: Security }
  | { readonly type: 'tls.failed'; readonly failure: Failure }
  | SaslEvent
  | { readonly type: 'sm.resumed'; readonly previd: string }
  | { readonly type: 'sm.failed'; readonly condition: string | null }
  | { readonly type: 'sm.enabled'; readonly ticket: Ticket }
  | { readonly type: 'bind.result'; readonly jid: string }
  | { readonly type: 'bind.error'; readonly failure: Failure }
  | { readonly type: 'legacy.result' }
  | { readonly type: 'legacy.error'; readonly failure: Failure };

/** SASL as the charts see it: that something came, never what was in it. RFC 6120 §6.4 */
export type SaslEvent =
  | { readonly type: 'sasl.challenge' }
  | { readonly type: 'sasl.success' }
  | { readonly type: 'sasl.failure'; readonly condition: string; readonly text: string | null };

/** What a chart may have written to the stream. SASL elements are not here: their payloads are secret. */
export type WireCommand =
  | { readonly kind: 'header' }
  | { readonly kind: 'footer' }
  | { readonly kind: 'error'; readonly error: StreamError }
  | { readonly kind: 'starttls' }
  | { readonly kind: 'resume'; readonly previd: string }
  | { readonly kind: 'bind'; readonly resource: string | null }
  | { readonly kind: 'enable'; readonly resume: boolean; readonly max: number | null }
  | { readonly kind: 'session' };
