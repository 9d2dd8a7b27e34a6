/** SASL: what is chosen, what is asked, what a refusal means, and what a server has to prove (RFC 6120 §6, B.6, E-23). */
import * as assert from 'uvu/assert';
import {
  type ClientOptions,
  type CredentialRequest,
  type CredentialSource,
  type Element,
  el,
} from '../../src/index.ts';
import { makeCertificates, sharedCertificates } from '../../src/testing/certificates.ts';
import type { Peer } from '../../src/testing/peer.ts';
import { createServerMechanism, type ScramFault, scramFaults } from '../../src/testing/sasl.ts';
import type { TestServerOptions } from '../../src/testing/server.ts';
import { DEFAULT_SETTINGS, type Settings } from '../../src/testing/settings.ts';
import { bound, NS, segment } from './dialogue.ts';
import { ALONE, auths, DOMAIN, failure, verdict } from './login.ts';
import { PASSWORD, type Rig, type Subject, sockets } from './rig.ts';
import { salted } from './salting.ts';
import { sent } from './wire.ts';

const test = sockets('sockets/sasl');

const STRONGEST_FIRST = DEFAULT_SETTINGS.mechanisms.filter((name) => name !== 'EXTERNAL');

/** A server that keeps a log, and a client of its own that knows no other. */
async function meet(rig: Rig, settings: TestServerOptions = {}, options: Partial<ClientOptions> = {}) {
  const server = await rig.server({ domain: DOMAIN, log: true, ...settings });
  return { server, ...rig.client(server, { ...ALONE, ...options }) };
}

/** The mechanism and the GS2 header of every `<auth/>`: `SCRAM-SHA-1-PLUS p=tls-exporter`. */
const flags = (...[server]: Parameters<typeof auths>) => auths(server).map((auth) => auth.replace(/,.*/s, ''));

// Which mechanism.

for (const mechanism of STRONGEST_FIRST) {
  test(`${mechanism} lets in, again and again`, async (rig) => {
    const { client, journal, server } = await meet(rig, { mechanisms: [mechanism] });
    await client.start();
    const { trust } = client.getSnapshot();
    assert.is(trust?.mechanism, mechanism);
    assert.is(trust?.binding, mechanism.endsWith('-PLUS') ? 'tls-exporter' : null);
    server.drop('rst');
    await journal.until('online again');
  });
}

test('the strongest that both have, in whatever order the server offers them', async (rig) => {
  const weakestFirst = [...STRONGEST_FIRST].reverse();
  const { client, server } = await meet(rig);
  for (let count = weakestFirst.length; count > 0; count -= 1) {
    server.configure({ mechanisms: ['X-UNKNOWN', ...weakestFirst.slice(0, count)] });
    await client.start();
    assert.is(client.getSnapshot().trust?.mechanism, weakestFirst[count - 1]);
    await client.stop();
  }
});

test('N-82: mechanisms: the order that was set, and no other mechanism', async (rig) => {
  const mechanisms = ['SCRAM-SHA-1', 'SCRAM-SHA-256'];
  const { client, server } = await meet(rig, {}, { mechanisms });
  await client.start();
  assert.is(client.getSnapshot().trust?.mechanism, 'SCRAM-SHA-1');
  await client.stop();
  server.configure({ mechanisms: ['PLAIN', 'SCRAM-SHA-512', 'SCRAM-SHA-256'] });
  await client.start();
  assert.is(client.getSnapshot().trust?.mechanism, 'SCRAM-SHA-256');
});

test('N-02, N-82, E-23: none in common is a stream error, and for ever, once every endpoint was tried', async (rig) => {
  const one = await rig.server({ domain: DOMAIN, log: true, mechanisms: ['X-UNKNOWN'] });
  const other = await rig.server({ domain: DOMAIN, log: true, mechanisms: ['ANONYMOUS'] });
  const subject = rig.client(one, { ...ALONE, endpoints: [one.endpoint, other.endpoint] });
  const reason = await failure(subject);
  assert.is(verdict(reason), 'auth no-mechanism never');
  assert.equal(
    reason.attempts?.map(({ condition }) => condition),
    ['no-mechanism', 'no-mechanism', 'no-xmpp'],
  );
  for (const server of [one, other]) assert.equal(sent(server, 1).slice(3), ['error']);
  const [error] = one.log.filter(({ element, direction }) => element.name === 'error' && direction === 'in');
  assert.ok(error?.element.find('policy-violation', NS.streamErrors));
});

