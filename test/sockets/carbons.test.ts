/** XEP-0280: copies of what the other resources say and hear, and no forged ones. */
import * as assert from 'uvu/assert';
import { type Carbon, type Client, carbons, type Element, el, StanzaError, xml } from '../../src/index.ts';
import type { TestServer } from '../../src/testing/server.ts';
import { JID, type Rig, sockets } from './rig.ts';

const test = sockets('sockets/carbons');

const WRAPPED = 'urn:xmpp:carbons:2';

/** Romeo twice, the second with copies, and Juliet; `told` is what the second hears. */
async function three(rig: Rig) {
  const server = await rig.server({ log: true });
  const first = (await rig.online(server, { jid: `${JID}/first` })).client;
  const { client, sockets, journal } = rig.client(server, { jid: `${JID}/second` });
  const copies = client.use(carbons);
  const told: string[] = [];
  copies.on('carbon', ({ direction, message }) => told.push(`${direction} ${message.from?.local} ${message.body}`));
  client.on('message', ({ body }) => told.push(`message ${body}`));
  client.on('invalid', ({ reason }) => told.push(`invalid ${reason}`));
  const enabled = new Promise((resolve) => copies.on('enabled', resolve, { once: true }));
  await client.start();
  await enabled;
  const juliet = (await rig.online(server, { jid: 'juliet@localhost/balcony' })).client;
  return { server, first, client, copies, juliet, told, sockets, journal };
}

/** Has `receiver` deal with whatever the server has sent it. */
async function settled(server: TestServer, receiver: Client, told: string[]): Promise<string[]> {
  const last = receiver.once('message', { where: ({ body }) => body === 'end' });
  server.session(receiver.jid)?.send(xml`<message><body>end</body></message>`);
  await last;
  return told.splice(0).filter((entry) => entry !== 'message end');
}

const chat = (to: unknown, body: string) => xml`<message to="${String(to)}" type="chat"><body>${body}</body></message>`;

test('what another resource hears and says', async (rig) => {
  const { server, first, client, copies, juliet, told } = await three(rig);
  assert.is(copies.enabled, true);
  const heard = first.once('message');
  juliet.send(chat(first.jid, 'art thou'));
  await heard;
  const answered = juliet.once('message');
  first.send(chat(juliet.jid, 'neither'));
  await answered;
  assert.equal(await settled(server, client, told), ['received juliet art thou', 'sent romeo neither']);
});

test('copies from anybody but our own account are refused, whoever they name', async (rig) => {
  const { server, first, client, juliet, told } = await three(rig);
  const forged = (direction: string, from: string, to: string) =>
    xml`<message to="${client.jid}" type="chat"><body>me</body>${wrapper(direction, from, to)}</message>`;
  juliet.send(forged('received', 'friar@localhost/cell', client.jid.toString()));
  juliet.send(forged('sent', `${JID}/first`, 'friar@localhost/cell'));
  await juliet.request(xml`<iq type="get" to="localhost"><ping xmlns="urn:xmpp:ping"/></iq>`);
  // Not even another resource of ours may say so, nor the server but in the name of our account.
  first.send(forged('sent', `${JID}/first`, 'friar@localhost/cell'));
  await first.request(xml`<iq type="get" to="localhost"><ping xmlns="urn:xmpp:ping"/></iq>`);
  const send = (stanza: Element) => server.session(client.jid)?.send(stanza);
  send(forged('received', 'friar@localhost/cell', JID).with({ from: 'localhost' }));
  send(forged('received', 'friar@localhost/cell', JID).with({ from: 'no jid@@' }));
  send(forged('received', 'friar@localhost/cell', JID));
  assert.equal(await settled(server, client, told), Array(6).fill('invalid a carbon that is not from our account'));
});

