/**
 * How often a client tries, on two minutes of its own clock, with dice that always fall for the shortest pause. Whatever a
 * server does to provoke it, no minute sees more attempts than the pauses allow.
 */
import * as assert from 'uvu/assert';
import { retryDelay } from '../../machines/backoff.ts';
import { NS } from '../../src/testing/names.ts';
import { scriptedServer } from '../../src/testing/scripted.ts';
import type { TestServer } from '../../src/testing/server.ts';
import { suite } from '../harness.ts';
import { chaosServer, DOMAIN, World, type WorldOptions } from './world.ts';

const test = suite('chaos/storm', 20_000);

const MINUTE = 60_000;
const POLICY = { start: 1_000, factor: 1.2, cap: 60_000 };
/** By default. */
const SETTLE = 10_000;

/** Attempts in a minute of which none comes to a session that settles. */
const ATTEMPTS = 28;
/** The most there can be when sessions settle in between, each of which lives for so long. */
const WITH_SESSIONS = 65;

const OPTIONS: WorldOptions = { tls: 'off', backoff: {}, settle: SETTLE, random: () => 0 };

let server: TestServer;
/** What a server is going to do. */
let timer: number | undefined;

test.before(async () => {
  server = await chaosServer({ tls: 'off' });
});
test.afterEach(() => {
  server.faults.clear();
  for (const session of server.sessions) session.end();
});
test.after(() => server.close());

/** The most of these times that lie in one minute. */
function busiest(times: readonly number[]): number {
  return Math.max(0, ...times.map((from) => times.filter((time) => time >= from && time < from + MINUTE).length));
}

/** What a client does in two minutes: the most attempts, and the most connections, in any one. */
async function provoked(
  accept: TestServer | Awaited<ReturnType<typeof scriptedServer>>,
  more: WorldOptions = {},
  provoke = (_: World) => {},
) {
  const attempts = [0];
  const connections: number[] = [];
  const world = new World(accept, {
    ...OPTIONS,
    onLink: () => connections.push(world.clock.now()),
    ...more,
  });
  world.client.on('waiting', ({ delay }) => attempts.push(world.clock.now() + delay));
  provoke(world);
  world.start();
  await world.still();
  while (world.clock.now() < 2 * MINUTE) {
    assert.ok(world.clock.next(), 'it has given up');
    await world.still();
  }
  assert.not(world.life.includes('failure'));
  world.clock.clearTimeout(timer);
  await world.stop();
  return { attempts: busiest(attempts), connections: busiest(connections) };
}

test('the bounds are what the pauses come to', () => {
  const fits = (sessions: number) => {
    const run = (MINUTE - sessions * SETTLE) / (sessions + 1);
    let [attempts, time] = [0, 0];
    for (; time < run; time += retryDelay(POLICY, attempts, 0)) attempts += 1;
    return attempts * (sessions + 1);
  };
  assert.is(fits(0), ATTEMPTS);
  assert.is(Math.max(...[1, 2, 3, 4, 5].map(fits)), WITH_SESSIONS);
});

test('a server that resets every connection: no storm of reconnects', async () => {
  server.faults.add({ drop: 'rst', when: 'connect', times: Number.POSITIVE_INFINITY });
  assert.equal(await provoked(server), { attempts: ATTEMPTS, connections: ATTEMPTS });
});

const cut = ({ link }: World) => link.drop('fin');

const later = (world: World, milliseconds: number) => {
  timer = world.clock.setTimeout(() => cut(world), milliseconds);
};

/** What a server does to whom it has let in, by the number of the login. */
const TREATMENTS: Record<string, { treat: (world: World, login: number) => unknown; most: number }> = {
  'closes at once': { treat: cut, most: ATTEMPTS },
  'closes a millisecond later': { treat: (world) => later(world, 1), most: ATTEMPTS },
  'closes and forgets the session': {
    treat: (world) => {
      cut(world);
      for (const session of server.sessions) session.end();
    },
    most: ATTEMPTS,
  },
  'says reset': { treat: () => server.connections.at(-1)?.end('reset'), most: ATTEMPTS },
  'breaks the rules': { treat: ({ link }) => link.far.write('<<'), most: ATTEMPTS },
  'closes when the session has settled': {
    treat: (world) => later(world, SETTLE + 1),
    most: WITH_SESSIONS,
  },
  'lets every twelfth session settle': {
    treat: (world, login) => (login % 12 > 0 ? cut(world) : later(world, SETTLE + 1)),
    most: WITH_SESSIONS,
  },
};

for (const [name, { treat, most }] of Object.entries(TREATMENTS)) {
  test(`a server that lets a client in and ${name}: no storm of reconnects`, async () => {
    let logins = 0;
    const { attempts, connections } = await provoked(server, {}, (world) => {
      world.client.on('online', () => {
        logins += 1;
        const login = logins;
        setImmediate(() => treat(world, login));
      });
    });
    assert.ok(attempts <= most, `${attempts} attempts`);
    assert.ok(connections <= most, `${connections} connections`);
    assert.ok(logins > 2);
  });
}

const ELSEWHERE = `<stream:error><see-other-host xmlns='${NS.streamErrors}'>other.test</see-other-host></stream:error></stream:stream>`;

/** Connections of one attempt: to the endpoint, and five times on. */
const REDIRECTED = 6;

for (const [when, upTo] of [
  ['before the login', null],
  ['behind the login', 'sm'],
] as const) {
  test(`a server that sends a client round in a circle ${when}: no storm of reconnects`, async () => {
    const circle = await scriptedServer(
      async (peer) => {
        if (upTo === null) await peer.open();
        else await peer.negotiate({ upTo, tls: false });
        await peer.send(ELSEWHERE);
      },
      { domain: DOMAIN, tls: 'off', scram: { iterations: 1 } },
    );
    // A session that was resumed would be another story.
    const { attempts, connections } = await provoked(circle, { streamManagement: { resume: false } });
    assert.ok(attempts <= ATTEMPTS, `${attempts} attempts`);
    assert.ok(connections <= ATTEMPTS * REDIRECTED, `${connections} connections`);
    await circle.close();
  });
}

test('a domain with a thousand servers, none of which is there: no storm of connections', async () => {
  const records = Array.from({ length: 1_000 }, (_, n) => ({ name: `${n}.test`, port: 5222, priority: 0, weight: 1 }));
  let dialed = 0;
  const { attempts } = await provoked(server, {
    resolveSrv: async (name) => (name.startsWith('_xmpp-') ? records : []),
    connect: async () => {
      dialed += 1;
      throw Object.assign(new Error('refused'), { code: 'ECONNREFUSED', syscall: 'connect' });
    },
  });
  assert.is(attempts, ATTEMPTS);
  // Two minutes of them, of sixteen endpoints each.
  assert.ok(dialed <= 2 * ATTEMPTS * 16, `${dialed} connections`);
});

test.run();
