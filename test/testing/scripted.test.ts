import { once } from 'node:events';
import * as net from 'node:net';
import * as assert from 'uvu/assert';
import { ScriptError } from '../../src/testing/peer.ts';
import { type Script, scripted, scriptedServer } from '../../src/testing/scripted.ts';
import { el } from '../../src/xml/element.ts';
import { suite } from '../harness.ts';
import { RawClient } from './raw-client.ts';

const test = suite('scripted server');

/** Runs a client against a script; what the script finds is what it rejects with. */
function play(
  script: Script | readonly Script[],
  body: (connect: () => Promise<RawClient>, ca: string) => Promise<void>,
  options: Parameters<typeof scripted>[2] = {},
): Promise<void> {
  return scripted(
    script,
    async (server) => {
      const clients: RawClient[] = [];
      try {
        await body(async () => {
          const client = await RawClient.tcp(server.port, server.domain);
          clients.push(client);
          return client;
        }, server.ca);
        await server.done();
      } finally {
        for (const client of clients) client.destroy();
      }
    },
    options,
  );
}

test('it says byte for byte what the script says', () =>
  play(
    async (peer) => {
      const header = await peer.header();
      assert.is(header.attr('to'), 'localhost');
      await peer.send("<?xml version='1.0'?><stream:stream id='1' xmlns='jabber:client' version='1.0' ");
      await peer.send("xmlns:stream='http://etherx.jabber.org/streams'><stream:features/>");
      assert.is((await peer.expect('message')).attr('id'), '1');
      assert.is((await peer.next()).attr('id'), '2');
      assert.is((await peer.expect((element) => element.attr('id') === '3')).name, 'iq');
      await peer.write(Buffer.from('<a/>'));
      await peer.expect('/stream');
      await peer.close();
      assert.is(await peer.closed(), 'fin');
      assert.match(peer.received, /^<\?xml.*<message id='1'\/>.*<\/stream:stream>$/);
      assert.match(peer.sent, /^<\?xml.*<a\/><\/stream:stream>$/);
      assert.equal(
        peer.transcript.map(({ direction }) => direction).filter((direction, i, all) => direction !== all[i - 1]),
        ['in', 'out', 'in', 'out', 'in', 'out'],
      );
    },
    async (connect) => {
      const client = await connect();
      await client.open();
      assert.is(client.header.attr('id'), '1');
      client.write("<message id='1'/><presence id='2'/><iq id='3'/>");
      await client.expect('a');
      client.write('</stream:stream>');
      await client.expect('/stream');
      assert.is(await client.gone, 'fin');
    },
  ));

test('prologues go as far as they are told, on a path that the client knows', () =>
  play(
    [
      async (peer) => {
        assert.equal(await peer.negotiate({ upTo: 'tls' }), {});
        assert.ok(peer.tls?.encrypted);
        await peer.features(el('x'));
      },
      async (peer) => {
        assert.equal(await peer.negotiate({ upTo: 'auth' }), { username: 'romeo' });
        await peer.features(el('y'));
      },
      async (peer) => {
        assert.equal(await peer.negotiate({ upTo: 'bind' }), { username: 'romeo', jid: 'romeo@localhost/wish' });
        await peer.send(el('message', { id: 1 }));
      },
      async (peer) => {
        await peer.negotiate({ upTo: 'auth' });
        await peer.negotiate({ upTo: 'sm', resource: 'mine', enabled: { id: '7', resume: 'true', max: 5 } });
        await peer.send('<r xmlns="urn:xmpp:sm:3"/>');
      },
      async (peer) => {
        await peer.negotiate({ upTo: 'bind', tls: false, features: [el('z')] });
        assert.is(peer.tls, undefined);
      },
    ],
    async (connect, ca) => {
      const tls = await connect();
      await tls.open();
      await tls.startTls({ ca });
      assert.ok((await tls.open()).find('x', '*'));
      const auth = await connect();
      await auth.login(ca, { mechanism: 'SCRAM-SHA-256-PLUS', binding: 'tls-exporter' });
      assert.ok(auth.features.find('y', '*'));
      const bind = await connect();
      await bind.login(ca);
      assert.is(bind.features.find('sm', '*'), undefined);
      assert.is(await bind.bind('wish'), 'romeo@localhost/wish');
      assert.is((await bind.expect('message')).attr('id'), '1');
      const sm = await connect();
      await sm.login(ca, { mechanism: 'SCRAM-SHA-1' });
      assert.ok(sm.features.find('sm', '*'));
      assert.is(await sm.bind('wish'), 'romeo@localhost/mine');
      assert.equal({ ...(await sm.enable()).attrs }, { id: '7', resume: 'true', max: '5' });
      await sm.expect('r');
      const clear = await connect();
      await clear.login(ca);
      assert.ok(clear.features.find('z', '*'));
      assert.match(await clear.bind(), '/server');
    },
  ));

