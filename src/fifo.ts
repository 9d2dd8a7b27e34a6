/** Entries that may stand behind the front before the array is cut. */
const SLACK = 1024;

/** First in, first out, in constant time: an array whose front moves. */
export class Fifo<T> {
  #entries: T[] = [];
  #front = 0;

  get length(): number {
    return this.#entries.length - this.#front;
  }

  get first(): T | undefined {
    return this.#entries[this.#front];
  }

  push(entry: T): void {
    this.#entries.push(entry);
  }

  /** Removes and returns the first; there has to be one. */
  shift(): T {
    const entry = this.#entries[this.#front] as T;
    this.#advance(1);
    return entry;
  }

  /** Puts entries in front, in their order. */
  unshift(entries: readonly T[]): void {
    this.#entries = [...entries, ...this];
    this.#front = 0;
  }

  /** Removes and returns the first `count`, or all; there have to be so many. */
  take(count: number = this.length): T[] {
    const entries = this.#entries.slice(this.#front, this.#front + count);
    this.#advance(count);
    return entries;
  }

  *[Symbol.iterator](): Iterator<T> {
    for (let i = this.#front; i < this.#entries.length; i += 1) yield this.#entries[i] as T;
  }

  #advance(count: number): void {
    this.#front += count;
    if (this.#front === this.#entries.length) {
      this.#entries = [];
      this.#front = 0;
    } else if (this.#front > SLACK && this.#front * 2 > this.#entries.length) {
      this.#entries = this.#entries.slice(this.#front);
      this.#front = 0;
    }
  }
}
