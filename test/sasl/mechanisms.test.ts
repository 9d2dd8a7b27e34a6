import * as assert from 'uvu/assert';
import { createMechanism } from '../../src/sasl/mechanisms.ts';
import { suite } from '../harness.ts';
import { bytes, client, refused, text } from './rig.ts';

const test = suite('sasl/mechanisms');

const start = async (name: string, context: object = {}) => text(await client(name, context).start());

test('every mechanism has its registered name', () => {
  for (const name of ['SCRAM-SHA-512', 'SCRAM-SHA-256', 'SCRAM-SHA-1', 'PLAIN', 'EXTERNAL', 'ANONYMOUS']) {
    assert.is(client(name).name, name);
  }
  const binding = { type: 'tls-exporter', data: bytes('x') };
  for (const name of ['SCRAM-SHA-512-PLUS', 'SCRAM-SHA-256-PLUS', 'SCRAM-SHA-1-PLUS']) {
    assert.is(client(name, { binding, gs2: 'p' }).name, name);
  }
});

test('unknown names are refused', async () => {
  for (const name of ['', 'DIGEST-MD5', 'plain', 'PLAIN ', 'SCRAM-MD5', '__proto__', 'constructor', 'X-OAUTH2']) {
    await refused(() => client(name), 'unknown-mechanism', name);
  }
});

test('PLAIN: the identity to act as, who we are, the password (RFC 4616)', async () => {
  assert.is(await start('PLAIN'), '\0user\0pencil');
  assert.is(await start('PLAIN', { authzid: 'other@example.org' }), 'other@example.org\0user\0pencil');
  assert.is(await start('PLAIN', { username: 'ü,=', password: 'p ä\u00a0,=' }), '\0ü,=\0p ä ,=');
});

test('PLAIN prepares what it sends', async () => {
  assert.is(await start('PLAIN', { username: 'I\u00adX', password: '\u2168\u00ad' }), '\0IX\0IX');
});

test('EXTERNAL: the identity to act as, or empty bytes and not nothing (RFC 4422 appendix A)', async () => {
  assert.is(await start('EXTERNAL'), '');
  assert.is(await start('EXTERNAL', { authzid: 'user@exämple.org' }), 'user@exämple.org');
});

test('ANONYMOUS: empty bytes and not nothing, and no word of who we are', async () => {
  assert.is(await start('ANONYMOUS', { authzid: 'user@example.org' }), '');
});

test('EXTERNAL and ANONYMOUS need no username and no password', async () => {
  for (const name of ['EXTERNAL', 'ANONYMOUS']) {
    const us = createMechanism(name, { username: '', binding: null, gs2: 'n' });
    await us.start();
    await us.verify(null);
  }
});

test('a mechanism of one message has no answer to a challenge, and takes any success', async () => {
  for (const name of ['PLAIN', 'EXTERNAL', 'ANONYMOUS']) {
    const us = client(name);
    await us.start();
    await refused(() => us.respond(new Uint8Array()), 'unexpected-challenge', name);
    await us.verify(null);
    await us.verify(bytes('whatever'));
  }
});

test('a missing or unusable password, username or identity is found before anything is sent', async () => {
  for (const name of ['PLAIN', 'SCRAM-SHA-256']) {
    const without = { username: 'user', binding: null, gs2: 'n' } as const;
    await refused(() => createMechanism(name, without), 'password-missing', name);
    for (const password of ['', '\u00ad', 'a\0b', 'a\u0007b', '\ud800', 'x'.repeat(1_000_000)]) {
      await refused(() => client(name, { password }), 'invalid-password', name);
    }
    for (const username of ['', '\u00ad', 'a\0b', 'a\ue000b', '\u06271']) {
      await refused(() => client(name, { username }), 'invalid-username', name);
    }
  }
  for (const name of ['PLAIN', 'SCRAM-SHA-256', 'EXTERNAL']) {
    await refused(() => client(name, { authzid: 'a\0b' }), 'invalid-authzid', name);
  }
});

test.run();
