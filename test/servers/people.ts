/** Clients for tests against real servers: whoever they are, they can have their cable pulled and write everything down. */
import type { Duplex } from 'node:stream';
import { type Client, type ClientOptions, createClient, el, type Message, type Token } from '../../src/index.ts';
import { dial } from '../../src/transport/tcp.ts';
import type { RealServer } from './servers.ts';

export const PASSWORD = 'se<"cr\\et">&';

export interface Person {
  readonly client: Client;
  /** Events of the lifecycle, in order. */
  readonly events: string[];
  /** Bodies of the messages that arrived, in order. */
  readonly bodies: string[];
  /** Destroys the socket under the connection. */
  pull(): void;
}

const EVENTS = ['established', 'resumed', 'suspended', 'destroyed', 'online', 'waiting', 'stopped', 'failure'] as const;

/** A client of `server`; by default alice at the main domain, over STARTTLS, quick to reconnect. */
export function person(server: RealServer, options: Partial<ClientOptions> = {}): Person {
  let cable: Duplex | null = null;
  const client = createClient({
    jid: `alice@${server.domain}`,
    password: PASSWORD,
    ca: server.ca,
    endpoints: [{ host: '127.0.0.1', port: server.ports.starttls }],
    resolveSrv: async () => [],
    negotiationTimeout: 10_000,
    backoff: { start: 100, factor: 2, cap: 500 },
    connect: async (endpoint, { signal }) => {
      cable = await dial(endpoint, { signal });
      return cable;
    },
    ...options,
  });
  const events: string[] = [];
  const bodies: string[] = [];
  for (const type of EVENTS) client.on(type, () => events.push(type));
  client.on('message', (message: Message) => message.body !== undefined && bodies.push(message.body));
  return { client, events, bodies, pull: () => cable?.destroy() };
}

/** Sends the numbers from `from` to `to` as messages of one tick each or all in one. */
export function count(sender: Client, receiver: Client, from: number, to: number): Token[] {
  const tokens: Token[] = [];
  for (let number = from; number <= to; number += 1) {
    tokens.push(
      sender.send(el('message', { to: receiver.jid.toString(), type: 'chat' }, el('body', {}, String(number)))),
    );
  }
  return tokens;
}

export const numbers = (from: number, to: number): string[] =>
  Array.from({ length: to - from + 1 }, (_, index) => String(from + index));

/** Resolves when `condition` holds; the test's own time limit is the only one. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}
