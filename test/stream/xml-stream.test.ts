import { inspect } from 'node:util';
import * as assert from 'uvu/assert';
import { type InspectionEvent, SimulatedClock } from 'xstate';
import { ConnectionError, StateError, TimeoutError } from '../../src/error.ts';
import { Iq } from '../../src/stanza/iq.ts';
import { Message } from '../../src/stanza/message.ts';
import { STREAM_STATES, XMLStream, type XMLStreamOptions } from '../../src/stream/xml-stream.ts';
import { type Element, el } from '../../src/xml/element.ts';
import { XmlError } from '../../src/xml/error.ts';
import { suite } from '../harness.ts';
import { HEADER } from '../xml/transcript.ts';
import { FakeSocket, settle } from './socket.ts';

const test = suite('stream/xml-stream');

const CLIENT = 'jabber:client';
const TLS = 'urn:ietf:params:xml:ns:xmpp-tls';
const SASL = 'urn:ietf:params:xml:ns:xmpp-sasl';
const ANSWER = HEADER.replace('>', ` version='1.0' id='s1'>`);
const FEATURES = '<stream:features><a xmlns="urn:a"/></stream:features>';
const MESSAGE = { name: 'message', namespace: CLIENT, read: (element: Element) => new Message(element) } as const;
const PROCEED = { name: 'proceed', namespace: TLS } as const;
const SUCCESS = { name: 'success', namespace: SASL } as const;

/** A stream over a fake socket, on a clock that stands still, and what it tells. */
function setUp(options: Partial<XMLStreamOptions> = {}) {
  const socket = new FakeSocket();
  const clock = new SimulatedClock();
  const log: string[] = [];
  const stream = new XMLStream({ to: 'example.org', connect: async () => socket, clock, ...options });
  stream.on('header', (root) => log.push(`header ${root.attr('id')}`));
  stream.on('features', () => log.push('features'));
  stream.on('closing', ({ failure }) => log.push(`closing ${failure?.condition ?? failure?.kind ?? '-'}`));
  stream.on('silent', ({ silence }) => log.push(`silent ${silence}`));
  stream.on('invalid', ({ element, error }) => log.push(`invalid ${element.attr('id')} ${(error as Error).message}`));
  stream.on('handlerError', ({ error }) => log.push(`thrown ${(error as Error).message}`));
  const written = async () => {
    await settle();
    return socket.written.splice(0).join('');
  };
  const receive = async (text: string | null) => {
    socket.receive(text);
    await settle();
  };
  const told = () => log.splice(0);
  return { stream, socket, clock, written, receive, told };
}

/** The same with both headers through. */
async function opened(options: Partial<XMLStreamOptions> = {}) {
  const rig = setUp(options);
  const connected = rig.stream.connect({ host: 'localhost' });
  await settle();
  await rig.receive(ANSWER);
  await connected;
  rig.socket.written.length = 0;
  rig.told();
  return rig;
}

/** For `assert.throws`, which takes a class for a function. */
const is = (type: abstract new (...args: never[]) => Error) => (error: Error) => error instanceof type;

/** The error that a promise or a function ends in. */
async function errorOf(work: Promise<unknown> | (() => unknown)): Promise<Error> {
  try {
    await (typeof work === 'function' ? work() : work);
  } catch (error) {
    return error as Error;
  }
  throw new Error('it did not fail');
}

test('P-01, P-27, P-41, X-01, X-29a, X-29b, X-30a: the header says to whom, in which language and namespace', async () => {
  const { stream, written } = setUp({ lang: 'en' });
  const connected = stream.connect({ host: 'localhost' });
  assert.is(
    await written(),
    '<?xml version="1.0"?><stream:stream xmlns="jabber:client" xmlns:stream="http://etherx.jabber.org/streams"' +
      ' to="example.org" version="1.0" xml:lang="en">',
  );
  stream.abort();
  assert.instance(await errorOf(connected), StateError);
  const other = setUp({ namespace: 'jabber:component:accept', from: 'me@example.org' });
  other.stream.connect({ host: 'localhost' });
  const header = await other.written();
  assert.match(header, 'xmlns="jabber:component:accept"');
  assert.not.match(header, 'me@example.org', 'not in clear');
  await other.receive(ANSWER.replace('jabber:client', 'jabber:component:accept'));
  other.stream.send(el('handshake', { xmlns: 'jabber:component:accept' }, 'abc'));
  assert.is(await other.written(), '<handshake>abc</handshake>');
  other.stream.abort();
});

