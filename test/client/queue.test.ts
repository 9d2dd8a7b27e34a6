import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { Queue } from '../../src/client/queue.ts';
import type { Outgoing } from '../../src/client/token.ts';
import { suite } from '../harness.ts';
import { message } from './rig.ts';

const test = suite('client/queue');

/** The first that waits, taken out; what does not wait any more is passed over, as the outbox does. */
function next(queue: Queue): Outgoing | undefined {
  while (queue.first !== undefined) {
    const token = queue.shift();
    if (token.state === 'queued') return token;
  }
  return undefined;
}

test('whatever is taken back and when, those who wait go in their order and are counted', () => {
  const move = fc.oneof(
    fc.constant('push'),
    fc.constant('next'),
    fc.constant('unshift'),
    fc.constant('take'),
    fc.nat(20),
  );
  fc.assert(
    fc.property(fc.array(move, { maxLength: 100 }), (moves) => {
      const queue = new Queue();
      let waiting: Outgoing[] = [];
      moves.forEach((move, index) => {
        if (typeof move === 'number') {
          waiting.splice(move, 1)[0]?.abort();
        } else if (move === 'push') {
          const token = message(String(index));
          queue.push(token);
          waiting.push(token);
        } else if (move === 'next') assert.is(next(queue), waiting.shift());
        else if (move === 'unshift') {
          const tokens = [message(`${index}a`), message(`${index}b`)];
          queue.unshift(tokens);
          waiting.unshift(...tokens);
        } else {
          assert.equal(
            queue.take().map(({ id }) => id),
            waiting.map(({ id }) => id),
          );
          waiting = [];
        }
        assert.is(queue.size, waiting.length);
        assert.is(queue.first === undefined, waiting.length === 0);
      });
    }),
  );
});

test('who left the queue leaves it once, whatever becomes of them', () => {
  const queue = new Queue();
  const [a, b, c] = ['a', 'b', 'c'].map(message) as [Outgoing, Outgoing, Outgoing];
  for (const token of [a, b, c]) queue.push(token);
  assert.is(queue.shift(), a);
  a.become('sent');
  a.become('acked');
  b.abort();
  b.abort();
  assert.is(queue.size, 1);
  assert.equal(queue.take(), [c]);
  c.become('lost');
  assert.is(queue.size, 0);
});

test.run();
