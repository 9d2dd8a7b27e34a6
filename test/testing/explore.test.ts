import * as assert from 'uvu/assert';
import { emit, fromCallback, setup } from 'xstate';
import {
  alone,
  Broken,
  configurationOf,
  done,
  type ExploreOptions,
  explore,
  fails,
  type Happening,
  sends,
  within,
} from '../../src/testing/explore.ts';
import { suite } from '../harness.ts';
import { asking, everything } from './machine.ts';

const test = suite('testing/explore');

const broken = (some: Partial<ExploreOptions<typeof asking>>): Broken => {
  try {
    explore(asking, { ...everything, ...some });
  } catch (error) {
    if (error instanceof Broken) return error;
    throw error;
  }
  throw new Error('nothing broke');
};

const labels = (path: readonly { label: string }[]) => path.map(({ label }) => label);

test('every state is found, with a way there, and every move that makes a difference', () => {
  const { states, edges, truncated } = explore(asking, everything);
  assert.not(truncated);
  const names = [...states.keys()].sort();
  assert.equal(names, ['failed 1', 'failed 2', 'idle 0', 'waiting (answer) 1', 'waiting (answer) 2']);
  assert.equal(labels(states.get('failed 1')?.path ?? []), ['ask', 'answer fails']);
  const from = edges.filter((edge) => edge.from === 'waiting (answer) 1').map(({ move, to }) => `${move.label}: ${to}`);
  assert.equal(from.sort(), [
    'answer fails: failed 1',
    'ask: waiting (answer) 1',
    'even: idle 0',
    'odd: waiting (answer) 2',
    'stop: idle 0',
    'timer 1: waiting (answer) 2',
  ]);
});

test('an edge names the transitions that were taken, what follows at once too', () => {
  const { edges } = explore(asking, everything);
  const timer = edges.find(({ from, move }) => from === 'waiting (answer) 1' && move.label === 'timer 1');
  assert.equal(timer?.taken, ['asking.waiting --xstate.after.1000.asking.waiting[0]', 'asking.judging --always[1]']);
});

test('a path can be gone again, and on from its end', () => {
  const { states, along } = explore(asking, everything);
  for (const { key, path } of states.values()) {
    assert.is(
      along(path, (run) => run.key),
      key,
    );
  }
});

test('an invariant that does not hold is named, with the shortest way there', () => {
  const error = broken({
    invariants: {
      'never more than one try': ({ actor }) => assert.ok(actor.getSnapshot().context.tries < 2, 'two'),
    },
  });
  assert.is(error.what, 'never more than one try');
  assert.match(error.message, /^never more than one try: two\n {2}after: ask, (odd|timer 1)$/);
  assert.is(error.path.length, 2);
});

test('a monitor sees a run from its start, in order, and each run has its own', () => {
  const runs: Happening[][] = [];
  const monitor = () => {
    const seen: Happening[] = [];
    runs.push(seen);
    return (happening: Happening) => void seen.push(happening);
  };
  explore(asking, { ...everything, monitors: { all: monitor } });
  assert.ok(runs.length > 1);
  for (const run of runs) assert.is(run[0]?.type, 'settled');
  const words = (happening: Happening) => {
    if (happening.type === 'step') return `${happening.by} hears ${happening.event.type}`;
    if (happening.type === 'action') return `${happening.name} at ${happening.at}`;
    return 'label' in happening ? `${happening.type} ${happening.label}` : happening.type;
  };
  const timer = runs.map((run) => run.map(words)).find((run) => run.includes('move timer 1'));
  const start = timer?.indexOf('move timer 1') ?? 0;
  const rest = timer?.slice(start).filter((word) => !word.startsWith('xstate.'));
  assert.equal(rest?.slice(0, 5), [
    'move timer 1',
    'asking hears xstate.after.1000.asking.waiting',
    'asking hears xstate.after.1000.asking.waiting',
    'tell at 1000',
    'settled',
  ]);
});

test('a monitor hears of a move of which nothing came', () => {
  const ignored = new Set<string>();
  explore(asking, {
    ...everything,
    monitors: { all: () => (happening) => void (happening.type === 'ignored' && ignored.add(happening.label)) },
  });
  assert.equal([...ignored], ['stop']);
});

