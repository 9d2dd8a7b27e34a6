import fc from 'fast-check';
import * as assert from 'uvu/assert';
import type { Stage } from '../../machines/failure.ts';
import type { Features, StreamEvent } from '../../machines/wire.ts';
import {
  decodeBind,
  decodeFeatures,
  decodeHeader,
  decodeLegacySession,
  decodeNonza,
  isDue,
  parseCount,
} from '../../src/stream/decode.ts';
import { type Element, el } from '../../src/xml/element.ts';
import { StreamParser } from '../../src/xml/parser.ts';
import { suite } from '../harness.ts';
import { features as none } from '../machines/samples.ts';
import { stanza } from '../xml/transcript.ts';

const test = suite('stream/decode');

const decode = (xml: string) => decodeNonza(stanza(xml), 'auth');
const features = (inner: string) => decodeFeatures(stanza(`<stream:features>${inner}</stream:features>`));

// Headers.

const PREFIX = "xmlns:stream='http://etherx.jabber.org/streams' version='1.0'";

const HEADERS: readonly [about: string, header: string, id: string | null, fault: string | null][] = [
  ['of clients', `<stream:stream xmlns='jabber:client' ${PREFIX}>`, null, null],
  ['of no content namespace', "<stream xmlns='http://etherx.jabber.org/streams' version='1.0'>", null, null],
  ['of servers', `<stream:stream xmlns='jabber:server' ${PREFIX}>`, null, 'invalid-namespace'],
  ['of components', `<stream:stream xmlns='jabber:component:accept' ${PREFIX}>`, null, 'invalid-namespace'],
  ['1.0', '<stream:stream xmlns:stream="http://etherx.jabber.org/streams" id="x" version="1.0">', 'x', null],
  ['1.1', '<stream:stream xmlns:stream="http://etherx.jabber.org/streams" id="x" version="1.1">', 'x', null],
  ['1.10', '<stream:stream xmlns:stream="http://etherx.jabber.org/streams" id="x" version="1.10">', 'x', null],
  ['no id', '<stream:stream xmlns:stream="http://etherx.jabber.org/streams" version="1.0">', null, null],
  ['another prefix', '<s:stream xmlns:s="http://etherx.jabber.org/streams" version="1.0">', null, null],
  ['no version', '<stream:stream xmlns:stream="http://etherx.jabber.org/streams">', null, 'unsupported-version'],
  ['0.9', '<stream:stream xmlns:stream="http://etherx.jabber.org/streams" version="0.9">', null, 'unsupported-version'],
  ['2.0', '<stream:stream xmlns:stream="http://etherx.jabber.org/streams" version="2.0">', null, 'unsupported-version'],
  [
    '10.0',
    '<stream:stream xmlns:stream="http://etherx.jabber.org/streams" version="10.0">',
    null,
    'unsupported-version',
  ],
  [
    'a word',
    '<stream:stream xmlns:stream="http://etherx.jabber.org/streams" version="one">',
    null,
    'unsupported-version',
  ],
  ['another namespace', '<stream:stream xmlns:stream="urn:x" version="1.0">', null, 'invalid-namespace'],
  [
    'another element',
    '<stream:flow xmlns:stream="http://etherx.jabber.org/streams" version="1.0">',
    null,
    'invalid-namespace',
  ],
  ['HTML', '<html>', null, 'invalid-namespace'],
];

for (const [about, header, id, fault] of HEADERS) {
  test(`a stream header: ${about}`, () => {
    assert.equal(headers(header), [{ type: 'stream.header', id, fault }]);
  });
}

test('a stream of another content has to be answered with that', () => {
  const header = `<stream:stream xmlns='jabber:server' ${PREFIX}>`;
  assert.equal(headers(header, 'jabber:server'), [{ type: 'stream.header', id: null, fault: null }]);
});

function headers(xml: string, expected?: string): StreamEvent[] {
  const found: StreamEvent[] = [];
  const header = (root: Element, content: string) => found.push(decodeHeader(root, content, expected));
  new StreamParser({ header, element() {}, footer() {}, error() {} }).write(Buffer.from(xml));
  return found;
}

