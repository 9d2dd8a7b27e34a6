import { readFileSync } from 'node:fs';
import * as assert from 'uvu/assert';
import { catalogue } from '../../machines/index.ts';
import { toMermaid } from '../../visualizations/mermaid.ts';
import { suite } from '../harness.ts';

const test = suite('Mermaid charts');

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

test.run();
