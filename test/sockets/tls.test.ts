/** TLS: when it is asked for, whom it trusts, and what is never done without it (RFC 6120 §5, RFC 7590, XEP-0368). */
import { X509Certificate } from 'node:crypto';
import { createSecureContext, type TLSSocket } from 'node:tls';
import * as assert from 'uvu/assert';
import { type ClientOptions, el } from '../../src/index.ts';
import { type Certificates, type Identity, sharedCertificates } from '../../src/testing/certificates.ts';
import type { TestServer, TestServerOptions } from '../../src/testing/server.ts';
import type { Settings } from '../../src/testing/settings.ts';
import { dial } from '../../src/transport/tcp.ts';
import { authority } from '../transport/certificates.ts';
import { dialogue, NS, segment } from './dialogue.ts';
import { ALONE, auths, DOMAIN, failure, verdict } from './login.ts';
import { JID, PASSWORD, type Rig, sockets } from './rig.ts';
import { sent } from './wire.ts';

const test = sockets('sockets/tls');

const STARTTLS = el('starttls', { xmlns: NS.tls });
const PROCEED = el('proceed', { xmlns: NS.tls });

type Mode = 'STARTTLS' | 'direct TLS';
const MODES: readonly Mode[] = ['STARTTLS', 'direct TLS'];

/** A server that keeps a log, and a client of its own that knows no other. */
async function meet(rig: Rig, mode: Mode, settings: TestServerOptions = {}, options: Partial<ClientOptions> = {}) {
  const server = await rig.server({ domain: DOMAIN, log: true, ...settings });
  const endpoints = [mode === 'STARTTLS' ? server.endpoint : server.directEndpoint];
  return { server, ...rig.client(server, { ...ALONE, endpoints, ...options }) };
}

/** The names of all that the first client of a server said. */
const heard = (server: TestServer) => sent(server, 1);

// Whether there is TLS.

type Policy = Settings['tls'];

const SECURED: readonly [client: Policy, server: Policy][] = [
  ['required', 'required'],
  ['required', 'optional'],
  ['optional', 'required'],
  ['optional', 'optional'],
];

for (const [tls, policy] of SECURED) {
  test(`STARTTLS ${policy} where it is ${tls} here: secured`, async (rig) => {
    const { client, server } = await meet(rig, 'STARTTLS', { tls: policy }, { tls });
    await client.start();
    assert.ok(client.getSnapshot().trust?.security);
    assert.equal(heard(server).slice(0, 4), ['stream', 'starttls', 'stream', 'auth']);
  });
}

const BARE: readonly [client: Policy, server: Policy][] = [
  ['optional', 'off'],
  ['off', 'optional'],
  ['off', 'off'],
];

for (const [tls, policy] of BARE) {
  test(`STARTTLS ${policy} where it is ${tls} here: in clear (X-16), without showing the password`, async (rig) => {
    const { client, server } = await meet(rig, 'STARTTLS', { tls: policy }, { tls });
    await client.start();
    assert.equal(client.getSnapshot().trust, { security: null, mechanism: 'SCRAM-SHA-512', binding: null });
    assert.equal(heard(server).slice(0, 2), ['stream', 'auth']);
  });
}

for (const [tls, policy, about] of [
  ['required', 'off', 'stripped'],
  ['off', 'required', 'demanded'],
] as const) {
  test(`X-15: STARTTLS ${about} where it is ${tls} here: a stream error and nothing else`, async (rig) => {
    const { server, ...subject } = await meet(rig, 'STARTTLS', { tls: policy }, { tls });
    assert.is(verdict(await failure(subject)), 'policy policy-violation user');
    assert.equal(heard(server), ['stream', 'error']);
  });
}

test('X-14, X-47: direct TLS is TLS, whatever is offered on top of it', async (rig) => {
  const { client, server } = await meet(rig, 'direct TLS', { tls: 'required' });
  await client.start();
  assert.equal(heard(server).slice(0, 2), ['stream', 'auth']);
});