test('E-23: where one endpoint has no mechanism, the next may', async (rig) => {
  const useless = await rig.server({ domain: DOMAIN, mechanisms: ['X-UNKNOWN'] });
  const server = await rig.server({ domain: DOMAIN });
  const { dialed } = await rig.online(server, { ...ALONE, endpoints: [useless.endpoint, server.endpoint] });
  assert.is(dialed.length, 2);
});

// Channel binding.

interface Binding {
  readonly server?: TestServerOptions;
  readonly client?: Partial<ClientOptions>;
  /** The mechanism and the GS2 header of every `<auth/>`, all on one connection. */
  readonly seen: readonly string[];
}

const NO_PLUS = STRONGEST_FIRST.filter((name) => !name.endsWith('-PLUS'));

const BINDINGS: Record<string, Binding> = {
  'both types announced, TLS 1.3': { seen: ['SCRAM-SHA-512-PLUS p=tls-exporter'] },
  'both types announced, TLS 1.2': {
    server: { maxVersion: 'TLSv1.2' },
    seen: ['SCRAM-SHA-512-PLUS p=tls-server-end-point'],
  },
  'one type announced': {
    server: { channelBinding: ['tls-server-end-point'] },
    seen: ['SCRAM-SHA-512-PLUS p=tls-server-end-point'],
  },
  'nothing announced, the best type known': {
    server: { announceChannelBinding: false },
    seen: ['SCRAM-SHA-512-PLUS p=tls-exporter'],
  },
  'types announced, none in common': { server: { channelBinding: ['tls-unique'] }, seen: ['SCRAM-SHA-512 n'] },
  'nothing announced, none in common': {
    server: { channelBinding: ['tls-unique'], announceChannelBinding: false },
    seen: ['SCRAM-SHA-512-PLUS p=tls-exporter', 'SCRAM-SHA-512 n'],
  },
  'nothing announced, none in common, TLS 1.2': {
    server: { channelBinding: ['tls-unique'], announceChannelBinding: false, maxVersion: 'TLSv1.2' },
    seen: ['SCRAM-SHA-512-PLUS p=tls-server-end-point', 'SCRAM-SHA-512 n'],
  },
  'no -PLUS offered': { server: { mechanisms: NO_PLUS }, seen: ['SCRAM-SHA-512 y'] },
  'no -PLUS wanted': { client: { mechanisms: NO_PLUS }, seen: ['SCRAM-SHA-512 n'] },
  'no TLS': { server: { tls: 'off' }, client: { tls: 'off' }, seen: ['SCRAM-SHA-512 n'] },
};

for (const [about, { server: settings, client: options, seen }] of Object.entries(BINDINGS)) {
  test(`channel binding, ${about}: ${seen.join(', then ')}`, async (rig) => {
    const { client, server, sockets } = await meet(rig, settings, options);
    await client.start();
    assert.equal(flags(server), seen);
    assert.is(sockets.length, 1);
    const binding = seen.at(-1)?.split('p=')[1] ?? null;
    assert.is(client.getSnapshot().trust?.binding, binding);
  });
}

/** Offers mechanisms under TLS, and says nothing of channel binding. */
async function unannounced(peer: Peer, ...mechanisms: string[]): Promise<void> {
  await peer.negotiate({ upTo: 'tls' });
  await peer.features(offer(...mechanisms));
}

test('a binding refused as a wrong password is no wrong password (ejabberd 23.01)', async (rig) => {
  const server = await rig.scripted(async (peer) => {
    await unannounced(peer, 'SCRAM-SHA-1-PLUS', 'SCRAM-SHA-1');
    assert.is(first(await peer.expect('auth')), 'SCRAM-SHA-1-PLUS p=tls-exporter');
    await refuse(peer, 'not-authorized', 'Invalid channel binding');
    const auth = await peer.expect('auth');
    assert.is(first(auth), 'SCRAM-SHA-1 n');
    await accept(peer, auth);
    await peer.open();
    await peer.features(el('bind', { xmlns: NS.bind }));
    await peer.send(bound(await peer.next()));
  });
  const asked = questions(PASSWORD);
  const { client, journal } = await rig.online(server, { credentials: asked.credentials });
  assert.equal(asked.failures, [null]);
  assert.equal(journal.read(), ['established', 'online anew']);
  assert.is(client.getSnapshot().trust?.mechanism, 'SCRAM-SHA-1');
});

