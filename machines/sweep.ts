/**
 * One attempt is a sweep over everywhere the server may be: the sources in order, each asked only when the ones before it
 * are used up, and the endpoints of a source one after the other. All of it is plain data.
 */
import type { Endpoint } from './endpoint.ts';
import type { Failure } from './failure.ts';

/** Who is asked for endpoints: the location the server gave for resumption, the application, the domain's records. */
export type Source = 'location' | 'application' | 'discovery';

const SOURCES: readonly Source[] = ['location', 'application', 'discovery'];

/** How many redirections are followed in one sweep. RFC 6120 §4.9.3.19 */
const MAX_REDIRECTS = 5;

export interface Sweep {
  /** The source that was asked last; null when none was yet. */
  readonly source: Source | null;
  /** What it named and was not tried yet. */
  readonly endpoints: readonly Endpoint[];
  /** What was tried so far has failed with. */
  readonly failures: readonly Failure[];
  readonly redirects: number;
}

/** A sweep at its start; `first` is tried before anybody is asked. */
export function newSweep(first: Endpoint | null = null): Sweep {
  return { source: null, endpoints: first === null ? [] : [first], failures: [], redirects: first === null ? 0 : 1 };
}

/** A sweep with nothing left to try: where a connection that was live and is lost begins. */
export const SPENT: Sweep = { source: 'discovery', endpoints: [], failures: [], redirects: MAX_REDIRECTS };

/** The sweep at its next source. */
export function nextSource(sweep: Sweep): Sweep {
  const index = sweep.source === null ? 0 : SOURCES.indexOf(sweep.source) + 1;
  return { ...sweep, source: SOURCES[index] ?? 'discovery' };
}

/** Whether a source is left to ask. */
export function hasNextSource(sweep: Sweep): boolean {
  return sweep.source !== 'discovery';
}

/** The sweep with `endpoint` to be tried next, or as it was after too many redirections. */
export function redirected(sweep: Sweep, endpoint: Endpoint): Sweep {
  if (sweep.redirects >= MAX_REDIRECTS) return sweep;
  return { ...sweep, endpoints: [endpoint, ...sweep.endpoints], redirects: sweep.redirects + 1 };
}

/**
 * Whether the failure is about this endpoint only, so that the next one may do better. Refused credentials, a refused
 * resource, another client in our place or an impatient user are the same everywhere.
 */
export function isEndpointFault(failure: Failure): boolean {
  switch (failure.kind) {
    case 'auth':
      return failure.condition === 'no-mechanism';
    case 'bind':
    case 'conflict':
    case 'session':
    case 'prepare':
    case 'aborted':
    case 'internal':
      return false;
    default:
      return true;
  }
}

/**
 * What a whole sweep failed with: trouble with TLS before anything else, since it may be an attack; a single failure as it
 * is; several as one that lists them in the order tried and takes the rest from the endpoint that was preferred.
 */
export function verdict(failures: readonly Failure[]): Failure {
  const [first] = failures;
  const last = failures.at(-1);
  if (first === undefined || last === undefined) {
    return { kind: 'dns', stage: 'resolve', condition: 'no-endpoint', text: 'nowhere to connect to', retry: 'user' };
  }
  if (failures.length === 1 || !isEndpointFault(last)) return last;
  const tls = failures.find((failure) => failure.kind === 'tls');
  if (tls !== undefined) return { ...tls, attempts: failures };
  const retry = failures.some((failure) => failure.retry === 'backoff') ? 'backoff' : first.retry;
  return { ...first, text: 'every endpoint failed', retry, attempts: failures };
}
