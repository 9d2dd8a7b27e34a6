import * as assert from 'uvu/assert';
import { createActor, setup } from 'xstate';
import { Narrator, wantsColour } from '../../src/cli/narrator.ts';
import { suite } from '../harness.ts';
import { failure } from '../machines/samples.ts';

const test = suite('cli/narrator');

const COLOURS: readonly [terminal: boolean, env: NodeJS.ProcessEnv, wanted: boolean][] = [
  [true, {}, true],
  [false, {}, false],
  [true, { NO_COLOR: '1' }, false],
  [true, { NO_COLOR: '' }, true],
  [false, { FORCE_COLOR: '1' }, true],
  [true, { FORCE_COLOR: '0' }, false],
  [true, { FORCE_COLOR: '1', NO_COLOR: '1' }, true],
];

for (const [isTTY, env, wanted] of COLOURS) {
  test(`${isTTY ? 'a' : 'no'} terminal with ${JSON.stringify(env)}: ${wanted ? 'colour' : 'none'}`, () => {
    assert.is(wantsColour({ isTTY }, env), wanted);
  });
}

/** A narrator, and its lines without the clock. */
function listen(colour = false) {
  const lines: string[] = [];
  const narrator = new Narrator((line) => lines.push(line), colour);
  const told = () => lines.splice(0).map((line) => line.replace(/^ *\d+\.\d{3} {2}/, ''));
  return { narrator, lines, told };
}

type Event = { type: 'go' } | { type: 'stay' } | { type: 'lose'; failure: unknown } | { type: 'end' };

const machine = setup({ types: { events: {} as Event }, delays: { patience: 0 } }).createMachine({
  id: 'client',
  type: 'parallel',
  states: {
    link: {
      initial: 'down',
      states: {
        down: { on: { go: 'up' } },
        up: {
          initial: 'busy',
          states: { busy: { after: { patience: 'idle' } }, idle: {} },
          on: { stay: {}, lose: 'down', end: 'over' },
        },
        over: { type: 'final' },
      },
    },
    session: { initial: 'none', states: { none: { on: { go: 'held' } }, held: { on: { lose: 'none' } } } },
  },
});

function follow(colour = false) {
  const { narrator, told } = listen(colour);
  const timers: (() => void)[] = [];
  const actor = createActor(machine, {
    inspect: narrator.follow('romeo'),
    clock: { setTimeout: (callback) => timers.push(callback), clearTimeout() {} },
  });
  actor.start();
  return { actor, told, timers };
}

test('a change is told by what was left, what was entered and why', () => {
  const { actor, told } = follow();
  assert.equal(told(), [], 'the beginning is no change');
  actor.send({ type: 'go' });
  assert.equal(told(), ['romeo     client       link.down, session.none → link.up.busy, session.held  go']);
});

test('what does not change is not told', () => {
  const { actor, told } = follow();
  actor.send({ type: 'go' });
  told();
  actor.send({ type: 'stay' });
  assert.equal(told(), []);
});

test('a delay is told by its name', () => {
  const { actor, told, timers } = follow();
  actor.send({ type: 'go' });
  told();
  timers.shift()?.();
  assert.equal(told(), ['romeo     client       link.up.busy → link.up.idle  after patience']);
});

const REASONS: readonly [given: unknown, words: string][] = [
  [failure('stream', 'backoff', { condition: 'reset', text: 'sorry' }), 'lose: reset'],
  [failure('network', 'backoff', { text: 'cable pulled' }), 'lose: cable pulled'],
  [failure('network'), 'lose'],
  [null, 'lose'],
];

for (const [given, words] of REASONS) {
  test(`a failure is told: ${words}`, () => {
    const { actor, told } = follow();
    actor.send({ type: 'go' });
    told();
    actor.send({ type: 'lose', failure: given });
    const [line] = told();
    assert.ok(line?.endsWith(`→ link.down, session.none  ${words}`), line);
  });
}

test('the end of a child is told by its name and its output', () => {
  const child = setup({}).createMachine({
    id: 'sasl',
    initial: 'exchanging',
    states: { exchanging: { on: { refuse: 'refused' } }, refused: { type: 'final' } },
    output: { failure: failure('auth', 'user', { condition: 'not-authorized' }) },
  });
  const parent = setup({ actors: { child } }).createMachine({
    id: 'negotiation',
    initial: 'authenticating',
    states: {
      authenticating: { invoke: { id: 'sasl', src: 'child', onDone: 'refused' } },
      refused: {},
    },
  });
  const { narrator, told } = listen();
  const actor = createActor(parent, { inspect: narrator.follow('romeo') });
  actor.start();
  told();
  actor.getSnapshot().children.sasl?.send({ type: 'refuse' });
  const lines = told();
  assert.ok(lines.includes('romeo     sasl         exchanging → refused  refuse'), lines.join('\n'));
  const done = 'romeo     negotiation  authenticating → refused  sasl done: not-authorized';
  assert.ok(lines.includes(done), lines.join('\n'));
});

test('what is said is a line of its own, with the time it was said at', () => {
  const { narrator, lines } = listen();
  narrator.say('romeo', 'hello');
  narrator.complain('juliet', 'oh');
  assert.match(lines[0] as string, /^ +\d+\.\d{3} {2}romeo {5}hello$/);
  assert.match(lines[1] as string, /^ +\d+\.\d{3} {2}juliet {4}oh$/);
});

test('colour adds nothing but colour', () => {
  const plain = follow(false);
  const coloured = follow(true);
  for (const { actor } of [plain, coloured]) actor.send({ type: 'go' });
  const [line] = coloured.told();
  assert.match(line as string, '\u001b[36m');
  // biome-ignore lint/suspicious/noControlCharactersInRegex: colours are made of them
  const bare = (line as string).replace(/\u001b\[\d+m/g, '').replace(/^ *\d+\.\d{3} {2}/, '');
  assert.equal([bare], plain.told());
});

test.run();
