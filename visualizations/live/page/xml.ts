/**
 * XML laid out in lines of coloured words. It takes anything: the header of a stream is never closed, and a hostile peer may
 * write what is no XML at all, which is shown as it is. One pass, no look back.
 */

export type TokenKind = 'mark' | 'name' | 'key' | 'value' | 'text' | 'note';

export interface Token {
  readonly kind: TokenKind;
  readonly text: string;
}

export interface Line {
  readonly depth: number;
  readonly tokens: readonly Token[];
}

/** Characters of one piece that are laid out, and lines that come of it. */
const LONGEST = 20_000;
const MOST_LINES = 200;
/** Characters of the value of an attribute that are laid out. */
const LONGEST_VALUE = 500;

interface Attribute {
  readonly key: string;
  /** With its quotes. */
  readonly value: string;
}

type Part =
  | { readonly type: 'open'; readonly name: string; readonly attributes: readonly Attribute[]; readonly empty: boolean }
  | { readonly type: 'close'; readonly name: string }
  | { readonly type: 'text' | 'other'; readonly text: string };

/** `xml` in lines that have about `columns` characters at most. */
export function linesOf(xml: string, columns: number): readonly Line[] {
  if (xml.trim() === '') return [line(0, token('note', xml === '' ? 'nothing' : 'white space'))];
  const parts = partsOf(xml.slice(0, LONGEST));
  const lines: Line[] = [];
  let depth = 0;
  for (let index = 0; index < parts.length && lines.length < MOST_LINES; index++) {
    const part = parts[index] as Part;
    if (part.type === 'close') {
      depth = Math.max(0, depth - 1);
      lines.push(line(depth, ...closing(part.name)));
    } else if (part.type !== 'open') {
      wrap(lines, depth, part.text, part.type === 'text' ? 'text' : 'note', columns);
    } else {
      const taken = onOneLine(parts, index, columns - 2 * depth);
      if (taken !== null) {
        lines.push(line(depth, ...taken.tokens));
        index += taken.parts - 1;
      } else {
        pushOpening(lines, depth, part, columns);
        if (!part.empty) depth += 1;
      }
    }
  }
  if (xml.length > LONGEST) {
    lines.push(line(0, token('note', `… ${(xml.length - LONGEST).toLocaleString('en')} more characters`)));
  } else if (lines.length >= MOST_LINES) {
    lines.push(line(0, token('note', '… more lines')));
  }
  return lines;
}

function partsOf(xml: string): Part[] {
  const parts: Part[] = [];
  let at = 0;
  while (at < xml.length) {
    if (xml[at] !== '<') {
      const end = indexOr(xml, '<', at);
      const text = xml.slice(at, end).trim();
      if (text !== '') parts.push({ type: 'text', text });
      at = end;
    } else if (xml[at + 1] === '/') {
      const end = xml.indexOf('>', at);
      if (end === -1) {
        parts.push({ type: 'other', text: xml.slice(at) });
        return parts;
      }
      parts.push({ type: 'close', name: xml.slice(at + 2, end).trim() });
      at = end + 1;
    } else if (xml[at + 1] === '?' || xml[at + 1] === '!') {
      const end = indexOr(xml, '>', at) + 1;
      parts.push({ type: 'other', text: xml.slice(at, end) });
      at = end;
    } else {
      at = openingAt(xml, at, parts);
    }
  }
  return parts;
}

/** Reads the tag at `at`; gives the place after it. */
function openingAt(xml: string, at: number, parts: Part[]): number {
  let place = at + 1;
  const until = (stop: (character: string) => boolean): string => {
    const from = place;
    while (place < xml.length && !stop(xml[place] as string)) place += 1;
    return xml.slice(from, place);
  };
  const name = until((c) => isSpace(c) || c === '/' || c === '>');
  const attributes: Attribute[] = [];
  let empty = false;
  while (place < xml.length && xml[place] !== '>') {
    const character = xml[place] as string;
    if (isSpace(character) || character === '/' || character === '=') {
      empty = character === '/';
      place += 1;
      continue;
    }
    const key = until((c) => isSpace(c) || c === '=' || c === '>' || c === '/');
    until((c) => !isSpace(c));
    let value = '';
    if (xml[place] === '=') {
      place += 1;
      until((c) => !isSpace(c));
      const quote = xml[place];
      if (quote === '"' || quote === "'") {
        place += 1;
        value = `${quote}${until((c) => c === quote)}${quote}`;
        place += 1;
      } else {
        value = until((c) => isSpace(c) || c === '>');
      }
    }
    attributes.push({ key, value });
    empty = false;
  }
  const whole = place < xml.length && name !== '';
  parts.push(whole ? { type: 'open', name, attributes, empty } : { type: 'other', text: xml.slice(at, place + 1) });
  return place + 1;
}