// Features as servers send them.

const TLS = 'urn:ietf:params:xml:ns:xmpp-tls';
const SASL = 'urn:ietf:params:xml:ns:xmpp-sasl';
const BIND = 'urn:ietf:params:xml:ns:xmpp-bind';
const SESSION = 'urn:ietf:params:xml:ns:xmpp-session';
const STREAMS = 'http://etherx.jabber.org/streams';

const REAL: readonly [about: string, xml: string, expected: Features][] = [
  [
    'Prosody 0.12 before TLS',
    `<stream:features xmlns:stream='${STREAMS}' xmlns='jabber:client'><starttls xmlns='${TLS}'><required/></starttls></stream:features>`,
    none({ starttls: 'required' }),
  ],
  [
    'Prosody 0.12 before authentication: no channel-binding types',
    `<stream:features><mechanisms xmlns='${SASL}'><mechanism>SCRAM-SHA-1</mechanism><mechanism>PLAIN</mechanism>` +
      '<mechanism>SCRAM-SHA-256</mechanism></mechanisms></stream:features>',
    none({ mechanisms: ['SCRAM-SHA-1', 'PLAIN', 'SCRAM-SHA-256'] }),
  ],
  [
    'Prosody 13 before authentication: two binding types, and SASL2 with FAST, which are not SASL',
    `<stream:features><mechanisms xmlns='${SASL}'><mechanism>SCRAM-SHA-1-PLUS</mechanism><mechanism>SCRAM-SHA-1</mechanism></mechanisms>` +
      "<authentication xmlns='urn:xmpp:sasl:2'><mechanism>SCRAM-SHA-256</mechanism><inline><bind xmlns='urn:xmpp:bind:0'>" +
      "<inline><feature var='urn:xmpp:carbons:2'/></inline></bind><sm xmlns='urn:xmpp:sm:3'/>" +
      "<fast xmlns='urn:xmpp:fast:0' tls-0rtt='true'><mechanism>HT-SHA-256-EXPR</mechanism></fast></inline></authentication>" +
      "<sasl-channel-binding xmlns='urn:xmpp:sasl-cb:0'><channel-binding type='tls-exporter'/>" +
      "<channel-binding type='tls-server-end-point'/></sasl-channel-binding></stream:features>",
    none({
      mechanisms: ['SCRAM-SHA-1-PLUS', 'SCRAM-SHA-1'],
      bindings: ['tls-exporter', 'tls-server-end-point'],
    }),
  ],
  [
    'Prosody after authentication: a session that is optional, two versions of stream management',
    `<stream:features><bind xmlns='${BIND}'><required/></bind><session xmlns='${SESSION}'><optional/></session>` +
      "<ver xmlns='urn:xmpp:features:rosterver'/><sub xmlns='urn:xmpp:features:pre-approval'/><csi xmlns='urn:xmpp:csi:0'/>" +
      "<sm xmlns='urn:xmpp:sm:2'><optional/></sm><sm xmlns='urn:xmpp:sm:3'><optional/></sm></stream:features>",
    none({ bind: true, session: 'optional', sm: true }),
  ],
  [
    'ejabberd 23 before TLS: STARTTLS beside mechanisms and caps',
    `<stream:features><starttls xmlns='${TLS}'/><mechanisms xmlns='${SASL}'><mechanism>PLAIN</mechanism></mechanisms>` +
      "<register xmlns='http://jabber.org/features/iq-register'/>" +
      "<c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='http://www.process-one.net/en/ejabberd/' ver='abc='/></stream:features>",
    none({ starttls: 'optional', mechanisms: ['PLAIN'] }),
  ],
  [
    'ejabberd 23 before authentication: -PLUS, and no types announced',
    `<stream:features><mechanisms xmlns='${SASL}'><mechanism>SCRAM-SHA-512-PLUS</mechanism><mechanism>X-OAUTH2</mechanism></mechanisms></stream:features>`,
    none({ mechanisms: ['SCRAM-SHA-512-PLUS', 'X-OAUTH2'] }),
  ],
  [
    'ejabberd 24 before authentication: upgrades and inline features first',
    "<stream:features><authentication xmlns='urn:xmpp:sasl:2'><upgrade xmlns='urn:xmpp:sasl:upgrade:0'>UPGR-SCRAM-SHA-256</upgrade>" +
      "<inline><fast xmlns='urn:xmpp:fast:0'><mechanism>HT-SHA-256-UNIQ</mechanism></fast></inline><mechanism>PLAIN</mechanism></authentication>" +
      "<sasl-channel-binding xmlns='urn:xmpp:sasl-cb:0'><channel-binding type='tls-exporter'/></sasl-channel-binding>" +
      `<mechanisms xmlns='${SASL}'><mechanism>SCRAM-SHA-256-PLUS</mechanism></mechanisms></stream:features>`,
    none({ mechanisms: ['SCRAM-SHA-256-PLUS'], bindings: ['tls-exporter'] }),
  ],
  [
    'ejabberd after authentication',
    `<stream:features><bind xmlns='${BIND}'/><session xmlns='${SESSION}'><optional/></session>` +
      "<c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='n' ver='v'/><sm xmlns='urn:xmpp:sm:2'/><sm xmlns='urn:xmpp:sm:3'/></stream:features>",
    none({ bind: true, session: 'optional', sm: true }),
  ],
  [
    'jabberd2 after authentication: a session that is required, and a draft of acknowledgements',
    `<stream:features xmlns:ack='http://www.xmpp.org/extensions/xep-0198.html#ns'><ack:ack/><bind xmlns='${BIND}'><required/></bind>` +
      `<unbind xmlns='${BIND}'/><session xmlns='${SESSION}'/><compression xmlns='http://jabber.org/features/compress'><method>zlib</method></compression></stream:features>`,
    none({ bind: true, session: 'required' }),
  ],
  ['nothing', '<stream:features/>', none()],
];

