/** A session that goes on: "Resumption succeeded" in B.2, C.8-23, C.8-25, C.8-26, E-17, N-13. */
import * as assert from 'uvu/assert';
import { type Client, type Clock, el, type Token } from '../../src/index.ts';
import { asked, type Dialogue, handled, messages, NS, online, said, segment, sm } from './dialogue.ts';
import { sleep, sockets } from './rig.ts';

const test = sockets('sockets/sm-resume');

const send = (client: Client, ...numbers: number[]): Token[] =>
  messages(...numbers).map((message) => client.send(message));

const states = (tokens: Token[]) => tokens.map(({ state }) => state);

/** The next connection, on which the client has just asked its session back. */
async function back({ next }: Dialogue) {
  const peer = await next();
  return { peer, resume: await asked(peer, sm('sm')) };
}

const resumed = (h: number, previd = 'sm-1') => sm('resumed', { previd, h });

test('B.2: a session is asked back before a resource, with its name and what was handled', async (rig) => {
  const talk = await online(rig);
  await talk.peer.send(segment(...messages(1, 2)));
  await handled(talk.peer);
  talk.peer.reset();
  const { resume } = await back(talk);
  assert.ok(resume.is('resume', NS.sm));
  assert.equal({ ...resume.attrs }, { previd: 'sm-1', h: '2' });
});

for (const h of [0, 1, 2, 3]) {
  test(`C.8-23, E-17: with ${h} of 3 handled, the rest is sent again in order, before what was queued`, async (rig) => {
    const talk = await online(rig);
    const { client, journal } = talk;
    const tokens = send(client, 1, 2, 3);
    await said(talk.peer, 3);
    talk.peer.reset();
    await journal.until('suspended network');
    tokens.push(...send(client, 4, 5));
    assert.equal(states(tokens), ['sent', 'sent', 'sent', 'queued', 'queued']);

    const { peer } = await back(talk);
    await peer.send(resumed(h));
    assert.equal(await said(peer, 5 - h), [1, 2, 3, 4, 5].slice(h));
    assert.equal(states(tokens), [...Array(h).fill('acked'), ...Array(5 - h).fill('sent')]);
    await peer.expect('r');
    await peer.send(sm('a', { h: 5 }));
    assert.equal(await Promise.all(tokens), Array(5).fill('acked'));
  });
}

test('C.8-23: connections that are lost again and again lose nothing', async (rig) => {
  const talk = await online(rig);
  const tokens = send(talk.client, 1, 2, 3);
  talk.peer.reset();
  // Before the answer,
  const unanswered = await back(talk);
  unanswered.peer.reset();
  // right behind it,
  const answered = await back(talk);
  await answered.peer.send(resumed(1));
  answered.peer.reset();
  // and in the middle of what is sent again.
  const interrupted = await back(talk);
  await interrupted.peer.send(resumed(1));
  await said(interrupted.peer, 1);
  interrupted.peer.end();

  const { peer, resume } = await back(talk);
  assert.is(resume.attr('previd'), 'sm-1');
  await peer.send(resumed(2));
  assert.equal(await said(peer, 1), [3]);
  assert.equal(states(tokens), ['acked', 'acked', 'sent']);
});

test('B.1, N-28, N-29, C.8-26: after a resumption there is no hook, no `established`, and no request for a resource', async (rig) => {
  const talk = await online(rig);
  const { client, journal } = talk;
  client.beforeEstablished(() => journal.note('hook'));
  talk.peer.reset();
  const { peer } = await back(talk);
  assert.equal([client.established, client.suspended], [true, true]);
  await peer.send(resumed(0));
  await journal.until('online again');
  assert.equal(journal.read(), ['suspended network', 'waiting 1 network', 'resumed', 'online again']);
  await handled(peer);
  assert.not.match(peer.received, /<bind|<enable|<presence/);
  assert.equal([client.established, client.suspended], [true, false]);
});

test('N-13: a request gets its reply over a resumption', async (rig) => {
  const talk = await online(rig);
  const reply = talk.client.request(el('iq', { type: 'get', id: 'q' }, el('query', { xmlns: 'urn:x' })));
  await talk.peer.expect('iq');
  talk.peer.reset();
  const { peer } = await back(talk);
  await peer.send(segment(resumed(1), '<iq type="result" id="q"><answer xmlns="urn:x"/></iq>'));
  assert.is((await reply)?.name, 'answer');
});

