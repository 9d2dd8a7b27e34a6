/** Servers, and whoever stands before them, that would have a client speak in clear or believe what was said in clear. */
import type { AddressInfo } from 'node:net';
import { createSecureContext, createServer } from 'node:tls';
import * as assert from 'uvu/assert';
import { SimulatedClock } from 'xstate';
import { type ClientOptions, type Element, el } from '../../src/index.ts';
import type { Peer } from '../../src/testing/peer.ts';
import type { ScriptedServer } from '../../src/testing/scripted.ts';
import { NS, segment } from '../sockets/dialogue.ts';
import { ALONE, DOMAIN } from '../sockets/login.ts';
import { sockets } from '../sockets/rig.ts';
import { heard, meet, offer, SECRET, sasl } from './enemy.ts';
import { dns, forger } from './forgery.ts';

const test = sockets('hostile/tls');

const { ca, issue } = forger();

const STARTTLS = el('starttls', { xmlns: NS.tls }, el('required'));
const PROCEED = el('proceed', { xmlns: NS.tls });
const LOGIN = offer('PLAIN', 'SCRAM-SHA-1', 'ANONYMOUS', 'EXTERNAL');

/** The port on which TLS comes first. */
const direct = ({ directEndpoint }: ScriptedServer): Partial<ClientOptions> => ({ endpoints: [directEndpoint] });

/** Comes as far as the client's `<starttls/>`. */
async function asked(peer: Peer): Promise<void> {
  await peer.open();
  await peer.features(STARTTLS, LOGIN);
  await peer.expect('starttls');
}

// Without TLS.

const STRIPPED: Record<string, Element[]> = {
  'left out': [LOGIN],
  misspelt: [el('starttlss', { xmlns: NS.tls }), LOGIN],
  'in another namespace': [el('starttls', { xmlns: NS.sasl }), LOGIN],
  'inside another feature': [el('x', { xmlns: 'urn:example' }, STARTTLS), LOGIN],
  'left out, with a session for nothing': [el('bind', { xmlns: NS.bind }), el('sm', { xmlns: NS.sm })],
  'left out, with nothing': [],
};

for (const [about, features] of Object.entries(STRIPPED)) {
  test(`STARTTLS stripped: ${about}`, async (rig) => {
    const { verdict, server } = await meet(rig, async (peer) => {
      await peer.open();
      await peer.features(...features);
      await peer.expect('error');
    });
    assert.is(verdict, 'policy tls policy-violation user');
    assert.equal(server.peers.map(heard), [['stream', 'error', '/stream']]);
  });
}

const REFUSAL = el('failure', { xmlns: NS.tls });
const OFFER = `<stream:features>${LOGIN}</stream:features>`;

const REFUSED: Record<string, string> = {
  alone: segment(REFUSAL),
  'with the end of the stream': segment(REFUSAL, '</stream:stream>'),
  'with mechanisms for clear text': segment(REFUSAL, OFFER),
  'with success for nothing': segment(REFUSAL, sasl('success')),
};

for (const [about, refusal] of Object.entries(REFUSED)) {
  for (const tls of ['required', 'optional'] as const) {
    test(`STARTTLS refused: ${about}, TLS being ${tls}`, async (rig) => {
      const { verdict, server } = await meet(
        rig,
        async (peer) => {
          await asked(peer);
          await peer.send(refusal);
        },
        { tls },
      );
      assert.is(verdict, 'tls tls - backoff');
      assert.equal(server.peers.map(heard), [['stream', 'starttls', '/stream']]);
    });
  }
}

// In clear, where TLS should be.

const HEADER = `<stream:stream xmlns='jabber:client' xmlns:stream='${NS.stream}' version='1.0'>`;
const STANZA = '<message><body>from nobody</body></message>';

