/**
 * What every SASL mechanism has in common (RFC 4422). Mechanisms take and give bytes: base64, XML and the choice of a
 * mechanism belong to the caller.
 */
import type { SaltedPasswordCache } from './salted-password.ts';

/** What a mechanism works with. Holds a secret: build it when it is needed, and keep it nowhere. */
export interface SaslContext {
  /** The account's simple name: the local part of the JID (RFC 6120 §6.3.7). Not used by EXTERNAL and ANONYMOUS. */
  readonly username: string;
  /** Needed by SCRAM and PLAIN. */
  readonly password?: string;
  /** The identity to act as, a bare JID; without it, or empty, the server derives it (RFC 6120 §6.3.8). */
  readonly authzid?: string;
  /** The channel to bind to, for a `-PLUS` mechanism; null for all others. */
  readonly binding: { readonly type: string; readonly data: Uint8Array } | null;
  /**
   * What the server is told about channel binding (RFC 5802 §6): `p` we bind, with a `-PLUS` mechanism; `y` we could, but
   * the server offers no `-PLUS`; `n` we cannot.
   */
  readonly gs2: 'p' | 'y' | 'n';
  /** Remembers what PBKDF2 gave, so that a reconnect need not pay for it again. Default: nothing is remembered. */
  readonly cache?: SaltedPasswordCache;
  /** Gives SCRAM's client nonce, in printable ASCII without commas. Default: 24 random bytes in base64. */
  readonly nonce?: () => string;
  /** A server that asks for fewer PBKDF2 iterations is refused. Default 4096 (RFC 5802 §5.1). */
  readonly minIterations?: number;
  /** A server that asks for more is refused before any work is done. Default 1 000 000, less than a second of one core. */
  readonly maxIterations?: number;
}

/** The client's side of one exchange. An object is good for one attempt, and after an error for nothing. */
export interface Mechanism {
  /** The registered name, as in `<auth mechanism=''/>`. */
  readonly name: string;
  /** The initial response; empty bytes are sent as `=`, null means that the server speaks first. */
  start(): Promise<Uint8Array | null>;
  /** Answers a challenge. Throws {@link SaslError}; the caller then aborts the exchange. */
  respond(challenge: Uint8Array): Promise<Uint8Array>;
  /**
   * Judges a success by the data that came with it, null if none did. Throws {@link SaslError} when the server has not
   * proved that it knows the account; the connection must then not be used.
   */
  verify(data: Uint8Array | null): Promise<void>;
}

const SENTENCES = {
  'unknown-mechanism': 'this client does not have the mechanism',
  'password-missing': 'the mechanism needs a password',
  'invalid-username': 'the username is empty or has characters that SASLprep forbids',
  'invalid-password': 'the password is empty or has characters that SASLprep forbids',
  'invalid-authzid': 'the authorization identity has a NUL character',
  'channel-binding-mismatch': 'the mechanism, the GS2 flag and the channel binding do not belong together',
  'incorrect-encoding': 'the server sent data that is not base64',
  'malformed-challenge': 'the server sent a message that breaks the grammar of the mechanism',
  'unexpected-challenge': 'the server sent a challenge that the mechanism has no place for',
  'mandatory-extension': 'the server demands an extension that this client does not have',
  'nonce-not-extended': 'the server did not extend the nonce of this client',
  'salt-too-long': 'the server sent an unreasonably long salt',
  'iterations-too-low': 'the server asks for too few iterations to protect the password',
  'iterations-too-high': 'the server asks for an unreasonable number of iterations',
  'server-error': 'the server reports an error in the exchange',
  'server-signature-missing': 'the server claims success without having proved that it knows the account',
  'server-signature-wrong': 'the server failed to prove that it knows the account',
} as const;

/** Why this client refused an exchange. The server's own refusals are conditions of RFC 6120 §6.5, not these. */
export type SaslCondition = keyof typeof SENTENCES;

/** The errors that a server can name inside SCRAM (RFC 5802 §7). */
export const SERVER_ERRORS = [
  'invalid-encoding',
  'extensions-not-supported',
  'invalid-proof',
  'channel-bindings-dont-match',
  'server-does-support-channel-binding',
  'channel-binding-not-supported',
  'unsupported-channel-binding-type',
  'unknown-user',
  'invalid-username-encoding',
  'no-resources',
  'other-error',
] as const;

/** One of {@link SERVER_ERRORS}. */
export type ServerError = (typeof SERVER_ERRORS)[number];

/** Our own verdict on an exchange, told apart by `condition`. Never carries anything of what was exchanged. */
export class SaslError extends Error {
  override readonly name = 'SaslError';
  readonly condition: SaslCondition;
  /** With the condition `server-error`: which. */
  readonly serverError: ServerError | undefined;

  constructor(condition: SaslCondition, serverError?: ServerError) {
    super(`SASL: ${SENTENCES[condition]}`);
    this.condition = condition;
    this.serverError = serverError;
  }
}
