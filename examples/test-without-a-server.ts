/**
 * Testing an app without a server: what answers is in the same process, connected in memory or over loopback, and forgets
 * everything when it is closed.
 */
import { type Client, type ClientOptions, createClient, xml } from '../src/index.ts';
import { memoryTransport, testServer } from '../src/testing/index.ts';

/** The app: tells somebody how many messages it has had so far, whenever one comes. */
export async function counter(options: ClientOptions, boss: string): Promise<Client> {
  const client = createClient(options);
  let count = 0;
  client.on('message', () => {
    count += 1;
    client.send(xml`<message to="${boss}" type="chat"><body>${String(count)}</body></message>`);
  });
  await client.start();
  return client;
}

/** The test: what the boss hears after so many messages. */
export async function whatTheBossHears(messages: number): Promise<readonly string[]> {
  await using server = await testServer({ accounts: { app: 'one', boss: 'two' } });
  const common = { ca: server.ca, endpoints: [server.endpoint], connect: memoryTransport(server).connect };
  await using boss = createClient({ ...common, jid: `boss@${server.domain}`, password: 'two' });
  await boss.start();
  await using app = await counter({ ...common, jid: `app@${server.domain}`, password: 'one' }, boss.jid.toString());
  const heard: string[] = [];
  const enough = boss.once('message', { where: ({ body }) => heard.push(body ?? '') === messages, timeout: 5_000 });
  for (let number = 1; number <= messages; number += 1)
    boss.send(xml`<message to="${app.jid}"><body>go on</body></message>`);
  await enough;
  return heard;
}
