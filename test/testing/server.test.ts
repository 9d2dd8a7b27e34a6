import { once } from 'node:events';
import * as net from 'node:net';
import * as tls from 'node:tls';
import * as assert from 'uvu/assert';
import { makeCertificates, sharedCertificates } from '../../src/testing/certificates.ts';
import { testServer } from '../../src/testing/server.ts';
import { suite } from '../harness.ts';
import { withServer } from './fixture.ts';
import { RawClient } from './raw-client.ts';

const test = suite('test server: sessions');

const STARTTLS = 'urn:ietf:params:xml:ns:xmpp-tls';

function mechanisms(client: RawClient): string[] {
  return client.features.find('mechanisms', '*')?.elements.map((element) => element.text) ?? [];
}

function bindings(client: RawClient): (string | undefined)[] {
  const announced = client.features.find('sasl-channel-binding', 'urn:xmpp:sasl-cb:0');
  return announced?.elements.map((element) => element.attr('type')) ?? [];
}

test('a session over STARTTLS', () =>
  withServer({}, async (server, connect) => {
    const client = await connect();
    const features = await client.open();
    assert.is(client.header.attr('from'), 'localhost');
    assert.ok(client.header.attr('id'));
    assert.equal(features.elements.map(String), [`<starttls xmlns="${STARTTLS}"><required/></starttls>`]);
    await client.startTls({ ca: server.ca });
    await client.open(" from='romeo@localhost'");
    assert.is(client.header.attr('to'), 'romeo@localhost');
    assert.is(client.features.find('starttls', '*'), undefined);
    assert.is(await client.authenticate(), 'success');
    await client.open();
    assert.equal(
      client.features.elements.map(({ name, namespace }) => [name, namespace]),
      [
        ['bind', 'urn:ietf:params:xml:ns:xmpp-bind'],
        ['sm', 'urn:xmpp:sm:3'],
        ['csi', 'urn:xmpp:csi:0'],
        ['ver', 'urn:xmpp:features:rosterver'],
      ],
    );
    assert.is(await client.bind('orchard'), 'romeo@localhost/orchard');
    assert.is(server.session('romeo@localhost/orchard')?.connection, server.connections[0]);
    assert.is(server.connections[0]?.account?.toString(), 'romeo@localhost');
    assert.equal(server.endpoint, { host: '127.0.0.1', port: server.port, tls: 'starttls', source: 'application' });
  }));

test('a session over direct TLS, with and without ALPN', () =>
  withServer({ domain: 'xmpp.test' }, async (server) => {
    for (const ALPNProtocols of [['xmpp-client'], []]) {
      const client = await RawClient.direct(server.directPort, { ca: server.ca, ALPNProtocols }, 'xmpp.test');
      await client.login(server.ca);
      assert.is(await client.bind('a'), 'romeo@xmpp.test/a');
      assert.is(client.tls.alpnProtocol || undefined, ALPNProtocols[0]);
      const connection = server.session('romeo@xmpp.test')?.connection;
      assert.is(server.connections.find((one) => one === connection)?.direct, true);
      assert.is(server.connections.at(-1)?.tls?.servername, 'xmpp.test');
      client.destroy();
    }
    server.configure({ alpn: false });
    const client = await RawClient.direct(server.directPort, { ca: server.ca, ALPNProtocols: ['h2'] }, 'xmpp.test');
    assert.is(client.tls.alpnProtocol || undefined, undefined);
    client.destroy();
  }));

test('TLS can be optional, or off', () =>
  withServer({ tls: 'optional' }, async (server, connect) => {
    const optional = await connect();
    await optional.open();
    assert.is(String(optional.features.find('starttls', STARTTLS)), `<starttls xmlns="${STARTTLS}"/>`);
    assert.is(await optional.authenticate(), 'success');
    server.configure({ tls: 'off' });
    const off = await connect();
    await off.open();
    assert.is(off.features.find('starttls', STARTTLS), undefined);
    assert.is(await off.authenticate(), 'success');
    const insistent = await connect();
    await insistent.open();
    insistent.write(`<starttls xmlns='${STARTTLS}'/>`);
    await insistent.expect('failure');
    await insistent.expect('/stream');
    assert.is(await insistent.gone, 'fin');
  }));

