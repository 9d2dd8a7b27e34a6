/** A statechart as a Mermaid state diagram: text that GitHub draws. */
import type { AnyStateMachine, AnyStateNode } from 'xstate';

interface Edge {
  readonly from: AnyStateNode;
  readonly to: AnyStateNode;
  readonly label: string;
}

/** The diagram of a machine, the same for the same machine always. */
export function toMermaid(machine: AnyStateMachine): string {
  const lines = ['stateDiagram-v2'];
  const edges = edgesBelow(machine.root);
  // Regions can only be drawn inside a state.
  if (machine.root.type === 'parallel') drawState(machine.root, edges, '  ', lines);
  else drawInside(machine.root, edges, '  ', lines);
  return `${lines.join('\n')}\n`;
}

function drawState(node: AnyStateNode, edges: readonly Edge[], indent: string, lines: string[]): void {
  lines.push(`${indent}${name(node)}: ${node.key}`);
  if (Object.keys(node.states).length === 0) return;
  lines.push(`${indent}state ${name(node)} {`);
  drawInside(node, edges, `${indent}  `, lines);
  lines.push(`${indent}}`);
}

/** States first and what leads from one to another last: Mermaid puts a state where it is mentioned first. */
function drawInside(node: AnyStateNode, edges: readonly Edge[], indent: string, lines: string[]): void {
  const initial = node.type === 'parallel' ? undefined : node.initial.target?.[0];
  if (initial !== undefined) lines.push(`${indent}[*] --> ${name(initial)}`);
  Object.values(node.states).forEach((child, index) => {
    if (node.type === 'parallel' && index > 0) lines.push(`${indent}--`);
    drawState(child, edges, indent, lines);
  });
  const own = edges.filter((edge) => home(edge) === node);
  if (own.some(({ from }) => from === node)) lines.push(`${indent}${anywhere(node)}: anywhere in ${node.key}`);
  for (const [ends, labels] of merged(own, node)) {
    const label = labels.filter((text) => text !== '').join(', ');
    lines.push(`${indent}${ends}${label === '' ? '' : `: ${label}`}`);
  }
  for (const child of Object.values(node.states)) {
    if (child.type === 'final') lines.push(`${indent}${name(child)} --> [*]`);
  }
}

/** Everything that leads from one state to another. */
function edgesBelow(node: AnyStateNode): Edge[] {
  const transitions = [...[...node.transitions.values()].flat(), ...(node.always ?? [])];
  const own = transitions.flatMap(({ target, eventType, guard }) => {
    const to = target?.[0];
    if (to === undefined) return [];
    return [
      { from: node, to, label: `${event(eventType)}${guard === undefined ? '' : ` (${guardName(guard)})`}`.trim() },
    ];
  });
  return [...own, ...Object.values(node.states).flatMap(edgesBelow)];
}

/** The innermost state that both ends are inside of; for what leads to a descendant, the state it leads from. */
function home({ from, to }: Edge): AnyStateNode {
  let node = contains(from, to) ? from : (from.parent as AnyStateNode);
  while (!contains(node, to)) node = node.parent as AnyStateNode;
  return node;
}

function contains(outer: AnyStateNode, inner: AnyStateNode): boolean {
  return inner.path.length > outer.path.length && outer.path.every((key, index) => inner.path[index] === key);
}

/** Labels by what they lead from and to. */
function merged(edges: readonly Edge[], inside: AnyStateNode): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const { from, to, label } of edges) {
    const ends = `${from === inside ? anywhere(from) : name(from)} --> ${name(to)}`;
    found.set(ends, [...(found.get(ends) ?? []), label]);
  }
  return found;
}

/** A name without dots, which Mermaid would read as more than one state. */
function name(node: AnyStateNode): string {
  return node.path.join('_') || node.key;
}

/** What leads from a state as a whole leads from here: Mermaid cannot draw a line from a box to its inside. */
function anywhere(node: AnyStateNode): string {
  return `${name(node)}_anywhere`;
}

function event(type: string): string {
  const after = /^xstate\.after\.(.+?)\.[^.]+\./.exec(`${type}.`);
  if (after !== null) return `after ${after[1]}`;
  const actor = /^xstate\.(done|error)\.actor\.(.+)$/.exec(type);
  if (actor !== null) return `${actor[2] === '*' ? 'a child' : actor[2]} ${actor[1] === 'done' ? 'done' : 'failed'}`;
  // An asterisk would be read as emphasis.
  return type.replaceAll('*', '#42;');
}

function guardName(guard: unknown): string {
  if (typeof guard === 'string') return guard;
  const { type } = guard as { type?: unknown };
  return typeof type === 'string' ? type : 'guard';
}
