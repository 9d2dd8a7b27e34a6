import { createHash, X509Certificate } from 'node:crypto';
import { createSecureContext, type TLSSocket, type TLSSocketOptions } from 'node:tls';
import type { Identity } from './certificates.ts';
import type { BindingType, Settings } from './settings.ts';

/** How to shake hands as a server with `identity`, trusting clients that `ca` signed. */
export function tlsOptions(identity: Identity, ca: string, { minVersion, maxVersion }: Settings): TLSSocketOptions {
  const { cert, key } = identity;
  const secureContext = createSecureContext({ cert, key, ca, minVersion, maxVersion });
  // A certificate of the client is asked for, and looked at when EXTERNAL is to be offered.
  return { secureContext, requestCert: true, rejectUnauthorized: false };
}

/** Whether the connection has this type of channel binding at all. */
export function hasBinding(socket: TLSSocket, type: BindingType): boolean {
  // On TLS 1.2 the exporter needs an extension that Node does not speak of (RFC 9266 §3).
  return type !== 'tls-exporter' || socket.getProtocol() === 'TLSv1.3';
}

/** The server's end of a channel binding. */
export function bindingData(socket: TLSSocket, type: BindingType, identity: Identity): Uint8Array | undefined {
  switch (type) {
    case 'tls-exporter':
      return socket.exportKeyingMaterial(32, 'EXPORTER-Channel-Binding', Buffer.alloc(0));
    case 'tls-server-end-point': {
      // RFC 5929 §4.1: SHA-1 is not good enough, and counts as SHA-256.
      const hash = identity.digest === 'sha1' ? 'sha256' : identity.digest;
      return createHash(hash).update(new X509Certificate(identity.cert).raw).digest();
    }
    case 'tls-unique':
      return socket.getPeerFinished();
  }
}

/** Each `id-on-xmppAddr` in Node's rendering of a `SubjectAltName`; quoted as in JSON if need be. */
const XMPP_ADDRESS = /othername:(?:"XmppAddr:((?:[^"\\]|\\.)*)"|XmppAddr:([^, ]*))/g;

/** The JIDs in the certificate that the client showed, if `ca` signed it and it is valid today (XEP-0178 §3). */
export function certifiedJids(socket: TLSSocket, ca: string): string[] {
  const certificate = socket.getPeerX509Certificate();
  if (certificate === undefined) return [];
  const authority = new X509Certificate(ca);
  const now = Date.now();
  const valid = Date.parse(certificate.validFrom) <= now && now <= Date.parse(certificate.validTo);
  if (!valid || !certificate.checkIssued(authority) || !certificate.verify(authority.publicKey)) return [];
  const found = (certificate.subjectAltName ?? '').matchAll(XMPP_ADDRESS);
  return [...found].map(([, quoted, plain]) => (quoted === undefined ? (plain as string) : JSON.parse(`"${quoted}"`)));
}
