/** `npm start` as a person sees it, each run a process of its own. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { testServer } from '../../src/testing/server.ts';
import { suite } from '../harness.ts';
import { run } from './run.ts';

const test = suite('cli/start', 30_000);

const ESCAPE = '\u001b[';

const start = (args: string[], env?: NodeJS.ProcessEnv, interrupt?: string) => run(['start', ...args], env, interrupt);

test('the main job on the embedded server, told line by line', async () => {
  const { code, output, errors } = await start([]);
  assert.is(code, 0, output + errors);
  assert.is(errors, '');
  assert.is(output.match(/received 20 of 20 messages, once and in order/g)?.length, 2);
  for (const told of [
    'the cable is pulled',
    'resuming → resumed  sm.resumed',
    'TLSv1.3',
    'SCRAM-',
    'server    closed',
  ]) {
    assert.ok(output.includes(told), told);
  }
  assert.is(output.includes(ESCAPE), false);
});

test('in colour, where it is wanted', async () => {
  const { output } = await start([], { FORCE_COLOR: '1' });
  assert.ok(output.includes(ESCAPE));
});

test('on a server of ours, until it is interrupted', async () => {
  await using server = await testServer({ accounts: { alice: 'secret' } });
  const folder = mkdtempSync(join(tmpdir(), 'xstanza-'));
  const ca = join(folder, 'ca.pem');
  writeFileSync(ca, server.ca);
  const args = ['--jid', `alice@${server.domain}`, '--host', '127.0.0.1', '--port', String(server.port), '--ca', ca];
  try {
    const good = await start(args, { XSTANZA_PASSWORD: 'secret' }, 'Control-C stops them');
    assert.is(good.code, 0, good.output + good.errors);
    assert.is(good.output.match(/once and in order/g)?.length, 2);
    assert.is(server.sessions.length, 0, 'both said goodbye');
    const bad = await start(args, { XSTANZA_PASSWORD: 'wrong' });
    assert.is(bad.code, 1);
    assert.match(bad.errors, 'not-authorized');
    assert.is((bad.output + bad.errors).includes('wrong'), false, 'the password is not shown');
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('mistakes are said in one line', async () => {
  const unknown = await start(['--password', 'secret']);
  assert.equal([unknown.code, unknown.errors], [1, "xstanza: Unknown option '--password'\n"]);
  const silent = await start(['--jid', 'alice@localhost']);
  assert.is(silent.code, 1);
  assert.match(silent.errors, 'XSTANZA_PASSWORD');
});

test.run();
