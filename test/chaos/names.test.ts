/** Name servers that fail, lie, or say nothing: what a client makes of it, how long that takes, and what is left. */
import * as assert from 'uvu/assert';
import type { ClientOptions, SrvRecord } from '../../src/index.ts';
import type { TestServer } from '../../src/testing/server.ts';
import { suite } from '../harness.ts';
import { chaosServer, STEP, verdictOf, World } from './world.ts';

const test = suite('chaos/names');

let server: TestServer;

test.before(async () => {
  server = await chaosServer();
});
test.after(() => server.close());

type ResolveSrv = NonNullable<ClientOptions['resolveSrv']>;

const trouble = (code: string, syscall: string) => Object.assign(new Error(code), { code, syscall });

const srv = (more: Partial<SrvRecord>): SrvRecord => ({ name: 'a.test', port: 5222, priority: 0, weight: 0, ...more });

const answering =
  (answer: unknown): ResolveSrv =>
  async () =>
    answer as SrvRecord[];

interface Lie {
  readonly resolveSrv: ResolveSrv;
  /** What connecting to what was named fails with; nothing else is there. */
  readonly connecting?: Error;
  readonly verdict: string;
  readonly within?: number;
}

const TROUBLE = 'dns resolve dns backoff';

const LIES: Record<string, Lie> = {
  'never answers, and cannot be told to stop': {
    resolveSrv: () => new Promise(() => {}),
    verdict: 'timeout resolve backoff',
    within: STEP,
  },
  'throws at once': {
    resolveSrv: () => {
      throw new TypeError('a defect');
    },
    verdict: TROUBLE,
  },
  'gives nothing at all': { resolveSrv: answering(undefined), verdict: TROUBLE },
  'gives no list': { resolveSrv: answering({ name: 'a.test' }), verdict: TROUBLE },
  'gives a list of nothing': { resolveSrv: answering([null, undefined]), verdict: TROUBLE },
  'gives negative ports': { resolveSrv: answering([srv({ port: -1 }), srv({ port: 65536 })]), verdict: TROUBLE },
  'gives text for numbers': { resolveSrv: answering([{ ...srv({}), port: '5222' }]), verdict: TROUBLE },
  'says that there is no XMPP': { resolveSrv: answering([srv({ name: '.' })]), verdict: 'dns resolve no-xmpp never' },
  'knows neither the service nor the domain': {
    resolveSrv: async () => {
      throw trouble('ENOTFOUND', 'querySrv');
    },
    connecting: trouble('ENOTFOUND', 'getaddrinfo'),
    verdict: 'dns connect backoff',
  },
  'names a host that nobody knows': {
    resolveSrv: answering([srv({})]),
    connecting: trouble('ENOTFOUND', 'getaddrinfo'),
    verdict: 'dns connect backoff',
  },
  'names a host of which nothing can be said just now': {
    resolveSrv: answering([srv({})]),
    connecting: trouble('EAI_AGAIN', 'getaddrinfo'),
    verdict: 'dns connect backoff',
  },
  'names a host that cannot be reached': {
    resolveSrv: answering([srv({})]),
    connecting: trouble('EHOSTUNREACH', 'connect'),
    verdict: 'network connect backoff',
  },
  'names ten thousand hosts that cannot be reached': {
    resolveSrv: answering(Array.from({ length: 10_000 }, (_, n) => srv({ name: `${n}.test` }))),
    connecting: trouble('ENETUNREACH', 'connect'),
    verdict: 'network connect backoff',
  },
};

for (const [name, { resolveSrv, connecting, verdict, within = 0 }] of Object.entries(LIES)) {
  test(`a name server that ${name}: ${verdict}`, async () => {
    let dialed = 0;
    const world = new World(server, {
      resolveSrv,
      connect: async () => {
        dialed += 1;
        throw connecting ?? new Error('nothing was named');
      },
    });
    world.start();
    await world.pass('at rest', () => /^(waiting|failed)$/.test(world.state), within);
    assert.is(verdictOf(world.reasons[0] as never), verdict);
    assert.is(dialed > 0, connecting !== undefined);
    assert.ok(dialed <= 16);
    await world.stop(0);
  });
}

test('stop while a name server says nothing, and an answer that comes too late', async () => {
  let answer: (records: SrvRecord[]) => void = () => {};
  const world = new World(server, {
    resolveSrv: () =>
      new Promise((resolve) => {
        answer = resolve;
      }),
  });
  world.start();
  await world.still();
  await world.stop(0);
  answer([srv({})]);
  await world.gone();
  assert.equal(world.memory.links, []);
});

test('a name that was not known for a while is asked for again', async () => {
  const answers = [null, [], [srv({})]];
  const world = new World(server, {
    resolveSrv: async (name) => (name.startsWith('_xmpps') ? [] : ((answers.shift() ?? [srv({})]) as SrvRecord[])),
  });
  await world.online();
  await world.stop();
});

test.run();