const INJECTED: Record<string, string | Uint8Array> = {
  'a header': HEADER,
  'a header, features and success': `${HEADER}${OFFER}${sasl('success')}`,
  features: OFFER,
  'a stanza': STANZA,
  'a stream error': `<stream:error><host-unknown xmlns='${NS.streamErrors}'/></stream:error>`,
  'the end of the stream': '</stream:stream>',
  'half an element': '<mess',
  'white space': ' ',
  'a second <proceed/>': segment(PROCEED),
  '60 KB': 'x'.repeat(60_000),
  'half a record of TLS': Uint8Array.of(0x16, 0x03, 0x03, 0x00),
};

for (const [about, injected] of Object.entries(INJECTED)) {
  test(`data behind proceed: ${about} in the same segment`, async (rig) => {
    const { verdict, server } = await meet(rig, async (peer) => {
      await asked(peer);
      await peer.write(Buffer.concat([Buffer.from(segment(PROCEED)), Buffer.from(injected)]));
      await peer.closed();
    });
    assert.is(verdict, 'tls tls injected-data backoff');
    assert.equal(server.peers.map(heard), [['stream', 'starttls']]);
  });
}

for (const [about, injected] of Object.entries({ features: OFFER, 'a stanza': STANZA, 'white space': ' '.repeat(5) })) {
  test(`data behind proceed: ${about} in a segment before the handshake, and one in its midst`, async (rig) => {
    const { verdict, server } = await meet(
      rig,
      [
        async (peer) => {
          await asked(peer);
          await peer.send(PROCEED);
          await peer.send(injected);
          await peer.closed();
        },
        async (peer) => {
          await asked(peer);
          await peer.send(PROCEED);
          await peer.raw();
          await peer.send(injected);
          await peer.closed();
        },
      ],
      { maxInitialAttempts: 2 },
    );
    assert.is(verdict, 'tls tls handshake backoff');
    for (const peer of server.peers) assert.equal(heard(peer), ['stream', 'starttls']);
  });
}

/** What comes in clear while the client waits for an answer to `<starttls/>`. */
const BEFORE: Record<string, [verdict: string, text: string]> = {
  'a stanza': ['protocol tls policy-violation backoff', STANZA],
  success: ['protocol tls unsupported-stanza-type backoff', segment(sasl('success'))],
  'a challenge': ['protocol tls unsupported-stanza-type backoff', segment(sasl('challenge'))],
};

for (const [about, [expected, text]] of Object.entries(BEFORE)) {
  test(`what is said before TLS counts for nothing: ${about}`, async (rig) => {
    const { verdict, server } = await meet(rig, async (peer) => {
      await asked(peer);
      await peer.send(text);
      await peer.expect('error');
    });
    assert.is(verdict, expected);
    assert.equal(server.peers.map(heard), [['stream', 'starttls', 'error', '/stream']]);
  });
}

test('what is said before TLS counts for nothing: features, once and again', async (rig) => {
  const { verdict, server } = await meet(rig, async (peer) => {
    await asked(peer);
    await peer.send(segment(OFFER, OFFER, PROCEED));
    await peer.handshake();
    await peer.open();
    await peer.features(offer('X-NONE'));
    await peer.expect('error');
  });
  assert.is(verdict, 'auth auth no-mechanism never');
  assert.equal(server.peers.map(heard), [['stream', 'starttls', 'stream', 'error', '/stream']]);
});

// Handshakes that come to nothing.

const ALERT = Uint8Array.of(0x15, 0x03, 0x03, 0x00, 0x02, 0x02, 0x28);

const NO_TLS: Record<string, string | Uint8Array> = {
  'a stream in clear': `${HEADER}${OFFER}`,
  'an alert': ALERT,
  'a record of a size that none can have': Uint8Array.of(0x16, 0x03, 0x03, 0xff, 0xff, 0x00),
  'what the browser expects': 'HTTP/1.1 400 Bad Request\r\n\r\n',
};

