/** Requests of others and who answers them: B.8, C.8-20, E-25, P-07. */
import * as assert from 'uvu/assert';
import { type Client, type Element, el, type IqExchange, StanzaError, StateError } from '../../src/index.ts';
import type { Peer } from '../../src/testing/peer.ts';
import { answer, asked, bound, dialogue, handled, NS, online, segment, sm } from './dialogue.ts';
import { type Rig, sleep, sockets } from './rig.ts';

const test = sockets('sockets/stanza-handle');

const X = 'urn:x';

const get = (id: string, payload = `<query xmlns="${X}"/>`) =>
  `<iq type="get" id="${id}" from="juliet@localhost/balcony">${payload}</iq>`;

/** What the client answers to a request. */
async function answerTo(peer: Peer, id: string, payload?: string): Promise<Element> {
  await peer.send(get(id, payload));
  return answered(peer, id);
}

/** The client's answer, which comes next. */
async function answered(peer: Peer, id: string): Promise<Element> {
  const iq = await answer(peer);
  assert.equal([iq.name, iq.attr('id'), iq.attr('to')], ['iq', id, 'juliet@localhost/balcony']);
  return iq;
}

/** The type of an answer, and its condition if it is an error. */
function condition(reply: Element): string {
  const error = reply.find('error');
  const conditions = error?.elements.filter((child) => child.namespace === NS.stanzaErrors && child.name !== 'text');
  return [reply.attr('type'), error?.attr('type'), conditions?.[0]?.name].filter(Boolean).join(' ');
}

/** The errors that the application is told of. */
function reported(client: Client): string[] {
  const errors: string[] = [];
  client.on('handlerError', ({ error, element }) => errors.push(`${error} ${element?.attr('id')}`));
  return errors;
}

test('B.8: what a handler returns is the result, also when it takes its time; nothing is an empty one', async (rig) => {
  const { client, peer } = await online(rig);
  client.handle('get', X, 'query', ({ payload }) => payload);
  client.handle('get', X, 'slow', async ({ from }) => {
    await sleep(1);
    return el('from', { xmlns: X }, from?.toString() ?? '');
  });
  client.handle('get', X, 'nothing', () => {});
  const echoed = await answerTo(peer, '1');
  assert.is(condition(echoed), 'result');
  assert.ok(echoed.find('query', X));
  assert.is((await answerTo(peer, '2', `<slow xmlns="${X}"/>`)).find('from', X)?.text, 'juliet@localhost/balcony');
  assert.equal((await answerTo(peer, '3', `<nothing xmlns="${X}"/>`)).children, []);
});

test('B.8: what a handler throws is the error: a StanzaError as it is, anything else reported', async (rig) => {
  const { client, peer } = await online(rig);
  const errors = reported(client);
  client.handle('get', X, 'query', () => {
    throw new StanzaError('item-not-found', { text: 'gone' });
  });
  client.handle('get', X, 'later', async () => {
    throw new StanzaError('forbidden');
  });
  client.handle('get', X, 'broken', () => {
    throw new Error('private');
  });
  client.handle('get', X, 'rejected', () => Promise.reject(new Error('private')));
  const found = await answerTo(peer, '1');
  assert.is(condition(found), 'error cancel item-not-found');
  assert.is(found.find('error')?.find('text', NS.stanzaErrors)?.text, 'gone');
  assert.is(condition(await answerTo(peer, '2', `<later xmlns="${X}"/>`)), 'error auth forbidden');
  for (const [id, name] of [
    ['3', 'broken'],
    ['4', 'rejected'],
  ] as const) {
    const refusal = await answerTo(peer, id, `<${name} xmlns="${X}"/>`);
    assert.is(condition(refusal), 'error cancel undefined-condition');
    assert.not.match(refusal.toString(), 'private');
  }
  assert.equal(errors, ['Error: private 3', 'Error: private 4']);
});

test('B.8: a result that cannot be written is an error, and the stream lives', async (rig) => {
  const { client, peer } = await online(rig);
  const errors = reported(client);
  client.handle('get', X, 'query', () => el('bad', { xmlns: X }, '\u0000'));
  assert.is(condition(await answerTo(peer, '1')), 'error cancel undefined-condition');
  assert.is(errors.length, 1);
  assert.is(await handled(peer), 1);
});

test('B.8: an early reply is the reply; it comes once, and what follows changes nothing', async (rig) => {
  const { client, peer } = await online(rig);
  const errors = reported(client);
  const early = (then: (exchange: IqExchange) => undefined) => async (_: unknown, exchange: IqExchange) => {
    exchange.reply(el('early', { xmlns: X }));
    await sleep(1);
    return then(exchange);
  };
  client.handle(
    'get',
    X,
    'query',
    early(({ reply }) => assert.throws(reply, /answered already/) as undefined),
  );
  client.handle(
    'get',
    X,
    'throws',
    early(() => {
      throw new Error('too late');
    }),
  );
  client.handle('get', X, 'refuses', (_, { reply }) => reply(new StanzaError('conflict')));
  assert.ok((await answerTo(peer, '1')).find('early', X));
  assert.ok((await answerTo(peer, '2', `<throws xmlns="${X}"/>`)).find('early', X));
  assert.is(condition(await answerTo(peer, '3', `<refuses xmlns="${X}"/>`)), 'error cancel conflict');
  while (errors.length === 0) await sleep(1);
  assert.equal(errors, ['Error: too late 2']);
  // No request was answered twice.
  await handled(peer);
  assert.is(peer.received.match(/<early/g)?.length, 2);
});

