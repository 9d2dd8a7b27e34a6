import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sax from 'sax';
import * as assert from 'uvu/assert';
import { catalogue } from '../../machines/index.ts';
import { chart } from '../../src/cli/chart.ts';
import { describe } from '../../visualizations/describe.ts';
import { toMermaid } from '../../visualizations/mermaid.ts';
import { renderChart } from '../../visualizations/render.ts';
import { suite } from '../harness.ts';

const test = suite('cli/chart', 30_000);

const folder = mkdtempSync(join(tmpdir(), 'xstanza-chart-'));
test.after(() => rmSync(folder, { recursive: true }));

const XSTATE = JSON.stringify(import.meta.resolve('xstate'));

/** A module in the folder; its path. */
function module(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

const door = module(
  'door.mjs',
  `import { createMachine } from ${XSTATE};
   export const door = createMachine({ id: 'door', initial: 'shut', states: { shut: { on: { PUSH: 'open' } }, open: {} } });
   export { door as default };
   export const colour = 'red';`,
);
const several = module(
  'several.mjs',
  `import { createMachine } from ${XSTATE};
   export const one = createMachine({ id: 'one' });
   const two = createMachine({ id: 'two' });
   export { two as '../two' };`,
);

async function run(...args: string[]): Promise<{ code: number; output: string }> {
  let output = '';
  const code = await chart(args, (text) => {
    output += text;
  });
  return { code, output };
}

/** The sentence that the command fails with. */
async function failure(...args: string[]): Promise<string> {
  try {
    await run(...args);
  } catch (error) {
    return (error as Error).message;
  }
  return assert.unreachable() as never;
}

test('without arguments it lists our machines', async () => {
  const { code, output } = await run();
  assert.is(code, 0);
  assert.equal(
    output
      .trimEnd()
      .split('\n')
      .map((line) => line.split(' ')[0]),
    Object.keys(catalogue),
  );
  assert.match(output, /^client +\d+ states: session, link, network, presence\n/);
  assert.match(output, /\nbackoff +4 states: deciding, counting, held, over\n/);
});

test('one of ours on the standard output is SVG', async () => {
  const { code, output } = await run('backoff');
  assert.is(code, 0);
  assert.is(output, await renderChart(catalogue.backoff.machine));
  sax.parser(true).write(output).close();
});

test('the ending of the file decides', async () => {
  const { machine } = catalogue.stream;
  const expected = {
    svg: await renderChart(machine),
    mmd: toMermaid(machine),
    txt: describe(machine),
    json: `${JSON.stringify(describe(machine, { format: 'json' }), null, 2)}\n`,
  };
  for (const [ending, content] of Object.entries(expected)) {
    const file = join(folder, `stream.${ending}`);
    assert.equal(await run('stream', '-o', file), { code: 0, output: `${file}\n` });
    assert.is(readFileSync(file, 'utf8'), content);
  }
  const file = join(folder, 'stream.png');
  assert.is(await failure('stream', '-o', file), `${file} ends in none of .svg .mmd .txt .json`);
});

test('a module of one machine, under however many names', async () => {
  const file = join(folder, 'door.txt');
  assert.equal(await run(door, '--out', file), { code: 0, output: `${file}\n` });
  assert.match(readFileSync(file, 'utf8'), /^door\n\n {2}shut \(initial\)\n {4}on PUSH {3}to open\n/);
});

test('a module of several machines: one by its name, or a file for each, none outside the folder', async () => {
  const file = join(folder, 'all.txt');
  const output = `${join(folder, 'all-___two.txt')}\n${join(folder, 'all-one.txt')}\n`;
  assert.equal(await run(several, '-o', file), { code: 0, output });
  assert.is(readFileSync(join(folder, 'all-one.txt'), 'utf8'), 'one\n');
  assert.is(readFileSync(join(folder, 'all-___two.txt'), 'utf8'), 'two\n');
  assert.is((await run(`${several}#one`, '-o', file)).output, `${file}\n`);
  assert.is(readFileSync(file, 'utf8'), 'one\n');
  assert.is(await failure(several), `${several} has several machines: ../two, one; name one after #`);
  assert.is(await failure(`${several}#three`), `${several} has no machine three, only ../two, one`);
});

test('what cannot be drawn is said in one sentence', async () => {
  assert.is(
    await failure('clinet'),
    `clinet is no file, and none of our machines: ${Object.keys(catalogue).join(', ')}`,
  );
  const none = module('none.mjs', 'export const machine = { id: 1 };');
  assert.is(await failure(none), `${none} exports no machine of XState 5`);
  const broken = module('broken.mjs', "throw new Error('out of order');");
  assert.is(await failure(broken), `cannot load ${broken}: out of order`);
});

test('help, and arguments that make no sense', async () => {
  const { log, error } = console;
  const said = { log: '', error: '' };
  console.log = (text) => {
    said.log += text;
  };
  console.error = (text) => {
    said.error += text;
  };
  try {
    assert.is((await run('--help')).code, 0);
    assert.match(said.log, /^xstanza chart /);
    assert.is(said.error, '');
    for (const args of [['--colour'], ['client', 'stream'], ['-o', 'file.svg'], ['client', '-o']]) {
      said.error = '';
      assert.is((await run(...args)).code, 2, args.join(' '));
      assert.match(said.error, /^xstanza chart /);
    }
  } finally {
    Object.assign(console, { log, error });
  }
});

test.run();
