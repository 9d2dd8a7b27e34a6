/** Attempts: how many, how long after one another, and what shortens the pauses. */
import * as assert from 'uvu/assert';
import { SimulatedClock } from 'xstate';
import type { ClientOptions } from '../../src/index.ts';
import { type Rig, type Subject, sleep, sockets } from './rig.ts';

const test = sockets('sockets/lifecycle-retry');

/** A server that is down, and a client that counts its attempts by asking for endpoints. */
async function down(rig: Rig, options: Partial<ClientOptions> = {}) {
  const server = await rig.server();
  server.down();
  const attempts: number[] = [];
  const subject = rig.client(server, {
    endpoints: () => {
      attempts.push(attempts.length + 1);
      return [server.endpoint];
    },
    ...options,
  });
  return { ...subject, server, attempts };
}

const LONG_PAUSE = { backoff: { start: 60_000, cap: 60_000 }, random: () => 1 };
/** Pauses of 2, 4, 5, 5, 5 … seconds. */
const SECONDS = { backoff: { start: 2_000, factor: 2, cap: 5_000 }, random: () => 0.999_999 };

for (const [bound, maxInitialAttempts] of [
  [4, undefined],
  [1, 1],
  [7, 7],
] as const) {
  test(`N-04, E-16: ${bound} attempts before the first success${maxInitialAttempts ? '' : ' by default'}, at every start`, async (rig) => {
    const { client, journal, attempts } = await down(rig, maxInitialAttempts ? { maxInitialAttempts } : {});
    for (const run of [1, 2]) {
      const error = await client.start().catch((error) => error);
      assert.is(error.failure.kind, 'network');
      assert.is(attempts.length, run * bound);
      assert.is(journal.read().at(-1), 'failure network');
    }
  });
}

test('N-04: any number of attempts', async (rig) => {
  const { client, journal, server } = await down(rig, { maxInitialAttempts: null });
  client.start();
  await journal.until('waiting 20 network');
  await server.up();
  await journal.until('online anew');
});

test('N-12, N-15: behind the first success nothing bounds the attempts', async (rig) => {
  const server = await rig.server();
  const { journal } = await rig.online(server, { maxInitialAttempts: 1 });
  server.down();
  await journal.until('waiting 20 network');
  await server.up();
  await journal.until('online anew');
});

/** Waits for so many pauses, cutting each short, and says how long they would have been. */
async function delaysOf({ client }: Subject, count: number): Promise<number[]> {
  const delays: number[] = [];
  for (let n = 0; n < count; n += 1) {
    const { delay } = await client.once('waiting');
    delays.push(delay);
    setImmediate(() => client.retry());
  }
  return delays;
}

test('N-18, N-43, N-44, N-45, C.8.9: pauses grow by the factor up to the cap', async (rig) => {
  const subject = await down(rig, { maxInitialAttempts: null, ...SECONDS });
  subject.client.start();
  assert.equal(await delaysOf(subject, 4), [2_000, 4_000, 5_000, 5_000]);
});

test('N-43, N-44, N-45: pauses by default', async (rig) => {
  const subject = await down(rig, { maxInitialAttempts: null, backoff: {}, random: () => 0.999_999 });
  subject.client.start();
  assert.equal(await delaysOf(subject, 3), [1_000, 1_200, 1_440]);
});

test('N-18: pauses are drawn below their ceiling, and never so short that a server is hammered', async (rig) => {
  const chances = [0, 0.5, 0.25];
  const subject = await down(rig, {
    maxInitialAttempts: null,
    backoff: { start: 1_100, factor: 1 },
    random: () => chances.shift() ?? 0,
  });
  subject.client.start();
  assert.equal(await delaysOf(subject, 3), [110, 605, 358]);
});

test('N-18: the attempt comes when the pause is over, and not before', async (rig) => {
  const clock = new SimulatedClock();
  const { client, journal, attempts } = await down(rig, { clock, ...SECONDS });
  client.start();
  await journal.until('waiting 1 network');
  clock.increment(1_999);
  await sleep(5);
  assert.is(attempts.length, 1);
  clock.increment(1);
  await journal.until('waiting 2 network');
  assert.is(attempts.length, 2);
});

test('B.6, C.8.9: pauses are short again once a session has been live for a while, and no sooner', async (rig) => {
  const clock = new SimulatedClock();
  const server = await rig.server();
  const { client, journal } = await rig.online(server, { clock, ...SECONDS, settle: 500 });
  const cut = async (livedFor: number, delay: number) => {
    clock.increment(livedFor);
    const waiting = client.once('waiting');
    server.drop('rst');
    assert.is((await waiting).delay, delay);
    journal.read();
    client.retry();
    await journal.until('online again');
  };
  await cut(0, 2_000);
  await cut(499, 4_000);
  await cut(500, 2_000);
});

