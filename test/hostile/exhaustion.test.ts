/** What a server does that takes and does not give: it is the client's own memory and time that has to last. */
import * as assert from 'uvu/assert';
import { type DeliveryError, el, QueueFullError, type Token } from '../../src/index.ts';
import { answer, dialogue, message, online, sm } from '../sockets/dialogue.ts';
import { type Rig, sleep, sockets } from '../sockets/rig.ts';

const test = sockets('hostile/exhaustion');

/** How many tokens are in which state. */
function tally(tokens: readonly Token[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { state } of tokens) counts[state] = (counts[state] ?? 0) + 1;
  return counts;
}

const numbers = (count: number, first = 0) => Array.from({ length: count }, (_, index) => first + index);

test('a server that does not read: so much waits, the rest is rejected, and all is written once it reads', async (rig) => {
  const { client, peer, sockets } = await online(rig, { queue: { limit: 10 } }, { upTo: 'bind' });
  peer.socket.pause();
  const text = 'x'.repeat(100_000);
  const send = (n: number) => client.send(el('message', {}, el('body', {}, `${n} ${text}`)));
  const tokens: Token[] = [];
  while (tokens.at(-1)?.state !== 'failed' && tokens.length < 1000) tokens.push(send(tokens.length));
  assert.instance(tokens.at(-1)?.error, QueueFullError);
  assert.is(client.delivery.queued, 10);
  const held = sockets.at(-1)?.writableLength ?? 0;
  assert.ok(held < 2 * 1024 * 1024, String(held));
  for (const n of numbers(10, 2000)) assert.is(send(n).state, 'failed');
  await sleep(5);
  assert.is(sockets.at(-1)?.writableLength, held);
  peer.socket.resume();
  const heard: number[] = [];
  while (heard.length < tokens.length - 1)
    heard.push(Number.parseInt((await answer(peer)).find('body')?.text ?? '', 10));
  assert.equal(heard, numbers(tokens.length - 1));
  assert.equal(tally(tokens), { unconfirmed: tokens.length - 1, failed: 1 });
});

test('a server that does not read does not keep a client from stopping, and nothing is left unsettled', async (rig) => {
  const { client, peer } = await online(rig, { queue: { limit: 50 }, shutdownTimeout: 20 }, { upTo: 'bind' });
  peer.socket.pause();
  const text = 'x'.repeat(100_000);
  const tokens: Token[] = [];
  while (client.delivery.queued < 50) tokens.push(client.send(el('message', {}, el('body', {}, text))));
  const request = client.request(el('iq', { type: 'get' }, el('query', { xmlns: 'urn:x' }))).catch((error) => error);
  await client.stop();
  const { unconfirmed = 0, lost } = tally(tokens);
  assert.equal([lost, unconfirmed], [50, tokens.length - 50]);
  assert.is(((await request) as DeliveryError).state, 'failed');
  peer.socket.resume();
});

test('a server that never acknowledges: 10,000 stanzas are kept for it, the next wait, and the rest is rejected', async (rig) => {
  const { client, peer } = await online(rig, { queue: { limit: 100 } });
  const tokens = numbers(10_000).map((n) => client.send(message(n)));
  assert.equal(tally(tokens), { sent: 10_000 });
  const more = numbers(120).map((n) => client.send(message(n)));
  assert.equal(tally(more), { queued: 100, failed: 20 });
  let heard = 0;
  while (heard < 10_000) if ((await peer.next()).name === 'message') heard += 1;
  assert.is(client.delivery.unacked, 10_000);
  // One that is acknowledged makes room for one.
  await peer.send(sm('a', { h: 1 }));
  while ((await peer.next()).name !== 'message');
  assert.equal([client.delivery.queued, client.delivery.unacked], [99, 10_000]);
  await peer.send(sm('a', { h: 10_001 }));
  assert.is((await answer(peer)).find('body')?.text, '1');
  assert.equal(tally(tokens), { acked: 10_000 });
  assert.equal(tally(more), { acked: 1, sent: 99, failed: 20 });
});

