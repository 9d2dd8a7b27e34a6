/** What there is to see of a client beside its charts. */
import * as assert from 'uvu/assert';
import type { Crossing, InspectedClient } from '../../src/index.ts';
import { xml } from '../../src/index.ts';
import { JID, sockets } from './rig.ts';

const test = sockets('sockets/inspect');

/** An inspector, and what it was given. */
function inspector() {
  const seen: { client: InspectedClient | null; crossings: Crossing[]; events: number } = {
    client: null,
    crossings: [],
    events: 0,
  };
  const count = () => {
    seen.events += 1;
  };
  const inspect = Object.assign(count, {
    client(client: InspectedClient) {
      seen.client = client;
      client.tap((crossing) => seen.crossings.push(crossing));
    },
  });
  const facts = () => (seen.client as InspectedClient).facts();
  /** What crossed since the last look, by the names of the elements. */
  const names = () =>
    seen.crossings
      .splice(0)
      .map(
        ({ direction, xml }) => `${direction} ${/^<([^ />]+|\/[^>]+)/.exec(xml.replace(/^<\?.*?\?>/, ''))?.[1] ?? xml}`,
      );
  return { inspect, seen, facts, names };
}

test('everything that crosses the wire, in order', async (rig) => {
  const server = await rig.server();
  const { inspect, names, seen } = inspector();
  const { client } = rig.client(server, { inspect, mechanisms: ['SCRAM-SHA-256'] });
  await client.start();
  assert.equal(names(), [
    'out stream:stream',
    'in stream:stream',
    'in stream:features',
    'out starttls',
    'in proceed',
    'out stream:stream',
    'in stream:stream',
    'in stream:features',
    'out auth',
    'in challenge',
    'out response',
    'in success',
    'out stream:stream',
    'in stream:stream',
    'in stream:features',
    'out iq',
    'in iq',
    'out enable',
    'in enabled',
  ]);
  const echo = client.once('message');
  await client.send(xml`<message to="${client.jid}"><body>hi</body></message>`);
  await echo;
  assert.equal(new Set(names().slice(0, 4)), new Set(['out message', 'out r', 'in a', 'in message']));
  await client.stop();
  assert.ok(names().includes('out /stream:stream'));
  assert.ok(seen.events > 0);
});

test('the facts of a connection', async (rig) => {
  const server = await rig.server();
  const { inspect, facts } = inspector();
  const { client } = rig.client(server, { inspect });
  assert.is(facts().phase, 'offline');
  assert.is(facts().tls, null);
  await client.start();
  await client.send(xml`<message to="${client.jid}"/>`);
  const { tls, mechanism, channelBinding, streamManagement, sent, unacked, queued, endpoint, jid } = facts();
  assert.is(tls?.version, 'TLSv1.3');
  assert.ok(tls?.cipher);
  assert.match(mechanism ?? '', /^SCRAM-SHA-\d+-PLUS$/);
  assert.is(channelBinding, 'tls-exporter');
  assert.is(streamManagement?.resumable, true);
  assert.equal([sent, unacked, queued], [1, 0, 0]);
  assert.is(endpoint?.port, server.port);
  assert.ok(jid?.startsWith(`${JID}/`));
  await client.stop();
});

test('a drop is a cut cable: the session is resumed', async (rig) => {
  const server = await rig.server();
  const { inspect, seen, facts } = inspector();
  const { client, journal } = rig.client(server, { inspect, backoff: { start: 20 } });
  seen.client?.drop();
  await client.start();
  seen.client?.drop();
  await journal.until('online again');
  assert.is(facts().resumed, true);
  await client.stop();
});

test('the pause before the next attempt', async (rig) => {
  const { inspect, facts } = inspector();
  const server = await rig.server();
  const { client, journal } = rig.client(server, { inspect, backoff: { start: 60_000 }, random: () => 0.9 });
  await client.start();
  await server.close();
  await journal.until('suspended network');
  await client.waitFor(({ retry }) => retry !== null);
  const { retry, failure, phase } = facts();
  assert.is(phase, 'reconnecting');
  assert.is(retry?.attempt, 1);
  assert.ok((retry?.delay ?? 0) > 40_000);
  assert.ok(failure);
  await client.stop();
});

test('who stops listening sees no more', async (rig) => {
  const server = await rig.server();
  const { inspect, seen } = inspector();
  const { client } = rig.client(server, { inspect });
  const more: Crossing[] = [];
  const listening = seen.client?.tap((crossing) => more.push(crossing));
  await client.start();
  assert.equal(more, seen.crossings);
  listening?.unsubscribe();
  const count = more.length;
  await client.stop();
  assert.is(more.length, count);
  assert.ok(seen.crossings.length > count);
});

test.run();
