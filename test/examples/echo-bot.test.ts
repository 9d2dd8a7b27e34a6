import * as assert from 'uvu/assert';
import { echoBot } from '../../examples/echo-bot.ts';
import { createClient, xml } from '../../src/index.ts';
import { testServer } from '../../src/testing/server.ts';
import { suite } from '../harness.ts';
import { Program } from './program.ts';

const test = suite('examples/echo-bot', 30_000);

test('what is said comes back', async () => {
  await using server = await testServer({ accounts: { bot: 'one', guest: 'two' } });
  const common = { ca: server.ca, endpoints: [server.endpoint] };
  await using bot = await echoBot({ ...common, jid: `bot@${server.domain}`, password: 'one' });
  await using guest = createClient({ ...common, jid: `guest@${server.domain}`, password: 'two' });
  await guest.start();
  const echo = guest.once('message', { timeout: 5_000 });
  await guest.send(xml`<message to="${bot.client.jid}" type="chat"><body>${'<hello> & "world"'}</body></message>`);
  assert.is((await echo).body, '<hello> & "world"');
});

test('a bot that is asked to end answers what it has heard, and its process ends in order', async () => {
  await using server = await testServer({ accounts: { bot: 'one', guest: 'two' } });
  const common = { ca: server.ca, endpoints: [server.endpoint] };
  const options = { ...common, jid: `bot@${server.domain}/bot`, password: 'one' };
  await using bot = new Program('echo-bot', options, 'example.main(options)');
  await bot.says('ready');
  await using guest = createClient({ ...common, jid: `guest@${server.domain}`, password: 'two' });
  await guest.start();
  const echoes: string[] = [];
  const returned: string[] = [];
  guest.on('message', ({ type, body = '' }) => (type === 'error' ? returned : echoes).push(body));
  const all = Array.from({ length: 200 }, (_, n) => String(n));
  const sent = all.map((n) =>
    guest.send(xml`<message to="bot@${server.domain}/bot" type="chat"><body>${n}</body></message>`),
  );
  await sent[99];
  bot.kill('SIGTERM');
  assert.equal([await bot.ended, bot.output], [0, 'ready\n']);
  // The server has all that the bot said before it left.
  await Promise.all(sent);
  await guest.request(xml`<iq type="get" to="${server.domain}"><ping xmlns="urn:xmpp:ping"/></iq>`);
  assert.equal(echoes, all.slice(0, echoes.length), 'in order, none twice, and none left out');
  assert.ok(echoes.length > 0 && echoes.length + returned.length <= all.length);
});

test('a bot that cannot go on says why, and its exit status says so, too', async () => {
  await using server = await testServer({ accounts: { bot: 'one' } });
  const options = { ca: server.ca, endpoints: [server.endpoint], jid: `bot@${server.domain}`, password: 'wrong' };
  await using bot = new Program('echo-bot', options, 'example.main(options)');
  assert.is(await bot.ended, 1);
  assert.match(bot.output, 'auth failure');
  assert.not.match(bot.output, 'wrong');
});

test.run();
