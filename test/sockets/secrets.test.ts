/** C.8.15: what is secret is seen by nobody who looks at a client, whatever it logs in with and however that ends. */
import { pbkdf2Sync } from 'node:crypto';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { inspect } from 'node:util';
import * as assert from 'uvu/assert';
import type { InspectionEvent } from 'xstate';
import { type ClientEvents, type ClientOptions, createClient, el, type InspectedClient } from '../../src/index.ts';
import { scramKeys, scramVariant } from '../../src/sasl/scram-keys.ts';
import { sharedCertificates } from '../../src/testing/certificates.ts';
import { scramFaults } from '../../src/testing/sasl.ts';
import type { TestServer } from '../../src/testing/server.ts';
import { Recorder } from '../../visualizations/live/record.ts';
import { type Rig, sockets } from './rig.ts';

const test = sockets('sockets/secrets');

const SECRET = 'pässwörd-of-romeo';
const ADDRESS = 'romeo@localhost';

const EVENTS: readonly (keyof ClientEvents)[] = [
  ...(['established', 'suspended', 'resumed', 'destroyed', 'stopped', 'failure', 'waiting', 'online'] as const),
  ...(['handlerError', 'invalid', 'message', 'presence'] as const),
];

const CHANNELS = ['client', 'connect', 'reconnect', 'resume', 'disconnect', 'wait', 'failure', 'stanzas'].map(
  (name) => `xstanza:${name}`,
);

/** Everything that a client shows in a run: inspection, a recording, events, channels, snapshots, logs, errors. */
async function exposed(rig: Rig, server: TestServer, options: Partial<ClientOptions>): Promise<string> {
  const seen: string[] = [];
  const show = (what: unknown) => {
    seen.push(inspect(what, { depth: 8, showHidden: true }));
    seen.push(attempt(() => JSON.stringify(what)));
    if (what instanceof Error) seen.push(String(what.stack), inspect(what.cause, { depth: 8 }));
  };
  const recorder = new Recorder({
    push: (frame) => seen.push(JSON.stringify(frame)),
    ended() {},
    chart: ({ id }) => id,
  });
  const console = { ...globalThis.console };
  for (const method of ['log', 'info', 'warn', 'error', 'debug'] as const) globalThis.console[method] = show;
  const line = (message: string) => seen.push(message);
  for (const name of CHANNELS) subscribe(name, show);
  try {
    const { client, sockets } = rig.client(server, {
      jid: ADDRESS,
      password: SECRET,
      maxInitialAttempts: 1,
      logger: { debug: line, info: line, warn: line, error: line },
      logLevel: 'trace',
      inspect: Object.assign(
        (event: InspectionEvent) => {
          recorder.inspect(event);
          seen.push(plain(event));
        },
        {
          client: (inspected: InspectedClient) => {
            recorder.client(inspected);
            inspected.tap(({ xml }) => seen.push(xml));
          },
        },
      ),
      ...options,
    });
    client.actor.on('*', show);
    client.subscribe(show);
    for (const type of EVENTS) client.on(type, show);
    const started = client.start();
    const token = client.send(el('message', { to: ADDRESS }, el('body', {}, 'hail')));
    await started.then(async () => {
      sockets.at(-1)?.destroy();
      await client.once('online', { timeout: 2_000 });
    }, show);
    await token.then(show, show);
    show(token);
    show(client);
    show(client.delivery);
    show(client.getSnapshot());
    seen.push(JSON.stringify(client.actor.getPersistedSnapshot()));
    await client.stop();
    show(client);
  } finally {
    recorder.close();
    for (const name of CHANNELS) unsubscribe(name, show);
    Object.assign(globalThis.console, console);
  }
  return seen.join('\n');
}

function attempt(text: () => string): string {
  try {
    return text();
  } catch {
    return '';
  }
}

/** An inspection event as a tool would show it. */
function plain(inspected: InspectionEvent): string {
  const { event, snapshot, action } = inspected as { event?: unknown; snapshot?: unknown; action?: unknown };
  const { value, context, output, error } = (snapshot ?? {}) as Record<string, unknown>;
  return JSON.stringify({ type: inspected.type, event, value, context, output, error, action });
}

