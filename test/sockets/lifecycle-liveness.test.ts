/** B.4: is anybody there? And white space, for whatever stands in between and forgets idle connections. */
import * as assert from 'uvu/assert';
import { SimulatedClock } from 'xstate';
import { type ClientOptions, type Element, el, TimeoutError } from '../../src/index.ts';
import type { Peer } from '../../src/testing/peer.ts';
import { type Rig, sockets } from './rig.ts';

const test = sockets('sockets/lifecycle-liveness');

const IDLE = 60_000;
const ANSWER = 60_000;

/** A client that is online on simulated time; the script goes on behind its login, and another connection does as well. */
async function live(
  rig: Rig,
  upTo: 'bind' | 'sm',
  script: (peer: Peer, clock: SimulatedClock) => Promise<unknown>,
  options: Partial<ClientOptions> = {},
) {
  const clock = new SimulatedClock();
  const server = await rig.scripted(async (peer) => {
    await peer.negotiate({ upTo });
    await (peer.number === 1 ? script(peer, clock) : undefined);
  });
  return { ...(await rig.online(server, { clock, ...options })), clock, server };
}

const isPing = (element: Element) => element.find('ping', 'urn:xmpp:ping') !== undefined;

/** Something to answer with: of every kind there is a byte. */
const SIGNS: Record<string, (peer: Peer, probe: Element) => Promise<unknown>> = {
  'an acknowledgement': (peer) => peer.send(el('a', { xmlns: 'urn:xmpp:sm:3', h: 0 })),
  'a stanza': (peer) => peer.send(el('message')),
  'white space': (peer) => peer.send(' '),
  'half a stanza': (peer) => peer.send('<mess'),
};

for (const [name, answer] of Object.entries(SIGNS)) {
  test(`P-39: silence is broken by asking for an acknowledgement, once, and ${name} is sign enough`, async (rig) => {
    const { client, journal, clock } = await live(rig, 'sm', async (peer) => {
      await answer(peer, await peer.expect('r'));
      await peer.expect('presence');
    });
    clock.increment(IDLE - 1);
    clock.increment(1);
    assert.is(await client.probe(), true);
    clock.increment(ANSWER - 1);
    client.send(el('presence'));
    assert.equal(journal.read(), ['established', 'online anew']);
  });
}

const REPLIES: Record<string, (id: string | undefined) => Element> = {
  'a result': (id) => el('iq', { type: 'result', id }),
  'an error': (id) => el('iq', { type: 'error', id }, el('error', { type: 'cancel' })),
};

for (const [name, reply] of Object.entries(REPLIES)) {
  test(`P-39: without stream management silence is broken by a ping, and ${name} is sign enough`, async (rig) => {
    const { client, journal, clock } = await live(rig, 'bind', async (peer) => {
      const ping = await peer.expect(isPing);
      assert.equal([ping.attr('type'), ping.attr('to')], ['get', undefined]);
      await peer.send(reply(ping.attr('id')));
    });
    clock.increment(IDLE);
    assert.is(await client.probe(), true);
    assert.equal(journal.read(), ['established', 'online anew']);
  });
}

test('P-39: any byte puts the question off', async (rig) => {
  const server = await rig.scripted(
    async (peer) => {
      await peer.negotiate({ upTo: 'bind', tls: false });
      await peer.expect('presence');
      await peer.send(' ');
      await peer.expect('message');
      await peer.expect(isPing);
    },
    { tls: 'off' },
  );
  const clock = new SimulatedClock();
  const { client, sockets } = await rig.online(server, { clock, tls: 'off' });
  clock.increment(IDLE - 1);
  const before = sockets[0]?.bytesRead;
  client.send(el('presence'));
  while (sockets[0]?.bytesRead === before) await new Promise(setImmediate);
  clock.increment(IDLE - 1);
  await client.send(el('message'));
  clock.increment(1);
  await server.done();
});

test('P-39, N-50: who does not answer is taken for dead', async (rig) => {
  const { journal, clock } = await live(rig, 'sm', async (peer) => {
    await peer.expect('r');
    peer.silence();
  });
  journal.read();
  clock.increment(IDLE);
  clock.increment(ANSWER - 1);
  assert.equal(
    journal.read().filter((entry) => entry !== 'probing'),
    [],
  );
  clock.increment(1);
  assert.equal(journal.read(), ['suspended timeout', 'waiting 1 timeout']);
});

