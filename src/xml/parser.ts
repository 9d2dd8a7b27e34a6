import type { Element } from './element.ts';
import { XmlError } from './error.ts';
import { Reader, type ReaderLimits } from './reader.ts';

/** What a stream may contain, and no more; beyond it the stream ends with `policy-violation`. */
export interface ParserLimits extends ReaderLimits {
  /** Bytes of one stanza, from the first `<` to the last `>`; and of the header, from the first byte on. */
  stanzaBytes: number;
}

/** The limits of an established session: 1 MiB a stanza. */
export const ONLINE_LIMITS: Readonly<ParserLimits> = {
  stanzaBytes: 1024 * 1024,
  depth: 100,
  attributes: 100,
  attributeLength: 64 * 1024,
};

/** The limits for a server that has not been authenticated: 64 KiB a stanza. */
export const CONNECT_LIMITS: Readonly<ParserLimits> = { ...ONLINE_LIMITS, stanzaBytes: 64 * 1024 };

/** Hears what arrives. Must not throw. */
export interface ParserHandler {
  /** The start tag of the document's root, whatever its name; an element without children. */
  header(root: Element): void;
  /** A complete child of the root. */
  element(element: Element): void;
  /** The end tag of the root. */
  footer(): void;
  /** What arrived cannot be accepted. Called once; the parser is dead afterwards. */
  error(error: XmlError): void;
}

/** Bytes that are decoded and parsed at once: no check of a limit is further away than that. */
const PIECE = 8 * 1024;

/** Unwinds sax when a handler called `stop`. */
const STOP = Symbol('stop');

/** One for all: without `stream` it keeps no state, and takes Node's fast path. */
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Parses one XML stream as its bytes arrive, cut anyhow, and reports the same for every cut (RFC 6120 §4). UTF-8 only,
 * restricted as RFC 6120 §11 wants it; memory is bounded by the limits at every moment.
 */
export class StreamParser {
  limits: ParserLimits;
  readonly #handler: ParserHandler;
  readonly #reader: Reader;
  /** The first bytes of a character whose rest has not come. */
  #partial: Uint8Array | undefined;
  /** The text being parsed, and the reader's position where it begins. */
  #piece = '';
  #base = 0;
  /** Bytes of the unfinished stanza in the pieces before. */
  #carried = 0;
  #stopped = false;
  #dead = false;
  #trailing = false;

  constructor(handler: ParserHandler, limits: ParserLimits = ONLINE_LIMITS) {
    this.#handler = handler;
    this.limits = limits;
    this.#reader = new Reader(
      {
        open: (root) => {
          this.#measure();
          handler.header(root);
          this.#unwind();
        },
        child: (element) => {
          this.#measure();
          handler.element(element);
          this.#unwind();
        },
        close: () => {
          this.#measure();
          handler.footer();
          this.#unwind();
        },
      },
      limits,
    );
  }

  /** Whether `stop` was called. */
  get stopped(): boolean {
    return this.#stopped;
  }

  /** Whether bytes came behind the point at which the parser was stopped. */
  get trailing(): boolean {
    return this.#trailing;
  }

  /** From inside a handler: delivers nothing of what follows. */
  stop(): void {
    this.#stopped = true;
  }

  /** Parses the next bytes; handlers are called before it returns. */
  write(chunk: Uint8Array): void {
    if (this.#stopped && chunk.length > 0) this.#trailing = true;
    this.#reader.limits = this.limits;
    this.#guard(() => {
      for (let from = 0; from < chunk.length && !this.#stopped; from += PIECE) {
        this.#decode(chunk.length <= PIECE ? chunk : chunk.subarray(from, from + PIECE), from + PIECE < chunk.length);
      }
    });
  }

  /** No more bytes will come; an error unless the document is complete. */
  end(): void {
    this.#guard(() => {
      if (this.#partial !== undefined) throw notUtf8();
      if (!this.#reader.closed) throw new XmlError('not-well-formed', 'the document ends before its root does');
    });
  }

  #guard(body: () => void): void {
    if (this.#dead || this.#stopped) return;
    try {
      body();
    } catch (error) {
      if (error === STOP) return;
      if (!(error instanceof XmlError)) throw error;
      this.#dead = true;
      this.#handler.error(error);
    }
  }

  #decode(bytes: Uint8Array, more: boolean): void {
    let whole = bytes;
    if (this.#partial !== undefined) whole = Buffer.concat([this.#partial, bytes]);
    const end = whole.length - incomplete(whole);
    let piece: string;
    try {
      piece = utf8.decode(end === whole.length ? whole : whole.subarray(0, end));
    } catch {
      if (bytes.length === 1) throw notUtf8();
      // What precedes the bad byte is still delivered, as it would have been had the bytes come one by one.
      const half = bytes.length >> 1;
      this.#decode(bytes.subarray(0, half), true);
      this.#decode(bytes.subarray(half), more);
      return;
    }
    this.#partial = end === whole.length ? undefined : whole.slice(end);
    this.#parse(piece, more || this.#partial !== undefined);
  }

  #parse(piece: string, more: boolean): void {
    const reader = this.#reader;
    this.#piece = piece;
    this.#base = reader.position;
    try {
      reader.write(piece);
    } finally {
      if (this.#stopped) this.#trailing = more || reader.position < this.#base + piece.length;
      this.#piece = '';
    }
    this.#carried = reader.idle
      ? 0
      : this.#carried + Buffer.byteLength(piece.slice(Math.max(reader.start - this.#base, 0)));
    if (this.#carried > this.limits.stanzaBytes) throw tooLong();
  }

  /** At the end of a stanza: checks its length, exactly. */
  #measure(): void {
    const from = Math.max(this.#reader.start - this.#base, 0);
    const to = this.#reader.position - this.#base;
    const carried = this.#carried;
    this.#carried = 0;
    // A code unit is three bytes at most; counting is for those who come near.
    if (carried + (to - from) * 3 <= this.limits.stanzaBytes) return;
    if (carried + Buffer.byteLength(this.#piece.slice(from, to)) > this.limits.stanzaBytes) throw tooLong();
  }

  #unwind(): void {
    if (this.#stopped) throw STOP;
  }
}

/** How many bytes at the end are the beginning of a character. */
function incomplete(bytes: Uint8Array): number {
  for (let back = 1; back <= 3 && back <= bytes.length; back += 1) {
    const byte = bytes[bytes.length - back] as number;
    if (byte < 0x80) return 0;
    if (byte >= 0xc0) return (byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2) > back ? back : 0;
  }
  return 0;
}

function tooLong(): XmlError {
  return new XmlError('policy-violation', 'stanza too long');
}

function notUtf8(): XmlError {
  return new XmlError('unsupported-encoding', 'not UTF-8');
}
