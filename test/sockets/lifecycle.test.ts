/** The order in which a client announces things (B.1, with the corrections of section E), seen from outside. */
import * as assert from 'uvu/assert';
import { el } from '../../src/index.ts';
import { JID, type Rig, sleep, sockets } from './rig.ts';
import { LOGIN, sent } from './wire.ts';

const test = sockets('sockets/lifecycle');

const BACK = ['established', 'online anew'];

test('N-01: a client that was constructed does nothing', async (rig) => {
  const server = await rig.server();
  server.on('connected', () => assert.unreachable());
  const { client, journal } = rig.client(server);
  await sleep(20);
  assert.equal(journal.read(), []);
  assert.is(client.phase, 'offline');
  assert.not(client.running);
});

test('B.1 first connect: bind, enable, the hooks and what they send, established (N-09, N-47, N-49)', async (rig) => {
  const server = await rig.server({ log: true });
  const { client, journal } = rig.client(server);
  client.beforeEstablished(async ({ send }) => {
    journal.note('hook');
    await send(el('presence'));
  });
  await client.start();
  assert.equal(journal.read(), ['hook', ...BACK]);
  assert.equal(sent(server, 1).slice(0, 9), [...LOGIN, 'iq', 'enable', 'presence']);
});

test('C.8.4: when established is told, the full JID and fresh features are known (N-27, N-30, N-32)', async (rig) => {
  const server = await rig.server({ resource: () => 'given' });
  const { client } = rig.client(server, { jid: `${JID}/wish` });
  const seen: unknown[] = [];
  client.on('established', ({ jid }) => {
    const { established, features } = client.getSnapshot();
    seen.push(jid, client.jid.toString(), established, features?.bind);
  });
  await client.start();
  assert.equal(seen, [`${JID}/given`, `${JID}/given`, true, true]);
});

test('B.1 drop without stream management: suspended and destroyed at once, then a new session (N-16)', async (rig) => {
  const server = await rig.server({ sm: false });
  const { journal, sockets } = await rig.online(server);
  journal.read();
  sockets[0]?.destroy();
  await journal.until('online anew');
  assert.equal(journal.read(), ['suspended network', 'destroyed network', 'waiting 1 network', ...BACK]);
});

test('B.1 drop with stream management: resumed, and nothing else (N-08, N-13, N-51, E-8)', async (rig) => {
  const server = await rig.server();
  const { client, journal, sockets } = await rig.online(server);
  client.on('suspended', () => journal.note(`established ${client.established}, suspended ${client.suspended}`));
  client.beforeEstablished(() => journal.note('hook'));
  journal.read();
  sockets[0]?.destroy();
  await journal.until('online again');
  const lost = ['suspended network', 'established true, suspended true', 'waiting 1 network'];
  assert.equal(journal.read(), [...lost, 'resumed', 'online again']);
});

test('B.1 resumption refused: destroyed, and a new session on the same connection', async (rig) => {
  const server = await rig.server({ log: true, sm: { hibernation: 0 } });
  const { journal, sockets } = await rig.online(server);
  journal.read();
  const ended = new Promise((resolve) => server.once('ended', resolve));
  sockets[0]?.destroy();
  await ended;
  await journal.until('online anew');
  assert.equal(journal.read(), ['suspended network', 'waiting 1 network', 'destroyed session', ...BACK]);
  assert.equal(sent(server, 2).slice(0, 9), [...LOGIN, 'resume', 'iq', 'enable']);
});

test('B.1 stream management no longer offered: like refused', async (rig) => {
  const server = await rig.server({ log: true });
  const { journal, sockets } = await rig.online(server);
  journal.read();
  server.configure({ sm: false });
  sockets[0]?.destroy();
  await journal.until('online anew');
  assert.equal(journal.read(), ['suspended network', 'waiting 1 network', 'destroyed session', ...BACK]);
  assert.equal(sent(server, 2), [...LOGIN, 'iq']);
});

test('B.1 stop while up: the footer, destroyed, stopped, and never suspended (N-22, N-48, P-18)', async (rig) => {
  const server = await rig.server({ log: true, sm: false });
  const { client, journal } = await rig.online(server);
  journal.read();
  await client.stop();
  assert.equal(journal.read(), ['destroyed -', 'stopped']);
  assert.equal(sent(server, 1), [...LOGIN, 'iq', '/stream']);
});

test('B.1 stop while up with stream management: the last acknowledgement before the footer', async (rig) => {
  const server = await rig.server({ log: true });
  const { client, journal } = await rig.online(server);
  journal.read();
  await client.stop();
  assert.equal(journal.read(), ['destroyed -', 'stopped']);
  assert.equal(sent(server, 1).slice(-2), ['a', '/stream']);
  assert.equal(server.sessions, []);
});