test('nobody authenticates before TLS when it is required', () =>
  withServer({}, async (_, connect) => {
    const client = await connect();
    await client.open();
    assert.is(await client.authenticate(), 'failure encryption-required');
  }));

test('TLS versions can be limited', () =>
  withServer({ maxVersion: 'TLSv1.2' }, async (server, connect) => {
    const client = await connect();
    await client.open();
    await client.startTls({ ca: server.ca });
    assert.is(client.tls.getProtocol(), 'TLSv1.2');
    server.configure({ maxVersion: 'TLSv1.3', minVersion: 'TLSv1.3' });
    const old = await connect();
    await old.open();
    const error = await old.startTls({ ca: server.ca, maxVersion: 'TLSv1.2' }).catch((error) => error);
    assert.match(error.code, 'PROTOCOL_VERSION');
  }));

test('its certificate suits its domain, and can be another', async () => {
  await withServer({ domain: 'capulet.test' }, async (server) => {
    const client = await RawClient.direct(server.directPort, { ca: server.ca }, 'capulet.test');
    assert.ok(client.tls.authorized);
    client.destroy();
  });
  const certificates = await sharedCertificates();
  const identity = certificates.issue({ names: ['elsewhere.test'] });
  await withServer({ identity }, async (server) => {
    const error = await RawClient.direct(server.directPort, { ca: server.ca }).catch((error) => error);
    assert.is(error.code, 'ERR_TLS_CERT_ALTNAME_INVALID');
  });
});

for (const hash of ['SHA-1', 'SHA-256', 'SHA-512']) {
  test(`SCRAM-${hash}, with every channel binding`, () =>
    withServer({}, async (server, connect) => {
      const plain = await connect();
      await plain.login(server.ca, { mechanism: `SCRAM-${hash}` });
      for (const binding of ['tls-exporter', 'tls-server-end-point'] as const) {
        const client = await connect();
        await client.login(server.ca, { mechanism: `SCRAM-${hash}-PLUS`, binding });
      }
      server.configure({ maxVersion: 'TLSv1.2', channelBinding: ['tls-unique', 'tls-server-end-point'] });
      for (const binding of ['tls-unique', 'tls-server-end-point'] as const) {
        const client = await connect();
        await client.login(server.ca, { mechanism: `SCRAM-${hash}-PLUS`, binding });
      }
    }));
}

test('a channel binding of another connection is refused', () =>
  withServer({ channelBinding: ['tls-exporter'] }, async (server, connect) => {
    const client = await connect();
    await client.open();
    await client.startTls({ ca: server.ca });
    await client.open();
    client.tls.exportKeyingMaterial = () => Buffer.alloc(32);
    const login = { mechanism: 'SCRAM-SHA-256-PLUS', binding: 'tls-exporter' } as const;
    assert.is(await client.authenticate(login), 'failure not-authorized');
  }));

test('channel bindings are announced, or not, or not offered', () =>
  withServer({}, async (server, connect) => {
    const open = async () => {
      const client = await connect();
      await client.open();
      await client.startTls({ ca: server.ca });
      await client.open();
      return client;
    };
    const announced = await open();
    assert.equal(bindings(announced), ['tls-exporter', 'tls-server-end-point']);
    assert.is(mechanisms(announced)[0], 'SCRAM-SHA-512-PLUS');
    server.configure({ announceChannelBinding: false });
    const silent = await open();
    assert.equal(bindings(silent), []);
    assert.is(mechanisms(silent)[0], 'SCRAM-SHA-512-PLUS');
    server.configure({ announceChannelBinding: true, channelBinding: [] });
    const none = await open();
    assert.equal(bindings(none), []);
    assert.is(mechanisms(none)[0], 'SCRAM-SHA-512');
    server.configure({ maxVersion: 'TLSv1.2', channelBinding: ['tls-exporter'] });
    assert.is(mechanisms(await open())[0], 'SCRAM-SHA-512');
  }));

