import type { TLSSocketOptions } from 'node:tls';
import type { SaltedPasswordCache } from '../sasl/salted-password.ts';
import type { Element } from '../xml/element.ts';
import type { Identity } from './certificates.ts';
import type { Direction, FaultList } from './faults.ts';
import type { Link } from './link.ts';
import type { Registry } from './registry.ts';
import type { Session } from './session.ts';
import type { Settings } from './settings.ts';

/** What a connection asks of its server, and tells it. */
export interface Host {
  readonly domain: string;
  readonly settings: Settings;
  readonly accounts: ReadonlyMap<string, string>;
  readonly faults: FaultList;
  readonly registry: Registry;
  /** The certificate it shows. */
  readonly identity: Identity;
  /** The authority it trusts, in PEM. */
  readonly ca: string;
  /** What PBKDF2 gave, so that a login does not pay for it again. */
  readonly saltedPasswords: SaltedPasswordCache;
  /** Whether anybody wants to know of every element. */
  readonly observed: boolean;
  observe(direction: Direction, element: Element, link: Link): void;
  /** How to shake hands; with ALPN where TLS comes first. */
  tlsOptions(direct: boolean): TLSSocketOptions;
  bound(session: Session): void;
  resumed(session: Session): void;
  disconnected(link: Link): void;
  /** A defect: of the server, or of a service that a test gave it. */
  broke(error: unknown): void;
}
