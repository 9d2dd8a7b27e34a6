/** The parser, whatever bytes it is given, and the serializer for what the parser has made of them. */
import type { Element } from '../../src/xml/element.ts';
import { XmlError } from '../../src/xml/error.ts';
import { ONLINE_LIMITS, type ParserLimits, StreamParser } from '../../src/xml/parser.ts';
import { serialize } from '../../src/xml/serializer.ts';
import { Chance, hash } from '../chance.ts';
import { documentOf } from './documents.ts';
import { mutateXml } from './mutate.ts';
import { attributesOf, piecesOf, toBytes, utf8 } from './pieces.ts';
import { hold, type Target } from './target.ts';

const LIMITS: readonly ParserLimits[] = [
  ONLINE_LIMITS,
  ONLINE_LIMITS,
  { stanzaBytes: 200, depth: 3, attributes: 4, attributeLength: 60 },
  { stanzaBytes: 2000, depth: 100, attributes: 2, attributeLength: 1000 },
];

/** What one parser said; an element as a text that is the same only for the same element. */
interface Heard {
  readonly events: string[];
  readonly elements: Element[];
  root: Element | null;
}

/** All there is to know of an element. */
function described({ name, namespace, attrs, children, lang }: Element): unknown {
  const inside = children.map((child) => (typeof child === 'string' ? child : described(child)));
  return [name, namespace, Object.entries(attrs), lang ?? null, inside];
}

/** Characters that XML does not have. */
const FORBIDDEN = /[^\t\n\r -\u{10FFFF}]|[\uFFFE\uFFFF]|\p{Surrogate}/u;
const NAME = /^[^\s:<>&"'/=!?]+$/;

/** What holds of every element that is handed out. */
function checkElement(element: Element, limits: ParserLimits, depth: number): void {
  hold(depth <= limits.depth, 'deeper than the limit');
  hold(NAME.test(element.name) && element.name.length <= limits.attributeLength, 'a bad name');
  hold(!FORBIDDEN.test(element.namespace), 'a bad namespace');
  const attributes = Object.entries(element.attrs);
  hold(attributes.length <= limits.attributes, 'more attributes than the limit');
  for (const [key, value] of attributes) {
    hold(key !== 'xmlns' && !key.startsWith('xmlns:'), 'a declaration as an attribute');
    hold(value.length <= limits.attributeLength, 'a value longer than the limit');
    hold(!FORBIDDEN.test(value), 'a character that XML forbids in a value');
  }
  let before: unknown;
  for (const child of element.children) {
    if (typeof child === 'string') {
      hold(child !== '' && typeof before !== 'string', 'text in pieces');
      hold(!FORBIDDEN.test(child), 'a character that XML forbids in text');
    } else checkElement(child, limits, depth + 1);
    before = child;
  }
}

function parser(limits: ParserLimits): { readonly parser: StreamParser; readonly heard: Heard } {
  const heard: Heard = { events: [], elements: [], root: null };
  const say = (kind: string, what?: unknown) => {
    hold(!heard.events.at(-1)?.startsWith('error'), 'something after an error');
    heard.events.push(what === undefined ? kind : `${kind} ${JSON.stringify(what)}`);
  };
  const made = new StreamParser(
    {
      header: (root) => {
        hold(heard.root === null, 'a second header');
        heard.root = root;
        say('header', described(root));
      },
      element: (element) => {
        heard.elements.push(element);
        say('element', described(element));
      },
      footer: () => say('footer'),
      error: (error) => {
        hold(error instanceof XmlError && error.condition !== 'invalid-xml', 'an error of another kind');
        say('error', error.condition);
      },
    },
    limits,
  );
  return { parser: made, heard };
}

/** What a parser says of a document in pieces. */
function read(pieces: Iterable<Uint8Array>, limits: ParserLimits): Heard {
  const { parser: reading, heard } = parser(limits);
  for (const piece of pieces) reading.write(piece);
  reading.end();
  return heard;
}

/** The same byte by byte, and whether the limit holds at each. */
function readBytes(bytes: Uint8Array, limits: ParserLimits): Heard {
  const { parser: reading, heard } = parser(limits);
  let unfinished = 0;
  let events = 0;
  for (let i = 0; i < bytes.length; i += 1) {
    reading.write(bytes.subarray(i, i + 1));
    const between =
      heard.events.length > 0 && unfinished === 0 && ' \t\r\n'.includes(String.fromCharCode(bytes[i] ?? 0));
    if (!between) unfinished += 1;
    if (heard.events.length > events) unfinished = 0;
    events = heard.events.length;
    // The bytes of an unfinished character do not count yet.
    const over = unfinished > limits.stanzaBytes + 3;
    hold(!over || heard.events.at(-1)?.startsWith('error') === true, 'more of a stanza than the limit');
  }
  reading.end();
  return heard;
}

function* cut(bytes: Uint8Array, chance: Chance): Iterable<Uint8Array> {
  for (let i = 0; i < bytes.length; ) {
    const length = 1 + chance.below(chance.below(4) === 0 ? 100 : 5);
    yield bytes.slice(i, i + length);
    i += length;
  }
}

/** What is written of an element is read as the same element, where the same language is around it. */
function checkRoundTrip(element: Element, language: string | undefined): void {
  const around =
    language === undefined ? '' : ` xml:lang='${language.replace(/[&<']/g, (c) => `&#${c.charCodeAt(0)};`)}'`;
  const header = `<s:stream xmlns='jabber:client' xmlns:s='http://etherx.jabber.org/streams'${around}>`;
  for (const options of [{}, { cdata: true, prefixes: { 'urn:a': 'p' } }]) {
    const text = serialize(element, options);
    const limits = { ...ONLINE_LIMITS, attributes: 1000, attributeLength: 1_000_000 };
    const { elements, events } = read([Buffer.from(`${header}${text}</s:stream>`)], limits);
    hold(elements.length === 1, `written, and refused: ${events.at(-1)}`);
    const [again] = elements as [Element];
    hold(
      JSON.stringify(described(again)) === JSON.stringify(described(element)),
      'written, and read as something else',
    );
  }
}

/** What must hold of the text of a document that was accepted as a whole: tags in pairs, attributes once, nothing forbidden. */
function checkText(text: string): void {
  const open: string[] = [];
  for (const piece of piecesOf(text.replace(/<!\[CDATA\[.*?]]>/gs, ''))) {
    if (piece.startsWith('<?')) continue;
    const name = /^<\/?([^\s/>]+)/.exec(piece)?.[1] ?? '';
    if (piece.startsWith('</')) hold(open.pop() === name, 'tags that are no pair');
    else if (piece.startsWith('<')) {
      hold(name !== '' && !name.startsWith('!'), 'a tag without a name, or a declaration');
      if (!piece.endsWith('/>')) open.push(name);
      const names = attributesOf(piece).map((attribute) => /^\s+([^\s=]+)/.exec(attribute)?.[1]);
      hold(new Set(names).size === names.length, 'an attribute twice');
      hold(!/=\s*(?:"[^"]*<|'[^']*<)/.test(attributesOf(piece).join('')), 'a < in a value');
    } else hold(open.length > 1 || /^[ \t\r\n]*$/.test(piece), 'text outside of any stanza');
  }
  hold(open.length === 0, 'tags that are left open');
}