test('a client that saw no -PLUS is told that there was one', () =>
  withServer({}, async (server, connect) => {
    const client = await connect();
    await client.open();
    await client.startTls({ ca: server.ca });
    await client.open();
    assert.is(await client.authenticate({ mechanism: 'SCRAM-SHA-256', gs2: 'y' }), 'failure not-authorized');
    server.configure({ mechanisms: ['SCRAM-SHA-256'] });
    const other = await connect();
    await other.login(server.ca, { mechanism: 'SCRAM-SHA-256', gs2: 'y' });
  }));

test('what comes behind the last step of SASL belongs to no stream', () =>
  withServer({ tls: 'off' }, async (_, connect) => {
    const client = await connect();
    await client.open();
    const text = Buffer.from('\0romeo\0secret').toString('base64');
    client.write(
      `<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>${text}</auth>` +
        "<iq type='set' id='e'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>",
    );
    await client.expect('success');
    await client.open();
    assert.is(await client.bind('a'), 'romeo@localhost/a');
  }));

test('the mechanisms and their order can be chosen', () =>
  withServer({ tls: 'off', mechanisms: ['PLAIN', 'SCRAM-SHA-1', 'SCRAM-SHA-1-PLUS'] }, async (_, connect) => {
    const client = await connect();
    await client.open();
    assert.equal(mechanisms(client), ['PLAIN', 'SCRAM-SHA-1']);
    assert.is(await client.authenticate({ mechanism: 'SCRAM-SHA-256' }), 'failure invalid-mechanism');
    assert.is(await client.authenticate({ password: 'wrong' }), 'failure not-authorized');
    assert.is(await client.authenticate({ username: 'tybalt' }), 'failure not-authorized');
    assert.is(await client.authenticate({ mechanism: 'SCRAM-SHA-1', password: 'wrong' }), 'failure not-authorized');
    assert.is(await client.authenticate({ mechanism: 'SCRAM-SHA-1' }), 'success');
  }));

test('SASL is spelled as RFC 6120 wants it', () =>
  withServer({ tls: 'off' }, async (_, connect) => {
    const client = await connect();
    await client.open();
    const sasl = (name: string, text: string) => {
      client.write(`<${name} xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>${text}</${name}>`);
      return client.next().then((answer) => `${answer.name} ${answer.elements[0]?.name}`);
    };
    assert.is(await sasl('response', ''), 'failure malformed-request');
    assert.is(await sasl('auth', 'not base64!'), 'failure incorrect-encoding');
    assert.is(await sasl('auth', ''), 'challenge undefined');
    assert.is(await sasl('abort', ''), 'failure aborted');
    assert.is(await sasl('auth', ''), 'challenge undefined');
    assert.is(await sasl('response', Buffer.from('\0romeo\0secret').toString('base64')), 'success undefined');
  }));

test('ANONYMOUS gives a name of its own', () =>
  withServer({ mechanisms: ['ANONYMOUS'] }, async (server, connect) => {
    const [one, other] = [await connect(), await connect()];
    await one.login(server.ca, { mechanism: 'ANONYMOUS' });
    await other.login(server.ca, { mechanism: 'ANONYMOUS' });
    const jids = [await one.bind(), await other.bind()];
    assert.is(new Set(jids).size, 2);
    for (const jid of jids) assert.match(jid, /^[0-9a-f-]+@localhost\/.+$/);
  }));

test('EXTERNAL lets in whom the certificate names', () =>
  withServer({ domain: 'xmpp.test' }, async (server) => {
    const certificates = await sharedCertificates();
    const connect = (identity: { cert: string; key: string }) =>
      RawClient.direct(server.directPort, { ca: server.ca, cert: identity.cert, key: identity.key }, 'xmpp.test');
    const client = await connect(certificates.clientCert('juliet@xmpp.test'));
    await client.login(server.ca, { mechanism: 'EXTERNAL' });
    assert.is(await client.bind('balcony'), 'juliet@xmpp.test/balcony');
    client.destroy();
    const strangers = await makeCertificates();
    for (const identity of [
      strangers.clientCert('juliet@xmpp.test'),
      certificates.clientCert('juliet@xmpp.test', { notAfter: new Date(Date.now() - 1000) }),
      certificates.issue({ names: ['xmpp.test'] }),
    ]) {
      const stranger = await connect(identity);
      await stranger.open();
      assert.not.ok(mechanisms(stranger).includes('EXTERNAL'));
      stranger.destroy();
    }
    const foreigner = await connect(certificates.clientCert('juliet@elsewhere.test'));
    await foreigner.open();
    assert.is(await foreigner.authenticate({ mechanism: 'EXTERNAL' }), 'failure not-authorized');
    foreigner.destroy();
  }));

