/** D-56: capabilities sent, answered for, understood, and not believed. XEP-0115, XEP-0390 */
import * as assert from 'uvu/assert';
import {
  type Client,
  type ClientOptions,
  caps,
  DiscoInfo,
  disco,
  type Element,
  StanzaError,
  StaticNode,
  xml,
} from '../../src/index.ts';
import { hashOf } from '../../src/services/caps-hash.ts';
import type { TestServer } from '../../src/testing/server.ts';
import { feature, INFO, refusal } from './disco-rig.ts';
import { JID, type Rig, sockets } from './rig.ts';

const test = sockets('sockets/caps');

const OLD = 'http://jabber.org/protocol/caps';
const NEW = 'urn:xmpp:caps';

/** The available presences that a client has sent, as its server read them. */
const sent = (server: TestServer) =>
  server.log
    .filter(({ direction, element }) => direction === 'in' && element.name === 'presence')
    .map(({ element }) => element);

/** Waits until the server has read everything that a client has sent. */
const flushed = (client: Client) => client.use(disco).queryInfo(client.jid.domain, { requireFresh: true });

/** A client with capabilities that others can see. */
async function visible(rig: Rig, options: Partial<ClientOptions> = {}) {
  const server = await rig.server({ log: true });
  const subject = rig.client(server, options);
  const service = subject.client.use(caps);
  const { own } = subject.client.use(disco);
  await subject.client.connected({ presence: {} });
  await flushed(subject.client);
  return { ...subject, server, service, own };
}

test('capabilities go with every available presence, and with no other', async (rig) => {
  const { client, server, service } = await visible(rig);
  client.send(xml`<presence to="${JID}/x"/>`);
  client.send(xml`<presence to="${JID}/x" type="unavailable"/>`);
  client.send(xml`<presence to="${JID}/x" type="subscribe"/>`);
  await flushed(client);
  const told = sent(server).map((presence) => [
    presence.attr('type'),
    presence.filter('c', OLD).length,
    presence.filter('c', NEW).length,
  ]);
  assert.equal(told, [
    [undefined, 1, 1],
    [undefined, 1, 1],
    ['unavailable', 0, 0],
    ['subscribe', 0, 0],
  ]);
  const [first] = sent(server);
  const { node, hash, ver } = first?.find('c', OLD)?.attrs ?? {};
  assert.equal([node, hash], ['urn:xstanza', 'sha-1']);
  const query = client.use(disco).own.infoFor().toElement();
  assert.is(ver, hashOf('XEP-0115', 'sha-1', query, 'own'));
  const hashes = first?.find('c', NEW)?.filter('hash', 'urn:xmpp:hashes:2');
  assert.equal(
    hashes?.map((one) => [one.attr('algo'), one.text]),
    ['sha-256', 'sha3-256'].map((name) => [name, hashOf('XEP-0390', name, query, 'own')]),
  );
  assert.is(service.own.length, 3);
  const { features } = client.use(disco).own.infoFor();
  assert.ok(features.has(OLD) && features.has(NEW));
});

test('what an application says of its capabilities itself stands', async (rig) => {
  const { client, server } = await visible(rig);
  client.send(xml`<presence to="${JID}/x"><c xmlns="${OLD}" hash="sha-1" node="mine" ver="x"/></presence>`);
  await flushed(client);
  const [, second] = sent(server);
  assert.equal(
    second?.filter('c', OLD).map((c) => c.attr('node')),
    ['mine'],
  );
  assert.is(second?.filter('c', NEW).length, 1);
});

test('the presence is sent again when what it says is no longer so, once for all that changed', async (rig) => {
  const { client, server, own, service } = await visible(rig);
  const before = service.own;
  own.addFeature('urn:a');
  own.addFeature('urn:b');
  await flushed(client);
  assert.is(sent(server).length, 2);
  assert.is.not(sent(server)[1]?.find('c', OLD)?.attr('ver'), before[0]?.hash);
  own.addFeature('urn:c').unsubscribe();
  await flushed(client);
  assert.is(sent(server).length, 2);
  const slow = client.filter('outbound', async (stanza) => stanza, { order: -1 });
  own.addFeature('urn:d');
  own.removeFeature('urn:a');
  await flushed(client);
  assert.is(sent(server).length, 3);
  slow.unsubscribe();
  service.software = 'http://example.org/mine';
  await flushed(client);
  assert.is(sent(server)[3]?.find('c', OLD)?.attr('node'), 'http://example.org/mine');
});

test('nothing is sent for those who see nobody', async (rig) => {
  const server = await rig.server({ log: true });
  const { client } = rig.client(server);
  client.use(caps);
  await client.start();
  client.use(disco).own.addFeature('urn:a');
  await flushed(client);
  assert.equal(sent(server), []);
});

