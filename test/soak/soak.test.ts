/** Two minutes of what `npm run soak` does for thirty, at a lower rate; the environment variable SOAK_SEED plays another one. */
import * as assert from 'uvu/assert';
import { serverSuite } from '../servers/servers.ts';
import { describe, soak, wrong } from './run.ts';

const { SOAK_SEED = '198' } = process.env;

const test = await serverSuite('soak/soak', 380_000);

test('twenty clients on two servers through two minutes of failures: nothing lost, nothing twice, all in order', async () => {
  const figures = await soak({ ms: 120_000, pace: 15_000, seed: Number(SOAK_SEED) }, console.log);
  console.log(describe(figures));
  assert.is(wrong(figures), 0);
  // It was no calm run.
  const { tally, toll } = figures;
  assert.ok(toll.restart + toll.kill > 0, 'no server was restarted');
  assert.ok(tally.resumed > 0, 'no session was resumed');
  assert.ok(tally.read > 0, 'no letter was read');
});

test.run();
