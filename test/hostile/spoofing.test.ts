/** What others say in the name of somebody else, and a server in the name of everybody. */
import * as assert from 'uvu/assert';
import {
  type Client,
  type ClientOptions,
  type ConnectionError,
  caps,
  carbons,
  disco,
  type Element,
  el,
  type Message,
  presences,
  xml,
} from '../../src/index.ts';
import { answer, asked, bound, dialogue, handled, NS, online, segment } from '../sockets/dialogue.ts';
import { JID, PASSWORD, type Rig, sockets } from '../sockets/rig.ts';

const test = sockets('hostile/spoofing');

const SELF = `${JID}/server`;

/** The reasons for which stanzas were not dispatched. */
function invalid(client: Client): string[] {
  const reasons: string[] = [];
  client.on('invalid', ({ reason }) => reasons.push(reason));
  return reasons;
}

// Replies.

const request = (to: string | undefined) => el('iq', { type: 'get', to }, el('query', { xmlns: 'urn:x' }));

/** A reply with the right id: a result, or an error. */
function reply(type: string, id: string | undefined, from: string | undefined): Element {
  const content =
    type === 'error' ? el('error', { type: 'cancel' }, el('gone', { xmlns: NS.stanzaErrors })) : el('answer');
  return el('iq', { type, id, from }, content);
}

const JULIET = 'juliet@localhost';
/** Who may not answer for anybody, and who may for somebody. */
const SENDERS = [
  undefined,
  JID,
  SELF,
  'localhost',
  `${JID}/other`,
  JULIET,
  `${JULIET}/balcony`,
  `${JULIET}/Balcony`,
  `${JULIET}/balcony/x`,
  `${JULIET}.example.org/balcony`,
  'localhost/balcony',
  'sub.localhost',
  'example.org',
  '',
  '@',
  `${JULIET}/`,
  ` ${JULIET}/balcony`,
  `@localhost`,
  `a@${JULIET}/balcony`,
  'x'.repeat(4000),
];

for (const [to, accepted] of [
  [undefined, [undefined, JID, SELF, 'localhost']],
  [JID, [undefined, JID, SELF, 'localhost']],
  ['localhost', [undefined, 'localhost']],
  [`${JULIET}/balcony`, [`${JULIET}/balcony`]],
  [JULIET, [JULIET]],
] as const) {
  test(`replies from somebody else: to ${to ?? 'nobody'} results and errors of all the others change nothing`, async (rig) => {
    const { client, peer } = await online(rig);
    const reasons = invalid(client);
    const forgers = SENDERS.filter((sender) => !(accepted as readonly unknown[]).includes(sender));
    const result = client.request(request(to));
    const { id } = (await peer.expect('iq')).attrs;
    await peer.expect('r');
    for (const type of ['result', 'error']) {
      await peer.send(segment(...forgers.map((from) => reply(type, id, from))));
    }
    await handled(peer);
    assert.is(client.delivery.requests, 1);
    assert.equal(reasons, Array(forgers.length * 2).fill('a reply that nobody waits for'));
    await peer.send(reply('result', id, accepted[0]));
    assert.is((await result)?.name, 'answer');
  });
}

test('replies from somebody else, the right one included when it is no reply that it sends', async (rig) => {
  const { client, peer } = await online(rig);
  const reasons = invalid(client);
  const to = `${JULIET}/balcony`;
  const result = client.request(request(to));
  const { id } = (await peer.expect('iq')).attrs;
  await peer.expect('r');
  const message = xml`<message type="result" id="${id}" from="${to}"/>`;
  const presence = xml`<presence type="error" id="${id}" from="${to}"/>`;
  await peer.send(segment(...['nonsense', 'Result', ''].map((type) => reply(type, id, to)), message, presence));
  await handled(peer);
  // What is a request is answered as one.
  await peer.send(reply('get', id, to));
  const { attrs } = await answer(peer);
  assert.equal([attrs.type, attrs.to], ['error', to]);
  assert.is(client.delivery.requests, 1);
  assert.is(reasons.length, 3);
  await peer.send(reply('result', id, to));
  assert.is((await result)?.name, 'answer');
});

