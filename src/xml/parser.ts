import type { Element } from './element.ts';
import { excessive, malformed, notUtf8, XmlError } from './error.ts';
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
  /**
   * The start tag of the document's root, whatever its name: an element without children. `content` is the default namespace
   * inside it, empty for none.
   */
  header(root: Element, content: string): void;
  /** A complete child of the root. */
  element(element: Element): void;
  /** The end tag of the root. */
  footer(): void;
  /** What arrived cannot be accepted. Called once; the parser is dead afterwards. */
  error(error: XmlError): void;
}

/**
 * Bytes that are decoded and parsed at once. Long texts and values that an application keeps are views of their piece, so
 * this is what a short one may hold in memory; and it is how far a limit can be passed before that is noticed.
 */
const PIECE = 2 * 1024;

/** Unwinds sax when a handler called `stop`. */
const STOP = Symbol('stop');

/** One for all: without `stream` it keeps no state, and takes Node's fast path. */
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Parses one XML stream as its bytes arrive, cut anyhow, and reports the same for every cut (RFC 6120 §4). UTF-8 only,
 * restricted as RFC 6120 §11 wants it. Its limits hold at every moment, not only at the end of a stanza.
 */
export class StreamParser {
  /** What may arrive from now on; the limits of the next `write`. */
  limits: ParserLimits;
  readonly #handler: ParserHandler;
  readonly #reader: Reader;
  /** The first bytes of a character whose others have not come. */
  #partial: Uint8Array | undefined;
  /** The text being parsed, and the reader's position where it begins. */
  #piece = '';
  #base = 0;
  /** Bytes of the unfinished stanza in the pieces before. */
  #carried = 0;
  #failed = false;
  #stopped = false;
  #trailing = false;

  constructor(handler: ParserHandler, limits: ParserLimits = ONLINE_LIMITS) {
    this.#handler = handler;
    this.limits = limits;
    this.#reader = new Reader(
      {
        open: (root, content) => {
          this.#complete();
          handler.header(root, content);
          this.#unwind();
        },
        child: (element) => {
          this.#complete();
          handler.element(element);
          this.#unwind();
        },
        close: () => {
          this.#complete();
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

  /** Whether bytes came behind the end of what was delivered last before `stop`. */
  get trailing(): boolean {
    return this.#trailing;
  }

  /** Where the stanza began that is half read, or the header; null between two stanzas. */
  get unfinished(): number | null {
    return this.#reader.idle ? null : this.#reader.start;
  }

  /** From inside a handler: nothing that follows is parsed or delivered. */
  stop(): void {
    this.#stopped = true;
  }

  /** Parses the next bytes. What is complete has been delivered when it returns. */
  write(chunk: Uint8Array): void {
    if (this.#stopped && chunk.length > 0) this.#trailing = true;
    this.#reader.limits = this.limits;
    this.#attempt(() => {
      for (let i = 0; i < chunk.length; i += PIECE) {
        const bytes = chunk.length <= PIECE ? chunk : chunk.subarray(i, i + PIECE);
        this.#decode(bytes, i + PIECE < chunk.length);
      }
    });
  }

  /** No more bytes will come: an error unless the footer has. */
  end(): void {
    this.#attempt(() => {
      if (this.#partial !== undefined) throw notUtf8();
      if (!this.#reader.closed) throw malformed('the document ends before its root does');
    });
  }

  #attempt(body: () => void): void {
    if (this.#failed || this.#stopped) return;
    try {
      body();
    } catch (error) {
      if (error === STOP) return;
      if (!(error instanceof XmlError)) throw error;
      this.#failed = true;
      this.#reader.release();
      this.#handler.error(error);
    }
  }

  /** Parses some bytes; `more` says whether others of the same chunk follow. */
  #decode(bytes: Uint8Array, more: boolean): void {
    const known = this.#partial === undefined ? bytes : Buffer.concat([this.#partial, bytes]);
    const end = known.length - incomplete(known);
    let piece: string;
    try {
      piece = utf8.decode(end < known.length ? known.subarray(0, end) : known);
    } catch {
      if (bytes.length === 1) throw notUtf8();
      // What precedes the bad byte is to be delivered, as it is when the bytes come one by one.
      const half = bytes.length >> 1;
      this.#decode(bytes.subarray(0, half), true);
      this.#decode(bytes.subarray(half), more);
      return;
    }
    this.#partial = end < known.length ? Uint8Array.from(known.subarray(end)) : undefined;
    this.#parse(piece, more || end < known.length);
  }

  #parse(piece: string, more: boolean): void {
    const reader = this.#reader;
    const middle = middleOf(piece);
    if (middle > 0 && this.#mayExceed(piece.length)) {
      // What is too long is to be noticed before what is wrong behind it, as it is when the bytes come one by one.
      this.#parse(piece.slice(0, middle), true);
      this.#parse(piece.slice(middle), more);
      return;
    }
    this.#piece = piece;
    this.#base = reader.position;
    try {
      reader.write(piece);
    } finally {
      this.#trailing = this.#stopped && (more || reader.position < this.#base + piece.length);
    }
    this.#carried = reader.idle ? 0 : this.#size(piece.length);
    this.#piece = '';
    if (this.#carried > this.limits.stanzaBytes) throw excessive('a stanza too long');
  }

  /** Whether a piece of that length may have too much in it; a code unit has three bytes at most. */
  #mayExceed(length: number): boolean {
    const { stanzaBytes, attributeLength } = this.limits;
    return this.#carried + length * 3 > stanzaBytes || this.#reader.longest + length > attributeLength;
  }

  /** Bytes of the header, stanza or footer being read, up to `end` in this piece. */
  #size(end: number): number {
    return this.#carried + Buffer.byteLength(this.#piece.slice(Math.max(this.#reader.start - this.#base, 0), end));
  }

  /** Checks the length of what is about to be delivered. */
  #complete(): void {
    const end = this.#reader.position - this.#base;
    // A code unit has three bytes at most, so there is nothing to count unless that comes near the limit.
    if (this.#carried + end * 3 > this.limits.stanzaBytes && this.#size(end) > this.limits.stanzaBytes)
      throw excessive('a stanza too long');
    this.#carried = 0;
  }

  #unwind(): void {
    if (this.#stopped) throw STOP;
  }
}

/** Where a text can be cut in two halves, and no character with it; 0 if nowhere. */
function middleOf(text: string): number {
  const middle = text.length >> 1;
  const code = text.charCodeAt(middle);
  return code >= 0xdc00 && code <= 0xdfff ? middle - 1 : middle;
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
