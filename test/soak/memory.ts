/**
 * How much memory this process holds, and whether that grows. With `--expose-gc` garbage is collected before each look, so that what
 * is seen is what is held.
 */

/** Milliseconds between two looks. */
const PACE = 5_000;

/** The part of the run in which caches fill and code is compiled. */
const WARM_UP = 0.3;

export class Memory {
  readonly #samples: number[] = [];
  #timer: NodeJS.Timeout | undefined;

  begin(): void {
    const look = () => {
      globalThis.gc?.();
      this.#samples.push(process.memoryUsage.rss() / 2 ** 20);
    };
    look();
    this.#timer = setInterval(look, PACE);
  }

  end(): void {
    clearInterval(this.#timer);
  }

  get start(): number {
    return this.#samples[0] ?? 0;
  }

  /** The middle of what was seen just after the warm-up. */
  get warm(): number {
    return median(this.#part(WARM_UP, WARM_UP + 0.1));
  }

  /** The middle of what was seen last. */
  get last(): number {
    return median(this.#part(0.9, 1));
  }

  /** Whether it holds no more in the end than when it was warm, give or take what the collector has not come to yet. */
  get flat(): boolean {
    return this.last < this.warm * 1.25;
  }

  /** MiB an hour after the warm-up, by least squares. */
  get slope(): number {
    const samples = this.#part(WARM_UP, 1);
    const middle = (samples.length - 1) / 2;
    const mean = samples.reduce((sum, value) => sum + value, 0) / samples.length;
    let [above, below] = [0, 0];
    for (const [index, value] of samples.entries()) {
      above += (index - middle) * (value - mean);
      below += (index - middle) ** 2;
    }
    return (above / below) * (3_600_000 / PACE);
  }

  describe(): [string, string][] {
    const mib = (value: number) => `${value.toFixed(1)} MiB`;
    return [
      ['RSS at start, warm, at the end', `${mib(this.start)}, ${mib(this.warm)}, ${mib(this.last)}`],
      ['RSS slope when warm', `${mib(this.slope)} an hour`],
    ];
  }

  #part(from: number, to: number): number[] {
    const { length } = this.#samples;
    return this.#samples.slice(Math.floor(from * length), Math.max(Math.ceil(to * length), 1));
  }
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}
