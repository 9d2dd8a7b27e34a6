/** XMPP addresses (RFC 7622) and the escaping of localparts (XEP-0106). */
import { PLAIN_DOMAIN, prepareDomain } from './idna.ts';
import { opaqueString, PrecisError, type PrecisReason, usernameCaseMapped } from './precis.ts';

/** The parts of a JID. */
export type JidPart = 'local' | 'domain' | 'resource';

/**
 * What is wrong with a part: `empty`, `too-long` (more than 1023 bytes of UTF-8), `disallowed` (a character that the part
 * may not contain, or no domain name), `context` (a character that may stand only in other surroundings), `direction`
 * (left-to-right and right-to-left mixed against RFC 5893).
 */
export type JidReason = PrecisReason | 'too-long';

/** A text that is no JID. */
export class JidError extends Error {
  override readonly name = 'JidError';
  /** Which part of the text is wrong. */
  readonly part: JidPart;
  /** What is wrong with it. */
  readonly reason: JidReason;

  /** @internal Made by `JID`. */
  constructor(part: JidPart, reason: JidReason) {
    super(`not a JID: ${part}part ${reason}`);
    this.part = part;
    this.reason = reason;
  }
}

/** Bytes of UTF-8 that each part may have (RFC 7622 §3.1). */
const MAX_BYTES = 1023;

/** Code units above which nothing comes to so few bytes, whatever is composed: normalising takes the square of the length. */
const MAX_LENGTH = 2 * MAX_BYTES;

/** JIDs that parsing remembers; a stream speaks of the same few again and again. */
const CACHE_SIZE = 1024;

/** A JID that is its own normal form: lower-case ASCII before the slash, printable ASCII behind it. */
const PLAIN = new RegExp(`^(?:([!#-%(-.0-9;=?[-~]+)@)?(${PLAIN_DOMAIN})(?:/([ -~]+))?$`);

/** What the localpart excludes beyond its PRECIS profile (RFC 7622 §3.3.1). */
const NOT_IN_LOCALPART = /["&'/:<>@]/;

function limited(part: JidPart, value: string): string {
  if (Buffer.byteLength(value) > MAX_BYTES) throw new JidError(part, 'too-long');
  return value;
}

function enforced(part: JidPart, profile: (text: string) => string, text: string): string {
  if (text.length > MAX_LENGTH) throw new JidError(part, 'too-long');
  try {
    return limited(part, profile(text));
  } catch (error) {
    throw error instanceof PrecisError ? new JidError(part, error.reason) : error;
  }
}

function localpart(text: string): string {
  const value = enforced('local', usernameCaseMapped, text);
  if (NOT_IN_LOCALPART.test(value)) throw new JidError('local', 'disallowed');
  return value;
}

function domainpart(text: string): string {
  if (text === '') throw new JidError('domain', 'empty');
  if (text.length > MAX_LENGTH) throw new JidError('domain', 'too-long');
  const value = prepareDomain(text);
  if (value === undefined) throw new JidError('domain', 'disallowed');
  return limited('domain', value);
}

/**
 * An XMPP address, always valid and always normalised, so two JIDs are equal exactly when their texts are. Immutable; the
 * same text usually gives the same object.
 */
export class JID {
  /** The part before the `@`, or `undefined`. */
  readonly local: string | undefined;
  /** A domain name in U-labels, an IPv4 address, or an IPv6 address in brackets. */
  readonly domain: string;
  /** The part behind the first `/`, or `undefined` for a bare JID. */
  readonly resource: string | undefined;
  readonly #text: string;
  #bare: JID | undefined;

  static readonly #known = new Map<string, JID>();

  private constructor(local: string | undefined, domain: string, resource: string | undefined) {
    this.local = local;
    this.domain = domain;
    this.resource = resource;
    const bare = local === undefined ? domain : `${local}@${domain}`;
    this.#text = resource === undefined ? bare : `${bare}/${resource}`;
    Object.freeze(this);
  }

  /**
   * Reads `[local@]domain[/resource]` and normalises each part.
   *
   * @throws JidError naming the part and what is wrong with it.
   */
  static parse(text: string): JID {
    const known = JID.#known.get(text);
    if (known !== undefined) return known;
    const jid = JID.#read(text);
    if (JID.#known.size >= CACHE_SIZE) JID.#known.clear();
    JID.#known.set(text, jid);
    return jid;
  }

  static #read(text: string): JID {
    const plain = text.length <= MAX_BYTES ? PLAIN.exec(text) : null;
    if (plain !== null) return new JID(plain[1], plain[2] as string, plain[3]);
    const slash = text.indexOf('/');
    const bare = slash < 0 ? text : text.slice(0, slash);
    const at = bare.indexOf('@');
    return JID.of(
      at < 0 ? undefined : bare.slice(0, at),
      bare.slice(at + 1),
      slash < 0 ? undefined : text.slice(slash + 1),
    );
  }

  /**
   * A JID from its parts, each normalised; nothing in them is read as a separator.
   *
   * @throws JidError naming the part and what is wrong with it.
   */
  static of(local: string | undefined, domain: string, resource?: string): JID {
    return new JID(
      local === undefined ? undefined : localpart(local),
      domainpart(domain),
      resource === undefined ? undefined : enforced('resource', opaqueString, resource),
    );
  }

  /** The JID without its resource; itself when it has none. */
  get bare(): JID {
    this.#bare ??= this.resource === undefined ? this : new JID(this.local, this.domain, undefined);
    return this.#bare;
  }

  /**
   * The JID with another resource, or with none.
   *
   * @throws JidError when the resource is not a valid one.
   */
  withResource(resource: string | undefined): JID {
    if (resource === undefined) return this.bare;
    return new JID(this.local, this.domain, enforced('resource', opaqueString, resource));
  }

  /** Whether both name the same entity. A text is normalised first; one that is no JID equals none. */
  equals(other: JID | string): boolean {
    if (typeof other !== 'string') return this.#text === other.toString();
    if (this.#text === other) return true;
    try {
      return this.#text === JID.parse(other).#text;
    } catch {
      return false;
    }
  }

  /** The normalised text, as it goes over the wire. */
  toString(): string {
    return this.#text;
  }

  /** The normalised text. */
  toJSON(): string {
    return this.#text;
  }
}

/** The characters that XEP-0106 escapes; a backslash only where it would read as an escape. */
const TO_ESCAPE = /[ "&'/:<>@]|\\(?=20|22|26|27|2f|3a|3c|3e|40|5c)/g;
const ESCAPED = /\\(20|22|26|27|2f|3a|3c|3e|40|5c)/g;

/**
 * Makes a localpart of a name that holds characters a localpart may not: `d'artagnan` becomes `d\27artagnan` (XEP-0106 §3).
 *
 * @throws JidError when the name begins or ends with a space, which has no escaped form (§4.1).
 */
export function escapeLocal(name: string): string {
  if (name.startsWith(' ') || name.endsWith(' ')) throw new JidError('local', 'disallowed');
  return name.replace(TO_ESCAPE, (character) => `\\${character.charCodeAt(0).toString(16)}`);
}

/** The name to show for an escaped localpart; never to send or compare (XEP-0106 §4.1). */
export function unescapeLocal(local: string): string {
  return local.replace(ESCAPED, (sequence, code: string, offset: number) => {
    // A space at either end cannot have been escaped by anybody who keeps the rules, and would not be seen.
    if (code === '20' && (offset === 0 || offset + sequence.length === local.length)) return sequence;
    return String.fromCharCode(Number.parseInt(code, 16));
  });
}