test('EXTERNAL reads several addresses, and odd ones', () =>
  withServer({ domain: 'xmpp.test' }, async (server) => {
    const certificates = await sharedCertificates();
    const xmppAddresses = ['romeo@elsewhere.test', 'jülia,x@xmpp.test', 'nurse@xmpp.test'];
    const { cert, key } = certificates.issue({ names: ['xmpp.test'], xmppAddresses });
    for (const [authzid, expected] of [
      ['', 'jülia,x@xmpp.test'],
      ['nurse@xmpp.test', 'nurse@xmpp.test'],
    ] as const) {
      const client = await RawClient.direct(server.directPort, { ca: server.ca, cert, key }, 'xmpp.test');
      await client.open();
      const text = Buffer.from(authzid).toString('base64') || '=';
      client.write(`<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='EXTERNAL'>${text}</auth>`);
      await client.expect('success');
      await client.open();
      assert.is(await client.bind('a'), `${expected}/a`);
      client.destroy();
    }
  }));

test('accounts can be added and changed', () =>
  withServer({ tls: 'off', accounts: {} }, async (server, connect) => {
    const client = await connect();
    await client.open();
    assert.is(await client.authenticate({ username: 'nurse' }), 'failure not-authorized');
    server.accounts.set('nurse', 'secret');
    assert.is(await client.authenticate({ username: 'nurse' }), 'success');
  }));

test('the server assigns a resource, and may overrule the client', () =>
  withServer({}, async (server, _, online) => {
    const assigned = await online();
    assert.match(assigned.jid, /^romeo@localhost\/.{8,}$/);
    server.configure({ resource: (wish) => `${wish}-2` });
    assert.is((await online('orchard')).jid, 'romeo@localhost/orchard-2');
    server.configure({ resource: () => 'a'.repeat(1024) });
    assert.match((await online('orchard')).jid, 'bad-request');
  }));

test('a second session of the same resource ends the first', () =>
  withServer({}, async (server, _, online) => {
    const first = await online('orchard');
    const ended = once(server, 'ended');
    const second = await online('orchard');
    assert.is(second.jid, 'romeo@localhost/orchard');
    assert.ok((await first.expect('error')).find('conflict', '*'));
    await first.expect('/stream');
    assert.is(await first.gone, 'fin');
    await ended;
    assert.is(server.sessions.length, 1);
  }));

test('the session IQ is absent, optional or required', () =>
  withServer({ session: 'required' }, async (server, connect) => {
    const sessions = [];
    for (const session of ['none', 'optional', 'required'] as const) {
      server.configure({ session });
      const client = await connect();
      await client.login(server.ca);
      sessions.push(String(client.features.find('session', '*')));
      await client.bind();
      client.write("<iq type='set' id='s'><session xmlns='urn:ietf:params:xml:ns:xmpp-session'/></iq>");
      assert.is((await client.next()).attr('type'), 'result');
    }
    const element = '<session xmlns="urn:ietf:params:xml:ns:xmpp-session"';
    assert.equal(sessions, ['undefined', `${element}><optional/></session>`, `${element}/>`]);
  }));

for (const [name, header, condition] of [
  ['another domain', "<stream:stream to='elsewhere.test' version='1.0'", 'host-unknown'],
  ['no domain', "<stream:stream version='1.0'", 'host-unknown'],
  ['no version', "<stream:stream to='localhost'", 'unsupported-version'],
  ['another root', "<stream:flow to='localhost' version='1.0'", 'invalid-namespace'],
] as const) {
  test(`a header with ${name} is refused`, () =>
    withServer({}, async (_, connect) => {
      const client = await connect();
      client.write(`${header} xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>`);
      assert.is(await client.gone, 'fin');
      assert.match(client.text, `<${condition} xmlns="urn:ietf:params:xml:ns:xmpp-streams"/>`);
      assert.match(client.text, /^<\?xml.*<stream:stream .*<\/stream:stream>$/);
    }));
}

