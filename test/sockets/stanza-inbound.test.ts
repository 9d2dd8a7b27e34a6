/** What comes in, as the application sees it: B.8, C.8-14, P-06, P-08, P-09, X-05, X-06, X-08, X-36, X-41, X-48. */
import * as fc from 'fast-check';
import * as assert from 'uvu/assert';
import { type Client, el, TimeoutError } from '../../src/index.ts';
import { handled, message, messages, online, segment } from './dialogue.ts';
import { type Rig, sockets } from './rig.ts';

const test = sockets('sockets/stanza-inbound');

test('a message is a view on its element, and can be replied to', async (rig) => {
  const { client, peer } = await online(rig);
  client.on('message', (message) => client.send(message.reply(`${message.body}?`)));
  const arrival = client.once('message');
  await peer.send(
    '<message from="juliet@localhost/balcony" id="m1" type="chat" xml:lang="it"><subject>s</subject>' +
      '<body xml:lang="en">Romeo</body><body>Rom\u00e9o &amp; \u{1f339}</body><thread>t</thread></message>',
  );
  const { from, id, type, body, subject, thread, lang } = await arrival;
  assert.equal(
    [from?.toString(), id, type, body, subject, thread, lang],
    ['juliet@localhost/balcony', 'm1', 'chat', 'Rom\u00e9o & \u{1f339}', 's', 't', 'it'],
  );
  const reply = await peer.expect('message');
  assert.equal([reply.attr('to'), reply.attr('type')], ['juliet@localhost/balcony', 'chat']);
  assert.equal([reply.find('body')?.text, reply.find('thread')?.text], ['Rom\u00e9o & \u{1f339}?', 't']);
});

test('B.8: a message of no type, or of one that is unknown, is a normal one', async (rig) => {
  const { client, peer } = await online(rig);
  const types: string[] = [];
  client.on('message', ({ type }) => types.push(type));
  await peer.send('<message/><message type="odd"/><message type="groupchat"/><message type="error"/>');
  await handled(peer);
  assert.equal(types, ['normal', 'normal', 'groupchat', 'error']);
});

test('a presence is a view on its element, and an unknown show is none', async (rig) => {
  const { client, peer } = await online(rig);
  const seen: unknown[] = [];
  client.on('presence', ({ type, show, status, priority }) => seen.push([type, show, status, priority]));
  await peer.send(
    segment(
      '<presence/>',
      '<presence><show>dnd</show><status>busy</status><priority>-1</priority></presence>',
      '<presence type="unavailable"/>',
      '<presence><show>odd</show></presence>',
    ),
  );
  await handled(peer);
  assert.equal(seen, [
    ['available', undefined, undefined, 0],
    ['available', 'dnd', 'busy', -1],
    ['unavailable', undefined, undefined, 0],
    ['available', undefined, undefined, 0],
  ]);
});

test('B.8, P-08: what makes no sense is not dispatched but told, and the stream lives', async (rig) => {
  const { client, peer } = await online(rig);
  const reasons: string[] = [];
  client.on('presence', () => reasons.push('dispatched'));
  client.on('invalid', ({ element, reason }) => reasons.push(`${element.attr('id')}: ${reason}`));
  await peer.send(
    segment(
      '<presence id="1" type="odd"/>',
      '<presence id="2"><priority>high</priority></presence>',
      '<presence id="3"><priority>128</priority></presence>',
      '<iq id="4" type="odd"/>',
      '<iq id="5" type="result"/>',
    ),
  );
  assert.is(await handled(peer), 5);
  assert.equal(reasons, [
    '1: presence of an unknown type',
    '2: presence with a priority that is none',
    '3: presence with a priority that is none',
    '4: an iq without an id, or of an unknown type',
    '5: a reply that nobody waits for',
  ]);
});

