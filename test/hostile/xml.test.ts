/**
 * XML from a hostile server, over real sockets: with what each refusal is told, that nothing of it comes through, how much of
 * it is kept, and that the client is none the worse. The server never closes: the client does.
 */
import type { Duplex } from 'node:stream';
import * as assert from 'uvu/assert';
import type { Failure, Stage } from '../../machines/failure.ts';
import { type Client, type ClientOptions, type Element, el } from '../../src/index.ts';
import { ManualClock } from '../../src/testing/clock.ts';
import type { Peer } from '../../src/testing/peer.ts';
import { dial } from '../../src/transport/tcp.ts';
import { asked, bound, type Dialogue, dialogue, message, NS, said, sm } from '../sockets/dialogue.ts';
import { type Rig, sockets } from '../sockets/rig.ts';

const test = sockets('hostile/xml');

const MiB = 1024 * 1024;
const SECOND = 1000;
const MINUTE = 60 * SECOND;
/** `shutdownTimeout`, unless it is set. */
const FAREWELL = 5 * SECOND;

const STREAM_ERRORS = 'urn:ietf:params:xml:ns:xmpp-streams';

/** A client on a clock that stands still, and all that its listeners, filters and handlers get to see. */
interface Victim extends Dialogue {
  readonly clock: ManualClock;
  readonly heard: readonly string[];
}

/** Deriving keys from passwords would take most of the time. */
const PLAIN: Partial<ClientOptions> = { mechanisms: ['PLAIN'], plainOnLoopback: true };

async function victim(rig: Rig, options: Partial<ClientOptions> = {}): Promise<Victim> {
  const clock = new ManualClock();
  const talk = await dialogue(rig, { clock, resolveSrv: async () => [], ...PLAIN, ...options });
  return { ...talk, clock, heard: listening(talk.client) };
}

function listening(client: Client): string[] {
  const heard: string[] = [];
  const name = (element: Element) => element.attr('id') ?? element.name;
  client.on('message', ({ element }) => heard.push(name(element)));
  client.on('presence', ({ element }) => heard.push(name(element)));
  client.on('invalid', ({ element }) => heard.push(name(element)));
  client.handle('get', 'urn:x', 'x', ({ element }) => void heard.push(name(element)));
  client.filter('inbound', (stanza) => {
    heard.push(`filtered ${name(stanza)}`);
    return stanza;
  });
  return heard;
}

/** How far the client has come when its server turns on it. */
interface Place {
  readonly name: string;
  readonly stage: Stage;
  reach(talk: Victim): Promise<Peer>;
}

const IN_PLACE_OF_THE_HEADER: Place = {
  name: 'in place of the header',
  stage: 'stream',
  async reach({ client, next }) {
    client.start().catch(() => {});
    const peer = await next();
    await peer.header();
    return peer;
  },
};
const BEFORE_AUTHENTICATION: Place = {
  name: 'before authentication',
  stage: 'stream',
  async reach({ client, next }) {
    client.start().catch(() => {});
    const peer = await next();
    await peer.open();
    return peer;
  },
};
const BEFORE_BINDING: Place = {
  name: 'before binding',
  stage: 'bind',
  async reach({ client, next }) {
    client.start().catch(() => {});
    const peer = await next();
    await asked(peer);
    return peer;
  },
};
const ONLINE: Place = {
  name: 'online',
  stage: 'online',
  async reach({ client, next, journal }) {
    const started = client.start();
    const peer = await next();
    await peer.negotiate({ upTo: 'sm', tls: false });
    await started;
    journal.read();
    return peer;
  },
};
const PLACES = [BEFORE_AUTHENTICATION, BEFORE_BINDING, ONLINE];

/** The client says what is wrong and closes the connection by itself; it waits for its next attempt, and stops when asked. */
async function refuses(talk: Victim, peer: Peer, { stage }: Place, condition: string): Promise<void> {
  const { client, clock, journal, sockets } = talk;
  const error = await peer.expect('error');
  assert.equal([error.namespace, error.elements[0]?.name], [NS.stream, condition]);
  while ((await peer.next()).name !== '/stream');
  clock.advance(FAREWELL);
  await fails(talk, stage, { kind: 'protocol', condition, retry: 'backoff' });
  assert.ok(sockets[0]?.destroyed, 'the socket is open');
  await client.stop();
  assert.is(client.phase, 'offline');
  assert.is(journal.read().at(-1), 'stopped');
}

