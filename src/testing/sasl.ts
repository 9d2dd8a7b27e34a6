/** The server's side of SASL, for the embedded test server. It keeps to the rules unless a test asks for a fault. */
import { createHmac, randomBytes, randomUUID, timingSafeEqual } from 'node:crypto';
import { prepare } from '../sasl/prepare.ts';
import { type Hash, SaltedPasswordCache } from '../sasl/salted-password.ts';
import { digest, hmac, scramKeys, scramVariant, xor } from '../sasl/scram-keys.ts';
import { decodeBase64, decodeText, encodeBase64, readMessage, unescapeName } from '../sasl/scram-message.ts';
import { SaslError, type ServerError } from '../sasl/types.ts';

/** What the server says next: a challenge, success with the user's name, or a condition of RFC 6120 §6.5. */
export type SaslOutcome =
  | { readonly challenge: Uint8Array }
  | { readonly success: Uint8Array | null; readonly username: string }
  | { readonly failure: string };

export interface ServerMechanism {
  /** Takes the initial response, null if `<auth/>` had none, and then every response. */
  step(data: Uint8Array | null): Promise<SaslOutcome>;
}

/** What a hostile or broken server makes of its messages. What is signed is what was sent. */
export interface ScramFault {
  /** Rewrites the first message. */
  serverFirst?(message: string, clientNonce: string): string;
  /** Rewrites the final message; null leaves it out. */
  serverFinal?(message: string): string | null;
}

/** The faults that a client has to withstand. */
export const scramFaults = {
  wrongSignature: {
    serverFinal: (message) => message.replace(/^v=(.)/, (_, first) => `v=${first === 'A' ? 'B' : 'A'}`),
  },
  omitSignature: { serverFinal: () => null },
  /** The client's nonce comes back as it went. */
  bareNonce: { serverFirst: (message, clientNonce) => message.replace(/^r=[^,]*/, () => `r=${clientNonce}`) },
  /** The server's nonce comes alone. */
  foreignNonce: { serverFirst: (message, clientNonce) => message.replace(`r=${clientNonce}`, 'r=') },
  mandatoryExtension: { serverFirst: (message) => `m=please,${message}` },
  /** Announces this, whatever was used. */
  iterations: (text: string | number) => ({ serverFirst: (message) => message.replace(/,i=\d+$/, `,i=${text}`) }),
  /** Announces this, in base64 or not, whatever was used. */
  salt: (text: string) => ({ serverFirst: (message) => message.replace(/,s=[^,]*/, `,s=${text}`) }),
  /** An error in place of the signature; the exchange still counts as a success. */
  serverError: (error: ServerError | (string & {})) => ({ serverFinal: () => `e=${error}` }),
} satisfies Record<string, ScramFault | ((text: string) => ScramFault)>;

export interface ServerSaslOptions {
  /** The password of an account, undefined if there is none. `username` is prepared. */
  password(username: string): string | undefined;
  /** The server's end of the channel binding, undefined for a type that it does not have on this connection. */
  binding(type: string): Uint8Array | undefined;
  /** Whether a `-PLUS` mechanism was offered: then the flag `y` means that somebody cut it out. Default false. */
  readonly plusOffered?: boolean;
  /** Of PBKDF2. Default 4096. */
  readonly iterations?: number;
  /** Default: of its own for each account, and the same for every login. */
  readonly salt?: Uint8Array;
  /** Gives what the server adds to the client's nonce. Default: random. */
  readonly nonce?: () => string;
  /** EXTERNAL: who the client certificate lets in when this identity, empty if none, is asked for. Default: nobody. */
  certified?(authzid: string): string | undefined;
  /** Where SCRAM's signature goes: with `<success/>`, or in a last challenge before an empty one. Default `success`. */
  readonly signatureIn?: 'success' | 'challenge';
  /** Lets a server with many logins pay for PBKDF2 once an account. */
  readonly cache?: SaltedPasswordCache;
  readonly fault?: ScramFault;
}

/** Is given what the client sends, gives what the server answers. What it yields first answers an empty `<auth/>`. */
type Conversation = AsyncGenerator<SaslOutcome, SaslOutcome, Uint8Array>;

const NOTHING = new Uint8Array();
const MALFORMED: SaslOutcome = { failure: 'malformed-request' };
const NOT_AUTHORIZED: SaslOutcome = { failure: 'not-authorized' };

const secret = randomBytes(32);

/**
 * The server's side of SCRAM-SHA-1, -256, -512, each also with `-PLUS`, PLAIN, EXTERNAL and ANONYMOUS; any other name fails
 * with `invalid-mechanism`. One object is good for one exchange.
 */
export function createServerMechanism(name: string, options: ServerSaslOptions): ServerMechanism {
  const conversation = converse(name, options);
  let opening: SaslOutcome | undefined;
  return {
    async step(data) {
      try {
        if (opening === undefined) {
          opening = (await conversation.next()).value;
          if (data === null || 'failure' in opening) return opening;
        }
        return (await conversation.next(data ?? NOTHING)).value ?? MALFORMED;
      } catch (error) {
        if (error instanceof SaslError) return MALFORMED;
        throw error;
      }
    },
  };
}

