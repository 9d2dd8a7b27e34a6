/** Filters, in both directions: B.9, E-26, X-09, X-10, X-37, X-44. */
import * as assert from 'uvu/assert';
import { type Element, el, type Filter } from '../../src/index.ts';
import {
  answer,
  asked,
  dialogue,
  handled,
  message,
  messages,
  NS,
  online,
  resumed,
  said,
  segment,
  sm,
} from './dialogue.ts';
import { sleep, sockets } from './rig.ts';

const test = sockets('sockets/stanza-filter');

const bodyOf = (stanza: Element) => stanza.find('body')?.text ?? '';

/** Adds `mark` to what a message says. */
const marks =
  (mark: string): Filter =>
  (stanza) =>
    el('message', { ...stanza.attrs }, el('body', {}, bodyOf(stanza) + mark));

/** Does to stanzas what they say: 2 and 6 are dropped, now or later, 3 throws, 4 rejects, and the others pass. */
const obedient: Filter = (stanza) => {
  const verdict = bodyOf(stanza) || stanza.attr('id');
  if (verdict === '2') return null;
  if (verdict === '3') throw new Error('three');
  if (verdict === '4') return Promise.reject(new Error('four'));
  if (verdict === '6') return Promise.resolve(null);
  return stanza;
};

/** Passes even stanzas at once and odd ones after a while. */
const dawdling: Filter = async (stanza) => {
  if (Number(stanza.attr('id') ?? bodyOf(stanza)) % 2 === 1) await sleep(2);
  return stanza;
};

/** A filter that keeps each stanza until it is let go. */
function gate(): { filter: Filter; letGo(): void; seen: string[] } {
  let letGo = () => {};
  const seen: string[] = [];
  const filter: Filter = (stanza) => {
    seen.push(bodyOf(stanza));
    return new Promise((resolve) => {
      letGo = () => resolve(stanza);
    });
  };
  return { filter, seen, letGo: () => letGo() };
}

/** A client online, and what it hears. */
async function listening(rig: Parameters<typeof online>[0]) {
  const talk = await online(rig);
  const heard: (string | undefined)[] = [];
  talk.client.on('message', ({ body }) => heard.push(body));
  return { ...talk, heard };
}

// Inbound.

test('X-09, X-10, X-37: inbound filters rewrite, lower orders first, until they are taken back', async (rig) => {
  const { client, peer, heard } = await listening(rig);
  client.filter('inbound', marks('d'), { order: 1 });
  client.filter('inbound', async (stanza) => marks('b')(stanza));
  client.filter('inbound', marks('c'), { order: 0 });
  const first = client.filter('inbound', marks('a'), { order: -1 });
  await peer.send(message(1));
  await handled(peer);
  first.unsubscribe();
  await peer.send(message(2));
  await handled(peer);
  assert.equal(heard, ['1abcd', '2bcd']);
});

test('E-26: what an inbound filter drops or fails at goes nowhere, is counted, and harms nobody', async (rig) => {
  const { client, journal, peer, heard } = await listening(rig);
  client.filter('inbound', obedient);
  await peer.send(segment(...messages(1, 2, 3, 4, 6, 5)));
  await journal.until('handlerError Error: four');
  assert.is(await handled(peer), 6);
  assert.equal(heard, ['1', '5']);
  assert.equal(journal.read(), ['handlerError Error: three', 'handlerError Error: four']);
});

test('E-26: a request that a filter drops or fails at is answered all the same', async (rig) => {
  const { client, peer } = await online(rig);
  client.handle('get', 'urn:x', 'query', () => {});
  client.filter('inbound', obedient);
  for (const [id, condition] of [
    ['2', 'service-unavailable'],
    ['3', 'internal-server-error'],
    ['4', 'internal-server-error'],
  ] as const) {
    await peer.send(`<iq type="get" id="${id}"><query xmlns="urn:x"/></iq>`);
    const error = (await answer(peer)).find('error');
    assert.ok(error?.find(condition, NS.stanzaErrors), condition);
  }
});

test('B.9: nobody overtakes a stanza that an inbound filter has, whatever it is', async (rig) => {
  const { client, peer } = await online(rig);
  const order: (string | undefined)[] = [];
  client.on('message', ({ id }) => order.push(id));
  client.on('presence', ({ id }) => order.push(id));
  client.handle('get', 'urn:x', 'query', ({ id }) => void order.push(id));
  const reply = client.request(el('iq', { type: 'get', id: '5' }, el('query', { xmlns: 'urn:x' })), {
    onReply: () => order.push('5'),
  });
  client.filter('inbound', dawdling);
  await peer.expect('iq');
  const query = '<query xmlns="urn:x"/>';
  await peer.send(
    segment(
      '<message id="1"/><presence id="2"/>',
      `<iq type="get" id="3">${query}</iq><message id="4"/>`,
      `<iq type="result" id="5">${query}</iq><presence id="6"/>`,
    ),
  );
  await reply;
  while (order.length < 6) await sleep(1);
  assert.equal(order, ['1', '2', '3', '4', '5', '6']);
  assert.is((await answer(peer)).attr('id'), '3');
  assert.is(await handled(peer), 6);
});

