import * as assert from 'uvu/assert';
import { type AnyStateMachine, createActor, createMachine, type EventObject, fromPromise } from 'xstate';
import { catalogue } from '../../machines/index.ts';
import { type ChartAction, type ChartState, chartOf, statesOf } from '../../visualizations/chart.ts';
import { definitionOf } from '../../visualizations/definition.ts';
import { describe } from '../../visualizations/describe.ts';
import { suite } from '../harness.ts';
import { type Shape, shapes } from './shapes.ts';

const test = suite('visualizations/definition');

const inert = fromPromise(() => new Promise(() => {}));

const shape = (name: string): AnyStateMachine => (shapes[name] as Shape).machine;

/** What came back from JSON. */
function revived(machine: AnyStateMachine): AnyStateMachine {
  return createMachine(JSON.parse(JSON.stringify(describe(machine, { format: 'json' }))));
}

/** What a definition keeps of a state: everything but what its functions do. */
function kept(state: ChartState) {
  const { entry, exit, invoke, transitions, states, ...rest } = state;
  return {
    ...rest,
    entry: entry.length,
    exit: exit.length,
    invoke: invoke.map(({ id }) => id),
    transitions: transitions.map(({ actions, guard, ...way }) => ({
      ...way,
      actions: actions.length,
      guarded: guard !== null,
    })),
    states: states.map(({ id }) => id),
  };
}

const actionsOf = ({ entry, exit, transitions }: ChartState): readonly ChartAction[] => [
  ...entry,
  ...exit,
  ...transitions.flatMap(({ actions }) => actions),
];
const words = ({ name, detail }: ChartAction): string => (detail === null ? name : `${name} ${detail}`);

/** All names that a definition has for what can be provided, with stubs for them. */
function stubsFor(machine: AnyStateMachine) {
  const all = <T>(names: object, stub: T): Record<string, T> =>
    Object.fromEntries(Object.keys(names).map((name) => [name, stub]));
  const { guards, delays } = machine.implementations;
  const stubs = {
    actions: all({}, () => {}),
    guards: all(guards, () => true),
    actors: all({}, inert),
    delays: all(delays, 60_000),
  };
  const names = (value: unknown) => [value].flat().map((one) => (one as { type?: string }).type ?? String(one));
  const visit = (json: unknown): void => {
    if (typeof json !== 'object' || json === null) return;
    for (const [key, value] of Object.entries(json)) {
      if (['entry', 'exit', 'actions'].includes(key)) for (const name of names(value)) stubs.actions[name] = () => {};
      else if (key === 'guard') for (const name of names(value)) stubs.guards[name] = () => true;
      else if (key === 'src') stubs.actors[value] = inert;
      else visit(value);
    }
  };
  visit(definitionOf(machine));
  return stubs;
}

/** The values that a machine goes through when it is told everything that it knows, twice. */
function run(machine: AnyStateMachine, input: unknown): unknown[] {
  const actor = createActor(machine, { input, logger: () => {} });
  actor.subscribe({ error: () => {} });
  actor.start();
  const values = [actor.getSnapshot().value];
  const events = [...machine.root.events].filter((type) => !type.endsWith('*'));
  for (const type of [...events, ...events]) {
    if (actor.getSnapshot().status !== 'active') break;
    actor.send({ type, output: {}, to: '#routed' } as EventObject);
    // An output was worked out of what no stub gave.
    if (actor.getSnapshot().status === 'error') break;
    values.push(actor.getSnapshot().value);
  }
  actor.stop();
  return values;
}

for (const [title, entry] of Object.entries({ ...catalogue, ...shapes })) {
  const { machine } = entry;
  const input = 'inputs' in entry ? entry.inputs.default : undefined;
  const provided = 'provided' in entry ? entry.provided : {};

  test(`${title}: comes back from JSON with the same states and transitions`, () => {
    const back = revived(machine);
    const [before, after] = [statesOf(chartOf(machine).root), statesOf(chartOf(back).root)];
    assert.equal(after.map(kept), before.map(kept));
    assert.is(JSON.stringify(definitionOf(back)), JSON.stringify(definitionOf(machine)));
    for (const [index, state] of before.entries()) {
      for (const [place, action] of actionsOf(state).entries()) {
        const told = words(actionsOf(after[index] as ChartState)[place] as ChartAction);
        const plain = told.replace(/^inline \d+$/, 'ƒ').replace(/ \d+$/, '');
        // What a function says of its parameters is lost, and nothing else.
        assert.ok(words(action) === plain || action.name === plain, `${words(action)}: ${told}`);
      }
    }
  });

  test(`${title}: what came back goes through the same states`, () => {
    const stubs = stubsFor(machine);
    const alive = (one: AnyStateMachine) => one.provide(stubs).provide(provided as object);
    const values = run(alive(machine), input);
    assert.equal(run(alive(revived(machine)), input).slice(0, values.length), values);
  });
}

