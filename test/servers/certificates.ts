/** Certificates made by openssl for one test process: an authority, and what it signs for servers and for clients. */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { scratchFolder } from './scratch.ts';

const openssl = (...args: string[]) => promisify(execFile)('openssl', args);

/** A certificate and its key in PEM, and the files they are in. */
export interface KeyPair {
  readonly cert: string;
  readonly key: string;
  readonly certFile: string;
  readonly keyFile: string;
}

/**
 * What is right or wrong with a server's certificate:
 *
 * - `valid`: by our authority, for `xmpp.test`, `*.xmpp.test`, `localhost` and the loopback addresses
 * - `other-name`: by our authority, for `elsewhere.test` alone
 * - `expired`: as `valid`, until yesterday
 * - `self-signed`: as `valid`, by nobody else
 */
export type CertificateKind = 'valid' | 'other-name' | 'expired' | 'self-signed';

const NAMES = 'DNS:localhost,DNS:xmpp.test,DNS:*.xmpp.test,IP:127.0.0.1,IP:::1';
/** id-on-xmppAddr of RFC 6120 §13.7.1.4. */
const XMPP_ADDR = '1.3.6.1.5.5.7.8.5';

let made: Promise<KeyPair> | undefined;
let folder: string | undefined;
let count = 0;

/** The authority that every certificate below but the self-signed one comes from. */
export function authority(): Promise<KeyPair> {
  made ??= make({
    subject: '/CN=xstanza test authority',
    extensions: ['basicConstraints=critical,CA:TRUE', 'keyUsage=critical,keyCertSign,cRLSign'],
  });
  return made;
}

/** A new certificate for a server. */
export async function serverCertificate(kind: CertificateKind = 'valid'): Promise<KeyPair> {
  const names = kind === 'other-name' ? 'DNS:elsewhere.test' : NAMES;
  return make({
    subject: kind === 'other-name' ? '/CN=elsewhere.test' : '/CN=xmpp.test',
    extensions: [`subjectAltName=${names}`, 'extendedKeyUsage=serverAuth'],
    days: kind === 'expired' ? -1 : 2,
    ...(kind === 'self-signed' ? {} : { issuer: await authority() }),
  });
}

/** A new certificate that logs a client in as `jid` by SASL EXTERNAL. */
export async function clientCertificate(jid: string): Promise<KeyPair> {
  return make({
    subject: '/CN=xstanza test client',
    // Prosody wants it to be good for a server, too.
    extensions: [`subjectAltName=otherName:${XMPP_ADDR};UTF8:${jid}`, 'extendedKeyUsage=clientAuth,serverAuth'],
    issuer: await authority(),
  });
}

interface Request {
  subject: string;
  extensions: string[];
  /** Until when, from now. */
  days?: number;
  /** Absent: signed with its own key. */
  issuer?: KeyPair;
}

async function make({ subject, extensions, days = 2, issuer }: Request): Promise<KeyPair> {
  folder ??= scratchFolder('certificates');
  count += 1;
  const base = join(folder, String(count));
  const [certFile, keyFile, requestFile] = [`${base}.pem`, `${base}.key`, `${base}.csr`];
  const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', keyFile];
  const wishes = ['-subj', subject, ...extensions.flatMap((extension) => ['-addext', extension])];
  await openssl('req', '-new', ...kind, ...wishes, '-out', requestFile);
  // In two steps, since only the second can make one that has expired.
  const signer = issuer ? ['-CA', issuer.certFile, '-CAkey', issuer.keyFile] : ['-key', keyFile];
  const terms = ['-days', String(days), '-copy_extensions', 'copy', ...signer];
  await openssl('x509', '-req', '-in', requestFile, ...terms, '-out', certFile);
  const [cert, key] = await Promise.all([readFile(certFile, 'utf8'), readFile(keyFile, 'utf8')]);
  return { cert, key, certFile, keyFile };
}
