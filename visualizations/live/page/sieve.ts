/** The frames that pass a test, found a slice of time at a time, so that a new filter never holds up the page. */
import type { Frame } from '../world.ts';
import type { Recording } from './recording.ts';

/** Frames that are looked at between two looks at the clock. */
const STRIDE = 64;

export class Sieve {
  readonly #recording: Recording;
  readonly #test: (frame: Frame) => boolean;
  readonly #found: number[] = [];
  #next: number;

  constructor(recording: Recording, test: (frame: Frame) => boolean) {
    this.#recording = recording;
    this.#test = test;
    this.#next = recording.first;
  }

  /** The numbers of the frames that passed so far, in order. */
  get found(): readonly number[] {
    return this.#found;
  }

  /** Everything was looked at. */
  get done(): boolean {
    return this.#next >= this.#recording.end;
  }

  /** Looks on until `deadline`, in the time of `performance.now`. */
  advance(deadline: number): void {
    if (this.done) return;
    let until = STRIDE;
    for (const frame of this.#recording.from(this.#next)) {
      this.#next = frame.n + 1;
      if (this.#test(frame)) this.#found.push(frame.n);
      until -= 1;
      if (until > 0) continue;
      if (performance.now() >= deadline) return;
      until = STRIDE;
    }
  }

  /** Forgets what the recording forgot; gives how many of those found are gone. */
  trim(): number {
    const gone = lowerBound(this.#found, this.#recording.first);
    if (gone > 0) this.#found.splice(0, gone);
    return gone;
  }
}

/** The place of the first number that is not below `wanted`. */
export function lowerBound(numbers: readonly number[], wanted: number): number {
  let [low, high] = [0, numbers.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((numbers[middle] as number) < wanted) low = middle + 1;
    else high = middle;
  }
  return low;
}
