/** Certificates for the tests of the transport, made when they are asked for. */
import { generateKeyPairSync } from 'node:crypto';
import forge from 'node-forge';

export interface Identity {
  readonly cert: string;
  readonly key: string;
}

export interface Leaf {
  /** dNSNames; `*.example.org` makes a wildcard. */
  readonly names?: readonly string[];
  readonly addresses?: readonly string[];
  readonly commonName?: string;
  readonly notAfter?: Date;
}

const DAY = 24 * 60 * 60 * 1000;

/** One pair of keys serves them all: making keys is the slow part. */
function keys() {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const key = privateKey.export({ type: 'pkcs1', format: 'pem' }).toString();
  const secret = forge.pki.privateKeyFromPem(key);
  return { key, secret, open: forge.pki.setRsaPublicKey(secret.n, secret.e) };
}

/** A certificate authority of its own, with its certificate and a way to issue others. */
export function authority(name = 'Test authority'): { ca: string; issue(leaf: Leaf): Identity } {
  const { key, secret, open } = keys();
  const subject = [{ name: 'commonName', value: name }];
  let serial = 0;

  const sign = (fields: { subject: forge.pki.CertificateField[]; notAfter: Date; extensions: object[] }): string => {
    const certificate = forge.pki.createCertificate();
    serial += 1;
    certificate.serialNumber = serial.toString(16).padStart(4, '0');
    certificate.publicKey = open;
    certificate.validity.notBefore = new Date(Date.now() - 2 * DAY);
    certificate.validity.notAfter = fields.notAfter;
    certificate.setSubject(fields.subject);
    certificate.setIssuer(subject);
    certificate.setExtensions(fields.extensions);
    certificate.sign(secret, forge.md.sha256.create());
    return forge.pki.certificateToPem(certificate);
  };

  const ca = sign({
    subject,
    notAfter: new Date(Date.now() + DAY),
    extensions: [{ name: 'basicConstraints', cA: true, critical: true }],
  });

  const issue = ({ names = [], addresses = [], commonName, notAfter = new Date(Date.now() + DAY) }: Leaf): Identity => {
    const altNames = [...names.map((value) => ({ type: 2, value })), ...addresses.map((ip) => ({ type: 7, ip }))];
    const cert = sign({
      subject: commonName === undefined ? [] : [{ name: 'commonName', value: commonName }],
      notAfter,
      extensions: altNames.length > 0 ? [{ name: 'subjectAltName', altNames }] : [],
    });
    return { cert, key };
  };

  return { ca, issue };
}
