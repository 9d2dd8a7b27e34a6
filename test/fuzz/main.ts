/**
 * `npm run fuzz [seconds] [seed]`: fuzzes everything in turns, for ten minutes and from a new seed unless said otherwise. What
 * fails is made smaller and written into the corpus, which `npm test` replays. `npm run fuzz -- --record` makes the recordings
 * of real servers anew. `FUZZ_ONLY=codec,jid` in the environment leaves out the other targets.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Counter } from './coverage.ts';
import { type Finding, Fuzzer, keep, minimised } from './fuzzer.ts';
import { recordAll } from './record.ts';
import { TARGETS } from './targets.ts';

/** Seconds unless said otherwise. */
const DEFAULT_TIME = 600;
/** Milliseconds that a target has before the next is at it. */
const TURN = 2_000;
/** Findings of a target after which it is left alone: most often they are one and the same. */
const ENOUGH = 5;
/** Bytes of heap that may be in use beyond what was after the first turns. */
const MAX_GROWTH = 128 * 1024 * 1024;

setFlagsFromString('--expose-gc');
const gc: () => void = runInNewContext('gc');

function heap(): number {
  gc();
  return process.memoryUsage().heapUsed;
}

async function fuzz(seconds: number, seed: number): Promise<number> {
  const only = process.env.FUZZ_ONLY?.split(',');
  const counter = new Counter();
  const lanes = TARGETS.filter(({ name }) => only?.includes(name) ?? true).map((target) => {
    return { fuzzer: new Fuzzer(target, seed, counter), failures: new Map<string, Finding>() };
  });
  console.log(`seed ${seed}, ${seconds} s`);
  const tell = async (lane: (typeof lanes)[number], findings: readonly Finding[]) => {
    for (const finding of findings) {
      const kind = String(finding.error);
      if (lane.failures.has(kind) || lane.failures.size >= ENOUGH) continue;
      lane.failures.set(kind, finding);
      const input = await minimised(lane.fuzzer.target, finding.input, finding.error);
      console.log(`${finding.target} fails, seed ${seed}, ${keep({ ...finding, input })}:`);
      console.log(finding.error, `\n${JSON.stringify(input)}`);
    }
  };
  const deadline = performance.now() + seconds * 1000;
  for (const lane of lanes) await tell(lane, await lane.fuzzer.begin());
  let least = Number.POSITIVE_INFINITY;
  while (performance.now() < deadline) {
    for (const lane of lanes) {
      if (lane.failures.size >= ENOUGH) continue;
      const turn = Math.min(performance.now() + TURN, deadline);
      while (performance.now() < turn) await tell(lane, await lane.fuzzer.step());
    }
    const used = heap();
    least = Math.min(least, used);
    if (used - least > MAX_GROWTH) throw new Error(`the heap has grown by ${used - least} bytes`);
  }
  counter.stop();
  for (const { fuzzer, failures } of lanes) {
    const { target, executions, reached, discoveries } = fuzzer;
    console.log(
      `${target.name}: ${executions} executions, ${reached.blocks} blocks, ${discoveries} inputs kept, ${failures.size} failures`,
    );
  }
  return lanes.reduce((sum, { failures }) => sum + failures.size, 0);
}

const [first, second] = process.argv.slice(2);
if (first === '--record') await recordAll();
else {
  const seed = Number(second ?? Math.floor(Math.random() * 2 ** 31));
  process.exitCode = (await fuzz(Number(first ?? DEFAULT_TIME), seed)) > 0 ? 1 : 0;
}
