/** What inspection becomes: one frame a step, with everything that belongs to it, and nothing else changed. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import * as assert from 'uvu/assert';
import {
  type AnyActorRef,
  assign,
  createActor,
  createMachine,
  emit,
  fromCallback,
  fromPromise,
  fromTransition,
  type InspectionEvent,
  raise,
  sendParent,
  sendTo,
  setup,
} from 'xstate';
import type { ConnectionFacts, InspectedClient } from '../../../src/client/inspect.ts';
import type { Crossing } from '../../../src/stream/tap.ts';
import { Recorder } from '../../../visualizations/live/record.ts';
import type { NewFrame } from '../../../visualizations/live/ring.ts';
import type { StepFrame } from '../../../visualizations/live/world.ts';
import { suite } from '../../harness.ts';
import { until } from '../../servers/people.ts';

const test = suite('recorder', 20_000);

setFlagsFromString('--expose-gc');
const gc: (options: { type: 'major'; execution: 'async' }) => Promise<void> = runInNewContext('gc');

/** A recorder, its frames, and the names of actors by session id. */
function recording() {
  const frames: NewFrame[] = [];
  const ended: string[] = [];
  const recorder = new Recorder({
    push: (frame) => frames.push(frame),
    ended: (actor) => ended.push(actor),
    chart: (machine) => `chart of ${machine.id}`,
  });
  const inspect = (event: InspectionEvent) => recorder.inspect(event);
  const nameOf = (id: string | null): string | null =>
    frames.flatMap((frame) => (frame.kind === 'birth' && frame.actor === id ? [frame.id] : []))[0] ?? id;
  const steps = (): Omit<StepFrame, 'n' | 'at'>[] => frames.filter((frame) => frame.kind === 'step');
  return { frames, ended, recorder, inspect, nameOf, steps };
}

type Recording = ReturnType<typeof recording>;

/** Frames as text: who, what and from whom, and what became of it. */
function story({ frames, nameOf }: Recording): string[] {
  return frames.map((frame) => {
    const who = nameOf(frame.actor);
    if (frame.kind === 'birth')
      return `${who} born of ${nameOf(frame.parent)} in ${nameOf(frame.root)} as ${frame.chart}`;
    if (frame.kind === 'wire') return `${who} ${frame.direction} ${frame.xml}`;
    if (frame.kind === 'facts') return `${who} knows ${JSON.stringify(frame.facts)}`;
    const { event, from, taken, commands, states, tags, status, context, gone, output } = frame;
    const more: { [key: string]: unknown } = {
      payload: event.payload,
      taken,
      does: commands.map(({ type, params }) => (params === null ? type : { [type]: params })),
      states,
      tags,
      context,
      gone,
      output,
    };
    const text = Object.entries(more).flatMap(([key, value]) => {
      const empty =
        value === undefined || value === null || (typeof value === 'object' && Object.keys(value).length === 0);
      const json = JSON.stringify(value)?.replaceAll(/x:\d+/g, (id) => nameOf(id) ?? id);
      return empty ? [] : `${key} ${json}`;
    });
    return [`${who} hears ${event.type} of ${nameOf(from)}: ${status}`, ...text].join(', ');
  });
}

const idle = () => new Promise<void>((resolve) => setImmediate(resolve));

