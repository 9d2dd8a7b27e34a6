/**
 * Puts the real servers on a bare Debian 12: Prosody 0.12, ejabberd 23.01 and jabberd2 as packages of the system, newer
 * versions from the backports unpacked beside them, in a folder that later runs use again. Nothing is started or enabled
 * for the next boot, and processes that install at the same time wait for each other.
 */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chmod, lstat, mkdir, readdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const execute = promisify(execFile);

const PACKAGES = [
  'prosody',
  'prosody-modules',
  'lua-event',
  'lua-unbound',
  'lua-dbi-sqlite3',
  'ejabberd',
  'jabberd2',
  'openssl',
];
const BACKPORTS = ['prosody', 'prosody-modules', 'ejabberd'];
const RELEASE = 'bookworm';
const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';

/** What every complaint ends with. */
const OPT_OUT = 'XSTANZA_SERVERS=none leaves them out';

/** What maintainer scripts start and enable services with. */
const SERVICE_TOOLS = ['invoke-rc.d', 'deb-systemd-invoke', 'deb-systemd-helper', 'update-rc.d'];

const cache = join(tmpdir(), `xstanza-servers-${userInfo().uid}`);
const unpacked = join(cache, 'backports');

/** Where the files of each generation of servers begin: the root of the system, and of the unpacked backports. */
export interface Installation {
  readonly stable: string;
  readonly backports: string;
}

let installation: Promise<Installation> | undefined;

/**
 * Installs what is missing, once per process; says so in one line before it does.
 *
 * @throws Error one sentence that names what is missing and why it cannot be had.
 */
export function install(): Promise<Installation> {
  installation ??= ensure();
  return installation;
}

async function ensure(): Promise<Installation> {
  await ensurePackages('the real servers', PACKAGES);
  if (!existsSync(unpacked)) {
    await locked(async () => {
      if (!existsSync(unpacked)) await unpackBackports();
    });
  }
  return { stable: '/', backports: unpacked };
}

/**
 * Installs what is missing of some packages of the system; says so in one line before it does.
 *
 * @param what What they are to somebody who reads it: `the real servers`.
 * @throws Error one sentence that names what is missing and why it cannot be had.
 */
export async function ensurePackages(what: string, packages: readonly string[]): Promise<void> {
  if ((await missing(what, packages)).length === 0) return;
  await locked(async () => {
    const wanted = await missing(what, packages);
    if (wanted.length > 0) await installPackages(what, wanted);
  });
}

/** The packages that are not, or not completely, installed. */
async function missing(what: string, packages: readonly string[]): Promise<string[]> {
  // The exit code only says that a package is unknown, which is what is being asked.
  const query = execute('dpkg-query', ['--show', `--showformat=\${Package} \${db:Status-Status}\n`, ...packages]);
  const { stdout } = await query.catch((error) => {
    if (error.code === 'ENOENT') throw new Error(`${what} need Debian 12, and there is no dpkg; ${OPT_OUT}`);
    return error as { stdout: string };
  });
  const installed = new Set(stdout.split('\n'));
  return packages.filter((name) => !installed.has(`${name} installed`));
}

async function installPackages(what: string, wanted: readonly string[]): Promise<void> {
  const command = `apt-get install -y --no-install-recommends ${wanted.join(' ')}`;
  if (process.getuid?.() !== 0) {
    throw new Error(`${what} are missing and only root can install them (${command}); ${OPT_OUT}`);
  }
  console.log(`Installing ${what}: ${command}`);
  const tools = join(cache, 'no-services');
  await rm(tools, { recursive: true, force: true });
  await mkdir(tools);
  for (const tool of SERVICE_TOOLS) await symlink('/bin/true', join(tools, tool));
  const settings = aptSettings({
    // Maintainer scripts find their tools by this path: with ours in front nothing is started, now or at the next boot.
    'DPkg::Path': `${tools}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin`,
    'DPkg::Lock::Timeout': '120',
  });
  const attempt = () => apt([...settings, 'install', '-y', '--no-install-recommends', ...wanted]);
  try {
    // The lists may be absent, or older than what the mirror still has.
    await attempt().catch(async () => {
      await apt(['update']);
      await attempt();
    });
  } catch (error) {
    throw new Error(`${what} (${wanted.join(', ')}) cannot be installed: ${reason(error)}; ${OPT_OUT}`);
  } finally {
    await rm(tools, { recursive: true, force: true });
  }
}

