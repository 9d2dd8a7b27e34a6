/** A client that says what becomes of it, and does what it is told. Started where packets can be lost. */
import { createInterface } from 'node:readline';
import { createClient, el } from '../../src/index.ts';

const { host, port, ca } = JSON.parse(process.env.CHAOS_SERVER as string) as { host: string; port: number; ca: string };

const client = createClient({
  jid: 'romeo@xmpp.test',
  password: 'secret',
  iterations: { min: 1 },
  ca,
  resolveSrv: async (name) => (name.startsWith('_xmpps') ? [] : [{ name: host, port, priority: 0, weight: 0 }]),
  liveness: { idle: 300, answer: 1_000 },
  negotiationTimeout: 1_500,
  shutdownTimeout: 500,
  backoff: { start: 50, factor: 1, cap: 50 },
  maxInitialAttempts: null,
});

client.on('online', ({ resumed }) => console.log(resumed ? 'online again' : 'online anew'));
client.on('suspended', ({ reason }) => console.log('suspended', reason?.kind, reason?.stage));
client.on('waiting', ({ reason }) => console.log('waiting', reason.kind, reason.stage));

createInterface(process.stdin).on('line', (line) => {
  if (line === 'stop') void client.stop();
  else client.send(el('message', { to: 'nobody@xmpp.test' })).then((state) => console.log(state));
});

client.start().catch(() => {});
