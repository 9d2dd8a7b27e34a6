/**
 * `npm run bench` after the build: measures xstanza and `@xmpp/client` in turns against the same server and prints what
 * each needs, what that is in relation, and what is aimed for. It judges nothing: figures differ from machine to machine.
 *
 *     node dist/test/bench/main.js                 everything
 *     node dist/test/bench/main.js receive send    the measures whose name is given
 */
import { type ChildProcess, fork, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Measurement } from './measures.ts';
import { type Figures, INSTALLED, type Ready, type Task } from './protocol.ts';

const CONTENDERS = ['xstanza', '@xmpp/client'] as const;
type Contender = (typeof CONTENDERS)[number];

/** How often everything is measured; the median counts. One more round goes before, to warm up. */
const ROUNDS = 7;

interface Row {
  readonly title: string;
  readonly measure: Measurement;
  readonly figure: string;
  readonly unit: string;
  /** What to reach: in relation to `@xmpp/client`, or in the unit of the row. */
  readonly aim?: { readonly ratio: number } | { readonly value: number };
}

const ROWS: readonly Row[] = [
  { title: 'receive', measure: 'receive', figure: 'cpu', unit: 'µs', aim: { ratio: 0.83 } },
  { title: 'receive, stream management', measure: 'receiveManaged', figure: 'cpu', unit: 'µs', aim: { ratio: 0.85 } },
  { title: 'send, 100 in a row', measure: 'send', figure: 'cpu', unit: 'µs', aim: { ratio: 0.07 } },
  { title: 'send, one write a stanza', measure: 'sendSingly', figure: 'cpu', unit: 'µs', aim: { ratio: 0.54 } },
  { title: 'send, stream management', measure: 'sendManaged', figure: 'cpu', unit: 'µs', aim: { ratio: 0.06 } },
  { title: 'echo', measure: 'echo', figure: 'cpu', unit: 'µs', aim: { ratio: 0.23 } },
  { title: 'IQ, 100 in flight', measure: 'ping', figure: 'cpu', unit: 'µs', aim: { ratio: 0.29 } },
  { title: 'STARTTLS login', measure: 'login', figure: 'cpu', unit: 'ms CPU', aim: { value: 4 } },
  { title: 'STARTTLS login on loopback', measure: 'login', figure: 'time', unit: 'ms' },
  { title: 'STARTTLS login, 20 ms away', measure: 'starttls', figure: 'time', unit: 'ms' },
  { title: '', measure: 'starttls', figure: 'flights', unit: 'flights', aim: { value: 9 } },
  { title: 'direct TLS login, 20 ms away', measure: 'direct', figure: 'time', unit: 'ms' },
  { title: '', measure: 'direct', figure: 'flights', unit: 'flights', aim: { value: 7 } },
  { title: 'idle client', measure: 'idle', figure: 'heap', unit: 'KiB', aim: { value: 24 } },
];

/** A process running one of the files beside this one. Whatever ends it early ends everything. */
function run(file: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): ChildProcess {
  const path = join(dirname(fileURLToPath(import.meta.url)), file);
  const child = fork(path, args, { execArgv: [...process.execArgv, '--expose-gc'], env: { ...process.env, ...env } });
  child.once('exit', (code) => {
    if (code !== 0) throw new Error(`${[file, ...args].join(' ')} ended early`);
  });
  return child;
}

/** What a process says next. */
async function answer<T>(child: ChildProcess): Promise<T> {
  const [message] = await once(child, 'message');
  return message as T;
}

/** Measures with both in turns, each in a process that has done nothing else, and gives the medians. */
async function compare(task: Task, env: NodeJS.ProcessEnv): Promise<Record<Contender, Figures>> {
  const children = CONTENDERS.map((contender) => run('contender.js', [contender], env));
  const results: Figures[][] = children.map(() => []);
  for (let round = 0; round <= ROUNDS; round += 1) {
    for (const [index, child] of children.entries()) {
      child.send(task);
      const figures = await answer<Figures>(child);
      if (round > 0) results[index]?.push(figures);
    }
  }
  for (const child of children) child.disconnect();
  const [xstanza, other] = results.map(medians);
  return { xstanza: xstanza as Figures, '@xmpp/client': other as Figures };
}

function medians(rounds: readonly Figures[]): Figures {
  const names = Object.keys(rounds[0] ?? {});
  return Object.fromEntries(names.map((name) => [name, median(rounds.map((figures) => figures[name] as number))]));
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] as number;
}

function print({ title, figure, unit, aim }: Row, figures: Record<Contender, Figures>): void {
  const [ours, theirs] = CONTENDERS.map((contender) => figures[contender][figure] as number) as [number, number];
  const aimed = aim === undefined ? '' : 'ratio' in aim ? aim.ratio.toFixed(2) : `${aim.value} ${unit}`;
  line(title, `${round(ours)} ${unit}`, `${round(theirs)} ${unit}`, (ours / theirs).toFixed(2), aimed);
}

function round(value: number): string {
  return value.toFixed(value < 100 && !Number.isInteger(value) ? 1 : 0);
}

function line(title: string, ...cells: readonly string[]): void {
  console.log(title.padEnd(30) + cells.map((cell) => cell.padStart(15)).join(''));
}

/** `@xmpp/client` is needed here alone, so that it is not among what a developer installs. */
function install(): void {
  if (existsSync(join(dirname(INSTALLED), 'node_modules'))) return;
  console.log('npm ci --prefix test/bench    installs @xmpp/client to compare with');
  const { status } = spawnSync('npm', ['ci', '--prefix', dirname(INSTALLED)], { stdio: 'inherit' });
  if (status !== 0) process.exit(1);
}

install();
const folder = mkdtempSync(join(tmpdir(), 'xstanza-bench-'));
process.once('exit', () => rmSync(folder, { recursive: true }));
const firehose = run('firehose.js', []);
const { ports, ca } = await answer<Ready>(firehose);
// Both are to trust the server by Node's own means, which is all that one of them offers.
const authority = join(folder, 'ca.pem');
writeFileSync(authority, ca);

const wanted = process.argv.slice(2);
line(`median of ${ROUNDS}`, ...CONTENDERS, 'ratio', 'aim');
for (const measure of new Set(ROWS.map((row) => row.measure))) {
  if (wanted.length > 0 && !wanted.includes(measure)) continue;
  const figures = await compare({ measure, ports }, { NODE_EXTRA_CA_CERTS: authority });
  for (const row of ROWS) if (row.measure === measure) print(row, figures);
}
firehose.disconnect();
