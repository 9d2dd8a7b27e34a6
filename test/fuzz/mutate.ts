/** Mutations: of bytes, of XML as far as it can be made out, and of recordings line by line. */
import type { Chance } from '../chance.ts';
import { attributesOf, endOf, piecesOf, utf8 } from './pieces.ts';

/** Makes another text of one; `other` is one more of its kind, to take from. */
export type Mutation = (text: string, chance: Chance, other: string) => string;

/** What is easy to get wrong, wherever it is put. */
const ODD = [
  '<',
  '>',
  '&',
  ']]>',
  '"',
  "'",
  '/',
  '=',
  ':',
  ' ',
  '\r',
  '\n',
  '\0',
  '\x80',
  '\xff',
  '\xc0\xaf',
  '\xed\xa0\x80',
  '\xf4\x90\x80\x80',
  '\xef\xbf\xbe',
  '\xef\xbb\xbf',
  utf8('é'),
  utf8('😀'),
  utf8('İ'),
  utf8('\u202e'),
  '&amp;',
  '&#0;',
  '&#x10FFFF;',
  '&#xD800;',
  '&x;',
  '&AMP;',
  '<!-- -->',
  '<!DOCTYPE a [<!ENTITY x "y">]>',
  '<![CDATA[x]]>',
  '<?x y?>',
  "<?xml version='1.0' encoding='UTF-16'?>",
  '</stream:stream>',
  "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>",
  '<a/>',
  '<a>',
  '</a>',
  " xmlns='urn:x'",
  " xmlns=''",
  " xmlns:p='urn:p'",
  " xml:lang='de'",
  " a='b'",
];

/** Values that attributes and texts are given. */
const VALUES = [
  '',
  '0',
  '1',
  '-1',
  '4294967295',
  '4294967296',
  '99999999999999999999',
  'true',
  'result',
  'error',
  'get',
  'set',
  'unavailable',
  'subscribe',
  '__proto__',
  'constructor',
  '@',
  'a@b/c',
  'localhost',
  '[::1]:5222',
  '1.0',
  '2.0',
  'bind',
  '$1',
  'x'.repeat(5000),
];

const NAMESPACES = [
  '',
  'jabber:client',
  'jabber:server',
  'http://etherx.jabber.org/streams',
  'urn:ietf:params:xml:ns:xmpp-streams',
  'urn:ietf:params:xml:ns:xmpp-stanzas',
  'urn:ietf:params:xml:ns:xmpp-sasl',
  'urn:ietf:params:xml:ns:xmpp-tls',
  'urn:ietf:params:xml:ns:xmpp-bind',
  'urn:xmpp:sm:3',
  'urn:xmpp:carbons:2',
  'jabber:iq:roster',
  'jabber:x:data',
  'http://jabber.org/protocol/disco#info',
  'http://www.w3.org/2000/xmlns/',
];

/** `list` with `count` entries from `index` on replaced. */
const spliced = <T>(list: readonly T[], index: number, count: number, ...entries: readonly T[]): T[] => [
  ...list.slice(0, index),
  ...entries,
  ...list.slice(index + count),
];

// Bytes.

const flip: Mutation = (text, chance) => {
  const index = chance.below(text.length);
  const code = text.charCodeAt(index) ^ (1 << chance.below(8));
  return text.slice(0, index) + String.fromCharCode(code) + text.slice(index + 1);
};

const remove: Mutation = (text, chance) => {
  const index = chance.below(text.length);
  return text.slice(0, index) + text.slice(index + 1 + chance.below(8));
};

const insert: Mutation = (text, chance) => {
  const index = chance.below(text.length + 1);
  return text.slice(0, index) + chance.pick(ODD) + text.slice(index);
};

const repeat: Mutation = (text, chance) => {
  const index = chance.below(text.length);
  const slice = text.slice(index, index + 1 + chance.below(20));
  return text.slice(0, index) + slice.repeat(1 + chance.below(chance.below(10) === 0 ? 300 : 4)) + text.slice(index);
};

const truncate: Mutation = (text, chance) => text.slice(0, chance.below(text.length + 1));

const cross: Mutation = (text, chance, other) =>
  text.slice(0, chance.below(text.length + 1)) + other.slice(chance.below(other.length + 1));

const ofBytes: readonly Mutation[] = [flip, remove, insert, insert, repeat, truncate, cross];

// XML.

type PieceMutation = (pieces: readonly string[], index: number, chance: Chance, other: readonly string[]) => string[];

const xml = (mutation: PieceMutation): Mutation => {
  return (text, chance, other) => {
    const pieces = piecesOf(text);
    return pieces.length === 0 ? text : mutation(pieces, chance.below(pieces.length), chance, piecesOf(other)).join('');
  };
};

const dropPiece = xml((pieces, index) => spliced(pieces, index, 1));

const dropElement = xml((pieces, index) => spliced(pieces, index, endOf(pieces, index) - index));

const doubleElement = xml((pieces, index, chance) => {
  const element = pieces.slice(index, endOf(pieces, index));
  return spliced(pieces, chance.below(4) === 0 ? chance.below(pieces.length) : index, 0, ...element);
});

const swapPieces = xml((pieces, index, chance) => {
  const other = chance.below(pieces.length);
  const [one, two] = [pieces[index] as string, pieces[other] as string];
  return spliced(spliced(pieces, index, 1, two), other, 1, one);
});

const splicePieces = xml((pieces, index, chance, other) => {
  if (other.length === 0) return [...pieces];
  const from = chance.below(other.length);
  return spliced(pieces, index, chance.below(2), ...other.slice(from, endOf(other, from)));
});

