/** Authentication against servers that cheat: what stops the client, and that neither password, proof nor stanza leave it. */
import { randomBytes } from 'node:crypto';
import * as assert from 'uvu/assert';
import { SimulatedClock } from 'xstate';
import { type ClientOptions, type CredentialRequest, type Element, el } from '../../src/index.ts';
import type { Peer } from '../../src/testing/peer.ts';
import { createServerMechanism, type ScramFault, type ServerSaslOptions, scramFaults } from '../../src/testing/sasl.ts';
import { dial } from '../../src/transport/tcp.ts';
import { NS, online, segment } from '../sockets/dialogue.ts';
import { ALONE, auths, DOMAIN, failure } from '../sockets/login.ts';
import { type Rig, sockets } from '../sockets/rig.ts';
import { salted } from '../sockets/salting.ts';
import { base64, heard, meet, offer, payload, SECRET, sasl, shows, verdict } from './enemy.ts';

const test = sockets('hostile/sasl');

const SCRAM = ['SCRAM-SHA-256', 'SCRAM-SHA-1'];

/** In clear, so that what the server says in one piece is one segment. */
const CLEAR: Partial<ClientOptions> = { tls: 'off' };

/** Opens a stream, offers mechanisms, and gives the client's `<auth/>`. */
async function courted(peer: Peer, ...mechanisms: string[]): Promise<Element> {
  await peer.open();
  await peer.features(offer(...mechanisms));
  return peer.expect('auth');
}

const nonceOf = (auth: Element): string => /r=([^,]+)$/.exec(payload(auth))?.[1] as string;

/** A first message as it should be. */
const serverFirst = (nonce: string, { salt = base64('salt'), count = '4096' } = {}) =>
  `r=${nonce}x,s=${salt},i=${count}`;

// The first message.

const MALFORMED = 'malformed-challenge';

/** By the client's nonce: what the server challenges with, and the condition that the run fails with. */
const FIRSTS: Record<string, [condition: string, first: (nonce: string) => string | Uint8Array]> = {
  'the client’s nonce alone': ['nonce-not-extended', (nonce) => `r=${nonce},s=QUJD,i=4096`],
  'another nonce': ['nonce-not-extended', () => `r=${randomBytes(24).toString('base64')},s=QUJD,i=4096`],
  'a nonce that ends with the client’s': ['nonce-not-extended', (nonce) => `r=x${nonce},s=QUJD,i=4096`],
  'a nonce that lacks the last character': ['nonce-not-extended', (nonce) => `r=${nonce.slice(0, -1)},s=QUJD,i=4096`],
  'a nonce in another case': ['nonce-not-extended', (nonce) => `r=${swapped(nonce)}x,s=QUJD,i=4096`],
  'a nonce outside ASCII': [MALFORMED, (nonce) => `r=${nonce}ä,s=QUJD,i=4096`],
  'one iteration': ['iterations-too-low', (nonce) => serverFirst(nonce, { count: '1' })],
  '4 000 000 000 iterations': ['iterations-too-high', (nonce) => serverFirst(nonce, { count: '4000000000' })],
  '2^32 + 4096 iterations': ['iterations-too-high', (nonce) => serverFirst(nonce, { count: '4294971392' })],
  'iterations of 40 000 digits': ['iterations-too-high', (nonce) => serverFirst(nonce, { count: '9'.repeat(40_000) })],
  'iterations 1e999': [MALFORMED, (nonce) => serverFirst(nonce, { count: '1e999' })],
  'iterations 1e4': [MALFORMED, (nonce) => serverFirst(nonce, { count: '1e4' })],
  'iterations -1': [MALFORMED, (nonce) => serverFirst(nonce, { count: '-1' })],
  'iterations 4096.5': [MALFORMED, (nonce) => serverFirst(nonce, { count: '4096.5' })],
  'iterations 0x1000': [MALFORMED, (nonce) => serverFirst(nonce, { count: '0x1000' })],
  'iterations in Arabic digits': [MALFORMED, (nonce) => serverFirst(nonce, { count: '٤٠٩٦' })],
  'iterations NaN': [MALFORMED, (nonce) => serverFirst(nonce, { count: 'NaN' })],
  'no iterations': [MALFORMED, (nonce) => `r=${nonce}x,s=QUJD`],
  'an empty salt': [MALFORMED, (nonce) => serverFirst(nonce, { salt: '' })],
  'a salt that is not base64': [MALFORMED, (nonce) => serverFirst(nonce, { salt: 'Q*JD' })],
  'a salt in base64url': [MALFORMED, (nonce) => serverFirst(nonce, { salt: '-_-_' })],
  'a huge salt': ['salt-too-long', (nonce) => serverFirst(nonce, { salt: base64(Buffer.alloc(30_000)) })],
  'an extension that is demanded': ['mandatory-extension', (nonce) => `m=please,${serverFirst(nonce)}`],
  'an extension that is demanded last': ['mandatory-extension', (nonce) => `${serverFirst(nonce)},m=please`],
  'an error': ['server-error', () => 'e=unknown-user'],
  'an error behind all else': ['server-error', (nonce) => `${serverFirst(nonce)},e=other-error`],
  'the nonce twice': [MALFORMED, (nonce) => `r=${nonce}x,${serverFirst(nonce)}`],
  'the iterations twice': [MALFORMED, (nonce) => `${serverFirst(nonce)},i=5000`],
  'attributes out of order': [MALFORMED, (nonce) => `s=QUJD,r=${nonce}x,i=4096`],
  'an extension before the nonce': [MALFORMED, (nonce) => `x=y,${serverFirst(nonce)}`],
  'a signature': [MALFORMED, () => `v=${base64(Buffer.alloc(32))}`],
  'a NUL': [MALFORMED, (nonce) => `${serverFirst(nonce)},x=a\0b`],
  'bad UTF-8': [MALFORMED, (nonce) => Buffer.concat([Buffer.from(`${serverFirst(nonce)},x=`), Buffer.of(0xc3, 0x28)])],
  nothing: [MALFORMED, () => ''],
  'what the client said': [MALFORMED, (nonce) => `n,,n=romeo,r=${nonce}`],
};

