/** What a client does with stanzas, listeners and waits. Its connections are tested over sockets. */
import * as assert from 'uvu/assert';
import type { Client } from '../../src/client/client.ts';
import { DeliveryError } from '../../src/client/token.ts';
import { ConnectionError, StateError, TimeoutError } from '../../src/error.ts';
import { StanzaError } from '../../src/stanza/error.ts';
import { Message } from '../../src/stanza/message.ts';
import { type Element, el } from '../../src/xml/element.ts';
import { suite } from '../harness.ts';
import { idle } from './rig.ts';
import { type FakeServer, pair } from './server.ts';

const test = suite('client');

/** Runs a body with a client that is online, and its server. */
const online = (body: (parts: { client: Client; server: FakeServer; errors: unknown[] }) => unknown) => async () => {
  const parts = pair();
  await parts.client.start();
  try {
    await body(parts);
  } finally {
    await parts.client.stop();
  }
};

const failed = (promise: PromiseLike<unknown>): Promise<unknown> =>
  Promise.resolve(promise).then(
    () => assert.unreachable('it did not fail'),
    (error) => error,
  );

// Sending.

const FAULTS: readonly [about: string, stanza: Element][] = [
  ['no stanza', el('query')],
  ['a message of another namespace', el('message', { xmlns: 'urn:x' })],
  ['an iq without a type', el('iq')],
  ['an iq of an unknown type', el('iq', { type: 'ask' })],
  ['an error without an error', el('iq', { type: 'error' })],
];

for (const [about, stanza] of FAULTS) {
  test(
    `${about} is not sent`,
    online(({ client }) => {
      const token = client.send(stanza);
      assert.is(token.state, 'failed');
      assert.instance(token.error, TypeError);
    }),
  );
}

test('nothing is sent by a client that does not run', async () => {
  const { client } = pair();
  const token = client.send(el('message'));
  assert.is(token.state, 'failed');
  assert.instance(token.error, StateError);
  const error = (await failed(client.request(el('iq', { type: 'get' })))) as DeliveryError;
  assert.instance(error, DeliveryError);
  assert.instance(error.cause, StateError);
});

test(
  'a stanza is given an id, unless it has one',
  online(async ({ client, server }) => {
    const fresh = client.send(el('message', {}, el('body', {}, 'a')));
    const kept = client.send(new Message(el('message', { id: 'mine' })));
    assert.is(kept.id, 'mine');
    assert.equal(await Promise.all([fresh, kept]), ['acked', 'acked']);
    assert.is((await server.heard(fresh.id)).find('body')?.text, 'a');
    await server.heard('mine');
  }),
);

test('X-38: no id is used twice, by one client or by two', () => {
  const ids = [pair().client, pair().client].flatMap((client) => Array.from({ length: 100 }, () => client.newId()));
  assert.is(new Set(ids).size, 200);
});

test(
  'what is on its way is known',
  online(async ({ client }) => {
    assert.equal([client.delivery.queued, client.delivery.unacked, client.delivery.requests], [0, 0, 0]);
    const token = client.send(el('message'));
    const request = client.request(el('iq', { type: 'get', to: 'a@b' }));
    assert.equal([client.delivery.queued, client.delivery.unacked, client.delivery.requests], [0, 2, 1]);
    await token;
    assert.is(client.delivery.unacked, 0);
    await client.stop();
    assert.instance(await failed(request), ConnectionError);
    assert.is(client.delivery.requests, 0);
  }),
);

test(
  'a request is answered, and its callback called before the next stanza is seen',
  online(async ({ client, server }) => {
    const order: string[] = [];
    client.on('message', () => order.push('message'));
    const payload = el('query', { xmlns: 'urn:x' });
    const request = client.request(el('iq', { type: 'get', id: '1' }, payload), {
      onReply: () => void order.push('reply'),
    });
    await server.heard('1');
    server.say(el('iq', { type: 'result', id: '1' }, payload), el('message'));
    assert.is((await request)?.name, 'query');
    await idle();
    assert.equal(order, ['reply', 'message']);
  }),
);