/** The client waits for its next attempt because of this. */
async function fails({ client, journal }: Victim, stage: Stage, expected: Partial<Failure>): Promise<Failure> {
  await journal.until(`waiting 1 ${expected.condition ?? expected.kind}`);
  const failure = client.getSnapshot().failure as Failure;
  for (const [key, value] of Object.entries({ ...expected, stage })) assert.is(failure[key as 'kind'], value, key);
  return failure;
}

const bytes = (...parts: (string | Uint8Array | readonly number[])[]) =>
  Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part) : Uint8Array.from(part))));

const BEHIND = '<message id="behind"><body>x</body></message><presence id="behind"/>';

// What is no XML, and what XMPP leaves out of it.

const BOMB = `<!DOCTYPE x [<!ENTITY a "ha">${Array.from({ length: 9 }, (_, i) => `<!ENTITY a${i} "${`&a${i - 1};`.repeat(10)}">`).join('')}]>`;
const EXTERNAL = '<!DOCTYPE x [<!ENTITY file SYSTEM "file:///etc/passwd">]>';
const inBody = (text: string) => `<message id="bad"><body>${text}</body></message>`;
const inValue = (text: string) => `<message id="${text}"/>`;
const utf16 = (text: string) => Buffer.from(text, 'utf16le');

const REFUSED: Readonly<Record<string, readonly (string | Uint8Array)[]>> = {
  'restricted-xml': [
    BOMB,
    EXTERNAL,
    '<!DOCTYPE x>',
    '<!ENTITY a "b">',
    '<!-- comment -->',
    '<?php echo 1 ?>',
    "<?xml version='1.0'?>",
    inBody('&a8;'),
    inBody('&custom;'),
    inBody('&__proto__;'),
    inValue('&file;'),
    inBody('<!-- comment -->'),
    inBody('<?pi?>'),
  ],
  'not-well-formed': [
    inBody('&#0;'),
    inBody('&#x0;'),
    inBody('&#xD800;'),
    inBody('&#xDFFF;'),
    inBody('&#x110000;'),
    inBody('&#xFFFF;'),
    inBody(`&#${'9'.repeat(500)};`),
    inValue('&#8;'),
    inBody('\0'),
    inBody(']]>'),
    inBody('&'),
    inValue('<'),
    '<message></presence>',
    '<message id="1" id="2"/>',
    '<message __proto__="1" __proto__="2"/>',
    '</message>',
    '<message xmlns:a="urn:a" xmlns:a="urn:b"/>',
    '<message xmlns:a="urn:a" xmlns:b="urn:a" a:x="" b:x=""/>',
    '<a:b:message xmlns:a="urn:a"/>',
    '< message/>',
  ],
  'bad-format': ['hello', '\0', '&#32;', '&amp;', '<![CDATA[x]]>', '\uFEFF', ']]>'],
  'bad-namespace-prefix': [
    '<x:message/>',
    '<message x:id="1"/>',
    '<xmlns:message/>',
    '<message xmlns:xml="urn:x"/>',
    '<message xmlns:xmlns="urn:x"/>',
    '<message xmlns:x=""/>',
    '<message xmlns:x="http://www.w3.org/2000/xmlns/"/>',
    '<message xmlns="http://www.w3.org/XML/1998/namespace"/>',
    '<constructor:message/>',
    '<__proto__:message/>',
    '<toString:message hasOwnProperty:id="1"/>',
  ],
  'unsupported-encoding': [
    bytes('<message id="', [0xc0, 0xaf], '"/>'),
    bytes('<message><body>', [0xe0, 0x80, 0xaf], '</body></message>'),
    bytes('<message><body>', [0xf0, 0x80, 0x80, 0xaf], '</body></message>'),
    bytes('<message><body>', [0xed, 0xa0, 0x80], '</body></message>'),
    bytes('<message><body>', [0xed, 0xa0, 0xbd, 0xed, 0xb8, 0x80], '</body></message>'),
    bytes('<message><body>', [0xf4, 0x90, 0x80, 0x80], '</body></message>'),
    bytes([0xff, 0xfe], utf16('<message/>')),
    bytes([0xe9]),
  ],
  'unsupported-stanza-type': [
    '<hello xmlns="urn:x"/>',
    '<hello/>',
    '<stream:hello/>',
    '<stream:stream></stream:stream>',
    '<message xmlns="jabber:server"/>',
    '<message xmlns=""/>',
    '<iq xmlns="urn:x" type="get" id="1"/>',
    '<Message/>',
    '<__proto__/>',
  ],
};