test('a binding that was announced and is refused is a wrong password', async (rig) => {
  const { server, ...subject } = await meet(rig, { accounts: { romeo: 'another' } });
  assert.is(verdict(await failure(subject)), 'auth not-authorized user');
  assert.equal(flags(server), ['SCRAM-SHA-512-PLUS p=tls-exporter']);
});

test('a binding that cannot be tried otherwise is refused like any other', async (rig) => {
  const server = await rig.scripted(
    async (peer) => {
      await unannounced(peer, 'SCRAM-SHA-1-PLUS');
      await peer.expect('auth');
      await refuse(peer, 'not-authorized');
      await peer.expect('/stream');
    },
    { domain: DOMAIN },
  );
  assert.is(verdict(await failure(rig.client(server, ALONE))), 'auth not-authorized user');
});

test('a server that is only out of order says nothing of the binding', async (rig) => {
  const server = await rig.scripted(
    async (peer) => {
      await unannounced(peer, 'SCRAM-SHA-1-PLUS', 'SCRAM-SHA-1');
      await peer.expect('auth');
      await refuse(peer, 'temporary-auth-failure');
      await peer.expect('/stream');
    },
    { domain: DOMAIN },
  );
  const subject = rig.client(server, { ...ALONE, maxInitialAttempts: 1 });
  assert.is(verdict(await failure(subject)), 'auth temporary-auth-failure backoff');
});

// Credentials.

/** Gives `answers` one after the other, and keeps what it was told. */
function questions(...answers: Awaited<ReturnType<CredentialSource>>[]) {
  const requests: CredentialRequest[] = [];
  return {
    requests,
    credentials: (request: CredentialRequest) => {
      requests.push(request);
      return answers.shift();
    },
    get failures() {
      return requests.map(({ failure }) => failure?.condition ?? null);
    },
  };
}

test('a fixed password is offered once', async (rig) => {
  const { server, journal, dialed, client } = await meet(rig, { accounts: { romeo: 'another' } });
  assert.is(verdict(await failure({ client })), 'auth not-authorized user');
  assert.is(auths(server).length, 1);
  assert.is(dialed.length, 1);
  assert.equal(journal.read(), ['failure not-authorized']);
  assert.is(sent(server, 1).at(-1), '/stream');
});

test('a stranger is told no more than that', async (rig) => {
  const { server, ...subject } = await meet(rig, {}, { jid: `tybalt@${DOMAIN}` });
  assert.is(verdict(await failure(subject)), 'auth not-authorized user');
});

test('a function is asked three times on one connection, and told why', async (rig) => {
  const asked = questions('wrong', 'wrong again', { password: 'still wrong' }, PASSWORD);
  const { server, dialed, client } = await meet(rig, {}, { credentials: asked.credentials });
  assert.is(verdict(await failure({ client })), 'auth not-authorized user');
  assert.equal(asked.failures, [null, 'not-authorized', 'not-authorized']);
  assert.is(dialed.length, 1);
  assert.is(auths(server).length, 3);
});

test('and gets in with the third', async (rig) => {
  const asked = questions('wrong', 'wrong again', PASSWORD);
  const { client, dialed } = await meet(rig, {}, { credentials: asked.credentials });
  await client.start();
  assert.is(dialed.length, 1);
  const [request] = asked.requests;
  assert.is(request?.mechanism, 'SCRAM-SHA-512-PLUS');
  assert.equal(request?.mechanisms, STRONGEST_FIRST);
});

test('trying without a binding costs none of the three', async (rig) => {
  const asked = questions('wrong', 'wrong again', PASSWORD);
  const { client, server } = await meet(
    rig,
    { channelBinding: ['tls-unique'], announceChannelBinding: false },
    { credentials: asked.credentials },
  );
  await client.start();
  assert.equal(asked.failures, [null, 'not-authorized', 'not-authorized']);
  const plain = 'SCRAM-SHA-512 n';
  assert.equal(flags(server), ['SCRAM-SHA-512-PLUS p=tls-exporter', plain, plain, plain]);
});