const swapped = (text: string) =>
  text.replace(/[a-z]/i, (letter) => (letter < 'a' ? letter.toLowerCase() : letter.toUpperCase()));

for (const [about, [condition, first]] of Object.entries(FIRSTS)) {
  test(`first messages that break the rules: ${about}`, async (rig) => {
    const [count, { verdict, server, dialed }] = await salted(() =>
      meet(
        rig,
        async (peer) => {
          const auth = await courted(peer, ...SCRAM);
          await peer.send(sasl('challenge', base64(first(nonceOf(auth)))));
          await peer.expect('abort');
          await peer.send(sasl('failure', el('aborted')));
        },
        { ...CLEAR, maxInitialAttempts: 4 },
      ),
    );
    assert.is(verdict, `auth auth ${condition} never`);
    assert.equal(server.peers.map(heard), [['stream', 'auth', 'abort', '/stream']]);
    assert.is(dialed.length, 1);
    assert.is(count, 0, 'no work was done');
  });
}

/** What is no base64 is no challenge. */
const NO_BASE64: Record<string, string> = {
  'other characters': 'cj1h****',
  'a quantum cut short': 'cj1',
  'padding in the middle': 'cj0=cj1h',
  'a line break': 'cj1h\ncj1h',
};

for (const [about, data] of Object.entries(NO_BASE64)) {
  test(`first messages that break the rules: ${about} for base64`, async (rig) => {
    const { verdict, server } = await meet(
      rig,
      async (peer) => {
        await courted(peer, ...SCRAM);
        await peer.send(sasl('challenge', data));
        await peer.expect('abort');
      },
      CLEAR,
    );
    assert.is(verdict, 'auth auth incorrect-encoding never');
    assert.equal(server.peers.map(heard), [['stream', 'auth', 'abort', '/stream']]);
  });
}

