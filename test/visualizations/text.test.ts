import * as assert from 'uvu/assert';
import { drawable, textWidth, truncate, wrap } from '../../visualizations/text.ts';
import { suite } from '../harness.ts';

const test = suite('visualizations/text');

test('a text is as wide as its letters are', () => {
  assert.is(textWidth('', 12), 0);
  assert.is(textWidth('iii', 1000), 666);
  assert.is(textWidth('WWW', 1000), 2832);
  assert.is(textWidth('a', 10), 5.56);
  assert.ok(textWidth('state', 12, 'bold') > textWidth('state', 12));
});

test('a letter of East Asia fills a square, and so does an emoji; what is put on a letter takes no room', () => {
  assert.is(textWidth('日本', 10), 20);
  assert.is(textWidth('🚀', 10), 10);
  assert.is(textWidth('e\u0301', 10), textWidth('e', 10));
});

test('a text is shortened to what fits, between characters', () => {
  assert.is(truncate('short', 100, 12), 'short');
  const long = truncate('a'.repeat(100), 60, 12);
  assert.ok(long.endsWith('…') && textWidth(long, 12) <= 60);
  assert.ok(!/[\ud800-\udbff](?![\udc00-\udfff])/.test(truncate('🚀'.repeat(30), 77, 12)));
});

test('a text is broken between words, and no more lines than asked for', () => {
  const lines = wrap('one two three four five six seven eight nine ten', 60, 12, 2);
  assert.is(lines.length, 2);
  assert.ok(lines.every((line) => textWidth(line, 12) <= 60));
  assert.ok(lines[1]?.endsWith('…'));
  assert.equal(wrap('one two', 1000, 12, 3), ['one two']);
});

test('what cannot be drawn on one line is replaced', () => {
  assert.is(drawable(' a\n\tb '), 'a b');
  assert.is(drawable('a\u0000b\u001bc\u202ed\ud800e\uffff'), 'a\ufffdb\ufffdc\ufffdd\ufffde\ufffd');
  assert.is(drawable('x'.repeat(10_000)).length, 500);
});

test.run();
