import type { Duplex } from 'node:stream';
import * as assert from 'uvu/assert';
import type { InboundSession } from '../../src/client/inbound.ts';
import { Link, type LinkOptions } from '../../src/client/link.ts';
import type { Session } from '../../src/client/session.ts';
import { type DeliveryState, Outgoing } from '../../src/client/token.ts';
import { Tap } from '../../src/stream/tap.ts';
import { type Element, el } from '../../src/xml/element.ts';
import { CONNECT_LIMITS, ONLINE_LIMITS } from '../../src/xml/parser.ts';
import { suite } from '../harness.ts';
import { endpoint } from '../machines/samples.ts';
import { FakeSocket, settle } from '../stream/socket.ts';
import { HEADER } from '../xml/transcript.ts';
import { Deferred, statesOf } from './rig.ts';

const test = suite('client/link');

const SM = 'xmlns="urn:xmpp:sm:3"';

type Told = Parameters<ConstructorParameters<typeof Link>[4]>[0];

/** A link over a fake socket: what it tells the charts, and the stanzas it hands on. */
function setUp(held: Session | null = null, options: Partial<LinkOptions> = {}) {
  const socket = new FakeSocket();
  const told: Told[] = [];
  const received: [stanza: Element, session: InboundSession][] = [];
  const time = { now: 1000 };
  const link = new Link(
    endpoint('a'),
    {
      domain: 'example.org',
      from: 'me@example.org',
      lang: null,
      tls: {},
      connect: async () => socket,
      dial: {},
      limits: { connecting: CONNECT_LIMITS, online: ONLINE_LIMITS },
      keepElements: false,
      tap: new Tap(),
      now: () => time.now,
      ...options,
    },
    { receive: (stanza, session) => received.push([stanza, session]), sent() {}, acked() {}, drained() {} },
    held,
    (event) => told.push(event),
  );
  const types = () => told.splice(0).map(({ type }) => type);
  const names = () => received.map(([stanza]) => stanza.attr('id') ?? stanza.name);
  const written = async () => {
    await settle();
    return socket.written.splice(0).join('');
  };
  const receive = async (text: string) => {
    socket.receive(text);
    await settle();
  };
  const send = (...texts: string[]) =>
    texts.map((text) => {
      const token = new Outgoing(text, el('message', { id: text }), () => {});
      link.transmit(token, token.element as Element);
      return token;
    });
  return { link, socket, told, received, time, types, names, written, receive, send };
}

const BOUND =
  '<iq type="result" id="bind"><bind xmlns="urn:ietf:params:xml:ns:xmpp-bind"><jid>me@example.org/x</jid></bind></iq>';

/** A link whose stream is open and whose resource is bound. */
async function bound() {
  const parts = setUp();
  await settle();
  await parts.receive(HEADER);
  parts.link.command({ kind: 'bind', resource: null });
  await parts.receive(BOUND);
  return parts;
}

/** The same with stream management, and the gate open. */
async function managed() {
  const parts = await bound();
  parts.link.command({ kind: 'enable', resume: true, max: null });
  await parts.receive(`<enabled ${SM} id="x" resume="true"/>`);
  parts.link.open('online');
  await parts.written();
  parts.types();
  return parts;
}

/** What the link complains about, and what it would tell the server. */
const violation = (event: Told | undefined) =>
  event?.type === 'stream.violation' ? [event.failure.kind, event.failure.stage, event.error] : event;

// Connecting.

test('dials where it was told to', async () => {
  const asked: unknown[] = [];
  const { types } = setUp(null, {
    connect: async (where, { signal }) => {
      asked.push(where, signal.aborted);
      return new FakeSocket();
    },
  });
  await settle();
  assert.equal(asked, [endpoint('a'), false]);
  assert.equal(types(), ['transport.connected']);
});

test('says why it could not dial', async () => {
  const { told } = setUp(null, {
    connect: () => Promise.reject(Object.assign(new Error('no'), { code: 'ECONNREFUSED', syscall: 'connect' })),
  });
  await settle();
  const [event] = told;
  assert.equal(event?.type === 'transport.lost' && [event.failure.kind, event.failure.stage], ['network', 'connect']);
});

test('destroyed while it dials it leaves nothing open and says nothing', async () => {
  const late = new Deferred<Duplex>();
  let signal: AbortSignal | undefined;
  const { link, told } = setUp(null, {
    connect: (_, options) => {
      signal = options.signal;
      return late.promise;
    },
  });
  link.destroy();
  assert.ok(signal?.aborted);
  const socket = new FakeSocket();
  late.resolve(socket);
  await settle();
  assert.ok(socket.destroyed);
  assert.equal(told, []);
});

test('the name is not shown in clear', async () => {
  const { link, written } = setUp();
  await settle();
  link.command({ kind: 'header' });
  const header = await written();
  assert.match(header, 'to="example.org"');
  assert.not.match(header, 'from');
});