test('E-15, C.8.9: stream errors are no way around the pauses', async (rig) => {
  const server = await rig.server();
  const { client, journal } = await rig.online(server, SECONDS);
  for (const delay of [2_000, 4_000, 5_000]) {
    const waiting = client.once('waiting');
    server.connections[0]?.end('system-shutdown');
    assert.is((await waiting).delay, delay);
    journal.read();
    client.retry();
    await journal.until('online again');
  }
});

test('retry, wake, and a network that is back end the pause', async (rig) => {
  const server = await rig.server();
  const { client, journal } = await rig.online(server, LONG_PAUSE);
  for (const hint of [() => client.retry(), () => client.wake(), () => back(client)]) {
    journal.read();
    server.drop('rst');
    await client.once('waiting');
    hint();
    await journal.until('online again');
  }
});

function back(client: Subject['client']): void {
  client.network('offline');
  client.network('online');
}

test('without a network there is no attempt and no timer', async (rig) => {
  const clock = new SimulatedClock();
  const server = await rig.server();
  const { client, journal, dialed } = await rig.online(server, { clock });
  journal.read();
  client.network('offline');
  server.drop('rst');
  await journal.until('waiting 1 network');
  assert.is(client.phase, 'reconnecting');
  assert.is(client.getSnapshot().retry, null);
  clock.increment(24 * 3_600_000);
  await sleep(5);
  assert.is(dialed.length, 1);
  client.network('online');
  await journal.until('online anew');
});

test('the network goes away in the middle of a pause', async (rig) => {
  const clock = new SimulatedClock();
  const server = await rig.server();
  const { client, journal, dialed } = await rig.online(server, { clock });
  server.drop('rst');
  await journal.until('waiting 1 network');
  assert.is.not(client.getSnapshot().retry, null);
  client.network('offline');
  assert.is(client.getSnapshot().retry, null);
  clock.increment(60_000);
  await sleep(5);
  assert.is(dialed.length, 1);
});

const NO_NEW_SESSION = { allowImplicitReconnect: false };

test('N-14, E-1: no new session when the old one is lost with its connection', async (rig) => {
  const server = await rig.server({ sm: false });
  const { journal } = await rig.online(server, NO_NEW_SESSION);
  journal.read();
  server.drop('rst');
  await journal.until('failure session');
  assert.equal(journal.read(), ['suspended network', 'destroyed network', 'failure session']);
});

test('N-14, E-1: no new session when the old one is not given back', async (rig) => {
  const server = await rig.server();
  const { client, journal } = await rig.online(server, NO_NEW_SESSION);
  journal.read();
  await server.restart();
  await journal.until('failure session');
  assert.equal(journal.read(), ['suspended network', 'waiting 1 network', 'destroyed session', 'failure session']);
  await client.start();
  assert.equal(journal.read(), ['established', 'online anew']);
});

test('N-14, E-1: no new session where the old one cannot be asked for any more', async (rig) => {
  const server = await rig.server();
  const { journal } = await rig.online(server, NO_NEW_SESSION);
  server.configure({ sm: false });
  server.drop('rst');
  await journal.until('failure session');
});

test('N-14, E-1: no new session after the time that the old one was to be kept', async (rig) => {
  const clock = new SimulatedClock();
  const server = await rig.server({ sm: { max: 30 } });
  const { journal } = await rig.online(server, { clock, ...NO_NEW_SESSION, ...LONG_PAUSE });
  journal.read();
  server.drop('rst');
  await journal.until('waiting 1 network');
  clock.increment(30_000);
  assert.equal(journal.read(), ['suspended network', 'waiting 1 network', 'destroyed session', 'failure session']);
});

test('N-14, E-1: the old session is as good as ever', async (rig) => {
  const server = await rig.server();
  const { journal } = await rig.online(server, NO_NEW_SESSION);
  server.drop('rst');
  await journal.until('online again');
});

test('C.1: a session that the server no longer keeps is given up while the client waits', async (rig) => {
  const clock = new SimulatedClock();
  const server = await rig.server({ sm: { max: 30 } });
  const { client, journal } = await rig.online(server, { clock, ...LONG_PAUSE });
  journal.read();
  server.drop('rst');
  await journal.until('waiting 1 network');
  clock.increment(30_000);
  assert.equal(journal.read(), ['suspended network', 'waiting 1 network', 'destroyed session']);
  client.retry();
  await journal.until('online anew');
});

test.run();