for (const [about, answer] of [
  ['null', null],
  ['undefined', undefined],
] as const) {
  test(`${about} gives up before anything was said`, async (rig) => {
    const { server, ...subject } = await meet(rig, {}, { credentials: async () => answer });
    assert.is(verdict(await failure(subject)), 'auth no-credentials user');
    assert.equal(auths(server), []);
    assert.is(subject.dialed.length, 1);
  });
}

test('null gives up after a refusal, which is what the run fails with', async (rig) => {
  const { server, ...subject } = await meet(rig, {}, { credentials: questions('wrong', null).credentials });
  assert.is(verdict(await failure(subject)), 'auth not-authorized user');
  assert.is(auths(server).length, 1);
});

test('a function that fails waits for a person', async (rig) => {
  const { server, ...subject } = await meet(rig, {}, { credentials: () => Promise.reject(new Error('no key ring')) });
  assert.is(verdict(await failure(subject)), 'auth internal user');
  assert.equal(auths(server), []);
});

test('a function is asked again at every login', async (rig) => {
  const asked = questions(PASSWORD, PASSWORD);
  const { client, journal, server } = await meet(rig, {}, { credentials: asked.credentials });
  await client.start();
  server.drop('rst');
  await journal.until('online again');
  assert.equal(asked.failures, [null, null]);
});

test('a password that was changed while the client was online ends the run', async (rig) => {
  const { client, journal, server } = await meet(rig);
  await client.start();
  journal.read();
  server.accounts.set('romeo', 'another');
  server.drop('rst');
  await journal.until('failure not-authorized');
  const events = ['suspended network', 'waiting 1 network', 'destroyed not-authorized', 'failure not-authorized'];
  assert.equal(journal.read(), events);
});

test('another name and another identity', async (rig) => {
  const juliet = { username: 'juliet', password: PASSWORD };
  const { client, server } = await meet(rig, {}, { credentials: () => juliet });
  await client.start();
  assert.is(client.jid.local, 'juliet');
  const stranger = rig.client(server, { ...ALONE, credentials: () => ({ ...juliet, authzid: ALONE.jid }) });
  assert.is(verdict(await failure(stranger)), 'auth invalid-authzid user');
});

test('SASLprep: one password, however it is typed', async (rig) => {
  for (const mechanism of ['SCRAM-SHA-256', 'PLAIN']) {
    const settings = { accounts: { romeo: 'pa\u0308ss\u00a0word' }, mechanisms: [mechanism] };
    const { client } = await meet(rig, settings, { password: 'päss word' });
    await client.start();
  }
});

test('a password that cannot be one waits for a person', async (rig) => {
  const { server, ...subject } = await meet(rig, {}, { password: 'bell\u0007' });
  assert.is(verdict(await failure(subject)), 'auth invalid-password user');
  assert.equal(auths(server), []);
});

// Without a password.

test('X-19: EXTERNAL goes first where there is a certificate, and needs nothing else', async (rig) => {
  const { clientCert } = await sharedCertificates();
  const { cert, key } = clientCert(ALONE.jid);
  const { client, server } = await meet(rig, {}, { cert, key, credentials: () => ({}) });
  await client.start();
  assert.equal(auths(server), ['EXTERNAL ']);
  assert.is(client.jid.bare.toString(), ALONE.jid);
});

test('a certificate that the server has no use for leaves the password', async (rig) => {
  const { cert, key } = (await makeCertificates()).clientCert(ALONE.jid);
  const { client } = await meet(rig, {}, { cert, key });
  await client.start();
  assert.is(client.getSnapshot().trust?.mechanism, 'SCRAM-SHA-512-PLUS');
});

test('EXTERNAL refused: the password is next, on the same connection', async (rig) => {
  const { clientCert } = await sharedCertificates();
  const { cert, key } = clientCert(ALONE.jid);
  const server = await speaking(rig, ['EXTERNAL', 'SCRAM-SHA-1'], async (peer) => {
    assert.is(first(await peer.expect('auth')), 'EXTERNAL ');
    await refuse(peer, 'not-authorized');
    assert.is(first(await peer.expect('auth')), 'SCRAM-SHA-1 n');
    await refuse(peer, 'not-authorized');
    await peer.expect('/stream');
  });
  assert.is(verdict(await failure(server({ cert, key }))), 'auth not-authorized user');
});

