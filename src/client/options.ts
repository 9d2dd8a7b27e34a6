import type { BackoffPolicy } from '../../machines/backoff.ts';
import type { ClientSettings } from '../../machines/client.ts';
import type { Endpoint } from '../../machines/endpoint.ts';
import { flag, func, has, number, oneOf, only, text, time, whole } from '../check.ts';
import { type Clock, systemClock } from '../clock.ts';
import { OptionError } from '../error.ts';
import { JID, JidError } from '../jid.ts';
import { LOG_LEVELS, type Logger, type LogLevel } from '../logger.ts';
import type { ResolveSrv } from '../transport/resolver.ts';
import type { Connect, DialOptions } from '../transport/tcp.ts';
import { faultIn, type TlsOptions } from '../transport/tls.ts';
import { CONNECT_LIMITS, ONLINE_LIMITS, type ParserLimits } from '../xml/parser.ts';
import type { CredentialSource } from './exchange.ts';
import type { Inspector } from './inspect.ts';

/** A place to connect to. */
export interface EndpointOption {
  /** A host name, or an IP address; an IPv6 address without brackets. */
  readonly host: string;
  /** Default 5222, or 5223 for direct TLS. */
  readonly port?: number;
  /** Default `starttls`. */
  readonly tls?: Endpoint['tls'];
}

/** Names endpoints anew for every attempt. */
export type EndpointSource = (request: {
  readonly domain: string;
  readonly signal: AbortSignal;
}) => readonly EndpointOption[] | Promise<readonly EndpointOption[]>;

/** XEP-0198. */
export interface StreamManagementOptions {
  /** Ask for a session that can be resumed (default true). */
  readonly resume?: boolean;
  /** Seconds that a lost session should be kept by the server; by default the server decides. 0 is `resume: false`. */
  readonly max?: number;
  /**
   * When a session cannot be resumed, `report` ends the tokens of what was not acknowledged; `resend` sends messages again
   * in the new session, marked with the time they were first sent (XEP-0203), at the risk of duplicates (default `report`).
   */
  readonly onResumeRefused?: 'report' | 'resend';
}

/** All times in milliseconds unless said otherwise. */
export interface ClientOptions extends TlsOptions {
  /**
   * Who to be. A resource is a wish. With a domain alone, the server gives an identity (ANONYMOUS). A server that binds
   * anybody else is left: `bind`, `another-account`.
   */
  readonly jid: string | JID;
  /** In clear, as the account has it; prepared by SASLprep (RFC 4013), and never shown to anybody. */
  readonly password?: string;
  /** Asked for credentials at every login, in place of `password`. */
  readonly credentials?: CredentialSource;
  /** SASL mechanisms that may be used, strongest first. Default: what the credentials allow. */
  readonly mechanisms?: readonly string[];
  /** SCRAM iteration counts that are accepted (default 4096 to 1,000,000). RFC 5802 §5.1 */
  readonly iterations?: { readonly min?: number; readonly max?: number };
  /**
   * `required` (default) gives up without TLS, `optional` goes on in clear, `off` never asks for it. PLAIN is never used in
   * clear but with `plainOnLoopback`.
   */
  readonly tls?: 'required' | 'optional' | 'off';
  /** Allows PLAIN in clear to a server on this host (default false). */
  readonly plainOnLoopback?: boolean;
  /** Where to connect to, tried before the domain's DNS records. */
  readonly endpoints?: readonly EndpointOption[] | EndpointSource;
  /** Looks up SRV records in place of Node's resolver. */
  readonly resolveSrv?: ResolveSrv;
  /** Opens the byte stream in place of TCP, for instance through a proxy. */
  readonly connect?: Connect;
  /** 4 or 6 for one address family only. */
  readonly family?: DialOptions['family'];
  /** Sets options of the TCP socket. */
  readonly configureSocket?: DialOptions['configure'];
  /** The language of the stream. RFC 6120 §4.7.4 */
  readonly lang?: string;
  /** How long connecting and each step of negotiation may take (default 60,000). */
  readonly negotiationTimeout?: number;
  /** How long `stop` may take: what waits to be written, and the server's farewell (default 5,000). */
  readonly shutdownTimeout?: number;
  /** The pauses between attempts, each random below a growing ceiling (default start 1,000, factor 1.2, cap 60,000). */
  readonly backoff?: Partial<BackoffPolicy>;
  /** How long a session has to be live before failures are forgotten and pauses are short again (default 10,000). */
  readonly settle?: number;
  /** Failed attempts before a run gives up that was never online (default 4); null tries for ever. */
  readonly maxInitialAttempts?: number | null;
  /** Whether a lost session may be followed by a new one (default true); otherwise the run fails. */
  readonly allowImplicitReconnect?: boolean;
  /** Silence before the server is asked to speak, and how long it may then take (default 60,000 each); false never asks. */
  readonly liveness?: { readonly idle?: number; readonly answer?: number } | false;
  /** How often to write white space, for what stands in the way; false (default) does not. RFC 6120 §4.6.1 */
  readonly whitespaceKeepalive?: number | false;
  /** Acknowledgements and resumption (default: both, where the server can); false does without. XEP-0198 */
  readonly streamManagement?: StreamManagementOptions | false;
  /**
   * Stanzas that may wait to be sent (default 10,000). A stanza that finds the queue full is rejected; with 0, any that
   * cannot be written at once. They wait while there is no session, while the server does not read, and while it has not
   * acknowledged the last 10,000 that were written.
   */
  readonly queue?: { readonly limit?: number; readonly whenFull?: 'reject' };
  /**
   * Stanzas whose listeners and handlers may be at work at a time, which is until the promises that they return are settled
   * (default 1,000; 1 deals with one after the other). Further ones wait, in order, and soon nothing more is read from the
   * server. Replies to requests do not wait: a listener may await one.
   */
  readonly concurrency?: number;
  /** What the server may send in one piece, before and after authentication. */
  readonly limits?: { readonly connecting?: Partial<ParserLimits>; readonly online?: Partial<ParserLimits> };
  /** Sees everything the statecharts do; handed to XState. One with a method `client` sees the wire, too. */
  readonly inspect?: Inspector;
  /** Hears of the life of the client, in words: anything like `console`, or pino. */
  readonly logger?: Logger;
  /**
   * The least that is logged (default `debug`). With `trace`, everything that crosses the wire is logged at level `debug`: with
   * its secrets taken out, but with what people say to each other.
   */
  readonly logLevel?: LogLevel;
  /** Time, for tests. */
  readonly clock?: Clock;
  /** Chance in [0, 1), for tests. Default `Math.random`. */
  readonly random?: () => number;
}

