/** C.8.15: what is secret is seen by nobody who looks at a client, whatever it logs in with and however that ends. */
import { inspect } from 'node:util';
import * as assert from 'uvu/assert';
import type { InspectionEvent } from 'xstate';
import type { ClientOptions, InspectedClient } from '../../src/index.ts';
import type { TestServer } from '../../src/testing/server.ts';
import { type Rig, sockets } from './rig.ts';

const test = sockets('sockets/secrets');

const SECRET = 'pässwörd-of-romeo';
const ADDRESS = 'romeo@localhost';

/** Everything that a client shows in a run: inspection, events, snapshots, the console, errors. */
async function exposed(rig: Rig, server: TestServer, options: Partial<ClientOptions>): Promise<string> {
  const seen: string[] = [];
  const show = (what: unknown) => seen.push(inspect(what, { depth: 5 }));
  const console = { ...globalThis.console };
  for (const method of ['log', 'info', 'warn', 'error', 'debug'] as const) globalThis.console[method] = show;
  const line = (message: string) => seen.push(message);
  try {
    const { client, sockets } = rig.client(server, {
      jid: ADDRESS,
      password: SECRET,
      maxInitialAttempts: 1,
      logger: { debug: line, info: line, warn: line, error: line },
      inspect: Object.assign((event: InspectionEvent) => void seen.push(plain(event)), {
        client: (client: InspectedClient) => void client.tap(({ xml }) => seen.push(xml)),
      }),
      ...options,
    });
    client.actor.on('*', show);
    client.subscribe(show);
    await client.start().then(async () => {
      sockets.at(-1)?.destroy();
      await client.once('online', { timeout: 2_000 });
    }, show);
    show(client);
    show(client.getSnapshot());
    seen.push(JSON.stringify(client.actor.getPersistedSnapshot()));
    await client.stop();
  } finally {
    Object.assign(globalThis.console, console);
  }
  return seen.join('\n');
}

/** An inspection event as a tool would show it. */
function plain(inspected: InspectionEvent): string {
  const { event, snapshot, action } = inspected as { event?: unknown; snapshot?: unknown; action?: unknown };
  const { value, context, output, error } = (snapshot ?? {}) as Record<string, unknown>;
  return JSON.stringify({ type: inspected.type, event, value, context, output, error, action });
}

/** The secret in every spelling, and whatever went over the wire inside SASL. */
function forbidden(server: TestServer): string[] {
  const sasl = server.log
    .filter(({ element }) => element.namespace === 'urn:ietf:params:xml:ns:xmpp-sasl' && element.text.length > 8)
    .flatMap(({ element }) => [element.text, Buffer.from(element.text, 'base64').toString()]);
  const base64 = Buffer.from(SECRET).toString('base64').replace(/=+$/, '');
  return [SECRET, base64, encodeURIComponent(SECRET), ...sasl];
}

const MECHANISMS = ['SCRAM-SHA-512-PLUS', 'SCRAM-SHA-256', 'SCRAM-SHA-1', 'PLAIN'];

for (const mechanism of MECHANISMS) {
  test(`${mechanism}: nothing of the password and of the exchange`, async (rig) => {
    const server = await rig.server({ accounts: { romeo: SECRET }, log: true });
    const shown = await exposed(rig, server, { mechanisms: [mechanism] });
    assert.match(shown, 'established');
    for (const secret of forbidden(server)) assert.is(shown.includes(secret), false, `${mechanism} shows ${secret}`);
  });

  test(`${mechanism}: nor when it is refused`, async (rig) => {
    const server = await rig.server({ accounts: { romeo: 'another' }, log: true });
    const shown = await exposed(rig, server, { mechanisms: [mechanism] });
    assert.match(shown, 'not-authorized');
    for (const secret of forbidden(server)) assert.is(shown.includes(secret), false, `${mechanism} shows ${secret}`);
  });
}

test('a function that gives credentials is no way around', async (rig) => {
  const server = await rig.server({ accounts: { romeo: SECRET }, log: true });
  const shown = await exposed(rig, server, { credentials: async () => ({ password: SECRET }) });
  assert.match(shown, 'established');
  for (const secret of forbidden(server)) assert.is(shown.includes(secret), false, secret);
});

test('nor is one that fails with what it should have given', async (rig) => {
  const server = await rig.server({ accounts: { romeo: SECRET }, log: true });
  const shown = await exposed(rig, server, {
    credentials: () => Promise.reject(new Error(`cannot decrypt ${SECRET}`)),
  });
  assert.is(shown.includes(SECRET), false);
});

test.run();
