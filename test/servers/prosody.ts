/** Prosody: its configuration, and its shell as the way to tell it things while it runs. */
import { X509Certificate } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { authority, type KeyPair, serverCertificate } from './certificates.ts';
import { install } from './install.ts';
import { HOSTS, type ServerOptions } from './options.ts';
import { freePort } from './ports.ts';
import { type Ports, RealServer } from './real-server.ts';
import { scratchFolder } from './scratch.ts';

/** `0.12` is bookworm's, `13` that of its backports, with SASL2, Bind2 and FAST. */
export type ProsodyVersion = '0.12' | '13';

const MODULES = [
  'roster',
  'saslauth',
  'tls',
  'disco',
  'ping',
  'smacks',
  'carbons',
  'csi',
  'csi_simple',
  'pep',
  'version',
  'admin_shell',
];
/** Beside 0.12 there are modules of these names, too, which do not work with it. */
const MODULES_13 = ['sasl2', 'sasl2_bind2', 'sasl2_sm', 'sasl2_fast'];

/** Starts a Prosody and waits until it answers. */
export async function startProsody(options: ServerOptions & { readonly version: ProsodyVersion }): Promise<RealServer> {
  const { stable, backports } = await install();
  const library = join(options.version === '13' ? backports : stable, 'usr/lib/prosody');
  const [version, { cert: ca, certFile }, certificate, starttls, direct] = await Promise.all([
    readFile(join(library, 'prosody.version'), 'utf8'),
    authority(),
    serverCertificate(options.certificate),
    freePort(),
    freePort(),
  ]);
  const folder = scratchFolder('prosody');
  const data = join(folder, 'data');
  const program = join(folder, 'prosody.lua');
  const config = join(folder, 'prosody.cfg.lua');
  const ports = { starttls, direct, external: starttls, clear: starttls };
  await mkdir(data);
  await writeFile(config, configuration(options, ports, certificate, certFile, data));
  // The program knows its libraries by absolute paths only, and an unpacked one is not where it thinks it is.
  const source = await readFile(join(library, '../../bin/prosody'), 'utf8');
  await writeFile(program, source.replaceAll("'/usr/lib/prosody", `'${library}`));
  const shell = (command: string) => tell(join(data, 'prosody.sock'), command);
  const server = new RealServer({
    name: 'Prosody',
    version: version.trim(),
    hosts: HOSTS,
    ports,
    ca,
    folder,
    programs: [{ command: ['lua5.4', program, '-F', '--config', config] }],
    env: {},
    register: (user, host, password) => shell(`user:create(${lua(`${user}@${host}`)}, ${lua(password)})`),
    kick: (user, host, resource) => shell(`c2s:close(${lua(`${user}@${host}/${resource}`)})`),
  });
  await server.start();
  return server;
}

function configuration(
  { version, tls, resumeSeconds = 10, hash = 'SHA-256' }: Parameters<typeof startProsody>[0],
  ports: Ports,
  certificate: KeyPair,
  authorityFile: string,
  data: string,
): string {
  const modules = version === '13' ? [...MODULES, ...MODULES_13] : MODULES;
  const fingerprint = new X509Certificate(certificate.cert).fingerprint256.replaceAll(':', '').toLowerCase();
  const protocol = tls === undefined ? 'tlsv1_2+' : `tlsv${tls.replace('.', '_')}`;
  const context = `key = ${lua(certificate.keyFile)}, certificate = ${lua(certificate.certFile)}, protocol = ${lua(protocol)}`;
  return `
run_as_root = true
data_path = ${lua(data)}
interfaces = { "127.0.0.1" }
c2s_ports = { ${ports.starttls} }
c2s_direct_tls_ports = { ${ports.direct} }
network_settings = { nagle = false }
modules_enabled = { ${modules.map(lua).join(', ')} }
modules_disabled = { "s2s", "dialback", "limits" }
log = { info = "*console" }
storage = { archive = "memory" }
c2s_require_encryption = true
ssl = { ${context} }
c2s_direct_tls_ssl = { ${context} }
smacks_hibernation_time = ${resumeSeconds}
-- What is sent to an inactive client is held back again at once after something could not wait.
csi_resume_inactive_delay = 0
-- "auto" would hold for the first connection only.
tls_server_end_point_hash = ${lua(fingerprint)}

VirtualHost "${HOSTS.plain}"
  authentication = "internal_plain"

VirtualHost "${HOSTS.hashed}"
  authentication = "internal_hashed"
  password_hash = ${lua(hash)}

VirtualHost "${HOSTS.anonymous}"
  authentication = "anonymous"

VirtualHost "${HOSTS.external}"
  authentication = "ccert"
  ssl = { ${context}, cafile = ${lua(authorityFile)}, verify = { "peer", "client_once" } }

VirtualHost "${HOSTS.clear}"
  authentication = "internal_plain"
  c2s_require_encryption = false
  allow_unencrypted_plain_auth = true
`;
}

/** A string as a Lua literal, which JSON's are as long as they hold no control characters. */
function lua(text: string): string {
  return JSON.stringify(text);
}

/** Gives Prosody's shell one command over the socket that `prosodyctl shell` uses, at a fraction of its price. */
function tell(path: string, command: string): Promise<void> {
  const socket = connect(path);
  const escaped = command.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
  socket.write("<stream:stream xmlns='xmpp:prosody.im/admin' xmlns:stream='http://etherx.jabber.org/streams'>");
  socket.write(`<repl-input>${escaped}</repl-input>`);
  let answer = '';
  return new Promise<void>((resolve, reject) => {
    socket.setEncoding('utf8').on('data', (chunk: string) => {
      answer += chunk;
      const [, attributes, text] = /<repl-result([^>]*)>([^<]*)<\/repl-result>/.exec(answer) ?? [];
      if (text === undefined) return;
      if (attributes?.includes('error')) reject(new Error(`Prosody refuses: ${text}`));
      else resolve();
    });
    socket.once('error', reject).once('close', () => reject(new Error('Prosody closed its shell')));
  }).finally(() => socket.destroy());
}