test('a full queue costs those who find it full no more than an empty one, whatever is taken back', async (rig) => {
  const { client, next } = await dialogue(rig);
  void client.start().catch(() => {});
  await next();
  const tokens = numbers(10_000).map((n) => client.send(message(n)));
  const looks = reads(Object.getPrototypeOf(tokens[0]), 'state');
  try {
    const more = numbers(10_000).map((n) => client.send(message(n)));
    // Whoever is taken back makes room for another.
    for (let n = 0; n < 20_000; n += 1) {
      tokens[n % 10_000]?.abort();
      tokens[n % 10_000] = client.send(message(n));
    }
    assert.ok(looks.count < 200_000, String(looks.count));
    assert.equal(tally(more), { failed: 10_000 });
  } finally {
    looks.end();
  }
  assert.equal([tally(tokens), client.delivery.queued], [{ queued: 10_000 }, 10_000]);
});

/** A client that deals with nothing, was sent so much, and has sent what the server would have to acknowledge. */
async function flooded(rig: Rig, megabytes: number) {
  const talk = await online(rig, { concurrency: 1, queue: { limit: 1 } });
  const { client, peer } = talk;
  client.on('message', () => new Promise(() => {}));
  const large = `<message><body>${'x'.repeat(64 * 1024)}</body></message>`;
  const sent = peer.send(large.repeat(megabytes * 16));
  sent.catch(() => {});
  while (client.delivery.waiting < 16) await sleep(1);
  const tokens = numbers(10_001).map((n) => client.send(message(n)));
  assert.equal(tally(tokens), { sent: 10_000, queued: 1 });
  return { ...talk, tokens };
}

test('a server that acknowledges behind a flood is heard, though nothing else is read', async (rig) => {
  const { client, peer, tokens } = await flooded(rig, 3);
  await peer.send(sm('a', { h: 10_000 }));
  await tokens[9_999];
  assert.equal(tally(tokens), { acked: 10_000, sent: 1 });
  assert.is(client.delivery.handling, 1);
});

test('a server that floods in place of an acknowledgement is left', async (rig) => {
  const { journal, tokens } = await flooded(rig, 8);
  await journal.until('destroyed policy-violation');
  assert.equal(tally(tokens), { unconfirmed: 10_000, lost: 1 });
});

/** Counts how often a getter is asked. */
function reads(prototype: object, name: string) {
  const property = Object.getOwnPropertyDescriptor(prototype, name) as PropertyDescriptor;
  const counted = { count: 0, end: () => void Object.defineProperty(prototype, name, property) };
  const get = function (this: unknown) {
    counted.count += 1;
    return property.get?.call(this);
  };
  Object.defineProperty(prototype, name, { get, configurable: true });
  return counted;
}

const REQUESTS = 100_000;

test('a hundred thousand requests: answered, taken back, timed out or lost, each once and in linear time', async (rig) => {
  const gc = (globalThis as { gc?: () => void }).gc ?? (() => {});
  const used = () => {
    gc();
    return process.memoryUsage().heapUsed;
  };
  const { client, peer } = await online(rig, { queue: { limit: REQUESTS } }, { upTo: 'bind' });
  const before = used();
  const [shared, other] = [new AbortController(), new AbortController()];
  const counts = { answered: 0, aborted: 0, late: 0, lost: 0 };
  const kinds = ['answered', 'aborted', 'late', 'lost'] as const;
  const payload = el('query', { xmlns: 'urn:x' });
  const all = numbers(REQUESTS).map((n) => {
    const kind = kinds[n % 4] as keyof typeof counts;
    const iq = el('iq', { type: 'get', id: `${kind}-${n}`, to: 'juliet@localhost/x' }, payload);
    const { signal } = kind === 'aborted' ? shared : other;
    const done = () => {
      counts[kind] += 1;
    };
    return client.request(iq, { signal, timeout: kind === 'late' ? 1 : 600_000 }).then(done, done);
  });
  console.info(`a pending request takes ${Math.round((used() - before) / REQUESTS)} bytes`);
  peer.socket.removeAllListeners('data');
  peer.socket.resume();
  const quarter = REQUESTS / 4;
  const settled = async (kind: (typeof kinds)[number], left: number) => {
    await Promise.all(all.filter((_, n) => kinds[n % 4] === kind));
    assert.equal([counts[kind], client.delivery.requests], [quarter, left * quarter]);
  };
  await settled('late', 3);
  shared.abort();
  await settled('aborted', 2);
  // From the last to the first, which is the worst for whoever looks for them.
  const answers = numbers(quarter).map((n) => `<iq type="result" id="answered-${4 * n}" from="juliet@localhost/x"/>`);
  await peer.send(answers.reverse().join(''));
  await settled('answered', 1);
  peer.reset();
  await settled('lost', 0);
});

test.run();
