/** Stream documents made from scratch: what a parser has to know, written in all the ways in which it can be written. */
import * as fc from 'fast-check';
import { utf8 } from './pieces.ts';

const quote = fc.constantFrom("'", '"');
const space = fc.constantFrom(' ', '  ', '\n', '\t', '\r\n ');
const maybeSpace = fc.oneof({ weight: 5, arbitrary: fc.constant('') }, space);

const prefix = fc.constantFrom('', '', '', 'p', 'q', 'stream', 'xml');
const localName = fc.constantFrom('a', 'body', 'message', 'iq', 'x-y', '_1', 'é', 'constructor', '__proto__', '1');
const name = fc.tuple(prefix, localName).map(([prefix, local]) => (prefix === '' ? local : `${prefix}:${local}`));
const uri = fc.constantFrom(
  'jabber:client',
  'urn:a',
  'urn:b',
  '',
  'http://etherx.jabber.org/streams',
  'http://www.w3.org/XML/1998/namespace',
);

const written = fc.array(
  fc.oneof(
    fc.constantFrom('a', 'b c', ' ', '\n', '\t', '\r', '\r\n', 'é', '€', '😀', '\u0085', '\uFFFD', ']', ']]', '>'),
    fc.constantFrom('&lt;', '&gt;', '&amp;', '&quot;', '&apos;', '&#9;', '&#10;', '&#13;', '&#x20AC;', '&#128512;'),
  ),
  { maxLength: 6 },
);
const text = written.map((parts) => parts.join(''));
const section = text.map((text) => `<![CDATA[${text.replaceAll(']]>', '')}]]>`);

const attribute = fc
  .record({ space, name, maybeSpace, quote, value: text })
  .map(({ space, name, maybeSpace, quote, value }) => `${space}${name}${maybeSpace}=${quote}${value}${quote}`);
const language = fc.tuple(quote, fc.constantFrom('', 'de', 'en')).map(([q, tag]) => ` xml:lang=${q}${tag}${q}`);
const declaration = fc
  .tuple(fc.constantFrom('xmlns', 'xmlns:p', 'xmlns:q', 'xmlns:stream'), uri, quote)
  .map(([name, uri, quote]) => ` ${name}=${quote}${uri}${quote}`);
const attributes = fc
  .array(
    fc.oneof(
      { weight: 3, arbitrary: attribute },
      { weight: 2, arbitrary: declaration },
      { weight: 1, arbitrary: language },
    ),
    { maxLength: 4 },
  )
  .map((list) => list.join(''));

const { element } = fc.letrec<{ element: string }>((tie) => ({
  element: fc
    .record({
      name,
      attributes,
      space: maybeSpace,
      content: fc.array(fc.oneof({ maxDepth: 4 }, text, section, tie('element')), { maxLength: 4 }),
      empty: fc.boolean(),
    })
    .map(({ name, attributes, space, content, empty }) =>
      empty ? `<${name}${attributes}${space}/>` : `<${name}${attributes}${space}>${content.join('')}</${name}${space}>`,
    ),
}));

const header = fc
  .record({
    declaration: fc.constantFrom('', "<?xml version='1.0'?>", '<?xml version="1.0" encoding="utf-8"?>\n'),
    content: fc.constantFrom("xmlns='jabber:client'", "xmlns='urn:a'", ''),
    prefixes: fc.constantFrom('', " xmlns:p='urn:p'", " xmlns:p='urn:p' xmlns:q='urn:q'"),
    language: fc.oneof(fc.constant(''), language),
  })
  .map(
    ({ declaration, content, prefixes, language }) =>
      `${declaration}<stream:stream ${content} xmlns:stream='http://etherx.jabber.org/streams'${prefixes}${language}>`,
  );

/** A document, most often well-formed, as a binary text. */
export const documents: fc.Arbitrary<string> = fc
  .record({
    header,
    content: fc.array(fc.tuple(maybeSpace, element), { maxLength: 5 }),
    footer: fc.constantFrom('', '</stream:stream>', '</stream:stream>\n'),
  })
  .map(({ header, content, footer }) => utf8(header + content.flat().join('') + footer));

/** A document made from a seed. */
export function documentOf(seed: number): string {
  return fc.sample(documents, { seed, numRuns: 1 })[0] as string;
}
