/**
 * `npm run licenses`: writes LICENSES.md, the licences of what comes with the package and of what it can be used with, as the
 * lock file says.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** What may come with a package under MIT: licences that ask for no more than to be named. */
const PERMISSIVE = ['MIT', 'ISC', 'BSD-2-Clause', 'BSD-3-Clause', 'Apache-2.0', 'BlueOak-1.0.0', '0BSD'];

/** What may be beside it besides: it covers its own files only, and those do not come with the package. */
const BESIDE = [...PERMISSIVE, 'EPL-2.0', 'MPL-2.0'];

interface LockedPackage {
  readonly version?: string;
  readonly license?: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
}

/** What is used here of a `package-lock.json`. */
export interface Lock {
  readonly packages: Readonly<Record<string, LockedPackage>>;
}

/** A licence forbids what is done with the package, or nobody knows it. */
export class LicenseError extends Error {
  override readonly name = 'LicenseError';
}

/**
 * The text of LICENSES.md.
 *
 * @throws LicenseError when one of them is not compatible with MIT.
 */
export function licenses({ packages }: Lock): string {
  const root = packages[''] as LockedPackage;
  const along = closure(packages, Object.keys(root.dependencies ?? {}));
  const peers = closure(packages, Object.keys(root.peerDependencies ?? {})).filter((name) => !along.includes(name));
  return `# Licences

xstanza is under the MIT licence, see [LICENSE](LICENSE). Nothing of what is listed here is part of its files.

## What comes with it

Installing xstanza installs these, all of which may be used in, and given away with, any program that keeps their notices.

${table(packages, along, PERMISSIVE)}
## What it can be used with

Whoever wants them installs them: node-forge for the servers of \`xstanza/testing\`, elkjs for the pictures of
\`xstanza/visualizer\`, @types/node for TypeScript.

${table(packages, peers, BESIDE)}`;
}

/** The packages of these names and all that they need, by name. */
function closure(packages: Lock['packages'], names: readonly string[]): string[] {
  const found = new Set<string>();
  const waiting = [...names];
  for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
    if (found.has(name)) continue;
    found.add(name);
    waiting.push(...Object.keys(packages[`node_modules/${name}`]?.dependencies ?? {}));
  }
  return [...found].sort();
}

function table(packages: Lock['packages'], names: readonly string[], allowed: readonly string[]): string {
  const rows = names.map((name) => {
    const { version, license = 'none' } = packages[`node_modules/${name}`] ?? {};
    if (!choices(license).some((choice) => allowed.includes(choice)))
      throw new LicenseError(`${name} ${version} is under ${license}, which does not go with MIT`);
    return `| ${name} | ${version} | ${license} |\n`;
  });
  return `| package | version | licence |\n|---|---|---|\n${rows.join('')}`;
}

/** What an SPDX expression leaves the choice of; one with AND is none of them. */
function choices(license: string): string[] {
  return license.replace(/^\((.*)\)$/, '$1').split(' OR ');
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  writeFileSync('LICENSES.md', licenses(JSON.parse(readFileSync('package-lock.json', 'utf8'))));
