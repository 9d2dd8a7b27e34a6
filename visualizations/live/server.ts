/**
 * The live view: a page on this machine that follows actors while they run.
 *
 * It listens on the loopback interface alone, answers only those who call it by a name of this machine (so that no web site
 * can have itself resolved to it), and lets a page interfere only where the program said so.
 */
import { randomBytes, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Inspector } from '../../src/client/inspect.ts';
import { Feed } from './feed.ts';
import { embedded, livePage, livePolicy, readPage, savedPage } from './page.ts';
import { Pictures } from './pictures.ts';
import { Recorder } from './record.ts';
import { Ring } from './ring.ts';
import type { BirthFrame, Greeting, Order } from './world.ts';

/** Options of `liveView`. */
export interface LiveViewOptions {
  /** Where to listen; default 0, a free port. */
  readonly port?: number;
  /** Lets the page start, stop and retry clients and cut their connections; default false. */
  readonly control?: boolean;
  /** Frames that are kept; default 20,000, within 32 MiB of JSON. */
  readonly limit?: number;
  /** The title of the page. */
  readonly title?: string;
}

/** What `liveView` resolves with. */
export interface LiveView extends AsyncDisposable {
  /** Goes to `createClient` or to XState's `createActor` as `inspect`; one for all. */
  readonly inspect: Required<Pick<Inspector, 'client'>> & Inspector;
  /** Where the page is. */
  readonly url: string;
  /** Ends the recording and every connection. */
  close(): Promise<void>;
}

const DEFAULT_LIMIT = 20_000;
const MAX_BYTES = 32 * 1024 * 1024;
/** Bytes of an order. */
const MAX_ORDER = 1_000;

const ACTIONS: readonly string[] = ['start', 'stop', 'retry', 'drop'] satisfies Order['action'][];

/** What every answer says. */
const HEADERS = {
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
};

/**
 * Starts a live view. What it shows is read from the program that it runs in, with secrets left out; it goes on until it is
 * closed.
 *
 * @throws Error if the port is taken (`code: 'EADDRINUSE'`), or the page was not built.
 */
