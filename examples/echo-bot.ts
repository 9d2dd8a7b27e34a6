/**
 * A bot that says what it hears. Asked to end (SIGTERM, SIGINT) it answers what it has heard, waits until the server has all of
 * its answers, and leaves:
 *
 *     XSTANZA_PASSWORD=secret node echo-bot.js bot@example.org
 */
import { type Client, type ClientOptions, createClient, describeFailure, type Token } from '../src/index.ts';

/** Milliseconds that the server may take for the last acknowledgements. */
const PATIENCE = 5_000;

/** Disposing of it is stopping it at once. */
export interface Bot extends AsyncDisposable {
  readonly client: Client;
  /** Resolves when it has ended: with the failure in words if it could not go on, else with null. */
  readonly ended: Promise<string | null>;
  /** Hears nothing more, and ends once everything it said has arrived. */
  drain(): Promise<void>;
}

/** Resolves with the running bot. */
export async function echoBot(options: ClientOptions): Promise<Bot> {
  const client = createClient(options);
  const unsettled = new Set<PromiseLike<unknown>>();
  const say = (token: Token) => {
    const settled = token.then(
      () => {},
      (error) => console.error(String(error)),
    );
    unsettled.add(settled);
    settled.then(() => unsettled.delete(settled));
  };
  const listening = client.on('message', (message) => {
    // An error that comes back is no question, and an answer to it would be the next.
    if (message.type !== 'error' && message.body) say(client.send(message.reply(message.body)));
  });
  const ended = Promise.race([
    client.once('failure').then(({ failure }) => describeFailure(failure)),
    client.once('stopped').then(() => null),
  ]);
  await client.start();
  client.setPresence({ status: 'I say what I hear' });
  return {
    client,
    ended,
    [Symbol.asyncDispose]: () => client.stop(),
    async drain() {
      listening.unsubscribe();
      const late = new Promise((resolve) => setTimeout(resolve, PATIENCE).unref());
      await Promise.race([Promise.all(unsettled), late]);
      await client.stop();
    },
  };
}

/** Runs the bot until it has ended, or somebody asks the process to end; returns the exit status. */
export async function main(options: ClientOptions): Promise<number> {
  const bot = await echoBot(options);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => bot.drain());
  console.log('ready');
  const failure = await bot.ended;
  if (failure !== null) console.error(failure);
  return failure === null ? 0 : 1;
}

const [, program = '', jid] = process.argv;
if (program.endsWith('echo-bot.js') && jid !== undefined) {
  process.exitCode = await main({ jid, password: process.env.XSTANZA_PASSWORD ?? '' });
}
