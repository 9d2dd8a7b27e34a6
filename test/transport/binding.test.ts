import { createHash } from 'node:crypto';
import * as net from 'node:net';
import * as tls from 'node:tls';
import forge from 'node-forge';
import * as assert from 'uvu/assert';
import { channelBinding, channelBindings, endPointHash } from '../../src/transport/binding.ts';
import { secure } from '../../src/transport/tls.ts';
import { suite } from '../harness.ts';
import { authority } from './certificates.ts';

/** Self-signed certificates that OpenSSL made, in DER. Only their signature algorithm matters, not that they have expired. */
const CERTIFICATES = {
  'ECDSA with SHA-384':
    'MIIBqTCCATCgAwIBAgIUPzMeyfE0aerlO+b/yEpfErAiLBkwCgYIKoZIzj0EAwMwDDEKMAgGA1UEAwwBYTAeFw0yNjExMjEwNDI1MTRaFw0yNj' +
    'ExMjIwNDI1MTRaMAwxCjAIBgNVBAMMAWEwdjAQBgcqhkjOPQIBBgUrgQQAIgNiAATJMZoQ9ViiWPLnJSANT7FkBiNRtSFw04lx32rHmCNtzoIX' +
    '13wYyGtmUvWP/fjGybu9bwj4ObkbvA7zh19+ih3/pt1GJOuZs7xIPHTLS2KVeCnl4hKUt9IWNyGvO3nVwAejUzBRMB0GA1UdDgQWBBSNhepDGC' +
    'qOpaUMT6jHBEJNII6ACTAfBgNVHSMEGDAWgBSNhepDGCqOpaUMT6jHBEJNII6ACTAPBgNVHRMBAf8EBTADAQH/MAoGCCqGSM49BAMDA2cAMGQC' +
    'MB6NPLBQaDPBUO7T1arPWFu6eIpB3lQRAA57EYHZcQItVSel0yMs40IfFPjZbsOvmwIwFtyVBH/xUVSZdhQpPaUXZZ4nPMPcQrkd8XF/M01gML' +
    'kT2D56h7fJC+xfMss/HDY4',
  Ed25519:
    'MIIBLDCB36ADAgECAhRz8T6dFJKPrDPSp69gyvF+xp40VzAFBgMrZXAwDDEKMAgGA1UEAwwBYTAeFw0yNjExMjEwNDI1MTRaFw0yNjExMjIwND' +
    'I1MTRaMAwxCjAIBgNVBAMMAWEwKjAFBgMrZXADIQDkR42fKkmVsyP4CM3yYk2OYMudNrmz/rhcD92h/8wXzaNTMFEwHQYDVR0OBBYEFCCj8vsr' +
    'spYsalSBrjKokUId8aSbMB8GA1UdIwQYMBaAFCCj8vsrspYsalSBrjKokUId8aSbMA8GA1UdEwEB/wQFMAMBAf8wBQYDK2VwA0EAlfnoAZoF1L' +
    'aaqb5LYi2VnjyBTPcsxtzVvWR3PE4rM3xp9vopXGXKpXtoNFM+eCHIzS8V0mtl7gWuHF+SO3uRBA==',
  'RSASSA-PSS with SHA-512':
    'MIICXDCCAZGgAwIBAgIUM4PA2UMreaeJRp9tQV37hPl+cAIwQQYJKoZIhvcNAQEKMDSgDzANBglghkgBZQMEAgMFAKEcMBoGCSqGSIb3DQEBCD' +
    'ANBglghkgBZQMEAgMFAKIDAgE+MAwxCjAIBgNVBAMMAWEwHhcNMjYxMTIxMDQyNTE0WhcNMjYxMTIyMDQyNTE0WjAMMQowCAYDVQQDDAFhMIGf' +
    'MA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDNO4Fi1iyAc5SPtwt2nVx8XZvIo1p/aVwVPQwQ7jRqwbuRQ1Yf7fIPUveYkHxLn+u3FXsItxdNWX' +
    'hrMNsky3qS+0uZm0/Q5bCcLlrB1XUmqL7WvxJhnyiCuodBZgEWRC4u+y2PyGCZAbRyfteKOOWe+eQpUgkMblYtcpoEyHbpmQIDAQABo1MwUTAd' +
    'BgNVHQ4EFgQUnhwicYPOuqLJdkW7+xUcJPj3Y0cwHwYDVR0jBBgwFoAUnhwicYPOuqLJdkW7+xUcJPj3Y0cwDwYDVR0TAQH/BAUwAwEB/zBBBg' +
    'kqhkiG9w0BAQowNKAPMA0GCWCGSAFlAwQCAwUAoRwwGgYJKoZIhvcNAQEIMA0GCWCGSAFlAwQCAwUAogMCAT4DgYEAZNiLqmRB487hmRkVp92S' +
    'MAJDL0IynNIXkhSfYsDcBGXB+QgaItsxmYDfmpeVoHleJRxNyhgwUaUrsq9dnl/XVt6imPrX9iaQQClgjrlhT2CWwg9ryUUl7+r4E05tpI8HbN' +
    'eYL98yXrxouM1fcBa3unyB0jBjJhwXEpXH22DVf9k=',
  'RSASSA-PSS with its default, SHA-1':
    'MIIB9DCCAV2gAwIBAgIUZ0ey+wk3OwmoWeYi28x242doqCwwDQYJKoZIhvcNAQEKMAAwDDEKMAgGA1UEAwwBYTAeFw0yNjExMjEwNDI1MTRaFw' +
    '0yNjExMjIwNDI1MTRaMAwxCjAIBgNVBAMMAWEwgZ8wDQYJKoZIhvcNAQEBBQADgY0AMIGJAoGBAM9yEBo8j9ul2yZs230KydkQ5BqzWMtYFzrA' +
    'CZx26/4eoDXaFjs2gBuEywZqVWmSwlIiEXmj8R+qViZcN0p9VwY2Dz0Ss8yuBehKrrGExhEFqvaA8uRNWwmvxyHJkHpMXzkBuJMLKUvVvKJ9Wz' +
    '+TsZqZz0m6GfUiKk9jh9xVtjUrAgMBAAGjUzBRMB0GA1UdDgQWBBS+QVGlNwx+NtDUn8Pt8VWncVG3wjAfBgNVHSMEGDAWgBS+QVGlNwx+NtDU' +
    'n8Pt8VWncVG3wjAPBgNVHRMBAf8EBTADAQH/MA0GCSqGSIb3DQEBCjAAA4GBAALYHYbYrOBpb/BGvXT+U/CVP09fMe4J+/75nLR+sfufdxXNiU' +
    '3fQLcTzcrdsAcRGonPzgUUTbIRVBzIUbna/bv8T221JiyMcmgJAia8DyORkZF9AWzY6u5LlffStlMzTQ8pCqYhp4rkMsb8hzJloexgiQfleJdD' +
    'P5RHsK8JSeLY',
};