for (const place of PLACES) {
  test(`bad XML ${place.name}: every refusal has its stream error, and nothing comes through`, async (rig) => {
    for (const [condition, contents] of Object.entries(REFUSED)) {
      // Where the same parser is at work, some will do.
      for (const content of place === ONLINE ? contents : contents.slice(0, 3)) {
        const talk = await victim(rig);
        const peer = await place.reach(talk);
        await peer.write(bytes(content, BEHIND));
        await refuses(talk, peer, place, condition);
        assert.equal(talk.heard, [], String(content));
      }
    }
  });
}

test('what is good before something bad is delivered, and nothing behind it', async (rig) => {
  const talk = await victim(rig);
  const peer = await ONLINE.reach(talk);
  await peer.send(`<message id="before"/>${inBody('&custom;')}${BEHIND}`);
  await refuses(talk, peer, ONLINE, 'restricted-xml');
  assert.equal(talk.heard, ['filtered before', 'before']);
});

test('references and CDATA that XML has anyway are read', async (rig) => {
  const talk = await victim(rig);
  const bodies: (string | undefined)[] = [];
  talk.client.on('message', ({ body }) => bodies.push(body));
  const peer = await ONLINE.reach(talk);
  await peer.send(inBody('&lt;&#x1F600;&#9;<![CDATA[<!-- & -->]]>'));
  await peer.send('<iq type="get" id="done"><x xmlns="urn:x"/></iq>');
  await peer.expect('iq');
  assert.equal(bodies, ['<\u{1F600}\t<!-- & -->']);
});

// The header.

const header = (attrs: string, tag = 'stream:stream') => `<?xml version='1.0'?><${tag} ${attrs}>`;
const STREAM = `xmlns:stream='${NS.stream}' version='1.0'`;
const GOOD = header(`xmlns='jabber:client' ${STREAM}`);

const HEADERS: Readonly<Record<string, readonly (string | Uint8Array)[]>> = {
  'invalid-namespace': [
    header("xmlns='jabber:client' xmlns:stream='urn:x' version='1.0'"),
    header(`xmlns='jabber:client' ${STREAM}`, 'stream:flow'),
    header("version='1.0'", 'stream'),
    header(`xmlns='jabber:server' ${STREAM}`),
    header(`xmlns='jabber:component:accept' ${STREAM}`),
    header(`xmlns='urn:ietf:params:xml:ns:xmpp-framing' ${STREAM}`),
    "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' version='1.0'/>",
    '<html><body>',
  ],
  'unsupported-version': [
    header(`xmlns='jabber:client' xmlns:stream='${NS.stream}'`),
    header(`xmlns='jabber:client' xmlns:stream='${NS.stream}' version='0.9'`),
    header(`xmlns='jabber:client' xmlns:stream='${NS.stream}' version='2.0'`),
    header(`xmlns='jabber:client' xmlns:stream='${NS.stream}' version='1.${'0'.repeat(1000)}'`),
  ],
  'restricted-xml': [
    `${BOMB}${GOOD}`,
    `<?xml version='1.0'?>${EXTERNAL}${header(`to='&file;' ${STREAM}`)}`,
    `<!-- -->${GOOD}`,
    ` ${GOOD}`,
  ],
  'unsupported-encoding': [
    utf16(GOOD),
    utf16(`\uFEFF${GOOD}`),
    utf16(GOOD).swap16(),
    utf16(`\uFEFF${GOOD}`).swap16(),
    GOOD.replace("'1.0'?", "'1.0' encoding='UTF-16'?"),
    GOOD.replace("'1.0'?", "'1.0' encoding='ISO-8859-1'?"),
    '\0\0\0<',
  ],
  'not-well-formed': [
    `\uFEFF${GOOD}`,
    'HTTP/1.1 400 Bad Request\r\n\r\n',
    GOOD.replace("'1.0'?", "'2.0'?"),
    `<stream:stream ${STREAM} id='1' id='2'>`,
    '</stream:stream>',
    Uint8Array.of(0x15, 0x03, 0x01, 0x00, 0x02, 0x02, 0x28),
  ],
  'bad-namespace-prefix': [
    "<stream:stream version='1.0'>",
    `<stream:stream ${STREAM} xmlns:xml='urn:x'>`,
    `<stream:stream ${STREAM} x:y='z'>`,
  ],
  'policy-violation': [
    `<stream:stream ${STREAM} ${Array.from({ length: 5000 }, (_, i) => `xmlns:p${i}='urn:x'`).join(' ')}>`,
    `<stream:stream ${STREAM} ${Array.from({ length: 5000 }, (_, i) => `a${i}=''`).join(' ')}>`,
    `<stream:stream ${STREAM} id='${'x'.repeat(70_000)}'>`,
    `${' '.repeat(70_000)}${GOOD}`.trimEnd(),
  ],
};

