import type { Duplex } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import * as assert from 'uvu/assert';
import { type Client, createClient } from '../../src/client/client.ts';
import type { ClientOptions } from '../../src/client/options.ts';
import { ManualClock } from '../../src/testing/clock.ts';
import type { DropKind } from '../../src/testing/faults.ts';
import { type MemoryLink, type MemoryOptions, memoryTransport } from '../../src/testing/memory.ts';
import { type ScriptedServer, scriptedServer } from '../../src/testing/scripted.ts';
import { type TestServer, testServer } from '../../src/testing/server.ts';
import { el } from '../../src/xml/element.ts';
import { suite } from '../harness.ts';

const test = suite('testing: connections in memory');

const ACCOUNTS = { romeo: 'secret', juliet: 'secret' };

/** How a stream ends, as it goes on. */
function ending(stream: Duplex): string[] {
  const events: string[] = [];
  for (const event of ['end', 'close']) stream.on(event, () => events.push(event));
  stream.on('error', ({ code }: NodeJS.ErrnoException) => events.push(code ?? '')).resume();
  return events;
}

/** The two ends of one link, and what the server's end heard. */
async function pair(options: MemoryOptions = {}) {
  const heard: Buffer[] = [];
  let events: string[] = [];
  const memory = memoryTransport(
    {
      accept: (socket) => {
        socket.on('data', (bytes) => heard.push(bytes));
        events = ending(socket);
      },
    },
    options,
  );
  const near = await memory.connect(
    { host: 'memory', port: 5222, tls: 'starttls', source: 'application' },
    { signal: new AbortController().signal },
  );
  near.on('error', () => {});
  const { far } = memory.link as MemoryLink;
  return {
    memory,
    link: memory.link as MemoryLink,
    near,
    far,
    heard,
    events,
    text: () => Buffer.concat(heard).toString(),
  };
}

/** A client of a server in memory. */
function romeo(server: TestServer | ScriptedServer, options: Partial<ClientOptions & MemoryOptions> = {}) {
  const { onLink, ...rest } = options;
  const memory = memoryTransport(server, { ...(onLink && { onLink }), ...(rest.clock && { clock: rest.clock }) });
  const client = createClient({
    jid: 'romeo@localhost',
    password: 'secret',
    ca: server.ca,
    endpoints: [server.endpoint],
    connect: memory.connect,
    backoff: { start: 1, factor: 1, cap: 1 },
    ...rest,
  });
  return { client, memory };
}

/** Says something to oneself, and waits until it is heard. */
async function echo(client: Client, text: string): Promise<void> {
  const heard = client.once('message', { where: ({ body }) => body === text });
  client.send(el('message', { to: client.jid.toString() }, el('body', {}, text)));
  await heard;
}

for (const tls of ['starttls', 'direct'] as const) {
  test(`a client and the embedded server, by ${tls}`, async () => {
    await using server = await testServer({ accounts: ACCOUNTS });
    const endpoints = [tls === 'direct' ? server.directEndpoint : server.endpoint];
    const { client, memory } = romeo(server, { endpoints });
    await client.start();
    assert.is(client.getSnapshot().trust?.security?.protocol, 'TLSv1.3');
    await echo(client, 'O');
    await client.stop();
    await memory.quiet();
    assert.equal(
      memory.links.map(({ closed, dropped }) => [closed, dropped]),
      [[true, null]],
    );
    assert.equal(server.connections, []);
    assert.equal(server.errors, []);
  });
}

test('a client and a script', async () => {
  await using server = await scriptedServer(async (peer) => {
    await peer.negotiate({ upTo: 'sm' });
    await peer.expect('message');
  });
  const { client } = romeo(server);
  await client.start();
  client.send(el('message'));
  await server.done();
  await client.stop();
});

test('a server that is down refuses', async () => {
  await using server = await testServer({ accounts: ACCOUNTS });
  const memory = memoryTransport(server);
  const attempt = () => memory.connect(server.endpoint, { signal: new AbortController().signal });
  server.down();
  const error = await attempt().then(
    () => null,
    (error) => error,
  );
  assert.is(error?.code, 'ECONNREFUSED');
  assert.equal(memory.links, []);
  await server.up();
  await attempt();
});

const KINDS = ['fin', 'rst', 'silence'] as const;

const SEEN: Readonly<Record<DropKind, readonly string[]>> = {
  fin: ['end', 'close'],
  rst: ['ECONNRESET', 'close'],
  silence: [],
};