const changeText = xml((pieces, index, chance) => spliced(pieces, index + 1, 0, utf8(chance.pick(VALUES))));

/** Mutates the attributes of one tag. */
const attributes = (mutation: (attributes: string[], index: number, chance: Chance, other: string[]) => string[]) =>
  xml((pieces, index, chance, other) => {
    const tags = pieces.flatMap((piece, at) => (attributesOf(piece).length > 0 ? [at] : []));
    if (tags.length === 0) return [...pieces];
    const at = tags[index % tags.length] as number;
    const tag = pieces[at] as string;
    const before = attributesOf(tag);
    const from = other.length === 0 ? [] : attributesOf(chance.pick(other));
    const after = mutation(before, chance.below(before.length), chance, from);
    return spliced(
      pieces,
      at,
      1,
      tag.replace(before.join(''), () => after.join('')),
    );
  });

const valued = (attribute: string, value: string) => attribute.replace(/=.*/s, () => `='${value}'`);

const dropAttribute = attributes((list, index) => spliced(list, index, 1));
const doubleAttribute = attributes((list, index) => spliced(list, index, 0, list[index] as string));
const changeAttribute = attributes((list, index, chance) =>
  spliced(list, index, 1, valued(list[index] as string, chance.pick(VALUES))),
);
const swapValues = attributes((list, index, chance) => {
  const value = /(["']).*\1$/s.exec(chance.pick(list))?.[0].slice(1, -1) ?? '';
  return spliced(list, index, 1, valued(list[index] as string, value));
});
const borrowAttribute = attributes((list, index, _, other) => spliced(list, index, 0, ...other.slice(0, 2)));
const changeNamespace = attributes((list, index, chance) => {
  const declared = list.findIndex((attribute) => /^\s+xmlns/.test(attribute));
  const at = declared === -1 ? index : declared;
  const name = declared === -1 ? ' xmlns=' : (list[at] as string);
  return spliced(list, at, declared === -1 ? 0 : 1, valued(name, chance.pick(NAMESPACES)));
});

const ofXml: readonly Mutation[] = [
  dropPiece,
  dropElement,
  doubleElement,
  swapPieces,
  splicePieces,
  changeText,
  dropAttribute,
  doubleAttribute,
  changeAttribute,
  changeAttribute,
  swapValues,
  borrowAttribute,
  changeNamespace,
];

/** Mutates a document: mostly its tags and attributes, sometimes its bytes. */
export const mutateXml: Mutation = (text, chance, other) =>
  chance.pick(chance.below(3) === 0 ? ofBytes : ofXml)(text, chance, other);

/** Mutates a text that has no tags. */
export const mutateBytes: Mutation = (text, chance, other) => chance.pick(ofBytes)(text, chance, other);

// Recordings.

type LineMutation = (lines: readonly string[], index: number, chance: Chance, other: readonly string[]) => string[];

const dropLine: LineMutation = (lines, index) => spliced(lines, index, 1);
const doubleLine: LineMutation = (lines, index) => spliced(lines, index, 0, lines[index] as string);
const swapLines: LineMutation = (lines, index, chance) => {
  const other = chance.below(3) === 0 ? chance.below(lines.length) : Math.min(index + 1, lines.length - 1);
  const [one, two] = [lines[index] as string, lines[other] as string];
  return spliced(spliced(lines, index, 1, two), other, 1, one);
};
const spliceLine: LineMutation = (lines, index, chance, other) =>
  spliced(lines, index, chance.below(2), chance.pick(other));
const crossLines: LineMutation = (lines, index, chance, other) => [
  ...lines.slice(0, index),
  ...other.slice(chance.below(other.length)),
];
const endThere: LineMutation = (lines, index, chance) => {
  const line = lines[index] as string;
  const next = lines.findIndex((text, at) => at > index && text === 'connection');
  const rest = next === -1 ? [] : lines.slice(next);
  return [
    ...lines.slice(0, index),
    line.slice(0, chance.below(line.length + 1)),
    chance.pick(['end', 'reset', 'silence']),
    ...rest,
  ];
};
const swapIds: LineMutation = (lines, index, chance) =>
  spliced(
    lines,
    index,
    1,
    (lines[index] as string).replace(/\$\d+/, () => `$${chance.below(9)}`),
  );
const within: LineMutation = (lines, index, chance, other) => {
  const line = lines[index] as string;
  if (!line.startsWith('< ')) return swapIds(lines, index, chance, other);
  const from = other.filter((text) => text.startsWith('< '));
  const mutated = mutateXml(line.slice(2), chance, from.length === 0 ? '' : chance.pick(from).slice(2));
  return spliced(lines, index, 1, `< ${mutated.replaceAll('\n', ' ')}`);
};

const ofLines: readonly LineMutation[] = [
  dropLine,
  doubleLine,
  swapLines,
  spliceLine,
  crossLines,
  endThere,
  swapIds,
  within,
  within,
  within,
  within,
];

/** Mutates a recording: elements lost, doubled, in another order, changed, or from another server. */
export const mutateRecording: Mutation = (text, chance, other) => {
  const lines = text.split('\n');
  const index = chance.below(lines.length);
  const mutated = chance.pick(ofLines)(lines, index, chance, other.split('\n'));
  // Little comes of what is far behind a change, and it takes long.
  return (chance.below(3) === 0 ? mutated.slice(0, index + 10) : mutated).join('\n');
};
