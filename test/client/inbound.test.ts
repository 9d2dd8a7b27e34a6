import * as assert from 'uvu/assert';
import { Filters } from '../../src/client/filters.ts';
import {
  Inbound,
  type InboundSession,
  type InboundTarget,
  type IqExchange,
  type IqHandler,
} from '../../src/client/inbound.ts';
import { StateError } from '../../src/error.ts';
import { StanzaError } from '../../src/stanza/error.ts';
import { type Element, el } from '../../src/xml/element.ts';
import { suite } from '../harness.ts';
import { stanza } from '../xml/transcript.ts';
import { Deferred, idle } from './rig.ts';

const test = suite('client/inbound');

class FakeSession implements InboundSession {
  readonly controller = new AbortController();
  connected = true;
  wants = (): boolean => this.connected;
  /** How many stanzas were dealt with. */
  count = 0;

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  handled(): void {
    this.count += 1;
  }
}

/**
 * The way in, and all that comes out of it, in words. Whoever hears a message or a presence, or writes an answer, takes as
 * long as `work` does.
 */
function setUp(concurrency = 1000, work: () => Promise<unknown> | undefined = () => undefined) {
  const filters = new Filters();
  const session = new FakeSession();
  const log: string[] = [];
  const holds: boolean[] = [];
  const said = (what: string): Promise<unknown> | undefined => {
    log.push(what);
    return work();
  };
  const target: InboundTarget = {
    message: (message) => said(`message ${message.body}`),
    presence: (presence) => said(`presence ${presence.type}`),
    reply: (iq) => log.push(`reply ${iq.attr('type')} ${iq.attr('id')}`),
    answer: (iq) => said(`answer ${describe(iq)}`),
    hold: (held) => holds.push(held),
    invalid: (element) => log.push(`invalid ${element.name}`),
    report: (error, element) => log.push(`report ${error instanceof Error ? error.message : error} (${element.name})`),
  };
  const inbound = new Inbound(filters, target, concurrency);
  const receive = (...texts: string[]) => {
    for (const text of texts) inbound.receive(stanza(text), session);
  };
  return { inbound, filters, session, log, holds, receive };
}

/** `result 1 to a@b: payload`, or the condition in its place. */
function describe(iq: Element): string {
  const inner = iq.elements[0];
  const content =
    inner?.name === 'error' ? `${inner.elements[0]?.name}/${inner.attr('type')}` : (inner?.name ?? 'empty');
  return `${iq.attr('type')} ${iq.attr('id')} to ${iq.attr('to')}: ${content}`;
}

const REQUEST = '<iq type="get" id="1" from="a@b/c"><query xmlns="urn:x"/></iq>';
const UNAVAILABLE = 'answer error 1 to a@b/c: service-unavailable/cancel';

// Who is meant.

const STANZAS: readonly [xml: string, outcome: string | null][] = [
  ['<message><body>hi</body></message>', 'message hi'],
  ['<message type="telepathy"><body>hi</body></message>', 'message hi'],
  ['<message type="error"/>', 'message undefined'],
  ['<presence/>', 'presence available'],
  ['<presence type="unavailable"/>', 'presence unavailable'],
  ['<presence type="invisible"/>', 'invalid presence'],
  ['<presence><priority>high</priority></presence>', 'invalid presence'],
  ['<presence><show>bored</show></presence>', 'presence available'],
  ['<iq type="result" id="1"/>', 'reply result 1'],
  ['<iq type="error" id="1"/>', 'reply error 1'],
  ['<iq type="result"/>', 'reply result undefined'],
  [REQUEST, UNAVAILABLE],
  ['<iq type="set" id="1" from="a@b/c"><query xmlns="urn:x"/></iq>', UNAVAILABLE],
  ['<iq type="get" id="1" from="a@b/c"/>', UNAVAILABLE],
  ['<iq type="get" id="1"><query xmlns="urn:x"/></iq>', 'answer error 1 to undefined: service-unavailable/cancel'],
  ['<iq type="get" from="a@b/c"><query xmlns="urn:x"/></iq>', 'invalid iq'],
  ['<iq type="ask" id="1" from="a@b/c"><query xmlns="urn:x"/></iq>', 'invalid iq'],
  ['<iq id="1" from="a@b/c"><query xmlns="urn:x"/></iq>', 'invalid iq'],
  ['<query/>', null],
];