test('a change while the connection is gone is told once it is back', async (rig) => {
  const { client, server, own, sockets, journal } = await visible(rig);
  sockets.at(-1)?.destroy();
  await journal.until('suspended network');
  own.addFeature('urn:a');
  await journal.until('online again');
  await flushed(client);
  assert.is(sent(server).length, 2);
});

test('the last three that were sent are answered for, and no more', async (rig) => {
  const { client, own, service, server } = await visible(rig);
  const asker = rig.client(server, { jid: `${JID}/asker` }).client;
  const mine = asker.use(disco);
  await asker.start();
  const sets = [service.own];
  for (const name of ['urn:a', 'urn:b', 'urn:c']) {
    own.addFeature(name);
    await flushed(client);
    sets.push(service.own);
  }
  const told = async (index: number) => {
    for (const { scheme, algorithm, hash, node } of sets[index] ?? []) {
      const { element } = await mine.queryInfo(client.jid, { node, requireFresh: true });
      assert.is(hashOf(scheme, algorithm, element as Element, 'own'), hash);
    }
  };
  for (const index of [1, 2, 3]) await told(index);
  assert.is((await refusal(told(0))).condition, 'item-not-found');
  own.removeFeature('urn:c');
  await flushed(client);
  assert.equal(service.own, sets[2]);
  for (const index of [1, 2, 3]) await told(index);
  client.remove(caps);
  assert.is((await refusal(told(3))).condition, 'item-not-found');
  assert.not(own.infoFor().features.has(OLD));
});

test('what XEP-0115 cannot tell apart is told by XEP-0390 alone', async (rig) => {
  const { client, server, own } = await visible(rig);
  own.addIdentity('client', 'pc', { en: '<3' });
  await flushed(client);
  const last = sent(server).at(-1);
  assert.equal([last?.filter('c', OLD).length, last?.filter('c', NEW).length], [0, 1]);
});

// Others'.

/** Somebody who sees everybody's presence and asks what they can do. */
async function watching(rig: Rig, options: Partial<ClientOptions> = {}) {
  const server = await rig.server();
  const { client, journal } = rig.client(server, { jid: `${JID}/watcher`, ...options });
  client.use(caps);
  await client.connected({ presence: {} });
  return { server, client, journal, disco: client.use(disco) };
}

/** Another resource, which says and answers what a test likes. It writes down the nodes that it is asked about. */
async function resource(
  rig: Rig,
  server: TestServer,
  watcher: Client,
  name: string,
  answer: (node: string | undefined) => Element | undefined | Promise<Element | undefined>,
) {
  const { client } = rig.client(server, { jid: `${JID}/${name}` });
  const asked: (string | undefined)[] = [];
  client.handle('get', INFO, 'query', (iq) => {
    const node = iq.payload?.attr('node');
    asked.push(node);
    return answer(node);
  });
  await client.start();
  const say = async (...children: Element[]) => {
    const seen = watcher.once('presence', { where: ({ from }) => from?.resource === name, timeout: 5_000 });
    client.send(xml`<presence>${children}</presence>`);
    await seen;
  };
  return { client, asked, say, jid: client.jid };
}

const identity = xml`<identity category="client" type="pc" name="x"/>`;
const GENUINE = xml`<query xmlns="${INFO}">${identity}${feature('urn:a')}${feature('urn:b')}</query>`;
const ANOTHER = xml`<query xmlns="${INFO}">${identity}${feature('urn:c')}</query>`;

const old = (query: Element, algorithm = 'sha-1') => {
  const ver = hashOf('XEP-0115', 'sha-1', query, 'own');
  return xml`<c xmlns="${OLD}" hash="${algorithm}" node="http://example.org" ver="${ver}"/>`;
};
const hashed = (query: Element) => {
  const hash = hashOf('XEP-0390', 'sha-256', query, 'own');
  return xml`<c xmlns="${NEW}"><hash xmlns="urn:xmpp:hashes:2" algo="sha-256">${hash}</hash></c>`;
};
const oldNode = (query: Element) => `http://example.org#${old(query).attr('ver')}`;

