/** XEP-0199: who asks gets an answer. */
import * as assert from 'uvu/assert';
import { disco, ping, StanzaError, TimeoutError } from '../../src/index.ts';
import { sockets } from './rig.ts';

const test = sockets('sockets/ping');

const unavailable = (error: unknown) => error instanceof StanzaError && error.condition === 'service-unavailable';

test('our server and other clients answer, and so do we', async (rig) => {
  const server = await rig.server();
  const { client } = await rig.online(server);
  const other = (await rig.online(server, { jid: 'juliet@localhost' })).client;
  const { ping: ask } = client.use(ping);
  other.use(ping);
  assert.ok((await ask()) >= 0);
  const { features } = await client.use(disco).queryInfo(other.jid);
  assert.ok([...features].includes('urn:xmpp:ping'));
  assert.ok((await ask(other.jid)) >= 0);
  assert.ok((await ask(client.jid.toString())) >= 0);
});

test('who does not know the protocol says so, and so does a server for who is not there', async (rig) => {
  const server = await rig.server();
  const { client } = await rig.online(server);
  const other = (await rig.online(server, { jid: 'juliet@localhost' })).client;
  const { ping: ask } = client.use(ping);
  void ask(other.jid);
  for (const jid of [other.jid, 'juliet@localhost/nowhere']) {
    await ask(jid).then(
      () => assert.unreachable(),
      (error) => assert.ok(unavailable(error)),
    );
  }
});

test('who says nothing is not waited for longer than one likes', async (rig) => {
  const server = await rig.server({ services: { 'urn:xmpp:ping': () => undefined } });
  const { client } = await rig.online(server);
  const { ping: ask } = client.use(ping);
  const failure = (promise: Promise<unknown>) =>
    promise.then(
      () => assert.unreachable(),
      (error) => error,
    );
  assert.instance(await failure(ask(undefined, { timeout: 10 })), TimeoutError);
  const controller = new AbortController();
  const asking = failure(ask(undefined, { signal: controller.signal }));
  controller.abort(new Error('enough'));
  assert.is((await asking).message, 'enough');
});

test.run();