test('what is no stream at all is answered with one', () =>
  withServer({}, async (_, connect) => {
    const client = await connect();
    client.write('<!-- hm -->');
    assert.is(await client.gone, 'fin');
    assert.match(client.text, /^<\?xml.*<stream:stream .*<restricted-xml .*<\/stream:stream>$/);
  }));

test('what breaks the rules ends the stream', () =>
  withServer({ tls: 'off' }, async (server, connect) => {
    for (const [text, condition] of [
      ['<message/>', 'not-authorized'],
      ['<!-- hm -->', 'restricted-xml'],
      ['<a></b>', 'not-well-formed'],
      ["<r xmlns='urn:xmpp:sm:3'/>", 'not-authorized'],
    ] as const) {
      const client = await connect();
      await client.open();
      client.write(text);
      assert.ok((await client.expect('error')).find(condition, '*'), text);
      assert.is(await client.gone, 'fin');
    }
    assert.equal(server.sessions, []);
  }));

test('the footer is answered, and ends the session', () =>
  withServer({}, async (server, _, online) => {
    const client = await online('orchard');
    await client.enable();
    const ended = once(server, 'ended');
    client.write('</stream:stream>');
    assert.is((await client.expect('a')).attr('h'), '0');
    await client.expect('/stream');
    assert.is(await client.gone, 'fin');
    await ended;
    assert.equal(server.sessions, []);
  }));

test('it logs what it hears and says, if asked', () =>
  withServer({ log: true, tls: 'off' }, async (server, connect) => {
    const client = await connect();
    await client.open();
    await client.authenticate();
    await client.open();
    client.write('</stream:stream>');
    assert.is(await client.gone, 'fin');
    assert.equal(
      server.log.map(({ connection, direction, element }) => `${connection} ${direction} ${element.name}`),
      [
        ...['1 in stream', '1 out stream', '1 out features', '1 in auth', '1 out success'],
        ...['1 in stream', '1 out stream', '1 out features', '1 in /stream', '1 out /stream'],
      ],
    );
    await withServer({}, async (quiet, connect) => {
      await (await connect()).open();
      assert.equal(quiet.log, []);
    });
  }));

test('one can wait for an element', () =>
  withServer({}, async (server, _, online) => {
    const client = await online('orchard');
    const ping = server.next((element) => element.attr('id') === 'p2');
    const pong = server.next('iq', 'out');
    client.write("<iq type='get' id='p1'><ping xmlns='urn:xmpp:ping'/></iq>");
    client.write("<iq type='get' id='p2'><ping xmlns='urn:xmpp:ping'/></iq>");
    assert.is((await ping).attr('id'), 'p2');
    assert.is((await pong).attr('id'), 'p1');
    const never = server.next('message');
    never.catch(() => {});
    await server.close();
    assert.match(await never.catch((error) => error.message), 'closed');
  }));

test('it goes down and comes up again on the same ports', () =>
  withServer({}, async (server, connect, online) => {
    const { port, directPort } = server;
    const before = await online('orchard');
    await server.restart();
    assert.is(await before.gone, 'fin');
    assert.equal([server.port, server.directPort], [port, directPort]);
    await online('orchard');
    server.down('shutdown');
    assert.is(await connect().catch((error) => error.code), 'ECONNREFUSED');
    await server.up();
    const after = await online('orchard');
    server.down('rst');
    assert.is(await after.gone, 'ECONNRESET');
  }));

test('in order it says that it shuts down', () =>
  withServer({}, async (server, _, online) => {
    const client = await online('orchard');
    server.down('shutdown');
    assert.ok((await client.expect('error')).find('system-shutdown', '*'));
    await client.expect('/stream');
    assert.is(await client.gone, 'fin');
  }));

test('closed while it comes up, it stays closed', () =>
  withServer({}, async (server, connect) => {
    const restarted = server.restart();
    await server.close();
    await restarted;
    assert.is(await connect().catch((error) => error.code), 'ECONNREFUSED');
  }));