test('direct TLS shakes hands by itself', () =>
  scripted(
    async (peer) => {
      assert.ok(peer.direct);
      await peer.negotiate({ upTo: 'sm' });
      assert.is(peer.tls?.alpnProtocol, 'xmpp-client');
    },
    async (server) => {
      const options = { ca: server.ca, ALPNProtocols: ['xmpp-client'] };
      const client = await RawClient.direct(server.directPort, options, 'xmpp.test');
      await client.login(server.ca);
      await client.bind();
      assert.is((await client.enable()).name, 'enabled');
      await server.done();
      client.destroy();
    },
    { domain: 'xmpp.test' },
  ));

test('a wrong password is refused until the right one comes', () =>
  play(
    (peer) => peer.negotiate({ upTo: 'auth' }).then(() => peer.features()),
    async (connect, ca) => {
      const client = await connect();
      await client.open();
      await client.startTls({ ca });
      await client.open();
      assert.is(await client.authenticate({ password: 'wrong' }), 'failure not-authorized');
      assert.is(await client.authenticate(), 'success');
      await client.open();
    },
  ));

test('a mistake names the connection, the step, and what came instead', async () => {
  const scripts: Script[] = [
    async (peer) => {
      await peer.open();
    },
    async (peer) => {
      await peer.open();
      await peer.expect('auth');
    },
  ];
  const error = await play(scripts, async (connect) => {
    (await connect()).begin();
    const client = await connect();
    client.begin();
    client.write("<response xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>c2VjcmV0</response>");
    await new Promise(() => {});
  }).catch((error) => error);
  assert.instance(error, ScriptError);
  assert.is(
    error.message,
    "connection 2, step 3 (expect <auth>): got <response xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>",
  );
});

for (const [name, script, write, message] of [
  ['the client leaves', (peer) => peer.expect('x'), '', 'step 1 (expect <x>): the client closed the connection'],
  ['nothing comes', (peer) => peer.expect('x'), undefined, 'step 1 (expect <x>): nothing came for 20 ms'],
  ['no bytes come', (peer) => peer.raw(), '', 'step 1 (raw): the client closed the connection'],
  ['the client stays', (peer) => peer.closed(), undefined, 'step 1 (closed): nothing came for 20 ms'],
  ['bad XML comes', (peer) => peer.next().then(() => peer.next()), '<a></b>', 'step 2 (next): '],
  ['another header comes', (peer) => peer.header(), '<stream/>', "step 1 (header): got <stream xmlns=''>"],
  [
    'no footer comes first',
    (peer) => peer.open().then(() => peer.header()),
    '<a/><b/>',
    'step 1 (header): got <a xmlns',
  ],
] as [string, Script, string | undefined, string][]) {
  test(`a mistake: ${name}`, async () => {
    const error = await play(
      script,
      async (connect) => {
        const client = await connect();
        if (write === '') client.destroy();
        else if (write !== undefined) client.write(write);
        await new Promise(() => {});
      },
      { limit: 20 },
    ).catch((error) => error);
    assert.instance(error, ScriptError);
    assert.ok(error.message.startsWith(`connection 1, ${message}`), error.message);
  });
}