test('first messages that break the rules: longer than what may come before authentication', async (rig) => {
  const { verdict, server } = await meet(
    rig,
    async (peer) => {
      const auth = await courted(peer, ...SCRAM);
      await peer.send(sasl('challenge', base64(`r=${nonceOf(auth)}${'x'.repeat(48 * 1024)},s=QUJD,i=4096`)));
      await peer.expect('error');
    },
    CLEAR,
  );
  assert.is(verdict, 'protocol auth policy-violation backoff');
  assert.equal(server.peers.map(heard), [['stream', 'auth', 'error', '/stream']]);
});

// The proof of the server.

/** Plays SCRAM to its end, or until the client aborts it; `last` goes with success in place of what should. */
async function play(peer: Peer, auth: Element, options: Partial<ServerSaslOptions> = {}, last?: string) {
  const mechanism = createServerMechanism(auth.attr('mechanism') as string, {
    password: () => SECRET,
    binding: () => undefined,
    ...options,
  });
  for (let element = auth; element.name !== 'abort'; element = await peer.next()) {
    const outcome = await mechanism.step(Buffer.from(element.text, 'base64'));
    if ('failure' in outcome) return peer.send(sasl('failure', el(outcome.failure)));
    if ('success' in outcome) return peer.send(sasl('success', last ?? base64(outcome.success ?? '')));
    await peer.send(sasl('challenge', base64(outcome.challenge)));
  }
}

const saying = (serverFinal: (honest: string) => string | null): ScramFault => ({ serverFinal });

/** What the server proves itself with, and the condition that the run fails with. */
const FINALS: Record<string, [condition: string, fault: ScramFault]> = {
  'a wrong signature': ['server-signature-wrong', scramFaults.wrongSignature],
  'an error': ['server-error', scramFaults.serverError('other-error')],
  'an error behind the signature': ['server-error', saying((honest) => `${honest},e=other-error`)],
  'an empty signature': [MALFORMED, saying(() => 'v=')],
  'a signature that is not base64': [MALFORMED, saying((honest) => honest.replace(/.=$/, '*='))],
  'half the signature': ['server-signature-wrong', saying((honest) => honest.slice(0, 22))],
  'a signature of another hash': ['server-signature-wrong', saying(() => `v=${base64(Buffer.alloc(20))}`)],
  'a signature of zeros': ['server-signature-wrong', saying(() => `v=${base64(Buffer.alloc(32))}`)],
  'the signature behind an extension': [MALFORMED, saying((honest) => `x=y,${honest}`)],
  'the signature twice': [MALFORMED, saying((honest) => `${honest},${honest}`)],
  'an extension that is demanded': ['mandatory-extension', saying((honest) => `${honest},m=please`)],
};

for (const [about, [condition, fault]] of Object.entries(FINALS)) {
  for (const signatureIn of ['success', 'challenge'] as const) {
    test(`success without proof: ${about} in the ${signatureIn}`, async (rig) => {
      const { verdict, server, dialed } = await meet(
        rig,
        async (peer) => play(peer, await courted(peer, ...SCRAM), { fault, signatureIn }),
        { ...CLEAR, maxInitialAttempts: 4 },
      );
      const abort = signatureIn === 'challenge' ? ['abort'] : [];
      assert.is(verdict, `auth auth ${condition} never`);
      assert.equal(server.peers.map(heard), [['stream', 'auth', 'response', ...abort, '/stream']]);
      assert.is(dialed.length, 1);
    });
  }
}

test('success without proof: no signature at all', async (rig) => {
  const { verdict, server } = await meet(
    rig,
    async (peer) => play(peer, await courted(peer, ...SCRAM), { fault: scramFaults.omitSignature }),
    CLEAR,
  );
  assert.is(verdict, 'auth auth server-signature-missing never');
  assert.equal(server.peers.map(heard), [['stream', 'auth', 'response', '/stream']]);
});

