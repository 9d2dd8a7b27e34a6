/** A statechart as a Mermaid state diagram: text that GitHub draws. */
import type { AnyStateMachine, AnyStateNode } from 'xstate';

/** The diagram of a machine, the same for the same machine always. */
export function toMermaid(machine: AnyStateMachine): string {
  const lines = ['stateDiagram-v2'];
  draw(machine.root, '  ', lines);
  return `${lines.join('\n')}\n`;
}

function draw(node: AnyStateNode, indent: string, lines: string[]): void {
  const children = Object.values(node.states);
  if (node.type === 'parallel') {
    // Regions can only be drawn inside a state.
    if (node.parent === undefined) lines.push(`${indent}state ${node.key} {`);
    children.forEach((child, index) => {
      if (index > 0) lines.push(`${indent}  --`);
      lines.push(`${indent}  state ${name(child)} {`);
      draw(child, `${indent}    `, lines);
      lines.push(`${indent}  }`);
    });
    if (node.parent === undefined) lines.push(`${indent}}`);
    return;
  }
  const initial = node.initial.target?.[0];
  if (initial !== undefined) lines.push(`${indent}[*] --> ${name(initial)}`);
  for (const child of children) {
    lines.push(`${indent}${name(child)}: ${child.key}`);
    if (Object.keys(child.states).length > 0) {
      lines.push(`${indent}state ${name(child)} {`);
      draw(child, `${indent}  `, lines);
      lines.push(`${indent}}`);
    }
    for (const [target, labels] of edges(child)) {
      const label = labels.filter((each) => each !== '').join(', ');
      lines.push(`${indent}${name(child)} --> ${target}${label === '' ? '' : `: ${label}`}`);
    }
    if (child.type === 'final') lines.push(`${indent}${name(child)} --> [*]`);
  }
}

/** A name without dots, which Mermaid would read as more than one state. */
function name(node: AnyStateNode): string {
  return node.path.join('_');
}

/** What leads out of a state, by target. */
function edges(node: AnyStateNode): Map<string, string[]> {
  const found = new Map<string, string[]>();
  const transitions = [...[...node.transitions.values()].flat(), ...(node.always ?? [])];
  for (const { target, eventType, guard } of transitions) {
    const to = target?.[0];
    if (to === undefined) continue;
    const label = `${event(eventType)}${guard === undefined ? '' : ` (${guardName(guard)})`}`.trim();
    const labels = found.get(name(to)) ?? [];
    found.set(name(to), [...labels, label]);
  }
  return found;
}

function event(type: string): string {
  const after = /^xstate\.after\.(.+?)\.[^.]+\./.exec(`${type}.`);
  if (after !== null) return `after ${after[1]}`;
  const actor = /^xstate\.(done|error)\.actor\.(.+)$/.exec(type);
  return actor === null ? type : `${actor[2]} ${actor[1] === 'done' ? 'done' : 'failed'}`;
}

function guardName(guard: unknown): string {
  if (typeof guard === 'string') return guard;
  const { type } = guard as { type?: unknown };
  return typeof type === 'string' ? type : 'guard';
}
