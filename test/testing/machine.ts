/** A machine to try the kit with: something is asked for, may take too long, is tried again, and given up. */
import { assign, fromPromise, setup } from 'xstate';
import { done, type ExploreOptions, fails, sends, timers } from '../../src/testing/explore.ts';

export const asking = setup({
  types: {
    context: {} as { readonly tries: number; readonly max: number },
    input: {} as { readonly max: number },
    events: {} as { type: 'ask' } | { type: 'stop' },
  },
  actors: { answer: fromPromise<number>(() => new Promise(() => {})) },
  actions: {
    count: assign({ tries: ({ context }) => context.tries + 1 }),
    forget: assign({ tries: 0 }),
    tell: () => {},
  },
  guards: {
    worn: ({ context }) => context.tries >= context.max,
    even: (_, params: { output: number }) => params.output % 2 === 0,
  },
}).createMachine({
  id: 'asking',
  context: ({ input }) => ({ tries: 0, max: input.max }),
  initial: 'idle',
  states: {
    idle: { on: { ask: 'waiting' } },
    waiting: {
      entry: ['count', 'tell'],
      invoke: {
        id: 'answer',
        src: 'answer',
        onDone: [
          {
            guard: { type: 'even', params: ({ event }) => ({ output: event.output }) },
            target: 'idle',
            actions: 'forget',
          },
          { target: 'judging' },
        ],
        onError: 'failed',
      },
      on: { ask: {}, stop: { target: 'idle', actions: 'forget' } },
      after: { 1000: 'judging' },
    },
    judging: { always: [{ guard: 'worn', target: 'failed' }, { target: 'waiting' }] },
    failed: { type: 'final' },
  },
});

/** Everything that can happen to it, up to two tries. */
export const everything: ExploreOptions<typeof asking> = {
  input: { max: 2 },
  moves: [
    sends({ type: 'ask' }),
    sends({ type: 'stop' }),
    done('answer', 2, 'even'),
    done('answer', 3, 'odd'),
    fails('answer', new Error('none')),
    timers,
  ],
  key: ({ context }) => context.tries,
};