/** What follows `<auth/>`, and how the run fails. */
const UNASKED: Record<string, [verdict: string, answer: (nonce: string) => string]> = {
  'without a challenge': ['auth auth server-signature-missing never', () => segment(sasl('success'))],
  'with empty data': ['auth auth server-signature-missing never', () => segment(sasl('success', '='))],
  'with white space': ['auth auth server-signature-missing never', () => segment(sasl('success', ' \n '))],
  'with a signature of nothing': [
    'auth auth server-signature-wrong never',
    () => segment(sasl('success', base64(`v=${base64(Buffer.alloc(32))}`))),
  ],
  'with a first message': [
    `auth auth ${MALFORMED} never`,
    (nonce) => segment(sasl('success', base64(serverFirst(nonce)))),
  ],
  'with what is no base64': ['auth auth incorrect-encoding never', () => segment(sasl('success', '*'))],
  'behind a challenge in one segment': [
    'protocol auth - never',
    (nonce) => segment(sasl('challenge', base64(serverFirst(nonce))), sasl('success')),
  ],
};

for (const [about, [expected, answer]] of Object.entries(UNASKED)) {
  test(`success without proof: ${about}`, async (rig) => {
    const { verdict, server } = await meet(
      rig,
      async (peer) => peer.send(answer(nonceOf(await courted(peer, ...SCRAM)))),
      CLEAR,
    );
    assert.is(verdict, expected);
    assert.equal(server.peers.map(heard), [['stream', 'auth', '/stream']]);
  });
}

test('success without proof: what proved an earlier login', async (rig) => {
  let recorded = '';
  const { verdict, server } = await meet(
    rig,
    [
      async (peer) => {
        const fault = saying((honest) => {
          recorded = honest;
          return honest;
        });
        await play(peer, await courted(peer, ...SCRAM), { fault });
        await peer.header();
        peer.reset();
      },
      async (peer) => play(peer, await courted(peer, ...SCRAM), { fault: saying(() => recorded) }),
    ],
    { ...CLEAR, maxInitialAttempts: 2 },
  );
  assert.is(verdict, 'auth auth server-signature-wrong never');
  assert.equal(server.peers.map(heard)[1], ['stream', 'auth', 'response', '/stream']);
});

test('success without proof: a proof that is taken back', async (rig) => {
  const { verdict, server } = await meet(
    rig,
    async (peer) =>
      play(peer, await courted(peer, ...SCRAM), { signatureIn: 'challenge' }, base64(`v=${base64(Buffer.alloc(32))}`)),
    CLEAR,
  );
  assert.is(verdict, 'auth auth server-signature-wrong never');
  assert.equal(server.peers.map(heard), [['stream', 'auth', 'response', 'response', '/stream']]);
});

// What comes at the wrong time.

const GONE: Record<string, [verdict: string, behind: string]> = {
  'a refusal': ['auth auth not-authorized user', segment(sasl('failure', el('not-authorized')))],
  success: ['protocol auth - never', segment(sasl('success'))],
  'the end of the stream': ['stream auth - backoff', '</stream:stream>'],
  'a stream error': [
    'stream auth undefined-condition backoff',
    `<stream:error><undefined-condition xmlns='${NS.streamErrors}'/></stream:error>`,
  ],
  'a stanza': ['protocol auth policy-violation backoff', '<message/>'],
};

for (const [about, [expected, behind]] of Object.entries(GONE)) {
  test(`an answer that comes too late is kept: ${about} behind the challenge`, async (rig) => {
    const { verdict, server } = await meet(
      rig,
      async (peer) => {
        const nonce = nonceOf(await courted(peer, ...SCRAM));
        await peer.send(segment(sasl('challenge', base64(serverFirst(nonce, { count: '20000' }))), behind));
        for (let name = ''; name !== '/stream'; name = (await peer.next()).name);
        // The work is done in the meantime, and the connection still stands.
        await peer.wait(50);
      },
      CLEAR,
    );
    assert.is(verdict, expected);
    assert.not(heard(server.peers[0] as Peer).includes('response'));
    assert.is(heard(server.peers[0] as Peer).at(-1), '/stream');
  });
}

