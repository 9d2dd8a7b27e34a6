import type { Duplex } from 'node:stream';
import { TLSSocket, type TLSSocketOptions } from 'node:tls';
import type { Element } from '../xml/element.ts';
import { type ActiveFault, type Direction, type DropKind, type FaultList, type Match, matches } from './faults.ts';
import { Outlet, turn } from './outlet.ts';

/** What a wire needs of a socket: TCP's has it, and an end of a connection in memory. */
export type WireSocket = Duplex & { setNoDelay(on: boolean): unknown; destroySoon(): void };

/** What the owner of a wire hears of it. Must not throw. */
export interface WireHandler {
  /** Bytes of XML from the client. */
  data(bytes: Buffer): void;
  /** The client closed its side of the socket. */
  ended(): void;
  /** Nothing more will come or go. Called once, and not for a wire that fell silent. */
  closed(): void;
  /** What is pending is about to be written; the last chance to add to it. */
  flushing?(): void;
  /** Sees the bytes of XML as they really come and go. */
  tap?(direction: Direction, bytes: Buffer): void;
}

/** A fault as it applies to one connection. */
interface Rule {
  readonly active: ActiveFault;
  /** How many bytes had passed in each direction when it began to apply. */
  readonly base: Readonly<Record<Direction, number>>;
  spent: boolean;
}

/** Pending text is written when it has become so long, and not only at the end of the tick. */
const FLUSH_LENGTH = 64 * 1024;

/** Milliseconds to wait for the client's FIN after ours: closed before it, a socket answers what is under way with RST. */
const LINGER = 1000;

/**
 * One connection as the server's logic sees it: text goes out, bytes come in, and in between everything happens that can
 * go wrong. What is sent within one tick becomes one write.
 */
export class Wire {
  /** Settled when the socket is closed for good. */
  readonly closed: Promise<void>;
  readonly #handler: WireHandler;
  readonly #raw: WireSocket;
  #socket: WireSocket;
  readonly #outlet: Outlet;
  readonly #lists: readonly FaultList[];
  readonly #unwatch: (() => void)[];
  #rules: readonly Rule[] = [];
  readonly #passed: Record<Direction, number> = { in: 0, out: 0 };
  #pending = '';
  #scheduled = false;
  #state: 'open' | 'silent' | 'closing' | 'closed' = 'open';
  #begun = false;
  #told = false;
  #error: Error | undefined;
  #linger: NodeJS.Timeout | undefined;

