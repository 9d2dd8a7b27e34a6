import * as assert from 'uvu/assert';
import { el } from '../../src/xml/element.ts';
import { XmlError } from '../../src/xml/error.ts';
import { escapeAttribute, escapeText, type SerializeOptions, serialize } from '../../src/xml/serializer.ts';
import { suite } from '../harness.ts';
import { stanza } from './transcript.ts';

const test = suite('serialize');

const XML = 'http://www.w3.org/XML/1998/namespace';
const XMLNS = 'http://www.w3.org/2000/xmlns/';

function refused(write: () => unknown): void {
  assert.throws(write, (error: unknown) => error instanceof XmlError && error.condition === 'invalid-xml');
}

test('escapes text and attribute values', () => {
  assert.is(escapeText('a < b && c > d "e" \'f\' \t\n\r'), 'a &lt; b &amp;&amp; c &gt; d "e" \'f\' \t\n&#13;');
  assert.is(
    escapeAttribute('a < b && c > d "e" \'f\' \t\n\r'),
    "a &lt; b &amp;&amp; c &gt; d &quot;e&quot; 'f' &#9;&#10;&#13;",
  );
  assert.is(escapeText(']]>'), ']]&gt;');
  assert.is(escapeText('plain é ☃ 😀'), 'plain é ☃ 😀');
  assert.is(escapeAttribute('😀<é'), '😀&lt;é');
});

test('never writes a character that XML forbids, and works on', () => {
  const forbidden = [
    '\0',
    '\u0001',
    '\b',
    '\u000B',
    '\f',
    '\u001F',
    '\uFFFE',
    '\uFFFF',
    '\uD800',
    '\uDC00',
    '\uDE00\uD83D',
  ];
  for (const character of forbidden) {
    refused(() => serialize(el('a', {}, `x${character}y`)));
    refused(() => serialize(el('a', { b: `x${character}y` })));
    refused(() => serialize(el('a', { xmlns: `x${character}y` })));
    refused(() => serialize(el('a', {}, `<${character}`), { cdata: true }));
  }
  assert.is(serialize(el('a', {}, '\u007F\u0085\uFFFD😀')), '<a>\u007F\u0085\uFFFD😀</a>');
});

test('refuses names that are none', () => {
  for (const name of ['', 'a b', 'a>', '1a', '-a', 'a:b', ':a', 'a\0', '😀', '<a']) {
    refused(() => serialize(el(name)));
    refused(() => serialize(el('x', { [name]: '' })));
    refused(() => serialize(el('x', { [`{urn:x}${name}`]: '' })));
    refused(() => serialize(el('x', { xmlns: 'urn:x' }), { prefixes: { 'urn:x': name } }));
  }
  assert.is(serialize(el('été', { 'a-b.c_1': '' })), '<été a-b.c_1=""/>');
  refused(() => serialize(el('a', { 'xml:space': 'preserve' })));
  refused(() => serialize(el('a', { '{urn:x': '' })));
});

test('declares a namespace where it changes and nowhere else', () => {
  const element = el(
    'iq',
    {},
    el('query', { xmlns: 'urn:q' }, el('item', {}, el('item')), el('z', { xmlns: 'urn:z' })),
  );
  assert.is(serialize(element), '<iq><query xmlns="urn:q"><item><item/></item><z xmlns="urn:z"/></query></iq>');
  assert.is(serialize(element, { namespace: '' }).indexOf('<iq xmlns="jabber:client">'), 0);
  assert.is(serialize(el('a', { xmlns: 'urn:a' }), { namespace: 'urn:a' }), '<a/>');
  assert.is(serialize(el('a', { xmlns: '' })), '<a xmlns=""/>');
});

