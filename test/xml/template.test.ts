import * as assert from 'uvu/assert';
import { el } from '../../src/xml/element.ts';
import { XmlError } from '../../src/xml/error.ts';
import { xml } from '../../src/xml/template.ts';
import { suite } from '../harness.ts';

const test = suite('xml``');

function refused(make: () => unknown): void {
  assert.throws(make, (error: unknown) => error instanceof XmlError && error.condition === 'invalid-xml');
}

/** A template that the type checker need not understand. */
function template(...literals: string[]): () => unknown {
  return () => xml(Object.assign(literals, { raw: literals }), ...literals.slice(1).map(() => 'x'));
}

test('builds what el builds', () => {
  const to = new URL('xmpp:juliet@example.com');
  const made = xml`<message to="${to}" id='m${1}-${2}'><body>Hello ${'you'}, &amp; <b>${3}</b></body></message>`;
  const body = el('body', {}, 'Hello you, & ', el('b', {}, 3));
  assert.equal(made, el('message', { to: 'xmpp:juliet@example.com', id: 'm1-2' }, body));
  assert.is(made.namespace, 'jabber:client');
});

test('escapes what it interpolates', () => {
  const evil = `"/><admin a='&<]]>`;
  const made = xml`<a b="${evil}" c='${evil}'>${evil}</a>`;
  assert.equal(made, el('a', { b: evil, c: evil }, evil));
  assert.is(made.elements.length, 0);
  assert.not.match(String(made), '<admin');
});

test('takes elements and lists between tags, and nothing for nothing', () => {
  const items = ['a', 'b'].map((jid) => xml`<item jid="${jid}"/>`);
  const query = xml`<query xmlns="urn:q">${items}${el('end')}${null}${undefined}${false}${['x', 1]}</query>`;
  assert.equal(
    query,
    el('query', { xmlns: 'urn:q' }, el('item', { jid: 'a' }), el('item', { jid: 'b' }), el('end'), 'x1'),
  );
  assert.is(query.find('item')?.namespace, 'urn:q');
});

test('leaves out an attribute that is nothing, and refuses half of one', () => {
  assert.equal(xml`<a b="${undefined}" c="${null}" d="${0}" e="${false}"/>`, el('a', { d: '0', e: 'false' }));
  refused(() => xml`<a b="x${undefined}"/>`);
});

test('interpolates namespaces', () => {
  const urn = 'urn:x';
  assert.equal(xml`<a><b xmlns="${urn}"><c/></b></a>`, el('a', {}, el('b', { xmlns: urn }, el('c'))));
  assert.equal(xml`<p:a xmlns:p="${urn}" q="1"/>`, el('a', { xmlns: urn, q: '1' }));
  assert.is(el('z', { xmlns: 'urn:z' }, xml`<a xmlns="${undefined}"/>`).find('a')?.namespace, 'urn:z');
  refused(() => xml`<a xmlns:p="${urn}" p:b="1"/>`);
});

test('takes the namespace of the parent unless it names one', () => {
  const parent = el('query', { xmlns: 'urn:q' }, xml`<a><b xmlns="jabber:client"/><c/></a>`);
  assert.is(parent.find('a')?.find('c')?.namespace, 'urn:q');
  assert.is(parent.find('a')?.find('b', '*')?.namespace, 'jabber:client');
});

test('takes white space with a line break next to a tag for layout', () => {
  const made = xml`
    <message>
      <body>
        ${'one'}
        ${'two'}
      </body>
      <thread> </thread>
    </message>
  `;
  assert.equal(made, el('message', {}, el('body', {}, 'one\n        two'), el('thread', {}, ' ')));
});

test('gives a new element for every evaluation', () => {
  const make = (id: number) => xml`<a id="${id}"><b>${id}</b></a>`;
  const [first, second] = [make(1), make(2)];
  assert.equal(first, el('a', { id: '1' }, el('b', {}, '1')));
  assert.equal(second, el('a', { id: '2' }, el('b', {}, '2')));
});

test('is parsed once', () => {
  let reads = 0;
  const literals = Object.assign(['<a>', '</a>'], { raw: [] });
  const strings = new Proxy(literals, {
    get(target, key) {
      reads += 1;
      return Reflect.get(target, key);
    },
  });
  xml(strings, 1);
  const once = reads;
  assert.equal(xml(strings, 2), el('a', {}, '2'));
  assert.is(reads, once);
});

test('refuses what is not one well-formed element', () => {
  const malformed = [
    '',
    'text',
    '<a>',
    '<a/><b/>',
    '<a></b>',
    '</a>',
    '<a b=1/>',
    "<a b='1' b='2'/>",
    '<p:a/>',
    '<a>&nbsp;</a>',
  ];
  malformed.push(
    '<!-- x --><a/>',
    '<?xml version="1.0"?><a/>',
    '<a/>text',
    '<a>\0</a>',
    '</template><template>',
    '< a/>',
  );
  for (const literal of malformed) refused(template(literal));
});

test('refuses interpolation anywhere else', () => {
  for (const literals of [
    ['<', '/>'],
    ['<a ', '="1"/>'],
    ['<a ', '/>'],
    ['<a b=', '/>'],
    ['<a></', '>'],
    ['', ''],
  ]) {
    refused(template(...literals));
  }
  refused(template('<a>', '</a><b/>'));
  refused(template('<a b', 'c="1"/>'));
  refused(template('<a>&', ';</a>'));
  refused(template('<a><![CDATA[', ''));
});

test('refuses half a surrogate pair, also one that a value would complete', () => {
  refused(() => xml`<a>\uD83D</a>`);
  refused(() => xml`<a>\uD83D${'x'}</a>`);
  refused(() => xml`<a>\uDC00</a>`);
  assert.equal(xml`<a b="😀">😀${'😀'}😀</a>`, el('a', { b: '😀' }, '😀😀😀'));
});

test('refuses objects that are not text', () => {
  refused(() => xml`<a>${{}}</a>`);
  refused(() => xml`<a b="${Promise.resolve(1)}"/>`);
});

test.run();
