/** Certificates that are good for something, but not for the domain of the JID (RFC 6120 §13.7, RFC 9525). */
import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as assert from 'uvu/assert';
import { type ClientOptions, OptionError, xml } from '../../src/index.ts';
import type { Identity } from '../../src/testing/certificates.ts';
import { dial } from '../../src/transport/tcp.ts';
import { ALONE, DOMAIN, failure } from '../sockets/login.ts';
import { type Rig, sockets } from '../sockets/rig.ts';
import { sent } from '../sockets/wire.ts';
import { SECRET, verdict } from './enemy.ts';
import {
  address,
  dns,
  type Forgery,
  forger,
  mail,
  newKeys,
  srvName,
  tomorrow,
  uri,
  xmppAddress,
  yesterday,
} from './forgery.ts';

const test = sockets('hostile/certificates');

const MODES = ['STARTTLS', 'direct TLS'] as const;
type Mode = (typeof MODES)[number];

const { ca, issue } = forger();
const KEYS = newKeys();
/** Called like the one that is trusted, and not it. */
const NAMESAKE = forger('Authority', KEYS);

/** A server that shows a certificate, and a client that trusts the authority behind it. */
async function showing(
  rig: Rig,
  mode: Mode,
  identity: Identity,
  options: Partial<ClientOptions> = {},
  domain = DOMAIN,
) {
  const server = await rig.server({ domain, identity, log: true, accounts: { romeo: SECRET } });
  const endpoints = [mode === 'STARTTLS' ? server.endpoint : server.directEndpoint];
  const jid = `romeo@${domain}`;
  return { server, ...rig.client(server, { ...ALONE, jid, ca, password: SECRET, endpoints, ...options }) };
}

/** A certificate that a client must not accept, in either way of TLS: it waits for a person, and says nothing under it. */
async function refused(rig: Rig, identity: Identity, options: Partial<ClientOptions> = {}, domain = DOMAIN) {
  const codes = new Set<string | undefined>();
  for (const mode of MODES) {
    const { server, ...subject } = await showing(rig, mode, identity, options, domain);
    const over = failure(subject);
    const token = subject.client.send(xml`<message><body>for your eyes only</body></message>`);
    const reason = await over;
    assert.is(verdict(reason), 'tls tls certificate user', mode);
    assert.equal(sent(server, 1), mode === 'STARTTLS' ? ['stream', 'starttls'] : [], mode);
    assert.equal(subject.journal.read(), ['failure certificate']);
    assert.is(subject.dialed.filter(({ source }) => source === 'application').length, 1);
    assert.is(subject.client.phase, 'failed');
    assert.is(token.state, 'lost');
    codes.add(reason.cause?.code);
  }
  const [code] = codes;
  assert.is(codes.size, 1);
  return code;
}

/** A certificate that is good for the domain, to show that nothing else was wrong with one that is not. */
async function accepted(rig: Rig, identity: Identity, domain = DOMAIN): Promise<void> {
  for (const mode of MODES) {
    const { client } = await showing(rig, mode, identity, {}, domain);
    await client.start();
    assert.ok(client.getSnapshot().trust?.security);
  }
}

const WRONG_NAME = 'ERR_TLS_CERT_ALTNAME_INVALID';

test('a good one is good', (rig) => accepted(rig, issue({ names: [dns(DOMAIN)] })));

// Names.

const CHAT = `chat.${DOMAIN}`;
const IDN = `bücher.${DOMAIN}`;
const A_LABEL = `xn--bcher-kva.${DOMAIN}`;

/** Of a certificate: for which domain it is shown and what it says. */
type Shown = readonly [domain: string, forgery: Forgery];

const named = (domain: string, ...names: Forgery['names'] & object): Shown => [domain, { names }];

