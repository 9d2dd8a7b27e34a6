import type { CertificateKind } from './certificates.ts';

/** How a server of a test differs from the usual. */
export interface ServerOptions {
  /** The only version of TLS that it speaks; 1.2 and 1.3 by default. */
  readonly tls?: '1.2' | '1.3';
  /** What it shows its clients; `valid` by default. */
  readonly certificate?: CertificateKind;
  /** Seconds for which a session whose connection was lost can be resumed (XEP-0198); 10 by default. */
  readonly resumeSeconds?: number;
  /** The hash that the accounts of `hosts.hashed` are kept in, and so the one SCRAM they can use; SHA-256 by default. */
  readonly hash?: 'SHA-1' | 'SHA-256';
}

export const HOSTS = {
  plain: 'xmpp.test',
  hashed: 'hashed.xmpp.test',
  anonymous: 'anonymous.xmpp.test',
  external: 'external.xmpp.test',
  clear: 'clear.xmpp.test',
} as const;
