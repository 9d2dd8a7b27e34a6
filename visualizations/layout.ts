/**
 * Where everything of a chart goes. The inside of every state is laid out for itself, from the innermost outwards, and is
 * one box in what is around it. There is more than one way to lay out each: downwards, to the right, or the small ones in a
 * column beside the big one. Of all that, the picture is taken that is readable on the smallest screen.
 */
import type { ElkExtendedEdge, ElkNode, LayoutOptions } from 'elkjs/lib/elk-api.js';
import { type Chart, type ChartState, statesOf } from './chart.ts';
import { type Block, labelBlock, stateBlock } from './content.ts';
import { type Engine, loadEngine } from './engine.ts';
import { CROWD, type Line, type Routes, routesOf } from './routes.ts';

export interface Layout {
  readonly chart: Chart;
  readonly width: number;
  readonly height: number;
  /** Outer states before inner ones, all places from the left and the top of the picture. */
  readonly states: readonly PlacedState[];
  readonly lines: readonly PlacedLine[];
}

export interface PlacedState {
  readonly state: ChartState;
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  /** 0 for the root. */
  readonly depth: number;
  /** It runs beside others. */
  readonly region: boolean;
  /** The dot and the arrow that say that its parent begins here. */
  readonly mark: Mark | null;
  readonly text: PlacedBlock;
}

