import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server } from 'node:net';

/**
 * Stands between a client and a server, hands on what the server says a while later, and counts flights: how often the
 * client spoke after it had heard something new, or for the first time. The delay keeps flights apart that would run into
 * each other on loopback.
 */
export class Relay {
  flights = 0;
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  /** @param delay milliseconds. */
  static async to(host: string, port: number, delay: number): Promise<Relay> {
    const server = createServer({ noDelay: true });
    const relay = new Relay(server);
    server.on('connection', (client) => {
      const upstream = connect({ host, port, noDelay: true });
      let heard = true;
      client.on('data', (chunk) => {
        if (heard) relay.flights += 1;
        heard = false;
        upstream.write(chunk);
      });
      upstream.on('data', (chunk) => {
        setTimeout(() => {
          heard = true;
          client.write(chunk);
        }, delay);
      });
      client.on('close', () => upstream.destroy()).on('error', () => client.destroy());
      upstream.on('close', () => client.end()).on('error', () => upstream.destroy());
    });
    server.listen(0, host);
    await once(server, 'listening');
    return relay;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  close(): void {
    this.#server.close();
  }
}
