import { readFileSync } from 'node:fs';
import * as assert from 'uvu/assert';
import { createMachine } from 'xstate';
import { catalogue } from '../../machines/index.ts';
import { chartOf, statesOf } from '../../visualizations/chart.ts';
import { toMermaid } from '../../visualizations/mermaid.ts';
import { suite } from '../harness.ts';
import { shapes } from './shapes.ts';

const test = suite('visualizations/mermaid');

const machines = Object.entries({ ...catalogue, ...shapes });

/** A text that Mermaid, Markdown and HTML leave as it is. */
const TEXT = '(?:[\\p{L}\\p{N} .,()_-]|#\\d+;|…)+';
const DECLARATION = new RegExp(`^ +(\\w+): (${TEXT})$`, 'u');
const ARROW = new RegExp(`^ {2}(\\w+) --> (\\w+)(?:: ${TEXT})?$`, 'u');
const FRAME = /^ +(?:state \w+ \{|\}|--|\[\*\] --> \w+|\w+ --> \[\*\])$/;

const linesOf = (chart: string): string[] => chart.trimEnd().split('\n').slice(1);
const arrowsOf = (chart: string): string[] => linesOf(chart).filter((line) => ARROW.test(line));

for (const [name, { machine }] of Object.entries(catalogue)) {
  test(`the committed chart of ${name} is what the machine gives`, () => {
    const committed = readFileSync(`visualizations/charts/${name}.mmd`, 'utf8');
    assert.is(committed, toMermaid(machine), 'run `npm run charts` and commit');
  });
}

test('the README shows the chart of the client', () => {
  const readme = readFileSync('README.md', 'utf8');
  assert.ok(readme.includes(toMermaid(catalogue.client.machine)), 'run `npm run charts` and put it into the README');
});

for (const [title, { machine }] of machines) {
  test(`${title}: nothing but what Mermaid understands, states before arrows, each state once`, () => {
    const chart = toMermaid(machine);
    assert.is(chart.split('\n')[0], 'stateDiagram-v2');
    const lines = linesOf(chart);
    const declared: string[] = [];
    for (const [index, line] of lines.entries()) {
      const declaration = DECLARATION.exec(line);
      if (declaration !== null) declared.push(declaration[1] as string);
      else assert.ok(ARROW.test(line) || FRAME.test(line), line);
      if (ARROW.test(line))
        assert.ok(
          lines.slice(index).every((later) => ARROW.test(later)),
          line,
        );
    }
    assert.is(new Set(declared).size, declared.length);
    for (const arrow of arrowsOf(chart)) {
      const [, from, to] = ARROW.exec(arrow) as RegExpExecArray;
      assert.ok(declared.includes(from as string) && declared.includes(to as string), arrow);
    }
    const { root } = chartOf(machine);
    const drawn = statesOf(root).length - (root.type === 'compound' ? 1 : 0);
    assert.is(declared.filter((name) => !name.endsWith('_anywhere')).length, drawn);
    for (const name of declared) {
      assert.not.match(name, /^(?:class|classDef|click|default|href|note|scale|state|stateDiagram|style)$/i);
      assert.not.match(name, /(?:^|_)(?:start|end)$/, 'the beginning and the end of a box are called so');
      assert.not.ok(name in {}, name);
    }
  });
}

test('what leads out of a box and stays in it begins anywhere inside', () => {
  const chart = toMermaid((shapes.events as { machine: never }).machine);
  assert.ok(linesOf(chart).includes('    modal_anywhere: anywhere in modal'));
  assert.equal(
    arrowsOf(chart).filter((line) => line.includes('modal_anywhere')),
    ['  modal_anywhere --> modal_asking: SELF'],
  );
  assert.ok(arrowsOf(chart).includes('  modal --> modal: AGAIN, WHOLE'));
});

test('what leads from inside a box to the box leads to where it begins', () => {
  const arrows = arrowsOf(toMermaid((shapes.events as { machine: never }).machine));
  assert.ok(arrows.includes('  modal_asking --> modal_asking: UP'));
  assert.ok(arrows.includes('  events_anywhere --> open: RESTART'));
  const regions = arrowsOf(toMermaid((shapes.regions as { machine: never }).machine));
  assert.ok(regions.includes('  right_b_y --> right_a: UP'));
  assert.ok(regions.includes('  right_b_y --> right_b_x: OVER') && regions.includes('  right_b_y --> right_b_y: OVER'));
});

test('a transition with several targets is several arrows', () => {
  const arrows = arrowsOf(toMermaid((shapes.regions as { machine: never }).machine));
  assert.equal(
    arrows.filter((line) => line.includes('BOTH')),
    ['  right_a --> right_b: BOTH', '  right_a --> left_b: BOTH'],
  );
});

test('history states', () => {
  const lines = linesOf(toMermaid((shapes.history as { machine: never }).machine));
  assert.ok(lines.includes('    on_shallow: H') && lines.includes('    on_deep: H#42;'));
  assert.ok(lines.includes('  on_default --> on_high: the first time'));
});

test('names that come to the same are told apart', () => {
  const machine = createMachine({
    id: 'twins',
    initial: 'a b',
    states: { 'a b': { on: { GO: 'a-b' } }, 'a-b': { on: { GO: 'a_b' } }, a_b: {} },
  });
  assert.equal(arrowsOf(toMermaid(machine)), ['  a_b --> a_b_2: GO', '  a_b_2 --> a_b_3: GO']);
});

test.run();
