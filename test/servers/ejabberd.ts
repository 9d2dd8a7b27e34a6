/** ejabberd: its configuration, and its HTTP API as the way to tell it things while it runs. */
import { existsSync } from 'node:fs';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { authority, serverCertificate } from './certificates.ts';
import { install } from './install.ts';
import { HOSTS, type ServerOptions } from './options.ts';
import { freePort } from './ports.ts';
import { type Ports, RealServer } from './real-server.ts';
import { scratchFolder } from './scratch.ts';

/** `23.01` is bookworm's, `24.12` that of its backports, with SASL2, Bind2 and FAST. */
export type EjabberdVersion = '23.01' | '24.12';

/** Starts an ejabberd and waits until it answers. */
export async function startEjabberd(
  options: ServerOptions & { readonly version: EjabberdVersion },
): Promise<RealServer> {
  const { stable, backports } = await install();
  const code = await codePaths(options.version === '24.12' ? backports : stable);
  const [{ cert: ca, certFile }, certificate, starttls, direct, external, clear, http] = await Promise.all([
    authority(),
    serverCertificate(options.certificate),
    freePort(),
    freePort(),
    freePort(),
    freePort(),
    freePort(),
  ]);
  const folder = scratchFolder('ejabberd');
  const config = join(folder, 'ejabberd.yml');
  const pair = join(folder, 'server.pem');
  const data = join(folder, 'data');
  const ports = { starttls, direct, external, clear };
  await mkdir(data);
  await writeFile(pair, certificate.cert + certificate.key);
  // JSON is YAML.
  await writeFile(config, JSON.stringify(configuration(options, ports, http, pair, certFile)));
  const server = new RealServer({
    name: 'ejabberd',
    version: code.version,
    hosts: HOSTS,
    ports,
    ca,
    folder,
    // Without a node name there is no distribution: no epmd, no cookie and no port for it. The schedulers need not spin.
    programs: [
      {
        command: [
          'erl',
          '+sbwt',
          'none',
          '-noinput',
          '-pa',
          ...code.paths,
          '-mnesia',
          'dir',
          `"${data}"`,
          '-s',
          'ejabberd',
        ],
      },
    ],
    env: {
      EJABBERD_CONFIG_PATH: config,
      EJABBERD_LOG_PATH: join(folder, 'ejabberd.log'),
      ERL_CRASH_DUMP_SECONDS: '0',
    },
    register: (user, host, password) => call(http, 'register', { user, host, password }),
    kick: (user, host, resource) => call(http, 'kick_session', { user, host, resource, reason: 'kicked' }),
  });
  await server.start();
  return server;
}

function configuration(
  { version, tls, resumeSeconds = 10, hash = 'SHA-256' }: Parameters<typeof startEjabberd>[0],
  ports: Ports,
  http: number,
  certificateFile: string,
  authorityFile: string,
): object {
  const protocols = ['no_sslv3', 'no_tlsv1', 'no_tlsv1_1'];
  if (tls !== undefined) protocols.push(tls === '1.2' ? 'no_tlsv1_3' : 'no_tlsv1_2');
  const c2s = (port: number, settings: object) => ({
    port,
    ip: '127.0.0.1',
    module: 'ejabberd_c2s',
    backlog: 128,
    ...settings,
  });
  return {
    hosts: Object.values(HOSTS),
    loglevel: 'info',
    acme: { auto: false },
    certfiles: [certificateFile],
    ca_file: authorityFile,
    c2s_protocol_options: protocols,
    shaper: {},
    auth_method: 'internal',
    auth_password_format: 'plain',
    host_config: {
      [HOSTS.hashed]: {
        auth_password_format: 'scram',
        auth_scram_hash: hash === 'SHA-1' ? 'sha' : 'sha256',
      },
      [HOSTS.anonymous]: { auth_method: 'anonymous', anonymous_protocol: 'sasl_anon' },
    },
    listen: [
      c2s(ports.starttls, { starttls_required: true }),
      c2s(ports.direct, { tls: true }),
      c2s(ports.external, { starttls_required: true, tls_verify: true, cafile: authorityFile }),
      c2s(ports.clear, { starttls: true }),
      { port: http, ip: '127.0.0.1', module: 'ejabberd_http', request_handlers: { '/api': 'mod_http_api' } },
    ],
    api_permissions: {
      loopback: { from: ['mod_http_api'], who: { ip: '127.0.0.1' }, what: ['register', 'kick_session'] },
    },
    modules: {
      mod_admin_extra: {},
      mod_caps: {},
      mod_carboncopy: {},
      mod_client_state: {},
      mod_disco: {},
      mod_ping: {},
      mod_pubsub: { plugins: ['flat', 'pep'] },
      mod_roster: { versioning: true },
      mod_stream_mgmt: { resume_timeout: resumeSeconds },
      mod_version: {},
      ...(version === '24.12' ? { mod_auth_fast: {}, mod_scram_upgrade: {} } : {}),
    },
  };
}

/** Where the compiled code of the ejabberd below `root` and of the libraries beside it is, and its version. */
async function codePaths(root: string): Promise<{ version: string; paths: string[] }> {
  const libraries = join(root, 'usr/lib');
  const erlang = join(libraries, 'erlang/lib');
  const paths = (await readdir(erlang)).map((library) => join(erlang, library, 'ebin'));
  for (const machine of await readdir(libraries)) {
    if (!machine.endsWith('-linux-gnu')) continue;
    for (const name of await readdir(join(libraries, machine))) {
      const code = join(libraries, machine, name, 'ebin');
      if (name.startsWith('ejabberd-') && existsSync(code)) {
        return { version: name.slice('ejabberd-'.length), paths: [code, ...paths] };
      }
    }
  }
  throw new Error(`there is no ejabberd below ${libraries}`);
}

/** Calls a command of the administration API. */
async function call(port: number, command: string, args: Record<string, string>): Promise<void> {
  const response = await fetch(`http://127.0.0.1:${port}/api/${command}`, {
    method: 'POST',
    headers: { connection: 'close' },
    body: JSON.stringify(args),
  });
  const answer = await response.text();
  if (!response.ok) throw new Error(`ejabberd refuses ${command}: ${answer}`);
}
