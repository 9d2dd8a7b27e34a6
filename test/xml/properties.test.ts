import * as fc from 'fast-check';
import * as assert from 'uvu/assert';
import { type Element, el } from '../../src/xml/element.ts';
import { type SerializeOptions, serialize } from '../../src/xml/serializer.ts';
import { xml } from '../../src/xml/template.ts';
import { suite } from '../harness.ts';
import { feed, HEADER, read, single, stanza } from './transcript.ts';

const test = suite('Properties of the codec', 60_000);

// Text made of what is easy to get wrong.
const character = fc.oneof(
  fc.constantFrom(
    '<',
    '>',
    '&',
    '"',
    "'",
    ']',
    ']]>',
    '\r',
    '\n',
    '\t',
    ' ',
    ';',
    'a',
    'é',
    '€',
    '😀',
    '\u0085',
    '\uFFFD',
  ),
  fc
    .string({ unit: 'binary', minLength: 1, maxLength: 1 })
    .filter((c) => /^[\t\n\r -\uD7FF\uE000-\uFFFD]$|^[\u{10000}-\u{10FFFF}]$/u.test(c)),
);
const text = fc.string({ unit: character, maxLength: 40 });
const name = fc.constantFrom('a', 'body', 'x-y', 'é', '_1', 'constructor', '__proto__');
const uri = fc.constantFrom('jabber:client', 'urn:a', 'urn:b', 'http://example.com/?a=1&b="2"#c', '');
const attributeName = fc.oneof(
  name,
  fc.constantFrom(
    'xml:lang',
    '{urn:a}a',
    '{urn:a}b',
    '{urn:b}a',
    '{urn:{c}}a',
    '{http://www.w3.org/XML/1998/namespace}space',
  ),
);
const attributes = fc.array(fc.tuple(attributeName, text), { maxLength: 4 }).map((pairs) => Object.fromEntries(pairs));

const { element } = fc.letrec<{ element: Element }>((tie) => ({
  element: fc
    .tuple(
      name,
      fc.option(uri, { nil: undefined }),
      attributes,
      fc.array(fc.oneof({ maxDepth: 4 }, text, tie('element')), { maxLength: 4 }),
    )
    .map(([name, xmlns, attrs, children]) => el(name, { xmlns, ...attrs }, children)),
}));

const options: fc.Arbitrary<SerializeOptions> = fc.record(
  {
    sorted: fc.boolean(),
    cdata: fc.boolean(),
    prefixes: fc.constantFrom({}, { 'urn:a': 'p' }, { 'urn:b': 'ns0', 'jabber:client': 'c' }),
  },
  { requiredKeys: [] },
);

test('what is written is read back the same', () => {
  fc.assert(
    fc.property(element, options, (element, options) => {
      assert.equal(stanza(serialize(element, options)), element);
    }),
    { numRuns: 500 },
  );
});

test('what is written for another default namespace is read back in it the same', () => {
  fc.assert(
    fc.property(element, uri, (element, namespace) => {
      const [, inside] = read(`<r xmlns='${namespace.replaceAll('&', '&amp;')}'>${serialize(element, { namespace })}`);
      assert.equal(inside, ['element', element]);
    }),
  );
});

test('a template writes what it is given, and nothing more', () => {
  fc.assert(
    fc.property(text, text, element, (first, second, inner) => {
      const made = xml`<a b="${first}" c='x${second}'>${first}<d/>${second}${inner}</a>`;
      assert.equal(made, el('a', { b: first, c: `x${second}` }, first, el('d'), second, inner));
      assert.equal(stanza(String(made)), made);
    }),
  );
});

// Things that make a document malformed, or nearly so, wherever they are put.
const disturbance = fc.oneof(
  fc.constantFrom(
    '<',
    '>',
    '&',
    ']]>',
    '\r',
    '\0',
    '\uFFFE',
    '\uFEFF',
    '<!',
    '<!--',
    '<!---->',
    '<![CDATA[',
    '<![cdata[]]>',
  ),
  fc.constantFrom(
    '<?',
    '<?x?>',
    '< ',
    '</',
    '</ ',
    '</a>',
    '<a>',
    '<b c="',
    "d='<'",
    '&lt;',
    '&#13;',
    '&x;',
    '&#0;',
    ';',
    '=',
    '"',
  ),
  fc.constantFrom("<?xml version='1.0'?>", "xmlns:p='urn:p'", 'p:', ' ', '/', '/>', '</stream:stream>', '\uD83D', 'x'),
);

const document = fc
  .record({
    declared: fc.boolean(),
    stanzas: fc.array(fc.tuple(fc.constantFrom('', ' ', '\r\n'), element, options), { maxLength: 4 }),
    ended: fc.boolean(),
    disturbances: fc.array(fc.tuple(disturbance, fc.nat()), { maxLength: 2 }),
    broken: fc.oneof(
      { weight: 5, arbitrary: fc.constant(undefined) },
      { weight: 1, arbitrary: fc.tuple(fc.integer({ min: 0x80, max: 0xff }), fc.nat()) },
    ),
  })
  .map(({ declared, stanzas, ended, disturbances, broken }) => {
    let text = (declared ? "<?xml version='1.0'?>" : '') + HEADER;
    for (const [space, element, options] of stanzas) text += space + serialize(element, options);
    if (ended) text += '</stream:stream>';
    for (const [what, where] of disturbances) {
      const index = where % (text.length + 1);
      text = text.slice(0, index) + what + text.slice(index);
    }
    const bytes = Buffer.from(text);
    if (broken === undefined) return bytes;
    const index = broken[1] % (bytes.length + 1);
    return Buffer.concat([bytes.subarray(0, index), Buffer.from([broken[0]]), bytes.subarray(index)]);
  });

test('what is read does not depend on how the bytes are cut, well-formed or not', () => {
  fc.assert(
    fc.property(document, fc.array(fc.nat()), (bytes, cuts) => {
      const points = [0, ...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length].sort((a, b) => a - b);
      const chunks = points.slice(1).map((point, i) => bytes.subarray(points[i], point));
      const whole = read(bytes);
      assert.equal(feed(chunks), whole);
      assert.equal(feed(single(bytes)), whole);
    }),
    { numRuns: 1000 },
  );
});

test.run();
