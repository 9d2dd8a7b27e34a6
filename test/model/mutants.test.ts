/** That the laws have teeth: a few of the mistakes that `npm run mutants` makes, others whenever a machine changes. */
import * as assert from 'uvu/assert';
import { suite } from '../harness.ts';
import { nothing } from './mutations.ts';
import { mutants, noticedAlone, sample } from './trial.ts';

const test = suite('model/mutants', 60_000);

/** Mistakes in a client take long to look for, where they show only in what it does with the machines below. */
const quick = mutants.filter(({ machine }) => machine !== 'client');

test('copies without a mistake are as good as the originals', () => {
  for (const machine of new Set(quick.map((mutant) => mutant.machine))) {
    assert.is(noticedAlone({ machine, mutation: nothing }), null);
  }
});

for (const mutant of sample(3, quick.length, quick)) {
  test(`noticed: ${mutant.mutation.title}`, () => {
    assert.is.not(noticedAlone(mutant), null);
  });
}

test.run();
