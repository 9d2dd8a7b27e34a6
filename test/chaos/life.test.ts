/** Every state of a client that has been online × everything that can happen to its connection there. */
import * as assert from 'uvu/assert';
import { el } from '../../src/index.ts';
import type { Match } from '../../src/testing/faults.ts';
import type { TestServer } from '../../src/testing/server.ts';
import { suite } from '../harness.ts';
import { ANSWER, chaosServer, FAREWELL, IDLE, PAUSE, STEP, verdictOf, World, type WorldOptions } from './world.ts';

const test = suite('chaos/life');

let server: TestServer;

test.before(async () => {
  server = await chaosServer();
});
test.afterEach(() => {
  server.faults.clear();
  server.accounts.set('romeo', 'secret');
  for (const session of server.sessions) session.end();
});
test.after(() => server.close());

const message = () => el('message', { to: 'nobody@xmpp.test' }, el('body', {}, 'hello'));

/** The server reads this and falls silent. */
async function deaf(match: Match): Promise<void> {
  await server.faults.add({ drop: 'silence', when: { direction: 'in', before: match } }).fired;
}

async function online(options: WorldOptions = {}): Promise<World> {
  const world = new World(server, options);
  await world.online();
  world.life.length = 0;
  return world;
}

/** A state, how a client comes there with nobody to talk to, and how long it then waits before it gives up. */
interface Place {
  readonly name: string;
  readonly state: string;
  readonly reach: () => Promise<World>;
  readonly within: number;
}

const READY = 'connected.live.ready';

const ALIVE: readonly Place[] = [
  {
    name: 'with nothing to do',
    state: `${READY}.quiet`,
    reach: async () => {
      const world = await online();
      server.drop('silence');
      return world;
    },
    within: IDLE + ANSWER,
  },
  {
    name: 'while the server owes an acknowledgement',
    state: `${READY}.owed`,
    reach: async () => {
      const world = await online();
      const unheard = deaf('message');
      world.client.send(message());
      await unheard;
      return world;
    },
    within: IDLE + ANSWER,
  },
  {
    name: 'while the server is asked for a sign of life',
    state: `${READY}.probing`,
    reach: async () => {
      const world = await online();
      const unheard = deaf('r');
      world.client.wake();
      await unheard;
      return world;
    },
    within: ANSWER,
  },
];

const CUTS = [
  ['FIN', ({ link }: World) => link.drop('fin')],
  ['RST', ({ link }: World) => link.drop('rst')],
  ['FIN of a server that goes on reading', ({ link }: World) => link.far.end()],
] as const;

for (const { name, state, reach, within } of ALIVE) {
  test(`silence ${name}: timeout, and the session goes on`, async () => {
    const world = await reach();
    assert.is(world.state, state);
    await world.pass('waiting', () => world.state === 'waiting', within);
    assert.is(verdictOf(world.reasons[0] as never), 'timeout online backoff');
    assert.equal(world.life, ['suspended', 'waiting']);
    server.faults.clear();
    await world.online();
    assert.is(world.life.at(-1), 'resumed');
    await world.stop();
  });

  for (const [fault, strike] of CUTS) {
    test(`${fault} ${name}: network, and the session goes on`, async () => {
      const world = await reach();
      strike(world);
      await world.pass('waiting', () => world.state === 'waiting', 0);
      assert.is(verdictOf(world.reasons[0] as never), 'network online backoff');
      server.faults.clear();
      await world.online();
      assert.equal(world.life, ['suspended', 'waiting', 'resumed']);
      await world.stop();
    });
  }

  test(`stop in spite of silence ${name}`, async () => {
    const world = await reach();
    await world.stop();
    assert.equal(world.life, ['destroyed', 'stopped']);
  });
}

/** A client that is about to stop. */
const ENDING: readonly Omit<Place, 'within'>[] = [
  {
    name: 'while the last stanzas are held up',
    state: 'connected.live.draining',
    reach: async () => {
      const world = await online();
      world.client.filter('outbound', () => new Promise<never>(() => {}));
      world.client.send(message());
      await world.still();
      void world.client.stop();
      return world;
    },
  },
  {
    name: 'while the server owes its farewell',
    state: 'connected.leaving',
    reach: async () => {
      const world = await online();
      const unheard = deaf('/stream');
      void world.client.stop();
      await unheard;
      return world;
    },
  },
];

for (const { name, state, reach } of ENDING) {
  for (const [fault, strike] of [['silence', ({ link }: World) => link.drop('silence')], ...CUTS] as const) {
    test(`${fault} ${name}: stopped in time`, async () => {
      const world = await reach();
      assert.is(world.state, state);
      strike(world);
      await world.stop();
      assert.equal(world.life, ['destroyed', 'stopped']);
    });
  }
}

