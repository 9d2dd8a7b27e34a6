/**
 * `npm run soak:kill`: one whole session, cut after every single byte in each direction, each time by FIN, RST and silence. Prints
 * what came of it, and fails if anything was lost, came twice, or did not recover.
 *
 *   node dist/test/soak/kill.js                   every byte
 *   node dist/test/soak/kill.js 10                every tenth
 *   node dist/test/soak/kill.js 1:in:700:rst      one cut, as a failure names it
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { Direction, DropKind } from '../../src/testing/faults.ts';
import { type Cut, DIRECTIONS, KINDS, type Lengths, Stage, wordOf } from '../model/kill.ts';

/** What a worker has to say. */
interface Report {
  cuts: number;
  /** Cuts in a session that was there, and was resumed. */
  resumed: number;
  /** The byte was not reached, for TLS had less to say this time. */
  missed: number;
  lost: number;
  duplicated: number;
  failures: string[];
}

/** Milliseconds between two lines that say how far it has come. */
const PACE = 30_000;

function* cutsOf(lengths: Lengths, every: number): Generator<Cut> {
  for (const link of [1, 2] as const) {
    for (const direction of DIRECTIONS) {
      for (let bytes = 1; bytes <= lengths[link][direction]; bytes += every) {
        for (const kind of KINDS) yield { link, direction, bytes, kind };
      }
    }
  }
}

function parse(word: string): Cut {
  const [link, direction, bytes, kind] = word.split(':');
  return {
    link: link === '1' ? 1 : 2,
    direction: direction as Direction,
    bytes: Number(bytes),
    kind: kind as DropKind,
  };
}

async function play(stage: Stage, cut: Cut, report: Report): Promise<void> {
  try {
    const { cut: isCut, resumed, lost, duplicated } = await stage.play(cut);
    if (!isCut) {
      report.missed += 1;
      return;
    }
    report.cuts += 1;
    if (resumed) report.resumed += 1;
    report.lost += lost;
    report.duplicated += duplicated;
    if (lost + duplicated > 0) report.failures.push(`${wordOf(cut)}: ${lost} lost, ${duplicated} duplicated`);
  } catch (error) {
    report.cuts += 1;
    report.failures.push(`${wordOf(cut)}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

const empty = (): Report => ({ cuts: 0, resumed: 0, missed: 0, lost: 0, duplicated: 0, failures: [] });

/** One worker of several takes its share, and reports now and then and at the end. */
async function work(every: number, share: number, shares: number): Promise<void> {
  await using stage = await Stage.set();
  const { lengths } = await stage.play(null);
  let report = empty();
  let last = performance.now();
  let index = 0;
  for (const cut of cutsOf(lengths, every)) {
    index += 1;
    if (index % shares !== share) continue;
    await play(stage, cut, report);
    if (performance.now() - last < PACE) continue;
    process.send?.(report);
    report = empty();
    last = performance.now();
  }
  process.send?.(report, () => process.disconnect());
}

function add(total: Report, { failures, ...counts }: Report): void {
  for (const [name, count] of Object.entries(counts)) total[name as keyof typeof counts] += count;
  total.failures.push(...failures);
  for (const failure of failures) console.log(failure);
}

const figures = ({ cuts, resumed, missed, lost, duplicated, failures }: Report): string =>
  `${cuts} cuts, ${cuts - failures.length} recoveries, of which ${resumed} of a session, ${lost} lost, ` +
  `${duplicated} duplicated, ${failures.length} failures${missed > 0 ? `, ${missed} bytes not reached` : ''}`;

async function soak(every: number): Promise<Report> {
  const total = empty();
  const began = performance.now();
  const shares = availableParallelism();
  const workers = Array.from({ length: shares }, (_, share): ChildProcess => {
    const worker = fork(fileURLToPath(import.meta.url), ['worker', every, share, shares].map(String));
    worker.on('message', (report) => {
      add(total, report as Report);
      console.log(`${Math.round((performance.now() - began) / 1000)} s: ${figures(total)}`);
    });
    return worker;
  });
  // The last report may come after the exit.
  const ends = workers.map((worker) => Promise.all([once(worker, 'exit'), once(worker, 'disconnect')]));
  for (const [[code]] of await Promise.all(ends)) if (code !== 0) throw new Error(`a worker ended with ${code}`);
  return total;
}

async function single(word: string): Promise<Report> {
  await using stage = await Stage.set();
  const report = empty();
  await play(stage, parse(word), report);
  for (const failure of report.failures) console.log(failure);
  return report;
}

const [what = '1', ...rest] = process.argv.slice(2);
if (what === 'worker') {
  const [every, share, shares] = rest.map(Number) as [number, number, number];
  await work(every, share, shares);
} else {
  const report = what.includes(':') ? await single(what) : await soak(Number(what));
  console.log(figures(report));
  process.exitCode = report.failures.length > 0 || report.cuts === 0 ? 1 : 0;
}