for (const filtered of [false, true]) {
  for (const [xml, outcome] of STANZAS) {
    test(`${xml}${filtered ? ' behind a filter' : ''}: ${outcome ?? 'goes nowhere'}, and counts`, () => {
      const { filters, session, log, receive } = setUp();
      if (filtered) filters.add((element) => element, 0);
      receive(xml);
      assert.equal(log, outcome === null ? [] : [outcome]);
      assert.is(session.count, 1);
    });
  }
}

// Handlers.

test('there is one handler for a request', () => {
  const { inbound } = setUp();
  const remove = inbound.handle('get', 'urn:x', 'query', () => {});
  assert.throws(
    () => inbound.handle('get', 'urn:x', 'query', () => {}),
    (error: unknown) => error instanceof StateError,
  );
  inbound.handle('set', 'urn:x', 'query', () => {});
  inbound.handle('get', 'urn:y', 'query', () => {});
  inbound.handle('get', 'urn:x', 'other', () => {});
  remove();
  inbound.handle('get', 'urn:x', 'query', () => {});
});

test('a handler is asked for its own requests only', () => {
  const { inbound, log, receive } = setUp();
  inbound.handle('get', 'urn:x', 'query', () => el('mine', { xmlns: 'urn:x' }));
  receive(REQUEST, REQUEST.replace('get', 'set'), REQUEST.replace('urn:x', 'urn:y'), REQUEST.replace('query', 'other'));
  assert.equal(log, ['answer result 1 to a@b/c: mine', UNAVAILABLE, UNAVAILABLE, UNAVAILABLE]);
});

test('a handler that was taken away is not asked, and takes none away that came after it', () => {
  const { inbound, log, receive } = setUp();
  const handler: IqHandler = () => {};
  const remove = inbound.handle('get', 'urn:x', 'query', handler);
  remove();
  receive(REQUEST);
  inbound.handle('get', 'urn:x', 'query', handler);
  remove();
  receive(REQUEST);
  assert.equal(log, [UNAVAILABLE, 'answer result 1 to a@b/c: empty']);
});

test('a handler sees the request', () => {
  const { inbound, receive } = setUp();
  const seen: unknown[] = [];
  inbound.handle('get', 'urn:x', 'query', (iq) => void seen.push(iq.type, `${iq.from}`, iq.payload?.name));
  receive(REQUEST);
  assert.equal(seen, ['get', 'a@b/c', 'query']);
});

const answer = el('answer', { xmlns: 'urn:x' });
const gone = new StanzaError('gone');
const GONE = 'answer error 1 to a@b/c: gone/cancel';
const ANSWER = 'answer result 1 to a@b/c: answer';
const EMPTY = 'answer result 1 to a@b/c: empty';
const UNDEFINED = 'answer error 1 to a@b/c: undefined-condition/cancel';

const throws = (error: unknown) => () => {
  throw error;
};

