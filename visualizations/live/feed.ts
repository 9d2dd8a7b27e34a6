/** Server-sent events: the ring to whoever reads it, each at their own pace. */
import type { ServerResponse } from 'node:http';
import type { Ring } from './ring.ts';

/** Milliseconds that frames wait for company. */
const COALESCE = 50;
/** Milliseconds between signs of life while nothing happens. */
const HEARTBEAT = 15_000;
/** Milliseconds after which a browser that lost its connection tries again. */
const RETRY = 1_000;

interface Reader {
  readonly response: ServerResponse;
  /** The place of the next frame it gets. */
  next: number;
  /** It has not taken what it was given: it gets no more until it has. */
  full: boolean;
}

export class Feed {
  readonly #ring: Ring;
  readonly #greeting: () => string;
  /** Tells this recording from others that the same browser has followed. */
  readonly #run = Math.random().toString(36).slice(2, 10);
  readonly #readers = new Set<Reader>();
  #timer: NodeJS.Timeout | undefined;
  #heartbeat: NodeJS.Timeout | undefined;

  /** `greeting` gives the JSON of a `Greeting` for the world before the ring's first frame. */
  constructor(ring: Ring, greeting: () => string) {
    this.#ring = ring;
    this.#greeting = greeting;
  }

  /** Feeds a response until it is closed; from after the event with the id `last` on, where that is still possible. */
  add(response: ServerResponse, last: string | undefined): void {
    const reader: Reader = { response, next: this.#placeAfter(last), full: false };
    response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' });
    response.on('drain', () => {
      reader.full = false;
      this.#serve(reader);
    });
    response.on('close', () => this.#remove(reader));
    this.#readers.add(reader);
    this.#heartbeat ??= setInterval(() => this.#beat(), HEARTBEAT).unref();
    this.#write(reader, `retry: ${RETRY}\n\n`);
    this.#serve(reader);
  }

  /** There is a new frame in the ring. */
  wake(): void {
    if (this.#readers.size === 0) return;
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      for (const reader of this.#readers) this.#serve(reader);
    }, COALESCE).unref();
  }

  /** Ends every response. */
  close(): void {
    for (const reader of this.#readers) {
      reader.response.end();
      this.#remove(reader);
    }
  }

  #remove(reader: Reader): void {
    this.#readers.delete(reader);
    if (this.#readers.size > 0) return;
    clearTimeout(this.#timer);
    clearInterval(this.#heartbeat);
    this.#timer = undefined;
    this.#heartbeat = undefined;
  }

  /** -1 where there is nothing to go on from. */
  #placeAfter(id: string | undefined): number {
    const [, place, run] = /^(-?\d{1,15})@(\w+)$/.exec(id ?? '') ?? [];
    const next = Number(place) + 1;
    return run === this.#run && next <= this.#ring.next ? next : -1;
  }

  #serve(reader: Reader): void {
    while (!reader.full && (reader.next < this.#ring.next || reader.next < 0)) {
      if (reader.next < this.#ring.first) {
        reader.next = this.#ring.first;
        this.#event(reader, 'event: greeting\n', this.#greeting());
      } else {
        const { json, next } = this.#ring.batch(reader.next);
        reader.next = next;
        this.#event(reader, '', json);
      }
    }
  }

  #event(reader: Reader, type: string, json: string): void {
    this.#write(reader, `${type}id: ${reader.next - 1}@${this.#run}\ndata: ${json}\n\n`);
  }

  #beat(): void {
    for (const reader of this.#readers) if (!reader.full) this.#write(reader, ':\n\n');
  }

  #write(reader: Reader, text: string): void {
    if (!reader.response.write(text)) reader.full = true;
  }
}