test('ids that nobody can guess: 128 bits of chance in each, whatever went before', async (rig) => {
  const { client, peer } = await online(rig);
  const count = 400;
  for (let n = 0; n < count; n += 1) client.send(el('message', { to: JULIET }));
  const ids: Buffer[] = [];
  while (ids.length < count) {
    const { name, attrs } = await peer.next();
    if (name === 'message') ids.push(Buffer.from(attrs.id ?? '', 'base64url'));
  }
  const bits = (bytes: Buffer) => [...bytes].flatMap((byte) => [1, 2, 4, 8, 16, 32, 64, 128].map((bit) => byte & bit));
  const differences = ids
    .slice(1)
    .map((id, index) => Buffer.from(id.map((byte, at) => byte ^ (ids[index]?.[at] ?? 0))));
  for (const list of [ids, differences]) {
    const ones = list
      .map(bits)
      .reduce<number[]>((sums, row) => row.map((bit, at) => (sums[at] ?? 0) + Math.sign(bit)), []);
    assert.is(ones.length, 128);
    // Eight deviations.
    for (const sum of ones) assert.ok(sum > count * 0.3 && sum < count * 0.7, String(sum));
  }
});

// Binding.

/** Logs in, and is bound to that JID. */
async function boundTo(rig: Rig, jid: string, options: Partial<ClientOptions> = {}) {
  const talk = await dialogue(rig, options, { accounts: { romeo: PASSWORD, juliet: PASSWORD } });
  const started = talk.client.start().then(
    () => null,
    (error: ConnectionError) => error.failure,
  );
  const peer = await talk.next();
  const { id } = (await asked(peer)).attrs;
  await peer.send(el('iq', { type: 'result', id }, el('bind', { xmlns: NS.bind }, el('jid', {}, jid))));
  return { ...talk, peer, started };
}

const AS_JULIET = { credentials: () => ({ username: 'juliet', password: PASSWORD }) };
const NOBODY = { jid: 'localhost', credentials: () => ({ username: 'romeo', password: PASSWORD }) };

for (const [jid, options] of [
  [`${JULIET}/x`],
  ['localhost/x'],
  ['romeo@example.org/x'],
  ['romeo@sub.localhost/x'],
  ['romeo@localhost.example.org/x'],
  ['romeo.@localhost/x'],
  ['rоmeo@localhost/x'],
  ['juliet@example.org/x', AS_JULIET],
  ['guest@example.org/x', NOBODY],
] as [string, Partial<ClientOptions>?][]) {
  test(`another account is not bound: ${jid}${options ? ', whose name was given' : ''}`, async (rig) => {
    const { client, journal, peer, started } = await boundTo(rig, jid, options);
    const token = client.send(el('message', { to: JULIET }));
    await peer.expect('/stream');
    await peer.close();
    const failure = await started;
    assert.equal(
      [failure?.kind, failure?.stage, failure?.condition, failure?.retry],
      ['bind', 'bind', 'another-account', 'user'],
    );
    assert.equal(journal.read(), ['failure another-account']);
    assert.is(token.state, 'lost');
  });
}

for (const [jid, told, options] of [
  [`${JID}/of the server's choosing`, `${JID}/of the server's choosing`],
  ['ROMEO@LocalHost/x', `${JID}/x`],
  ['Ｒomeo@localhost/x', `${JID}/x`],
  [`${JULIET}/x`, `${JULIET}/x`, AS_JULIET],
  ['guest@localhost/x', 'guest@localhost/x', NOBODY],
] as [string, string, Partial<ClientOptions>?][]) {
  test(`our account is bound, however it is written: ${jid}`, async (rig) => {
    const { client, started } = await boundTo(rig, jid, options);
    assert.is(await started, null);
    assert.is(client.jid.toString(), told);
  });
}

for (const jid of ['', '@', JID, `${JID}/`, `@localhost/x`, `a@${JID}/x`, `${JID}/${'x'.repeat(2000)}`]) {
  test(`a bound JID that is none breaks the rules: ${jid.slice(0, 30)}`, async (rig) => {
    const { peer, journal } = await boundTo(rig, jid);
    await peer.expect('/stream');
    await peer.close();
    await journal.until('waiting 1 protocol');
  });
}

test('another account is not bound in a later session, either', async (rig) => {
  const { journal, peer, next } = await online(rig, {}, { upTo: 'bind' });
  peer.reset();
  const again = await next();
  await again.send(bound(await asked(again), 'x', JULIET));
  await again.expect('/stream');
  await again.close();
  await journal.until('failure another-account');
});

// Copies and forwards.

const FORWARD = 'urn:xmpp:forward:0';
const said = (body: string) =>
  xml`<message xmlns="jabber:client" from="friar@localhost/x" to="${JID}"><body>${body}</body></message>`;

