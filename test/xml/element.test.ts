import * as assert from 'uvu/assert';
import { Element, el } from '../../src/xml/element.ts';
import { XmlError } from '../../src/xml/error.ts';
import { suite } from '../harness.ts';
import { stanza } from './transcript.ts';

const test = suite('Element');

const message = el(
  'message',
  { to: 'juliet@example.com', 'xml:lang': 'en' },
  el('body', {}, 'Hello ', 'there'),
  el('body', { 'xml:lang': 'de' }, 'Guten Tag'),
  el('x', { xmlns: 'urn:x' }, el('y')),
);

test('is found by name and namespace', () => {
  assert.is(message.find('body')?.text, 'Hello there');
  assert.is(message.find('x'), undefined);
  assert.is(message.find('x', 'urn:x')?.namespace, 'urn:x');
  assert.is(message.find('x', '*')?.namespace, 'urn:x');
  assert.equal(
    message.filter('body').map((body) => body.text),
    ['Hello there', 'Guten Tag'],
  );
  assert.equal(message.filter('x'), []);
  assert.is(message.filter('x', '*').length, 1);
  assert.is(message.elements.length, 3);
});

test('is of a name and a namespace', () => {
  assert.ok(message.is('message'));
  assert.ok(message.is('message', 'jabber:client'));
  assert.ok(message.is('message', '*'));
  assert.not.ok(message.is('message', 'urn:x'));
  assert.not.ok(message.is('presence'));
});

test('takes the namespace of its parent unless it has its own', () => {
  const inner = el('item', {}, el('group'));
  assert.is(inner.namespace, 'jabber:client');
  const query = el('query', { xmlns: 'jabber:iq:roster' }, inner, el('other', { xmlns: 'jabber:client' }));
  assert.is(query.find('item')?.namespace, 'jabber:iq:roster');
  assert.is(query.find('item')?.find('group')?.namespace, 'jabber:iq:roster');
  assert.is(query.find('other', '*')?.namespace, 'jabber:client');
  assert.is(inner.namespace, 'jabber:client', 'the original is as it was');
  assert.is(el('iq', {}, query).find('query', '*')?.find('item')?.namespace, 'jabber:iq:roster');
});

test('takes the namespace of its parent also through one that has none yet', () => {
  const tree = el('a', { xmlns: 'urn:a' }, el('b', {}, el('c', { 'xml:lang': 'fr' }, el('d'))));
  assert.is(tree.find('b')?.find('c')?.find('d')?.namespace, 'urn:a');
});

test('inherits the language', () => {
  const [first, second] = message.filter('body');
  assert.is(message.lang, 'en');
  assert.is(first?.lang, 'en');
  assert.is(second?.lang, 'de');
  assert.is(message.find('x', '*')?.find('y')?.lang, 'en');
  assert.is(el('a', { 'xml:lang': 'en' }, el('b', { 'xml:lang': '' })).find('b')?.lang, undefined);
  assert.is(el('forwarded', {}, message.find('body')).find('body')?.lang, undefined);
  const parsed = stanza("<message xml:lang='en'><body/><body xml:lang=''/><body xml:lang='de'><b/></body></message>");
  assert.equal(
    parsed.filter('body').map((body) => body.lang),
    ['en', undefined, 'de'],
  );
  assert.is(parsed.filter('body')[2]?.find('b')?.lang, 'de');
});

test('leaves out what is null or undefined, flattens lists and joins texts', () => {
  const element = el(
    'a',
    { b: undefined, c: null, d: 0, e: false },
    null,
    undefined,
    false,
    '',
    ['x', [1, 2]],
    el('f'),
  );
  assert.is(String(element), '<a d="0" e="false">x12<f/></a>');
  assert.equal(element.children, ['x12', el('f')]);
});

test('takes for an attribute what says what it is, and no other object', () => {
  assert.is(el('a', { to: new URL('xmpp:juliet@example.com') }).attr('to'), 'xmpp:juliet@example.com');
  assert.throws(
    () => el('a', { to: {} }),
    (error: unknown) => error instanceof XmlError,
  );
  assert.throws(
    () => el('a', { to: Promise.resolve('x') }),
    (error: unknown) => error instanceof XmlError,
  );
});

test('is changed in copies only', () => {
  const changed = message.with({ to: undefined, id: 'a1', 'xml:lang': 'fr' });
  assert.equal({ ...changed.attrs }, { 'xml:lang': 'fr', id: 'a1' });
  assert.is(changed.find('body')?.lang, 'fr');
  assert.is(message.attr('to'), 'juliet@example.com');
  const longer = message.append(el('subject', {}, 'Hi'), ' there');
  assert.is(longer.find('subject')?.text, 'Hi');
  assert.is(longer.text, ' there');
  assert.is(message.children.length, 3);
});

test('keeps the language it has from outside when changed', () => {
  const body = stanza("<message xml:lang='en'><body><b/></body></message>").find('body');
  const changed = body?.with({ id: 1 }).append(el('i'));
  assert.is(changed?.lang, 'en');
  assert.equal(
    changed?.elements.map(({ lang }) => lang),
    ['en', 'en'],
  );
  assert.is(changed?.with({ 'xml:lang': '' }).lang, undefined);
  assert.is(el('body', { 'xml:lang': 'de' }).with({ 'xml:lang': undefined }).lang, undefined);
});

test('keeps its namespace when changed, given or not', () => {
  assert.is(el('a', { xmlns: 'urn:a' }).with({ b: 1 }).append('x').namespace, 'urn:a');
  const floating = el('b').with({ c: 1 }).append('x');
  assert.is(floating.namespace, 'jabber:client');
  assert.is(el('a', { xmlns: 'urn:a' }, floating).find('b')?.namespace, 'urn:a');
  const parsed = stanza('<message><body>x</body></message>');
  assert.is(el('a', { xmlns: 'urn:a' }, parsed.with({ id: 1 })).find('message', '*')?.namespace, 'jabber:client');
});

test('may have attributes of any name', () => {
  const attrs = JSON.parse('{"__proto__":"p","constructor":"c","hasOwnProperty":"h","toString":"t"}');
  for (const element of [
    el('a', attrs),
    el('a', attrs).with({ z: 1 }),
    stanza("<a __proto__='p' constructor='c' hasOwnProperty='h' toString='t'/>"),
  ]) {
    assert.is(element.attr('__proto__'), 'p');
    assert.is(element.attr('constructor'), 'c');
    assert.is(element.attr('hasOwnProperty'), 'h');
    assert.is(element.attr('toString'), 't');
    assert.match(String(element), 'a __proto__="p" constructor="c" hasOwnProperty="h" toString="t"');
  }
  for (const element of [el('a'), stanza('<a/>'), stanza("<a b='c'/>")]) {
    for (const name of ['__proto__', 'constructor', 'hasOwnProperty', 'toString']) {
      assert.is(element.attr(name), undefined, name);
    }
  }
});

test('can be made of its parts', () => {
  assert.equal(new Element('a', 'urn:a', el('a', { b: 'c' }).attrs, ['x']), el('a', { xmlns: 'urn:a', b: 'c' }, 'x'));
});

test.run();
