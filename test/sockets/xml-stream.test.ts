/** The XML stream on its own, over TCP and TLS: what the P rows say of a connection, P-06 to P-42. */
import * as assert from 'uvu/assert';
import { el } from '../../src/index.ts';
import { XMLStream, type XMLStreamOptions } from '../../src/stream/index.ts';
import type { Script, ScriptedServer } from '../../src/testing/scripted.ts';
import { NS } from './dialogue.ts';
import { type Rig, sockets } from './rig.ts';

const test = sockets('sockets/xml-stream');

const STARTTLS = el('starttls', { xmlns: NS.tls });
const PROCEED = { name: 'proceed', namespace: NS.tls } as const;
const SUCCESS = { name: 'success', namespace: NS.sasl } as const;
const IQ = { name: 'iq', namespace: 'jabber:client' } as const;
const MESSAGE = { name: 'message', namespace: 'jabber:client' } as const;

/** A stream to a server that does what the script says, connected. */
async function connected(rig: Rig, script: Script, options: Partial<XMLStreamOptions> = {}) {
  const server = await rig.scripted(script);
  const stream = make(server, options);
  await stream.connect(server.endpoint);
  return { server, stream };
}

function make(server: ScriptedServer, options: Partial<XMLStreamOptions> = {}): XMLStream {
  return new XMLStream({ to: server.domain, tls: { ca: server.ca }, ...options });
}

const offersTls: Script = async (peer) => {
  await peer.open();
  await peer.features(STARTTLS);
  await peer.startTls();
};

/** A handshake that the stream may end at any time. */
const unloved: Script = async (peer) => {
  await peer.open();
  await peer.expect('starttls');
  await peer.send(el('proceed', { xmlns: NS.tls }));
  await peer.handshake().catch(() => {});
};

/** The failure that a promise is rejected with. */
async function failureOf(promise: Promise<unknown>) {
  const error = await promise.then(
    () => null,
    (reason: unknown) => reason,
  );
  return (error as { failure?: { kind: string; condition?: string } } | null)?.failure;
}

/** Resolves when a stream has nothing more to do with its socket. */
function closed({ actor }: XMLStream): Promise<void> {
  return new Promise((resolve) => {
    actor.subscribe({ complete: resolve });
    if (actor.getSnapshot().status === 'done') resolve();
  });
}

test('P-12, P-13, P-15, P-36, P-37, P-41, N-74, X-23: a session by hand, with TLS and SASL', async (rig) => {
  const { stream } = await connected(
    rig,
    async (peer) => {
      await peer.negotiate({ upTo: 'bind' });
      const message = await peer.expect('message');
      await peer.send(el('message', { id: `re-${message.attr('id')}` }));
    },
    { from: 'romeo@localhost' },
  );
  const offered = await stream.features();
  assert.ok(offered.find('starttls', NS.tls));
  await stream.sendAndWaitFor([STARTTLS], [PROCEED]);
  assert.is(stream.canStartTls, true);
  const security = await stream.startTls();
  assert.match(security.protocol, /^TLSv1\.[23]$/);
  assert.equal(stream.security, security);
  assert.ok(stream.channelBinding('tls-server-end-point').length > 0);
  assert.is(stream.canStartTls, false);
  assert.throws(() => stream.send(el('message')), /reset/);
  const mechanisms = (await stream.resetAndGetFeatures()).find('mechanisms', NS.sasl);
  assert.ok(mechanisms?.filter('mechanism').some(({ text }) => text === 'PLAIN'));
  const plain = Buffer.from('\0romeo\0secret').toString('base64');
  await stream.sendAndWaitFor([el('auth', { xmlns: NS.sasl, mechanism: 'PLAIN' }, plain)], [SUCCESS]);
  assert.ok((await stream.resetAndGetFeatures()).find('bind', NS.bind));
  const bind = el('iq', { type: 'set', id: 'b' }, el('bind', { xmlns: NS.bind }));
  const bound = await stream.sendAndWaitFor([bind], [IQ]);
  assert.is(bound.find('bind', NS.bind)?.find('jid')?.text, 'romeo@localhost/server');
  const reply = await stream.sendAndWaitFor([el('message', { id: '1' })], [MESSAGE]);
  assert.is(reply.attr('id'), 're-1');
  await stream.closeAndWait();
  await closed(stream);
});