const HANDLERS: readonly [about: string, handler: IqHandler, log: string[]][] = [
  ['returns an element', () => answer, [ANSWER]],
  ['returns nothing', () => {}, [EMPTY]],
  ['returns null', () => null as never, [EMPTY]],
  ['promises an element', async () => answer, [ANSWER]],
  ['promises nothing', async () => {}, [EMPTY]],
  ['throws a stanza error', throws(gone), [GONE]],
  ['rejects with a stanza error', async () => throws(gone)(), [GONE]],
  ['throws anything else', throws(new Error('bad handler')), ['report bad handler (iq)', UNDEFINED]],
  ['rejects with anything else', async () => throws('a word')(), ['report a word (iq)', UNDEFINED]],
  ['answers early', (_, { reply }) => reply(answer), [ANSWER]],
  ['answers early with nothing', (_, { reply }) => reply(), [EMPTY]],
  ['answers early with an error', (_, { reply }) => reply(gone), [GONE]],
  [
    'answers early and returns something',
    (_, { reply }) => {
      reply(answer);
      return el('late');
    },
    [ANSWER],
  ],
  [
    'answers early and promises something',
    async (_, { reply }) => {
      reply(answer);
      await idle();
      return el('late');
    },
    [ANSWER],
  ],
  [
    'answers early and refuses',
    (_, { reply }) => {
      reply(answer);
      throw gone;
    },
    [ANSWER],
  ],
  [
    'answers early and fails',
    (_, { reply }) => {
      reply(answer);
      throw new Error('too late');
    },
    [ANSWER, 'report too late (iq)'],
  ],
  [
    'answers twice',
    (_, { reply }) => {
      reply(answer);
      reply(answer);
    },
    [ANSWER, 'report the request is answered already (iq)'],
  ],
];

for (const [about, handler, expected] of HANDLERS) {
  test(`a handler that ${about}: exactly one answer`, async () => {
    const { inbound, session, log, receive } = setUp();
    inbound.handle('get', 'urn:x', 'query', handler);
    receive(REQUEST);
    assert.is(session.count, 1, 'at once');
    await idle();
    await idle();
    assert.equal(log, expected);
    assert.is(session.count, 1);
  });
}

test('what cannot be an answer is answered with an error', () => {
  const { inbound, log, receive } = setUp();
  inbound.handle('get', 'urn:x', 'query', () => ({}) as never);
  receive(REQUEST);
  assert.is(log.length, 2);
  assert.ok(log[0]?.startsWith('report'));
  assert.is(log[1], UNDEFINED);
});

test('an answer after the end of the handler is one too many', async () => {
  const { inbound, log, receive } = setUp();
  let exchange: IqExchange | undefined;
  inbound.handle('get', 'urn:x', 'query', (_, given) => {
    exchange = given;
  });
  receive(REQUEST);
  assert.throws(
    () => exchange?.reply(answer),
    (error: unknown) => error instanceof StateError,
  );
  assert.equal(log, [EMPTY]);
});

test('nobody is answered when the session is gone, and the handler knows', async () => {
  const { inbound, session, log, receive } = setUp();
  const work = new Deferred<Element>();
  let signal: AbortSignal | undefined;
  inbound.handle('get', 'urn:x', 'query', (_, exchange) => {
    signal = exchange.signal;
    return work.promise;
  });
  receive(REQUEST);
  assert.not(signal?.aborted);
  session.controller.abort();
  assert.ok(signal?.aborted);
  work.resolve(answer);
  await idle();
  assert.equal(log, []);
});

test('a slow handler holds up nothing', async () => {
  const { inbound, log, receive } = setUp();
  const work = new Deferred<Element>();
  inbound.handle('get', 'urn:x', 'query', () => work.promise);
  receive(REQUEST, '<message><body>hi</body></message>');
  assert.equal(log, ['message hi']);
  work.resolve(answer);
  await idle();
  assert.equal(log, ['message hi', ANSWER]);
});

// Filters.

const body = (text: string) => `<message><body>${text}</body></message>`;

test('a filter may replace a stanza', () => {
  const { filters, log, receive } = setUp();
  filters.add((element) => (element.name === 'message' ? el('presence') : element), 0);
  receive(body('a'), '<presence type="probe"/>');
  assert.equal(log, ['presence available', 'presence probe']);
});

test('what a filter drops goes nowhere and counts; a request is answered nevertheless', async () => {
  for (const drop of [() => null, async () => null]) {
    const { inbound, filters, session, log, receive } = setUp();
    inbound.handle('get', 'urn:x', 'query', () => {});
    filters.add(drop, 0);
    receive(body('a'), REQUEST, '<iq type="result" id="2"/>', '<iq type="error" id="2"/>', '<iq type="get"/>');
    await idle();
    assert.equal(log, [UNAVAILABLE]);
    assert.is(session.count, 5);
  }
});

