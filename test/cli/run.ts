/** The command `xstanza` as a person runs it, each time a process of its own. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const PROGRAM = fileURLToPath(new URL('../../src/cli/xstanza.js', import.meta.url));

export interface Outcome {
  readonly code: number | null;
  readonly output: string;
  readonly errors: string;
}

/**
 * Runs it to its end.
 *
 * @param interrupt what it says before it is interrupted.
 * @param meanwhile what happens between that and the interruption.
 */
export function run(
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
  interrupt?: string,
  meanwhile: (output: string) => Promise<unknown> = async () => {},
): Promise<Outcome> {
  const child = spawn(process.execPath, [PROGRAM, ...args], {
    env: { ...process.env, NO_COLOR: '', FORCE_COLOR: '0', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  let errors = '';
  return new Promise((resolve, reject) => {
    child.stdout.on('data', (chunk) => {
      output += chunk;
      if (interrupt === undefined || !output.includes(interrupt)) return;
      interrupt = undefined;
      meanwhile(output)
        .catch(reject)
        .finally(() => child.kill('SIGINT'));
    });
    child.stderr.on('data', (chunk) => {
      errors += chunk;
    });
    child.on('close', (code) => resolve({ code, output, errors }));
  });
}
