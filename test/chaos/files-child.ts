/** A program that has no more files to open when its client wants to connect. Started under a low limit. */
import { closeSync, openSync } from 'node:fs';
import { createClient } from '../../src/index.ts';

const { port, ca } = JSON.parse(process.env.CHAOS_SERVER as string) as { port: number; ca: string };

const client = createClient({
  jid: 'romeo@xmpp.test',
  password: 'secret',
  iterations: { min: 1 },
  ca,
  resolveSrv: async (name) => (name.startsWith('_xmpps') ? [] : [{ name: '127.0.0.1', port, priority: 0, weight: 0 }]),
  backoff: { start: 10, factor: 1, cap: 10 },
  maxInitialAttempts: null,
});

const files: number[] = [];
try {
  for (;;) files.push(openSync('/dev/null', 'r'));
} catch (error) {
  console.log((error as { code: string }).code);
}

client.start().catch(() => {});
for (let times = 0; times < 3; times += 1) {
  const { reason } = await client.once('waiting');
  console.log(reason.kind, reason.stage, reason.retry, reason.cause?.code);
}
for (const file of files) closeSync(file);
await client.once('online');
console.log('online');
await client.stop();