test('a bad header: every refusal has its stream error, and nothing comes through', async (rig) => {
  for (const [condition, headers] of Object.entries(HEADERS)) {
    for (const text of headers) {
      const talk = await victim(rig);
      const peer = await IN_PLACE_OF_THE_HEADER.reach(talk);
      await peer.write(bytes(text, BEHIND));
      await refuses(talk, peer, IN_PLACE_OF_THE_HEADER, condition);
      assert.equal(talk.heard, [], String(text).slice(0, 100));
    }
  }
});

const SASL = 'urn:ietf:params:xml:ns:xmpp-sasl';
const MECHANISMS = `xmlns='${SASL}'><mechanism>ANONYMOUS</mechanism>`;

/** The same session in other words. */
const SPELLINGS: Readonly<Record<string, readonly string[]>> = {
  'prefixes for everything': [
    `<s:stream xmlns:s='${NS.stream}' xmlns='jabber:client' version='1.0'><s:features><m:mechanisms xmlns:m='${SASL}'><m:mechanism>ANONYMOUS</m:mechanism></m:mechanisms></s:features>`,
    `<jabber:success xmlns:jabber='${SASL}'/>`,
    `<s:stream xmlns:s='${NS.stream}' xmlns='jabber:client' version='1.0'><s:features><b:bind xmlns:b='${NS.bind}'/></s:features>`,
    `<c:iq xmlns:c='jabber:client' xmlns='urn:x' type='result' id='bind'><b:bind xmlns:b='${NS.bind}'><b:jid>romeo@localhost/x</b:jid></b:bind></c:iq>`,
    "<c:message xmlns:c='jabber:client' xmlns='urn:x' id='one'/>",
  ],
  'no prefix and no content namespace': [
    `<stream xmlns='${NS.stream}' version='1.0'><features><mechanisms ${MECHANISMS}</mechanisms></features>`,
    `<success xmlns='${SASL}'/>`,
    `<stream xmlns='${NS.stream}' version='1.0'><features><bind xmlns='${NS.bind}'/></features>`,
    `<iq xmlns='jabber:client' type='result' id='bind'><bind xmlns='${NS.bind}'><jid>romeo@localhost/x</jid></bind></iq>`,
    "<message xmlns='jabber:client' id='one'/>",
  ],
  'the prefix of streams for something else': [
    `<stream:stream xmlns:stream='${NS.stream}' xmlns='jabber:client' version='1.0'><features xmlns='${NS.stream}'><mechanisms ${MECHANISMS}</mechanisms></features>`,
    `<stream:success xmlns:stream='${SASL}'/>`,
    `<stream:stream xmlns:stream='${NS.stream}' xmlns='jabber:client' version='1.0'><stream:features><stream:bind xmlns:stream='${NS.bind}'/></stream:features>`,
    `<stream:iq xmlns:stream='jabber:client' type='result' id='bind'><bind xmlns='${NS.bind}'><jid>romeo@localhost/x</jid></bind></stream:iq>`,
    `<stream:message xmlns:stream='jabber:client' id='one'/>`,
  ],
};

for (const [name, [first = '', success = '', second = '', iq = '', stanza = '']] of Object.entries(SPELLINGS)) {
  test(`namespaces are what counts, not prefixes: ${name}`, async (rig) => {
    const talk = await victim(rig, { mechanisms: ['ANONYMOUS'], streamManagement: false });
    const started = talk.client.start();
    const peer = await talk.next();
    await peer.header();
    await peer.send(first);
    await peer.expect('auth');
    await peer.send(success);
    await peer.header();
    await peer.send(second);
    await peer.expect('iq');
    await peer.send(iq);
    await started;
    await peer.send(`${stanza}<iq xmlns="jabber:client" type="get" id="done"><x xmlns="urn:x"/></iq>`);
    await peer.expect('iq');
    assert.equal(talk.heard.slice(0, 2), ['filtered one', 'one']);
  });
}