test('P-01: a stream needs a domain and usable times', () => {
  assert.throws(() => new XMLStream({ to: '' }), is(TypeError));
  assert.throws(() => new XMLStream({ to: 'example.org', timeout: -1 }), is(TypeError));
  assert.throws(() => new XMLStream({ to: 'example.org', deadTime: { hard: Number.NaN } }), is(TypeError));
});

test('X-24a, P-28, P-29, P-30, P-31, P-32, P-33, P-34: the six states, in their order', async () => {
  const { stream, socket, receive } = setUp();
  const states: string[] = [stream.state];
  stream.actor.subscribe(() => {
    if (states.at(-1) !== stream.state) states.push(stream.state);
  });
  stream.connect({ host: 'localhost' });
  await settle();
  assert.is(stream.state, 'STREAM_HEADER_SENT');
  await receive(ANSWER);
  assert.is(stream.state, 'OPEN');
  stream.close();
  assert.is(stream.state, 'CLOSING');
  await receive('</stream:stream>');
  await settle();
  assert.is(socket.destroyed, true);
  assert.equal(states, [...STREAM_STATES]);
});

test('P-02, P-38: the features, for as many as want them, and one of them may stop waiting', async () => {
  const { stream, receive, told } = await opened();
  const controller = new AbortController();
  const waits = [stream.features(), stream.features({ signal: controller.signal }), stream.features()];
  controller.abort(new Error('no more'));
  assert.is((await errorOf(waits[1] as Promise<Element>)).message, 'no more');
  await receive(FEATURES);
  const [first, , third] = waits;
  assert.is((await first)?.elements[0]?.namespace, 'urn:a');
  assert.is(await third, await first);
  assert.is(await stream.features(), await first, 'also for who comes late');
  assert.equal(told(), ['features']);
  stream.abort();
});

test('P-02, P-38: what ends the stream ends the wait for features', async () => {
  const { stream, receive } = await opened();
  const features = stream.features();
  const ends = [stream.ended(), stream.ended()];
  await receive(
    '<stream:error><host-unknown xmlns="urn:ietf:params:xml:ns:xmpp-streams"/></stream:error></stream:stream>',
  );
  const error = await errorOf(features);
  assert.instance(error, ConnectionError);
  assert.is((error as ConnectionError).failure.condition, 'host-unknown');
  for (const end of ends) assert.is((await end)?.condition, 'host-unknown');
  assert.is((await stream.ended())?.condition, 'host-unknown');
});

test('P-03: attributes in the order of their names', async () => {
  for (const sorted of [true, false]) {
    const { stream, written } = await opened({ sorted });
    stream.send(el('message', { to: 'b', id: 'a' }));
    assert.is(await written(), sorted ? '<message id="a" to="b"/>' : '<message to="b" id="a"/>');
    stream.abort();
  }
});

test('P-04: a logger of its own hears of its life', async () => {
  const lines: string[] = [];
  const line = (text: string) => lines.push(text);
  const { stream } = await opened({ logger: { debug: line, info: line, warn: line, error: line } });
  stream.close();
  assert.ok(lines.includes('example.org: OPEN'), lines.join());
  assert.is(lines.at(-1), 'example.org: CLOSING');
  stream.abort();
});

test('a logger that throws is reported and harms nobody', async () => {
  const line = () => {
    throw new Error('the disk is full');
  };
  const { stream, told } = await opened({ logger: { debug: line, info: line, warn: line, error: line } });
  stream.close();
  assert.is(stream.state, 'CLOSING');
  assert.ok(told().includes('thrown the disk is full'));
  stream.abort();
});

