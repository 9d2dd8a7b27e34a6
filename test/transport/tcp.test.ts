import * as net from 'node:net';
import * as assert from 'uvu/assert';
import { dial } from '../../src/transport/tcp.ts';
import { suite } from '../harness.ts';
import { leavesNothing, rejection } from './resources.ts';

const test = suite('TCP');

const server = net.createServer((socket) => {
  socket.on('error', () => {});
  socket.end('hello');
});
let port = 0;

/** A port of loopback on which nobody listens. */
async function deadPort(): Promise<number> {
  const closed = net.createServer();
  await new Promise<void>((resolve) => closed.listen(0, '127.0.0.1', resolve));
  const { port } = closed.address() as net.AddressInfo;
  await new Promise((resolve) => closed.close(resolve));
  return port;
}

const never = new AbortController().signal;

test.before(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  port = (server.address() as net.AddressInfo).port;
});
test.after(() => new Promise((resolve) => server.close(resolve)));

test('connects by address and by name', async () => {
  for (const host of ['127.0.0.1', 'localhost']) {
    const socket = await dial({ host, port }, { signal: never });
    let text = '';
    for await (const chunk of socket) text += chunk;
    assert.is(text, 'hello');
  }
});

test('leaves no listener of its own on the socket', async () => {
  const socket = await dial({ host: '127.0.0.1', port }, { signal: never });
  const plain = net.connect(port, '127.0.0.1');
  for (const event of ['connect', 'error', 'close', 'data', 'timeout']) {
    assert.is(socket.listenerCount(event), plain.listenerCount(event), event);
  }
  for (const one of [socket, plain]) one.on('error', () => {}).destroy();
});

test('does without the delay of Nagle', async () => {
  const original = net.Socket.prototype.setNoDelay;
  const calls: (boolean | undefined)[] = [];
  net.Socket.prototype.setNoDelay = function (this: net.Socket, flag?: boolean) {
    calls.push(flag);
    return original.call(this, flag);
  };
  try {
    (await dial({ host: '127.0.0.1', port }, { signal: never })).destroy();
  } finally {
    net.Socket.prototype.setNoDelay = original;
  }
  assert.equal(calls, [true]);
});

test('lets the application set socket options, and ends the attempt with what that throws', async () => {
  let configured: net.Socket | undefined;
  const socket = await dial(
    { host: '127.0.0.1', port },
    {
      signal: never,
      configure: (it) => {
        configured = it;
      },
    },
  );
  assert.is(configured, socket);
  socket.destroy();
  await leavesNothing(async () => {
    const reason = new Error('no such option');
    const configure = () => {
      throw reason;
    };
    assert.is(await rejection(dial({ host: '127.0.0.1', port }, { signal: never, configure })), reason);
  });
});

test('keeps to one address family when told to', async () => {
  const error = await rejection(dial({ host: '127.0.0.1', port: await deadPort() }, { signal: never, family: 4 }));
  assert.is((error as NodeJS.ErrnoException).code, 'ECONNREFUSED');
  const socket = await dial({ host: 'localhost', port }, { signal: never, family: 4 });
  assert.is(socket.remoteFamily, 'IPv4');
  socket.destroy();
});

test('rejects with the error of the socket', async () => {
  await leavesNothing(async () => {
    for (const host of ['127.0.0.1', 'localhost']) {
      const error = await rejection(dial({ host, port: await deadPort() }, { signal: never }));
      assert.is((error as NodeJS.ErrnoException).code, 'ECONNREFUSED');
    }
  });
});

test('an abort leaves no socket, look-up or listener, whenever it comes', async () => {
  const turns = [
    (abort: () => void) => abort(),
    (abort: () => void) => queueMicrotask(abort),
    (abort: () => void) => setImmediate(abort),
  ];
  await leavesNothing(async () => {
    for (const host of ['127.0.0.1', 'localhost', '192.0.2.1']) {
      for (const turn of turns) {
        const controller = new AbortController();
        const reason = new Error('enough');
        const pending = dial({ host, port }, { signal: controller.signal });
        turn(() => controller.abort(reason));
        const outcome = await pending.then(
          (socket) => socket.destroy() && 'connected',
          (error) => error,
        );
        // The connection may have been there first; nothing else may have happened.
        if (outcome !== 'connected') assert.ok(outcome === reason || outcome.syscall === 'connect', String(outcome));
      }
    }
  });
});

test('opens nothing for a signal that is aborted already', async () => {
  const reason = new Error('too late');
  assert.is(await rejection(dial({ host: '127.0.0.1', port }, { signal: AbortSignal.abort(reason) })), reason);
});

test('an abort after the connection stands means nothing', async () => {
  const controller = new AbortController();
  const socket = await dial({ host: '127.0.0.1', port }, { signal: controller.signal });
  controller.abort();
  assert.not(socket.destroyed);
  socket.destroy();
});

test.run();
