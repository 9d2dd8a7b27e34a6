import * as assert from 'uvu/assert';
import { Connection, type ConnectionHandler } from '../../src/stream/connection.ts';
import { CONNECT_LIMITS, ONLINE_LIMITS } from '../../src/xml/parser.ts';
import { suite } from '../harness.ts';
import { HEADER } from '../xml/transcript.ts';
import { FakeSocket, settle } from './socket.ts';

const test = suite('stream/connection');

/** A connection over a fake socket, and all that its handler hears in words. */
function connect(overrides: Partial<ConnectionHandler> = {}) {
  const socket = new FakeSocket();
  const log: string[] = [];
  const time = { now: 0 };
  const handler: ConnectionHandler = {
    header: (root) => log.push(`header ${root.name}`),
    element: (element) => log.push(`${element}`),
    footer: () => log.push('footer'),
    error: (error) => log.push(`error ${error.condition}`),
    ended: () => log.push('ended'),
    lost: (error) => log.push(`lost ${error?.message ?? 'without a reason'}`),
    heard: () => log.push('heard'),
    flushing() {},
    drained: () => log.push('drained'),
    ...overrides,
  };
  const connection = new Connection(socket, handler, CONNECT_LIMITS, () => time.now);
  return { socket, connection, log, time };
}

test('what is written within a tick goes out in one piece at its end', async () => {
  const { socket, connection } = connect();
  connection.write('<a/>');
  await Promise.resolve();
  connection.write('<b/>');
  assert.equal(socket.written, []);
  await settle();
  assert.equal(socket.written, ['<a/><b/>']);
  connection.write('<c/>');
  await settle();
  assert.equal(socket.written, ['<a/><b/>', '<c/>']);
});

test('64 KiB do not wait', async () => {
  const { socket, connection } = connect();
  const half = 'x'.repeat(32 * 1024);
  connection.write(half);
  assert.equal(socket.written, []);
  connection.write(half);
  assert.equal(socket.written, [half + half]);
  connection.write('rest');
  await settle();
  assert.equal(socket.written, [half + half, 'rest']);
});

test('what is pending can be written at once', async () => {
  const { socket, connection } = connect();
  connection.write('<a/>');
  connection.flush();
  assert.equal(socket.written, ['<a/>']);
  await settle();
  assert.equal(socket.written, ['<a/>'], 'and not again');
});

test('one direction can be finished, and the other goes on until both are closed', async () => {
  const { socket, connection, log } = connect();
  connection.write('<a/>');
  connection.finish();
  connection.finish();
  connection.write('<b/>');
  socket.receive(`${HEADER}<c/>`);
  await settle();
  assert.equal(socket.written, ['<a/>']);
  assert.equal([socket.writableEnded, socket.destroyed], [true, false]);
  assert.ok(log.includes('<c/>'), log.join());
  connection.end();
  await settle();
  assert.is(socket.destroyed, true);
});

test('the handler may add to what goes out', async () => {
  let bursts = 0;
  const { socket, connection } = connect({
    flushing() {
      bursts += 1;
      if (bursts === 1) connection.write('<r/>');
    },
  });
  connection.write('<a/>');
  connection.write('<b/>');
  await settle();
  assert.equal(socket.written, ['<a/><b/><r/>']);
  assert.is(bursts, 1);
});

test('the handler may add to 64 KiB', () => {
  let asked = false;
  const { socket, connection } = connect({
    flushing() {
      if (asked) return;
      asked = true;
      connection.write('<r/>');
    },
  });
  const much = 'x'.repeat(64 * 1024);
  connection.write(much);
  assert.equal(socket.written, [`${much}<r/>`]);
});

test('what arrives is the same however it is cut', async () => {
  const document = Buffer.from(`${HEADER}<message><body>héllo €🎉</body></message><presence/></stream:stream>`);
  const whole = connect();
  whole.socket.receive(document);
  await settle();
  const single = connect();
  for (const byte of document) single.socket.receive(Uint8Array.of(byte));
  await settle();
  const meant = (log: string[]) => log.filter((line) => line !== 'heard');
  assert.equal(meant(whole.log), [
    'header stream',
    '<message><body>héllo €🎉</body></message>',
    '<presence/>',
    'footer',
  ]);
  assert.equal(meant(single.log), meant(whole.log));
  assert.ok(single.log.length > whole.log.length);
});

test('bytes are heard of before their meaning, also when there is none', async () => {
  const { socket, connection, log, time } = connect();
  time.now = 5;
  socket.receive(HEADER);
  await settle();
  assert.equal(log, ['heard', 'header stream']);
  assert.is(connection.heardAt, 5);
  time.now = 9;
  socket.receive(' ');
  await settle();
  assert.equal(log.slice(2), ['heard']);
  assert.is(connection.heardAt, 9);
});

test('more of the same stanza is a sign of life for ten minutes, and its end is one', async () => {
  const { socket, connection, log, time } = connect();
  socket.receive(`${HEADER}<a>`);
  await settle();
  for (const [now, more, heardAt] of [
    [599_999, 'x', 599_999],
    [600_000, 'y', 599_999],
    [700_000, '</a', 599_999],
    [800_000, '><b>', 800_000],
    [1_399_999, ' ', 1_399_999],
    [1_400_000, ' ', 1_399_999],
    [1_500_000, '</b> ', 1_500_000],
    [9_000_000, ' ', 9_000_000],
  ] as const) {
    log.length = 0;
    time.now = now;
    socket.receive(more);
    await settle();
    assert.is(connection.heardAt, heardAt, more);
    assert.is(log.includes('heard'), heardAt === now, more);
  }
});

