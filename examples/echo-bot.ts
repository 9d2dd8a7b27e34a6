/**
 * A bot that says what it hears, until it is told to end:
 *
 *     XSTANZA_PASSWORD=secret node echo-bot.js bot@example.org
 */
import { type Client, type ClientOptions, createClient } from '../src/index.ts';

/** Resolves with the running bot. */
export async function echoBot(options: ClientOptions): Promise<Client> {
  const client = createClient(options);
  client.on('message', (m) => m.type !== 'error' && m.body && client.send(m.reply(m.body)));
  client.on('failure', ({ failure }) => console.error(failure));
  await client.start();
  return client;
}

const [, program = '', jid] = process.argv;
if (program.endsWith('echo-bot.js') && jid !== undefined) {
  const password = process.env.XSTANZA_PASSWORD ?? '';
  const bot = await echoBot({ jid, password });
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => bot.stop());
}