for (const [about, answer] of Object.entries(NO_TLS)) {
  test(`nothing in clear on direct TLS: not to ${about}`, async (rig) => {
    const received: Buffer[] = [];
    const { verdict } = await meet(
      rig,
      async (peer) => {
        peer.socket.on('data', (bytes: Buffer) => received.push(bytes));
        await new Promise((resolve) => peer.socket.once('data', resolve));
        peer.socket.write(answer);
        await new Promise((resolve) => peer.socket.once('end', resolve).once('close', resolve));
        peer.socket.destroy();
      },
      direct,
    );
    assert.is(verdict, 'tls tls handshake backoff');
    const clear = Buffer.concat(received).toString('latin1');
    assert.is(/stream|jabber|romeo/.test(clear) || clear.includes(SECRET), false);
  });
}

const OLD = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' } as const;

for (const [about, context] of Object.entries({
  'as a rule': false,
  'even where the application lets it': true,
})) {
  test(`versions before TLS 1.2 are refused, ${about}`, async (rig) => {
    const { cert, key } = issue({ names: [dns(DOMAIN)] });
    const secureContext = createSecureContext({ cert, key, ...OLD });
    const { verdict, server } = await meet(
      rig,
      async (peer) => {
        await asked(peer);
        await peer.send(PROCEED);
        await peer.handshake({ secureContext }).catch(() => {});
        await peer.closed();
      },
      { ca, ...(context && { secureContext: createSecureContext({ ca, ...OLD }) }) },
    );
    assert.is(verdict, 'tls tls handshake backoff');
    assert.equal(server.peers.map(heard), [['stream', 'starttls']]);
  });
}

test('a renegotiation is refused', async (rig) => {
  const outcome = new Promise((resolve) => {
    const server = createServer({ ...issue({ names: [dns(DOMAIN)] }), maxVersion: 'TLSv1.2' }, (socket) => {
      server.close();
      socket.once('error', ({ code }: NodeJS.ErrnoException) => resolve(code));
      socket.resume().renegotiate({ rejectUnauthorized: false }, () => {
        resolve('renegotiated');
        socket.destroy();
      });
      // It begins with what is written next.
      socket.write(HEADER);
    });
    server.listen(0, '127.0.0.1', () => {
      const endpoint = { host: '127.0.0.1', port: (server.address() as AddressInfo).port, tls: 'direct' } as const;
      const { client } = rig.client({ ca, endpoint: { ...endpoint, source: 'application' } }, ALONE);
      client.start();
    });
  });
  assert.is(await outcome, 'ERR_SSL_NO_RENEGOTIATION');
});

test('a chain without an end is no chain', async (rig) => {
  const { cert, key } = issue({ names: [dns(DOMAIN)] });
  const secureContext = createSecureContext({ cert: cert + cert.repeat(200), key });
  const { verdict, server } = await meet(rig, async (peer) => {
    await asked(peer);
    await peer.send(PROCEED);
    await peer.handshake({ secureContext }).catch(() => {});
    await peer.closed();
  });
  assert.is(verdict, 'tls tls handshake backoff');
  assert.equal(server.peers.map(heard), [['stream', 'starttls']]);
});

test('a handshake that never ends has a deadline, however it is kept going', async (rig) => {
  const clock = new SimulatedClock();
  const { verdict, server } = await meet(
    rig,
    async (peer) => {
      await asked(peer);
      await peer.send(PROCEED);
      await peer.raw();
      // The head of a record of 16 KB, and its bytes one by one.
      await peer.write(Uint8Array.of(0x16, 0x03, 0x03, 0x40, 0x00, 0x02, 0x00, 0x3f, 0xfc));
      for (let seconds = 0; seconds < 60; seconds += 10) {
        await peer.write(Uint8Array.of(0));
        clock.increment(10_000);
      }
      await peer.closed();
    },
    { clock },
  );
  assert.is(verdict, 'timeout tls - backoff');
  assert.equal(server.peers.map(heard), [['stream', 'starttls']]);
});

test.run();
