import { Duplex } from 'node:stream';
import type { Endpoint } from '../../machines/endpoint.ts';
import type { Clock } from '../clock.ts';
import type { Connect } from '../transport/tcp.ts';
import type { Direction, DropKind } from './faults.ts';

/** Where connections in memory lead to: a test server, a scripted one, or a peer of your own. */
export interface Acceptor {
  /**
   * Takes the server's end of a connection; `direct` when TLS comes first on it. What it throws is what the client's attempt
   * fails with.
   */
  accept(socket: MemorySocket, direct: boolean): void;
}

/** What can be set of a transport in memory. */
export interface MemoryOptions {
  /** Called with every connection before its first byte, to set how it goes. What it throws fails the attempt. */
  readonly onLink?: (link: MemoryLink) => void;
  /** Time for `latency`; without it there is none. */
  readonly clock?: Clock;
}

/** Bytes that are taken from a writer whose peer does not read; as much as a kernel would keep. */
const WINDOW = 64 * 1024;

/** Turns of the event loop in which nothing moves, until it is quiet. A TLS socket over a stream needs some for a record. */
const QUIET = 10;

/** One direction of a link. */
class Pipe {
  /** How many bytes have gone through. */
  passed = 0;
  from!: MemorySocket;
  to!: MemorySocket;
  /** The link ends with this byte. */
  cut: { readonly bytes: number; readonly kind: DropKind } | null = null;
  readonly #link: MemoryLink;
  /** Written, and not gone through. */
  #queue: Buffer[] = [];
  #size = 0;
  /** What has been under way for long enough. */
  #due = 0;
  #ended = false;
  #told = false;
  #scheduled = false;
  /** The reader has enough for now. */
  #full = false;
  /** Takes the next write when there is room again. */
  #room: (() => void) | null = null;

  constructor(link: MemoryLink) {
    this.#link = link;
  }

  write(chunk: Buffer, done: () => void): void {
    if (this.#closed) {
      done();
      return;
    }
    this.#queue.push(chunk);
    this.#size += chunk.length;
    if (this.#size < WINDOW) done();
    else this.#room = done;
    this.#travel(chunk.length);
  }

  /** The writer has said everything. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#travel(0);
  }

  /** The reader wants more. */
  pull(): void {
    this.#full = false;
    this.schedule();
  }

  /** What is under way is gone, and whoever waits to write may go on, to no avail. */
  clear(): void {
    this.#queue = [];
    this.#size = this.#due = 0;
    this.#makeRoom();
  }

  schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#deliver();
    });
  }

  get #closed(): boolean {
    const { dropped } = this.#link;
    return dropped === 'fin' || dropped === 'rst';
  }

  #travel(length: number): void {
    const arrive = () => {
      this.#due += length;
      this.schedule();
    };
    const { clock, latency } = this.#link;
    if (clock !== undefined && latency > 0) clock.setTimeout(arrive, latency);
    else arrive();
  }

  #deliver(): void {
    while (this.#link.dropped === null && !this.#full) {
      if (this.cut !== null && this.passed >= this.cut.bytes) {
        this.#link.drop(this.cut.kind);
        return;
      }
      if (this.#due === 0) break;
      if (this.to.destroyed) {
        // Nobody reads any more, and who writes is told so.
        this.clear();
        this.from.reset();
        return;
      }
      this.#pass(this.#take());
      if (this.#link.split < Number.POSITIVE_INFINITY) {
        this.schedule();
        return;
      }
    }
    if (this.#ended && this.#size === 0 && this.#due === 0 && this.#link.dropped === null) this.finish();
  }

  /** The reader hears of the end. */
  finish(): void {
    if (this.#told || this.to.destroyed) return;
    this.#told = true;
    this.#link.moved();
    this.to.push(null);
  }

  /** The next piece. */
  #take(): Buffer {
    const first = this.#queue[0] as Buffer;
    const room = this.cut === null ? Number.POSITIVE_INFINITY : this.cut.bytes - this.passed;
    const length = Math.min(first.length, this.#due, this.#link.split, room);
    if (length < first.length) this.#queue[0] = first.subarray(length);
    else this.#queue.shift();
    return first.subarray(0, length);
  }

  #pass(piece: Buffer): void {
    this.#size -= piece.length;
    this.#due -= piece.length;
    this.passed += piece.length;
    this.#link.moved();
    this.#full = !this.to.push(piece);
    if (this.#size < WINDOW) this.#makeRoom();
  }

  #makeRoom(): void {
    const room = this.#room;
    this.#room = null;
    room?.();
  }
}

/** One end of a connection in memory, which behaves like a TCP socket. */
export class MemorySocket extends Duplex {
  /** Set before `destroy`, the other side sees a reset and not an end. Sockets of `node:net` know it by the same name. */
  resetAndClosing = false;
  readonly #link: MemoryLink;
  readonly #in: Pipe;
  readonly #out: Pipe;

  /** @internal */
  constructor(link: MemoryLink, incoming: Pipe, outgoing: Pipe, allowHalfOpen: boolean) {
    super({ allowHalfOpen });
    this.#link = link;
    this.#in = incoming;
    this.#out = outgoing;
    incoming.to = this;
    outgoing.from = this;
  }

  /** There is nothing to be set. */
  setNoDelay(): this {
    return this;
  }

  /** Destroys it once everything is written. */
  destroySoon(): void {
    if (this.writable) this.end();
    if (this.writableFinished) this.destroy();
    else this.once('finish', this.destroy);
  }