test('B.2: what a filter has when the cable is pulled is not counted, and received once after all', async (rig) => {
  const { client, peer, next, heard } = await listening(rig);
  const { filter, seen, letGo } = gate();
  const subscription = client.filter('inbound', filter);
  await peer.send(segment(...messages(1, 2)));
  assert.is(await handled(peer), 0);
  peer.reset();
  const again = await next();
  assert.is((await asked(again, sm('sm'))).attr('h'), '0');
  subscription.unsubscribe();
  await again.send(segment(sm('resumed', { previd: 'sm-1', h: 0 }), ...messages(1, 2)));
  // The first time is over: that filter's word comes too late.
  letGo();
  assert.is(await handled(again), 2);
  assert.equal([seen, heard], [['1'], ['1', '2']]);
});

// Outbound.

test('X-09: outbound filters rewrite, drop and fail, and the tokens say so', async (rig) => {
  const { client, journal, peer } = await online(rig);
  client.filter('outbound', obedient);
  client.filter('outbound', marks('0'), { order: 1 });
  const tokens = messages(1, 2, 3, 4, 6, 5).map((message) => client.send(message));
  assert.equal(await said(peer, 2), [10, 50]);
  assert.equal(
    tokens.map(({ state }) => state),
    ['sent', 'dropped', 'failed', 'failed', 'dropped', 'sent'],
  );
  assert.equal(
    tokens.map(({ error }) => error?.message),
    [undefined, undefined, 'three', 'four', undefined, undefined],
  );
  assert.equal(journal.read(), ['handlerError Error: three', 'handlerError Error: four']);
  // What was not written is not counted either.
  await peer.expect('r');
  await peer.send(sm('a', { h: 2 }));
  assert.is(await tokens[5], 'acked');
});

test('B.9, X-11: nobody overtakes a stanza that an outbound filter has', async (rig) => {
  const { client, peer } = await online(rig);
  client.filter('outbound', dawdling);
  const numbers = [1, 2, 3, 4, 5, 6, 7, 8];
  for (const message of messages(...numbers)) client.send(message);
  const order: number[] = [];
  while (order.length < numbers.length) order.push(Number(bodyOf(await answer(peer))));
  assert.equal(order, numbers);
});

test('B.9: filters see stanzas when they are sent, also those that had been waiting', async (rig) => {
  const { client, next } = await dialogue(rig);
  void client.start();
  client.send(message(1));
  client.filter('outbound', marks('0'));
  const peer = await next();
  await peer.negotiate({ upTo: 'bind', tls: false });
  assert.equal(await said(peer, 1), [10]);
});

test('B.9, C.8-16: what waited does not overtake what hooks sent and a filter has', async (rig) => {
  const { client, next } = await dialogue(rig);
  client.filter('outbound', dawdling);
  client.beforeEstablished(({ send }) => {
    for (const stanza of messages(1, 2, 3)) send(stanza);
  });
  void client.start();
  for (const stanza of messages(4, 5)) client.send(stanza);
  const peer = await next();
  await peer.negotiate({ upTo: 'bind', tls: false });
  assert.equal(await said(peer, 5), [1, 2, 3, 4, 5]);
});

test('B.9, X-44: what is sent again is not filtered again', async (rig) => {
  const { client, peer, next } = await online(rig);
  client.filter('outbound', marks('0'));
  for (const message of messages(1, 2)) client.send(message);
  assert.equal(await said(peer, 2), [10, 20]);
  peer.reset();
  const again = await resumed(next, 1);
  assert.equal(await said(again, 1), [20]);
});

test('what an outbound filter has when the cable is pulled is written once, after the resumption', async (rig) => {
  const { client, journal, peer, next } = await online(rig);
  const { filter, seen, letGo } = gate();
  const subscription = client.filter('outbound', filter);
  const tokens = messages(1, 2).map((message) => client.send(message));
  peer.reset();
  await journal.until('suspended network');
  subscription.unsubscribe();
  letGo();
  const again = await resumed(next, 0);
  assert.equal(await said(again, 2), [1, 2]);
  assert.equal([seen, tokens.map(({ state }) => state)], [['1'], ['sent', 'sent']]);
});

test.run();
