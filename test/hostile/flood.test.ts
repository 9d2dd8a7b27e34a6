/** More than the application can take: what the server sends waits with the server, and nothing is lost of it. */
import { once } from 'node:events';
import type { Socket } from 'node:net';
import * as assert from 'uvu/assert';
import { type ClientOptions, el } from '../../src/index.ts';
import { ManualClock } from '../../src/testing/clock.ts';
import type { Peer } from '../../src/testing/peer.ts';
import {
  answer,
  asked,
  bound,
  dialogue,
  handled,
  message,
  messages,
  online,
  segment,
  sm,
} from '../sockets/dialogue.ts';
import { type Rig, sleep, sockets } from '../sockets/rig.ts';

const test = sockets('hostile/flood');

/** Messages of 32 KiB, many more than the kernel holds of a connection whose client does not read. */
const FOR_EVER = 2048;

/** A message of about 32 KiB that says a number. */
const large = (n: number) => `<message><body>${n}</body><x xmlns="urn:x">${'x'.repeat(32 * 1024)}</x></message>`;

/** Writes what `make` says of each number until nothing more goes out for a while; returns how many there are. */
async function flood({ socket }: Peer, make: (n: number) => string): Promise<number> {
  for (let count = 0; count < FOR_EVER; count += 1) {
    if (socket.write(make(count))) continue;
    const patience = AbortSignal.timeout(200);
    const drained = once(socket, 'drain', { signal: patience }).then(
      () => true,
      () => false,
    );
    if (!(await drained)) return count + 1;
  }
  throw new Error('the server can send for ever');
}

/** Online with an application that takes its time with every message until it is told to go on. */
async function slow(rig: Rig, options: Partial<ClientOptions> = {}, sm = true) {
  const talk = await online(rig, { concurrency: 10, ...options }, sm ? {} : { upTo: 'bind' });
  const heard: number[] = [];
  let go = () => {};
  const gone = new Promise<void>((resolve) => {
    go = resolve;
  });
  talk.client.on('message', ({ body }) => {
    heard.push(Number(body));
    return gone;
  });
  return { ...talk, heard, go };
}

const upTo = (count: number) => Array.from({ length: count }, (_, i) => i);

