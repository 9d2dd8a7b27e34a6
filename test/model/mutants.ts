/**
 * `npm run mutants [how many] [seed]`: makes so many small mistakes (default 20), each in a copy of a machine, and looks at
 * it as at the machines themselves. Prints what was noticed, and exits with 1 if something was not.
 */
import { noticed, sample } from './trial.ts';

const [count = '20', seed = '1'] = process.argv.slice(2);

let survivors = 0;
for (const mutant of sample(Number(count), Number(seed))) {
  const by = noticed(mutant);
  if (by === null) survivors += 1;
  console.log(`${by === null ? 'SURVIVED' : 'noticed '}  ${mutant.mutation.title}\n          ${by ?? ''}`);
}
console.log(`${survivors} of ${count} survived (seed ${seed})`);
process.exitCode = survivors > 0 ? 1 : 0;
