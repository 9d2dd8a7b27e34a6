/** A session that does not go on: "Resumption refused" in B.2, E-20, E-22, E-29, N-14. */
import * as assert from 'uvu/assert';
import { type ClientOptions, ConnectionError, type DeliveryState, type Element, el } from '../../src/index.ts';
import type { Peer } from '../../src/testing/peer.ts';
import { asked, bound, type Dialogue, handled, message, messages, NS, online, said, sm } from './dialogue.ts';
import { type Rig, sockets } from './rig.ts';

const test = sockets('sockets/sm-refused');

const query = el('iq', { type: 'get' }, el('query', { xmlns: 'urn:x' }));

/** What became of stanzas 1 to 3 and a request, which were written, and of stanza 4 and a request, which were queued. */
interface Outcome extends Dialogue {
  readonly peer: Peer;
  /** What the client said to the refusal. */
  readonly answer: Element;
  readonly states: () => DeliveryState[];
  readonly replies: Promise<unknown[]>;
}

/** Loses the connection of a session and refuses to resume it with `failed`, or does not offer that without it. */
async function refuse(rig: Rig, failed: Element | null, options: Partial<ClientOptions> = {}): Promise<Outcome> {
  const talk = await online(rig, options);
  const { client, journal } = talk;
  const tokens = messages(1, 2, 3).map((message) => client.send(message));
  const ask = () => client.request(query).catch((error) => error);
  const replies = [ask()];
  await said(talk.peer, 3);
  talk.peer.reset();
  await journal.until('suspended network');
  tokens.push(client.send(message(4)));
  replies.push(ask());
  const peer = await talk.next();
  let answer = await asked(peer, ...(failed ? [sm('sm')] : []));
  if (failed) {
    assert.is(answer.name, 'resume');
    await peer.send(failed);
    answer = await peer.next();
  }
  return { ...talk, peer, answer, states: () => tokens.map(({ state }) => state), replies: Promise.all(replies) };
}

/** Goes on to the new session. */
async function renew({ peer, answer, journal }: Outcome, enabled: Record<string, string> = {}): Promise<void> {
  await peer.send(bound(answer));
  await peer.expect('enable');
  await peer.send(sm('enabled', enabled));
  await journal.until('online anew');
}

const UNKNOWN = el('item-not-found', { xmlns: NS.stanzaErrors });

for (const [what, failed, expected] of [
  ['says no more', sm('failed', {}, UNKNOWN), ['unconfirmed', 'unconfirmed', 'unconfirmed', 'lost']],
  ['says that it had two', sm('failed', { h: 2 }, UNKNOWN), ['acked', 'acked', 'lost', 'lost']],
  ['says that it had all', sm('failed', { h: 4 }, UNKNOWN), ['acked', 'acked', 'acked', 'lost']],
  ['says it oddly', sm('failed', { h: 'x' }, el('odd', { xmlns: 'urn:x' }), UNKNOWN), null],
  ['does not offer it any more', null, ['unconfirmed', 'unconfirmed', 'unconfirmed', 'lost']],
] as const) {
  test(`B.2, E-20: a server that refuses and ${what}: a new session on the same connection`, async (rig) => {
    const outcome = await refuse(rig, failed);
    assert.ok(outcome.answer.find('bind', NS.bind));
    const { journal, peer, states, replies } = outcome;
    if (failed === null) {
      await peer.send(bound(outcome.answer));
      await journal.until('online anew');
    } else await renew(outcome);
    assert.equal(states(), expected ?? ['unconfirmed', 'unconfirmed', 'unconfirmed', 'lost']);
    for (const error of (await replies) as ConnectionError[]) {
      assert.instance(error, ConnectionError);
      assert.is(error.failure.kind, 'session');
    }
    assert.equal(journal.read(), [
      'suspended network',
      'waiting 1 network',
      'destroyed session',
      'established',
      'online anew',
    ]);
    assert.ok((peer.received.match(/<(enable|resume)\b/g) ?? []).length <= 2);
  });
}

test('B.2: stanzas and requests of a lost session are settled before there is another', async (rig) => {
  const { states, replies } = await refuse(rig, sm('failed'));
  assert.not(states().includes('sent'));
  for (const error of await replies) assert.instance(error, ConnectionError);
});

test('E-22: <failed/> with more than was sent is a stream error and settles nothing', async (rig) => {
  const { answer, states, peer, next } = await refuse(rig, sm('failed', { h: 5 }, UNKNOWN));
  assert.ok(answer.find('undefined-condition', NS.streamErrors));
  assert.equal({ ...answer.find('handled-count-too-high', NS.sm)?.attrs }, { h: '5', 'send-count': '4' });
  await peer.close();
  assert.ok((await asked(await next(), sm('sm'))).find('bind', NS.bind));
  assert.equal(states(), ['unconfirmed', 'unconfirmed', 'unconfirmed', 'lost']);
});