/** The options with everything decided. */
export interface ResolvedOptions {
  readonly jid: JID;
  readonly settings: ClientSettings;
  readonly credentials: CredentialSource;
  readonly tls: TlsOptions;
  readonly endpoints: EndpointSource;
  readonly resend: boolean;
  readonly queueLimit: number;
  readonly concurrency: number;
  readonly logLevel: LogLevel;
  readonly limits: { readonly connecting: ParserLimits; readonly online: ParserLimits };
  readonly iterations: { readonly min: number; readonly max: number };
  readonly clock: Clock;
  readonly random: () => number;
  readonly given: ClientOptions;
}

const WITH_PASSWORD = [
  'SCRAM-SHA-512-PLUS',
  'SCRAM-SHA-256-PLUS',
  'SCRAM-SHA-1-PLUS',
  'SCRAM-SHA-512',
  'SCRAM-SHA-256',
  'SCRAM-SHA-1',
  'PLAIN',
];

const MECHANISMS: readonly string[] = ['EXTERNAL', ...WITH_PASSWORD, 'ANONYMOUS'];

/** How often a function may be asked for credentials on one stream. A fixed password is not better the second time. */
const ASKS = 3;

/**
 * Checks the options and fills in what was left out.
 *
 * @throws OptionError naming the option that cannot be used.
 */