test('E-11: stop while suspended ends the session, and the next start does not ask for it', async (rig) => {
  const server = await rig.server({ log: true });
  const { client, journal, sockets } = await rig.online(server, { backoff: { start: 60_000 } });
  journal.read();
  sockets[0]?.destroy();
  await journal.until('waiting 1 network');
  await client.stop();
  assert.equal(journal.read(), ['suspended network', 'waiting 1 network', 'destroyed -', 'stopped']);
  assert.not(client.established);
  await client.start();
  assert.equal(sent(server, 2).slice(0, 8), [...LOGIN, 'iq', 'enable']);
});

test('E-12: stop while connecting closes the socket', async (rig) => {
  const server = await rig.server();
  server.faults.add({ drop: 'silence', when: 'connect' });
  const { client, journal, sockets } = rig.client(server, { shutdownTimeout: 10 });
  const connected = new Promise((resolve) => server.once('connected', resolve));
  client.start();
  await connected;
  await client.stop();
  assert.equal(journal.read(), ['stopped']);
  assert.ok(sockets.every(({ destroyed }) => destroyed));
});

test('E-2: a start after a stop is a new beginning, nothing is resumed', async (rig) => {
  const server = await rig.server();
  const { client, journal } = await rig.online(server);
  await client.stop();
  journal.read();
  await client.start();
  assert.equal(journal.read(), BACK);
  assert.is(client.getSnapshot().resumed, false);
});

const conflict = async (rig: Rig, sm: false | object) => {
  const server = await rig.server({ sm });
  const { client, journal } = await rig.online(server, { jid: `${JID}/here` });
  journal.read();
  await rig.online(server, { jid: `${JID}/here` });
  await journal.until('failure conflict');
  assert.equal(journal.read(), ['suspended conflict', 'destroyed conflict', 'failure conflict']);
  assert.is(client.phase, 'failed');
};

test('B.1 conflict without stream management: the run is over', (rig) => conflict(rig, false));

test('B.1 conflict with stream management: the run is over, and the session is not asked back', (rig) =>
  conflict(rig, {}));

test('E-7, N-50, N-52, X-24d, X-33a: suspended and destroyed carry their reason', async (rig) => {
  const server = await rig.server({ sm: false });
  const { client, journal } = await rig.online(server);
  const reasons: unknown[] = [];
  client.on('suspended', ({ reason }) => reasons.push(reason));
  client.on('destroyed', ({ reason }) => reasons.push(reason));
  journal.read();
  server.connections[0]?.end('policy-violation', 'too fast');
  await journal.until('online anew');
  const { endpoint } = server;
  const said = { condition: 'policy-violation', text: 'too fast' };
  const why = { kind: 'stream', stage: 'online', ...said, retry: 'backoff', endpoint };
  assert.equal(reasons, [why, why]);
});

test('N-17: an application bounds the reconnecting by stopping when it is suspended', async (rig) => {
  const server = await rig.server();
  const { client, journal } = await rig.online(server);
  client.on('suspended', () => void client.stop());
  journal.read();
  server.drop('rst');
  await journal.until('stopped');
  assert.equal(
    journal.read().filter((entry) => !entry.startsWith('waiting')),
    ['suspended network', 'destroyed -', 'stopped'],
  );
});

test('N-10: the server is restarted, and the client comes back', async (rig) => {
  const server = await rig.server();
  const { journal } = await rig.online(server);
  journal.read();
  server.down();
  await journal.until('waiting 3 network');
  await server.up();
  await journal.until('online anew');
  const events = journal.read().filter((entry) => !entry.startsWith('waiting'));
  assert.equal(events, ['suspended network', 'destroyed session', ...BACK]);
});

test('X-25, P-42: half a stanza on a connection that broke is nothing to the next', async (rig) => {
  const server = await rig.scripted(async (peer) => {
    await peer.negotiate({ upTo: 'bind' });
    if (peer.number > 1) return;
    await peer.send('<message><body>half');
    peer.reset();
  });
  const { client, journal } = await rig.online(server);
  journal.read();
  const heard: unknown[] = [];
  client.on('message', ({ body }) => heard.push(body));
  await journal.until('online anew');
  const message = client.once('message');
  await server.peers[1]?.send('<message><body>whole</body></message>');
  await message;
  assert.equal(heard, ['whole']);
});

test('X-21b, X-28b: the application sets options of the socket, and chooses the family of addresses', async (rig) => {
  const server = await rig.server();
  const families: unknown[] = [];
  await rig.online(server, {
    endpoints: [{ host: 'localhost', port: server.port }],
    family: 4,
    configureSocket: (socket) => families.push(socket.setKeepAlive(true).remoteFamily),
  });
  assert.equal(families, ['IPv4']);
});

test.run();
