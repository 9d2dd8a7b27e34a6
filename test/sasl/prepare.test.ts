import * as assert from 'uvu/assert';
import { prepare } from '../../src/sasl/prepare.ts';
import { suite } from '../harness.ts';
import { refused } from './rig.ts';

const test = suite('sasl/prepare');

test('the examples of RFC 4013 §3', async () => {
  for (const [from, to] of [
    ['I\u00adX', 'IX'],
    ['user', 'user'],
    ['USER', 'USER'],
    ['\u00aa', 'a'],
    ['\u2168', 'IX'],
  ] as const) {
    assert.is(prepare(from, 'invalid-password'), to);
  }
  await refused(() => prepare('\u0007', 'invalid-username'), 'invalid-username');
  await refused(() => prepare('\u0627\u0031', 'invalid-password'), 'invalid-password');
});

test('spaces become one kind of space, and compositions one form', () => {
  assert.is(prepare('a\u00a0b\u3000c', 'invalid-password'), 'a b c');
  assert.is(prepare('e\u0301', 'invalid-password'), '\u00e9');
});

test('what is younger than Unicode 3.2 passes', () => {
  assert.is(prepare('p🧀ss', 'invalid-password'), 'p🧀ss');
});

test('what the library trips over is an error like any other', async () => {
  await refused(() => prepare('\u00ad', 'invalid-username'), 'invalid-username');
  await refused(() => prepare('x'.repeat(1_000_000), 'invalid-password'), 'invalid-password');
});

test.run();