test('tells a scripted run of nested machines, promises and callbacks', async () => {
  const child = setup({
    actions: { toParent: sendParent(({ event }) => ({ type: 'heard', what: event.type })) },
  }).createMachine({
    id: 'child',
    initial: 'one',
    context: ({ input }) => ({ input }),
    states: {
      one: { on: { forward: { target: 'two', actions: 'toParent' } } },
      two: { on: { forward: 'three' } },
      three: { type: 'final' },
    },
    output: { well: true },
  });
  const gates: (() => void)[] = [];
  const machine = setup({
    actors: {
      child,
      works: fromPromise<string, { secret: string }>(
        () => new Promise((resolve) => gates.push(() => resolve('result'))),
      ),
      fails: fromPromise(() => new Promise((_, reject) => gates.push(() => reject(new Error('broken'))))),
      calls: fromCallback(({ sendBack, receive }) => {
        receive((event) => sendBack({ type: 'echo', of: event.type }));
      }),
    },
    actions: { shout: (_, _params: { loud: boolean }) => {}, note: () => {} },
    guards: { many: ({ context }) => context.count > 0 },
  }).createMachine({
    id: 'root',
    initial: 'idle',
    context: { count: 0, kept: null, temporary: { a: 1 } },
    entry: { type: 'shout', params: { loud: true } },
    states: {
      idle: { tags: ['quiet'], on: { go: { target: 'working', actions: assign({ count: 1 }) } } },
      working: {
        entry: [raise({ type: 'raised' }), 'note'],
        invoke: { id: 'promise', src: 'works', input: { secret: 'x' }, onDone: 'failing' },
        on: { raised: { actions: { type: 'shout', params: { loud: false } } } },
      },
      failing: {
        invoke: { id: 'failing', src: 'fails', onError: 'parental' },
      },
      parental: {
        invoke: [
          { id: 'kid', src: 'child', input: { age: 7 }, onDone: 'checking' },
          { id: 'callback', src: 'calls' },
        ],
        on: {
          tell: { actions: [sendTo('kid', { type: 'forward' }), emit({ type: 'told' })] },
          ask: { actions: sendTo('callback', { type: 'hello' }) },
          heard: { actions: 'note' },
          echo: {},
        },
      },
      checking: { always: [{ guard: 'many', target: 'over' }, 'idle'] },
      over: { type: 'final', entry: assign(() => ({ temporary: undefined })) },
    },
    output: ({ context }) => context.count,
  });

  const recorded = recording();
  const actor = createActor(machine, { id: 'root', inspect: recorded.inspect }).start();
  actor.send({ type: 'unknown', token: 'x' } as never);
  actor.send({ type: 'go', at: [1] } as never);
  gates.shift()?.();
  await idle();
  gates.shift()?.();
  await idle();
  actor.send({ type: 'ask' });
  actor.send({ type: 'tell' });
  actor.send({ type: 'tell' });

  assert.equal(story(recorded), [
    'root born of null in root as chart of root',
    'root hears xstate.init of null: active, does [{"shout":{"loud":true}}], states ["root","root.idle"], tags ["quiet"], context {"count":0,"kept":null,"temporary":{"a":1}}',
    'root hears unknown of null: active, payload {"token":"[hidden]"}, states ["root","root.idle"], tags ["quiet"]',
    'promise born of root in root as null',
    'promise hears xstate.init of root: active, payload {"input":{"secret":"[hidden]"}}',
    'root hears go of null: active, payload {"at":[1]}, taken ["root.idle --go[0]","root.working --raised[0]"], does [{"xstate.raise":{"event":{"type":"raised"}}},"note",{"xstate.spawnChild":{"id":"promise","actorRef":"[actor promise]","src":"works","input":{"secret":"[hidden]"}}},{"shout":{"loud":false}}], states ["root","root.working"], context {"count":1}',
    'promise hears xstate.promise.resolve of promise: done, payload {"data":"result"}, output "result"',
    'failing born of root in root as null',
    'failing hears xstate.init of root: active',
    'root hears xstate.done.actor.promise of promise: active, payload {"output":"result","actorId":"promise"}, taken ["root.working --xstate.done.actor.promise[0]"], does [{"xstate.stopChild":"[actor promise]"},{"xstate.spawnChild":{"id":"failing","actorRef":"[actor failing]","src":"fails"}}], states ["root","root.failing"]',
    'failing hears xstate.promise.reject of failing: error, payload {"data":{"name":"Error","message":"broken"}}, output {"name":"Error","message":"broken"}',
    'kid born of root in root as chart of child',
    'callback born of root in root as null',
    'kid hears xstate.init of root: active, payload {"input":{"age":7}}, states ["child","child.one"], context {"input":{"age":7}}',
    'callback hears xstate.init of root: active',
    'root hears xstate.error.actor.failing of failing: active, payload {"error":{"name":"Error","message":"broken"},"actorId":"failing"}, taken ["root.failing --xstate.error.actor.failing[0]"], does [{"xstate.stopChild":"[actor failing]"},{"xstate.spawnChild":{"id":"kid","actorRef":"[actor kid]","src":"child","input":{"age":7}}},{"xstate.spawnChild":{"id":"callback","actorRef":"[actor callback]","src":"calls"}}], states ["root","root.parental"]',
    'callback hears hello of root: active',
    'root hears ask of null: active, taken ["root.parental --ask[0]"], does [{"xstate.sendTo":{"to":"[actor callback]","targetId":"callback","event":{"type":"hello"}}}], states ["root","root.parental"]',
    'root hears echo of callback: active, payload {"of":"hello"}, taken ["root.parental --echo[0]"], states ["root","root.parental"]',
    'kid hears forward of root: active, taken ["child.one --forward[0]"], does [{"xstate.sendTo":{"to":"[actor root]","targetId":"#_parent","event":{"type":"heard","what":"forward"}}}], states ["child","child.two"]',
    'root hears tell of null: active, taken ["root.parental --tell[0]"], does [{"xstate.sendTo":{"to":"[actor kid]","targetId":"kid","event":{"type":"forward"}}},{"xstate.emit":{"event":{"type":"told"}}}], states ["root","root.parental"]',
    'root hears heard of kid: active, payload {"what":"forward"}, taken ["root.parental --heard[0]"], does ["note"], states ["root","root.parental"]',
    'kid hears forward of root: done, taken ["child.two --forward[0]"], states ["child","child.three"], output {"well":true}',
    'root hears tell of null: active, taken ["root.parental --tell[0]"], does [{"xstate.sendTo":{"to":"[actor kid]","targetId":"kid","event":{"type":"forward"}}},{"xstate.emit":{"event":{"type":"told"}}}], states ["root","root.parental"]',
    'callback hears xstate.stop of null: stopped',
    'root hears xstate.done.actor.kid of kid: done, payload {"output":{"well":true},"actorId":"kid"}, taken ["root.parental --xstate.done.actor.kid[0]","root.checking --always[0]"], does [{"xstate.stopChild":"[actor kid]"},{"xstate.stopChild":"[actor callback]"}], states ["root","root.over"], gone ["temporary"], output 1',
  ]);
  assert.equal(recorded.ended.map(recorded.nameOf), ['promise', 'failing', 'kid', 'callback', 'root']);
});

