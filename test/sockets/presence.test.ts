/** N-54 to N-64 over sockets: what a second resource of the account sees. */
import * as assert from 'uvu/assert';
import { type Client, OptionError, type Presence, type PresenceOptions, xml } from '../../src/index.ts';
import { JID, type Rig, sockets } from './rig.ts';

const test = sockets('sockets/presence');

/** Another resource of the account, online and to be seen, and a client that nothing was done with. */
async function pair(rig: Rig) {
  const server = await rig.server({ log: true });
  const watcher = rig.client(server, { jid: `${JID}/watcher` }).client;
  await watcher.connected({ presence: {} });
  const { client, sockets, journal } = rig.client(server, { jid: `${JID}/watched` });
  return { server, watcher, client, sockets, journal };
}

/** Has the watcher see the client come. */
async function arrive(watcher: Client, client: Client, presence: PresenceOptions): Promise<void> {
  const seen = next(watcher);
  await client.connected({ presence });
  await seen;
}

const next = (watcher: Client): Promise<Presence> =>
  watcher.once('presence', { where: ({ from }) => from?.resource === 'watched', timeout: 5_000 });

test('N-54, N-55, N-62, E-10: an available presence starts the client, and is seen with all that it says', async (rig) => {
  const { watcher, client } = await pair(rig);
  const seen = next(watcher);
  client.setPresence({ show: 'dnd', status: { '': 'busy', de: 'beschäftigt' }, priority: -3 });
  const presence = await seen;
  assert.equal([presence.type, presence.show, presence.priority], ['available', 'dnd', -3]);
  const texts = presence.element.filter('status').map((status) => [status.attr('xml:lang'), status.text]);
  assert.equal(texts, [
    [undefined, 'busy'],
    ['de', 'beschäftigt'],
  ]);
  assert.is(client.phase, 'online');
  assert.is(client.presence.show, 'dnd');
});

test('N-56, N-63, E-4: an unavailable one is seen before the client is gone', async (rig) => {
  const { server, watcher, client } = await pair(rig);
  await arrive(watcher, client, {});
  const seen = next(watcher);
  client.setPresence({ available: false, status: 'bye' });
  const presence = await seen;
  assert.equal([presence.type, presence.status], ['unavailable', 'bye']);
  await client.waitFor('offline');
  const last = server.log.filter(({ element }) => element.attr('type') === 'unavailable');
  assert.is(last.length > 0, true);
});

test('an unavailable one that a filter holds up is waited for', async (rig) => {
  const { watcher, client } = await pair(rig);
  await arrive(watcher, client, {});
  client.filter('outbound', async (stanza) => {
    await new Promise((resolve) => setTimeout(resolve, 20));
    return stanza;
  });
  const seen = next(watcher);
  client.setPresence({ available: false });
  assert.is((await seen).type, 'unavailable');
  await client.waitFor('offline');
});

test('N-64: the first stanza of a session is the latest presence, and presenceSent comes after established', async (rig) => {
  const { server, client } = await pair(rig);
  const told: string[] = [];
  for (const type of ['established', 'online', 'presenceSent'] as const) client.on(type, () => told.push(type));
  const first = client.send.bind(client);
  client.setPresence({ show: 'away' });
  client.setPresence({ show: 'xa' });
  const token = first(xml`<message to="${JID}/watcher"/>`);
  await token;
  assert.equal(told, ['established', 'online', 'presenceSent']);
  const mine = server.log.filter(
    ({ direction, element }) => direction === 'in' && /^(presence|message)$/.test(element.name),
  );
  assert.equal(
    mine.slice(-2).map(({ element }) => element.find('show')?.text ?? element.name),
    ['xa', 'message'],
  );
});

test('C.8.26: not again after a resumption, again in a new session', async (rig) => {
  const { watcher, client, sockets, server, journal } = await pair(rig);
  await arrive(watcher, client, { show: 'chat' });
  let seen = 0;
  watcher.on('presence', ({ from, show }) => {
    if (from?.resource === 'watched' && show === 'chat') seen += 1;
  });
  sockets.at(-1)?.destroy();
  await journal.until('online again');
  await client.request(xml`<iq type="get" to="${server.domain}"><ping xmlns="urn:xmpp:ping"/></iq>`).catch(() => {});
  assert.is(seen, 0);
  await client.stop();
  assert.is(client.presence.show, 'chat');
  const again = next(watcher);
  await client.start();
  assert.is((await again).show, 'chat');
});

test('N-94: what cannot be a presence is refused, naming what is wrong', async (rig) => {
  const { client } = await pair(rig);
  const wrong = (options: object, path: string) =>
    assert.throws(
      () => client.setPresence(options),
      (error: unknown) => error instanceof OptionError && error.path === path,
    );
  wrong({ show: 'here' }, 'show');
  wrong({ available: false, show: 'away' }, 'show');
  wrong({ priority: 128 }, 'priority');
  wrong({ priority: 1.5 }, 'priority');
  wrong({ status: { de: 7 } }, 'status.de');
  assert.is(client.running, false);
});

test('N-65: a client that is online by hand is seen as soon as it wants to be', async (rig) => {
  const { watcher, client } = await pair(rig);
  await client.start();
  const seen = next(watcher);
  const sent = client.once('presenceSent', { timeout: 5_000 });
  client.setPresence({ show: 'away' });
  assert.is((await sent).presence.show, 'away');
  assert.is((await seen).show, 'away');
});

test('a stop is over when its run is, also where another begins at once', async (rig) => {
  const { client, journal } = await pair(rig);
  await client.connected({ presence: {} });
  const stopping = client.stop();
  client.setPresence({ show: 'away' });
  await stopping;
  await journal.until('stopped');
  await client.waitFor('online');
  assert.is(client.presence.show, 'away');
});

test.run();