export interface Mark {
  /** Where it is, seen from the state. */
  readonly side: 'left' | 'above';
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export interface PlacedBlock {
  readonly x: number;
  readonly y: number;
  readonly block: Block;
}

export interface PlacedLine {
  readonly line: Line;
  /** The id of the state around it. */
  readonly home: string;
  readonly points: readonly Point[];
  readonly label: PlacedBlock | null;
}

export interface Point {
  readonly x: number;
  readonly y: number;
}

/** A laptop's window: what a picture should fit into. */
const SCREEN = { width: 1440, height: 900 };

/** A picture may rather be too high than too wide: scrolling down is what people do anyway. */
const SCROLLED = 0.9;

/** The smallest zoom at which the text can be read. */
const READABLE = 0.7;

/** Pixels for text: in a state without states, in one around others, and on lines down and to the right. */
interface Room {
  readonly leaf: number;
  readonly around: number;
  readonly down: number;
  readonly right: number;
}

const WIDE: Room = { leaf: 240, around: 300, down: 210, right: 170 };
const NARROW: Room = { leaf: 200, around: 260, down: 150, right: 120 };

const PAD = 10;
/** Above and below the text of a state without states. */
const LEAF_TOP = 7;
/** Between a line of text and the states below. */
const UNDER_HEAD = 12;
const BETWEEN_REGIONS = 12;
/** The room for the mark of an initial state. */
const MARKS = { left: { width: 20, height: 22 }, above: { width: 24, height: 20 } };

/** Ways to lay out one state that are kept for the choice around it. */
const KEPT = 3;

interface Child {
  readonly x: number;
  readonly y: number;
  readonly plan: Plan;
  /** Where its mark is if it is the one that is entered first. */
  readonly initial: Mark['side'] | null;
}

/** One way to lay out a state and everything inside; places are relative to its own corner. */
interface Plan {
  readonly state: ChartState;
  readonly width: number;
  readonly height: number;
  readonly text: PlacedBlock;
  readonly children: readonly Child[];
  readonly lines: readonly PlacedLine[];
  /** How far it is from the plainest way. */
  readonly bends: number;
}

/** The places of everything in a chart, the same for the same chart always. @throws LayoutEngineMissingError */
export async function layoutOf(chart: Chart): Promise<Layout> {
  const engine = await loadEngine();
  const plain = isCrowded(chart) ? [] : await new Planner(engine, routesOf(chart, false), WIDE).plansOf(chart.root);
  const thrifty = plain.some(fits) ? [] : await new Planner(engine, routesOf(chart, true), NARROW).plansOf(chart.root);
  const best = cheapest([...plain, ...thrifty]);
  const states: PlacedState[] = [];
  const lines: PlacedLine[] = [];
  place(best, { x: 0, y: 0 }, 0, null, null, states, lines);
  return { chart, width: best.width, height: best.height, states, lines };
}

/** Nobody can follow all lines between so many states, and the engine would take minutes for them. */
const isCrowded = ({ root }: Chart): boolean => statesOf(root).some(({ states }) => states.length > CROWD);

const cheapest = (plans: readonly Plan[]): Plan =>
  plans.reduce((one, other) => (cost(other) < cost(one) ? other : one));

const fits = ({ width, height }: Plan): boolean => Math.min(SCREEN.width / width, SCREEN.height / height) >= READABLE;

/** How much of a zoom a picture takes, and a bit for what the eye has to do. */
function cost({ width, height, bends }: Plan): number {
  const zoom = Math.max(1, width / SCREEN.width, (height / SCREEN.height) * SCROLLED);
  const unreadable = width > SCREEN.width / READABLE ? 1.2 : 1;
  return zoom * unreadable * (1 + bends * 0.1) + (width * height) / 4e7;
}

function place(
  plan: Plan,
  at: Point,
  depth: number,
  parent: ChartState | null,
  side: Mark['side'] | null,
  states: PlacedState[],
  lines: PlacedLine[],
): void {
  const { state, width, height, text } = plan;
  const moved = (block: PlacedBlock): PlacedBlock => ({ ...block, x: at.x + block.x, y: at.y + block.y });
  states.push({
    state,
    ...at,
    width,
    height,
    depth,
    region: parent?.type === 'parallel',
    mark: side === null ? null : markAt(at, side),
    text: moved(text),
  });
  for (const line of plan.lines) {
    lines.push({
      ...line,
      points: line.points.map(({ x, y }) => ({ x: at.x + x, y: at.y + y })),
      label: line.label && moved(line.label),
    });
  }
  for (const child of plan.children) {
    place(child.plan, { x: at.x + child.x, y: at.y + child.y }, depth + 1, state, child.initial, states, lines);
  }
}

function markAt({ x, y }: Point, side: Mark['side']): Mark {
  if (side === 'left') return { side, x: x - 20, y: y + 9, width: 20, height: 10 };
  return { side, x: x + 9, y: y - 20, width: 10, height: 20 };
}

interface Way {
  readonly direction: 'DOWN' | 'RIGHT';
  /** All but the biggest state are in a column beside it. */
  readonly aside: boolean;
  /** No two states of that column side by side; else what no line joins to those above stands beside the last. */
  readonly queue: boolean;
  readonly folded: boolean;
  readonly placement: 'NETWORK_SIMPLEX' | 'BRANDES_KOEPF';
}

const DOWN: Way = { direction: 'DOWN', aside: false, queue: false, folded: false, placement: 'NETWORK_SIMPLEX' };
const RIGHT: Way = { ...DOWN, direction: 'RIGHT' };
/** For many states: one column, or several that go on where the one before ended. */
const UNFOLDED: Way = { ...DOWN, placement: 'BRANDES_KOEPF' };
const FOLDED: Way = { ...UNFOLDED, folded: true };
const ASIDE: readonly Way[] = [true, false].map((queue) => ({
  ...DOWN,
  aside: true,
  queue,
  placement: 'BRANDES_KOEPF' as const,
}));

/** What is inside of a state, without its head. */
interface Inner {
  readonly width: number;
  readonly height: number;
  readonly children: Plan['children'];
  readonly lines: readonly PlacedLine[];
  readonly bends: number;
}

class Planner {
  readonly #engine: Engine;
  readonly #routes: Routes;

  readonly #room: Room;

  constructor(engine: Engine, routes: Routes, room: Room) {
    this.#engine = engine;
    this.#routes = routes;
    this.#room = room;
  }

