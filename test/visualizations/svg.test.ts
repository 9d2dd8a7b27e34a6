import sax from 'sax';
import * as assert from 'uvu/assert';
import { type AnyStateMachine, createMachine } from 'xstate';
import { catalogue } from '../../machines/index.ts';
import { chartOf, statesOf } from '../../visualizations/chart.ts';
import { renderChart } from '../../visualizations/render.ts';
import { styleSheet } from '../../visualizations/style.ts';
import { fingerprint } from '../../visualizations/svg.ts';
import { suite } from '../harness.ts';
import { shapes } from './shapes.ts';

const test = suite('visualizations/svg', 60_000);

interface Tag {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly inside: readonly Tag[];
  readonly children: Tag[];
}

/** All elements in the order of the document; throws if that is not well-formed. */
function elements(svg: string): readonly Tag[] {
  const parser = sax.parser(true);
  const open: Tag[] = [];
  const found: Tag[] = [];
  parser.onerror = (error) => {
    throw error;
  };
  parser.onopentag = ({ name, attributes }) => {
    const tag: Tag = { name, attributes: attributes as Record<string, string>, inside: [...open], children: [] };
    open.at(-1)?.children.push(tag);
    open.push(tag);
    found.push(tag);
  };
  parser.onclosetag = () => void open.pop();
  parser.write(svg).close();
  return found;
}

const has = ({ attributes }: Tag, name: string): boolean => (attributes.class ?? '').split(' ').includes(name);

const hostile: AnyStateMachine = createMachine({
  id: '</style><script>alert(1)</script>',
  initial: '"><script>',
  description: ']]> & <!-- \u0000\u0008\ud800',
  states: {
    '"><script>': { tags: ['<b>'], entry: '&amp;', on: { '<x onload="y">': { target: 'b', guard: "'><" } } },
    b: { meta: { spec: '<a href="https://example.org">' } },
  },
});

const machines = Object.entries({ ...catalogue, ...shapes, 'hostile names': { machine: hostile } });

for (const [name, { machine }] of machines) {
  test(`${name}: a page finds every state and every transition, and nothing that runs or is fetched`, async () => {
    const chart = chartOf(machine);
    const svg = await renderChart(machine);
    const tags = elements(svg);
    const [root] = tags;
    assert.is(root?.name, 'svg');
    assert.is(root?.attributes['data-fingerprint'], fingerprint(chart));
    assert.ok(root?.attributes['aria-label']);
    const allowed = ['svg', 'title', 'desc', 'style', 'g', 'rect', 'path', 'circle', 'text', 'tspan'];
    assert.equal(
      [...new Set(tags.map((tag) => tag.name))].filter((each) => !allowed.includes(each)),
      [],
    );
    for (const { attributes } of tags) {
      assert.equal(
        Object.keys(attributes).filter((key) => key.startsWith('on') || /href|src|^id$/.test(key)),
        [],
      );
    }
    assert.ok(!/url\(|@import/.test(svg));

    const groups = tags.filter((tag) => has(tag, 'state'));
    assert.is(groups.length, statesOf(chart.root).length);
    for (const group of groups) {
      assert.ok(group.children[0] && has(group.children[0], 'box'));
      assert.ok(group.attributes['data-state'] !== undefined && group.attributes['aria-label']);
    }
    const transitions = tags.filter((tag) => tag.attributes['data-transition'] !== undefined);
    const known = statesOf(chart.root).flatMap((state) => state.transitions);
    assert.ok(new Set(transitions.map((tag) => tag.attributes['data-transition'])).size === known.length);
    for (const label of tags.filter((tag) => has(tag, 'label'))) {
      assert.ok(label.inside.some((outer) => has(outer, 'edge')));
    }
  });
}

test('ids are as the machine has them, also where XML gives characters a meaning', async () => {
  const tags = elements(await renderChart(hostile));
  const ids = tags.flatMap(({ attributes }) => attributes['data-state'] ?? []);
  assert.equal(
    ids,
    statesOf(chartOf(hostile).root).map(({ id }) => id),
  );
  const transitions = new Set(tags.flatMap(({ attributes }) => attributes['data-transition'] ?? []));
  assert.ok(transitions.has('</style><script>alert(1)</script>."><script> --<x onload="y">[0]'));
});

test('a text that is too long is shortened, and its title has all of it', async () => {
  const key = 'a name without an end '.repeat(10).trim();
  const svg = await renderChart(createMachine({ id: 'm', initial: key, states: { [key]: {} } }));
  assert.match(svg, `<title>${key}</title>`);
  assert.match(svg, /a name without an[^<]*…<\/tspan>/);
});

test('every rule is for charts alone, in light and in dark', () => {
  const rules = styleSheet().split('\n');
  for (const rule of rules) assert.match(rule, /^(?:@media \(prefers-color-scheme:dark\)\{)?\.xstanza-chart/);
  for (const rule of rules) {
    for (const selector of rule
      .replace(/^@media[^{]*\{/, '')
      .split('{')[0]
      ?.split(',') ?? []) {
      assert.ok(selector.startsWith('.xstanza-chart'), selector);
    }
  }
  const names = (rule: string | undefined) => [...(rule ?? '').matchAll(/--xs-\w+/g)].map(([each]) => each);
  assert.equal(names(rules[0]), names(rules[1]));
});

test('a value for who knows no variables comes before every variable', () => {
  const declarations = styleSheet().matchAll(/([\w-]+):([^;{}]+);([\w-]+):var\(/g);
  const used = [...styleSheet().matchAll(/var\(/g)].length;
  const preceded = [...declarations].filter(
    ([, property, value, next]) => property === next && /^#[0-9a-f]{6}$/.test(value ?? ''),
  );
  assert.is(preceded.length, used);
});

test('kinds of transitions differ in icon and in line', async () => {
  const machine = createMachine({
    id: 'kinds',
    initial: 'a',
    states: {
      a: {
        initial: 'x',
        states: { x: { type: 'final' } },
        invoke: { id: 'child', src: 'child', onError: 'f' },
        on: { E: 'b', '*': 'c' },
        after: { 5: 'd' },
        onDone: 'e',
        always: 'g',
      },
      b: {},
      c: {},
      d: {},
      e: {},
      f: {},
      g: {},
    },
  } as object);
  const tags = elements(await renderChart(machine));
  const kinds = ['event', 'wildcard', 'after', 'done', 'error', 'always'];
  const icons = kinds.map((kind) => {
    const edge = tags.find((tag) => has(tag, 'edge') && has(tag, `k-${kind}`));
    assert.ok(edge, kind);
    const icon = tags.find((tag) => has(tag, 'icon') && tag.inside.includes(edge));
    return JSON.stringify(icon?.children.map(({ attributes }) => attributes));
  });
  assert.is(new Set(icons).size, kinds.length);
  const strokes = kinds.map(
    (kind) =>
      /stroke-width:[^;]+(?:;stroke-dasharray:[^;]+)?/.exec(styleSheet().split(`.edge.k-${kind}>.line{`)[1] ?? '')?.[0],
  );
  assert.is(new Set(strokes).size, kinds.length);
});

test('another chart has another fingerprint', () => {
  const one = fingerprint(chartOf(createMachine({ id: 'm', description: 'one' })));
  assert.match(one, /^[0-9a-f]{16}$/);
  assert.is(one, fingerprint(chartOf(createMachine({ id: 'm', description: 'one' }))));
  assert.is.not(one, fingerprint(chartOf(createMachine({ id: 'm', description: 'two' }))));
});

test.run();
