import fc from 'fast-check';
import * as assert from 'uvu/assert';
import type { Filter } from '../../src/client/filters.ts';
import { Outgoing } from '../../src/client/token.ts';
import { QueueFullError } from '../../src/error.ts';
import { type Element, el } from '../../src/xml/element.ts';
import { XmlError } from '../../src/xml/error.ts';
import { suite } from '../harness.ts';
import { Deferred, idle, message, outbox, statesOf } from './rig.ts';

const test = suite('client/outbox');

const pass: Filter = (stanza) => stanza;

test('a stanza waits for the gate, and does not wait when it is open', () => {
  const { box, wire, push } = outbox();
  const tokens = push('a', 'b');
  assert.is(box.size, 2);
  assert.equal(statesOf(tokens), ['queued', 'queued']);
  box.open(wire);
  assert.equal(wire.texts, ['a', 'b']);
  const [c] = push('c');
  assert.is(c?.state, 'sent');
  assert.equal(wire.texts, ['a', 'b', 'c']);
  box.shut();
  push('d');
  assert.equal(wire.texts, ['a', 'b', 'c']);
  assert.is(box.size, 1);
});

test('what is taken back is not sent', () => {
  const { box, wire, push } = outbox();
  const [, b] = push('a', 'b', 'c');
  b?.abort();
  box.open(wire);
  assert.equal(wire.texts, ['a', 'c']);
});

test('a stanza that finds the queue full fails, and changes nothing', () => {
  const { box, wire, push } = outbox(2);
  const tokens = push('a', 'b', 'c');
  assert.equal(statesOf(tokens), ['queued', 'queued', 'failed']);
  assert.instance(tokens[2]?.error, QueueFullError);
  box.open(wire);
  assert.equal(wire.texts, ['a', 'b']);
  assert.is(push('d')[0]?.state, 'sent');
});

test('what was taken back makes room', () => {
  const { box, wire, push } = outbox(2);
  push('a')[0]?.abort();
  const tokens = push('b', 'c', 'd');
  assert.equal(statesOf(tokens), ['queued', 'queued', 'failed']);
  box.open(wire);
  assert.equal(wire.texts, ['b', 'c']);
});

test('what is first goes first, and alone while the gate is open for hooks only', () => {
  const { box, wire, push } = outbox(2);
  push('b', 'c');
  box.open(wire, false);
  assert.ok(box.forHooks);
  box.push(message('a'), true);
  assert.equal([wire.texts, box.size], [['a'], 2]);
  box.shut();
  const unsent = message('unsent');
  box.push(unsent, true);
  box.clear('lost', null, 'hooks');
  assert.is(unsent.state, 'lost');
  box.push(message('A'), true);
  box.open(wire);
  assert.not(box.forHooks);
  assert.equal(wire.texts, ['a', 'A', 'b', 'c']);
});

test('no room at all: only what can be written at once is taken', () => {
  const { box, wire, push } = outbox(0);
  assert.equal(statesOf(push('a')), ['failed']);
  box.open(wire);
  assert.equal(statesOf(push('b', 'c')), ['sent', 'sent']);
  wire.congested = true;
  assert.equal(statesOf(push('d')), ['failed']);
});

test('what cannot be written fails and harms nobody', () => {
  const { box, wire, push } = outbox();
  const tokens = push('a', 'not XML: \u0000', 'b');
  box.open(wire);
  assert.equal(wire.texts, ['a', 'b']);
  assert.equal(statesOf(tokens), ['sent', 'failed', 'sent']);
  assert.instance(tokens[1]?.error, XmlError);
});

test('nothing is written to a peer that does not read', () => {
  const { box, wire, push } = outbox();
  box.open(wire);
  wire.congested = true;
  push('a', 'b');
  assert.equal(wire.texts, []);
  wire.congested = false;
  box.pump();
  assert.equal(wire.texts, ['a', 'b']);
});

test('a peer that stops reading is noticed between two stanzas', () => {
  const { box, wire, push } = outbox();
  const [a] = push('a', 'b');
  a?.onStateChange(() => {
    wire.congested = true;
  });
  box.open(wire);
  assert.equal(wire.texts, ['a']);
  assert.is(box.size, 1);
});

test('the end comes to all that is queued', () => {
  const { box, wire, push } = outbox();
  const [a, b] = push('a', 'b');
  a?.abort();
  const error = new Error('gone');
  box.clear('lost', error);
  assert.equal([a?.state, b?.state, b?.error], ['aborted', 'lost', error]);
  assert.is(box.size, 0);
  box.open(wire);
  assert.equal(wire.texts, []);
});

