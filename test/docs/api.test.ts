import { readFileSync } from 'node:fs';
import * as assert from 'uvu/assert';
import { render } from '../../docs/reference.ts';
import { suite } from '../harness.ts';
import { reference } from './shared.ts';

const test = suite('docs/api');

test('the reference says what the declarations say', () => {
  for (const page of reference) {
    assert.ok(readFileSync(`docs/api/${page.file}`, 'utf8') === render(page), `${page.file} is old: npm run api`);
  }
});

test('everything that is exported, and every member of it, has a doc comment', () => {
  const silent = reference.flatMap(({ name, entries }) =>
    entries.flatMap((entry) => [
      ...(entry.words.text === '' ? [`${name}: ${entry.name}`] : []),
      ...entry.members.filter(isSilent).map((member) => `${name}: ${entry.name}.${member.name}`),
    ]),
  );
  assert.equal(silent, []);
});

function isSilent({
  words,
}: {
  readonly words: { readonly text: string; readonly tags: readonly unknown[] };
}): boolean {
  return words.text === '' && words.tags.length === 0;
}

test('every link leads somewhere', () => {
  const texts = new Map(reference.map((page) => [page.file, render(page)]));
  for (const [file, text] of texts) {
    for (const [link, page = '', anchor] of text.matchAll(/\]\(([a-z]+\.md)?#([a-z0-9-]+)\)/g)) {
      const headings = [...(texts.get(page === '' ? file : page) ?? '').matchAll(/^##+ (.*)$/gm)];
      const [name, number] = /^(.*?)(?:-(\d+))?$/.exec(anchor ?? '')?.slice(1) ?? [];
      const same = headings.filter(([, heading]) => heading?.toLowerCase() === name);
      assert.ok(same.length > Number(number ?? 0), `${file}: ${link}`);
    }
  }
});

test.run();
