/** The arithmetic of RFC 5802 §3, the same for both sides. */
import { createHash, createHmac } from 'node:crypto';
import type { Hash } from './salted-password.ts';

/** What both sides derive from the salted password: the server need only store the last two. */
export interface ScramKeys {
  readonly client: Uint8Array;
  readonly stored: Uint8Array;
  readonly server: Uint8Array;
}

/** Takes the name of a mechanism apart; undefined when it is not one of the SCRAMs known here. */
export function scramVariant(name: string): { readonly hash: Hash; readonly plus: boolean } | undefined {
  const match = /^SCRAM-SHA-(1|256|512)(-PLUS)?$/.exec(name);
  return match ? { hash: `sha${match[1]}` as Hash, plus: match[2] !== undefined } : undefined;
}

export function scramKeys(hash: Hash, saltedPassword: Uint8Array): ScramKeys {
  const client = hmac(hash, saltedPassword, 'Client Key');
  return { client, stored: digest(hash, client), server: hmac(hash, saltedPassword, 'Server Key') };
}

export function hmac(hash: Hash, key: Uint8Array, message: string): Uint8Array {
  return createHmac(hash, key).update(message).digest();
}

export function digest(hash: Hash, data: Uint8Array): Uint8Array {
  return createHash(hash).update(data).digest();
}

/** Of two byte strings of the same length. */
export function xor(left: Uint8Array, right: Uint8Array): Uint8Array {
  return left.map((byte, index) => byte ^ (right[index] as number));
}
