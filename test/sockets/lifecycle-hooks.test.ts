/** The gate before `established` (N-47, E-13), and the session request of old servers (N-19). */
import * as assert from 'uvu/assert';
import { SimulatedClock } from 'xstate';
import { el } from '../../src/index.ts';
import type { Settings } from '../../src/testing/settings.ts';
import { type Rig, sleep, sockets } from './rig.ts';
import { LOGIN, sent } from './wire.ts';

const test = sockets('sockets/lifecycle-hooks');

const PING = el('iq', { type: 'get' }, el('ping', { xmlns: 'urn:xmpp:ping' }));

test('N-47: hooks are awaited one after the other, in the order they came, before established', async (rig) => {
  const { client, journal } = rig.client(await rig.server());
  for (const name of ['first', 'second']) {
    client.beforeEstablished(async () => {
      journal.note(`${name} begins`);
      await sleep(5);
      journal.note(`${name} ends`);
    });
  }
  await client.start();
  const hooks = ['first begins', 'first ends', 'second begins', 'second ends'];
  assert.equal(journal.read(), [...hooks, 'established', 'online anew']);
});

test('N-47, N-36, C.8.16: what a hook sends precedes what was waiting, and its requests are answered', async (rig) => {
  const server = await rig.server({ log: true, sm: false });
  const { client, journal } = rig.client(server);
  client.beforeEstablished(async ({ jid, features, request, send }) => {
    journal.note(`bound as ${jid.bare}, ${features.bind}`);
    await request(PING);
    send(el('presence'));
    journal.note('answered');
  });
  const started = client.start();
  client.send(el('message', { to: 'romeo@localhost' }));
  await started;
  assert.equal(journal.read(), ['bound as romeo@localhost, true', 'answered', 'established', 'online anew']);
  await client.request(PING);
  assert.equal(sent(server, 1), [...LOGIN, 'iq', 'iq', 'presence', 'message', 'iq']);
});

test('N-49: no hooks and no established for a session that is resumed', async (rig) => {
  const server = await rig.server();
  const { client, journal } = rig.client(server);
  client.beforeEstablished(() => journal.note('hook'));
  await client.start();
  server.drop('rst');
  await journal.until('online again');
  assert.equal(
    journal.read().filter((entry) => /hook|established/.test(entry)),
    ['hook', 'established'],
  );
});

test('a hook that was taken back is not asked', async (rig) => {
  const { client } = rig.client(await rig.server());
  client.beforeEstablished(() => assert.unreachable()).unsubscribe();
  await client.start();
});

for (const sm of [false, {}] as const) {
  test(`E-13: a hook that fails ends the run and the connection ${sm ? 'with' : 'without'} a session to resume`, async (rig) => {
    const server = await rig.server({ log: true, sm });
    const { client, journal } = rig.client(server);
    client.beforeEstablished(() => Promise.reject(new Error('no roster')));
    client.beforeEstablished(() => journal.note('next hook'));
    const error = await client.start().catch((error) => error);
    assert.is(error.failure.kind, 'prepare');
    assert.equal(journal.read(), ['handlerError Error: no roster', 'failure prepare']);
    assert.not(client.established);
    assert.is(sent(server, 1).at(-1), '/stream');
    assert.equal(server.sessions, []);
  });
}

test('N-03: hooks have a deadline, and are told', async (rig) => {
  const clock = new SimulatedClock();
  const server = await rig.server();
  const { client, journal } = rig.client(server, { clock });
  client.beforeEstablished(({ signal }) => {
    signal.addEventListener('abort', () => journal.note('told'));
    journal.note('waiting');
    return new Promise(() => {});
  });
  client.start();
  await journal.until('waiting');
  clock.increment(60_000);
  await journal.until('waiting 1 timeout');
  assert.equal(journal.read(), ['waiting', 'told', 'waiting 1 timeout']);
  assert.is(client.getSnapshot().failure?.stage, 'prepare');
});

test('a connection that is lost while hooks are at work was never established', async (rig) => {
  const server = await rig.server();
  const { client, journal } = rig.client(server);
  let hooks = 0;
  client.beforeEstablished(({ signal }) => {
    hooks += 1;
    if (hooks > 1) return undefined;
    server.drop('rst');
    return new Promise((resolve) => signal.addEventListener('abort', resolve));
  });
  client.start();
  await journal.until('online anew');
  assert.equal(journal.read(), ['waiting 1 network', 'established', 'online anew']);
});

/** The names of what came before a session on a server that wants one like that. */
async function login(rig: Rig, session: Settings['session']): Promise<string[]> {
  const server = await rig.server({ log: true, session });
  await rig.online(server);
  return sent(server, 1);
}

test('N-19: the session request is made where it is required, after stream management', async (rig) => {
  assert.equal(await login(rig, 'required'), [...LOGIN, 'iq', 'enable', 'iq']);
});

test('N-19: and not where it is optional', async (rig) => {
  assert.equal(await login(rig, 'optional'), [...LOGIN, 'iq', 'enable']);
});

test('N-19: a session that is refused is a failure, with its condition', async (rig) => {
  const server = await rig.scripted(async (peer) => {
    await peer.negotiate({ upTo: 'bind', features: [el('session', { xmlns: 'urn:ietf:params:xml:ns:xmpp-session' })] });
    const { attrs } = await peer.expect('iq');
    const refusal = el('forbidden', { xmlns: 'urn:ietf:params:xml:ns:xmpp-stanzas' });
    await peer.send(el('iq', { type: 'error', id: attrs.id }, el('error', { type: 'auth' }, refusal)));
  });
  const { client } = rig.client(server);
  const { failure } = await client.start().catch((error) => error);
  assert.equal([failure.kind, failure.stage, failure.condition], ['bind', 'session', 'forbidden']);
});

test.run();
