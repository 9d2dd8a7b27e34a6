import * as assert from 'uvu/assert';
import { scramVariant } from '../../src/sasl/scram-keys.ts';
import type { SaslCondition } from '../../src/sasl/types.ts';
import { suite } from '../harness.ts';
import { bytes, client, derivations, refused, text } from './rig.ts';

const test = suite('sasl/scram');

const NONCE = 'fyko+d2lbbFgONRv9qkxdawL';
const SERVER_FIRST = `r=${NONCE}3rfc,s=QSXCR+Q6sek8bf92,i=4096`;
/** What the server signs with the password `pencil`, computed with the hashlib of Python. */
const SIGNATURE = 'TILM0LJ1FjSvip1tbY7gu1lNuPU=';

const started = async (context = {}) => {
  const us = client('SCRAM-SHA-1', { nonce: () => NONCE, ...context });
  await us.start();
  return us;
};

/** Up to our proof, which SIGNATURE answers. */
const proved = async () => {
  const us = await started();
  await us.respond(bytes(SERVER_FIRST));
  return us;
};

const longNonce = `${NONCE}${'x'.repeat(60_000)}`;
const salt = (length: number) => Buffer.alloc(length, 7).toString('base64');

const SERVER_FIRSTS: [about: string, message: string | Uint8Array, condition: SaslCondition][] = [
  ['nothing', '', 'malformed-challenge'],
  ['no attribute at all', 'hello', 'malformed-challenge'],
  ['not UTF-8', Buffer.from([0x72, 0x3d, 0xff, 0xfe]), 'malformed-challenge'],
  [
    'an extension that is not UTF-8',
    Buffer.concat([bytes(`${SERVER_FIRST},x=`), Uint8Array.of(0xff)]),
    'malformed-challenge',
  ],
  ['a byte order mark', `\ufeff${SERVER_FIRST}`, 'malformed-challenge'],
  ['no nonce', 's=QSXCR+Q6sek8bf92,i=4096', 'malformed-challenge'],
  ['no salt', `r=${NONCE}3rfc,i=4096`, 'malformed-challenge'],
  ['no iteration count', `r=${NONCE}3rfc,s=QSXCR+Q6sek8bf92`, 'malformed-challenge'],
  ['another order', `s=QSXCR+Q6sek8bf92,r=${NONCE}3rfc,i=4096`, 'malformed-challenge'],
  ['an extension before the nonce', `x=1,${SERVER_FIRST}`, 'malformed-challenge'],
  ['the nonce twice', `${SERVER_FIRST},r=${NONCE}3rfc`, 'malformed-challenge'],
  ['the iteration count twice', `${SERVER_FIRST},i=1`, 'malformed-challenge'],
  ['an extension twice', `${SERVER_FIRST},x=1,x=1`, 'malformed-challenge'],
  ['a comma at the end', `${SERVER_FIRST},`, 'malformed-challenge'],
  ['an attribute without value', `${SERVER_FIRST},x=`, 'malformed-challenge'],
  ['an attribute with a long name', `${SERVER_FIRST},xy=1`, 'malformed-challenge'],
  ['an attribute with a digit for a name', `${SERVER_FIRST},1=1`, 'malformed-challenge'],
  ['a NUL', `${SERVER_FIRST},x=a\0b`, 'malformed-challenge'],
  ['a space in the nonce', `r=${NONCE} 3rfc,s=QSXCR+Q6sek8bf92,i=4096`, 'malformed-challenge'],
  ['a nonce outside ASCII', `r=${NONCE}é,s=QSXCR+Q6sek8bf92,i=4096`, 'malformed-challenge'],
  ['our own nonce', `r=${NONCE},s=QSXCR+Q6sek8bf92,i=4096`, 'nonce-not-extended'],
  ['the beginning of our nonce', `r=${NONCE.slice(0, -1)},s=QSXCR+Q6sek8bf92,i=4096`, 'nonce-not-extended'],
  ['a nonce of somebody else', 'r=abcdefghijklmnopqrstuvwxyz,s=QSXCR+Q6sek8bf92,i=4096', 'nonce-not-extended'],
  ['our nonce at the end', `r=3rfc${NONCE},s=QSXCR+Q6sek8bf92,i=4096`, 'nonce-not-extended'],
  ['our nonce in another case', `r=${NONCE.toLowerCase()}3rfc,s=QSXCR+Q6sek8bf92,i=4096`, 'nonce-not-extended'],
  ['an empty salt', `r=${NONCE}3rfc,s=,i=4096`, 'malformed-challenge'],
  ['a salt of padding', `r=${NONCE}3rfc,s====,i=4096`, 'malformed-challenge'],
  ['a salt that is not base64', `r=${NONCE}3rfc,s=QSXC*+Q6sek8bf92,i=4096`, 'malformed-challenge'],
  ['a salt in base64url', `r=${NONCE}3rfc,s=QSXCR-Q6sek8bf92,i=4096`, 'malformed-challenge'],
  ['a salt without padding', `r=${NONCE}3rfc,s=QSXCRw,i=4096`, 'malformed-challenge'],
  ['a salt with stray bits', `r=${NONCE}3rfc,s=QSXCRx==,i=4096`, 'malformed-challenge'],
  ['a huge salt', `r=${NONCE}3rfc,s=${salt(1025)},i=4096`, 'salt-too-long'],
  ['no iterations', `r=${NONCE}3rfc,s=QSXCR+Q6sek8bf92,i=0`, 'malformed-challenge'],
  ['fewer than none', `r=${NONCE}3rfc,s=QSXCR+Q6sek8bf92,i=-4096`, 'malformed-challenge'],
  ['a leading zero', `r=${NONCE}3rfc,s=QSXCR+Q6sek8bf92,i=04096`, 'malformed-challenge'],
  ['hexadecimal', `r=${NONCE}3rfc,s=QSXCR+Q6sek8bf92,i=0x1000`, 'malformed-challenge'],
  ['an exponent', `r=${NONCE}3rfc,s=QSXCR+Q6sek8bf92,i=1e4`, 'malformed-challenge'],
  ['a fraction', `r=${NONCE}3rfc,s=QSXCR+Q6sek8bf92,i=4096.5`, 'malformed-challenge'],
  ['a space before the count', `r=${NONCE}3rfc,s=QSXCR+Q6sek8bf92,i= 4096`, 'malformed-challenge'],
  ['a line break after the count', `r=${NONCE}3rfc,s=QSXCR+Q6sek8bf92,i=4096\n`, 'malformed-challenge'],
  ['one iteration', `r=${NONCE}3rfc,s=QSXCR+Q6sek8bf92,i=1`, 'iterations-too-low'],
  ['just too few iterations', `r=${NONCE}3rfc,s=QSXCR+Q6sek8bf92,i=4095`, 'iterations-too-low'],
  ['just too many iterations', `r=${NONCE}3rfc,s=QSXCR+Q6sek8bf92,i=1000001`, 'iterations-too-high'],
  ['more iterations than PBKDF2 can', `r=${NONCE}3rfc,s=QSXCR+Q6sek8bf92,i=4294967296`, 'iterations-too-high'],
  ['a count with 60 000 digits', `r=${NONCE}3rfc,s=QSXCR+Q6sek8bf92,i=${'9'.repeat(60_000)}`, 'iterations-too-high'],
  ['a mandatory extension', `m=please,${SERVER_FIRST}`, 'mandatory-extension'],
  ['a mandatory extension at the end', `${SERVER_FIRST},m=please`, 'mandatory-extension'],
  ['an error', 'e=unknown-user', 'server-error'],
];