test('several servers run side by side', async () => {
  const servers = await Promise.all([testServer(), testServer(), testServer()]);
  assert.is(new Set(servers.flatMap(({ port, directPort }) => [port, directPort])).size, 6);
  for (const server of servers) assert.ok(server.port < 32768);
  await Promise.all(servers.map((server) => server.close()));
});

/** The sockets and timers of this process, once those that are being closed are gone. */
async function held(): Promise<string[]> {
  for (let turn = 0; turn < 10; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  return process
    .getActiveResourcesInfo()
    .filter((kind) => /^(TCP|TLS|Timeout|SimpleShutdown)/.test(kind))
    .sort();
}

test('closed, it leaves nothing behind', async () => {
  const before = await held();
  const server = await testServer({ accounts: { romeo: 'secret' } });
  const clients = [];
  for (const kind of ['live', 'hibernating', 'silent', 'footer', 'handshake'] as const) {
    const client = await RawClient.tcp(server.port);
    clients.push(client);
    if (kind === 'handshake') {
      await client.open();
      client.write(`<starttls xmlns='${STARTTLS}'/>`);
      await client.expect('proceed');
      continue;
    }
    await client.login(server.ca);
    await client.bind(kind);
    await client.enable();
    if (kind === 'hibernating') client.destroy();
    if (kind === 'silent') server.session('romeo@localhost/silent')?.connection?.drop('silence');
    if (kind === 'footer') client.write('</stream:stream>');
  }
  await server.close();
  assert.equal(server.connections, []);
  assert.equal(server.sessions, []);
  await server.close();
  await Promise.all(clients.map((client) => client.close()));
  assert.equal(await held(), before);
});

for (const how of ['tcp', 'direct'] as const) {
  test(`a socket that both sides have ended is closed, ${how}`, () =>
    withServer({}, async (server, connect) => {
      for (const text of ['', '</stream:stream>']) {
        const connected = once(server, 'connected');
        const client = await connect(how);
        await client.open();
        const [connection] = await connected;
        if (text === '') client.socket.end();
        else client.write(text);
        await client.gone;
        for (let turn = 0; turn < 50 && !connection.socket.closed; turn += 1) {
          await new Promise((resolve) => setTimeout(resolve, 5));
        }
        assert.ok(connection.socket.closed, text);
      }
    }));
}

test('a client that does not close is cut off', () =>
  withServer({}, async (server) => {
    const client = net.connect({ port: server.port, host: '127.0.0.1', allowHalfOpen: true });
    client.resume().write('<!-- -->');
    const [connection] = await once(server, 'connected');
    assert.equal(server.connections, [connection]);
    await once(connection.socket, 'close');
    client.destroy();
  }));

test('a port that is taken in the meantime', () =>
  withServer({}, async (server, connect) => {
    const { port } = server;
    server.down();
    const thief = net.createServer();
    await new Promise<void>((resolve) => thief.listen(port, '127.0.0.1', resolve));
    assert.is(await server.up().catch((error) => error.code), 'EADDRINUSE');
    await new Promise((resolve) => thief.close(resolve));
    await server.up();
    await (await connect()).open();
  }));

test('a listener that throws breaks nothing', async () => {
  const seen: unknown[] = [];
  await withServer({}, async (server, _, online) => {
    for (const event of ['connected', 'bound', 'ended'] as const) {
      server.on(event, () => {
        throw new Error(event);
      });
    }
    const client = await online('orchard');
    const disconnected = once(server, 'disconnected');
    client.destroy();
    await disconnected;
    seen.push(...server.errors.splice(0).map(String));
  });
  assert.equal(seen, ['Error: connected', 'Error: bound', 'Error: ended']);
});

test('garbage where TLS should be harms nobody', () =>
  withServer({}, async (server, connect) => {
    const client = await connect();
    await client.open();
    client.write(`<starttls xmlns='${STARTTLS}'/>`);
    await client.expect('proceed');
    client.write('no client hello');
    await client.gone;
    const direct = await RawClient.tcp(server.directPort);
    direct.write('GET / HTTP/1.0\r\n\r\n');
    await direct.gone;
    const untrusting = tls.connect({ port: server.directPort, host: '127.0.0.1', servername: 'localhost' });
    await once(untrusting, 'error');
    assert.equal(server.errors, []);
  }));

test.run();