test('P-06, X-24b: elements, however their bytes are cut', async () => {
  const { stream, socket } = await opened();
  const bodies: (string | undefined)[] = [];
  stream.handle(MESSAGE, (message) => bodies.push(message.body));
  const bytes = Buffer.from('<message><body>grün</body></message> <message><body>2</body></message>');
  for (const byte of bytes) socket.receive(Uint8Array.of(byte));
  for (let turns = 0; turns < 20; turns += 1) await settle();
  assert.equal(bodies, ['grün', '2']);
  stream.abort();
});

test('P-07, X-42a, X-42b: one handler for a type, which can be taken back', async () => {
  const { stream, receive, told } = await opened();
  const seen: string[] = [];
  const first = stream.handle(MESSAGE, (message) => seen.push(`first ${message.id}`));
  assert.throws(() => stream.handle({ name: 'message', namespace: CLIENT }, () => {}), is(StateError));
  stream.handle({ name: 'message', namespace: 'urn:other' }, (element) => seen.push(`other ${element.name}`));
  await receive('<message id="1"/><message xmlns="urn:other"/>');
  first.unsubscribe();
  const second = stream.handle(MESSAGE, (message) => seen.push(`second ${message.id}`));
  first.unsubscribe();
  await receive('<message id="2"/>');
  assert.equal(seen, ['first 1', 'other message', 'second 2']);
  second.unsubscribe();
  await receive('<message id="3"/>');
  assert.equal(told(), ['closing unsupported-stanza-type']);
  stream.abort();
});

test('P-08, P-09: an element that cannot be read is told, whole, and the stream lives', async () => {
  const { stream, receive, told } = await opened();
  const ids: unknown[] = [];
  const read = (element: Element) => {
    if (!element.find('known', '*')) throw new Error('an unknown payload');
    return new Iq(element);
  };
  stream.handle({ name: 'iq', namespace: CLIENT, read }, (iq) => ids.push(iq.id));
  await receive('<iq id="1" type="get"><odd/></iq><iq id="2" type="get"><known/></iq>');
  assert.equal(ids, ['2']);
  assert.equal(told(), ['invalid 1 an unknown payload']);
  assert.is(stream.state, 'OPEN');
  stream.abort();
});

test('a handler that throws or rejects is reported and harms nobody', async () => {
  const { stream, receive, told } = await opened();
  stream.handle(MESSAGE, () => {
    throw new Error('at once');
  });
  stream.handle({ name: 'iq', namespace: CLIENT }, async () => {
    throw new Error('later');
  });
  stream.on('features', () => {
    throw new Error('a listener');
  });
  stream.on('handlerError', () => {
    throw new Error('who listens to these');
  });
  await receive(`<message/><iq/>${FEATURES}`);
  assert.equal(told().sort(), ['features', 'thrown a listener', 'thrown at once', 'thrown later']);
  assert.is(stream.state, 'OPEN');
  stream.abort();
});

test('P-10, P-28, P-29: nothing is sent before both headers are through', async () => {
  const { stream, socket } = setUp();
  assert.throws(() => stream.send(el('message')), is(StateError));
  assert.throws(() => stream.sendRaw(' '), is(StateError));
  stream.connect({ host: 'localhost' });
  await settle();
  assert.throws(() => stream.send(el('message')), is(StateError));
  assert.is(socket.written.length, 1);
  stream.abort();
});

test('X-45b: text as it is', async () => {
  const { stream, written } = await opened();
  stream.sendRaw(' <a></a>');
  assert.is(await written(), ' <a></a>');
  stream.close();
  assert.throws(() => stream.sendRaw(' '), is(StateError));
  stream.abort();
});

