/** What brings a connection about, or says so, and does it badly: proxies of the application, and bytes out of turn. */
import { Duplex } from 'node:stream';
import * as assert from 'uvu/assert';
import { type ClientOptions, el } from '../../src/index.ts';
import { streamError, streamFeatures, streamHeader, streamText } from '../../src/testing/framing.ts';
import type { MemorySocket } from '../../src/testing/memory.ts';
import { NS } from '../../src/testing/names.ts';
import { suite } from '../harness.ts';
import { DOMAIN, STEP, verdictOf, World } from './world.ts';

const test = suite('chaos/proxies');

type Connect = NonNullable<ClientOptions['connect']>;

/** A server that accepts and says what it is told to; mostly nothing. */
const nobody = (accept: (socket: MemorySocket) => void = () => {}) => ({ ca: '', accept });

/** A stream that leads nowhere. */
const dead = () => new Duplex({ read: () => {}, write: (_, __, done) => done() });

const coded = (code: string) => Object.assign(new Error(code), { code, syscall: 'connect' });

interface Proxy {
  readonly connect: Connect;
  /** Of a connection in clear, and of one with TLS first. */
  readonly verdicts: readonly [clear: string, direct: string];
  readonly within?: number;
}

const ENDED = ['network stream backoff', 'network tls backoff'] as const;

const always = (verdict: string) => [verdict, verdict] as const;

const PROXIES: Record<string, Proxy> = {
  rejects: {
    connect: async () => {
      throw new Error('no');
    },
    verdicts: always('network connect backoff'),
  },
  'throws at once': {
    connect: () => {
      throw new Error('no');
    },
    verdicts: always('network connect backoff'),
  },
  'has no more files to open': {
    connect: async () => {
      throw coded('EMFILE');
    },
    verdicts: always('network connect backoff'),
  },
  'never says anything': {
    connect: () => new Promise(() => {}),
    verdicts: always('timeout connect backoff'),
    within: STEP,
  },
  'gives what is no stream': {
    connect: async () => undefined as unknown as Duplex,
    verdicts: always('network connect backoff'),
  },
  'gives a stream that is closed already': {
    connect: async () => dead().destroy(),
    verdicts: ENDED,
  },
  'gives a stream that broke already': {
    connect: async () =>
      dead()
        .on('error', () => {})
        .destroy(coded('ECONNRESET')),
    verdicts: ENDED,
  },
  'gives a stream that has ended already': {
    connect: async () => {
      const stream = dead();
      stream.push(null);
      return stream;
    },
    verdicts: ENDED,
  },
  'gives a stream that breaks at once': {
    connect: async () => {
      const stream = dead();
      queueMicrotask(() => queueMicrotask(() => queueMicrotask(() => stream.destroy(coded('EPIPE')))));
      return stream;
    },
    verdicts: ENDED,
  },
};

for (const [name, { connect, verdicts, within = 0 }] of Object.entries(PROXIES)) {
  for (const [how, direct] of [
    ['in clear', false],
    ['with TLS first', true],
  ] as const) {
    test(`a proxy that ${name}, ${how}`, async () => {
      const world = new World(nobody(), { connect, direct });
      world.start();
      await world.pass('waiting', () => world.state === 'waiting', within);
      assert.is(verdictOf(world.reasons[0] as never), verdicts[direct ? 1 : 0]);
      assert.equal([world.census().timers, world.census().signals], [1, 0]);
      await world.stop(0);
    });
  }
}

test('a proxy that ignores its signal: what it gives too late is closed', async () => {
  for (const end of ['deadline', 'stop'] as const) {
    let give: (stream: Duplex) => void = () => {};
    const connect: Connect = () =>
      new Promise((resolve) => {
        give = resolve;
      });
    const world = new World(nobody(), { connect });
    world.start();
    await world.still();
    if (end === 'stop') await world.stop(0);
    else await world.pass('waiting', () => world.state === 'waiting', STEP);
    const late = dead();
    give(late);
    await world.still();
    late.emit('error', coded('ECONNRESET'));
    assert.ok(late.destroyed);
    if (end === 'deadline') await world.stop(0);
  }
});

const HEADER = streamHeader({ id: 'x', from: DOMAIN, version: '1.0' }).text;
const MECHANISMS = el('mechanisms', { xmlns: NS.sasl }, el('mechanism', {}, 'SCRAM-SHA-256'));
const FEATURES = streamText(streamFeatures(MECHANISMS));

/** What a server says in one piece, and then does in the same tick. */
const OUT_OF_TURN: Record<string, { text: string; end?: (socket: MemorySocket) => void; verdict: string }> = {
  'features and a stream error': {
    text: HEADER + FEATURES + streamText(streamError('host-unknown')),
    verdict: 'stream stream host-unknown backoff',
  },
  'features and the footer': { text: `${HEADER}${FEATURES}</stream:stream>`, verdict: 'stream stream backoff' },
  'a header and FIN': { text: HEADER, end: (socket) => socket.end(), verdict: 'network stream backoff' },
  'features and FIN': { text: HEADER + FEATURES, end: (socket) => socket.end(), verdict: 'network stream backoff' },
  'nothing but FIN': { text: '', end: (socket) => socket.end(), verdict: 'network stream backoff' },
};

for (const [name, { text, end, verdict }] of Object.entries(OUT_OF_TURN)) {
  for (const [how, turns] of [
    ['when the client has connected', 0],
    ['before the client knows that it has connected', 20],
  ] as const) {
    test(`${name} in one piece, ${how}`, async () => {
      const server = nobody((socket) => {
        socket.on('error', () => {}).resume();
        if (text !== '') socket.write(text);
        end?.(socket);
      });
      const world: World = new World(server, {
        tls: 'off',
        connect: async (endpoint, options) => {
          const socket = await world.memory.connect(endpoint, options);
          for (let turn = 0; turn < turns; turn += 1) await new Promise(setImmediate);
          return socket;
        },
      });
      world.start();
      await world.pass('waiting', () => world.state === 'waiting', 5_000 + 1_000);
      assert.is(verdictOf(world.reasons[0] as never), verdict);
      world.memory.close();
      await world.stop(0);
    });
  }
}

test.run();
