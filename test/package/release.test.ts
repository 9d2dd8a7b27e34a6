/** What `npm run release` looks at before it does anything, on clones that are ready or not. Nothing is ever published here. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as assert from 'uvu/assert';
import { problems, type ReleaseOptions } from '../../.ci/release.ts';
import { suite } from '../harness.ts';
import { remove, run, scratch } from './installed.ts';

const test = suite('package: release', 30_000);

const FILES = ['package.json', 'package-lock.json', 'CHANGELOG.md', 'LICENSES.md'];
const DATED = '## [0.1.0] - 2026-01-01';

let top: string;
let count = 0;

test.before(async () => {
  top = await scratch();
});

test.after(() => remove(top));

function git(folder: string, ...args: string[]): Promise<string> {
  return run(folder, 'git', '-c', 'user.name=t', '-c', 'user.email=t@example.org', ...args);
}

/** A repository that could be released, after `change` made of each file what it likes. */
async function repository(change: (text: string, file: string) => string = (text) => text): Promise<string> {
  count += 1;
  const folder = join(top, String(count));
  await run(top, 'git', 'init', '--quiet', '--initial-branch=main', folder);
  for (const file of FILES) {
    const text = (await readFile(file, 'utf8')).replace(/^## \[0\.1\.0\].*$/m, DATED);
    await writeFile(join(folder, file), change(text, file));
  }
  await git(folder, 'add', '.');
  await git(folder, 'commit', '--quiet', '-m', 'Release');
  return folder;
}

async function complaint(folder: string, options?: ReleaseOptions): Promise<string> {
  return (await problems(folder, options)).join('; ');
}

function inFile(name: string, pattern: RegExp | string, by: string): (text: string, file: string) => string {
  return (text, file) => (file === name ? text.replace(pattern, by) : text);
}

test('what is ready can be released', async () => {
  assert.is(await complaint(await repository()), '');
});

test('a tree with something in it that is not committed cannot', async () => {
  const folder = await repository();
  await writeFile(join(folder, 'forgotten.ts'), '');
  assert.is(await complaint(folder), 'the tree is not clean');
});

test('nor can another branch', async () => {
  const folder = await repository();
  await git(folder, 'switch', '--quiet', '--create', 'topic');
  assert.is(await complaint(folder), 'this is not the branch main');
});

test('nor a version of which the changelog says nothing', async () => {
  const missing = await repository(inFile('CHANGELOG.md', DATED, '## [0.0.9] - 2026-01-01'));
  assert.is(await complaint(missing), 'CHANGELOG.md has no section for 0.1.0 on top');
  const empty = await repository(inFile('CHANGELOG.md', /^## [\s\S]*/m, `${DATED}\n`));
  assert.is(await complaint(empty), 'CHANGELOG.md says nothing about 0.1.0');
});

test('nor one without a date, which only a rehearsal may lack', async () => {
  const folder = await repository(inFile('CHANGELOG.md', DATED, '## [0.1.0] - Unreleased'));
  assert.is(await complaint(folder), 'CHANGELOG.md has no date for 0.1.0');
  assert.is(await complaint(folder, { dryRun: true }), '');
});

test('nor a version that was released, or is behind one that was', async () => {
  for (const tag of ['v0.1.0', 'v0.10.0']) {
    const folder = await repository();
    await git(folder, 'tag', tag);
    assert.is(await complaint(folder), 'there is a tag for 0.1.0 or a later version');
  }
  const later = await repository();
  await git(later, 'tag', 'v0.0.12');
  assert.is(await complaint(later), '');
});

test('nor what is no version, or not that of the lock file', async () => {
  const other = await repository(inFile('package-lock.json', '"version": "0.1.0"', '"version": "0.0.1"'));
  assert.is(await complaint(other), 'package-lock.json says 0.0.1, package.json 0.1.0');
  const odd = await repository((text) =>
    text.replace('"version": "0.1.0"', '"version": "0.1"').replace(DATED, '## [0.1] - 2026-01-01'),
  );
  assert.is(await complaint(odd), '0.1 in package.json is no version of a release');
});

test('nor an old list of licences', async () => {
  const folder = await repository(inFile('LICENSES.md', '| xstate |', '| old |'));
  assert.is(await complaint(folder), 'LICENSES.md is not what `npm run licenses` writes');
});

test('the command says what is wrong and ends, and without a terminal it never goes on', async () => {
  const folder = await repository();
  const release = fileURLToPath(new URL('../../.ci/release.js', import.meta.url));
  const said = await run(folder, process.execPath, release).catch(String);
  assert.match(said, 'No release: a release has to be confirmed at a terminal.');
  assert.not.match(said, 'the tree');
  await writeFile(join(folder, 'forgotten.ts'), '');
  const rehearsed = await run(folder, process.execPath, release, '--dry-run').catch(String);
  assert.match(rehearsed, 'No release: the tree is not clean.');
});

test.run();
