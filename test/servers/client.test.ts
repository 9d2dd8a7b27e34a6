import { setTimeout as delay } from 'node:timers/promises';
import * as assert from 'uvu/assert';
import { type Client, type ClientOptions, ConnectionError, el, type Failure } from '../../src/index.ts';
import { count, numbers, PASSWORD, person, until } from './people.ts';
import {
  clientCertificate,
  type RealServer,
  type ServerOptions,
  serverSuite,
  startEjabberd,
  startProsody,
} from './servers.ts';

const KINDS: Record<string, (options?: ServerOptions) => Promise<RealServer>> = {
  'Prosody 0.12': (options) => startProsody({ ...options, version: '0.12' }),
  'Prosody 13': (options) => startProsody({ ...options, version: '13' }),
  'ejabberd 23.01': (options) => startEjabberd({ ...options, version: '23.01' }),
  'ejabberd 24.12': (options) => startEjabberd({ ...options, version: '24.12' }),
};

/** The names of what a login was done with. */
const trust = (client: Client) => client.getSnapshot().trust;

/** Logs in, says by what, and leaves. */
async function login(server: RealServer, options: Partial<ClientOptions> = {}): Promise<string> {
  const { client } = person(server, options);
  try {
    await client.start();
    const { mechanism, binding, security } = trust(client) ?? {};
    return [security?.protocol ?? 'clear', mechanism, binding].filter(Boolean).join(' ');
  } finally {
    await client.stop();
  }
}

/** Why a login fails. */
async function refusal(server: RealServer, options: Partial<ClientOptions> = {}): Promise<Failure> {
  const { client } = person(server, options);
  try {
    await client.start();
  } catch (error) {
    if (error instanceof ConnectionError) return error.failure;
    throw error;
  } finally {
    await client.stop();
  }
  throw new Error('logged in');
}

