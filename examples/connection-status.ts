/**
 * Shows the state of a client on a page: the client runs here, since a page has no TCP, and the page is told of it.
 *
 *     GET  /        the page, examples/react/connection-status.tsx
 *     GET  /status  a `Status` as a server-sent event, again whenever it changes
 *     POST /retry   ends the pause before the next attempt
 */
import { createServer, type Server, type ServerResponse } from 'node:http';
import { type Client, type ClientSnapshot, describeFailure } from '../src/index.ts';

/** What the page is told. */
export interface Status extends Pick<ClientSnapshot, 'phase' | 'jid' | 'resumed'> {
  /** Milliseconds to the next attempt; null when none is waited for. */
  readonly retryIn: number | null;
  /** Why it is not online, in words. */
  readonly reason: string | null;
  /** Stanzas that wait to be sent. */
  readonly queued: number;
}

function statusOf(client: Client): Status {
  const { phase, jid, resumed, retry, failure } = client.getSnapshot();
  return {
    phase,
    jid,
    resumed,
    // Clocks differ; what is left until then does not.
    retryIn: retry && Math.max(0, retry.at - Date.now()),
    reason: failure && describeFailure(failure),
    queued: client.delivery.queued,
  };
}

/**
 * Serves the page of a client on this machine; not listening yet.
 *
 * @param script the bundled page.
 */
export function statusServer(client: Client, script: string): Server {
  const page =
    '<!doctype html><meta charset="utf-8"><title>Connection</title><link rel="icon" href="data:,"><main></main><script src="/script"></script>';
  const follow = (response: ServerResponse) => {
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
    const tell = () => response.write(`data: ${JSON.stringify(statusOf(client))}\n\n`);
    tell();
    response.on('close', client.subscribe(tell));
  };
  return createServer((request, response) => {
    const send = (type: string, body: string) => response.writeHead(200, { 'content-type': type }).end(body);
    switch (`${request.method} ${request.url}`) {
      case 'GET /':
        send('text/html', page);
        break;
      case 'GET /script':
        send('text/javascript', script);
        break;
      case 'GET /status':
        follow(response);
        break;
      case 'POST /retry':
        // Another site's page may send this, too, but not with this header.
        if (request.headers['content-type'] === 'application/json') client.retry();
        response.writeHead(204).end();
        break;
      default:
        response.writeHead(404).end();
    }
  });
}