test('ANONYMOUS: the server gives an identity, and another one the next time', async (rig) => {
  const server = await rig.server({ domain: DOMAIN, mechanisms: ['ANONYMOUS'] });
  const anonymous = {
    ...ALONE,
    jid: DOMAIN,
    mechanisms: ['ANONYMOUS'],
    credentials: () => assert.unreachable() as never,
  };
  const [one, other] = [await rig.online(server, anonymous), await rig.online(server, anonymous)];
  const before = one.client.jid;
  assert.is.not(before.bare.toString(), other.client.jid.bare.toString());
  await one.client.stop();
  await one.client.start();
  assert.is.not(one.client.jid.bare.toString(), before.bare.toString());
});

// Refusals, of a server that is the test.

/** The feature. */
function offer(...names: string[]): Element {
  const mechanisms = names.map((name) => el('mechanism', {}, name));
  return el('mechanisms', { xmlns: NS.sasl }, mechanisms);
}

/** The mechanism of an `<auth/>` and the beginning of what came with it. */
function first(auth: Element): string {
  return `${auth.attr('mechanism')} ${Buffer.from(auth.text, 'base64').toString().replace(/,.*/s, '')}`;
}

const sasl = (name: string, text = '') => el(name, { xmlns: NS.sasl }, text);

const base64 = (bytes: Uint8Array | string) => Buffer.from(bytes).toString('base64');

async function refuse(peer: Peer, condition: string, text?: string): Promise<void> {
  await peer.send(el('failure', { xmlns: NS.sasl }, el(condition), text && el('text', {}, text)));
}

/** Goes through an exchange of SCRAM that began with `auth`, as an honest server does. */
async function accept(peer: Peer, auth: Element): Promise<void> {
  const given = { password: () => PASSWORD, binding: () => undefined };
  const mechanism = createServerMechanism(auth.attr('mechanism') ?? '', given);
  for (let element = auth; ; element = await peer.expect('response')) {
    const outcome = await mechanism.step(Buffer.from(element.text, 'base64'));
    if ('failure' in outcome) throw new Error(outcome.failure);
    if ('success' in outcome) return peer.send(sasl('success', base64(outcome.success ?? '')));
    await peer.send(sasl('challenge', base64(outcome.challenge)));
  }
}

/** A server that offers mechanisms in clear and then plays `script`; gives a maker of clients that get one attempt. */
async function speaking(rig: Rig, offered: readonly string[], script: (peer: Peer) => Promise<unknown>) {
  const server = await rig.scripted(
    async (peer) => {
      await peer.open();
      await peer.features(offer(...offered));
      await script(peer);
    },
    { domain: DOMAIN },
  );
  return (options: Partial<ClientOptions> = {}): Subject =>
    rig.client(server, { ...ALONE, tls: 'off', plainOnLoopback: true, maxInitialAttempts: 1, ...options });
}

const REFUSALS: Record<string, string> = {
  'not-authorized': 'user',
  'account-disabled': 'user',
  'credentials-expired': 'user',
  'invalid-authzid': 'user',
  aborted: 'never',
  'malformed-request': 'never',
  'incorrect-encoding': 'never',
  'made-up': 'never',
};

for (const [condition, retry] of Object.entries(REFUSALS)) {
  test(`B.6: <${condition}/> is the end, retry ${retry}`, async (rig) => {
    const server = await speaking(rig, ['SCRAM-SHA-256', 'SCRAM-SHA-1', 'PLAIN'], async (peer) => {
      await peer.expect('auth');
      await refuse(peer, condition, 'because');
      await peer.expect('/stream');
    });
    const subject = server({ maxInitialAttempts: 4 });
    const reason = await failure(subject);
    assert.is(verdict(reason), `auth ${condition} ${retry}`);
    assert.is(reason.text, 'because');
    assert.is(subject.dialed.length, 1);
  });
}