// More than anybody needs.

/** Bytes in use once the garbage is gone, of the heap and beside it. */
function inUse(): number {
  (globalThis as { gc?: () => void }).gc?.();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

/** Sends one chunk over and over, as fast as it is taken. */
async function flood(socket: Duplex, chunk: string, total: number): Promise<void> {
  const piece = Buffer.from(chunk.repeat(Math.ceil((64 * 1024) / chunk.length)));
  for (let sent = 0; sent < total && socket.writable; sent += piece.length) {
    if (!socket.write(piece)) await writable(socket);
  }
}

function writable(socket: Duplex): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      socket.off('drain', done).off('close', done);
      resolve();
    };
    socket.on('drain', done).on('close', done);
  });
}

const MANY = Array.from({ length: 100_000 }, (_, i) => ` a${i}=""`).join('');
const PREFIXES = Array.from({ length: 100_000 }, (_, i) => ` xmlns:p${i}="urn:${i}"`).join('');

/** What begins, what goes on, and for how many bytes. */
const ENDLESS: Readonly<Record<string, readonly [start: string, rest: string, total: number]>> = {
  'nesting of 100,000': ['<message>', '<a>', 300_000],
  'an attribute of 50 MB': ['<message id="', 'x', 50 * MiB],
  'a stanza of 200 MB': ['<message><body>', 'x', 200 * MiB],
  // An element takes some hundred bytes, and can be written with four.
  'a stanza of elements': ['<message>', '<a/>', 100 * MiB],
  'a stanza of references': ['<message><body>', '&lt;', 64 * MiB],
  'a name without an end': ['<', 'm', 64 * MiB],
  'a footer without an end': ['</stream:stream', ' ', 64 * MiB],
  '100,000 attributes': [`<message${MANY}`, ' ', MiB],
  '100,000 namespaces': [`<message${PREFIXES}`, ' ', MiB],
  'a stream error of 50 MB': [`<stream:error><text xmlns='${STREAM_ERRORS}'>`, 'x', 50 * MiB],
};

/** What is told once is told at every place. */
const EVERYWHERE = ['nesting of 100,000', 'a stanza of elements'];

for (const place of PLACES) {
  for (const [name, [start, rest, total]] of Object.entries(ENDLESS)) {
    if (place !== ONLINE && !EVERYWHERE.includes(name)) continue;
    test(`a bounded stanza: ${name} ${place.name} is refused, and not kept`, async (rig) => {
      const talk = await victim(rig);
      const peer = await place.reach(talk);
      const before = inUse();
      await peer.send(start);
      await flood(peer.socket, rest, total);
      const growth = inUse() - before;
      assert.ok(growth < 48 * MiB, `${growth} bytes are kept`);
      await refuses(talk, peer, place, 'policy-violation');
      assert.equal(talk.heard, []);
    });
  }
}

test('a bounded header: one that has no end is refused, and not kept', async (rig) => {
  for (const [start, rest] of [
    ['', ' '],
    ['<?xml ', 'x'],
    ["<stream:stream id='", 'x'],
  ] as const) {
    const talk = await victim(rig);
    const peer = await IN_PLACE_OF_THE_HEADER.reach(talk);
    const before = inUse();
    await peer.send(start);
    await flood(peer.socket, rest, 64 * MiB);
    assert.ok(inUse() - before < 48 * MiB, start);
    await refuses(talk, peer, IN_PLACE_OF_THE_HEADER, 'policy-violation');
  }
});

test('white space between stanzas is a sign of life, and takes no memory', async (rig) => {
  const talk = await victim(rig);
  const peer = await ONLINE.reach(talk);
  const before = inUse();
  await flood(peer.socket, ' \r\n\t', 32 * MiB);
  while ((talk.sockets[0]?.bytesRead ?? 0) < 32 * MiB) await new Promise(setImmediate);
  assert.ok(inUse() - before < 24 * MiB);
  for (let minutes = 0; minutes < 30; minutes += 1) {
    await arrived(talk, peer, ' ');
    talk.clock.advance(MINUTE - 1);
  }
  await peer.send(`${BEHIND}<iq type="get" id="done"><x xmlns="urn:x"/></iq>`);
  await peer.expect(({ name }) => name === 'iq');
  assert.is(talk.client.phase, 'online');
  assert.is(talk.heard.filter((name) => name === 'behind').length, 2);
});

