import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';

/** Above what services use, below those of the embedded server: who keeps dialling a stopped server must meet nobody else. */
const [FIRST, END] = [16_384, 20_000];

const taken = new Set<number>();

/** A port of 127.0.0.1 that nobody listens on and that this process has not handed out before. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(FIRST, END);
    if (taken.has(port)) continue;
    taken.add(port);
    const probe = createServer();
    try {
      await once(probe.listen(port, '127.0.0.1'), 'listening');
      return port;
    } catch {
      // Somebody else's: another draw.
    } finally {
      probe.close();
    }
  }
}