test(
  'a request is a get or a set',
  online(async ({ client }) => {
    for (const stanza of [el('iq', { type: 'result' }), el('message', { type: 'get' })]) {
      const error = (await failed(client.request(stanza))) as DeliveryError;
      assert.instance(error.cause, TypeError);
    }
    assert.is(client.delivery.requests, 0);
  }),
);

test(
  'a request that was aborted before is not sent',
  online(async ({ client, server }) => {
    const signal = AbortSignal.abort('before');
    assert.is(await failed(client.request(el('iq', { type: 'get', id: '1' }), { signal })), 'before');
    await client.send(el('message', { id: '2' }));
    assert.equal(
      server.stanzas.map((stanza) => stanza.attr('id')),
      ['2'],
    );
  }),
);

test(
  'filters see what goes out and what comes in, until they are taken away',
  online(async ({ client, server }) => {
    const seen: string[] = [];
    client.on('message', ({ id }) => seen.push(`${id}`));
    const sign = client.filter('outbound', (stanza) => stanza.append('!'));
    const hide = client.filter('inbound', (stanza) => (stanza.attr('id') === 'hidden' ? null : stanza));
    client.send(el('message', { id: '1' }));
    assert.is((await server.heard('1')).text, '!');
    server.say(el('message', { id: 'hidden' }), el('message', { id: 'shown' }));
    await client.once('message');
    sign.unsubscribe();
    hide.unsubscribe();
    client.send(el('message', { id: '2' }));
    assert.is((await server.heard('2')).text, '');
    server.say(el('message', { id: 'hidden' }));
    await client.once('message');
    assert.equal(seen, ['shown', 'hidden']);
  }),
);

// Answering.

const REQUEST = el('iq', { type: 'get', id: '1', from: 'a@b' }, el('query', { xmlns: 'urn:x' }));

const ANSWERS: readonly [about: string, handler: () => Element, condition: string, reported: boolean][] = [
  ['cannot be written', () => el('x', { xmlns: 'urn:x' }, 'not XML: \u0000'), 'undefined-condition', true],
  [
    'is an error that cannot be written',
    () => {
      throw new StanzaError('item-not-found', { text: 'not XML: \u0000' });
    },
    'undefined-condition',
    true,
  ],
  [
    'is an error',
    () => {
      throw new StanzaError('item-not-found');
    },
    'item-not-found',
    false,
  ],
];

for (const [about, handler, condition, reported] of ANSWERS) {
  test(
    `an answer that ${about} is an answer`,
    online(async ({ client, server, errors }) => {
      client.handle('get', 'urn:x', 'query', handler);
      server.say(REQUEST);
      const answer = await server.heard('1');
      assert.equal([answer.attr('type'), answer.attr('to')], ['error', 'a@b']);
      assert.ok(answer.find('error')?.find(condition, '*'));
      assert.is(errors.length, reported ? 1 : 0);
    }),
  );
}

test(
  'a handler may answer with a promise, and be taken away',
  online(async ({ client, server }) => {
    {
      using _ = client.handle('get', 'urn:x', 'query', async () => el('answer', { xmlns: 'urn:x' }));
      server.say(REQUEST);
      assert.ok((await server.heard('1')).find('answer', 'urn:x'));
    }
    server.say(REQUEST.with({ id: '2' }));
    assert.ok((await server.heard('2')).find('error')?.find('service-unavailable', '*'));
  }),
);

// What the application gets wrong.

test(
  'a listener that throws is reported with the stanza it was about',
  online(async ({ client, server }) => {
    const error = new Error('bad listener');
    client.on('message', () => {
      throw error;
    });
    server.say(el('message', { id: '1' }));
    const report = await client.once('handlerError');
    assert.is(report.error, error);
    assert.is(report.element?.attr('id'), '1');
  }),
);

test(
  'who fails at hearing of failures is not told of that',
  online(async ({ client, server }) => {
    let heard = 0;
    client.on('handlerError', () => {
      heard += 1;
      throw new Error('bad news');
    });
    client.on('handlerError', async () => {
      heard += 1;
      throw new Error('worse news');
    });
    client.on('message', () => {
      throw new Error('bad listener');
    });
    server.say(el('message'));
    await client.once('message');
    await idle();
    assert.is(heard, 2);
  }),
);

