/**
 * `npm start`: the main job, told as it happens. Without arguments on an embedded server; with `--jid` on a real one, as two
 * clients of that account, until Control-C.
 */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import type { ClientOptions } from '../client/options.ts';
import { JID } from '../jid.ts';
import { testServer } from '../testing/server.ts';
import { converse, makeSide, type Side } from './job.ts';
import { Narrator, wantsColour } from './narrator.ts';
import { askPassword } from './password.ts';

const USAGE = `npm start                                      two clients on an embedded server
npm start -- --jid you@example.org [options]   two clients of your account, until Control-C

  --host HOST   connect to this host and not where the domain's records say
  --port PORT   default 5222, or 5223 with --direct
  --direct      TLS from the first byte, in place of STARTTLS
  --ca FILE     trust the authorities in this PEM file

The password is asked for, or taken from XSTANZA_PASSWORD.`;

const narrator = new Narrator((line) => console.log(line), wantsColour(process.stdout, process.env));

try {
  process.exitCode = await main();
} catch (error) {
  console.error(`xstanza: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      jid: { type: 'string' },
      host: { type: 'string' },
      port: { type: 'string' },
      direct: { type: 'boolean' },
      ca: { type: 'string' },
      help: { type: 'boolean' },
    },
  });
  if (values.help) {
    console.log(USAGE);
    return 0;
  }
  if (values.jid === undefined) return embedded();
  const password =
    process.env.XSTANZA_PASSWORD ?? (await askPassword(`Password of ${values.jid}: `, process.stdin, process.stdout));
  const tls = values.direct ? 'direct' : 'starttls';
  const host = values.host ?? (values.port === undefined ? undefined : JID.parse(values.jid).domain);
  return real({
    jid: values.jid,
    password,
    ...(values.ca !== undefined && { ca: readFileSync(values.ca) }),
    ...(host !== undefined && {
      endpoints: [{ host, tls, ...(values.port !== undefined && { port: Number(values.port) }) }],
    }),
  });
}

/** Everything in this process. */
async function embedded(): Promise<number> {
  const server = await testServer({ accounts: { romeo: 'thou', juliet: 'thee' } });
  narrator.say('server', `listens on 127.0.0.1:${server.port} for ${server.domain}`);
  const side = (name: string, password: string) =>
    makeSide(
      name,
      { jid: `${name}@${server.domain}`, password, ca: server.ca, endpoints: [server.endpoint] },
      narrator,
    );
  const sides = [side('romeo', 'thou'), side('juliet', 'thee')] as const;
  try {
    return (await run(sides)) ? 0 : 1;
  } finally {
    await stop(sides);
    await server.close();
    narrator.say('server', 'closed');
  }
}

/** Two clients of one account on a real server; they stay until they are interrupted. */
async function real(options: ClientOptions): Promise<number> {
  const sides = [makeSide('one', options, narrator), makeSide('two', options, narrator)] as const;
  const interrupted = new Promise<void>((resolve) => process.once('SIGINT', resolve).once('SIGTERM', resolve));
  const work = run(sides);
  try {
    const good = await Promise.race([work, interrupted]);
    if (good === undefined) return 130;
    narrator.say('', 'both stay online; Control-C stops them');
    await interrupted;
    return good ? 0 : 1;
  } finally {
    await stop(sides);
  }
}

async function run(sides: readonly [Side, Side]): Promise<boolean> {
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
