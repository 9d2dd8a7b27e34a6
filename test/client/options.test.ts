import * as assert from 'uvu/assert';
import { type ClientOptions, readEndpoint, resolveOptions } from '../../src/client/options.ts';
import { systemClock } from '../../src/clock.ts';
import { OptionError } from '../../src/error.ts';
import { JID } from '../../src/jid.ts';
import { CONNECT_LIMITS, ONLINE_LIMITS } from '../../src/xml/parser.ts';
import { suite } from '../harness.ts';
import { authority } from '../transport/certificates.ts';

const test = suite('client/options');

const { ca, issue } = authority();
const { cert, key } = issue({ names: ['example.org'] });

const BASIC: ClientOptions = { jid: 'me@example.org/home', password: 'secret' };

const SCRAM = [
  'SCRAM-SHA-512-PLUS',
  'SCRAM-SHA-256-PLUS',
  'SCRAM-SHA-1-PLUS',
  'SCRAM-SHA-512',
  'SCRAM-SHA-256',
  'SCRAM-SHA-1',
];

test('what is left out is filled in', () => {
  const resolved = resolveOptions(BASIC);
  assert.equal(resolved.settings, {
    domain: 'example.org',
    resource: 'home',
    tls: 'required',
    mechanisms: [...SCRAM, 'PLAIN'],
    bareLogin: false,
    asks: 1,
    negotiationTimeout: 60_000,
    shutdownTimeout: 5_000,
    backoff: { start: 1_000, factor: 1.2, cap: 60_000 },
    settle: 10_000,
    maxInitialAttempts: 4,
    allowImplicitReconnect: true,
    liveness: { idle: 60_000, answer: 60_000 },
    sm: { resume: true, max: null },
  });
  assert.equal(resolved.limits, { connecting: CONNECT_LIMITS, online: ONLINE_LIMITS });
  assert.equal(resolved.iterations, { min: 4096, max: 1_000_000 });
  assert.equal([resolved.resend, resolved.queueLimit, resolved.tls], [false, 10_000, {}]);
  assert.is(resolved.clock, systemClock);
  assert.is(resolved.random, Math.random);
});

test('what the charts are given holds no secret', () => {
  const settings = JSON.stringify(resolveOptions({ ...BASIC, password: 'secret-1', key, cert }).settings);
  assert.not.match(settings, 'secret');
  assert.not.match(settings, 'BEGIN');
});

const SETTINGS: readonly [given: Partial<ClientOptions>, settings: object][] = [
  [{ jid: JID.parse('you@example.com') }, { domain: 'example.com', resource: null }],
  [
    { tls: 'off', plainOnLoopback: true },
    { tls: 'off', bareLogin: true },
  ],
  [{ credentials: () => 'x' }, { asks: 3 }],
  [
    { negotiationTimeout: 1, shutdownTimeout: 0, settle: 0 },
    { negotiationTimeout: 1, shutdownTimeout: 0, settle: 0 },
  ],
  [{ backoff: { cap: 5 } }, { backoff: { start: 1_000, factor: 1.2, cap: 5 } }],
  [{ maxInitialAttempts: null }, { maxInitialAttempts: null }],
  [{ maxInitialAttempts: 1 }, { maxInitialAttempts: 1 }],
  [{ allowImplicitReconnect: false }, { allowImplicitReconnect: false }],
  [{ liveness: false }, { liveness: null }],
  [{ liveness: { idle: 5 } }, { liveness: { idle: 5, answer: 60_000 } }],
  [{ streamManagement: false }, { sm: null }],
  [{ streamManagement: {} }, { sm: { resume: true, max: null } }],
  [{ streamManagement: { resume: false } }, { sm: { resume: false, max: null } }],
  [{ streamManagement: { max: 300 } }, { sm: { resume: true, max: 300 } }],
  [{ streamManagement: { max: 0 } }, { sm: { resume: false, max: null } }],
  [{ streamManagement: { max: 0, resume: true } }, { sm: { resume: false, max: null } }],
];

