/** A program that works for a moment; it has to end by itself. Started by leaks.test.ts. */
import { createClient, xml } from '../../src/index.ts';
import { testServer } from '../../src/testing/server.ts';

const server = await testServer({ accounts: { romeo: 'secret' } });
const client = createClient({
  jid: `romeo@${server.domain}`,
  password: 'secret',
  ca: server.ca,
  endpoints: [server.endpoint],
  whitespaceKeepalive: 60_000,
});
for (const type of ['established', 'online', 'suspended', 'destroyed', 'stopped', 'failure', 'handlerError'] as const) {
  client.on(type, () => console.log(type));
}
await client.start();
await client.request(xml`<iq type="get"><ping xmlns="urn:xmpp:ping"/></iq>`, { timeout: 60_000 });
await client.stop();
await server.close();
