/** Every way in which a server ends a connection or makes the client end it, and what the client does then (B.5, B.6). */
import * as assert from 'uvu/assert';
import { SimulatedClock } from 'xstate';
import { type ClientOptions, ConnectionError, type Element, el, type Failure, xml } from '../../src/index.ts';
import type { Peer } from '../../src/testing/peer.ts';
import type { NegotiateOptions } from '../../src/testing/prologue.ts';
import { asked, bound, dialogue, NS, online, segment, sm } from './dialogue.ts';
import { JID, type Rig, sockets } from './rig.ts';
import { reach, STEPS } from './steps.ts';

const test = sockets('sockets/failure');

const NO_SM = { upTo: 'bind' } as const;

/** The client ends the stream with this stream error and nothing else. RFC 6120 §4.9 */
async function accused(peer: Peer, condition: string): Promise<void> {
  const error = await peer.expect('error');
  assert.ok(error.is('error', NS.stream));
  assert.equal([error.elements[0]?.name, error.elements[0]?.namespace], [condition, NS.streamErrors]);
  await ended(peer);
}

/** The client ends the stream, and the server has no objections. */
async function ended(peer: Peer): Promise<void> {
  await farewell(peer);
  await peer.close();
}

async function farewell(peer: Peer): Promise<void> {
  let last = await peer.next();
  if (last.is('a', NS.sm)) last = await peer.next();
  assert.is(last.name, '/stream');
}

/** The server ends the stream with this stream error, and hears the client's footer. */
async function accuse(peer: Peer, condition: string, text?: string): Promise<void> {
  const words = text && el('text', { xmlns: NS.streamErrors }, text);
  await peer.send(el('error', { xmlns: NS.stream }, el(condition, { xmlns: NS.streamErrors }), words));
  await ended(peer);
}

/** The server takes the client's session back. */
async function takeBack(peer: Peer): Promise<void> {
  const request = await asked(peer, sm('sm'));
  assert.equal([request.name, request.attr('previd')], ['resume', 'sm-1']);
  await peer.send(sm('resumed', { previd: 'sm-1', h: 0 }));
}

/** The client asks for a new session and not for its last one. */
async function anew(peer: Peer): Promise<void> {
  const request = await asked(peer, sm('sm'));
  assert.is(request.name, 'iq');
  await peer.send(bound(request));
  await peer.expect('enable');
  await peer.send(sm('enabled', { id: 'sm-2', resume: 'true' }));
}

interface End {
  readonly name: string;
  readonly end: (peer: Peer) => Promise<unknown>;
  /** What is to blame, in the words of the journal. */
  readonly why: string;
}

const streamError = (condition: string): End => ({
  name: `the stream error ${condition}`,
  end: (peer) => accuse(peer, condition),
  why: condition,
});

const ENDS: readonly End[] = [
  streamError('system-shutdown'),
  streamError('policy-violation'),
  streamError('host-unknown'),
  streamError('undefined-condition'),
  streamError('of-tomorrow'),
  {
    name: 'a stream error without a condition',
    end: async (peer) => {
      await peer.send('<stream:error/></stream:stream>');
      await farewell(peer);
    },
    why: 'undefined-condition',
  },
  {
    name: 'a stream error and FIN',
    end: (peer) => peer.error('reset'),
    why: 'reset',
  },
  {
    name: 'the footer',
    end: async (peer) => {
      await peer.send('</stream:stream>');
      await farewell(peer);
    },
    why: 'stream',
  },
  { name: 'the footer and FIN', end: (peer) => peer.close(), why: 'stream' },
  { name: 'FIN without a footer (E-3)', end: async (peer) => peer.end(), why: 'network' },
  { name: 'RST', end: async (peer) => peer.reset(), why: 'network' },
];

for (const { name, end, why } of ENDS) {
  test(`B.5, E-15 ${name}: suspended, a pause, and back in the session`, async (rig) => {
    const clock = new SimulatedClock();
    const { peer, next, journal, dialed } = await online(rig, { clock });
    await end(peer);
    await journal.until(`waiting 1 ${why}`);
    assert.equal(journal.read(), [`suspended ${why}`, `waiting 1 ${why}`]);
    assert.is(dialed.length, 1);
    clock.increment(1);
    await takeBack(await next());
    await journal.until('online again');
    assert.equal(journal.read(), ['resumed', 'online again']);
  });

  test(`B.5, E-15 ${name}: without stream management, a pause and a new session`, async (rig) => {
    const { peer, next, journal } = await online(rig, {}, NO_SM);
    await end(peer);
    await journal.until(`waiting 1 ${why}`);
    assert.equal(journal.read(), [`suspended ${why}`, `destroyed ${why}`, `waiting 1 ${why}`]);
    await (await next()).negotiate({ ...NO_SM, tls: false });
    await journal.until('online anew');
    assert.equal(journal.read(), ['established', 'online anew']);
  });
}

