/**
 * The frames that are kept, and the world at any of them. They lie in chunks that each begin with the world before it, so
 * that a point in time is never further than one chunk away, and forgetting is to let the first chunk go.
 */
import { type ActorState, type Frame, type StepFrame, stateAfter, type World } from '../world.ts';

/** Frames a chunk. */
const CHUNK = 512;
/** Characters of JSON that are kept, whatever the limit says; the server has a bound of its own. */
const HEAVIEST = 64_000_000;

/** An actor at a point in time, and how it came there. */
export interface Standing {
  readonly state: ActorState;
  /** The last step it made; null where that is not known. */
  readonly last: StepFrame | null;
  /** What it was before that step. */
  readonly before: ActorState | null;
}

/** All actors at a point in time, by session id, in the order of their births. */
export type Standings = ReadonlyMap<string, Standing>;

/** Frames that follow each other. */
export interface Chunk {
  /** The number of its first frame. */
  readonly start: number;
  readonly frames: Frame[];
  readonly before: Map<string, Standing>;
  /** About how many characters of JSON its frames are. */
  weight: number;
}

export class Recording {
  readonly #limit: number;
  readonly #tip: Map<string, Standing>;
  readonly #chunks: Chunk[] = [];
  #weight = 0;
  #size = 0;

  /** Begins with the world before the first frame; keeps about `limit` frames. */
  constructor(world: World, limit: number) {
    this.#limit = limit;
    this.#tip = new Map(Object.entries(world).map(([actor, state]) => [actor, { state, last: null, before: null }]));
  }

  get chunks(): readonly Chunk[] {
    return this.#chunks;
  }

  /** The number of the first frame that is kept. */
  get first(): number {
    return this.#chunks[0]?.start ?? 0;
  }

  /** The number after the last frame. */
  get end(): number {
    const last = this.#chunks.at(-1);
    return last === undefined ? 0 : last.start + last.frames.length;
  }

  /** How many frames are kept. */
  get size(): number {
    return this.#size;
  }

  /** The world after the last frame; it changes with every frame. */
  get tip(): Standings {
    return this.#tip;
  }

  /** Takes the next frame, of about `weight` characters; one that is known already changes nothing. */
  push(frame: Frame, weight: number): boolean {
    if (this.#chunks.length > 0 && frame.n < this.end) return false;
    let last = this.#chunks.at(-1);
    if (last === undefined || last.frames.length === CHUNK || frame.n !== last.start + last.frames.length) {
      last = { start: frame.n, frames: [], before: new Map(this.#tip), weight: 0 };
      this.#chunks.push(last);
    }
    last.frames.push(frame);
    last.weight += weight;
    this.#weight += weight;
    this.#size += 1;
    step(this.#tip, frame);
    return true;
  }

  /** Forgets the oldest chunks beyond the limit; gives the actors that ended before what is left, which are forgotten too. */
  trim(): readonly string[] {
    const gone: string[] = [];
    while (this.#chunks.length > 1) {
      const oldest = this.#chunks[0] as Chunk;
      if (this.#size - oldest.frames.length < this.#limit && this.#weight < HEAVIEST) break;
      this.#chunks.shift();
      this.#size -= oldest.frames.length;
      this.#weight -= oldest.weight;
      for (const [actor, { state }] of (this.#chunks[0] as Chunk).before) {
        if (state.status !== 'active') gone.push(actor);
      }
      for (const actor of gone) {
        this.#tip.delete(actor);
        for (const { before } of this.#chunks) before.delete(actor);
      }
    }
    return gone;
  }

  /** The frame with that number. */
  at(n: number): Frame | undefined {
    const chunk = this.#chunkOf(n);
    return chunk?.frames[n - chunk.start];
  }

  /** The frames from `n` on, as long as they are wanted. */
  *from(n: number): Generator<Frame> {
    for (let index = Math.max(0, this.#indexOf(n)); index < this.#chunks.length; index++) {
      const { start, frames } = this.#chunks[index] as Chunk;
      for (let offset = Math.max(0, n - start); offset < frames.length; offset++) yield frames[offset] as Frame;
    }
  }

  /** The world after the frame with that number. */
  worldAt(n: number): Standings {
    if (n >= this.end - 1) return this.#tip;
    const chunk = this.#chunkOf(Math.max(n, this.first));
    if (chunk === undefined) return this.#tip;
    const world = new Map(chunk.before);
    for (const frame of chunk.frames) {
      if (frame.n > n) break;
      step(world, frame);
    }
    return world;
  }

  #chunkOf(n: number): Chunk | undefined {
    return this.#chunks[this.#indexOf(n)];
  }

  /** The place of the last chunk that does not begin after `n`; -1 if all do. */
  #indexOf(n: number): number {
    let [low, high] = [0, this.#chunks.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#chunks[middle] as Chunk).start <= n) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }
}

/** Takes one frame further. */
function step(world: Map<string, Standing>, frame: Frame): void {
  const { actor } = frame;
  const known = world.get(actor);
  const state = stateAfter(known?.state, frame);
  if (state === undefined || state === known?.state) return;
  if (frame.kind === 'step') world.set(actor, { state, last: frame, before: known?.state ?? null });
  else world.set(actor, { state, last: known?.last ?? null, before: known?.before ?? null });
}