for (const [about, xml, expected] of REAL) {
  test(`features of ${about}`, () => {
    const event = decode(xml);
    if (event?.type !== 'features') throw new Error('no features');
    assert.equal({ ...event.features, all: [] }, expected);
  });
}

test('features are all named, also those that mean nothing here', () => {
  assert.equal(features(`<bind xmlns='${BIND}'/> <x xmlns='urn:x'/><sm xmlns='urn:xmpp:sm:2'/>`).all, [
    `{${BIND}}bind`,
    '{urn:x}x',
    '{urn:xmpp:sm:2}sm',
  ]);
});

test('features of other namespaces are other features', () => {
  const decoded = features(
    "<starttls/><mechanisms><mechanism>PLAIN</mechanism></mechanisms><bind/><session/><sm xmlns='urn:xmpp:sm:2'/>",
  );
  assert.equal({ ...decoded, all: [] }, none());
});

test('mechanisms may have white space around them', () => {
  const { mechanisms } = features(`<mechanisms xmlns='${SASL}'>\n <mechanism>\n PLAIN </mechanism>\n</mechanisms>`);
  assert.equal(mechanisms, ['PLAIN']);
});

test('a binding type without a type is none', () => {
  const inner = "<sasl-channel-binding xmlns='urn:xmpp:sasl-cb:0'><channel-binding/></sasl-channel-binding>";
  assert.equal(features(inner).bindings, []);
});

// Stream errors.