test('tells what it was that broke an actor', async () => {
  const broken = createMachine({
    id: 'broken',
    on: {
      go: {
        actions: () => {
          throw new Error('in an action');
        },
      },
    },
  });
  const parent = createMachine({
    id: 'parent',
    invoke: { id: 'kid', src: broken, onError: { target: '.worse' } },
    initial: 'well',
    states: { well: {}, worse: {} },
    on: { go: { actions: sendTo('kid', { type: 'go' }) } },
  });
  const recorded = recording();
  const root = createActor(broken, { id: 'root', inspect: recorded.inspect });
  root.subscribe({ error: () => {} });
  root.start().send({ type: 'go' });
  createActor(parent, { id: 'parent', inspect: recorded.inspect }).start().send({ type: 'go' });
  await idle();
  const ends = story(recorded).filter((line) => line.includes('error'));
  const output = 'output {"name":"Error","message":"in an action"}';
  assert.equal(ends, [
    `kid hears go of parent: error, does ["actions"], states ["broken"], ${output}`,
    'parent hears xstate.error.actor.kid of kid: active, payload {"error":{"name":"Error","message":"in an action"},"actorId":"kid"}, taken ["parent --xstate.error.actor.kid[0]"], states ["parent","parent.worse"]',
    `root hears go of null: error, does ["actions"], states ["broken"], ${output}`,
  ]);
  assert.is(recorded.recorder.isAlive(root.sessionId), false);
});

test('tells what breaks an actor from the start, and is done from the start', async () => {
  const recorded = recording();
  const thrower = (message: string) => () => {
    throw new Error(message);
  };
  const start = (id: string, machine: Parameters<typeof createMachine>[0]) => {
    const actor = createActor(createMachine(machine), { id, inspect: recorded.inspect });
    actor.subscribe({ error: () => {} });
    actor.start();
  };
  start('entering', { entry: thrower('entering') });
  start('context', { context: thrower('context') as () => object });
  start('done', { initial: 'a', states: { a: { type: 'final' } }, output: 5 });
  await idle();
  assert.equal(
    recorded.steps().map(({ actor, event, status, output }) => [recorded.nameOf(actor), event.type, status, output]),
    [
      ['entering', 'xstate.init', 'error', { name: 'Error', message: 'entering' }],
      ['done', 'xstate.init', 'done', 5],
      ['context', 'xstate.init', 'error', { name: 'Error', message: 'context' }],
    ],
  );
});

