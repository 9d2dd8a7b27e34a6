import { readFileSync } from 'node:fs';
import * as assert from 'uvu/assert';
import { suite } from './harness.ts';

const test = suite('what SECURITY.md promises', 5_000);

interface Promised {
  readonly line: string;
  readonly lead: string;
  readonly file: string;
}

const text = readFileSync('SECURITY.md', 'utf8');

function read(line: string): Promised {
  const lead = /^- \*\*([^*]+)\*\*: /.exec(line)?.[1] ?? '';
  const file = /\(\[test\]\(([^)]+)\)\)$/.exec(line)?.[1] ?? '';
  return { line, lead, file };
}

// An item may go on over several lines.
const promises = text
  .replace(/\n +/g, ' ')
  .split('\n')
  .filter((line) => line.startsWith('- '))
  .map(read);

test('each promise has a name and a test of that name', () => {
  for (const { line, lead, file } of promises) {
    assert.ok(lead !== '' && file !== '', line);
    assert.ok(
      readFileSync(file, 'utf8').toLowerCase().includes(lead.toLowerCase()),
      `${file} does not speak of: ${lead}`,
    );
  }
});

test('no section promises nothing', () => {
  const sections = text.split(/^## /m).slice(1);
  for (const section of sections) {
    if (section.startsWith('Reporting')) continue;
    assert.match(section, /^- \*\*/m, section);
  }
});

test.run();
