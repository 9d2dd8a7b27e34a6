import * as assert from 'uvu/assert';
import type { Failure } from '../../machines/failure.ts';
import type { Choice } from '../../machines/sasl.ts';
import { type CredentialRequest, type CredentialSource, Exchange } from '../../src/client/exchange.ts';
import { describeFailure } from '../../src/error.ts';
import { SaltedPasswordCache } from '../../src/sasl/salted-password.ts';
import { createServerMechanism } from '../../src/testing/sasl.ts';
import { suite } from '../harness.ts';
import { choice, failure } from '../machines/samples.ts';
import { stanza } from '../xml/transcript.ts';

const test = suite('client/exchange');

const PASSWORD = 'correct horse battery staple';

/** An exchange with `credentials`, and the SASL elements it wrote. */
function setUp(credentials: CredentialSource = () => PASSWORD) {
  const written: string[] = [];
  const exchange = new Exchange({
    username: 'me',
    credentials,
    cache: new SaltedPasswordCache(),
    minIterations: 4096,
    maxIterations: 10_000,
    binding: (type) => {
      if (type === 'broken') throw new Error(`no binding for ${PASSWORD}`);
      return Buffer.from(type);
    },
    write: (text) => written.push(text),
  });
  /** The latest element: its name, its mechanism, and what it carries. */
  const last = () => {
    const element = stanza(written.at(-1) as string);
    return [element.name, element.attr('mechanism'), Buffer.from(element.text, 'base64').toString()];
  };
  const data = () => Buffer.from(stanza(written.at(-1) as string).text, 'base64');
  return { exchange, written, last, data };
}

const never = new AbortController().signal;

const base64 = (text: string | Uint8Array) => Buffer.from(text).toString('base64');

const choose = (mechanism: string, more: Partial<Choice> = {}): Choice => ({ ...choice, mechanism, gs2: 'n', ...more });

const request = (mechanism: string, refusal: Failure | null = null): CredentialRequest => ({
  mechanism,
  mechanisms: [mechanism],
  failure: refusal,
  signal: never,
});

// Asking for credentials.

const GIVEN: readonly [about: string, given: ReturnType<CredentialSource>, payload: string | null][] = [
  ['a password', PASSWORD, `\0me\0${PASSWORD}`],
  ['a promised password', Promise.resolve(PASSWORD), `\0me\0${PASSWORD}`],
  ['credentials', { password: 'p' }, '\0me\0p'],
  ['another name', { username: 'you', password: 'p' }, '\0you\0p'],
  ['another identity', { password: 'p', authzid: 'you@x' }, 'you@x\0me\0p'],
  ['null', null, null],
  ['nothing', undefined, null],
  ['promised nothing', Promise.resolve(undefined), null],
];

for (const [about, given, payload] of GIVEN) {
  test(`given ${about}, it ${payload === null ? 'gives up' : 'goes on'}`, async () => {
    const { exchange, last } = setUp(() => given);
    assert.is(await exchange.ask(request('PLAIN')), payload !== null);
    if (payload === null) return;
    await exchange.initiate(choose('PLAIN'));
    assert.equal(last(), ['auth', 'PLAIN', payload]);
  });
}

test('who is asked sees what for, and is asked again only when what was given was refused', async () => {
  const asked: CredentialRequest[] = [];
  const { exchange } = setUp((about) => {
    asked.push(about);
    return PASSWORD;
  });
  const first = request('SCRAM-SHA-1');
  await exchange.ask(first);
  await exchange.ask(request('PLAIN'));
  assert.equal(asked, [first]);
  const second = request('PLAIN', failure('auth', 'user', { condition: 'not-authorized' }));
  await exchange.ask(second);
  assert.is(asked[1], second);
});

test('nobody is asked to be anonymous', async () => {
  const { exchange, last } = setUp(() => {
    throw new Error('asked');
  });
  assert.is(await exchange.ask(request('ANONYMOUS')), true);
  await exchange.initiate(choose('ANONYMOUS'));
  assert.equal(last(), ['auth', 'ANONYMOUS', '']);
});

// The exchange.

/** Goes through all of it with a server of ours; `proof` is what comes with <success/>. */
async function login(mechanism: string, binding: string | null, proof: (right: Uint8Array) => string): Promise<void> {
  const server = createServerMechanism(mechanism, {
    password: () => PASSWORD,
    binding: (type) => Buffer.from(type),
    iterations: 4096,
  });
  const { exchange, last, data } = setUp();
  await exchange.ask(request(mechanism));
  await exchange.initiate(choose(mechanism, { binding, gs2: binding === null ? 'n' : 'p' }));
  const step = await server.step(data());
  if (!('challenge' in step)) throw new Error('no challenge');
  exchange.receive(base64(step.challenge));
  await exchange.respond(never);
  assert.is(last()[0], 'response');
  const end = await server.step(data());
  if (!('success' in end) || end.success === null) throw new Error('no success');
  exchange.receive(proof(end.success));
  await exchange.verify();
}