const OUT_OF_TURN: Record<string, Element> = {
  success: sasl('success'),
  'a challenge': sasl('challenge'),
  'a SASL failure': sasl('failure', el('not-authorized')),
  proceed: el('proceed', { xmlns: NS.tls }),
  'a TLS failure': el('failure', { xmlns: NS.tls }),
};

for (const [about, nonza] of Object.entries(OUT_OF_TURN)) {
  test(`out of turn: ${about} in place of the features`, async (rig) => {
    const { verdict, server } = await meet(
      rig,
      async (peer) => {
        await peer.open();
        await peer.send(nonza);
        await peer.expect('error');
      },
      CLEAR,
    );
    assert.is(verdict, 'protocol stream unsupported-stanza-type backoff');
    assert.equal(server.peers.map(heard), [['stream', 'error', '/stream']]);
  });

  test(`out of turn: ${about} in a session`, async (rig) => {
    const { client, journal, peer } = await online(rig);
    client.on('message', () => journal.note('message'));
    await peer.send(segment(nonza, '<message/>'));
    const error = await peer.expect('error');
    assert.ok(error.find('unsupported-stanza-type', NS.streamErrors));
    await journal.until('waiting 1 unsupported-stanza-type');
    assert.not(journal.read().includes('message'));
  });
}

const BEHIND: Record<string, string> = {
  'the next header': `<stream:stream xmlns='jabber:client' xmlns:stream='${NS.stream}' version='1.0'>`,
  features: `<stream:features><bind xmlns='${NS.bind}'/></stream:features>`,
  'a stanza': '<message><body>from nobody</body></message>',
  failure: segment(sasl('failure', el('not-authorized'))),
  'half an element': '<mess',
  'white space': ' ',
};

for (const [about, behind] of Object.entries(BEHIND)) {
  test(`data behind success: ${about} in the same segment`, async (rig) => {
    const { verdict, server } = await meet(
      rig,
      async (peer) => {
        await courted(peer, 'ANONYMOUS');
        await peer.send(segment(sasl('success'), behind));
        await peer.expect('error');
      },
      { ...CLEAR, jid: DOMAIN, mechanisms: ['ANONYMOUS'] },
    );
    assert.is(verdict, 'protocol auth policy-violation backoff');
    assert.equal(server.peers.map(heard), [['stream', 'auth', 'error', '/stream']]);
  });
}

test('data behind success: a stanza in place of the next header, and one before there is a session', async (rig) => {
  const early = '<message><body>from nobody</body></message>';
  const scripts = [
    [(peer: Peer) => peer.header().then(() => peer.send(early)), 'protocol stream invalid-namespace backoff'],
    [(peer: Peer) => peer.open().then(() => peer.send(`<stream:features/>${early}`)), 'protocol bind - backoff'],
    [(peer: Peer) => peer.open().then(() => peer.send(early)), 'protocol stream policy-violation backoff'],
  ] as const;
  for (const [script, expected] of scripts) {
    const { verdict } = await meet(
      rig,
      async (peer) => {
        await play(peer, await courted(peer, ...SCRAM));
        await script(peer);
      },
      CLEAR,
    );
    assert.is(verdict, expected);
  }
});

// An exchange without an end.

for (const [mechanism, options, sent] of [
  ['SCRAM-SHA-256', {}, ['auth', 'response', 'response', 'abort']],
  ['PLAIN', { mechanisms: ['PLAIN'], plainOnLoopback: true }, ['auth', 'abort']],
  ['ANONYMOUS', { jid: DOMAIN, mechanisms: ['ANONYMOUS'] }, ['auth', 'abort']],
  ['EXTERNAL', { mechanisms: ['EXTERNAL'] }, ['auth', 'abort']],
] as const) {
  test(`an endless exchange: ${mechanism}, challenged for ever`, async (rig) => {
    const server = await rig.scripted(
      async (peer) => {
        let element = await courted(peer, mechanism);
        const honest = createServerMechanism('SCRAM-SHA-256', {
          password: () => SECRET,
          binding: () => undefined,
          signatureIn: 'challenge',
        });
        while (element.name !== 'abort') {
          const outcome = await honest.step(Buffer.from(element.text, 'base64')).catch(() => ({}));
          const challenge = 'challenge' in outcome ? base64(outcome.challenge) : 'bW9yZQ==';
          await peer.send(sasl('challenge', challenge));
          element = await peer.next();
        }
      },
      { domain: DOMAIN },
    );
    const subject = rig.client(server, { ...ALONE, ...CLEAR, password: SECRET, ...options });
    assert.is(verdict(await failure(subject)), 'auth auth unexpected-challenge never');
    assert.equal(server.peers.map(heard), [['stream', ...sent, '/stream']]);
  });
}