test('a forward is what its sender says: nothing in it is taken for a message, a copy or an archive', async (rig) => {
  const { client, peer } = await online(rig);
  const copies = client.use(carbons);
  assert.is((await peer.expect('iq')).elements[0]?.name, 'enable');
  await peer.expect('r');
  const told: string[] = [];
  copies.on('carbon', ({ message }) => told.push(`carbon ${message.body}`));
  client.on('message', ({ from, body }) => told.push(`${from} ${body ?? '-'}`));
  client.on('invalid', ({ reason }) => told.push(reason));
  const forwarded = el('forwarded', { xmlns: FORWARD }, said('forged'));
  const copy = el('received', { xmlns: 'urn:xmpp:carbons:2' }, forwarded);
  const inForward = el('forwarded', { xmlns: FORWARD }, said('forged').append(copy));
  for (const content of [
    forwarded,
    inForward,
    el('result', { xmlns: 'urn:xmpp:mam:2', queryid: 'q', id: '1' }, forwarded),
    el('result', { xmlns: 'urn:xmpp:mam:2' }, copy),
    el('x', { xmlns: 'urn:x' }, copy),
    copy,
  ]) {
    await peer.send(el('message', { from: 'mallory@example.org/x', to: SELF }, content));
  }
  await handled(peer);
  assert.equal(told, [...Array(5).fill('mallory@example.org/x -'), 'a carbon that is not from our account']);
});

test('forged times are passed on as they are: stanzas keep their order', async (rig) => {
  const { client, peer } = await online(rig);
  const heard: Message[] = [];
  client.on('message', (message) => heard.push(message));
  const stamps = ['2999-01-01T00:00:00Z', '1970-01-01T00:00:00Z', 'yesterday', '', '2024-05-06T07:08:09Z'];
  const stanzas = stamps.map(
    (stamp, index) =>
      xml`<message id="${index}"><delay xmlns="urn:xmpp:delay" from="localhost" stamp="${stamp}"/></message>`,
  );
  await peer.send(segment(...stanzas));
  await handled(peer);
  assert.equal(
    heard.map(({ id, element }) => [id, element.find('delay', 'urn:xmpp:delay')?.attr('stamp')]),
    stamps.map((stamp, index) => [String(index), stamp]),
  );
});

// Addresses.

test('no sender is no sender: nothing is made up, and nobody is answered for', async (rig) => {
  const { client, peer } = await online(rig);
  const here = client.use(presences);
  const told: unknown[] = [];
  client.on('message', ({ from }) => told.push(['message', from]));
  client.on('presence', ({ from }) => told.push(['presence', from]));
  for (const from of [undefined, '', '@', ` ${JULIET}`, 'a@b@c']) {
    const attrs = { from, to: SELF };
    await peer.send(segment(el('message', attrs), el('presence', attrs), el('presence', { ...attrs, type: 'error' })));
    await handled(peer);
    assert.equal(told.splice(0), [
      ['message', undefined],
      ['presence', undefined],
      ['presence', undefined],
    ]);
    await peer.send(el('iq', { ...attrs, type: 'get', id: 'x' }, el('query', { xmlns: 'urn:x' })));
    const { attrs: answered } = await answer(peer);
    assert.equal([answered.type, answered.to, answered.from], ['error', from, undefined]);
  }
  assert.equal([...here], []);
});

test('whoever a stanza is to, it is taken as the server delivered it, and answered to its sender', async (rig) => {
  const { client, peer } = await online(rig);
  const told: unknown[] = [];
  client.on('message', ({ to }) => told.push(to?.toString()));
  for (const to of [undefined, SELF, JID, `${JID}/other`, 'mallory@example.org', '@@']) {
    await peer.send(segment(el('message', { from: JULIET, to })));
    await peer.send(el('iq', { from: JULIET, to, type: 'get', id: 'x' }, el('query', { xmlns: 'urn:x' })));
    const { attrs } = await answer(peer);
    // In the name of nobody but whoever the server knows us as.
    assert.equal([attrs.to, attrs.from], [JULIET, undefined]);
  }
  assert.equal(told, [undefined, SELF, JID, `${JID}/other`, 'mallory@example.org', undefined]);
});

