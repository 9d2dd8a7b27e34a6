import { getEventListeners } from 'node:events';
import * as assert from 'uvu/assert';
import { SimulatedClock } from 'xstate';
import { TimeoutError } from '../src/error.ts';
import { type WaitOptions, wait } from '../src/wait.ts';
import { suite } from './harness.ts';

const test = suite('wait');

/** A wait for a word, what is known of it, and the ways to end it. */
function begin(options: WaitOptions = {}) {
  const clock = new SimulatedClock();
  const ends = { begun: 0, undone: 0, resolve: (_word: string) => {}, reject: (_error: unknown) => {} };
  const promise = wait<string>(clock, options, 'waiting for a word', (resolve, reject) => {
    ends.begun += 1;
    Object.assign(ends, { resolve, reject });
    return () => {
      ends.undone += 1;
    };
  });
  return { clock, ends, outcome: promise.catch((error) => error) };
}

test('resolves and cleans up', async () => {
  const { ends, outcome } = begin();
  ends.resolve('a');
  assert.is(await outcome, 'a');
  assert.is(ends.undone, 1);
});

test('rejects and cleans up', async () => {
  const { ends, outcome } = begin();
  const error = new Error('no');
  ends.reject(error);
  assert.is(await outcome, error);
  assert.is(ends.undone, 1);
});

test('ends once', async () => {
  const controller = new AbortController();
  const { clock, ends, outcome } = begin({ timeout: 10, signal: controller.signal });
  ends.resolve('a');
  ends.resolve('b');
  ends.reject(new Error('no'));
  controller.abort();
  clock.increment(10);
  assert.is(await outcome, 'a');
  assert.is(ends.undone, 1);
});

test('leaves no timer and no listener behind', async () => {
  const armed = new Set<unknown>();
  const clock = {
    setTimeout: () => {
      const timer = {};
      armed.add(timer);
      return timer;
    },
    clearTimeout: (timer: unknown) => void armed.delete(timer),
    now: () => 0,
  };
  const { signal } = new AbortController();
  let resolve: () => void = () => {};
  const promise = wait<void>(clock, { timeout: 10, signal }, 'waiting', (done) => {
    resolve = done;
    return () => {};
  });
  assert.is(armed.size, 1);
  assert.is(getEventListeners(signal, 'abort').length, 1);
  resolve();
  await promise;
  assert.is(armed.size, 0);
  assert.is(getEventListeners(signal, 'abort').length, 0);
});

test('however many wait under one signal, it has one listener, and all hear of it in their order', async () => {
  const controller = new AbortController();
  const { signal } = controller;
  const left: number[] = [];
  const promises = Array.from({ length: 100 }, (_, number) =>
    wait<string>(new SimulatedClock(), { signal }, 'waiting', (resolve) => {
      if (number === 50) queueMicrotask(() => resolve('done'));
      return () => left.push(number);
    }).catch((error) => error),
  );
  assert.is(getEventListeners(signal, 'abort').length, 1);
  assert.is(await promises[50], 'done');
  controller.abort(new Error('enough'));
  assert.equal(new Set((await Promise.all(promises)).map(String)), new Set(['Error: enough', 'done']));
  assert.equal(left, [50, ...Array.from({ length: 100 }, (_, number) => number).filter((number) => number !== 50)]);
  assert.is(getEventListeners(signal, 'abort').length, 0);
});

test('times out, and not before', async () => {
  const { clock, ends, outcome } = begin({ timeout: 10 });
  clock.increment(9);
  assert.is(ends.undone, 0);
  clock.increment(1);
  const error = await outcome;
  assert.instance(error, TimeoutError);
  assert.is((error as Error).message, 'waiting for a word: nothing within 10 ms');
  assert.is(ends.undone, 1);
});

for (const timeout of [Number.POSITIVE_INFINITY, 2 ** 31]) {
  test(`${timeout} ms are more than a timer can count, and no bound`, async () => {
    const timers: number[] = [];
    const clock = Object.assign(new SimulatedClock(), {
      setTimeout(_: unknown, delay: number) {
        timers.push(delay);
      },
    });
    await wait<void>(clock, { timeout }, 'waiting', (resolve) => {
      queueMicrotask(resolve);
      return () => {};
    });
    assert.equal(timers, []);
  });
}

test('ends with the reason of its signal', async () => {
  const controller = new AbortController();
  const { ends, outcome } = begin({ signal: controller.signal });
  const reason = new Error('enough');
  controller.abort(reason);
  assert.is(await outcome, reason);
  assert.is(ends.undone, 1);
});

test('does not begin with a signal that is aborted', async () => {
  const { ends, outcome } = begin({ signal: AbortSignal.abort('before') });
  assert.is(await outcome, 'before');
  assert.equal([ends.begun, ends.undone], [0, 0]);
});

test('what ends at once is cleaned up, too', async () => {
  for (const end of ['resolve', 'reject'] as const) {
    let undone = 0;
    const promise = wait<string>(new SimulatedClock(), { timeout: 10 }, 'waiting', (resolve, reject) => {
      if (end === 'resolve') resolve('a');
      else reject('a');
      return () => {
        undone += 1;
      };
    });
    assert.is(await promise.catch((error) => error), 'a');
    assert.is(undone, 1);
  }
});

test('its rejection may be ignored', async () => {
  void wait(new SimulatedClock(), {}, 'waiting', (_, reject) => {
    reject(new Error('nobody cares'));
    return () => {};
  });
  await new Promise((resolve) => setImmediate(resolve));
});

test.run();
