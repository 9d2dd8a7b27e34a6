/**
 * `npm run build`, after the compiler: bundles the page into one HTML file beside the server.
 *
 *   node dist/visualizations/live/build-page.js [outDir]
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { build } from 'esbuild';
import { MARKS } from './page.ts';

const [outDir = 'dist'] = process.argv.slice(2);
const source = 'visualizations/live/page';

async function bundle(file: string): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [`${source}/${file}`],
    bundle: true,
    format: 'iife',
    target: 'es2022',
    charset: 'utf8',
    legalComments: 'none',
    write: false,
  });
  return (outputFiles[0] as { text: string }).text;
}

const style = await bundle('page.css');
const script = await bundle('main.ts');
const html = readFileSync(`${source}/page.html`, 'utf8')
  .replace('<!--style-->', () => `${MARKS.policy}\n<style nonce="${MARKS.nonce}">\n${style}</style>`)
  .replace('<!--script-->', () => `${MARKS.saved}\n<script nonce="${MARKS.nonce}">\n${script}</script>`);
writeFileSync(`${outDir}/visualizations/live/page.html`, html);
