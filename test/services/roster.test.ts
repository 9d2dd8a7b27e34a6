/** What of a roster is kept when there is no end to it. */
import * as assert from 'uvu/assert';
import { ReplyError } from '../../src/client/requests.ts';
import { Roster } from '../../src/services/roster.ts';
import { StanzaError } from '../../src/stanza/error.ts';
import { type Element, el } from '../../src/xml/element.ts';
import { suite } from '../harness.ts';
import { FakeHost } from './host.ts';

const test = suite('services/roster');

const query = (items: readonly Element[]) => el('query', { xmlns: 'jabber:iq:roster' }, items);
const result = (items: readonly Element[]) => el('iq', { type: 'result' }, query(items));
const push = (item: Element) => el('iq', { type: 'set', id: 'p' }, query([item]));
const somebody = (number: number, attrs = {}, ...content: Element[]) =>
  el('item', { jid: `somebody${number}@example.org`, ...attrs }, content);

test('100,000 items are', async () => {
  const fake = new FakeHost(result(Array.from({ length: 100_000 }, (_, number) => somebody(number, { name: 'S' }))));
  const roster = new Roster(fake.host);
  assert.is((await roster.load()).size, 100_000);
  assert.is(roster.get('somebody99999@example.org')?.name, 'S');
});

test('a million are not, and what was known stays', async () => {
  const fake = new FakeHost(result([somebody(1)]));
  const roster = new Roster(fake.host);
  await roster.load();
  // Who is named again and again is one.
  fake.answer = result(Array(300_000).fill(somebody(1)));
  assert.is((await roster.load()).size, 1);
  fake.answer = result(Array.from({ length: 300_000 }, (_, number) => somebody(number)));
  await roster.load().then(
    () => assert.unreachable(),
    (error) => assert.instance(error, ReplyError),
  );
  assert.is(roster.items.size, 1);
});

test('pushes without an end are refused, and room is made by what goes', async () => {
  const fake = new FakeHost(result([]));
  const roster = new Roster(fake.host);
  await roster.load();
  const fat = el('group', {}, 'x'.repeat(1024 * 1024));
  const full = (error: unknown) => error instanceof StanzaError && error.condition === 'resource-constraint';
  for (let number = 0; number < 31; number += 1) fake.request(push(somebody(number, {}, fat)));
  assert.throws(() => fake.request(push(somebody(31, {}, fat))), full);
  assert.is(roster.items.size, 31);
  fake.request(push(somebody(30, {}, fat)));
  fake.request(push(somebody(0, { subscription: 'remove' })));
  fake.request(push(somebody(31, {}, fat)));
  assert.throws(() => fake.request(push(somebody(32, {}, fat))), full);
});

test.run();