async function unpackBackports(): Promise<void> {
  const suite = `${RELEASE}-backports`;
  console.log(`Unpacking newer real servers (${BACKPORTS.join(', ')} of ${suite}) in ${unpacked}`);
  const work = `${unpacked}.new`;
  await rm(work, { recursive: true, force: true });
  const [lists, archives, root] = [join(work, 'lists'), join(work, 'archives'), join(work, 'root')];
  for (const folder of [lists, archives, root]) await mkdir(folder, { recursive: true });
  try {
    const sources = join(work, 'sources.list');
    await writeFile(sources, `deb [signed-by=${KEYRING}] ${await mirror()} ${suite} main\n`);
    const settings = aptSettings({
      'Dir::Etc::sourcelist': sources,
      'Dir::Etc::sourceparts': '-',
      'Dir::State::lists': lists,
      'Dir::Cache': work,
      'APT::Update::Error-Mode': 'any',
      // Its own user could not write into this folder, which is for our eyes only.
      'APT::Sandbox::User': userInfo().username,
      // Nothing of the system is written, and so none of its locks is needed, which are root's.
      'Debug::NoLocking': 'true',
    });
    await apt([...settings, 'update']);
    // It reads from the packages of the system which libraries have to be newer as well, and takes nothing else.
    await apt([...settings, 'install', '-y', '--download-only', '--no-install-recommends', '-t', suite, ...BACKPORTS]);
    for (const file of await readdir(archives)) {
      if (file.endsWith('.deb')) await execute('dpkg-deb', ['--extract', join(archives, file), root]);
    }
    await rename(root, unpacked);
  } catch (error) {
    throw new Error(`${BACKPORTS.join(', ')} of ${suite} cannot be had: ${reason(error)}; ${OPT_OUT}`);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** The address that this machine takes its packages from; the backports lie beside them. */
async function mirror(): Promise<string> {
  const format = ['--no-release-info', '--format', '$(RELEASE) $(COMPONENT) $(REPO_URI)'];
  const { stdout } = await apt(['indextargets', ...format, 'Created-By: Packages']);
  const found = new RegExp(`^${RELEASE} main (\\S+)$`, 'm').exec(stdout)?.[1];
  if (found === undefined) throw new Error(`no apt source for ${RELEASE} main is configured`);
  return found;
}

function aptSettings(settings: Record<string, string>): string[] {
  return Object.entries(settings).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
}

function apt(args: string[]): Promise<{ stdout: string; stderr: string }> {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C' };
  return execute('apt-get', args, { env, maxBuffer: 64 << 20 });
}

/** The first complaint of a failed command; without one, the error's own words. */
function reason(error: unknown): string {
  const { stderr, message } = error as { stderr?: string; message: string };
  return (/^E: (.+)$/m.exec(stderr ?? '')?.[1] ?? message).trim();
}

/** Below a folder that everybody can write to, only one that is ours and closed to others is to be trusted. */
async function makeCache(): Promise<void> {
  await mkdir(cache, { recursive: true, mode: 0o700 });
  const { uid } = await lstat(cache);
  if (uid !== userInfo().uid) throw new Error(`${cache} belongs to somebody else`);
  await chmod(cache, 0o700);
}

/** Does something while no other process installs anything. */
async function locked(work: () => Promise<void>): Promise<void> {
  await makeCache();
  const unlock = await lock(join(cache, 'lock'));
  try {
    await work();
  } finally {
    unlock();
  }
}

/** Waits for a lock that the kernel takes back when this process ends in any way; gives the function that releases it. */
async function lock(file: string): Promise<() => void> {
  const holder = spawn('flock', [file, 'sh', '-c', 'echo locked; exec cat'], { stdio: ['pipe', 'pipe', 'inherit'] });
  await once(holder.stdout, 'data');
  return () => holder.stdin.end();
}
