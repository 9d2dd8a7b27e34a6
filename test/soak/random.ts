/** Chance that is the same every time for a seed. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
    // Neighbouring seeds begin alike.
    for (let turns = 0; turns < 4; turns += 1) this.next();
  }

  /** In [0, 1). */
  next(): number {
    // Numerical Recipes' generator; its low bits are poor, and nobody uses them.
    this.#state = (Math.imul(this.#state, 1_664_525) + 1_013_904_223) >>> 0;
    return this.#state / 2 ** 32;
  }

  /** A whole number from `least` to `most`. */
  whole(least: number, most: number): number {
    return least + Math.floor(this.next() * (most - least + 1));
  }

  pick<T>(from: readonly T[]): T {
    return from[this.whole(0, from.length - 1)] as T;
  }

  /** Draws for ever, all of `cards` before any comes again. */
  *deck<T>(cards: readonly T[]): Generator<T, never> {
    for (;;) {
      const rest = [...cards];
      while (rest.length > 0) yield rest.splice(this.whole(0, rest.length - 1), 1)[0] as T;
    }
  }
}
