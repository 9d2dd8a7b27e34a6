/** Where a domain's servers are: RFC 6120 §3.2 and XEP-0368 over DNS SRV (RFC 2782). */
import { Resolver } from 'node:dns/promises';
import { isIP } from 'node:net';
import pRetry from 'p-retry';
import type { Endpoint } from '../../machines/endpoint.ts';
import { hostOf } from '../idna.ts';
import type { Logger } from '../logger.ts';
import { unlessAborted } from './abort.ts';

/** One SRV record, in the shape that Node gives it. `name` is the target. */
export interface SrvRecord {
  /** The host; `.` for none. RFC 2782 */
  readonly name: string;
  /** From 1 to 65535. */
  readonly port: number;
  /** The lowest is tried first. */
  readonly priority: number;
  /** Of those with the same priority, the share that is tried first. */
  readonly weight: number;
}

/** Looks up the SRV records of a name. Rejects with code `ENOTFOUND` or `ENODATA` when there are none. */
export type ResolveSrv = (
  name: string,
  options: { readonly signal: AbortSignal | undefined },
) => Promise<readonly SrvRecord[]>;

/** Options of `discover`. */
export interface DiscoverOptions {
  /** Replaces the look-up. Default: the system's name servers, 2 s for a query, each asked twice. */
  readonly resolveSrv?: ResolveSrv;
  /** A number in [0, 1) for the choice by weight. Default `Math.random`. */
  readonly random?: () => number;
  /** Ends the discovery at once. */
  readonly signal?: AbortSignal;
  /** Hears what the name servers say. */
  readonly logger?: Logger;
  /** Whether to ask for direct TLS (XEP-0368). Default true. */
  readonly direct?: boolean;
  /** Whether to ask for STARTTLS (RFC 6120). Default true. */
  readonly starttls?: boolean;
}

/** No endpoint: the domain says that it has no XMPP (`no-xmpp`), or the name servers did not answer (`dns`). */
export class ResolveError extends Error {
  override readonly name = 'ResolveError';
  /** `no-xmpp`: the domain says that it offers no XMPP (RFC 2782); `dns`: the look-up failed. */
  readonly code: 'no-xmpp' | 'dns';

  /** @internal Made by `discover`. */
  constructor(code: 'no-xmpp' | 'dns', domain: string, cause?: unknown) {
    super(code === 'dns' ? `DNS trouble with ${domain}` : `${domain} offers no XMPP service to clients`, { cause });
    this.code = code;
  }
}

interface Service {
  readonly tls: Endpoint['tls'];
  readonly label: string;
  /** Where the service is when nothing is said: XMPP's port, and the old port of TLS from the first byte. */
  readonly port: number;
}

const STARTTLS: Service = { tls: 'starttls', label: '_xmpp-client._tcp', port: 5222 };
const DIRECT: Service = { tls: 'direct', label: '_xmpps-client._tcp', port: 5223 };

/** What one service's look-up came to. `declined`: its only target is ".", which means "not here" (RFC 2782). */
type Answer = { records: readonly Target[] } | { declined: true } | { error: unknown };
type Target = SrvRecord & { readonly tls: Endpoint['tls'] };

/** Endpoints that one discovery gives at most; what an answer holds beyond them is the least wanted of it. */
const MAX_ENDPOINTS = 16;

const RETRY = { retries: 2, factor: 2, minTimeout: 100, maxTimeout: 1000, randomize: false, unref: false };

/** A resolver of its own for each query reads the configuration anew, which the last network may have left behind. */
async function systemSrv(name: string, { signal }: { signal: AbortSignal | undefined }): Promise<readonly SrvRecord[]> {
  const resolver = new Resolver({ timeout: 2000, tries: 2 });
  const cancel = () => resolver.cancel();
  signal?.addEventListener('abort', cancel, { once: true });
  try {
    return await resolver.resolveSrv(name);
  } finally {
    signal?.removeEventListener('abort', cancel);
  }
}

function saysNone(error: unknown): boolean {
  const code = (error as { code?: unknown } | undefined)?.code;
  return code === 'ENOTFOUND' || code === 'ENODATA';
}

/** Whether it is a record at all: who looks up in place of the system may give anything. */
function isSound(record: SrvRecord): boolean {
  if (typeof record?.name !== 'string') return false;
  return [record.port, record.priority, record.weight].every((n) => Number.isInteger(n) && n >= 0 && n <= 65535);
}

