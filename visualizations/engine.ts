/** The layout engine, which is not there for everybody: elkjs is asked for only when a picture is drawn. */
import type { ElkNode } from 'elkjs/lib/elk-api.js';
import { LayoutEngineMissingError } from './error.ts';

/** Places the children, edges and labels of one graph. */
export type Engine = (graph: ElkNode) => Promise<ElkNode>;

let loading: Promise<Engine> | undefined;

/** The engine, in this process. @throws LayoutEngineMissingError */
export function loadEngine(): Promise<Engine> {
  loading ??= load();
  return loading;
}

async function load(): Promise<Engine> {
  type Module = { default: new () => { layout(graph: ElkNode): Promise<ElkNode> } };
  let module: Module;
  try {
    module = (await import('elkjs/lib/elk.bundled.js')) as unknown as Module;
  } catch (error) {
    loading = undefined;
    throw new LayoutEngineMissingError(error);
  }
  const elk = new module.default();
  return (graph) => elk.layout(graph);
}