test('B.5: the footer is answered before the connection is closed (P-18)', async (rig) => {
  const { peer } = await online(rig, {}, NO_SM);
  await peer.send('</stream:stream>');
  await peer.expect('/stream');
  assert.is(await peer.closed(), 'fin');
});

/** What messages say that come in on a client's connection. */
function bodies({ client }: Awaited<ReturnType<typeof online>>): (string | undefined)[] {
  const heard: (string | undefined)[] = [];
  client.on('message', ({ body }) => heard.push(body));
  return heard;
}

const saying = (body: string) => xml`<message from="juliet@localhost"><body>${body}</body></message>`;

const SMALL: Partial<ClientOptions> = {
  limits: { online: { stanzaBytes: 1_000, depth: 5, attributes: 5, attributeLength: 100 } },
};

const VIOLATIONS: readonly (readonly [name: string, text: string | Uint8Array, condition: string])[] = [
  ['a tag closed by another', '<message></presence>', 'not-well-formed'],
  ['an attribute that comes twice', '<message id="1" id="2"/>', 'not-well-formed'],
  ['a character that XML forbids', '<message><body>&#1;</body></message>', 'not-well-formed'],
  ['a comment', '<!-- hello -->', 'restricted-xml'],
  ['a processing instruction', '<?hello world?>', 'restricted-xml'],
  ['a DTD', '<!DOCTYPE message [<!ENTITY lol "lol">]>', 'restricted-xml'],
  ['an entity', '<message><body>&lol;</body></message>', 'restricted-xml'],
  ['text between stanzas', 'hello', 'bad-format'],
  ['an unknown element', '<hello xmlns="urn:example"/>', 'unsupported-stanza-type'],
  ['an unknown element of the stream', '<stream:hello/>', 'unsupported-stanza-type'],
  ['a stanza of servers', '<message xmlns="jabber:server"/>', 'unsupported-stanza-type'],
  ['a prefix that nobody declared', '<x:message/>', 'bad-namespace-prefix'],
  ['bad UTF-8', Buffer.from([...Buffer.from('<message><body>'), 0xc3, 0x28]), 'unsupported-encoding'],
  ['a stanza over the limit', `<message><body>${'x'.repeat(1_000)}</body></message>`, 'policy-violation'],
  ['a stanza without an end', `<message><body>${'x'.repeat(100_000)}`, 'policy-violation'],
  ['a stanza too deep', '<a>'.repeat(6), 'policy-violation'],
  ['too many attributes', '<message a="" b="" c="" d="" e="" f=""/>', 'policy-violation'],
  ['an attribute too long', `<message id="${'x'.repeat(101)}"/>`, 'policy-violation'],
];

for (const [name, text, condition] of VIOLATIONS) {
  test(`B.5 ${name}: the stream error ${condition}, and the session is given up`, async (rig) => {
    const talk = await online(rig, SMALL);
    const { peer, next, journal } = talk;
    const heard = bodies(talk);
    await peer.write(Buffer.concat([saying('before'), text, saying('behind')].map((part) => bytes(part))));
    await accused(peer, condition);
    await journal.until(`waiting 1 ${condition}`);
    assert.equal(journal.read(), [`suspended ${condition}`, `destroyed ${condition}`, `waiting 1 ${condition}`]);
    await anew(await next());
    await journal.until('online anew');
    assert.equal(heard, ['before']);
  });
}

const bytes = (part: Element | string | Uint8Array) => (part instanceof Uint8Array ? part : Buffer.from(String(part)));

test('B.5: white space between stanzas is nothing', async (rig) => {
  const talk = await online(rig);
  const heard = bodies(talk);
  await talk.peer.send(segment(' \n\t', saying('one'), '   ', saying('two'), '\r\n'));
  await talk.client.once('message');
  if (heard.length < 2) await talk.client.once('message');
  assert.equal(heard, ['one', 'two']);
  assert.equal(talk.journal.read(), []);
});

test('nothing behind the footer is read', async (rig) => {
  for (const behind of [segment(saying('late')), '<!-- late -->', '<late']) {
    const talk = await online(rig);
    const heard = bodies(talk);
    await talk.peer.send(`</stream:stream>${behind}`);
    await ended(talk.peer);
    await talk.journal.until('waiting 1 stream');
    assert.equal(talk.journal.read(), ['suspended stream', 'waiting 1 stream']);
    assert.equal(heard, []);
    await talk.client.stop();
  }
});

