/** How a connection comes about: bytes to an endpoint, and TLS over them, before the stream or in the middle of it. */
import type { Duplex } from 'node:stream';
import type { Endpoint } from '../../machines/endpoint.ts';
import type { Failure } from '../../machines/failure.ts';
import type { Security } from '../../machines/wire.ts';
import { channelBindings } from '../transport/binding.ts';
import { type Connect, type DialOptions, dial } from '../transport/tcp.ts';
import { secure, securityOf, type TlsOptions } from '../transport/tls.ts';
import type { Connection } from './connection.ts';

/** The same for every connection to a domain. */
export interface OpeningOptions {
  /** The domain that the stream is addressed to, for which the certificate has to be valid. */
  readonly domain: string;
  readonly tls: TlsOptions;
  readonly connect: Connect | undefined;
  readonly dial: Omit<DialOptions, 'signal'>;
}

/**
 * Connects, and shakes hands where TLS comes first.
 *
 * @param securing called between the two.
 * @throws what `dial`, `connect` and `secure` throw; the reason of `signal`, and nothing is left open then.
 */
export async function open(
  endpoint: Endpoint,
  options: OpeningOptions,
  signal: AbortSignal,
  securing: () => void,
): Promise<Duplex> {
  const { connect, dial: dialOptions } = options;
  const socket = await (connect ? connect(endpoint, { signal }) : dial(endpoint, { ...dialOptions, signal }));
  // Given nothing to wrap, Node's TLS would dial by itself.
  if (typeof socket?.on !== 'function') throw new TypeError('connect gave no stream');
  if (endpoint.tls !== 'direct') return unlessUnwanted(socket, signal);
  securing();
  return unlessUnwanted(await shake(unlessUnwanted(socket, signal), options, signal, ['xmpp-client']), signal);
}

/** Who connects on our behalf may do so too late. */
function unlessUnwanted(socket: Duplex, signal: AbortSignal): Duplex {
  if (signal.aborted) socket.on('error', () => {}).destroy();
  signal.throwIfAborted();
  return socket;
}

function shake(socket: Duplex, { tls, domain }: OpeningOptions, signal: AbortSignal, alpn?: string[]) {
  return secure(socket, { ...tls, servername: domain, ...(alpn && { alpn }), signal });
}

/**
 * Shakes hands behind `<proceed/>`, where parsing has stopped. RFC 6120 §5.4.3
 *
 * @throws what `secure` throws, and a `Failure` when something in clear followed: it could be anybody's.
 */
export async function upgrade(connection: Connection, options: OpeningOptions, signal: AbortSignal): Promise<void> {
  if (connection.trailing) throw INJECTED;
  connection.adopt(await shake(connection.release(), options, signal));
}

const INJECTED: Failure = {
  kind: 'tls',
  stage: 'tls',
  condition: 'injected-data',
  text: 'data in clear behind <proceed/>',
  retry: 'backoff',
};

/** What is known of the encryption under a connection; null when there is none. */
export function securityUnder(connection: Connection): Security | null {
  const socket = connection.tls;
  if (socket === null) return null;
  const { protocol, cipher, alpn, peer } = securityOf(socket);
  return { protocol, cipher, alpn: alpn ?? null, bindings: channelBindings(socket), certificate: peer };
}