/** An element that fits on a line with all it has, which is at most a text. */
function onOneLine(
  parts: readonly Part[],
  index: number,
  columns: number,
): { readonly tokens: readonly Token[]; readonly parts: number } | null {
  const opening = parts[index];
  if (opening?.type !== 'open') return null;
  const head = openingTokens(opening);
  const length = widthOf(head);
  if (opening.empty) return length <= columns ? { tokens: head, parts: 1 } : null;
  const [next, end] = [parts[index + 1], parts[index + 2]];
  if (next?.type === 'close' && length + next.name.length + 3 <= columns) {
    return { tokens: [...head, ...closing(next.name)], parts: 2 };
  }
  if (next?.type !== 'text' || end?.type !== 'close') return null;
  if (length + next.text.length + end.name.length + 3 > columns || next.text.includes('\n')) return null;
  return { tokens: [...head, token('text', next.text), ...closing(end.name)], parts: 3 };
}

/** A tag on as many lines as its attributes need; one that is longer than a line is cut. */
function pushOpening(lines: Line[], depth: number, part: Part & { type: 'open' }, columns: number): void {
  const tokens = openingTokens(part);
  if (part.attributes.length === 0 || widthOf(tokens) <= columns - 2 * depth) {
    lines.push(line(depth, ...tokens));
    return;
  }
  let at = depth;
  let current = [token('mark', '<'), token('name', part.name)];
  for (const { key, value } of part.attributes.slice(0, MOST_LINES)) {
    const attribute = attributeTokens(key, value.length > LONGEST_VALUE ? `${value.slice(0, LONGEST_VALUE)}…` : value);
    const together = widthOf(current) + 1 + widthOf(attribute) + 2;
    if (together <= columns - 2 * at) {
      current.push(token('mark', ' '), ...attribute);
      continue;
    }
    lines.push(line(at, ...current));
    at = depth + 2;
    current = attribute;
  }
  lines.push(line(at, ...current, token('mark', part.empty ? '/>' : '>')));
}

/** A text in lines, broken between words where there are any. */
function wrap(lines: Line[], depth: number, text: string, kind: TokenKind, columns: number): void {
  const room = Math.max(16, columns - 2 * depth);
  for (const paragraph of text.split('\n')) {
    let rest = paragraph;
    while (rest.length > room) {
      const space = rest.lastIndexOf(' ', room);
      const end = space > room / 2 ? space + 1 : room;
      lines.push(line(depth, token(kind, rest.slice(0, end))));
      rest = rest.slice(end);
      if (lines.length > MOST_LINES) return;
    }
    if (rest !== '') lines.push(line(depth, token(kind, rest)));
  }
}

function openingTokens({ name, attributes, empty }: Part & { type: 'open' }): Token[] {
  const inside = attributes.flatMap(({ key, value }) => [token('mark', ' '), ...attributeTokens(key, value)]);
  return [token('mark', '<'), token('name', name), ...inside, token('mark', empty ? '/>' : '>')];
}

const attributeTokens = (key: string, value: string): Token[] => [
  token('key', key),
  token('mark', '='),
  token('value', value),
];

const closing = (name: string): Token[] => [token('mark', '</'), token('name', name), token('mark', '>')];

const widthOf = (tokens: readonly Token[]): number => tokens.reduce((sum, { text }) => sum + text.length, 0);

const token = (kind: TokenKind, text: string): Token => ({ kind, text });

const line = (depth: number, ...tokens: Token[]): Line => ({ depth, tokens });

const isSpace = (character: string): boolean => character === ' ' || character === '\n' || character === '\t';

/** The place of `what` from `at` on, or the end. */
function indexOr(text: string, what: string, at: number): number {
  const found = text.indexOf(what, at);
  return found === -1 ? text.length : found;
}