/** Bytes in the spellings they could be shown in. */
function spellings(bytes: Uint8Array): string[] {
  const buffer = Buffer.from(bytes);
  const beginning = buffer.subarray(0, 12);
  const numbers = [...beginning].join();
  const hex = buffer.toString('hex');
  const pairs = beginning.toString('hex').replace(/..(?!$)/g, '$& ');
  return [
    buffer.toString('base64').replace(/=+$/, ''),
    buffer.toString('base64url'),
    hex,
    hex.toUpperCase(),
    pairs,
    numbers,
  ];
}

/** The secrets in every spelling: the password, whatever went over the wire inside SASL, and what SCRAM makes of both. */
function forbidden(server: TestServer): string[] {
  const payloads = server.log
    .filter(({ element }) => element.namespace === 'urn:ietf:params:xml:ns:xmpp-sasl' && element.text.length > 8)
    .map(({ element }) => element.text);
  const decoded = payloads.map((payload) => Buffer.from(payload, 'base64').toString());
  // Everything but the kind of channel binding and the name of an error.
  const parts = decoded.flatMap((text) =>
    [...text.matchAll(/(?:^|,)[a-df-z]=(?!tls-)([^,]{9,})/g)].map(([, part]) => `${part}`),
  );
  const mechanism = server.log.find(({ element }) => element.name === 'auth')?.element.attr('mechanism');
  const derived = decoded.flatMap((text) => keys(mechanism ?? '', text));
  return [
    SECRET,
    encodeURIComponent(SECRET),
    JSON.stringify(SECRET).slice(1, -1),
    ...[Buffer.from(SECRET), ...derived].flatMap(spellings),
    ...payloads,
    ...decoded,
    ...parts,
  ];
}

/** What our password is made into by a server's first message; nothing for any other. */
function keys(mechanism: string, message: string): Uint8Array[] {
  const [, salt, iterations] = /,s=([^,]+),i=(\d+)/.exec(message) ?? [];
  const variant = scramVariant(mechanism);
  if (salt === undefined || variant === undefined) return [];
  const size = { sha1: 20, sha256: 32, sha512: 64 }[variant.hash];
  const salted = pbkdf2Sync(SECRET, Buffer.from(salt, 'base64'), Number(iterations), size, variant.hash);
  const { client, stored, server } = scramKeys(variant.hash, salted);
  return [salted, client, stored, server];
}

function assertHidden(shown: string, secrets: readonly string[]): void {
  for (const secret of secrets) assert.is(shown.includes(secret), false, `shows ${secret}`);
}

const SCRAMS = ['1', '256', '512'].flatMap((hash) => [`SCRAM-SHA-${hash}`, `SCRAM-SHA-${hash}-PLUS`]);

for (const mechanism of [...SCRAMS, 'PLAIN']) {
  test(`${mechanism}: nothing of the password and of the exchange`, async (rig) => {
    const server = await rig.server({ accounts: { romeo: SECRET }, log: true });
    const shown = await exposed(rig, server, { mechanisms: [mechanism] });
    assert.match(shown, 'established');
    const secrets = forbidden(server);
    assert.ok(secrets.length > (mechanism === 'PLAIN' ? 10 : 40), String(secrets.length));
    assertHidden(shown, secrets);
  });

  test(`${mechanism}: nor of a wrong password, when it is refused`, async (rig) => {
    const server = await rig.server({ accounts: { romeo: 'another' }, log: true });
    const shown = await exposed(rig, server, { mechanisms: [mechanism] });
    assert.match(shown, 'not-authorized');
    assertHidden(shown, forbidden(server));
  });
}

for (const [name, fault] of [
  ['signs wrongly', scramFaults.wrongSignature],
  ['has a nonce of its own', scramFaults.foreignNonce],
  ['does not know the account', scramFaults.serverError('unknown-user')],
] as const) {
  test(`nor when the server ${name}`, async (rig) => {
    const server = await rig.server({ accounts: { romeo: SECRET }, log: true, scram: { fault } });
    const shown = await exposed(rig, server, { mechanisms: ['SCRAM-SHA-256-PLUS'] });
    assert.match(shown, 'failure');
    assertHidden(shown, forbidden(server));
  });
}

