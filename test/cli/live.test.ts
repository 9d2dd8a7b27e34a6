/** The commands that open a page. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { testServer } from '../../src/testing/server.ts';
import { suite } from '../harness.ts';
import { run } from './run.ts';

const test = suite('cli/live', 30_000);

const PAGE = /http:\/\/127\.0\.0\.1:\d+\/?/;

/** What the page of a running command has recorded so far. */
async function record(output: string): Promise<string> {
  const url = PAGE.exec(output)?.[0];
  assert.ok(url, output);
  const page = await fetch(url);
  assert.is(page.status, 200);
  const saved = await fetch(new URL('saved', url));
  return await saved.text();
}

test('demo: the main job, followed in the browser, until Control-C', async () => {
  let seen = '';
  const { code, output, errors } = await run(['demo'], {}, 'Control-C stops them', async (said) => {
    seen = await record(said);
  });
  assert.is(code, 0, output + errors);
  assert.is(output.match(/received 20 of 20 messages, once and in order/g)?.length, 2);
  for (const shown of ['client.link.connected.live.ready', 'session.resumed', 'sm:3', 'SCRAM-', 'TLSv1.3']) {
    assert.ok(seen.includes(shown), shown);
  }
});

test('npm start -- --live is the same', async () => {
  const { code, output } = await run(['start', '--live'], {}, 'Control-C stops them');
  assert.is(code, 0, output);
  assert.match(output, PAGE);
});

test('live: an account, until Control-C; a failure stays to be looked at', async () => {
  await using server = await testServer({ accounts: { alice: 'secret' } });
  const folder = mkdtempSync(join(tmpdir(), 'xstanza-'));
  const ca = join(folder, 'ca.pem');
  writeFileSync(ca, server.ca);
  const args = [
    'live',
    '--jid',
    `alice@${server.domain}`,
    '--host',
    '127.0.0.1',
    '--port',
    String(server.port),
    '--ca',
    ca,
  ];
  try {
    const good = await run(args, { XSTANZA_PASSWORD: 'secret' }, 'live.ready.quiet');
    assert.is(good.code, 0, good.output + good.errors);
    assert.is(server.sessions.length, 0, 'it said goodbye');
    let seen = '';
    const bad = await run(args, { XSTANZA_PASSWORD: 'wrong-one' }, 'failed', async (said) => {
      seen = await record(said);
    });
    assert.is(bad.code, 0, bad.errors);
    assert.ok(seen.includes('not-authorized'));
    assert.is(seen.includes('wrong-one'), false, 'the password is not shown');
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('what is not a command is answered by what is', async () => {
  for (const args of [[], ['nonsense'], ['toString']]) {
    const { code, errors } = await run(args);
    assert.is(code, 2);
    assert.match(errors, 'xstanza demo');
  }
  const asked = await run(['--help']);
  assert.is(asked.code, 0);
  assert.match(asked.output, 'xstanza chart');
  assert.is((await run(['live'])).code, 2);
});

test.run();
