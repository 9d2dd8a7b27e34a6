import { getEventListeners } from 'node:events';
import * as assert from 'uvu/assert';
import { SimulatedClock } from 'xstate';
import { Schedules } from '../../src/client/schedules.ts';
import { StateError } from '../../src/error.ts';
import { suite } from '../harness.ts';

const test = suite('client/schedules');

function setUp() {
  const clock = new SimulatedClock();
  const reports: string[] = [];
  const schedules = new Schedules(clock, (error) => reports.push((error as Error).message));
  const calls: string[] = [];
  const call = (name: string) => () => void calls.push(`${name} ${clock.now()}`);
  return { clock, reports, schedules, calls, call };
}

test('X-43: called once when its time has come, and its name is free again', () => {
  const { clock, schedules, calls, call } = setUp();
  schedules.add('a', 100, call('a'), {});
  clock.increment(99);
  assert.equal(calls, []);
  clock.increment(1);
  assert.equal(calls, ['a 100']);
  assert.is(schedules.cancel('a'), false);
  schedules.add('a', 0, call('a'), {});
  clock.increment(1000);
  assert.is(calls.length, 2);
});

test('X-43: a name is taken once', () => {
  const { schedules, call } = setUp();
  schedules.add('a', 100, call('a'), {});
  assert.throws(
    () => schedules.add('a', 100, call('a'), {}),
    (error: unknown) => error instanceof StateError,
  );
});

test('X-43: repeated until it is cancelled, by name, by hand, by itself or by a signal', () => {
  const { clock, schedules, calls, call } = setUp();
  const controller = new AbortController();
  const repeat = true;
  schedules.add('name', 10, call('name'), { repeat });
  const hand = schedules.add('hand', 10, call('hand'), { repeat });
  schedules.add('signal', 10, call('signal'), { repeat, signal: controller.signal });
  schedules.add('itself', 10, () => schedules.cancel('itself') && calls.push('itself'), { repeat });
  clock.increment(10);
  clock.increment(10);
  assert.is(calls.length, 7);
  assert.is(schedules.cancel('name'), true);
  hand.unsubscribe();
  controller.abort();
  clock.increment(100);
  assert.is(calls.length, 7);
  assert.is(getEventListeners(controller.signal, 'abort').length, 0);
});

test('what was cancelled takes none away that came after it', () => {
  const { clock, schedules, calls, call } = setUp();
  const first = schedules.add('a', 10, call('first'), {});
  schedules.cancel('a');
  schedules.add('a', 10, call('second'), {});
  first.unsubscribe();
  clock.increment(10);
  assert.equal(calls, ['second 10']);
});

test('a signal that is aborted already schedules nothing', () => {
  const { clock, schedules, calls, call } = setUp();
  schedules.add('a', 10, call('a'), { signal: AbortSignal.abort() });
  clock.increment(10);
  assert.equal(calls, []);
  assert.is(schedules.cancel('a'), false);
});

test('X-43: one that throws or rejects is reported, and repeated all the same', async () => {
  const { clock, schedules, reports } = setUp();
  const thrown = () => {
    throw new Error('thrown');
  };
  schedules.add('throws', 10, thrown, { repeat: true });
  schedules.add('rejects', 10, () => Promise.reject(new Error('rejected')), {});
  clock.increment(10);
  clock.increment(10);
  await null;
  assert.equal(reports.sort(), ['rejected', 'thrown', 'thrown']);
});

test('a delay is a time', () => {
  const { schedules } = setUp();
  for (const delay of [-1, Number.NaN, Infinity, 2 ** 31]) {
    assert.throws(
      () => schedules.add('a', delay, () => {}, {}),
      (error: unknown) => error instanceof RangeError,
    );
  }
});

test.run();
