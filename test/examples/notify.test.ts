import * as assert from 'uvu/assert';
import { notify } from '../../examples/notify.ts';
import { testServer } from '../../src/testing/server.ts';
import { suite } from '../harness.ts';
import { Program } from './program.ts';

const test = suite('examples/notify', 30_000);

const accounts = { bot: 'one', admin: 'two' };

test('0: the server acknowledged it', async () => {
  await using server = await testServer({ accounts });
  const options = { jid: `bot@${server.domain}`, password: 'one', ca: server.ca, endpoints: [server.endpoint] };
  await using program = new Program('notify', options, `example.notify(options, 'admin@${server.domain}', 'full')`);
  assert.equal([await program.ended, program.output], [0, '']);
});

test('1: it was not sent', async () => {
  await using server = await testServer({ accounts });
  const options = { jid: `bot@${server.domain}`, password: 'wrong', ca: server.ca, endpoints: [server.endpoint] };
  await using program = new Program('notify', options, `example.notify(options, 'admin@${server.domain}', 'full')`);
  assert.is(await program.ended, 1);
  assert.match(program.output, 'not-authorized');
});

test('2: nobody can say whether it arrived', async () => {
  await using server = await testServer({ accounts, sm: false });
  const options = { jid: `bot@${server.domain}`, password: 'one', ca: server.ca, endpoints: [server.endpoint] };
  assert.is(await notify(options, `admin@${server.domain}`, 'full'), 2);
});

test.run();
