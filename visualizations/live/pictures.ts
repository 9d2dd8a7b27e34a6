/** The pictures of machines, drawn when somebody wants to see them. */
import { readdir, readFile } from 'node:fs/promises';
import { Worker } from 'node:worker_threads';
import type { AnyStateMachine } from 'xstate';
import { type Chart, chartOf } from '../chart.ts';
import { fingerprint } from '../svg.ts';

/** Charts that are kept, with their pictures. */
const MAX_CHARTS = 100;

/** The pictures that come with the package, which need not be drawn. */
const SHIPPED = new URL('../../../visualizations/charts/', import.meta.url);

export class Pictures {
  /** By configuration: a machine that is given other implementations has the same chart. */
  readonly #keys = new WeakMap<object, string>();
  /** The latest asked for last. */
  readonly #charts = new Map<string, Chart>();
  readonly #pictures = new Map<string, Promise<string>>();
  #shipped: Promise<ReadonlyMap<string, URL>> | undefined;
  /** One is drawn at a time. */
  #drawing: Promise<unknown> = Promise.resolve();

  /** The key of a machine's picture, the same for machines that look the same. */
  keyOf(machine: AnyStateMachine): string {
    const known = this.#keys.get(machine.config);
    const chart = (known === undefined ? undefined : this.#charts.get(known)) ?? chartOf(machine);
    const key = known ?? fingerprint(chart);
    this.#keys.set(machine.config, key);
    this.#charts.delete(key);
    this.#charts.set(key, chart);
    const [oldest] = this.#charts.keys();
    if (this.#charts.size > MAX_CHARTS && oldest !== undefined) {
      this.#charts.delete(oldest);
      this.#pictures.delete(oldest);
    }
    return key;
  }

  /** The SVG document with that key; one that says why where it cannot be drawn. Undefined for a key nobody has given. */
  get(key: string): Promise<string> | undefined {
    const chart = this.#charts.get(key);
    if (chart === undefined) return undefined;
    const picture = this.#pictures.get(key) ?? this.#find(key, chart).catch((error) => apology(chart, error));
    this.#pictures.set(key, picture);
    return picture;
  }

  async #find(key: string, chart: Chart): Promise<string> {
    this.#shipped ??= shipped();
    const file = (await this.#shipped).get(key);
    if (file !== undefined) return readFile(file, 'utf8');
    const drawn = this.#drawing.then(() => draw(chart));
    this.#drawing = drawn.catch(() => {});
    return drawn;
  }
}

async function shipped(): Promise<ReadonlyMap<string, URL>> {
  const files = new Map<string, URL>();
  for (const name of await readdir(SHIPPED).catch(() => [])) {
    if (!name.endsWith('.svg')) continue;
    const file = new URL(name, SHIPPED);
    const key = /data-fingerprint="(\w+)"/.exec((await readFile(file, 'utf8')).slice(0, 2_000))?.[1];
    if (key !== undefined) files.set(key, file);
  }
  return files;
}

/** Drawing takes up to seconds: it has a thread of its own, so that it does not hold up what is looked at. */
function draw(chart: Chart): Promise<string> {
  return new Promise((resolve, reject) => {
    // What the program was started with is not meant for this: `--input-type` would break it, `--inspect` wait.
    const worker = new Worker(new URL('./draw.js', import.meta.url), { workerData: chart, execArgv: [] });
    worker.unref();
    worker.on('message', resolve);
    worker.on('error', reject);
    worker.on('exit', () => reject(new Error('the drawing was broken off')));
  });
}

function apology({ id }: Chart, error: Error): string {
  const lines = [`The chart of ${id} could not be drawn.`, error.message].map((line) => line.slice(0, 90));
  const text = lines.map((line, index) => `<text x="16" y="${28 + 22 * index}">${escaped(line)}</text>`);
  const look = 'width="640" height="72" viewBox="0 0 640 72" font-family="sans-serif" font-size="13" fill="#888"';
  return `<svg xmlns="http://www.w3.org/2000/svg" ${look}>${text.join('')}</svg>\n`;
}

/** Text within XML or HTML. */
export function escaped(text: string): string {
  const printable = text.replace(/[^\t\n\r\x20-\ud7ff\ue000-\ufffd]/gu, '\ufffd');
  return printable.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}
