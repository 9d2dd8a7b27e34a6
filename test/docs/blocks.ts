/**
 * The programs in the documentation. A block of `ts` or `tsx` is a program; one that is marked `goes on`, as in "```ts goes on",
 * continues the program before it on the page. What `console.log(…); // like this` says behind it is what it has to print.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';

/** A fenced block of a page. */
export interface Block {
  readonly language: string;
  /** What is said behind the language. */
  readonly mark: string;
  /** The line of its first line of code, from 0 on. */
  readonly line: number;
  readonly code: readonly string[];
}

/** One or several blocks of a page that make a module. */
export interface Program {
  /** Such as `README.md:42`, where it begins. */
  readonly title: string;
  /** The name of its file, without where. */
  readonly file: string;
  /** As long as the page, so that errors name its lines. */
  readonly source: string;
  /** The lines that it has to print, in this order. */
  readonly prints: readonly string[];
}

/** The pages that people read; the reference is not written by hand. */
export const PAGES: readonly string[] = [
  'README.md',
  'MIGRATION.md',
  'CONTRIBUTING.md',
  ...readdirSync('docs')
    .filter((name) => name.endsWith('.md'))
    .sort()
    .map((name) => `docs/${name}`),
];

/** The fenced blocks of a page, also those that are indented in a list. */
export function blocksOf(page: string): readonly Block[] {
  const blocks: Block[] = [];
  let open: { language: string; mark: string; line: number; code: string[] } | null = null;
  for (const [number, line] of readFileSync(page, 'utf8').split('\n').entries()) {
    const fence = /^ *```(\w*) *(.*)$/.exec(line);
    if (fence === null) open?.code.push(line);
    else if (open === null) open = { language: fence[1] ?? '', mark: fence[2] ?? '', line: number + 1, code: [] };
    else {
      blocks.push(open);
      open = null;
    }
  }
  if (open !== null) throw new Error(`${page}:${open.line} is never closed`);
  return blocks;
}

/** The programs of a page. */
export function programsOf(page: string): readonly Program[] {
  const parts: Block[][] = [];
  for (const block of blocksOf(page)) {
    if (block.language !== 'ts' && block.language !== 'tsx') continue;
    if (block.mark !== '' && block.mark !== 'goes on') throw new Error(`${page}:${block.line} is marked ${block.mark}`);
    if (block.mark === '') parts.push([block]);
    else if (parts.length > 0) parts.at(-1)?.push(block);
    else throw new Error(`${page}:${block.line} goes on with nothing`);
  }
  return parts.map((blocks) => {
    const [{ line = 0, language = 'ts' } = {}] = blocks;
    const lines: string[] = [];
    for (const block of blocks) {
      while (lines.length < block.line) lines.push('');
      lines.push(...block.code);
    }
    return {
      title: `${page}:${line}`,
      file: `${basename(page, '.md')}-${line}.${language}`,
      // A module even without an import.
      source: `${lines.join('\n')}\nexport {};\n`,
      prints: lines.flatMap((text) => /^ *console\.log\(.*\); \/\/ (.*)$/.exec(text)?.[1] ?? []),
    };
  });
}
