/** What an application sees of a client: snapshots of plain data, which change when something changes and do not flicker. */
import * as assert from 'uvu/assert';
import { SimulatedClock } from 'xstate';
import type { Client, ClientSnapshot } from '../../src/index.ts';
import { sockets } from './rig.ts';

const test = sockets('sockets/lifecycle-snapshot');

/** Every phase from now on, as often as it changes. */
function phasesOf(client: Client): string[] {
  const phases: string[] = [client.phase];
  client.subscribe(({ phase }) => {
    if (phase !== phases.at(-1)) phases.push(phase);
  });
  return phases;
}

test('a phase does not flicker: not over a whole login, a loss, three attempts and a resumption', async (rig) => {
  const server = await rig.server();
  const { client, journal } = rig.client(server);
  const phases = phasesOf(client);
  await client.start();
  server.down('rst', { keepSessions: true });
  await journal.until('waiting 3 network');
  await server.up();
  await journal.until('online again');
  await client.stop();
  assert.equal(phases, ['offline', 'connecting', 'online', 'reconnecting', 'online', 'disconnecting', 'offline']);
});

test('a phase says that a run has failed', async (rig) => {
  const server = await rig.server();
  server.accounts.set('romeo', 'another');
  const { client } = rig.client(server);
  const phases = phasesOf(client);
  await client.start().catch(() => {});
  assert.equal(phases, ['offline', 'connecting', 'failed']);
});

test('a snapshot is the same object until something in it changes', async (rig) => {
  const server = await rig.server();
  const { client, journal } = rig.client(server);
  const seen: ClientSnapshot[] = [client.getSnapshot()];
  client.subscribe((snapshot) => {
    assert.is(client.getSnapshot(), snapshot);
    assert.not.equal(snapshot, seen.at(-1));
    seen.push(snapshot);
  });
  await client.start();
  server.drop('rst');
  await journal.until('online again');
  await client.stop();
  assert.is(client.getSnapshot(), seen.at(-1));
  assert.is(new Set(seen).size, seen.length);
});

test('a snapshot is plain data', async (rig) => {
  const { client } = await rig.online(await rig.server());
  const snapshot = client.getSnapshot();
  assert.equal(JSON.parse(JSON.stringify(snapshot)), snapshot);
});

test('N-23, N-27, N-29: running, established and suspended over a reconnect', async (rig) => {
  const server = await rig.server();
  const { client, journal } = rig.client(server);
  const flags = () => `${client.running} ${client.established} ${client.suspended}`;
  const seen = [flags()];
  for (const event of ['established', 'suspended', 'resumed', 'destroyed', 'stopped'] as const) {
    client.on(event, () => seen.push(`${event} ${flags()}`));
  }
  await client.start();
  server.drop('rst');
  await journal.until('online again');
  await client.stop();
  assert.equal(seen, [
    'false false false',
    'established true true false',
    'suspended true true true',
    'resumed true true false',
    // Both are told of one and the same step.
    'destroyed false false false',
    'stopped false false false',
  ]);
});

test('N-18: a countdown to the next attempt, while there is one', async (rig) => {
  const clock = new SimulatedClock();
  const server = await rig.server();
  const { client, journal } = await rig.online(server, {
    clock,
    random: () => 0.5,
    backoff: { start: 2_100, factor: 1, cap: 2_100 },
  });
  assert.is(client.getSnapshot().retry, null);
  clock.increment(500);
  server.drop('rst');
  await journal.until('waiting 1 network');
  assert.equal(client.getSnapshot().retry, { attempt: 1, delay: 1_155, at: 1_655 });
  assert.is(client.getSnapshot().failure?.kind, 'network');
  clock.increment(1_155);
  assert.is(client.getSnapshot().retry, null);
  await journal.until('online again');
  assert.is(client.getSnapshot().failure, null);
});

test('online says how long the client was not', async (rig) => {
  const clock = new SimulatedClock();
  const server = await rig.server();
  const { client, journal } = await rig.online(server, { clock, random: () => 0, backoff: { start: 300, cap: 300 } });
  const gaps: unknown[] = [];
  client.on('online', ({ resumed, gapMs }) => gaps.push([resumed, gapMs]));
  server.drop('rst');
  await journal.until('waiting 1 network');
  clock.increment(300);
  await journal.until('online again');
  assert.equal(gaps, [[true, 300]]);
});

test('N-32, N-92, N-81, X-35: what was negotiated', async (rig) => {
  const server = await rig.server({ sm: { max: 77 } });
  const { client } = await rig.online(server);
  const { features, trust, endpoint, streamManagement } = client.getSnapshot();
  assert.equal([features?.bind, features?.sm], [true, true]);
  assert.equal([trust?.security?.protocol, trust?.mechanism], ['TLSv1.3', 'SCRAM-SHA-512-PLUS']);
  assert.equal(endpoint, server.endpoint);
  assert.equal(streamManagement, { resumable: true, max: 77, location: null });
});

test.run();
