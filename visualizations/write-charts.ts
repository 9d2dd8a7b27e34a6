/** `npm run charts`: writes the pictures of every machine of the catalogue, and that of the client into the README. */
import { readFileSync, writeFileSync } from 'node:fs';
import { catalogue } from '../machines/index.ts';
import { toMermaid } from './mermaid.ts';
import { renderChart } from './render.ts';

for (const [name, { machine }] of Object.entries(catalogue)) {
  writeFileSync(`visualizations/charts/${name}.svg`, await renderChart(machine));
  writeFileSync(`visualizations/charts/${name}.mmd`, toMermaid(machine));
}

const section = `## The chart

![The statechart of a client](visualizations/charts/client.svg)

A bolt is an event, a star any of several, a clock a delay, a tick what is done, a cross what failed, a diamond what is taken at
once. \`[1: guard]\` is asked first. A chip in a state names where it leads in place of a line.

<details>
<summary>The same as Mermaid</summary>

\`\`\`mermaid
${toMermaid(catalogue.client.machine)}\`\`\`

</details>

`;
const readme = readFileSync('README.md', 'utf8');
writeFileSync(
  'README.md',
  readme.replace(/## The chart\n[\s\S]*?(?=The others are in)/, () => section),
);
