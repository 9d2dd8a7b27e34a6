import { pbkdf2Sync } from 'node:crypto';
import * as assert from 'uvu/assert';
import { SaltedPasswordCache } from '../../src/sasl/salted-password.ts';
import { suite } from '../harness.ts';
import { client, derivations, exchange, failure, server } from './rig.ts';

const test = suite('sasl/salted-password');

const salt = (number: number) => Uint8Array.of(number);

test('is PBKDF2 with the hash and as long as the hash', async () => {
  for (const [hash, size] of [
    ['sha1', 20],
    ['sha256', 32],
    ['sha512', 64],
  ] as const) {
    const salted = await new SaltedPasswordCache().derive(hash, 'pencil', salt(1), 100);
    assert.equal(Buffer.from(salted), pbkdf2Sync('pencil', salt(1), 100, size, hash));
  }
});

test('the same inputs are paid for once, also while the first is still at it', async () => {
  const cache = new SaltedPasswordCache();
  const worked = await derivations(async () => {
    const [first, second] = await Promise.all([
      cache.derive('sha1', 'pencil', salt(1), 100),
      cache.derive('sha1', 'pencil', salt(1), 100),
    ]);
    assert.is(await cache.derive('sha1', 'pencil', Uint8Array.of(1), 100), first);
    assert.is(second, first);
  });
  assert.is(worked, 1);
});

test('another hash, password, salt or count is another entry', async () => {
  const cache = new SaltedPasswordCache();
  const worked = await derivations(() =>
    Promise.all([
      cache.derive('sha1', 'pencil', salt(1), 100),
      cache.derive('sha256', 'pencil', salt(1), 100),
      cache.derive('sha1', 'pencils', salt(1), 100),
      cache.derive('sha1', 'pencil', salt(2), 100),
      cache.derive('sha1', 'pencil', salt(1), 101),
    ]),
  );
  assert.is(worked, 5);
});

test('is bounded, and keeps what was used last', async () => {
  const cache = new SaltedPasswordCache();
  const derive = (number: number) => derivations(() => cache.derive('sha1', 'pencil', salt(number), 1));
  for (let number = 0; number < 16; number++) assert.is(await derive(number), 1);
  assert.is(await derive(0), 0, 'sixteen are kept');
  assert.is(await derive(16), 1);
  assert.is(await derive(0), 0, 'the first was used since');
  assert.is(await derive(1), 1, 'the second was not');
});

test('a derivation that failed is not kept', async () => {
  const cache = new SaltedPasswordCache();
  const derive = () => cache.derive('sha1', 'pencil', salt(1), -1);
  const failed = derive();
  assert.instance(await failure(() => failed), RangeError);
  const again = derive();
  assert.is.not(again, failed);
  assert.instance(await failure(() => again), RangeError);
});

test('a second login costs no key derivation, a changed password one', async () => {
  const cache = new SaltedPasswordCache();
  const theirs = new SaltedPasswordCache();
  const login = (password: string) =>
    derivations(async () => {
      const them = server('SCRAM-SHA-256', { password: () => password, cache: theirs });
      assert.is(await exchange(client('SCRAM-SHA-256', { password, cache }), them), 'welcome user');
    });
  assert.is(await login('pencil'), 2, 'one on each side');
  assert.is(await login('pencil'), 0);
  assert.is(await login('eraser'), 2);
});

test.run();
