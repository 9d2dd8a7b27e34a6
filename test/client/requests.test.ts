import * as assert from 'uvu/assert';
import { SimulatedClock } from 'xstate';
import { accepts, ReplyError, type RequestOptions, Requests } from '../../src/client/requests.ts';
import { DeliveryError, Outgoing } from '../../src/client/token.ts';
import { StateError, TimeoutError } from '../../src/error.ts';
import { JID } from '../../src/jid.ts';
import { StanzaError } from '../../src/stanza/error.ts';
import { type Element, el } from '../../src/xml/element.ts';
import { suite } from '../harness.ts';
import { idle } from './rig.ts';

const test = suite('client/requests');

const SELF = JID.parse('me@example.org/home');

// Whose reply counts: the last column of the matrix in RFC 6120 §8.1.2.1 and §10.3.3.

const SENDERS = {
  nobody: undefined,
  'own bare': 'me@example.org',
  'own full': 'me@example.org/home',
  'own domain': 'example.org',
  'own other resource': 'me@example.org/work',
  'other full': 'you@example.com/phone',
  'other bare': 'you@example.com',
  'other domain': 'example.com',
  'other resource': 'you@example.com/desk',
  'a neighbour': 'you@example.org',
  'no JID': '@',
} as const;

type Sender = keyof typeof SENDERS;

const OURS: Sender[] = ['nobody', 'own bare', 'own full', 'own domain'];

const MATRIX: readonly [about: string, to: string | undefined, accepted: Sender[]][] = [
  ['nobody', undefined, OURS],
  ['own bare', 'me@example.org', OURS],
  ['own domain', 'example.org', ['nobody', 'own domain']],
  ['other full', 'you@example.com/phone', ['other full']],
  ['other bare', 'you@example.com', ['other bare']],
  ['own full', 'me@example.org/home', ['own full']],
  ['own other resource', 'me@example.org/work', ['own other resource']],
  ['other domain', 'example.com', ['other domain']],
  ['own bare, spelt otherwise', 'ME@Example.Org.', OURS],
  ['own domain, spelt otherwise', 'EXAMPLE.org', ['nobody', 'own domain']],
  ['other full, spelt otherwise', 'You@EXAMPLE.com/phone', ['other full']],
  // Our server says that it is none.
  ['no JID', '@', ['nobody', 'own bare', 'own full', 'own domain', 'no JID']],
];

for (const [about, to, accepted] of MATRIX) {
  for (const sender of Object.keys(SENDERS) as Sender[]) {
    const right = accepted.includes(sender);
    test(`a request to ${about} ${right ? 'is' : 'is not'} answered by ${sender}`, () => {
      assert.is(accepts(to, SENDERS[sender], SELF), right);
    });
  }
}

test('before there is a JID only the addressee answers, by the same name', () => {
  assert.ok(accepts(undefined, undefined, null));
  assert.ok(accepts('example.org', 'example.org', null));
  assert.not(accepts(undefined, 'me@example.org', null));
  assert.not(accepts('example.org', undefined, null));
});

// The life of a request.

const ADDRESSEE = 'you@example.com/phone';

/** A request to somebody else, that is written at once. */
function begin(options: RequestOptions = {}, id = '1', requests = new Requests(new SimulatedClock())) {
  const token = new Outgoing(id, el('iq', { type: 'get', id, to: ADDRESSEE }), () => {});
  const promise = requests.wait(token, ADDRESSEE, () => SELF, options);
  if (token.state === 'queued') token.become('sent');
  return { token, outcome: promise.catch((error) => error), requests };
}

const reply = (attrs: Record<string, string> = {}, ...children: Element[]) =>
  el('iq', { type: 'result', id: '1', from: ADDRESSEE, ...attrs }, children);

const payload = el('query', { xmlns: 'urn:x' });

test('a result resolves with its payload', async () => {
  const { requests, outcome } = begin();
  assert.is(requests.size, 1);
  assert.ok(requests.settle(reply({}, payload)));
  assert.is(requests.size, 0);
  assert.is(await outcome, payload);
});

