import * as assert from 'uvu/assert';
import { type Filter, Filters } from '../../src/client/filters.ts';
import { type Element, el } from '../../src/xml/element.ts';
import { suite } from '../harness.ts';

const test = suite('client/filters');

/** A filter that leaves its mark on what it sees. */
const mark =
  (name: string): Filter =>
  (stanza) =>
    stanza.append(name);
const later =
  (filter: Filter): Filter =>
  async (stanza) =>
    filter(stanza);
const drop: Filter = () => null;

const run = async (...chain: Filter[]): Promise<string | null> => {
  const filters = new Filters();
  for (const filter of chain) filters.add(filter, 0);
  return (await filters.run(el('message')))?.text ?? null;
};

test('without filters a stanza passes as it is', () => {
  const filters = new Filters();
  const stanza = el('message');
  assert.ok(filters.empty);
  assert.is(filters.run(stanza), stanza);
});

const CHAINS: readonly [about: string, chain: Filter[], result: string | null][] = [
  ['in turn', [mark('a'), mark('b')], 'ab'],
  ['in turn, each taking its time', [later(mark('a')), later(mark('b'))], 'ab'],
  ['in turn, some taking their time', [mark('a'), later(mark('b')), mark('c'), later(mark('d'))], 'abcd'],
  ['up to one that drops', [mark('a'), drop, mark('b')], null],
  ['up to one that drops later', [mark('a'), later(drop), mark('b')], null],
  ['up to one that drops after one that took its time', [later(mark('a')), drop, mark('b')], null],
];

for (const [about, chain, result] of CHAINS) {
  test(`filters work ${about}`, async () => assert.is(await run(...chain), result));
}

test('what follows one that drops is not asked', async () => {
  let asked = 0;
  const count: Filter = (stanza) => {
    asked += 1;
    return stanza;
  };
  await run(count, drop, count);
  await run(count, later(drop), count);
  assert.is(asked, 2);
});

test('gives a promise only where a filter does', () => {
  const filters = new Filters();
  filters.add(mark('a'), 0);
  assert.not.instance(filters.run(el('message')), Promise);
  filters.add(later(mark('b')), 0);
  assert.instance(filters.run(el('message')), Promise);
});

test('are ordered by number, then by age', () => {
  const filters = new Filters();
  filters.add(mark('c'), 1);
  filters.add(mark('a'), -1);
  filters.add(mark('d'), 1);
  filters.add(mark('b'), 0);
  assert.is((filters.run(el('message')) as Element).text, 'abcd');
});

test('can be taken away, one at a time', () => {
  const filters = new Filters();
  const filter = mark('a');
  const first = filters.add(filter, 0);
  const second = filters.add(filter, 0);
  first();
  first();
  assert.is((filters.run(el('message')) as Element).text, 'a');
  second();
  assert.ok(filters.empty);
});

test('a change in the middle of a stanza is for the next', () => {
  const filters = new Filters();
  const remove = filters.add((stanza) => {
    remove();
    filters.add(mark('new'), 0);
    return stanza;
  }, 0);
  filters.add(mark('old'), 0);
  assert.is((filters.run(el('message')) as Element).text, 'old');
  assert.is((filters.run(el('message')) as Element).text, 'oldnew');
});

test('a failure comes as it was made', async () => {
  const error = new Error('no');
  const fail: Filter = () => {
    throw error;
  };
  const filters = new Filters();
  const remove = filters.add(fail, 0);
  assert.throws(
    () => filters.run(el('message')),
    (thrown: unknown) => thrown === error,
  );
  remove();
  filters.add(later(mark('a')), 0);
  filters.add(fail, 1);
  const rejection = await (filters.run(el('message')) as Promise<unknown>).catch((rejected) => rejected);
  assert.is(rejection, error);
});

test.run();
