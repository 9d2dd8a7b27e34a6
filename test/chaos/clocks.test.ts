/** Time that is not what it seems: a busy process, a machine that slept, a date that somebody sets. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { DrowsyClock } from '../model/real-client.ts';
import { asked, bound } from '../sockets/dialogue.ts';
import { sleep, sockets } from '../sockets/rig.ts';
import { ANSWER, chaosServer, IDLE, verdictOf, World } from './world.ts';

const test = sockets('chaos/clocks');

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

/** Nothing else happens in this process for so many milliseconds. */
function block(milliseconds: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
}

test('a busy process reads what is there before it takes the server for dead', async (rig) => {
  const server = await rig.scripted(async (peer) => {
    await peer.negotiate({ upTo: 'bind', tls: false });
    const ping = await peer.next();
    await peer.send(`<iq type='result' id='${ping.attr('id')}'/>`);
    block(600);
  });
  const { client, journal } = await rig.online(server, { tls: 'off', liveness: { idle: 50, answer: 500 } });
  await client.once('probing');
  await server.done();
  await sleep(10);
  assert.equal(journal.read(), ['established', 'online anew']);
});

test('a busy process reads what is there before it gives a login up', async (rig) => {
  const server = await rig.scripted(async (peer) => {
    await peer.send(bound(await asked(peer)));
    block(1_100);
  });
  const { client, journal } = rig.client(server, { tls: 'off', negotiationTimeout: 1_000 });
  await client.start();
  assert.equal(journal.read(), ['established', 'online anew']);
});

test('a date that jumps by days means nothing', async (rig) => {
  const { now } = Date;
  let jump = DAY;
  Date.now = () => {
    jump = -jump;
    return now() + jump;
  };
  try {
    const server = await rig.server();
    const { client, journal } = await rig.online(server, { liveness: { idle: 20, answer: 10_000 } });
    await client.once('probing');
    assert.is(await client.probe(), true);
    server.drop('rst');
    const [{ delay }, { gapMs }] = await Promise.all([client.once('waiting'), client.once('online')]);
    assert.ok(delay <= 1 && gapMs >= 0 && gapMs < HOUR);
    assert.equal(journal.read().slice(2), ['suspended network', 'waiting 1 network', 'resumed', 'online again']);
  } finally {
    Date.now = now;
  }
});

test('the date is asked for nothing but the stamp of a delayed message', async () => {
  const asking = ['src', 'machines']
    .flatMap((folder) => readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((file) => join(folder, file)))
    .filter((file) => file.endsWith('.ts') && !file.startsWith(join('src', 'testing')))
    .filter((file) => /Date\.now|new Date\(\)/.test(readFileSync(file, 'utf8')));
  assert.equal(asking, [join('src', 'client', 'link.ts')]);
});

/** A client on a machine that can be sent to sleep. */
async function sleeper(body: (world: World, slumber: (milliseconds: number) => void) => Promise<unknown>) {
  const server = await chaosServer();
  const clock = new DrowsyClock();
  const world = new World(server, {}, clock);
  await world.online();
  world.life.length = 0;
  try {
    await body(world, (milliseconds) => {
      clock.asleep += milliseconds;
    });
    await world.stop();
  } finally {
    world.close();
    await server.close();
  }
}

test('a machine that wakes up asks first, and hears that all is well', () =>
  sleeper(async (world, slumber) => {
    slumber(HOUR);
    world.client.wake();
    assert.is(await world.client.probe(), true);
    assert.equal(world.life, []);
  }));

test('so does one that nobody tells of its sleep', () =>
  sleeper(async (world, slumber) => {
    slumber(DAY);
    const probing = world.client.once('probing');
    world.clock.advance(IDLE);
    await probing;
    await world.still();
    assert.match(world.state, /quiet$/);
    assert.equal(world.life, []);
  }));

test('one that fell asleep while it waited for an answer asks again', () =>
  sleeper(async (world, slumber) => {
    world.link.latency = 1_000;
    world.client.wake();
    await world.still();
    slumber(HOUR);
    // The deadline, which passed in sleep, and the answer come one after the other.
    world.link.latency = 0;
    world.clock.advance(ANSWER);
    await world.still();
    assert.match(world.state, /quiet$/);
    assert.equal(world.life, []);
  }));

test('one whose server is gone when it wakes up says so in time', () =>
  sleeper(async (world, slumber) => {
    world.link.drop('silence');
    slumber(DAY);
    world.client.wake();
    await world.pass('waiting', () => world.state === 'waiting', ANSWER);
    assert.is(verdictOf(world.reasons[0] as never), 'timeout online backoff');
    await world.online();
    assert.is(world.life.at(-1), 'resumed');
  }));

test.run();