export function resolveOptions(given: ClientOptions): ResolvedOptions {
  checkShape(given);
  const jid = readJid(given.jid);
  const { password, credentials, liveness, streamManagement, backoff, iterations, limits } = given;
  if (given.whitespaceKeepalive !== undefined && given.whitespaceKeepalive !== false) {
    time('whitespaceKeepalive', given.whitespaceKeepalive, 0, 1);
  }
  oneOf('queue.whenFull', given.queue?.whenFull, ['reject'], 'reject');
  const fewest = whole('iterations.min', iterations?.min, 4096, 1);
  const settings: ClientSettings = {
    domain: jid.domain,
    resource: jid.resource ?? null,
    tls: oneOf('tls', given.tls, ['required', 'optional', 'off'], 'required'),
    mechanisms: readMechanisms(given.mechanisms) ?? defaultMechanisms(given, jid),
    bareLogin: flag('plainOnLoopback', given.plainOnLoopback, false),
    asks: credentials === undefined ? 1 : ASKS,
    negotiationTimeout: time('negotiationTimeout', given.negotiationTimeout, 60_000, 1),
    shutdownTimeout: time('shutdownTimeout', given.shutdownTimeout, 5_000, 0),
    backoff: {
      start: time('backoff.start', backoff?.start, 1_000, 1),
      factor: number('backoff.factor', backoff?.factor, 1.2, 1),
      cap: time('backoff.cap', backoff?.cap, 60_000, 1),
    },
    settle: time('settle', given.settle, 10_000, 0),
    maxInitialAttempts:
      given.maxInitialAttempts === null ? null : whole('maxInitialAttempts', given.maxInitialAttempts, 4, 1),
    allowImplicitReconnect: flag('allowImplicitReconnect', given.allowImplicitReconnect, true),
    liveness:
      liveness === false
        ? null
        : {
            idle: time('liveness.idle', liveness?.idle, 60_000, 1),
            answer: time('liveness.answer', liveness?.answer, 60_000, 1),
          },
    sm: streamManagement === false ? null : readStreamManagement(streamManagement),
  };
  return {
    jid,
    settings,
    credentials: credentials ?? (() => (password === undefined ? {} : { password })),
    tls: pickTls(given),
    endpoints: readEndpoints(given.endpoints),
    resend:
      streamManagement !== false &&
      oneOf('streamManagement.onResumeRefused', streamManagement?.onResumeRefused, ['report', 'resend'], 'report') ===
        'resend',
    queueLimit: whole('queue.limit', given.queue?.limit, 10_000, 0),
    logLevel: oneOf('logLevel', given.logLevel, LOG_LEVELS, 'debug'),
    concurrency: whole('concurrency', given.concurrency, 1000, 1),
    limits: {
      connecting: readLimits('limits.connecting', limits?.connecting, CONNECT_LIMITS),
      online: readLimits('limits.online', limits?.online, ONLINE_LIMITS),
    },
    iterations: { min: fewest, max: whole('iterations.max', iterations?.max, Math.max(fewest, 1_000_000), fewest) },
    clock: given.clock ?? systemClock,
    random: given.random ?? Math.random,
    given,
  };
}

/** Every option there is; the compiler sees to it. */
const OPTIONS: Record<keyof ClientOptions, true> = {
  jid: true,
  password: true,
  credentials: true,
  mechanisms: true,
  iterations: true,
  tls: true,
  ca: true,
  cert: true,
  key: true,
  ciphers: true,
  minVersion: true,
  maxVersion: true,
  secureContext: true,
  checkServerIdentity: true,
  plainOnLoopback: true,
  endpoints: true,
  resolveSrv: true,
  connect: true,
  family: true,
  configureSocket: true,
  lang: true,
  negotiationTimeout: true,
  shutdownTimeout: true,
  backoff: true,
  settle: true,
  maxInitialAttempts: true,
  allowImplicitReconnect: true,
  liveness: true,
  whitespaceKeepalive: true,
  streamManagement: true,
  queue: true,
  concurrency: true,
  limits: true,
  inspect: true,
  logger: true,
  logLevel: true,
  clock: true,
  random: true,
};

const LIMITS = ['stanzaBytes', 'depth', 'attributes', 'attributeLength'];

/** Refuses names that are no options, and values of another type than theirs. */
function checkShape(given: ClientOptions): void {
  if (typeof given !== 'object' || given === null) throw new OptionError('options', 'have to be an object');
  only('', given, Object.keys(OPTIONS));
  only('iterations', given.iterations, ['min', 'max']);
  only('backoff', given.backoff, ['start', 'factor', 'cap']);
  if (given.liveness !== false) only('liveness', given.liveness, ['idle', 'answer']);
  if (given.streamManagement !== false)
    only('streamManagement', given.streamManagement, ['resume', 'max', 'onResumeRefused']);
  only('queue', given.queue, ['limit', 'whenFull']);
  only('limits', given.limits, ['connecting', 'online']);
  only('limits.connecting', given.limits?.connecting, LIMITS);
  only('limits.online', given.limits?.online, LIMITS);
  text('password', given.password);
  text('lang', given.lang);
  for (const name of ['credentials', 'resolveSrv', 'connect', 'configureSocket', 'inspect', 'random'] as const) {
    func(name, given[name]);
  }
  oneOf('family', given.family, [0, 4, 6], 0);
  has('logger', given.logger, ['debug', 'info', 'warn', 'error']);
  has('clock', given.clock, ['now', 'setTimeout', 'clearTimeout']);
  checkTls(given);
}

