/** jabberd2: a router, a session manager and an access point as three processes, and a program that knows the accounts. */
import { execFile } from 'node:child_process';
import { appendFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { authority, serverCertificate } from './certificates.ts';
import { install } from './install.ts';
import { HOSTS } from './options.ts';
import { freePort } from './ports.ts';
import { type Ports, RealServer } from './real-server.ts';
import { scratchFolder } from './scratch.ts';

/**
 * Answers the questions of the access point about accounts. The arguments of each (`user realm` for "does it exist",
 * `user password realm` with the password in base64 for "is it right") are a line of a file, or they are not.
 */
const ACCOUNTANT = `#!/bin/sh
echo 'OK USER-EXISTS CHECK-PASSWORD'
while read -r question line; do
  if grep -qxF -- "$line" accounts; then echo OK; else echo NO; fi
done
`;

/** What the session manager does at which point, by its names of modules. */
const MODULES = {
  'in-sess': ['validate', 'roster', 'iq-ping', 'disco', 'presence', 'deliver'],
  'in-router': ['session', 'validate', 'presence'],
  'pkt-sm': ['iq-ping', 'iq-version', 'disco', 'presence'],
  'pkt-user': ['roster', 'presence', 'disco', 'deliver'],
  'pkt-router': ['session', 'disco'],
  'user-load': ['active', 'roster'],
  'user-create': ['active'],
  'disco-extend': ['iq-version'],
};

/**
 * Starts a jabberd2 and waits until it answers. Of its `hosts` there is `plain` alone, with PLAIN and no SCRAM. It ends some
 * connections that follow close upon another with `<internal-server-error/>`: it takes them for the one before.
 */
export async function startJabberd2(): Promise<RealServer> {
  await install();
  const show = ['--show', '--showformat', `\${source:Upstream-Version}`, 'jabberd2'];
  const [{ stdout: version }, { cert: ca }, certificate, starttls, direct, router] = await Promise.all([
    promisify(execFile)('dpkg-query', show),
    authority(),
    serverCertificate(),
    freePort(),
    freePort(),
    freePort(),
  ]);
  const folder = scratchFolder('jabberd2');
  const accounts = join(folder, 'accounts');
  const ports = { starttls, direct, external: starttls, clear: starttls };
  const program = (name: string) => ({
    command: [`/usr/sbin/jabberd2-${name}`, '-c', join(folder, `${name}.xml`)] as const,
  });
  await Promise.all([
    mkdir(join(folder, 'storage')),
    writeFile(accounts, ''),
    writeFile(join(folder, 'accountant'), ACCOUNTANT, { mode: 0o700 }),
    writeFile(join(folder, 'server.pem'), certificate.cert + certificate.key),
    ...Object.entries(configuration(ports, router, folder)).map(([name, text]) => writeFile(join(folder, name), text)),
  ]);
  const server = new RealServer({
    name: 'jabberd2',
    version,
    hosts: HOSTS,
    ports,
    ca,
    folder,
    programs: [{ ...program('router'), port: router }, program('sm'), program('c2s')],
    env: {},
    register: async (user, host, password) => {
      const exists = `${user} ${host}`;
      if ((await readFile(accounts, 'utf8')).split('\n').includes(exists)) throw new Error(`${user}@${host} exists`);
      await appendFile(accounts, `${exists}\n${user} ${Buffer.from(password).toString('base64')} ${host}\n`);
    },
    kick: () => Promise.reject(new Error('jabberd2 cannot end a session')),
  });
  await server.start();
  return server;
}

/** The files of configuration, by name. */
function configuration(ports: Ports, router: number, folder: string): Record<string, string> {
  const chains = Object.entries(MODULES).map(
    ([chain, names]) => `<chain id='${chain}'>${names.map((name) => `<module>${name}</module>`).join('')}</chain>`,
  );
  const connection = `<router><ip>127.0.0.1</ip><port>${router}</port><user>jabberd</user><pass>secret</pass></router>`;
  return {
    'users.xml': '<users><user><name>jabberd</name><secret>secret</secret></user></users>',
    'filter.xml': '<filter/>',
    'router.xml': `
<router>
  <local>
    <ip>127.0.0.1</ip>
    <port>${router}</port>
    <users>${join(folder, 'users.xml')}</users>
  </local>
  <aci>
    <acl type='all'><user>jabberd</user></acl>
    <filter>${join(folder, 'filter.xml')}</filter>
  </aci>
</router>`,
    'sm.xml': `
<sm>
  ${connection}
  <local><id>${HOSTS.plain}</id></local>
  <storage>
    <driver>fs</driver>
    <fs><path>${join(folder, 'storage')}</path></fs>
  </storage>
  <modules>
    ${chains.join('\n    ')}
  </modules>
  <user><auto-create/></user>
</sm>`,
    'c2s.xml': `
<c2s>
  ${connection}
  <local>
    <id pemfile='${join(folder, 'server.pem')}' require-starttls='true'>${HOSTS.plain}</id>
    <ip>127.0.0.1</ip>
    <port>${ports.starttls}</port>
    <ssl-port>${ports.direct}</ssl-port>
    <pemfile>${join(folder, 'server.pem')}</pemfile>
  </local>
  <authreg>
    <module>pipe</module>
    <pipe><exec>${join(folder, 'accountant')}</exec></pipe>
    <ssl-mechanisms><sasl><plain/></sasl></ssl-mechanisms>
  </authreg>
</c2s>`,
  };
}
