/** RFC 6121 §2: the roster is loaded once, kept by pushes, and nobody else's to change. */
import * as assert from 'uvu/assert';
import {
  type Client,
  type Element,
  el,
  ReplyError,
  type Roster,
  type RosterEvents,
  roster,
  StanzaError,
  xml,
} from '../../src/index.ts';
import type { TestServer } from '../../src/testing/server.ts';
import { JID, type Rig, sockets } from './rig.ts';

const test = sockets('sockets/roster');

const ROSTER = 'jabber:iq:roster';

/** The next event of a roster. */
const next = <T extends keyof RosterEvents>(of: Roster, type: T) =>
  new Promise<RosterEvents[T]>((resolve) => of.on(type, resolve, { once: true }));

/** Romeo with his roster, which is loaded. */
async function romeo(rig: Rig, server: TestServer) {
  const subject = rig.client(server, { jid: `${JID}/orchard` });
  const mine = subject.client.use(roster);
  const loaded = next(mine, 'loaded');
  await subject.client.connected({ presence: {} });
  await loaded;
  return { ...subject, roster: mine };
}

/** Pushes as the server would; resolves with the answer. */
async function push(server: TestServer, client: Client, content: readonly Element[], attrs = {}): Promise<string> {
  const answer = server.next(({ name, attrs: { id } }) => name === 'iq' && id === 'pushed');
  const query = el('query', { xmlns: ROSTER, ver: 'pushed' }, content);
  server.session(client.jid)?.send(el('iq', { type: 'set', id: 'pushed', to: client.jid, ...attrs }, query));
  const reply = await answer;
  return reply.find('error')?.elements[0]?.name ?? reply.attr('type') ?? '';
}

const item = (jid: string, attrs = {}) => el('item', { jid, ...attrs });

/** What was asked of the roster, and the presences, in order. */
const asked = (server: TestServer) =>
  server.log
    .filter(({ direction, element }) => direction === 'in' && element.namespace === 'jabber:client')
    .flatMap(({ element }) => {
      if (element.name === 'presence') return 'presence';
      return element.filter('query', ROSTER).map((query) => `ver ${query.attr('ver')}`);
    });

test('what one resource sets, all have; loaded again, it has not changed', async (rig) => {
  const server = await rig.server({ log: true });
  const { client, roster: mine, journal } = await romeo(rig, server);
  const other = rig.client(server, { jid: `${JID}/balcony` }).client;
  const theirs = other.use(roster);
  const loaded = next(theirs, 'loaded');
  await other.start();
  await loaded;
  assert.is(mine.loaded, true);
  // Whoever does not wait does not have to catch.
  void mine.remove('nobody@localhost');
  const changes: unknown[] = [];
  mine.on('changed', ({ jid, item, before }) => changes.push([jid.toString(), item?.name, before?.name]));
  const seen = next(theirs, 'changed');
  await mine.set({ jid: 'Juliet@localhost', name: 'J', groups: ['Verona', 'Love', 'Love'] });
  const { item: juliet } = await seen;
  assert.equal(
    { ...juliet, jid: juliet?.jid.toString() },
    {
      jid: 'juliet@localhost',
      name: 'J',
      subscription: 'none',
      ask: false,
      approved: false,
      groups: ['Verona', 'Love'],
    },
  );
  assert.is(theirs.get('juliet@localhost/anywhere'), juliet);
  await mine.set({ jid: 'juliet@localhost', name: 'Juliet' });
  const gone = new Promise<void>((resolve) => theirs.on('changed', ({ item }) => item === null && resolve()));
  await mine.remove('juliet@localhost');
  await gone;
  assert.equal(changes, [
    ['juliet@localhost', 'J', undefined],
    ['juliet@localhost', 'Juliet', 'J'],
    ['juliet@localhost', undefined, 'Juliet'],
  ]);
  await mine.set({ jid: 'friar@localhost' });
  assert.equal([...mine.items.keys()], ['friar@localhost']);
  await client.stop();
  assert.equal([mine.loaded, mine.items.size], [false, 1]);
  journal.read();
  server.log.length = 0;
  const reloaded = next(mine, 'loaded');
  await client.start();
  const { items } = await reloaded;
  // Nothing was sent that is known.
  assert.equal(asked(server), ['ver 4', 'presence']);
  assert.is(items.get('friar@localhost')?.jid.toString(), 'friar@localhost');
  await theirs.remove('friar@localhost');
  await client.probe();
  assert.is(mine.items.size, 0);
});

