import * as assert from 'uvu/assert';
import { echoBot } from '../../examples/echo-bot.ts';
import { createClient, xml } from '../../src/index.ts';
import { testServer } from '../../src/testing/server.ts';
import { suite } from '../harness.ts';

const test = suite('examples/echo-bot');

test('what is said comes back', async () => {
  await using server = await testServer({ accounts: { bot: 'one', guest: 'two' } });
  const common = { ca: server.ca, endpoints: [server.endpoint] };
  await using bot = await echoBot({ ...common, jid: `bot@${server.domain}`, password: 'one' });
  await using guest = createClient({ ...common, jid: `guest@${server.domain}`, password: 'two' });
  await guest.start();
  const echo = guest.once('message', { timeout: 5_000 });
  await guest.send(xml`<message to="${bot.jid}" type="chat"><body>${'<hello> & "world"'}</body></message>`);
  assert.is((await echo).body, '<hello> & "world"');
});

test.run();