for (const condition of ['invalid-mechanism', 'mechanism-too-weak', 'encryption-required']) {
  test(`B.6: <${condition}/> is about the mechanism, and the next one is tried`, async (rig) => {
    const server = await speaking(rig, ['SCRAM-SHA-256', 'SCRAM-SHA-1', 'PLAIN'], async (peer) => {
      for (const expected of ['SCRAM-SHA-256', 'SCRAM-SHA-1', 'PLAIN']) {
        assert.is((await peer.expect('auth')).attr('mechanism'), expected);
        await refuse(peer, condition);
      }
      await peer.expect('/stream');
    });
    const asked = questions(PASSWORD);
    assert.is(verdict(await failure(server({ credentials: asked.credentials }))), `auth ${condition} never`);
    assert.equal(asked.failures, [null]);
  });
}

test('E-23: <temporary-auth-failure/> is worth another attempt, and the function is told', async (rig) => {
  let times = 0;
  const server = await speaking(rig, ['SCRAM-SHA-1'], async (peer) => {
    const auth = await peer.expect('auth');
    times += 1;
    if (times <= 2) return refuse(peer, 'temporary-auth-failure');
    await accept(peer, auth);
    await peer.open();
    await peer.features(el('bind', { xmlns: NS.bind }));
    await peer.send(bound(await peer.next(), 'server', ALONE.jid));
  });
  const asked = questions(PASSWORD, PASSWORD, PASSWORD);
  const { client, journal } = server({ maxInitialAttempts: 4, credentials: asked.credentials });
  await client.start();
  const again = 'temporary-auth-failure';
  assert.equal(journal.read(), [`waiting 1 ${again}`, `waiting 2 ${again}`, 'established', 'online anew']);
  assert.equal(asked.failures, [null, again, again]);
});

test('E-23: <temporary-auth-failure/> for ever is given up like a server that is down', async (rig) => {
  const server = await speaking(rig, ['SCRAM-SHA-1'], async (peer) => {
    await peer.expect('auth');
    await refuse(peer, 'temporary-auth-failure');
  });
  const subject = server({ maxInitialAttempts: 3 });
  assert.is(verdict(await failure(subject)), 'auth temporary-auth-failure backoff');
  assert.is(subject.dialed.length, 3);
});

// What a server has to prove.

const FAULTS: Record<string, [condition: string, fault: ScramFault, late?: true]> = {
  'signs wrongly': ['server-signature-wrong', scramFaults.wrongSignature],
  'signs wrongly in a last challenge': ['server-signature-wrong', scramFaults.wrongSignature, true],
  'does not sign': ['server-signature-missing', scramFaults.omitSignature],
  'reports an error with its success': ['server-error', scramFaults.serverError('other-error')],
  'does not add to the nonce': ['nonce-not-extended', scramFaults.bareNonce],
  'has a nonce of its own': ['nonce-not-extended', scramFaults.foreignNonce],
  'wants too few iterations': ['iterations-too-low', scramFaults.iterations(4095)],
  'wants too many iterations': ['iterations-too-high', scramFaults.iterations(1_000_001)],
  'wants no number of iterations': ['malformed-challenge', scramFaults.iterations('many')],
  'has a salt that is not base64': ['malformed-challenge', scramFaults.salt('#')],
  'demands an extension': ['mandatory-extension', scramFaults.mandatoryExtension],
};

for (const [about, [condition, fault, late]] of Object.entries(FAULTS)) {
  for (const mechanism of ['SCRAM-SHA-256', 'SCRAM-SHA-256-PLUS']) {
    test(`${mechanism}: a server that ${about} is left`, async (rig) => {
      const scram = { fault, signatureIn: late ? 'challenge' : 'success' } as const;
      const { server, ...subject } = await meet(rig, { mechanisms: [mechanism], scram });
      assert.is(verdict(await failure(subject)), `auth ${condition} never`);
      assert.is(sent(server, 1).filter((name) => name === 'stream').length, 2);
      assert.is(subject.dialed.length, 1);
    });
  }
}

test('a challenge that is no good is answered by <abort/>', async (rig) => {
  const { server, ...subject } = await meet(rig, { scram: { fault: scramFaults.bareNonce } });
  await failure(subject);
  assert.equal(sent(server, 1).slice(3, 5), ['auth', 'abort']);
});

test('the signature may come late, in a challenge before the success', async (rig) => {
  const { client } = await meet(rig, { scram: { signatureIn: 'challenge' } });
  await client.start();
});

