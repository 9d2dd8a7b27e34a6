import * as assert from 'uvu/assert';
import { Iq } from '../../src/stanza/iq.ts';
import { Message } from '../../src/stanza/message.ts';
import { Stanza } from '../../src/stanza/stanza.ts';
import { el } from '../../src/xml/element.ts';
import { suite } from '../harness.ts';
import { stanza } from '../xml/transcript.ts';

const test = suite('stanza');

test('says who, to whom, which, and in what language', () => {
  const view = new Stanza(stanza('<message from="A@Host/r" to="b@host" id="1" xml:lang="de"/>'));
  assert.equal([view.from?.toString(), view.to?.toString(), view.id, view.lang], ['a@host/r', 'b@host', '1', 'de']);
});

test('has nothing to say where nothing is written', () => {
  const view = new Stanza(el('message'));
  assert.equal([view.from, view.to, view.id, view.lang], [undefined, undefined, undefined, undefined]);
});

test('reads an address that is none as nothing', () => {
  const view = new Stanza(stanza('<message from="@host" to=""/>'));
  assert.equal([view.from, view.to], [undefined, undefined]);
});

test('is a view on its element', () => {
  const element = el('message', { to: 'a@b' }, el('body', {}, 'hi'));
  const view = new Message(element);
  assert.is(view.element, element);
  assert.is(`${view}`, '<message to="a@b"><body>hi</body></message>');
});

for (const type of ['get', 'set', 'result', 'error'] as const) {
  test(`an iq of type ${type}`, () => assert.is(new Iq(el('iq', { type })).type, type));
}

for (const type of [undefined, '', 'GET', 'chat', 'constructor']) {
  test(`an iq of type ${type} has none`, () => assert.is(new Iq(el('iq', { type })).type, undefined));
}

test('the payload of an iq is its first element', () => {
  assert.is(new Iq(stanza('<iq type="get"> <a xmlns="x"/><b xmlns="x"/></iq>')).payload?.name, 'a');
  assert.is(new Iq(stanza('<iq type="result"/>')).payload, undefined);
});

test('only an iq of type error has an error', () => {
  const inner = '<error type="wait"><gone xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/></error>';
  assert.is(new Iq(stanza(`<iq type="error">${inner}</iq>`)).error?.condition, 'gone');
  assert.is(new Iq(stanza(`<iq type="result">${inner}</iq>`)).error, undefined);
});

test.run();
