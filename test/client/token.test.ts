import * as assert from 'uvu/assert';
import { DeliveryError, type DeliveryState, Outgoing } from '../../src/client/token.ts';
import { el } from '../../src/xml/element.ts';
import { suite } from '../harness.ts';

const test = suite('client/token');

function make() {
  const reports: unknown[] = [];
  const token = new Outgoing('1', el('message'), (error) => reports.push(error));
  const states: DeliveryState[] = [];
  token.onStateChange((state) => states.push(state));
  return { token, states, reports };
}

/** What awaiting a token leads to: the value, or the error. */
const awaited = (token: Outgoing): Promise<unknown> => token.then((value) => value).catch((error) => error);

/** Every way of B.3, from `queued` to its end. */
const LIVES: readonly [way: DeliveryState[], succeeds: boolean][] = [
  [['acked'], true],
  [['sent', 'acked'], true],
  [['unconfirmed'], true],
  [['sent', 'unconfirmed'], true],
  [['aborted'], false],
  [['dropped'], false],
  [['failed'], false],
  [['lost'], false],
  [['sent', 'lost'], false],
  [['sent', 'queued', 'sent', 'acked'], true],
  [['sent', 'queued', 'aborted'], false],
];

for (const [way, succeeds] of LIVES) {
  const end = way.at(-1) as DeliveryState;
  test(`queued → ${way.join(' → ')} ${succeeds ? 'resolves' : 'rejects'}, and that is final`, async () => {
    const { token, states } = make();
    const early = awaited(token);
    assert.is(token.state, 'queued');
    for (const state of way) token.become(state);
    for (const state of ['queued', 'sent', 'acked', 'lost', 'failed'] as const) token.become(state, new Error('late'));
    assert.equal(states, way);
    assert.is(token.state, end);
    assert.is(token.error, null);
    for (const outcome of [await early, await awaited(token)]) {
      if (succeeds) assert.is(outcome, end);
      else assert.equal([outcome instanceof DeliveryError, (outcome as DeliveryError).state], [true, end]);
    }
  });
}

test('the error of an end is the cause of the rejection', async () => {
  const { token } = make();
  const error = new Error('no room');
  token.become('failed', error);
  assert.is(token.error, error);
  const outcome = (await awaited(token)) as DeliveryError;
  assert.is(outcome.cause, error);
  assert.is(outcome.message, 'the stanza was failed: no room');
});

test('only what is queued can be taken back', () => {
  for (const [state, taken] of [
    ['queued', true],
    ['sent', false],
    ['acked', false],
    ['unconfirmed', false],
    ['dropped', false],
    ['failed', false],
    ['lost', false],
  ] as const) {
    const { token } = make();
    token.become(state);
    assert.is(token.abort(), taken, state);
    assert.is(token.state, taken ? 'aborted' : state);
  }
  const { token } = make();
  token.abort();
  assert.is(token.abort(), true, 'again');
});

test('nobody has to await it', async () => {
  const { token } = make();
  token.become('lost');
  await new Promise((resolve) => setImmediate(resolve));
});

test('can be awaited as often as one likes, before and after', async () => {
  const { token } = make();
  const both = Promise.all([token, token]);
  token.become('acked');
  assert.equal(await both, ['acked', 'acked']);
  assert.is(await token, 'acked');
});

test('keeps nothing of the stanza in the end', () => {
  const { token } = make();
  token.text = '<message/>';
  token.become('sent');
  assert.ok(token.element);
  assert.is(token.text, '<message/>');
  token.become('acked');
  assert.is(token.element, null);
  assert.is(token.text, '');
});

test('a listener that throws is reported and harms nobody', () => {
  const { token, states, reports } = make();
  const error = new Error('bad listener');
  token.onStateChange(() => {
    throw error;
  });
  const after: DeliveryState[] = [];
  token.onStateChange((state, which) => after.push(which === token ? state : 'lost'));
  token.become('sent');
  token.become('acked');
  assert.equal(states, ['sent', 'acked']);
  assert.equal(after, ['sent', 'acked']);
  assert.equal(reports, [error, error]);
});

test('a listener can stop listening', () => {
  const { token } = make();
  const heard: DeliveryState[] = [];
  const stop = token.onStateChange((state) => {
    heard.push(state);
    stop();
  });
  token.become('sent');
  token.become('acked');
  assert.equal(heard, ['sent']);
});

test('a listener that comes while others are told hears of the next state', () => {
  const { token } = make();
  const heard: DeliveryState[] = [];
  const listen = () => void token.onStateChange((state) => heard.push(state));
  const stop = token.onStateChange(() => {
    stop();
    listen();
  });
  token.become('sent');
  assert.equal(heard, []);
  token.become('acked');
  assert.equal(heard, ['acked']);
});

test('everybody hears of every state in order, also when a listener changes it', () => {
  const { token } = make();
  token.become('sent');
  token.onStateChange(() => token.abort());
  const heard: DeliveryState[] = [];
  token.onStateChange((state) => heard.push(state));
  token.become('queued');
  assert.equal(heard, ['queued', 'aborted']);
});

test.run();