test('iterations: the bounds that were set', async (rig) => {
  const few = await meet(rig, { scram: { iterations: 1000 } }, { iterations: { min: 1000 } });
  await few.client.start();
  const many = await meet(rig, { scram: { iterations: 5000 } }, { iterations: { max: 4999 } });
  assert.is(verdict(await failure(many)), 'auth iterations-too-high never');
});

/** What follows `<auth/>`, of a server that offers SCRAM-SHA-1. */
const NONSENSE: Record<string, [verdict: string, answer: string]> = {
  'success at once': ['auth server-signature-missing never', segment(sasl('success'))],
  'success with something else': ['auth server-signature-wrong never', segment(sasl('success', base64('v=AAAA')))],
  'a challenge that is not base64': ['auth incorrect-encoding never', segment(sasl('challenge', '*'))],
  'a challenge cut short': ['auth incorrect-encoding never', segment(sasl('challenge', 'cj1'))],
  'an empty challenge': ['auth malformed-challenge never', segment(sasl('challenge'))],
  'success before there was an answer': [
    'protocol - never',
    segment(sasl('challenge', base64('r=x,s=eA==,i=4096')), sasl('success')),
  ],
  'a stanza': ['protocol policy-violation backoff', '<message/>'],
  'something unknown': ['protocol unsupported-stanza-type backoff', segment(sasl('surprise'))],
};

for (const [about, [expected, answer]] of Object.entries(NONSENSE)) {
  test(`${about} in place of an answer to <auth/> lets nobody in`, async (rig) => {
    const server = await speaking(rig, ['SCRAM-SHA-1'], async (peer) => {
      await peer.expect('auth');
      await peer.send(answer);
    });
    const { client, journal } = server();
    client.on('message', () => journal.note('message'));
    assert.is(verdict(await failure({ client })), expected);
    assert.is(journal.read().length, 1);
  });
}

test('PLAIN knows no challenge', async (rig) => {
  const server = await speaking(rig, ['PLAIN'], async (peer) => {
    await peer.expect('auth');
    await peer.send(sasl('challenge'));
    await peer.expect('abort');
    await refuse(peer, 'aborted');
    await peer.expect('/stream');
  });
  assert.is(verdict(await failure(server())), 'auth unexpected-challenge never');
});

const BEHIND: Record<string, string> = {
  'the next header': `<stream:stream xmlns='jabber:client' xmlns:stream='${NS.stream}' version='1.0'>`,
  'a stanza': '<message/>',
  'white space': ' ',
};

for (const [about, behind] of Object.entries(BEHIND)) {
  test(`${about} in one segment with <success/> ends the attempt`, async (rig) => {
    const server = await speaking(rig, ['PLAIN'], async (peer) => {
      await peer.expect('auth');
      await peer.send(segment(sasl('success'), behind));
      await peer.expect('error');
    });
    const { client, journal } = server();
    client.on('message', () => journal.note('message'));
    assert.is(verdict(await failure({ client })), 'protocol policy-violation backoff');
    assert.is(journal.read().length, 1);
  });
}

// The price.

/** Both sides salt, and each remembers. */
const ONCE = 2;

test('a password is salted once for many logins, and again for another salt', async (rig) => {
  const { client, journal, server } = await meet(rig);
  const reconnect = async () => {
    server.drop('rst');
    await journal.until('online again');
    journal.read();
  };
  assert.is((await salted(() => client.start()))[0], ONCE);
  for (let times = 0; times < 3; times += 1) assert.is((await salted(reconnect))[0], 0);
  server.configure({ scram: { salt: Buffer.from('another salt') } });
  assert.is((await salted(reconnect))[0], ONCE);
  assert.is((await salted(reconnect))[0], 0);
});

test('a password is salted once for a binding that is refused and the form without', async (rig) => {
  const settings: Partial<Settings> = { channelBinding: ['tls-unique'], announceChannelBinding: false };
  const { client } = await meet(rig, settings);
  assert.is((await salted(() => client.start()))[0], ONCE);
});

test('too many iterations are not even begun', async (rig) => {
  const { server, ...subject } = await meet(rig, { scram: { fault: scramFaults.iterations(1_000_001) } });
  assert.is((await salted(() => failure(subject)))[0], 0);
});

test.run();