test('C.8-22: the count of a refusal means nothing to the session that follows', async (rig) => {
  const outcome = await refuse(rig, sm('failed', { h: 2 }, UNKNOWN));
  const { client, journal, peer } = outcome;
  await renew(outcome);
  const tokens = messages(5, 6, 7).map((message) => client.send(message));
  await said(peer, 3);
  journal.read();
  peer.reset();
  await journal.until('destroyed network');
  assert.equal(
    tokens.map(({ state }) => state),
    ['unconfirmed', 'unconfirmed', 'unconfirmed'],
  );
});

test('E-20: `resend` sends messages again, in order, marked with their time, and nothing else', async (rig) => {
  const began = Date.now();
  const talk = await online(rig, { streamManagement: { onResumeRefused: 'resend' } });
  const { client, journal } = talk;
  let filtered = 0;
  client.filter('outbound', (stanza) => {
    filtered += 1;
    return stanza;
  });
  const marked = message(3).append(el('delay', { xmlns: 'urn:xmpp:delay', stamp: '2002-09-10T23:08:25Z' }));
  const tokens = [...messages(1, 2), el('presence'), marked].map((stanza) => client.send(stanza));
  await said(talk.peer, 2);
  talk.peer.reset();
  await journal.until('suspended network');
  tokens.push(client.send(message(4)));

  const peer = await talk.next();
  await asked(peer, sm('sm'));
  await peer.send(sm('failed', { h: 1 }, UNKNOWN));
  await peer.send(bound(await peer.next()));
  await peer.expect('enable');
  await peer.send(sm('enabled'));
  const again = [await peer.expect('message'), await peer.expect('message'), await peer.expect('message')];
  const stamps = again.map((message) => message.filter('delay', 'urn:xmpp:delay').map((delay) => delay.attr('stamp')));
  assert.equal(
    again.map((message) => message.find('body')?.text),
    ['2', '3', '4'],
  );
  assert.equal(stamps.slice(1), [['2002-09-10T23:08:25Z'], []]);
  const stamp = Date.parse(stamps[0]?.[0] ?? '');
  assert.ok(stamp >= began && stamp <= Date.now(), 'the time it was first sent');
  await peer.expect('r');
  await peer.send(sm('a', { h: 3 }));
  await handled(peer);
  assert.equal(
    tokens.map(({ state }) => state),
    ['acked', 'acked', 'lost', 'acked', 'acked'],
  );
  assert.is(filtered, 5);
});

test('E-20: `resend` also after a session that could not be resumed, but not after a stop', async (rig) => {
  const options = { streamManagement: { onResumeRefused: 'resend' } } as const;
  const { client, peer, journal, next } = await online(rig, options, { enabled: {} });
  const first = client.send(message(1));
  await said(peer, 1);
  peer.reset();
  const again = await next();
  await again.send(bound(await asked(again, sm('sm'))));
  await again.expect('enable');
  await again.send(sm('enabled'));
  assert.equal(await said(again, 1), [1]);
  await journal.until('online anew');
  const stopped = client.stop();
  while ((await again.next()).name !== '/stream');
  await again.close();
  await stopped;
  assert.is(first.state, 'unconfirmed');
});

test('E-29: a new session asks for the resource of the options, or else for the one it had', async (rig) => {
  for (const [jid, wish] of [
    ['romeo@localhost', 'server'],
    ['romeo@localhost/mine', 'mine'],
  ] as const) {
    const { peer, next } = await online(rig, { jid }, { resource: 'server' });
    peer.reset();
    const again = await next();
    await asked(again, sm('sm'));
    await again.send(sm('failed', {}, UNKNOWN));
    const request = await again.next();
    assert.is(request.find('bind', NS.bind)?.find('resource')?.text, wish);
  }
});

test('N-14: without implicit reconnects a refusal ends the run, and no resource is asked for', async (rig) => {
  const { answer, client, peer, states } = await refuse(rig, sm('failed'), { allowImplicitReconnect: false });
  assert.is(answer.name, '/stream');
  await peer.close();
  await client.waitFor('failed');
  assert.is(client.getSnapshot().failure?.kind, 'session');
  assert.equal(states(), ['unconfirmed', 'unconfirmed', 'unconfirmed', 'lost']);
});

test.run();
