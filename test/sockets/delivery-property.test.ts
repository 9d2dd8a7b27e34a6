/**
 * The promise of stream management, under a server that keeps its own: however often and wherever connections break, each
 * stanza arrives once and in order, in both directions, and every token comes to its end. B.2, C.8-17, C.8-18, C.8-23.
 */
import * as fc from 'fast-check';
import * as assert from 'uvu/assert';
import { type Client, type ClientOptions, el, type Token } from '../../src/index.ts';
import type { DropKind } from '../../src/testing/faults.ts';
import type { TestServer } from '../../src/testing/server.ts';
import { type Rig, sleep, sockets } from './rig.ts';

const test = sockets('sockets/delivery-property');

/** What two clients and the network between them do for a while. */
interface Step {
  /** How many messages each of them sends in one tick. */
  readonly romeo: number;
  readonly juliet: number;
  /** Breaks the connection over which so many bytes have gone first; of either client, or of an attempt to be back. */
  readonly cut: { readonly drop: DropKind; readonly direction: 'in' | 'out'; readonly bytes: number } | null;
  /** Milliseconds until the next step. */
  readonly pause: number;
}

const step: fc.Arbitrary<Step> = fc.record({
  romeo: fc.integer({ min: 0, max: 20 }),
  juliet: fc.integer({ min: 0, max: 20 }),
  cut: fc.option(
    fc.record({
      drop: fc.constantFrom<DropKind[]>('fin', 'rst', 'rst', 'silence'),
      direction: fc.constantFrom('in', 'out'),
      bytes: fc.integer({ min: 1, max: 3000 }),
    }),
  ),
  pause: fc.integer({ min: 0, max: 4 }),
});

/** Quick to notice silence, and quick to be back. */
const OPTIONS: Partial<ClientOptions> = {
  tls: 'off',
  mechanisms: ['PLAIN'],
  plainOnLoopback: true,
  liveness: { idle: 10, answer: 10 },
  negotiationTimeout: 200,
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

test('C.8-23: nothing is lost, nothing comes twice, and the order is kept', async (rig) => {
  const server = await rig.server({ tls: 'off', mechanisms: ['PLAIN'] });
  let cuts = 0;
  const run = async (steps: readonly Step[], isSlow: boolean) => {
    const romeo = await person(rig, server, 'romeo@localhost', isSlow);
    const juliet = await person(rig, server, 'juliet@localhost', isSlow);
    for (const { romeo: his, juliet: hers, cut, pause } of steps) {
      const { drop, ...when } = cut ?? {};
      const fault = drop && server.faults.add({ drop, when: when as { direction: 'in'; bytes: number } });
      void fault?.fired.then(() => {
        cuts += 1;
      });
      send(romeo, juliet.client, his);
      send(juliet, romeo.client, hers);
      await sleep(pause);
    }
    server.faults.clear();
    const ends = await Promise.all([...romeo.tokens, ...juliet.tokens]);
    assert.ok(ends.every((state) => state === 'acked'));
    while (romeo.heard.length < juliet.tokens.length || juliet.heard.length < romeo.tokens.length) await sleep(1);
    assert.equal(romeo.heard, [...juliet.tokens.keys()]);
    assert.equal(juliet.heard, [...romeo.tokens.keys()]);
    await Promise.all([romeo.client.stop(), juliet.client.stop()]);
  };
  await fc.assert(fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 6 }), fc.boolean(), run), {
    numRuns: 50,
    seed: 198,
  });
  assert.ok(cuts >= 50, `${cuts} cuts`);
});

test.run();
