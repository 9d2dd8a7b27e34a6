/** C.8: whatever happens to a client and its server, in whatever order, what is announced keeps to one grammar. */
import fc from 'fast-check';
import * as assert from 'uvu/assert';
import type { Client } from '../../src/index.ts';
import type { TestServer } from '../../src/testing/server.ts';
import { GRAMMAR, LETTERS } from './grammar.ts';
import { type Rig, sleep, sockets } from './rig.ts';
import { STEPS } from './steps.ts';

const test = sockets('sockets/lifecycle-invariants');

/** Everything that people, networks and servers do. */
const ACTS: Record<string, (client: Client, server: TestServer) => unknown> = {
  start: (client) => void client.start(),
  stop: (client) => void client.stop(),
  'stop and wait': (client) => client.stop(),
  retry: (client) => client.retry(),
  wake: (client) => client.wake(),
  probe: (client) => void client.probe(),
  'no network': (client) => client.network('offline'),
  'a network': (client) => client.network('online'),
  fin: (_, server) => server.drop('fin'),
  rst: (_, server) => server.drop('rst'),
  silence: (_, server) => server.drop('silence'),
  footer: (_, server) => server.connections[0]?.end(),
  shutdown: (_, server) => server.connections[0]?.end('system-shutdown'),
  conflict: (_, server) => server.connections[0]?.end('conflict'),
  'bad XML': (_, server) => server.connections[0]?.write(Buffer.from('</x>')),
  'too high an acknowledgement': (_, server) => server.connections[0]?.send('<a xmlns="urn:xmpp:sm:3" h="99"/>'),
  restart: (_, server) => server.restart(),
  'no stream management': (_, server) => server.configure({ sm: false }),
  'stream management': (_, server) => server.configure({ sm: {} }),
  'another password': (_, server) => server.accounts.set('romeo', 'another'),
  'the password': (_, server) => server.accounts.set('romeo', 'secret'),
};
for (const { name, stage, when, direct } of STEPS) {
  if (!direct && stage !== 'tls')
    ACTS[`rst at ${name}`] = (_, server) => server.faults.add({ drop: 'rst', when: when() });
}

const history = fc.array(
  fc.record({
    // Without a start the others are about nothing.
    act: fc.oneof(
      { weight: 1, arbitrary: fc.constant('start') },
      { weight: 3, arbitrary: fc.constantFrom(...Object.keys(ACTS)) },
    ),
    /** Milliseconds that the client is given to come online. */
    patience: fc.constantFrom(0, 1, 30),
  }),
  { minLength: 15, maxLength: 15 },
);

/** Lives through a history and says what was announced. */
async function announced(rig: Rig, acts: Iterable<{ act: string; patience: number }>): Promise<string> {
  const server = await rig.server({ tls: 'off' });
  const { client } = rig.client(server, {
    tls: 'off',
    negotiationTimeout: 100,
    shutdownTimeout: 5,
    liveness: { idle: 10, answer: 10 },
  });
  let told = '';
  for (const [event, letter] of Object.entries(LETTERS)) {
    client.on(event as keyof typeof LETTERS, () => {
      told += letter;
    });
  }
  for (const { act, patience } of acts) {
    await ACTS[act]?.(client, server);
    if (patience === 0) continue;
    // What was done to the connection has to come through first.
    await sleep(1);
    await client.waitFor('online', { timeout: patience }).catch(() => {});
  }
  await client.stop();
  await server.close();
  return told;
}

test('C.8.1 to C.8.7: what is announced makes sense, whatever happens', (rig) =>
  fc.assert(
    fc.asyncProperty(history, async (acts) => assert.match(await announced(rig, acts), GRAMMAR)),
    { numRuns: 20, seed: 6120 },
  ));

test.run();
