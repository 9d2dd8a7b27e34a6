/** Our mechanisms against the test server's: who gets in, who does not, and what a hostile server achieves. */
import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { prepare } from '../../src/sasl/prepare.ts';
import { type SaslCondition, type SaslContext, SaslError } from '../../src/sasl/types.ts';
import { type ScramFault, type ServerSaslOptions, scramFaults } from '../../src/testing/sasl.ts';
import { suite } from '../harness.ts';
import { client, exchange, failure, refused, server, text } from './rig.ts';

const test = suite('sasl/exchange');

const SCRAMS = ['SCRAM-SHA-1', 'SCRAM-SHA-256', 'SCRAM-SHA-512'];
const WITH_PASSWORD = [...SCRAMS, 'PLAIN'];

/** One iteration is enough where the arithmetic is not the point. */
const QUICK = { minIterations: 1 };
const QUICKLY = { iterations: 1 };

const exporter = Buffer.alloc(32, 9);
const bound = (data: Uint8Array = exporter, type = 'tls-exporter'): Partial<SaslContext> => ({
  gs2: 'p',
  binding: { type, data },
});
const binds: Partial<ServerSaslOptions> = {
  plusOffered: true,
  binding: (type) => (type === 'tls-exporter' ? exporter : undefined),
};

test('the right password gets in, any other does not, nor does a stranger', async () => {
  for (const name of WITH_PASSWORD) {
    assert.is(await exchange(client(name), server(name)), 'welcome user', name);
    assert.is(await exchange(client(name, { password: 'Pencil' }), server(name)), 'not-authorized', name);
    assert.is(await exchange(client(name, { username: 'nobody' }), server(name)), 'not-authorized', name);
  }
});

test('one may act as oneself and as nobody else', async () => {
  for (const name of WITH_PASSWORD) {
    for (const authzid of ['user', 'user@example.org']) {
      assert.is(await exchange(client(name, { authzid }), server(name)), 'welcome user', name);
    }
    for (const authzid of ['admin', 'users@example.org', 'u,=@x']) {
      assert.is(await exchange(client(name, { authzid }), server(name)), 'invalid-authzid', name);
    }
  }
});

test('EXTERNAL lets in whom the certificate names, ANONYMOUS everybody under a name of his own', async () => {
  const certified = (authzid: string) => (['', 'user@example.org'].includes(authzid) ? 'user' : undefined);
  const login = (context: object, options: object) =>
    exchange(client('EXTERNAL', context), server('EXTERNAL', options));
  assert.is(await login({}, { certified }), 'welcome user');
  assert.is(await login({ authzid: 'user@example.org' }, { certified }), 'welcome user');
  assert.is(await login({ authzid: 'other@example.org' }, { certified }), 'not-authorized');
  assert.is(await login({}, {}), 'not-authorized', 'without a certificate');

  const first = await exchange(client('ANONYMOUS'), server('ANONYMOUS'));
  const second = await exchange(client('ANONYMOUS'), server('ANONYMOUS'));
  assert.match(first, /^welcome ./);
  assert.is.not(first, second);
});

test('the signature may come in a last challenge', async () => {
  for (const name of SCRAMS) {
    assert.is(await exchange(client(name), server(name, { signatureIn: 'challenge' })), 'welcome user', name);
  }
});

test('-PLUS with the same channel at both ends gets in', async () => {
  for (const name of SCRAMS) {
    const plus = `${name}-PLUS`;
    assert.is(await exchange(client(plus, bound()), server(plus, binds)), 'welcome user', plus);
    const endPoint = { binding: (type: string) => (type === 'tls-server-end-point' ? exporter : undefined) };
    const other = client(plus, bound(exporter, 'tls-server-end-point'));
    assert.is(await exchange(other, server(plus, endPoint)), 'welcome user', plus);
  }
});

test('-PLUS with somebody between the ends does not', async () => {
  for (const name of SCRAMS) {
    const plus = `${name}-PLUS`;
    const other = Buffer.alloc(32, 8);
    assert.is(await exchange(client(plus, bound(other)), server(plus, binds)), 'not-authorized');
    assert.is(await exchange(client(plus, bound(new Uint8Array())), server(plus, binds)), 'not-authorized');
  }
});

test('a type of binding that the server does not have is refused, and not as a wrong password', async () => {
  const us = client('SCRAM-SHA-256-PLUS', bound(exporter, 'tls-unique'));
  assert.is(await exchange(us, server('SCRAM-SHA-256-PLUS', binds)), 'malformed-request');
});

test('the flag y is welcome unless -PLUS was offered, the flag n always', async () => {
  const login = (gs2: 'y' | 'n', plusOffered: boolean) =>
    exchange(client('SCRAM-SHA-256', { gs2 }), server('SCRAM-SHA-256', { ...binds, plusOffered }));
  assert.is(await login('y', false), 'welcome user');
  assert.is(await login('y', true), 'not-authorized', 'somebody cut -PLUS out of the features');
  assert.is(await login('n', true), 'welcome user');
  assert.is(await login('n', false), 'welcome user');
});

