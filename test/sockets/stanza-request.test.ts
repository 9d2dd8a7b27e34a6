/** Requests and their replies: N-33 to N-41, N-95, P-36, E-21, C.8-19, and the matrix of B.8 over the wire. */
import * as assert from 'uvu/assert';
import {
  type Client,
  ConnectionError,
  DeliveryError,
  el,
  ReplyError,
  type RequestOptions,
  StanzaError,
  StateError,
  TimeoutError,
} from '../../src/index.ts';
import { dialogue, handled, message, messages, NS, online, resumed, said, segment } from './dialogue.ts';
import { JID, sockets } from './rig.ts';

const test = sockets('sockets/stanza-request');

const SELF = `${JID}/server`;

const query = (attrs: Record<string, string | undefined> = {}) =>
  el('iq', { type: 'get', ...attrs }, el('query', { xmlns: 'urn:x' }));

const reply = (id: string | undefined, payload = '<answer xmlns="urn:x"/>', from?: string) =>
  `<iq type="result" id="${id}"${from === undefined ? '' : ` from="${from}"`}>${payload}</iq>`;

const refusal = (id: string | undefined) =>
  `<iq type="error" id="${id}"><error type="wait" by="localhost"><resource-constraint xmlns="${NS.stanzaErrors}"/>` +
  `<text xmlns="${NS.stanzaErrors}">later</text><busy xmlns="urn:x"/></error></iq>`;

/** What a promise comes to, also if that is an error. */
const outcome = (promise: PromiseLike<unknown>) => promise.then(undefined, (error) => error);

/** Sends a request and returns it as the server sees it, with what becomes of it. */
async function ask(rig: Parameters<typeof online>[0], options: RequestOptions = {}) {
  const talk = await online(rig);
  const result = outcome(talk.client.request(query(), options));
  const { id } = (await talk.peer.expect('iq')).attrs;
  await talk.peer.expect('r');
  return { ...talk, result, id };
}

/** The reasons for which stanzas were not dispatched. */
function invalid(client: Client): string[] {
  const reasons: string[] = [];
  client.on('invalid', ({ reason }) => reasons.push(reason));
  return reasons;
}

test('N-34: a request resolves with the payload, or with nothing if it is empty', async (rig) => {
  const first = await ask(rig);
  await first.peer.send(reply(first.id));
  assert.ok(((await first.result) as { is(...args: string[]): boolean }).is('answer', 'urn:x'));
  const second = await ask(rig);
  await second.peer.send(reply(second.id, ''));
  assert.is(await second.result, undefined);
});

test('N-41: an error is a StanzaError with all that it says', async (rig) => {
  const { peer, result, id } = await ask(rig);
  await peer.send(refusal(id));
  const error = (await result) as StanzaError;
  assert.instance(error, StanzaError);
  const { condition, type, text, by, application } = error;
  assert.equal([condition, type, text, by], ['resource-constraint', 'wait', 'later', 'localhost']);
  assert.ok(application?.is('busy', 'urn:x'));
});

test('N-41: a reply that nobody can read is a ReplyError, and the stream lives', async (rig) => {
  const { peer, result, id } = await ask(rig);
  await peer.send(reply(id, '<a/><b/>'));
  assert.instance(await result, ReplyError);
  assert.is(await handled(peer), 1);
});

test('N-41: without stream management a request dies with its connection, and at once', async (rig) => {
  const { client, peer } = await online(rig, {}, { upTo: 'bind' });
  const result = outcome(client.request(query()));
  await peer.expect('iq');
  peer.reset();
  const error = (await result) as ConnectionError;
  assert.instance(error, ConnectionError);
  assert.is(error.failure.kind, 'network');
});

test('N-41: a stop ends what waits for a reply', async (rig) => {
  const { client, peer, result } = await ask(rig);
  void client.stop();
  await peer.expect('a');
  await peer.expect('/stream');
  await peer.close();
  assert.is(((await result) as ConnectionError).failure.kind, 'aborted');
});

test('N-35: a request before there is a session waits for one, and wakes when the run ends', async (rig) => {
  const { client, next } = await dialogue(rig);
  void client.start();
  const served = client.request(query({ id: 'served' }));
  const peer = await next();
  await peer.negotiate({ upTo: 'bind', tls: false });
  await peer.expect('iq');
  await peer.send(reply('served'));
  assert.ok(await served);

  const other = await dialogue(rig);
  void other.client.start();
  const failed = outcome(other.client.request(query()));
  await other.next();
  await other.client.stop({ timeout: 0 });
  assert.instance(await failed, ConnectionError);
  assert.instance(await outcome(other.client.request(query())), DeliveryError);
});

test('N-38: what is not a request is refused before anything is written', async (rig) => {
  const { client, peer } = await online(rig);
  for (const stanza of [message(1), el('presence'), query({ type: 'result' }), query({ type: undefined })]) {
    assert.instance(await outcome(client.request(stanza)), DeliveryError);
  }
  client.send(message(2));
  assert.equal(await said(peer, 1), [2]);
});

// Time.

test('N-37, E-21: the timeout counts from the call, also without a connection', async (rig) => {
  const { client, next } = await dialogue(rig);
  void client.start();
  await next();
  assert.instance(await outcome(client.request(query(), { timeout: 5 })), TimeoutError);
  assert.is(client.phase, 'connecting');
  assert.equal([client.delivery.requests, client.delivery.queued], [0, 0]);
});

