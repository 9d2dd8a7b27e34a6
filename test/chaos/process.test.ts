/** Faults that take a process of its own to be had. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import * as assert from 'uvu/assert';
import { suite } from '../harness.ts';
import { STEPS } from '../sockets/steps.ts';
import { chaosServer } from './world.ts';

const test = suite('chaos/process', 30_000);

const script = (name: string) => fileURLToPath(new URL(`./${name}.js`, import.meta.url));

/** Runs a program to its end, which it has to find by itself; returns what it said. */
async function program(command: string, args: readonly string[], env: Record<string, string> = {}): Promise<string[]> {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, ...env } });
  const late = setTimeout(() => child.kill('SIGKILL'), 25_000);
  let said = '';
  child.stdout.on('data', (chunk) => {
    said += chunk;
  });
  const [code] = await once(child, 'close');
  clearTimeout(late);
  assert.is(code, 0, said);
  return said.trimEnd().split('\n');
}

test('the process is free to end when its clients were stopped, wherever they were', async () => {
  const said = await program(process.execPath, [script('exit-child')]);
  assert.is(said.at(-1), 'done');
  assert.is(said.length, STEPS.length + 9);
});

test('no more files to open: an attempt that fails, and online when there are', async () => {
  const server = await chaosServer();
  const env = { CHAOS_SERVER: JSON.stringify({ port: server.port, ca: server.ca }) };
  const limited = ['-c', 'ulimit -n 64; exec "$@"', 'sh', process.execPath, script('files-child')];
  const failed = 'network connect backoff EMFILE';
  assert.equal(await program('sh', limited, env), ['EMFILE', failed, failed, failed, 'online']);
  await server.close();
});

test.run();
