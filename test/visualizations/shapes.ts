/** Small machines of every shape that XState takes, whatever wrote them: what is drawn and told has to bear all of them. */
import {
  type AnyStateMachine,
  and,
  assign,
  cancel,
  createMachine,
  emit,
  enqueueActions,
  fromCallback,
  fromPromise,
  log,
  not,
  or,
  raise,
  sendTo,
  setup,
  spawnChild,
  stateIn,
  stopChild,
} from 'xstate';

export interface Shape {
  readonly machine: AnyStateMachine;
  /** What the names stand for that its definition has in place of functions, as far as they steer it. */
  readonly provided?: {
    readonly actions?: Readonly<Record<string, unknown>>;
    readonly guards?: Readonly<Record<string, unknown>>;
  };
}

const inert = fromPromise(() => new Promise<string>(() => {}));

/** Keys and events that some notation or other gives a meaning. */
export const AWKWARD = [
  'end',
  'state',
  'start',
  'note',
  'class',
  'default',
  'constructor',
  'stateDiagram-v2',
  '[*]',
  '-->',
  '%% comment',
  'a: b',
  'a; b',
  '#35;',
  '"quoted" \'twice\'',
  '<b>&amp;</b>',
  '`code` *stress* _line_ ~wave~',
  '1. list',
  '- list',
  'two\nlines',
  '{x}',
  '$$x$$',
  '\u001b[31mred',
  '\u202eturned',
  '日本語',
  '🚀',
  ' ',
  'x'.repeat(300),
];

function awkward(): AnyStateMachine {
  const states = Object.fromEntries(
    AWKWARD.map((key, index) => [
      key,
      {
        id: `awkward${index}`,
        description: key,
        tags: key,
        entry: { type: key, params: { kind: key } },
        on: { [key]: { target: `#awkward${(index + 1) % AWKWARD.length}`, guard: key } },
        ...(index % 5 === 0 && { initial: 'start', states: { start: {}, end: { type: 'final' as const } } }),
      },
    ]),
  );
  return createMachine({ id: 'awk"ward <&> %% id', initial: AWKWARD[0] as string, states });
}

function deep(levels: number): object {
  return levels === 0
    ? { on: { OUT: '#deep' } }
    : { initial: 'a', states: { a: deep(levels - 1), b: {} }, on: { [`DOWN${levels}`]: '.b' } };
}

const namedAction = () => {};

