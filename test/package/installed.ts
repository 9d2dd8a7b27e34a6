/** The package as it is published, and an app in an empty folder that has it installed. */
import { execFile } from 'node:child_process';
import { cp, lstat, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const execute = promisify(execFile);

/** npm hands its own settings down to what it runs, and nobody has these in a shell. */
const inherited = Object.entries(process.env).filter(([name]) => !/^npm_/i.test(name));
const env = Object.fromEntries(inherited);

/** What a command wrote; an error has it in its message. */
export async function run(cwd: string, command: string, ...args: string[]): Promise<string> {
  try {
    return (await execute(command, args, { cwd, env, maxBuffer: 64 * 1024 * 1024 })).stdout;
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
    throw new Error(`${command} ${args.join(' ')} failed:\n${stdout}\n${stderr}`, { cause: error });
  }
}

/** npm would go on trying for minutes. */
const IMPATIENT = ['--fetch-retries=1', '--fetch-retry-mintimeout=1000', '--fetch-retry-maxtimeout=1000'];

/** A file of the package. */
export interface PackedFile {
  readonly path: string;
  readonly size: number;
}

/** What `npm pack` made of the build. Sizes in bytes. */
export interface Packed {
  readonly tarball: string;
  readonly size: number;
  readonly unpackedSize: number;
  readonly files: readonly PackedFile[];
}

/** A new folder for the tests of a file; who makes it removes it. */
export function scratch(): Promise<string> {
  return mkdtemp(join(tmpdir(), 'xstanza-package-'));
}

/** Packs what is built, without building it again, into `folder`. */
export async function pack(folder: string): Promise<Packed> {
  const json = await run('.', 'npm', 'pack', '--json', '--ignore-scripts', '--pack-destination', folder);
  const [packed] = JSON.parse(json);
  return { ...packed, tarball: join(folder, packed.filename) };
}

/**
 * Installs packages into an empty folder as an app would: no scripts, from the registry that the machine uses.
 *
 * @throws Error one sentence when the registry cannot be reached.
 */
export async function install(folder: string, dependencies: Readonly<Record<string, string>>): Promise<void> {
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'package.json'), JSON.stringify({ private: true, type: 'module', dependencies }));
  try {
    await run(
      folder,
      'npm',
      'install',
      '--prefer-offline',
      '--ignore-scripts',
      '--no-audit',
      '--no-fund',
      ...IMPATIENT,
    );
  } catch (error) {
    const code = /\b(ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENOTCACHED|ENETUNREACH)\b/.exec(
      String(error),
    );
    if (code === null) throw error;
    throw new Error(`The package cannot be tried as installed, for the npm registry cannot be reached (${code[1]}).`);
  }
}

/** Puts the files of the app into the folder. */
export function copyApp(folder: string): Promise<void> {
  return cp('test/package/app', folder, { recursive: true });
}

/** A package of an installed tree. */
export interface InstalledPackage {
  /** Where it is, from the folder of the app. */
  readonly path: string;
  readonly name: string;
  readonly version: string;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly hasInstallScript: boolean;
}

/** What is installed in an app's folder, as npm has written it down. */
export async function installedIn(folder: string): Promise<readonly InstalledPackage[]> {
  const { packages } = JSON.parse(await readFile(join(folder, 'node_modules/.package-lock.json'), 'utf8'));
  return Object.entries<Partial<InstalledPackage>>(packages).map(([path, entry]) => ({
    path,
    name: path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length),
    version: entry.version ?? '',
    dependencies: entry.dependencies ?? {},
    hasInstallScript: entry.hasInstallScript ?? false,
  }));
}

/** A package and all that it brings along, in a tree in which every name is there once. */
export function broughtBy(name: string, tree: readonly InstalledPackage[]): readonly InstalledPackage[] {
  const found = new Set<InstalledPackage>();
  const visit = (wanted: string) => {
    for (const entry of tree.filter((candidate) => candidate.name === wanted && !found.has(candidate))) {
      found.add(entry);
      for (const next of Object.keys(entry.dependencies)) visit(next);
    }
  };
  visit(name);
  return [...found];
}

/** Bytes of all files in a folder. */
export async function sizeOf(folder: string): Promise<number> {
  const entries = await readdir(folder, { recursive: true });
  const found = await Promise.all(entries.map((entry) => lstat(join(folder, entry))));
  return found.reduce((sum, entry) => sum + (entry.isFile() ? entry.size : 0), 0);
}

export function remove(folder: string): Promise<void> {
  return rm(folder, { recursive: true, force: true });
}