for (const [given, expected] of SETTINGS) {
  test(`${JSON.stringify(given)} becomes ${JSON.stringify(expected)}`, () => {
    const settings = resolveOptions({ ...BASIC, ...given }).settings as unknown as Record<string, unknown>;
    for (const [name, value] of Object.entries(expected)) assert.equal(settings[name], value);
  });
}

const MECHANISMS: readonly [about: string, given: ClientOptions, mechanisms: string[]][] = [
  ['a password', { jid: 'me@x', password: '' }, [...SCRAM, 'PLAIN']],
  ['something to ask', { jid: 'me@x', credentials: () => null }, [...SCRAM, 'PLAIN']],
  ['a certificate', { jid: 'me@x', cert, key }, ['EXTERNAL']],
  ['a certificate and a password', { jid: 'me@x', cert, key, password: '' }, ['EXTERNAL', ...SCRAM, 'PLAIN']],
  ['a TLS context', { jid: 'me@x', secureContext: {} as never }, ['EXTERNAL']],
  ['no name', { jid: 'x' }, ['ANONYMOUS']],
  ['no name, and a certificate', { jid: 'x', cert, key }, ['EXTERNAL']],
  ['a list', { jid: 'me@x', mechanisms: ['PLAIN'] }, ['PLAIN']],
];

for (const [about, given, mechanisms] of MECHANISMS) {
  test(`the mechanisms with ${about}`, () => assert.equal(resolveOptions(given).settings.mechanisms, mechanisms));
}

const anything = (value: unknown) => value as never;

