/**
 * `npm run soak`: twenty clients on two real servers, and everything that can go wrong with connections and servers. Prints what came of it
 * (what each figure means is said in books.ts and correspondent.ts), and fails if anything was lost, came twice or out of order,
 * or was left behind, or if memory grew.
 *
 *   node --expose-gc dist/test/soak/main.js            for 30 minutes, differently each time
 *   node --expose-gc dist/test/soak/main.js 10 198     for 10 minutes, with a seed: the same things go wrong in the same order
 */
import { describe, soak, wrong } from './run.ts';

/** Minutes below which memory says nothing. */
const LONG = 10;

const [minutes = '30', seed = `${Date.now() % 1_000_000}`] = process.argv.slice(2);

const figures = await soak({ ms: Number(minutes) * 60_000, pace: 2_500, seed: Number(seed) }, console.log);
console.log(describe(figures));
const grew = Number(minutes) >= LONG && !figures.memory.flat;
if (grew) console.log('memory grew');
process.exitCode = wrong(figures) > 0 || grew ? 1 : 0;
