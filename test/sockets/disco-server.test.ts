/** D-02 to D-06, D-23, D-26, D-28, D-36, D-38 and D-39 over sockets: what somebody else is told who asks. */
import * as assert from 'uvu/assert';
import {
  caps,
  DiscoError,
  type DiscoItem,
  DiscoNode,
  disco,
  discoServer,
  type Iq,
  JID as Jid,
  StanzaError,
  StaticNode,
  xml,
} from '../../src/index.ts';
import { INFO, ITEMS, pair, refusal } from './disco-rig.ts';
import { JID, sockets } from './rig.ts';

const test = sockets('sockets/disco-server');

const isDiscoError = (reason: string) => (error: unknown) => error instanceof DiscoError && error.reason === reason;

/** A node with an identity, which every node that answers needs. */
function named(type: string): StaticNode {
  const node = new StaticNode();
  node.addIdentity('hierarchy', type);
  return node;
}

test('D-01, N-53: the side that answers can be had alone, and is the same for everybody who needs it', async (rig) => {
  const { client } = rig.client(await rig.server());
  const own = client.use(discoServer);
  assert.is(client.use(disco).own, own);
  client.use(caps);
  assert.is(client.use(discoServer), own);
});

test('D-02, D-03: whoever asks is told, of the root node with an empty name or none', async (rig) => {
  const { own, mine, asking, jid } = await pair(rig);
  own.addFeature('urn:example:a');
  const info = await mine.queryInfo(jid);
  assert.ok(info.features.has('urn:example:a'));
  assert.is(info.node, null);
  assert.equal((await mine.queryItems(jid)).items, []);
  for (const namespace of [INFO, ITEMS]) {
    const query = xml`<query xmlns="${namespace}" node=""/>`;
    const reply = await asking.request(xml`<iq type="get" to="${jid}">${query}</iq>`);
    assert.is(reply?.attr('node'), '', namespace);
  }
});

test('D-04, C.8.28: it is a client/bot until it is something else, and never nothing', async (rig) => {
  const { own, mine, jid } = await pair(rig);
  const told = async () => {
    const { identities, features } = await mine.queryInfo(jid, { requireFresh: true });
    assert.ok(features.has(INFO));
    return identities.map(({ category, type, name, lang }) => [category, type, name, lang].join(' '));
  };
  assert.equal(await told(), ['client bot xstanza en']);
  assert.throws(() => own.removeIdentity('client', 'bot'), isDiscoError('last'));
  own.addIdentity('client', 'pc', { en: 'friend', de: 'Freund' });
  own.removeIdentity('client', 'bot');
  assert.equal(await told(), ['client pc friend en', 'client pc Freund de']);
});

test('D-05, D-38, D-39: a node is mounted, replaced, and gone with its mount', async (rig) => {
  const { own, mine, jid } = await pair(rig);
  const type = async () =>
    (await mine.queryInfo(jid, { node: 'urn:example:node', requireFresh: true })).identities[0]?.type;
  const first = own.mount('urn:example:node', named('branch'));
  assert.is(first.mountpoint, 'urn:example:node');
  assert.is(await type(), 'branch');
  {
    using _second = own.mount('urn:example:node', named('leaf'));
    assert.is(await type(), 'leaf');
    first.unsubscribe();
    assert.is(await type(), 'leaf');
  }
  assert.is((await refusal(type())).condition, 'item-not-found');
  assert.throws(() => own.mount('', named('leaf')), isDiscoError('duplicate'));
});

test('D-06, E-19: what is not mounted is not found, and the error is of type cancel', async (rig) => {
  const { own, mine, jid } = await pair(rig);
  own.mount('n', named('leaf'));
  own.unmount('n');
  for (const query of [mine.queryInfo(jid, { node: 'n' }), mine.queryItems(jid, { node: 'n' })]) {
    const error = await refusal(query);
    assert.instance(error, StanzaError);
    assert.equal([error.condition, error.type], ['item-not-found', 'cancel']);
  }
  assert.throws(() => own.unmount('n'), isDiscoError('unknown'));
});

test('E-19: node is said again, with what was asked and what is home there', async (rig) => {
  const { own, mine, jid } = await pair(rig);
  own.mount('n', named('leaf'));
  assert.is((await mine.queryInfo(jid, { node: 'n' })).node, 'n');
  assert.is((await mine.queryItems(jid, { node: 'n' })).node, 'n');
});

test('D-23: a node without an identity is not found, but what is home there is', async (rig) => {
  const { own, mine, jid } = await pair(rig);
  const node = new StaticNode();
  node.items.push({ jid: Jid.parse('a@b/c'), name: 'x' });
  own.mount('n', node);
  assert.is((await refusal(mine.queryInfo(jid, { node: 'n' }))).condition, 'item-not-found');
  assert.equal((await mine.queryItems(jid, { node: 'n' })).toJSON(), [{ jid: 'a@b/c', node: null, name: 'x' }]);
  node.addIdentity('hierarchy', 'leaf');
  assert.equal([...(await mine.queryInfo(jid, { node: 'n' })).features], [INFO]);
});

test('D-26: what is built in is always there', async (rig) => {
  const { own, mine, jid } = await pair(rig);
  own.mount('n', named('leaf'));
  assert.ok((await mine.queryInfo(jid)).features.has(INFO));
  assert.ok((await mine.queryInfo(jid, { node: 'n' })).features.has(INFO));
});

test('D-31, D-36: the answer may depend on who asks', async (rig) => {
  class Discreet extends DiscoNode {
    override *featuresFor(asker?: Iq): Iterable<string> {
      yield* super.featuresFor(asker);
      if (asker?.from?.resource === 'asking') yield 'urn:example:secret';
    }
    override *itemsFor(asker?: Iq): Iterable<DiscoItem> {
      if (asker?.from !== undefined) yield { jid: asker.from };
    }
  }
  const { own, mine, jid, asked } = await pair(rig);
  const node = new Discreet();
  node.addIdentity('hierarchy', 'leaf');
  own.mount('n', node);
  assert.ok((await mine.queryInfo(jid, { node: 'n' })).features.has('urn:example:secret'));
  assert.equal((await mine.queryItems(jid, { node: 'n' })).toJSON(), [
    { jid: `${JID}/asking`, node: null, name: null },
  ]);
  const self = await asked.use(disco).queryInfo(jid, { node: 'n' });
  assert.not(self.features.has('urn:example:secret'));
});

test('a node that breaks down is reported and answers with an error', async (rig) => {
  class Broken extends DiscoNode {
    override featuresFor(): Iterable<string> {
      throw new Error('broken');
    }
  }
  const { own, mine, jid, asked } = await pair(rig);
  own.mount('n', new Broken());
  const reported = asked.once('handlerError');
  assert.is((await refusal(mine.queryInfo(jid, { node: 'n' }))).condition, 'undefined-condition');
  assert.is(String((await reported).error), 'Error: broken');
});

test('D-35: a listener of the root node that throws is reported', async (rig) => {
  const { client, journal } = rig.client(await rig.server());
  const own = client.use(discoServer);
  own.on('infoChanged', () => {
    throw new Error('no');
  });
  own.addFeature('urn:example:a');
  assert.equal(journal.read(), ['handlerError Error: no']);
});

test('nobody answers when the service is gone', async (rig) => {
  const { mine, jid, asked } = await pair(rig);
  asked.remove(disco);
  asked.remove(discoServer);
  assert.is((await refusal(mine.queryInfo(jid))).condition, 'service-unavailable');
});

test.run();