for (const [about, message, condition] of SERVER_FIRSTS) {
  test(`refuses a first message with ${about}, before any work`, async () => {
    const us = await started();
    const worked = await derivations(() => refused(() => us.respond(Buffer.from(message)), condition));
    assert.is(worked, 0);
    await refused(() => us.respond(bytes(SERVER_FIRST)), 'unexpected-challenge', 'there is no second try');
    await refused(() => us.verify(null), 'server-signature-missing');
  });
}

const GOOD_FIRSTS: [about: string, message: string][] = [
  ['the smallest count', SERVER_FIRST],
  ['one character of its own in the nonce', `r=${NONCE}x,s=QSXCR+Q6sek8bf92,i=4096`],
  ['a very long nonce', `r=${longNonce},s=QSXCR+Q6sek8bf92,i=4096`],
  ['the shortest salt', `r=${NONCE}3rfc,s=QQ==,i=4096`],
  ['the longest salt', `r=${NONCE}3rfc,s=${salt(1024)},i=4096`],
  ['extensions that may be ignored', `${SERVER_FIRST},d=tls-exporter,X=a=b,x=1`],
];

for (const [about, message] of GOOD_FIRSTS) {
  test(`accepts a first message with ${about}`, async () => {
    const us = await started();
    const answer = text(await us.respond(bytes(message)));
    assert.match(answer as string, /^c=biws,r=[^,]+,p=[A-Za-z0-9+/]{27}=$/);
  });
}

