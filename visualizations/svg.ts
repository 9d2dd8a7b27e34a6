/**
 * The picture of a laid out chart. Text stays text, names are whatever their machine calls them, and nothing is asked of the
 * network: no script, no font, no reference.
 *
 * A state is a `<g class="state" data-state>` with its box first and everything inside of it after; what stands for one
 * transition is a `<g data-transition>`; an edge is a `<g class="edge">` with its line and its labels. A page that
 * follows an actor adds `active` to the first and `taken` to the others.
 */
import { createHash } from 'node:crypto';
import type { Chart, TransitionKind } from './chart.ts';
import { type Entry, type Icon, LINE, type Word } from './content.ts';
import type { Layout, Mark, PlacedBlock, PlacedLine, PlacedState, Point } from './layout.ts';
import { styleSheet } from './style.ts';

/** Counts up whenever a chart is drawn otherwise than before. */
const RENDERER_VERSION = 1;

/** Pixels around the picture. */
const MARGIN = 8;

const ARROW = { length: 8, half: 4 };
const CORNER = 6;

/** What tells one picture from another without drawing it: 16 hexadecimal digits. */
export function fingerprint(chart: Chart): string {
  return createHash('sha256')
    .update(`${RENDERER_VERSION}\n${JSON.stringify(chart)}`)
    .digest('hex')
    .slice(0, 16);
}

/** The SVG document of a layout, the same for the same layout always. */
export function svgOf(layout: Layout): string {
  const { chart } = layout;
  const width = Math.ceil(layout.width + 2 * MARGIN);
  const height = Math.ceil(layout.height + 2 * MARGIN);
  const [root] = layout.states;
  const title = `Statechart of ${chart.id}`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" class="xstanza-chart" role="graphics-document" aria-roledescription="statechart" aria-label="${escaped(title)}" width="${width}" height="${height}" viewBox="${-MARGIN} ${-MARGIN} ${width} ${height}" data-fingerprint="${fingerprint(chart)}">`,
    `<title>${escaped(title)}</title>`,
    `<desc>${escaped(`${layout.states.length} states. ${chart.root.description ?? ''}`.trim())}</desc>`,
    `<style>${styleSheet()}</style>`,
    `<rect class="paper" x="${-MARGIN}" y="${-MARGIN}" width="${width}" height="${height}"/>`,
    ...(root === undefined ? [] : drawState(root, layout)),
    '</svg>\n',
  ].join('\n');
}

function drawState(placed: PlacedState, layout: Layout): string[] {
  const { state, x, y, width, height, depth, region, mark, text } = placed;
  const around = state.states.length > 0;
  const round = state.type === 'history' ? 16 : around ? 10 : 8;
  const classes = [
    'state',
    ...(around ? ['around'] : []),
    ...(around && depth % 2 === 1 ? ['even'] : []),
    ...(region ? ['region'] : []),
  ];
  const name = `${state.id}, ${kindOfState(placed)}${state.description === null ? '' : `: ${state.description}`}`;
  const lines = [
    `<g class="${classes.join(' ')}" data-state="${escaped(state.id)}" role="graphics-object" aria-label="${escaped(name)}">`,
    rect('box', x, y, width, height, round),
  ];
  if (state.type === 'final') lines.push(rect('inner', x + 3, y + 3, width - 6, height - 6, round - 3));
  lines.push(...drawBlock(text));
  for (const line of layout.lines) if (line.home === state.id) lines.push(...drawLine(line));
  const inner = new Set(state.states.map(({ id }) => id));
  for (const child of layout.states) if (inner.has(child.state.id)) lines.push(...drawState(child, layout));
  if (mark !== null) lines.push(drawMark(mark));
  return [...lines, '</g>'];
}

function kindOfState({ state, region, mark }: PlacedState): string {
  const kind = state.type === 'atomic' ? 'state' : `${state.type} state`;
  return `${mark !== null ? 'initial ' : ''}${region ? 'region' : kind}`;
}

function drawMark({ side, x, y }: Mark): string {
  const [dot, line, head] =
    side === 'left'
      ? [`cx="${n(x + 4)}" cy="${n(y + 5)}"`, `M${n(x + 4)} ${n(y + 5)}h10`, `M${n(x + 20)} ${n(y + 5)}l-7 -3.5v7z`]
      : [`cx="${n(x + 5)}" cy="${n(y + 4)}"`, `M${n(x + 5)} ${n(y + 4)}v10`, `M${n(x + 5)} ${n(y + 20)}l-3.5 -7h7z`];
  return `<g class="initial" aria-hidden="true"><circle class="start" ${dot} r="4"/><path class="startline" d="${line}"/><path class="start" d="${head}"/></g>`;
}

function drawLine({ line, points, label }: PlacedLine): string[] {
  const kinds = new Set(line.legs.map(({ transition }) => transition.kind));
  const kind: TransitionKind = kinds.size === 1 ? ([...kinds][0] as TransitionKind) : 'event';
  return [
    `<g class="edge k-${kind}" role="graphics-object" aria-label="${escaped(`${line.from} to ${line.to}`)}">`,
    `<path class="line" d="${rounded(points)}"/>`,
    `<path class="head" d="${arrow(points)}"/>`,
    ...(label === null ? [] : drawBlock(label)),
    '</g>',
  ];
}

function drawBlock({ x, y, block }: PlacedBlock): string[] {
  return block.entries.flatMap((entry) => drawEntry(entry, x + entry.x, y + entry.y));
}

