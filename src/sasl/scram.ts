import { randomBytes, timingSafeEqual } from 'node:crypto';
import { checkAuthzid, prepare, preparePassword } from './prepare.ts';
import { type Hash, SaltedPasswordCache } from './salted-password.ts';
import { hmac, scramKeys, scramVariant, xor } from './scram-keys.ts';
import { decodeBase64, decodeText, encodeBase64, escapeName, readMessage } from './scram-message.ts';
import { type Mechanism, type SaslContext, SaslError } from './types.ts';

const MIN_ITERATIONS = 4096;
const MAX_ITERATIONS = 1_000_000;

/** Bytes. Servers use 16 to 64; nobody needs this many, and the salt goes through PBKDF2 and into the cache's key. */
const MAX_SALT = 1024;

const NOTHING = new Uint8Array();

/**
 * SCRAM-SHA-1, -256 and -512 and their `-PLUS` forms (RFC 5802, RFC 7677, RFC 9266). The server proves that it knows
 * the account, too: in the data with its success, or in a last challenge before it.
 */
export class Scram implements Mechanism {
  readonly name: string;
  readonly #hash: Hash;
  readonly #password: string;
  readonly #gs2Header: string;
  readonly #bindingData: Uint8Array;
  readonly #nonce: string;
  readonly #firstBare: string;
  readonly #cache: SaltedPasswordCache;
  readonly #minIterations: number;
  readonly #maxIterations: number;
  /** The only message of the server that is welcome now. */
  #expected: 'server-first' | 'server-final' | 'none' = 'none';
  #serverSignature: Uint8Array | undefined;
  #proved = false;

  /** Throws {@link SaslError} when `context` has not what the mechanism needs. */
  constructor(name: string, context: SaslContext) {
    const variant = scramVariant(name);
    if (!variant) throw new SaslError('unknown-mechanism');
    const { binding, gs2, nonce = () => randomBytes(24).toString('base64') } = context;
    if (variant.plus !== (gs2 === 'p') || variant.plus !== (binding !== null)) {
      throw new SaslError('channel-binding-mismatch');
    }
    const authzid = checkAuthzid(context.authzid);
    this.name = name;
    this.#hash = variant.hash;
    this.#password = preparePassword(context.password);
    this.#gs2Header = `${binding ? `p=${binding.type}` : gs2},${authzid && `a=${escapeName(authzid)}`},`;
    this.#bindingData = binding?.data ?? NOTHING;
    this.#nonce = nonce();
    this.#firstBare = `n=${escapeName(prepare(context.username, 'invalid-username'))},r=${this.#nonce}`;
    this.#cache = context.cache ?? new SaltedPasswordCache();
    this.#minIterations = context.minIterations ?? MIN_ITERATIONS;
    this.#maxIterations = context.maxIterations ?? MAX_ITERATIONS;
  }

  async start(): Promise<Uint8Array> {
    this.#expected = 'server-first';
    return Buffer.from(this.#gs2Header + this.#firstBare);
  }

  async respond(challenge: Uint8Array): Promise<Uint8Array> {
    const expected = this.#expected;
    // Until the answer is ready nothing is welcome, so neither a second challenge nor a failed one finds a way in.
    this.#expected = 'none';
    switch (expected) {
      case 'server-first': {
        const answer = await this.#prove(decodeText(challenge));
        this.#expected = 'server-final';
        return answer;
      }
      case 'server-final':
        this.#check(challenge);
        return NOTHING;
      case 'none':
        throw new SaslError('unexpected-challenge');
    }
  }

  async verify(data: Uint8Array | null): Promise<void> {
    this.#expected = 'none';
    if (data !== null && data.length > 0) this.#check(data);
    if (!this.#proved) throw new SaslError('server-signature-missing');
  }

  async #prove(serverFirst: string): Promise<Uint8Array> {
    const { nonce, salt, iterations } = this.#parse(serverFirst);
    const salted = await this.#cache.derive(this.#hash, this.#password, salt, iterations);
    const keys = scramKeys(this.#hash, salted);
    const binding = encodeBase64(Buffer.concat([Buffer.from(this.#gs2Header), this.#bindingData]));
    const withoutProof = `c=${binding},r=${nonce}`;
    const authMessage = `${this.#firstBare},${serverFirst},${withoutProof}`;
    const proof = xor(keys.client, hmac(this.#hash, keys.stored, authMessage));
    this.#serverSignature = hmac(this.#hash, keys.server, authMessage);
    return Buffer.from(`${withoutProof},p=${encodeBase64(proof)}`);
  }

  /** Everything is judged here, before the first iteration is paid for. */
  #parse(serverFirst: string): { nonce: string; salt: Uint8Array; iterations: number } {
    const { r: nonce, s, i } = readMessage(serverFirst, 'r', 's', 'i');
    const salt = decodeBase64(s);
    if (!/^[!-~]+$/.test(nonce) || !/^[1-9][0-9]*$/.test(i)) throw new SaslError('malformed-challenge');
    if (!nonce.startsWith(this.#nonce) || nonce === this.#nonce) throw new SaslError('nonce-not-extended');
    if (salt.length > MAX_SALT) throw new SaslError('salt-too-long');
    const iterations = Number(i);
    if (iterations < this.#minIterations) throw new SaslError('iterations-too-low');
    if (iterations > this.#maxIterations) throw new SaslError('iterations-too-high');
    return { nonce, salt, iterations };
  }

  #check(serverFinal: Uint8Array): void {
    const signature = decodeBase64(readMessage(decodeText(serverFinal), 'v').v);
    const expected = this.#serverSignature;
    if (!expected || signature.length !== expected.length || !timingSafeEqual(signature, expected)) {
      throw new SaslError('server-signature-wrong');
    }
    this.#proved = true;
  }
}
