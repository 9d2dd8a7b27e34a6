/** XEP-0352: the server knows whether anybody is looking, in every stream. */
import * as assert from 'uvu/assert';
import { clientState } from '../../src/index.ts';
import type { TestServer } from '../../src/testing/server.ts';
import { JID, sockets } from './rig.ts';

const test = sockets('sockets/client-state');

/** What was said of the state, in order. */
const said = (server: TestServer) =>
  server.log
    .filter(({ direction, element }) => direction === 'in' && element.namespace === 'urn:xmpp:csi:0')
    .map(({ element }) => element.name);

test('said when it changes, and not as a stanza', async (rig) => {
  const server = await rig.server({ log: true });
  const { client } = await rig.online(server);
  const state = client.use(clientState);
  assert.is(state.state, 'active');
  const { sent } = client.delivery;
  for (const change of ['active', 'inactive', 'inactive', 'active', 'inactive'] as const) state[change]();
  assert.is(state.state, 'inactive');
  assert.is(client.delivery.sent, sent);
  await client.probe();
  assert.equal(said(server), ['inactive', 'active', 'inactive']);
  assert.is(server.session(JID)?.clientState, 'inactive');
});

test('remembered while offline, and said in every session that begins', async (rig) => {
  const server = await rig.server({ log: true });
  const { client } = rig.client(server);
  const { active, inactive } = client.use(clientState);
  inactive();
  await client.start();
  await client.probe();
  assert.equal(said(server), ['inactive']);
  await client.stop();
  await client.start();
  await client.probe();
  assert.equal(said(server), ['inactive', 'inactive']);
  await client.stop();
  active();
  await client.start();
  await client.probe();
  assert.equal(said(server), ['inactive', 'inactive']);
});

test('said again after a resumption, as it is then', async (rig) => {
  const server = await rig.server({ log: true });
  const { client, sockets, journal } = await rig.online(server);
  const { active, inactive } = client.use(clientState);
  inactive();
  await client.probe();
  sockets.at(-1)?.destroy();
  await journal.until('online again');
  await client.probe();
  assert.equal(said(server), ['inactive', 'inactive']);
  const suspended = client.once('suspended');
  sockets.at(-1)?.destroy();
  await suspended;
  journal.read();
  active();
  await journal.until('online again');
  await client.probe();
  assert.equal(said(server), ['inactive', 'inactive', 'active']);
});

test('not said to a server that did not ask', async (rig) => {
  const server = await rig.server({ log: true, csi: false });
  const { client } = await rig.online(server);
  const state = client.use(clientState);
  assert.is(state.supported, false);
  state.inactive();
  assert.is(await client.probe(), true);
  assert.equal(said(server), []);
  server.configure({ csi: true });
  await client.stop();
  await client.start();
  assert.is(state.supported, true);
  await client.probe();
  assert.equal(said(server), ['inactive']);
});

test('a service that goes leaves an active client behind', async (rig) => {
  const server = await rig.server({ log: true });
  const { client } = await rig.online(server);
  client.use(clientState).inactive();
  client.remove(clientState);
  await client.probe();
  assert.equal(said(server), ['inactive', 'active']);
});

test.run();
