import * as assert from 'uvu/assert';
import type { WireCommand } from '../../machines/wire.ts';
import { BIND_ID, encodeCommand, encodeHeader, encodeSasl, LEGACY_SESSION_ID } from '../../src/stream/encode.ts';
import { suite } from '../harness.ts';
import { read, stanza } from '../xml/transcript.ts';

const test = suite('stream/encode');

test('a header says as much as may be known', () => {
  const begin =
    '<?xml version="1.0"?><stream:stream xmlns="jabber:client" xmlns:stream="http://etherx.jabber.org/streams"';
  assert.is(encodeHeader('example.org', null, null), `${begin} to="example.org" version="1.0">`);
  assert.is(
    encodeHeader('example.org', 'me@example.org', 'de'),
    `${begin} from="me@example.org" to="example.org" version="1.0" xml:lang="de">`,
  );
});

test('a header escapes what it says', () => {
  const [event] = read(encodeHeader('a"&<b', 'c"&<d', 'e"&<f'));
  if (event?.[0] !== 'header') throw new Error('no header');
  assert.equal({ ...event[1].attrs }, { from: 'c"&<d', to: 'a"&<b', version: '1.0', 'xml:lang': 'e"&<f' });
});

const COMMANDS: readonly [command: Exclude<WireCommand, { kind: 'header' }>, xml: string][] = [
  [{ kind: 'footer' }, '</stream:stream>'],
  [{ kind: 'starttls' }, '<starttls xmlns="urn:ietf:params:xml:ns:xmpp-tls"/>'],
  [{ kind: 'resume', previd: 'a"b' }, '<resume xmlns="urn:xmpp:sm:3" h="7" previd="a&quot;b"/>'],
  [{ kind: 'bind', resource: null }, '<iq type="set" id="bind"><bind xmlns="urn:ietf:params:xml:ns:xmpp-bind"/></iq>'],
  [
    { kind: 'bind', resource: 'a<b' },
    '<iq type="set" id="bind"><bind xmlns="urn:ietf:params:xml:ns:xmpp-bind"><resource>a&lt;b</resource></bind></iq>',
  ],
  [{ kind: 'enable', resume: true, max: null }, '<enable xmlns="urn:xmpp:sm:3" resume="true"/>'],
  [{ kind: 'enable', resume: true, max: 300 }, '<enable xmlns="urn:xmpp:sm:3" resume="true" max="300"/>'],
  [{ kind: 'enable', resume: false, max: null }, '<enable xmlns="urn:xmpp:sm:3"/>'],
  [{ kind: 'session' }, '<iq type="set" id="session"><session xmlns="urn:ietf:params:xml:ns:xmpp-session"/></iq>'],
  [
    { kind: 'error', error: { condition: 'bad-format' } },
    '<stream:error><bad-format xmlns="urn:ietf:params:xml:ns:xmpp-streams"/></stream:error>',
  ],
  [
    { kind: 'error', error: { condition: 'policy-violation', text: 'a < b' } },
    '<stream:error><policy-violation xmlns="urn:ietf:params:xml:ns:xmpp-streams"/>' +
      '<text xmlns="urn:ietf:params:xml:ns:xmpp-streams">a &lt; b</text></stream:error>',
  ],
  [
    { kind: 'error', error: { condition: 'undefined-condition', handledTooHigh: { h: 9, sent: 3 } } },
    '<stream:error><undefined-condition xmlns="urn:ietf:params:xml:ns:xmpp-streams"/>' +
      '<handled-count-too-high xmlns="urn:xmpp:sm:3" h="9" send-count="3"/></stream:error>',
  ],
];

for (const [command, xml] of COMMANDS) {
  test(`writes ${JSON.stringify(command)}`, () => assert.is(encodeCommand(command, 7), xml));
}

test('what is written can be read', () => {
  for (const [command, xml] of COMMANDS) if (command.kind !== 'footer') assert.ok(stanza(xml));
});

test('the ids of negotiation differ', () => assert.is.not(BIND_ID, LEGACY_SESSION_ID));

const SASL = 'xmlns="urn:ietf:params:xml:ns:xmpp-sasl"';
const SASLS: readonly [xml: string, ...Parameters<typeof encodeSasl>][] = [
  [`<auth ${SASL} mechanism="PLAIN">AGEAYg==</auth>`, 'auth', Buffer.from('\0a\0b'), 'PLAIN'],
  [`<auth ${SASL} mechanism="EXTERNAL">=</auth>`, 'auth', new Uint8Array(), 'EXTERNAL'],
  [`<auth ${SASL} mechanism="A&quot;B"></auth>`, 'auth', null, 'A"B'],
  [`<response ${SASL}>/wD+</response>`, 'response', Uint8Array.of(255, 0, 254)],
  [`<abort ${SASL}></abort>`, 'abort', null],
];

for (const [xml, ...given] of SASLS) {
  test(`writes ${xml}`, () => assert.is(encodeSasl(...given), xml));
}

test.run();