test('a filter that fails is reported and drops the stanza; a request is answered', async () => {
  for (const fail of [throws(new Error('bad filter')), async () => throws(new Error('bad filter'))()]) {
    const { filters, session, log, receive } = setUp();
    const remove = filters.add(fail, 0);
    receive(body('a'), REQUEST, '<iq type="error" id="1"/>');
    await idle();
    remove();
    receive(body('b'));
    assert.equal(log, [
      'report bad filter (message)',
      'report bad filter (iq)',
      'answer error 1 to a@b/c: internal-server-error/cancel',
      'report bad filter (iq)',
      'message b',
    ]);
    assert.is(session.count, 4);
  }
});

/** The way in with a filter that keeps every message until it is told to let it go. */
function slow() {
  const parts = setUp();
  const waiting: Deferred<void>[] = [];
  parts.filters.add((element) => {
    if (element.name !== 'message') return element;
    const pass = new Deferred<void>();
    waiting.push(pass);
    return pass.promise.then(() => element);
  }, 0);
  const release = async () => {
    waiting.shift()?.resolve();
    await idle();
  };
  return { ...parts, waiting, release };
}

test('nobody overtakes a stanza whose filter takes its time, and it counts when it is through', async () => {
  const { session, log, receive, waiting, release } = slow();
  receive(body('a'), '<presence/>', body('b'), '<iq type="result" id="1"/>');
  assert.equal([log, session.count, waiting.length], [[], 0, 1]);
  await release();
  assert.equal([log, session.count, waiting.length], [['message a', 'presence available'], 2, 1]);
  receive('<presence type="probe"/>');
  await release();
  assert.equal(log.slice(2), ['message b', 'reply result 1', 'presence probe']);
  assert.is(session.count, 5);
});

test('a filter that is taken away at work still holds up what comes behind', async () => {
  const { filters, log, receive } = setUp();
  const pass = new Deferred<Element>();
  const remove = filters.add(() => pass.promise, 0);
  receive(body('a'));
  remove();
  receive('<presence/>');
  assert.equal(log, []);
  pass.resolve(stanza(body('a')));
  await idle();
  assert.equal(log, ['message a', 'presence available']);
});

test('ten thousand may wait for a filter', async () => {
  const { filters, session, log, receive } = setUp();
  filters.add(async (element) => element, 0);
  const one = body('a');
  for (let i = 0; i < 10_000; i += 1) receive(one);
  while (session.count < 10_000) await idle();
  assert.is(log.length, 10_000);
});

test('when the connection ends, what waits for a filter is forgotten', async () => {
  const { session, log, receive, release } = slow();
  receive(body('a'), '<presence/>');
  session.connected = false;
  await release();
  assert.equal(log, []);
  assert.is(session.count, 0);
});

test('what comes over the next connection does not wait for a filter of the last', async () => {
  const { inbound, session, log, receive, waiting, release } = slow();
  receive(body('a'), '<presence/>');
  session.connected = false;
  const next = new FakeSession();
  inbound.receive(stanza('<presence type="probe"/>'), next);
  inbound.receive(stanza(body('a')), next);
  inbound.receive(stanza('<presence/>'), next);
  assert.equal(log, ['presence probe']);
  assert.is(waiting.length, 2);
  await release();
  assert.equal(log, ['presence probe'], 'the old one is nobody any more');
  await release();
  assert.equal(log, ['presence probe', 'message a', 'presence available']);
  assert.equal([session.count, next.count], [0, 3]);
});

test('a message of a session that does not count is not forgotten with its connection', async () => {
  const { session, log, receive, release } = slow();
  session.wants = () => true;
  receive(body('a'), body('b'));
  session.connected = false;
  await release();
  await release();
  assert.equal(log, ['message a', 'message b']);
});

// No more at a time than the application can take.