/** Reads a document in several cuts and looks at everything that comes of it. */
export function checkDocument(text: string): void {
  const bytes = toBytes(text);
  const chance = new Chance(hash(bytes));
  const limits = chance.pick(LIMITS);
  const whole = read([bytes], limits);
  for (const other of [readBytes(bytes, limits), read(cut(bytes, chance), limits)]) {
    hold(other.events.join('\n') === whole.events.join('\n'), 'it depends on how the bytes are cut');
  }
  if (!whole.events.at(-1)?.startsWith('error')) checkText(text);
  for (const element of whole.elements) {
    checkElement(element, limits, 1);
    checkRoundTrip(element, whole.root?.lang);
  }
}

const HEADER =
  "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>";

export const codec: Target = {
  name: 'codec',
  seeds: [
    `${HEADER}<message from='a@b/c' xml:lang='de'><body>x &lt; y</body></message> <presence/></stream:stream>`,
    `${HEADER}<p:a xmlns:p='urn:p' p:b="1" b='2'><![CDATA[<]]>]&#93;&gt;</p:a>`,
    utf8(`${HEADER}<iq id='é😀'><query xmlns='urn:a'><item xmlns='' name="&#x20AC;"/></query></iq>`),
    `${HEADER}<a b='1' c='2' b='3'/></stream:stream>`,
    `${HEADER}<a b='&lt;'>]]&gt;</a> \r\n<b xmlns:p='urn:p'><p:c p:d=''/></b></stream:stream>`,
    `${HEADER}${'<a>'.repeat(20)}${'</a>'.repeat(20)}`,
    `${HEADER}<a ${Array.from({ length: 20 }, (_, i) => `b${i}='${i}'`).join(' ')}/>`,
  ],
  mutate: mutateXml,
  make: documentOf,
  code: /\/src\/xml\//,
  run: checkDocument,
};
