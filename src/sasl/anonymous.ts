import { type Mechanism, SaslError } from './types.ts';

/** ANONYMOUS (RFC 4505, XEP-0175), without trace information: it would only tell the server who we are. */
export class Anonymous implements Mechanism {
  readonly name = 'ANONYMOUS';

  async start(): Promise<Uint8Array> {
    return new Uint8Array();
  }

  async respond(): Promise<never> {
    throw new SaslError('unexpected-challenge');
  }

  /** The certificate is the only proof there is. */
  async verify(): Promise<void> {}
}
