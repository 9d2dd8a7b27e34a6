import type { Failure } from '../../machines/failure.ts';
import { type Choice, CREDENTIAL_REFUSALS } from '../../machines/sasl.ts';
import { createMechanism } from '../sasl/mechanisms.ts';
import type { SaltedPasswordCache } from '../sasl/salted-password.ts';
import { type Mechanism, SaslError } from '../sasl/types.ts';
import { encodeSasl } from '../stream/encode.ts';

/** What an application is told when it is asked for credentials. */
export interface CredentialRequest {
  /** The mechanism that was chosen. */
  readonly mechanism: string;
  /** Everything the server offers. */
  readonly mechanisms: readonly string[];
  /** Why the last ones were refused; null when none were. */
  readonly failure: Failure | null;
  /** Aborted when they are no longer wanted. */
  readonly signal: AbortSignal;
}

/**
 * What a client proves its identity with. With neither `username` nor `authzid` the server has to bind the account of the
 * JID; with either, any account of its domain.
 */
export interface Credentials {
  /** Not needed by EXTERNAL and ANONYMOUS. */
  readonly password?: string;
  /** Default: the local part of the JID. */
  readonly username?: string;
  /** The identity to act as, when it is another. RFC 6120 §6.3.8 */
  readonly authzid?: string;
}

/** A password, or something that gives it when it is needed. Null or undefined gives up. */
export type CredentialSource = (
  request: CredentialRequest,
) => Credentials | string | null | undefined | Promise<Credentials | string | null | undefined>;

/** What the exchange needs of its surroundings. */
export interface ExchangeHost {
  readonly username: string;
  readonly credentials: CredentialSource;
  readonly cache: SaltedPasswordCache;
  readonly minIterations: number;
  readonly maxIterations: number;
  /** The channel binding of that type. */
  binding(type: string): Uint8Array;
  write(text: string): void;
}

/**
 * The secret half of authentication: everything that the SASL chart decides about and must not see. One for each stream, so
 * that nothing outlives its connection.
 */
export class Exchange {
  readonly #host: ExchangeHost;
  #credentials: Credentials | null = null;
  /** The refusal that the application was told of when it gave them. */
  #told: Failure | null = null;
  #mechanism: Mechanism | null = null;
  /** What came last with a challenge or success. */
  #data = '';

  constructor(host: ExchangeHost) {
    this.#host = host;
  }

  /** Keeps what came with `<challenge/>` or `<success/>` until the chart asks for it to be looked at. */
  receive(data: string): void {
    this.#data = data;
  }

  /** Whose account it is, is not said by the JID: another name was given with the credentials, or an identity to act as. */
  get asAnother(): boolean {
    const { username = this.#host.username, authzid } = this.#credentials ?? {};
    return Boolean(authzid) || username !== this.#host.username;
  }

  async ask(request: CredentialRequest): Promise<boolean> {
    // What was not refused is good for another mechanism, too: nobody is asked twice for the same.
    const refused = request.failure !== this.#told && CREDENTIAL_REFUSALS.includes(request.failure?.condition ?? '');
    if (request.mechanism === 'ANONYMOUS' || (this.#credentials !== null && !refused)) return true;
    this.#told = request.failure;
    const given = await failing(() => this.#host.credentials(request), 'user', 'the credentials could not be had');
    if (given === null || given === undefined) return false;
    this.#credentials = typeof given === 'string' ? { password: given } : given;
    return true;
  }

  async initiate({ mechanism, binding, gs2 }: Choice): Promise<void> {
    const { username, cache, minIterations, maxIterations } = this.#host;
    await failing(async () => {
      this.#mechanism = createMechanism(mechanism, {
        username,
        ...this.#credentials,
        binding: binding === null ? null : { type: binding, data: this.#host.binding(binding) },
        gs2,
        cache,
        minIterations,
        maxIterations,
      });
      this.#host.write(encodeSasl('auth', await this.#mechanism.start(), mechanism));
    });
  }

  /** @param signal aborted when the exchange is over before the answer is there: then it is kept. */
  async respond(signal: AbortSignal): Promise<void> {
    await failing(async () => {
      const response = await this.#mechanism?.respond(decode(this.#data) ?? new Uint8Array());
      if (!signal.aborted) this.#host.write(encodeSasl('response', response ?? new Uint8Array()));
    });
  }

  async verify(): Promise<void> {
    await failing(async () => this.#mechanism?.verify(decode(this.#data)));
  }

  abort(): void {
    this.#host.write(encodeSasl('abort', null));
  }
}

/** What is wrong with the credentials rather than with the server. */
const OURS: readonly string[] = ['password-missing', 'invalid-username', 'invalid-password', 'invalid-authzid'];

/** Rejects with a `Failure`, as the charts expect it, in which nothing secret can be. */
async function failing<T>(
  work: () => T | Promise<T>,
  retry: Failure['retry'] = 'never',
  text = 'unexpected error while authenticating',
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const failure: Failure =
      error instanceof SaslError
        ? {
            kind: 'auth',
            stage: 'auth',
            condition: error.condition,
            text: error.message,
            retry: OURS.includes(error.condition) ? 'user' : 'never',
          }
        : { kind: 'auth', stage: 'auth', condition: 'internal', text, retry };
    throw failure;
  }
}

const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;

/** RFC 6120 §6.4.2: nothing is no data, `=` is empty data. */
function decode(text: string): Uint8Array | null {
  const data = text.trim();
  if (data === '') return null;
  if (data === '=') return new Uint8Array();
  if (!BASE64.test(data) || data.length % 4 !== 0) throw new SaslError('incorrect-encoding');
  return Buffer.from(data, 'base64');
}
