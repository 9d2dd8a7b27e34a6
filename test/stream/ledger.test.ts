import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { Ledger } from '../../src/stream/ledger.ts';
import { suite } from '../harness.ts';

const test = suite('stream/ledger');

const MAX = 2 ** 32 - 1;

/** A ledger whose entries are named by their text, and those that were acknowledged. */
function books(sent = 0, handled = 0) {
  const ledger = new Ledger();
  const acked: string[] = [];
  ledger.setCounters(sent, handled);
  ledger.beginSending();
  const push = (...texts: string[]) => {
    for (const text of texts) ledger.push({ text, acked: () => acked.push(text) });
  };
  return { ledger, acked, push };
}

const textsOf = (entries: readonly { text: string }[]) => entries.map(({ text }) => text).join('');

test('counts what is handled, modulo 2^32', () => {
  const { ledger } = books();
  assert.is(ledger.handled, 0);
  ledger.handle();
  ledger.handle();
  assert.is(ledger.handled, 2);
  ledger.setCounters(0, MAX);
  assert.is(ledger.handled, MAX);
  ledger.handle();
  assert.is(ledger.handled, 0);
});

test('sends and receives from the moments it is told, and not before', () => {
  const ledger = new Ledger();
  assert.equal([ledger.active, ledger.counting], [false, false]);
  ledger.beginSending();
  assert.equal([ledger.active, ledger.counting], [true, false]);
  ledger.beginReceiving();
  assert.equal([ledger.active, ledger.counting], [true, true]);
});

test('gives back what it kept when the server does not count', () => {
  const { ledger, acked, push } = books();
  push('a', 'b');
  assert.is(textsOf(ledger.abandon()), 'ab');
  assert.equal([ledger.active, ledger.unacked], [false, 0]);
  assert.equal(acked, []);
});

const ACKS: readonly [about: string, base: number, h: number, acked: string, unacked: number][] = [
  ['nothing', 0, 0, '', 3],
  ['the first', 0, 1, 'a', 2],
  ['all', 0, 3, 'abc', 0],
  ['the last before the wrap', MAX - 1, MAX, 'a', 2],
  ['up to the wrap', MAX - 1, 0, 'ab', 1],
  ['past the wrap', MAX - 1, 1, 'abc', 0],
  ['from the wrap on', MAX, 0, 'a', 2],
];

for (const [about, base, h, expected, unacked] of ACKS) {
  test(`acknowledges ${about}, h=${h}`, () => {
    const { ledger, acked, push } = books(base);
    push('a', 'b', 'c');
    assert.is(ledger.sent, (base + 3) % 2 ** 32);
    assert.ok(ledger.plausible(h));
    ledger.ack(h);
    assert.is(acked.join(''), expected);
    assert.is(ledger.unacked, unacked);
    assert.is(ledger.sent, (base + 3) % 2 ** 32);
    ledger.ack(h);
    assert.is(acked.join(''), expected, 'the same again changes nothing');
    assert.is(textsOf(ledger.take()), 'abc'.slice(expected.length));
  });
}

const IMPLAUSIBLE: readonly [about: string, base: number, pushed: number, h: number][] = [
  ['more than was sent', 0, 2, 3],
  ['anything when nothing was sent', 5, 0, 6],
  ['less than before', 5, 2, 4],
  ['much more', 0, 2, MAX],
  ['more than was sent, past the wrap', MAX, 2, 2],
  ['less than before, before the wrap', 0, 2, MAX],
];

for (const [about, base, pushed, h] of IMPLAUSIBLE) {
  test(`does not believe ${about}`, () => {
    const { ledger, push } = books(base);
    for (let i = 0; i < pushed; i += 1) push('x');
    assert.not(ledger.plausible(h));
    assert.ok(ledger.plausible((base + pushed) % 2 ** 32));
  });
}

test('an entry may push another', () => {
  const { ledger, push } = books();
  for (const text of ['a', 'b']) ledger.push({ text, acked: () => push(`after ${text}.`) });
  ledger.ack(2);
  assert.is(ledger.replay(), 'after a.after b.');
});

test('replays what was not acknowledged, in order, as often as it takes', () => {
  const { ledger, acked, push } = books();
  push('a', 'b', 'c');
  ledger.ack(1);
  assert.is(ledger.replay(), 'bc');
  push('d');
  assert.is(ledger.replay(), 'bcd');
  ledger.ack(4);
  assert.equal(acked, ['a', 'b', 'c', 'd']);
  assert.is(ledger.replay(), '');
});

test('all that is acknowledged is out of the books when the first hears of it', () => {
  const { ledger } = books();
  const heard: string[] = [];
  for (const text of ['a', 'b', 'c']) {
    const acked = () => heard.push(`${text} of ${ledger.sent}, then ${textsOf(ledger.take())}`);
    ledger.push({ text, acked });
  }
  ledger.ack(2);
  assert.equal(heard, ['a of 3, then c', 'b of 2, then ']);
});

test('what is taken is gone, and was sent nevertheless', () => {
  const { ledger, acked, push } = books();
  push('a', 'b');
  assert.is(textsOf(ledger.take()), 'ab');
  assert.is(ledger.unacked, 0);
  assert.is(ledger.replay(), '');
  assert.equal(acked, []);
});

test('asks at the end of a burst, once until the answer is there, and again after so many', () => {
  const { ledger, push } = books();
  assert.not(ledger.wantsAck(3), 'nothing was sent');
  push('a');
  assert.ok(ledger.wantsAck(3));
  ledger.ask();
  assert.not(ledger.wantsAck(3), 'it was asked');
  push('b', 'c');
  assert.not(ledger.wantsAck(3), 'an answer is due');
  push('d');
  assert.ok(ledger.wantsAck(3), 'too much since');
  ledger.ask();
  assert.not(ledger.wantsAck(3));
  push('e');
  ledger.ack(4);
  assert.ok(ledger.wantsAck(3), 'the answer is there, and does not cover the last');
  ledger.ask();
  ledger.ack(5);
  assert.not(ledger.wantsAck(3), 'nothing is left');
});

test('asks again on a new connection for what it replays', () => {
  const { ledger, push } = books();
  push('a', 'b');
  ledger.ask();
  assert.not(ledger.wantsAck(3));
  ledger.replay();
  assert.ok(ledger.wantsAck(3));
  ledger.take();
  assert.not(ledger.wantsAck(3));
});

test('like a list of which the front is cut', () => {
  const step = fc.oneof(
    fc.record({ push: fc.integer({ min: 1, max: 2000 }) }),
    fc.record({ ack: fc.double({ min: 0, max: 1, noNaN: true }) }),
  );
  fc.assert(
    fc.property(fc.integer({ min: 0, max: MAX }), fc.array(step, { maxLength: 30 }), (base, steps) => {
      const { ledger, acked, push } = books(base);
      let sent = 0;
      let h = 0;
      for (const action of steps) {
        if ('push' in action) {
          for (let i = 0; i < action.push; i += 1) push(`${sent++},`);
        } else {
          h += Math.floor(action.ack * (sent - h + 1));
          if (h > sent) h = sent;
          const told = (base + h) % 2 ** 32;
          assert.ok(ledger.plausible(told));
          ledger.ack(told);
        }
        assert.is(ledger.unacked, sent - h);
        assert.is(acked.length, h);
        assert.not(ledger.plausible((base + sent + 1) % 2 ** 32));
      }
      const numbers = Array.from({ length: sent }, (_, i) => `${i},`);
      assert.is(acked.join(''), numbers.slice(0, h).join(''));
      assert.is(ledger.replay(), numbers.slice(h).join(''));
    }),
  );
});

test.run();
