/** What of presences is kept when there is no end to them. */
import * as assert from 'uvu/assert';
import { Presences } from '../../src/services/presences.ts';
import { el } from '../../src/xml/element.ts';
import { suite } from '../harness.ts';
import { FakeHost } from './host.ts';

const test = suite('services/presences');

function fake() {
  const fake = new FakeHost(el('iq'));
  const known = new Presences(fake.host);
  const say = (from: string, attrs = {}, text = '') =>
    fake.presence(el('presence', { from, ...attrs }, el('status', {}, text)));
  return { known, say, refused: fake.refused };
}

test('a flood of presences, large ones: who was there first stays, and room is made by those who go', () => {
  const { known, say, refused } = fake();
  const text = 'x'.repeat(1024 * 1024);
  say('juliet@localhost/a');
  for (let number = 0; number < 80; number += 1) say(`m${number}@localhost/x`, {}, text);
  assert.equal(refused, Array(17).fill('more presences than are kept'));
  assert.is([...known].length, 64);
  assert.is(known.get('m79@localhost'), undefined);
  say('juliet@localhost/a', {}, 'still here');
  assert.is(known.get('juliet@localhost')?.status, 'still here');
  say('m0@localhost', { type: 'unavailable' });
  say('m79@localhost/x', {}, text);
  assert.ok(known.get('m79@localhost'));
  // What takes the place of another needs no more room than that.
  say('m79@localhost/x', {}, `${text}${text}`);
  say('m78@localhost/x');
  assert.is(refused.length, 18);
  assert.is([...known].length, 65);
});

test('a flood of presences, small ones', () => {
  const { known, say, refused } = fake();
  for (let number = 0; number < 120_000; number += 1) say(`m${number}@localhost/x`);
  const { length } = [...known];
  assert.ok(length > 50_000 && length < 100_000, String(length));
  assert.is(length + refused.length, 120_000);
});

test('those who come and go leave nothing behind', () => {
  const gc = (globalThis as { gc?: () => void }).gc;
  if (gc === undefined) return;
  const { known, say } = fake();
  const used = () => {
    gc();
    return process.memoryUsage().heapUsed;
  };
  const before = used();
  for (let number = 0; number < 100_000; number += 1) {
    say(`m${number}@localhost/x`);
    say(`m${number}@localhost/x`, { type: 'unavailable' });
  }
  assert.ok(used() - before < 5_000_000, String(used() - before));
  assert.equal([...known], []);
});

test.run();