export async function liveView(options: LiveViewOptions = {}): Promise<LiveView> {
  const { port = 0, control = false, limit = DEFAULT_LIMIT, title } = options;
  const page = await readPage();
  const pictures = new Pictures();
  const token = control ? randomBytes(16).toString('base64url') : null;
  const ring = new Ring({ limit, bytes: MAX_BYTES, isAlive: (actor) => recorder.isAlive(actor) });
  const recorder = new Recorder({
    push: (frame) => {
      ring.push(frame);
      feed.wake();
    },
    ended: (actor) => ring.ended(actor),
    chart: (machine) => pictures.keyOf(machine),
  });
  const feed = new Feed(ring, () => JSON.stringify({ world: ring.world, limit, control: token } satisfies Greeting));

  const server = createServer((request, response) => {
    answer(request, response).catch(() => {
      if (response.headersSent) response.destroy();
      else refuse(response, 500, 'something went wrong');
    });
  });
  await listen(server, port);
  const { port: actual } = server.address() as AddressInfo;
  const hosts = [`127.0.0.1:${actual}`, `localhost:${actual}`, `[::1]:${actual}`];

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    for (const [name, value] of Object.entries(HEADERS)) response.setHeader(name, value);
    const { host = '' } = request.headers;
    if (!hosts.includes(host)) return refuse(response, 403, 'this is not the host you are looking for');
    const [path = ''] = (request.url ?? '').split('?');
    const picture = /^\/charts\/(\w{1,100})\.svg$/.exec(path)?.[1];
    const known = ['/', '/events', '/saved', '/control'].includes(path) || picture !== undefined;
    if (!known) return refuse(response, 404, 'there is nothing here');
    const method = path === '/control' ? 'POST' : 'GET';
    if (request.method !== method) {
      response.setHeader('allow', method);
      return refuse(response, 405, `this takes ${method}`);
    }
    if (path === '/control') return takeOrder(request, response);
    if (path === '/events') return feed.add(response, single(request.headers['last-event-id']));
    if (path === '/saved') return save(response);
    if (picture !== undefined) return show(response, picture);
    const nonce = newNonce();
    response.setHeader('content-security-policy', livePolicy(nonce));
    send(response, 'text/html; charset=utf-8', livePage(page, nonce, title));
  }

  async function show(response: ServerResponse, key: string): Promise<void> {
    const picture = await pictures.get(key);
    if (picture === undefined) return refuse(response, 404, 'there is no such picture');
    response.setHeader('content-security-policy', "default-src 'none'; style-src 'unsafe-inline'");
    send(response, 'image/svg+xml', picture);
  }

  /** What is kept now, whatever happens while it is sent. */
  async function save(response: ServerResponse): Promise<void> {
    const { world } = ring;
    const frames = ring.frames();
    const births = Object.values(world).map(({ birth }) => birth);
    for (const frame of frames) if (frame.includes('"kind":"birth"')) births.push(JSON.parse(frame));
    const charts: { [key: string]: string } = {};
    for (const { chart } of births as readonly Partial<BirthFrame>[]) {
      if (chart && charts[chart] === undefined) charts[chart] = (await pictures.get(chart)) ?? '';
    }
    const [before, afterwards] = savedPage(page, newNonce(), title);
    response.setHeader('content-type', 'text/html; charset=utf-8');
    response.setHeader('content-disposition', `attachment; filename="recording-${stamp(new Date())}.html"`);
    await pipeline(Readable.from(parts(), { objectMode: true }), response);

    function* parts(): Generator<string> {
      yield before;
      yield embedded(
        `{"world":${JSON.stringify(world)},"limit":${limit},"charts":${JSON.stringify(charts)},"frames":[`,
      );
      for (const [index, frame] of frames.entries()) yield `${index === 0 ? '' : ','}\n${embedded(frame)}`;
      yield `]}${afterwards}`;
    }
  }

  async function takeOrder(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { host, origin, 'content-type': type = '', 'x-control': given } = request.headers;
    if (token === null) return refuse(response, 403, 'this view is for looking only');
    if (origin !== `http://${host}`) return refuse(response, 403, 'the page of this view alone may do this');
    if (!same(single(given) ?? '', token)) return refuse(response, 403, 'the token is wrong');
    if (!/^application\/json\s*(;|$)/i.test(type)) return refuse(response, 415, 'this takes application/json');
    const body = await read(request, MAX_ORDER);
    if (body === null) return refuse(response, 413, 'this is too long');
    const order = orderOf(body);
    if (order === null) return refuse(response, 400, 'this is not an order');
    const outcome = recorder.order(order);
    if (outcome === 'unknown') return refuse(response, 404, 'there is no such actor');
    if (outcome === 'refused') return refuse(response, 409, 'the actor does not take this now');
    response.writeHead(204).end();
  }

  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => {
    closing ??= new Promise((resolve) => {
      recorder.close();
      feed.close();
      server.close(() => resolve());
      server.closeAllConnections();
    });
    return closing;
  };
  const inspect = Object.assign((event: Parameters<Inspector>[0]) => recorder.inspect(event), {
    client: (client: Parameters<Required<Inspector>['client']>[0]) => recorder.client(client),
  });
  return { inspect, url: `http://127.0.0.1:${actual}/`, close, [Symbol.asyncDispose]: close };
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => {
      server.off('error', reject);
      resolve();
    });
  });
}

function send(response: ServerResponse, type: string, body: string): void {
  response.writeHead(200, { 'content-type': type, 'content-length': Buffer.byteLength(body) }).end(body);
}

function refuse(response: ServerResponse, status: number, why: string): void {
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' }).end(`${why}\n`);
}

/** The body as text; null if it is longer than `most` bytes. It is read to its end, or the answer might get lost. */
async function read(request: IncomingMessage, most: number): Promise<string | null> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    size += chunk.length;
    if (size <= most) chunks.push(chunk);
  }
  return size > most ? null : Buffer.concat(chunks).toString('utf8');
}

function orderOf(json: string): Order | null {
  try {
    const { actor, action } = JSON.parse(json) as { actor?: unknown; action?: unknown };
    if (typeof actor !== 'string' || typeof action !== 'string' || !ACTIONS.includes(action)) return null;
    return { actor, action: action as Order['action'] };
  } catch {
    return null;
  }
}

function same(given: string, expected: string): boolean {
  const [one, other] = [Buffer.from(given), Buffer.from(expected)];
  return one.length === other.length && timingSafeEqual(one, other);
}

const single = (header: string | string[] | undefined): string | undefined =>
  Array.isArray(header) ? header[0] : header;

const newNonce = (): string => randomBytes(16).toString('base64');

/** `2030-01-31T12-00-00`, which every file system takes. */
const stamp = (date: Date): string => date.toISOString().slice(0, 19).replaceAll(':', '-');
