/** A real server as processes of ours: start, stop, pause, resume and kill it, with the same ports and data all along. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readdirSync, readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { killAtExit } from './scratch.ts';

/** Milliseconds that a server may take to get ready, and to stop. */
const PATIENCE = 120_000;

/** The domains of one server, told apart by how they know their users. */
export interface Hosts {
  /** Passwords in plain text: every SCRAM. The same as `domain`. */
  readonly plain: string;
  /** Passwords hashed once: one SCRAM only (and PLAIN). */
  readonly hashed: string;
  /** SASL ANONYMOUS. */
  readonly anonymous: string;
  /** SASL EXTERNAL with a certificate of `clientCertificate`, on `ports.external`. */
  readonly external: string;
  /** Does not insist on TLS, on `ports.clear`. */
  readonly clear: string;
}

/** Where a server listens on 127.0.0.1; some ports may be one and the same. */
export interface Ports {
  /** STARTTLS, required. */
  readonly starttls: number;
  /** TLS from the first byte. */
  readonly direct: number;
  /** STARTTLS, and a client certificate is asked for. */
  readonly external: number;
  /** STARTTLS offered, login without it allowed. */
  readonly clear: number;
}

/** What runs as one process. */
export interface Program {
  readonly command: readonly [program: string, ...args: string[]];
  /** Where the programs after this one connect to: they are started once it listens there. */
  readonly port?: number;
}

/** What makes one server different from another. */
export interface Recipe {
  readonly name: 'Prosody' | 'ejabberd' | 'jabberd2';
  /** What the program calls itself. */
  readonly version: string;
  readonly hosts: Hosts;
  readonly ports: Ports;
  /** The authority to trust, in PEM. */
  readonly ca: string;
  /** A folder of its own that holds configuration, data and log. */
  readonly folder: string;
  /** In the order in which they start. */
  readonly programs: readonly Program[];
  readonly env: Readonly<Record<string, string>>;
  /** Makes an account on a running server. */
  register(user: string, host: string, password: string): Promise<void>;
  /** Ends the session of a full JID on a running server. */
  kick(user: string, host: string, resource: string): Promise<void>;
}

/** Whether somebody takes connections on a port of 127.0.0.1. */
function listens(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  return new Promise<boolean>((resolve) => {
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
  }).finally(() => socket.destroy());
}

/** Whether every thread of a process stands still; the signal alone does not mean that yet. */
function stopped(pid: number): boolean {
  try {
    const tasks = readdirSync(`/proc/${pid}/task`);
    return tasks.every((task) => /^State:\s*T/m.test(readFileSync(`/proc/${pid}/task/${task}/status`, 'utf8')));
  } catch {
    // A thread that ended between the two looks.
    return false;
  }
}

/** A server of our own; made by `startProsody`, `startEjabberd` and `startJabberd2`. */
export class RealServer {
  readonly name: Recipe['name'];
  readonly version: string;
  readonly domain: string;
  readonly hosts: Hosts;
  readonly ports: Ports;
  readonly ca: string;
  readonly #recipe: Recipe;
  #children: readonly ChildProcess[] = [];

  /** Use `startProsody`, `startEjabberd` or `startJabberd2`. */
  constructor(recipe: Recipe) {
    this.name = recipe.name;
    this.version = recipe.version;
    this.domain = recipe.hosts.plain;
    this.hosts = recipe.hosts;
    this.ports = recipe.ports;
    this.ca = recipe.ca;
    this.#recipe = recipe;
  }

  /** The ids of its processes while they run. */
  get pids(): number[] {
    return this.#children.map((child) => child.pid as number);
  }