test('B.8, P-07, X-41b: there is one handler for a type, namespace and name, until it is taken back', async (rig) => {
  const { client, peer } = await online(rig);
  const subscription = client.handle('get', X, 'query', () => el('first', { xmlns: X }));
  assert.throws(
    () => client.handle('get', X, 'query', () => {}),
    (error: unknown) => error instanceof StateError,
  );
  client.handle('set', X, 'query', () => {});
  client.handle('get', 'urn:y', 'query', () => {});
  client.handle('get', X, 'other', () => {});
  assert.ok((await answerTo(peer, '1')).find('first', X));
  subscription.unsubscribe();
  assert.is(condition(await answerTo(peer, '2')), 'error cancel service-unavailable');
  client.handle('get', X, 'query', () => el('second', { xmlns: X }));
  // The first is gone already, and takes nobody with it.
  subscription.unsubscribe();
  assert.ok((await answerTo(peer, '3')).find('second', X));
});

test('B.8: a request is answered also while a hook waits, which may be for whoever asks', async (rig) => {
  const { client, next } = await dialogue(rig);
  client.handle('get', X, 'query', ({ payload }) => payload);
  client.beforeEstablished(({ request }) => request(el('iq', { type: 'get', id: 'join' }, el('join', { xmlns: X }))));
  void client.start();
  const peer = await next();
  await peer.negotiate({ upTo: 'bind', tls: false });
  await peer.expect('iq');
  assert.ok((await answerTo(peer, '1')).find('query', X));
  assert.not(client.established);
  await peer.send('<iq type="result" id="join"/>');
  await client.waitFor('online');
});

test('E-25: a request that nobody handles is answered with service-unavailable, also one without a payload', async (rig) => {
  const { peer } = await online(rig);
  for (const [id, payload] of [
    ['1', undefined],
    ['2', ''],
    ['3', 'text'],
    ['4', '<a/><b/>'],
  ] as const) {
    assert.is(condition(await answerTo(peer, id, payload)), 'error cancel service-unavailable', payload);
  }
});

test('B.8: results, errors, unknown types and requests without an id are never answered', async (rig) => {
  const { client, peer } = await online(rig);
  client.handle('get', X, 'query', () => {});
  const query = `<query xmlns="${X}"/>`;
  await peer.send(
    segment(
      `<iq type="result" id="1">${query}</iq>`,
      `<iq type="error" id="2">${query}</iq>`,
      `<iq type="nonsense" id="3">${query}</iq>`,
      `<iq id="4">${query}</iq>`,
      `<iq type="get">${query}</iq>`,
    ),
  );
  assert.is(await handled(peer), 5);
  assert.not.match(peer.received.slice(peer.received.indexOf('<enable')), '<iq');
});

test('C.8-20: every request of a burst is answered once', async (rig) => {
  const { client, peer } = await online(rig);
  client.handle('get', X, 'query', async ({ id }) => void (Number(id) % 3 === 0 && (await sleep(1))));
  const ids = Array.from({ length: 60 }, (_, index) => `${index}`);
  await peer.send(segment(...ids.map((id) => get(id))));
  const seen: string[] = [];
  while (seen.length < ids.length) seen.push((await answer(peer)).attr('id') ?? '');
  assert.equal(seen.sort(), ids.sort());
});

/** A client whose handler has begun to answer, and is told when to go on. */
async function busy(rig: Rig) {
  const talk = await online(rig);
  let goOn = () => {};
  const begun = new Promise<IqExchange>((resolve) => {
    talk.client.handle('get', X, 'query', (_, exchange) => {
      resolve(exchange);
      return new Promise((done) => {
        goOn = () => done(el('done', { xmlns: X }));
      });
    });
  });
  await talk.peer.send(get('1'));
  return { ...talk, exchange: await begun, goOn: () => goOn() };
}

test('B.2: a handler survives an interruption and answers in the session that was resumed', async (rig) => {
  const { peer, next, journal, exchange, goOn } = await busy(rig);
  peer.reset();
  await journal.until('suspended network');
  assert.not(exchange.signal.aborted);
  goOn();
  const again = await next();
  assert.is((await asked(again, sm('sm'))).attr('h'), '1');
  await again.send(sm('resumed', { previd: 'sm-1', h: 0 }));
  assert.ok((await answered(again, '1')).find('done', X));
  // The handler itself is there for others.
  await again.send(get('2'));
  assert.is(await handled(again), 2);
  goOn();
  await answered(again, '2');
});

test('B.8: a handler whose session is gone is told, and its answer goes nowhere', async (rig) => {
  const { peer, next, journal, exchange, goOn } = await busy(rig);
  peer.reset();
  const again = await next();
  await asked(again, sm('sm'));
  assert.not(exchange.signal.aborted);
  await again.send(sm('failed'));
  const request = await again.next();
  assert.ok(exchange.signal.aborted);
  goOn();
  await again.send(bound(request));
  await again.expect('enable');
  await again.send(sm('enabled'));
  await journal.until('online anew');
  // It was made for the client: the next session has it, too.
  await again.send(get('2'));
  await handled(again);
  goOn();
  await answered(again, '2');
  assert.not.match(again.received, 'id="1"');
});

test('B.8: a stop aborts the signal of handlers', async (rig) => {
  const { client, peer, exchange } = await busy(rig);
  const stopped = client.stop();
  await peer.expect('a');
  await peer.expect('/stream');
  await peer.close();
  await stopped;
  assert.ok(exchange.signal.aborted);
});

test.run();
