import { Duplex } from 'node:stream';

/** A socket without a network: what was written to it, one entry a write, and whatever the test wants to arrive. */
export class FakeSocket extends Duplex {
  readonly written: string[] = [];
  #stuck: (() => void) | null = null;
  /** The peer does not read. */
  stuck = false;

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.written.push(chunk.toString());
    if (this.stuck) this.#stuck = done;
    else done();
  }

  /** The peer reads again. */
  unstick(): void {
    this.stuck = false;
    this.#stuck?.();
  }

  /** The peer sends this, or no more; it arrives a little later. */
  receive(data: string | Uint8Array | null): void {
    setImmediate(() => this.push(data === null ? null : Buffer.from(data)));
  }

  /** Listeners of the events that a connection listens to. */
  get listening(): number {
    return ['data', 'end', 'close', 'drain', 'error'].reduce((sum, name) => sum + this.listenerCount(name), 0);
  }
}

/** Lets everything happen that was to happen this tick and the next. */
export async function settle(): Promise<void> {
  for (let turns = 0; turns < 3; turns += 1) await new Promise((resolve) => setImmediate(resolve));
}
