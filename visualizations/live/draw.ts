/** Draws the chart that a worker thread is started with. */
import { parentPort, workerData } from 'node:worker_threads';
import { layoutOf } from '../layout.ts';
import { svgOf } from '../svg.ts';

parentPort?.postMessage(svgOf(await layoutOf(workerData)));
