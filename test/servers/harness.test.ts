import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type ConnectionOptions, connect } from 'node:tls';
import * as assert from 'uvu/assert';
import { RawStream } from './raw-stream.ts';
import { clientCertificate, type RealServer, serverSuite, startEjabberd, startProsody } from './servers.ts';

const PASSWORD = 'se<"cr\\et">&';
const PING = "<iq type='get' id='p'><ping xmlns='urn:xmpp:ping'/></iq>";
const PONG = /id=['"]p['"]/;

const test = await serverSuite('real servers', 30_000);
let servers: RealServer[] = [];

/** The same with all of them at once; a failure names the server. */
async function each(body: (server: RealServer) => Promise<void>): Promise<void> {
  const run = async (server: RealServer) => {
    try {
      await body(server);
    } catch (error) {
      throw new Error(`${server}: ${(error as Error).message}`, { cause: error });
    }
  };
  await Promise.all(servers.map(run));
}

function plain(user: string, password: string): string {
  return Buffer.from(`\0${user}\0${password}`).toString('base64');
}

async function login(server: RealServer): Promise<[RawStream, jid: string]> {
  const [stream] = await RawStream.open(server, 'starttls');
  return [stream, await stream.login('PLAIN', plain('alice', PASSWORD))];
}

/** The version of TLS agreed on, or the code of the error. */
async function handshake({ ports, domain, ca }: RealServer, wishes: ConnectionOptions): Promise<string> {
  const socket = connect({ host: '127.0.0.1', port: ports.direct, servername: domain, ca, ...wishes });
  try {
    await once(socket, 'secureConnect');
    return String(socket.getProtocol());
  } catch (error) {
    return String((error as NodeJS.ErrnoException).code);
  } finally {
    socket.destroy();
  }
}

/** The ids of a process and of all its descendants. */
function family(pid: number): number[] {
  const threads = readdirSync(`/proc/${pid}/task`);
  const children = threads.flatMap((thread) => readFileSync(`/proc/${pid}/task/${thread}/children`, 'utf8').split(' '));
  return [pid, ...children.filter(Boolean).map(Number).flatMap(family)];
}

/** Waits until none of these processes runs any more; one that only waits for its exit code to be read does not. */
async function gone(pids: number[]): Promise<void> {
  const running = (pid: number) => {
    try {
      return !/^State:\s*Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
    } catch {
      return false;
    }
  };
  while (pids.some(running)) await delay(10);
}

test.before(async () => {
  servers = await Promise.all([
    startProsody({ version: '0.12', resumeSeconds: 7 }),
    startProsody({ version: '13', resumeSeconds: 7 }),
    startEjabberd({ version: '23.01', resumeSeconds: 7 }),
    startEjabberd({ version: '24.12', resumeSeconds: 7 }),
  ]);
  await each(async (server) => {
    assert.is(await server.addAccount('alice', PASSWORD), 'alice@xmpp.test');
  });
});

test.after(() => each((server) => server.dispose()));

test('are of the versions asked for', () => {
  const names = servers.map(String).join(', ');
  assert.match(names, /^Prosody 0\.12\S*, Prosody 13\S*, ejabberd 23\.01\S*, ejabberd 24\.12\S*$/);
});

test('give features over STARTTLS and direct TLS, with a certificate for each of their domains', () =>
  each(async (server) => {
    for (const host of Object.values(server.hosts)) {
      for (const port of ['starttls', 'direct'] as const) {
        const [stream, features] = await RawStream.open(server, port, { host });
        assert.match(features, '<mechanism>');
        stream.destroy();
      }
    }
  }));

test('log an account in by PLAIN, and nobody with another password', () =>
  each(async (server) => {
    const [stream, jid] = await login(server);
    assert.match(jid, /^alice@xmpp\.test\/./);
    stream.destroy();
    const [stranger] = await RawStream.open(server, 'direct');
    const refusal = await stranger.login('PLAIN', plain('alice', 'guess')).catch(String);
    assert.match(refusal, '<not-authorized/>');
    stranger.destroy();
  }));

test('offer one SCRAM where passwords are hashed, every SCRAM elsewhere', () =>
  each(async (server) => {
    const [stream, features] = await RawStream.open(server, 'starttls');
    assert.match(features, '>SCRAM-SHA-1<');
    assert.match(features, '>SCRAM-SHA-256<');
    stream.destroy();
    const host = server.hosts.hashed;
    await server.addAccount('bob', PASSWORD, host);
    const [hashed, fewer] = await RawStream.open(server, 'starttls', { host });
    assert.not.match(fewer, '>SCRAM-SHA-1<');
    assert.match(fewer, '>SCRAM-SHA-256<');
    assert.match(await hashed.login('PLAIN', plain('bob', PASSWORD)), /^bob@/);
    hashed.destroy();
  }));

test('know guests by ANONYMOUS', () =>
  each(async (server) => {
    const host = server.hosts.anonymous;
    const [stream] = await RawStream.open(server, 'starttls', { host });
    assert.match(await stream.login('ANONYMOUS', ''), `@${host}/`);
    stream.destroy();
  }));

test('know the owner of a certificate by EXTERNAL', () =>
  each(async (server) => {
    const host = server.hosts.external;
    const certificate = await clientCertificate(`carol@${host}`);
    const [stream, features] = await RawStream.open(server, 'external', { host, certificate });
    assert.match(features, '>EXTERNAL<');
    assert.match(await stream.login('EXTERNAL', '='), `carol@${host}/`);
    stream.destroy();
  }));

test('let an account in without TLS where that is allowed', () =>
  each(async (server) => {
    const host = server.hosts.clear;
    await server.addAccount('dave', PASSWORD, host);
    const [stream, features] = await RawStream.open(server, 'clear', { host });
    assert.match(features, '<starttls');
    assert.match(await stream.login('PLAIN', plain('dave', PASSWORD)), /^dave@/);
    stream.destroy();
  }));

test('keep a lost session as long as told', () =>
  each(async (server) => {
    const [stream] = await login(server);
    const enabled = await stream.ask("<enable xmlns='urn:xmpp:sm:3' resume='true'/>", /<enabled.*?>/);
    assert.match(enabled, /max=['"]7['"]/);
    stream.destroy();
  }));

test('end one session when told', () =>
  each(async (server) => {
    const [kicked, jid] = await login(server);
    const [other] = await login(server);
    await server.kick(jid);
    await kicked.until(/<\/stream:stream>/);
    await other.ask(PING, PONG);
    kicked.destroy();
    other.destroy();
  }));

test('are silent while paused, and then go on', () =>
  each(async (server) => {
    const [stream] = await login(server);
    await server.pause();
    stream.send(PING);
    await delay(100);
    assert.not(stream.has(PONG));
    server.resume();
    await stream.until(PONG);
    stream.destroy();
  }));

test('start again with the same ports and accounts after a kill and after a stop', () =>
  each(async (server) => {
    const [first] = await login(server);
    await server.kill();
    assert.equal(server.pids, []);
    assert.is(await first.closed(), '');
    await server.start();
    const [second] = await login(server);
    await server.stop();
    // Each of them but Prosody 13 sometimes ends before it has said so.
    assert.match(await second.closed(), /^$|<system-shutdown/);
    await server.start();
    const [third] = await login(server);
    third.destroy();
  }));

test('leave no process behind', () =>
  each(async (server) => {
    const pids = server.pids.flatMap(family);
    await server.dispose();
    await gone(pids);
  }));

test('show certificates that are not to be trusted, and keep to one version of TLS, when told', async () => {
  const cases = [
    [{ certificate: 'other-name', tls: '1.2' }, 'ERR_TLS_CERT_ALTNAME_INVALID', 'TLSv1.2', { minVersion: 'TLSv1.3' }],
    [{ certificate: 'expired', tls: '1.3' }, 'CERT_HAS_EXPIRED', 'TLSv1.3', { maxVersion: 'TLSv1.2' }],
    [{ certificate: 'self-signed' }, 'DEPTH_ZERO_SELF_SIGNED_CERT', 'TLSv1.3', { maxVersion: 'TLSv1.1' }],
  ] as const;
  const runs = cases.flatMap(([options, ...expected]) => [
    { starting: startProsody({ version: '13', ...options }), expected },
    { starting: startEjabberd({ version: '24.12', ...options }), expected },
  ]);
  servers = await Promise.all(runs.map((run) => run.starting));
  await each(async (server) => {
    const [code, protocol, outside] = runs[servers.indexOf(server)]?.expected ?? [];
    assert.is(await handshake(server, {}), code);
    assert.is(await handshake(server, { rejectUnauthorized: false }), protocol);
    assert.match(await handshake(server, { rejectUnauthorized: false, ...outside }), /^ERR_SSL/);
    await server.dispose();
  });
});

test('end with the process that started them, even when it is killed', async () => {
  const local = (file: string) => JSON.stringify(new URL(file, import.meta.url));
  const program = `
    import { scratchFolder } from ${local('./scratch.js')};
    import { startEjabberd, startJabberd2, startProsody } from ${local('./servers.js')};
    const starting = [startProsody({ version: '13' }), startEjabberd({ version: '24.12' }), startJabberd2()];
    const servers = await Promise.all(starting);
    console.log(JSON.stringify({ pids: servers.flatMap((server) => server.pids), folder: scratchFolder('last') }));
  `;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = await once(child.stdout, 'data');
  const { pids, folder } = JSON.parse(String(line)) as { pids: number[]; folder: string };
  const all = pids.flatMap(family);
  child.kill('SIGKILL');
  await gone(all);
  // A process that is killed cannot clean up behind itself.
  await rm(dirname(folder), { recursive: true });
});

test.run();
