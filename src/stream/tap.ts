/** What crosses the wire, for people to look at. */
import { NS } from '../namespaces.ts';
import type { Element } from '../xml/element.ts';
import { serialize } from '../xml/serializer.ts';

/** Something that was written or read: a stanza, a nonza, a header, a footer or white space. */
export interface Crossing {
  /** `in` was read, `out` was written. */
  readonly direction: 'in' | 'out';
  /** As it was, but for its secrets and, of what was read, the way it was written. */
  readonly xml: string;
}

/** Shows crossings to whoever listens. Costs nothing while nobody does. */
export class Tap {
  readonly #listeners = new Set<(crossing: Crossing) => void>();

  /** Somebody listens. */
  get open(): boolean {
    return this.#listeners.size > 0;
  }

  /** Returns what ends listening. */
  add(listener: (crossing: Crossing) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Never throws: who looks must not disturb what is looked at. */
  show(direction: Crossing['direction'], what: string | Element): void {
    try {
      const crossing = { direction, xml: conceal(typeof what === 'string' ? what : write(what)) };
      for (const listener of this.#listeners) listener(crossing);
    } catch {
      // A listener's own trouble, or what cannot be written down.
    }
  }
}

function write(element: Element): string {
  const xml = serialize(element, { prefixes: { [NS.stream]: 'stream' } });
  // A header is an element that is not closed yet.
  return element.name === 'stream' && element.namespace === NS.stream ? xml.replace(/\/>$/, '>') : xml;
}

const HIDDEN = '…';

// These read what the serializer writes: no `>` within a tag, no `<` within text. Each looks at a character once.
/** SASL payloads. RFC 6120 §6.4 */
const SASL = new RegExp(`(<(?:auth|challenge|response|success) xmlns="${NS.sasl}"[^<>]*>)[^<]+`, 'g');
/** Passwords and tokens, of whatever protocol (XEP-0045, XEP-0077, XEP-0484). */
const SECRET = /(<(?:password|token|secret)(?: [^<>]*)?>)[^<]+/g;
const SECRET_ATTRIBUTE = /( (?:password|token|secret)=")[^"]+/g;
/** What a form asks not to be shown. XEP-0004 §3.3 */
const PRIVATE_FIELD = /<field [^<>]+>(?:<value>[^<]*<\/value>)*/g;

function conceal(xml: string): string {
  return xml
    .replace(SASL, `$1${HIDDEN}`)
    .replace(SECRET, `$1${HIDDEN}`)
    .replace(SECRET_ATTRIBUTE, `$1${HIDDEN}`)
    .replace(PRIVATE_FIELD, (field) =>
      field.includes(' type="text-private"') ? field.replace(/<value>[^<]+/g, `<value>${HIDDEN}`) : field,
    );
}