test('E-21: neither a reply nor a timeout waits for an acknowledgement', async (rig) => {
  const { client, peer } = await online(rig);
  const answered = client.request(query({ id: 'a' }), { timeout: 5000 });
  const ignored = outcome(client.request(query({ id: 'b' }), { timeout: 5 }));
  await peer.expect('iq');
  await peer.send(reply('a'));
  assert.ok(await answered);
  assert.instance(await ignored, TimeoutError);
  assert.is(client.delivery.unacked, 2);
});

test('C.8-19: what comes after a timeout, a second time or with another id answers nothing', async (rig) => {
  const { client, peer, result, id } = await ask(rig, { timeout: 5 });
  const reasons = invalid(client);
  assert.instance(await result, TimeoutError);
  const again = client.request(query({ id: 'again' }));
  await peer.expect('iq');
  await peer.send(segment(reply(id), reply('other'), reply('again', '<first/>'), refusal('again')));
  assert.is((await again)?.name, 'first');
  await handled(peer);
  assert.equal(reasons, Array(3).fill('a reply that nobody waits for'));
});

test('an AbortSignal takes back a request that waits, and gives up one that was written', async (rig) => {
  const talk = await ask(rig);
  const { client, journal, next } = talk;
  const controller = new AbortController();
  const written = outcome(client.request(query({ id: 'written' }), { signal: controller.signal }));
  talk.peer.reset();
  await journal.until('suspended network');
  const waiting = outcome(client.request(query({ id: 'waiting' }), { signal: controller.signal }));
  controller.abort(new Error('never mind'));
  const late = outcome(client.request(query({ id: 'late' }), { signal: controller.signal }));
  assert.equal((await Promise.all([written, waiting, late])).map(String), Array(3).fill('Error: never mind'));
  const peer = await resumed(next, 2);
  client.send(message(1));
  assert.equal(await said(peer, 1), [1]);
});

// `onReply`.

test('N-39, N-40: onReply is called before the next stanza of the segment is dispatched', async (rig) => {
  const order: string[] = [];
  const { client, peer, result, id } = await ask(rig, {
    onReply: (whole) => {
      order.push(`reply ${whole.attr('type')}`);
    },
  });
  client.on('message', () => order.push('message'));
  void result.then(() => order.push('awaited'));
  await peer.send(segment(reply(id), ...messages(1)));
  await handled(peer);
  assert.equal(order, ['reply result', 'message', 'awaited']);
  assert.is(((await result) as { name: string }).name, 'answer', 'nothing said, nothing changed');
});

test('N-39: what onReply returns, or promises, is what the request resolves with; errors too', async (rig) => {
  const sees = async (onReply: RequestOptions['onReply'], answer: (id: string | undefined) => string) => {
    const { peer, result, id } = await ask(rig, { ...(onReply && { onReply }) });
    await peer.send(answer(id));
    return result;
  };
  assert.is(await sees((whole) => whole.elements[0]?.name, reply), 'answer');
  assert.is(await sees(async (whole) => whole.attr('type'), refusal), 'error');
  assert.instance(await sees(async () => null, refusal), StanzaError);
  assert.is(
    `${await sees(() => {
      throw new Error('mine');
    }, reply)}`,
    'Error: mine',
  );
});

// B.8: rows are the addressees, entries the senders that may answer.

const SENDERS = [
  undefined,
  JID,
  SELF,
  'localhost',
  `${JID}/other`,
  'juliet@localhost',
  'juliet@localhost/balcony',
  'juliet@localhost/chamber',
  'example.org',
  'nurse@example.org',
];
const OURS = [undefined, JID, SELF, 'localhost'];

for (const [to, accepted] of [
  [undefined, OURS],
  [JID, OURS],
  ['localhost', [undefined, 'localhost']],
  [SELF, [SELF]],
  ['juliet@localhost/balcony', ['juliet@localhost/balcony']],
  ['juliet@localhost', ['juliet@localhost']],
  ['example.org', ['example.org']],
] as const) {
  test(`B.8: a request to ${to ?? 'nobody'} is answered by ${accepted.length} of ${SENDERS.length} senders`, async (rig) => {
    const { client, peer } = await online(rig);
    const reasons = invalid(client);
    const forgers = SENDERS.filter((sender) => !(accepted as readonly unknown[]).includes(sender));
    for (const from of accepted) {
      const result = client.request(query({ to }));
      let request = await peer.next();
      while (request.name !== 'iq') request = await peer.next();
      const { id } = request.attrs;
      const forged = forgers.map((forger) => reply(id, '<forged/>', forger));
      await peer.send(segment(...forged, reply(id, '<genuine/>', from)));
      assert.is((await result)?.name, 'genuine', from);
    }
    assert.is(reasons.length, forgers.length * accepted.length);
  });
}

// Ids.

test('N-95: an id is filled in where there is none or an empty one, is random, and never used twice', async (rig) => {
  const { client, peer } = await online(rig);
  const stanzas = [message(1), message(2).with({ id: '' }), message(3).with({ id: 'mine' })];
  const tokens = stanzas.map((stanza) => client.send(stanza));
  const ids: (string | undefined)[] = [];
  while (ids.length < 3) ids.push((await peer.expect('message')).attr('id'));
  assert.equal(
    tokens.map(({ id }) => id),
    ids,
  );
  assert.is(ids[2], 'mine');
  assert.is(new Set(ids).size, 3);
});

test('a second request with the id of one that waits fails, and the first gets its reply', async (rig) => {
  const { client, peer } = await online(rig);
  const first = client.request(query({ id: 'same' }));
  const second = (await outcome(client.request(query({ id: 'same' })))) as DeliveryError;
  assert.instance(second.cause, StateError);
  await peer.expect('iq');
  await peer.send(reply('same'));
  assert.is((await first)?.name, 'answer');
});

test.run();