function drawEntry(entry: Entry, x: number, y: number): string[] {
  const { look, kind, transitions, words, width, height } = entry;
  const classes = `class="${[look, ...(kind === null ? [] : [`k-${kind}`])].join(' ')}"`;
  const [first] = transitions;
  const background =
    look === 'badge'
      ? [rect('', x, y, width, LINE - 1, 7)]
      : look === 'chip' || look === 'label'
        ? [rect('pill', x, y, width, height, 6)]
        : look === 'row' && transitions.length === 1
          ? [rect('mark', x - 3, y, width + 6, height, 4)]
          : [];
  if (first === undefined || transitions.length === 1) {
    const data = first === undefined ? '' : ` data-transition="${escaped(first)}"`;
    return [`<g ${classes}${data}>`, ...background, ...words.map((word) => drawWord(word, x, y)), '</g>'];
  }
  const own = transitions.flatMap((id) => {
    const mine = words.filter(({ transition }) => transition === id);
    return [
      `<g data-transition="${escaped(id)}">`,
      ...mine.map((word) => rect('mark', x + word.x - 2, y + word.y, word.width + 4, LINE, 4)),
      ...mine.map((word) => drawWord(word, x, y)),
      '</g>',
    ];
  });
  const shared = words.filter(({ transition }) => transition === null).map((word) => drawWord(word, x, y));
  return [`<g ${classes}>`, ...background, ...own, ...shared, '</g>'];
}

function drawWord({ x, y, width, icon, runs, full }: Word, left: number, top: number): string {
  const room = icon === null ? 0 : 15;
  const spans = runs.map(({ text, tone }) => `<tspan class="t-${tone}">${escaped(text)}</tspan>`).join(' ');
  const title = full === null ? '' : `<title>${escaped(full)}</title>`;
  const drawn =
    icon === null ? '' : `<g class="icon" transform="translate(${n(left + x)} ${n(top + y + 2)})">${ICONS[icon]}</g>`;
  if (runs.length === 0) return drawn;
  return `${drawn}<text x="${n(left + x + room)}" y="${n(top + y + 12)}" textLength="${n(width - room)}" lengthAdjust="spacingAndGlyphs">${title}${spans}</text>`;
}

/** In a square of 12 pixels. */
const ICONS: Readonly<Record<Icon, string>> = {
  event: '<path class="solid" d="M7 0.5L2 7h3.2L4.6 11.5L10 5H6.6z"/>',
  wildcard: '<path d="M6 1.5v9M2.1 3.75l7.8 4.5M9.9 3.75l-7.8 4.5"/>',
  after: '<circle cx="6" cy="6" r="4.8"/><path d="M6 3.2V6l2 1.4"/>',
  done: '<path style="stroke-width:2" d="M1.8 6.6l2.9 3L10.2 2.8"/>',
  error: '<path style="stroke-width:2" d="M2.5 2.5l7 7M9.5 2.5l-7 7"/>',
  always: '<path d="M6 1.2L10.8 6L6 10.8L1.2 6z"/>',
  forbidden: '<circle cx="6" cy="6" r="4.6"/><path d="M2.8 2.8l6.4 6.4"/>',
  loop: '<path d="M9.8 4A4.4 4.4 0 1 0 10.4 6.6M10.2 1.2V4.2H7.2"/>',
};

function rect(name: string, x: number, y: number, width: number, height: number, round: number): string {
  const classes = name === '' ? '' : ` class="${name}"`;
  return `<rect${classes} x="${n(x)}" y="${n(y)}" width="${n(width)}" height="${n(height)}" rx="${round}"/>`;
}

/** A line with round corners that ends where its arrow begins. */
function rounded(points: readonly Point[]): string {
  const [first] = points;
  const last = points.at(-1);
  if (first === undefined || last === undefined) return '';
  const end = moved(last, points.at(-2) ?? last, ARROW.length - 1);
  let path = `M${n(first.x)} ${n(first.y)}`;
  for (let index = 1; index < points.length - 1; index += 1) {
    const [before, at, after] = [points[index - 1], points[index], points[index + 1]] as [Point, Point, Point];
    const radius = Math.min(CORNER, distance(before, at) / 2, distance(at, after) / 2);
    const from = moved(at, before, radius);
    const to = moved(at, after, radius);
    path += `L${n(from.x)} ${n(from.y)}Q${n(at.x)} ${n(at.y)} ${n(to.x)} ${n(to.y)}`;
  }
  return `${path}L${n(end.x)} ${n(end.y)}`;
}

function arrow(points: readonly Point[]): string {
  const tip = points.at(-1);
  const before = points.at(-2);
  if (tip === undefined || before === undefined) return '';
  const back = moved(tip, before, ARROW.length);
  const [dx, dy] = [(tip.x - back.x) / ARROW.length, (tip.y - back.y) / ARROW.length];
  const side = (way: number): string => `${n(back.x - dy * ARROW.half * way)} ${n(back.y + dx * ARROW.half * way)}`;
  return `M${n(tip.x)} ${n(tip.y)}L${side(1)}L${side(-1)}z`;
}

const distance = (one: Point, other: Point): number => Math.hypot(one.x - other.x, one.y - other.y);

/** The point `by` pixels from `from` towards `to`. */
function moved(from: Point, to: Point, by: number): Point {
  const length = distance(from, to);
  if (length === 0) return from;
  return { x: from.x + ((to.x - from.x) * by) / length, y: from.y + ((to.y - from.y) * by) / length };
}

/** A number in as few digits as can be seen. */
const n = (value: number): string => String(Math.round(value * 10) / 10);

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
  '\n': '&#10;',
  '\r': '&#13;',
  '\t': '&#9;',
};

/** Text for an element or an attribute; what XML cannot say at all is replaced. */
function escaped(text: string): string {
  return text
    .replace(/[&<>"'\n\r\t]/g, (character) => ESCAPES[character] as string)
    .replace(/[\p{Cc}\p{Cs}\uFFFE\uFFFF]/gu, '\uFFFD');
}
