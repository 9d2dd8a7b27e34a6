/**
 * Kill at every byte: a seeded sample of what `npm run soak:kill` does in full. A cut that fails is shrunk to the first byte that
 * does, and its seed and path are printed; the environment variables FC_SEED and FC_PATH play it again.
 */
import * as fc from 'fast-check';
import * as assert from 'uvu/assert';
import { suite } from '../harness.ts';
import { DIRECTIONS, KINDS, Stage } from './kill.ts';

const test = suite('model/kill', 60_000);

const { FC_SEED, FC_PATH } = process.env;

/** Cuts for each of the links, directions and kinds. */
const RUNS = 8;

test('C.8-2, C.8-17, C.8-18, C.8-23: a client recovers from a cut at any byte, and nothing is lost or comes twice', async () => {
  await using stage = await Stage.set();
  const { lengths } = await stage.play(null);
  let resumed = 0;
  for (const link of [1, 2] as const) {
    for (const direction of DIRECTIONS) {
      for (const kind of KINDS) {
        const property = fc.asyncProperty(fc.integer({ min: 1, max: lengths[link][direction] }), async (bytes) => {
          const outcome = await stage.play({ link, direction, bytes, kind });
          assert.equal([outcome.lost, outcome.duplicated], [0, 0]);
          if (outcome.resumed) resumed += 1;
        });
        await fc.assert(property, {
          seed: Number(FC_SEED ?? 198),
          numRuns: RUNS,
          includeErrorInReport: true,
          ...(FC_PATH !== undefined && { path: FC_PATH }),
        });
      }
    }
  }
  assert.ok(resumed > RUNS, `${resumed} sessions were resumed`);
});

test.run();