test('asked for ahead of presence, with a version only where the server knows them', async (rig) => {
  const server = await rig.server({ log: true, rosterVersions: false });
  const { client, roster: mine, sockets, journal } = await romeo(rig, server);
  assert.equal(asked(server), ['ver undefined', 'presence']);
  sockets.at(-1)?.destroy();
  await journal.until('online again');
  assert.is(mine.loaded, true);
  await client.stop();
  server.configure({ rosterVersions: true });
  server.log.length = 0;
  const loaded = next(mine, 'loaded');
  await client.start();
  await loaded;
  assert.is(asked(server)[0], 'ver ');
});

test('pushes come from our own account or our server, and are answered', async (rig) => {
  const server = await rig.server();
  const { client, roster: mine } = await romeo(rig, server);
  assert.is(await push(server, client, [item('a@localhost')]), 'result');
  assert.is(await push(server, client, [item('b@localhost')], { from: JID }), 'result');
  assert.is(await push(server, client, [item('c@localhost')], { from: 'localhost' }), 'result');
  for (const from of ['juliet@localhost/x', `${JID}/other`, client.jid, 'example.org', 'no jid@@']) {
    assert.is(await push(server, client, [item('d@localhost')], { from }), 'service-unavailable');
  }
  assert.equal([...mine.items.keys()], ['a@localhost', 'b@localhost', 'c@localhost']);
  const juliet = (await rig.online(server, { jid: 'juliet@localhost' })).client;
  const forged = xml`<iq type="set" to="${client.jid}"><query xmlns="jabber:iq:roster"><item jid="d@localhost"/></query></iq>`;
  await juliet.request(forged).then(
    () => assert.unreachable(),
    (error) => assert.is(error.condition, 'service-unavailable'),
  );
  assert.is(mine.items.size, 3);
});

test('a push of anything but one item is refused', async (rig) => {
  const server = await rig.server();
  const { client, roster: mine } = await romeo(rig, server);
  for (const content of [[], [item('a@x'), item('b@x')], [item('@@')], [el('item')], [el('thing', { jid: 'a@x' })]]) {
    assert.is(await push(server, client, content), 'bad-request');
  }
  let told = 0;
  mine.on('changed', () => {
    told += 1;
  });
  // Nobody on the roster is nobody to be taken off.
  assert.is(await push(server, client, [item('a@x', { subscription: 'remove' })]), 'result');
  assert.equal([mine.items.size, told], [0, 0]);
});

test('an item says all that it is, and what is unknown is nothing', async (rig) => {
  const server = await rig.server();
  const { client, roster: mine } = await romeo(rig, server);
  await push(server, client, [item('a@x', { subscription: 'both', approved: 'true', ask: 'subscribe', name: '' })]);
  await push(server, client, [item('b@x', { subscription: 'sideways', ask: 'perhaps' })]);
  const [a, b] = ['a@x', 'b@x'].map((jid) => mine.get(jid));
  assert.equal([a?.subscription, a?.approved, a?.ask, a?.name], ['both', true, true, '']);
  assert.equal([b?.subscription, b?.approved, b?.ask, b?.name], ['none', false, false, undefined]);
});

test('a push right behind the roster builds on it', async (rig) => {
  const server = await rig.server({
    services: {
      [ROSTER]: (iq, session) => {
        const query = (ver: string, jid: string) => el('query', { xmlns: ROSTER, ver }, item(jid));
        session.send(el('iq', { type: 'result', id: iq.attr('id') }, query('1', 'a@x')));
        session.send(el('iq', { type: 'set', id: 'push' }, query('2', 'b@x')));
        return undefined;
      },
    },
  });
  const { client, roster: mine } = await romeo(rig, server);
  await client.probe();
  assert.equal([...mine.items.keys()], ['a@x', 'b@x']);
});

