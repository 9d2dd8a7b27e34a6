/**
 * The package in an app that has installed it. `npm run consumers` has the app compiled and run by everything that is
 * supported: each TypeScript with each resolution of modules, each Node, the lowest XState and the newest, and the tests of
 * the machines on the lowest. Here it is the Node that runs this, the lowest XState, and the oldest and the newest TypeScript.
 */
import { cp, mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import * as assert from 'uvu/assert';
import { suite } from '../harness.ts';
import { broughtBy, copyApp, install, installedIn, pack, remove, run, scratch, sizeOf } from './installed.ts';

const ALL = process.env.XSTANZA_CONSUMERS === 'all';

const test = suite('package: in an app', ALL ? 300_000 : 240_000);

/** The last three lines of TypeScript; 7 is the compiler in Go, 6 the last in JavaScript, 5.9 what many have yet. */
const TYPESCRIPT = { '5.9': '5.9.3', '6.0': '6.0.3', '7.0': '7.0.2' };

/** The oldest that is supported, the line before the newest that has long-term support, and the newest. */
const NODE = { 20: '20.20.2', 22: '22.23.3', 26: '26.10.0' };

/** The lowest XState of the range. */
const LOWEST = '5.26.0';

type Line = keyof typeof TYPESCRIPT;
type Resolution = 'nodenext' | 'bundler';

const LINES: readonly Line[] = ['5.9', '6.0', '7.0'];
const CHECKS: readonly (readonly [Line, Resolution])[] = ALL
  ? LINES.flatMap((line) => [[line, 'nodenext'] as const, [line, 'bundler'] as const])
  : [
      ['7.0', 'bundler'],
      ['7.0', 'nodenext'],
    ];

/** Bytes that installing xstanza may bring, and packages, itself included. */
const LIMIT = { bytes: 9_000_000, packages: 8 };

let folder: string;
/** An app with the lowest XState, and one with what npm chooses. */
let lowest: string;
let newest: string;

test.before(async () => {
  folder = await scratch();
  lowest = join(folder, 'lowest');
  newest = join(folder, 'newest');
  const { tarball } = await pack(folder);
  const { devDependencies } = JSON.parse(await readFile('package.json', 'utf8'));
  const { 'node-forge': forge, elkjs } = devDependencies;
  const common = { xstanza: tarball, 'node-forge': forge, elkjs, '@types/node': '20.19.43' };
  const compilers = (lines: readonly Line[]) =>
    Object.fromEntries(lines.map((line) => [`typescript-${line}`, `npm:typescript@${TYPESCRIPT[line]}`]));
  const lines = [...new Set(CHECKS.map(([line]) => line))];
  await install(lowest, { ...common, xstate: LOWEST, ...compilers(lines), ...(ALL ? nodes() : {}) });
  if (ALL) await install(newest, { ...common, ...compilers(['7.0']) });
  await copyApp(lowest);
  if (ALL) await copyApp(newest);
});

test.after(() => remove(folder));

function nodes(): Record<string, string> {
  const name = `node-${process.platform}-${process.arch}`;
  return Object.fromEntries(
    Object.entries(NODE).map(([major, version]) => [`node-${major}`, `npm:${name}@${version}`]),
  );
}

function compile(app: string, line: Line, resolution: Resolution): Promise<string> {
  const compiler = join(app, `node_modules/typescript-${line}/bin/tsc`);
  return run(app, process.execPath, compiler, '-p', `tsconfig.${resolution}.json`, '--pretty', 'false');
}

for (const [line, resolution] of CHECKS) {
  test(`TypeScript ${line} understands it, resolving as ${resolution}`, async () => {
    assert.is(await compile(lowest, line, resolution), '');
  });
}

const SEEN = {
  heard: 'ART THOU?',
  refused: ['failed', 'user'],
  stream: ['READY', 'OPEN', 'CLOSING_STREAM_FOOTER_RECEIVED'],
  offline: true,
  mermaid: true,
  words: true,
  picture: true,
};

const PLAIN = { heard: 'Art thou not Romeo?', phase: 'offline', charts: 7, states: 6 };

const RUNNING = ALL ? Object.keys(NODE) : [null];

for (const major of RUNNING) {
  test(`Node ${major ?? process.versions.node} runs what was compiled, and plain JavaScript`, async () => {
    const node = major === null ? process.execPath : join(lowest, `node_modules/node-${major}/bin/node`);
    const [compiled, plain] = await Promise.all([run(lowest, node, 'built/app.js'), run(lowest, node, 'app.js')]);
    assert.equal(JSON.parse(compiled), SEEN);
    assert.equal(JSON.parse(plain), PLAIN);
  });
}

test('an app that has an XState has no other beside it', async () => {
  const copies = (await installedIn(lowest)).filter(({ name }) => name === 'xstate');
  assert.equal(
    copies.map(({ version }) => version),
    [LOWEST],
  );
});

test('the lowest XState of the range is the one whose types are used and the one that is tried', async () => {
  const { dependencies, devDependencies } = JSON.parse(await readFile('package.json', 'utf8'));
  assert.is(dependencies.xstate, `^${LOWEST}`);
  assert.is(devDependencies['xstate-lowest'], `npm:xstate@${LOWEST}`);
});

test('what comes along is little, and runs nothing when it is installed', async () => {
  const brought = broughtBy('xstanza', await installedIn(lowest));
  const sizes = await Promise.all(brought.map(({ path }) => sizeOf(join(lowest, path))));
  const bytes = sizes.reduce((sum, size) => sum + size, 0);
  console.log(`installed ${bytes} bytes in ${brought.length} packages: ${brought.map(({ name }) => name).join(', ')}`);
  assert.ok(bytes <= LIMIT.bytes);
  assert.ok(brought.length <= LIMIT.packages);
  assert.equal(
    brought.filter(({ hasInstallScript }) => hasInstallScript),
    [],
  );
});

test('without a registry one sentence says so', async () => {
  const lonely = join(folder, 'lonely');
  await mkdir(lonely);
  await writeFile(join(lonely, '.npmrc'), `registry=http://127.0.0.1:1/\ncache=${join(folder, 'cache')}\n`);
  const said = await install(lonely, { xstate: LOWEST }).catch(String);
  assert.match(String(said), /the npm registry cannot be reached \(ECONNREFUSED\)\.$/);
});

if (ALL) {
  for (const resolution of ['nodenext', 'bundler'] as const) {
    test(`the newest XState goes with it, resolving as ${resolution}`, async () => {
      assert.is(await compile(newest, '7.0', resolution), '');
    });
  }

  test('an app runs with the newest XState', async () => {
    assert.equal(JSON.parse(await run(newest, process.execPath, 'built/app.js')), SEEN);
  });

  test('the tests of the machines pass with the lowest XState', async () => {
    const copy = join(folder, 'machines');
    await mkdir(join(copy, 'node_modules'), { recursive: true });
    await cp('dist', join(copy, 'dist'), { recursive: true });
    const place = (name: string, target: string) => symlink(resolve(target), join(copy, name));
    for (const name of ['package.json', 'machines', 'src', 'test']) await place(name, name);
    for (const name of await readdir('node_modules')) {
      if (name !== 'xstate' && !name.startsWith('.')) await place(`node_modules/${name}`, `node_modules/${name}`);
    }
    await place('node_modules/xstate', join(lowest, 'node_modules/xstate'));
    const args = ['--conditions=development', 'node_modules/uvu/bin.js', 'dist/test/machines', '\\.test\\.js$'];
    const said = await run(copy, process.execPath, ...args);
    assert.match(said, /Total:\s+[1-9]\d\d/);
    assert.not.match(said, /^Warning:/m);
  });
}

test.run();
