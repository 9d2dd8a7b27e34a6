import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { Fifo } from '../src/fifo.ts';
import { suite } from './harness.ts';

const test = suite('fifo');

test('is empty at first', () => {
  const fifo = new Fifo<number>();
  assert.is(fifo.length, 0);
  assert.is(fifo.first, undefined);
  assert.equal(fifo.take(), []);
});

test('behaves as an array does', () => {
  // Bursts large enough for the array to be cut.
  const step = fc.oneof(
    fc.record({ push: fc.integer({ min: 1, max: 3000 }) }),
    fc.record({ shift: fc.integer({ min: 1, max: 3000 }) }),
    fc.record({ unshift: fc.integer({ min: 0, max: 3 }) }),
    fc.record({ take: fc.integer({ min: 0, max: 3000 }) }),
    fc.record({ all: fc.constant(true) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 20 }), (steps) => {
      const fifo = new Fifo<number>();
      let model: number[] = [];
      let next = 0;
      for (const action of steps) {
        if ('push' in action) {
          for (let i = 0; i < action.push; i += 1) {
            fifo.push(next);
            model.push(next++);
          }
        } else if ('shift' in action) {
          for (let i = 0; i < action.shift && model.length > 0; i += 1) assert.is(fifo.shift(), model.shift());
        } else if ('unshift' in action) {
          const entries = Array.from({ length: action.unshift }, () => next++);
          fifo.unshift(entries);
          model = [...entries, ...model];
        } else if ('take' in action) {
          const count = Math.min(action.take, model.length);
          assert.equal(fifo.take(count), model.splice(0, count));
        } else {
          assert.equal(fifo.take(), model);
          model = [];
        }
        assert.is(fifo.length, model.length);
        assert.is(fifo.first, model[0]);
      }
      assert.equal([...fifo], model);
    }),
    { numRuns: 50 },
  );
});

test.run();
