import { type Element, el } from '../xml/element.ts';
import { serialize } from '../xml/serializer.ts';
import { NS } from './names.ts';

/** The end of a stream (RFC 6120 §4.4). */
export const FOOTER = '</stream:stream>';

/** Stands for the end of a stream where an element is asked for. */
export const FOOTER_ELEMENT: Element = el('/stream', { xmlns: NS.stream });

/** The beginning of a stream: the element without children, and what is written (RFC 6120 §4.2). */
export function streamHeader(attrs: Readonly<Record<string, string | undefined>>): { text: string; element: Element } {
  const element = el('stream', { xmlns: NS.stream, ...attrs });
  const empty = serialize(element, { prefixes: { [NS.stream]: 'stream' } });
  return { text: `<?xml version='1.0'?>${empty.slice(0, -'/>'.length)} xmlns='${NS.client}'>`, element };
}

/** An element of the stream itself as it is written, with the prefix that the header declares. */
export function streamText(element: Element): string {
  const inner = element.elements.map((child) => serialize(child)).join('');
  return `<stream:${element.name}>${inner}</stream:${element.name}>`;
}

/** `<stream:features/>` (RFC 6120 §4.3.2). */
export function streamFeatures(...features: Element[]): Element {
  return el('features', { xmlns: NS.stream }, features);
}

/** `<stream:error/>` (RFC 6120 §4.9). */
export function streamError(condition: string, text?: string, ...details: Element[]): Element {
  const words = text === undefined ? undefined : el('text', { xmlns: NS.streamErrors }, text);
  return el('error', { xmlns: NS.stream }, el(condition, { xmlns: NS.streamErrors }), words, details);
}