for (const tls of ['required', 'optional'] as const) {
  test(`STARTTLS refused where it is ${tls}: the attempt is over, and nothing was said in clear`, async (rig) => {
    const server = await rig.scripted(
      async (peer) => {
        await peer.open();
        await peer.features(STARTTLS);
        await peer.expect('starttls');
        await peer.send(segment(el('failure', { xmlns: NS.tls }), '</stream:stream>'));
        await peer.expect('/stream');
      },
      { domain: DOMAIN },
    );
    const reason = await failure(rig.client(server, { ...ALONE, tls, maxInitialAttempts: 1 }));
    assert.is(verdict(reason), 'tls - backoff');
    assert.is(reason.stage, 'tls');
  });
}

// What is in clear, and must not count.

const INJECTED: Record<string, string> = {
  'the header of a stream': `<stream:stream xmlns='jabber:client' xmlns:stream='${NS.stream}' version='1.0'>`,
  features: `<stream:features><mechanisms xmlns='${NS.sasl}'><mechanism>PLAIN</mechanism></mechanisms></stream:features>`,
  'a stanza': '<message><body>from nobody</body></message>',
  'half an element': '<mess',
  'white space': ' ',
};

for (const [about, injected] of Object.entries(INJECTED)) {
  test(`C.8.13: ${about} in one segment with <proceed/> ends the attempt`, async (rig) => {
    const { client, journal, next } = await dialogue(rig, { tls: 'required' });
    client.on('message', () => journal.note('injected'));
    client.start();
    const peer = await next();
    await peer.open();
    await peer.features(STARTTLS);
    await peer.expect('starttls');
    await peer.send(segment(PROCEED, injected));
    await peer.closed();
    await journal.until('waiting 1 injected-data');
    assert.equal(journal.read(), ['waiting 1 injected-data']);
    assert.ok(
      peer.received.endsWith(String(STARTTLS).replaceAll('"', "'")) || peer.received.endsWith(String(STARTTLS)),
    );
  });
}

test('C.8.13: what comes in clear in a segment of its own is no TLS', async (rig) => {
  const { client, journal, next } = await dialogue(rig, { tls: 'required' });
  client.on('message', () => journal.note('injected'));
  client.start();
  const peer = await next();
  await peer.open();
  await peer.features(STARTTLS);
  await peer.expect('starttls');
  await peer.send(PROCEED);
  await peer.raw();
  await peer.send('<message/>');
  await journal.until('waiting 1 handshake');
  assert.equal(journal.read(), ['waiting 1 handshake']);
});

test('C.8.13: what was offered in clear is forgotten', async (rig) => {
  const server = await rig.scripted(async (peer) => {
    await peer.open();
    const mechanism = el('mechanism', {}, 'PLAIN');
    await peer.features(STARTTLS, el('mechanisms', { xmlns: NS.sasl }, mechanism), el('sm', { xmlns: NS.sm }));
    await peer.startTls();
    await peer.open();
    await peer.features();
    await peer.expect('error');
    await peer.expect('/stream');
  });
  const { client } = rig.client(server, { ...ALONE, jid: JID, maxInitialAttempts: 1 });
  assert.is((await failure({ client })).attempts?.[0]?.condition, 'no-mechanism');
  assert.equal(client.getSnapshot().features?.all, []);
});

for (const mode of MODES) {
  test(`C.8.3: stop in the handshake of ${mode} closes the connection, and writes nothing in clear`, async (rig) => {
    const received: Buffer[] = [];
    const server = await rig.scripted(async (peer) => {
      if (!peer.direct) {
        await peer.open();
        await peer.features(STARTTLS);
        await peer.expect('starttls');
        await peer.send(PROCEED);
      }
      peer.socket.on('data', (bytes) => received.push(bytes)).resume();
      await new Promise((resolve) => peer.socket.once('data', resolve));
      void client.stop();
      await new Promise((resolve) => peer.socket.once('close', resolve).once('end', resolve));
    });
    const { client, journal } = rig.client(server, {
      endpoints: [mode === 'STARTTLS' ? server.endpoint : server.directEndpoint],
    });
    client.start();
    await journal.until('stopped');
    assert.equal(journal.read(), ['stopped']);
    assert.not.match(Buffer.concat(received).toString('latin1'), 'stream');
  });
}

/** What the headers of a client's streams say. */
const headers = ({ log }: TestServer, name: string) =>
  log
    .filter(({ element, direction }) => element.name === 'stream' && direction === 'in')
    .map(({ element }) => element.attr(name) ?? null);

