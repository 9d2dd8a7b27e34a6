import * as assert from 'uvu/assert';
import { detached } from '../../src/xml/detached.ts';
import type { Element } from '../../src/xml/element.ts';
import { StreamParser } from '../../src/xml/parser.ts';
import { suite } from '../harness.ts';
import { HEADER } from '../xml/transcript.ts';

const test = suite('xml/detached');

/** The elements of a stream that came in pieces. */
function parse(...pieces: string[]): Element[] {
  const elements: Element[] = [];
  const nothing = () => {};
  const parser = new StreamParser({
    header: nothing,
    element: (element) => elements.push(element),
    footer: nothing,
    error: (error) => {
      throw error;
    },
  });
  for (const piece of [HEADER, ...pieces]) parser.write(Buffer.from(piece));
  return elements;
}

test('a copy is the same', () => {
  const [element] = parse(
    `<presence xml:lang='de' from='a@b' __proto__='x' xmlns:n='urn:n' n:attr='&lt;'><c xmlns='urn:c'/>text &amp; ü</presence>`,
  ) as [Element];
  const copy = detached(element);
  assert.is.not(copy, element);
  assert.is(copy.toString(), element.toString());
  assert.equal([copy.lang, copy.attr('__proto__')], ['de', 'x']);
});

test('a copy keeps nothing else alive', () => {
  const gc = (globalThis as { gc?: () => void }).gc;
  if (gc === undefined) return;
  const kept: Element[] = [];
  const used = () => {
    gc();
    const { heapUsed, external } = process.memoryUsage();
    return heapUsed + external;
  };
  const before = used();
  for (let number = 0; number < 400; number += 1) {
    const [presence] = parse(
      `<presence><status>somebody ${number} says a lot</status></presence><x>${'x'.repeat(100_000)}</x>`,
    );
    kept.push(detached(presence as Element));
  }
  assert.ok(used() - before < 4_000_000);
  assert.is(kept.length, 400);
});

test.run();
