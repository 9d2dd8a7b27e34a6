/** The cable between one client and its server, a proxy on loopback to which everything happens that happens to cables. */
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

/** Seen from the client. */
export type Way = 'out' | 'in';

/**
 * How a connection ends:
 *
 * - `fin`, `rst`: both ends are told, in order or by a reset
 * - `silence`: nobody is told, and nothing goes either way any more
 * - `half-open client`: the client still takes it for open; the server is told
 * - `half-open server`: the server still takes it for open; the client is told
 */
export type CutKind = 'fin' | 'rst' | 'silence' | 'half-open client' | 'half-open server';

/** A cut to come: after so many more bytes in one direction, in the midst of whatever it may be. */
export interface Cut {
  readonly kind: CutKind;
  readonly way: Way;
  readonly bytes: number;
  /** Milliseconds after which an end that was not told sees the connection go, once the other is gone. */
  readonly late: number;
}

export class Cable {
  readonly #listener: Server;
  readonly #links = new Set<Connection>();
  readonly #onCut: (kind: CutKind) => void;
  readonly #cuts: { cut: Cut; left: number }[] = [];
  #stall: Record<Way, Promise<unknown> | null> = { out: null, in: null };
  readonly #latency: number;
  #extra = 0;
  #unplugged = false;
  port = 0;

  /**
   * @param target the port it leads to.
   * @param latency milliseconds from one end to the other.
   * @param onCut hears when a cut has come to pass.
   */
  constructor(target: number, latency: number, onCut: (kind: CutKind) => void) {
    this.#latency = latency;
    this.#onCut = onCut;
    this.#listener = createServer({ allowHalfOpen: true, noDelay: true }, (near) => {
      if (this.#unplugged) {
        reset(near);
        return;
      }
      const far = connect({ port: target, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
      const connection = new Connection(this, near, far);
      this.#links.add(connection);
      void connection.ended.then(() => this.#links.delete(connection));
    });
  }

  async plug(): Promise<void> {
    await once(this.#listener.listen(0, '127.0.0.1'), 'listening');
    this.port = (this.#listener.address() as { port: number }).port;
  }

  /** Cuts a connection when the time has come: this one or, if it is gone by then, one of the next. */
  cut(cut: Cut): void {
    this.#cuts.push({ cut, left: cut.bytes });
  }

  /** Keeps back everything in these directions for so many milliseconds, and loses none of it. */
  stall(ways: readonly Way[], ms: number): void {
    for (const way of ways) {
      const stall = delay(ms).then(() => {
        if (this.#stall[way] === stall) this.#stall[way] = null;
      });
      this.#stall[way] = stall;
    }
  }

  /** Lets everything be late by so many milliseconds more, for `ms`. */
  async slow(extra: number, ms: number): Promise<void> {
    this.#extra = extra;
    await delay(ms);
    this.#extra = 0;
  }

  /** Lets no connection live, nor begin, for so many milliseconds. */
  async unplug(ms: number): Promise<void> {
    this.#unplugged = true;
    for (const connection of this.#links) connection.reset();
    await delay(ms);
    this.#unplugged = false;
  }

  /** Nothing more happens to it. */
  mend(): void {
    this.#cuts.length = 0;
  }

  close(): void {
    for (const connection of this.#links) connection.reset();
    this.#listener.close();
  }

  /** Waits for what is in the way. */
  async passage(way: Way): Promise<void> {
    while (this.#stall[way] !== null) await this.#stall[way];
    await delay(this.#latency + this.#extra);
  }

  /** How many of these bytes may pass, and the cut behind them, if there is one. */
  admit(way: Way, bytes: number): [number, Cut | null] {
    const index = this.#cuts.findIndex(({ cut }) => cut.way === way);
    const next = this.#cuts[index];
    if (next === undefined) return [bytes, null];
    if (next.left > bytes) {
      next.left -= bytes;
      return [bytes, null];
    }
    this.#cuts.splice(index, 1);
    this.#onCut(next.cut.kind);
    return [next.left, next.cut];
  }
}

/** Resets a socket. One that is being ended can only be destroyed: Node would never close it, and never exit. */
function reset(socket: Socket): void {
  if (socket.writableEnded) socket.destroy();
  else socket.resetAndDestroy();
}

/** One end of a connection through the cable. */
interface End {
  readonly socket: Socket;
  /** Resolves when the socket is no more. */
  readonly closed: Promise<unknown>;
}

function endOf(socket: Socket): End {
  socket.on('error', () => {});
  return { socket, closed: new Promise((resolve) => socket.once('close', resolve)) };
}

/** A connection through the cable. */
class Connection {
  readonly ended: Promise<unknown>;
  readonly #cable: Cable;
  readonly #near: End;
  readonly #far: End;
  /** Nothing goes through any more. */
  #dead = false;

  constructor(cable: Cable, near: Socket, far: Socket) {
    this.#cable = cable;
    this.#near = endOf(near);
    this.#far = endOf(far);
    this.ended = Promise.all([this.#near.closed, this.#far.closed]);
    void this.#carry(this.#near, this.#far, 'out');
    void this.#carry(this.#far, this.#near, 'in');
  }

  /** Both ends see a reset. */
  reset(): void {
    this.#dead = true;
    reset(this.#near.socket);
    reset(this.#far.socket);
  }

  async #carry(from: End, to: End, way: Way): Promise<void> {
    try {
      for await (const bytes of from.socket.iterator({ destroyOnReturn: false })) {
        await this.#cable.passage(way);
        // Who is not told of a cut goes on talking.
        if (this.#dead) continue;
        const [admitted, cut] = this.#cable.admit(way, bytes.length);
        if (!to.socket.write(bytes.subarray(0, admitted))) await Promise.race([once(to.socket, 'drain'), to.closed]);
        if (cut !== null) this.#cut(cut);
      }
      if (this.#dead) from.socket.destroy();
      else to.socket.end();
    } catch {
      if (!this.#dead) this.reset();
    }
  }

  #cut({ kind, late }: Cut): void {
    this.#dead = true;
    switch (kind) {
      case 'fin':
        this.#near.socket.end();
        this.#far.socket.end();
        break;
      case 'rst':
        this.reset();
        break;
      case 'half-open client':
        reset(this.#far.socket);
        break;
      case 'half-open server':
        reset(this.#near.socket);
    }
    void this.#leave(this.#near, this.#far, late);
    void this.#leave(this.#far, this.#near, late);
  }

  /** When one end has gone, the other goes some time later. */
  async #leave(first: End, second: End, late: number): Promise<void> {
    await first.closed;
    await delay(late, undefined, { ref: false });
    second.socket.destroy();
  }
}
