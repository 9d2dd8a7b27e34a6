/** The services against real servers, with others watching. */
import * as assert from 'uvu/assert';
import { softwareVersion } from '../../examples/software-version.ts';
import {
  type Carbon,
  type Client,
  carbons,
  clientState,
  el,
  type Presence,
  ping,
  presences,
  type Roster,
  type RosterEvents,
  roster,
  StanzaError,
} from '../../src/index.ts';
import { PASSWORD, person, until } from './people.ts';
import { type RealServer, type ServerOptions, serverSuite, startEjabberd, startProsody } from './servers.ts';

const KINDS: Record<string, (options?: ServerOptions) => Promise<RealServer>> = {
  'Prosody 0.12': (options) => startProsody({ ...options, version: '0.12' }),
  'Prosody 13': (options) => startProsody({ ...options, version: '13' }),
  'ejabberd 23.01': (options) => startEjabberd({ ...options, version: '23.01' }),
  'ejabberd 24.12': (options) => startEjabberd({ ...options, version: '24.12' }),
};

/** The next event of a roster. */
const next = <T extends keyof RosterEvents>(of: Roster, type: T) =>
  new Promise<RosterEvents[T]>((resolve) => of.on(type, resolve, { once: true }));

for (const [kind, start] of Object.entries(KINDS)) {
  const test = await serverSuite(`services and ${kind}`, 30_000);
  let server: RealServer;
  const clients: Client[] = [];

  test.before(async () => {
    server = await start();
    for (const user of ['alice', 'bob']) await server.addAccount(user, PASSWORD);
  });
  test.afterEach(() => Promise.all(clients.splice(0).map((client) => client.stop())));
  test.after(() => server.dispose());

  /** A client of somebody's, not started. */
  const client = (user: string, resource: string) => {
    const somebody = person(server, { jid: `${user}@${server.domain}/${resource}` });
    clients.push(somebody.client);
    return somebody;
  };

  test('ping: our server and others', async () => {
    const alice = client('alice', 'one').client;
    const bob = client('bob', 'two').client;
    await Promise.all([alice.start(), bob.start()]);
    const { ping: ask } = alice.use(ping);
    assert.ok((await ask()) >= 0);
    const unanswered = await ask(bob.jid).catch((error) => error);
    assert.ok(unanswered instanceof StanzaError && unanswered.condition === 'service-unavailable');
    bob.use(ping);
    assert.ok((await ask(bob.jid)) >= 0);
  });

  test('software version: the server and others', async () => {
    const alice = client('alice', 'one').client;
    const bob = client('bob', 'two').client;
    await Promise.all([alice.start(), bob.start()]);
    bob.use(softwareVersion({ name: 'Sonnet', version: '18' }));
    const { of } = alice.use(softwareVersion({ name: 'Madrigal', version: '1' }));
    assert.is((await of(server.domain)).name, server.name);
    assert.equal(await of(bob.jid), { name: 'Sonnet', version: '18', os: undefined });
  });

  test('client state: presence waits until somebody looks, also after a resumption', async () => {
    const { client: alice, pull, events } = client('alice', 'one');
    const watcher = client('alice', 'two').client;
    const other = client('alice', 'three').client;
    const state = alice.use(clientState);
    const seen = (observer: Client) => {
      const shows: (Presence['show'] | null)[] = [];
      observer.on('presence', ({ from, show, type }) => {
        if (from?.resource === 'three' && type === 'available') shows.push(show ?? null);
      });
      return shows;
    };
    const [byAlice, byWatcher] = [seen(alice), seen(watcher)];
    await Promise.all([alice.connected({ presence: {} }), watcher.connected({ presence: {} })]);
    await other.connected({ presence: {} });
    await until(() => byAlice.length > 0 && byWatcher.length > 0);
    assert.is(state.supported, true);
    // Whatever a client says, an acknowledgement even, Prosody takes for a reason to send it everything there is. So it is
    // not every presence that waits; but one of them has to.
    const waits = async () => {
      for (const show of ['away', 'dnd', 'xa', 'chat', 'away', 'dnd', 'xa', 'chat'] as const) {
        await alice.probe();
        await watcher.use(ping).ping();
        other.setPresence({ show });
        await until(() => byWatcher.at(-1) === show);
        await watcher.use(ping).ping();
        if (byAlice.at(-1) !== show) return show;
      }
      return assert.unreachable('no presence waits');
    };

    state.inactive();
    const first = await waits();
    state.active();
    await until(() => byAlice.at(-1) === first);

    state.inactive();
    events.length = 0;
    pull();
    await until(() => events.includes('resumed'));
    const second = await waits();
    state.active();
    await until(() => byAlice.at(-1) === second);
  });

  test('carbons: what another resource hears and says, through a resumption, and no forged ones', async () => {
    const first = client('alice', 'one').client;
    const { client: second, pull, events, bodies } = client('alice', 'two');
    const bob = client('bob', 'three').client;
    const copies = second.use(carbons);
    const told: string[] = [];
    copies.on('carbon', ({ direction, message: { from, body } }: Carbon) =>
      told.push(`${direction} ${from?.local} ${body}`),
    );
    second.on('invalid', ({ reason }) => told.push(reason));
    for (const online of [first, second, bob]) await online.connected({ presence: {} });
    await until(() => copies.enabled);
    const say = (from: Client, to: Client, body: string) =>
      from.send(el('message', { to: to.jid, type: 'chat' }, el('body', {}, body)));
    say(bob, first, 'art thou');
    await until(() => told.length === 1);
    say(first, bob, 'neither');
    await until(() => told.length === 2);
    pull();
    await until(() => events.includes('resumed'));
    say(bob, first, 'again');
    await until(() => told.length === 3);
    const forged = el('message', { xmlns: 'jabber:client', from: first.jid, to: bob.jid }, el('body', {}, 'forged'));
    const wrapper = el(
      'sent',
      { xmlns: 'urn:xmpp:carbons:2' },
      el('forwarded', { xmlns: 'urn:xmpp:forward:0' }, forged),
    );
    bob.send(el('message', { to: second.jid, type: 'chat' }, wrapper, el('body', {}, 'look')));
    say(bob, second, 'end');
    await until(() => bodies.includes('end'));
    assert.equal(told, [
      'received bob art thou',
      'sent alice neither',
      'received bob again',
      // What calls itself a copy is not looked into; some servers do not even let it through.
      ...told.slice(3).map(() => 'a carbon that is not from our account'),
    ]);
    assert.ok(told.length <= 4);
    assert.equal(bodies, ['end']);
  });

  test('roster and presences: an item, a subscription, and what comes of it', async () => {
    const alice = client('alice', 'one').client;
    const other = client('alice', 'two').client;
    const bob = client('bob', 'three').client;
    const [mine, theirs, his] = [alice.use(roster), other.use(roster), bob.use(roster)];
    const known = alice.use(presences);
    const loaded = [mine, theirs, his].map((each) => next(each, 'loaded'));
    for (const online of [alice, other, bob]) await online.connected({ presence: {} });
    await Promise.all(loaded);
    const jid = bob.jid.bare.toString();

    await mine.set({ jid, name: 'Bob <&>', groups: ['Friends', 'Ü'] });
    await until(() => theirs.get(jid)?.name === 'Bob <&>');
    assert.equal([...(theirs.get(jid)?.groups ?? [])].sort(), ['Friends', 'Ü']);
    assert.is(mine.get(jid)?.subscription, 'none');

    const request = next(his, 'request');
    mine.subscribe(jid, 'it is me');
    assert.is((await request).jid.toString(), alice.jid.bare.toString());
    await until(() => mine.get(jid)?.ask === true);
    his.approve(alice.jid);
    await until(() => mine.get(jid)?.subscription === 'to' && known.get(jid) !== undefined);
    assert.is(mine.get(jid)?.ask, false);
    assert.is(known.get(jid)?.from?.toString(), bob.jid.toString());

    bob.setPresence({ show: 'dnd', status: 'busy' });
    await until(() => known.get(bob.jid)?.show === 'dnd');
    const gone = new Promise<boolean>((resolve) =>
      known.on('unavailable', ({ jid: who, last }) => who.equals(bob.jid) && resolve(last)),
    );
    bob.setPresence({ available: false });
    assert.is(await gone, true);
    await bob.waitFor('offline');

    // Nobody but the server changes a roster.
    const forger = client('bob', 'four').client;
    await forger.start();
    const query = el('query', { xmlns: 'jabber:iq:roster' }, el('item', { jid: 'mallory@example.org' }));
    const answer = await forger.request(el('iq', { type: 'set', to: alice.jid }, query)).catch((error) => error);
    assert.instance(answer, StanzaError);
    assert.equal([...mine.items.keys()], [jid]);

    // Loaded again it is the same, also where it is not sent again.
    await alice.stop();
    assert.equal([...known], []);
    await theirs.set({ jid, name: 'Robert' });
    const again = next(mine, 'loaded');
    await alice.start();
    await again;
    await until(() => mine.get(jid)?.name === 'Robert');
    await alice.stop();
    const unchanged = next(mine, 'loaded');
    await alice.start();
    assert.is((await unchanged).items.get(jid)?.name, 'Robert');
    await mine.remove(jid);
    await until(() => mine.items.size === 0 && theirs.items.size === 0);
  });

  test.run();
}
