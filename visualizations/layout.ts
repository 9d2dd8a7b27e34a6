/**
 * Where everything of a chart goes. The inside of every state is laid out for itself, from the innermost outwards, and is
 * one box in what is around it. There is more than one way to lay out each: downwards, to the right, or the small ones in a
 * column beside the big one. Of all that, the picture is taken that is readable on the smallest screen.
 */
import type { ElkExtendedEdge, ElkNode, LayoutOptions } from 'elkjs/lib/elk-api.js';
import type { Chart, ChartState } from './chart.ts';
import { type Block, labelBlock, stateBlock } from './content.ts';
import { type Engine, loadEngine } from './engine.ts';
import { type Line, type Routes, routesOf } from './routes.ts';

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
  /** It is where its parent begins. */
  readonly initial: boolean;
  readonly text: PlacedBlock;
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

/** Room for text in a state without states, in one around others, and on a line. */
const ROOM = { leaf: 250, around: 300, down: 230, right: 170 };

const PAD = 12;
/** Between a line of text and the states below. */
const UNDER_HEAD = 14;
const BETWEEN_REGIONS = 16;
/** The dot and the arrow before an initial state. */
export const INITIAL = { width: 20, height: 14 };

/** Ways to lay out one state that are kept for the choice around it. */
const KEPT = 3;

/** One way to lay out a state and everything inside; places are relative to its own corner. */
interface Plan {
  readonly state: ChartState;
  readonly width: number;
  readonly height: number;
  readonly text: PlacedBlock;
  readonly children: readonly { readonly x: number; readonly y: number; readonly plan: Plan }[];
  readonly lines: readonly PlacedLine[];
  /** How far it is from the plainest way. */
  readonly bends: number;
}

/** The places of everything in a chart, the same for the same chart always. @throws LayoutEngineMissingError */
export async function layoutOf(chart: Chart): Promise<Layout> {
  const planner = new Planner(await loadEngine(), routesOf(chart));
  const plans = await planner.plansOf(chart.root);
  const best = plans.reduce((one, other) => (cost(other) < cost(one) ? other : one));
  const states: PlacedState[] = [];
  const lines: PlacedLine[] = [];
  place(best, { x: 0, y: 0 }, 0, null, states, lines);
  return { chart, width: best.width, height: best.height, states, lines };
}

/** How much of a zoom a picture takes, and a bit for what the eye has to do. */
function cost({ width, height, bends }: Plan): number {
  return Math.max(1, width / SCREEN.width, height / SCREEN.height) * (1 + bends * 0.02) + (width * height) / 4e7;
}

function place(
  plan: Plan,
  at: Point,
  depth: number,
  parent: ChartState | null,
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
    initial: parent?.initial === state.id,
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
    place(child.plan, { x: at.x + child.x, y: at.y + child.y }, depth + 1, state, states, lines);
  }
}

