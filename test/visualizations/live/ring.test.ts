import * as fc from 'fast-check';
import * as assert from 'uvu/assert';
import { type NewFrame, Ring } from '../../../visualizations/live/ring.ts';
import { after, type Frame, type World } from '../../../visualizations/live/world.ts';
import { suite } from '../../harness.ts';

const test = suite('ring');

const birth = (actor: string): NewFrame => ({
  kind: 'birth',
  actor,
  id: actor,
  parent: null,
  root: actor,
  chart: null,
});

const step = (actor: string, more: Partial<NewFrame & { kind: 'step' }> = {}): NewFrame => ({
  kind: 'step',
  actor,
  event: { type: 'go', payload: null },
  from: null,
  taken: [],
  commands: [],
  states: [],
  tags: [],
  status: 'active',
  context: {},
  ...more,
});

const wire = (actor: string, xml = '<a/>'): NewFrame => ({ kind: 'wire', actor, direction: 'in', xml });

const ring = (limit: number, options: { bytes?: number; isAlive?: (actor: string) => boolean } = {}): Ring =>
  new Ring({ limit, bytes: 1e9, isAlive: () => true, ...options });

const read = (ring: Ring): Frame[] => ring.frames().map((json) => JSON.parse(json));

test('numbers its frames', () => {
  const kept = ring(3);
  for (const actor of ['a', 'b', 'c', 'd']) kept.push(birth(actor));
  assert.equal(
    read(kept).map(({ n, actor }) => [n, actor]),
    [
      [1, 'b'],
      [2, 'c'],
      [3, 'd'],
    ],
  );
  assert.equal([kept.first, kept.next], [1, 4]);
  assert.equal(Object.keys(kept.world), ['a']);
});

test('keeps a key that is null and forgets one that is gone', () => {
  let world: World = {};
  const place = { n: 0, at: 0 };
  const frames = [birth('a'), step('a', { context: { x: null, y: 1 } }), step('a', { context: { z: 2 }, gone: ['y'] })];
  for (const frame of frames) world = after(world, { ...place, ...frame } as Frame);
  assert.equal(world.a?.context, { x: null, z: 2 });
});

test('leaves a world as it was', () => {
  const world = after({}, { n: 0, at: 0, ...birth('a') } as Frame);
  const later = after(world, { n: 1, at: 0, ...step('a', { context: { x: 1 } }) } as Frame);
  assert.equal([world.a?.context, later.a?.context], [{}, { x: 1 }]);
  assert.is(after(later, { n: 2, at: 0, ...wire('a') } as Frame), later);
  assert.is(after(later, { n: 2, at: 0, ...step('nobody') } as Frame), later);
});

const actor = fc.constantFrom('a', 'b', 'c');
const key = fc.constantFrom('x', 'y', 'z');
const anyFrame: fc.Arbitrary<NewFrame> = fc.oneof(
  actor.map(birth),
  actor.map((name) => wire(name)),
  fc
    .record({ name: actor, facts: fc.dictionary(key, fc.nat()) })
    .map(({ name, facts }) => ({ kind: 'facts' as const, actor: name, facts })),
  fc
    .record({
      name: actor,
      context: fc.dictionary(key, fc.option(fc.nat())),
      gone: fc.uniqueArray(key),
      states: fc.array(key),
    })
    .map(({ name, ...more }) => step(name, more)),
);

test('comes to the same world, however much of it is kept', () => {
  fc.assert(
    fc.property(fc.array(anyFrame, { maxLength: 40 }), fc.integer({ min: 1, max: 20 }), (frames, limit) => {
      const [all, some] = [ring(1_000), ring(limit)];
      for (const kept of [all, some]) for (const frame of frames) kept.push(frame);
      const timeless = (world: World): unknown => JSON.parse(JSON.stringify(world).replaceAll(/"at":\d+/g, '"at":0'));
      assert.equal(timeless(read(some).reduce(after, some.world)), timeless(read(all).reduce(after, all.world)));
      assert.is(read(some).length, Math.min(limit, frames.length));
    }),
  );
});

test('forgets an actor that is over with its last frame', () => {
  const living = new Set(['a', 'b']);
  const kept = ring(3, { isAlive: (id) => living.has(id) });
  kept.push(birth('a'));
  kept.push(birth('b'));
  kept.push(step('a', { status: 'done' }));
  living.delete('a');
  kept.ended('a');
  for (let count = 0; count < 2; count++) kept.push(wire('b'));
  assert.equal(Object.keys(kept.world), ['a', 'b']);
  kept.push(wire('b'));
  assert.equal(Object.keys(kept.world), ['b']);
});

test('forgets at once an actor that was collected and of which no frame tells', () => {
  const kept = ring(1, { isAlive: () => true });
  kept.push(birth('a'));
  kept.push(birth('b'));
  kept.ended('b');
  assert.equal(Object.keys(kept.world), ['a']);
  kept.ended('a');
  assert.equal(Object.keys(kept.world), []);
  assert.is(read(kept).length, 1);
});

test('is bounded by bytes', () => {
  const kept = ring(1_000, { bytes: 10_000 });
  for (let count = 0; count < 100; count++) kept.push(wire('a', 'ü'.repeat(500)));
  const size = Buffer.byteLength(kept.frames().join(''));
  assert.ok(size <= 10_000 && size > 8_000, `${size} bytes`);
  kept.push(wire('a', 'x'.repeat(20_000)));
  assert.is(read(kept).length, 1);
  kept.push(wire('a'));
  assert.is(read(kept).length, 1);
});

test('gives everything in bounded batches', () => {
  const kept = ring(5_000);
  for (let count = 0; count < 3_000; count++) kept.push(wire('a', 'x'.repeat(count % 1_000)));
  const seen: number[] = [];
  for (let from = kept.first; from < kept.next; ) {
    const { json, next } = kept.batch(from);
    assert.ok(json.length < 70_000);
    const frames = JSON.parse(json) as Frame[];
    assert.ok(frames.length <= 500);
    seen.push(...frames.map(({ n }) => n));
    from = next;
  }
  assert.equal(
    seen,
    read(kept).map(({ n }) => n),
  );
});

test.run();