/** The way in for an application that takes its time with everything until it is told to be done with the oldest. */
function busy(concurrency: number) {
  const work: Deferred<void>[] = [];
  const parts = setUp(concurrency, () => {
    const deferred = new Deferred<void>();
    work.push(deferred);
    return deferred.promise;
  });
  const finish = async () => {
    work.shift()?.resolve();
    await idle();
  };
  return { ...parts, finish };
}

test('as many are at work as may be, the others wait in order and do not count', async () => {
  const { inbound, session, log, holds, receive, finish } = busy(2);
  receive(body('a'), body('b'), '<presence/>', body('c'));
  assert.equal(log, ['message a', 'message b']);
  assert.equal([inbound.handling, inbound.waiting, session.count, holds], [2, 2, 2, [true]]);
  await finish();
  assert.equal(log.slice(2), ['presence available']);
  assert.equal(holds, [true]);
  await finish();
  await finish();
  assert.equal(log.slice(3), ['message c']);
  assert.equal([inbound.handling, inbound.waiting, session.count, holds], [1, 0, 4, [true, false]]);
  await finish();
  assert.is(inbound.handling, 0);
});

test('one at a time is one after the other', async () => {
  const { log, receive, finish } = busy(1);
  receive(body('a'), body('b'), body('c'));
  const seen = [log.length];
  for (let i = 0; i < 3; i += 1) {
    await finish();
    seen.push(log.length);
  }
  assert.equal(seen, [1, 2, 3, 3]);
});

test('a reply does not wait for those at work: they may be waiting for it', async () => {
  const { log, receive, finish } = busy(1);
  receive(body('a'), body('b'), '<iq type="result" id="1"/>', '<iq type="error" id="2"/>');
  assert.equal(log, ['message a', 'reply result 1', 'reply error 2']);
  await finish();
  assert.is(log[3], 'message b');
});

test('a reply that came while a filter was at work does not wait for the others either', async () => {
  const { filters, log, receive, finish } = busy(1);
  filters.add(async (element) => element, 0);
  receive(body('a'), body('b'), '<iq type="result" id="1"/>', body('c'), '<iq type="result" id="2"/>');
  await idle();
  assert.equal(log, ['message a', 'reply result 1', 'reply result 2']);
  await finish();
  await finish();
  assert.equal(log.slice(3), ['message b', 'message c']);
});

test('a request is at work until its handler is done and its answer is written', async () => {
  const { inbound, log, receive, finish } = busy(1);
  const answer = new Deferred<undefined>();
  inbound.handle('get', 'urn:x', 'query', () => answer.promise);
  receive(REQUEST, body('a'));
  assert.equal([inbound.handling, log], [1, []]);
  answer.resolve(undefined);
  await idle();
  assert.equal([inbound.handling, log], [1, ['answer result 1 to a@b/c: empty']]);
  await finish();
  assert.is(log[1], 'message a');
});

test('an answer of ours to what nobody handles is waited for, too', async () => {
  const { inbound, log, receive, finish } = busy(1);
  receive(REQUEST, body('a'));
  assert.equal([inbound.handling, log], [1, [UNAVAILABLE]]);
  await finish();
  assert.is(log[1], 'message a');
});

test('a handler that fails is done', async () => {
  const { inbound, log, receive, finish } = busy(1);
  inbound.handle('get', 'urn:x', 'query', () => Promise.reject(new StanzaError('forbidden')));
  receive(REQUEST, body('a'));
  await idle();
  await finish();
  assert.equal(log, ['answer error 1 to a@b/c: forbidden/auth', 'message a']);
});

test('with the run ends the wait, and the work of before still counts', async () => {
  const { inbound, log, holds, receive, finish } = busy(1);
  receive(body('a'), body('b'));
  inbound.clear();
  assert.equal([inbound.waiting, holds], [0, [true, false]]);
  receive(body('c'));
  assert.is(inbound.waiting, 1);
  await finish();
  assert.equal(log, ['message a', 'message c']);
});

test('what a filter has when the run ends goes nowhere', async () => {
  const { inbound, session, log, receive, release } = slow();
  session.wants = () => true;
  receive(body('a'));
  inbound.clear();
  await release();
  assert.equal(log, []);
});

test.run();
