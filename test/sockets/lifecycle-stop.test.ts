/** C.8.1 to C.8.3: `start` and `stop` in every state and from every handler. */
import * as assert from 'uvu/assert';
import { type Client, type ClientEvents, type Element, el, StateError } from '../../src/index.ts';
import { type Journal, type Rig, sockets } from './rig.ts';
import { reach, STEPS } from './steps.ts';

const test = sockets('sockets/lifecycle-stop');

/** How the runs in the journal ended. */
const ends = (journal: Journal) => journal.read().filter((entry) => /^(?:stopped|failure)/.test(entry));

test('N-21: start while running is an error, in every phase, and changes nothing', async (rig) => {
  const server = await rig.server();
  const { client, journal } = rig.client(server, { backoff: { start: 60_000, cap: 60_000 } });
  const refused = async (phase: string) => {
    assert.is(client.phase, phase);
    assert.instance(await client.start().catch((error) => error), StateError);
    assert.is(client.phase, phase);
  };
  const started = client.start();
  await refused('connecting');
  await started;
  await refused('online');
  server.drop('rst');
  await journal.until('waiting 1 network');
  await refused('reconnecting');
  client.retry();
  await journal.until('online again');
  const stopped = client.stop();
  await refused('disconnecting');
  await stopped;
  assert.equal(ends(journal), ['stopped']);
});

test('N-22: stop is nothing to a client that was never started', async (rig) => {
  const { client, journal } = rig.client(await rig.server());
  await client.stop();
  assert.equal(journal.read(), []);
});

test('N-22: stop again and again is one stop', async (rig) => {
  const { client, journal } = await rig.online(await rig.server());
  await Promise.all([client.stop(), client.stop()]);
  await client.stop();
  assert.equal(ends(journal), ['stopped']);
});

test('N-46: stop is nothing to a client that has failed, and it can be started again', async (rig) => {
  const server = await rig.server();
  server.accounts.set('romeo', 'another');
  const { client, journal } = rig.client(server);
  await client.start().catch(() => {});
  await client.stop();
  assert.equal(ends(journal), ['failure not-authorized']);
  server.accounts.set('romeo', 'secret');
  await client.start();
  assert.is(client.phase, 'online');
});

for (const step of STEPS) {
  test(`C.8.3: stop at ${step.name}, which never comes`, async (rig) => {
    const { client, journal, sockets } = await reach(rig, step, 'silence', { shutdownTimeout: 5 });
    await client.stop();
    assert.equal(journal.read(), step.again ? ['destroyed -', 'stopped'] : ['stopped']);
    assert.ok(sockets.every(({ destroyed }) => destroyed));
  });
}

test('C.8.3, E-5, P-26, X-32: stop does not wait for ever for a footer', async (rig) => {
  const server = await rig.server();
  const { client, journal } = await rig.online(server, { shutdownTimeout: 5 });
  server.drop('silence');
  await client.stop();
  assert.equal(ends(journal), ['stopped']);
});

test('C.8.3: stop in spite of a server that goes on talking instead of answering', async (rig) => {
  const server = await rig.scripted(async (peer) => {
    await peer.negotiate({ upTo: 'bind' });
    await peer.expect('/stream');
    const talking = setInterval(() => void peer.send(el('message')).catch(() => clearInterval(talking)), 1);
    await peer.closed().finally(() => clearInterval(talking));
  });
  const { client, journal } = await rig.online(server, { shutdownTimeout: 20 });
  await client.stop();
  assert.equal(ends(journal), ['stopped']);
});

test('P-22: a server that closes the connection in place of a footer has answered', async (rig) => {
  const server = await rig.scripted(async (peer) => {
    await peer.negotiate({ upTo: 'bind' });
    await peer.expect('/stream');
    peer.end();
  });
  const { client, journal } = await rig.online(server, { shutdownTimeout: 60_000 });
  await client.stop();
  assert.equal(ends(journal), ['stopped']);
});

/** Runs a client through a loss and a refused password, stopped at the first `event`. */
async function stoppedAt(rig: Rig, event: keyof ClientEvents): Promise<string[]> {
  const server = await rig.server();
  const { client, journal } = rig.client(server);
  client.on(event, () => void client.stop(), { once: true });
  client.on('online', ({ resumed }) => {
    if (resumed) server.accounts.set('romeo', 'another');
    server.drop('rst');
  });
  client.start();
  await client.waitFor(({ phase }) => phase === 'offline' || phase === 'failed');
  return ends(journal);
}

const EVENTS = ['established', 'online', 'suspended', 'waiting', 'resumed', 'destroyed'] as const;

for (const event of EVENTS) {
  test(`C.8.1: stop from a listener of ${event}`, async (rig) => {
    const end = event === 'destroyed' ? 'failure not-authorized' : 'stopped';
    assert.equal(await stoppedAt(rig, event), [end]);
  });
}

test('C.8.1: stop from a listener of failure and of stopped', async (rig) => {
  assert.equal(await stoppedAt(rig, 'failure'), ['failure not-authorized']);
  const { client, journal } = await rig.online(await rig.server());
  client.on('stopped', () => client.stop());
  await client.stop();
  assert.equal(ends(journal), ['stopped']);
});

const passing = (callback: () => void) => (stanza: Element) => {
  callback();
  return stanza;
};

/** What an application may hang in a client, each calling back once. */
const PLACES: Record<string, (client: Client, callback: () => void) => void> = {
  'a message': (client, callback) => void client.on('message', callback),
  'a presence': (client, callback) => void client.on('presence', callback),
  'a request': (client, callback) => void client.handle('get', 'urn:x', 'query', callback),
  'a filter of what comes': (client, callback) => void client.filter('inbound', passing(callback)),
  'a filter of what goes': (client, callback) => void client.filter('outbound', passing(callback)),
  'a change of state': (client, callback) => void client.subscribe(callback),
  'a hook': (client, callback) => void client.beforeEstablished(callback),
};

for (const [place, hang] of Object.entries(PLACES)) {
  test(`C.8.1: stop from ${place}`, async (rig) => {
    const server = await rig.server();
    server.on('bound', (session) => {
      session.send(el('message'));
      session.send(el('presence'));
      session.send(el('iq', { type: 'get', id: '1' }, el('query', { xmlns: 'urn:x' })));
    });
    const { client, journal } = rig.client(server);
    hang(client, () => void client.stop());
    client.on('online', () => client.send(el('message')));
    client.start();
    await journal.until('stopped');
    assert.equal(ends(journal), ['stopped']);
  });
}

test('X-17: aborting a start drops the attempt', async (rig) => {
  const server = await rig.server();
  server.faults.add({ drop: 'silence', when: 'connect' });
  const { client, journal } = rig.client(server, { shutdownTimeout: 5 });
  const controller = new AbortController();
  const started = client.start({ signal: controller.signal });
  controller.abort(new Error('never mind'));
  assert.is((await started.catch((error) => error)).message, 'never mind');
  assert.equal(ends(journal), ['stopped']);
});

test('X-34: stopping and starting again is reconnecting', async (rig) => {
  const server = await rig.server();
  const { client, journal } = await rig.online(server);
  for (let times = 0; times < 3; times += 1) {
    await client.stop();
    await client.start();
  }
  assert.is(journal.read().filter((entry) => entry === 'established').length, 4);
  assert.is(server.connections.length, 1);
});

test.run();