test('the limits on iterations are options', async () => {
  const first = (count: number) => bytes(`r=${NONCE}3rfc,s=QSXCR+Q6sek8bf92,i=${count}`);
  await (await started({ minIterations: 1 })).respond(first(1));
  await refused(async () => (await started({ minIterations: 10_000 })).respond(first(9999)), 'iterations-too-low');
  await refused(async () => (await started({ maxIterations: 5000 })).respond(first(5001)), 'iterations-too-high');
});

const SERVER_FINALS: [about: string, message: string | Uint8Array, condition: SaslCondition][] = [
  ['no attribute', 'ok', 'malformed-challenge'],
  ['not UTF-8', Buffer.from([0x76, 0x3d, 0xff]), 'malformed-challenge'],
  ['no signature', 'x=1', 'malformed-challenge'],
  ['an empty signature', 'v=', 'malformed-challenge'],
  ['the signature after an extension', `x=1,v=${SIGNATURE}`, 'malformed-challenge'],
  ['two signatures', `v=${SIGNATURE},v=${SIGNATURE}`, 'malformed-challenge'],
  ['a signature that is not base64', 'v=*', 'malformed-challenge'],
  ['a signature of another length', `v=${Buffer.alloc(19).toString('base64')}`, 'server-signature-wrong'],
  ['a signature of another hash', `v=${Buffer.alloc(32).toString('base64')}`, 'server-signature-wrong'],
  ['zeros for a signature', `v=${Buffer.alloc(20).toString('base64')}`, 'server-signature-wrong'],
  ['a mandatory extension', `v=${SIGNATURE},m=1`, 'mandatory-extension'],
  ['an error', 'e=invalid-proof', 'server-error'],
  ['an error behind the signature', `v=${SIGNATURE},e=other-error`, 'server-error'],
];

for (const [about, message, condition] of SERVER_FINALS) {
  test(`refuses a final message with ${about}, with success and as a challenge`, async () => {
    const early = await proved();
    await refused(() => early.respond(Buffer.from(message)), condition);
    await refused(() => early.verify(null), 'server-signature-missing');
    const late = await proved();
    await refused(() => late.verify(Buffer.from(message)), condition);
  });
}

test('accepts the signature with success, with extensions, and as a last challenge before an empty success', async () => {
  await (await proved()).verify(bytes(`v=${SIGNATURE}`));
  await (await proved()).verify(bytes(`v=${SIGNATURE},x=1`));
  for (const nothing of [null, new Uint8Array()]) {
    const us = await proved();
    assert.equal(await us.respond(bytes(`v=${SIGNATURE}`)), new Uint8Array());
    await us.verify(nothing);
  }
});

test('a signature that was proved in a challenge does not excuse a wrong one with success', async () => {
  const us = await proved();
  await us.respond(bytes(`v=${SIGNATURE}`));
  await refused(() => us.verify(bytes(`v=${Buffer.alloc(20).toString('base64')}`)), 'server-signature-wrong');
});

test('no success without a signature, however early it comes', async () => {
  await refused(() => client('SCRAM-SHA-1').verify(null), 'server-signature-missing');
  await refused(async () => (await started()).verify(null), 'server-signature-missing');
  await refused(async () => (await started()).verify(bytes(`v=${SIGNATURE}`)), 'server-signature-wrong');
  for (const nothing of [null, new Uint8Array()]) {
    await refused(async () => (await proved()).verify(nothing), 'server-signature-missing');
  }
});

test('challenges out of turn are refused', async () => {
  await refused(() => client('SCRAM-SHA-1').respond(bytes(SERVER_FIRST)), 'unexpected-challenge', 'before the start');
  const us = await proved();
  await us.respond(bytes(`v=${SIGNATURE}`));
  await refused(() => us.respond(bytes(`v=${SIGNATURE}`)), 'unexpected-challenge', 'after the signature');

  const hurried = await started();
  const answer = hurried.respond(bytes(SERVER_FIRST));
  await refused(
    () => hurried.respond(bytes(SERVER_FIRST)),
    'unexpected-challenge',
    'while the first is being answered',
  );
  await refused(() => hurried.verify(null), 'server-signature-missing');
  await answer;
});

test('an error of the server is named if it is registered, and never quoted otherwise', async () => {
  const error = async (message: string) => refused(async () => (await proved()).verify(bytes(message)), 'server-error');
  assert.is((await error('e=channel-bindings-dont-match')).serverError, 'channel-bindings-dont-match');
  const strange = await error('e=your password is pencil');
  assert.is(strange.serverError, 'other-error');
  assert.not.match(strange.message, 'pencil');
});