for (const [mechanism, binding] of [
  ['SCRAM-SHA-1', null],
  ['SCRAM-SHA-256-PLUS', 'tls-exporter'],
] as const) {
  test(`${mechanism} goes through, if the server proves itself`, async () => {
    await login(mechanism, binding, base64);
    const refusals: readonly [proof: (right: Uint8Array) => string, condition: string][] = [
      [(right) => base64(right.map((byte, index) => (index === 5 ? other(byte) : byte))), 'server-signature-wrong'],
      [() => '', 'server-signature-missing'],
      [() => '=', 'server-signature-missing'],
    ];
    for (const [proof, condition] of refusals) {
      const refusal = await login(mechanism, binding, proof).catch((error: Failure) => error);
      assert.equal(refusal && [refusal.kind, refusal.condition, refusal.retry], ['auth', condition, 'never']);
    }
  });
}

/** Another letter of Base64. */
const other = (letter: number): number => (letter === 0x41 ? 0x42 : 0x41);

test('an answer that comes when the exchange is over is kept', async () => {
  const { exchange, written, data } = setUp();
  await exchange.ask(request('SCRAM-SHA-1'));
  await exchange.initiate(choose('SCRAM-SHA-1'));
  const nonce = /r=(.*)/.exec(data().toString())?.[1] as string;
  exchange.receive(base64(`r=${nonce}x,s=QUJD,i=4096`));
  const over = new AbortController();
  const answered = exchange.respond(over.signal);
  over.abort();
  await answered;
  assert.is(written.length, 1);
});

test('an exchange can be aborted', () => {
  const { exchange, last } = setUp();
  exchange.abort();
  assert.equal(last(), ['abort', undefined, '']);
});

// Failures, in which nothing secret can be.

const NONCE = /r=([^,]+)/;

/** Begins SCRAM, and answers a challenge made from our nonce. */
async function challenged(make: (nonce: string) => string): Promise<void> {
  const { exchange, data } = setUp();
  await exchange.ask(request('SCRAM-SHA-1'));
  await exchange.initiate(choose('SCRAM-SHA-1'));
  exchange.receive(make(NONCE.exec(data().toString())?.[1] as string));
  await exchange.respond(never);
}

const salted = (rest: string) => (nonce: string) => base64(`r=${nonce}x,s=${base64(PASSWORD)},${rest}`);

const initiated = async (credentials: CredentialSource, what: Choice) => {
  const { exchange } = setUp(credentials);
  await exchange.ask(request(what.mechanism));
  await exchange.initiate(what);
};

const FAILURES: readonly [
  about: string,
  attempt: () => Promise<unknown>,
  condition: string,
  retry: Failure['retry'],
][] = [
  [
    'a source that throws',
    () => initiated(() => Promise.reject(new Error(PASSWORD)), choose('PLAIN')),
    'internal',
    'user',
  ],
  ['no password', () => initiated(() => ({}), choose('PLAIN')), 'password-missing', 'user'],
  [
    'a password that cannot be prepared',
    () => initiated(() => `${PASSWORD}\u0007`, choose('SCRAM-SHA-1')),
    'invalid-password',
    'user',
  ],
  [
    'a binding that fails',
    () => initiated(() => PASSWORD, choose('SCRAM-SHA-1-PLUS', { binding: 'broken', gs2: 'p' })),
    'internal',
    'never',
  ],
  ['a challenge that is not base64', () => challenged(() => `${PASSWORD}!`), 'incorrect-encoding', 'never'],
  ['a challenge of half a byte', () => challenged(() => 'AAA'), 'incorrect-encoding', 'never'],
  ['an empty challenge', () => challenged(() => ''), 'malformed-challenge', 'never'],
  ['a challenge without sense', () => challenged(() => base64(PASSWORD)), 'malformed-challenge', 'never'],
  ['too few iterations', () => challenged(salted('i=1')), 'iterations-too-low', 'never'],
  ['too many iterations', () => challenged(salted('i=99999999')), 'iterations-too-high', 'never'],
];

for (const [about, attempt, condition, retry] of FAILURES) {
  test(`${about} is a failure without a secret`, async () => {
    const error = await attempt().then(
      () => assert.unreachable('it did not fail'),
      (rejection) => rejection as Failure,
    );
    const { kind, stage } = error as Failure;
    assert.equal(
      [kind, stage, (error as Failure).condition, (error as Failure).retry],
      ['auth', 'auth', condition, retry],
    );
    const shown = `${JSON.stringify(error)} ${describeFailure(error as Failure)}`;
    for (const secret of [PASSWORD, base64(PASSWORD), 'horse']) assert.not.ok(shown.includes(secret));
  });
}

test.run();
