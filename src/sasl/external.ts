import { checkAuthzid } from './prepare.ts';
import { type Mechanism, type SaslContext, SaslError } from './types.ts';

/** EXTERNAL (RFC 4422 appendix A, XEP-0178): the client certificate of the TLS connection speaks for us. */
export class External implements Mechanism {
  readonly name = 'EXTERNAL';
  readonly #authzid: string;

  /** Throws {@link SaslError} `invalid-authzid`. */
  constructor(context: SaslContext) {
    this.#authzid = checkAuthzid(context.authzid);
  }

  async start(): Promise<Uint8Array> {
    return Buffer.from(this.#authzid);
  }

  async respond(): Promise<never> {
    throw new SaslError('unexpected-challenge');
  }

  /** The server's certificate is the only proof there is. */
  async verify(): Promise<void> {}
}