test('a monitor is asked on every way, and told with the shortest that it does not like', () => {
  const error = broken({
    monitors: {
      'nobody is told twice': () => {
        let told = 0;
        return (happening) => {
          if (happening.type === 'action' && happening.name === 'tell') told += 1;
          assert.ok(told < 2);
        };
      },
    },
  });
  assert.is(error.what, 'nobody is told twice');
  assert.is(error.path.length, 2);
});

test('a machine that throws breaks, and the way there is told', () => {
  const faulty = asking.provide({
    actions: {
      tell: () => {
        throw new Error('a defect');
      },
    },
  });
  assert.throws(
    () => explore(faulty, everything),
    (error: Broken) => error.what === 'the machine broke down' && /a defect\n {2}after: ask$/.test(error.message),
  );
});

test('a key that is too much is noticed, and a limit only passed where that is asked for', () => {
  const endless = { ...everything, input: { max: Infinity } };
  assert.throws(() => explore(asking, { ...endless, maxStates: 50 }), /asking: more than 50 states; what is left out/);
  assert.throws(() => explore(asking, { ...endless, maxDepth: 5 }), /asking: states more than 5 moves away/);
  const some = explore(asking, { ...endless, maxStates: 50, truncate: true });
  assert.equal([some.truncated, some.states.size], [true, 50]);
  const near = explore(asking, { ...endless, maxDepth: 5, truncate: true });
  assert.ok(near.truncated);
  assert.ok([...near.states.values()].every(({ path }) => path.length <= 5));
});

test('a child ends once, and only while it lives', () => {
  const { states, along } = explore(asking, everything);
  along([], (run) => assert.equal(labels(run.moves), ['ask', 'stop']));
  const waiting = states.get('waiting (answer) 1')?.path ?? [];
  along(waiting, (run) => assert.equal(labels(run.moves), ['ask', 'stop', 'even', 'odd', 'answer fails', 'timer 1']));
  const failed = states.get('failed 1')?.path ?? [];
  along(failed, (run) => assert.equal(run.moves, []));
});

test('a machine that is not the same twice is noticed', () => {
  let runs = 0;
  const moody = asking.provide({ guards: { worn: () => runs++ % 2 === 0 } });
  assert.throws(() => explore(moody, everything), /where it was|broke/);
});

const app = setup({
  types: { input: {} as { max: number }, events: {} as { type: 'open' } | { type: 'close' } },
  actors: { asking, other: fromCallback(() => {}) },
  actions: { hello: emit({ type: 'hello' }) },
}).createMachine({
  id: 'app',
  initial: 'closed',
  states: {
    closed: { on: { open: 'open' } },
    open: {
      entry: 'hello',
      invoke: [
        { id: 'helper', src: 'asking', input: { max: 1 }, onDone: 'closed' },
        { id: 'other', src: 'other' },
      ],
      on: { close: 'closed' },
    },
  },
});

test('what a machine has below it is explored with it, by moves of its own', () => {
  const { states } = explore(app, {
    input: { max: 1 },
    moves: [sends({ type: 'open' }), sends({ type: 'close' }), within('helper', everything.moves)],
  });
  assert.equal([...states.keys()].sort(), [
    'closed',
    'open (helper: idle, other)',
    'open (helper: waiting (answer), other)',
  ]);
});

test('alone, a machine has children that do nothing', () => {
  const moves = [sends<typeof app>({ type: 'open' }), done('helper')];
  const { states, along } = explore(alone(app), { input: { max: 1 }, moves });
  assert.equal([...states.keys()], ['closed', 'open (helper, other)']);
  along(states.get('open (helper, other)')?.path ?? [], (run) => {
    assert.is(configurationOf(run.snapshot), 'open (helper, other)');
  });
});

test('a child that fails where nobody looks after it breaks the machine', () => {
  const moves = [sends<typeof app>({ type: 'open' }), fails('other', new Error('gone'))];
  assert.throws(
    () => explore(alone(app), { input: { max: 1 }, moves }),
    /broke down: gone\n {2}after: open, other fails/,
  );
});

test.run();