export const shapes: Readonly<Record<string, Shape>> = {
  empty: { machine: createMachine({}) },
  'no id': { machine: createMachine({ initial: 'a', states: { a: { on: { GO: 'b' } }, b: {} } }) },
  awkward: { machine: awkward() },
  'deep nesting': { machine: createMachine({ id: 'deep', ...deep(7) } as object) },

  history: {
    machine: createMachine({
      id: 'player',
      initial: 'off',
      states: {
        off: { on: { ON: 'on.shallow', RESUME: 'on.deep', AGAIN: 'on.default' } },
        on: {
          initial: 'low',
          on: { OFF: 'off' },
          states: {
            low: { on: { UP: 'high' } },
            high: { initial: 'still', states: { still: { on: { SHAKE: 'shaking' } }, shaking: {} } },
            shallow: { type: 'history' },
            deep: { type: 'history', history: 'deep' },
            default: { type: 'history', history: 'shallow', target: 'high' },
            inner: { type: 'history', target: 'high.shaking' },
            elsewhere: { type: 'history', target: '#player.on.high.still' },
          },
        },
      },
    }),
  },

  events: {
    machine: createMachine({
      id: 'events',
      initial: 'open',
      on: { '*': { actions: 'count' }, RESTART: '#events', HELP: { target: '#events.modal', reenter: true } },
      states: {
        open: {
          on: {
            'mouse.*': { actions: 'track' },
            'mouse.click': 'modal',
            KEY: [{ guard: 'isEscape', target: 'closed' }, { guard: 'isEnter', target: 'modal' }, { actions: 'type' }],
          },
        },
        modal: {
          initial: 'asking',
          on: { AGAIN: 'modal', WHOLE: { target: 'modal', reenter: true }, SELF: { target: '.asking' } },
          states: {
            asking: { on: { 'mouse.*': {}, KEY: undefined, YES: 'sure', UP: '#events.modal' } },
            sure: { on: { YES: { target: 'sure', reenter: true }, DONE: '#events.closed' } },
          },
        },
        closed: { on: { '*': 'open' } },
      },
    }),
  },

  time: {
    machine: setup({ delays: { patience: 5000, 'a.dotted delay': () => 10 } }).createMachine({
      id: 'time',
      initial: 'first',
      states: {
        first: {
          entry: 'start' as never,
          after: {
            1000: 'second',
            patience: [{ guard: () => true, target: 'third' }, { target: 'second' }],
            'a.dotted delay': { actions: 'blink' as never },
          },
        },
        second: { always: [{ guard: 'never' as never, target: 'first' }, 'third'] as never, after: { 50: undefined } },
        third: { after: { 2000: { target: 'first', reenter: true } } },
      },
    }),
    provided: { guards: { never: () => false } },
  },

  guards: {
    machine: setup({
      guards: { ready: () => true, busy: () => true, atLeast: (_, params: { count: number }) => params.count > 0 },
    }).createMachine({
      id: 'guards',
      initial: 'idle',
      states: {
        idle: {
          on: {
            A: { guard: and(['ready', not('busy')]), target: 'never' },
            B: { guard: or(['ready', 'busy']), target: 'busy' },
            C: { guard: stateIn({ busy: 'hard' }), target: 'never' },
            D: { guard: ({ event }) => event.type === 'D', target: 'busy' },
            E: { guard: { type: 'atLeast', params: { count: 3 } }, target: 'busy' },
            F: { guard: { type: 'atLeast', params: () => ({ count: 3 }) }, target: 'busy' },
          },
        },
        busy: {
          initial: 'hard',
          states: { hard: {} },
          on: { G: { guard: stateIn('#guards.busy'), target: 'idle' }, H: { guard: () => true, target: 'idle' } },
        },
        never: {},
      },
    }),
    provided: {
      guards: {
        'ready and not busy': and(['ready', not('busy')]),
        'in {"busy":"hard"}': stateIn({ busy: 'hard' }),
      },
    },
  },

  regions: {
    machine: createMachine({
      id: 'regions',
      type: 'parallel',
      on: { RESET: ['.left.a', '.right.a'], HALF: '.left.b', TOP: '#regions' },
      onDone: { actions: 'celebrate' },
      states: {
        left: {
          initial: 'a',
          states: { a: { on: { GO: 'b', CROSS: '#regions.right.c' } }, b: { on: { GO: 'c' } }, c: { type: 'final' } },
          onDone: { actions: 'leftDone' },
        },
        right: {
          initial: 'a',
          states: {
            a: { on: { GO: 'c', BOTH: { target: ['b', '#regions.left.b'] } } },
            b: { type: 'parallel', states: { x: {}, y: { on: { UP: '#regions.right', OVER: '#regions.right.b' } } } },
            c: { type: 'final' },
          },
        },
        alone: {},
      },
    }),
  },

  outcome: {
    machine: createMachine({
      id: 'outcome',
      initial: { target: 'working', actions: 'begin' } as never,
      context: { tries: 0, at: null },
      states: {
        working: {
          initial: 'one',
          states: { one: { on: { NEXT: 'two' } }, two: { type: 'final', output: { answer: 42, list: [1, null] } } },
          onDone: [{ guard: 'enough', target: 'good', actions: 'keep' }, { target: 'bad' }],
        },
        good: { type: 'final', output: ({ event }: { event: unknown }) => event },
        bad: { type: 'final' },
      },
      output: { fixed: true },
    }),
  },

  children: {
    machine: setup({ actors: { fetch: inert } }).createMachine({
      id: 'children',
      initial: 'both',
      states: {
        both: {
          invoke: [
            {
              id: 'first',
              src: 'fetch',
              systemId: 'fetcher',
              input: { url: '/' },
              onDone: [{ guard: () => true, target: 'inner' }, { target: 'failed' }],
              onError: 'failed',
              onSnapshot: { actions: 'look' as never },
            },
            { src: 'fetch', input: ({ context }) => context, onDone: 'inner', onError: { target: 'failed' } },
            { src: fromCallback(() => {}) },
          ],
        },
        inner: {
          invoke: {
            src: createMachine({ id: 'grandchild', initial: 'x', states: { x: {} } }),
            onDone: { target: 'failed', actions: ({ event }: { event: unknown }) => event },
          },
          on: { BACK: 'both' },
        },
        failed: { on: { BACK: 'both' } },
      },
    }),
  },

  'inline functions': {
    machine: createMachine({
      id: 'inline',
      initial: 'a',
      context: ({ input }: { input?: unknown }) => ({ input, children: [] as unknown[] }),
      entry: [assign({ input: 1 }), log('hello'), namedAction, () => {}],
      states: {
        a: {
          entry: () => {},
          exit: [
            namedAction,
            { type: 'told', params: ({ event }: { event: { type: string } }) => ({ kind: event.type }) },
          ],
          on: {
            RAISE: { actions: raise({ type: 'GO' }) },
            DELAYED: { actions: [raise({ type: 'GO' }, { delay: 10, id: 'later' }), cancel('later')] },
            EMIT: { actions: [emit({ type: 'seen' }), emit(() => ({ type: 'seen' }))] },
            QUEUE: { actions: enqueueActions(({ enqueue }) => enqueue.raise({ type: 'GO' })) },
            SPAWN: {
              actions: [
                spawnChild(inert, { id: 'spawned' }),
                stopChild('spawned'),
                sendTo(({ self }) => self, { type: 'GO' }),
                assign({ children: ({ spawn }) => [spawn(inert)] }),
              ],
            },
            GO: 'b',
          },
        },
        b: {
          on: { BACK: { target: 'a', actions: { type: 'told', params: { kind: 'static', list: [1, { two: 2 }] } } } },
        },
      },
    }),
    provided: {
      actions: {
        'raise GO': raise({ type: 'GO' }),
        enqueueActions: enqueueActions(({ enqueue }) => enqueue.raise({ type: 'GO' })),
        sendTo: sendTo(({ self }) => self, { type: 'GO' }),
      },
    },
  },

  'ids of their own': {
    machine: createMachine({
      id: 'ids',
      version: '1.2.3',
      description: 'A machine with a description.',
      initial: 'a',
      meta: { spec: 'None §1', nested: { list: [1, 2] }, gone: () => {} },
      states: {
        a: {
          id: 'first',
          tags: ['one', 'two'],
          on: { GO: { target: '#second.inner', description: 'deeper', meta: { why: 1 } } },
        },
        b: {
          id: 'second',
          description: 'Has\ntwo lines.',
          meta: { sink: true },
          initial: 'inner',
          states: { inner: { on: { GO: '#first' } }, a: { on: { GO: 'inner' } } },
        },
        c: { id: 'routed', route: { guard: () => true } } as object,
      },
    }),
  },
};
