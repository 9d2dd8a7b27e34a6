import * as assert from 'uvu/assert';
import { type AnyStateMachine, createMachine } from 'xstate';
import { catalogue } from '../../machines/index.ts';
import { chartOf, statesOf } from '../../visualizations/chart.ts';
import { type Layout, layoutOf } from '../../visualizations/layout.ts';
import { routesOf } from '../../visualizations/routes.ts';
import { suite } from '../harness.ts';
import { overlapsOf } from './overlaps.ts';
import { shapes } from './shapes.ts';

const test = suite('visualizations/layout', 120_000);

/** So many states in one, each with a neighbour, a far one and a sink. */
function crowd(size: number): AnyStateMachine {
  const states = Object.fromEntries(
    Array.from({ length: size }, (_, index) => [
      `s${index}`,
      { on: { NEXT: `s${(index + 1) % size}`, JUMP: `s${(index * 37) % size}`, END: 'end' } },
    ]),
  );
  return createMachine({ id: 'crowd', initial: 's0', states: { ...states, end: { type: 'final' } } });
}

/** Groups of states whose members lead out of them. */
function groups(count: number): AnyStateMachine {
  const group = (index: number) => ({
    initial: 'one',
    on: { ALL: `g${(index + 2) % count}` },
    states: {
      one: { after: { 10: 'two' }, on: { UP: `#groups.g${(index + 1) % count}` } },
      two: {
        always: [{ guard: 'a', target: 'one' }, { guard: 'b', target: 'three' }, { target: 'two' }],
        on: { X: {} },
      },
      three: { type: 'final' },
    },
    onDone: `g${(index + 1) % count}`,
  });
  const states = Object.fromEntries(Array.from({ length: count }, (_, index) => [`g${index}`, group(index)]));
  return createMachine({ id: 'groups', initial: 'g0', states } as object);
}

/** States that lead into each other in every way. */
function complete(size: number): AnyStateMachine {
  const keys = Array.from({ length: size }, (_, index) => `s${index}`);
  const states = Object.fromEntries(
    keys.map((key) => [
      key,
      { on: Object.fromEntries(keys.map((to) => [`to ${to} with a rather long name of it`, to])) },
    ]),
  );
  return createMachine({ id: 'complete', initial: 's2', states });
}

/** States in each other, the innermost of which leads to the outermost. */
function nested(depth: number): object {
  const inner = depth === 0 ? {} : { initial: 'in', states: { in: nested(depth - 1), out: { on: { BACK: 'in' } } } };
  return { ...inner, description: `level ${depth}`, on: { OUT: '#nested', [`GO${depth}`]: { actions: 'go' } } };
}

const machines: Readonly<Record<string, AnyStateMachine>> = {
  ...Object.fromEntries(Object.entries({ ...catalogue, ...shapes }).map(([name, { machine }]) => [name, machine])),
  'two hundred states': crowd(200),
  'groups of states': groups(9),
  'all to all': complete(6),
  'ten levels': createMachine({ id: 'nested', ...nested(10) } as object),
};

for (const [name, machine] of Object.entries(machines)) {
  test(`${name}: nothing lies on anything, every state and every transition is there`, async () => {
    const chart = chartOf(machine);
    const layout = await layoutOf(chart);
    assert.equal(overlapsOf(layout), []);
    const ids = statesOf(chart.root).map(({ id }) => id);
    assert.equal(layout.states.map(({ state }) => state.id).sort(), [...ids].sort());
    const wanted = statesOf(chart.root).flatMap(({ transitions }) => transitions.map(({ id }) => id));
    const drawn = new Set(transitionsOf(layout));
    for (const id of wanted) assert.ok(drawn.has(id), id);
  });
}

function transitionsOf({ states, lines }: Layout): readonly string[] {
  const blocks = [...states.map(({ text }) => text), ...lines.flatMap(({ label }) => (label === null ? [] : [label]))];
  return blocks.flatMap(({ block }) => block.entries.flatMap(({ transitions }) => transitions));
}

test('a chart is laid out the same twice', async () => {
  const chart = chartOf(catalogue.negotiation.machine);
  assert.equal(await layoutOf(chart), await layoutOf(chart));
});