test('P-11, P-16, P-19: what ended the stream is what everything throws afterwards', async () => {
  const { stream, receive, written } = await opened();
  await receive('<message/>');
  assert.match(await written(), 'unsupported-stanza-type');
  const uses = [
    () => stream.send(el('message')),
    () => stream.reset(),
    () => stream.startTls(),
    () => stream.features(),
    () => stream.resetAndGetFeatures(),
    () => stream.sendAndWaitFor([], [PROCEED]),
  ];
  for (const state of ['CLOSING', 'CLOSED']) {
    assert.is(stream.state, state);
    for (const use of uses) {
      const error = await errorOf(use);
      assert.instance(error, ConnectionError);
      assert.is((error as ConnectionError).failure.condition, 'unsupported-stanza-type');
    }
    stream.abort();
  }
  assert.is(await written(), '');
});

test('P-16, P-19: after a close that was asked for, everything is out of place', async () => {
  const { stream } = await opened();
  stream.close();
  const uses = [
    () => stream.send(el('message')),
    () => stream.sendRaw(' '),
    () => stream.reset(),
    () => stream.startTls(),
    () => stream.features(),
    () => stream.sendAndWaitFor([el('a')], [PROCEED]),
  ];
  for (const use of uses) assert.instance(await errorOf(use), StateError);
  assert.is(await stream.ended(), null);
  stream.abort();
});

test('P-13: TLS begins in an open stream only', async () => {
  const { stream } = setUp();
  assert.is(stream.canStartTls, false);
  assert.instance(await errorOf(stream.startTls()), StateError);
  assert.is(stream.security, null);
  assert.throws(() => stream.channelBinding('tls-exporter'), is(StateError));
  const other = await opened();
  assert.is(other.stream.canStartTls, true);
  other.stream.close();
  assert.is(other.stream.canStartTls, false);
  other.stream.abort();
});

test('P-14: what follows <proceed/> in clear ends the stream', async () => {
  const { stream, receive } = await opened();
  const seen: unknown[] = [];
  stream.handle(MESSAGE, (message) => seen.push(message));
  const proceed = stream.sendAndWaitFor([el('starttls', { xmlns: TLS })], [PROCEED]);
  await receive(`<proceed xmlns="${TLS}"/><message id="injected"/>`);
  await proceed;
  const error = (await errorOf(stream.startTls())) as ConnectionError;
  assert.is(error.failure.condition, 'injected-data');
  assert.is(stream.state, 'CLOSED');
  assert.equal(seen, []);
});

test('P-14: also for who is so quick that nobody has seen yet what follows', async () => {
  const { stream, receive } = await opened();
  let secured: Promise<unknown> = Promise.resolve();
  stream.handle(PROCEED, () => {
    secured = stream.startTls();
  });
  await receive(`<proceed xmlns="${TLS}"/><message id="injected"/>`);
  assert.is(((await errorOf(secured)) as ConnectionError).failure.condition, 'injected-data');
});

test('P-15, P-17, X-31: reset forgets what was parsed and writes the header again', async () => {
  const { stream, receive, written, told } = await opened();
  const ids: unknown[] = [];
  stream.handle(MESSAGE, ({ id }) => {
    ids.push(id);
    stream.reset();
  });
  await receive(`${FEATURES}<message id="1"/><message id="2"/><mess`);
  assert.is(stream.state, 'STREAM_HEADER_SENT');
  assert.throws(() => stream.send(el('message')), is(StateError));
  assert.throws(() => stream.reset(), is(StateError));
  assert.match(await written(), /^<\?xml version="1.0"\?><stream:stream [^>]*>$/);
  const features = stream.features();
  await receive(ANSWER.replace('s1', 's2') + FEATURES);
  await features;
  assert.is(stream.state, 'OPEN');
  stream.send(el('message'));
  assert.is(await written(), '<message/>');
  assert.equal(told(), ['features', 'header s2', 'features']);
  assert.equal(ids, ['1'], 'what stood behind it belongs to nobody');
  stream.abort();
});

