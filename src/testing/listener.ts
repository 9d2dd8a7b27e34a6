import { randomInt } from 'node:crypto';
import { createServer, type Server, type Socket } from 'node:net';

/**
 * Ports are taken below the range that the system hands out to clients. In it, a client that dials a stopped server again
 * and again can end up connected to itself. Processes that test at the same time share few of them, and one uses none a
 * second time before it had them all: somebody may still be dialling a server that was there before.
 */
const PORTS = { from: 20_000, shares: 12, each: 1_000 };
const share = PORTS.from + (process.pid % PORTS.shares) * PORTS.each;
let count = randomInt(PORTS.each);

function nextPort(): number {
  count = (count + 1) % PORTS.each;
  return share + count;
}

/** Ports to be tried before giving up. */
const TRIES = 100;

/** Listens on a port of 127.0.0.1: a free one at first, and ever after the same. */
export class Listener {
  readonly #accept: (socket: Socket) => void;
  #server: Server | undefined;
  #port = 0;
  #wanted = false;

  constructor(accept: (socket: Socket) => void) {
    this.#accept = accept;
  }

  /** 0 until it has listened. */
  get port(): number {
    return this.#port;
  }

  /** Whether it listens, or is about to. */
  get wanted(): boolean {
    return this.#wanted;
  }

  /** Begins to listen, again on the same port if there was one. */
  async listen(): Promise<void> {
    if (this.#wanted) return;
    this.#wanted = true;
    for (let left = TRIES; ; left -= 1) {
      const port = this.#port || nextPort();
      try {
        this.#server = await listening(port, this.#accept);
        this.#port = port;
        // It may have been closed in the meantime.
        if (!this.#wanted) this.close();
        return;
      } catch (error) {
        this.#wanted = this.#port === 0 && left > 0;
        if (!this.#wanted) throw error;
      }
    }
  }

  /** Stops listening at once; connections there are stay. */
  close(): void {
    this.#wanted = false;
    this.#server?.close();
    this.#server = undefined;
  }
}

/** What a client meets where nobody listens. */
export function refused(): Error {
  return Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED', syscall: 'connect' });
}

function listening(port: number, accept: (socket: Socket) => void): Promise<Server> {
  const server = createServer({ allowHalfOpen: true }, accept);
  return new Promise((resolve, reject) => {
    // Kept: what cannot be accepted later on harms nobody, and the client sees it.
    server.on('error', reject);
    server.listen({ host: '127.0.0.1', port, backlog: 511 }, () => resolve(server));
  });
}