function checkTls(given: ClientOptions): void {
  func('checkServerIdentity', given.checkServerIdentity);
  text('ciphers', given.ciphers);
  oneOf('minVersion', given.minVersion, ['TLSv1.2', 'TLSv1.3'], 'TLSv1.2');
  oneOf('maxVersion', given.maxVersion, ['TLSv1.2', 'TLSv1.3'], 'TLSv1.3');
  if (given.cert !== undefined && given.key === undefined) throw new OptionError('key', 'is missing, cert needs it');
  if (given.key !== undefined && given.cert === undefined) throw new OptionError('cert', 'is missing, key is for it');
  const fault = faultIn(pickTls(given));
  if (fault !== null) throw new OptionError(fault.option, fault.text);
}

function readJid(value: string | JID): JID {
  if (value instanceof JID) return value;
  if (typeof value !== 'string') throw new OptionError('jid', 'has to be a JID such as bot@example.org');
  try {
    return JID.parse(value);
  } catch (error) {
    if (error instanceof JidError) throw new OptionError('jid', `is no JID: ${error.message}`);
    throw error;
  }
}

/** EXTERNAL goes first where there is a certificate; without a name and anything to prove it by, only ANONYMOUS is left. */
function defaultMechanisms({ password, credentials, cert, secureContext }: ClientOptions, jid: JID): string[] {
  const mechanisms = cert !== undefined || secureContext !== undefined ? ['EXTERNAL'] : [];
  if (password !== undefined || credentials !== undefined) mechanisms.push(...WITH_PASSWORD);
  if (mechanisms.length === 0 && jid.local === undefined) return ['ANONYMOUS'];
  if (mechanisms.length === 0)
    throw new OptionError('password', 'is missing; without it, credentials or cert and key are needed for this JID');
  return mechanisms;
}

/** N-26: seconds, whole, not negative; 0 does without resumption. */
function readStreamManagement(options: StreamManagementOptions = {}): ClientSettings['sm'] {
  const max = options.max === undefined ? null : whole('streamManagement.max', options.max, 0, 0);
  return { resume: flag('streamManagement.resume', options.resume, true) && max !== 0, max: max === 0 ? null : max };
}

function readMechanisms(mechanisms: readonly string[] | undefined): readonly string[] | undefined {
  if (mechanisms === undefined) return undefined;
  if (!Array.isArray(mechanisms) || mechanisms.length === 0)
    throw new OptionError('mechanisms', 'has to be a list of SASL mechanisms');
  for (const [index, name] of mechanisms.entries()) {
    if (MECHANISMS.includes(name)) continue;
    throw new OptionError(`mechanisms[${index}]`, `is none of those there are: ${MECHANISMS.join(', ')}`);
  }
  return mechanisms;
}

function readLimits(path: string, given: Partial<ParserLimits> | undefined, usual: ParserLimits): ParserLimits {
  const read = (name: keyof ParserLimits) => whole(`${path}.${name}`, given?.[name], usual[name], 1);
  return {
    stanzaBytes: read('stanzaBytes'),
    depth: read('depth'),
    attributes: read('attributes'),
    attributeLength: read('attributeLength'),
  };
}

function readEndpoints(endpoints: ClientOptions['endpoints'] = []): EndpointSource {
  if (typeof endpoints === 'function') return endpoints;
  if (!Array.isArray(endpoints)) throw new OptionError('endpoints', 'has to be a list or a function');
  for (const [index, endpoint] of endpoints.entries()) readEndpoint(endpoint, `endpoints[${index}]`);
  return () => endpoints;
}

/** An endpoint as the charts have it. Throws `OptionError`. */
export function readEndpoint(endpoint: EndpointOption, path: string): Endpoint {
  // An `Endpoint` of ours will do.
  only(path, endpoint, ['host', 'port', 'tls', 'source']);
  const { host, port, tls } = endpoint;
  if (typeof host !== 'string' || host === '') throw new OptionError(`${path}.host`, 'has to be a host name');
  const mode = oneOf(`${path}.tls`, tls, ['starttls', 'direct'], 'starttls');
  return {
    host,
    port: whole(`${path}.port`, port, mode === 'direct' ? 5223 : 5222, 1, 65535),
    tls: mode,
    source: 'application',
  };
}

function pickTls(options: ClientOptions): TlsOptions {
  const names = [
    'ca',
    'cert',
    'key',
    'ciphers',
    'minVersion',
    'maxVersion',
    'secureContext',
    'checkServerIdentity',
  ] as const;
  return Object.fromEntries(names.flatMap((name) => (options[name] === undefined ? [] : [[name, options[name]]])));
}
