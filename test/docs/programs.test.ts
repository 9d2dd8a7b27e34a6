import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as assert from 'uvu/assert';
import { sharedCertificates } from '../../src/testing/certificates.ts';
import { type TestServer, testServer } from '../../src/testing/server.ts';
import { suite } from '../harness.ts';
import { PAGES, type Program, programsOf } from './blocks.ts';
import { BEGINS } from './world.ts';

/** Inside the repository, so that the package finds itself by its name. */
const folder = resolve('dist/pages');
/** What a program on the machine of a user trusts already. */
const authority = join(folder, 'authority.pem');

const OPTIONS = {
  target: 'es2022',
  lib: ['es2023', 'esnext.disposable', 'dom'],
  module: 'nodenext',
  jsx: 'react-jsx',
  types: ['node'],
  strict: true,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  skipLibCheck: true,
};

const pages = new Map(PAGES.map((page) => [page, programsOf(page)]));
const world = fileURLToPath(new URL('world.js', import.meta.url));
let children: readonly ChildProcess[] = [];

const test = suite('the programs in the documentation', 60_000);

test.before(async () => {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  for (const { file, source } of [...pages.values()].flat()) writeFileSync(join(folder, file), source);
  writeFileSync(
    join(folder, 'tsconfig.json'),
    JSON.stringify({ compilerOptions: OPTIONS, include: ['*.ts', '*.tsx'] }),
  );
  writeFileSync(authority, (await sharedCertificates()).ca);
  const { code, output } = await run(resolve('node_modules/typescript/bin/tsc'), '--pretty', 'false', '-p', folder);
  if (code !== 0) throw new Error(`the lines are those of the page\n${output}`);
});

test.after(() => {
  for (const child of children) child.kill('SIGKILL');
});

for (const [page, programs] of pages) {
  if (programs.length === 0) continue;
  test(`${page} does as it says`, async () => {
    await using server = await peopled();
    const { code, output, printed } = await run(
      world,
      String(server.port),
      ...programs.map((program) => compiled(program)),
    );
    assert.ok(code === 0, `${page}\n${output}`);
    const parts = printed.split(BEGINS).slice(1);
    for (const [index, { title, prints }] of programs.entries()) {
      const lines = (parts[index] ?? '').split('\n').slice(1);
      for (const line of prints) {
        assert.ok(lines.includes(line), `${title} does not print: ${line}\n${output}`);
        lines.splice(0, lines.indexOf(line) + 1);
      }
    }
    assert.equal(server.errors, []);
  });
}

/** What the authors of the pages may count on: these people, whose password is in XSTANZA_PASSWORD. */
function peopled(): Promise<TestServer> {
  const names = ['bot', 'juliet', 'romeo'];
  return testServer({ domain: 'example.org', accounts: Object.fromEntries(names.map((name) => [name, 'secret'])) });
}

function compiled({ file }: Program): string {
  return join(folder, file.replace(/\.tsx?$/, '.js'));
}

/** Runs a program of Node's; resolves with all that it says, and with what of it is no complaint. */
function run(...args: readonly string[]): Promise<{ code: number | null; output: string; printed: string }> {
  const { FORCE_COLOR: _, ...rest } = process.env;
  const env = { ...rest, XSTANZA_PASSWORD: 'secret', NODE_EXTRA_CA_CERTS: authority };
  return new Promise((done) => {
    const child = spawn(process.execPath, ['--enable-source-maps', ...args], {
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    children = [...children, child];
    let output = '';
    let printed = '';
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk;
      printed += chunk;
    });
    child.stderr.on('data', (chunk: Buffer) => {
      output += chunk;
    });
    child.on('close', (code) => done({ code, output, printed }));
  });
}

test.run();