test('what comes back goes first, in its order', () => {
  const { box, wire, push } = outbox();
  push('c');
  box.unshift(['a', 'b'].map(message));
  box.open(wire);
  assert.equal(wire.texts, ['a', 'b', 'c']);
});

// Filters.

test('a filter sees a stanza when it is sent, and may replace or drop it', () => {
  const { box, wire, filters, push } = outbox();
  const tokens = push('a', 'b', 'c');
  filters.add((stanza) => (stanza.text === 'b' ? null : stanza.append('!')), 0);
  box.open(wire);
  assert.equal(wire.texts, ['a!', 'c!']);
  assert.equal(statesOf(tokens), ['sent', 'dropped', 'sent']);
});

const FAILURES: readonly [about: string, filter: Filter][] = [
  [
    'throws',
    () => {
      throw new Error('bad filter');
    },
  ],
  ['rejects', () => Promise.reject(new Error('bad filter'))],
];

for (const [about, filter] of FAILURES) {
  test(`a filter that ${about} fails the stanza, is reported, and harms nobody`, async () => {
    const { box, wire, filters, reports, push } = outbox();
    filters.add((stanza) => (stanza.text === 'b' ? filter(stanza) : stanza), 0);
    const tokens = push('a', 'b', 'c');
    box.open(wire);
    await idle();
    assert.equal(wire.texts, ['a', 'c']);
    assert.equal(statesOf(tokens), ['sent', 'failed', 'sent']);
    assert.is(tokens[1]?.error, reports[0]);
    assert.is((reports[0] as Error).message, 'bad filter');
    assert.is(reports.length, 1);
  });
}

test('a filter may throw what is no error', () => {
  const { box, wire, filters, reports, push } = outbox();
  filters.add(() => {
    throw 'a word';
  }, 0);
  const [a] = push('a');
  box.open(wire);
  assert.instance(a?.error, Error);
  assert.equal(reports, ['a word']);
});

/** An outbox whose filter keeps every stanza until it is told what to do with it. */
function slow() {
  const parts = outbox();
  const asked: string[] = [];
  const answers: Deferred<Element | null>[] = [];
  parts.filters.add((stanza) => {
    asked.push(stanza.text);
    const answer = new Deferred<Element | null>();
    answers.push(answer);
    return answer.promise;
  }, 0);
  const answer = async (stanza: Element | null) => {
    answers.shift()?.resolve(stanza);
    await idle();
  };
  return { ...parts, asked, answer };
}

const A = el('message', {}, 'a');
const B = el('message', {}, 'b');

test('nobody overtakes a stanza whose filter takes its time', async () => {
  const { box, wire, push, asked, answer } = slow();
  box.open(wire);
  push('a', 'b');
  assert.equal(asked, ['a']);
  assert.is(box.size, 2);
  await answer(A);
  assert.equal([wire.texts, asked], [['a'], ['a', 'b']]);
  await answer(B);
  assert.equal(wire.texts, ['a', 'b']);
  assert.is(box.size, 0);
});

test('the gate is shut in the middle of a filter: the stanza stays first, and is not filtered again', async () => {
  const { box, wire, push, asked, answer } = slow();
  box.open(wire);
  const [a] = push('a');
  box.shut();
  await answer(A);
  assert.equal(wire.texts, []);
  assert.equal([a?.state, box.size], ['queued', 1]);
  push('b');
  box.open(wire);
  assert.equal(wire.texts, ['a']);
  assert.equal(asked, ['a', 'b']);
});

test('what comes back goes before a stanza that is in a filter', async () => {
  const { box, wire, push, answer } = slow();
  box.open(wire);
  push('c');
  box.shut();
  const again = ['a', 'b'].map(message);
  for (const token of again) token.filtered = true;
  box.unshift(again);
  box.open(wire);
  await answer(el('message', {}, 'c'));
  assert.equal(wire.texts, ['a', 'b', 'c']);
});

test('what is taken back in the middle of its filter holds nobody up', async () => {
  const { box, wire, push, asked, answer } = slow();
  box.open(wire);
  const [a] = push('a', 'b');
  assert.ok(a?.abort());
  box.pump();
  assert.equal(asked, ['a', 'b']);
  await answer(A);
  assert.equal(wire.texts, []);
  await answer(B);
  assert.equal(wire.texts, ['b']);
  assert.is(a?.state, 'aborted');
  assert.is(a?.element, null);
});

