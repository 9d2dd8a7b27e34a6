import type { Element, Node } from '../../src/xml/element.ts';
import type { XmlCondition } from '../../src/xml/error.ts';
import { ONLINE_LIMITS, type ParserLimits, StreamParser } from '../../src/xml/parser.ts';

/** What a parser reported, one entry a call. */
export type Event = ['header' | 'element', Element] | ['footer'] | ['error', XmlCondition];

/** The start of a stream as a server sends it. */
export const HEADER = "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>";

/** Feeds bytes to a parser in the given chunks and returns what it reports. */
export function feed(chunks: Iterable<Uint8Array>, limits: Partial<ParserLimits> = {}): Event[] {
  const events: Event[] = [];
  const parser = new StreamParser(
    {
      header: (root) => events.push(['header', root]),
      element: (element) => events.push(['element', element]),
      footer: () => events.push(['footer']),
      error: (error) => events.push(['error', error.condition]),
    },
    { ...ONLINE_LIMITS, ...limits },
  );
  for (const chunk of chunks) parser.write(chunk);
  return events;
}

/** Reports for a document in one chunk. */
export function read(document: string | Uint8Array, limits: Partial<ParserLimits> = {}): Event[] {
  return feed([typeof document === 'string' ? Buffer.from(document) : document], limits);
}

/** The same bytes one by one. */
export function* single(bytes: Uint8Array): Iterable<Uint8Array> {
  for (let i = 0; i < bytes.length; i += 1) yield bytes.slice(i, i + 1);
}

/** The stanzas inside of a stream of which `content` is all that follows the header. */
export function stanzas(content: string | Uint8Array, limits: Partial<ParserLimits> = {}): Element[] {
  const events = feed([Buffer.from(HEADER), Buffer.from(content)], limits);
  const found: Element[] = [];
  for (const event of events) {
    if (event[0] === 'error') throw new Error(`refused: ${event[1]}`);
    if (event[0] === 'element') found.push(event[1]);
  }
  return found;
}

/** The condition with which `content`, behind a stream header, is refused. */
export function refusal(content: string | Uint8Array, limits: Partial<ParserLimits> = {}): XmlCondition | undefined {
  const last = feed([Buffer.from(HEADER), Buffer.from(content)], limits).at(-1);
  return last?.[0] === 'error' ? last[1] : undefined;
}

/** The one stanza in `content`. */
export function stanza(content: string): Element {
  const found = stanzas(content);
  if (found.length !== 1) throw new Error(`${found.length} stanzas`);
  return found[0] as Element;
}

/** The children of the one stanza in `content`. */
export function children(content: string): readonly Node[] {
  return stanza(content).children;
}