const WRONG: readonly [path: string, given: Partial<ClientOptions>][] = [
  ['jid', { jid: '@' }],
  ['jid', { jid: '' }],
  ['jid', { jid: anything(undefined) }],
  ['jid', { jid: anything(5) }],
  ['password', { password: anything(undefined) }],
  ['options', anything(null)],
  ['passwort', anything({ passwort: 'x' })],
  ['backoff.min', { backoff: anything({ min: 1 }) }],
  ['backoff', { backoff: anything(5) }],
  ['liveness', { liveness: anything(true) }],
  ['liveness.timeout', { liveness: anything({ timeout: 1 }) }],
  ['streamManagement.resume', { streamManagement: { resume: anything('yes') } }],
  ['streamManagement.on', { streamManagement: anything({ on: true }) }],
  ['queue.size', { queue: anything({ size: 1 }) }],
  ['limits.later', { limits: anything({ later: {} }) }],
  ['limits.online.bytes', { limits: { online: anything({ bytes: 1 }) } }],
  ['iterations.most', { iterations: anything({ most: 1 }) }],
  ['endpoints[0].hostname', { endpoints: [anything({ hostname: 'a' })] }],
  ['endpoints[0]', { endpoints: [anything('a:5222')] }],
  ['password', { password: anything(5) }],
  ['credentials', { credentials: anything('x') }],
  ['lang', { lang: anything(5) }],
  ['connect', { connect: anything({}) }],
  ['resolveSrv', { resolveSrv: anything('8.8.8.8') }],
  ['configureSocket', { configureSocket: anything({}) }],
  ['inspect', { inspect: anything({}) }],
  ['random', { random: anything(0.5) }],
  ['family', { family: anything(5) }],
  ['logger', { logger: anything({ log: () => {} }) }],
  ['logger', { logger: anything(null) }],
  ['logLevel', { logLevel: anything('verbose') }],
  ['clock', { clock: anything(Date) }],
  ['concurrency', { concurrency: 0 }],
  ['concurrency', { concurrency: Number.POSITIVE_INFINITY }],
  ['plainOnLoopback', { plainOnLoopback: anything('no') }],
  ['allowImplicitReconnect', { allowImplicitReconnect: anything(1) }],
  ['mechanisms[1]', { mechanisms: ['PLAIN', 'SCRAM-SHA-265'] }],
  ['minVersion', { minVersion: anything('TLSv1.1') }],
  ['maxVersion', { maxVersion: anything('SSLv3') }],
  ['maxVersion', { minVersion: 'TLSv1.3', maxVersion: 'TLSv1.2' }],
  ['ciphers', { ciphers: 'NONE-SUCH' }],
  ['ca', { ca: 'ca.pem' }],
  ['ca', { ca: [ca, '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----'] }],
  ['cert', { cert: 'cert.pem', key }],
  ['cert', { key }],
  ['key', { cert }],
  ['key', { cert, key: 'key.pem' }],
  ['key', { cert, key: authority().issue({}).key }],
  ['checkServerIdentity', { checkServerIdentity: anything('no') }],
  ['mechanisms', { mechanisms: [] }],
  ['mechanisms', { mechanisms: anything('PLAIN') }],
  ['iterations.min', { iterations: { min: 0 } }],
  ['iterations.min', { iterations: { min: 1.5 } }],
  ['iterations.max', { iterations: { max: 4095 } }],
  ['iterations.max', { iterations: { max: Number.NaN } }],
  ['tls', { tls: anything('yes') }],
  ['tls', { tls: anything(true) }],
  ['endpoints', { endpoints: anything('localhost:5222') }],
  ['endpoints[0].host', { endpoints: [{ host: '' }] }],
  ['endpoints[1].port', { endpoints: [{ host: 'a' }, { host: 'b', port: 0 }] }],
  ['endpoints[0].port', { endpoints: [{ host: 'a', port: 65536 }] }],
  ['endpoints[0].port', { endpoints: [{ host: 'a', port: anything('5222') }] }],
  ['endpoints[0].tls', { endpoints: [{ host: 'a', tls: anything('none') }] }],
  ['negotiationTimeout', { negotiationTimeout: 0 }],
  ['negotiationTimeout', { negotiationTimeout: Number.POSITIVE_INFINITY }],
  ['negotiationTimeout', { negotiationTimeout: 2 ** 31 }],
  ['negotiationTimeout', { negotiationTimeout: anything('60') }],
  ['shutdownTimeout', { shutdownTimeout: -1 }],
  ['backoff.start', { backoff: { start: 0 } }],
  ['backoff.factor', { backoff: { factor: 0.5 } }],
  ['backoff.factor', { backoff: { factor: Number.POSITIVE_INFINITY } }],
  ['backoff.cap', { backoff: { cap: 2 ** 31 } }],
  ['settle', { settle: Number.NaN }],
  ['maxInitialAttempts', { maxInitialAttempts: 0 }],
  ['maxInitialAttempts', { maxInitialAttempts: 1.5 }],
  ['liveness.idle', { liveness: { idle: 0 } }],
  ['liveness.idle', { liveness: { idle: Number.POSITIVE_INFINITY } }],
  ['liveness.answer', { liveness: { answer: -1 } }],
  ['whitespaceKeepalive', { whitespaceKeepalive: 0 }],
  ['whitespaceKeepalive', { whitespaceKeepalive: anything(true) }],
  ['streamManagement.max', { streamManagement: { max: -1 } }],
  ['streamManagement.max', { streamManagement: { max: 0.5 } }],
  ['streamManagement.onResumeRefused', { streamManagement: { onResumeRefused: anything('retry') } }],
  ['queue.limit', { queue: { limit: -1 } }],
  ['queue.whenFull', { queue: { whenFull: anything('wait') } }],
  ['limits.online.depth', { limits: { online: { depth: 0 } } }],
  ['limits.online.stanzaBytes', { limits: { online: { stanzaBytes: anything('1M') } } }],
  ['limits.connecting.attributes', { limits: { connecting: { attributes: Number.NaN } } }],
  ['limits.connecting.attributeLength', { limits: { connecting: { attributeLength: -1 } } }],
];

for (const [path, given] of WRONG) {
  const short = (inner: unknown) => (typeof inner === 'number' ? String(inner) : String(inner).slice(0, 40));
  const value = JSON.stringify(given, (_, inner) => (typeof inner === 'object' ? inner : short(inner)));
  test(`${value} is blamed on ${path}`, () => {
    try {
      resolveOptions(given === null ? given : { ...BASIC, ...given });
    } catch (error) {
      assert.instance(error, OptionError);
      assert.instance(error, TypeError);
      assert.is((error as OptionError).path, path);
      assert.ok((error as OptionError).message.startsWith(`${path} `));
      return;
    }
    assert.unreachable('it was accepted');
  });
}