for (const [about, owner, end] of [
  ['accepted', ADDRESS, 'established'],
  ['another’s', 'juliet@localhost', 'another-account'],
] as const) {
  test(`EXTERNAL: nothing of the private key, also when the certificate is ${about}`, async (rig) => {
    const server = await rig.server({
      accounts: { romeo: SECRET, juliet: SECRET },
      log: true,
      mechanisms: ['EXTERNAL'],
    });
    const { cert, key } = (await sharedCertificates()).clientCert(owner);
    const shown = await exposed(rig, server, { cert, key });
    assert.match(shown, end);
    const lines = key.split('\n').filter((text) => /^[A-Za-z0-9+/=]{16,}$/.test(text));
    assert.ok(lines.length > 20);
    assertHidden(shown, [...lines, ...spellings(Buffer.from(lines.join(''), 'base64')), ...forbidden(server)]);
  });
}

test('ANONYMOUS: no trace of who we are, neither shown nor sent, also when it is refused', async (rig) => {
  for (const [mechanism, end] of [
    ['ANONYMOUS', 'established'],
    ['PLAIN', 'no-mechanism'],
  ] as const) {
    const server = await rig.server({ mechanisms: [mechanism], log: true });
    const shown = await exposed(rig, server, { jid: 'localhost', mechanisms: ['ANONYMOUS'] });
    assert.match(shown, end);
    assertHidden(shown, forbidden(server));
    const sent = server.log.filter(({ element }) => element.name === 'auth').map(({ element }) => element.text);
    assert.ok(sent.every((text) => text === '' || text === '='));
  }
});

test('a function that gives credentials is no way around', async (rig) => {
  const server = await rig.server({ accounts: { romeo: SECRET }, log: true });
  const shown = await exposed(rig, server, { credentials: async () => ({ password: SECRET }) });
  assert.match(shown, 'established');
  assertHidden(shown, forbidden(server));
});

test('nor is one that fails with what it should have given', async (rig) => {
  const server = await rig.server({ accounts: { romeo: SECRET }, log: true });
  const shown = await exposed(rig, server, {
    credentials: () => Promise.reject(new Error(`cannot decrypt ${SECRET}`)),
  });
  assert.is(shown.includes(SECRET), false);
});

test('wrong options: no error repeats a password, wherever it was put', async (rig) => {
  const { cert, key } = (await sharedCertificates()).clientCert(ADDRESS);
  const body = key.split('\n').slice(3, 9);
  const torn = ['-----BEGIN PRIVATE KEY-----', ...body, '-----END PRIVATE KEY-----'];
  const wrong: Record<string, unknown>[] = [
    { jid: `romeo:${SECRET}@localhost@x` },
    { jid: `${SECRET}@` },
    { jid: { password: SECRET } },
    { mechanisms: SECRET },
    { mechanisms: [] },
    { tls: SECRET },
    { endpoints: SECRET },
    { endpoints: [{ host: '', password: SECRET }] },
    { endpoints: [{ host: 'localhost', tls: SECRET }] },
    { endpoints: [{ host: 'localhost', port: SECRET }] },
    { queue: { whenFull: SECRET } },
    { backoff: { start: SECRET } },
    { streamManagement: { onResumeRefused: SECRET } },
    { iterations: { min: SECRET } },
    { limits: { online: { depth: SECRET } } },
    { cert: SECRET },
    { cert, key: torn.join('\n') },
    { pasword: SECRET },
    ...[[SECRET], { SECRET }, Buffer.from(SECRET), () => SECRET].map((password) => ({ password })),
  ];
  for (const options of wrong) {
    let error: unknown = null;
    try {
      createClient({ jid: ADDRESS, password: SECRET, ...options } as ClientOptions);
    } catch (thrown) {
      error = thrown;
    }
    assert.instance(error, Error, JSON.stringify(options));
    assertHidden(inspect(error, { depth: 8, showHidden: true }), [SECRET, ...body]);
  }
  // What is no password is found out once it is needed.
  const server = await rig.server({ log: true });
  for (const given of [[SECRET], { SECRET }, Buffer.from(SECRET), { password: [SECRET] }, `${SECRET}\u0007`]) {
    const shown = await exposed(rig, server, { credentials: () => given as string });
    assert.match(shown, 'failure');
    assertHidden(shown, forbidden(server));
  }
});

test.run();
