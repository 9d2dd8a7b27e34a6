/** Certificates that nobody honest would issue, from an authority that a client trusts. */
import { generateKeyPairSync, sign as signature } from 'node:crypto';
import forge from 'node-forge';
import type { Identity } from '../../src/testing/certificates.ts';

const { asn1, md, pki } = forge;
const { CONTEXT_SPECIFIC, UNIVERSAL } = asn1.Class;

/** One name of a subjectAltName (RFC 5280 §4.2.1.6). */
export type Name = forge.asn1.Asn1;

/** Bytes as they are, one for each character: nobody checks what an authority writes. */
const primitive = (tag: number, bytes: string): Name => asn1.create(CONTEXT_SPECIFIC, tag, false, bytes);

const otherName = (oid: string, type: forge.asn1.Type, text: string): Name =>
  asn1.create(CONTEXT_SPECIFIC, 0, true, [
    asn1.create(UNIVERSAL, asn1.Type.OID, false, asn1.oidToDer(oid).getBytes()),
    asn1.create(CONTEXT_SPECIFIC, 0, true, [asn1.create(UNIVERSAL, type, false, text)]),
  ]);

export const dns = (name: string): Name => primitive(2, name);
export const uri = (text: string): Name => primitive(6, text);
export const mail = (address: string): Name => primitive(1, address);
/** In bytes. */
export const address = (...bytes: number[]): Name => primitive(7, String.fromCharCode(...bytes));
/** node-forge has no name for it. */
const IA5_STRING = 22 as forge.asn1.Type;

/** `id-on-xmppAddr`, RFC 6120 §13.7.1.4 */
export const xmppAddress = (jid: string): Name => otherName('1.3.6.1.5.5.7.8.5', asn1.Type.UTF8, jid);
/** SRVName, RFC 4985 */
export const srvName = (name: string): Name => otherName('1.3.6.1.5.5.7.8.7', IA5_STRING, name);

export interface Forgery {
  readonly names?: readonly Name[];
  readonly commonName?: string;
  readonly notBefore?: Date;
  readonly notAfter?: Date;
  /** What it may be used for; by default as a server. */
  readonly purpose?: 'serverAuth' | 'clientAuth';
  /** It may sign others, and only for names under this one if that is given. */
  readonly authority?: true | { readonly under: string };
  /** Who signed it, by common name, in place of the authority; its certificate is shown, too. */
  readonly signer?: Forgery;
  /** Extensions by OID that nobody knows and everybody must. */
  readonly critical?: string;
}

export interface Forger {
  /** Its certificate, PEM. */
  readonly ca: string;
  issue(forgery: Forgery): Identity;
}

const DAY = 86_400_000;

export const tomorrow = (): Date => new Date(Date.now() + DAY);
export const yesterday = (): Date => new Date(Date.now() - DAY);

const sequence = (...parts: forge.asn1.Asn1[]) => asn1.create(UNIVERSAL, asn1.Type.SEQUENCE, true, parts);

function extensionsOf({ names = [], purpose = 'serverAuth', authority, critical }: Forgery): object[] {
  const extensions: object[] = [{ name: 'basicConstraints', cA: authority !== undefined, critical: true }];
  if (names.length > 0) extensions.push({ id: '2.5.29.17', value: sequence(...names) });
  if (authority === undefined) extensions.push({ name: 'extKeyUsage', [purpose]: true });
  else if (authority !== true) {
    const permitted = asn1.create(CONTEXT_SPECIFIC, 0, true, [sequence(dns(authority.under))]);
    extensions.push({ id: '2.5.29.30', critical: true, value: sequence(permitted) });
  }
  if (critical) extensions.push({ id: critical, critical: true, value: sequence() });
  return extensions;
}

/** What is signed. */
function bytesOf(certificate: forge.pki.Certificate): Buffer {
  const { tbsCertificate } = certificate as unknown as { tbsCertificate: forge.asn1.Asn1 };
  return Buffer.from(asn1.toDer(tbsCertificate).getBytes(), 'latin1');
}

export const newKeys = () => generateKeyPairSync('rsa', { modulusLength: 2048 });

/** An authority, called like any other. One pair of keys serves it and all that it signs: making keys is the slow part. */
export function forger(name = 'Authority', { privateKey, publicKey } = newKeys()): Forger {
  const key = privateKey.export({ type: 'pkcs1', format: 'pem' }).toString();
  const open = pki.publicKeyFromPem(publicKey.export({ type: 'spki', format: 'pem' }).toString());
  let serial = 0x1000;

  const sign = (forgery: Forgery, issuer: string): string => {
    const certificate = pki.createCertificate();
    serial += 1;
    certificate.serialNumber = serial.toString(16);
    certificate.publicKey = open;
    certificate.validity.notBefore = forgery.notBefore ?? yesterday();
    certificate.validity.notAfter = forgery.notAfter ?? tomorrow();
    const { commonName } = forgery;
    certificate.setSubject(commonName === undefined ? [] : [{ name: 'commonName', value: commonName }]);
    certificate.setIssuer([{ name: 'commonName', value: issuer }]);
    certificate.setExtensions(extensionsOf(forgery));
    // OpenSSL is a hundred times as fast at it.
    const signer = { sign: () => signature('sha256', bytesOf(certificate), privateKey).toString('latin1') };
    certificate.sign(signer as unknown as forge.pki.rsa.PrivateKey, md.sha256.create());
    return pki.certificateToPem(certificate);
  };

  const chain = (forgery: Forgery): string =>
    forgery.signer === undefined
      ? sign(forgery, name)
      : sign(forgery, forgery.signer.commonName ?? '') + chain(forgery.signer);

  return {
    ca: sign({ commonName: name, authority: true }, name),
    issue: (forgery) => ({ cert: chain(forgery), key, digest: 'sha256' }),
  };
}
