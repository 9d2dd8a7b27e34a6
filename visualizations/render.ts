/** From a machine to a picture. */
import type { AnyStateMachine } from 'xstate';
import { chartOf } from './chart.ts';
import { layoutOf } from './layout.ts';
import { svgOf } from './svg.ts';

/** The SVG document of a machine's chart, the same for the same machine always. @throws LayoutEngineMissingError */
export async function renderChart(machine: AnyStateMachine): Promise<string> {
  return svgOf(await layoutOf(chartOf(machine)));
}
