import { JID } from '../jid.ts';
import type { Element } from '../xml/element.ts';

/** What message, presence and IQ have in common: a view on an element, which holds nothing of its own. RFC 6120 §8 */
export class Stanza {
  /** The stanza itself. */
  readonly element: Element;

  /** A view on `element`, whose name nobody checks. */
  constructor(element: Element) {
    this.element = element;
  }

  /** Undefined where there is none. */
  get id(): string | undefined {
    return this.element.attr('id');
  }

  /** The sender; undefined when the attribute is missing or no JID. */
  get from(): JID | undefined {
    return readJid(this.element.attr('from'));
  }

  /** The addressee; undefined when the attribute is missing or no JID. */
  get to(): JID | undefined {
    return readJid(this.element.attr('to'));
  }

  /** `xml:lang`, the stanza's own or inherited from the stream. */
  get lang(): string | undefined {
    return this.element.lang;
  }

  /** The stanza as XML. */
  toString(): string {
    return this.element.toString();
  }
}

/** Whether elements of that name are stanzas, in the right namespace. RFC 6120 §8 */
export function isStanzaName(name: string): boolean {
  return name === 'message' || name === 'presence' || name === 'iq';
}

/** The element of a stanza, or the element itself. */
export function elementOf(stanza: Element | Stanza): Element {
  return stanza instanceof Stanza ? stanza.element : stanza;
}

function readJid(text: string | undefined): JID | undefined {
  if (text === undefined) return undefined;
  try {
    return JID.parse(text);
  } catch {
    return undefined;
  }
}

/** The text of the child in the wanted language, else in none, else the first. RFC 6121 §5.2.3 */
export function localized(element: Element, name: string, lang: string | undefined): string | undefined {
  let first: Element | undefined;
  let neutral: Element | undefined;
  for (const child of element.children) {
    if (typeof child === 'string' || !child.is(name, element.namespace)) continue;
    if (lang !== undefined && child.lang === lang) return child.text;
    first ??= child;
    if (child.attr('xml:lang') === undefined) neutral ??= child;
  }
  return (neutral ?? first)?.text;
}
