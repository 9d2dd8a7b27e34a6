/** TLS over any byte stream, held to the rules of XMPP: RFC 6120 §5 and §13.7, RFC 7590, RFC 9525. */
import { constants, createPrivateKey, X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import type { Duplex } from 'node:stream';
import * as tls from 'node:tls';
import { hostOf } from '../idna.ts';

/** What an application may set; the same for every connection of a client. */
export interface TlsOptions {
  /** The certificate authorities to trust, PEM, in place of Node's own. */
  readonly ca?: string | Buffer | readonly (string | Buffer)[];
  /** A client certificate, PEM, for SASL EXTERNAL; needs `key`. */
  readonly cert?: string | Buffer;
  /** The key of `cert`, PEM. */
  readonly key?: string | Buffer;
  /** Cipher suites in OpenSSL's notation. Default: Node's. */
  readonly ciphers?: string;
  /** Default `TLSv1.2`, which is also the least possible. */
  readonly minVersion?: 'TLSv1.2' | 'TLSv1.3';
  /** Default: the newest that Node has. */
  readonly maxVersion?: 'TLSv1.2' | 'TLSv1.3';
  /** A ready-made context; the options above are not looked at then. Versions before TLS 1.2 are refused all the same. */
  readonly secureContext?: tls.SecureContext;
  /**
   * Takes the place of the name check, for pinning: it sees the JID's domain (A-labels, or an IP address) and a certificate
   * whose chain of trust is already verified, and returns an `Error` to refuse it. Default: `checkName`.
   */
  readonly checkServerIdentity?: (host: string, certificate: tls.PeerCertificate) => Error | undefined;
}

/** An option that cannot be used, and why; never what is in it. */
export interface TlsFault {
  readonly option: keyof TlsOptions;
  readonly text: string;
}

/** Tries the options, so that a wrong file is found before there is a connection. Null when they can be used. */
export function faultIn({ ca, cert, key, ciphers, minVersion, maxVersion }: TlsOptions): TlsFault | null {
  const fails = (attempt: () => unknown): boolean => {
    try {
      attempt();
      return false;
    } catch {
      return true;
    }
  };
  // What is no PEM is not refused by a context but left out.
  const isCertificate = (pem: string | Buffer) => pem.includes('-----BEGIN ') && !fails(() => new X509Certificate(pem));
  const authorities = ca === undefined ? [] : ((Array.isArray(ca) ? ca : [ca]) as readonly (string | Buffer)[]);
  if (!authorities.every(isCertificate)) return { option: 'ca', text: 'has to be certificates in PEM' };
  if (cert !== undefined && !isCertificate(cert)) return { option: 'cert', text: 'has to be a certificate in PEM' };
  if (key !== undefined && fails(() => createPrivateKey(key)))
    return { option: 'key', text: 'has to be a private key in PEM, without a passphrase' };
  if (cert !== undefined && fails(() => tls.createSecureContext({ cert, ...(key !== undefined && { key }) })))
    return { option: 'key', text: 'is not the key of cert' };
  if (ciphers !== undefined && fails(() => tls.createSecureContext({ ciphers })))
    return { option: 'ciphers', text: 'names no cipher suite that there is' };
  if (minVersion === 'TLSv1.3' && maxVersion === 'TLSv1.2')
    return { option: 'maxVersion', text: 'is less than minVersion' };
  return null;
}

export interface SecureOptions extends TlsOptions {
  /** The domain of the JID. The certificate must be valid for it, wherever the connection leads (RFC 6120 §13.7.2). */
  readonly servername: string;
  /** Protocols to offer by ALPN: `['xmpp-client']` on direct TLS (XEP-0368), none for STARTTLS. */
  readonly alpn?: readonly string[];
  /** Aborting it before the handshake is done destroys the connection; afterwards it means nothing any more. */
  readonly signal: AbortSignal;
}

/**
 * TLS did not come about: because of the server's `certificate`, because our own `options` are unusable (a file that is not
 * PEM, no such cipher), or because the two sides could not agree in the `handshake`. `code` is Node's or OpenSSL's.
 */
export class TlsError extends Error {
  override readonly name = 'TlsError';
  readonly about: 'certificate' | 'options' | 'handshake';
  readonly code: string;

  constructor(about: TlsError['about'], error: unknown) {
    const { message, code } = error as { message?: unknown; code?: unknown };
    super(typeof message === 'string' ? message : 'TLS failed', { cause: error });
    this.about = about;
    this.code = typeof code === 'string' ? code : 'ERR_TLS';
  }
}

/** Whether an error code is one of TLS and not of the connection below. */
export function isTlsCode(code: unknown): boolean {
  return typeof code === 'string' && /^(?:ERR_SSL_|ERR_TLS_|ERR_OSSL_|EPROTO$)/.test(code);
}

/**
 * The name check of RFC 9525: the host must be among the certificate's subjectAltNames. The subject's common name never
 * counts; Node would take it where there are no names at all. A star is the whole of the leftmost label.
 */
export function checkName(host: string, certificate: tls.PeerCertificate): Error | undefined {
  const error = tls.checkServerIdentity(host, { ...certificate, subject: { ...certificate.subject, CN: '' } });
  if (error !== undefined || isIP(host) !== 0) return error;
  // Node lets a star stand for a part of a label, too.
  const strict = { subject: 'never', partialWildcards: false } as const;
  if (new X509Certificate(certificate.raw).checkHost(host, strict) !== undefined) return undefined;
  return Object.assign(new Error(`no name of the certificate is ${host}`), { code: 'ERR_TLS_CERT_ALTNAME_INVALID' });
}

/** The hook, as Node may call it: an exception would escape to nobody, so it is a refusal, too. */
function guarded(check: NonNullable<TlsOptions['checkServerIdentity']>): typeof check {
  return (host, certificate) => {
    try {
      return check(host, certificate);
    } catch (error) {
      return error instanceof Error ? error : new Error('the certificate was refused');
    }
  };
}

function start(socket: Duplex, options: SecureOptions): tls.TLSSocket {
  const { servername, alpn, signal: _, checkServerIdentity = checkName, ca, ...settings } = options;
  const host = hostOf(servername);
  try {
    return tls.connect({
      minVersion: 'TLSv1.2',
      // Nobody renegotiates on XMPP: a stream is begun anew. RFC 6120 §5.3.5
      secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
      ...settings,
      // In a list: Node takes an empty text for none, and would trust everybody.
      ...(ca === undefined ? {} : { ca: [ca].flat() as (string | Buffer)[] }),
      ...(alpn === undefined ? {} : { ALPNProtocols: [...alpn] }),
      // An IP address is no server name (RFC 6066 §3), but the certificate is checked for it.
      ...(isIP(host) === 0 ? { servername: host } : { host }),
      socket,
      checkServerIdentity: guarded(checkServerIdentity),
      // Said aloud, since the environment can turn the default off.
      rejectUnauthorized: true,
    });
  } catch (error) {
    throw new TlsError('options', error);
  }
}

/** Any version before 1.2 can only come from a context of the application's own. */
function tooOld(socket: tls.TLSSocket): boolean {
  const protocol = socket.getProtocol();
  return protocol !== 'TLSv1.2' && protocol !== 'TLSv1.3';
}

/**
 * Upgrades a byte stream to TLS: the whole of a direct TLS connection, or what follows `<proceed/>`. Nothing may be listening
 * to `socket` any more, and whoever gets the result has to listen to its errors at once. When it fails or is aborted,
 * `socket` is destroyed.
 *
 * @throws TlsError; the error of the connection below when that broke; the reason of `signal`.
 */
export function secure(socket: Duplex, options: SecureOptions): Promise<tls.TLSSocket> {
  const { signal } = options;
  return new Promise((resolve, reject) => {
    let secured: tls.TLSSocket | undefined;
    const settle = () => {
      signal.removeEventListener('abort', abort);
      secured?.off('secureConnect', connected);
      secured?.off('close', closed);
    };
    const fail = (error: unknown) => {
      settle();
      secured?.destroy();
      socket.on('error', () => {}).destroy();
      reject(error);
    };
    const abort = () => fail(signal.reason);
    const failed = (error: Error & { code?: unknown }) => {
      if (secured?.authorizationError) fail(new TlsError('certificate', error));
      else fail(isTlsCode(error.code) ? new TlsError('handshake', error) : error);
    };
    const closed = () => failed(Object.assign(new Error('closed during the TLS handshake'), { code: 'ECONNRESET' }));
    const connected = () => {
      if (tooOld(secured as tls.TLSSocket)) {
        const code = 'ERR_SSL_UNSUPPORTED_PROTOCOL';
        failed(Object.assign(new Error('the server speaks no TLS newer than 1.1'), { code }));
        return;
      }
      settle();
      secured?.off('error', failed);
      resolve(secured as tls.TLSSocket);
    };
    if (signal.aborted) {
      abort();
      return;
    }
    try {
      secured = start(socket, options);
    } catch (error) {
      fail(error);
      return;
    }
    signal.addEventListener('abort', abort, { once: true });
    secured.once('secureConnect', connected);
    secured.once('close', closed);
    // Stays after a failure: a socket that is being destroyed may still report an error.
    secured.on('error', failed);
  });
}

/** What the application may know and show about a secured connection. Plain data. */
export interface Security {
  /** `TLSv1.2` or `TLSv1.3`. */
  readonly protocol: string;
  /** The cipher suite by its standard name. */
  readonly cipher: string;
  /** The protocol that the server selected by ALPN, if it selected one. */
  readonly alpn?: string;
  /** Always: a connection whose certificate was not verified is never used. */
  readonly authorized: true;
  /** The server's certificate. */
  readonly peer: {
    readonly subject: string;
    readonly issuer: string;
    /** The end of its validity, ISO 8601. */
    readonly validTo: string;
    /** SHA-256 of the certificate, as colon-separated hexadecimal bytes. */
    readonly fingerprint256: string;
  };
}

/**
 * The server's certificate in DER. (`getPeerX509Certificate` of Node 20 takes the certificate out of a client's connection,
 * so that nobody gets it a second time.)
 */
export function certificateOf(socket: tls.TLSSocket): Buffer {
  return socket.getPeerCertificate().raw;
}

/** A distinguished name on one line. Node gives none for an empty one, whatever its types say. */
function nameOf(distinguished: string | undefined): string {
  return (distinguished ?? '').replaceAll('\n', ', ');
}

/** Describes a connection that `secure` gave, as long as it is open. */
export function securityOf(socket: tls.TLSSocket): Security {
  const certificate = new X509Certificate(certificateOf(socket));
  return {
    protocol: socket.getProtocol() ?? '',
    cipher: socket.getCipher().standardName,
    ...(typeof socket.alpnProtocol === 'string' ? { alpn: socket.alpnProtocol } : {}),
    authorized: true,
    peer: {
      subject: nameOf(certificate.subject),
      issuer: nameOf(certificate.issuer),
      validTo: new Date(certificate.validTo).toISOString(),
      fingerprint256: certificate.fingerprint256,
    },
  };
}