test('an endless exchange: thousands of challenges at once are one', async (rig) => {
  const { verdict, server } = await meet(
    rig,
    async (peer) => {
      const challenge = sasl('challenge', base64(serverFirst(nonceOf(await courted(peer, ...SCRAM)))));
      await peer.send(segment(...Array(1_000).fill(challenge)));
      await peer.expect('response');
      await peer.send(sasl('success'));
    },
    CLEAR,
  );
  assert.is(verdict, 'auth auth server-signature-missing never');
  assert.equal(server.peers.map(heard), [['stream', 'auth', 'response', '/stream']]);
});

test('an endless exchange: a challenge that never ends has a deadline', async (rig) => {
  const clock = new SimulatedClock();
  const { verdict, server } = await meet(
    rig,
    async (peer) => {
      await courted(peer, ...SCRAM);
      await peer.dribble(`<challenge xmlns='${NS.sasl}'>cj1h`);
      await peer.wait(5);
      for (let seconds = 0; seconds < 60; seconds += 10) {
        await peer.dribble('cj1h');
        clock.increment(10_000);
      }
      await peer.expect('abort');
    },
    { ...CLEAR, clock },
  );
  assert.is(verdict, 'timeout auth - backoff');
  assert.equal(server.peers.map(heard), [['stream', 'auth', 'abort', 'error', '/stream']]);
});

/** Refuses everything in the same way for as long as the client goes on; gives how often. */
async function refused(rig: Rig, condition: string, options: Partial<ClientOptions> = {}) {
  const server = await rig.scripted(
    async (peer) => {
      await courted(peer, ...SCRAM, 'PLAIN');
      for (let element: Element = sasl('auth'); element.name === 'auth'; element = await peer.next()) {
        await peer.send(sasl('failure', condition === '' ? '' : el(condition)));
      }
    },
    { domain: DOMAIN },
  );
  const subject = rig.client(server, { ...ALONE, ...CLEAR, password: SECRET, ...options });
  const reason = await failure(subject);
  for (const peer of server.peers) assert.is(shows(peer), false);
  return [verdict(reason), ...server.peers.flatMap(heard).filter((name) => name === 'auth')];
}

test('refusals come to an end: every mechanism is tried once, and the password not in clear', async (rig) => {
  for (const condition of ['invalid-mechanism', 'mechanism-too-weak', 'encryption-required']) {
    assert.equal(await refused(rig, condition), [`auth auth ${condition} never`, 'auth', 'auth'], condition);
  }
});

test('refusals come to an end: credentials are asked for three times', async (rig) => {
  const requests: CredentialRequest[] = [];
  const credentials = (request: CredentialRequest) => {
    requests.push(request);
    return SECRET;
  };
  const outcome = await refused(rig, 'not-authorized', { credentials });
  assert.equal(outcome, ['auth auth not-authorized user', 'auth', 'auth', 'auth']);
  assert.is(requests.length, 3);
});

test('refusals come to an end: whatever nobody has defined', async (rig) => {
  for (const condition of ['aborted', 'made-up', 'constructor', '__proto__', 'toString']) {
    assert.equal(await refused(rig, condition), [`auth auth ${condition} never`, 'auth'], condition);
  }
  assert.equal(await refused(rig, ''), ['auth auth not-authorized user', 'auth']);
});

// What is offered.

