/** What lies on something that it should not lie on, in a laid out chart. */
import type { Layout, PlacedBlock, Point } from '../../visualizations/layout.ts';

interface Box {
  readonly what: string;
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
  /** The state that it is in, or is; a line. */
  readonly owner: unknown;
}

/** Pixels that rounding may take. */
const SLACK = 0.3;

/** One sentence for each overlap; none for a picture in order. */
export function overlapsOf(layout: Layout): readonly string[] {
  const found: string[] = [];
  const parents = new Map<string, string>();
  for (const { state } of layout.states) for (const child of state.states) parents.set(child.id, state.id);
  const isAround = (outer: string, inner: string): boolean => {
    for (let at = parents.get(inner); at !== undefined; at = parents.get(at)) if (at === outer) return true;
    return false;
  };

  const states = layout.states.map(({ state, x, y, width, height }) => box(state.id, x, y, width, height, state.id));
  const texts = [
    ...layout.states.flatMap(({ state, text }) => entries(text, state.id, state.id)),
    ...layout.states.flatMap(({ state, mark }) =>
      mark === null ? [] : [box(`the mark of ${state.id}`, mark.x, mark.y, mark.width, mark.height, null)],
    ),
  ];
  const labels = layout.lines.flatMap((line) =>
    line.label === null ? [] : entries(line.label, `${line.line.from} to ${line.line.to}`, line),
  );

  for (const [index, one] of states.entries()) {
    for (const other of states.slice(index + 1)) {
      const nested = isAround(one.owner as string, other.owner as string);
      if (nested ? !contains(one, other) : overlap(one, other)) found.push(`state ${one.what} and state ${other.what}`);
    }
    for (const text of texts) {
      const inside = text.owner === one.owner;
      const outside = typeof text.owner !== 'string' || !isAround(one.owner as string, text.owner);
      if (inside ? !contains(one, text) : text.owner === null ? crosses(one, text) : outside && overlap(one, text)) {
        found.push(`state ${one.what} and text ${text.what}`);
      }
    }
    for (const label of labels) {
      const { home } = label.owner as Layout['lines'][number];
      const around = one.owner === home || isAround(one.owner as string, home);
      if (around ? !contains(one, label) : overlap(one, label)) found.push(`state ${one.what} and label ${label.what}`);
    }
  }
  const written = [...texts, ...labels];
  for (const [index, one] of written.entries()) {
    for (const other of written.slice(index + 1)) if (overlap(one, other)) found.push(`${one.what} and ${other.what}`);
  }
  const picture = box('the picture', 0, 0, layout.width, layout.height, null);
  for (const one of [...states, ...written]) if (!contains(picture, one)) found.push(`${one.what} is cut off`);

  for (const line of layout.lines) {
    const name = `the line from ${line.line.from} to ${line.line.to}`;
    if (line.points.length < 2) found.push(`${name} is not drawn`);
    for (const segment of segments(line.points)) {
      if (segment.right - segment.left > SLACK && segment.bottom - segment.top > SLACK) found.push(`${name} is askew`);
      for (const one of states) {
        const around = one.owner === line.home || isAround(one.owner as string, line.home);
        if (around ? !contains(one, segment) : overlap(one, segment)) found.push(`${name} and state ${one.what}`);
      }
      for (const one of written) if (one.owner !== line && overlap(one, segment)) found.push(`${name} and ${one.what}`);
      for (const other of layout.lines) {
        if (other === line) continue;
        if (segments(other.points).some((each) => along(segment, each))) {
          found.push(`${name} and the line from ${other.line.from} to ${other.line.to}`);
        }
      }
    }
  }
  return found;
}

function box(what: string, x: number, y: number, width: number, height: number, owner: unknown): Box {
  return { what, left: x, top: y, right: x + width, bottom: y + height, owner };
}

function entries({ x, y, block }: PlacedBlock, where: string, owner: unknown): Box[] {
  return block.entries.map((entry) => {
    const words = entry.words.flatMap(({ runs }) => runs.map(({ text }) => text)).join(' ');
    return box(`"${words}" of ${where}`, x + entry.x, y + entry.y, entry.width, entry.height, owner);
  });
}

function segments(points: readonly Point[]): Box[] {
  return points.slice(1).map((to, index) => {
    const from = points[index] as Point;
    const [left, top] = [Math.min(from.x, to.x), Math.min(from.y, to.y)];
    return box('a line', left, top, Math.abs(to.x - from.x), Math.abs(to.y - from.y), null);
  });
}

const overlap = (one: Box, other: Box): boolean =>
  (one.left < other.right - SLACK &&
    other.left < one.right - SLACK &&
    one.top < other.bottom - SLACK &&
    other.top < one.bottom - SLACK) ||
  false;

const contains = (outer: Box, inner: Box): boolean =>
  inner.left >= outer.left - SLACK &&
  inner.top >= outer.top - SLACK &&
  inner.right <= outer.right + SLACK &&
  inner.bottom <= outer.bottom + SLACK;

/** They overlap, and neither is inside of the other. */
const crosses = (one: Box, other: Box): boolean => overlap(one, other) && !contains(one, other);

/** Two pieces of line that lie on each other, not across. */
function along(one: Box, other: Box): boolean {
  const [left, right] = [Math.max(one.left, other.left), Math.min(one.right, other.right)];
  const [top, bottom] = [Math.max(one.top, other.top), Math.min(one.bottom, other.bottom)];
  const wide = right - left;
  const high = bottom - top;
  return (
    (wide > 1 && Math.abs(high) < 1 && flat(one) && flat(other)) ||
    (high > 1 && Math.abs(wide) < 1 && !flat(one) && !flat(other))
  );
}

const flat = ({ left, right, top, bottom }: Box): boolean => right - left >= bottom - top;
