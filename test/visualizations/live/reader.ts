/** A page as the server sees it: requests with any headers, and events that are read at the test's own pace. */
import { type ClientRequest, type IncomingHttpHeaders, type IncomingMessage, request } from 'node:http';
import type { Frame, Greeting, World } from '../../../visualizations/live/world.ts';
import { after } from '../../../visualizations/live/world.ts';

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface Ask {
  readonly method?: string;
  readonly headers?: { readonly [name: string]: string };
  readonly body?: string;
}

function open(url: string, { method = 'GET', headers = {} }: Ask = {}): [ClientRequest, Promise<IncomingMessage>] {
  const asking = request(url, { method, headers, agent: false });
  const response = new Promise<IncomingMessage>((resolve, reject) => {
    asking.on('response', resolve).on('error', reject);
  });
  return [asking, response];
}

/** One request and its whole answer. */
export async function ask(url: string, options: Ask = {}): Promise<Answer> {
  const [asking, response] = open(url, options);
  asking.end(options.body);
  const { statusCode = 0, headers } = await response;
  const chunks: Buffer[] = [];
  for await (const chunk of await response) chunks.push(chunk);
  return { status: statusCode, headers, body: Buffer.concat(chunks).toString('utf8') };
}

export interface Event {
  readonly type: string;
  readonly id: string;
  readonly data: string;
}

/** Someone who follows a live view. */
export class Reader {
  readonly events: Event[] = [];
  readonly frames: Frame[] = [];
  greetings = 0;
  world: World = {};
  comments = 0;
  /** The server or the reader has ended it. */
  closed = false;
  readonly response: IncomingMessage;
  #text = '';

  private constructor(response: IncomingMessage) {
    this.response = response;
    response.setEncoding('utf8');
    response.on('close', () => {
      this.closed = true;
    });
    response.on('error', () => {});
  }

  /** `paused` reads nothing until `read`. */
  static async follow(
    url: string,
    { last, paused = false }: { last?: string; paused?: boolean } = {},
  ): Promise<Reader> {
    const headers = last === undefined ? {} : { 'last-event-id': last };
    const [asking, response] = open(`${url}events`, { headers });
    asking.on('error', () => {});
    asking.end();
    const reader = new Reader(await response);
    if (!paused) reader.read();
    return reader;
  }

  get lastId(): string {
    return this.events.at(-1)?.id ?? '';
  }

  /** Reads from now on. */
  read(): void {
    this.response.on('data', (chunk: string) => {
      const parts = (this.#text + chunk).split('\n\n');
      this.#text = parts.pop() ?? '';
      for (const part of parts) this.#take(part);
    });
  }

  close(): void {
    this.response.destroy();
  }

  #take(part: string): void {
    if (part.startsWith(':')) {
      this.comments += 1;
      return;
    }
    const fields = Object.fromEntries(part.split('\n').map((line) => line.split(/: (.*)/s).slice(0, 2)));
    const { event: type = 'message', id = '', data } = fields as { [name: string]: string | undefined };
    if (data === undefined) return;
    this.events.push({ type, id, data });
    if (type === 'greeting') {
      this.greetings += 1;
      this.frames.length = 0;
      this.world = (JSON.parse(data) as Greeting).world;
      return;
    }
    for (const frame of JSON.parse(data) as Frame[]) {
      this.frames.push(frame);
      this.world = after(this.world, frame);
    }
  }
}