test('an empty result resolves with nothing', async () => {
  const { requests, outcome } = begin();
  requests.settle(reply());
  assert.is(await outcome, undefined);
});

test('an error rejects as what it is', async () => {
  const { requests, outcome } = begin();
  requests.settle(reply({ type: 'error' }, payload, new StanzaError('item-not-found', { text: 'no' }).toElement()));
  const error = (await outcome) as StanzaError;
  assert.instance(error, StanzaError);
  assert.equal([error.condition, error.text], ['item-not-found', 'no']);
});

test('a result with two payloads is refused', async () => {
  const { requests, outcome } = begin();
  requests.settle(reply({}, payload, payload));
  assert.instance(await outcome, ReplyError);
});

test('foreign replies change nothing', async () => {
  const { requests, outcome } = begin();
  for (const attrs of [{ id: '2' }, { from: 'example.com' }, { from: 'you@example.com' }, { from: 'example.org' }]) {
    assert.not(requests.settle(reply(attrs, el('forged'))));
  }
  assert.not(requests.settle(el('iq', { type: 'result', from: ADDRESSEE })));
  assert.not(requests.settle(el('iq', { type: 'result', id: '1' })));
  assert.is(requests.size, 1);
  assert.ok(requests.settle(reply({}, payload)));
  assert.is(await outcome, payload);
});

test('late replies change nothing', async () => {
  const { requests, outcome } = begin();
  requests.settle(reply({}, payload));
  assert.not(requests.settle(reply({}, el('late'))));
  assert.is(await outcome, payload);
});

test('the sender is checked against the JID that is bound when the reply comes', async () => {
  let self: JID | null = null;
  const requests = new Requests(new SimulatedClock());
  const token = new Outgoing('1', el('iq', { type: 'get', id: '1' }), () => {});
  const outcome = requests.wait(token, undefined, () => self, {});
  const own = el('iq', { type: 'result', id: '1', from: 'me@example.org' });
  assert.not(requests.settle(own));
  self = SELF;
  assert.ok(requests.settle(own));
  assert.is(await outcome, undefined);
});

test('requests of several are kept apart by their ids', async () => {
  const first = begin();
  const second = begin({}, '2', first.requests);
  first.requests.settle(reply({ id: '2' }, payload));
  assert.is(await second.outcome, payload);
  assert.is(first.requests.size, 1);
});

test('an id that is waited for cannot be used again meanwhile', async () => {
  const first = begin();
  const second = begin({}, '1', first.requests);
  const error = (await second.outcome) as DeliveryError;
  assert.instance(error, DeliveryError);
  assert.instance(error.cause, StateError);
  assert.is(second.token.state, 'failed');
  assert.is(first.requests.size, 1);
  first.requests.settle(reply({}, payload));
  assert.is(await first.outcome, payload);
  const third = begin({}, '1', first.requests);
  first.requests.settle(reply());
  assert.is(await third.outcome, undefined);
});

test('the time runs from the call, whatever becomes of the token', async () => {
  const clock = new SimulatedClock();
  const { requests, token, outcome } = begin({ timeout: 100 }, '1', new Requests(clock));
  clock.increment(60);
  token.become('acked');
  clock.increment(39);
  assert.is(requests.size, 1);
  clock.increment(1);
  assert.is(requests.size, 0);
  assert.instance(await outcome, TimeoutError);
  assert.not(requests.settle(reply()));
});

test('a request that is still queued is taken back when its time is over', async () => {
  const clock = new SimulatedClock();
  const token = new Outgoing('1', el('iq'), () => {});
  const outcome = new Requests(clock).wait(token, undefined, () => SELF, { timeout: 100 });
  clock.increment(100);
  assert.is(token.state, 'aborted');
  assert.instance(await outcome.catch((error) => error), TimeoutError);
});

test('a signal ends it, with its reason', async () => {
  const controller = new AbortController();
  const { requests, outcome } = begin({ signal: controller.signal });
  controller.abort('enough');
  assert.is(await outcome, 'enough');
  assert.is(requests.size, 0);
});