test('the overlap check sees what lies on something', async () => {
  const layout = await layoutOf(chartOf(catalogue.backoff.machine));
  const [first, ...lines] = layout.lines;
  assert.ok(first?.label);
  const onAnother = { ...first, label: { ...first.label, x: lines[0]?.label?.x ?? 0, y: lines[0]?.label?.y ?? 0 } };
  assert.ok(overlapsOf({ ...layout, lines: [onAnother, ...lines] }).length > 0);
  const [start] = first.points;
  assert.ok(start);
  const across = { ...first, points: [start, { x: start.x, y: 0 }] };
  assert.ok(overlapsOf({ ...layout, lines: [across, ...lines] }).length > 0);
  const moved = layout.states.map((state, index) => (index === 2 ? { ...state, y: state.y + 60 } : state));
  assert.ok(overlapsOf({ ...layout, states: moved }).length > 0);
});

const routed = (config: object, thrifty = false) => {
  const routes = routesOf(chartOf(createMachine({ id: 'm', ...config } as object)), thrifty);
  return {
    lines: [...routes.lines.values()].flat().map(({ from, to }) => `${from} > ${to}`),
    chips: [...routes.inside].flatMap(([id, some]) => some.map(({ target }) => `${id}: ${target}`)),
  };
};

test('what leads into a sink is a chip, and so is what leads into a state from many', () => {
  const sink = { initial: 'a', states: { a: { on: { X: 'b', Y: 'end' } }, b: {}, end: { meta: { sink: true } } } };
  assert.equal(routed(sink), { lines: ['m.a > m.b'], chips: ['m.a: end'] });
  const from = (count: number) =>
    routed({
      initial: 'z',
      states: {
        z: {},
        ...Object.fromEntries(Array.from({ length: count }, (_, at) => [`s${at}`, { on: { X: 'end' } }])),
        end: {},
      },
    });
  assert.is(from(6).lines.length, 6);
  assert.is(from(7).chips.length, 7);
});

test('what leads from one region into another, to itself, outwards and inwards is a chip', () => {
  const region = (other: string) => ({ initial: 'a', states: { a: { on: { GO: `#m.${other}.b` } }, b: {} } });
  assert.equal(routed({ type: 'parallel', states: { left: region('right'), right: region('left') } }), {
    lines: [],
    chips: ['m.left.a: right.b', 'm.right.a: left.b'],
  });
  const nested = {
    initial: 'a',
    on: { IN: '.a.b' },
    states: { a: { initial: 'b', on: { SELF: 'a' }, states: { b: { on: { OUT: '#m.a' } } } } },
  };
  assert.equal(routed(nested), { lines: [], chips: ['m: a.b', 'm.a: a', 'm.a.b: a'] });
});

test('a line shows where a chip leads to that nothing else leads to', () => {
  const config = (more: object) => ({
    initial: 'a',
    states: { a: { initial: 'b', states: { b: { on: { OUT: '#m.c' } } }, ...more }, c: {} },
  });
  assert.equal(routed(config({})), { lines: ['m.a > m.c'], chips: ['m.a.b: c'] });
  const [line] = [
    ...routesOf(chartOf(createMachine({ id: 'm', ...config({}) } as object)), false).lines.values(),
  ].flat();
  assert.is(line?.legs[0]?.within, 'b');
});

test('the first of several candidates is the first that is asked', () => {
  const routes = routesOf(
    chartOf(
      createMachine({
        id: 'm',
        initial: 'a',
        states: { a: { on: { X: [{ guard: 'g', target: 'b' }, { target: 'c' }], Y: 'b' } }, b: {}, c: {} },
      }),
    ),
    false,
  );
  const places = [...routes.lines.values()]
    .flat()
    .flatMap(({ legs }) => legs.map(({ transition, place }) => `${transition.label} ${place}`));
  assert.equal(places.sort(), ['X 1', 'X 2', 'Y null']);
});

test('a picture that would be too large has chips for what leads far back', () => {
  const chain = {
    initial: 'a',
    states: { a: { on: { N: 'b' } }, b: { on: { N: 'c', P: 'a' } }, c: { on: { R: 'a' } } },
  };
  assert.is(routed(chain).chips.length, 0);
  assert.equal(routed(chain, true).chips, ['m.c: a']);
});

test.run();