test('P-37: reset and the features of the new stream', async () => {
  const { stream, clock, receive } = await opened();
  await receive(FEATURES);
  const old = await stream.features();
  const anew = stream.resetAndGetFeatures({ timeout: 100 });
  await receive(ANSWER + FEATURES);
  assert.is.not(await anew, old);
  const late = stream.resetAndGetFeatures({ timeout: 100 });
  await settle();
  clock.increment(100);
  assert.instance(await errorOf(late), TimeoutError);
  assert.is(stream.state, 'STREAM_HEADER_SENT', 'the stream goes on');
  stream.abort();
});

test('what follows the end of authentication ends the stream', async () => {
  const { stream, receive, written } = await opened();
  const success = stream.sendAndWaitFor([el('auth', { xmlns: SASL }, 'AA==')], [SUCCESS]);
  await receive(`<success xmlns="${SASL}"/><message id="injected"/>`);
  await success;
  const error = (await errorOf(() => stream.reset())) as ConnectionError;
  assert.is(error.failure.condition, 'policy-violation');
  assert.match(await written(), /<policy-violation [^>]*><\/?[^>]*error><\/stream:stream>$/);
  stream.abort();
});

test('P-18, X-30b: the footer, and then that nothing follows', async () => {
  const { stream, socket, written, receive } = await opened();
  stream.send(el('message'));
  stream.close();
  assert.is(await written(), '<message/></stream:stream>');
  assert.is(socket.writableEnded, true);
  assert.is(socket.destroyed, false, 'the peer may go on');
  await receive('</stream:stream>');
  await settle();
  assert.is(socket.destroyed, true);
});

test('P-20: closing again changes nothing', async () => {
  const { stream, written, receive } = await opened();
  stream.close();
  stream.close();
  await receive('</stream:stream>');
  stream.close();
  stream.closeWithError('policy-violation');
  await settle();
  assert.is(stream.state, 'CLOSED');
  stream.close();
  stream.abort();
  assert.is(await written(), '</stream:stream>');
});

test('P-20: a stream that was never connected can be closed, and not connected any more', async () => {
  for (const how of ['close', 'abort'] as const) {
    const { stream, told } = setUp();
    stream[how]();
    assert.is(stream.state, 'CLOSED');
    assert.equal(told(), ['closing -']);
    assert.instance(await errorOf(stream.connect({ host: 'localhost' })), StateError);
  }
});

test('P-21, X-04: aborting sends what was written, without a footer, and hears nothing more', async () => {
  const { stream, socket, receive, written, told } = await opened();
  const seen: unknown[] = [];
  stream.handle(MESSAGE, (message) => seen.push(message));
  stream.send(el('message'));
  stream.abort();
  assert.is(stream.state, 'CLOSED');
  await receive('<message/>');
  assert.is(await written(), '<message/>');
  assert.is(socket.destroyed, true);
  assert.equal(seen, []);
  assert.equal(told(), ['closing -']);
});

test('P-21: a peer that does not read does not hold up an abort for ever', async () => {
  const { stream, socket, clock } = await opened();
  socket.stuck = true;
  stream.send(el('message'));
  stream.abort();
  await settle();
  assert.is(stream.state, 'CLOSED');
  assert.is(socket.destroyed, false);
  clock.increment(1000);
  assert.is(socket.destroyed, true);
});

test('P-22, P-32, P-35: aborting while closing is as good as a footer', async () => {
  const { stream } = await opened();
  let over = false;
  const closed = stream.closeAndWait().then(() => {
    over = true;
  });
  await settle();
  assert.is(over, false);
  stream.abort();
  await closed;
  assert.is(stream.state, 'CLOSED');
});

test('P-23: that it closes is told once, with why', async () => {
  const CAUSES: [string, (rig: Awaited<ReturnType<typeof opened>>) => unknown][] = [
    ['-', ({ stream }) => stream.close()],
    ['-', ({ stream }) => stream.closeWithError('policy-violation')],
    ['network', ({ socket }) => socket.destroy(Object.assign(new Error('reset'), { code: 'ECONNRESET' }))],
    ['network', ({ receive }) => receive(null)],
    ['stream', ({ receive }) => receive('</stream:stream>')],
    ['undefined-condition', ({ receive }) => receive('<stream:error/>')],
    ['not-well-formed', ({ receive }) => receive('<a></b>')],
  ];
  for (const [cause, make] of CAUSES) {
    const rig = await opened();
    await make(rig);
    await settle();
    rig.stream.abort();
    await settle();
    assert.equal(rig.told(), [`closing ${cause}`]);
  }
});

