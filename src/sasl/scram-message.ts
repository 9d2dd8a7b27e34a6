/** The grammar of SCRAM messages (RFC 5802 §7), the same for both sides. All of it takes linear time. */
import { SaslError, SERVER_ERRORS } from './types.ts';

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Throws {@link SaslError} `malformed-challenge` when it is not UTF-8. Encoding the text again gives the same bytes. */
export function decodeText(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch {
    throw new SaslError('malformed-challenge');
  }
}

/** Throws {@link SaslError} `malformed-challenge` unless `text` is what encoding the bytes gives, to the last bit. */
export function decodeBase64(text: string): Uint8Array {
  const bytes = Buffer.from(text, 'base64');
  if (bytes.toString('base64') !== text) throw new SaslError('malformed-challenge');
  return bytes;
}

export function encodeBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64');
}

/**
 * The attributes of a message that begins with `leading`, in that order. Others may follow: extensions that do not say
 * `m` can be ignored.
 *
 * Throws {@link SaslError}: `malformed-challenge`, also for an attribute that comes twice; `mandatory-extension`;
 * `server-error` when the message reports one.
 */
export function readMessage<Key extends string>(message: string, ...leading: Key[]): Readonly<Record<Key, string>> {
  const attributes = new Map<string, string>();
  for (const attribute of message.split(',')) {
    const name = attribute.slice(0, 1);
    if (!/^[A-Za-z]=./su.test(attribute) || attribute.includes('\0') || attributes.has(name)) {
      throw new SaslError('malformed-challenge');
    }
    attributes.set(name, attribute.slice(2));
  }
  if (attributes.has('m')) throw new SaslError('mandatory-extension');
  const error = attributes.get('e');
  if (error !== undefined) {
    // The server's word is repeated only if it is a registered one: it goes where people and logs see it.
    throw new SaslError('server-error', SERVER_ERRORS.find((known) => known === error) ?? 'other-error');
  }
  const names = [...attributes.keys()];
  if (!leading.every((name, index) => names[index] === name)) throw new SaslError('malformed-challenge');
  return Object.fromEntries(attributes) as Record<Key, string>;
}

/** A name inside an attribute: commas and equals signs are the grammar's own. */
export function escapeName(name: string): string {
  return name.replaceAll('=', '=3D').replaceAll(',', '=2C');
}

/** The opposite of {@link escapeName}. Throws {@link SaslError} `malformed-challenge` for any other escape. */
export function unescapeName(text: string): string {
  if (/=(?!2C|3D)/.test(text)) throw new SaslError('malformed-challenge');
  return text.replaceAll('=2C', ',').replaceAll('=3D', '=');
}