// Slowly.

/** Sends something that the client has read when it returns. */
async function arrived({ sockets }: Victim, peer: Peer, text: string): Promise<void> {
  const socket = sockets.at(-1);
  const expected = (socket?.bytesRead ?? 0) + text.length;
  await peer.send(text);
  while ((socket?.bytesRead ?? 0) < expected) await new Promise(setImmediate);
}

const DRIPS: readonly (readonly [place: Place, start: string])[] = [
  [IN_PLACE_OF_THE_HEADER, '<stream:stream '],
  [IN_PLACE_OF_THE_HEADER, ''],
  [BEFORE_AUTHENTICATION, '<stream:features'],
  [BEFORE_AUTHENTICATION, ''],
  // A second header, and all that would follow it.
  [
    BEFORE_AUTHENTICATION,
    `<stream:stream ${STREAM}><stream:features><mechanisms ${MECHANISMS}</mechanisms></stream:features>`,
  ],
  [BEFORE_BINDING, '<iq type="result" id="bind"'],
  [BEFORE_BINDING, ''],
];

for (const [place, start] of DRIPS) {
  test(`a deadline for a byte a second ${place.name}: ${start.slice(0, 20) || 'white space'}`, async (rig) => {
    const talk = await victim(rig);
    const peer = await place.reach(talk);
    await arrived(talk, peer, start);
    for (let seconds = 1; seconds <= 60; seconds += 1) {
      assert.equal(talk.journal.read(), [], `after ${seconds} seconds`);
      await arrived(talk, peer, ' ');
      talk.clock.advance(SECOND);
    }
    talk.clock.advance(FAREWELL);
    await fails(talk, place.stage, { kind: 'timeout', retry: 'backoff' });
    assert.equal(talk.heard, []);
    assert.ok(talk.sockets[0]?.destroyed);
  });
}

for (const start of ['<message><body>', '<message id="', `<stream:stream ${STREAM}>`]) {
  test(`a stanza without an end is no sign of life for ever: ${start.slice(0, 20)}`, async (rig) => {
    const talk = await victim(rig);
    const peer = await ONLINE.reach(talk);
    await arrived(talk, peer, start);
    let minutes = 0;
    for (; talk.journal.read().length === 0 && minutes < 60; minutes += 1) {
      await arrived(talk, peer, ' ');
      talk.clock.advance(MINUTE);
    }
    assert.ok(minutes > 10 && minutes < 15, `${minutes} minutes`);
    const failure = talk.client.getSnapshot().failure;
    assert.equal([failure?.kind, failure?.stage, failure?.retry], ['timeout', 'online', 'backoff']);
    assert.equal(talk.heard, []);
  });
}

// In its place, but not in its turn.

const STANZAS = [
  '<message id="early" from="localhost"><body>x</body></message>',
  '<presence id="early"/>',
  '<iq type="get" id="early"><x xmlns="urn:x"/></iq>',
  '<iq type="result" id="early"/>',
];

for (const place of [BEFORE_AUTHENTICATION, BEFORE_BINDING]) {
  test(`no stanza ${place.name} is delivered to anybody`, async (rig) => {
    for (const stanza of STANZAS) {
      const talk = await victim(rig);
      const peer = await place.reach(talk);
      await peer.send(stanza);
      await refuses(talk, peer, place, 'policy-violation');
      assert.equal(talk.heard, [], stanza);
    }
  });
}

