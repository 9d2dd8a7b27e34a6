import { createHmac, pbkdf2, randomBytes } from 'node:crypto';
import { promisify } from 'node:util';

/** The hash functions SCRAM is registered with here, as node:crypto calls them. */
export type Hash = 'sha1' | 'sha256' | 'sha512';

const SIZES: Readonly<Record<Hash, number>> = { sha1: 20, sha256: 32, sha512: 64 };

/** More than the hashes of one account, so that a changed salt or a second account pushes nothing useful out. */
const CAPACITY = 16;

// The callback form runs in the thread pool: the event loop goes on while the iterations are counted down.
const derive = promisify(pbkdf2);

/**
 * What PBKDF2 made of a password, by hash, salt and iteration count. Servers keep the salt of an account, so from the
 * second login on the costly step is a look-up. Holds the last sixteen; one cache belongs to one client.
 */
export class SaltedPasswordCache {
  readonly #entries = new Map<string, Promise<Uint8Array>>();
  // Keys are made under a secret that never leaves: who sees one cannot try passwords on it.
  readonly #secret = randomBytes(32);

  /** SCRAM's SaltedPassword (`Hi` of RFC 5802 §2.2). `password` has been prepared. Concurrent calls share the work. */
  derive(hash: Hash, password: string, salt: Uint8Array, iterations: number): Promise<Uint8Array> {
    const inputs = JSON.stringify([hash, password, Buffer.from(salt).toString('base64'), iterations]);
    const key = createHmac('sha256', this.#secret).update(inputs).digest('base64');
    const salted = this.#entries.get(key) ?? derive(password, salt, iterations, SIZES[hash], hash);
    // Setting it anew moves it to the end: the first key is always the one unused for longest.
    this.#entries.delete(key);
    this.#entries.set(key, salted);
    salted.catch(() => this.#entries.delete(key));
    const [oldest] = this.#entries.keys();
    if (this.#entries.size > CAPACITY) this.#entries.delete(oldest as string);
    return salted;
  }
}
