import { checkAuthzid, prepare, preparePassword } from './prepare.ts';
import { type Mechanism, type SaslContext, SaslError } from './types.ts';

/**
 * PLAIN (RFC 4616): the password in clear, so only for an encrypted stream, which is for the caller to see to. Both
 * names are prepared as SCRAM prepares them, so that one password is the same password whichever mechanism is taken.
 */
export class Plain implements Mechanism {
  readonly name = 'PLAIN';
  readonly #message: string;

  /** Throws {@link SaslError} when `context` has not what the mechanism needs. */
  constructor(context: SaslContext) {
    const authzid = checkAuthzid(context.authzid);
    const username = prepare(context.username, 'invalid-username');
    this.#message = `${authzid}\0${username}\0${preparePassword(context.password)}`;
  }

  async start(): Promise<Uint8Array> {
    return Buffer.from(this.#message);
  }

  async respond(): Promise<never> {
    throw new SaslError('unexpected-challenge');
  }

  /** The certificate is the only proof there is. */
  async verify(): Promise<void> {}
}
