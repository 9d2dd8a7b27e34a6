/** What is counted, acknowledged and asked for: B.2 "Counters" and "Ack requests", C.8-21 to C.8-24, E-22. */
import * as assert from 'uvu/assert';
import { el } from '../../src/index.ts';
import { Ledger } from '../../src/stream/ledger.ts';
import { asked, bound, dialogue, handled, message, messages, NS, online, said, segment, sm } from './dialogue.ts';
import { sleep, sockets } from './rig.ts';

const test = sockets('sockets/sm-counting');

/** Eighteen stanzas of which nobody can make much: they count all the same. */
const ODD = [
  '<message/>',
  '<message type="nonsense"/>',
  '<message from="@"><body/></message>',
  '<message xmlns:x="urn:x"><x:a/><x:b/></message>',
  '<message type="error" id="1"/>',
  '<message type="groupchat" to=""/>',
  '<presence/>',
  '<presence type="nonsense"/>',
  '<presence><priority>high</priority></presence>',
  '<presence><priority>1000</priority></presence>',
  '<presence type="error"/>',
  '<iq/>',
  '<iq type="get"/>',
  '<iq type="nonsense" id="2"/>',
  '<iq type="result" id="3"/>',
  '<iq type="error" id="4"/>',
  '<iq type="result"/>',
  '<iq type="set"><query xmlns="urn:x"/></iq>',
];

test('C.8-21: 18 of 18 odd stanzas are counted, white space and nonzas are not', async (rig) => {
  const { peer } = await online(rig);
  assert.is(ODD.length, 18);
  await peer.send(segment(...ODD.flatMap((stanza) => [' \n\t', stanza, sm('a', { h: 0 })])));
  assert.is(await handled(peer), 18);
});

test('C.8-24: each <r/> is answered, in its place, with what was handled before it', async (rig) => {
  const { peer } = await online(rig);
  const r = sm('r');
  await peer.send(segment(r, message(1), r, r, ...messages(2, 3), r));
  const counts: unknown[] = [];
  while (counts.length < 4) counts.push((await peer.expect('a')).attr('h'));
  assert.equal(counts, ['0', '1', '1', '3']);
});

test('B.2: a burst is followed by one <r/>, and what comes before its answer by none', async (rig) => {
  const { client, peer } = await online(rig);
  for (const message of messages(1, 2, 3)) client.send(message);
  assert.equal(await said(peer, 3), [1, 2, 3]);
  await peer.expect('r');
  for (const message of messages(4, 5)) client.send(message);
  assert.equal(await said(peer, 2), [4, 5]);
  await peer.send(sm('a', { h: 3 }));
  // The answer did not cover all there is: the rest is asked for now.
  await peer.expect('r');
  await peer.send(sm('a', { h: 5 }));
  await handled(peer);
  assert.is(client.delivery.unacked, 0);
});

test('B.2: an <r/> that is not answered is followed by another after fifty stanzas', async (rig) => {
  const { client, peer } = await online(rig);
  const send = async (count: number) => {
    for (const message of messages(...Array(count).keys())) client.send(message);
    await said(peer, count);
  };
  await send(1);
  await peer.expect('r');
  await send(49);
  await send(1);
  await peer.expect('r');
});

test('C.8-22: an <a/> settles what it covers, in order, and says nothing new when it is repeated', async (rig) => {
  const { client, peer } = await online(rig);
  const told: string[] = [];
  for (const message of messages(1, 2, 3)) {
    client.send(message).onStateChange((state) => told.push(`${message.find('body')?.text} ${state}`));
  }
  await peer.send(segment(sm('a', { h: 2 }), sm('a', { h: 2 }), sm('r')));
  await said(peer, 3);
  await peer.expect('r');
  await peer.expect('a');
  assert.equal(told, ['1 acked', '2 acked']);
  assert.equal([client.delivery.unacked, client.delivery.sent], [1, 3]);
});

test('E-22: an <a/> of more than was sent is a stream error, settles nothing and ends the session', async (rig) => {
  const { client, journal, peer, next } = await online(rig);
  const [first, second] = messages(1, 2).map((message) => client.send(message));
  await said(peer, 2);
  await peer.expect('r');
  await peer.send(segment(sm('a', { h: 1 }), sm('a', { h: 3 })));
  const error = await peer.expect('error');
  assert.ok(error.find('undefined-condition', NS.streamErrors));
  assert.equal({ ...error.find('handled-count-too-high', NS.sm)?.attrs }, { h: '3', 'send-count': '2' });
  await peer.close();
  // Not resumed: the two sides no longer agree on what was said.
  const again = await next();
  await again.send(bound(await asked(again)));
  await journal.until('online anew');
  assert.equal([first?.state, second?.state], ['acked', 'unconfirmed']);
  assert.equal(journal.read().slice(0, 2), ['suspended undefined-condition', 'destroyed undefined-condition']);
});