const OFFERS: Record<string, Element[]> = {
  'no feature': [],
  'no mechanism': [offer()],
  'a mechanism without a name': [offer('')],
  'names that are none': [offer('scram-sha-256', 'SCRAM-SHA-256-', 'PLAIN,SCRAM-SHA-256', '__proto__')],
  'names of other things': [offer('constructor', 'toString', 'undefined', '*', 'SCRAM-SHA-256-PLUS-PLUS')],
  'two thousand others': [offer(...Array.from({ length: 2_000 }, (_, n) => `X-${n}`))],
  'one of 60 KB': [offer('X'.repeat(60_000))],
  'a mechanism in another namespace': [el('mechanisms', { xmlns: 'urn:example' }, el('mechanism', {}, 'PLAIN'))],
  'a binding without TLS': [offer('SCRAM-SHA-256-PLUS')],
  'the password in clear': [offer('PLAIN')],
};

for (const [about, features] of Object.entries(OFFERS)) {
  test(`mechanisms that are no good: ${about}`, async (rig) => {
    const { verdict, server } = await meet(
      rig,
      async (peer) => {
        await peer.open();
        await peer.features(...features);
        await peer.expect('error');
      },
      CLEAR,
    );
    assert.is(verdict, 'auth auth no-mechanism never');
    assert.equal(server.peers.map(heard), [['stream', 'error', '/stream']]);
  });
}

for (const [about, features] of Object.entries({
  'one of 1 MB': `<mechanism>${'X'.repeat(1_000_000)}</mechanism>`,
  'forty thousand': '<mechanism>PLAIN</mechanism>'.repeat(40_000),
})) {
  test(`mechanisms that are no good: ${about}`, async (rig) => {
    const { verdict, server } = await meet(
      rig,
      async (peer) => {
        await peer.open();
        await peer.send(`<stream:features><mechanisms xmlns='${NS.sasl}'>${features}`);
        await peer.expect('error');
      },
      CLEAR,
    );
    assert.is(verdict, 'protocol stream policy-violation backoff');
    assert.equal(server.peers.map(heard), [['stream', 'error', '/stream']]);
  });
}

test('the one good among thousands is taken once, however often it is offered', async (rig) => {
  const others = Array.from({ length: 1_000 }, (_, n) => `X-${n}`);
  const { verdict, server } = await meet(
    rig,
    async (peer) => {
      await courted(peer, ...others, 'SCRAM-SHA-1', 'SCRAM-SHA-1', ...others.slice(0, 300), 'SCRAM-SHA-1');
      await peer.send(sasl('failure', el('invalid-mechanism')));
    },
    CLEAR,
  );
  assert.is(verdict, 'auth auth invalid-mechanism never');
  assert.equal(server.peers.map(heard), [['stream', 'auth', '/stream']]);
});

// The password in clear.

/** A server to which nothing but the password in clear is good enough. */
async function greedy(peer: Peer): Promise<void> {
  await peer.open();
  await peer.features(offer('SCRAM-SHA-1', 'PLAIN'));
  for await (const element of peer) {
    if (element.name === 'auth') await peer.send(sasl('failure', el('mechanism-too-weak')));
  }
}

for (const tls of ['off', 'optional'] as const) {
  test(`the password in clear: not when all else is refused, TLS being ${tls}`, async (rig) => {
    const { verdict, server } = await meet(rig, greedy, { tls });
    assert.is(verdict, 'auth auth mechanism-too-weak never');
    assert.equal(server.peers.map(heard), [['stream', 'auth', '/stream']]);
  });
}

const ELSEWHERE = [
  '192.0.2.1',
  '127.0.0.1.evil.test',
  'localhost.evil.test',
  '0.0.0.0',
  '127.1',
  '128.0.0.1',
  '2130706433',
];

test('the password in clear: what is allowed on this host is allowed nowhere else, however it is called', async (rig) => {
  for (const host of ELSEWHERE) {
    const { verdict } = await meet(rig, greedy, ({ endpoint }) => ({
      ...CLEAR,
      plainOnLoopback: true,
      endpoints: [{ host }],
      connect: (_, { signal }) => dial(endpoint, { signal }),
    }));
    assert.is(verdict, 'auth auth mechanism-too-weak never', host);
  }
});