test('the first message: flags, identities, escapes', async () => {
  const first = async (name: string, context: object) =>
    text(await client(name, { nonce: () => 'n', ...context }).start());
  const data = bytes('x');
  assert.is(await first('SCRAM-SHA-1', {}), 'n,,n=user,r=n');
  assert.is(await first('SCRAM-SHA-1', { gs2: 'y' }), 'y,,n=user,r=n');
  assert.is(await first('SCRAM-SHA-1', { authzid: '' }), 'n,,n=user,r=n');
  assert.is(await first('SCRAM-SHA-1', { authzid: 'a,b=c@x' }), 'n,a=a=2Cb=3Dc@x,n=user,r=n');
  assert.is(await first('SCRAM-SHA-1', { username: ',=,==2C' }), 'n,,n==2C=3D=2C=3D=3D2C,r=n');
  assert.is(await first('SCRAM-SHA-1', { username: 'I\u00adX' }), 'n,,n=IX,r=n');
  assert.is(
    await first('SCRAM-SHA-256-PLUS', { gs2: 'p', binding: { type: 'tls-exporter', data } }),
    'p=tls-exporter,,n=user,r=n',
  );
});

test('what is bound to is sent back with the header: c is base64 of both', async () => {
  const bound = async (name: string, context: object) => {
    const us = client(name, { nonce: () => NONCE, ...context });
    await us.start();
    return text(await us.respond(bytes(SERVER_FIRST)))?.split(',')[0];
  };
  const c = (header: string, ...data: number[]) =>
    `c=${Buffer.concat([bytes(header), Uint8Array.from(data)]).toString('base64')}`;
  const binding = { type: 'tls-exporter', data: Uint8Array.of(0, 255, 44) };
  assert.is(await bound('SCRAM-SHA-1', {}), c('n,,'));
  assert.is(await bound('SCRAM-SHA-1', { gs2: 'y', authzid: 'a=b' }), c('y,a=a=3Db,'));
  assert.is(await bound('SCRAM-SHA-1-PLUS', { gs2: 'p', binding }), c('p=tls-exporter,,', 0, 255, 44));
});

test('every exchange has a nonce of its own, of 24 random bytes', async () => {
  const nonces = new Set<string>();
  for (let i = 0; i < 50; i++) {
    const first = text(await client('SCRAM-SHA-1').start()) as string;
    assert.match(first, /^n,,n=user,r=[A-Za-z0-9+/]{32}$/);
    nonces.add(first);
  }
  assert.is(nonces.size, 50);
});

test('the name, the flag and the binding must belong together', async () => {
  const binding = { type: 'tls-exporter', data: bytes('x') };
  const wrong: [string, object][] = [
    ['SCRAM-SHA-1-PLUS', { gs2: 'p', binding: null }],
    ['SCRAM-SHA-1-PLUS', { gs2: 'y', binding }],
    ['SCRAM-SHA-1-PLUS', { gs2: 'n', binding: null }],
    ['SCRAM-SHA-1', { gs2: 'p', binding }],
    ['SCRAM-SHA-1', { gs2: 'p', binding: null }],
    ['SCRAM-SHA-1', { gs2: 'n', binding }],
  ];
  for (const [name, context] of wrong) await refused(() => client(name, context), 'channel-binding-mismatch');
});

test('the names it knows', () => {
  assert.equal(scramVariant('SCRAM-SHA-1'), { hash: 'sha1', plus: false });
  assert.equal(scramVariant('SCRAM-SHA-256-PLUS'), { hash: 'sha256', plus: true });
  assert.equal(scramVariant('SCRAM-SHA-512'), { hash: 'sha512', plus: false });
  for (const name of ['SCRAM-SHA-224', 'SCRAM-SHA-1-PLUS-PLUS', 'scram-sha-1', 'XSCRAM-SHA-1', 'SCRAM-SHA-1\n']) {
    assert.is(scramVariant(name), undefined, name);
  }
});

test('key derivation leaves the event loop free', async () => {
  const us = await started();
  let others = 0;
  setImmediate(() => others++);
  const worked = await derivations(() => us.respond(bytes(`r=${NONCE}3rfc,s=QSXCR+Q6sek8bf92,i=200000`)));
  assert.is(worked, 1, 'it was a job of the thread pool');
  assert.is(others, 1, 'others had their turn meanwhile');
});

test.run();