test('no answer counts that was not asked for: one that could be anybody settles nothing of a session', async (rig) => {
  const talk = await victim(rig);
  const { client, clock, journal } = talk;
  const started = client.start();
  const first = await talk.next();
  await first.negotiate({ upTo: 'sm', tls: false });
  await started;
  const token = client.send(message(1));
  await said(first, 1);
  first.reset();
  await journal.until('suspended network');
  clock.advance(1);
  const second = await talk.next();
  await second.negotiate({ upTo: 'tls', tls: false });
  // Nobody knows yet who this is.
  for (const answer of [sm('a', { h: 1 }), sm('failed', { h: 1 }), sm('resumed', { previd: 'sm-1', h: 1 }), sm('r')]) {
    await second.send(answer);
  }
  assert.is((await asked(second, sm('sm'))).name, 'resume');
  assert.is(token.state, 'sent');
  await second.send(sm('a', { h: 1 }));
  await second.send(sm('resumed', { previd: 'sm-1', h: 0 }));
  assert.equal(await said(second, 1), [1], 'it is sent again');
  assert.not(journal.read().some((entry) => entry.startsWith('destroyed')));
  await second.send(sm('a', { h: 1 }));
  assert.is(await token, 'acked');
});

test('no answer counts that was not asked for: none of stream management or binding touches a session', async (rig) => {
  const talk = await victim(rig);
  const peer = await ONLINE.reach(talk);
  await peer.send(el('enabled', { xmlns: NS.sm, id: 'x', resume: 'true' }));
  await peer.send(bound(el('iq', { id: 'bind' })));
  await peer.send('<iq type="get" id="done"><x xmlns="urn:x"/></iq>');
  assert.is((await peer.expect('iq')).attr('id'), 'done');
  assert.is(talk.client.phase, 'online');
});

// Stream errors.

const streamError = (content: string) => `<stream:error>${content}</stream:error></stream:stream>`;
const defined = (name: string, text = '') => `<${name} xmlns='${STREAM_ERRORS}'>${text}</${name}>`;

const ERRORS: readonly (readonly [content: string, condition: string, retry?: string])[] = [
  ['', 'undefined-condition'],
  ['just text', 'undefined-condition'],
  ["<surprise xmlns='urn:x'/>", 'undefined-condition'],
  [defined('surprise'), 'surprise'],
  [defined('constructor'), 'constructor'],
  [defined('__proto__'), '__proto__'],
  [defined('x'.repeat(5000)), 'x'.repeat(5000)],
  [`${defined('policy-violation')}${defined('conflict')}`, 'policy-violation'],
  [`${defined('policy-violation')}${defined('text', 'ha'.repeat(25_000))}`, 'policy-violation'],
];

for (const place of PLACES) {
  test(`a stream error ${place.name}, whatever it says, is a failure like any`, async (rig) => {
    for (const [content, condition] of ERRORS) {
      const talk = await victim(rig);
      const peer = await place.reach(talk);
      await peer.send(streamError(content) + BEHIND);
      await fails(talk, place.stage, { kind: 'stream', condition, retry: 'backoff' });
      assert.equal(talk.heard, []);
      assert.ok(talk.sockets[0]?.destroyed);
    }
  });
}

const NOWHERE = [
  '',
  ' ',
  ':',
  '::1',
  '[::1',
  'a b',
  'http://evil.example/',
  'host:0',
  'host:65536',
  'host:1:2',
  'a/b',
  '&lt;',
  '@',
];

test('a redirection to nonsense is none', async (rig) => {
  for (const host of [...NOWHERE, 'x'.repeat(254), 'x'.repeat(1_000_000)]) {
    const talk = await victim(rig);
    const peer = await ONLINE.reach(talk);
    await peer.send(streamError(defined('see-other-host', host)));
    await fails(talk, 'online', { kind: 'stream', condition: 'see-other-host', retry: 'backoff' });
    assert.is(talk.client.actor.getSnapshot().context.redirect, null, host.slice(0, 20));
  }
});

test('a redirection for ever is followed five times in a row, and then there is a pause', async (rig) => {
  const clock = new ManualClock();
  const server = await rig.scripted(async (peer) => {
    await peer.open();
    await peer.send(streamError(defined('see-other-host', `host-${peer.number}.example:${server.port}`)));
  });
  const hosts: string[] = [];
  const { client, journal } = rig.client(server, {
    clock,
    tls: 'off',
    resolveSrv: async () => [],
    connect: async ({ host, source }, { signal }) => {
      if (source === 'fallback') throw Object.assign(new Error('refused'), { syscall: 'connect' });
      hosts.push(host);
      return dial(server.endpoint, { signal });
    },
  });
  client.start().catch(() => {});
  for (const round of [1, 2, 3]) {
    await journal.until(`waiting ${round} see-other-host`);
    assert.is(hosts.length, 6 * round);
    clock.next();
  }
});

test.run();
