/**
 * Certificates for tests, made when they are needed: an authority that lives in memory only, and what it signs. Nothing
 * secret is ever written to a file, and no certificate in the repository can expire.
 */
import { generateKeyPair, randomBytes } from 'node:crypto';
import { isIP } from 'node:net';
import { domainToASCII } from 'node:url';
import { promisify } from 'node:util';
import forge from 'node-forge';

const { asn1, md, pki } = forge;

/** Its type declarations leave this one out: the bytes of an IPv4 or IPv6 address as a binary string. */
const { bytesFromIP } = forge.util as unknown as { bytesFromIP(address: string): string };

/** The hash in a certificate's signature algorithm; `tls-server-end-point` (RFC 5929 §4.1) depends on it. */
export type Digest = 'sha1' | 'sha256' | 'sha384' | 'sha512';

/** A certificate and its private key, both in PEM, as `node:tls` takes them. */
export interface Identity {
  /** PEM; with those between it and the authority, if there are any. */
  readonly cert: string;
  /** PEM. */
  readonly key: string;
  /** The hash that the certificate was signed with. */
  readonly digest: Digest;
}

/** What a certificate says. Everything has a default that makes it a good one. */
export interface CertificateOptions {
  /** Domains (U-labels or A-labels, `*.` allowed) and IP addresses it is good for. */
  readonly names?: readonly string[];
  /** JIDs it is good for, as `id-on-xmppAddr` (RFC 6120 §13.7.1.4). */
  readonly xmppAddresses?: readonly string[];
  /** When it begins to be valid; a day ago by default, since clocks differ. */
  readonly notBefore?: Date;
  /** When it ceases to be valid; in 30 days by default. */
  readonly notAfter?: Date;
  /** The hash of the signature; `sha256` by default. OpenSSL refuses to verify `sha1` at its default security level. */
  readonly digest?: Digest;
}

/** An authority and what it can sign. `cert` and `key` are its server certificate for every name in `SERVER_NAMES`. */
export interface Certificates extends Identity {
  /** The authority's own certificate in PEM: what a client has to trust. */
  readonly ca: string;
  /** Signs another certificate. Costs about 10 ms; all certificates of one authority share one key pair. */
  issue(options: CertificateOptions): Identity;
  /** Signs a certificate for a client that logs in with SASL EXTERNAL (XEP-0178) as the bare JID `jid`. */
  clientCert(jid: string, options?: Omit<CertificateOptions, 'xmppAddresses'>): Identity;
}

/** The names that the server certificate of `makeCertificates` is good for. */
export const SERVER_NAMES: readonly string[] = ['localhost', 'xmpp.test', '*.xmpp.test', '127.0.0.1', '::1'];

const DAY = 86_400_000;

/** `SubjectAltName`, and `id-on-xmppAddr` in it; node-forge has no names for these two. */
const OID = { subjectAltName: '2.5.29.17', xmppAddr: '1.3.6.1.5.5.7.8.5' };

interface KeyPair {
  readonly publicKey: string;
  readonly privateKey: string;
}

