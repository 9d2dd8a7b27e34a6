/** `npm run charts`: writes the picture of every machine of the catalogue, and that of the client into the README. */
import { readFileSync, writeFileSync } from 'node:fs';
import { catalogue } from '../machines/index.ts';
import { toMermaid } from './mermaid.ts';

for (const [name, { machine }] of Object.entries(catalogue)) {
  writeFileSync(`visualizations/charts/${name}.mmd`, toMermaid(machine));
}

const readme = readFileSync('README.md', 'utf8');
const chart = toMermaid(catalogue.client.machine);
writeFileSync('README.md', readme.replace(/```mermaid\n[^`]*```/, `\`\`\`mermaid\n${chart}\`\`\``));
