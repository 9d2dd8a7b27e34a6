/** What a live view costs the program it looks at, where it runs for long or somebody reads slowly. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import * as assert from 'uvu/assert';
import { assign, createActor, createMachine, fromPromise } from 'xstate';
import { type LiveView, liveView } from '../../../visualizations/live/server.ts';
import { after, type World } from '../../../visualizations/live/world.ts';
import { suite } from '../../harness.ts';
import { until } from '../../servers/people.ts';
import { ask, Reader } from './reader.ts';

const test = suite('live view under load', 120_000);

setFlagsFromString('--expose-gc');
const gc: () => void = runInNewContext('gc');

const idle = () => new Promise<void>((resolve) => setImmediate(resolve));

/** Megabytes that are in use once all that can be is collected. */
async function used(): Promise<number> {
  for (let count = 0; count < 3; count++) {
    await idle();
    gc();
  }
  return process.memoryUsage().heapUsed / 2 ** 20;
}

/** Megabytes of which a collector may be unsure. */
const NOISE = 3;

const counter = createMachine({
  id: 'counter',
  context: { count: 0, text: '' },
  on: { count: { actions: assign(({ event }) => ({ count: event.to, text: `at ${event.to}` })) } },
});

const counting = (view: LiveView) => {
  const actor = createActor(counter, { inspect: view.inspect }).start();
  let to = 0;
  return async (events: number) => {
    for (const end = to + events; to < end; to++) {
      actor.send({ type: 'count', to, text: 'x'.repeat(100) });
      if (to % 1_000 === 0) await idle();
    }
  };
};

test('needs no more memory after 200,000 events than after 100,000', async () => {
  await using view = await liveView();
  const run = counting(view);
  const before = await used();
  await run(100_000);
  const middle = await used();
  await run(100_000);
  const end = await used();
  assert.ok(end - middle < NOISE, `${before.toFixed(1)}, ${middle.toFixed(1)}, ${end.toFixed(1)} MB`);
  assert.ok(middle - before < 40, `${before.toFixed(1)}, ${middle.toFixed(1)} MB`);
});

test('forgets actors that are over', async () => {
  await using view = await liveView({ limit: 1_000 });
  const machine = createMachine({
    id: 'short',
    initial: 'working',
    context: { text: 'x'.repeat(1_000) },
    states: {
      working: { invoke: { src: fromPromise(async () => 'x'.repeat(1_000)), onDone: 'over' } },
      over: { type: 'final' },
    },
  });
  const run = async (actors: number) => {
    for (let count = 0; count < actors; count++) {
      const actor = createActor(machine, { inspect: view.inspect }).start();
      if (count % 2 === 0) actor.stop();
      if (count % 100 === 0) await idle();
    }
    await idle();
  };
  await run(3_000);
  const middle = await used();
  await run(6_000);
  const end = await used();
  assert.ok(end - middle < NOISE, `${middle.toFixed(1)}, ${end.toFixed(1)} MB`);
  const reader = await Reader.follow(view.url);
  await until(() => reader.frames.length === 1_000);
  const { world } = JSON.parse(reader.events[0]?.data ?? '') as { world: World };
  assert.ok(Object.keys(world).length < 300, `${Object.keys(world).length} actors`);
  reader.close();
});

test('forgets actors that nobody stopped', async () => {
  await using view = await liveView({ limit: 100 });
  for (let count = 0; count < 2_000; count++) {
    createActor(counter, { inspect: view.inspect }).start();
    if (count % 100 === 0) await idle();
  }
  for (let actors = Number.POSITIVE_INFINITY; actors >= 200; ) {
    await idle();
    gc();
    const { body } = await ask(`${view.url}saved`);
    actors = Object.keys(JSON.parse(/"world":(\{.*\}),"limit"/.exec(body)?.[1] ?? '{}')).length;
  }
});

test('does not pile up what somebody does not read, who begins anew where too much was missed', async () => {
  await using view = await liveView({ limit: 2_000 });
  const run = counting(view);
  const slow = await Promise.all(Array.from({ length: 5 }, () => Reader.follow(view.url, { paused: true })));
  await run(20_000);
  const middle = await used();
  await run(40_000);
  const end = await used();
  assert.ok(end - middle < NOISE, `${middle.toFixed(1)}, ${end.toFixed(1)} MB`);
  for (const reader of slow) reader.read();
  const last = 60_001;
  await until(() => slow.every(({ frames }) => frames.at(-1)?.n === last));
  for (const { greetings, frames, world } of slow) {
    assert.ok(greetings > 1, `${greetings} greetings`);
    assert.ok(
      frames.every(({ n }, index) => n === (frames[0]?.n ?? 0) + index),
      'no frame is missing after a greeting',
    );
    assert.is(Object.values(world)[0]?.context.count, 59_999);
  }
  for (const reader of slow) reader.close();
});

test('tells a reader who keeps up everything, in order', async () => {
  await using view = await liveView({ limit: 5_000 });
  const reader = await Reader.follow(view.url);
  const run = counting(view);
  for (let count = 1; count <= 10; count++) {
    await run(1_000);
    await until(() => (reader.frames.at(-1)?.n ?? 0) >= count * 1_000);
  }
  assert.is(reader.greetings, 1);
  assert.ok(reader.frames.every(({ n }, index) => n === index));
  assert.equal(reader.frames.reduce<World>(after, {}), reader.world);
  assert.ok(reader.events.length < 1_000, 'frames come in batches');
  reader.close();
});

test.run();
