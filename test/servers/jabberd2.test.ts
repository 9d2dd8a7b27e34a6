import { setTimeout as delay } from 'node:timers/promises';
import * as assert from 'uvu/assert';
import { ConnectionError, el } from '../../src/index.ts';
import { count, numbers, PASSWORD, person, until } from './people.ts';
import { type RealServer, serverSuite, startJabberd2 } from './servers.ts';

const test = await serverSuite('client and jabberd2', 30_000);
let server: RealServer;

test.before(async () => {
  server = await startJabberd2();
  for (const user of ['alice', 'bob']) await server.addAccount(user, PASSWORD);
});
test.after(() => server.dispose());

// The first test: where nobody has left yet, nobody is refused or thrown out.
test('two clients talk, ask and answer, and leave', async () => {
  const alice = person(server);
  const bob = person(server, { jid: `bob@${server.domain}` });
  bob.client.handle('get', 'urn:example:time', 'time', () => el('time', { xmlns: 'urn:example:time' }, 'now'));
  await Promise.all([alice.client.start(), bob.client.start()]);
  const tokens = [...count(alice.client, bob.client, 1, 50), ...count(bob.client, alice.client, 1, 50)];
  // It has no stream management that could say more.
  assert.ok((await Promise.all(tokens)).every((state) => state === 'unconfirmed'));
  await until(() => alice.bodies.length === 50 && bob.bodies.length === 50);
  assert.equal(alice.bodies, numbers(1, 50));
  assert.equal(bob.bodies, numbers(1, 50));
  const to = bob.client.jid.toString();
  const answer = await alice.client.request(el('iq', { type: 'get', to }, el('time', { xmlns: 'urn:example:time' })));
  assert.is(answer?.text, 'now');
  assert.ok(await alice.client.probe());
  await Promise.all([alice.client.stop(), bob.client.stop()]);
  assert.equal(alice.events, ['established', 'online', 'destroyed', 'stopped']);
});

test('the default options log in by PLAIN under TLS, however often it refuses', async () => {
  const refusals: (string | undefined)[] = [];
  for (let round = 0; round < 10; round += 1) {
    for (const tls of ['starttls', 'direct'] as const) {
      const endpoints = [{ host: '127.0.0.1', port: server.ports[tls], tls }];
      const { client } = person(server, { endpoints, maxInitialAttempts: null });
      client.on('waiting', ({ reason }) => refusals.push(reason?.condition));
      await client.start();
      const { mechanism, security } = client.getSnapshot().trust ?? {};
      assert.equal([security?.protocol, mechanism], ['TLSv1.3', 'PLAIN']);
      await client.stop();
    }
  }
  assert.ok(
    refusals.every((condition) => condition === 'internal-server-error'),
    String(refusals),
  );
});

test('a wrong password is not asked for twice', async () => {
  const { client } = person(server, { password: 'wrong', maxInitialAttempts: null });
  await client.start().then(
    () => assert.unreachable(),
    (error) => {
      assert.instance(error, ConnectionError);
      const { kind, condition, retry } = (error as ConnectionError).failure;
      assert.equal([kind, condition, retry], ['auth', 'not-authorized', 'user']);
    },
  );
  await client.stop();
});

test('it stops and starts again, and is killed and starts again', async () => {
  const { client } = person(server, { maxInitialAttempts: null });
  await client.start();
  for (const end of ['stop', 'kill'] as const) {
    const back = client.once('established');
    await server[end]();
    assert.equal(server.pids, []);
    await client.waitFor('reconnecting');
    await delay(200);
    await server.start();
    await back;
    assert.is(client.phase, 'online');
  }
  await client.stop();
});

test.run();
