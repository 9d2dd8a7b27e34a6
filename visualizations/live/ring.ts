/** The latest frames as JSON, and the world before them: all that is kept of a recording, bounded by number and size. */
import { type ActorState, type Frame, stateAfter, type World } from './world.ts';

/** A frame that has no place in the record yet. */
export type NewFrame = Frame extends infer Any ? (Any extends Frame ? Omit<Any, 'n' | 'at'> : never) : never;

/** Bounds of a batch: enough to be worth a write, little enough to wait in a socket. */
const BATCH_FRAMES = 500;
const BATCH_BYTES = 64 * 1024;

interface Kept {
  readonly json: string;
  /** Bytes of its JSON. */
  readonly size: number;
  readonly actor: string;
}

export interface RingOptions {
  /** Frames that are kept. */
  readonly limit: number;
  /** Bytes of JSON that are kept; a single frame is kept whatever its size. */
  readonly bytes: number;
  /** Whether an actor may still do something. One that may not is forgotten with its last frame. */
  readonly isAlive: (actor: string) => boolean;
}

export class Ring {
  readonly #options: RingOptions;
  /** A frame lies at its place modulo the limit. */
  readonly #kept: (Kept | undefined)[] = [];
  /** The state of actors before the first frame that is kept. */
  readonly #base = new Map<string, ActorState>();
  /** How many frames are kept of each actor. */
  readonly #counts = new Map<string, number>();
  #first = 0;
  #next = 0;
  #bytes = 0;

  constructor(options: RingOptions) {
    this.#options = options;
  }

  /** The place of the oldest frame that is kept. */
  get first(): number {
    return this.#first;
  }

  /** The place that the next frame will have. */
  get next(): number {
    return this.#next;
  }

  /** The world before the oldest frame that is kept. */
  get world(): World {
    return Object.fromEntries(this.#base);
  }

  /** Adds a frame, with the time of day. */
  push(frame: NewFrame): void {
    const { limit, bytes } = this.#options;
    const { actor } = frame;
    const json = JSON.stringify({ n: this.#next, at: Date.now(), ...frame });
    const size = Buffer.byteLength(json);
    while (this.#next > this.#first && (this.#next - this.#first >= limit || this.#bytes + size > bytes)) this.#shift();
    this.#kept[this.#next % limit] = { json, size, actor };
    this.#next += 1;
    this.#bytes += size;
    this.#counts.set(actor, (this.#counts.get(actor) ?? 0) + 1);
  }

  /** Some frames from a place on as a JSON array, and the place after them. There has to be one at least. */
  batch(from: number): { readonly json: string; readonly next: number } {
    const frames: string[] = [];
    let size = 0;
    let next = from;
    while (next < this.#next && frames.length < BATCH_FRAMES && size < BATCH_BYTES) {
      const kept = this.#at(next);
      frames.push(kept.json);
      size += kept.size;
      next += 1;
    }
    return { json: `[${frames.join(',')}]`, next };
  }

  /** The JSON of every frame that is kept. */
  frames(): readonly string[] {
    return Array.from({ length: this.#next - this.#first }, (_, index) => this.#at(this.#first + index).json);
  }

  /** An actor came to its end: it is forgotten unless frames tell of it. */
  ended(actor: string): void {
    if (!this.#counts.has(actor)) this.#base.delete(actor);
  }

  /** Folds the oldest frame into the world before the others. */
  #shift(): void {
    const { json, size, actor } = this.#at(this.#first);
    this.#kept[this.#first % this.#options.limit] = undefined;
    this.#first += 1;
    this.#bytes -= size;
    const count = (this.#counts.get(actor) as number) - 1;
    if (count > 0) this.#counts.set(actor, count);
    else this.#counts.delete(actor);
    if (count === 0 && !this.#options.isAlive(actor)) {
      this.#base.delete(actor);
      return;
    }
    const state = stateAfter(this.#base.get(actor), JSON.parse(json));
    if (state !== undefined) this.#base.set(actor, state);
  }

  #at(place: number): Kept {
    return this.#kept[place % this.#options.limit] as Kept;
  }
}