test('an error names no value, which may be secret', () => {
  assert.throws(
    () => resolveOptions({ ...BASIC, tls: anything('hunter2') }),
    (error: Error) => !error.message.includes('hunter2'),
  );
});

test('what is in a file is not in the error about it', () => {
  for (const given of [{ cert, key: 'hunter2' }, { ca: 'hunter2' }, { cert: 'hunter2', key }]) {
    assert.throws(
      () => resolveOptions({ ...BASIC, ...given }),
      (error: Error) => !error.message.includes('hunter2') && !error.message.includes('BEGIN'),
    );
  }
});

test('an option that is none is told with those that there are', () => {
  assert.throws(
    () => resolveOptions({ ...BASIC, backoff: anything({ min: 1 }) }),
    /^backoff\.min is no option; there are: start, factor, cap$/,
  );
});

test('what is undefined is left out', () => {
  const names = ['password', 'backoff', 'logger', 'ca', 'family', 'liveness', 'plainOnLoopback', 'concurrency'];
  const nothing = Object.fromEntries(names.map((name) => [name, undefined]));
  const resolved = resolveOptions({ ...BASIC, ...nothing, password: 'x' } as ClientOptions);
  assert.equal(resolved.settings, resolveOptions(BASIC).settings);
});

test('limits are changed one by one, and what is undefined is left out', () => {
  const { limits } = resolveOptions({
    ...BASIC,
    limits: { connecting: { depth: 5 }, online: { stanzaBytes: anything(undefined) } },
  });
  assert.equal(limits, { connecting: { ...CONNECT_LIMITS, depth: 5 }, online: ONLINE_LIMITS });
});

test('more iterations than the usual maximum may be demanded', () => {
  assert.equal(resolveOptions({ ...BASIC, iterations: { min: 2_000_000 } }).iterations, {
    min: 2_000_000,
    max: 2_000_000,
  });
});

const request = { mechanism: 'PLAIN', mechanisms: [], failure: null, signal: new AbortController().signal };

test('a password is what is answered to who asks for credentials', async () => {
  assert.equal(await resolveOptions(BASIC).credentials(request), { password: 'secret' });
  assert.equal(await resolveOptions({ jid: 'me@x', cert, key }).credentials(request), {});
  const credentials = () => 'other';
  assert.is(resolveOptions({ ...BASIC, credentials }).credentials, credentials);
});

test('endpoints are named as they were given, or by who is asked', async () => {
  const where = { domain: 'example.org', signal: request.signal };
  assert.equal(await resolveOptions(BASIC).endpoints(where), []);
  const list = [{ host: 'a' }];
  assert.is(await resolveOptions({ ...BASIC, endpoints: list }).endpoints(where), list);
  const source = () => list;
  assert.is(resolveOptions({ ...BASIC, endpoints: source }).endpoints, source);
});

test('an endpoint has the usual port of its kind', () => {
  assert.equal(readEndpoint({ host: 'a' }, ''), { host: 'a', port: 5222, tls: 'starttls', source: 'application' });
  assert.equal(readEndpoint({ host: '::1', tls: 'direct' }, ''), {
    host: '::1',
    port: 5223,
    tls: 'direct',
    source: 'application',
  });
  assert.is(readEndpoint({ host: 'a', port: 443, tls: 'direct' }, '').port, 443);
});

test('TLS is given what concerns it', () => {
  const tls = {
    ca,
    cert,
    key,
    ciphers: 'HIGH',
    minVersion: 'TLSv1.3',
    checkServerIdentity: () => undefined,
  };
  assert.equal(resolveOptions({ ...BASIC, ...tls } as ClientOptions).tls, tls);
});

test('resending is asked for', () => {
  const streamManagement = { onResumeRefused: 'resend' } as const;
  assert.ok(resolveOptions({ ...BASIC, streamManagement }).resend);
  assert.not(resolveOptions({ ...BASIC, streamManagement: false }).resend);
});

test.run();
