/** The same in plain JavaScript, without what Node 20 does not know yet; says what it heard as JSON. */
import { createClient, xml } from 'xstanza';
import { catalogue } from 'xstanza/machines';
import { STREAM_STATES } from 'xstanza/stream';
import { testServer } from 'xstanza/testing';
import { toMermaid } from 'xstanza/visualizer';

const server = await testServer({ accounts: { juliet: 'one' } });
const client = createClient({
  jid: `juliet@${server.domain}`,
  password: 'one',
  ca: server.ca,
  endpoints: [server.endpoint],
});
await client.start();
const echo = client.once('message', { timeout: 10_000 });
client.send(xml`<message to="${client.jid}" type="chat"><body>Art thou not Romeo?</body></message>`);
const { body } = await echo;
await client.stop();
await server.close();

const charts = Object.values(catalogue).map(({ machine }) => toMermaid(machine));
console.log(JSON.stringify({ heard: body, phase: client.phase, charts: charts.length, states: STREAM_STATES.length }));