/** Waits for what another turn of the loop will bring. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await sleep(5);
}

test('an inbound flood waits with the server while the application is slow, and all of it arrives in order', async (rig) => {
  const { client, peer, heard, go } = await slow(rig);
  global.gc?.();
  const before = process.memoryUsage().heapUsed;
  const count = await flood(peer, large);
  global.gc?.();
  const grown = process.memoryUsage().heapUsed - before;
  assert.ok(grown < 32 * 1024 * 1024, `${grown} bytes of heap`);
  assert.equal(heard, upTo(10), 'as many are at work as may be');
  assert.is(client.delivery.handling, 10);
  assert.ok(client.delivery.waiting < 200, `${client.delivery.waiting} wait`);
  go();
  await until(() => heard.length >= count);
  assert.equal(heard, upTo(count));
  assert.is(await handled(peer), count);
  assert.equal([client.delivery.handling, client.delivery.waiting], [0, 0]);
});

test('an inbound flood does not make the server look dead, and a probe finds it alive', async (rig) => {
  const clock = new ManualClock();
  const { client, journal, peer, heard, go } = await slow(rig, { clock });
  const count = await flood(peer, large);
  for (let minutes = 0; minutes < 10; minutes += 1) {
    clock.advance(60_000);
    await sleep(1);
  }
  assert.equal([client.phase, journal.read()], ['online', []]);
  const probe = client.probe();
  assert.is(await probe, true);
  go();
  await until(() => heard.length >= count);
  assert.equal([client.phase, journal.read()], ['online', []]);
});

test('a reply passes by what waits: a listener may await one', async (rig) => {
  const { client, peer } = await online(rig, { concurrency: 1 });
  const heard: string[] = [];
  client.on('message', async ({ body }) => {
    await client.request(el('iq', { type: 'get' }, el('query', { xmlns: 'urn:x' })));
    heard.push(body ?? '');
  });
  await peer.send(segment(...messages(1, 2, 3)));
  for (let i = 0; i < 3; i += 1) {
    const request = await answer(peer);
    await peer.send(`<iq type="result" id="${request.attr('id')}"/>`);
  }
  await until(() => heard.length === 3);
  assert.equal(heard, ['1', '2', '3']);
});

test('stop does not wait for the application, and takes no more of the flood', async (rig) => {
  const clock = new ManualClock();
  const { client, journal, peer, heard, go } = await slow(rig, { clock });
  await flood(peer, large);
  const stopped = client.stop();
  // The clock stands still: nobody runs into a deadline.
  await peer.expect('a');
  await peer.close();
  await stopped;
  assert.equal([client.phase, heard], ['offline', upTo(10)]);
  go();
  await sleep(5);
  assert.equal(heard, upTo(10));
  assert.equal(journal.read(), ['destroyed -', 'stopped']);
});

test('what waits when the connection is lost comes again, once, and is not counted before', async (rig) => {
  const { client, journal, next, peer, heard, go } = await slow(rig, { concurrency: 1 });
  await peer.send(segment(...messages(0, 1, 2)));
  assert.is(await handled(peer), 1);
  peer.reset();
  const again = await next();
  const resume = await asked(again, sm('sm'));
  assert.is(resume.attr('h'), '1');
  await again.send(segment(sm('resumed', { previd: 'sm-1', h: 0 }), ...messages(1, 2)));
  await journal.until('resumed');
  go();
  await until(() => heard.length >= 3);
  assert.equal([heard, await handled(again)], [[0, 1, 2], 3]);
  assert.is(client.delivery.waiting, 0);
});

test('without stream management a message that waits outlives its connection, since nobody would send it again', async (rig) => {
  const { next, peer, heard, go } = await slow(rig, { concurrency: 1 }, false);
  await peer.send(segment(...messages(0, 1, 2), '<presence/>'));
  await until(() => heard.length === 1);
  peer.reset();
  const again = await next();
  await again.negotiate({ upTo: 'bind', tls: false });
  await again.send(message(3));
  go();
  await until(() => heard.length === 4);
  assert.equal(heard, [0, 1, 2, 3]);
});

test('a server that asks and does not read has to wait for its own answers', async (rig) => {
  const { client, peer } = await online(rig, { concurrency: 10 });
  client.handle('get', 'urn:x', 'query', (iq) => iq.payload);
  peer.socket.pause();
  const request = (n: number) =>
    `<iq type="get" id="q${n}" from="juliet@localhost/x"><query xmlns="urn:x">${'x'.repeat(32 * 1024)}</query></iq>`;
  const count = await flood(peer, request);
  assert.ok(client.delivery.handling <= 10, `${client.delivery.handling} at work`);
  assert.ok(client.delivery.queued <= 10, `${client.delivery.queued} answers wait`);
  peer.socket.resume();
  for (let n = 0; n < count; n += 1) assert.is((await answer(peer)).attr('id'), `q${n}`);
});

test('a server that asks what was handled and does not read gets one answer, once it reads', async (rig) => {
  const { client, peer, sockets } = await online(rig);
  // Something that it does not read.
  peer.socket.pause();
  const tokens = Array.from({ length: 300 }, () =>
    client.send(el('message', { to: 'juliet@localhost' }, el('body', {}, 'x'.repeat(32 * 1024)))),
  );
  await until(() => client.delivery.queued > 0);
  const socket = sockets.at(-1) as Socket;
  const before = socket.writableLength;
  peer.socket.write(String(sm('r')).repeat(50_000));
  await peer.send(message(1));
  await client.once('message');
  assert.is(socket.writableLength, before);
  peer.socket.resume();
  const heard: string[] = [];
  while (heard.filter((name) => name === 'message').length < tokens.length) heard.push((await peer.next()).name);
  await sleep(10);
  assert.is(heard.filter((name) => name === 'a').length, 1);
});

test('a flood before the session is ready is refused', async (rig) => {
  const { client, next } = await dialogue(rig, { maxInitialAttempts: 1, shutdownTimeout: 10 });
  const started = client.start().catch((error) => error);
  const peer = await next();
  await peer.send(bound(await asked(peer, sm('sm'))));
  await peer.expect('enable');
  const flooding = flood(peer, large).catch(() => {});
  const error = await started;
  assert.equal([error.failure?.kind, error.failure?.condition], ['protocol', 'policy-violation']);
  peer.socket.destroy();
  await flooding;
});

test.run();