test('tells what other actors remember', () => {
  const recorded = recording();
  const counter = fromTransition((count, event: { type: string }) => (event.type === 'up' ? count + 1 : count), 0);
  const actor = createActor(counter, { id: 'counter', inspect: recorded.inspect }).start();
  actor.send({ type: 'up' });
  actor.stop();
  assert.equal(story(recorded).slice(1), [
    'counter hears xstate.init of null: active, context {"value":0}',
    'counter hears up of null: active, context {"value":1}',
    'counter hears xstate.stop of null: stopped',
  ]);
});

test('takes the timers of `after` for granted, and tells those that somebody wrote', () => {
  const machine = setup({ delays: { soon: 50_000 } }).createMachine({
    initial: 'a',
    entry: raise({ type: 'later' }, { delay: 60_000, id: 'mine' }),
    states: { a: { after: { 1000: 'b', soon: 'b' }, on: { go: 'b' } }, b: { after: { 2000: 'a' } } },
  });
  const recorded = recording();
  const actor = createActor(machine, { inspect: recorded.inspect }).start();
  actor.send({ type: 'go' });
  actor.stop();
  const commands = recorded.steps().map((step) => step.commands);
  assert.equal(commands, [
    [{ type: 'xstate.raise', params: { event: { type: 'later' }, delay: 60_000, id: 'mine' } }],
    [],
    [],
  ]);
});

test('follows a system that it is let into later', () => {
  const recorded = recording();
  const actor = createActor(createMachine({ id: 'late', on: { go: {} } }), { id: 'late' }).start();
  actor.system.inspect(recorded.inspect);
  actor.send({ type: 'go' });
  assert.equal(story(recorded), [
    'late born of null in late as chart of late',
    'late hears go of null: active, taken ["late --go[0]"], states ["late"]',
  ]);
});

test('knows the sender of every event that waits', () => {
  const recorded = recording();
  const machine = createMachine({
    on: { first: { actions: ({ self }) => self.send({ type: 'third' }) }, second: {}, third: {} },
  });
  const actor = createActor(machine, { id: 'root', inspect: recorded.inspect });
  const from = createActor(createMachine({ on: { go: { actions: sendTo(actor, { type: 'second' }) } } }), {
    id: 'other',
    inspect: recorded.inspect,
  }).start();
  actor.send({ type: 'first' });
  from.send({ type: 'go' });
  actor.start();
  const heard = recorded.steps().filter((step) => step.actor === actor.sessionId);
  assert.equal(
    heard.map(({ event, from }) => [event.type, recorded.nameOf(from)]),
    [
      ['xstate.init', null],
      ['first', null],
      ['second', 'other'],
      ['third', null],
    ],
  );
});

test('changes nothing for actors that are hard to look at', () => {
  const { proxy, revoke } = Proxy.revocable<{ type: string }>({ type: 'go' }, {});
  const hostile = {
    get trap(): never {
      throw new Error();
    },
    proxy,
  };
  const machine = createMachine({
    context: { hostile } as object,
    on: { go: { actions: assign(() => hostile as object) } },
  });
  const run = (inspect?: (event: InspectionEvent) => void) => {
    const errors: unknown[] = [];
    const actor = createActor(machine, { id: 'root', ...(inspect && { inspect }) });
    actor.subscribe({ error: (error) => errors.push(String(error)) });
    actor.start();
    actor.send({ type: 'go', hostile } as never);
    return [errors, actor.getSnapshot().status];
  };
  revoke();
  const recorded = recording();
  assert.equal(run(recorded.inspect), run());
  assert.equal(recorded.steps()[0]?.context, { hostile: { trap: '[unreadable]', proxy: '[unreadable]' } });
  const failing = new Recorder({
    push: () => assert.unreachable(),
    ended: () => assert.unreachable(),
    chart: () => assert.unreachable() as never,
  });
  assert.equal(
    run((event) => failing.inspect(event)),
    run(),
  );
});

