import * as assert from 'uvu/assert';
import { Message } from '../../src/stanza/message.ts';
import { el } from '../../src/xml/element.ts';
import { suite } from '../harness.ts';
import { stanza } from '../xml/transcript.ts';

const test = suite('stanza/message');

const message = (xml: string) => new Message(stanza(xml));

const TYPES: readonly [given: string | undefined, type: string][] = [
  ['chat', 'chat'],
  ['error', 'error'],
  ['groupchat', 'groupchat'],
  ['headline', 'headline'],
  ['normal', 'normal'],
  [undefined, 'normal'],
  ['', 'normal'],
  ['CHAT', 'normal'],
  ['telepathy', 'normal'],
];

for (const [given, type] of TYPES) {
  test(`the type ${given} is ${type}`, () => assert.is(new Message(el('message', { type: given })).type, type));
}

test('body, subject and thread', () => {
  const view = message('<message><subject>s</subject><body>b &amp; c</body><thread>t</thread></message>');
  assert.equal([view.body, view.subject, view.thread], ['b & c', 's', 't']);
});

test('none of them', () => {
  const view = message('<message><body xmlns="urn:x">no</body></message>');
  assert.equal([view.body, view.subject, view.thread], [undefined, undefined, undefined]);
});

test('an empty body is a body', () => assert.is(message('<message><body/></message>').body, ''));

const LANGUAGES: readonly [about: string, xml: string, body: string][] = [
  [
    'the one in the language of the stanza, wherever it stands',
    '<message xml:lang="de"><body xml:lang="en">Hello</body><body xml:lang="de">Hallo</body></message>',
    'Hallo',
  ],
  [
    'the one that says no language, which is in that of the stanza',
    '<message xml:lang="de"><body xml:lang="en">Hello</body><body>Hallo</body></message>',
    'Hallo',
  ],
  ['the one in no language', '<message><body xml:lang="en">Hello</body><body>Hallo</body></message>', 'Hallo'],
  [
    'the first when all are foreign',
    '<message xml:lang="fr"><body xml:lang="en">Hello</body><body xml:lang="de">Hallo</body></message>',
    'Hello',
  ],
  ['the first of several', '<message><body>one</body><body>two</body></message>', 'one'],
];

for (const [about, xml, body] of LANGUAGES) {
  test(`of several bodies, ${about}`, () => assert.is(message(xml).body, body));
}

const REPLIES: readonly [about: string, attributes: string, reply: string][] = [
  ['chat', 'from="a@b/c" to="me@x/y" type="chat"', '<message to="a@b/c" type="chat"><body>hi</body></message>'],
  ['headline', 'from="a@b/c" type="headline"', '<message to="a@b/c" type="headline"><body>hi</body></message>'],
  ['normal', 'from="a@b/c" type="normal"', '<message to="a@b/c"><body>hi</body></message>'],
  ['no type', 'from="a@b/c"', '<message to="a@b/c"><body>hi</body></message>'],
  ['an error, which no error answers', 'from="a@b/c" type="error"', '<message to="a@b/c"><body>hi</body></message>'],
  [
    'groupchat, to the room',
    'from="r@b/nick" type="groupchat"',
    '<message to="r@b" type="groupchat"><body>hi</body></message>',
  ],
  ['nobody', '', '<message><body>hi</body></message>'],
];

for (const [about, attributes, reply] of REPLIES) {
  test(`a reply to ${about}`, () => assert.is(`${message(`<message ${attributes}/>`).reply('hi')}`, reply));
}

test('a reply keeps the thread, and neither id nor language', () => {
  const reply = message('<message from="a@b" id="1" xml:lang="de"><thread>t</thread></message>').reply('hi');
  assert.is(`${reply}`, '<message to="a@b"><body>hi</body><thread>t</thread></message>');
});

test('a reply contains what it is given', () => {
  const active = el('active', { xmlns: 'http://jabber.org/protocol/chatstates' });
  const reply = message('<message from="a@b"/>').reply('1 < 2', active);
  assert.is(reply.body, '1 < 2');
  assert.is(reply.element.elements[1], active);
  assert.equal(message('<message from="a@b"/>').reply().element.children, []);
});

test.run();