test('the first header does not say who is calling, those under TLS do (servers.md)', async (rig) => {
  const { jid } = ALONE;
  const starttls = await meet(rig, 'STARTTLS', {}, { jid: `${jid}/balcony` });
  await starttls.client.start();
  assert.equal(headers(starttls.server, 'from'), [null, jid, jid]);
  const direct = await meet(rig, 'direct TLS');
  await direct.client.start();
  assert.equal(headers(direct.server, 'from'), [jid, jid]);
  const bare = await meet(rig, 'STARTTLS', { tls: 'off' }, { tls: 'off' });
  await bare.client.start();
  assert.equal(headers(bare.server, 'from'), [null, null]);
});

test('every header names the domain, the version, and the language if there is one', async (rig) => {
  const { client, server } = await meet(rig, 'STARTTLS', {}, { lang: 'it' });
  await client.start();
  assert.equal(headers(server, 'to'), [DOMAIN, DOMAIN, DOMAIN]);
  assert.equal(headers(server, 'version'), ['1.0', '1.0', '1.0']);
  assert.equal(headers(server, 'xml:lang'), ['it', 'it', 'it']);
  const silent = await meet(rig, 'direct TLS');
  await silent.client.start();
  assert.equal(headers(silent.server, 'xml:lang'), [null, null]);
});

// PLAIN in clear.

const PLAIN = { tls: 'off', mechanisms: ['PLAIN'] } as const;

for (const tls of ['off', 'optional'] as const) {
  test(`a password is never sent in clear, TLS being ${tls}`, async (rig) => {
    const { server, ...subject } = await meet(rig, 'STARTTLS', PLAIN, { tls });
    assert.is(verdict(await failure(subject)), 'auth no-mechanism never');
    assert.equal(heard(server), ['stream', 'error']);
  });

  test(`but over loopback when that is allowed, TLS being ${tls}`, async (rig) => {
    const { client, server } = await meet(rig, 'STARTTLS', PLAIN, { tls, plainOnLoopback: true });
    await client.start();
    assert.equal(auths(server), [`PLAIN \0romeo\0${PASSWORD}`]);
  });
}

test('and what is allowed over loopback is allowed nowhere else', async (rig) => {
  const server = await rig.server({ domain: DOMAIN, log: true, ...PLAIN });
  const subject = rig.client(server, {
    ...ALONE,
    tls: 'off',
    plainOnLoopback: true,
    endpoints: [{ host: '192.0.2.1' }],
    connect: (_, { signal }) => dial(server.endpoint, { signal }),
  });
  assert.is(verdict(await failure(subject)), 'auth no-mechanism never');
  assert.equal(auths(server), []);
});

// Versions and ALPN.

for (const mode of MODES) {
  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    test(`${mode} with ${version}, as the snapshot tells`, async (rig) => {
      const { client } = await meet(rig, mode, { minVersion: version, maxVersion: version });
      await client.start();
      const { cert } = await sharedCertificates();
      const { subject, issuer, validTo, fingerprint256 } = new X509Certificate(cert);
      const { security } = client.getSnapshot().trust ?? {};
      assert.is(security?.protocol, version);
      assert.match(security?.cipher ?? '', /^TLS_\w+$/);
      assert.is(security?.alpn, mode === 'STARTTLS' ? null : 'xmpp-client');
      const certificate = { subject, issuer, validTo: new Date(validTo).toISOString(), fingerprint256 };
      assert.equal(security?.certificate, certificate);
    });
  }
}

test('a server that knows no ALPN is as good (servers.md)', async (rig) => {
  const { client } = await meet(rig, 'direct TLS', { alpn: false });
  await client.start();
  assert.is(client.getSnapshot().trust?.security?.alpn, null);
});

const TOO_OLD: Record<string, [TestServerOptions, Partial<ClientOptions>]> = {
  'TLS 1.1': [{ minVersion: 'TLSv1', maxVersion: 'TLSv1.1' }, {}],
  'less than was asked for': [{ maxVersion: 'TLSv1.2' }, { minVersion: 'TLSv1.3' }],
};

