/** What must not be seen is not seen: not by inspection, not in JSON, not in an error. */
import { inspect } from 'node:util';
import * as assert from 'uvu/assert';
import { SaltedPasswordCache } from '../../src/sasl/salted-password.ts';
import { SaslError } from '../../src/sasl/types.ts';
import { suite } from '../harness.ts';
import { bytes, client, failure } from './rig.ts';

const test = suite('sasl/secrets');

const PASSWORD = 'correct horse battery staple';
const SALT = 'QSXCR+Q6sek8bf92';
const NONCE = 'fyko+d2lbbFgONRv9qkxdawL';
const SERVER_FIRST = `r=${NONCE}3rfc,s=${SALT},i=4096`;

const show = (thing: unknown): string =>
  [inspect(thing, { showHidden: true, depth: Infinity, getters: true, showProxy: true }), JSON.stringify(thing)].join();

const binding = { type: 'tls-exporter', data: bytes('exported keying material') };

const mechanisms = () => [
  client('PLAIN', { password: PASSWORD }),
  client('SCRAM-SHA-512', { password: PASSWORD, nonce: () => NONCE }),
  client('SCRAM-SHA-256-PLUS', { password: PASSWORD, nonce: () => NONCE, binding, gs2: 'p' }),
  client('EXTERNAL', { authzid: 'user@example.org' }),
];

test('a mechanism shows its name and nothing else, at every step', async () => {
  for (const us of mechanisms()) {
    const plain = JSON.stringify({ name: us.name });
    const looks = new Set<string>();
    const look = () => {
      assert.is(JSON.stringify(us), plain);
      assert.equal(Object.getOwnPropertyNames(us), ['name']);
      assert.equal(Object.getOwnPropertySymbols(us), []);
      looks.add(show(us));
    };
    look();
    await us.start();
    look();
    await us.respond(bytes(SERVER_FIRST)).catch(() => {});
    look();
    await us.verify(null).catch(() => {});
    look();
    assert.is(looks.size, 1, 'it looks the same all along');
  }
});

test('a cache shows nothing', async () => {
  const cache = new SaltedPasswordCache();
  const empty = show(cache);
  await cache.derive('sha1', PASSWORD, Buffer.from(SALT, 'base64'), 1);
  assert.is(show(cache), empty);
  assert.is(JSON.stringify(cache), '{}');
});

test('no error repeats what was exchanged, nor the cause of it', async () => {
  const attempts = [
    () => client('PLAIN', { password: `${PASSWORD}\u0007` }),
    () => client('PLAIN', { username: `${PASSWORD}\u0007` }),
    () => client('EXTERNAL', { authzid: `${PASSWORD}\0` }),
    () => client(PASSWORD),
    ...['', `m=1,${SERVER_FIRST}`, `${SERVER_FIRST},x`, `e=${PASSWORD}`, `r=${PASSWORD},s=${SALT},i=1`].map(
      (message) => async () => {
        const us = client('SCRAM-SHA-1', { password: PASSWORD, nonce: () => NONCE });
        await us.start();
        await us.respond(bytes(message));
      },
    ),
    async () => {
      const us = client('SCRAM-SHA-1', { password: PASSWORD, nonce: () => NONCE });
      await us.start();
      await us.respond(bytes(SERVER_FIRST));
      await us.verify(bytes(`v=${SALT}`));
    },
  ];
  for (const attempt of attempts) {
    const error = (await failure(attempt)) as SaslError;
    assert.instance(error, SaslError);
    assert.is(error.cause, undefined);
    for (const secret of [PASSWORD, NONCE, SALT]) assert.not.ok(show(error).includes(secret), error.message);
  }
});

test('an error says what is the matter, in its text and for programs', () => {
  const error = new SaslError('server-error', 'unknown-user');
  assert.is(error.name, 'SaslError');
  assert.is(error.condition, 'server-error');
  assert.is(error.serverError, 'unknown-user');
  assert.match(error.message, /^SASL: the server /);
});

test.run();