  /**
   * Starts the server, the first time or again after `stop` or `kill`, and waits until it answers.
   *
   * @throws Error with the end of its log when it does not.
   */
  async start(): Promise<void> {
    if (this.#children.length > 0) throw new Error(`${this} is running already`);
    const deadline = Date.now() + PATIENCE;
    let running = 0;
    for (const { command, port } of this.#recipe.programs) {
      await this.#spawn(command);
      running += 1;
      if (port !== undefined) await this.#until(() => listens(port), running, deadline);
    }
    await this.#until(() => this.#answers(), running, deadline);
  }

  /**
   * Stops it cleanly, within a second or so. Most of the time its clients hear `<system-shutdown/>` before the connection
   * closes, ejabberd's sometimes without the footer, jabberd2's the footer alone; sometimes they hear nothing. Resolves
   * when its processes have ended.
   */
  async stop(): Promise<void> {
    this.resume();
    await this.#end('SIGTERM');
  }

  /** Kills it on the spot. Resolves when its processes have ended. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  /** Freezes it: connections stay open, new ones are taken by the kernel, and nobody says a word. Resolves when it stands. */
  async pause(): Promise<void> {
    for (const child of this.#children) child.kill('SIGSTOP');
    while (!this.pids.every(stopped)) await delay(1);
  }

  /** Thaws it. */
  resume(): void {
    for (const child of this.#children) child.kill('SIGCONT');
  }

  /** Kills it and deletes its data; it cannot be started again. */
  async dispose(): Promise<void> {
    await this.kill();
    await rm(this.#recipe.folder, { recursive: true, force: true, maxRetries: 3 });
  }

  /**
   * Makes an account.
   *
   * @param host One of `hosts`; `domain` by default.
   * @returns Its bare JID.
   */
  async addAccount(user: string, password: string, host: string = this.domain): Promise<string> {
    await this.#recipe.register(user, host, password);
    return `${user}@${host}`;
  }

  /**
   * Ends the session of a full JID: ejabberd with the stream error `<conflict/>`, Prosody with nothing but the footer;
   * jabberd2 has no way to.
   */
  async kick(jid: string): Promise<void> {
    const [, user, host, resource] = /^([^@]+)@([^/]+)\/(.+)$/.exec(jid) ?? [];
    if (user === undefined || host === undefined || resource === undefined) throw new Error(`${jid} is no full JID`);
    await this.#recipe.kick(user, host, resource);
  }

  /** Everything that it has written since its first start. */
  log(): string {
    return readFileSync(this.#logFile, 'utf8');
  }

  toString(): string {
    return `${this.name} ${this.version}`;
  }

  get #logFile(): string {
    return join(this.#recipe.folder, 'output.log');
  }

  async #spawn(command: Program['command']): Promise<void> {
    const { env, folder } = this.#recipe;
    const output = openSync(this.#logFile, 'a');
    // The kernel kills the server when this process dies, even of a SIGKILL.
    const child = spawn('setpriv', ['--pdeathsig', 'KILL', '--', ...command], {
      cwd: folder,
      env: { ...process.env, HOME: folder, ...env },
      stdio: ['ignore', output, output],
    });
    closeSync(output);
    await once(child, 'spawn');
    const forget = killAtExit(child.pid as number);
    child.once('exit', () => {
      forget();
      this.#children = this.#children.filter((other) => other !== child);
    });
    this.#children = [...this.#children, child];
  }

  /** Waits until `ready`; kills everything when fewer programs than `running` are left before, or at the deadline. */
  async #until(ready: () => Promise<boolean>, running: number, deadline: number): Promise<void> {
    while (!(await ready())) {
      const dead = this.#children.length < running;
      if (dead || Date.now() > deadline) {
        await this.kill();
        throw new Error(`${this} ${dead ? 'ended' : 'does not answer'}:\n${this.log().slice(-2000)}`);
      }
      await delay(20);
    }
  }

  /** The last to start is the first to end: it has things to tell the others. */
  async #end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    for (let child = this.#children.at(-1); child !== undefined; child = this.#children.at(-1)) {
      const ended = once(child, 'exit', { signal: AbortSignal.timeout(PATIENCE) });
      child.kill(signal);
      await ended;
    }
  }

  /** Whether a stream gets features: a listening port alone does not mean that the hosts are there. */
  #answers(): Promise<boolean> {
    const namespaces = "xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'";
    const socket = connect(this.ports.starttls, '127.0.0.1');
    socket.write(`<stream:stream ${namespaces} version='1.0' to='${this.domain}'>`);
    let answer = '';
    return new Promise<boolean>((resolve) => {
      socket.setEncoding('utf8').on('data', (chunk: string) => {
        answer += chunk;
        if (answer.includes('</stream:features>')) resolve(true);
      });
      socket.once('close', () => resolve(false)).once('error', () => resolve(false));
      socket.setTimeout(1000, () => resolve(false));
    }).finally(() => socket.destroy());
  }
}