for (const [kind, start] of Object.entries(KINDS)) {
  const test = await serverSuite(`client and ${kind}`, 30_000);
  let server: RealServer;

  test.before(async () => {
    server = await start();
    for (const user of ['alice', 'bob']) await server.addAccount(user, PASSWORD);
    await server.addAccount('alice', PASSWORD, server.hosts.hashed);
    // Prosody takes the certificate's word.
    if (server.name === 'ejabberd') await server.addAccount('alice', PASSWORD, server.hosts.external);
    await server.addAccount('alice', PASSWORD, server.hosts.clear);
  });
  test.after(() => server.dispose());

  test('the default options log in, over STARTTLS and direct TLS', async () => {
    assert.match(await login(server), /^TLSv1\.3 SCRAM-/);
    const direct = await login(server, {
      endpoints: [{ host: '127.0.0.1', port: server.ports.direct, tls: 'direct' }],
    });
    assert.match(direct, /^TLSv1\.3 SCRAM-/);
  });

  test('the default options log in on TLS 1.2', async () => {
    const old = await start({ tls: '1.2' });
    try {
      await old.addAccount('alice', PASSWORD);
      assert.match(await login(old), /^TLSv1\.2 SCRAM-/);
    } finally {
      await old.dispose();
    }
  });

  test('every mechanism that it offers and we have', async () => {
    const ours = ['SCRAM-SHA-512', 'SCRAM-SHA-256', 'SCRAM-SHA-1', 'PLAIN'];
    const done: string[] = [];
    for (const mechanism of [...ours.slice(0, 3).map((name) => `${name}-PLUS`), ...ours]) {
      try {
        done.push(await login(server, { mechanisms: [mechanism] }));
      } catch (error) {
        assert.instance(error, ConnectionError);
        const { condition } = (error as ConnectionError).failure;
        // ejabberd 23.01 offers -PLUS on TLS 1.3 and can only bind by tls-unique.
        assert.ok(condition === 'no-mechanism' || mechanism.endsWith('-PLUS'), `${mechanism}: ${condition}`);
      }
    }
    assert.equal(done, EXPECTED[kind]);
  });

  test('accounts that are kept hashed', async () => {
    assert.match(await login(server, { jid: `alice@${server.hosts.hashed}` }), /SCRAM-SHA-(1|256)/);
  });

  test('ANONYMOUS gives an identity', async () => {
    const { client } = person(server, { jid: server.hosts.anonymous, password: undefined as never });
    await client.start();
    assert.is(trust(client)?.mechanism, 'ANONYMOUS');
    assert.is(client.jid.domain, server.hosts.anonymous);
    assert.ok(client.jid.local);
    await client.stop();
  });

  test('EXTERNAL proves us by a certificate', async () => {
    const jid = `alice@${server.hosts.external}`;
    const { cert, key } = await clientCertificate(jid);
    const endpoints = [{ host: '127.0.0.1', port: server.ports.external }];
    const { client } = person(server, { jid, cert, key, endpoints, password: undefined as never });
    await client.start();
    assert.is(trust(client)?.mechanism, 'EXTERNAL');
    assert.is(client.jid.bare.toString(), jid);
    await client.stop();
  });

  test('without TLS, where both sides allow it', async () => {
    const clear = { jid: `alice@${server.hosts.clear}`, endpoints: [{ host: '127.0.0.1', port: server.ports.clear }] };
    assert.match(await login(server, { ...clear, tls: 'off' }), /^clear SCRAM-/);
    assert.match(
      await login(server, { ...clear, tls: 'off', mechanisms: ['PLAIN'], plainOnLoopback: true }),
      /^clear PLAIN/,
    );
    assert.is((await refusal(server, { ...clear, tls: 'off', mechanisms: ['PLAIN'] })).condition, 'no-mechanism');
    assert.match(await login(server, { ...clear, tls: 'optional' }), /^TLSv1\.3 SCRAM-/);
  });

  test('a wrong password is not asked for twice', async () => {
    const failure = await refusal(server, { password: 'wrong' });
    assert.equal([failure.kind, failure.condition, failure.retry], ['auth', 'not-authorized', 'user']);
  });

  test('a certificate for another name, an expired one and one of nobody', async () => {
    for (const certificate of ['other-name', 'expired', 'self-signed'] as const) {
      const impostor = await start({ certificate });
      try {
        const failure = await refusal(impostor, { maxInitialAttempts: 1 });
        assert.equal([failure.kind, failure.condition, failure.retry], ['tls', 'certificate', 'user'], certificate);
      } finally {
        await impostor.dispose();
      }
    }
  });

  test('two clients talk, ask and answer', async () => {
    const alice = person(server);
    const bob = person(server, { jid: `bob@${server.domain}` });
    bob.client.handle('get', 'urn:example:time', 'time', () => el('time', { xmlns: 'urn:example:time' }, 'now'));
    await Promise.all([alice.client.start(), bob.client.start()]);
    const tokens = [...count(alice.client, bob.client, 1, 50), ...count(bob.client, alice.client, 1, 50)];
    assert.ok((await Promise.all(tokens)).every((state) => state === 'acked'));
    await until(() => alice.bodies.length === 50 && bob.bodies.length === 50);
    assert.equal(alice.bodies, numbers(1, 50));
    assert.equal(bob.bodies, numbers(1, 50));
    const to = bob.client.jid.toString();
    const answer = await alice.client.request(el('iq', { type: 'get', to }, el('time', { xmlns: 'urn:example:time' })));
    assert.is(answer?.text, 'now');
    await alice.client.request(el('iq', { type: 'get', to }, el('nonsense', { xmlns: 'urn:example:nonsense' }))).then(
      () => assert.unreachable(),
      (error) => assert.is(error.condition, 'service-unavailable'),
    );
    assert.ok(await alice.client.probe());
    await Promise.all([alice.client.stop(), bob.client.stop()]);
    assert.equal(alice.events, ['established', 'online', 'destroyed', 'stopped']);
  });

  test('a pulled cable loses nothing, in neither direction', async () => {
    const alice = person(server);
    const bob = person(server, { jid: `bob@${server.domain}` });
    await Promise.all([alice.client.start(), bob.client.start()]);
    const tokens = [];
    for (let round = 0; round < 4; round += 1) {
      const [from, to] = [round * 25 + 1, round * 25 + 25];
      tokens.push(...count(alice.client, bob.client, from, to), ...count(bob.client, alice.client, from, to));
      if (round === 3) break;
      // Written, and not answered yet.
      await new Promise((resolve) => setImmediate(resolve));
      alice.pull();
      if (round === 1) bob.pull();
      await alice.client.once('resumed');
    }
    await until(() => alice.bodies.length >= 100 && bob.bodies.length >= 100);
    assert.equal(alice.bodies, numbers(1, 100));
    assert.equal(bob.bodies, numbers(1, 100));
    assert.ok((await Promise.all(tokens)).every((state) => state === 'acked'));
    assert.is(alice.events.filter((type) => type === 'resumed').length, 3);
    assert.is(alice.events.includes('destroyed'), false);
    await Promise.all([alice.client.stop(), bob.client.stop()]);
  });

  test('it stops and starts again, and is killed and starts again', async () => {
    const { client, events } = person(server);
    await client.start();
    for (const end of ['stop', 'kill'] as const) {
      const { jid } = client;
      const lost = client.once('destroyed');
      const back = client.once('established');
      await server[end]();
      await client.waitFor('reconnecting');
      await delay(200);
      await server.start();
      await Promise.all([lost, back]);
      assert.is(client.phase, 'online');
      assert.is(client.jid.bare.toString(), jid.bare.toString());
    }
    await client.stop();
    assert.is(events.filter((type) => type === 'established').length, 3);
    assert.is(events.filter((type) => type === 'destroyed').length, 3);
  });

  test('a server that falls silent beyond the limit is left, and found again', async () => {
    const { client, events } = person(server, {
      liveness: { idle: 200, answer: 200 },
      negotiationTimeout: 1_000,
      maxInitialAttempts: null,
    });
    await client.start();
    await server.pause();
    const { reason } = await client.once('suspended');
    assert.equal([reason?.kind, reason?.stage], ['timeout', 'online']);
    server.resume();
    await client.waitFor('online');
    assert.is(events.at(-1), 'online');
    await client.stop();
  });

  test('another client with the same resource takes over', async () => {
    const jid = `alice@${server.domain}/desk`;
    const first = person(server, { jid });
    const second = person(server, { jid });
    await first.client.start();
    const ended = first.client.once('failure');
    await second.client.start();
    const { failure } = await ended;
    assert.equal([failure.kind, failure.retry], ['conflict', 'user']);
    assert.equal(first.events, ['established', 'online', 'suspended', 'destroyed', 'failure']);
    await delay(300);
    assert.is(first.client.phase, 'failed');
    assert.is(second.client.phase, 'online');
    await second.client.stop();
  });

  test.run();
}

/** What each of them can do with us on TLS 1.3. */
const SCRAMS = ['SCRAM-SHA-256', 'SCRAM-SHA-1', 'PLAIN'].map((name) => `TLSv1.3 ${name}`);
const PLUS = (names: string[]) => names.map((name) => `TLSv1.3 ${name}-PLUS tls-exporter`);
const EXPECTED: Record<string, string[]> = {
  'Prosody 0.12': SCRAMS,
  'Prosody 13': [...PLUS(['SCRAM-SHA-256', 'SCRAM-SHA-1']), ...SCRAMS],
  'ejabberd 23.01': ['TLSv1.3 SCRAM-SHA-512', ...SCRAMS],
  'ejabberd 24.12': [...PLUS(['SCRAM-SHA-512', 'SCRAM-SHA-256', 'SCRAM-SHA-1']), 'TLSv1.3 SCRAM-SHA-512', ...SCRAMS],
};
