/** What is written, and when: C.8-11, C.8-12, X-03, X-49, P-18 to P-20, P-25, and the speed that the stanza path owes. */
import { once } from 'node:events';
import { connect } from 'node:net';
import sax from 'sax';
import * as assert from 'uvu/assert';
import { type Connect, el } from '../../src/index.ts';
import { FOOTER, streamError, streamText } from '../../src/testing/framing.ts';
import type { Peer } from '../../src/testing/peer.ts';
import { answer, asked, handled, message, messages, online, resumed, said, segment, sm } from './dialogue.ts';
import { sleep, sockets } from './rig.ts';

const test = sockets('sockets/delivery-wire');

/** TCP, with a note of each write to it. */
function noting(): { connect: Connect; writes: string[] } {
  const writes: string[] = [];
  return {
    writes,
    connect: async ({ host, port }) => {
      const socket = connect(port, host);
      const write = socket.write.bind(socket);
      socket.write = (chunk: string, ...rest: []) => {
        writes.push(String(chunk));
        return write(chunk, ...rest);
      };
      await once(socket, 'connect');
      return socket;
    },
  };
}

test('what is sent in one tick is one write, with the request to acknowledge it', async (rig) => {
  const { connect, writes } = noting();
  const { client, peer } = await online(rig, { connect });
  writes.length = 0;
  for (const message of messages(...Array(100).keys())) client.send(message);
  await said(peer, 100);
  await peer.expect('r');
  assert.is(writes.length, 1);
  await peer.send(sm('a', { h: 100 }));
});

test('what is written because of one segment is one write, acknowledgements and answers too', async (rig) => {
  const { connect, writes } = noting();
  const { client, peer } = await online(rig, { connect });
  client.on('message', (message) => client.send(message.reply('yes')));
  writes.length = 0;
  await peer.send(segment(...messages(1, 2), '<iq type="get" id="1"><query xmlns="urn:x"/></iq>', sm('r')));
  for (const name of ['message', 'message', 'iq', 'a', 'r']) assert.is((await peer.next()).name, name);
  assert.is(writes.length, 1);
});

test('what is sent over resumptions is one write, too: first again, then what was queued', async (rig) => {
  const { connect, writes } = noting();
  const { client, journal, peer, next } = await online(rig, { connect });
  for (const message of messages(1, 2)) client.send(message);
  await said(peer, 2);
  peer.reset();
  await journal.until('suspended network');
  for (const message of messages(3, 4)) client.send(message);
  const again = await next();
  await asked(again, sm('sm'));
  writes.length = 0;
  await again.send(sm('resumed', { previd: 'sm-1', h: 0 }));
  assert.equal(await said(again, 4), [1, 2, 3, 4]);
  await again.expect('r');
  assert.is(writes.length, 1);
});

test('a long burst is written in pieces, and not kept until its end', async (rig) => {
  const { connect, writes } = noting();
  const { client, peer } = await online(rig, { connect });
  writes.length = 0;
  const text = 'x'.repeat(10_000);
  for (let i = 0; i < 20; i += 1) client.send(el('message', {}, el('body', {}, text)));
  assert.is(writes.length, 2);
  for (let i = 0; i < 20; i += 1) await answer(peer);
});

test('to a server that does not read nothing more is written, until it does', async (rig) => {
  const { client, peer, sockets } = await online(rig);
  const text = 'x'.repeat(100_000);
  const numbers: number[] = [];
  const send = () => {
    const body = el('body', {}, `${numbers.push(numbers.length)} ${text}`);
    return client.send(el('message', {}, body));
  };
  peer.socket.pause();
  // What the sockets of both sides hold is the system's to decide.
  const tokens = [send()];
  while (client.delivery.queued === 0 && tokens.length < 1000) tokens.push(send());
  const held = sockets.at(-1)?.writableLength ?? 0;
  assert.ok(held > 1024 * 1024 && held < 2 * 1024 * 1024, `${held}`);
  while (client.delivery.queued < 10) tokens.push(send());
  await sleep(5);
  assert.is(tokens.filter(({ state }) => state === 'queued').length, 10);
  assert.is(sockets.at(-1)?.writableLength, held);

  peer.socket.resume();
  const heard: number[] = [];
  while (heard.length < numbers.length) heard.push(Number.parseInt((await answer(peer)).find('body')?.text ?? '', 10));
  assert.equal(
    heard,
    numbers.map((_, index) => index + 1),
  );
  assert.equal([client.delivery.queued, tokens.every(({ state }) => state === 'sent')], [0, true]);
});

// Documents.

/** The documents that a client wrote on one connection, one for each stream, and whether they have an end. */
function documents({ received }: Peer): { text: string; complete: boolean }[] {
  return received.split(/(?=<\?xml)/).map((text) => {
    const parser = sax.parser(true, { xmlns: true });
    let depth = 0;
    let complete = false;
    parser.onopentag = () => {
      assert.not(complete, 'something follows the end');
      depth += 1;
    };
    parser.onclosetag = () => {
      depth -= 1;
      complete = depth === 0;
    };
    parser.onerror = (error) => {
      // A document that is cut off may be cut off anywhere, but is right up to there.
      if (complete || !/^Unclosed root tag/.test(error.message)) throw error;
      parser.error = null as never;
    };
    parser.write(text).close();
    return { text, complete };
  });
}

