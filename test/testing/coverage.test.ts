import * as assert from 'uvu/assert';
import { createActor } from 'xstate';
import { Coverage, nodesOf, table, transitionId, transitionsOf } from '../../src/testing/coverage.ts';
import { suite } from '../harness.ts';
import { asking } from './machine.ts';

const test = suite('testing/coverage');

const ALL = [
  'asking.idle --ask[0]',
  'asking.waiting --ask[0]',
  'asking.waiting --stop[0]',
  'asking.waiting --xstate.done.actor.answer[0]',
  'asking.waiting --xstate.done.actor.answer[1]',
  'asking.waiting --xstate.error.actor.answer[0]',
  'asking.waiting --xstate.after.1000.asking.waiting[0]',
  'asking.judging --always[0]',
  'asking.judging --always[1]',
];

test('every branch, timer, end of a child and forbidden event is a transition of its own', () => {
  assert.equal(Coverage.all(asking).sort(), [...ALL].sort());
  assert.equal(
    nodesOf(asking.root).map(({ id }) => id),
    ['asking', 'asking.idle', 'asking.waiting', 'asking.judging', 'asking.failed'],
  );
});

test('a provided machine has the same names', () => {
  const names = nodesOf(asking.provide({}).root).flatMap(transitionsOf).map(transitionId);
  assert.equal(names, Coverage.all(asking));
});

test('what an actor takes is counted, and the rest is missing', () => {
  const coverage = new Coverage();
  const actor = createActor(asking, { input: { max: 1 }, inspect: coverage.inspect }).start();
  assert.equal(coverage.missing(asking), Coverage.all(asking));
  for (let round = 0; round < 2; round++) {
    actor.send({ type: 'ask' });
    actor.send({ type: 'ask' });
    actor.send({ type: 'stop' });
  }
  actor.send({ type: 'stop' });
  assert.is(coverage.times('asking.waiting --stop[0]'), 2);
  assert.is(coverage.times('asking.waiting --ask[0]'), 2);
  assert.is(coverage.times('asking.judging --always[0]'), 0);
  assert.equal(
    coverage.missing(asking),
    Coverage.all(asking).filter((id) => !/--(ask|stop)/.test(id)),
  );
  actor.stop();
});

test('the table says how much, and what is missing', () => {
  const coverage = new Coverage();
  const lines = coverage.table(asking).split('\n');
  assert.match(lines[0] as string, /^machine +transitions$/);
  assert.match(lines[1] as string, /^asking +0\/9$/);
  assert.is(lines.length, 2 + ALL.length);
  assert.is(lines[2], '  never asking.idle --ask[0]');
});

test('columns stand under one another, numbers to the right', () => {
  assert.is(
    table([
      ['name', 'count'],
      ['a', 1],
      ['longer', 100],
    ]),
    'name    count\na           1\nlonger    100',
  );
});

test.run();