const FAULTS: [about: string, fault: ScramFault, condition: SaslCondition][] = [
  ['a wrong signature', scramFaults.wrongSignature, 'server-signature-wrong'],
  ['no signature', scramFaults.omitSignature, 'server-signature-missing'],
  ['an error for a signature', scramFaults.serverError('other-error'), 'server-error'],
  ['our bare nonce', scramFaults.bareNonce, 'nonce-not-extended'],
  ['a foreign nonce', scramFaults.foreignNonce, 'nonce-not-extended'],
  ['a mandatory extension', scramFaults.mandatoryExtension, 'mandatory-extension'],
  ['too few iterations', scramFaults.iterations(1), 'iterations-too-low'],
  ['too many iterations', scramFaults.iterations(100_000_000), 'iterations-too-high'],
  ['a count that is none', scramFaults.iterations('many'), 'malformed-challenge'],
  ['a huge salt', scramFaults.salt(Buffer.alloc(5000).toString('base64')), 'salt-too-long'],
  ['an empty salt', scramFaults.salt(''), 'malformed-challenge'],
];

for (const [about, fault, condition] of FAULTS) {
  test(`a server that sends ${about} is found out`, async () => {
    for (const name of SCRAMS) {
      await refused(() => exchange(client(name), server(name, { fault })), condition, name);
      await refused(
        () => exchange(client(`${name}-PLUS`, bound()), server(`${name}-PLUS`, { ...binds, fault })),
        condition,
      );
    }
    const { serverFinal } = fault;
    if (serverFinal && fault !== scramFaults.omitSignature) {
      const them = server('SCRAM-SHA-1', { fault, signatureIn: 'challenge' });
      await refused(() => exchange(client('SCRAM-SHA-1'), them), condition);
    }
  });
}

test('a server that knows another password takes no proof and has nothing to sign with', async () => {
  const impostor = server('SCRAM-SHA-256', { password: () => 'guess' });
  assert.is(await exchange(client('SCRAM-SHA-256'), impostor), 'not-authorized');
});

const sasl = (condition: 'invalid-username' | 'invalid-password') =>
  fc
    .oneof(fc.string({ unit: 'grapheme', minLength: 1 }), fc.string({ unit: 'binary', minLength: 1 }))
    .filter((candidate) => {
      try {
        return prepare(candidate, condition) !== '';
      } catch {
        return false;
      }
    });

test('any username and password that SASLprep allows authenticate, and no other password does', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...WITH_PASSWORD),
      sasl('invalid-username'),
      sasl('invalid-password'),
      sasl('invalid-password'),
      async (name, username, password, other) => {
        const known = prepare(username, 'invalid-username');
        const accounts = { ...QUICKLY, password: (asked: string) => (asked === known ? password : undefined) };
        const us = client(name, { ...QUICK, username, password });
        assert.is(await exchange(us, server(name, accounts)), `welcome ${known}`);
        const same = prepare(other, 'invalid-password') === prepare(password, 'invalid-password');
        const stranger = client(name, { ...QUICK, username, password: other });
        assert.is(await exchange(stranger, server(name, accounts)), same ? `welcome ${known}` : 'not-authorized');
      },
    ),
  );
});

/** An exchange up to the server's final message, which is not given to the client. */
async function almost(name: string) {
  const us = client(name, QUICK);
  const them = server(name, QUICKLY);
  const first = await them.step(await us.start());
  assert.ok('challenge' in first);
  const last = await them.step(await us.respond((first as { challenge: Uint8Array }).challenge));
  return { us, final: (last as { success: Uint8Array }).success };
}

test('any change of a byte of the final message fails', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...SCRAMS),
      fc.nat(),
      fc.integer({ min: 1, max: 255 }),
      fc.boolean(),
      async (name, position, bits, inChallenge) => {
        const { us, final } = await almost(name);
        const changed = Uint8Array.from(final);
        changed[position % final.length] = (final[position % final.length] as number) ^ bits;
        assert.instance(await failure(() => (inChallenge ? us.respond(changed) : us.verify(changed))), SaslError);
        await refused(() => us.verify(null), 'server-signature-missing');
      },
    ),
    { numRuns: 500 },
  );
});

test('any end cut off the final message fails', async () => {
  for (const name of SCRAMS) {
    const { final } = await almost(name);
    for (let length = 0; length < final.length; length++) {
      const { us, final: whole } = await almost(name);
      assert.instance(await failure(() => us.verify(whole.subarray(0, length))), SaslError, `${length}`);
    }
  }
});

test('any bytes at all in place of a challenge end in an error of ours', async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (noise) => {
      const us = client('SCRAM-SHA-1');
      await us.start();
      assert.instance(await failure(() => us.respond(noise)), SaslError);
    }),
  );
});

test('a login costs one round trip more than its first message', async () => {
  const them = server('SCRAM-SHA-256');
  const us = client('SCRAM-SHA-256');
  const first = await them.step(await us.start());
  assert.ok('challenge' in first);
  const last = await them.step(await us.respond((first as { challenge: Uint8Array }).challenge));
  assert.match(text((last as { success: Uint8Array }).success) as string, /^v=/);
});

test.run();