const NAMES: Record<string, Shown> = {
  'another domain': named(DOMAIN, dns('evil.test')),
  'a domain that begins so': named(DOMAIN, dns(`${DOMAIN}.evil.test`)),
  'a domain that ends so': named(DOMAIN, dns(`evil-${DOMAIN}`)),
  'a domain above': named(CHAT, dns(DOMAIN), dns('test')),
  'a domain below': named(DOMAIN, dns(CHAT)),
  'the host that was dialled': named(DOMAIN, dns('localhost'), address(127, 0, 0, 1)),
  nobody: named(DOMAIN),
  'the domain as common name': [DOMAIN, { commonName: DOMAIN }],
  'the domain as common name, beside other names': [DOMAIN, { commonName: DOMAIN, names: [dns('evil.test')] }],
  'the domain as common name, beside an address': [DOMAIN, { commonName: DOMAIN, names: [address(127, 0, 0, 1)] }],
  'the domain in a URI': named(DOMAIN, uri(`xmpp:${DOMAIN}`)),
  'the domain in a mail address': named(DOMAIN, mail(`romeo@${DOMAIN}`)),
  'the domain as id-on-xmppAddr': named(DOMAIN, xmppAddress(DOMAIN)),
  'the domain as SRVName': named(DOMAIN, srvName(`_xmpp-client.${DOMAIN}`)),
  'a domain with a NUL in it': named(DOMAIN, dns(`${DOMAIN}\0.evil.test`)),
  'a domain with white space': named(DOMAIN, dns(`${DOMAIN} `)),
  'a domain that looks like two names': named(DOMAIN, dns(`evil.test, DNS:${DOMAIN}`)),
  'a domain that looks like two names, quoted': named(DOMAIN, dns(`evil.test", DNS:${DOMAIN}, DNS:"`)),
  'a URI that looks like two names': named(DOMAIN, uri(`http://evil.test/, DNS:${DOMAIN}`)),
  'the U-labels of an international domain': named(IDN, dns(Buffer.from(IDN).toString('latin1'))),
  'the U-labels in Latin-1': named(IDN, dns(IDN)),
  'a name that looks international and is not': named(IDN, dns(`bucher.${DOMAIN}`)),
};

for (const [about, [domain, forgery]] of Object.entries(NAMES)) {
  test(`another name: a certificate for ${about}`, async (rig) => {
    assert.is(await refused(rig, issue(forgery), {}, domain), WRONG_NAME);
  });
}

test('an international domain goes by its A-labels', (rig) => accepted(rig, issue({ names: [dns(A_LABEL)] }), IDN));

test('capitals mean nothing', (rig) => accepted(rig, issue({ names: [dns(DOMAIN.toUpperCase())] })));

// Wildcards.

const STARS: Record<string, Shown> = {
  'several labels': named(`a.${CHAT}`, dns(`*.${DOMAIN}`)),
  'no label': named(DOMAIN, dns(`*.${DOMAIN}`)),
  'all that is public': named(DOMAIN, dns('*.test')),
  everything: named(DOMAIN, dns('*')),
  'every label': named(CHAT, dns('*.*.*')),
  'two labels': named(CHAT, dns('*.*.test')),
  'a label that is not the first': named(CHAT, dns('chat.*.test')),
  'the beginning of a label': named(CHAT, dns(`*t.${DOMAIN}`)),
  'the end of a label': named(CHAT, dns(`c*.${DOMAIN}`)),
  'the middle of a label': named(CHAT, dns(`c*t.${DOMAIN}`)),
  'nothing beside a whole label': named(CHAT, dns(`chat*.${DOMAIN}`)),
  'a part of an A-label': named(IDN, dns(`xn--*.${DOMAIN}`)),
  'two stars': named(CHAT, dns(`**.${DOMAIN}`)),
  'a part of an address': named('127.0.0.1', dns('*.0.0.1')),
};

for (const [about, [domain, forgery]] of Object.entries(STARS)) {
  test(`wildcards stand for one whole label, the leftmost: not for ${about}`, async (rig) => {
    assert.is(await refused(rig, issue(forgery), {}, domain), WRONG_NAME);
  });
}

