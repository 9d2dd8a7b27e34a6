/** The rows of service discovery that are to be shown on real servers, with two accounts. */
import * as assert from 'uvu/assert';
import { caps, type Disco, disco, el, JID, StanzaError, StaticNode } from '../../src/index.ts';
import { PASSWORD, type Person, person } from './people.ts';
import { type RealServer, type ServerOptions, serverSuite, startEjabberd, startProsody } from './servers.ts';

const KINDS: Record<string, (options?: ServerOptions) => Promise<RealServer>> = {
  'Prosody 0.12': (options) => startProsody({ ...options, version: '0.12' }),
  'Prosody 13': (options) => startProsody({ ...options, version: '13' }),
  'ejabberd 23.01': (options) => startEjabberd({ ...options, version: '23.01' }),
  'ejabberd 24.12': (options) => startEjabberd({ ...options, version: '24.12' }),
};

const INFO = 'http://jabber.org/protocol/disco#info';

/** Directed presence, which needs no subscription. */
const presenceTo = ({ client }: Person) => el('presence', { to: client.jid });

for (const [kind, start] of Object.entries(KINDS)) {
  const test = await serverSuite(`disco and ${kind}`, 30_000);
  let server: RealServer;
  let alice: Person;
  let bob: Person;
  let asking: Disco;
  let asked: Disco;

  test.before(async () => {
    server = await start();
    for (const user of ['alice', 'bob']) await server.addAccount(user, PASSWORD);
    alice = person(server);
    bob = person(server, { jid: `bob@${server.domain}` });
    asking = alice.client.use(disco);
    asked = bob.client.use(disco);
    for (const { client } of [alice, bob]) client.use(caps);
    await Promise.all([alice.client.start(), bob.client.start()]);
  });
  test.after(async () => {
    await Promise.all([alice.client.stop(), bob.client.stop()]);
    await server.dispose();
  });

  const identities = async () => {
    const { identities } = await asking.queryInfo(bob.client.jid, { requireFresh: true });
    return identities.map(({ category, type, name, lang }) => `${category}/${type} ${lang} ${name}`);
  };

  test('D-02, D-03, D-07, D-26: the other account is asked, and answers', async () => {
    asked.own.addFeature('urn:example:a');
    const info = await asking.queryInfo(bob.client.jid);
    assert.ok(info.features.has(INFO) && info.features.has('urn:example:a'));
    assert.is(info.node, null);
  });

  test('D-04, D-28: it is a client/bot until it is something else, with names by language', async () => {
    assert.equal(await identities(), ['client/bot en xstanza']);
    asked.own.addIdentity('client', 'pc', { en: 'friend', de: 'Freund <&>' });
    asked.own.removeIdentity('client', 'bot');
    assert.equal(await identities(), ['client/pc en friend', 'client/pc de Freund <&>']);
  });

  test('D-05, D-06, D-15, D-23, D-36: nodes come and go, with their items', async () => {
    const query = { node: 'urn:example:node', requireFresh: true };
    const node = new StaticNode();
    node.items.push({ jid: bob.client.jid, node: 'below', name: 'Ünten' }, { jid: JID.parse('example.org') });
    asked.own.mount('urn:example:node', node);
    const items = await asking.queryItems(bob.client.jid, query);
    assert.is(items.node, 'urn:example:node');
    assert.equal(items.toJSON(), [
      { jid: bob.client.jid.toString(), node: 'below', name: 'Ünten' },
      { jid: 'example.org', node: null, name: null },
    ]);
    const refused = async () => {
      try {
        await asking.queryInfo(bob.client.jid, query);
      } catch (error) {
        assert.instance(error, StanzaError);
        const { condition, type } = error as StanzaError;
        return `${condition} ${type}`;
      }
      return 'not refused';
    };
    assert.is(await refused(), 'item-not-found cancel');
    node.addIdentity('hierarchy', 'leaf');
    assert.is(await refused(), 'not refused');
    asked.own.unmount('urn:example:node');
    assert.is(await refused(), 'item-not-found cancel');
  });

  test('D-22: the server, and the own resources', async () => {
    const info = await asking.queryInfo(server.domain);
    assert.ok(info.identities.some(({ category, type }) => category === 'server' && type === 'im'));
    assert.ok(info.features.has(INFO));
    const { items } = await asking.queryItems(alice.client.jid.bare);
    assert.ok(items.every(({ jid }) => jid.bare.equals(alice.client.jid.bare)));
  });

  test('the server is discovered by itself, and what it can do is found', async () => {
    const { server: found } = await asking.discovered();
    assert.is(found?.jid, server.domain);
    assert.is(asking.find('urn:xmpp:ping')[0]?.jid, server.domain);
    assert.equal(asking.find('urn:example:nothing'), []);
  });

  test('D-56: capabilities pass the server, are proven by one request, and told anew when they change', async () => {
    let requests = 0;
    const watching = alice.client.filter('outbound', (stanza) => {
      if (stanza.attr('to') === bob.client.jid.toString() && stanza.name === 'iq') requests += 1;
      return stanza;
    });
    const told = (who = bob) =>
      alice.client.once('presence', { where: ({ from }) => from?.equals(who.client.jid) ?? false });
    const one = told();
    bob.client.send(presenceTo(alice));
    await one;
    for (let round = 0; round < 2; round += 1) {
      assert.ok((await asking.queryInfo(bob.client.jid)).features.has('urn:example:a'));
    }
    assert.is(requests, 1);
    const twin = person(server, { jid: `bob@${server.domain}` });
    twin.client.use(caps);
    const { own } = twin.client.use(disco);
    own.addFeature('urn:example:a');
    own.addIdentity('client', 'pc', { en: 'friend', de: 'Freund <&>' });
    own.removeIdentity('client', 'bot');
    await twin.client.start();
    const seen = told(twin);
    twin.client.send(presenceTo(alice));
    await seen;
    let asks = 0;
    twin.client.filter('inbound', (stanza) => {
      if (stanza.name === 'iq' && stanza.attr('type') === 'get') asks += 1;
      return stanza;
    });
    assert.ok((await asking.queryInfo(twin.client.jid)).features.has('urn:example:a'));
    assert.is(asks, 0);
    await twin.client.stop();
    asked.own.addFeature('urn:example:b');
    const two = told();
    bob.client.send(presenceTo(alice));
    await two;
    assert.ok((await asking.queryInfo(bob.client.jid)).features.has('urn:example:b'));
    assert.is(requests, 2);
    watching.unsubscribe();
  });

  test.run();
}
