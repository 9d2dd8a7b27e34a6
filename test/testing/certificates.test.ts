import { X509Certificate } from 'node:crypto';
import * as net from 'node:net';
import * as tls from 'node:tls';
import * as assert from 'uvu/assert';
import { type Identity, makeCertificates, sharedCertificates } from '../../src/testing/certificates.ts';
import { suite } from '../harness.ts';

const test = suite('test certificates');

/** The error code of a TLS handshake with a server that shows `identity`, or undefined if the client is content. */
async function handshake(identity: Identity, ca: string, host: string): Promise<string | undefined> {
  const server = tls.createServer({ cert: identity.cert, key: identity.key }, (socket) => socket.on('error', () => {}));
  server.on('tlsClientError', () => {});
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as net.AddressInfo;
  const servername = net.isIP(host) ? {} : { servername: host };
  try {
    return await new Promise((resolve) => {
      const check = (_: string, cert: tls.PeerCertificate) => tls.checkServerIdentity(host, cert);
      const socket = tls.connect({ host: '127.0.0.1', port, ca, ...servername, checkServerIdentity: check });
      socket.on('secureConnect', () => resolve(undefined)).on('secureConnect', () => socket.destroy());
      socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code));
    });
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
}

test('the server certificate is good for the names tests use', async () => {
  const certificates = await sharedCertificates();
  for (const host of ['localhost', 'xmpp.test', 'chat.xmpp.test', '127.0.0.1', '::1']) {
    assert.is(await handshake(certificates, certificates.ca, host), undefined, host);
  }
});

test('it is good for no other name', async () => {
  const certificates = await sharedCertificates();
  for (const host of ['example.org', 'a.b.xmpp.test', '127.0.0.2']) {
    assert.is(await handshake(certificates, certificates.ca, host), 'ERR_TLS_CERT_ALTNAME_INVALID', host);
  }
});

test('one authority does not vouch for another', async () => {
  const [mine, other] = await Promise.all([sharedCertificates(), makeCertificates()]);
  assert.is.not(await handshake(other, mine.ca, 'localhost'), undefined);
  assert.is(await handshake(other, other.ca, 'localhost'), undefined);
});

test('certificates can be too old and too new', async () => {
  const certificates = await sharedCertificates();
  const names = ['localhost'];
  const old = certificates.issue({ names, notAfter: new Date(Date.now() - 1000) });
  const young = certificates.issue({ names, notBefore: new Date(Date.now() + 3_600_000) });
  assert.is(await handshake(old, certificates.ca, 'localhost'), 'CERT_HAS_EXPIRED');
  assert.is(await handshake(young, certificates.ca, 'localhost'), 'CERT_NOT_YET_VALID');
});

test('an internationalised domain is written as its A-label', async () => {
  const certificates = await sharedCertificates();
  const identity = certificates.issue({ names: ['bücher.test', '*.bücher.test'] });
  assert.is(await handshake(identity, certificates.ca, 'xn--bcher-kva.test'), undefined);
  assert.is(await handshake(identity, certificates.ca, 'a.xn--bcher-kva.test'), undefined);
});

test('the signature hash can be chosen', async () => {
  const certificates = await sharedCertificates();
  const names = ['localhost'];
  assert.is(await handshake(certificates.issue({ names, digest: 'sha384' }), certificates.ca, 'localhost'), undefined);
  const ids = { sha1: 5, sha256: 11, sha384: 12, sha512: 13 };
  for (const digest of ['sha1', 'sha256', 'sha384', 'sha512'] as const) {
    const { raw } = new X509Certificate(certificates.issue({ names, digest }).cert);
    // sha*WithRSAEncryption, 1.2.840.113549.1.1.x
    assert.ok(raw.includes(Buffer.from([0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, ids[digest]])), digest);
  }
});

test('a client certificate carries the JID and is signed by the authority', async () => {
  const certificates = await sharedCertificates();
  const client = new X509Certificate(certificates.clientCert('jülia@xmpp.test').cert);
  const authority = new X509Certificate(certificates.ca);
  assert.match(client.subjectAltName ?? '', 'XmppAddr:j');
  assert.ok(client.checkIssued(authority));
  assert.ok(client.verify(authority.publicKey));
});

test('the shared certificates are made once', async () => {
  assert.is(await sharedCertificates(), await sharedCertificates());
});

test.run();