test('stanzas in one segment with <resumed/> are received and counted', async (rig) => {
  const talk = await online(rig);
  const bodies: unknown[] = [];
  talk.client.on('message', ({ body }) => bodies.push(body));
  talk.peer.reset();
  const { peer } = await back(talk);
  await peer.send(segment(resumed(0), ...messages(1, 2), sm('r')));
  assert.is((await peer.expect('a')).attr('h'), '2');
  assert.equal(bodies, ['1', '2']);
});

test('B.2: the session of somebody else is not ours, and its count settles nothing', async (rig) => {
  const talk = await online(rig);
  const tokens = send(talk.client, 1, 2);
  talk.peer.reset();
  const { peer } = await back(talk);
  await peer.send(resumed(1, 'sm-2'));
  await peer.expect('/stream');
  await peer.close();
  const again = await back(talk);
  assert.ok(again.resume.find('bind', NS.bind));
  assert.equal(states(tokens), ['unconfirmed', 'unconfirmed']);
  assert.equal(talk.journal.read().slice(0, 3), ['suspended network', 'waiting 1 network', 'destroyed protocol']);
});

test('E-22: <resumed/> with more than was sent is a stream error, settles nothing and ends the session', async (rig) => {
  const talk = await online(rig);
  const tokens = send(talk.client, 1, 2);
  talk.peer.reset();
  const { peer } = await back(talk);
  await peer.send(resumed(3));
  const error = await peer.expect('error');
  assert.ok(error.find('undefined-condition', NS.streamErrors));
  assert.equal({ ...error.find('handled-count-too-high', NS.sm)?.attrs }, { h: '3', 'send-count': '2' });
  await peer.close();
  const again = await back(talk);
  assert.ok(again.resume.find('bind', NS.bind));
  assert.equal(states(tokens), ['unconfirmed', 'unconfirmed']);
});

/** Time that passes a hundred times as fast. */
const hurried: Clock = {
  setTimeout: (callback, delay) => setTimeout(callback, delay / 100),
  clearTimeout: (id) => clearTimeout(id as NodeJS.Timeout),
  now: () => performance.now() * 100,
};

test('C.8-25: a session whose time is over is destroyed then and there, and not asked back', async (rig) => {
  const talk = await online(rig, { clock: hurried }, { enabled: { id: 'sm-1', resume: 'true', max: 10 } });
  const { client, journal } = talk;
  const tokens = send(client, 1);
  await said(talk.peer, 1);
  talk.peer.reset();
  // A server that keeps us waiting.
  await talk.next();
  await journal.until('destroyed session');
  assert.not(client.established);
  assert.equal(states(tokens), ['unconfirmed']);
  const { resume } = await back(talk);
  assert.ok(resume.find('bind', NS.bind));
});

/** The server as it is, cut off at every one of a burst of stanzas, in both directions at once. */
for (let lost = 1; lost <= 4; lost += 1) {
  test(`E-17: nothing is lost, doubled or out of order when the cable breaks at stanza ${lost} of 4`, async (rig) => {
    const server = await rig.server();
    const romeo = await rig.online(server);
    const juliet = await rig.online(server, { jid: 'juliet@localhost' });
    const heard = { romeo: [] as string[], juliet: [] as string[] };
    const numbers = ['1', '2', '3', '4'];
    const tell = (from: Client, to: Client) =>
      numbers.map((n) => from.send(el('message', { to: to.jid.toString() }, el('body', {}, n))));
    romeo.client.on('message', ({ body = '' }) => heard.romeo.push(body));
    juliet.client.on('message', ({ body = '' }) => heard.juliet.push(body));
    for (const direction of ['in', 'out'] as const) {
      const isMeant = (element: { toString(): string }) => `${element}`.includes(`<body>${lost}<`);
      server.connections[0]?.faults.add({ drop: 'rst', when: { direction, before: isMeant } });
    }
    const tokens = [...tell(romeo.client, juliet.client), ...tell(juliet.client, romeo.client)];
    assert.equal(await Promise.all(tokens), Array(8).fill('acked'));
    await romeo.journal.until('resumed');
    while (heard.romeo.length < 4 || heard.juliet.length < 4) await sleep(1);
    assert.equal(heard, { romeo: numbers, juliet: numbers });
  });
}

test.run();
