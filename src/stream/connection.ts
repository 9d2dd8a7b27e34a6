/**
 * Bytes in both directions over one byte stream, which TLS may come to wrap: what is written within a tick goes out in one
 * piece, what arrives is parsed as it comes. It knows nothing of what any of it means.
 */
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import { type ParserHandler, type ParserLimits, StreamParser } from '../xml/parser.ts';

/** Who hears what a connection has to say. Must not throw. */
export interface ConnectionHandler extends ParserHandler {
  /** The peer will send no more. */
  ended(): void;
  /** The connection is gone; `error` is what the socket reported, if anything. */
  lost(error: Error | null): void;
  /** Bytes came that are a sign of life; what they mean follows. */
  heard(): void;
  /** Called before what is written goes out, to add to it. */
  flushing(): void;
  /** The peer reads again after it had fallen behind. */
  drained(): void;
}

/** Characters that are not held back until the end of the tick. */
const FULL = 64 * 1024;
/** Bytes the peer may be behind before nothing more is handed to the socket. */
const BEHIND = 1024 * 1024;
/** Milliseconds after which more of one stanza is no sign of life: a byte now and then would be one for years. */
const STANZA_TIME = 600_000;

export class Connection {
  readonly #handler: ConnectionHandler;
  readonly #now: () => number;
  #socket: Duplex;
  #limits: ParserLimits;
  #parser: StreamParser;
  #pending = '';
  #scheduled = false;
  #finished = false;
  #error: Error | null = null;
  /** When the last byte came that was a sign of life. */
  heardAt: number;
  /** Bytes that came. */
  received = 0;
  /** The stanza that is half read, and since when. */
  #unfinished: number | null = null;
  #since = 0;

  /** @param now milliseconds on a clock that never goes back. */
  constructor(socket: Duplex, handler: ConnectionHandler, limits: ParserLimits, now: () => number) {
    this.#socket = socket;
    this.#handler = handler;
    this.#limits = limits;
    this.#now = now;
    this.#parser = new StreamParser(handler, limits);
    this.heardAt = now();
    this.#listen();
  }

  /** The TLS socket, once there is one. */
  get tls(): TLSSocket | null {
    return 'getPeerX509Certificate' in this.#socket ? (this.#socket as TLSSocket) : null;
  }

  /** What may arrive from now on. */
  set limits(limits: ParserLimits) {
    this.#limits = limits;
    this.#parser.limits = limits;
  }

  /** Nothing can be written any more. */
  get finished(): boolean {
    return this.#finished;
  }

  /** So much is on its way to a peer which does not read that nothing should be added. */
  get congested(): boolean {
    return this.#socket.writableLength > BEHIND;
  }

  /** Writes at the end of this tick, or earlier when it is a lot. */
  write(text: string): void {
    if (this.#finished) return;
    this.#pending += text;
    if (this.#pending.length >= FULL) this.flush();
    else if (!this.#scheduled) {
      this.#scheduled = true;
      setImmediate(this.flush);
    }
  }

  /** Writes now what is pending. */
  readonly flush = (): void => {
    if (this.#finished) return;
    this.#handler.flushing();
    this.#scheduled = false;
    const text = this.#pending;
    if (text === '') return;
    this.#pending = '';
    this.#socket.write(text);
  };

  /** Drops what the parser knows: a new stream begins on this connection. RFC 6120 §4.3.3 */
  reset(): void {
    this.#parser = new StreamParser(this.#handler, this.#limits);
  }

  /** From inside a handler: nothing that follows belongs to this stream. */
  stopParsing(): void {
    this.#parser.stop();
  }

  /** Bytes followed the point at which parsing was stopped. */
  get trailing(): boolean {
    return this.#parser.trailing;
  }

  /** Takes the socket out of this connection's hands, for the TLS handshake. */
  release(): Duplex {
    this.flush();
    this.#unlisten();
    return this.#socket;
  }

  /** Goes on over `socket`, which wraps the one released. */
  adopt(socket: Duplex): void {
    this.#socket = socket;
    this.#listen();
  }

  /** Reads nothing more for now: the peer has to wait. What was read already is parsed. */
  pause(): void {
    this.#socket.pause();
  }

  /** Reads on. */
  resume(): void {
    if (!this.#socket.isPaused()) return;
    this.heardAt = this.#since = this.#now();
    this.#socket.resume();
  }

  /** Sends what is pending, and then that nothing more will come; the peer may go on speaking. */
  finish(): void {
    if (this.#finished) return;
    this.flush();
    this.#finished = true;
    this.#socket.end();
  }

  /** Sends what is pending, then closes both ways. */
  end(): void {
    this.flush();
    this.#finished = true;
    this.#socket.end(() => this.#socket.destroy());
  }

  /** Ends the socket as if the cable had been cut: what becomes of that is heard. */
  drop(): void {
    this.#socket.destroy();
  }

  /** Ends everything at once; nothing is heard any more. */
  destroy(): void {
    this.#finished = true;
    this.#pending = '';
    this.#unlisten();
    this.#socket.on('error', ignore);
    this.#socket.destroy();
  }

  #listen(): void {
    this.#socket.on('data', this.#data).on('end', this.#end).on('error', this.#failed).on('close', this.#closed);
    this.#socket.on('drain', this.#drain);
  }

  #unlisten(): void {
    this.#socket.off('data', this.#data).off('end', this.#end).off('error', this.#failed).off('close', this.#closed);
    this.#socket.off('drain', this.#drain);
  }

  readonly #data = (chunk: Uint8Array): void => {
    this.received += chunk.length;
    const now = this.#now();
    const late = this.#unfinished !== null && now - this.#since >= STANZA_TIME;
    if (!late) this.#heard(now);
    this.#parser.write(chunk);
    const { unfinished } = this.#parser;
    if (unfinished === this.#unfinished) return;
    this.#unfinished = unfinished;
    this.#since = now;
    if (late) this.#heard(now);
  };

  #heard(now: number): void {
    this.heardAt = now;
    this.#handler.heard();
  }

  readonly #end = (): void => this.#handler.ended();

  readonly #failed = (error: Error): void => {
    this.#error ??= error;
  };

  readonly #closed = (): void => {
    this.#finished = true;
    this.#handler.lost(this.#error);
  };

  readonly #drain = (): void => this.#handler.drained();
}

function ignore(): void {}
