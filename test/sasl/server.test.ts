/** The test server's side by itself: it must not let a careless client pass. */
import * as assert from 'uvu/assert';
import { suite } from '../harness.ts';
import { bytes, client, exchange, failure, server, text } from './rig.ts';

const test = suite('sasl/server');

const challenged = { challenge: new Uint8Array() };
const malformed = { failure: 'malformed-request' };

test('without an initial response it asks for one', async () => {
  for (const name of ['PLAIN', 'EXTERNAL', 'ANONYMOUS', 'SCRAM-SHA-1']) {
    const them = server(name, { certified: () => 'user' });
    assert.equal(await them.step(null), challenged, name);
    const outcome = await them.step(await client(name).start());
    assert.ok('success' in outcome || 'challenge' in outcome, name);
  }
});

test('a mechanism that it does not have fails at once', async () => {
  assert.equal(await server('X-OAUTH2').step(bytes('x')), { failure: 'invalid-mechanism' });
  assert.equal(await server('__proto__').step(null), { failure: 'invalid-mechanism' });
});

const FIRSTS: [name: string, message: string | Uint8Array][] = [
  ['PLAIN', ''],
  ['PLAIN', 'user\0pencil'],
  ['PLAIN', '\0user\0pencil\0'],
  ['PLAIN', '\0\0pencil'],
  ['PLAIN', '\0user\0'],
  ['PLAIN', Buffer.from([0, 0xff, 0, 0x61])],
  ['SCRAM-SHA-1', ''],
  ['SCRAM-SHA-1', 'n=user,r=abc'],
  ['SCRAM-SHA-1', 'n,,n=user'],
  ['SCRAM-SHA-1', 'n,,r=abc,n=user'],
  ['SCRAM-SHA-1', 'n,,n==2c,r=abc'],
  ['SCRAM-SHA-1', 'n,,n=a=b,r=abc'],
  ['SCRAM-SHA-1', 'n,,m=1,n=user,r=abc'],
  ['SCRAM-SHA-1', 'n,b=user,n=user,r=abc'],
  ['SCRAM-SHA-1', 'N,,n=user,r=abc'],
  ['SCRAM-SHA-1', 'p=tls-exporter,,n=user,r=abc'],
  ['SCRAM-SHA-1-PLUS', 'n,,n=user,r=abc'],
  ['SCRAM-SHA-1-PLUS', 'y,,n=user,r=abc'],
  ['SCRAM-SHA-1-PLUS', 'p=tls-unique,,n=user,r=abc'],
  ['SCRAM-SHA-1-PLUS', 'p=,,n=user,r=abc'],
];

for (const [name, message] of FIRSTS) {
  test(`${name} refuses the first message ${JSON.stringify(message.toString())}`, async () => {
    const them = server(name, { binding: (type) => (type === 'tls-exporter' ? bytes('x') : undefined) });
    assert.equal(await them.step(Buffer.from(message)), malformed);
    assert.equal(await them.step(Buffer.from(message)), malformed, 'and everything after it');
  });
}

test('a proof is good for its own exchange, its own nonce and its own header', async () => {
  const attempt = async (change: (final: string) => string) => {
    const us = client('SCRAM-SHA-1', { nonce: () => 'abc' });
    const them = server('SCRAM-SHA-1', { nonce: () => 'def' });
    const first = await them.step(await us.start());
    const final = text(await us.respond((first as { challenge: Uint8Array }).challenge)) as string;
    const outcome = await them.step(bytes(change(final)));
    return 'failure' in outcome ? outcome.failure : 'success';
  };
  assert.is(await attempt((final) => final), 'success');
  assert.is(await attempt((final) => final.replace('c=biws', 'c=eSws')), 'not-authorized', 'another header');
  assert.is(await attempt((final) => final.replace('r=abcdef', 'r=abcdeg')), 'not-authorized', 'another nonce');
  assert.is(await attempt((final) => final.replace(',p=', ',x=1,p=')), 'not-authorized', 'a word that was not signed');
  assert.is(await attempt((final) => `${final},x=1`), 'malformed-request', 'the proof is not last');
  assert.is(await attempt((final) => final.replace(/,p=.*/, '')), 'malformed-request', 'no proof');
  assert.is(await attempt((final) => final.replace(/,p=.*/, ',p=AAAA')), 'malformed-request', 'a short proof');
  assert.is(await attempt(() => ''), 'malformed-request');
});

test('a nonce that the server did not give is refused, even with a proof that fits', async () => {
  const fault = { serverFirst: (message: string) => message.replace(/^r=[^,]*/, '$&x') };
  assert.is(await exchange(client('SCRAM-SHA-1'), server('SCRAM-SHA-1', { fault })), 'not-authorized');
});

test('a signature in a challenge wants an empty answer', async () => {
  const us = client('SCRAM-SHA-1');
  const them = server('SCRAM-SHA-1', { signatureIn: 'challenge' });
  const first = await them.step(await us.start());
  await them.step(await us.respond((first as { challenge: Uint8Array }).challenge));
  assert.equal(await them.step(bytes('x')), malformed);
});

test('an account keeps its salt; accounts, also unknown ones, differ', async () => {
  const salt = async (username: string) => {
    const first = await server('SCRAM-SHA-1').step(bytes(`n,,n=${username},r=abc`));
    return text((first as { challenge: Uint8Array }).challenge)?.split(',')[1];
  };
  assert.is(await salt('user'), await salt('user'));
  assert.is(await salt('nobody'), await salt('nobody'));
  assert.is.not(await salt('user'), await salt('nobody'));
});

test('a defect of the test itself is not taken for a refusal', async () => {
  const them = server('PLAIN', {
    password: () => {
      throw new TypeError('defect');
    },
  });
  assert.instance(await failure(() => exchange(client('PLAIN'), them)), TypeError);
});

test.run();