for (const [about, [settings, options]] of Object.entries(TOO_OLD)) {
  test(`${about} is no TLS`, async (rig) => {
    const { server, ...subject } = await meet(rig, 'STARTTLS', settings, { ...options, maxInitialAttempts: 1 });
    assert.is(verdict(await failure(subject)), 'tls handshake backoff');
    assert.equal(heard(server), ['stream', 'starttls']);
  });
}

// Certificates.

/** What a server sees of TLS before anything is said under it. */
async function handshake(rig: Rig, domain: string, jid: string): Promise<TLSSocket> {
  let seen: TLSSocket | undefined;
  const server = await rig.scripted(
    async (peer) => {
      await peer.negotiate({ upTo: 'bind' });
      seen = peer.tls;
    },
    { domain },
  );
  await rig.online(server, { ...ALONE, jid, endpoints: [server.directEndpoint] });
  return seen as TLSSocket;
}

test('the server is asked for the domain of the JID, and by ALPN for XMPP', async (rig) => {
  const { servername, alpnProtocol } = await handshake(rig, DOMAIN, ALONE.jid);
  assert.equal([servername, alpnProtocol], [DOMAIN, 'xmpp-client']);
});

test('an international domain goes by its ASCII form', async (rig) => {
  const { servername } = await handshake(rig, 'bücher.test', 'romeo@BÜCHER.test');
  assert.is(servername, 'xn--bcher-kva.test');
});

test('an address is no server name', async (rig) => {
  const { servername } = await handshake(rig, '127.0.0.1', 'romeo@127.0.0.1');
  assert.not(servername);
});

const DAY = 86_400_000;

type Forge = (certificates: Certificates) => Identity;

const digest = 'sha256';

/** An authority that nobody trusts. */
const STRANGER = authority();

const BAD: Record<string, [code: string, Forge]> = {
  'for another name': ['ERR_TLS_CERT_ALTNAME_INVALID', ({ issue }) => issue({ names: ['example.org'] })],
  'for the host alone that was dialled': [
    'ERR_TLS_CERT_ALTNAME_INVALID',
    ({ issue }) => issue({ names: ['127.0.0.1', 'localhost'] }),
  ],
  'for a part of the domain': [
    'ERR_TLS_CERT_ALTNAME_INVALID',
    ({ issue }) => issue({ names: [`*.${DOMAIN}`, 'test'] }),
  ],
  'for no name': ['ERR_TLS_CERT_ALTNAME_INVALID', ({ issue }) => issue({})],
  'that has expired': [
    'CERT_HAS_EXPIRED',
    ({ issue }) =>
      issue({ names: [DOMAIN], notBefore: new Date(Date.now() - 2 * DAY), notAfter: new Date(Date.now() - DAY) }),
  ],
  'that is not yet valid': [
    'CERT_NOT_YET_VALID',
    ({ issue }) => issue({ names: [DOMAIN], notBefore: new Date(Date.now() + DAY) }),
  ],
  'from nobody we know': [
    'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
    () => ({ ...STRANGER.issue({ names: [DOMAIN] }), digest }),
  ],
};

for (const [about, [code, forge]] of Object.entries(BAD)) {
  for (const mode of MODES) {
    test(`${mode}: a certificate ${about} waits for a person`, async (rig) => {
      const identity = forge(await sharedCertificates());
      const { server, ...subject } = await meet(rig, mode, { identity });
      const reason = await failure(subject);
      assert.is(verdict(reason), 'tls certificate user');
      assert.is(reason.cause?.code, code);
      assert.is(subject.dialed.length, 1);
      assert.equal(heard(server), mode === 'STARTTLS' ? ['stream', 'starttls'] : []);
    });
  }
}

test('a certificate signed by itself is none, and one with a common name alone is for nobody (RFC 9525)', async (rig) => {
  const { ca, issue } = STRANGER;
  const onlyNamed = { ...issue({ commonName: DOMAIN }), digest } as const;
  const named = await meet(rig, 'STARTTLS', { identity: onlyNamed }, { ca });
  assert.is((await failure(named)).cause?.code, 'ERR_TLS_CERT_ALTNAME_INVALID');
  const itself = await meet(rig, 'STARTTLS', { identity: { ...onlyNamed, cert: ca } });
  const reason = await failure(itself);
  assert.is(verdict(reason), 'tls certificate user');
  assert.is(reason.cause?.code, 'DEPTH_ZERO_SELF_SIGNED_CERT');
});

