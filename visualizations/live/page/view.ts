/** What the page shows: a recording, the point in time that is looked at, and the actor that is looked at. */
import type { BirthFrame, Frame, World } from '../world.ts';
import { type Lane, Lanes, standing } from './lanes.ts';
import { Recording, type Standing, type Standings } from './recording.ts';

export class View {
  readonly recording: Recording;
  readonly lanes = new Lanes();
  /** The number of the frame that the world is shown after; -1 before the first. */
  cursor = -1;
  /** The cursor stays at the last frame. */
  following = true;
  lane: Lane | null = null;
  /** When the recording began, in milliseconds since the epoch. */
  start: number | null = null;
  #seen: { readonly cursor: number; readonly world: Standings } | null = null;

  readonly #wanted: string | null;

  /** Begins with a world; looks at the actor `wanted` as soon as there is one. */
  constructor(world: World, limit: number, wanted: string | null) {
    this.#wanted = wanted;
    this.recording = new Recording(world, limit);
    for (const { birth, states } of Object.values(world)) {
      this.start = Math.min(this.start ?? birth.at, birth.at);
      this.#welcome(birth);
      this.#name(birth.actor, states);
    }
  }

  /** The world at the cursor. */
  get world(): Standings {
    if (this.cursor >= this.recording.end - 1) return this.recording.tip;
    if (this.#seen?.cursor !== this.cursor) {
      this.#seen = { cursor: this.cursor, world: this.recording.worldAt(this.cursor) };
    }
    return this.#seen.world;
  }

  get frame(): Frame | undefined {
    return this.recording.at(this.cursor);
  }

  /** The actor that the chosen lane stands for at the cursor. */
  get standing(): Standing | null {
    return this.lane === null ? null : standing(this.lane, this.world, this.cursor);
  }

  /** Takes the next frame, of about `weight` characters. */
  push(frame: Frame, weight = 0): void {
    if (!this.recording.push(frame, weight)) return;
    this.start ??= frame.at;
    if (frame.kind === 'birth') this.#welcome(frame);
    if (frame.kind === 'step') this.#name(frame.actor, frame.states);
    if (this.following) this.cursor = frame.n;
  }

  /** Forgets what is beyond the limit. */
  trim(): void {
    this.lanes.remove(this.recording.trim());
    if (this.cursor < this.recording.first && this.recording.end > 0) this.cursor = this.recording.first;
    if (this.lane?.actors.length === 0) this.lane = this.lanes.all[0] ?? null;
  }

  /** Looks at the world after a frame, or after the nearest that is kept. */
  goTo(n: number): void {
    const last = this.recording.end - 1;
    this.cursor = Math.max(Math.min(n, last), Math.min(this.recording.first, last));
    this.following = false;
  }

  follow(): void {
    this.cursor = this.recording.end - 1;
    this.following = true;
  }

  /** The first actor that can be drawn is the one to look at, until somebody chooses. */
  #welcome(birth: BirthFrame): void {
    const lane = this.lanes.add(birth);
    const better = this.lane === null || (this.lane.chart === null && lane.chart !== null);
    if (better || birth.actor === this.#wanted) this.lane = lane;
  }

  /** XState calls a root by its session id if nobody calls it anything; its machine has a name. */
  #name(actor: string, states: readonly string[]): void {
    const lane = this.lanes.of(actor);
    const [machine] = states;
    if (lane?.parent !== null || lane.name !== actor || machine === undefined) return;
    lane.name = machine.split('.', 1)[0] as string;
  }
}
