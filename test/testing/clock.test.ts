import * as assert from 'uvu/assert';
import { createActor, createMachine } from 'xstate';
import { ManualClock } from '../../src/testing/clock.ts';
import { suite } from '../harness.ts';

const test = suite('testing/clock');

/** A clock and what its timers said, each with the time at which it fired. */
function clockWith(...delays: number[]): { clock: ManualClock; fired: [name: string, at: number][] } {
  const clock = new ManualClock();
  const fired: [string, number][] = [];
  for (const [index, delay] of delays.entries()) {
    clock.setTimeout(() => fired.push([`${index}`, clock.now()]), delay);
  }
  return { clock, fired };
}

test('timers fire in the order in which they are due, and at their time', () => {
  const { clock, fired } = clockWith(30, 10, 20);
  clock.advance(25);
  assert.equal(fired, [
    ['1', 10],
    ['2', 20],
  ]);
  assert.is(clock.now(), 25);
  clock.advance(5);
  assert.is(fired.length, 3);
});

test('of several that are due at once the oldest is first', () => {
  const { clock, fired } = clockWith(10, 10, 10);
  assert.ok(clock.next());
  assert.equal(
    fired.map(([name]) => name),
    ['0', '1', '2'],
  );
});

test('what a timer arms fires in the same advance, if it is due', () => {
  const clock = new ManualClock();
  const fired: number[] = [];
  clock.setTimeout(() => {
    clock.setTimeout(() => fired.push(clock.now()), 5);
    clock.setTimeout(() => fired.push(clock.now()), 50);
  }, 10);
  clock.advance(20);
  assert.equal(fired, [15]);
  assert.equal(clock.pending, [60]);
});

test('what was taken back does not fire, also by another timer and in its own call', () => {
  const { clock, fired } = clockWith(30);
  clock.setTimeout(() => clock.clearTimeout(1), 10);
  const own: number = clock.setTimeout(() => clock.clearTimeout(own), 20);
  clock.advance(100);
  assert.equal(fired, []);
  clock.clearTimeout(4711);
});

test('it says what is armed, and goes from one to the next', () => {
  const { clock } = clockWith(30, 10);
  assert.equal(clock.pending, [10, 30]);
  assert.ok(clock.next());
  assert.equal([clock.now(), clock.pending], [10, [30]]);
  assert.ok(clock.next());
  assert.not(clock.next());
  assert.is(clock.now(), 30);
});

test('it begins when it is told to, and a delay below nothing is none', () => {
  const clock = new ManualClock(1_000);
  let fired = 0;
  clock.setTimeout(() => (fired = clock.now()), -5);
  clock.advance(0);
  assert.is(fired, 1_000);
});

test('it is a clock for actors', () => {
  const clock = new ManualClock();
  const machine = createMachine({ initial: 'a', states: { a: { after: { 100: 'b' } }, b: {} } });
  const actor = createActor(machine, { clock }).start();
  assert.equal(clock.pending, [100]);
  clock.advance(99);
  assert.is(actor.getSnapshot().value, 'a');
  clock.advance(1);
  assert.equal([actor.getSnapshot().value, clock.pending], ['b', []]);
  actor.stop();
});

test.run();
