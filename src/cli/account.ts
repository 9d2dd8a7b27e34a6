/** The arguments that name an account, the same for all commands. */
import { readFileSync } from 'node:fs';
import type { ClientOptions } from '../client/options.ts';
import { JID } from '../jid.ts';
import { askPassword } from './password.ts';

/** For `parseArgs`. */
export const ACCOUNT_OPTIONS = {
  jid: { type: 'string' },
  host: { type: 'string' },
  port: { type: 'string' },
  direct: { type: 'boolean' },
  ca: { type: 'string' },
} as const;

export const ACCOUNT_USAGE = `  --jid JID     your account
  --host HOST   connect to this host and not where the domain's records say
  --port PORT   default 5222, or 5223 with --direct
  --direct      TLS from the first byte, in place of STARTTLS
  --ca FILE     trust the authorities in this PEM file

The password is asked for, or taken from XSTANZA_PASSWORD.`;

/** What `parseArgs` found. */
export interface AccountValues {
  readonly jid: string;
  readonly host?: string | undefined;
  readonly port?: string | undefined;
  readonly direct?: boolean | undefined;
  readonly ca?: string | undefined;
}

/** Options for a client of the account, with its password. Asks for it where there is a terminal. */
export async function readAccount({ jid, host, port, direct, ca }: AccountValues): Promise<ClientOptions> {
  const password =
    process.env.XSTANZA_PASSWORD ?? (await askPassword(`Password of ${jid}: `, process.stdin, process.stdout));
  const named = host ?? (port === undefined ? undefined : JID.parse(jid).domain);
  return {
    jid,
    password,
    ...(ca !== undefined && { ca: readFileSync(ca) }),
    ...(named !== undefined && {
      endpoints: [
        { host: named, tls: direct ? 'direct' : 'starttls', ...(port !== undefined && { port: Number(port) }) },
      ],
    }),
  };
}

/** Resolves when somebody presses Control-C, or asks the process to end. */
export function interrupted(): Promise<void> {
  return new Promise((resolve) => {
    process.once('SIGINT', () => resolve()).once('SIGTERM', () => resolve());
  });
}