test('a copy has to be of a message from or to our account, and to be a message at all', async (rig) => {
  const { server, client, told } = await three(rig);
  const send = (content: Element) =>
    server.session(client.jid)?.send(el('message', { from: JID, to: client.jid }, content));
  const friar = 'friar@localhost/cell';
  send(wrapper('received', friar, 'juliet@localhost'));
  send(wrapper('received', friar, undefined));
  send(wrapper('sent', friar, JID));
  send(wrapper('sent', undefined, friar));
  const wrong = [
    'invalid a carbon of a message that was not received by our account',
    'invalid a carbon of a message that was not sent by our account',
  ];
  assert.equal(await settled(server, client, told), [wrong[0], wrong[0], wrong[1], wrong[1]]);
  send(el('received', { xmlns: WRAPPED }));
  send(el('received', { xmlns: WRAPPED }, el('forwarded', { xmlns: 'urn:xmpp:forward:0' })));
  send(el('received', { xmlns: WRAPPED }, el('forwarded', { xmlns: 'urn:xmpp:forward:0' }, el('message'))));
  assert.equal(await settled(server, client, told), Array(3).fill('invalid a carbon without a message'));
  send(wrapper('received', friar, `${JID}/other`));
  send(wrapper('sent', `${JID}/other`, friar));
  assert.equal(await settled(server, client, told), ['received friar forged', 'sent romeo forged']);
});

test('a copy within a copy is a message with something inside, and no copy', async (rig) => {
  const { server, first, client, juliet, told } = await three(rig);
  const heard = first.once('message');
  juliet.send(chat(first.jid, 'look').append(wrapper('received', 'friar@localhost/cell', JID)));
  await heard;
  assert.equal(await settled(server, client, told), ['received juliet look']);
});

test('when it was, if it was not now', async (rig) => {
  const { server, client, copies } = await three(rig);
  const delays: Carbon['delay'][] = [];
  copies.on('carbon', ({ delay }) => delays.push(delay));
  for (const stamp of ['2024-05-06T07:08:09Z', 'yesterday']) {
    const delay = el('delay', { xmlns: 'urn:xmpp:delay', stamp });
    const content = wrapper('sent', `${JID}/other`, 'friar@localhost', delay);
    server.session(client.jid)?.send(el('message', { from: JID, to: client.jid }, content));
  }
  await settled(server, client, []);
  assert.equal(delays, [new Date('2024-05-06T07:08:09Z'), null]);
});

/** What was asked of copies, and the presences, in order. */
const asked = (server: TestServer) =>
  server.log
    .filter(({ direction, element }) => direction === 'in' && element.namespace === 'jabber:client')
    .flatMap(({ element }) => (element.name === 'presence' ? 'presence' : (element.elements[0]?.name ?? [])))
    .filter((name) => /presence|able/.test(name));

test('asked for ahead of presence in each new session, and not again after a resumption', async (rig) => {
  const server = await rig.server({ log: true });
  const { client, sockets, journal } = rig.client(server);
  const copies = client.use(carbons);
  await client.connected({ presence: {} });
  await client.probe();
  assert.equal(asked(server), ['enable', 'presence']);
  sockets.at(-1)?.destroy();
  await journal.until('online again');
  assert.is(copies.enabled, true);
  await client.stop();
  assert.is(copies.enabled, false);
  await client.start();
  await client.probe();
  assert.equal(asked(server), ['enable', 'presence', 'enable', 'presence']);
});

test('a client that is online asks at once, and takes it back with the service', async (rig) => {
  const server = await rig.server({ log: true });
  const { client } = await rig.online(server);
  const copies = client.use(carbons);
  await new Promise((resolve) => copies.on('enabled', resolve));
  assert.is(server.session(JID)?.carbons, true);
  client.remove(carbons);
  await client.probe();
  assert.equal(asked(server), ['enable', 'disable']);
  assert.is(server.session(JID)?.carbons, false);
});

test('a server that sends none says so, and the client goes on', async (rig) => {
  const server = await rig.server({
    services: {
      [WRAPPED]: (iq) =>
        el('iq', { type: 'error', id: iq.attr('id') }, new StanzaError('feature-not-implemented').toElement()),
    },
  });
  const { client } = rig.client(server);
  const copies = client.use(carbons);
  const refused = new Promise<{ error: unknown }>((resolve) => copies.on('refused', resolve));
  await client.start();
  const { error } = await refused;
  assert.ok(error instanceof StanzaError && error.condition === 'feature-not-implemented');
  assert.equal([client.phase, copies.enabled], ['online', false]);
});

/** A wrapper around a message that says `forged`. */
function wrapper(direction: string, from: string | undefined, to: string | undefined, ...beside: Element[]): Element {
  const message = el('message', { xmlns: 'jabber:client', type: 'chat', from, to }, el('body', {}, 'forged'));
  return el(direction, { xmlns: WRAPPED }, el('forwarded', { xmlns: 'urn:xmpp:forward:0' }, ...beside, message));
}

test.run();