/** In the thread pool: RSA keys take long enough to be noticed. RSA, since node-forge signs with nothing else. */
function makeKeyPair(): Promise<KeyPair> {
  return promisify(generateKeyPair)('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
}

/** A `GeneralName` of RFC 5280 §4.2.1.6 for a domain or an address. */
function generalName(name: string): forge.asn1.Asn1 {
  if (isIP(name)) return asn1.create(asn1.Class.CONTEXT_SPECIFIC, 7, false, bytesFromIP(name));
  return asn1.create(asn1.Class.CONTEXT_SPECIFIC, 2, false, domainToASCII(name));
}

/** A `GeneralName` for a JID: `otherName` with an `id-on-xmppAddr` (RFC 6120 §13.7.1.4). */
function xmppAddress(jid: string): forge.asn1.Asn1 {
  const oid = asn1.oidToDer(OID.xmppAddr).getBytes();
  const text = asn1.create(asn1.Class.UNIVERSAL, asn1.Type.UTF8, false, forge.util.encodeUtf8(jid));
  return asn1.create(asn1.Class.CONTEXT_SPECIFIC, 0, true, [
    asn1.create(asn1.Class.UNIVERSAL, asn1.Type.OID, false, oid),
    asn1.create(asn1.Class.CONTEXT_SPECIFIC, 0, true, [text]),
  ]);
}

function subjectAltName(names: readonly string[], jids: readonly string[]): object {
  const all = [...names.map(generalName), ...jids.map(xmppAddress)];
  const value = asn1.create(asn1.Class.UNIVERSAL, asn1.Type.SEQUENCE, true, all);
  return { id: OID.subjectAltName, critical: false, value };
}

/** Creates and signs. `subject` and `issuer` are common names, which nobody may identify a server by (RFC 9525 §2). */
function sign(
  parts: { subject: string; issuer: string; keys: KeyPair; signer: KeyPair; extensions: object[] },
  options: CertificateOptions,
): Identity {
  const certificate = pki.createCertificate();
  const digest = options.digest ?? 'sha256';
  certificate.publicKey = pki.publicKeyFromPem(parts.keys.publicKey);
  certificate.serialNumber = `4${randomBytes(16).toString('hex').slice(1)}`;
  certificate.validity.notBefore = options.notBefore ?? new Date(Date.now() - DAY);
  certificate.validity.notAfter = options.notAfter ?? new Date(Date.now() + 30 * DAY);
  certificate.setSubject([{ name: 'commonName', value: parts.subject }]);
  certificate.setIssuer([{ name: 'commonName', value: parts.issuer }]);
  certificate.setExtensions(parts.extensions);
  certificate.sign(pki.privateKeyFromPem(parts.signer.privateKey), md[digest].create());
  return { cert: pki.certificateToPem(certificate), key: parts.keys.privateKey, digest };
}

/**
 * Makes an authority and a server certificate for `SERVER_NAMES`. Each call makes another authority, so two of them do
 * not trust each other. Takes about a third of a second, most of it in the thread pool.
 */
export async function makeCertificates(options: CertificateOptions = {}): Promise<Certificates> {
  const [signer, keys] = await Promise.all([makeKeyPair(), makeKeyPair()]);
  const issuer = `xstanza test authority ${randomBytes(4).toString('hex')}`;
  const extensions = [
    { name: 'basicConstraints', cA: true, critical: true },
    { name: 'keyUsage', keyCertSign: true, cRLSign: true, critical: true },
    { name: 'subjectKeyIdentifier' },
  ];
  const ca = sign({ subject: issuer, issuer, keys: signer, signer, extensions }, {}).cert;
  const authorityKey = pki.certificateFromPem(ca).generateSubjectKeyIdentifier().getBytes();

  function issue(wanted: CertificateOptions): Identity {
    const extensions = [
      { name: 'basicConstraints', cA: false, critical: true },
      { name: 'keyUsage', digitalSignature: true, keyEncipherment: true, critical: true },
      // Both, for a client certificate too: some servers demand the server purpose of it.
      { name: 'extKeyUsage', serverAuth: true, clientAuth: true },
      { name: 'authorityKeyIdentifier', keyIdentifier: authorityKey },
      subjectAltName(wanted.names ?? [], wanted.xmppAddresses ?? []),
    ];
    return sign({ subject: 'xstanza test', issuer, keys, signer, extensions }, wanted);
  }

  return {
    ca,
    ...issue({ names: SERVER_NAMES, ...options }),
    issue,
    clientCert: (jid, wanted) => issue({ ...wanted, xmppAddresses: [jid] }),
  };
}

let shared: Promise<Certificates> | undefined;

/** The certificates that all test servers of this process share unless told otherwise; made once, on first use. */
export function sharedCertificates(): Promise<Certificates> {
  shared ??= makeCertificates();
  return shared;
}

/** The certificate of the authority for `domain`, made if need be. */
export function goodIdentity(certificates: Certificates, domain: string): Identity {
  return SERVER_NAMES.includes(domain) ? certificates : certificates.issue({ names: [domain, `*.${domain}`] });
}