function converse(name: string, options: ServerSaslOptions): Conversation {
  const variant = scramVariant(name);
  if (variant) return scram(variant.hash, variant.plus, options);
  if (name === 'PLAIN') return plain(options);
  if (name === 'EXTERNAL') return external(options);
  if (name === 'ANONYMOUS') return anonymous();
  return unknown();
}

/** RFC 5802 §3 */
async function* scram(hash: Hash, plus: boolean, options: ServerSaslOptions): Conversation {
  const clientFirst = decodeText(yield { challenge: NOTHING });
  const gs2 = /^(?:p=([A-Za-z0-9.-]+)|([yn])),(?:a=([^,]+))?,/.exec(clientFirst);
  if (!gs2) return MALFORMED;
  const [header, type, flag, authzid] = gs2;
  const binding = type === undefined ? NOTHING : options.binding(type);
  if (plus !== (type !== undefined) || binding === undefined) return MALFORMED;
  if (flag === 'y' && options.plusOffered) return NOT_AUTHORIZED;

  const firstBare = clientFirst.slice(header.length);
  const { n, r: clientNonce } = readMessage(firstBare, 'n', 'r');
  const username = prepare(unescapeName(n), 'invalid-username');
  const nonce = clientNonce + (options.nonce?.() ?? randomBytes(18).toString('base64'));
  const salt = options.salt ?? createHmac('sha256', secret).update(`${hash} ${username}`).digest().subarray(0, 16);
  const iterations = options.iterations ?? 4096;
  const honestFirst = `r=${nonce},s=${encodeBase64(salt)},i=${iterations}`;
  const serverFirst = options.fault?.serverFirst?.(honestFirst, clientNonce) ?? honestFirst;

  const clientFinal = decodeText(yield { challenge: Buffer.from(serverFirst) });
  const { c, r, p } = readMessage(clientFinal, 'c', 'r') as Readonly<Record<string, string>>;
  const withoutProof = clientFinal.slice(0, -`,p=${p}`.length);
  if (p === undefined || !clientFinal.endsWith(`,p=${p}`)) return MALFORMED;
  if (c !== encodeBase64(Buffer.concat([Buffer.from(header), binding])) || r !== nonce) return NOT_AUTHORIZED;

  // Whoever has no account is refused as late, and for the same reason, as with a wrong password.
  const password = prepare(options.password(username) ?? randomUUID(), 'invalid-password');
  const cache = options.cache ?? new SaltedPasswordCache();
  const keys = scramKeys(hash, await cache.derive(hash, password, salt, iterations));
  const authMessage = `${firstBare},${serverFirst},${withoutProof}`;
  const proof = decodeBase64(p);
  if (proof.length !== keys.stored.length) return MALFORMED;
  const clientKey = xor(proof, hmac(hash, keys.stored, authMessage));
  if (!timingSafeEqual(digest(hash, clientKey), keys.stored)) return NOT_AUTHORIZED;
  if (!mayActAs(username, unescapeName(authzid ?? ''))) return { failure: 'invalid-authzid' };

  const honestFinal = `v=${encodeBase64(hmac(hash, keys.server, authMessage))}`;
  const serverFinal = options.fault?.serverFinal ? options.fault.serverFinal(honestFinal) : honestFinal;
  if (serverFinal === null) return { success: null, username };
  if (options.signatureIn !== 'challenge') return { success: Buffer.from(serverFinal), username };
  const acknowledgement = yield { challenge: Buffer.from(serverFinal) };
  return acknowledgement.length === 0 ? { success: null, username } : MALFORMED;
}

/** RFC 4616 */
async function* plain(options: ServerSaslOptions): Conversation {
  const parts = decodeText(yield { challenge: NOTHING }).split('\0');
  const [authzid, name, given] = parts;
  if (parts.length !== 3 || authzid === undefined || !name || !given) return MALFORMED;
  const username = prepare(name, 'invalid-username');
  const password = options.password(username);
  if (password === undefined || prepare(password, 'invalid-password') !== prepare(given, 'invalid-password')) {
    return NOT_AUTHORIZED;
  }
  return mayActAs(username, authzid) ? { success: null, username } : { failure: 'invalid-authzid' };
}

/** RFC 4422 appendix A */
async function* external(options: ServerSaslOptions): Conversation {
  const authzid = decodeText(yield { challenge: NOTHING });
  const username = options.certified?.(authzid);
  return username === undefined ? NOT_AUTHORIZED : { success: null, username };
}

/** RFC 4505; trace information is not looked at. */
async function* anonymous(): Conversation {
  yield { challenge: NOTHING };
  return { success: null, username: randomUUID() };
}

// biome-ignore lint/correctness/useYield: it has nothing to wait for
async function* unknown(): Conversation {
  return { failure: 'invalid-mechanism' };
}

/** Everybody is himself, by his simple name or by his bare JID, and nobody else. */
function mayActAs(username: string, authzid: string): boolean {
  return authzid === '' || authzid === username || authzid.startsWith(`${username}@`);
}
