/** Packets that are really lost: a client in a network namespace of its own, whose cable is pulled and whose routes end nowhere. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { createServer, type Server } from 'node:net';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import * as assert from 'uvu/assert';
import type { TestServer } from '../../src/testing/server.ts';
import { suite } from '../harness.ts';
import { ensurePackages } from '../servers/install.ts';
import { chaosServer } from './world.ts';

const test = suite('chaos/black-hole', 60_000);

const execute = promisify(execFile);
const ip = (...args: string[]) => execute('ip', args);

/** A cable between this machine and a namespace: its ends, and the addresses there. */
class Cable {
  readonly space: string;
  readonly #near: string;
  readonly here: string;
  readonly there: string;

  constructor() {
    const { pid } = process;
    this.space = `xstanza-${pid}`;
    this.#near = `xs${pid}h`;
    // Of the addresses that are kept for measuring networks. RFC 2544
    const net = `198.18.${(pid >> 6) & 255}`;
    const first = (pid & 63) * 4;
    this.here = `${net}.${first + 1}`;
    this.there = `${net}.${first + 2}`;
  }

  async lay(): Promise<void> {
    const far = `${this.#near.slice(0, -1)}n`;
    try {
      await ip('netns', 'add', this.space);
    } catch (error) {
      const reason = String((error as { stderr?: string }).stderr ?? error).trim();
      throw new Error(
        `black holes need network namespaces, and so root: ${reason}; XSTANZA_SERVERS=none leaves them out`,
      );
    }
    await ip('link', 'add', this.#near, 'type', 'veth', 'peer', 'name', far, 'netns', this.space);
    await ip('address', 'add', `${this.here}/30`, 'dev', this.#near);
    await ip('link', 'set', this.#near, 'up');
    await this.inside('address', 'add', `${this.there}/30`, 'dev', far);
    await this.inside('link', 'set', far, 'up');
  }

  /** Runs `ip` in the namespace. */
  inside(...args: string[]) {
    return ip('-n', this.space, ...args);
  }

  pull(): Promise<unknown> {
    return ip('link', 'set', this.#near, 'down');
  }

  plug(): Promise<unknown> {
    return ip('link', 'set', this.#near, 'up');
  }

  /** The cable goes with the namespace. */
  async remove(): Promise<void> {
    await ip('link', 'delete', this.#near).catch(() => {});
    await ip('netns', 'delete', this.space);
  }
}

/** The program in the namespace. */
class Program {
  readonly #child: ChildProcess;
  readonly #said: string[] = [];
  /** Everything it has said. */
  readonly log: string[] = [];
  #wake = () => {};
  readonly ended: Promise<number | null>;

  constructor(cable: Cable, env: Record<string, string>) {
    const script = fileURLToPath(new URL('./hole-child.js', import.meta.url));
    const args = ['netns', 'exec', cable.space, process.execPath, script];
    this.#child = spawn('ip', args, { stdio: ['pipe', 'pipe', 'inherit'], env: { ...process.env, ...env } });
    createInterface(this.#child.stdout as NodeJS.ReadableStream).on('line', (line) => {
      this.#said.push(line);
      this.log.push(line);
      this.#wake();
    });
    this.ended = new Promise((resolve) => this.#child.on('close', resolve));
  }

  tell(line: string): void {
    this.#child.stdin?.write(`${line}\n`);
  }

  stop(): void {
    this.#child.stdin?.end('stop\n');
  }

  /** Waits for what was not waited for yet; whatever came before it is returned. */
  async until(line: string): Promise<string[]> {
    for (;;) {
      const index = this.#said.indexOf(line);
      if (index !== -1) return this.#said.splice(0, index + 1).slice(0, -1);
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }
}

/** Milliseconds that all of it may take: what was made is taken away then, too. */
const LIMIT = 30_000;

async function late({ log }: Program): Promise<never> {
  await sleep(LIMIT, undefined, { ref: false });
  throw new Error(`it took longer than ${LIMIT} ms: ${log.join(', ')}`);
}

/** Makes the cable, a server at this end and a client at the other. */
async function wired(body: (program: Program, cable: Cable) => Promise<unknown>): Promise<void> {
  const cable = new Cable();
  let server: TestServer | undefined;
  let gate: Server | undefined;
  let program: Program | undefined;
  await cable.lay();
  try {
    const accepting = await chaosServer();
    server = accepting;
    gate = createServer({ allowHalfOpen: true }, (socket) => accepting.accept(socket));
    const { here } = cable;
    await new Promise<void>((resolve) => gate?.listen(0, here, resolve));
    const { port } = gate.address() as { port: number };
    program = new Program(cable, { CHAOS_SERVER: JSON.stringify({ host: here, port, ca: accepting.ca }) });
    await Promise.race([body(program, cable), late(program)]);
  } finally {
    program?.kill();
    gate?.close();
    await server?.close();
    await cable.remove();
  }
}

const title = 'packets that are dropped: timeout, and the session goes on where packets go through again';

if (process.env.XSTANZA_SERVERS === 'none') test.skip(title);
else {
  test.before(() => ensurePackages('network namespaces', ['iproute2']));

  test(title, () =>
    wired(async (program, cable) => {
      await program.until('online anew');
      await cable.pull();
      await program.until('suspended timeout online');
      program.tell('send');
      await program.until('waiting timeout connect');
      await cable.plug();
      await program.until('online again');
      await program.until('acked');

      // What the machine's own routes refuse is told at once.
      for (const type of ['blackhole', 'unreachable', 'prohibit']) {
        await cable.inside('route', 'add', type, cable.here);
        await program.until('suspended timeout online');
        await program.until('waiting network connect');
        await cable.inside('route', 'delete', type, cable.here);
        await program.until('online again');
      }
      program.stop();
      assert.is(await program.ended, 0);
    }),
  );
}

test.run();
