import { readFileSync } from 'node:fs';
import * as assert from 'uvu/assert';
import type { AnyStateMachine } from 'xstate';
import { catalogue } from '../../machines/index.ts';
import { chartOf, statesOf } from '../../visualizations/chart.ts';
import { type Layout, layoutOf } from '../../visualizations/layout.ts';
import { svgOf } from '../../visualizations/svg.ts';
import { suite } from '../harness.ts';

const test = suite('visualizations/charts', 60_000);

const layouts = new Map<AnyStateMachine, Layout>();

test.before(async () => {
  for (const { machine } of Object.values(catalogue)) layouts.set(machine, await layoutOf(chartOf(machine)));
});

const layoutFor = (machine: AnyStateMachine): Layout => layouts.get(machine) as Layout;

for (const [name, { machine }] of Object.entries(catalogue)) {
  test(`the committed picture of ${name} is what the machine gives`, () => {
    const committed = readFileSync(`visualizations/charts/${name}.svg`, 'utf8');
    assert.ok(committed === svgOf(layoutFor(machine)), 'run `npm run charts` and commit');
  });
}

test('the README shows the picture of the client, and Mermaid to who wants it', () => {
  const readme = readFileSync('README.md', 'utf8');
  const section = readme.slice(readme.indexOf('## The chart'), readme.indexOf('The others are in'));
  assert.match(section, '![The statechart of a client](visualizations/charts/client.svg)');
  assert.match(section, /<details>[\s\S]*```mermaid[\s\S]*<\/details>/);
});

const MARGINS = 16;

for (const [name, { machine }] of Object.entries(catalogue)) {
  test(`the picture of ${name} is as wide as a laptop at 70 % or less`, () => {
    const { width } = layoutFor(machine);
    assert.ok(width + MARGINS <= 1440 / 0.7, `${width} pixels`);
  });
}

test('the client, which has more than thirty states, is not higher than two screens', () => {
  const { chart, width, height } = layoutFor(catalogue.client.machine);
  assert.ok(statesOf(chart.root).length > 30);
  const zoom = 1440 / (width + MARGINS);
  assert.ok((height + MARGINS) * zoom <= 2 * 900, `${height} pixels`);
});

test.run();