test('a version is kept of a roster that was loaded, and of no other', async (rig) => {
  const versions: (string | undefined)[] = [];
  let answer = (_: Element): Element | undefined => undefined;
  const server = await rig.server({
    services: {
      [ROSTER]: (iq) => {
        versions.push(iq.elements[0]?.attr('ver'));
        return answer(iq);
      },
    },
  });
  const { client } = rig.client(server);
  const mine = client.use(roster);
  answer = (iq) => el('iq', { type: 'error', id: iq.attr('id') }, new StanzaError('internal-server-error').toElement());
  const failed = next(mine, 'failed');
  await client.start();
  const { error } = await failed;
  assert.ok(error instanceof StanzaError && error.condition === 'internal-server-error');
  assert.is(await push(server, client, [item('a@x')]), 'result');
  answer = (iq) => el('iq', { type: 'result', id: iq.attr('id') });
  await mine.load().then(
    () => assert.unreachable(),
    (reason) => assert.instance(reason, ReplyError),
  );
  answer = (iq) =>
    el('iq', { type: 'result', id: iq.attr('id') }, el('query', { xmlns: ROSTER, ver: 'v7' }, item('b@x')));
  assert.equal([...(await mine.load()).keys()], ['b@x']);
  answer = (iq) => el('iq', { type: 'result', id: iq.attr('id') });
  assert.equal([...(await mine.load()).keys()], ['b@x']);
  assert.equal(versions, ['', '', '', 'v7']);
  // Where there are no versions, nothing is no answer.
  server.configure({ rosterVersions: false });
  await client.stop();
  const refused = next(mine, 'failed');
  await client.start();
  assert.instance((await refused).error, ReplyError);
  assert.equal([versions.at(-1), [...mine.items.keys()]], [undefined, ['b@x']]);
});

test('an anonymous login is somebody else every time', async (rig) => {
  const server = await rig.server({ mechanisms: ['ANONYMOUS'], log: true });
  const { client } = rig.client(server, { jid: 'localhost', password: undefined as never });
  const mine = client.use(roster);
  let loaded = next(mine, 'loaded');
  await client.start();
  await loaded;
  assert.is((await mine.load()).size, 0);
  await mine.set({ jid: 'juliet@localhost' });
  await client.probe();
  assert.is(mine.items.size, 1);
  await client.stop();
  server.log.length = 0;
  loaded = next(mine, 'loaded');
  await client.start();
  assert.is((await loaded).items.size, 0);
  assert.equal(asked(server), ['ver ']);
});

test('subscriptions: asked for, granted, refused and ended by presence to a bare JID', async (rig) => {
  const server = await rig.server({ log: true });
  const { client, roster: mine } = await romeo(rig, server);
  const juliet = (await rig.online(server, { jid: 'juliet@localhost/balcony' })).client;
  await juliet.connected({ presence: {} });
  const theirs = juliet.use(roster);
  const request = next(theirs, 'request');
  mine.subscribe('juliet@localhost/balcony', 'let me');
  const { jid, presence } = await request;
  assert.equal([jid.toString(), presence.status], [JID, 'let me']);
  const types: (string | undefined)[] = [];
  client.on('presence', ({ type }) => types.push(type));
  theirs.approve(jid);
  theirs.deny(jid);
  theirs.unsubscribe(jid);
  await juliet.probe();
  await client.probe();
  assert.equal(types, ['subscribed', 'unsubscribed', 'unsubscribe']);
  const to = server.log.filter(({ direction, element }) => direction === 'in' && element.attr('type') === 'subscribe');
  assert.is(to[0]?.element.attr('to'), 'juliet@localhost');
});

test('a roster of 20,000 is loaded', async (rig) => {
  const many = Array.from({ length: 20_000 }, (_, number) => item(`somebody${number}@example.org`));
  const answer = el('query', { xmlns: ROSTER }, many);
  const services = { [ROSTER]: (iq: Element) => el('iq', { type: 'result', id: iq.attr('id') }, answer) };
  const server = await rig.server({ services });
  const { client } = rig.client(server, { limits: { online: { stanzaBytes: 8 * 1024 * 1024 } } });
  const mine = client.use(roster);
  const loaded = next(mine, 'loaded');
  await client.start();
  assert.is((await loaded).items.size, 20_000);
});

test.run();
