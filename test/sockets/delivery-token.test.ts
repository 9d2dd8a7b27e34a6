/** What becomes of a stanza that was given to `send`: B.3 arrow by arrow, N-33, N-35, N-36, N-42, N-91, C.8-16 to C.8-18. */
import * as assert from 'uvu/assert';
import {
  type Client,
  ConnectionError,
  DeliveryError,
  type DeliveryState,
  type Element,
  el,
  QueueFullError,
  StateError,
  type Token,
  XmlError,
} from '../../src/index.ts';
import { asked, bound, dialogue, handled, message, messages, online, resumed, said, sm } from './dialogue.ts';
import { sockets } from './rig.ts';

const test = sockets('sockets/delivery-token');

/** Sends a message, and writes down what its token says. */
function send(client: Client, stanza: Element | number): { token: Token; states: DeliveryState[] } {
  const token = client.send(typeof stanza === 'number' ? message(stanza) : stanza);
  const states = [token.state];
  token.onStateChange((state) => states.push(state));
  return { token, states };
}

const outcome = (token: Token) => token.then(undefined, (error) => error);

/** How awaiting ends for a token that ended in `state`. */
async function fails(token: Token, state: DeliveryState): Promise<Error | null> {
  const error = (await outcome(token)) as DeliveryError;
  assert.instance(error, DeliveryError);
  assert.equal([error.state, token.state], [state, state]);
  return token.error;
}

test('B.3, N-91: sent, and acked once the server says so', async (rig) => {
  const { client, peer } = await online(rig);
  const { token, states } = send(client, 1);
  await said(peer, 1);
  await peer.expect('r');
  await peer.send(sm('a', { h: 1 }));
  assert.is(await token, 'acked');
  assert.equal(states, ['sent', 'acked']);
});

test('B.3, N-33: without stream management unconfirmed as soon as it is written', async (rig) => {
  const { client } = await online(rig, {}, { upTo: 'bind' });
  const { token } = send(client, 1);
  assert.is(token.state, 'unconfirmed');
  assert.is(await token, 'unconfirmed');
});

test('B.3: aborted while it is queued, and never written; too late once it is written', async (rig) => {
  const { client, peer, journal, next } = await online(rig);
  const early = send(client, 1);
  assert.not(early.token.abort());
  peer.reset();
  await journal.until('suspended network');
  const { token, states } = send(client, 2);
  assert.is(token.state, 'queued');
  assert.ok(token.abort());
  assert.ok(token.abort());
  assert.equal(states, ['queued', 'aborted']);
  await fails(token, 'aborted');
  const again = await resumed(next, 1);
  send(client, 3);
  assert.equal(await said(again, 1), [3]);
  assert.equal(early.states, ['sent', 'acked']);
});

test('B.3: dropped by a filter', async (rig) => {
  const { client } = await online(rig);
  client.filter('outbound', () => null);
  assert.is(await fails(send(client, 1).token, 'dropped'), null);
});

test('B.3: queued, and written after a resumption', async (rig) => {
  const { client, peer, journal, next } = await online(rig);
  const written = send(client, 1);
  peer.reset();
  await journal.until('suspended network');
  const queued = send(client, 2);
  const again = await resumed(next, 0);
  await said(again, 2);
  await again.expect('r');
  await again.send(sm('a', { h: 2 }));
  await queued.token;
  assert.equal(written.states, ['sent', 'acked'], 'it says nothing of being sent again');
  assert.equal(queued.states, ['queued', 'sent', 'acked']);
});

test('B.3: lost while queued, with the failure that ended the session', async (rig) => {
  const { client, peer, journal, next } = await online(rig);
  peer.reset();
  await journal.until('suspended network');
  const { token } = send(client, 1);
  const again = await next();
  await asked(again, sm('sm'));
  await again.send(sm('failed'));
  const error = (await fails(token, 'lost')) as ConnectionError;
  assert.instance(error, ConnectionError);
  assert.is(error.failure.kind, 'session');
});

test('B.3: a stop makes unconfirmed what nobody acknowledged, and acked what the server does in its last words', async (rig) => {
  const { client, peer } = await online(rig);
  const first = send(client, 1);
  const second = send(client, 2);
  void client.stop();
  assert.equal(await said(peer, 2), [1, 2]);
  await peer.expect('a');
  await peer.expect('/stream');
  await peer.send(sm('a', { h: 1 }));
  await peer.close();
  assert.equal([await first.token, await second.token], ['acked', 'unconfirmed']);
});

// What cannot be sent.

const UNWRITABLE = {
  NUL: el('message', {}, el('body', {}, 'a\u0000b')),
  'an escape': el('message', {}, el('body', {}, '\u001b[0m')),
  'half a character': el('message', {}, el('body', {}, '\ud83d')),
  'a noncharacter': el('message', { to: 'a\uffff' }),
  'a name that is none': el('message', {}, el('a b')),
  'an attribute that is none': el('message', { 'a b': '1' }),
};