test('X-03, C.8-12: what a client writes in a whole run is one document for each stream', async (rig) => {
  const { client, peer } = await online(rig, { tls: 'required' }, { tls: true });
  client.handle('get', 'urn:x', 'query', ({ payload }) => payload);
  const awkward = '<&>"\'\u00e9\u{1f339}\r\n\t]]>';
  client.send(el('message', { id: awkward }, el('body', { 'xml:lang': 'it' }, awkward)));
  client.send(el('presence', {}, el('c', { xmlns: 'urn:c', 'a-b': awkward }, el('d', { xmlns: '' }))));
  client.send(el('message', {}, el('bad', {}, '\u0000')));
  await peer.send('<iq type="get" id="1"><query xmlns="urn:x" xmlns:p="urn:p" p:a="1"><p:b/></query></iq>');
  const { id } = (await answer(peer)).attrs;
  assert.is(id, awkward);
  await answer(peer);
  await answer(peer);
  const stopped = client.stop();
  while ((await peer.next()).name !== '/stream');
  await peer.close();
  await stopped;
  assert.equal(
    documents(peer).map(({ complete }) => complete),
    [false, false, true],
  );
});

for (const [how, end] of [
  ['closes the stream', FOOTER],
  ['ends it with an error', `${streamText(streamError('system-shutdown'))}${FOOTER}`],
  ['says what nobody understands', '<odd xmlns="urn:x"/>'],
  ['says what is no XML', '<message></presence>'],
  ['says what is no UTF-8', '<message>\xff'],
  ['acknowledges too much', `${sm('a', { h: 9 })}`],
] as const) {
  test(`X-03, C.8-11: the document has an end when the server ${how}, and nothing follows it`, async (rig) => {
    const { client, peer, next } = await online(rig);
    client.send(message(1));
    await said(peer, 1);
    await peer.write(Buffer.from(`${end}${sm('r')}<iq type="get" id="1"><query xmlns="urn:x"/></iq>`, 'latin1'));
    while ((await peer.next()).name !== '/stream');
    peer.end();
    await next();
    assert.ok(peer.received.endsWith(FOOTER), peer.received.slice(-200));
    assert.is(documents(peer).at(-1)?.complete, true);
  });
}

test('P-18, P-19, P-20, P-25: behind our footer nothing is written, whatever we are asked or told', async (rig) => {
  const { client, peer, sockets } = await online(rig);
  const stopped = client.stop();
  void client.stop();
  client.send(message(1));
  client.wake();
  await peer.expect('a');
  await peer.expect('/stream');
  // The footer is out, and the connection is not closed before the server has said goodbye, too.
  assert.not(sockets.at(-1)?.destroyed);
  await peer.send(
    segment(sm('r'), '<iq type="get" id="1"><query xmlns="urn:x"/></iq>', el('odd', { xmlns: 'urn:x' }), ' '),
  );
  await peer.close();
  await stopped;
  assert.is(await peer.closed(), 'fin');
  assert.match(peer.received, /<a xmlns="urn:xmpp:sm:3" h="0"\/><\/stream:stream>$/);
});

test('E-32, X-32: a stop comes behind what was sent before it, also what a filter has', async (rig) => {
  const { client, peer } = await online(rig);
  client.filter('outbound', (stanza) => sleep(2).then(() => stanza));
  const tokens = messages(1, 2, 3).map((message) => client.send(message));
  const stopped = client.stop();
  assert.equal(await said(peer, 1), [1]);
  const rest: string[] = [];
  while (rest.at(-1) !== '/stream') rest.push((await answer(peer)).name);
  assert.equal(rest, ['message', 'message', 'a', '/stream']);
  await peer.send(sm('a', { h: 3 }));
  await peer.close();
  await stopped;
  assert.equal(await Promise.all(tokens), ['acked', 'acked', 'acked']);
});

test('E-32, X-32: a stop does not wait for a filter for longer than it has', async (rig) => {
  const { client, peer } = await online(rig);
  client.filter('outbound', () => new Promise(() => {}));
  const token = client.send(message(1));
  const stopped = client.stop({ timeout: 5 });
  assert.is((await answer(peer)).name, 'a');
  await stopped;
  assert.is(token.state, 'lost');
});

// White space.

test('X-49a, X-49b: white space now and then if it is wished for, also after a resumption; none otherwise', async (rig) => {
  const { peer, next } = await online(rig, { whitespaceKeepalive: 2 });
  assert.match((await peer.raw()).toString(), /^ +$/);
  assert.match((await peer.raw()).toString(), /^ +$/);
  peer.reset();
  const again = await resumed(next, 0);
  assert.match((await again.raw()).toString(), /^ +$/);

  const quiet = await online(rig);
  await sleep(10);
  await handled(quiet.peer);
  assert.not.match(quiet.peer.received, / $| </);
});

test.run();
