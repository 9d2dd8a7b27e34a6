import * as assert from 'uvu/assert';
import { type Crossing, Tap } from '../../src/stream/tap.ts';
import { el } from '../../src/xml/element.ts';
import { suite } from '../harness.ts';

const test = suite('stream/tap');

/** What a tap shows of something that was written. */
function shown(what: Parameters<Tap['show']>[1]): string | undefined {
  const tap = new Tap();
  const seen: Crossing[] = [];
  tap.add((crossing) => seen.push(crossing));
  tap.show('out', what);
  return seen[0]?.xml;
}

const sasl = (name: string, rest = '') => `<${name} xmlns="urn:ietf:params:xml:ns:xmpp-sasl"${rest}>`;

const CONCEALED: readonly (readonly [what: string, from: string, to: string])[] = [
  [
    'a mechanism shows',
    `${sasl('auth', ' mechanism="PLAIN"')}AGE=</auth>`,
    `${sasl('auth', ' mechanism="PLAIN"')}…</auth>`,
  ],
  ['a challenge', `${sasl('challenge')}cj0x</challenge>`, `${sasl('challenge')}…</challenge>`],
  ['a response', `${sasl('response')}cj0x</response>`, `${sasl('response')}…</response>`],
  ['a proof of the server', `${sasl('success')}dj0x</success>`, `${sasl('success')}…</success>`],
  [
    'registration',
    '<query xmlns="jabber:iq:register"><password>x</password></query>',
    '<query xmlns="jabber:iq:register"><password>…</password></query>',
  ],
  ['a password with attributes', '<password a="b">x</password>', '<password a="b">…</password>'],
  [
    'an invitation',
    '<x xmlns="jabber:x:conference" jid="a@b" password="x"/>',
    '<x xmlns="jabber:x:conference" jid="a@b" password="…"/>',
  ],
  [
    'a token',
    '<token xmlns="urn:xmpp:fast:0" token="x">y</token>',
    '<token xmlns="urn:xmpp:fast:0" token="…">…</token>',
  ],
  [
    'what a form hides, all of it',
    '<field type="text-private" var="p"><value>x</value><value>y</value></field><field var="q"><value>z</value></field>',
    '<field type="text-private" var="p"><value>…</value><value>…</value></field><field var="q"><value>z</value></field>',
  ],
  [
    'every stanza of a replay',
    '<a><password>x</password></a><b><password>y</password></b>',
    '<a><password>…</password></a><b><password>…</password></b>',
  ],
];

for (const [what, from, to] of CONCEALED) test(`conceals: ${what}`, () => assert.is(shown(from), to));

for (const same of [
  '<message to="a@b"><body>my &lt;password&gt; and auth</body></message>',
  '<passwords>x</passwords>',
  `${sasl('failure')}<not-authorized/></failure>`,
  '<success xmlns="other">x</success>',
  ' ',
]) {
  test(`shows as it is: ${same}`, () => assert.is(shown(same), same));
}

test('a header is not closed yet', () => {
  const root = el('stream', { xmlns: 'http://etherx.jabber.org/streams', id: '1' });
  assert.is(shown(root), '<stream:stream xmlns:stream="http://etherx.jabber.org/streams" id="1">');
});

test('what cannot be written and who throws disturb nobody', () => {
  const tap = new Tap();
  tap.add(() => {
    throw new Error('no');
  });
  tap.show('in', ' ');
  tap.show('in', el('a', {}, '\u0000'));
});

test('is open as long as somebody listens', () => {
  const tap = new Tap();
  assert.is(tap.open, false);
  const end = tap.add(() => {});
  assert.is(tap.open, true);
  end();
  assert.is(tap.open, false);
});

test.run();