test('wildcards stand for one whole label, the leftmost: also an A-label', async (rig) => {
  const identity = issue({ names: [dns(`*.${DOMAIN}`)] });
  await accepted(rig, identity, CHAT);
  await accepted(rig, identity, IDN);
});

// Addresses.

const ADDRESSES: Record<string, Shown> = {
  'written as a name': named('127.0.0.1', dns('127.0.0.1')),
  'that is another': named('127.0.0.1', address(127, 0, 0, 2)),
  'of the common name': ['127.0.0.1', { commonName: '127.0.0.1' }],
  'of the other family': named('127.0.0.1', address(...Array(10).fill(0), 255, 255, 127, 0, 0, 1)),
  'of IPv6 written as a name': named('[::1]', dns('::1'), dns('[::1]')),
};

for (const [about, [domain, forgery]] of Object.entries(ADDRESSES)) {
  test(`an address is no name: one ${about}`, async (rig) => {
    assert.is(await refused(rig, issue(forgery), {}, domain), WRONG_NAME);
  });
}

test('an address is no name: but good for itself', async (rig) => {
  await accepted(rig, issue({ names: [address(127, 0, 0, 1)] }), '127.0.0.1');
  await accepted(rig, issue({ names: [address(...Array(15).fill(0), 1)] }), '[::1]');
});

// Validity and authorities.

const GOOD: Forgery = { names: [dns(DOMAIN)] };
const BETWEEN: Forgery = { commonName: 'Between', authority: true };

const INVALID: Record<string, [code: string, forgery: Forgery]> = {
  'has expired': ['CERT_HAS_EXPIRED', { ...GOOD, notBefore: new Date(0), notAfter: yesterday() }],
  'is not yet valid': ['CERT_NOT_YET_VALID', { ...GOOD, notBefore: tomorrow() }],
  'is for clients': ['INVALID_PURPOSE', { ...GOOD, purpose: 'clientAuth' }],
  'has an extension that nobody knows and everybody must': [
    'UNSPECIFIED',
    { ...GOOD, critical: '1.3.6.1.4.1.99999.1' },
  ],
  'was signed by one that may not sign': ['INVALID_PURPOSE', { ...GOOD, signer: { ...GOOD, commonName: 'Leaf' } }],
  'was signed by one that has expired': [
    'CERT_HAS_EXPIRED',
    { ...GOOD, signer: { ...BETWEEN, notBefore: new Date(0), notAfter: yesterday() } },
  ],
  'was signed by one that may sign for others only': [
    'UNSPECIFIED',
    { ...GOOD, signer: { commonName: 'Between', authority: { under: 'evil.test' } } },
  ],
};

for (const [about, [code, forgery]] of Object.entries(INVALID)) {
  test(`a certificate that is not valid: it ${about}`, async (rig) => {
    assert.is(await refused(rig, issue(forgery)), code);
  });
}

test('one that was signed by another between is good', async (rig) => {
  await accepted(rig, issue({ ...GOOD, signer: BETWEEN }));
  await accepted(rig, issue({ ...GOOD, signer: { commonName: 'Between', authority: { under: DOMAIN } } }));
});

test('an authority that is not trusted: nobody’s, one of the same name, and the certificate itself', async (rig) => {
  assert.is(await refused(rig, NAMESAKE.issue(GOOD)), 'CERT_SIGNATURE_FAILURE');
  const itself = forger(DOMAIN, KEYS);
  assert.is(await refused(rig, itself.issue(GOOD)), 'UNABLE_TO_VERIFY_LEAF_SIGNATURE');
  assert.is(await refused(rig, { ...itself.issue(GOOD), cert: itself.ca }), 'DEPTH_ZERO_SELF_SIGNED_CERT');
  const brought = NAMESAKE.issue(GOOD);
  assert.is(await refused(rig, { ...brought, cert: brought.cert + NAMESAKE.ca }), 'CERT_SIGNATURE_FAILURE');
});

