/** Pictures of machines that are not ours. Mermaid, words and definitions of them are shown beside those of ours. */
import sax from 'sax';
import * as assert from 'uvu/assert';
import { type ChartState, chartOf, statesOf } from '../../visualizations/chart.ts';
import { renderChart } from '../../visualizations/render.ts';
import { suite } from '../harness.ts';
import { shapes } from './shapes.ts';

const test = suite('visualizations/foreign', 30_000);

/** The texts of a document, one for each element. @throws Error if it is not well-formed */
function textsOf(xml: string): string[] {
  const texts: string[] = [];
  const parser = sax.parser(true);
  parser.onerror = (error) => {
    throw error;
  };
  parser.ontext = (text) => texts.push(text);
  parser.write(xml).close();
  return texts;
}

/** How a key looks where nothing of it is left out. */
const short = ({ key }: ChartState): boolean => /^[\w .:;#*[\]-]{1,20}$/.test(key) && key.trim() === key;

for (const [title, { machine }] of Object.entries(shapes)) {
  test(`${title}: the picture is well-formed, and every state is in it`, async () => {
    const picture = await renderChart(machine);
    const texts = textsOf(picture);
    for (const state of statesOf(chartOf(machine).root).filter((one) => short(one) && one.history === null)) {
      assert.ok(texts.includes(state.key), state.id);
    }
    assert.is(await renderChart(machine), picture, 'the same every time');
  });
}

test.run();
