import { readFileSync } from 'node:fs';
import * as assert from 'uvu/assert';
import { suite } from '../harness.ts';
import { invariants, pending } from './invariants.ts';

const test = suite('model/invariants');

test('each of the 28 invariants is held by a test, or belongs to what there is not yet', () => {
  const numbers = [...Object.keys(invariants), ...Object.keys(pending)].map(Number);
  assert.equal(
    numbers,
    Array.from({ length: 28 }, (_, index) => index + 1),
  );
});

for (const [number, { about, heldBy }] of Object.entries(invariants)) {
  test(`C.8.${number}, ${about}: the tests that hold it exist`, () => {
    for (const [file, titles] of Object.entries(heldBy)) {
      const text = readFileSync(`test/${file}`, 'utf8');
      for (const title of titles) assert.ok(text.includes(title), `${file} has no ${title}`);
    }
  });
}

test.run();
