/**
 * Playing faults on an app: each of the pack, one after the other, to see that the app is online again afterwards and that
 * what it sends arrives.
 */
import { type ClientOptions, createClient, xml } from '../src/index.ts';
import { faultPack, type NamedFault, testServer } from '../src/testing/index.ts';
import { echoBot } from './echo-bot.ts';

/** What became of the app. */
export interface Outcome {
  readonly fault: string;
  /** The bot answered after the fault. */
  readonly answered: boolean;
  /** The session it had before went on. */
  readonly sameSession: boolean;
}

/** Plays one fault on the echo bot. */
export async function play(fault: NamedFault): Promise<Outcome> {
  await using server = await testServer({ accounts: { bot: 'one', guest: 'two' } });
  // A bot that finds out sooner than one would want in real life.
  const options: ClientOptions = {
    jid: `bot@${server.domain}/bot`,
    password: 'one',
    ca: server.ca,
    endpoints: [server.endpoint],
    backoff: { start: 10, cap: 50 },
    liveness: { idle: 200, answer: 200 },
    negotiationTimeout: 1_000,
  };
  if (fault.when === 'before') await fault.play(server);
  await using bot = await echoBot(options);
  let lost = false;
  bot.client.on('destroyed', () => {
    lost = true;
  });
  if (fault.when === 'online') await fault.play(server);
  await using guest = createClient({ ...options, jid: `guest@${server.domain}/guest`, password: 'two' });
  await guest.start();
  return { fault: fault.name, answered: await answers(guest, `bot@${server.domain}/bot`), sameSession: !lost };
}

type Guest = ReturnType<typeof createClient>;

/** Asks until the bot answers: while it is away nobody takes the message. */
async function answers(guest: Guest, bot: string): Promise<boolean> {
  for (let attempt = 0; attempt < 30; attempt += 1) {
    const echo = guest.once('message', { where: ({ type }) => type !== 'error', timeout: 200 });
    guest.send(xml`<message to="${bot}" type="chat"><body>are you there?</body></message>`);
    if (
      await echo.then(
        () => true,
        () => false,
      )
    )
      return true;
  }
  return false;
}

/** Plays all of them. */
export async function playAll(): Promise<readonly Outcome[]> {
  const outcomes: Outcome[] = [];
  for (const fault of faultPack) outcomes.push(await play(fault));
  return outcomes;
}