test('the end comes also to a stanza that is in a filter, which then holds nobody up', async () => {
  const { box, wire, push, answer } = slow();
  box.open(wire);
  const tokens = push('a', 'b');
  box.clear('lost', null);
  assert.equal(statesOf(tokens), ['lost', 'lost']);
  push('c');
  await answer(A);
  assert.equal(wire.texts, []);
  await answer(el('message', {}, 'c'));
  assert.equal(wire.texts, ['c']);
});

test('a filter may be taken away while it is at work', async () => {
  const { box, wire, filters, push } = outbox();
  const answer = new Deferred<Element>();
  const remove = filters.add(() => answer.promise, 0);
  box.open(wire);
  push('a', 'b');
  remove();
  await idle();
  assert.equal(wire.texts, []);
  answer.resolve(A);
  await idle();
  assert.equal(wire.texts, ['a', 'b']);
});

// Whoever is called may send.

test('a filter may send: it goes behind what waits', () => {
  const { box, wire, filters, push } = outbox();
  filters.add((stanza) => {
    if (stanza.text === 'a') push('c');
    return stanza;
  }, 0);
  push('a', 'b');
  box.open(wire);
  assert.equal(wire.texts, ['a', 'b', 'c']);
});

test('who hears that a stanza is sent may send: it goes behind what waits', () => {
  const { box, wire, push } = outbox();
  const [a] = push('a', 'b');
  a?.onStateChange(() => push('c'));
  box.open(wire);
  assert.equal(wire.texts, ['a', 'b', 'c']);
});

test('one may send the next when one is sent, ten thousand times', () => {
  const { box, wire } = outbox();
  box.open(wire);
  const send = (number: number) => {
    const token = message(String(number));
    token.onStateChange((state) => {
      if (state === 'sent' && number < 10_000) send(number + 1);
    });
    box.push(token);
  };
  send(1);
  assert.is(wire.texts.length, 10_000);
});

test('ten thousand may wait for a filter', async () => {
  for (const filter of [pass, async (stanza: Element) => stanza]) {
    const { box, wire, filters, push } = outbox(10_000);
    filters.add(filter, 0);
    const texts = Array.from({ length: 10_000 }, (_, index) => String(index));
    const tokens = push(...texts);
    box.open(wire);
    while (tokens.at(-1)?.state === 'queued') await idle();
    assert.is(wire.texts.join(), texts.join());
  }
});

test('first in, first out, whatever filters do and the gate does', async () => {
  const verdicts = ['pass', 'pass later', 'drop', 'drop later', 'throw', 'reject', 'not XML', 'taken back'] as const;
  const step = fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom(...verdicts) },
    { weight: 2, arbitrary: fc.constantFrom('open' as const, 'shut' as const, 'turn' as const) },
    fc.constantFrom('congested' as const, 'drained' as const),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const { box, wire, filters } = outbox();
      filters.add((stanza) => {
        const verdict = stanza.attr('type');
        if (verdict === 'throw') throw new Error('thrown');
        if (verdict === 'reject') return Promise.reject(new Error('rejected'));
        const result = verdict?.startsWith('drop') ? null : stanza;
        return verdict?.endsWith('later') ? idle().then(() => result) : result;
      }, 0);
      const tokens: [verdict: string, token: Outgoing][] = [];
      for (const action of steps) {
        if (action === 'open') box.open(wire);
        else if (action === 'shut') box.shut();
        else if (action === 'turn') await idle();
        else if (action === 'congested') wire.congested = true;
        else if (action === 'drained') {
          wire.congested = false;
          box.pump();
        } else {
          const text = `${tokens.length}${action === 'not XML' ? '\u0000' : ''}`;
          const token = new Outgoing('', el('message', { type: action }, text), () => {});
          tokens.push([action, token]);
          box.push(token);
          if (action === 'taken back' && !token.abort()) tokens.pop();
        }
      }
      wire.congested = false;
      box.open(wire);
      while (box.size > 0) await idle();
      const sent = wire.texts.map(Number);
      assert.equal(
        sent,
        [...sent].sort((a, b) => a - b),
        'in order, none twice',
      );
      for (const [verdict, token] of tokens) {
        const end = verdict.startsWith('pass') ? 'sent' : verdict.startsWith('drop') ? 'dropped' : 'failed';
        assert.is(token.state, verdict === 'taken back' ? 'aborted' : end, verdict);
      }
    }),
    { numRuns: 60 },
  );
});

test.run();