test('whatever comes while the client leaves, it leaves', async (rig) => {
  for (const late of ['<hello xmlns="urn:example"/></stream:stream>', 'hello</stream:stream>', '<broken', '']) {
    const { client, journal, peer } = await online(rig, { shutdownTimeout: 60_000 });
    const stopped = client.stop();
    await peer.expect('a');
    await peer.expect('/stream');
    await peer.send(late);
    peer.end();
    await stopped;
    assert.equal(journal.read(), ['destroyed -', 'stopped']);
    assert.not.match(peer.received, '<stream:error');
  }
});

const header = (attrs: string, tag = 'stream:stream') => `<?xml version='1.0'?><${tag} ${attrs}>`;
const USUAL = `xmlns='${NS.client}' xmlns:stream='${NS.stream}'`;

const HEADERS: readonly (readonly [name: string, text: string, condition: string])[] = [
  ['of another namespace', header(`xmlns:stream='urn:example' version='1.0'`), 'invalid-namespace'],
  ['of another name', header(`${USUAL} version='1.0'`, 'stream:flow'), 'invalid-namespace'],
  ['of another document', '<html><body>', 'invalid-namespace'],
  ['without a version', header(USUAL), 'unsupported-version'],
  ['of version 0.9', header(`${USUAL} version='0.9'`), 'unsupported-version'],
  ['of version 2.0', header(`${USUAL} version='2.0'`), 'unsupported-version'],
  ['of another protocol', 'HTTP/1.1 400 Bad Request\r\n\r\n', 'not-well-formed'],
  ['behind a DTD', `<!DOCTYPE stream>${header(`${USUAL} version='1.0'`)}`, 'restricted-xml'],
];

for (const [name, text, condition] of HEADERS) {
  test(`a header ${name}: ${condition}`, async (rig) => {
    const { client, next, journal } = await dialogue(rig);
    client.start();
    const peer = await next();
    await peer.header();
    await peer.send(text);
    await accused(peer, condition);
    await journal.until(`waiting 1 ${condition}`);
    const { kind, stage, retry } = client.getSnapshot().failure as Failure;
    assert.equal([kind, stage, retry], ['protocol', 'stream', 'backoff']);
    await (await next()).negotiate({ ...NO_SM, tls: false });
    await journal.until('online anew');
  });
}

for (const version of ['1.1', '1.23']) {
  test(`E-24: version ${version} is understood`, async (rig) => {
    const { client, next } = await dialogue(rig);
    const started = client.start();
    const peer = await next();
    await peer.open({ version });
    await peer.features(el('mechanisms', { xmlns: NS.sasl }, el('mechanism', {}, 'SCRAM-SHA-1')));
    await peer.expect('auth');
    await Promise.all([client.stop(), ended(peer), started.catch(() => {})]);
  });
}

/** A client at a stage of its login; the peer has answered the header that follows. */
async function loggingIn(rig: Rig, upTo: NegotiateOptions['upTo'], options: Partial<ClientOptions> = {}) {
  const talk = await dialogue(rig, options);
  talk.client.start().catch(() => {});
  const peer = await talk.next();
  await peer.negotiate({ upTo, tls: false });
  return { ...talk, peer };
}

test('B.5: a stream error before the features belongs to the endpoint', async (rig) => {
  const { client, peer, journal, dialed } = await loggingIn(rig, 'tls');
  await accuse(peer, 'host-unknown', 'who?');
  await journal.until('waiting 1 host-unknown');
  const [first] = (client.getSnapshot().failure as Failure).attempts ?? [];
  assert.equal([first?.kind, first?.stage, first?.text], ['stream', 'stream', 'who?']);
  assert.equal(
    dialed.slice(0, 2).map(({ source }) => source),
    ['application', 'fallback'],
  );
});

test('B.6: a conflict during the login is permanent as well', async (rig) => {
  const { peer, journal, dialed } = await loggingIn(rig, 'auth');
  await accuse(peer, 'conflict');
  await journal.until('failure conflict');
  assert.equal(journal.read(), ['failure conflict']);
  assert.is(dialed.length, 1);
});

for (const upTo of ['tls', 'auth'] as const) {
  test(`C.8.16: a stanza behind the stage ${upTo} comes before binding, and nobody hears of it`, async (rig) => {
    const talk = await loggingIn(rig, upTo);
    const heard = bodies(talk);
    await talk.peer.send(saying('too early'));
    await accused(talk.peer, 'policy-violation');
    await talk.journal.until('waiting 1 policy-violation');
    assert.equal(heard, []);
  });
}

test('C.8.16: a stanza in place of the bound resource', async (rig) => {
  const { client, next, journal } = await dialogue(rig);
  client.on('message', () => assert.unreachable());
  client.start();
  const peer = await next();
  const request = await asked(peer);
  await peer.send(segment(saying('too early'), bound(request)));
  await accused(peer, 'policy-violation');
  await journal.until('waiting 1 policy-violation');
  assert.equal(journal.read(), ['waiting 1 policy-violation']);
});