test('C.8-22: an <a/> of less than before is one of more than was sent', async (rig) => {
  const { client, peer } = await online(rig);
  client.send(message(1));
  await peer.send(segment(sm('a', { h: 1 }), sm('a', { h: 0 })));
  await peer.expect('message');
  await peer.expect('r');
  assert.ok((await peer.expect('error')).find('handled-count-too-high', NS.sm));
});

test('an <a/> without a count ends the stream', async (rig) => {
  for (const attrs of [{}, { h: '' }, { h: '-1' }, { h: '1.5' }, { h: 2 ** 32 }, { h: '0x1' }]) {
    const { peer } = await online(rig);
    await peer.send(sm('a', attrs));
    assert.ok((await peer.expect('error')).find('bad-format', NS.streamErrors), JSON.stringify(attrs));
    await peer.close();
  }
});

test('C.8-21, C.8-22: both counters pass 2^32, live and over a resumption', async (rig) => {
  const start = 2 ** 32 - 1;
  const { beginSending } = Ledger.prototype;
  Ledger.prototype.beginSending = function (this: Ledger) {
    beginSending.call(this);
    this.setCounters(start, start);
  };
  try {
    const server = await rig.server({ sm: { countFrom: start } });
    const { client, journal, sockets } = await rig.online(server);
    const heard: (string | undefined)[] = [];
    client.on('message', ({ body }) => heard.push(body));
    const both = (numbers: number[]) => {
      const tokens = numbers.map(() => client.send(el('message', { to: 'localhost' })));
      for (const n of numbers) server.session(client.jid)?.send(el('message', {}, el('body', {}, String(n))));
      return Promise.all(tokens);
    };
    const first = both([1, 2]);
    assert.equal([client.delivery.sent, client.delivery.unacked], [1, 2]);
    await first;
    sockets.at(-1)?.destroy();
    assert.equal(await both([3, 4]), ['acked', 'acked']);
    assert.equal(await both([5, 6]), ['acked', 'acked']);
    await journal.until('online again');
    assert.equal(heard, ['1', '2', '3', '4', '5', '6']);
    assert.equal([client.delivery.sent, client.delivery.unacked], [5, 0]);
  } finally {
    Ledger.prototype.beginSending = beginSending;
  }
});

test('B.2, C.8-11: the last <a/> comes right before the footer, and what comes behind is not received', async (rig) => {
  const { client, peer } = await online(rig);
  const bodies: unknown[] = [];
  client.on('message', ({ body }) => bodies.push(body));
  await peer.send(segment(...messages(1, 2)));
  await handled(peer);
  const stopped = client.stop();
  assert.is((await peer.expect('a')).attr('h'), '2');
  await peer.expect('/stream');
  // The server has kept it for the next session.
  await peer.send(message(3));
  await peer.close();
  await stopped;
  assert.equal(bodies, ['1', '2']);
});

test('C.8-21: a stanza that a filter has at the end is not in the last <a/>, and not received', async (rig) => {
  const { client, peer } = await online(rig);
  const bodies: unknown[] = [];
  client.on('message', ({ body }) => bodies.push(body));
  let pass = () => {};
  client.filter('inbound', (stanza) => new Promise((resolve) => (pass = () => resolve(stanza))));
  await peer.send(message(1));
  await handled(peer);
  const stopped = client.stop();
  assert.is((await peer.expect('a')).attr('h'), '0');
  await peer.expect('/stream');
  pass();
  await sleep(1);
  await peer.close();
  await stopped;
  assert.equal(bodies, []);
});

test('C.8-21: a stanza that is answered with a stop is in the last <a/>, and those behind it are not', async (rig) => {
  for (const early of [false, true]) {
    const talk = await dialogue(rig);
    const { client } = talk;
    const bodies: unknown[] = [];
    client.on('message', ({ body }) => {
      bodies.push(body);
      void client.stop();
    });
    const started = client.start();
    const peer = await talk.next();
    await peer.send(bound(await asked(peer, sm('sm'))));
    await peer.expect('enable');
    const enabled = sm('enabled', { id: 'sm-1', resume: 'true' });
    if (early) await peer.send(segment(enabled, ...messages(1, 2)));
    else {
      await peer.send(enabled);
      await started;
      await peer.send(segment(...messages(1, 2)));
    }
    assert.is((await peer.expect('a')).attr('h'), '1');
    await peer.expect('/stream');
    await peer.close();
    assert.equal(bodies, ['1']);
  }
});

test('P-24: without stream management what comes behind our footer is received', async (rig) => {
  const { client, peer } = await online(rig, {}, { upTo: 'bind' });
  const arrival = client.once('message');
  void client.stop();
  await peer.expect('/stream');
  await peer.send(message(1));
  assert.is((await arrival).body, '1');
  await peer.close();
});

test.run();
