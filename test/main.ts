/**
 * `npm test` after the build: runs every compiled test file under uvu, one process a group. Three groups run at a time, since
 * many wait more than they work, and the soak beside them. Adds up what the groups say and ends with the line
 * `N passed, N failed`. A group that dies, hangs or prints an XState warning fails.
 *
 *   node dist/test/main.js            everything
 *   node dist/test/main.js xml sasl   the groups whose name is given
 */
import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stripVTControlCharacters } from 'node:util';

const here = dirname(fileURLToPath(import.meta.url));
const uvu = join(dirname(createRequire(import.meta.url).resolve('uvu')), '..', 'bin.js');

/** Milliseconds after which a whole group counts as hung. */
const GROUP_LIMIT = 400_000;

/** Those that take long begin first, so that nothing has to wait for them in the end. */
const LONG = ['model', 'visualizations', 'servers', 'sockets', 'hostile', 'package'];

/** Takes minutes of the clock and little of the processor: it is no reason for the others to wait. */
const ASIDE = 'soak';

interface Count {
  passed: number;
  failed: number;
  skipped: number;
}

/** Top-level folders below the tests that hold a test file; loose files are the group `.`. */
function groups(): string[] {
  const files = readdirSync(here, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.test.js'));
  const names = [...new Set(files.map((file) => (file.includes('/') ? (file.split('/')[0] as string) : '.')))].sort();
  return [...LONG.filter((name) => names.includes(name)), ...names.filter((name) => !LONG.includes(name))];
}

function run(group: string): Promise<Count> {
  const pattern = group === '.' ? '^[^/]*\\.test\\.js$' : '\\.test\\.js$';
  const args = ['--conditions=development', '--enable-source-maps', '--expose-gc', uvu, join(here, group), pattern];
  return new Promise((resolve) => {
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    const collect = (chunk: Buffer) => {
      output += chunk;
    };
    child.stdout.on('data', collect);
    child.stderr.on('data', collect);
    const timer = setTimeout(() => {
      output += `\ngroup ${group} took longer than ${GROUP_LIMIT} ms\n`;
      child.kill('SIGKILL');
    }, GROUP_LIMIT);
    child.on('close', (code) => {
      clearTimeout(timer);
      console.log(`\n${group}\n${output}`);
      const plain = stripVTControlCharacters(output);
      const number = (label: string) => Number(new RegExp(`^\\s*${label}:\\s+(\\d+)`, 'm').exec(plain)?.[1] ?? 0);
      const passed = number('Passed');
      const skipped = number('Skipped');
      // uvu counts a skipped test outside `Total`.
      let failed = number('Total') - passed;
      if (/^Warning:/m.test(plain)) {
        console.log(`group ${group} printed a warning`);
        failed += 1;
      }
      if (code !== 0 && failed === 0) failed = 1;
      resolve({ passed, failed, skipped });
    });
  });
}

const total: Count = { passed: 0, failed: 0, skipped: 0 };
const wanted = process.argv.slice(2);
const chosen = groups().filter((group) => wanted.length === 0 || wanted.includes(group));
const aside = chosen.filter((group) => group === ASIDE);
const others = chosen.filter((group) => group !== ASIDE);

/** Runs groups until none waits. */
async function lane(waiting: string[]): Promise<void> {
  for (let group = waiting.shift(); group !== undefined; group = waiting.shift()) {
    const count = await run(group);
    total.passed += count.passed;
    total.failed += count.failed;
    total.skipped += count.skipped;
  }
}

await Promise.all([lane(others), lane(others), lane(others), lane(aside)]);
console.log(`\n${total.passed} passed, ${total.failed} failed${total.skipped > 0 ? `, ${total.skipped} skipped` : ''}`);
process.exitCode = total.failed > 0 || total.passed === 0 ? 1 : 0;
