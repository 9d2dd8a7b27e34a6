/** The scope of `connected` (N-83 to N-87, E-14), and waiting for a state. */
import * as assert from 'uvu/assert';
import { ConnectionError, TimeoutError } from '../../src/index.ts';
import { type Rig, sockets } from './rig.ts';

const test = sockets('sockets/lifecycle-scope');

const rejection = (promise: Promise<unknown>) =>
  promise.then(
    () => assert.unreachable(),
    (error) => error,
  );

/** A client that cannot get anywhere, and never gives up. */
async function stuck(rig: Rig) {
  const server = await rig.server();
  server.down();
  return rig.client(server, { maxInitialAttempts: null });
}

test('N-20, N-83, N-84, N-86: inside the scope the client is online, behind it stopped', async (rig) => {
  const { client, journal } = rig.client(await rig.server());
  {
    await using _ = await client.connected();
    assert.equal(journal.read(), ['established', 'online anew']);
  }
  assert.equal(journal.read(), ['destroyed -', 'stopped']);
});

test('N-87: a client that is online already is taken as it is, and stopped all the same', async (rig) => {
  const { client, journal } = await rig.online(await rig.server());
  {
    await using _ = await client.connected();
    assert.equal(journal.read(), ['established', 'online anew']);
  }
  assert.is(client.phase, 'offline');
});

test('N-84: entering waits for a client that is on its way', async (rig) => {
  const { client } = rig.client(await rig.server());
  client.start();
  await using _ = await client.connected();
  assert.is(client.phase, 'online');
});

test('N-84: entering takes too long: an error, and the client is stopped', async (rig) => {
  const { client, journal } = await stuck(rig);
  assert.instance(await rejection(client.connected({ timeout: 20 })), TimeoutError);
  assert.is(client.phase, 'offline');
  assert.is(journal.read().at(-1), 'stopped');
});

test('N-84: entering throws what the run failed with', async (rig) => {
  const server = await rig.server();
  server.accounts.set('romeo', 'another');
  const error = await rejection(rig.client(server).client.connected());
  assert.instance(error, ConnectionError);
  assert.is(error.failure.condition, 'not-authorized');
});

test('E-14: entering ends when somebody else stops the client', async (rig) => {
  const { client } = await stuck(rig);
  const entering = rejection(client.connected());
  await client.stop();
  assert.is((await entering).failure.kind, 'aborted');
});

test('N-86: leaving a client that has failed is no error', async (rig) => {
  const server = await rig.server();
  const { client, journal } = rig.client(server, { jid: 'romeo@localhost/here' });
  {
    await using _ = await client.connected();
    server.connections[0]?.end('conflict');
    await journal.until('failure conflict');
  }
  assert.is(client.phase, 'failed');
});

test('a client is a scope by itself', async (rig) => {
  const server = await rig.server();
  const { client, journal } = rig.client(server);
  {
    await using scoped = client;
    await scoped.start();
  }
  assert.is(journal.read().at(-1), 'stopped');
});

test('waiting for a phase, and for anything else in the snapshot', async (rig) => {
  const { client } = rig.client(await rig.server());
  const starting = client.start();
  assert.is((await client.waitFor('online')).phase, 'online');
  assert.is((await client.waitFor(({ jid }) => jid !== null)).jid, client.jid.toString());
  await starting;
  const reconnecting = client.waitFor('reconnecting');
  const stopping = client.stop();
  assert.is((await client.waitFor('offline')).phase, 'offline');
  await stopping;
  assert.instance(await rejection(reconnecting), ConnectionError);
});

test('waiting is over when the client is stopped: what is waited for cannot come any more', async (rig) => {
  const { client } = await stuck(rig);
  assert.is((await rejection(client.waitFor('online'))).failure.kind, 'aborted');
  client.start();
  const waits = (['online', 'reconnecting', 'failed'] as const).map((phase) => rejection(client.waitFor(phase)));
  await client.stop();
  for (const error of await Promise.all(waits)) assert.is(error.failure.kind, 'aborted');
});

test('waiting is over when the run fails, with what it failed with', async (rig) => {
  const server = await rig.server();
  server.accounts.set('romeo', 'another');
  const { client } = rig.client(server);
  client.start();
  assert.is((await rejection(client.waitFor('online'))).failure.condition, 'not-authorized');
});

test('waiting is over after its time, or when nobody wants it any more', async (rig) => {
  const { client } = await stuck(rig);
  client.start();
  assert.instance(await rejection(client.waitFor('online', { timeout: 5 })), TimeoutError);
  const controller = new AbortController();
  const waiting = rejection(client.waitFor('online', { signal: controller.signal }));
  controller.abort(new Error('never mind'));
  assert.is((await waiting).message, 'never mind');
  assert.is(client.phase, 'connecting');
});

test.run();
