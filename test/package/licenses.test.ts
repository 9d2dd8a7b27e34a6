import { readFile } from 'node:fs/promises';
import * as assert from 'uvu/assert';
import { LicenseError, type Lock, licenses } from '../../.ci/licenses.ts';
import { suite } from '../harness.ts';

const test = suite('package: licences');

async function lock(): Promise<Lock> {
  return JSON.parse(await readFile('package-lock.json', 'utf8'));
}

/** The lock file with another licence for a package. */
async function under(name: string, license: string): Promise<Lock> {
  const { packages } = await lock();
  return { packages: { ...packages, [`node_modules/${name}`]: { ...packages[`node_modules/${name}`], license } } };
}

test('the list is current: else run `npm run licenses`', async () => {
  assert.is(await readFile('LICENSES.md', 'utf8'), licenses(await lock()));
});

test('what is brought along by what comes along is on it, and what only develops it is not', async () => {
  const text = licenses(await lock());
  assert.match(text, '| sparse-bitfield |');
  assert.not.match(text, '| uvu |');
});

test('a licence that asks for more than MIT is refused', async () => {
  const refuses = async (name: string, license: string) => {
    const changed = await under(name, license);
    assert.throws(
      () => licenses(changed),
      (error: unknown) => error instanceof LicenseError && error.message.startsWith(name),
    );
  };
  await refuses('sax', 'GPL-3.0-only');
  await refuses('memory-pager', 'MIT AND GPL-2.0');
  await refuses('xstate', 'UNLICENSED');
  await refuses('sax', 'EPL-2.0');
  await refuses('elkjs', 'AGPL-3.0');
});

test('a choice of licences is good if one of them is', async () => {
  licenses(await under('sax', '(GPL-2.0 OR MIT)'));
});

test.run();
