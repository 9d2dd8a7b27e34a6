/** Stream management is asked for, granted or refused: N-09, N-26, N-92, and "Negotiation" in B.2. */
import type { Socket } from 'node:net';
import * as assert from 'uvu/assert';
import { type Element, el, type StreamManagementOptions } from '../../src/index.ts';
import { asked, bound, dialogue, handled, message, messages, NS, online, said, segment, sm } from './dialogue.ts';
import { type Rig, sockets } from './rig.ts';

const test = sockets('sockets/sm-enable');

/** What the client asks for right after binding. */
async function enabling(rig: Rig, streamManagement: StreamManagementOptions) {
  const { client, next } = await dialogue(rig, { streamManagement });
  void client.start();
  const peer = await next();
  await peer.send(bound(await asked(peer, sm('sm'))));
  return { client, peer, enable: await peer.expect('enable') };
}

test('N-09: it is enabled right behind the resource, with resumption and no wish for how long', async (rig) => {
  const { enable } = await enabling(rig, {});
  assert.ok(enable.is('enable', NS.sm));
  assert.is(enable.attr('resume'), 'true');
  assert.is(enable.attr('max'), undefined);
});

test('N-26: max is sent if it is set, and 0 asks for no resumption at all', async (rig) => {
  const written = async (options: StreamManagementOptions) => ({ ...(await enabling(rig, options)).enable.attrs });
  assert.equal(await written({ max: 90 }), { resume: 'true', max: '90' });
  assert.equal(await written({ max: 0 }), {});
  assert.equal(await written({ resume: false }), {});
});

test("N-92: what the server granted is told, and `resume='1'` is a grant", async (rig) => {
  const enabled = { id: 'x', resume: '1', max: 7, location: '[::1]:5269' };
  const { client } = await online(rig, { streamManagement: { max: 90 } }, { enabled });
  assert.equal(client.getSnapshot().streamManagement, {
    resumable: true,
    max: 7,
    location: { host: '::1', port: 5269 },
  });
});

test('B.2, C.8-16: nothing gets between <enable/> and <enabled/>, and what waited follows at once', async (rig) => {
  const { client, peer } = await enabling(rig, {});
  const token = client.send(message(1));
  assert.is(token.state, 'queued');
  await peer.send(sm('enabled', { id: 'sm-1', resume: 'true' }));
  assert.equal(await said(peer, 1), [1]);
  assert.is(token.state, 'sent');
});

test('B.2: stanzas in one segment with <enabled/> count, those before it do not, and an <r/> is answered', async (rig) => {
  const { client, peer } = await enabling(rig, {});
  const bodies: (string | undefined)[] = [];
  client.on('message', ({ body }) => bodies.push(body));
  const [before, behind] = messages(1, 2);
  await peer.send(
    segment(before as Element, sm('enabled', { id: 'sm-1', resume: 'true' }), behind as Element, sm('r')),
  );
  await peer.expect('a');
  assert.is(await handled(peer), 1);
  assert.equal(bodies, ['1', '2']);
});

test('a stanza in one segment with the result of binding is received', async (rig) => {
  const { client, next } = await dialogue(rig);
  const arrival = client.once('message');
  void client.start();
  const peer = await next();
  await peer.send(segment(bound(await asked(peer)), ...messages(1)));
  assert.is((await arrival).body, '1');
});

test('B.2: it comes before the legacy session, and that before hooks and what waited', async (rig) => {
  const { client, next } = await dialogue(rig);
  client.beforeEstablished(({ send }) => void send(message(1)));
  void client.start();
  client.send(message(2));
  const peer = await next();
  await peer.send(bound(await asked(peer, el('session', { xmlns: NS.session }), sm('sm'))));
  await peer.expect('enable');
  await peer.send(sm('enabled'));
  const session = await peer.expect('iq');
  assert.ok(session.find('session', NS.session));
  await peer.send(el('iq', { type: 'result', id: session.attr('id') }));
  assert.equal(await said(peer, 2), [1, 2]);
});

/** Without stream management: nothing is counted, nothing is asked, and a drop ends the session. */
for (const [why, options, answer] of [
  ['B.2: the server refuses it', {}, sm('failed')],
  ['the server does not offer it', {}, null],
  ['it is switched off', { streamManagement: false as const }, null],
] as const) {
  test(`${why}: everything works without, and a drop destroys the session`, async (rig) => {
    const { client, journal, next } = await dialogue(rig, options);
    const started = client.start();
    const peer = await next();
    const isOffered = answer !== null || 'streamManagement' in options;
    await peer.send(bound(await asked(peer, ...(isOffered ? [sm('sm')] : []))));
    if (answer !== null) {
      await peer.expect('enable');
      await peer.send(answer);
    }
    await started;
    assert.is(client.getSnapshot().streamManagement, null);
    assert.equal(
      messages(1, 2).map((message) => client.send(message).state),
      ['unconfirmed', 'unconfirmed'],
    );
    assert.equal(await said(peer, 2), [1, 2]);
    // Nobody asked for an acknowledgement in between.
    client.send(message(3));
    assert.equal(await said(peer, 1), [3]);
    journal.read();
    peer.reset();
    await journal.until('waiting 1 network');
    assert.equal(journal.read(), ['suspended network', 'destroyed network', 'waiting 1 network']);
    assert.ok((await asked(await next(), sm('sm'))).find('bind', NS.bind));
  });
}

test('B.2: without resumption there are acknowledgements, and a drop destroys the session', async (rig) => {
  const { client, journal, peer, next } = await online(rig, {}, { enabled: {} });
  const [first, second] = messages(1, 2).map((message) => client.send(message));
  await said(peer, 2);
  await peer.expect('r');
  await peer.send(sm('a', { h: 1 }));
  assert.is(await first, 'acked');
  peer.reset();
  await journal.until('waiting 1 network');
  assert.is(second?.state, 'unconfirmed');
  assert.equal(journal.read(), ['suspended network', 'destroyed network', 'waiting 1 network']);
  assert.ok((await asked(await next(), sm('sm'))).find('bind', NS.bind));
});

test('B.2, E-15: a location that is none is as good as no location', async (rig) => {
  for (const location of ['example.org:99999', '[::1', 'a b', ':5222', '', 'xmpp://example.org/']) {
    const { client, journal, peer, next } = await online(
      rig,
      {},
      { enabled: { id: 'sm-1', resume: 'true', location } },
    );
    assert.is(client.getSnapshot().streamManagement?.location, null, location);
    peer.reset();
    await journal.until('waiting 1 network');
    assert.is((await asked(await next(), sm('sm'))).name, 'resume');
  }
});

test('E-31: the session is asked back at its location first, in the mode it was bound in', async (rig) => {
  const { client, journal, next } = await dialogue(rig);
  void client.start();
  const peer = await next();
  const { port = 0 } = (peer.socket as Socket).address() as { port?: number };
  await peer.negotiate({
    upTo: 'sm',
    tls: false,
    enabled: { id: 'sm-1', resume: 'true', location: `localhost:${port}` },
  });
  await journal.until('online anew');
  peer.reset();
  const again = await next();
  assert.equal(client.getSnapshot().endpoint, { host: 'localhost', port, tls: 'starttls', source: 'location' });
  await asked(again, sm('sm'));
});

test.run();