test('X-05, X-06: listeners hear in the order they came, once if they want, until they have had enough', async (rig) => {
  const { client, peer } = await online(rig);
  const heard: string[] = [];
  const controller = new AbortController();
  const listen = (name: string, options = {}) =>
    client.on('message', ({ body }) => heard.push(`${name}${body}`), options);
  const first = listen('a');
  listen('b', { once: true });
  listen('c', { signal: controller.signal });
  listen('d');
  await peer.send(message(1));
  await handled(peer);
  first.unsubscribe();
  controller.abort();
  await peer.send(message(2));
  await handled(peer);
  assert.equal(heard, ['a1', 'b1', 'c1', 'd1', 'd2']);
});

test('X-36, B.8: a listener that throws or rejects is reported, stays, and harms nobody', async (rig) => {
  const { client, journal, peer } = await online(rig);
  const heard: unknown[] = [];
  client.on('message', () => {
    throw new Error('sync');
  });
  client.on('message', () => Promise.reject(new Error('async')));
  client.on('message', ({ body }) => heard.push(body));
  await peer.send(segment(...messages(1, 2)));
  assert.is(await handled(peer), 2);
  assert.equal(heard, ['1', '2']);
  assert.equal(journal.read().sort(), [
    'handlerError Error: async',
    'handlerError Error: async',
    'handlerError Error: sync',
    'handlerError Error: sync',
  ]);
});

test('X-41a, X-48: one can wait for the message one likes, for a while', async (rig) => {
  const { client, peer } = await online(rig);
  const third = client.once('message', { where: ({ body }) => body === '3' });
  const none = client.once('message', { where: ({ body }) => body === '4', timeout: 5 }).catch((error) => error);
  await peer.send(segment(...messages(1, 2, 3)));
  assert.is((await third).body, '3');
  assert.instance(await none, TimeoutError);
});

// Bytes.

/** What a client makes of the same things said by a server that writes them in pieces of these sizes. */
async function heard(rig: Rig, sizes: number[]): Promise<string[]> {
  const server = await rig.server();
  if (sizes.length > 0) server.faults.add({ split: sizes });
  const { client, journal } = rig.client(server, { jid: 'romeo@localhost/orchard' });
  const note = (what: string) => (stanza: { toString(): string }) => journal.note(`${what} ${stanza}`);
  client.on('message', note('message'));
  client.on('presence', note('presence'));
  client.on('invalid', ({ element }) => note('invalid')(element));
  client.handle('get', 'urn:x', 'query', (iq) => {
    note('iq')(iq);
    return iq.payload;
  });
  await client.start();
  await sayAll(client, server);
  await journal.until('message <message id="last"/>');
  await client.stop();
  return journal.read();
}

async function sayAll(client: Client, server: Awaited<ReturnType<Rig['server']>>): Promise<void> {
  const session = server.session(client.jid);
  const answered = server.next(({ name, attrs }) => name === 'iq' && attrs.type === 'result');
  session?.send(el('message', { id: '1' }, el('body', {}, '\u00e9\u20ac\u{1f339}&<>"\'\n]]>')));
  session?.send('<presence id="2"><c xmlns="urn:c" a=\'"\'/><c:d xmlns:c="urn:d" c:e="&#x1F339;"/></presence>');
  session?.send('<iq type="get" id="3"><query xmlns="urn:x"><deep><deeper>\u{10348}</deeper></deep></query></iq>');
  session?.send('<iq type="result" id="nobody"/>');
  await answered;
  session?.send('<message id="last"/>');
}

test('P-06, C.8-14: the bytes of a whole session may be cut anyhow', async (rig) => {
  const whole = await heard(rig, []);
  assert.is(whole.length, 9, whole.join('\n'));
  assert.equal(await heard(rig, [1]), whole);
  const sizes = fc.array(fc.integer({ min: 1, max: 70 }), { minLength: 1, maxLength: 9 });
  await fc.assert(
    fc.asyncProperty(sizes, async (some) => assert.equal(await heard(rig, some), whole)),
    { numRuns: 8, seed: 198 },
  );
});

test.run();