  /** Takes over a socket that was just accepted, with `allowHalfOpen`. */
  constructor(socket: WireSocket, lists: readonly FaultList[], handler: WireHandler) {
    this.#raw = socket;
    this.#socket = socket;
    this.#handler = handler;
    this.#lists = lists;
    this.#outlet = new Outlet(socket);
    socket.setNoDelay(true);
    socket.on('error', this.#failed);
    this.closed = new Promise((resolve) => socket.on('close', () => resolve()));
    this.#unwatch = lists.map((list) => list.watch(() => this.#refresh()));
    this.#refresh();
  }

  /** Whether the logic may still speak and is still heard. */
  get open(): boolean {
    return this.#state === 'open';
  }

  /** What the socket failed with, if it did. */
  get error(): NodeJS.ErrnoException | undefined {
    return this.#error;
  }

  /** The byte stream in clear, a `net.Socket` where it came over TCP, under TLS if that has begun. */
  get socket(): Duplex {
    return this.#raw;
  }

  /** The socket that carries the XML, if it is encrypted. */
  get tls(): TLSSocket | undefined {
    return this.#socket instanceof TLSSocket ? this.#socket : undefined;
  }

  /** Begins to read, in clear; on a connection that begins with TLS `secure` does it. */
  start(): void {
    if (this.#admit()) this.#attach(this.#raw);
  }

  /** Sends text with the rest of this tick. `element` is what it says, for the faults that wait for it. */
  send(text: string, element?: Element): void {
    if (this.#state !== 'open') return;
    const struck = this.#rules.length > 0 ? element : undefined;
    if (struck !== undefined && this.#strike('before', 'out', struck)) return;
    this.#append(text);
    if (struck !== undefined) this.#strike('after', 'out', struck);
  }

  /** Hands an element that came in to `handle`, unless a fault comes before it or the wire is dead already. */
  receive(element: Element, handle: (element: Element) => void): void {
    if (this.#state !== 'open') return;
    if (this.#rules.length > 0 && this.#strike('before', 'in', element)) return;
    handle(element);
    if (this.#rules.length > 0) this.#strike('after', 'in', element);
  }

  /** Writes bytes as they are, behind everything sent so far. */
  write(bytes: Uint8Array): void {
    this.flush();
    if (this.#state === 'open') this.#emit(Buffer.from(bytes));
  }

  /** Writes what is pending now. */
  flush(): void {
    if (this.#state !== 'open') return;
    this.#handler.flushing?.();
    const text = this.#pending;
    if (text === '') return;
    this.#pending = '';
    if (this.#rules.length === 0 && this.#handler.tap === undefined) this.#outlet.write(text);
    else this.#emit(Buffer.from(text));
  }

  /** Resolves when everything sent so far is with the operating system, or never will be. */
  idle(): Promise<void> {
    this.flush();
    return this.#outlet.idle();
  }

  /**
   * Shakes hands as a TLS server, after everything sent so far. Rejects when that fails or the wire is closed before.
   */
  async secure(options: TLSSocketOptions): Promise<TLSSocket> {
    const raw = this.#raw;
    raw.pause();
    await this.idle();
    if (!this.#admit()) throw new Error('the connection was dropped before TLS');
    this.#detach();
    const socket = new TLSSocket(raw, { ...options, isServer: true });
    this.#socket = socket;
    this.#outlet.socket = socket;
    this.#attach(socket);
    return new Promise((resolve, reject) => {
      socket.on('error', this.#failed);
      socket.once('secure', () => resolve(socket));
      const fail = () => reject(this.#error ?? new Error('the connection was closed in the TLS handshake'));
      socket.once('end', fail).once('close', fail);
    });
  }

  /**
   * Ends the connection in order: what is pending, then FIN. What still comes in is ignored, until the client's FIN or
   * for `linger` milliseconds.
   */
  end(linger: number = LINGER): void {
    this.flush();
    if (this.#state !== 'open') return;
    this.#state = 'closing';
    this.#outlet.finally(() => {
      // Node closes the socket by itself once both sides have ended.
      this.#socket.end();
      if (linger < Number.POSITIVE_INFINITY) this.#linger = setTimeout(() => this.#socket.destroy(), linger);
    });
    this.#tell();
  }

  /** Drops the connection now, behind what is pending. */
  drop(kind: DropKind): void {
    if (this.#state === 'silent' && kind !== 'silence') this.#state = 'open';
    this.flush();
    if (this.#state !== 'open') return;
    this.#state = kind === 'silence' ? 'silent' : 'closing';
    if (kind === 'silence') return;
    this.#outlet.finally(() => (kind === 'fin' ? this.#socket.destroySoon() : void this.#reset()));
    this.#tell();
  }

  /** Closes the socket at once, whatever is pending. */
  destroy(): void {
    this.#gone();
    this.#socket.destroy();
    this.#raw.destroy();
  }

  /** Applies the faults that strike at once, and says whether there is still something to listen to. */
  #admit(): boolean {
    for (const { active } of this.#rules) {
      if (!('drop' in active.fault) || active.fault.when !== 'connect' || this.#begun) continue;
      active.use();
      this.drop(active.fault.drop);
    }
    this.#begun = true;
    return this.#state === 'open';
  }

  #attach(socket: Duplex): void {
    socket.on('data', this.#arrived).on('end', this.#ended).on('close', this.#gone);
  }

  #detach(): void {
    this.#raw.off('data', this.#arrived).off('end', this.#ended).off('close', this.#gone);
  }

  readonly #failed = (error: Error): void => {
    this.#error ??= error;
  };

  readonly #ended = (): void => {
    if (this.#state === 'open') this.#handler.ended();
  };

  /**
   * Resets the connection, a turn later: what libuv reads together with a RST it reports as data and FIN.
   *
   * `resetAndDestroy` would end the socket first, and the client could see a FIN before the RST. What that method sets is
   * what makes `destroy` reset.
   */
  async #reset(): Promise<void> {
    await turn();
    Object.assign(this.#raw, { resetAndClosing: true }).destroy();
  }

  readonly #gone = (): void => {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    clearTimeout(this.#linger);
    this.#outlet.stop();
    for (const unwatch of this.#unwatch) unwatch();
    this.#tell();
  };

  #tell(): void {
    if (this.#told) return;
    this.#told = true;
    this.#handler.closed();
  }

  readonly #arrived = (chunk: Buffer): void => {
    if (this.#state !== 'open') return;
    this.#handler.tap?.('in', chunk);
    const { bytes, cut } = this.#alter('in', chunk);
    if (bytes.length > 0) this.#handler.data(bytes);
    if (cut !== undefined) this.#cut(cut);
  };

  #append(text: string): void {
    this.#pending += text;
    if (this.#pending.length >= FLUSH_LENGTH) this.flush();
    else if (!this.#scheduled) {
      this.#scheduled = true;
      setImmediate(this.#flushLater);
    }
  }

  readonly #flushLater = (): void => {
    this.#scheduled = false;
    this.flush();
  };

  #emit(whole: Buffer): void {
    const { bytes, cut } = this.#alter('out', whole);
    if (bytes.length > 0) {
      this.#handler.tap?.('out', bytes);
      let delay = 0;
      let sizes: readonly number[] = [];
      for (const { active } of this.#rules) {
        const { fault } = active;
        if ('delay' in fault) delay += fault.delay;
        else if ('split' in fault) sizes = typeof fault.split === 'number' ? [fault.split] : fault.split;
        else continue;
        active.use();
      }
      this.#outlet.write(bytes, delay, sizes);
    }
    if (cut !== undefined) this.#cut(cut);
  }

  #refresh(): void {
    if (this.#pending !== '') this.flush();
    const known = new Map(this.#rules.map((rule) => [rule.active, rule]));
    const rules = this.#lists.flatMap((list) => [...list]);
    this.#rules = rules.map((active) => known.get(active) ?? { active, base: { ...this.#passed }, spent: false });
  }

  /** Drops the connection if a fault waits for this element. */
  #strike(side: 'before' | 'after', direction: Direction, element: Element): boolean {
    if (this.#state !== 'open') return false;
    for (const { active } of this.#rules) {
      if (!('drop' in active.fault)) continue;
      const when = active.fault.when as { direction: Direction; before?: Match; after?: Match };
      const match = when[side];
      if (match === undefined || when.direction !== direction || !matches(match, element)) continue;
      active.use();
      this.drop(active.fault.drop);
      return true;
    }
    return false;
  }

  /** What the faults make of bytes on their way, and the one that drops the connection behind them. */
  #alter(direction: Direction, chunk: Buffer): { bytes: Buffer; cut: ActiveFault | undefined } {
    const from = this.#passed[direction];
    let bytes = chunk;
    let cut: ActiveFault | undefined;
    for (const rule of this.#rules) {
      const { fault } = rule.active;
      if ('corrupt' in fault && fault.direction === direction) bytes = corrupted(rule, bytes, from, direction);
      if (!('drop' in fault) || typeof fault.when === 'string' || !('bytes' in fault.when)) continue;
      const end = rule.base[direction] + fault.when.bytes - from;
      if (fault.when.direction !== direction || end > bytes.length) continue;
      bytes = bytes.subarray(0, Math.max(0, end));
      cut = rule.active;
    }
    this.#passed[direction] += bytes.length;
    return { bytes, cut };
  }

  #cut(active: ActiveFault): void {
    if ('drop' in active.fault) {
      active.use();
      this.drop(active.fault.drop);
    }
  }
}

/** `bytes`, of which the first is number `from`, with what a corrupting fault changes among them. */
function corrupted(rule: Rule, bytes: Buffer, from: number, direction: Direction): Buffer {
  const { fault } = rule.active;
  if (!('corrupt' in fault) || rule.spent) return bytes;
  const start = rule.base[direction] + fault.corrupt - from;
  const replacement = fault.replace === undefined ? undefined : Buffer.from(fault.replace as string);
  const end = start + (replacement?.length ?? 1);
  if (end <= 0 || start >= bytes.length) return bytes;
  const copy = Buffer.from(bytes);
  for (let i = Math.max(0, start); i < Math.min(end, copy.length); i += 1) {
    copy[i] = replacement?.[i - start] ?? (copy[i] as number) ^ (fault.flip ?? 0x80);
  }
  if (end <= copy.length) {
    rule.spent = true;
    rule.active.use();
  }
  return copy;
}
