/**
 * Stream management against a reference model: whatever happens to connections, sessions and servers, nothing is lost while
 * the server is honest, nothing comes twice, the order is kept and every token ends in exactly one final state. XEP-0198.
 *
 * A run that fails is shrunk, and its seed and path are printed. It is run again by
 *
 *     FC_SEED=… FC_PATH=… FC_REPLAY=… node … dist/test/model '^delivery.test.js$'
 */
import * as fc from 'fast-check';
import * as assert from 'uvu/assert';
import { Ledger } from '../../src/stream/ledger.ts';
import { suite } from '../harness.ts';
import { ANSWERS, commands, Run } from './delivery-commands.ts';

const test = suite('model/delivery', 120_000);

/** What both sides of every session begin to count with. */
let base = 0;
const { beginSending } = Ledger.prototype;

test.before(() => {
  Ledger.prototype.beginSending = function (this: Ledger) {
    beginSending.call(this);
    this.setCounters(base, base);
  };
});

test.after(() => {
  Ledger.prototype.beginSending = beginSending;
});

const { FC_SEED, FC_PATH, FC_REPLAY, FC_RUNS } = process.env;

/** Milliseconds; a machine that is slow does fewer runs. */
const LIMIT = 100_000;

/** How many runs there are unless the environment says otherwise. */
const RUNS = 1000;

test('C.8-16 to C.8-25: nothing is lost, nothing comes twice, and every token comes to its end', async () => {
  const bases = fc.oneof(
    fc.constant(0),
    fc.nat(40).map((below) => 2 ** 32 - 1 - below),
  );
  const splits = fc.constantFrom(Infinity, Infinity, Infinity, 100, 7);
  const manners = fc.record({ online: fc.boolean(), eager: fc.boolean(), answer: fc.constantFrom(...ANSWERS) });
  const runs = Number(FC_RUNS ?? RUNS);
  let done = 0;
  const seen = { resumed: 0, 'refused with h': 0, refused: 0, 'not offered': 0, restarted: 0, stopped: 0, stanzas: 0 };
  const property = fc.asyncProperty(bases, splits, manners, commands(FC_REPLAY), async (start, split, manner, some) => {
    base = start;
    const run = new Run(base, split);
    Object.assign(run.server, { eager: manner.eager, answer: manner.answer });
    const model = { running: manner.online, up: true };
    if (manner.online) await run.online();
    await fc.asyncModelRun(() => ({ model, real: run }), some);
    await run.finish();
    run.tell(seen);
    done += 1;
  });
  await fc.assert(property, {
    seed: Number(FC_SEED ?? 198),
    numRuns: runs,
    includeErrorInReport: true,
    // Also while it shrinks: a failure has to be told before the test is given up.
    interruptAfterTimeLimit: LIMIT,
    ...(FC_PATH !== undefined && { path: FC_PATH }),
  });
  // A model that is never in trouble shows nothing.
  for (const [what, times] of Object.entries(seen)) assert.ok(FC_PATH || times >= done / 50, `${times} times ${what}`);
});

test.run();
