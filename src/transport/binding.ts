/** Channel bindings: what ties a SASL exchange to this very TLS connection (RFC 5056). */
import { createHash } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import { certificateOf } from './tls.ts';

/** The types that Node can do: RFC 9266, and RFC 5929 §4. */
export type ChannelBindingType = 'tls-exporter' | 'tls-server-end-point';

const SEQUENCE = 0x30;
const OBJECT_IDENTIFIER = 0x06;
/** Context tag [0]: the hash among the parameters of RSASSA-PSS (RFC 4055 §3.1). */
const PSS_HASH = 0xa0;

const RSASSA_PSS = '1.2.840.113549.1.1.10';

/** Signature algorithms and, as parameters of RSASSA-PSS, hashes: the hash that a certificate is bound by. */
const HASHES: Readonly<Record<string, string>> = {
  // MD5 and SHA-1 count as SHA-256 (RFC 5929 §4.1).
  '1.2.840.113549.1.1.4': 'sha256',
  '1.2.840.113549.1.1.5': 'sha256',
  '1.2.840.10045.4.1': 'sha256',
  '1.2.840.10040.4.3': 'sha256',
  '1.3.14.3.2.26': 'sha256',
  // RSA
  '1.2.840.113549.1.1.14': 'sha224',
  '1.2.840.113549.1.1.11': 'sha256',
  '1.2.840.113549.1.1.12': 'sha384',
  '1.2.840.113549.1.1.13': 'sha512',
  // ECDSA
  '1.2.840.10045.4.3.1': 'sha224',
  '1.2.840.10045.4.3.2': 'sha256',
  '1.2.840.10045.4.3.3': 'sha384',
  '1.2.840.10045.4.3.4': 'sha512',
  // DSA
  '2.16.840.1.101.3.4.3.1': 'sha224',
  '2.16.840.1.101.3.4.3.2': 'sha256',
  // the hashes alone
  '2.16.840.1.101.3.4.2.4': 'sha224',
  '2.16.840.1.101.3.4.2.1': 'sha256',
  '2.16.840.1.101.3.4.2.2': 'sha384',
  '2.16.840.1.101.3.4.2.3': 'sha512',
};

interface Value {
  readonly tag: number;
  readonly content: Buffer;
}

/** The values that a DER encoding consists of, side by side. What is cut short is left out. */
function values(der: Buffer): Value[] {
  const found: Value[] = [];
  let at = 0;
  while (at + 2 <= der.length) {
    const tag = der.readUInt8(at);
    const short = der.readUInt8(at + 1);
    const bytes = short < 0x80 ? 0 : short - 0x80;
    const start = at + 2 + bytes;
    if (bytes > 4 || start > der.length) break;
    const length = bytes === 0 ? short : der.readUIntBE(at + 2, bytes);
    if (start + length > der.length) break;
    found.push({ tag, content: der.subarray(start, start + length) });
    at = start + length;
  }
  return found;
}

/** An object identifier in dotted form. */
function dotted(content: Buffer): string {
  const arcs: number[] = [];
  let arc = 0;
  for (const byte of content) {
    arc = arc * 128 + (byte & 0x7f);
    if (byte < 0x80) {
      arcs.push(arc);
      arc = 0;
    }
  }
  const [first = 0, ...rest] = arcs;
  const root = Math.min(2, Math.floor(first / 40));
  return [root, first - root * 40, ...rest].join('.');
}

/** The hash of an AlgorithmIdentifier; RSASSA-PSS says it in its parameters, SHA-1 unless given. */
function hashOf(algorithm: Value | undefined): string | undefined {
  const [identifier, parameters] = algorithm?.tag === SEQUENCE ? values(algorithm.content) : [];
  if (identifier?.tag !== OBJECT_IDENTIFIER) return undefined;
  const name = dotted(identifier.content);
  if (name !== RSASSA_PSS) return HASHES[name];
  const hash = parameters && values(parameters.content).find(({ tag }) => tag === PSS_HASH);
  return hash === undefined ? 'sha256' : hashOf(values(hash.content)[0]);
}

/**
 * The hash for `tls-server-end-point`, or `undefined` where RFC 5929 defines none: for a signature that uses no hash or
 * its own, such as Ed25519.
 *
 * @param certificate the certificate in DER.
 */
export function endPointHash(certificate: Buffer): string | undefined {
  const [body] = values(certificate);
  if (body === undefined) return undefined;
  // Certificate ::= SEQUENCE { tbsCertificate, signatureAlgorithm, signatureValue }
  return hashOf(values(body.content)[1]);
}

/**
 * What can be bound to on this connection, best first. `tls-exporter` only on TLS 1.3: on TLS 1.2 it is safe only with
 * extended master secrets (RFC 9266 §3), and Node does not tell whether they are in use.
 */
export function channelBindings(socket: TLSSocket): ChannelBindingType[] {
  const hash = endPointHash(certificateOf(socket));
  return [
    ...(socket.getProtocol() === 'TLSv1.3' ? (['tls-exporter'] as const) : []),
    ...(hash === undefined ? [] : (['tls-server-end-point'] as const)),
  ];
}

/** The data of a channel binding that `channelBindings` listed for this connection. */
export function channelBinding(socket: TLSSocket, type: ChannelBindingType): Buffer {
  if (type === 'tls-exporter') return socket.exportKeyingMaterial(32, 'EXPORTER-Channel-Binding', Buffer.alloc(0));
  const certificate = certificateOf(socket);
  const hash = endPointHash(certificate);
  if (hash === undefined) throw new TypeError('this certificate cannot be bound to');
  return createHash(hash).update(certificate).digest();
}