test('declares a prefix for a namespaced attribute once', () => {
  const element = el(
    'a',
    { '{urn:1}x': '1', '{urn:1}y': '2', '{urn:2}x': '3' },
    el('b', { '{urn:2}z': '4', '{urn:3}z': '5' }),
  );
  const written =
    '<a xmlns:ns0="urn:1" ns0:x="1" ns0:y="2" xmlns:ns1="urn:2" ns1:x="3"><b ns1:z="4" xmlns:ns2="urn:3" ns2:z="5"/></a>';
  assert.is(serialize(element), written);
  assert.equal(stanza(written), element);
});

test('writes attributes of the namespace of xml with its prefix', () => {
  const element = el('a', { [`{${XML}}space`]: 'preserve', 'xml:lang': 'en' });
  assert.is(serialize(element), '<a xml:space="preserve" xml:lang="en"/>');
  assert.equal(stanza(serialize(element)), element);
});

test('refuses to declare the reserved namespaces, or a prefix for none', () => {
  refused(() => serialize(el('a', { xmlns: XMLNS })));
  refused(() => serialize(el('a', { [`{${XMLNS}}b`]: '' })));
  refused(() => serialize(el('a', { '{}b': '' })));
  refused(() => serialize(el('a', { xmlns: '' }), { prefixes: { '': 'p' } }));
});

test('X-29c: uses the prefixes it is given, declared on the outermost element if they are needed', () => {
  const prefixes = { 'urn:s': 's', 'urn:t': 't', 'urn:unused': 'u' };
  const element = el(
    'message',
    {},
    el('a', { xmlns: 'urn:s' }, el('b', { '{urn:t}c': 'd' }), el('e', { xmlns: 'urn:e' })),
  );
  const written = '<message xmlns:s="urn:s" xmlns:t="urn:t"><s:a><s:b t:c="d"/><e xmlns="urn:e"/></s:a></message>';
  assert.is(serialize(element, { prefixes }), written);
  assert.equal(stanza(written), element);
});

test('refuses prefixes that are reserved or ambiguous, and avoids them itself', () => {
  const element = el('a', { xmlns: 'urn:1', '{urn:2}b': '', '{urn:3}c': '' });
  refused(() => serialize(element, { prefixes: { 'urn:1': 'p', 'urn:2': 'p' } }));
  refused(() => serialize(element, { prefixes: { 'urn:1': 'xml' } }));
  refused(() => serialize(element, { prefixes: { 'urn:1': 'xmlns' } }));
  const written = serialize(element, { prefixes: { 'urn:1': 'ns0', [XML]: 'p' } });
  assert.is(written, '<ns0:a xmlns:ns0="urn:1" xmlns:ns1="urn:2" ns1:b="" xmlns:ns2="urn:3" ns2:c=""/>');
  assert.equal(stanza(written), element);
});

test('sorts attributes if told to', () => {
  const element = el('a', { c: 1, b: 2, a: 3 });
  assert.is(serialize(element), '<a c="1" b="2" a="3"/>');
  assert.is(serialize(element, { sorted: true }), '<a a="3" b="2" c="1"/>');
});

test('X-46: writes CDATA sections if told to, for text that needs them', () => {
  const write = (text: string) => serialize(el('a', {}, text), { cdata: true });
  assert.is(write('plain'), '<a>plain</a>');
  assert.is(write('1 < 2 & 3'), '<a><![CDATA[1 < 2 & 3]]></a>');
  assert.is(write('a]]>b'), '<a><![CDATA[a]]]]><![CDATA[>b]]></a>');
  assert.is(write('<\r'), '<a>&lt;&#13;</a>');
  for (const text of ['1 < 2', 'a]]>b', '<\r', ']]>]]>']) assert.is(stanza(write(text)).text, text);
});

test('is the same for the same element', () => {
  const make = () => el('a', { '{urn:b}b': 1, '{urn:a}a': 2, c: 3 }, el('d', { xmlns: 'urn:a' }), 'x');
  for (const options of [undefined, { sorted: true }, { prefixes: { 'urn:a': 'p' } }] as (
    | SerializeOptions
    | undefined
  )[]) {
    assert.is(serialize(make(), options), serialize(make(), options));
  }
});

test.run();