test('P-23: it can be closed and aborted by who is told', async () => {
  const { stream, receive } = await opened();
  stream.on('closing', () => {
    assert.throws(() => stream.send(el('message')), is(ConnectionError), 'P-24');
    stream.close();
    stream.abort();
  });
  await receive('<stream:error/>');
  assert.is(stream.state, 'CLOSED');
});

test('P-24, P-25: while we wait for the footer, known elements are handed out and others ignored', async () => {
  const { stream, receive, written, told } = await opened();
  const ids: unknown[] = [];
  const handling = stream.handle(MESSAGE, ({ id }) => ids.push(id));
  stream.close();
  await receive('<message id="1"/><unknown/><presence/>');
  handling.unsubscribe();
  await receive('<message id="2"/>');
  assert.equal(ids, ['1']);
  assert.is(stream.state, 'CLOSING');
  assert.equal(told(), ['closing -']);
  assert.is(await written(), '</stream:stream>');
  stream.abort();
});

test('P-26, P-31, E-5: a peer that does not answer our footer is not waited for, for ever', async () => {
  const { stream, socket, clock } = await opened({ shutdownTimeout: 100 });
  const closed = stream.closeAndWait();
  clock.increment(99);
  assert.is(stream.state, 'CLOSING');
  clock.increment(1);
  await closed;
  assert.is(stream.state, 'CLOSED');
  assert.is(socket.destroyed, true);
});

test('E-3, X-24c: a connection that ends without a footer ends the stream, with a cause', async () => {
  const { stream, receive } = await opened();
  const waiting = stream.sendAndWaitFor([el('iq')], [{ name: 'iq', namespace: CLIENT }]);
  await receive(null);
  assert.is(((await errorOf(waiting)) as ConnectionError).failure.kind, 'network');
  await settle();
  assert.is(stream.state, 'CLOSED');
});

test('P-35: waiting for the end never rejects', async () => {
  const { stream, receive } = await opened();
  await receive('<stream:error/>');
  const closed = stream.closeAndWait();
  await receive('</stream:stream>');
  await closed;
  await stream.closeAndWait();
  const other = await opened();
  const controller = new AbortController();
  const impatient = other.stream.closeAndWait({ signal: controller.signal });
  controller.abort();
  await impatient;
  assert.is(other.stream.state, 'CLOSED');
  const aborted = await opened();
  await aborted.stream.closeAndWait({ signal: controller.signal });
  assert.is(aborted.stream.state, 'CLOSED');
});

test('a stream is closed at the end of its scope', async () => {
  const { stream, socket, receive, written } = await opened();
  const scope = (async () => {
    await using _ = stream;
  })();
  assert.is(await written(), '</stream:stream>');
  await receive('</stream:stream>');
  await scope;
  await settle();
  assert.is(socket.destroyed, true);
});

test('P-36: the first of several types answers, and nobody else sees it', async () => {
  const { stream, receive, written } = await opened();
  const handled: unknown[] = [];
  stream.handle(MESSAGE, ({ id }) => handled.push(id));
  const order: string[] = [];
  const answer = stream.sendAndWaitFor([el('a'), el('b')], [PROCEED, MESSAGE], {
    onAnswer: (value) => order.push(value instanceof Message ? `answer ${value.id}` : value.name),
  });
  stream.handle({ name: 'presence', namespace: CLIENT }, () => order.push('presence'));
  assert.is(await written(), '<a/><b/>');
  await receive('<message id="1"/><presence/><message id="2"/>');
  const value = await answer;
  assert.is(value instanceof Message && value.id, '1');
  assert.equal(order, ['answer 1', 'presence'], 'before what comes behind it');
  assert.equal(handled, ['2']);
  stream.abort();
});

