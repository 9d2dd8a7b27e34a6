/** What an application has in its hands beside stanzas. */
import * as assert from 'uvu/assert';
import type { AnyActorRef } from 'xstate';
import { type ServiceHost, StateError, xml } from '../../src/index.ts';
import { online } from './dialogue.ts';
import { resources, sockets } from './rig.ts';

const test = sockets('sockets/controls');

test('X-34, X-17: reconnecting gives up an attempt that hangs, and the next is made at once', async (rig) => {
  const server = await rig.server();
  const hanging = server.faults.add({ drop: 'silence', when: 'connect' });
  const { client, journal, sockets } = rig.client(server, { backoff: { start: 60_000, cap: 60_000 } });
  const started = client.start().catch((error) => error.failure.kind);
  await hanging.fired;
  await client.reconnect({ shutdownTimeout: 5 });
  assert.is(await started, 'aborted');
  assert.is(client.phase, 'online');
  assert.equal(journal.read(), ['stopped', 'established', 'online anew']);
  assert.ok(sockets.slice(0, -1).every(({ destroyed }) => destroyed));
});

test('X-34: reconnecting gives up a pause, and a connection with its session', async (rig) => {
  const server = await rig.server();
  const { client, journal } = await rig.online(server, { backoff: { start: 60_000, cap: 60_000 } });
  journal.read();
  const stanza = client.send(xml`<message to="juliet@localhost"/>`);
  await client.reconnect();
  assert.is(await stanza, 'acked');
  assert.equal(journal.read(), ['destroyed -', 'stopped', 'established', 'online anew']);
  server.drop('rst');
  await journal.until('waiting 1 network');
  journal.read();
  await client.reconnect();
  assert.equal(journal.read(), ['destroyed -', 'stopped', 'established', 'online anew']);
});

test('X-34: reconnecting a client that does not run is starting it, and may be given up', async (rig) => {
  const server = await rig.server();
  const { client } = rig.client(server);
  await client.reconnect();
  assert.is(client.phase, 'online');
  server.faults.add({ drop: 'silence', when: 'connect' });
  const late = client.reconnect({ timeout: 20, shutdownTimeout: 5 });
  assert.is((await late.catch((error) => error)).name, 'TimeoutError');
  assert.is(client.running, false);
});

test('X-45a: what is no stanza is written at once, ahead of what waits and past the filters', async (rig) => {
  const { client, peer } = await online(rig);
  client.filter('outbound', (stanza) => new Promise((resolve) => setImmediate(resolve, stanza)));
  client.send(xml`<message/>`);
  client.sendNonza(xml`<active xmlns="urn:xmpp:csi:0"/>`);
  await peer.expect('active');
  await peer.expect('message');
  assert.throws(() => client.sendNonza(xml`<message/>`), /nonza/);
  assert.is(client.delivery.sent, 1);
  await client.stop();
  assert.throws(
    () => client.sendNonza(xml`<active xmlns="urn:xmpp:csi:0"/>`),
    (error: unknown) => error instanceof StateError,
  );
});

test('X-08: how many listen', async (rig) => {
  const { client } = rig.client(await rig.server());
  const before = client.listenerCount('online');
  assert.is(client.listenerCount('message'), 0);
  const listening = client.on('message', () => {});
  client.on('message', () => {}, { once: true });
  assert.is(client.listenerCount('message'), 2);
  listening.unsubscribe();
  assert.is(client.listenerCount('message'), 1);
  assert.is(client.listenerCount('online'), before);
});

test("X-02, X-07: stanzas, events of an application's own, and timers", async (rig) => {
  const { client, peer } = await online(rig);
  const own = client.use({ name: 'own', create: (host: ServiceHost) => host.emitter<{ told: string }>() });
  const heard: string[] = [];
  const all = new Promise<void>((resolve) => {
    own.on('told', (what) => {
      heard.push(what);
      if (heard.length === 2) resolve();
    });
  });
  client.on('message', () => own.emit('told', 'a message'));
  client.schedule('later', 1, () => own.emit('told', 'a timer'));
  await peer.send(xml`<message/>`);
  await all;
  assert.equal(heard.sort(), ['a message', 'a timer']);
});

test('X-43: a schedule outlives a stop, is reported when it fails, and leaves nothing when it is cancelled', async (rig) => {
  const server = await rig.server();
  const { client, journal } = await rig.online(server);
  client.schedule('failing', 1, () => {
    throw new Error('no');
  });
  await client.stop();
  await journal.until('handlerError Error: no');
  const before = resources().length;
  client.schedule('never', 60_000, () => {});
  assert.throws(() => client.schedule('never', 1, () => {}), /never/);
  assert.is(client.cancelSchedule('never'), true);
  assert.is(client.cancelSchedule('never'), false);
  assert.is(resources().length, before);
});

test('N-31: the stream in use is there to be looked at', async (rig) => {
  const { client } = rig.client(await rig.server());
  const stream = () => client.actor.getSnapshot().children.stream as AnyActorRef | undefined;
  assert.is(stream(), undefined);
  await client.start();
  assert.equal(stream()?.getSnapshot().value, { CONNECTED: 'OPEN' });
  await client.stop();
  assert.is(stream(), undefined);
});

test('X-12, X-26d, X-27b: where the client is, and where it could go next', async (rig) => {
  const server = await rig.server();
  const places = [1, 2].map((port) => ({ host: '127.0.0.1', port }));
  const left: number[][] = [];
  const { client } = rig.client(server, {
    endpoints: [
      places[0] as { host: string; port: number },
      server.endpoint,
      places[1] as { host: string; port: number },
    ],
  });
  client.actor.subscribe(({ context: { endpoint, sweep } }) => {
    const ports = [endpoint?.port ?? 0, ...sweep.endpoints.map(({ port }) => port)];
    if (ports.join() !== left.at(-1)?.join()) left.push(ports);
  });
  await client.start();
  assert.equal(left.slice(-4, -1), [[0], [1, server.port, 2], [server.port, 2]]);
  assert.is(client.getSnapshot().endpoint?.port, server.port);
});

test('N-65: presence is wanted of one place, however it is set', async (rig) => {
  const { client } = rig.client(await rig.server());
  const shown: unknown[] = [];
  client.on('presenceSent', ({ presence }) => shown.push(presence.show));
  await client.connected({ presence: { show: 'away' } });
  client.setPresence({ show: 'xa' });
  await client.connected({ presence: { show: 'dnd' } });
  assert.is(client.presence.show, 'dnd');
  assert.equal(shown, ['away', 'xa', 'dnd']);
});

test('N-85: in a scope the client is used as it is', async (rig) => {
  const { client } = rig.client(await rig.server());
  await using _ = await client.connected();
  assert.is(await client.request(xml`<iq type="get" to="localhost"><ping xmlns="urn:xmpp:ping"/></iq>`), undefined);
});

test('X-33b: the end of a run, for any number of who wait', async (rig) => {
  const { client } = await rig.online(await rig.server());
  const ends = [client.once('stopped'), client.once('stopped'), client.stop()];
  await Promise.all(ends);
  assert.is(client.phase, 'offline');
});

test.run();
