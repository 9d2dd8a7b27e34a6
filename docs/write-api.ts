/** `npm run api`: writes docs/api, a page for each entry point. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { readReference, render } from './reference.ts';

mkdirSync('docs/api', { recursive: true });
for (const page of readReference()) writeFileSync(`docs/api/${page.file}`, render(page));