test('a mistake: something comes before a header', async () => {
  const error = await play(
    async (peer) => {
      await peer.open();
      await peer.expect('auth');
      await peer.header();
    },
    async (connect) => {
      const client = await connect();
      client.begin();
      client.write('<auth/><x/>');
      await new Promise(() => {});
    },
  ).catch((error) => error);
  assert.match(error.message, "step 4 (header): got <x xmlns='jabber:client'> before it");
});

test('a mistake resets the connection, and is kept', async () => {
  const server = await scriptedServer(async (peer) => {
    await peer.open();
    throw new TypeError('oops');
  });
  const client = await RawClient.tcp(server.port);
  client.begin();
  assert.match(await client.gone, /ECONNRESET|fin/);
  assert.is(await server.failed.catch((error) => error.message), 'connection 1, step 2 (send): oops');
  assert.is(await server.done().catch((error) => error.cause.name), 'TypeError');
  assert.match(String(server.errors[0]?.stack), /connection 1, step 2 \(send\): oops\n(?:.*\n)*.*scripted\.test/);
  assert.is(server.errors.length, 1);
  await server.close();
});

test('a connection too many is a mistake', async () => {
  const server = await scriptedServer([async () => {}]);
  const clients = await Promise.allSettled([RawClient.tcp(server.port), RawClient.tcp(server.port)]);
  const error = await server.failed.catch((error) => error);
  assert.match(error.message, /^connection 2, .*no script/);
  for (const client of clients) if (client.status === 'fulfilled') client.value.destroy();
  await server.close();
});

test('closing ends scripts that wait, and that is no mistake', async () => {
  const steps: Script[] = [
    (peer) => peer.next(),
    (peer) => peer.raw(),
    (peer) => peer.wait(3_600_000),
    (peer) => peer.closed(),
    (peer) => peer.header(),
    async (peer) => {
      for await (const _ of peer);
    },
    async (peer) => {
      peer.silence();
      await peer.next();
    },
    async () => {},
  ];
  const server = await scriptedServer(steps);
  const clients = await Promise.all(steps.map(() => RawClient.tcp(server.port)));
  while (server.peers.length < steps.length) await new Promise((resolve) => setImmediate(resolve));
  await server.close();
  assert.equal(server.errors, []);
  for (const client of clients) assert.ok(await client.gone);
});

test('all elements to the end of the stream', () =>
  play(
    async (peer) => {
      await peer.open();
      const ids = [];
      for await (const element of peer) ids.push(element.attr('id'));
      assert.equal(ids, ['1', '2']);
    },
    async (connect) => {
      const client = await connect();
      client.begin();
      await client.expect('stream');
      client.write("<message id='1'/><message id='2'/></stream:stream>");
      await client.gone;
      assert.match(client.text, '</stream:stream>');
    },
  ));

test('a script that is done lets the client end the stream', () =>
  play(
    async (peer) => {
      await peer.open();
      await peer.features();
    },
    async (connect) => {
      const client = await connect();
      await client.open();
      client.write('<message/></stream:stream>');
      await client.expect('/stream');
      assert.is(await client.gone, 'fin');
    },
  ));

test('it ends in every way there is', () =>
  play(
    [
      async (peer) => {
        await peer.open();
        await peer.error('conflict', 'Replaced', el('x', { xmlns: 'urn:x' }));
        assert.is(await peer.closed(), 'fin');
      },
      async (peer) => {
        await peer.open();
        peer.end();
        assert.is(await peer.closed(), 'fin');
      },
      async (peer) => {
        await peer.open();
        peer.reset();
      },
      async (peer) => {
        await peer.open();
        peer.silence();
      },
      async (peer) => {
        await peer.open();
        assert.is(await peer.closed(), 'rst');
      },
      async (peer) => {
        await peer.open();
        assert.is(await peer.closed(), 'fin');
        await peer.send('<a/>');
      },
    ],
    async (connect) => {
      const opened = async () => {
        const client = await connect();
        client.begin();
        await client.expect('stream');
        return client;
      };
      const error = await opened();
      assert.is(await error.gone, 'fin');
      assert.match(error.text, 'conflict');
      assert.match(error.text, 'Replaced</text><x xmlns="urn:x"/></stream:error></stream:stream>');
      const ended = await opened();
      assert.is(await ended.gone, 'fin');
      assert.not.match(ended.text, '</stream:stream>');
      assert.is(await (await opened()).gone, 'ECONNRESET');
      const silent = await opened();
      silent.write('<message/></stream:stream>');
      const resetting = await opened();
      resetting.socket.resetAndDestroy();
      const half = await opened();
      half.socket.on('end', () => {});
      half.socket.end();
      assert.is(await half.gone, 'fin');
      assert.match(half.text, '<a/>');
      assert.not.match(silent.text, '</stream:stream>');
    },
  ));

