/** What code an input reaches, in blocks, as V8 counts them. */
import { type Profiler, Session } from 'node:inspector';

/** The code that was reached of some scripts. */
export class Reached {
  /** Blocks that were once new. */
  blocks = 0;
  readonly #pattern: RegExp;
  /** One byte for each character of a script: 1 where something was executed. */
  readonly #scripts = new Map<string, Uint8Array>();

  /** @param pattern of the addresses of the scripts. */
  constructor(pattern: RegExp) {
    this.#pattern = pattern;
  }

  /** How many blocks were executed that were not before; they are not new any more when `merging`. */
  look(coverage: readonly Profiler.ScriptCoverage[], merging: boolean): number {
    let found = 0;
    for (const script of coverage) if (this.#pattern.test(script.url)) found += this.#compare(script, merging);
    if (merging) this.blocks += found;
    return found;
  }

  #compare({ url, functions }: Profiler.ScriptCoverage, merging: boolean): number {
    const ranges = functions.flatMap((one) => one.ranges);
    const length = Math.max(...ranges.map(({ endOffset }) => endOffset));
    const before = this.#scripts.get(url) ?? new Uint8Array();
    // Inner blocks come behind those around them.
    const now = new Uint8Array(Math.max(length, before.length));
    for (const { startOffset, endOffset, count } of ranges) now.fill(count > 0 ? 1 : 0, startOffset, endOffset);
    let blocks = 0;
    let inside = false;
    for (let i = 0; i < now.length; i += 1) {
      const isNew = now[i] === 1 && before[i] !== 1;
      if (isNew && !inside) blocks += 1;
      inside = isNew;
      if (before[i] === 1) now[i] = 1;
    }
    if (merging) this.#scripts.set(url, now);
    return blocks;
  }
}

/** Counts what is executed, of the whole process. */
export class Counter {
  readonly #session = new Session();

  constructor() {
    this.#session.connect();
    this.#session.post('Profiler.enable');
    this.#session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
  }

  /** What was executed since the last call. Costs some milliseconds. */
  take(): readonly Profiler.ScriptCoverage[] {
    let result: readonly Profiler.ScriptCoverage[] = [];
    // The session answers at once.
    this.#session.post('Profiler.takePreciseCoverage', (error, coverage) => {
      if (error !== null) throw error;
      result = coverage.result;
    });
    return result;
  }

  stop(): void {
    this.#session.disconnect();
  }
}