const ERRORS = 'urn:ietf:params:xml:ns:xmpp-streams';
const STREAM_ERRORS: readonly [about: string, inner: string, failure: object, redirect?: object][] = [
  ['a condition', `<host-unknown xmlns='${ERRORS}'/>`, { condition: 'host-unknown', retry: 'backoff' }],
  [
    'with text',
    `<system-shutdown xmlns='${ERRORS}'/><text xmlns='${ERRORS}' xml:lang='en'>Received SIGTERM</text>`,
    { condition: 'system-shutdown', text: 'Received SIGTERM', retry: 'backoff' },
  ],
  [
    'the text first',
    `<text xmlns='${ERRORS}'>t</text><reset xmlns='${ERRORS}'/>`,
    { condition: 'reset', text: 't', retry: 'backoff' },
  ],
  ['a conflict', `<conflict xmlns='${ERRORS}'/>`, { kind: 'conflict', condition: 'conflict', retry: 'user' }],
  ['nothing', '', { condition: 'undefined-condition', retry: 'backoff' }],
  ['only an application', "<x xmlns='urn:x'/>", { condition: 'undefined-condition', retry: 'backoff' }],
  [
    'an application first',
    `<x xmlns='urn:x'/><policy-violation xmlns='${ERRORS}'/>`,
    { condition: 'policy-violation', retry: 'backoff' },
  ],
  [
    'see-other-host',
    `<see-other-host xmlns='${ERRORS}'>other.example:5269</see-other-host>`,
    { condition: 'see-other-host', retry: 'backoff' },
    { host: 'other.example', port: 5269 },
  ],
  [
    'see-other-host to nowhere',
    `<see-other-host xmlns='${ERRORS}'/>`,
    { condition: 'see-other-host', retry: 'backoff' },
  ],
];

for (const [about, inner, failure, redirect = null] of STREAM_ERRORS) {
  test(`a stream error: ${about}`, () => {
    assert.equal(decode(`<stream:error>${inner}</stream:error>`), {
      type: 'stream.error',
      failure: { kind: 'stream', stage: 'auth', ...failure },
      redirect,
    });
  });
}

const HOSTS: readonly [text: string, host?: string, port?: number][] = [
  ['example.org', 'example.org', 5222],
  ['example.org:443', 'example.org', 443],
  ['  example.org:443\n', 'example.org', 443],
  ['192.0.2.1', '192.0.2.1', 5222],
  ['192.0.2.1:1', '192.0.2.1', 1],
  ['[2001:db8::1]', '2001:db8::1', 5222],
  ['[2001:DB8::1]:65535', '2001:DB8::1', 65535],
  ['[::ffff:192.0.2.1]:5223', '::ffff:192.0.2.1', 5223],
  ['xn--mller-kva.example', 'xn--mller-kva.example', 5222],
  ['müller.example', 'müller.example', 5222],
  ['2001:db8::1'],
  ['[2001:db8::1'],
  ['2001:db8::1]:5222'],
  ['[]'],
  ['[example.org]:5222'],
  [':5222'],
  ['example.org:'],
  ['example.org:0'],
  ['example.org:65536'],
  ['example.org:99999999'],
  ['example.org:-1'],
  ['example.org:xmpp'],
  ['a b'],
  ['a<b'],
  ['me@example.org'],
  ['a\u202Eb'],
  ['xmpp://example.org/'],
  ['example.org:1:2'],
  [`${'a'.repeat(300)}`],
  [''],
];

for (const [text, host, port] of HOSTS) {
  const expected = host === undefined ? null : { host, port };
  test(`the host ${JSON.stringify(text)} is ${JSON.stringify(expected)}, by either name`, () => {
    const error = decodeNonza(el('error', { xmlns: STREAMS }, el('see-other-host', { xmlns: ERRORS }, text)), 'online');
    assert.equal(error?.type === 'stream.error' && error.redirect, expected);
    const enabled = decodeNonza(
      el('enabled', { xmlns: 'urn:xmpp:sm:3', resume: 'true', id: 'x', location: text }),
      'enable',
    );
    assert.equal(enabled, { type: 'sm.enabled', ticket: { id: 'x', max: null, location: expected } });
  });
}

// Nonzas.