test('stop in spite of a server that reads nothing, and takes all the time for its farewell', async () => {
  server.configure({ tls: 'off' });
  const world = await online({ tls: 'off' });
  server.configure({ tls: 'required' });
  world.link.far.pause();
  // More than is under way at any time: the socket cannot be closed in order.
  for (let times = 0; times < 2; times += 1) {
    world.client.send(el('message', { to: 'nobody@xmpp.test' }, el('body', {}, 'x'.repeat(300_000))));
    await world.still();
  }
  void world.client.stop();
  await world.still();
  assert.is(world.state, 'connected.leaving');
  world.clock.advance(FAREWELL - 1);
  world.link.far.write('</stream:stream>');
  await world.still();
  await world.stop(1);
});

test('stop while a stream is being given up on which the server broke the rules', async () => {
  const world = await online();
  server.connections[0]?.send(el('nonsense', { xmlns: 'urn:x' }));
  world.link.near.pause();
  await world.still();
  await world.stop();
});

test('silence while hooks are at work: timeout in prepare', async () => {
  const world = new World(server);
  let signal: AbortSignal | undefined;
  world.client.beforeEstablished((preparation) => {
    signal = preparation.signal;
    return new Promise(() => {});
  });
  world.start();
  await world.until('preparing', () => world.state === 'connected.live.preparing');
  await world.pass('waiting', () => world.state === 'waiting', STEP + FAREWELL);
  assert.is(verdictOf(world.reasons[0] as never), 'timeout prepare backoff');
  assert.ok(signal?.aborted);
  await world.stop(0);
});

for (const [fault, strike] of CUTS) {
  test(`${fault} while hooks are at work: network in prepare`, async () => {
    const world = new World(server);
    world.client.beforeEstablished(() => new Promise(() => {}));
    world.start();
    await world.until('preparing', () => world.state === 'connected.live.preparing');
    strike(world);
    await world.pass('waiting', () => world.state === 'waiting', 0);
    assert.is(verdictOf(world.reasons[0] as never), 'network prepare backoff');
    await world.stop(0);
  });
}

test('stop while hooks are at work', async () => {
  const world = new World(server);
  world.client.beforeEstablished(() => new Promise(() => {}));
  world.start();
  await world.until('preparing', () => world.state === 'connected.live.preparing');
  await world.stop();
});

test('without a network no timer runs but that of the session, and a day later there is a new one', async () => {
  const world = await online();
  world.client.network('offline');
  world.link.drop('fin');
  await world.still();
  assert.is(world.state, 'waiting');
  assert.is(world.clock.pending.length, 1);
  world.clock.advance(24 * 3_600_000);
  await world.still();
  assert.equal(world.life, ['suspended', 'waiting', 'destroyed']);
  assert.equal(world.clock.pending, []);
  world.client.network('online');
  await world.until('online', () => world.client.phase === 'online');
  assert.is(world.life.at(-1), 'established');
  await world.stop();
});

test('a network that comes and goes all the time', async () => {
  const world = await online();
  world.link.drop('fin');
  await world.still();
  for (let times = 0; times < 20; times += 1) {
    world.client.network('offline');
    world.client.network('online');
  }
  await world.until('online', () => world.client.phase === 'online');
  assert.is(world.memory.links.length, 2);
  await world.stop();
});

test('stop in a pause, with a network and without', async () => {
  for (const network of ['online', 'offline'] as const) {
    const world = await online();
    world.client.network(network);
    world.link.drop('rst');
    await world.pass('waiting', () => world.state === 'waiting', 0);
    await world.stop(0);
  }
});

test('a client that has failed keeps nothing, and can be started again', async () => {
  server.accounts.set('romeo', 'another');
  const world = new World(server);
  world.start();
  await world.until('failed', () => world.state === 'failed');
  assert.is(verdictOf(world.reasons[0] as never), 'auth auth not-authorized user');
  await world.gone();
  server.accounts.set('romeo', 'secret');
  await world.online();
  await world.stop();
});

test('bytes that come one by one, all the time', async () => {
  const world = new World(server, {
    onLink: (link) => {
      link.split = 1;
    },
  });
  await world.online();
  assert.is(await world.client.send(message()), 'acked');
  await world.stop();
});

for (const seconds of [10, 14]) {
  test(`${seconds} seconds each way are a slow network`, async () => {
    const world = slow(seconds * 1_000);
    await world.pass('online', () => world.client.phase === 'online', 10 * STEP);
    await leave(world);
  });
}

test('30 seconds each way are more than a step may take', async () => {
  const world = slow(30_000);
  await world.pass('waiting', () => world.state === 'waiting', STEP + FAREWELL);
  assert.is(verdictOf(world.reasons[0] as never), 'timeout stream backoff');
  await world.pass('waiting again', () => world.life.length > 1, PAUSE + STEP + FAREWELL);
  await leave(world);
});

/** Stops, and lets arrive what is under way. */
async function leave(world: World): Promise<void> {
  void world.client.stop();
  await world.pass('stopped', () => world.life.includes('stopped'), FAREWELL);
  for (let trips = 0; trips < 3; trips += 1) {
    world.clock.advance(STEP);
    await world.still();
  }
  await world.gone();
}

function slow(latency: number): World {
  const world = new World(server, {
    onLink: (link) => {
      link.latency = latency;
    },
  });
  world.start();
  return world;
}

test.run();
