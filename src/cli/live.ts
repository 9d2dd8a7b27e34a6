/** `xstanza live`: one client of an account, to be watched in the browser. */
import { parseArgs } from 'node:util';
import { liveView } from '../../visualizations/live/server.ts';
import { createClient } from '../client/client.ts';
import { ACCOUNT_OPTIONS, ACCOUNT_USAGE, interrupted, readAccount } from './account.ts';
import { Narrator, wantsColour } from './narrator.ts';

const USAGE = `xstanza live --jid you@example.org [options]   a client of your account, followed in the browser until Control-C

${ACCOUNT_USAGE}`;

/** Runs until it is interrupted; resolves with the exit code. Throws for arguments that make no sense. */
export async function live(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({ args: [...args], options: { ...ACCOUNT_OPTIONS, help: { type: 'boolean' } } });
  const { jid } = values;
  if (values.help || jid === undefined) {
    (values.help ? console.log : console.error)(USAGE);
    return values.help ? 0 : 2;
  }
  const account = await readAccount({ ...values, jid });
  const narrator = new Narrator((line) => console.log(line), wantsColour(process.stdout, process.env));
  await using view = await liveView({ control: true, title: jid });
  narrator.say('page', view.url);
  const client = createClient({ ...account, inspect: narrator.follow('client', view.inspect) });
  const interruption = interrupted();
  // Whatever becomes of it, there is something to look at, and the page has a button to try again.
  client.start().catch((error) => narrator.complain('client', error.message));
  await interruption;
  await client.stop();
  return 0;
}