type Way = 'down' | 'right' | 'aside';

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

  constructor(engine: Engine, routes: Routes) {
    this.#engine = engine;
    this.#routes = routes;
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
    const block = stateBlock(state, this.#routes.inside.get(state.id) ?? [], ROOM.leaf, false);
    const width = Math.max(block.width, 60) + 2 * PAD;
    const text = { x: PAD, y: 8, block };
    return { state, width, height: block.height + 16, text, children: [], lines: [], bends: 0 };
  }

  #around(state: ChartState, inner: Inner): Plan {
    const room = Math.max(inner.width, ROOM.around);
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
    const ways: Way[] = lines.length === 0 ? ['down'] : ['down', 'right'];
    const big = bigOne(plans);
    if (big !== null) ways.push('aside');
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
    const aside = way === 'aside' ? big : null;
    const order = new Map(plans.map((plan, index) => [plan.state.id, index]));
    const labels = lines.map(({ legs }) => labelBlock(legs, way === 'right' ? ROOM.right : ROOM.down));
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
          labels: initial ? [{ text: ' ', ...INITIAL }] : [],
          layoutOptions: {
            ...(initial && {
              'elk.nodeLabels.placement': way === 'right' ? 'OUTSIDE V_TOP H_LEFT' : 'OUTSIDE H_LEFT V_TOP H_PRIORITY',
            }),
            ...(last && { 'elk.layered.layering.layerConstraint': 'LAST' }),
          },
        };
      });
    const inside: ElkNode = {
      id: 'inside',
      layoutOptions: {
        ...OPTIONS,
        'elk.direction': way === 'right' ? 'RIGHT' : 'DOWN',
        'elk.portConstraints': 'FIXED_SIDE',
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
  'elk.layered.nodePlacement.strategy': 'NETWORK_SIMPLEX',
  'elk.layered.nodePlacement.favorStraightEdges': 'true',
  'elk.separateConnectedComponents': 'false',
  'elk.layered.thoroughness': '10',
  'elk.spacing.nodeNode': '22',
  'elk.spacing.edgeNode': '14',
  'elk.spacing.edgeEdge': '12',
  'elk.spacing.edgeLabel': '2',
  'elk.spacing.labelNode': '0',
  'elk.spacing.portPort': '14',
  'elk.layered.spacing.nodeNodeBetweenLayers': '18',
  'elk.layered.spacing.edgeNodeBetweenLayers': '13',
  'elk.layered.spacing.edgeEdgeBetweenLayers': '10',
};

function isBack({ from, to }: Line, order: ReadonlyMap<string, number>, aside: Plan | null): boolean {
  if (aside !== null && (from === aside.state.id || to === aside.state.id)) return false;
  return (order.get(from) ?? 0) > (order.get(to) ?? 0);
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
  const placed: { x: number; y: number; plan: Plan }[] = [];
  for (const plan of plans) {
    const node = nodes.get(`n${order.get(plan.state.id)}`);
    if (plan === aside) {
      placed.push({ x: column.width + gap, y: 0, plan: { ...plan, height: Math.max(plan.height, column.height) } });
    } else {
      placed.push({ x: node?.x ?? 0, y: node?.y ?? 0, plan });
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
  const bends = plans.reduce((sum, plan) => sum + plan.bends, 0) + (way === 'down' ? 0 : 1);
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

/** Regions in a row, in a column, and all but the biggest in a column beside it. */
function packings(plans: readonly Plan[]): Inner[] {
  const bends = plans.reduce((sum, plan) => sum + plan.bends, 0);
  const row = inRow(plans, 0);
  const column = inColumn(plans, 0);
  const found = [row, column];
  const biggest = plans.reduce((one, other) => (one.width * one.height >= other.width * other.height ? one : other));
  const rest = plans.filter((plan) => plan !== biggest);
  if (rest.length > 1) {
    const left = inColumn(rest, 0);
    const right = { x: left.width + BETWEEN_REGIONS, y: 0, plan: biggest };
    found.push({
      width: right.x + biggest.width,
      height: Math.max(left.height, biggest.height),
      children: plans.map((plan) =>
        plan === biggest ? right : (left.children.find((one) => one.plan.state === plan.state) as typeof right),
      ),
    });
  }
  return found.map((one) => ({ ...one, lines: [], bends }));
}

type Packed = Pick<Inner, 'width' | 'height' | 'children'>;

function inRow(plans: readonly Plan[], from: number): Packed {
  const height = Math.max(...plans.map((plan) => plan.height));
  let x = from;
  const children = plans.map((plan) => {
    const at = x;
    x += plan.width + BETWEEN_REGIONS;
    return { x: at, y: 0, plan: { ...plan, height } };
  });
  return { width: x - BETWEEN_REGIONS, height, children };
}

function inColumn(plans: readonly Plan[], from: number): Packed {
  const width = Math.max(...plans.map((plan) => plan.width));
  let y = from;
  const children = plans.map((plan) => {
    const at = y;
    y += plan.height + BETWEEN_REGIONS;
    return { x: 0, y: at, plan: { ...plan, width } };
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

/** Without what is larger in both directions than another; the best for screens of several shapes, the best first. */
function worthwhile(plans: readonly Plan[]): readonly Plan[] {
  const sorted = [...plans].sort((one, other) => cost(one) - cost(other));
  const better = sorted.filter(
    (plan, index) =>
      !sorted.some(
        (other, at) =>
          other !== plan &&
          other.width <= plan.width &&
          other.height <= plan.height &&
          (at < index || other.width < plan.width || other.height < plan.height),
      ),
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