test('what cannot be parsed is an error, once', async () => {
  const { socket, log } = connect();
  socket.receive(`${HEADER}<!-- -->`);
  socket.receive('<presence/>');
  await settle();
  assert.equal(log, ['heard', 'header stream', 'error restricted-xml', 'heard']);
});

test('limits can be changed between stanzas, and hold for the streams that follow', async () => {
  const big = `<message><body>${'x'.repeat(100_000)}</body></message>`;
  const strict = connect();
  strict.socket.receive(HEADER + big);
  await settle();
  assert.is(strict.log.at(-1), 'error policy-violation');
  const { socket, connection, log } = connect();
  connection.limits = ONLINE_LIMITS;
  for (let streams = 0; streams < 2; streams += 1) {
    socket.receive(HEADER);
    socket.receive(big);
    await settle();
    assert.is(log.at(-1), big);
    connection.reset();
  }
});

test('a new stream begins where the old one was stopped', async () => {
  const { socket, connection, log } = connect({
    element(element) {
      log.push(element.name);
      if (element.name === 'success') connection.stopParsing();
    },
  });
  socket.receive(`${HEADER}<success/>`);
  await settle();
  assert.not(connection.trailing);
  connection.reset();
  socket.receive(`${HEADER}<a/>`);
  await settle();
  assert.equal(log, ['heard', 'header stream', 'success', 'heard', 'header stream', 'a']);
});

for (const [about, pieces] of [
  ['in one piece', ['<success/><a/>']],
  ['in the next', ['<success/>', '<a/>']],
] as const) {
  test(`what follows the point of a stop, ${about}, is not delivered, but known`, async () => {
    const { socket, connection, log } = connect({
      element(element) {
        log.push(element.name);
        connection.stopParsing();
      },
    });
    socket.receive(HEADER);
    for (const piece of pieces) socket.receive(piece);
    await settle();
    assert.is(log.at(-1) === 'heard' ? log.at(-2) : log.at(-1), 'success');
    assert.not(log.includes('a'));
    assert.ok(connection.trailing);
  });
}

test('a peer that does not read is known, and when it reads again', async () => {
  const { socket, connection, log } = connect();
  socket.stuck = true;
  const much = 'x'.repeat(512 * 1024);
  connection.write(much);
  connection.write(much);
  assert.not(connection.congested);
  connection.write(much);
  assert.ok(connection.congested);
  socket.unstick();
  await settle();
  assert.not(connection.congested);
  assert.equal(log, ['drained']);
});

test('the end of what the peer sends is heard, and not the end of what it hears', async () => {
  const { socket, connection, log } = connect();
  socket.receive(null);
  await settle();
  assert.equal(log, ['ended']);
  connection.write('<a/>');
  await settle();
  assert.equal(socket.written, ['<a/>']);
});

test('the first error is why a connection is lost', async () => {
  const { socket, connection, log } = connect();
  socket.emit('error', new Error('ECONNRESET'));
  socket.destroy(new Error('EPIPE'));
  await settle();
  assert.equal(log, ['lost ECONNRESET']);
  assert.ok(connection.finished);
  connection.write('<a/>');
  await settle();
  assert.equal(socket.written, []);
});

test('a connection that is closed is lost without a reason', async () => {
  const { socket, log } = connect();
  socket.destroy();
  await settle();
  assert.equal(log, ['lost without a reason']);
});

test('an end sends what is pending, then closes', async () => {
  const { socket, connection, log } = connect();
  connection.write('</stream:stream>');
  connection.end();
  connection.end();
  connection.write('<a/>');
  assert.ok(connection.finished);
  await settle();
  assert.equal(socket.written, ['</stream:stream>']);
  assert.ok(socket.destroyed);
  assert.equal(log, ['lost without a reason']);
});

test('after being destroyed it says and hears nothing', async () => {
  const { socket, connection, log } = connect();
  connection.write('<a/>');
  socket.receive(HEADER);
  connection.destroy();
  connection.write('<b/>');
  connection.flush();
  connection.end();
  socket.emit('error', new Error('too late'));
  await settle();
  assert.equal(socket.written, []);
  assert.equal(log, []);
  assert.ok(socket.destroyed);
  assert.ok(connection.finished);
});

test('its listeners go with it', () => {
  const { socket, connection } = connect();
  assert.is(socket.listening, 5);
  connection.destroy();
  assert.is(socket.listening, 1, 'the one that ignores errors');
});

test('a socket is released for TLS to take over', async () => {
  const { socket, connection, log } = connect();
  socket.receive(HEADER);
  await settle();
  connection.write('<starttls/>');
  assert.is(connection.release(), socket);
  assert.equal(socket.written, ['<starttls/>']);
  assert.is(socket.listening, 0);
  const secured = new FakeSocket();
  connection.adopt(secured);
  secured.receive('<presence/>');
  connection.write('<a/>');
  await settle();
  assert.equal(secured.written, ['<a/>']);
  assert.is(log.at(-1), '<presence/>');
  assert.is(connection.tls, null);
  connection.destroy();
  assert.ok(secured.destroyed);
  assert.is(secured.listening, 1);
});

test.run();
