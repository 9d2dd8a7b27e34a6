/**
 * Connecting through an HTTP proxy with CONNECT (RFC 9110 §9.3.6). TLS and the check of the server's certificate happen
 * inside the tunnel, so the proxy sees which host is wanted and nothing else.
 *
 *   createClient({ jid, password, connect: httpConnectProxy({ host: 'proxy.example.org', port: 3128 }) })
 */
import * as http from 'node:http';
import { isIPv6 } from 'node:net';
import type { Connect } from '../src/transport/tcp.ts';

export interface HttpProxy {
  readonly host: string;
  readonly port: number;
  /** For a proxy that asks for Basic authentication (RFC 7617). */
  readonly username?: string;
  readonly password?: string;
}

/** A `connect` hook that asks an HTTP proxy for a tunnel to the endpoint. */
export function httpConnectProxy({ host, port, username, password = '' }: HttpProxy): Connect {
  const credentials = username === undefined ? undefined : Buffer.from(`${username}:${password}`).toString('base64');
  return (endpoint, { signal }) =>
    new Promise((resolve, reject) => {
      signal.throwIfAborted();
      const authority = `${isIPv6(endpoint.host) ? `[${endpoint.host}]` : endpoint.host}:${endpoint.port}`;
      const request = http.request({
        host,
        port,
        method: 'CONNECT',
        path: authority,
        headers: {
          Host: authority,
          ...(credentials === undefined ? {} : { 'Proxy-Authorization': `Basic ${credentials}` }),
        },
        agent: false,
      });
      const abort = () => request.destroy(signal.reason);
      signal.addEventListener('abort', abort, { once: true });
      request.on('close', () => signal.removeEventListener('abort', abort));
      request.on('error', reject);
      // Whatever the proxy answers to CONNECT comes here, the refusals too.
      request.on('connect', ({ statusCode = 0, statusMessage }, socket, head) => {
        signal.removeEventListener('abort', abort);
        if (statusCode < 200 || statusCode > 299) {
          socket.destroy();
          reject(new Error(`the proxy refused to connect to ${authority}: ${statusCode} ${statusMessage}`));
          return;
        }
        if (head.length > 0) socket.unshift(head);
        resolve(socket);
      });
      request.end();
    });
}