test('tells no more of a step than anybody would read', () => {
  const recorded = recording();
  const machine = createMachine({
    initial: 'a',
    context: Object.fromEntries(Array.from({ length: 500 }, (_, index) => [`k${index}`, index])),
    entry: Array.from({ length: 500 }, () => ({ type: 'x'.repeat(500) })),
    states: {
      a: {
        always: {
          guard: ({ context }) => (context.k0 as number) < 300,
          actions: assign({ k0: ({ context }) => (context.k0 as number) + 1 }),
        },
      },
    },
  });
  const silent = machine.provide({ actions: { ['x'.repeat(500)]: () => {} } });
  createActor(silent, { inspect: recorded.inspect }).start().stop();
  const [first] = recorded.steps();
  assert.is(first?.taken.length, 100);
  assert.is(first?.commands.length, 100);
  assert.ok((first?.commands[0]?.type.length ?? 0) < 250);
  assert.is(Object.keys(first?.context ?? {}).length, 100);
});

test('lets actors be collected that stopped, broke, or were left alone', async () => {
  const recorded = recording();
  const machine = createMachine({
    id: 'leaf',
    context: { big: new Array(1_000).fill('x') },
    invoke: { id: 'callback', src: fromCallback(() => {}) },
    on: {
      throw: {
        actions: () => {
          throw new Error();
        },
      },
    },
  });
  const make = (then: (actor: AnyActorRef & { stop(): unknown }) => void): WeakRef<object> => {
    const actor = createActor(machine, { inspect: recorded.inspect });
    actor.subscribe({ error: () => {} });
    actor.start();
    then(actor);
    return new WeakRef(actor);
  };
  const references = [
    make((actor) => actor.stop()),
    make((actor) => actor.send({ type: 'throw' })),
    make((actor) => actor.send({ type: 'nothing' })),
    new WeakRef(createActor(machine, { inspect: recorded.inspect })),
  ];
  const count = 4 * 2;
  const isOver = () =>
    references.every((reference) => reference.deref() === undefined) && recorded.ended.length === count;
  // Collected from within this function, V8 may never come to say so.
  while (!isOver()) await gc({ type: 'major', execution: 'async' });
  // Those that never ended are known to be over all the same, each once.
  assert.is(new Set(recorded.ended).size, count);
  assert.ok(recorded.frames.length > 0);
  recorded.recorder.close();
});

// Clients.

const FACTS: ConnectionFacts = {
  phase: 'offline',
  jid: null,
  resumed: null,
  endpoint: null,
  tls: null,
  mechanism: null,
  channelBinding: null,
  streamManagement: null,
  sent: 0,
  unacked: 0,
  handled: 0,
  queued: 0,
  requests: 0,
  retry: null,
  failure: null,
};

/** What stands for a client: a chart with phases, a tap, and facts that a test sets. */
function client({ recorder, inspect }: Recording) {
  const machine = createMachine({
    id: 'client',
    initial: 'off',
    states: {
      off: { on: { start: 'on' } },
      on: { tags: ['online'], on: { stop: 'off', retry: { target: 'on', reenter: true } } },
    },
  });
  const actor = createActor(machine, { id: 'client', inspect });
  const taps = new Set<(crossing: Crossing) => void>();
  const state = { facts: FACTS, drops: 0, asked: 0 };
  recorder.client({
    actor: actor as unknown as InspectedClient['actor'],
    facts: () => {
      state.asked += 1;
      return state.facts;
    },
    tap: (listener) => {
      taps.add(listener);
      const unsubscribe = () => void taps.delete(listener);
      return { unsubscribe, [Symbol.dispose]: unsubscribe };
    },
    drop: () => {
      state.drops += 1;
    },
  });
  const cross = (xml: string) => {
    for (const listener of taps) listener({ direction: 'in', xml });
  };
  return { actor, taps, state, cross };
}

const kinds = ({ frames }: Recording): string => frames.map(({ kind }) => kind).join(' ');