  /** The ways to lay out a state that are worth a choice. */
  async plansOf(state: ChartState): Promise<readonly Plan[]> {
    if (state.states.length === 0) return [this.#leaf(state)];
    const options: (readonly Plan[])[] = [];
    for (const child of state.states) options.push(await this.plansOf(child));
    const plans: Plan[] = [];
    for (const children of combinations(options)) {
      const inners = state.type === 'parallel' ? packings(children) : await this.#layered(state, children);
      plans.push(...inners.map((inner) => this.#around(state, inner)));
    }
    return worthwhile(plans);
  }

  #leaf(state: ChartState): Plan {
    const block = stateBlock(state, this.#routes.inside.get(state.id) ?? [], this.#room.leaf, false);
    const width = Math.max(block.width, 60) + 2 * PAD;
    const text = { x: PAD, y: LEAF_TOP, block };
    return { state, width, height: block.height + 2 * LEAF_TOP, text, children: [], lines: [], bends: 0 };
  }

  #around(state: ChartState, inner: Inner): Plan {
    const room = Math.max(inner.width, this.#room.around);
    const block = stateBlock(state, this.#routes.inside.get(state.id) ?? [], room, true);
    const top = 8 + block.height + UNDER_HEAD;
    const width = Math.max(inner.width, block.width) + 2 * PAD;
    const children = inner.children.map((child) => ({ ...child, x: child.x + PAD, y: child.y + top }));
    const lines = inner.lines.map((line) => ({
      ...line,
      points: line.points.map(({ x, y }) => ({ x: x + PAD, y: y + top })),
      label: line.label && { ...line.label, x: line.label.x + PAD, y: line.label.y + top },
    }));
    const text = { x: PAD, y: 8, block };
    return { state, width, height: top + inner.height + PAD, text, children, lines, bends: inner.bends };
  }

  async #layered(state: ChartState, plans: readonly Plan[]): Promise<readonly Inner[]> {
    const lines = this.#routes.lines.get(state.id) ?? [];
    if (plans.length > CROWD) {
      const folded = await this.#layer(state, plans, lines, FOLDED, null);
      // The engine cannot fold every graph, which shows in lines that are neither upright nor level.
      if (folded.lines.every(({ points }) => isOrthogonal(points))) return [folded];
      return [await this.#layer(state, plans, lines, UNFOLDED, null)];
    }
    const ways = lines.length === 0 ? [DOWN] : [DOWN, RIGHT];
    const big = bigOne(plans.filter(({ state: { id } }) => id !== state.initial));
    if (big !== null) ways.push(...ASIDE);
    const found: Inner[] = [];
    for (const way of ways) found.push(await this.#layer(state, plans, lines, way, big));
    return found;
  }

  async #layer(
    state: ChartState,
    plans: readonly Plan[],
    lines: readonly Line[],
    way: Way,
    big: Plan | null,
  ): Promise<Inner> {
    const aside = way.aside ? big : null;
    const right = way.direction === 'RIGHT';
    const order = new Map(plans.map((plan, index) => [plan.state.id, index]));
    const labels = lines.map(({ legs }) => labelBlock(legs, right ? this.#room.right : this.#room.down));
    const ports: ElkNode['ports'] = [];
    const edges = lines.map((line, index): ElkExtendedEdge => {
      const label = labels[index];
      const end = (id: string): string => {
        if (id !== aside?.state.id) return `n${order.get(id)}`;
        ports.push({ id: `p${index}`, width: 0, height: 0, layoutOptions: { 'elk.port.side': 'EAST' } });
        return `p${index}`;
      };
      const ends = [end(line.from), end(line.to)];
      // What leads back is given the other way round, so that there is no circle to break.
      if (isBack(line, order, aside)) ends.reverse();
      const next = (order.get(line.to) ?? 0) - (order.get(line.from) ?? 0) === 1;
      return {
        id: `e${index}`,
        sources: [ends[0] as string],
        targets: [ends[1] as string],
        labels: label
          ? [
              {
                text: ' ',
                width: label.width,
                height: label.height,
                layoutOptions: { 'elk.edgeLabels.inline': 'true' },
              },
            ]
          : [],
        layoutOptions: next
          ? { 'elk.layered.priority.straightness': '10', 'elk.layered.priority.shortness': '10' }
          : {},
      };
    });
    const levels = levelsOf(plans, lines, aside, way.queue);
    const joined = new Set(lines.flatMap(({ from, to }) => [from, to]));
    const children = plans
      .filter((plan) => plan !== aside)
      .map((plan): ElkNode => {
        const initial = state.initial === plan.state.id;
        const last = plan.state.type === 'final' || (plan.state.sink && !joined.has(plan.state.id));
        return {
          id: `n${order.get(plan.state.id)}`,
          width: plan.width,
          height: plan.height,
          labels: initial ? [{ text: ' ', ...MARKS[right ? 'above' : 'left'] }] : [],
          layoutOptions: {
            ...(initial && {
              'elk.nodeLabels.placement': right ? 'OUTSIDE V_TOP H_LEFT' : 'OUTSIDE H_LEFT V_TOP H_PRIORITY',
            }),
            ...(way.folded && { 'elk.layered.wrapping.strategy': 'MULTI_EDGE', 'elk.aspectRatio': '1.6' }),
            ...(way.aside && { 'elk.partitioning.partition': String(levels.get(plan.state.id)) }),
            ...(last && !way.aside && { 'elk.layered.layering.layerConstraint': 'LAST' }),
          },
        };
      });
    const inside: ElkNode = {
      id: 'inside',
      layoutOptions: {
        ...OPTIONS,
        'elk.direction': way.direction,
        'elk.layered.nodePlacement.strategy': way.placement,
        'elk.portConstraints': 'FIXED_SIDE',
        ...(way.folded && { 'elk.layered.wrapping.strategy': 'MULTI_EDGE', 'elk.aspectRatio': '1.6' }),
        ...(way.aside && { 'elk.partitioning.activate': 'true' }),
      },
      children,
      edges,
      ports,
    };
    const graph = await this.#engine({
      id: 'around',
      layoutOptions: { 'elk.algorithm': 'layered' },
      children: [inside],
    });
    const done = graph.children?.[0] as ElkNode;
    return collected({ state, plans, lines, labels, order, aside, done, way });
  }
}

/** What elkjs is told. */
const OPTIONS: LayoutOptions = {
  'elk.algorithm': 'layered',
  'elk.edgeRouting': 'ORTHOGONAL',
  'elk.padding': '[top=0,left=0,bottom=0,right=0]',
  'elk.layered.nodePlacement.favorStraightEdges': 'true',
  'elk.separateConnectedComponents': 'false',
  'elk.layered.thoroughness': '10',
  'elk.layered.considerModelOrder.strategy': 'PREFER_NODES',
  'elk.spacing.nodeNode': '16',
  'elk.spacing.edgeNode': '12',
  'elk.spacing.edgeEdge': '10',
  'elk.spacing.edgeLabel': '2',
  'elk.spacing.labelNode': '0',
  'elk.spacing.portPort': '14',
  'elk.layered.spacing.nodeNodeBetweenLayers': '10',
  'elk.layered.spacing.edgeNodeBetweenLayers': '9',
  'elk.layered.spacing.edgeEdgeBetweenLayers': '8',
};

function isBack({ from, to }: Line, order: ReadonlyMap<string, number>, aside: Plan | null): boolean {
  if (aside !== null && (from === aside.state.id || to === aside.state.id)) return false;
  return (order.get(from) ?? 0) > (order.get(to) ?? 0);
}

/** From above to below in the column beside a big state. */
function levelsOf(
  plans: readonly Plan[],
  lines: readonly Line[],
  aside: Plan | null,
  queue: boolean,
): Map<string, number> {
  const levels = new Map<string, number>();
  let level = 0;
  for (const { state } of plans.filter((plan) => plan !== aside)) {
    const joined = lines.some(
      ({ from, to }) => (from === state.id && levels.has(to)) || (to === state.id && levels.has(from)),
    );
    if (queue || joined) level += 1;
    levels.set(state.id, level);
  }
  return levels;
}

interface Drawn {
  readonly state: ChartState;
  readonly plans: readonly Plan[];
  readonly lines: readonly Line[];
  readonly labels: readonly (Block | null)[];
  readonly order: ReadonlyMap<string, number>;
  readonly aside: Plan | null;
  readonly done: ElkNode;
  readonly way: Way;
}

function collected({ state, plans, lines, labels, order, aside, done, way }: Drawn): Inner {
  const nodes = new Map((done.children ?? []).map((node) => [node.id, node]));
  const column = { width: done.width ?? 0, height: done.height ?? 0 };
  const gap = 8;
  const placed: Child[] = [];
  const side = way.direction === 'RIGHT' ? 'above' : 'left';
  for (const plan of plans) {
    const node = nodes.get(`n${order.get(plan.state.id)}`);
    if (plan === aside) {
      placed.push({
        x: column.width + gap,
        y: 0,
        plan: { ...plan, height: Math.max(plan.height, column.height) },
        initial: null,
      });
    } else {
      placed.push({ x: node?.x ?? 0, y: node?.y ?? 0, plan, initial: state.initial === plan.state.id ? side : null });
    }
  }
  const drawn = (done.edges ?? []).map((edge, index): PlacedLine => {
    const line = lines[index] as Line;
    const section = edge.sections?.[0];
    const points = section === undefined ? [] : [section.startPoint, ...(section.bendPoints ?? []), section.endPoint];
    const right = isBack(line, order, aside) ? [...points].reverse() : [...points];
    if (aside !== null && line.from === aside.state.id) lengthen(right, 0, 1, column.width + gap);
    if (aside !== null && line.to === aside.state.id)
      lengthen(right, right.length - 1, right.length - 2, column.width + gap);
    const label = edge.labels?.[0];
    const block = labels[index] ?? null;
    return {
      line,
      home: state.id,
      points: right,
      label: block === null || label === undefined ? null : { x: label.x ?? 0, y: label.y ?? 0, block },
    };
  });
  const extra = aside === null ? 0 : gap + aside.width;
  const height = aside === null ? column.height : Math.max(column.height, aside.height);
  const bends =
    plans.reduce((sum, plan) => sum + plan.bends, 0) + (way === DOWN ? 0 : way.queue || way === RIGHT ? 1 : 2);
  return { width: column.width + extra, height, children: placed, lines: drawn, bends };
}

/** Draws the end of a line on to the box beside the column, and straightens it. */
function lengthen(points: Point[], end: number, before: number, x: number): void {
  const bend = points[before];
  if (bend === undefined) return;
  points[end] = { x, y: bend.y };
}

/** The state that all the others together are smaller than, if it has states itself. */
function bigOne(plans: readonly Plan[]): Plan | null {
  if (plans.length < 3) return null;
  const area = ({ width, height }: Plan): number => width * height;
  const [big, ...others] = [...plans].sort((one, other) => area(other) - area(one));
  if (big === undefined || big.children.length === 0) return null;
  return area(big) > others.reduce((sum, plan) => sum + area(plan), 0) ? big : null;
}

/** Regions in a row, in a column, and in two: the biggest on the right, by itself or with one of the others below it. */
function packings(plans: readonly Plan[]): Inner[] {
  const bends = plans.reduce((sum, plan) => sum + plan.bends, 0);
  const found = [inRow(plans, 0), inColumn(plans, 0)];
  const biggest = plans.reduce((one, other) => (one.width * one.height >= other.width * other.height ? one : other));
  const rest = plans.filter((plan) => plan !== biggest);
  if (rest.length > 1) {
    found.push(inTwo(plans, [biggest]));
    for (const below of rest) found.push(inTwo(plans, [biggest, below]));
  }
  return found.map((one) => ({ ...one, lines: [], bends }));
}

/** In two columns, of which the right one has these. */
function inTwo(plans: readonly Plan[], right: readonly Plan[]): Packed {
  const left = inColumn(
    plans.filter((plan) => !right.includes(plan)),
    0,
  );
  const other = inColumn(right, 0);
  const x = left.width + BETWEEN_REGIONS;
  const placed = [...left.children, ...other.children.map((child) => ({ ...child, x }))];
  return {
    width: x + other.width,
    height: Math.max(left.height, other.height),
    // In the order of the document, in which they are read aloud.
    children: plans.map(({ state }) => placed.find((child) => child.plan.state === state) as Child),
  };
}

type Packed = Pick<Inner, 'width' | 'height' | 'children'>;

function inRow(plans: readonly Plan[], from: number): Packed {
  const height = Math.max(...plans.map((plan) => plan.height));
  let x = from;
  const children = plans.map((plan) => {
    const at = x;
    x += plan.width + BETWEEN_REGIONS;
    return { x: at, y: 0, plan: { ...plan, height }, initial: null };
  });
  return { width: x - BETWEEN_REGIONS, height, children };
}

function inColumn(plans: readonly Plan[], from: number): Packed {
  const width = Math.max(...plans.map((plan) => plan.width));
  let y = from;
  const children = plans.map((plan) => {
    const at = y;
    y += plan.height + BETWEEN_REGIONS;
    return { x: 0, y: at, plan: { ...plan, width }, initial: null };
  });
  return { width, height: y - BETWEEN_REGIONS, children };
}

/** One way for each child: all of them for the child that has most to choose from, the first for the others. */
function combinations(options: readonly (readonly Plan[])[]): (readonly Plan[])[] {
  const size = (plans: readonly Plan[]): number => Math.max(...plans.map(({ width, height }) => width * height));
  const open = options
    .filter((plans) => plans.length > 1)
    .sort((one, other) => size(other) - size(one))
    .slice(0, 2);
  let found: (readonly Plan[])[] = [[]];
  for (const plans of options) {
    const some = open.includes(plans) ? plans : plans.slice(0, 1);
    found = found.flatMap((before) => some.map((plan) => [...before, plan]));
  }
  return found;
}

const isOrthogonal = (points: readonly Point[]): boolean =>
  points.every(({ x, y }, index) => {
    const before = points[index - 1];
    return before === undefined || Math.abs(before.x - x) < 0.5 || Math.abs(before.y - y) < 0.5;
  });

const isNoWorse = (one: Plan, other: Plan): boolean =>
  one.width <= other.width && one.height <= other.height && one.bends <= other.bends;

/** Without what is no better in anything than another; the best for screens of several shapes, the best first. */
function worthwhile(plans: readonly Plan[]): readonly Plan[] {
  const usable = plans.filter(({ width }) => width <= SCREEN.width / READABLE);
  const sorted = (usable.length > 0 ? usable : [...plans]).sort((one, other) => cost(one) - cost(other));
  const better = sorted.filter(
    (plan, index) =>
      !sorted.some((other, at) => other !== plan && isNoWorse(other, plan) && (at < index || !isNoWorse(plan, other))),
  );
  if (better.length <= KEPT) return better;
  const shapes = [SCREEN.width / SCREEN.height, 0.5, 1, 3];
  const best = shapes.map((shape) =>
    better.reduce((one, other) =>
      Math.max(other.width / shape, other.height) < Math.max(one.width / shape, one.height) ? other : one,
    ),
  );
  return [...new Set([better[0] as Plan, ...best])].slice(0, KEPT);
}
