/**
 * The look of a chart. Every rule is for what is inside of `.xstanza-chart`, so that several charts and a page can share one
 * document. A literal light value comes before each variable, for what draws SVG without knowing variables.
 */
import type { TransitionKind } from './chart.ts';

/** Light and dark. */
const COLORS = {
  paper: ['#ffffff', '#14171c'],
  box: ['#ffffff', '#1d2229'],
  around: ['#f6f8fa', '#181c22'],
  border: ['#9aa5b1', '#566170'],
  frame: ['#c9d1d9', '#39424e'],
  ink: ['#1c2229', '#e8ecf1'],
  soft: ['#59636e', '#a3aebb'],
  line: ['#59636e', '#8d99a8'],
  chip: ['#eef2f6', '#2a313b'],
  tag: ['#ddeafc', '#22395a'],
  tagink: ['#1b4f9c', '#a9cdff'],
  hot: ['#fff0b8', '#4d3c00'],
  hotline: ['#9a5b00', '#ffc94d'],
  event: ['#1a5bb8', '#82b5ff'],
  wildcard: ['#7438ad', '#cda6fa'],
  after: ['#955200', '#f2b760'],
  done: ['#187038', '#72d492'],
  error: ['#bb2525', '#ff9690'],
  always: ['#55606c', '#b1bcc9'],
} as const;

type Color = keyof typeof COLORS;

/** How the line of each kind is dashed, and how wide it is. */
const STROKES: Readonly<Record<TransitionKind, string>> = {
  event: 'stroke-width:1.5',
  wildcard: 'stroke-width:1.5;stroke-dasharray:10 3',
  after: 'stroke-width:1.5;stroke-dasharray:5 3',
  done: 'stroke-width:2.25',
  error: 'stroke-width:1.75;stroke-dasharray:9 3 2 3',
  always: 'stroke-width:1.5;stroke-dasharray:1.5 3',
};

const KINDS = Object.keys(STROKES) as TransitionKind[];

const paint = (property: string, color: Color): string =>
  `${property}:${COLORS[color][0]};${property}:var(--xs-${color})`;

const variables = (theme: 0 | 1): string =>
  Object.entries(COLORS)
    .map(([name, values]) => `--xs-${name}:${values[theme]}`)
    .join(';');

/** Pairs of what is styled and how. */
const RULES: readonly (readonly [string, string])[] = [
  [
    'text',
    `font-family:Helvetica,Arial,"Liberation Sans",sans-serif;font-size:12px;white-space:pre;${paint('fill', 'ink')}`,
  ],
  ['.paper', paint('fill', 'paper')],
  ['.box', `stroke-width:1.25;${paint('fill', 'box')};${paint('stroke', 'border')}`],
  ['.around>.box', `${paint('fill', 'around')};${paint('stroke', 'frame')}`],
  ['.around .around>.box', paint('stroke', 'border')],
  ['.even>.box', paint('fill', 'box')],
  ['.region>.box', 'stroke-dasharray:6 4'],
  ['.inner', `fill:none;stroke-width:1.25;${paint('stroke', 'border')}`],
  ['.rule', `fill:none;stroke-width:1;${paint('stroke', 'frame')}`],
  ['.t-name', 'font-size:13.5px;font-weight:bold'],
  ['.t-tag', `font-size:11px;${paint('fill', 'tagink')}`],
  ['.t-spec', `font-size:11px;${paint('fill', 'soft')}`],
  ['.t-note', paint('fill', 'soft')],
  ['.t-keyword', paint('fill', 'soft')],
  ['.t-event,.t-target', 'font-weight:bold'],
  ['.t-guard', 'font-style:italic'],
  ['.badge>rect', paint('fill', 'tag')],
  ['.mark', 'fill:none;stroke:none'],
  ['.chip>.pill', `stroke-width:1;${paint('fill', 'chip')};${paint('stroke', 'frame')}`],
  ['.label:not(.taken)>.pill', paint('fill', 'around')],
  ['.even>.edge>.label:not(.taken)>.pill', paint('fill', 'box')],
  ['.icon', `fill:none;stroke-width:1.4;stroke-linecap:round;stroke-linejoin:round;${paint('stroke', 'ink')}`],
  ['.icon .solid', `stroke:none;${paint('fill', 'ink')}`],
  ['.line', `fill:none;${paint('stroke', 'line')}`],
  ['.head', paint('fill', 'line')],
  ['.start', paint('fill', 'ink')],
  ['.startline', `fill:none;stroke-width:1.5;${paint('stroke', 'ink')}`],
  ...KINDS.flatMap((kind): [string, string][] => [
    [`.k-${kind} .t-event`, paint('fill', kind)],
    [`.k-${kind} .icon`, paint('stroke', kind)],
    [`.k-${kind} .icon .solid`, paint('fill', kind)],
    [`.edge.k-${kind}>.line`, `${STROKES[kind]};${paint('stroke', kind)}`],
    [`.edge.k-${kind}>.head`, paint('fill', kind)],
  ]),
  ['.state.active>.box', `stroke-width:3;${paint('stroke', 'hotline')}`],
  ['.state.active:not(.around)>.box', paint('fill', 'hot')],
  ['.edge.taken>.line', `stroke-width:4;${paint('stroke', 'hotline')}`],
  ['.edge.taken>.head', paint('fill', 'hotline')],
  ['.taken>.pill,.taken>.mark', `stroke-width:1.75;${paint('fill', 'hot')};${paint('stroke', 'hotline')}`],
];

/** The style sheet of a chart. */
export function styleSheet(): string {
  const rules = RULES.map(
    ([selectors, body]) =>
      `${selectors
        .split(',')
        .map((one) => `.xstanza-chart ${one}`)
        .join()}{${body}}`,
  );
  return [
    `.xstanza-chart{${variables(0)}}`,
    `@media (prefers-color-scheme:dark){.xstanza-chart{${variables(1)}}}`,
    ...rules,
  ].join('\n');
}