for (const [scheme, c, node] of [
  ['XEP-0115', old(GENUINE), oldNode(GENUINE)],
  ['XEP-0390', hashed(GENUINE), `urn:xmpp:caps#sha-256.${hashed(GENUINE).elements[0]?.text}`],
] as const) {
  test(`one is asked for all who say the same, and when the answer is needed: ${scheme}`, async (rig) => {
    const { server, client, disco } = await watching(rig);
    const one = await resource(rig, server, client, 'one', () => GENUINE);
    const two = await resource(rig, server, client, 'two', () => GENUINE);
    await one.say(c);
    await two.say(c);
    await disco.discovered();
    assert.equal([one.asked, two.asked], [[], []]);
    const infos = await Promise.all([disco.queryInfo(one.jid), disco.queryInfo(two.jid), disco.queryInfo(one.jid)]);
    for (const info of infos) assert.equal([...info.features], ['urn:a', 'urn:b']);
    assert.equal([one.asked, two.asked], [[node], []]);
    const three = await resource(rig, server, client, 'three', () => GENUINE);
    await three.say(c);
    await disco.queryInfo(three.jid);
    assert.equal(three.asked, []);
  });
}

test('two real clients', async (rig) => {
  const { server, client, disco: mine } = await watching(rig);
  const other = rig.client(server, { jid: `${JID}/other` }).client;
  other.use(caps);
  other.use(disco).own.addFeature('urn:example:a');
  let asked = 0;
  other.filter('inbound', (stanza) => {
    if (stanza.name === 'iq' && stanza.attr('type') === 'get') asked += 1;
    return stanza;
  });
  const seen = client.once('presence', { where: ({ from }) => from?.resource === 'other' });
  await other.connected({ presence: {} });
  await seen;
  assert.ok((await mine.queryInfo(other.jid)).features.has('urn:example:a'));
  const next = client.once('presence', { where: ({ from }) => from?.resource === 'other' });
  other.use(disco).own.addFeature('urn:example:b');
  await next;
  assert.ok((await mine.queryInfo(other.jid)).features.has('urn:example:b'));
  await mine.queryInfo(other.jid);
  assert.is(asked, 2);
});

test('a forged hash is told to whoever asks about the forger, and to nobody else', async (rig) => {
  const { server, client, disco } = await watching(rig);
  const forger = await resource(rig, server, client, 'forger', () => ANOTHER);
  const honest = await resource(rig, server, client, 'honest', () => GENUINE);
  await forger.say(old(GENUINE));
  await honest.say(old(GENUINE));
  assert.equal([...(await disco.queryInfo(forger.jid)).features], ['urn:c']);
  assert.equal([...(await disco.queryInfo(honest.jid)).features], ['urn:a', 'urn:b']);
  const third = await resource(rig, server, client, 'third', () => ANOTHER);
  await third.say(old(GENUINE));
  assert.equal([...(await disco.queryInfo(third.jid)).features], ['urn:a', 'urn:b']);
  assert.equal([forger.asked.length, honest.asked.length, third.asked.length], [1, 1, 0]);
  await forger.say(old(GENUINE));
  assert.equal([...(await disco.queryInfo(forger.jid)).features], ['urn:c']);
  assert.is(forger.asked.length, 1);
});

test('what a hash says nothing of is nobody else’s', async (rig) => {
  const { server, client, disco } = await watching(rig);
  const more = xml`<x xmlns="jabber:x:data" type="result"><field var="a"><value>1</value></field></x>`;
  const forger = await resource(rig, server, client, 'forger', () => GENUINE.append(more));
  const honest = await resource(rig, server, client, 'honest', () => GENUINE);
  await forger.say(old(GENUINE));
  await honest.say(old(GENUINE));
  assert.is((await disco.queryInfo(forger.jid)).forms.length, 1);
  assert.equal((await disco.queryInfo(honest.jid)).forms, []);
  assert.equal([forger.asked.length, honest.asked.length], [1, 0]);
});

test('an ill-formed answer is that of one entity', async (rig) => {
  const { server, client, disco } = await watching(rig);
  const doubled = GENUINE.append(feature('urn:a'));
  const broken = await resource(rig, server, client, 'broken', () => doubled);
  const honest = await resource(rig, server, client, 'honest', () => GENUINE);
  await broken.say(old(GENUINE));
  await honest.say(old(GENUINE));
  assert.equal([...(await disco.queryInfo(broken.jid)).features], ['urn:a', 'urn:b']);
  await disco.queryInfo(honest.jid);
  assert.equal([broken.asked.length, honest.asked.length], [1, 1]);
});

test('who waits for another’s answer asks themselves when it is no good', async (rig) => {
  const { server, client, disco } = await watching(rig);
  for (const [index, bad] of [
    () => ANOTHER,
    () => {
      throw new StanzaError('forbidden');
    },
  ].entries()) {
    const query = xml`<query xmlns="${INFO}">${identity}${feature(`urn:${index}`)}</query>`;
    const one = await resource(rig, server, client, `bad${index}`, bad);
    const two = await resource(rig, server, client, `good${index}`, () => query);
    await one.say(old(query));
    await two.say(old(query));
    const first = disco.queryInfo(one.jid).catch(() => null);
    assert.equal([...(await disco.queryInfo(two.jid)).features], [`urn:${index}`]);
    await first;
    assert.equal([one.asked.length, two.asked.length], [1, 1]);
  }
});