test('a connection that ends, by word or without, is told with where it stood', async () => {
  for (const end of [
    (socket: FakeSocket) => void socket.receive(null),
    (socket: FakeSocket) => void socket.receive(`${HEADER}</stream:stream>`),
    (socket: FakeSocket) => void socket.destroy(Object.assign(new Error('no'), { code: 'ECONNRESET' })),
    (socket: FakeSocket) => void socket.destroy(),
  ]) {
    const { socket, told } = setUp();
    await settle();
    end(socket);
    await settle();
    const last = told.at(-1);
    const failure = last && 'failure' in last ? last.failure : undefined;
    assert.equal([failure?.stage, failure?.retry], ['stream', 'backoff']);
  }
});

test('what breaks the rules is told with the error it deserves', async () => {
  for (const [xml, condition] of [
    ['<message/>', 'policy-violation'],
    ['<x xmlns="urn:x"/>', 'unsupported-stanza-type'],
    ['<proceed xmlns="urn:ietf:params:xml:ns:xmpp-tls"/>', 'unsupported-stanza-type'],
    ['<success xmlns="urn:ietf:params:xml:ns:xmpp-sasl"/>', 'unsupported-stanza-type'],
    ['<!-- -->', 'restricted-xml'],
    ['text', 'bad-format'],
  ] as const) {
    const { receive, told } = setUp();
    await settle();
    await receive(HEADER + xml);
    assert.equal(violation(told.at(-1)), ['protocol', 'stream', { condition }], xml);
  }
});

// Stanzas in.

test('stanzas between binding and the opening of the gate are delivered first, in order', async () => {
  const { link, names, receive } = await bound();
  await receive('<message id="1"/><presence id="2"/>');
  assert.equal(names(), []);
  link.open('prepare');
  await receive('<message id="3"/>');
  assert.equal(names(), ['1', '2', '3']);
});

test('what came before <enabled/> is not counted', async () => {
  const { link, received, receive } = await bound();
  link.command({ kind: 'enable', resume: true, max: null });
  await receive(`<message id="1"/><enabled ${SM}/><message id="2"/>`);
  link.open('online');
  await receive('<message id="3"/>');
  assert.is(received.length, 3);
  for (const [, session] of received) session.handled();
  assert.is(link.session.ledger.handled, 2);
});

test('a stanza knows only the connection it came by', async () => {
  const first = await managed();
  await first.receive('<message/>');
  const old = first.received[0]?.[1];
  assert.ok(old?.connected);
  first.link.destroy();
  assert.not(old?.connected);
  const { session } = first.link;
  const second = setUp(session);
  await settle();
  await second.receive(`${HEADER}<resumed ${SM} previd="x" h="0"/>`);
  second.link.resume();
  second.link.open('online');
  await second.receive('<message/>');
  const next = second.received[0]?.[1];
  assert.ok(next?.connected);
  assert.not(old?.connected, 'the old one stays where it was');
  assert.is(next?.signal, old?.signal);
  session.end();
  assert.not(next?.connected);
  assert.ok(next?.signal.aborted);
});

test('an acknowledgement says how much was handled, at once', async () => {
  const { link, written, receive } = await managed();
  link.handled();
  link.handled();
  await receive(`<r ${SM}/>`);
  assert.is(await written(), `<a ${SM} h="2"/>`);
});

// Stanzas out.

test('without stream management nobody will ever say', async () => {
  const { link, written, send } = await bound();
  await written();
  link.open('online');
  assert.equal(statesOf(send('1')), ['unconfirmed']);
  assert.is(await written(), '<message id="1"/>');
});

test('a burst is asked about in the same breath, and told of at its edges', async () => {
  const { written, types, receive, send } = await managed();
  const tokens = send('1', '2');
  assert.equal(types(), ['flow.waiting']);
  assert.is(await written(), `<message id="1"/><message id="2"/><r ${SM}/>`);
  await receive(`<a ${SM} h="1"/>`);
  assert.equal([statesOf(tokens), types()], [['acked', 'sent'], []]);
  await receive(`<a ${SM} h="2"/>`);
  assert.equal([statesOf(tokens), types()], [['acked', 'acked'], ['flow.drained']]);
  await receive(`<a ${SM} h="2"/>`);
  assert.equal(types(), []);
});

test('what goes out while an answer is due is asked about when it is there', async () => {
  const { written, receive, send } = await managed();
  send('1');
  assert.is(await written(), `<message id="1"/><r ${SM}/>`);
  send('2');
  assert.is(await written(), '<message id="2"/>');
  await receive(`<a ${SM} h="1"/>`);
  assert.is(await written(), `<r ${SM}/>`);
});

const WRONG: readonly [about: string, xml: string, error: object][] = [
  ['more than was sent', `<a ${SM} h="2"/>`, { condition: 'undefined-condition', handledTooHigh: { h: 2, sent: 1 } }],
  ['no count', `<a ${SM}/>`, { condition: 'bad-format' }],
  ['no number', `<a ${SM} h="many"/>`, { condition: 'bad-format' }],
];

