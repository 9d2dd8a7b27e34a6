/**
 * `npm run release`: looks at everything that a release needs, makes the package from a fresh clone of what is committed, and
 * then, at a terminal and after the version was typed, tags and publishes it.
 *
 *   npm run release -- --dry-run   does the same up to there, and says what it would do
 */
import { execFile, spawnSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { freshClone, README_COMMANDS } from './fresh.ts';
import { LicenseError, licenses } from './licenses.ts';

const execute = promisify(execFile);

/** Scripts that write what is committed; those that there are must leave everything as it is. */
const GENERATORS = ['charts', 'api', 'licenses'];

/** Options of `problems`. */
export interface ReleaseOptions {
  /** The changelog need not have a date for the version yet (default false). */
  readonly dryRun?: boolean;
}

/** A released version: major, minor and patch. */
const VERSION = /^(\d+)\.(\d+)\.(\d+)$/;

/** What stands in the way of a release of the repository in `folder`, a sentence each; as far as looking tells. */
export async function problems(folder: string, { dryRun = false }: ReleaseOptions = {}): Promise<string[]> {
  const git = async (...args: string[]) => (await execute('git', args, { cwd: folder })).stdout.trim();
  const read = (file: string) => readFile(join(folder, file), 'utf8').catch(() => '');
  const { version } = JSON.parse(await read('package.json'));
  const lock = JSON.parse(await read('package-lock.json'));
  const changes = changesOf(await read('CHANGELOG.md'), version);
  const tags = (await git('tag', '--list', 'v*')).split('\n').filter((tag) => VERSION.test(tag.slice(1)));
  const complaints: [boolean, string][] = [
    [(await git('status', '--porcelain')) !== '', 'the tree is not clean'],
    [(await git('rev-parse', '--abbrev-ref', 'HEAD')) !== 'main', 'this is not the branch main'],
    [!VERSION.test(version), `${version} in package.json is no version of a release`],
    [lock.version !== version, `package-lock.json says ${lock.version}, package.json ${version}`],
    [tags.some((tag) => compare(tag.slice(1), version) >= 0), `there is a tag for ${version} or a later version`],
    [changes === null, `CHANGELOG.md has no section for ${version} on top`],
    [changes?.text === '', `CHANGELOG.md says nothing about ${version}`],
    [changes?.date === null && !dryRun, `CHANGELOG.md has no date for ${version}`],
    [(await read('LICENSES.md')) !== licensesOf(lock), 'LICENSES.md is not what `npm run licenses` writes'],
  ];
  return complaints.flatMap(([wrong, sentence]) => (wrong ? [sentence] : []));
}

/** Below zero when `one` comes before `other`. */
function compare(one: string, other: string): number {
  return one.localeCompare(other, 'en', { numeric: true });
}

/** What the changelog says of a version that stands on top of it. */
function changesOf(changelog: string, version: string): { readonly date: string | null; readonly text: string } | null {
  const [, top] = changelog.split(/^## /m);
  const [heading = '', ...lines] = top?.split('\n') ?? [];
  const [name, date = ''] = heading.split(' - ');
  if (name !== `[${version}]`) return null;
  return { date: /^\d{4}-\d\d-\d\d$/.test(date) ? date : null, text: lines.join('').trim() };
}

function licensesOf(lock: Parameters<typeof licenses>[0]): string | null {
  try {
    return licenses(lock);
  } catch (error) {
    if (error instanceof LicenseError) return null;
    throw error;
  }
}

/** Builds and tests in a fresh clone and publishes from there, so that nothing gets out that is not committed. */
async function release(dryRun: boolean): Promise<void> {
  const { version, scripts } = JSON.parse(await readFile('package.json', 'utf8'));
  await using clone = await freshClone(process.cwd());
  for (const command of README_COMMANDS) {
    await clone.run('rm -rf node_modules dist');
    await clone.run(command);
  }
  await clone.run('npm run consumers');
  for (const script of GENERATORS.filter((name) => name in scripts)) await clone.run(`npm run ${script}`);
  await clone.run('git status --short && test -z "$(git status --porcelain)"');
  await clone.run('npm pack');
  const steps = [
    ['git', 'tag', '-a', `v${version}`, '-m', version],
    ['git', 'push', 'origin', 'main', `v${version}`],
    ['npm', 'publish', '--access', 'public', join(clone.folder, `xstanza-${version}.tgz`)],
  ];
  if (dryRun) {
    console.log(['All is well. This would follow:', ...steps.map((step) => `  ${step.join(' ')}`)].join('\n'));
    return;
  }
  const terminal = createInterface(process.stdin, process.stdout);
  const answer = await terminal.question(`Type ${version} to tag and publish it: `);
  terminal.close();
  if (answer !== version) return;
  for (const [command = '', ...args] of steps) {
    if (spawnSync(command, args, { stdio: 'inherit' }).status !== 0) throw new Error(`${command} failed`);
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const dryRun = process.argv.includes('--dry-run');
  const sentences = await problems(process.cwd(), { dryRun });
  if (!dryRun && !process.stdin.isTTY) sentences.push('a release has to be confirmed at a terminal');
  for (const sentence of sentences) console.error(`No release: ${sentence}.`);
  if (sentences.length > 0) process.exitCode = 1;
  else await release(dryRun);
}