test('tells what crosses the wire of a client, and no more of it than is read', () => {
  const recorded = recording();
  const { actor, cross } = client(recorded);
  cross('<a/>');
  cross('x'.repeat(20_000));
  const [, small, large] = recorded.frames;
  assert.equal(small, { kind: 'wire', actor: actor.sessionId, direction: 'in', xml: '<a/>' });
  assert.is((large as { xml: string }).xml, `${'x'.repeat(16_000)}… (4000 more)`);
  recorded.recorder.close();
});

test('tells the facts of a client at once when its phase changes, and soon otherwise', async () => {
  const recorded = recording();
  const { actor, state, cross } = client(recorded);
  actor.start();
  actor.send({ type: 'start' });
  assert.is(kinds(recorded), 'birth step step facts');
  state.facts = { ...FACTS, sent: 1 };
  actor.send({ type: 'nothing' } as never);
  state.facts = { ...FACTS, sent: 2 };
  cross('<a/>');
  cross('<a/>');
  const asked = state.asked;
  assert.is(kinds(recorded), 'birth step step facts step wire wire');
  await until(() => recorded.frames.length === 8);
  assert.equal(recorded.frames[7], { kind: 'facts', actor: actor.sessionId, facts: { ...state.facts } });
  assert.is(state.asked, asked + 1);
  cross('<a/>');
  await until(() => state.asked === asked + 2);
  assert.is(recorded.frames.length, 9, 'nothing new is not told');
  state.facts = { ...FACTS, phase: 'offline', sent: 3 };
  actor.send({ type: 'stop' });
  assert.is(kinds(recorded).slice(-10), 'step facts');
  actor.stop();
});

test('lets go of clients that end, and of all of them when it is closed', async () => {
  const recorded = recording();
  const [ending, going] = [client(recorded), client(recorded)];
  ending.actor.start().stop();
  assert.is(ending.taps.size, 0);
  going.actor.start();
  assert.is(going.taps.size, 1);
  const leaked = [...going.taps][0];
  going.cross('<a/>');
  const before = recorded.frames.length;
  recorded.recorder.close();
  assert.is(going.taps.size, 0);
  const { asked } = going.state;
  leaked?.({ direction: 'in', xml: '<late/>' });
  going.actor.send({ type: 'start' });
  client(recorded).cross('<a/>');
  await new Promise((resolve) => setTimeout(resolve, 150));
  assert.is(recorded.frames.length, before);
  assert.is(going.state.asked, asked);
});

test('gives orders to clients', () => {
  const recorded = recording();
  const { actor, state } = client(recorded);
  const order = (action: 'start' | 'stop' | 'retry' | 'drop') =>
    recorded.recorder.order({ actor: actor.sessionId, action });
  actor.start();
  assert.is(order('drop'), 'done');
  assert.is(state.drops, 1);
  for (const action of ['start', 'retry', 'stop'] as const) {
    assert.is(order(action), 'done');
    assert.is(recorded.steps().at(-1)?.event.type, action);
  }
  actor.stop();
  assert.is(order('start'), 'unknown');
});

test('gives other actors the orders that they take, and those within none', () => {
  const recorded = recording();
  const machine = createMachine({
    initial: 'off',
    states: { off: { on: { start: 'on' } }, on: {} },
    invoke: { id: 'kid', src: createMachine({ on: { start: {} } }) },
  });
  const actor = createActor(machine, { inspect: recorded.inspect }).start();
  const order = (id: string | undefined, action: 'start' | 'stop' | 'drop') =>
    recorded.recorder.order({ actor: id ?? '', action });
  assert.is(order(actor.sessionId, 'stop'), 'refused');
  assert.is(order(actor.sessionId, 'drop'), 'refused');
  assert.is(order(actor.sessionId, 'start'), 'done');
  assert.is(actor.getSnapshot().value, 'on');
  assert.is(order(actor.sessionId, 'start'), 'refused');
  assert.is(order((actor.getSnapshot().children.kid as AnyActorRef).sessionId, 'start'), 'unknown');
  assert.is(order('x:nobody', 'start'), 'unknown');
  const promise = createActor(
    fromPromise(async () => {}),
    { inspect: recorded.inspect },
  ).start();
  assert.is(order(promise.sessionId, 'start'), 'refused');
  actor.stop();
});

test.run();
