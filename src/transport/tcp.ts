/** TCP connections, and the hook by which an application brings its own. */
import * as net from 'node:net';
import type { Duplex } from 'node:stream';
import type { Endpoint } from '../../machines/endpoint.ts';

/**
 * Opens the byte stream to an endpoint in place of TCP, for instance through a proxy. TLS and XMPP go over what it gives. It
 * has to reject when `signal` is aborted, and to leave nothing open then.
 */
export type Connect = (endpoint: Endpoint, options: { readonly signal: AbortSignal }) => Promise<Duplex>;

/** How a TCP connection is made. */
export interface DialOptions {
  /** Aborting it before the connection stands destroys the socket; afterwards it means nothing any more. */
  readonly signal: AbortSignal;
  /** 4 or 6 for one address family only. Default 0: all addresses of the host, one after the other. */
  readonly family?: 0 | 4 | 6;
  /** Sets socket options once the connection stands. What it throws ends the attempt. */
  readonly configure?: (socket: net.Socket) => void;
}

/** Milliseconds until the next address of a host has its turn. Node's own 250 are too few for a slow mobile network. */
const NEXT_ADDRESS_AFTER = 1000;

/**
 * Connects to a host and port, without Nagle's delay. Which address is taken is left to Node (`autoSelectFamily`, after RFC
 * 8305). Whoever gets the socket has to listen to its errors at once.
 *
 * @throws the error of the socket, an `AggregateError` when several addresses failed, or the reason of `signal`.
 */
export function dial({ host, port }: Pick<Endpoint, 'host' | 'port'>, options: DialOptions): Promise<net.Socket> {
  const { signal, family = 0, configure } = options;
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const socket = net.connect({
      host,
      port,
      family,
      autoSelectFamily: true,
      autoSelectFamilyAttemptTimeout: NEXT_ADDRESS_AFTER,
    });
    const settle = () => {
      signal.removeEventListener('abort', abort);
      socket.off('connect', connected);
    };
    const fail = (error: unknown) => {
      settle();
      socket.destroy();
      reject(error);
    };
    const abort = () => fail(signal.reason);
    const connected = () => {
      settle();
      socket.off('error', fail);
      try {
        socket.setNoDelay(true);
        configure?.(socket);
        resolve(socket);
      } catch (error) {
        fail(error);
      }
    };
    signal.addEventListener('abort', abort, { once: true });
    socket.once('connect', connected);
    // Stays after a failure: a socket that is being destroyed may still report an error.
    socket.on('error', fail);
  });
}