test('P-12, P-41: who one is, is said once encrypted', async (rig) => {
  const headers: (string | undefined)[] = [];
  const { stream } = await connected(
    rig,
    async (peer) => {
      headers.push((await peer.open()).attr('from'));
      await peer.startTls();
      headers.push((await peer.open()).attr('from'));
    },
    { from: 'romeo@localhost' },
  );
  await stream.sendAndWaitFor([STARTTLS], [PROCEED]);
  await stream.startTls();
  stream.reset();
  await new Promise((resolve) => stream.on('header', resolve));
  await stream.closeAndWait();
  await closed(stream);
  assert.equal(headers, [undefined, 'romeo@localhost']);
});

test('P-12: TLS can be refused after the handshake, in a while', async (rig) => {
  const { stream } = await connected(rig, unloved);
  await stream.sendAndWaitFor([STARTTLS], [PROCEED]);
  const asked: string[] = [];
  const secured = stream.startTls({
    async postHandshake({ certificate }) {
      await new Promise((resolve) => setImmediate(resolve));
      asked.push(certificate?.fingerprint256 ?? '');
      throw new Error('not the one we know');
    },
  });
  const failure = await failureOf(secured);
  assert.is(failure?.kind, 'tls');
  assert.is(failure?.condition, 'certificate');
  assert.match(asked[0] ?? '', /^[0-9A-F:]{95}$/);
  assert.is(stream.state, 'CLOSED');
  assert.equal((await stream.ended())?.retry, 'user');
});

test('P-12: a certificate that nobody vouches for ends the stream', async (rig) => {
  const server = await rig.scripted(unloved);
  const stream = make(server, { tls: {} });
  await stream.connect(server.endpoint);
  await stream.sendAndWaitFor([STARTTLS], [PROCEED]);
  assert.is((await failureOf(stream.startTls()))?.condition, 'certificate');
  assert.is(stream.state, 'CLOSED');
});

for (const how of ['timeout', 'signal', 'close', 'abort'] as const) {
  test(`P-12: a handshake that does not come to an end can be ended by ${how}`, async (rig) => {
    const { stream } = await connected(rig, async (peer) => {
      await peer.open();
      await peer.expect('starttls');
      await peer.send(el('proceed', { xmlns: NS.tls }));
      await peer.raw();
      await peer.closed();
    });
    await stream.sendAndWaitFor([STARTTLS], [PROCEED]);
    const controller = new AbortController();
    const options = { timeout: { timeout: 20 }, signal: { signal: controller.signal }, close: {}, abort: {} }[how];
    const secured = stream.startTls(options);
    assert.throws(() => stream.send(el('message')), /TLS/);
    assert.throws(() => stream.reset(), /TLS/);
    if (how === 'signal') controller.abort(new Error('no more'));
    if (how === 'close') stream.close();
    if (how === 'abort') stream.abort();
    const error = await secured.then(
      () => null,
      (reason: Error) => reason,
    );
    assert.is(
      error?.name,
      { timeout: 'ConnectionError', signal: 'Error', close: 'StateError', abort: 'StateError' }[how],
    );
    assert.is(stream.state, 'CLOSED');
  });
}

test('P-14: what is injected behind <proceed/> is seen by nobody, and there is no TLS', async (rig) => {
  const { stream } = await connected(rig, async (peer) => {
    await peer.open();
    await peer.expect('starttls');
    await peer.send(`<proceed xmlns='${NS.tls}'/><message id='injected'/>`);
    await peer.closed();
  });
  const seen: unknown[] = [];
  stream.handle(MESSAGE, (message) => seen.push(message));
  await stream.sendAndWaitFor([STARTTLS], [PROCEED]);
  assert.is((await failureOf(stream.startTls()))?.condition, 'injected-data');
  assert.equal(seen, []);
});