for (const [about, xml, error] of WRONG) {
  test(`an acknowledgement of ${about} breaks the rules and settles nothing`, async () => {
    const { told, receive, send } = await managed();
    const tokens = send('1');
    await receive(xml);
    assert.equal(violation(told.at(-1)), ['protocol', 'online', error]);
    assert.equal(statesOf(tokens), ['sent']);
  });
}

test('the last word is what was handled, then the footer, and then there is none', async () => {
  const { link, written, names, receive } = await managed();
  link.handled();
  link.command({ kind: 'footer' });
  link.shut();
  assert.is(await written(), `<a ${SM} h="1"/></stream:stream>`);
  await receive(`<message id="late"/><r ${SM}/><x xmlns="urn:x"/>`);
  assert.is(await written(), '');
  assert.equal(names(), [], 'the server takes it back');
});

// Resumption.

/** A session with three stanzas that were not acknowledged, without a connection. */
async function cut() {
  const { link, send } = await managed();
  const tokens = send('1', '2', '3');
  link.destroy();
  return { session: link.session, tokens };
}

const RESUMPTIONS: readonly [h: number, states: DeliveryState[], again: string][] = [
  [0, ['sent', 'sent', 'sent'], '<message id="1"/><message id="2"/><message id="3"/>'],
  [2, ['acked', 'acked', 'sent'], '<message id="3"/>'],
  [3, ['acked', 'acked', 'acked'], ''],
];

for (const [h, states, again] of RESUMPTIONS) {
  test(`resumed with h=${h}, the rest is written again in order, before anything new`, async () => {
    const { session, tokens } = await cut();
    const { link, written, receive, send } = setUp(session);
    await settle();
    await receive(HEADER);
    link.command({ kind: 'resume', previd: 'x' });
    assert.is(await written(), `<resume ${SM} h="0" previd="x"/>`);
    await receive(`<resumed ${SM} previd="x" h="${h}"/>`);
    link.resume();
    link.open('online');
    send('4');
    assert.equal(statesOf(tokens), states);
    assert.is(await written(), `${again}<message id="4"/><r ${SM}/>`);
  });
}

for (const [about, h] of [
  ['too much', '4'],
  ['no count', ''],
] as const) {
  test(`resumed with ${about} breaks the rules`, async () => {
    const { session, tokens } = await cut();
    // It had acknowledged something before, so that nothing is less than that.
    session.ledger.ack(1);
    const { link, told, receive } = setUp(session);
    await settle();
    link.command({ kind: 'resume', previd: 'x' });
    await receive(`${HEADER}<resumed ${SM} previd="x" h="${h}"/>`);
    assert.is(told.at(-1)?.type, 'stream.violation');
    assert.equal(statesOf(tokens), ['acked', 'sent', 'sent']);
  });
}

test('what the server says when it refuses is kept, and binding makes a new session', async () => {
  const { session } = await cut();
  const { link, types, receive } = setUp(session);
  await settle();
  link.command({ kind: 'resume', previd: 'x' });
  await receive(`${HEADER}<failed ${SM} h="2"/>`);
  assert.is(types().at(-1), 'sm.failed');
  assert.is(link.refusedCount, 2);
  assert.is(link.session, session);
  link.command({ kind: 'bind', resource: null });
  assert.is(link.refusedCount, null);
  assert.is.not(link.session, session);
  assert.is(session.ledger.unacked, 3, 'what was held is for others to settle');
});

for (const stage of ['before authentication', 'before the answer to our request'] as const) {
  test(`nobody settles a held session ${stage}`, async () => {
    const { session, tokens } = await cut();
    const { link, types, written, receive } = setUp(session);
    await settle();
    await receive(HEADER);
    if (stage !== 'before authentication') link.command({ kind: 'resume', previd: 'x' });
    await written();
    await receive(`<a ${SM} h="3"/><r ${SM}/>`);
    if (stage === 'before authentication') await receive(`<failed ${SM} h="3"/><resumed ${SM} previd="x" h="3"/>`);
    assert.equal(types().slice(2), []);
    assert.is(await written(), '');
    assert.is(link.refusedCount, null);
    assert.equal(statesOf(tokens), ['sent', 'sent', 'sent']);
  });
}

// Signs of life.

test('a probe asks for an acknowledgement, where there are any', async () => {
  const { link, time, types, written, receive } = await managed();
  link.probe();
  assert.is(await written(), `<r ${SM}/>`);
  time.now += 5;
  assert.is(link.sinceProbe, 5);
  await receive(' ');
  assert.equal(types(), ['flow.heard'], 'any byte will do');
  assert.is(link.silence, 0);
  await receive(' ');
  assert.equal(types(), [], 'and only the first');
});

test('a probe without stream management is a ping', async () => {
  const { link, written } = await bound();
  link.open('online');
  await written();
  link.probe();
  assert.match(await written(), /^<iq type="get" id="[^"]+"><ping xmlns="urn:xmpp:ping"\/><\/iq>$/);
});

test('white space keeps alive', async () => {
  const { link, written } = await managed();
  link.keepalive();
  assert.is(await written(), ' ');
});

test.run();
