import * as assert from 'uvu/assert';
import { assign, setup } from 'xstate';
import { explore, type Move, sends } from '../../src/testing/explore.ts';
import { coveringPaths } from '../../src/testing/paths.ts';
import { suite } from '../harness.ts';
import { asking, everything } from './machine.ts';

const test = suite('testing/paths');

const exploration = explore(asking, everything);

/** What the moves of a path lead to and take, one after the other. */
const gone = (path: readonly Move<typeof asking>[]) =>
  exploration.along([], (run) => path.map((move) => ({ taken: run.take(move) ?? [], key: run.key })));

const paths = (criterion: 'states' | 'transitions' | 'pairs', longest?: number) =>
  coveringPaths(exploration, criterion, longest === undefined ? {} : { longest });

test('all states are on the paths, which are few', () => {
  const seen = new Set(
    paths('states')
      .flatMap(gone)
      .map(({ key }) => key),
  );
  assert.equal([...new Set([...seen, 'idle 0'])].sort(), [...exploration.states.keys()].sort());
  // One for each way to end, and the rest on the way there.
  assert.is(paths('states').length, 2);
});

test('all transitions that were taken are on the paths', () => {
  const seen = new Set(
    paths('transitions')
      .flatMap(gone)
      .flatMap(({ taken }) => taken),
  );
  assert.equal([...seen].sort(), [...new Set(exploration.edges.flatMap(({ taken }) => taken))].sort());
  assert.ok(paths('transitions').length <= 3);
});

test('all transitions that can follow one another do', () => {
  const pairsOf = (steps: readonly { readonly taken: readonly string[] }[]) =>
    steps
      .slice(1)
      .flatMap(({ taken }, index) =>
        (steps[index]?.taken ?? []).flatMap((first) => taken.map((second) => `${first} then ${second}`)),
      );
  const seen = new Set(paths('pairs').flatMap((path) => pairsOf(gone(path))));
  const all = exploration.edges.flatMap((first) =>
    exploration.edges.filter(({ from }) => from === first.to).flatMap((second) => pairsOf([first, second])),
  );
  assert.equal([...seen].sort(), [...new Set(all)].sort());
});

test('a path ends when it is long enough', () => {
  const short = paths('transitions', 3);
  assert.ok(short.length > paths('transitions').length);
  assert.ok(short.every((path) => path.length <= 3));
});

const counter = setup({
  types: { context: {} as { count: number }, events: {} as { type: 'up' } | { type: 'jump' } },
  actions: { count: assign({ count: ({ context }) => context.count + 1 }) },
  guards: { high: ({ context }) => context.count >= 2 },
}).createMachine({
  id: 'counter',
  context: { count: 0 },
  initial: 'low',
  states: {
    low: {
      on: {
        up: { actions: 'count' },
        jump: [{ guard: 'high', target: 'top' }, { target: 'bottom' }],
      },
    },
    top: {},
    bottom: { on: { up: 'low' } },
  },
});

test('where the key is too coarse to foresee where a move leads, paths still do what they say and come to an end', () => {
  const coarse = explore(counter, {
    input: undefined as never,
    moves: [sends({ type: 'up' }), sends({ type: 'jump' })],
    maxStates: 10,
  });
  for (const criterion of ['states', 'transitions', 'pairs'] as const) {
    for (const path of coveringPaths(coarse, criterion)) {
      coarse.along([], (run) => {
        for (const move of path) run.take(move);
        assert.is(run.path.length, path.length);
      });
    }
  }
});

test.run();