const NONZAS: readonly [xml: string, event: object | null][] = [
  [`<proceed xmlns='${TLS}'/>`, { type: 'starttls.proceed' }],
  [`<failure xmlns='${TLS}'/>`, { type: 'starttls.failure' }],
  [`<starttls xmlns='${TLS}'/>`, null],
  [`<challenge xmlns='${SASL}'>c2VjcmV0</challenge>`, { type: 'sasl.challenge' }],
  [`<success xmlns='${SASL}'>c2VjcmV0</success>`, { type: 'sasl.success' }],
  [
    `<failure xmlns='${SASL}'><not-authorized/><text xml:lang='en'>Invalid channel binding</text></failure>`,
    { type: 'sasl.failure', condition: 'not-authorized', text: 'Invalid channel binding' },
  ],
  [
    `<failure xmlns='${SASL}'><text>locked</text><account-disabled/></failure>`,
    { type: 'sasl.failure', condition: 'account-disabled', text: 'locked' },
  ],
  [
    `<failure xmlns='${SASL}'><x xmlns='urn:x'/><temporary-auth-failure/></failure>`,
    { type: 'sasl.failure', condition: 'temporary-auth-failure', text: null },
  ],
  [`<failure xmlns='${SASL}'/>`, { type: 'sasl.failure', condition: 'not-authorized', text: null }],
  [`<failure xmlns='${SASL}'><text/></failure>`, { type: 'sasl.failure', condition: 'not-authorized', text: '' }],
  [`<auth xmlns='${SASL}' mechanism='PLAIN'/>`, null],
  [
    "<enabled xmlns='urn:xmpp:sm:3' id='a b' resume='true' max='600' location='[::1]:5222'/>",
    { type: 'sm.enabled', ticket: { id: 'a b', max: 600, location: { host: '::1', port: 5222 } } },
  ],
  [
    "<enabled xmlns='urn:xmpp:sm:3' id='x' resume='1'/>",
    { type: 'sm.enabled', ticket: { id: 'x', max: null, location: null } },
  ],
  [
    "<enabled xmlns='urn:xmpp:sm:3' id='x' resume='false'/>",
    { type: 'sm.enabled', ticket: { id: null, max: null, location: null } },
  ],
  ["<enabled xmlns='urn:xmpp:sm:3' id='x'/>", { type: 'sm.enabled', ticket: { id: null, max: null, location: null } }],
  [
    "<enabled xmlns='urn:xmpp:sm:3' resume='true'/>",
    { type: 'sm.enabled', ticket: { id: null, max: null, location: null } },
  ],
  [
    "<enabled xmlns='urn:xmpp:sm:3' id='' resume='true'/>",
    { type: 'sm.enabled', ticket: { id: null, max: null, location: null } },
  ],
  [
    "<enabled xmlns='urn:xmpp:sm:3' id='x' resume='true' max='soon'/>",
    { type: 'sm.enabled', ticket: { id: 'x', max: null, location: null } },
  ],
  ["<resumed xmlns='urn:xmpp:sm:3' previd='x' h='2'/>", { type: 'sm.resumed', previd: 'x' }],
  ["<resumed xmlns='urn:xmpp:sm:3' h='2'/>", { type: 'sm.resumed', previd: '' }],
  [
    "<failed xmlns='urn:xmpp:sm:3' h='2'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></failed>",
    { type: 'sm.failed', condition: 'item-not-found' },
  ],
  ["<failed xmlns='urn:xmpp:sm:3'/>", { type: 'sm.failed', condition: null }],
  ["<enable xmlns='urn:xmpp:sm:3'/>", null],
  ["<enabled xmlns='urn:xmpp:sm:2' id='x'/>", null],
  ['<stream:nonsense/>', null],
  ["<x xmlns='urn:x'/>", null],
  ['<message/>', null],
];

for (const [xml, event] of NONZAS) {
  test(`${xml} means ${event === null ? 'nothing' : JSON.stringify(event)}`, () => assert.equal(decode(xml), event));
}

const STAGES: readonly Stage[] = ['stream', 'tls', 'auth', 'resume', 'bind', 'enable', 'session', 'online', 'close'];

const ASKED: readonly [xml: string, ...stages: Stage[]][] = [
  [`<proceed xmlns='${TLS}'/>`, 'tls'],
  [`<failure xmlns='${TLS}'/>`, 'tls'],
  [`<challenge xmlns='${SASL}'/>`, 'auth'],
  [`<success xmlns='${SASL}'/>`, 'auth'],
  [`<failure xmlns='${SASL}'/>`, 'auth'],
  ["<resumed xmlns='urn:xmpp:sm:3'/>", 'resume'],
  ["<enabled xmlns='urn:xmpp:sm:3'/>", 'enable'],
  ["<failed xmlns='urn:xmpp:sm:3'/>", 'resume', 'enable'],
  ['<stream:features/>', ...STAGES],
  ['<stream:error/>', ...STAGES],
];

