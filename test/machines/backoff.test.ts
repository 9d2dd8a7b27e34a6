import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { type BackoffPolicy, backoffMachine, retryDelay, SHORTEST_PAUSE } from '../../machines/backoff.ts';
import { chart, Rig, untaken } from './rig.ts';

const counting = () => new Rig(backoffMachine, { delay: 1_000, offline: false });
const held = () => new Rig(backoffMachine, { delay: 1_000, offline: true });

const tests = chart('machines/backoff');

tests('the pause lasts as long as it was told to', () => {
  const rig = counting();
  assert.is(rig.pass(999).state, 'counting');
  assert.is(rig.pass(1).state, 'over');
});

tests('an impatient user or a machine that woke up cuts it short', () => {
  assert.is(counting().send({ type: 'retry' }).state, 'over');
  assert.is(counting().send({ type: 'wake' }).state, 'over');
  assert.is(held().send({ type: 'retry' }).state, 'over');
});

tests('without a network no timer runs, and the attempt comes when the network does', () => {
  const away = counting().send({ type: 'network.offline' });
  assert.is(away.pass(1e9).state, 'held');
  assert.is(away.send({ type: 'network.online' }).state, 'over');

  const never = held().send({ type: 'wake' });
  assert.is(never.pass(1e9).state, 'held');
});

tests('every transition was taken', () => {
  assert.equal(untaken(backoffMachine), []);
});

const policies: fc.Arbitrary<BackoffPolicy> = fc.record({
  start: fc.integer({ min: 1, max: 60_000 }),
  factor: fc.double({ min: 1, max: 5, noNaN: true }),
  cap: fc.integer({ min: 1, max: 600_000 }),
});
const attempts = fc.integer({ min: 1, max: 10_000 });
const chances = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

tests('C.8, 9: a delay is a whole number, no shorter than the shortest pause and no longer than the cap', () => {
  fc.assert(
    fc.property(policies, attempts, chances, (policy, attempt, chance) => {
      const delay = retryDelay(policy, attempt, chance);
      assert.ok(Number.isInteger(delay));
      assert.ok(delay >= Math.min(SHORTEST_PAUSE, policy.cap) && delay <= Math.max(policy.cap, 0));
    }),
  );
});

tests('C.8, 9: the ceiling grows with every attempt until it reaches the cap', () => {
  fc.assert(
    fc.property(policies, attempts, chances, (policy, attempt, chance) => {
      assert.ok(retryDelay(policy, attempt, chance) <= retryDelay(policy, attempt + 1, chance));
      assert.ok(retryDelay(policy, attempt, 0) <= retryDelay(policy, attempt, chance));
    }),
  );
  const policy = { start: 1_000, factor: 2, cap: 60_000 };
  const ceilings = [1, 2, 3, 4, 5, 6, 7, 8].map((attempt) => retryDelay(policy, attempt, 1));
  assert.equal(ceilings, [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]);
});

tests('C.8, 9: bad luck alone makes no storm', () => {
  const policy = { start: 1_000, factor: 1.2, cap: 60_000 };
  let [attempts, time] = [0, 0];
  for (; time <= 60_000; time += retryDelay(policy, attempts, 0)) attempts += 1;
  assert.is(attempts, 28);
});

tests.run();