async function lookUp(service: Service, host: string, options: DiscoverOptions): Promise<Answer> {
  const { resolveSrv = systemSrv, signal } = options;
  const attempt = async () => {
    try {
      return await unlessAborted(resolveSrv(`${service.label}.${host}`, { signal }), signal);
    } catch (error) {
      if (saysNone(error)) return [];
      throw error;
    }
  };
  try {
    const found = await pRetry(attempt, signal === undefined ? RETRY : { ...RETRY, signal });
    const sound = found.filter(isSound);
    if (sound.length === 0 && found.length > 0) return { error: new Error('no record that can be read') };
    const usable = sound.filter(({ name }) => name !== '' && name !== '.');
    if (usable.length === 0 && sound.length > 0) return { declined: true };
    return { records: usable.map((record) => ({ ...record, tls: service.tls })) };
  } catch (error) {
    signal?.throwIfAborted();
    return { error };
  }
}

function describe(answer: Answer): string {
  if ('records' in answer) return `${answer.records.length} records`;
  return 'declined' in answer ? 'declined' : 'no answer';
}

/** One record of the same priority, drawn with a chance in proportion to its weight (RFC 2782). */
function draw(records: readonly Target[], random: () => number): Target {
  // Those without weight go first, so that they win only when the number drawn is 0.
  const candidates = [...records.filter(({ weight }) => weight === 0), ...records.filter(({ weight }) => weight > 0)];
  const total = candidates.reduce((sum, { weight }) => sum + weight, 0);
  const drawn = Math.floor(random() * (total + 1));
  let sum = 0;
  return candidates.find(({ weight }) => {
    sum += weight;
    return sum >= drawn;
  }) as Target;
}

/** Lowest priority first; inside one priority a random order by weight. No more of them than will be tried. */
function inOrder(records: readonly Target[], random: () => number): Target[] {
  const rest = [...records].sort((a, b) => a.priority - b.priority);
  const ordered: Target[] = [];
  while (rest[0] !== undefined && ordered.length < MAX_ENDPOINTS) {
    const { priority } = rest[0];
    const next = draw(
      rest.filter((record) => record.priority === priority),
      random,
    );
    rest.splice(rest.indexOf(next), 1);
    ordered.push(next);
  }
  return ordered;
}

/**
 * The endpoints of a domain, best first, at most 16: both kinds of SRV record in one order, or the domain itself when there
 * are no records at all. IP literals and `localhost` have no records to look for.
 *
 * @param domain the domain of a JID.
 * @throws ResolveError `no-xmpp` when the domain declines the service with the target "."; `dns` when the name servers
 *   failed three times and nothing else is known. The trouble of one service does not matter while the other has records.
 * @throws the reason of `signal`.
 */
export async function discover(domain: string, options: DiscoverOptions = {}): Promise<Endpoint[]> {
  const { random = Math.random, signal, starttls = true, direct = true } = options;
  signal?.throwIfAborted();
  const host = hostOf(domain);
  const services = [...(starttls ? [STARTTLS] : []), ...(direct ? [DIRECT] : [])];
  const fallback = services.slice(0, 1).map(({ port, tls }): Endpoint => ({ host, port, tls, source: 'fallback' }));
  if (isIP(host) !== 0 || host === 'localhost' || host.endsWith('.localhost')) return fallback;

  const answers = await Promise.all(
    services.map(async (service) => {
      const answer = await lookUp(service, host, options);
      options.logger?.debug(`${service.label}.${host}: ${describe(answer)}`);
      return answer;
    }),
  );
  const records = answers.flatMap((answer) => ('records' in answer ? answer.records : []));
  if (records.length > 0) {
    return inOrder(records, random).map(({ name, port, tls }) => ({
      host: name.replace(/\.$/, ''),
      port,
      tls,
      source: 'srv',
    }));
  }
  // An unanswered question about direct TLS does not speak against the fallback; one about STARTTLS does.
  const [first] = answers;
  if (first !== undefined && 'error' in first) throw new ResolveError('dns', domain, first.error);
  if (answers.some((answer) => 'declined' in answer)) {
    const unanswered = answers.find((answer) => 'error' in answer);
    throw unanswered === undefined
      ? new ResolveError('no-xmpp', domain)
      : new ResolveError('dns', domain, unanswered.error);
  }
  return fallback;
}