for (const [xml, ...stages] of ASKED) {
  test(`${xml} may come at: ${stages.join(', ')}`, () => {
    const event = decode(xml);
    assert.equal(
      STAGES.filter((stage) => event !== null && isDue(event, stage)),
      stages,
    );
  });
}

// Answers to the requests of negotiation.

const bound = (content: string) => stanza(`<iq type='result' id='bind'><bind xmlns='${BIND}'>${content}</bind></iq>`);

const bindAnswer = (iq: Element, account: string | null = 'me@example.org') => decodeBind(iq, 'example.org', account);

test('a full JID is bound', () => {
  for (const account of ['me@example.org', null]) {
    assert.equal(bindAnswer(bound('<jid> Me@Example.org/Home </jid>'), account), {
      type: 'bind.result',
      jid: 'me@example.org/Home',
    });
  }
});

for (const [jid, account] of [
  ['you@example.org/x', 'me@example.org'],
  ['example.org/x', 'me@example.org'],
  ['me@example.com/x', 'me@example.org'],
  ['me@sub.example.org/x', 'me@example.org'],
  ['me@example.com/x', null],
] as const) {
  test(`${jid} is not ${account ?? 'somebody at example.org'}`, () => {
    const event = bindAnswer(bound(`<jid>${jid}</jid>`), account);
    assert.ok(event.type === 'bind.error');
    const { kind, condition, retry } = event.failure;
    assert.equal([kind, condition, retry], ['bind', 'another-account', 'user']);
  });
}

for (const content of [
  '',
  '<jid/>',
  '<jid>me@example.org</jid>',
  '<jid>@/x</jid>',
  "<jid xmlns='urn:x'>me@example.org/x</jid>",
]) {
  test(`a bind result with ${content || 'nothing'} is a broken rule`, () => {
    const event = bindAnswer(bound(content));
    assert.equal(event.type === 'bind.error' && [event.failure.kind, event.failure.retry], ['protocol', 'backoff']);
  });
}

const refused = (type: string, condition: string, text = '') =>
  stanza(
    `<iq type='error' id='x'><error type='${type}'><${condition} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>` +
      `${text && `<text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>${text}</text>`}</error></iq>`,
  );

for (const [stage, answer, type] of [
  ['bind', (iq: Element) => bindAnswer(iq), 'bind.error'],
  ['session', decodeLegacySession, 'legacy.error'],
] as const) {
  test(`a refused ${stage} says why, and whether waiting helps`, () => {
    assert.equal(answer(refused('cancel', 'not-allowed')), {
      type,
      failure: { kind: 'bind', stage, condition: 'not-allowed', retry: 'user' },
    });
    assert.equal(answer(refused('wait', 'resource-constraint', 'later')), {
      type,
      failure: { kind: 'bind', stage, condition: 'resource-constraint', text: 'later', retry: 'backoff' },
    });
    assert.equal(answer(stanza("<iq type='error' id='x'/>")), {
      type,
      failure: { kind: 'bind', stage, condition: 'undefined-condition', retry: 'user' },
    });
  });
}

test('a legacy session is granted', () => {
  assert.equal(decodeLegacySession(stanza("<iq type='result' id='session'/>")), { type: 'legacy.result' });
});

// Counts.

for (const text of [undefined, '', '-1', '+1', ' 1', '1.0', '1e3', '0x1', '4294967296', '99999999999', 'one', '١']) {
  test(`the count ${JSON.stringify(text)} is none`, () => assert.is(parseCount(text), null));
}

test('every count below 2^32 is one', () => {
  fc.assert(fc.property(fc.integer({ min: 0, max: 2 ** 32 - 1 }), (count) => parseCount(String(count)) === count));
  assert.is(parseCount('0'), 0);
  assert.is(parseCount('4294967295'), 4294967295);
});

test.run();