test('presence of strangers is that of strangers: errors and farewells change nothing of others', async (rig) => {
  const { client, peer } = await online(rig);
  const here = client.use(presences);
  await peer.send(el('presence', { from: `${JULIET}/balcony` }));
  for (const from of [
    'mallory@example.org/x',
    'mallory@example.org',
    'localhost',
    `${JULIET}/other`,
    'juliet@example.org',
  ]) {
    for (const type of ['error', 'unavailable']) await peer.send(el('presence', { from, type }));
  }
  // An error from the same says only that a presence of ours did not get there.
  for (const from of [JULIET, `${JULIET}/balcony`]) await peer.send(el('presence', { from, type: 'error' }));
  await handled(peer);
  assert.equal(
    [...here].map(({ from }) => from?.toString()),
    [`${JULIET}/balcony`],
  );
});

// Discovery.

const INFO = 'http://jabber.org/protocol/disco#info';

/** A client that discovers, whose server answers nothing of itself. */
async function discovering(rig: Rig) {
  const talk = await online(rig, {}, { upTo: 'bind' });
  talk.client.use(caps);
  const service = talk.client.use(disco);
  // What it asks by itself is of no interest here.
  const next = async (to: string) => {
    for (;;) {
      const element = await talk.peer.next();
      if (element.name === 'iq' && element.attr('to') === to) return element;
    }
  };
  return { ...talk, disco: service, next };
}

const info = (features: readonly string[], node?: string) =>
  el(
    'query',
    { xmlns: INFO, node },
    el('identity', { category: 'client', type: 'pc' }),
    features.map((name) => el('feature', { var: name })),
  );

test('discovery nobody asked for is not remembered, nor of a node that was not asked about', async (rig) => {
  const { client, peer, disco, next } = await discovering(rig);
  const reasons = invalid(client);
  const push = (id: string, content: Element) => el('iq', { type: 'result', from: JULIET, id }, content);
  await peer.send(push('unasked', info(['urn:forged'])));
  const first = disco.queryInfo(JULIET, { node: 'a' });
  const { id } = (await next(JULIET)).attrs;
  await peer.send(push(`${id}`, info(['urn:forged'], 'b')));
  assert.is((await first).node, 'b');
  assert.equal(reasons, ['a reply that nobody waits for']);
  for (const node of [undefined, 'b']) {
    const result = disco.queryInfo(JULIET, node === undefined ? {} : { node });
    const question = await next(JULIET);
    assert.is(question.elements[0]?.attr('node'), node);
    await peer.send(push(`${question.attr('id')}`, info(['urn:genuine'], node)));
    assert.equal([...(await result).features], ['urn:genuine']);
  }
});

test('a giant of an answer is read in time that grows with its size, and one beyond the limit not at all', async (rig) => {
  const { peer, disco, next, journal } = await discovering(rig);
  const many = (count: number, name: (number: number) => Element) => Array.from({ length: count }, (_, n) => name(n));
  const giant = el('query', { xmlns: INFO }, [
    ...many(10_000, (n) => el('identity', { category: 'client', type: `t${n}` })),
    ...many(10_000, (n) => el('feature', { var: `urn:${n}` })),
  ]);
  const result = disco.queryInfo(JULIET);
  const { id } = (await next(JULIET)).attrs;
  await peer.send(el('iq', { type: 'result', id, from: JULIET }, giant));
  const { identities, features } = await result;
  assert.equal([identities.length, features.size], [10_000, 10_000]);
  await peer.send(el('iq', { type: 'result', id: 'x', from: JULIET }, [giant, giant]));
  while ((await peer.next()).name !== 'error');
  await peer.close();
  await journal.until('suspended policy-violation');
});

test('a giant of an answer has a hash like any other, and a forged one is nobody else’s', async (rig) => {
  const { client, peer, disco, next } = await discovering(rig);
  const forgers = Array.from({ length: 10_000 }, (_, n) => `urn:${n}`);
  const c = '<c xmlns="http://jabber.org/protocol/caps" hash="sha-1" node="urn:n" ver="AAAAAAAAAAAAAAAAAAAAAAAAAAA="/>';
  for (const name of ['forger', 'honest']) {
    const from = `${JULIET}/${name}`;
    const seen = client.once('presence');
    await peer.send(`<presence from="${from}">${c}</presence>`);
    await seen;
    const result = disco.queryInfo(from);
    const question = await next(from);
    assert.is(question.elements[0]?.attr('node'), 'urn:n#AAAAAAAAAAAAAAAAAAAAAAAAAAA=');
    const features = name === 'forger' ? forgers : ['urn:genuine'];
    await peer.send(el('iq', { type: 'result', id: question.attr('id'), from }, info(features)));
    assert.is((await result).features.size, features.length);
  }
});

test.run();
