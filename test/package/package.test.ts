import { readFile } from 'node:fs/promises';
import { dirname, join, normalize } from 'node:path';
import * as assert from 'uvu/assert';
import { suite } from '../harness.ts';
import { type Packed, pack, remove, run, scratch } from './installed.ts';

const test = suite('package: what is published', 120_000);

const ENTRIES = ['.', './stream', './machines', './testing', './visualizer'];

let folder: string;
let packed: Packed;

test.before(async () => {
  folder = await scratch();
  packed = await pack(folder);
});

test.after(() => remove(folder));

test('publint has nothing to say', async () => {
  const said = await run('.', process.execPath, 'node_modules/publint/src/cli.js', '--strict', packed.tarball);
  assert.match(said, 'All good!');
});

test('the types of every entry are what the code is', async () => {
  const attw = 'node_modules/@arethetypeswrong/cli/dist/index.js';
  const args = ['--profile', 'esm-only', '--no-definitely-typed', '--format', 'json', packed.tarball];
  const { analysis } = JSON.parse(await run('.', process.execPath, attw, ...args));
  assert.equal(Object.keys(analysis.entrypoints), ENTRIES);
  // What asks without `exports`, or by `require`, is not meant to find anything.
  const others = ['node10', 'node16-cjs'];
  assert.equal(
    analysis.problems.filter(
      ({ resolutionKind }: { resolutionKind?: string }) => !others.includes(resolutionKind ?? ''),
    ),
    [],
  );
});

test('each way in is named, and there is no other', async () => {
  const { exports } = JSON.parse(await readFile('package.json', 'utf8'));
  assert.equal(Object.keys(exports), ENTRIES);
  const paths = new Set(packed.files.map(({ path }) => `./${path}`));
  for (const { types, default: code } of Object.values<{ types: string; default: string }>(exports)) {
    assert.ok(paths.has(types), types);
    assert.ok(paths.has(code), code);
  }
});

test('every map leads to a source that is there', async () => {
  const paths = new Set(packed.files.map(({ path }) => path));
  const compiled = [...paths].filter((path) => path.startsWith('dist/') && /\.(js|d\.ts)$/.test(path));
  assert.ok(compiled.length > 300);
  for (const path of compiled) {
    assert.ok(paths.has(`${path}.map`), `${path} has no map`);
    const { sources } = JSON.parse(await readFile(`${path}.map`, 'utf8'));
    for (const source of sources)
      assert.ok(paths.has(normalize(join(dirname(path), source))), `${path} from ${source}`);
  }
});

test('nothing is published that only the repository needs', () => {
  const needless = packed.files.filter(({ path }) =>
    /\btest\/|\.test\.|\.ci\/|charts\/|write-|build-|tsconfig/.test(path),
  );
  assert.equal(needless, []);
});

test('it stays small', () => {
  console.log(`packed ${packed.size} bytes, unpacked ${packed.unpackedSize}, ${packed.files.length} files`);
  assert.ok(packed.size < 1_000_000);
  assert.ok(packed.unpackedSize < 4_500_000);
});

test.run();