test('the password in clear: it would be noticed', async (rig) => {
  const server = await rig.scripted(greedy, { domain: DOMAIN });
  await failure(rig.client(server, { ...ALONE, ...CLEAR, password: SECRET, plainOnLoopback: true }));
  assert.is(shows(server.peers[0] as Peer), true);
});

// Binding to the channel.

/** Goes through TLS and offers what is left when -PLUS is stripped. */
async function stripped(peer: Peer, ...mechanisms: string[]): Promise<void> {
  await peer.negotiate({ upTo: 'tls' });
  await peer.features(offer(...mechanisms));
}

test('-PLUS that is stripped: the server is told, and one that had offered it refuses', async (rig) => {
  const { verdict, server } = await meet(rig, async (peer) => {
    await stripped(peer, 'SCRAM-SHA-256');
    const auth = await peer.expect('auth');
    assert.match(payload(auth), /^y,,/);
    await play(peer, auth, { plusOffered: true });
  });
  assert.is(verdict, 'auth auth not-authorized user');
  assert.equal(server.peers.map(heard), [['stream', 'starttls', 'stream', 'auth', '/stream']]);
});

test('-PLUS alone in mechanisms: without it there is no login', async (rig) => {
  const mechanisms = ['SCRAM-SHA-256-PLUS'];
  const without = await meet(rig, (peer) => stripped(peer, 'SCRAM-SHA-256', 'PLAIN'), { mechanisms });
  assert.is(without.verdict, 'auth auth no-mechanism never');
  const other = await meet(
    rig,
    async (peer) => {
      await peer.negotiate({ upTo: 'tls' });
      const types = el('sasl-channel-binding', { xmlns: NS.channelBindings }, el('channel-binding', { type: 'x' }));
      await peer.features(offer(...mechanisms, 'SCRAM-SHA-256', 'PLAIN'), types);
    },
    { mechanisms },
  );
  assert.is(other.verdict, 'auth auth no-mechanism never');
  const refused = await meet(
    rig,
    async (peer) => {
      await stripped(peer, ...mechanisms, 'SCRAM-SHA-256', 'PLAIN');
      await peer.expect('auth');
      await peer.send(sasl('failure', el('not-authorized')));
    },
    { mechanisms },
  );
  assert.is(refused.verdict, 'auth auth not-authorized user');
  assert.equal(refused.server.peers.map(heard), [['stream', 'starttls', 'stream', 'auth', '/stream']]);
});

test('a login that is passed on: who stands between two channels is found out', async (rig) => {
  const { verdict, server } = await meet(rig, async (peer) => {
    await peer.negotiate({ upTo: 'tls' });
    const types = el('channel-binding', { type: 'tls-exporter' });
    await peer.features(
      offer('SCRAM-SHA-256-PLUS', 'SCRAM-SHA-256', 'PLAIN'),
      el('sasl-channel-binding', { xmlns: NS.channelBindings }, types),
    );
    // The server behind has another channel.
    await play(peer, await peer.expect('auth'), { binding: () => randomBytes(32) });
  });
  assert.is(verdict, 'auth auth not-authorized user');
  assert.equal(server.peers.map(heard), [['stream', 'starttls', 'stream', 'auth', 'response', '/stream']]);
});

test('weaker mechanisms: what mechanisms leaves out is not used when a server comes to offer nothing else', async (rig) => {
  const server = await rig.server({ domain: DOMAIN, log: true });
  const { client, journal } = await rig.online(server, {
    ...ALONE,
    mechanisms: ['SCRAM-SHA-512-PLUS', 'SCRAM-SHA-512'],
  });
  server.configure({ mechanisms: ['SCRAM-SHA-1', 'PLAIN'] });
  server.drop('rst');
  await journal.until('failure no-mechanism');
  assert.is(client.phase, 'failed');
  assert.equal(auths(server).length, 1);
});

test.run();