test(
  'a token listener and a subscriber that throw are reported',
  online(async ({ client, errors }) => {
    const thrower = (error: unknown) => () => {
      throw error;
    };
    client.send(el('message')).onStateChange(thrower('listener'));
    client.subscribe(thrower('subscriber'));
    await client.stop();
    assert.ok(errors.includes('listener'));
    assert.ok(errors.includes('subscriber'));
  }),
);

// Before it is established.

test('hooks run one after the other, and what they send goes first', async () => {
  const { client, server } = pair();
  client.beforeEstablished(async ({ send, jid }) => {
    await idle();
    send(el('presence', { id: `1 ${jid}` }));
  });
  const removed = client.beforeEstablished(() => assert.unreachable('it was removed'));
  client.beforeEstablished(({ send }) => send(new Message(el('message', { id: '2' }))));
  removed.unsubscribe();
  const starting = client.start();
  client.send(el('message', { id: '3' }));
  await starting;
  await server.heard('3');
  assert.equal(
    server.stanzas.map((stanza) => stanza.attr('id')),
    ['1 guest@example.org/x', '2', '3'],
  );
  await client.stop();
});

// Waiting and looking.

test('start resolves online, once at a time', async () => {
  const { client } = pair();
  assert.equal([client.phase, client.running, client.established], ['offline', false, false]);
  const starting = client.start();
  assert.instance(await failed(client.start()), StateError);
  await starting;
  assert.equal([client.phase, client.running, client.established], ['online', true, true]);
  assert.is(`${client.jid}`, 'guest@example.org/x');
  await client.stop();
  await client.stop();
  assert.equal([client.phase, client.running, client.established], ['offline', false, false]);
});

test('start may be given up, and then nothing runs', async () => {
  const { client } = pair({ connect: () => new Promise(() => {}) });
  const controller = new AbortController();
  const starting = failed(client.start({ signal: controller.signal }));
  controller.abort('enough');
  assert.is(await starting, 'enough');
  assert.is(client.phase, 'offline');
  assert.instance(await failed(client.start({ timeout: 1 })), TimeoutError);
  assert.is(client.phase, 'offline');
});

test('what cannot come any more is not waited for', async () => {
  const { client } = pair({ connect: () => new Promise(() => {}) });
  assert.instance(await failed(client.waitFor('online')), ConnectionError, 'it does not run');
  await client.waitFor('offline');
  const starting = failed(client.start());
  const waiting = failed(client.waitFor(({ established }) => established));
  await client.stop();
  for (const error of [await starting, await waiting]) {
    assert.instance(error, ConnectionError);
    assert.is((error as ConnectionError).failure.kind, 'aborted');
  }
});

test('a snapshot is the same while nothing changes, and subscribers hear of each that is new', async () => {
  const { client } = pair();
  const before = client.getSnapshot();
  assert.is(client.getSnapshot(), before);
  const phases: string[] = [];
  const end = client.subscribe(({ phase }) => phases.push(phase));
  await client.start();
  const during = client.getSnapshot();
  assert.is.not(during, before);
  await client.send(el('message'));
  assert.is(client.getSnapshot(), during, 'a stanza is no change');
  end();
  await client.stop();
  assert.equal(
    phases.filter((phase, index) => phase !== phases[index - 1]),
    ['connecting', 'online'],
  );
});

test(
  'one event is waited for, with bounds',
  online(async ({ client, server }) => {
    const waiting = client.once('message', { where: ({ id }) => id === '2' });
    server.say(el('message', { id: '1' }), el('message', { id: '2' }));
    assert.is((await waiting).id, '2');
    assert.instance(await failed(client.once('message', { timeout: 1 })), TimeoutError);
  }),
);

test('a scope is online from its beginning to its end', async () => {
  const { client } = pair();
  {
    await using _ = await client.connected();
    assert.is(client.phase, 'online');
  }
  assert.is(client.phase, 'offline');
});

test(
  'a server that answers is alive',
  online(async ({ client }) => {
    assert.is(await client.probe(), true);
    await client.stop();
    assert.is(await client.probe(), false);
  }),
);

test.run();