test('a certificate for the domain of the JID is good wherever it leads', async (rig) => {
  const { issue } = await sharedCertificates();
  const { client } = await meet(rig, 'STARTTLS', { identity: issue({ names: [DOMAIN] }) });
  await client.start();
  assert.is(client.getSnapshot().endpoint?.host, '127.0.0.1');
});

test('X-18: ca: only the authorities that were given are trusted', async (rig) => {
  const { ca } = await sharedCertificates();
  const subject = await meet(rig, 'STARTTLS', {}, { ca: STRANGER.ca });
  assert.is(verdict(await failure(subject)), 'tls certificate user');
  const { client } = await meet(rig, 'STARTTLS', {}, { ca: [STRANGER.ca, ca] });
  await client.start();
});

test('X-22: secureContext: a context of the application decides whom to trust', async (rig) => {
  const { ca } = await sharedCertificates();
  const options = { secureContext: createSecureContext({ ca }), ca: STRANGER.ca, mechanisms: ['SCRAM-SHA-256'] };
  const { client } = await meet(rig, 'STARTTLS', {}, options);
  await client.start();
  const subject = await meet(rig, 'STARTTLS', {}, { secureContext: createSecureContext({ ca: STRANGER.ca }) });
  assert.is(verdict(await failure(subject)), 'tls certificate user');
});

test('once the certificate is right, the next start gets in', async (rig) => {
  const [identity, { ca }] = [{ ...STRANGER.issue({ names: [DOMAIN] }), digest } as const, await sharedCertificates()];
  const wrong = await rig.server({ domain: DOMAIN, identity });
  const right = await rig.server({ domain: DOMAIN });
  const endpoints = [wrong.endpoint, right.endpoint];
  const { client } = rig.client(right, { ...ALONE, ca, endpoints: () => endpoints.splice(0, 1) });
  await failure({ client });
  await client.start();
});

/** A client that trusts this one certificate, whatever its name. */
async function pinning(rig: Rig, check: (fingerprint: string) => Error | undefined) {
  const identity = (await sharedCertificates()).issue({ names: ['example.org'] });
  const hosts: string[] = [];
  const subject = await meet(
    rig,
    'STARTTLS',
    { identity },
    {
      checkServerIdentity: (host, { fingerprint256 }) => {
        hosts.push(host);
        return check(fingerprint256);
      },
    },
  );
  return { ...subject, hosts, fingerprint: new X509Certificate(identity.cert).fingerprint256 };
}

test('checkServerIdentity: a pin takes the place of the name, and is asked about the domain', async (rig) => {
  const seen: string[] = [];
  const { client, hosts, fingerprint } = await pinning(rig, (found) => void seen.push(found));
  await client.start();
  assert.equal([seen, hosts], [[fingerprint], [DOMAIN]]);
});

test('checkServerIdentity: a refusal waits for a person, whether returned or thrown', async (rig) => {
  const refusal = new Error('not the one I know');
  const refuse = () => {
    throw refusal;
  };
  for (const check of [() => refusal, refuse]) {
    const reason = await failure(await pinning(rig, check));
    assert.is(verdict(reason), 'tls certificate user');
    assert.is(reason.cause?.message, refusal.message);
  }
});

test('checkServerIdentity: a pin is no way around the authority', async (rig) => {
  const identity = { ...STRANGER.issue({ names: [DOMAIN] }), digest } as const;
  const subject = await meet(rig, 'STARTTLS', { identity }, { checkServerIdentity: () => undefined });
  assert.is(verdict(await failure(subject)), 'tls certificate user');
});

test('N-80: trouble with TLS is what a sweep fails with, and the others are told', async (rig) => {
  const { issue } = await sharedCertificates();
  const bare = await rig.server({ domain: DOMAIN, tls: 'off' });
  const wrong = await rig.server({ domain: DOMAIN, identity: issue({ names: ['example.org'] }) });
  const subject = rig.client(bare, { ...ALONE, endpoints: [bare.endpoint, wrong.endpoint] });
  const reason = await failure(subject);
  assert.is(verdict(reason), 'tls certificate user');
  assert.equal(
    reason.attempts?.map(({ kind }) => kind),
    ['policy', 'tls', 'dns'],
  );
});

test.run();