test('P-06: a byte at a time', async (rig) => {
  const { stream } = await connected(rig, async (peer) => {
    await peer.open();
    await peer.dribble('<stream:features/> <message><body>grün</body></message>');
  });
  const message = await stream.sendAndWaitFor([], [MESSAGE]);
  assert.is(message.find('body')?.text, 'grün');
  await stream.closeAndWait();
  await closed(stream);
});

test('P-18, P-24: the footer comes before the end of our bytes, and the peer has the last word', async (rig) => {
  const { stream, server } = await connected(rig, async (peer) => {
    await peer.open();
    await peer.expect('message');
    await peer.expect('/stream');
    assert.is(await peer.closed(), 'fin', 'before the peer says anything');
    await peer.send('<message/></stream:stream>');
    peer.end();
  });
  const seen: unknown[] = [];
  stream.handle(MESSAGE, (message) => seen.push(message));
  stream.send(el('message'));
  await stream.closeAndWait();
  assert.is(seen.length, 1);
  await closed(stream);
  await server.done();
  assert.match(server.peers[0]?.received ?? '', /<message\/><\/stream:stream>$/);
});

test('P-18: under TLS the connection stays whole until the peer has answered', async (rig) => {
  const { stream, server } = await connected(rig, async (peer) => {
    await offersTls(peer);
    await peer.open();
    await peer.expect('/stream');
    await peer.wait(20);
    await peer.send('<message/></stream:stream>');
    await peer.closed();
  });
  const seen: unknown[] = [];
  stream.handle(MESSAGE, (message) => seen.push(message));
  await stream.sendAndWaitFor([STARTTLS], [PROCEED]);
  await stream.startTls();
  stream.reset();
  await new Promise((resolve) => stream.on('header', resolve));
  await stream.closeAndWait();
  assert.is(seen.length, 1);
  await closed(stream);
  await server.done();
});

test('P-21: what was written before an abort arrives, and no footer', async (rig) => {
  const { stream, server } = await connected(rig, async (peer) => {
    await peer.open();
    await peer.expect('message');
    await peer.closed();
  });
  stream.send(el('message'));
  stream.abort();
  await server.done();
  assert.match(server.peers[0]?.received ?? '', /<message\/>$/);
});

test('P-26, E-5: a silent peer holds up closing for as long as it may', async (rig) => {
  const { stream } = await connected(
    rig,
    async (peer) => {
      await peer.open();
      peer.silence();
    },
    { shutdownTimeout: 20 },
  );
  await stream.closeAndWait();
  assert.is(stream.state, 'CLOSED');
  assert.is(await stream.ended(), null);
});

test('P-32, P-33, E-3: the peer may end it, in order or without a word', async (rig) => {
  for (const [cause, end] of [
    ['stream', '</stream:stream>'],
    ['network', ''],
  ] as const) {
    const { stream, server } = await connected(rig, async (peer) => {
      await peer.open();
      await peer.send(end);
      peer.end();
    });
    assert.is((await stream.ended())?.kind, cause);
    await closed(stream);
    await server.done();
  }
});

test('P-39: a silent connection is given up', async (rig) => {
  const { stream } = await connected(
    rig,
    async (peer) => {
      await peer.open();
      peer.silence();
    },
    { deadTime: { soft: 10, hard: 30 } },
  );
  const silences: number[] = [];
  stream.on('silent', ({ silence }) => silences.push(silence));
  assert.is((await stream.ended())?.kind, 'timeout');
  assert.is(silences.length, 1);
});

test('direct TLS: the stream begins encrypted', async (rig) => {
  const server = await rig.scripted((peer) => peer.open());
  const stream = make(server, { from: 'romeo@localhost' });
  await stream.connect(server.directEndpoint);
  assert.is(stream.security?.alpn, 'xmpp-client');
  assert.is(stream.canStartTls, false);
  assert.match(server.peers[0]?.received ?? '', 'from="romeo@localhost"');
  await stream.closeAndWait();
  await closed(stream);
});

test('a connection that is refused is a failure with its place', async (rig) => {
  const server = await rig.scripted(async () => {});
  server.down();
  const stream = make(server);
  const failure = await failureOf(stream.connect(server.endpoint));
  assert.is(failure?.kind, 'network');
  assert.is((await stream.ended())?.endpoint?.port, server.endpoint.port);
});

test.run();