const hash = suite('end-point hash');

hash('is the hash of the signature algorithm', () => {
  const expected: Record<keyof typeof CERTIFICATES, string | undefined> = {
    'ECDSA with SHA-384': 'sha384',
    Ed25519: undefined,
    'RSASSA-PSS with SHA-512': 'sha512',
    'RSASSA-PSS with its default, SHA-1': 'sha256',
  };
  for (const [name, der] of Object.entries(CERTIFICATES)) {
    assert.is(endPointHash(Buffer.from(der, 'base64')), expected[name as keyof typeof CERTIFICATES], name);
  }
});

hash('takes SHA-256 for MD5 and SHA-1 (RFC 5929 §4.1)', () => {
  const { privateKey, publicKey } = forge.pki.rsa.generateKeyPair(1024);
  for (const [digest, expected] of [
    ['md5', 'sha256'],
    ['sha1', 'sha256'],
    ['sha256', 'sha256'],
    ['sha384', 'sha384'],
    ['sha512', 'sha512'],
  ] as const) {
    const certificate = forge.pki.createCertificate();
    certificate.publicKey = publicKey;
    certificate.sign(privateKey, forge.md[digest].create());
    const der = forge.asn1.toDer(forge.pki.certificateToAsn1(certificate)).getBytes();
    assert.is(endPointHash(Buffer.from(der, 'latin1')), expected, digest);
  }
});

hash('is none for what is no certificate, however it is cut', () => {
  const der = Buffer.from(CERTIFICATES['RSASSA-PSS with SHA-512'], 'base64');
  for (let length = 0; length < der.length; length += 1) assert.is(endPointHash(der.subarray(0, length)), undefined);
  assert.is(endPointHash(Buffer.from('3000', 'hex')), undefined);
  assert.is(endPointHash(Buffer.from('30ffffffffff', 'hex')), undefined);
  assert.is(endPointHash(Buffer.from('30043000020100', 'hex')), undefined);
});

hash.run();

const binding = suite('channel binding');

/** A connection of the given TLS version, seen from both ends. */
async function connection(version: tls.SecureVersion): Promise<{ client: tls.TLSSocket; server: tls.TLSSocket }> {
  const { ca, issue } = authority();
  const listener = tls.createServer({ ...issue({ names: ['xmpp.test'] }), minVersion: version, maxVersion: version });
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  const accepted = new Promise<tls.TLSSocket>((resolve) => listener.once('secureConnection', resolve));
  const socket = net.connect((listener.address() as net.AddressInfo).port, '127.0.0.1');
  const client = await secure(socket, { servername: 'xmpp.test', ca, signal: new AbortController().signal });
  const server = await accepted;
  listener.close();
  server.on('error', () => {});
  return { client, server };
}

binding('has tls-exporter on TLS 1.3, the same at both ends (RFC 9266)', async () => {
  const { client, server } = await connection('TLSv1.3');
  assert.equal(channelBindings(client), ['tls-exporter', 'tls-server-end-point']);
  const data = channelBinding(client, 'tls-exporter');
  assert.is(data.length, 32);
  assert.equal(data, server.exportKeyingMaterial(32, 'EXPORTER-Channel-Binding', Buffer.alloc(0)));
  client.destroy();
});

binding('has tls-server-end-point alone on TLS 1.2 (RFC 5929 §4)', async () => {
  const { client, server } = await connection('TLSv1.2');
  assert.equal(channelBindings(client), ['tls-server-end-point']);
  const certificate = (server.getCertificate() as tls.PeerCertificate).raw;
  const expected = createHash('sha256').update(certificate).digest();
  // More than once: each new stream of a connection may ask.
  for (let i = 0; i < 2; i += 1) assert.equal(channelBinding(client, 'tls-server-end-point'), expected);
  client.destroy();
});

binding.run();
