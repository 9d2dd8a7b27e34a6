/** What a test server saw on the wire, in words. It needs the option `log`. */
import type { TestServer } from '../../src/testing/server.ts';

/** The names of what a client sent on the connection of that number, in order: `stream`, `starttls`, `iq`, `/stream`. */
export function sent(server: TestServer, connection: number): string[] {
  return server.log
    .filter((entry) => entry.connection === connection && entry.direction === 'in')
    .map(({ element }) => element.name);
}

/** What comes before the session in a login over STARTTLS with SCRAM. */
export const LOGIN = ['stream', 'starttls', 'stream', 'auth', 'response', 'stream'];
