/** An app that uses every entry point of the package as it was installed, and says what it saw as JSON. */

import {
  type Client,
  type ClientSnapshot,
  ConnectionError,
  createClient,
  describeFailure,
  type Failure,
  JID,
  type Message,
  type Phase,
  roster,
  type Token,
  xml,
} from 'xstanza';
import { clientMachine, sampleSettings } from 'xstanza/machines';
import { STREAM_STATES, type StreamState, XMLStream } from 'xstanza/stream';
import { ManualClock, memoryTransport, type TestServer, testServer } from 'xstanza/testing';
import { describe, renderChart, toMermaid } from 'xstanza/visualizer';
import { createActor } from 'xstate';

/** One client says something, the other answers. */
async function converse(server: TestServer): Promise<string | undefined> {
  const common = { ca: server.ca, endpoints: [server.endpoint] };
  await using juliet: Client = createClient({ ...common, jid: `juliet@${server.domain}`, password: 'one' });
  await using romeo = createClient({ ...common, jid: JID.of('romeo', server.domain), password: 'two' });
  romeo.on('message', (m: Message) => m.type !== 'error' && m.body && romeo.send(m.reply(m.body.toUpperCase())));
  await Promise.all([juliet.start(), romeo.start()]);
  const answer = juliet.once('message', { timeout: 10_000 });
  const token: Token = juliet.send(xml`<message to="${romeo.jid}" type="chat"><body>${'art thou?'}</body></message>`);
  await token;
  const contacts = await juliet.use(roster).load();
  const { body } = await answer;
  return token.state === 'acked' && contacts.size === 0 ? body : undefined;
}

/** How a login ends that the server refuses; without a socket. */
async function refused(server: TestServer): Promise<readonly [Phase, Failure['retry']] | null> {
  const { connect } = memoryTransport(server);
  const common = { ca: server.ca, endpoints: [server.endpoint], connect };
  await using client = createClient({ ...common, jid: `juliet@${server.domain}`, password: 'wrong' });
  try {
    await client.start();
  } catch (error) {
    const { phase, failure }: ClientSnapshot = client.getSnapshot();
    if (error instanceof ConnectionError && failure !== null && describeFailure(failure)) return [phase, failure.retry];
  }
  return null;
}

/** A stream by hand. */
async function negotiate(server: TestServer): Promise<readonly StreamState[]> {
  await using stream = new XMLStream({ to: server.domain, tls: { ca: server.ca } });
  const states = [stream.state];
  await stream.connect(server.endpoint);
  await stream.features();
  states.push(stream.state);
  await stream.closeAndWait();
  states.push(stream.state);
  return states.filter((state) => STREAM_STATES.includes(state));
}

await using server = await testServer({ accounts: { juliet: 'one', romeo: 'two' } });
const clock = new ManualClock();
// The app's own XState runs the machine: there is one copy of it.
const actor = createActor(clientMachine, { clock, input: { settings: sampleSettings } }).start();

console.log(
  JSON.stringify({
    heard: await converse(server),
    refused: await refused(server),
    stream: await negotiate(server),
    offline: actor.getSnapshot().hasTag('offline'),
    mermaid: toMermaid(clientMachine).startsWith('stateDiagram-v2'),
    words: describe(clientMachine).startsWith('client'),
    picture: (await renderChart(clientMachine)).startsWith('<svg'),
  }),
);