test('P-36: whoever waited first is answered first', async () => {
  const { stream, receive } = await opened();
  const waits = [stream.sendAndWaitFor([], [MESSAGE]), stream.sendAndWaitFor([], [MESSAGE])];
  await receive('<message id="1"/><message id="2"/>');
  assert.equal(
    (await Promise.all(waits)).map(({ id }) => id),
    ['1', '2'],
  );
  stream.abort();
});

test('P-36: a wait leaves nothing behind, however it ends', async () => {
  const { stream, clock, receive, told } = await opened();
  const controller = new AbortController();
  const waits = [
    stream.sendAndWaitFor([el('a')], [MESSAGE], { timeout: 100 }),
    stream.sendAndWaitFor([el('a')], [MESSAGE], { signal: controller.signal }),
    stream.sendAndWaitFor([el('a', {}, '\u0000')], [MESSAGE]),
  ];
  clock.increment(100);
  controller.abort(new Error('no more'));
  const [late, unwanted, unwritable] = await Promise.all(waits.map(errorOf));
  assert.instance(late, TimeoutError);
  assert.is(unwanted?.message, 'no more');
  assert.instance(unwritable, XmlError);
  await receive('<message/>');
  assert.equal(told(), ['closing unsupported-stanza-type'], 'nobody waits any more');
  stream.abort();
});

test('P-36: an answer that cannot be read, or was not wanted like that, rejects', async () => {
  const { stream, receive } = await opened();
  const read = (): never => {
    throw new Error('unreadable');
  };
  const unread = stream.sendAndWaitFor([], [{ name: 'a', namespace: 'urn:a', read }]);
  await receive('<a xmlns="urn:a"/>');
  assert.is((await errorOf(unread)).message, 'unreadable');
  const unwanted = stream.sendAndWaitFor([], [MESSAGE], {
    onAnswer() {
      throw new Error('not this');
    },
  });
  await receive('<message/>');
  assert.is((await errorOf(unwanted)).message, 'not this');
  assert.is(stream.state, 'OPEN');
  stream.abort();
});

test('P-39: a silence is told once, any byte ends it, and one that is too long ends the stream', async () => {
  const { stream, socket, clock, receive, told } = await opened({ deadTime: { soft: 100, hard: 250 } });
  clock.increment(99);
  await receive(' ');
  clock.increment(99);
  assert.equal(told(), []);
  clock.increment(1);
  assert.equal(told(), ['silent 100']);
  clock.increment(100);
  assert.equal(told(), []);
  await receive('<');
  clock.increment(100);
  assert.equal(told(), ['silent 100']);
  clock.increment(149);
  assert.is(stream.state, 'OPEN');
  clock.increment(1);
  assert.is(stream.state, 'CLOSED');
  assert.is(socket.destroyed, true);
  assert.equal(told(), ['closing timeout']);
  clock.increment(1000);
  assert.equal(told(), []);
});

test('P-39: either limit may be missing, and a silence while closing is as good as a footer', async () => {
  const hard = await opened({ deadTime: { hard: 100 }, shutdownTimeout: 1000 });
  const closed = hard.stream.closeAndWait();
  hard.clock.increment(100);
  await closed;
  assert.is(await hard.stream.ended(), null);
  assert.equal(hard.told(), ['closing -']);
  const soft = await opened({ deadTime: { soft: 100 } });
  soft.clock.increment(1_000_000);
  assert.equal(soft.told(), ['silent 1000000']);
  assert.is(soft.stream.state, 'OPEN');
  soft.stream.abort();
  const over = await opened({ deadTime: { soft: 100 } });
  over.stream.abort();
  over.clock.increment(1_000_000);
  assert.equal(over.told(), ['closing -']);
  const none = await opened();
  none.clock.increment(1_000_000);
  assert.equal(none.told(), []);
  none.stream.abort();
});

