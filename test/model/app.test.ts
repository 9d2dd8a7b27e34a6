/** An app explores a machine of its own that has the client's in it. */
import * as assert from 'uvu/assert';
import { sendTo, setup } from 'xstate';
import { type ClientSettings, clientMachine } from '../../machines/client.ts';
import { sampleSettings } from '../../machines/index.ts';
import { Coverage } from '../../src/testing/coverage.ts';
import { explore, type Moves, sends, within } from '../../src/testing/explore.ts';
import { clientModel, serverMoves } from '../../src/testing/moves.ts';
import { suite } from '../harness.ts';

const test = suite('model/app', 30_000);

/** A window with a client in it, which starts it when it is opened and waits for it when it is closed. */
const chat = setup({
  types: {
    context: {} as { readonly settings: ClientSettings },
    input: {} as { readonly settings: ClientSettings },
    events: {} as { type: 'open' } | { type: 'close' } | { type: 'gone' },
  },
  actors: { client: clientMachine },
  actions: {
    start: sendTo('client', { type: 'start' }),
    stop: sendTo('client', { type: 'stop' }),
  },
}).createMachine({
  id: 'chat',
  context: ({ input }) => input,
  initial: 'closed',
  states: {
    closed: { on: { open: 'shown' } },
    shown: {
      invoke: { id: 'client', src: 'client', input: ({ context }) => context },
      initial: 'open',
      states: {
        open: { entry: 'start', on: { close: 'closing' } },
        closing: { entry: 'stop', after: { 10000: '#chat.closed' } },
      },
    },
  },
});

/** What is tried of the server: enough to dial, and to be cut off. */
const some: readonly Moves<typeof clientModel>[] = serverMoves.filter(
  (move) =>
    typeof move === 'function' ||
    ['nobody knows where', 'one endpoint', 'connected over TLS', 'transport.lost'].includes(move.label),
);

test('all its transitions are taken, and what it promises holds for both machines', () => {
  const coverage = new Coverage();
  const { states } = explore(chat.provide({ actors: { client: clientModel } }), {
    input: { settings: { ...sampleSettings, maxInitialAttempts: null } },
    moves: [sends({ type: 'open' }), sends({ type: 'close' }), within('client', some)],
    coverage,
    invariants: {
      'nobody connects behind a closed window': ({ actor }) => {
        const { value, children } = actor.getSnapshot();
        if (value === 'closed') assert.is(children.client, undefined);
      },
      'an open window has a client that tries': ({ actor }) => {
        const snapshot = actor.getSnapshot();
        const client = snapshot.children.client?.getSnapshot();
        if (snapshot.matches({ shown: 'open' })) assert.ok(client?.hasTag('connecting') || client?.hasTag('failed'));
      },
      'a window that closes has a client that stops': ({ actor }) => {
        const snapshot = actor.getSnapshot();
        const client = snapshot.children.client?.getSnapshot();
        if (snapshot.matches({ shown: 'closing' }))
          assert.ok(client?.hasTag('offline') || client?.hasTag('disconnecting') || client?.hasTag('failed'));
      },
    },
  });
  assert.ok(states.size > 5);
  assert.equal(
    coverage.missing(chat).filter((id) => !id.includes('client')),
    [],
  );
});

test.run();
