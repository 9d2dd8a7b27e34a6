import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { FEATURES, WITHOUT_TEST } from './features.ts';
import { suite } from './harness.ts';

const test = suite('features');

const ID = /\b[NPDX]-\d\d[a-d]?\b/g;

/** The tests as they are written, but for what stands at their heads about all of them. */
async function sources(): Promise<string[]> {
  const files = await readdir('test', { recursive: true });
  const texts = files.filter((file) => file.endsWith('.test.ts')).map((file) => readFile(join('test', file), 'utf8'));
  return (await Promise.all(texts)).map((text) => text.replace(/\/\*\*.*?\*\//gs, ''));
}

test('every capability is named by a test that shows it', async () => {
  const named = new Set((await sources()).flatMap((text) => text.match(ID) ?? []));
  const missing = FEATURES.filter((id) => !named.has(id) && !WITHOUT_TEST.includes(id));
  assert.equal(missing, []);
});

test('no test names a capability that there is not', async () => {
  const named = (await sources()).flatMap((text) => text.match(ID) ?? []);
  assert.equal(
    named.filter((id) => !FEATURES.includes(id)),
    [],
  );
});

test('each has an id of its own', () => {
  assert.is(new Set(FEATURES).size, FEATURES.length);
  assert.equal(
    WITHOUT_TEST.filter((id) => !FEATURES.includes(id)),
    [],
  );
});

test.run();
