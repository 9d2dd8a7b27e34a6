/**
 * Sends one message, and says by its exit status what became of it:
 *
 *     XSTANZA_PASSWORD=secret node notify.js bot@example.org admin@example.org 'The disk is full'
 *
 * - 0: the server has it, and acknowledged it
 * - 1: it was not sent, or the server does not have it: send it again
 * - 2: it was sent, and nobody can say whether it arrived: sent again, it may come twice
 */
import { type ClientOptions, createClient, DeliveryError, xml } from '../src/index.ts';

/** Milliseconds for all of it. */
const PATIENCE = 30_000;

/** Resolves with the exit status. */
export async function notify(options: ClientOptions, to: string, text: string): Promise<0 | 1 | 2> {
  const client = createClient(options);
  const signal = AbortSignal.timeout(PATIENCE);
  try {
    await client.start({ signal });
    const token = client.send(xml`<message to="${to}" type="chat"><body>${text}</body></message>`);
    // Stopping settles the token, if nothing else does in time.
    signal.addEventListener('abort', () => client.stop(), { once: true });
    return (await token) === 'acked' ? 0 : 2;
  } catch (error) {
    console.error(error instanceof DeliveryError ? `not delivered: ${error.message}` : String(error));
    return 1;
  } finally {
    await client.stop();
  }
}

const [, program = '', jid, to, text] = process.argv;
if (program.endsWith('notify.js') && jid !== undefined && to !== undefined && text !== undefined) {
  process.exitCode = await notify({ jid, password: process.env.XSTANZA_PASSWORD ?? '' }, to, text);
}
