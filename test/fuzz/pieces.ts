/**
 * XML seen from far away, for what need not be well-formed. Texts here are binary: each character is a byte, so that nothing
 * is lost of what is no UTF-8.
 */

/** A tag, whatever is in it, or text; a tag without an end goes on to the end. */
const PIECES = /<(?:"[^"]*"|'[^']*'|[^'"<>])*>|<|[^<]+/g;

const ATTRIBUTE = /\s+[^\s=<>/"']+\s*=\s*(?:"[^"]*"|'[^']*')/g;

/** Tags and texts in their order; together they are the text. */
export function piecesOf(text: string): string[] {
  return text.match(PIECES) ?? [];
}

/** The attributes of a tag, with the white space before them. */
export function attributesOf(tag: string): string[] {
  return tag.match(ATTRIBUTE) ?? [];
}

/** What stands at the top of a stream: its header, children, footer, and what is between them. Together they are the text. */
export function topLevel(text: string): string[] {
  const found: string[] = [];
  let depth = 0;
  let open = '';
  for (const piece of piecesOf(text)) {
    const framing = /^<(?:\?|\/?stream:stream\b)/.test(piece);
    if (!framing) depth += depthOf(piece);
    open += piece;
    if (depth > 0) continue;
    depth = 0;
    found.push(open);
    open = '';
  }
  return open === '' ? found : [...found, open];
}

/** By how much a piece leads deeper. */
export function depthOf(piece: string): number {
  if (!piece.startsWith('<') || /^<[?!]/.test(piece) || piece.endsWith('/>')) return 0;
  return piece.startsWith('</') ? -1 : 1;
}

/** Where the element ends that begins with a piece; one after the piece itself when it begins none. */
export function endOf(pieces: readonly string[], start: number): number {
  let depth = 0;
  for (let i = start; i < pieces.length; i += 1) {
    depth += depthOf(pieces[i] as string);
    if (depth <= 0) return i + 1;
  }
  return pieces.length;
}

export const toBytes = (text: string): Buffer => Buffer.from(text, 'latin1');
export const toText = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');
/** What people write, as a binary text. */
export const utf8 = (text: string): string => Buffer.from(text).toString('latin1');