test('nobody waits without end for another’s answer', async (rig) => {
  const { server, client, disco } = await watching(rig, {
    clock: {
      setTimeout: (callback, delay) => setTimeout(callback, delay === 10_000 ? 1 : delay),
      clearTimeout: (timer) => clearTimeout(timer as NodeJS.Timeout),
      now: () => performance.now(),
    },
  });
  const silent = await resource(rig, server, client, 'silent', () => new Promise(() => {}));
  const honest = await resource(rig, server, client, 'honest', () => GENUINE);
  await silent.say(old(GENUINE));
  await honest.say(old(GENUINE));
  const waiting = disco.queryInfo(silent.jid);
  assert.equal([...(await disco.queryInfo(honest.jid)).features], ['urn:a', 'urn:b']);
  await client.stop();
  await refusal(waiting);
});

test('who does not know its own hash any more is asked what it can do now', async (rig) => {
  const { server, client, disco } = await watching(rig);
  const changed = await resource(rig, server, client, 'changed', (node) => {
    if (node !== undefined) throw new StanzaError('item-not-found');
    return ANOTHER;
  });
  await changed.say(old(GENUINE));
  assert.equal([...(await disco.queryInfo(changed.jid)).features], ['urn:c']);
  assert.equal(changed.asked, [oldNode(GENUINE), undefined]);
});

test('an unknown hash function and the old format say nothing: who is asked is asked plainly', async (rig) => {
  const { server, client, disco } = await watching(rig);
  const one = await resource(rig, server, client, 'one', () => GENUINE);
  const two = await resource(rig, server, client, 'two', () => ANOTHER);
  await one.say(old(GENUINE, 'made-up'));
  await two.say(xml`<c xmlns="${OLD}" node="http://example.org" ver="0.9.1"/>`);
  assert.equal([...(await disco.queryInfo(one.jid)).features], ['urn:a', 'urn:b']);
  assert.equal([...(await disco.queryInfo(two.jid)).features], ['urn:c']);
  assert.equal([one.asked, two.asked], [[undefined], [undefined]]);
});

test('the latest counts; who says nothing of it has not changed, and who is gone is forgotten', async (rig) => {
  const { server, client, disco } = await watching(rig);
  let answer = GENUINE;
  const other = await resource(rig, server, client, 'other', () => answer);
  const features = async () => [...(await disco.queryInfo(other.jid)).features].join(' ');
  await other.say(old(GENUINE));
  assert.is(await features(), 'urn:a urn:b');
  answer = ANOTHER;
  await other.say();
  await other.say(old(GENUINE));
  assert.is(await features(), 'urn:a urn:b');
  await other.say(old(ANOTHER));
  assert.is(await features(), 'urn:c');
  await other.say(old(GENUINE, 'made-up'));
  assert.is(await features(), 'urn:c');
  await other.say(old(ANOTHER));
  assert.equal(other.asked, [oldNode(GENUINE), oldNode(ANOTHER), undefined]);
  const gone = client.once('presence', {
    where: ({ type, from }) => type === 'unavailable' && from?.resource === 'other',
  });
  other.client.send(xml`<presence type="unavailable"/>`);
  await gone;
  assert.is(await features(), 'urn:c');
  assert.equal(other.asked.slice(3), [undefined]);
});

test('a hash that was found to be true is so in the next session', async (rig) => {
  const { server, client, disco } = await watching(rig);
  const one = await resource(rig, server, client, 'one', () => GENUINE);
  await one.say(old(GENUINE));
  await disco.queryInfo(one.jid);
  await client.stop();
  const seen = client.once('presence', { where: ({ from }) => from?.resource === 'one' });
  await client.start();
  await seen;
  assert.equal([...(await disco.queryInfo(one.jid)).features], ['urn:a', 'urn:b']);
  assert.is(one.asked.length, 1);
});

test('a node of the same name as a hash is not in the way', async (rig) => {
  const { client, own, service } = await visible(rig);
  const [first] = service.own;
  const mine = new StaticNode();
  mine.addIdentity('hierarchy', 'leaf');
  own.mount(first?.node ?? '', mine);
  client.remove(caps);
  const info = await client.use(disco).queryInfo(client.jid, { node: first?.node ?? '' });
  assert.instance(info, DiscoInfo);
  assert.is(info.identities[0]?.type, 'leaf');
});

test.run();
