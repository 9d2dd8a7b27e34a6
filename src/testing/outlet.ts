import type { Writable } from 'node:stream';

/** Something to be done once everything before it is written. */
interface Step {
  readonly bytes: Buffer | undefined;
  readonly sizes: readonly number[];
  /** When it may be written, in milliseconds of `performance.now()`. */
  readonly due: number;
  readonly action?: () => void;
}

/**
 * Writes to a socket in order: at once while nothing is in the way, late and in pieces if told so. The socket may change
 * under it when TLS begins.
 */
export class Outlet {
  /** Where it writes to. */
  socket: Writable;
  readonly #steps: Step[] = [];
  #running = false;
  #stopped = false;
  #timer: NodeJS.Timeout | undefined;
  #wake: (() => void) | undefined;
  /** Writes whose callback has not come. */
  #writing = 0;
  #waiting: (() => void)[] = [];

  constructor(socket: Writable) {
    this.socket = socket;
  }

  /** Writes after all that was given before, `delay` milliseconds from now, in pieces of `sizes` bytes if there are any. */
  write(bytes: Buffer | string, delay = 0, sizes: readonly number[] = []): void {
    if (this.#stopped) return;
    if (delay === 0 && sizes.length === 0 && !this.#running) {
      this.#put(bytes);
      return;
    }
    this.#steps.push({ bytes: Buffer.from(bytes as string), sizes, due: performance.now() + delay });
    void this.#run();
  }

  /** Does something once everything given before is written. */
  finally(action: () => void): void {
    if (this.#running) this.#steps.push({ bytes: undefined, sizes: [], due: 0, action });
    else if (!this.#stopped) action();
  }

  /** Resolves when everything is with the operating system, or will never be. */
  idle(): Promise<void> {
    if (this.#isIdle()) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Forgets what is not written yet. */
  stop(): void {
    this.#stopped = true;
    this.#steps.length = 0;
    clearTimeout(this.#timer);
    this.#wake?.();
    this.#settle();
  }

  readonly #put = (bytes: Buffer | string): void => {
    this.#writing += 1;
    this.socket.write(bytes, this.#written);
  };

  readonly #written = (): void => {
    this.#writing -= 1;
    this.#settle();
  };

  #isIdle(): boolean {
    return this.#stopped || (!this.#running && this.#writing === 0);
  }

  #settle(): void {
    if (!this.#isIdle() || this.#waiting.length === 0) return;
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  async #run(): Promise<void> {
    if (this.#running) return;
    this.#running = true;
    for (let step = this.#steps[0]; step !== undefined && !this.#stopped; step = this.#steps[0]) {
      await this.#due(step.due);
      if (step.bytes !== undefined) await this.#pieces(step.bytes, step.sizes);
      if (this.#stopped) break;
      step.action?.();
      this.#steps.shift();
    }
    this.#running = false;
    this.#settle();
  }

  async #pieces(bytes: Buffer, sizes: readonly number[]): Promise<void> {
    let piece = 0;
    if (sizes.length > 0) await turn();
    for (let from = 0; from < bytes.length && !this.#stopped; ) {
      const size = sizes.length === 0 ? bytes.length : Math.max(1, sizes[piece % sizes.length] ?? 1);
      this.#put(bytes.subarray(from, from + size));
      from += size;
      piece += 1;
      if (sizes.length > 0) await turn();
    }
  }

  async #due(time: number): Promise<void> {
    // More than once if need be: a timer counts from the beginning of the tick that set it, and so may come early.
    for (let early = time - performance.now(); early > 0 && !this.#stopped; early = time - performance.now()) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        this.#timer = setTimeout(resolve, Math.ceil(early));
      });
    }
  }
}

/** A whole turn of the event loop, so that a reader in this process sees two writes as two. */
export async function turn(): Promise<void> {
  for (let phase = 0; phase < 2; phase += 1) await new Promise((resolve) => setImmediate(resolve));
}
