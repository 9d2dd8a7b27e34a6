import * as fc from 'fast-check';
import sax from 'sax';
import * as assert from 'uvu/assert';
import { type Element, el } from '../../src/xml/element.ts';
import { suite } from '../harness.ts';
import { feed, HEADER, refusal, single, stanza, stanzas } from './transcript.ts';

const test = suite('Namespaces');

const XML = 'http://www.w3.org/XML/1998/namespace';
const XMLNS = 'http://www.w3.org/2000/xmlns/';

test('of elements: default, inner, prefixed, none', () => {
  const element = stanza(
    "<a xmlns:p='urn:p'><b xmlns='urn:b' xmlns:p='urn:q'><c/><p:c/></b><p:d><e/></p:d><f xmlns=''><g/></f></a>",
  );
  assert.equal(
    element,
    el(
      'a',
      { xmlns: 'jabber:client' },
      el('b', { xmlns: 'urn:b' }, el('c'), el('c', { xmlns: 'urn:q' })),
      el('d', { xmlns: 'urn:p' }, el('e', { xmlns: 'jabber:client' })),
      el('f', { xmlns: '' }, el('g')),
    ),
  );
});

test('of attributes: none, prefixed, of xml', () => {
  const element = stanza("<a q:b='1' b='2' xmlns:q='urn:q' xmlns='urn:a' xml:lang='en' xml:space='preserve'/>");
  assert.equal({ ...element.attrs }, { '{urn:q}b': '1', b: '2', 'xml:lang': 'en', [`{${XML}}space`]: 'preserve' });
});

test('of the header are in force in stanzas, one of a stanza is not in the next', () => {
  assert.is(stanza('<stream:error/>').namespace, 'http://etherx.jabber.org/streams');
  assert.is(refusal("<a xmlns:p='urn:p'><p:b/></a><p:a/>"), 'bad-namespace-prefix');
  assert.is(refusal("<a><b xmlns:p='urn:p'/><p:b/></a>"), 'bad-namespace-prefix');
  assert.equal(
    stanzas("<a xmlns='urn:a'/><b/>").map(({ namespace }) => namespace),
    ['urn:a', 'jabber:client'],
  );
});

test('that are not declared, or reserved, are refused', () => {
  for (const content of [
    '<p:a/>',
    "<a p:b='1'/>",
    "<a xmlns:q='urn:q'><p:b/></a>",
    '<:a/>',
    "<a :b='1'/>",
    '<xmlns:a/>',
    '<__proto__:a/>',
    '<constructor:a/>',
    "<a toString:b='1'/>",
    "<a xmlns:p=''/>",
    "<a xmlns:xml='urn:x'/>",
    `<a xmlns:p='${XML}'/>`,
    `<a xmlns='${XML}'/>`,
    `<a xmlns:xmlns='${XMLNS}'/>`,
    "<a xmlns:xmlns='urn:x'/>",
    `<a xmlns:p='${XMLNS}'/>`,
    `<a xmlns='${XMLNS}'/>`,
  ]) {
    assert.is(refusal(content), 'bad-namespace-prefix', content);
    const last = feed(single(Buffer.from(HEADER + content))).at(-1);
    assert.equal(last, ['error', 'bad-namespace-prefix'], `${content}, byte by byte`);
  }
});

test('may have unusual prefixes and may be declared as what they are', () => {
  assert.is(stanza("<__proto__:a xmlns:__proto__='urn:p'/>").namespace, 'urn:p');
  assert.is(stanza("<constructor:a xmlns:constructor='urn:p'/>").namespace, 'urn:p');
  assert.is(stanza(`<a xmlns:xml='${XML}' xml:lang='en'/>`).lang, 'en');
  assert.is(stanza('<xml:a/>').namespace, XML);
});

test('in names that are malformed', () => {
  for (const content of [
    "<p: xmlns:p='urn:p'/>",
    "<p:1 xmlns:p='urn:p'/>",
    "<p:a:b xmlns:p='urn:p'/>",
    "<a xmlns:='urn:p'/>",
  ]) {
    assert.is(refusal(content), 'not-well-formed', content);
  }
});

/** An element as it is written, with prefixes that may or may not be declared. */
interface Written {
  readonly name: string;
  readonly declarations: ReadonlyMap<string, string>;
  readonly attributes: readonly string[];
  readonly children: readonly Written[];
}

const prefix = fc.constantFrom('', '', 'p', 'q', 'stream');
const qualified = (names: readonly string[]) =>
  fc.tuple(prefix, fc.constantFrom(...names)).map(([prefix, name]) => (prefix === '' ? name : `${prefix}:${name}`));
const { written } = fc.letrec<{ written: Written }>((tie) => ({
  written: fc.record({
    name: qualified(['a', 'b']),
    declarations: fc
      .array(fc.tuple(fc.constantFrom('', 'p', 'q'), fc.constantFrom('urn:1', 'urn:2')), { maxLength: 3 })
      .map((pairs) => new Map(pairs)),
    attributes: fc.uniqueArray(qualified(['x', 'y', 'z']), { selector: (name) => name.slice(-1), maxLength: 3 }),
    children: fc.oneof({ maxDepth: 4 }, fc.constant([]), fc.array(tie('written'), { maxLength: 3 })),
  }),
}));

function write({ name, declarations, attributes, children }: Written): string {
  const declared = [...declarations].map(([prefix, uri]) => ` xmlns${prefix === '' ? '' : `:${prefix}`}='${uri}'`);
  const rest = attributes.map((attribute) => ` ${attribute}='v'`);
  return `<${name}${declared.join('')}${rest.join('')}>${children.map(write).join('')}</${name}>`;
}

/** Names and attributes of an element and those inside it, in the order of their start tags. */
function names({ name, namespace, attrs, elements }: Element): string[] {
  return [`{${namespace}}${name} ${Object.keys(attrs).sort()}`, ...elements.flatMap(names)];
}

/** The same as sax resolves it; nothing if it refuses. */
function saxNames(document: string): string[] | undefined {
  const found: string[] = [];
  let refused = false;
  const parser = new sax.SAXParser(true, { xmlns: true });
  parser.onerror = () => {
    refused = true;
    parser.resume();
  };
  parser.onopentag = (tag) => {
    const { local, uri, attributes } = tag as sax.QualifiedTag;
    const own = Object.values(attributes).filter((attribute) => attribute.prefix !== 'xmlns');
    const keys = own.map((attribute) =>
      attribute.uri === '' ? attribute.local : `{${attribute.uri}}${attribute.local}`,
    );
    found.push(`{${uri}}${local} ${keys.sort()}`);
  };
  parser.write(document);
  return refused ? undefined : found.slice(1);
}

test('are resolved as sax resolves them', () => {
  let accepted = 0;
  fc.assert(
    fc.property(written, (tree) => {
      const content = write(tree);
      const theirs = saxNames(HEADER + content);
      if (theirs === undefined) assert.is(refusal(content), 'bad-namespace-prefix');
      else assert.equal(names(stanza(content)), theirs);
      if (theirs !== undefined) accepted += 1;
    }),
    { numRuns: 500 },
  );
  assert.ok(accepted > 50, `${accepted} documents were accepted`);
});

test.run();