test('P-40: what crosses the wire is shown without secrets, and not at all while muted', async () => {
  const shown: string[] = [];
  const seen: InspectionEvent[] = [];
  const { stream, receive } = await opened({ inspect: (event) => seen.push(event) });
  const tapping = stream.tap(({ direction, xml }) => shown.push(`${direction} ${xml}`));
  stream.handle(SUCCESS, () => {});
  stream.handle({ name: 'token', namespace: 'urn:t' }, () => {});
  stream.send(el('auth', { xmlns: SASL, mechanism: 'PLAIN' }, 'hunter2'));
  stream.sendRaw('<auth>hunter2</auth>');
  const muting = stream.mute();
  const again = stream.mute();
  stream.send(el('x', { xmlns: 'urn:x' }, 'hunter2'));
  await receive('<token xmlns="urn:t">hunter2</token>');
  muting.unsubscribe();
  muting.unsubscribe();
  stream.send(el('x', { xmlns: 'urn:x' }, 'hunter2'));
  again.unsubscribe();
  stream.send(el('message'));
  await receive(`<success xmlns="${SASL}">hunter2</success>`);
  tapping.unsubscribe();
  stream.close();
  assert.equal(shown, [
    `out <auth xmlns="${SASL}" mechanism="PLAIN">…</auth>`,
    'out <message/>',
    `in <success xmlns="${SASL}">…</success>`,
  ]);
  assert.not.match(inspect(seen, { depth: 8 }), 'hunter2');
  stream.abort();
});

test('P-42: a stream is good for one connection', async () => {
  const { stream, receive } = await opened();
  assert.instance(await errorOf(stream.connect({ host: 'localhost' })), StateError);
  stream.close();
  await receive('</stream:stream>');
  assert.instance(await errorOf(stream.connect({ host: 'localhost' })), StateError);
});

test('P-43: the peer is told what is wrong, then the footer', async () => {
  const { stream, written, told } = await opened();
  assert.throws(() => stream.closeWithError('not a name'), is(XmlError));
  assert.throws(() => stream.closeWithError('policy-violation', '\u0000'), is(XmlError));
  assert.is(stream.state, 'OPEN');
  stream.closeWithError('policy-violation', 'enough');
  const NS = 'urn:ietf:params:xml:ns:xmpp-streams';
  assert.is(
    await written(),
    `<stream:error><policy-violation xmlns="${NS}"/><text xmlns="${NS}">enough</text></stream:error></stream:stream>`,
  );
  assert.equal(told(), ['closing -']);
  stream.abort();
});

test('a connection that cannot be had, or does not answer, rejects', async () => {
  const refused = setUp({ connect: () => Promise.reject(Object.assign(new Error('no'), { code: 'ECONNREFUSED' })) });
  const error = (await errorOf(refused.stream.connect({ host: 'h', port: 1 }))) as ConnectionError;
  assert.is(error.failure.endpoint?.host, 'h');
  assert.is(refused.stream.state, 'CLOSED');
  let given: AbortSignal | undefined;
  const hanging = setUp({
    timeout: 100,
    connect: (_, { signal }) => {
      given = signal;
      return new Promise(() => {});
    },
  });
  const connecting = hanging.stream.connect({ host: 'h' });
  hanging.clock.increment(100);
  assert.is(((await errorOf(connecting)) as ConnectionError).failure.kind, 'timeout');
  assert.is(given?.aborted, true);
  const silent = setUp({ timeout: 100 });
  const waiting = silent.stream.connect({ host: 'h' });
  await settle();
  silent.clock.increment(100);
  assert.is(((await errorOf(waiting)) as ConnectionError).failure.stage, 'stream');
  silent.stream.abort();
});

test('a connection that is no longer wanted is aborted', async () => {
  const { stream, socket } = setUp();
  const controller = new AbortController();
  const connecting = stream.connect({ host: 'h' }, { signal: controller.signal });
  await settle();
  controller.abort(new Error('no more'));
  assert.is((await errorOf(connecting)).message, 'no more');
  assert.is(stream.state, 'CLOSED');
  await settle();
  assert.is(socket.destroyed, true);
});

test.run();