test('B.3, P-10: what is not XML fails, nothing of it is written, and the next is', async (rig) => {
  const { client, peer } = await online(rig);
  for (const [what, stanza] of Object.entries(UNWRITABLE)) {
    assert.instance(await fails(send(client, stanza).token, 'failed'), XmlError, what);
  }
  const { token } = send(client, 1);
  assert.equal(await said(peer, 1), [1]);
  await peer.expect('r');
  // What failed was not counted.
  await peer.send(sm('a', { h: 1 }));
  assert.is(await token, 'acked');
});

test('B.3, X-45a: what is no stanza fails, and so does an error without an error', async (rig) => {
  const { client, peer } = await online(rig);
  for (const stanza of [
    el('r', { xmlns: 'urn:xmpp:sm:3' }),
    el('message', { xmlns: 'jabber:server' }),
    el('iq', { type: 'error', id: '1' }),
    el('iq', { id: '1' }),
  ]) {
    await fails(send(client, stanza).token, 'failed');
  }
  send(client, 1);
  assert.equal(await said(peer, 1), [1]);
});

test('N-35, P-19: a client that is not running, or is about to stop, takes nothing', async (rig) => {
  const { client, peer } = await online(rig);
  const idle = await dialogue(rig);
  assert.instance(await fails(send(idle.client, 1).token, 'failed'), StateError);
  const stopped = client.stop();
  assert.instance(await fails(send(client, 1).token, 'failed'), StateError);
  await peer.expect('a');
  await peer.expect('/stream');
  await peer.close();
  await stopped;
  assert.instance(await fails(send(client, 1).token, 'failed'), StateError);
});

// The queue.

test('N-36, N-42, C.8-16, C.8-17: what is sent while connecting waits, and follows what hooks send, in order', async (rig) => {
  const { client, next } = await dialogue(rig);
  client.beforeEstablished(async (preparation) => {
    for (const message of messages(1, 2)) preparation.send(message);
  });
  client.on('established', () => send(client, 5));
  void client.start();
  const waiting = [send(client, 3), send(client, 4)];
  assert.equal(
    waiting.map(({ token }) => token.state),
    ['queued', 'queued'],
  );
  assert.is(client.delivery.queued, 2);
  const peer = await next();
  await peer.negotiate({ upTo: 'sm', tls: false });
  assert.equal(await said(peer, 5), [1, 2, 3, 4, 5]);
});

test('N-35: what waits for a first session survives attempts that fail, and is lost with the run', async (rig) => {
  const { client, journal, next } = await dialogue(rig, { maxInitialAttempts: 2 });
  void client.start();
  const { token, states } = send(client, 1);
  (await next()).reset();
  await journal.until('waiting 1 network');
  assert.equal(states, ['queued']);
  (await next()).reset();
  assert.instance(await fails(token, 'lost'), ConnectionError);
});

test('a full queue refuses, and what is taken back makes room', async (rig) => {
  const { client, journal, peer, next } = await online(rig, { queue: { limit: 2 } });
  peer.reset();
  await journal.until('suspended network');
  const [first] = [send(client, 1), send(client, 2)];
  assert.instance(await fails(send(client, 3).token, 'failed'), QueueFullError);
  first?.token.abort();
  assert.is(send(client, 4).token.state, 'queued');
  const again = await resumed(next, 0);
  assert.equal(await said(again, 2), [2, 4]);
});

test('C.8-18: after a session is destroyed no token of it is without its end', async (rig) => {
  const { client, peer, journal, next } = await online(rig);
  const tokens = messages(1, 2, 3).map((message) => client.send(message));
  peer.reset();
  await journal.until('suspended network');
  tokens.push(...messages(4, 5).map((message) => client.send(message)));
  const ends: DeliveryState[][] = [];
  client.on('destroyed', () => ends.push(tokens.map(({ state }) => state)));
  const again = await next();
  await asked(again, sm('sm'));
  await again.send(sm('failed', { h: 1 }));
  await again.send(bound(await again.next()));
  assert.equal(ends, [['acked', 'lost', 'lost', 'lost', 'lost']]);
});

test('a <failed/> or <resumed/> that nobody asked for loses no token', async (rig) => {
  const { client, peer } = await online(rig);
  const { token } = send(client, 1);
  await peer.send(sm('failed', { h: 0 }));
  await peer.send(sm('resumed', { previd: 'sm-1', h: 0 }));
  await said(peer, 1);
  await handled(peer);
  await peer.send(sm('a', { h: 1 }));
  assert.is(await token, 'acked');
});

test('B.3: a listener of a token that throws is reported, and the others hear', async (rig) => {
  const { client, journal } = await online(rig);
  client.filter('outbound', async (stanza) => stanza);
  const token = client.send(message(1));
  token.onStateChange(() => {
    throw new Error('mine');
  });
  const heard = new Promise<DeliveryState>((resolve) => token.onStateChange((state) => resolve(state)));
  assert.is(await heard, 'sent');
  assert.equal(journal.read(), ['handlerError Error: mine']);
});

test.run();