test('an authority that is not trusted: every one, where ca is empty', async (rig) => {
  assert.is(await refused(rig, issue(GOOD), { ca: [] }), 'UNABLE_TO_VERIFY_LEAF_SIGNATURE');
  for (const none of ['', 'x']) {
    const error = await showing(rig, 'STARTTLS', issue(GOOD), { ca: none }).catch((error) => error);
    assert.instance(error, OptionError);
  }
});

/** Runs a program in which the authority is one of the system; gives what it prints. */
async function withSystemAuthority(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'xstanza-'));
  try {
    const file = join(folder, 'ca.pem');
    const good = issue(GOOD);
    await writeFile(file, ca);
    const program = fileURLToPath(new URL('./trust.js', import.meta.url));
    const child = spawn(process.execPath, ['--conditions=development', program, NAMESAKE.ca, good.cert, good.key], {
      env: { ...process.env, NODE_EXTRA_CA_CERTS: file },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let printed = '';
    child.stdout.on('data', (text) => {
      printed += text;
    });
    await new Promise((resolve) => child.once('close', resolve));
    return printed;
  } finally {
    await rm(folder, { recursive: true });
  }
}

test('an authority that is not trusted: one of the system, where ca names others', async () => {
  const untrusted = 'tls tls certificate user\n';
  assert.is(await withSystemAuthority(), `trusted\n${untrusted.repeat(2)}trusted\n${untrusted.repeat(3)}`);
});

// Where the connection leads.

test('a name of the host: what SRV, a redirection or an endpoint leads to is not what has to be certified', async (rig) => {
  const evil = await rig.server({ domain: DOMAIN, identity: issue({ names: [dns('evil.test')] }), log: true });
  const elsewhere: Partial<ClientOptions> = {
    ...ALONE,
    ca,
    password: SECRET,
    connect: (_, { signal }) => dial(evil.endpoint, { signal }),
  };
  const record = { name: 'evil.test', port: 5222, priority: 0, weight: 0 };
  const bySrv = rig.client(evil, { ...elsewhere, endpoints: [], resolveSrv: async () => [record] });
  assert.is(verdict(await failure(bySrv)), 'tls tls certificate user');
  const byEndpoint = rig.client(evil, { ...elsewhere, endpoints: [{ host: 'evil.test' }] });
  assert.is(verdict(await failure(byEndpoint)), 'tls tls certificate user');

  const redirecting = await rig.scripted(
    async (peer) => {
      await peer.open();
      await peer.send(
        `<stream:error><see-other-host xmlns='urn:ietf:params:xml:ns:xmpp-streams'>evil.test</see-other-host></stream:error></stream:stream>`,
      );
    },
    { domain: DOMAIN },
  );
  const hosts: string[] = [];
  const redirected = rig.client(redirecting, {
    ...elsewhere,
    connect: ({ host }, { signal }) => {
      hosts.push(host);
      return dial(host === 'evil.test' ? evil.endpoint : redirecting.endpoint, { signal });
    },
  });
  assert.is(verdict(await failure(redirected)), 'tls tls certificate user');
  assert.equal(hosts, ['127.0.0.1', 'evil.test']);
  for (const connection of [1, 2, 3]) assert.not(sent(evil, connection).includes('auth'));
});

test('every connection is verified: a certificate that was good does not vouch for the next', async (rig) => {
  const good = await rig.server({ domain: DOMAIN, identity: issue(GOOD), accounts: { romeo: SECRET } });
  const evil = await rig.server({ domain: DOMAIN, identity: issue({ names: [dns('evil.test')] }), log: true });
  let target = good;
  const { client, journal } = await rig.online(good, {
    ...ALONE,
    ca,
    password: SECRET,
    connect: (_, { signal }) => dial(target.endpoint, { signal }),
  });
  target = evil;
  good.drop('rst');
  const token = client.send(xml`<message><body>for your eyes only</body></message>`);
  await journal.until('failure certificate');
  assert.is(client.phase, 'failed');
  assert.ok(['lost', 'unconfirmed'].includes(token.state), token.state);
  assert.equal(sent(evil, 1), ['stream', 'starttls']);
});

test.run();