  /** @internal It was reset by the other side. */
  reset(): void {
    this.destroy(Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET', syscall: 'read' }));
  }

  override _read(): void {
    this.#in.pull();
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.#out.write(chunk, done);
  }

  override _final(done: () => void): void {
    this.#out.end();
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#link.moved();
    this.#in.clear();
    if (this.resetAndClosing) this.#link.drop('rst');
    else this.#out.end();
    done(error);
  }
}

/**
 * One connection in memory, in full control of whoever holds it. Directions are the server's, as everywhere in this kit: `in`
 * comes from the client, `out` goes to it. What passes are the bytes of the wire, so under TLS those of its records.
 */
export class MemoryLink {
  /** Counts the attempts to connect, from 1 on. */
  readonly number: number;
  /** Where the client believes it is connected to. */
  readonly endpoint: Endpoint;
  /** The client's end and the server's. */
  readonly near: MemorySocket;
  /** The server's end. */
  readonly far: MemorySocket;
  /** The most bytes that arrive in one piece; any number by default, 1 is a dribble. */
  split: number = Number.POSITIVE_INFINITY;
  /** Milliseconds on the transport's clock that everything takes to arrive; 0 by default. */
  latency = 0;
  readonly #transport: MemoryTransport;
  readonly #pipes: Readonly<Record<Direction, Pipe>>;
  #dropped: DropKind | null = null;

  /** @internal Made by a `MemoryTransport`. */
  constructor(transport: MemoryTransport, number: number, endpoint: Endpoint) {
    this.#transport = transport;
    this.number = number;
    this.endpoint = endpoint;
    this.#pipes = { in: new Pipe(this), out: new Pipe(this) };
    this.near = new MemorySocket(this, this.#pipes.out, this.#pipes.in, false);
    this.far = new MemorySocket(this, this.#pipes.in, this.#pipes.out, true);
  }

  /** How many bytes have arrived, each way. */
  get passed(): Readonly<Record<Direction, number>> {
    return { in: this.#pipes.in.passed, out: this.#pipes.out.passed };
  }

  /** How it was dropped, if it was. */
  get dropped(): DropKind | null {
    return this.#dropped;
  }

  /** Whether both ends are closed. */
  get closed(): boolean {
    return this.near.closed && this.far.closed;
  }

  /**
   * Drops it as soon as so many bytes have arrived in a direction, counted from its beginning; the last of them does arrive, and
   * nothing after it in either direction. At most one place a direction: the latest that was said.
   */
  cut(direction: Direction, bytes: number, kind: DropKind): void {
    this.#pipes[direction].cut = { bytes, kind };
    this.#pipes[direction].schedule();
  }

  /**
   * Drops it now: both ends see an end (`fin`), an error (`rst`), or nothing at all any more (`silence`). What is under way
   * is lost. One that is silent can still be dropped in another way.
   */
  drop(kind: DropKind): void {
    if (this.#dropped !== null && this.#dropped !== 'silence') return;
    this.#dropped = kind;
    this.moved();
    if (kind === 'silence') return;
    for (const pipe of Object.values(this.#pipes)) {
      pipe.clear();
      if (kind === 'fin') pipe.finish();
    }
    // A turn later, so that what has arrived is read first.
    if (kind === 'rst') setImmediate(() => [this.near, this.far].map((end) => end.reset()));
  }

  /** @internal */
  get clock(): Clock | undefined {
    return this.#transport.clock;
  }

  /** @internal Something happened. */
  moved(): void {
    this.#transport.moved();
  }
}

/** Connections in memory; see `memoryTransport`. */
export class MemoryTransport {
  /** Every connection there was, in order. */
  readonly links: MemoryLink[] = [];
  /** Opens a connection; an option of `createClient`. */
  readonly connect: Connect;
  /** @internal */
  readonly clock: Clock | undefined;
  #moves = 0;

  /** @internal Made by `memoryTransport`. */
  constructor(acceptor: Acceptor, { onLink, clock }: MemoryOptions) {
    this.clock = clock;
    let count = 0;
    this.connect = async (endpoint, { signal }) => {
      signal.throwIfAborted();
      const link = new MemoryLink(this, ++count, endpoint);
      onLink?.(link);
      acceptor.accept(link.far, endpoint.tls === 'direct');
      this.links.push(link);
      this.moved();
      return link.near;
    };
  }

  /** The latest connection. */
  get link(): MemoryLink | undefined {
    return this.links.at(-1);
  }

  /**
   * Resolves when nothing moves any more on any connection: what happens next, time has to bring about.
   *
   * @param turns of the event loop without a move that are enough (default 10). What is computed in threads, as PBKDF2 is, may
   *   take longer.
   */
  async quiet(turns: number = QUIET): Promise<void> {
    let moves = this.#moves;
    for (let still = 0; still < turns; still += 1) {
      await new Promise((resolve) => setImmediate(resolve));
      if (this.#moves !== moves) still = -1;
      moves = this.#moves;
    }
  }

  /** Destroys both ends of every connection. */
  close(): void {
    for (const { near, far } of this.links) {
      near.destroy();
      far.destroy();
    }
  }

  /** @internal */
  moved(): void {
    this.#moves += 1;
  }
}

/**
 * Connects clients to a server in this process without a network, and lets a test do to every byte what networks do: cut the
 * connection behind it, deliver it alone, late, or never. Nothing depends on timing, so the same test takes the same course
 * every time, as far as TLS allows: its records vary in length by a few bytes.
 *
 *     const server = await testServer({ accounts: { romeo: 'secret' } });
 *     const memory = memoryTransport(server, { onLink: (link) => link.number === 1 && link.cut('in', 1000, 'rst') });
 *     const client = createClient({ jid: 'romeo@localhost', password: 'secret', ca: server.ca,
 *       endpoints: [server.endpoint], connect: memory.connect });
 */
export function memoryTransport(acceptor: Acceptor, options: MemoryOptions = {}): MemoryTransport {
  return new MemoryTransport(acceptor, options);
}
