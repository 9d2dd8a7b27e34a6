/**
 * The promise of stream management, under a server that keeps its own: however often and wherever connections break, each
 * stanza arrives once and in order, in both directions, and every token comes to its end. B.2, C.8-17, C.8-18, C.8-23.
 */
import * as fc from 'fast-check';
import * as assert from 'uvu/assert';
import { type Client, type ClientOptions, el, type Token } from '../../src/index.ts';
import type { DropFault } from '../../src/testing/faults.ts';
import type { TestServer } from '../../src/testing/server.ts';
import { type Rig, sleep, sockets } from './rig.ts';

const test = sockets('sockets/delivery-property');

/** What two clients and the network between them do for a while. */
interface Step {
  /** How many messages each of them sends in one tick. */
  readonly romeo: number;
  readonly juliet: number;
  /** Breaks the connection over which so many bytes have gone first; of either client, or of an attempt to be back. */
  readonly cut: DropFault | null;
  /** Milliseconds until the next step. */
  readonly pause: number;
}

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.record({
    romeo: fc.nat(20),
    juliet: fc.nat(20),
    cut: fc.option(
      fc.record({
        drop: fc.constantFrom('fin', 'rst', 'rst', 'silence'),
        when: fc.record({ direction: fc.constantFrom('in', 'out'), bytes: fc.integer({ min: 1, max: 3000 }) }),
      }),
    ),
    pause: fc.nat(4),
  }),
  { minLength: 1, maxLength: 6 },
);

/** Quick to notice silence, and quick to be back. */
const OPTIONS: Partial<ClientOptions> = {
  tls: 'off',
  mechanisms: ['PLAIN'],
  plainOnLoopback: true,
  liveness: { idle: 20, answer: 20 },
  negotiationTimeout: 200,
  shutdownTimeout: 100,
  maxInitialAttempts: null,
};

/** A client that remembers what it hears. */
async function person(rig: Rig, server: TestServer, jid: string, isSlow: boolean) {
  const { client } = await rig.online(server, { ...OPTIONS, jid });
  if (isSlow) {
    let count = 0;
    for (const direction of ['inbound', 'outbound'] as const) {
      client.filter(direction, (stanza) => {
        count += 1;
        return count % 3 === 0 ? sleep(1).then(() => stanza) : stanza;
      });
    }
  }
  const heard: number[] = [];
  client.on('message', ({ body }) => heard.push(Number(body)));
  return { client, heard, tokens: [] as Token[] };
}

type Person = Awaited<ReturnType<typeof person>>;

function send({ client, tokens }: Person, to: Client, count: number): void {
  for (let i = 0; i < count; i += 1) {
    tokens.push(client.send(el('message', { to: to.jid.toString() }, el('body', {}, tokens.length))));
  }
}

/** Takes the steps and says how many connections they broke. */
async function run(rig: Rig, server: TestServer, steps: readonly Step[], isSlow: boolean): Promise<number> {
  const romeo = await person(rig, server, 'romeo@localhost', isSlow);
  const juliet = await person(rig, server, 'juliet@localhost', isSlow);
  const faults = [];
  for (const { romeo: his, juliet: hers, cut, pause } of steps) {
    if (cut !== null) faults.push(server.faults.add(cut));
    send(romeo, juliet.client, his);
    send(juliet, romeo.client, hers);
    await sleep(pause);
  }
  server.faults.clear();
  const ends = await Promise.all([...romeo.tokens, ...juliet.tokens]);
  assert.ok(ends.every((state) => state === 'acked'));
  while (romeo.heard.length < juliet.tokens.length || juliet.heard.length < romeo.tokens.length) await sleep(1);
  await Promise.all([romeo.client.stop(), juliet.client.stop()]);
  assert.equal(romeo.heard, [...juliet.tokens.keys()]);
  assert.equal(juliet.heard, [...romeo.tokens.keys()]);
  return faults.filter(({ count }) => count > 0).length;
}

for (const seed of [1, 2, 3, 4, 5]) {
  test(`C.8-23: nothing is lost, nothing comes twice, and the order is kept (seed ${seed})`, async (rig) => {
    const server = await rig.server({ tls: 'off', mechanisms: ['PLAIN'] });
    let cuts = 0;
    const property = fc.asyncProperty(steps, fc.boolean(), async (some, isSlow) => {
      cuts += await run(rig, server, some, isSlow);
    });
    await fc.assert(property, { numRuns: 10, seed });
    assert.ok(cuts >= 5, `${cuts} cuts`);
  });
}

test.run();