for (const kind of KINDS) {
  test(`a cut by ${kind} comes behind an exact byte, whatever is written in one piece`, async () => {
    for (const bytes of [0, 1, 4, 5, 9, 10]) {
      const { memory, link, near, text, events } = await pair({ onLink: (link) => link.cut('in', bytes, kind) });
      const ends = ending(near);
      near.write('hello');
      near.write('world');
      await memory.quiet();
      assert.is(text(), 'helloworld'.slice(0, bytes));
      assert.is(link.dropped, kind);
      near.write('more');
      near.end();
      await memory.quiet();
      assert.equal(link.passed, { in: bytes, out: 0 });
      if (kind === 'fin') link.far.end();
      await memory.quiet();
      assert.equal(events, SEEN[kind]);
      assert.equal(ends, SEEN[kind]);
    }
  });

  test(`a cut by ${kind} takes what is under way the other way`, async () => {
    const { memory, link, near, far } = await pair();
    const heard: Buffer[] = [];
    near.on('data', (bytes) => heard.push(bytes));
    link.split = 1;
    link.cut('in', 3, kind);
    near.write('abcdef');
    far.write('ABCDEF');
    await memory.quiet();
    assert.equal(link.passed, { in: 3, out: heard.length });
    assert.ok(heard.length <= 3);
  });
}

test('a link that is silent can still be ended', async () => {
  const { memory, link, near, events } = await pair();
  ending(near);
  link.drop('silence');
  near.destroy();
  await memory.quiet();
  assert.equal(events, []);
  link.drop('rst');
  await memory.quiet();
  assert.equal(events, SEEN.rst);
  assert.ok(link.closed);
});

test('a dribble is every byte alone, and a turn of the event loop for each', async () => {
  const { memory, link, near, heard } = await pair();
  link.split = 1;
  near.write('abc');
  near.write('def');
  await memory.quiet();
  assert.equal(heard.map(String), [...'abcdef']);
});

test('latency is the time of a clock, and keeps the order', async () => {
  const clock = new ManualClock();
  const { memory, link, near, text } = await pair({ clock });
  link.latency = 50;
  near.write('a');
  clock.advance(25);
  near.write('b');
  link.latency = 0;
  near.end('c');
  const seen: string[] = [];
  for (let step = 0; step < 3; step += 1) {
    await memory.quiet();
    seen.push(text());
    clock.advance(25);
  }
  assert.equal(seen, ['a', 'ab', 'abc']);
});

test('a writer waits for a reader that does not read, once as much is under way as a kernel would keep', async () => {
  const { memory, near, far, text } = await pair();
  far.pause();
  let taken = 0;
  for (let i = 0; i < 20; i += 1) near.write(Buffer.alloc(16 * 1024, 'x'), () => (taken += 1));
  await memory.quiet();
  assert.ok(taken < 10, `${taken} writes taken`);
  far.resume();
  await memory.quiet();
  assert.is(taken, 20);
  assert.is(text().length, 20 * 16 * 1024);
});

test('who writes to an end that is closed is reset, as by TCP', async () => {
  const { memory, near, far, events } = await pair();
  near.destroy();
  far.write('too late');
  await memory.quiet();
  assert.equal(events, ['end', 'ECONNRESET', 'close']);
});

test('an end is half of a close: what comes the other way still arrives', async () => {
  const { memory, link, near, far } = await pair();
  near.allowHalfOpen = true;
  const heard: Buffer[] = [];
  near.on('data', (bytes) => heard.push(bytes)).end('bye');
  await memory.quiet();
  assert.not(far.closed);
  far.end('farewell');
  await memory.quiet();
  assert.is(Buffer.concat(heard).toString(), 'farewell');
  assert.ok(link.closed);
});

test('what onLink throws fails the attempt', async () => {
  await using server = await testServer({ accounts: ACCOUNTS });
  const onLink = (link: MemoryLink) => {
    if (link.number <= 3) throw Object.assign(new Error('no way'), { code: 'ENETUNREACH', syscall: 'connect' });
  };
  const { client, memory } = romeo(server, { onLink });
  await client.start();
  assert.is(memory.links.length, 1);
  await client.stop();
});

for (const kind of KINDS) {
  for (const direction of ['in', 'out'] as const) {
    test(`under TLS: a client survives a cut by ${kind}, ${direction}, in the handshake and in the stream`, async () => {
      await using server = await testServer({ accounts: ACCOUNTS });
      for (const bytes of [200, 600, 1000, 1500]) {
        const onLink = (link: MemoryLink) => {
          if (link.number === 1) link.cut(direction, bytes, kind);
        };
        const clock = new ManualClock();
        const { client, memory } = romeo(server, { onLink, clock, maxInitialAttempts: null });
        const started = client.start();
        for (let steps = 0; client.phase !== 'online'; steps += 1) {
          assert.ok(steps < 1000, `${client.phase} after ${bytes} bytes`);
          await memory.quiet();
          if (memory.link?.dropped === kind) clock.next();
          // A password is computed in a thread.
          else await sleep(1);
        }
        await started;
        assert.is(memory.links[0]?.dropped, kind);
        assert.is(memory.links[0]?.passed[direction], bytes);
        await echo(client, 'O');
        void client.stop();
        await memory.quiet();
        memory.close();
        for (const session of server.sessions) session.end();
      }
      assert.equal(server.errors, []);
    });
  }
}

test.run();
