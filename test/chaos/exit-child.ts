/** A program whose clients are stopped in every state, with nobody to answer them; it has to end by itself. */
import type { Client, ClientOptions } from '../../src/index.ts';
import { Rig } from '../sockets/rig.ts';
import { reach, STEPS } from '../sockets/steps.ts';

const HURRY = { shutdownTimeout: 5 };
const LONG_PAUSE = { backoff: { start: 3_600_000, factor: 1, cap: 3_600_000 }, random: () => 0.5 };

/** Something of the application that never comes to an end. */
const never = () => new Promise<never>(() => {});

const HANGING: Record<string, Partial<ClientOptions>> = {
  endpoints: { endpoints: never },
  'name servers': { jid: 'romeo@xmpp.test', endpoints: [], resolveSrv: never },
  connect: { connect: never },
  credentials: { credentials: never },
};

const stopped = async (what: string, client: Client) => {
  await client.stop();
  console.log(what);
};

for (const step of STEPS) {
  const rig = new Rig();
  const { client } = await reach(rig, step, 'silence', HURRY);
  await stopped(step.name, client);
  await rig.close();
}

for (const [name, options] of Object.entries(HANGING)) {
  const rig = new Rig();
  const { client } = rig.client(await rig.server(), { ...HURRY, ...options });
  client.start().catch(() => {});
  while (client.phase !== 'connecting') await new Promise(setImmediate);
  await new Promise(setImmediate);
  await stopped(name, client);
  await rig.close();
}

{
  const rig = new Rig();
  const { client } = rig.client(await rig.server(), HURRY);
  const preparing = new Promise<void>((resolve) => {
    client.beforeEstablished(() => {
      resolve();
      return never();
    });
  });
  client.start().catch(() => {});
  await preparing;
  await stopped('hooks', client);
  await rig.close();
}

for (const network of ['online', 'offline'] as const) {
  const rig = new Rig();
  const server = await rig.server();
  const { client } = await rig.online(server, { ...HURRY, ...LONG_PAUSE });
  client.network(network);
  server.drop('rst');
  await client.once('waiting');
  await stopped(`a pause, ${network}`, client);
  await rig.close();
}

{
  const rig = new Rig();
  const server = await rig.server();
  const { client } = await rig.online(server, HURRY);
  server.drop('silence');
  await stopped('a dead server', client);
  await rig.close();
}

console.log('done');
