/**
 * `npm run fresh`: what somebody meets who has nothing yet. Clones what is committed into a new folder and runs the two
 * commands of the README there, with an empty home and nothing in npm's cache, and says how long they take.
 */
import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The commands that the README begins with. */
export const README_COMMANDS = ['npm ci && npm start', 'npm ci && npm test'];

/** A command ended with an error. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
}

/** A new clone in a home of its own. */
export interface FreshClone extends AsyncDisposable {
  readonly folder: string;
  /**
   * Runs a shell command in it, its output here, and says how long it took.
   *
   * @throws CommandError unless it ends with 0.
   */
  run(command: string): Promise<void>;
}

/** Clones a repository, its current commit, into a new folder that is removed with it. */
export async function freshClone(repository: string): Promise<FreshClone> {
  const top = await mkdtemp(join(tmpdir(), 'xstanza-fresh-'));
  const [home, cache, folder] = [join(top, 'home'), join(top, 'npm'), join(top, 'xstanza')];
  await Promise.all([mkdir(home), mkdir(cache)]);
  // npm hands its own settings down to what it runs, and nobody has these in a shell.
  const inherited = Object.entries(process.env).filter(([name]) => !/^npm_|^XSTANZA_/i.test(name));
  const env = { ...Object.fromEntries(inherited), HOME: home, npm_config_cache: cache };
  const run = async (command: string, cwd = folder) => {
    const began = performance.now();
    const child = spawn(command, { shell: true, cwd, env, stdio: ['ignore', 'inherit', 'inherit'] });
    const code = await new Promise<number | null>((resolve, reject) => child.on('error', reject).on('close', resolve));
    if (code !== 0) throw new CommandError(`\`${command}\` ended with ${code}`);
    console.log(`\n${((performance.now() - began) / 1000).toFixed(1)} s for \`${command}\`\n`);
  };
  const remove = () => rm(top, { recursive: true, force: true });
  try {
    await run(`git clone --quiet "${repository}" "${folder}"`, top);
  } catch (error) {
    await remove();
    throw error;
  }
  return { folder, run: (command) => run(command), [Symbol.asyncDispose]: remove };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await using clone = await freshClone(process.cwd());
  for (const command of README_COMMANDS) {
    await clone.run('rm -rf node_modules dist');
    await clone.run(command);
  }
}
