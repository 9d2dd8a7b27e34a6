/**
 * Exploring a machine of one's own that has a client in it: a window that shows a conversation while the client is online,
 * and a word of why while it is not. Everything that may happen to the two together is tried, in every state they can get
 * into, and what has to hold is looked at each time.
 */
import { fromCallback, setup } from 'xstate';
import { catalogue } from '../machines/index.ts';
import {
  alone,
  Coverage,
  clientKey,
  clientModel,
  clientMoves,
  coveringPaths,
  explore,
  sends,
  within,
} from '../src/testing/index.ts';

/** The app's machine. Its client is a child, as `actors: { client: clientMachine }` would be in real life. */
export const windowMachine = setup({
  types: { events: {} as { type: 'open' } | { type: 'close' } | { type: 'client.shown' } },
  actors: { client: alone(clientModel), noise: fromCallback(() => {}) },
}).createMachine({
  id: 'window',
  initial: 'closed',
  states: {
    closed: { description: 'Nothing to see.', on: { open: 'open' } },
    open: {
      description: 'The conversation, or why there is none.',
      invoke: { id: 'client', src: 'client', input: catalogue.client.inputs.default },
      on: { close: 'closed' },
    },
  },
});

/** Explores it, so many moves deep; returns what was found. */
export function exploreWindow(maxDepth: number) {
  const coverage = new Coverage();
  const exploration = explore(windowMachine, {
    input: undefined,
    moves: [sends({ type: 'open' }), sends({ type: 'close' }), within('client', clientMoves)],
    key: ({ children }) => children.client && clientKey(children.client.getSnapshot()),
    invariants: {
      'a closed window has no client': ({ actor }) => {
        const { value, children } = actor.getSnapshot();
        if (value === 'closed' && children.client !== undefined) throw new Error('there is one');
      },
    },
    coverage,
    maxDepth,
    truncate: true,
  });
  return { exploration, paths: coveringPaths(exploration, 'transitions'), missing: coverage.missing(windowMachine) };
}