test('restricted XML during the login', async (rig) => {
  const { peer, journal } = await loggingIn(rig, 'tls');
  await peer.send('<!-- hello -->');
  await accused(peer, 'restricted-xml');
  await journal.until('waiting 1 restricted-xml');
});

test('a server that was not authenticated may say less', async (rig) => {
  const { peer, journal } = await loggingIn(rig, 'tls');
  await peer.send(`<stream:features><x xmlns='urn:example'>${'x'.repeat(64 * 1024)}</x></stream:features>`);
  await accused(peer, 'policy-violation');
  await journal.until('waiting 1 policy-violation');
});

/** Answers the first request for a resource like that. */
async function refuseBinding(rig: Rig, answer: (request: Element) => Element) {
  const talk = await dialogue(rig);
  const started = talk.client.start();
  const peer = await talk.next();
  await peer.send(answer(await asked(peer)));
  await ended(peer);
  return { ...talk, started };
}

const bindError = (type: string, condition: string) => (request: Element) => {
  const error = el('error', { type }, el(condition, { xmlns: NS.stanzaErrors }));
  return el('iq', { type: 'error', id: request.attr('id') }, error);
};

for (const [type, condition] of [
  ['cancel', 'conflict'],
  ['cancel', 'not-allowed'],
  ['modify', 'bad-request'],
] as const) {
  test(`B.6: binding refused with ${condition} is permanent, and the same everywhere`, async (rig) => {
    const { started, journal, dialed } = await refuseBinding(rig, bindError(type, condition));
    const error = await started.catch((error) => error);
    assert.instance(error, ConnectionError);
    const { kind, stage, retry } = error.failure;
    assert.equal([kind, stage, retry], ['bind', 'bind', 'user']);
    assert.equal(journal.read(), [`failure ${condition}`]);
    assert.is(dialed.length, 1);
  });
}

test('B.6: binding that has to wait waits', async (rig) => {
  const { started, journal, next } = await refuseBinding(rig, bindError('wait', 'resource-constraint'));
  await journal.until('waiting 1 resource-constraint');
  await (await next()).negotiate({ ...NO_SM, tls: false });
  await started;
});

const jid = (text: string) => (request: Element) =>
  el('iq', { type: 'result', id: request.attr('id') }, el('bind', { xmlns: NS.bind }, el('jid', {}, text)));

for (const [name, answer] of [
  ['a bare JID', jid(JID)],
  ['no JID', jid('@/')],
  ['nothing', (request: Element) => el('iq', { type: 'result', id: request.attr('id') })],
] as const) {
  test(`${name} in place of the bound one breaks the rules`, async (rig) => {
    const { started, journal, next } = await refuseBinding(rig, answer);
    await journal.until('waiting 1 protocol');
    await (await next()).negotiate({ ...NO_SM, tls: false });
    await started;
  });
}

for (const step of STEPS) {
  for (const drop of ['fin', 'rst'] as const) {
    test(`B.5: ${drop} in place of ${step.name}`, async (rig) => {
      const { client, journal } = await reach(rig, step, drop);
      const { reason } = await client.once('waiting');
      const { stage, kind } = reason.attempts?.[0] ?? reason;
      assert.is(stage, step.stage);
      assert.ok(kind === 'network' || kind === 'tls');
      await journal.until(step.again ? 'online again' : 'online anew');
    });
  }
}

/** Milliseconds of simulated time that `count` attempts take. */
async function timeFor(rig: Rig, count: number, script: (peer: Peer) => Promise<unknown>, random: number) {
  const clock = new SimulatedClock();
  const server = await rig.scripted(script);
  const options = { clock, tls: 'off', random: () => random, backoff: {}, maxInitialAttempts: null } as const;
  const { client, dialed } = rig.client(server, options);
  client.start().catch(() => {});
  let time = 0;
  for (let n = 1; n <= count; n += 1) {
    const { delay } = await client.once('waiting');
    assert.is(dialed.filter(({ source }) => source === 'application').length, n);
    time += delay;
    setImmediate(() => clock.increment(delay));
  }
  return time;
}

const accept = async (peer: Peer) => peer.end();

const acceptAndBind = async (peer: Peer) => {
  await peer.negotiate({ upTo: 'bind', tls: false });
  peer.end();
};

test('C.8.9: a server that accepts and closes is tried 20 times in the first minute at most', async (rig) => {
  assert.ok((await timeFor(rig, 20, accept, 0.5)) > 60_000);
});

test('C.8.9: nor more often when a session comes about', async (rig) => {
  assert.ok((await timeFor(rig, 20, acceptAndBind, 0.5)) > 60_000);
});

test('C.8.9: whatever the dice say, there is a pause, and pauses grow', async (rig) => {
  assert.ok((await timeFor(rig, 28, accept, 0)) > 60_000);
});

test.run();
