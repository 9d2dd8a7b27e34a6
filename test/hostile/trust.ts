/** A program whose Node trusts an authority; which of its clients and streams do, it prints. Started by certificates.test.ts. */
import { ConnectionError, createClient } from '../../src/index.ts';
import { XMLStream } from '../../src/stream/index.ts';
import { testServer } from '../../src/testing/server.ts';
import { verdict } from './enemy.ts';

const [other = '', cert = '', key = ''] = process.argv.slice(2);
const domain = 'xmpp.test';
const server = await testServer({ domain, identity: { cert, key, digest: 'sha256' }, accounts: { romeo: 'secret' } });

const report = (connected: Promise<void>): Promise<void> =>
  connected.then(
    () => console.log('trusted'),
    (error) => console.log(error instanceof ConnectionError ? verdict(error.failure) : String(error)),
  );

for (const ca of [undefined, other, []]) {
  const client = createClient({
    jid: `romeo@${domain}`,
    password: 'secret',
    endpoints: [server.endpoint],
    resolveSrv: async () => [{ name: '.', port: 0, priority: 0, weight: 0 }],
    ...(ca !== undefined && { ca }),
  });
  await report(client.start());
  await client.stop();
}
for (const ca of [undefined, other, [], '']) {
  const stream = new XMLStream({ to: domain, tls: ca === undefined ? {} : { ca } });
  await report(stream.connect(server.directEndpoint));
  stream.abort();
}
await server.close();