test('what is aborted before it begins is not sent', async () => {
  const { requests, token, outcome } = begin({ signal: AbortSignal.abort('before') });
  assert.is(await outcome, 'before');
  assert.is(token.state, 'aborted');
  assert.is(requests.size, 0);
});

for (const state of ['dropped', 'failed', 'lost', 'aborted'] as const) {
  test(`a request that is ${state} is over`, async () => {
    const requests = new Requests(new SimulatedClock());
    const token = new Outgoing('1', el('iq'), () => {});
    const outcome = requests.wait(token, undefined, () => SELF, {}).catch((error) => error);
    const cause = new Error('why');
    token.become(state, cause);
    const error = (await outcome) as DeliveryError;
    assert.instance(error, DeliveryError);
    assert.equal([error.state, error.cause], [state, cause]);
    assert.is(requests.size, 0);
  });
}

for (const state of ['acked', 'unconfirmed'] as const) {
  test(`a request that is ${state} goes on waiting`, async () => {
    const { requests, token, outcome } = begin();
    token.become(state);
    assert.is(requests.size, 1);
    requests.settle(reply({}, payload));
    assert.is(await outcome, payload);
  });
}

test('a reply before the acknowledgement counts, and leaves the token alone', async () => {
  const { requests, token, outcome } = begin();
  requests.settle(reply({}, payload));
  assert.is(await outcome, payload);
  assert.is(token.state, 'sent');
});

test('all of them can be ended', async () => {
  const first = begin();
  const second = begin({}, '2', first.requests);
  const error = new Error('gone');
  first.requests.fail(error);
  assert.is(first.requests.size, 0);
  assert.is(await first.outcome, error);
  assert.is(await second.outcome, error);
});

// The callback.

test('the callback sees the whole reply before settle returns', async () => {
  const seen: Element[] = [];
  const { requests, outcome } = begin({ onReply: (element) => void seen.push(element) });
  const element = reply({}, payload);
  requests.settle(element);
  assert.is(seen[0], element);
  assert.is(await outcome, payload);
});

const CALLBACKS: readonly [about: string, onReply: () => unknown, type: string, value: unknown][] = [
  ['a value is the value', () => 5, 'result', 5],
  ['a value stands for an error, too', () => 5, 'error', 5],
  ['false is a value', () => false, 'result', false],
  ['a promised value is the value', async () => 5, 'result', 5],
  ['nothing leaves the payload', () => undefined, 'result', payload],
  ['null leaves the payload', () => null, 'result', payload],
  ['promised nothing leaves the payload', async () => undefined, 'result', payload],
];

for (const [about, onReply, type, value] of CALLBACKS) {
  test(`of the callback ${about}`, async () => {
    const { requests, outcome } = begin({ onReply });
    requests.settle(reply({ type }, payload));
    assert.is(await outcome, value);
  });
}

test('a callback that says nothing leaves an error an error', async () => {
  for (const onReply of [() => {}, async () => {}]) {
    const { requests, outcome } = begin({ onReply });
    requests.settle(reply({ type: 'error' }));
    assert.instance(await outcome, StanzaError);
  }
});

test('a callback that throws, or promises and fails, rejects the request and nothing else', async () => {
  const error = new Error('bad callback');
  for (const onReply of [
    () => {
      throw error;
    },
    () => Promise.reject(error),
  ]) {
    const { requests, outcome } = begin({ onReply });
    requests.settle(reply());
    assert.is(await outcome, error);
  }
});

test('a callback is called once, and not for what is foreign or late', async () => {
  let calls = 0;
  const { requests, outcome } = begin({
    onReply: () => {
      calls += 1;
      requests.settle(reply());
    },
  });
  requests.settle(reply({ from: 'example.com' }));
  requests.settle(reply());
  requests.settle(reply());
  await outcome;
  assert.is(calls, 1);
});

test('nobody has to look at what becomes of a request', async () => {
  const requests = new Requests(new SimulatedClock());
  void requests.wait(new Outgoing('1', el('iq'), () => {}), undefined, () => SELF, {});
  requests.fail(new Error('gone'));
  await idle();
});

test.run();
