/// <reference types="node" preserve="true" />
/** What `xstanza/visualizer` offers: any XState machine as a picture, as Mermaid, in words, as JSON, or live in the browser. */
export type { MachineDefinition } from './definition.ts';
export { type DescribeOptions, describe } from './describe.ts';
export { LayoutEngineMissingError } from './error.ts';
export { type LiveView, type LiveViewOptions, liveView } from './live/server.ts';
export { toMermaid } from './mermaid.ts';
export { renderChart } from './render.ts';