test('P-39: that the server is asked is told', async (rig) => {
  const { client, clock } = await live(rig, 'sm', async (peer) => peer.silence());
  const probing = client.once('probing');
  clock.increment(IDLE);
  await probing;
});

test('B.4: who slept and cannot have heard the answer asks again', async (rig) => {
  const { journal, clock, server } = await live(rig, 'sm', async (peer) => {
    await peer.expect('r');
    clock.increment(ANSWER + 3_600_000);
    await peer.expect('r');
    await peer.send(' ');
  });
  clock.increment(IDLE);
  await server.done();
  assert.equal(journal.read(), ['established', 'online anew']);
});

test('B.4: both limits can be set', async (rig) => {
  const { journal, clock } = await live(rig, 'sm', async (peer) => peer.silence(), {
    liveness: { idle: 10, answer: 5 },
  });
  clock.increment(10);
  clock.increment(5);
  await journal.until('suspended timeout');
});

test('B.4: and switched off', async (rig) => {
  const { client, journal, clock, server } = await live(rig, 'sm', (peer) => peer.expect('presence'), {
    liveness: false,
  });
  clock.increment(365 * 24 * 3_600_000);
  client.send(el('presence'));
  await server.done();
  assert.equal(journal.read(), ['established', 'online anew']);
});

test('probe says whether anybody is there', async (rig) => {
  const { client, journal, clock } = await live(rig, 'sm', async (peer) => {
    await peer.expect('r');
    await peer.send(' ');
    await peer.expect('r');
    peer.silence();
  });
  assert.is(await client.probe(), true);
  assert.instance(await slow(client.probe({ timeout: 10 }), clock, 10), TimeoutError);
  const probing = client.probe();
  clock.increment(ANSWER);
  assert.is(await probing, false);
  await journal.until('suspended timeout');
  assert.is(await client.probe(), false);
});

async function slow(promise: Promise<unknown>, clock: SimulatedClock, milliseconds: number): Promise<unknown> {
  const caught = promise.catch((error) => error);
  clock.increment(milliseconds);
  return caught;
}

const HINTS: Record<string, (client: { wake(): void; network(state: 'online' | 'offline'): void }) => void> = {
  'the machine wakes up': (client) => client.wake(),
  'the network is another': (client) => {
    client.network('offline');
    client.network('online');
  },
};

for (const [name, hint] of Object.entries(HINTS)) {
  test(`C.1: ${name}: the connection is verified at once`, async (rig) => {
    const { client, journal, server } = await live(rig, 'sm', async (peer) => {
      await peer.expect('r');
      await peer.send(' ');
    });
    hint(client);
    await server.done();
    assert.equal(journal.read(), ['established', 'online anew']);
  });
}

const EVERY = 300_000;

test('X-49b: white space now and then', async (rig) => {
  const { clock, server } = await live(
    rig,
    'bind',
    async (peer, clock) => {
      assert.is(String(await peer.raw()), ' ');
      clock.increment(EVERY);
      assert.is(String(await peer.raw()), ' ');
    },
    { whitespaceKeepalive: EVERY, liveness: false },
  );
  clock.increment(EVERY);
  await server.done();
});

test('X-49b: also after a resumption', async (rig) => {
  const clock = new SimulatedClock();
  const server = await rig.scripted([
    async (peer) => {
      await peer.negotiate({ upTo: 'sm' });
      peer.reset();
    },
    async (peer) => {
      await peer.negotiate({ upTo: 'auth' });
      await peer.features(
        el('bind', { xmlns: 'urn:ietf:params:xml:ns:xmpp-bind' }),
        el('sm', { xmlns: 'urn:xmpp:sm:3' }),
      );
      await peer.expect('resume');
      await peer.send(el('resumed', { xmlns: 'urn:xmpp:sm:3', previd: 'sm-1', h: 0 }));
      assert.is(String(await peer.raw()), ' ');
    },
  ]);
  const { client, journal } = await rig.online(server, { clock, whitespaceKeepalive: EVERY, liveness: false });
  await journal.until('waiting 1 network');
  client.retry();
  await journal.until('online again');
  clock.increment(EVERY);
  await server.done();
});

test('X-49a: none unless it is asked for', async (rig) => {
  const { client, clock, server } = await live(rig, 'bind', (peer) => peer.expect('presence'), { liveness: false });
  clock.increment(24 * EVERY);
  client.send(el('presence'));
  await server.done();
  assert.not.match(server.peers[0]?.received ?? '', /> </);
});

test.run();
