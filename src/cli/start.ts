/**
 * The main job, told as it happens: two clients talk, the cable is pulled, nothing is lost. On an embedded server, or with
 * `--jid` as two clients of an account. `npm start` runs it.
 */
import { parseArgs } from 'node:util';
import { type LiveView, liveView } from '../../visualizations/live/server.ts';
import type { ClientOptions } from '../client/options.ts';
import { ACCOUNT_OPTIONS, ACCOUNT_USAGE, interrupted, readAccount } from './account.ts';
import { converse, makeSide, type Side } from './job.ts';
import { Narrator, wantsColour } from './narrator.ts';

const USAGE = `npm start [-- options]   two clients talk, on an embedded server or with --jid on yours, until Control-C

  --live        follow them in the browser, until Control-C
${ACCOUNT_USAGE}`;

/** Runs the job; resolves with the exit code. Throws for arguments that make no sense. */
export async function start(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: { ...ACCOUNT_OPTIONS, live: { type: 'boolean' }, help: { type: 'boolean' } },
  });
  if (values.help) {
    console.log(USAGE);
    return 0;
  }
  const { jid } = values;
  const account = jid === undefined ? null : await readAccount({ ...values, jid });
  const narrator = new Narrator((line) => console.log(line), wantsColour(process.stdout, process.env));
  const view = values.live ? await liveView({ control: true, title: 'xstanza' }) : null;
  if (view !== null) narrator.say('page', view.url);
  try {
    return await (account === null ? embedded(narrator, view) : real(account, narrator, view));
  } finally {
    await view?.close();
  }
}

/** Everything in this process. */
async function embedded(narrator: Narrator, view: LiveView | null): Promise<number> {
  const { testServer } = await embeddedServer();
  const server = await testServer({ accounts: { romeo: 'thou', juliet: 'thee' } });
  narrator.say('server', `listens on 127.0.0.1:${server.port} for ${server.domain}`);
  const options = (name: string, password: string) => ({
    jid: `${name}@${server.domain}`,
    password,
    ca: server.ca,
    endpoints: [server.endpoint],
  });
  const sides = [
    makeSide('romeo', options('romeo', 'thou'), narrator, view),
    makeSide('juliet', options('juliet', 'thee'), narrator, view),
  ] as const;
  try {
    return await run(sides, narrator, view !== null);
  } finally {
    await stop(sides);
    await server.close();
    narrator.say('server', 'closed');
  }
}

/** Only this needs node-forge, which makes the server's certificate and does not come along. */
async function embeddedServer(): Promise<typeof import('../testing/server.ts')> {
  try {
    return await import('../testing/server.ts');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw error;
    throw new Error('the embedded server needs node-forge: npm install node-forge', { cause: error });
  }
}

/** Two clients of one account on a real server. */
async function real(options: ClientOptions, narrator: Narrator, view: LiveView | null): Promise<number> {
  const sides = [makeSide('one', options, narrator, view), makeSide('two', options, narrator, view)] as const;
  try {
    return await run(sides, narrator, true);
  } finally {
    await stop(sides);
  }
}

/** Does the job, and where somebody is to look at it stays until Control-C. */
async function run(sides: readonly [Side, Side], narrator: Narrator, stay: boolean): Promise<number> {
  const interruption = interrupted();
  const good = await Promise.race([work(sides, narrator), interruption]);
  if (good === undefined) return 130;
  if (stay) {
    narrator.say('', 'both stay online; Control-C stops them');
    await interruption;
  }
  return good ? 0 : 1;
}

async function work(sides: readonly [Side, Side], narrator: Narrator): Promise<boolean> {
  await Promise.all(sides.map(({ client }) => client.start()));
  for (const { name, client } of sides) {
    const { trust } = client.getSnapshot();
    narrator.say(name, `is ${client.jid}, by ${trust?.mechanism} over ${trust?.security?.protocol ?? 'nothing'}`);
  }
  return converse(sides, narrator);
}

async function stop(sides: readonly [Side, Side]): Promise<void> {
  await Promise.all(sides.map(({ client }) => client.stop()));
}