test('it is plain JSON', () => {
  for (const { machine } of [...Object.values(catalogue), ...Object.values(shapes)]) {
    const definition = definitionOf(machine);
    assert.is(JSON.stringify(JSON.parse(JSON.stringify(definition))), JSON.stringify(definition));
    assert.not.match(JSON.stringify(definition), /=>|ƒ/);
  }
});

test('it reads as it was written', () => {
  assert.equal(definitionOf(catalogue.backoff.machine), {
    id: 'backoff',
    initial: 'deciding',
    on: { retry: '.over' },
    states: {
      deciding: {
        description: 'Is there a network to wait for?',
        always: [{ target: 'held', guard: 'offline' }, { target: 'counting' }],
      },
      counting: {
        description: 'The clock runs towards the next attempt.',
        on: { wake: 'over', 'network.offline': 'held' },
        after: { pause: 'over' },
      },
      held: { description: 'No network: no timer is armed.', on: { 'network.online': 'over' } },
      over: { description: 'Time for the next attempt.', type: 'final' },
    },
  });
});

test('values are kept: parameters, tags, meta, outputs, inputs, context, descriptions', () => {
  const ids = definitionOf(shape('ids of their own'));
  assert.is(ids.version, '1.2.3');
  assert.equal(ids.meta, { spec: 'None §1', nested: { list: [1, 2] } });
  assert.equal(ids.states?.a?.tags, ['one', 'two']);
  assert.equal(ids.states?.a?.on, { GO: { description: 'deeper', target: '#second.inner', meta: { why: 1 } } });
  const outcome = definitionOf(shape('outcome'));
  assert.equal(outcome.context, { tries: 0, at: null });
  assert.equal(outcome.initial, { target: 'working', actions: 'begin' });
  assert.equal(outcome.output, { fixed: true });
  assert.equal(outcome.states?.working?.states?.two?.output, { answer: 42, list: [1, null] });
  assert.not.ok('output' in (outcome.states?.good ?? {}), 'one that is worked out is left out');
  const children = definitionOf(shape('children')).states as Record<string, { invoke: object[] }>;
  assert.equal(children.both?.invoke[0], {
    id: 'first',
    src: 'fetch',
    systemId: 'fetcher',
    input: { url: '/' },
    onDone: [{ guard: 'inline 1', target: 'inner' }, { target: 'failed' }],
    onError: 'failed',
    onSnapshot: { actions: 'look' },
  });
  const told = definitionOf(shape('inline functions')).states?.b?.on?.BACK as { actions: unknown };
  assert.equal(told.actions, { type: 'told', params: { kind: 'static', list: [1, { two: 2 }] } });
});

test('a function goes by a name of its own, the same one wherever it is', () => {
  const { entry, states } = definitionOf(shape('inline functions'));
  assert.equal(entry, ['assign', 'log', 'namedAction', 'inline 1']);
  assert.is(states?.a?.entry, 'inline 2');
  assert.equal(states?.a?.exit, ['namedAction', { type: 'told' }]);
  assert.equal(states?.a?.on?.EMIT, { actions: ['emit seen', 'emit seen 2'] });
  const guards = definitionOf(shape('guards')).states?.idle?.on as Record<string, { guard: unknown }>;
  assert.is(guards.A?.guard, 'ready and not busy');
  assert.is(guards.D?.guard, 'inline 1');
});

test('the name of a function is not that of another implementation', () => {
  function log() {}
  const machine = createMachine({ entry: ['log', log] }, { actions: { log: () => {} } });
  assert.equal(definitionOf(machine).entry, ['log', 'log 2']);
});

test('values that JSON has no word for are left out', () => {
  const round: Record<string, unknown> = {};
  round.self = round;
  const machine = createMachine({ meta: round as object, context: { big: 1n }, output: Symbol('none') });
  assert.equal(definitionOf(machine), {});
});

test.run();
