import { once } from 'node:events';
import * as http from 'node:http';
import * as net from 'node:net';
import * as tls from 'node:tls';
import * as assert from 'uvu/assert';
import { httpConnectProxy } from '../../examples/http-connect-proxy.ts';
import type { Endpoint } from '../../machines/endpoint.ts';
import { secure } from '../../src/transport/tls.ts';
import { suite } from '../harness.ts';
import { authority } from './certificates.ts';
import { leavesNothing, rejection } from './resources.ts';

const { ca, issue } = authority();
const never = new AbortController().signal;

/** What the proxy was asked: the target and the authorization. */
const asked: string[] = [];

/** A CONNECT proxy for names that do not resolve; `speaks-first.test` sends bytes along with its consent. */
const proxy = http.createServer().on('connect', (request, client: net.Socket) => {
  client.on('error', () => {}).on('end', () => client.end());
  const { host, 'proxy-authorization': authorization = 'none' } = request.headers;
  asked.push(`${request.url} ${host} ${authorization}`);
  if (request.url?.startsWith('refused.test')) {
    client.write('HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n');
  } else if (request.url?.startsWith('speaks-first.test')) {
    client.write('HTTP/1.1 200 OK\r\n\r\nhello');
  } else if (!request.url?.startsWith('silent.test')) {
    const upstream = net.connect(port(server), '127.0.0.1', () => {
      client.write('HTTP/1.1 200 Connection established\r\n\r\n');
      upstream.pipe(client).pipe(upstream);
    });
    upstream.on('error', () => client.destroy());
    client.on('close', () => upstream.destroy());
  }
});

const server = tls.createServer(issue({ names: ['xmpp.test'] }), (socket) => {
  socket.on('error', () => {}).pipe(socket);
});

const port = (listener: net.Server) => (listener.address() as net.AddressInfo).port;
const endpoint = (host: string): Endpoint => ({ host, port: 5222, tls: 'direct', source: 'application' });
const through = (options = {}) => httpConnectProxy({ host: '127.0.0.1', port: port(proxy), ...options });

const test = suite('HTTP CONNECT proxy');

test.before(async () => {
  for (const listener of [proxy, server]) {
    await new Promise<void>((resolve) => void listener.listen(0, '127.0.0.1', resolve));
  }
});
test.after(() => {
  proxy.close();
  server.close();
});

test('X-40a: carries TLS to a server that only the proxy can reach', () =>
  leavesNothing(async () => {
    const tunnel = await through()(endpoint('backend.test'), { signal: never });
    const secured = await secure(tunnel, { servername: 'xmpp.test', ca, signal: never });
    secured.write('hello');
    assert.is(String((await once(secured, 'data'))[0]), 'hello');
    assert.is(asked.at(-1), 'backend.test:5222 backend.test:5222 none');
    secured.destroy();
  }));

test('X-40b: names an IPv6 target in brackets, and says who it is when told to', async () => {
  const connect = through({ username: 'Aladdin', password: 'open sesame' });
  const tunnel = await connect(endpoint('2001:db8::1'), { signal: never });
  assert.is(asked.at(-1), '[2001:db8::1]:5222 [2001:db8::1]:5222 Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==');
  tunnel.destroy();
});

test('loses no byte that comes with the consent', async () => {
  const tunnel = await through()(endpoint('speaks-first.test'), { signal: never });
  assert.is(String((await once(tunnel, 'data'))[0]), 'hello');
  tunnel.destroy();
});

test('rejects when the proxy refuses, without a word about the password', () =>
  leavesNothing(async () => {
    const connect = through({ username: 'Aladdin', password: 'open sesame' });
    const error = await rejection(connect(endpoint('refused.test'), { signal: never }));
    assert.match(String(error), /refused\.test:5222: 407/);
    assert.not.match(String(error), /sesame|QWxh/);
  }));

test('rejects when there is no proxy', async () => {
  const closed = net.createServer().listen(0, '127.0.0.1');
  await once(closed, 'listening');
  const gone = port(closed);
  closed.close();
  await once(closed, 'close');
  const connect = httpConnectProxy({ host: '127.0.0.1', port: gone });
  const error = (await rejection(connect(endpoint('backend.test'), { signal: never }))) as NodeJS.ErrnoException;
  assert.is(error.code, 'ECONNREFUSED');
});

test('an abort leaves nothing open', () =>
  leavesNothing(async () => {
    const reason = new Error('enough');
    const controller = new AbortController();
    const pending = rejection(through()(endpoint('silent.test'), { signal: controller.signal }));
    const [request] = await once(proxy, 'connect');
    controller.abort(reason);
    assert.is(await pending, reason);
    await once(request.socket, 'close');
    assert.is(await rejection(through()(endpoint('silent.test'), { signal: AbortSignal.abort(reason) })), reason);
  }));

test.run();
