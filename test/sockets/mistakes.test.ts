/** What people get wrong, and what they are told: what was wrong, where, and what to do about it. */
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import * as assert from 'uvu/assert';
import type { ClientOptions } from '../../src/index.ts';
import { sharedCertificates } from '../../src/testing/certificates.ts';
import type { TestServerOptions } from '../../src/testing/server.ts';
import { authority } from '../transport/certificates.ts';
import { PASSWORD, type Rig, sockets } from './rig.ts';

const test = sockets('sockets/mistakes');

/** What a start with these options is told by a server of this kind. */
async function told(rig: Rig, options: Partial<ClientOptions>, kind: TestServerOptions = {}): Promise<string> {
  const { client } = rig.client(await rig.server(kind), { maxInitialAttempts: 1, ...options });
  const { message }: Error = await client.start().then(
    () => assert.unreachable('it started'),
    (reason) => reason,
  );
  assert.not.match(message, PASSWORD);
  return message;
}

const { issue } = await sharedCertificates();
const DAY = 24 * 60 * 60 * 1000;
const PLACE = String.raw`127\.0\.0\.1:\d+`;

const MISTAKES: readonly [what: string, options: Partial<ClientOptions>, kind: TestServerOptions, told: RegExp][] = [
  [
    'a wrong password',
    { password: 'guess' },
    {},
    RegExp(`^auth failure \\(auth, ${PLACE}\\): not-authorized.* \\(check the JID and the password\\)$`),
  ],
  [
    'no such account',
    { jid: 'nobody@localhost' },
    {},
    /^auth failure .*not-authorized.* \(check the JID and the password\)$/,
  ],
  [
    'another domain than the one the server serves',
    { jid: 'romeo@example.org' },
    { identity: issue({ names: ['localhost', 'example.org'] }) },
    /^stream failure \(stream, .*\): host-unknown/,
  ],
  [
    'a certificate for another name',
    {},
    { identity: issue({ names: ['example.org'] }) },
    /^tls failure \(tls, .*\): certificate, .*localhost.*\(check that the certificate is for the domain/,
  ],
  [
    'a certificate that has expired',
    {},
    { identity: issue({ names: ['localhost'], notAfter: new Date(Date.now() - DAY) }) },
    /^tls failure .*: certificate, certificate has expired \(check/,
  ],
  [
    'an authority that is another',
    { ca: authority().ca },
    {},
    /^tls failure .*: certificate, .*\(check that .* its authority is known or in the option ca\)$/,
  ],
  [
    'a server without TLS',
    {},
    { tls: 'off' },
    /^policy failure .*(?:TLS|tls).* \(the server offers less than the options demand/,
  ],
  [
    'a mechanism that the server does not have',
    { mechanisms: ['SCRAM-SHA-512'] },
    { mechanisms: ['SCRAM-SHA-1'] },
    /^auth failure .*no-mechanism.* \(compare the option mechanisms/,
  ],
  [
    'a TLS version that the server does not have',
    { minVersion: 'TLSv1.3' },
    { maxVersion: 'TLSv1.2' },
    /^tls failure .*handshake.* \(check that the port speaks TLS, and the options minVersion/,
  ],
];

for (const [what, options, kind, message] of MISTAKES) {
  test(what, async (rig) => assert.match(await told(rig, options, kind), message));
}

/** A server that speaks something else, or nothing. */
async function other(greeting: string): Promise<Server> {
  const answer = (socket: Socket) => socket.on('error', () => {}).end(greeting, () => socket.destroy());
  const server = createServer(answer).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

const portOf = (server: Server) => (server.address() as AddressInfo).port;

test('a port where nobody listens', async (rig) => {
  const server = await other('');
  const port = portOf(server);
  server.close();
  await once(server, 'close');
  assert.match(
    await told(rig, { endpoints: [{ host: '127.0.0.1', port }] }),
    RegExp(
      `network failure \\(connect, 127.0.0.1:${port}\\): .*ECONNREFUSED.* \\(check that the server runs, its host and its port\\)`,
    ),
  );
});

for (const tls of ['starttls', 'direct'] as const) {
  test(`the port of a server for something else (${tls})`, async (rig) => {
    const server = await other('HTTP/1.1 400 Bad Request\r\n\r\n');
    const message = await told(rig, { endpoints: [{ host: '127.0.0.1', port: portOf(server), tls }] });
    assert.match(
      message,
      tls === 'direct'
        ? /tls failure .*\(check that the port speaks TLS/
        : /protocol failure .*\(check that the port is one for clients/,
    );
    server.close();
  });
}

test('a host that does not exist', async (rig) => {
  const unknown = Object.assign(new Error('getaddrinfo ENOTFOUND nowhere.invalid'), {
    code: 'ENOTFOUND',
    syscall: 'getaddrinfo',
  });
  const connect = () => Promise.reject(unknown);
  const message = await told(rig, { endpoints: [{ host: 'nowhere.invalid' }], connect });
  assert.match(
    message,
    /^dns failure \(connect, nowhere\.invalid:5222\): .*ENOTFOUND.* \(check the domain of the JID, or the host/,
  );
});

test('a domain that offers no XMPP', async (rig) => {
  const resolveSrv = async () => [{ name: '.', port: 0, priority: 0, weight: 0 }];
  const message = await told(rig, { jid: 'romeo@xmpp.test', endpoints: [], resolveSrv });
  assert.match(
    message,
    /^dns failure \(resolve\): no-xmpp.* \(the domain says that it offers no XMPP: check the domain/,
  );
});

test('a start while it runs', async (rig) => {
  const { client } = await rig.online(await rig.server());
  await client.start().then(
    () => assert.unreachable(),
    (error: Error) => assert.is(error.message, 'the client is running already'),
  );
});

test.run();
