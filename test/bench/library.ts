/** What is measured of a library, in the words that its own documentation would use for it. */
import type { Ports } from './protocol.ts';

export interface Session {
  /** Calls `listener` with the body of every message from now on. */
  read(listener: (body: string | undefined) => void): void;
  /** Sends every message from now on back to its sender. */
  echo(): void;
  /** Sends a chat message. */
  send(body: string): void;
  /** Sends a number of chat messages, and resolves when it makes sense to send more. */
  sendMany(count: number, body: string): Promise<unknown>;
  /** Resolves when the server is known to have everything. */
  settled(): Promise<void>;
  /** Asks the server with a ping, and resolves with the answer. */
  ping(): Promise<unknown>;
  /** Asks the firehose to do something with `count` messages, and resolves when that is done. */
  command(name: 'pour' | 'echo', count: number): Promise<unknown>;
  stop(): Promise<unknown>;
}

export interface Library {
  /** Connects to one of the firehose's ports, and resolves once established, with stream management if it is offered. */
  connect(kind: keyof Ports, port: number): Promise<Session>;
}
