/** Runs an example as a process of its own, against a server of the test's. */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import type { ClientOptions } from '../../src/index.ts';

/** A process that runs `call`, the text of an expression, on an example as `example` and with `options`. */
export class Program {
  readonly #child: ChildProcessByStdio<null, Readable, Readable>;
  /** What it has written. */
  output = '';
  /** Its exit status, or the signal that ended it. */
  readonly ended: Promise<number | string>;

  constructor(name: string, options: ClientOptions, call: string) {
    const module = JSON.stringify(new URL(`../../examples/${name}.js`, import.meta.url).href);
    const script = `
      import * as example from ${module};
      const options = ${JSON.stringify(options)};
      process.exitCode = await ${call};
    `;
    this.#child = spawn(process.execPath, ['--input-type=module', '--eval', script], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        this.output += text;
      });
    }
    this.ended = once(this.#child, 'close').then(([code, signal]) => code ?? signal);
  }

  /** Waits until it has written something. */
  async says(text: string): Promise<void> {
    while (!this.output.includes(text)) await once(this.#child.stdout, 'data');
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.ended;
  }
}