test('said goodbye, it still sees how the client leaves', () =>
  scripted(
    async (peer) => {
      await peer.open();
      peer.end();
      assert.is(await peer.closed(), 'rst');
    },
    async (server) => {
      const done = server.done();
      const socket = net.connect({ port: server.port, host: '127.0.0.1', allowHalfOpen: true });
      socket.write("<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>");
      await once(socket.resume(), 'end');
      socket.resetAndDestroy();
      await done;
    },
  ));

test('bytes that are not XML', () =>
  play(
    async (peer) => {
      assert.is(String(await peer.raw()), 'GET / HTTP/1.0');
      await peer.write(Buffer.from([0, 255]));
    },
    async (connect) => {
      const client = await connect();
      client.write('GET / HTTP/1.0');
      const [chunk] = await once(client.socket, 'data');
      assert.equal([...chunk], [0, 255]);
    },
  ));

test('text in pieces', () =>
  play(
    async (peer) => {
      await peer.open();
      await peer.dribble('<stream:features/>');
      await peer.dribble('<message/>', [4, 6]);
    },
    async (connect) => {
      const client = await connect();
      await client.open();
      await client.expect('message');
      assert.equal(client.chunks.slice(1), [...Array<number>('<stream:features/>'.length).fill(1), 4, 6]);
    },
  ));

test('faults work on peers, too', () =>
  scripted(
    (peer) => peer.open(),
    async (server) => {
      server.faults.add({ drop: 'fin', when: { direction: 'out', bytes: 10 } });
      const client = await RawClient.tcp(server.port);
      client.begin();
      assert.is(await client.gone, 'fin');
      assert.is(client.text, '<?xml vers');
      client.destroy();
    },
  ));

test('bytes in clear behind <proceed/>, for a client that must not take them', () =>
  play(
    async (peer) => {
      await peer.open();
      await peer.features(el('starttls', { xmlns: 'urn:ietf:params:xml:ns:xmpp-tls' }));
      await peer.expect('starttls');
      await peer.send("<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/><injected/>");
    },
    async (connect) => {
      const client = await connect();
      await client.open();
      client.write("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
      await client.expect('proceed');
      await client.expect('injected');
      assert.ok(client.text.endsWith("<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/><injected/>"));
    },
  ));

test('it goes away and comes back on the same port', () =>
  scripted(
    (peer) => peer.open(),
    async (server) => {
      const { port } = server;
      server.down();
      assert.is(await RawClient.tcp(port).catch((error) => error.code), 'ECONNREFUSED');
      await server.up();
      const client = await RawClient.tcp(port);
      client.begin();
      await client.expect('stream');
      client.destroy();
    },
  ));

test('a handshake that the client refuses is an error of that step', () =>
  play(
    async (peer) => {
      await peer.open();
      await peer.features(el('starttls', { xmlns: 'urn:ietf:params:xml:ns:xmpp-tls' }));
      const error = await peer.startTls().catch((error) => error);
      assert.instance(error, Error);
    },
    async (connect) => {
      const client = await connect();
      await client.open();
      assert.is(await client.startTls({}).catch((error) => error.code), 'SELF_SIGNED_CERT_IN_CHAIN');
    },
  ));

test.run();
