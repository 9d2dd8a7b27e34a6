/**
 * The pause before the next attempt: a state that people look at and can cut short.
 *
 * While the network is known to be away no timer is armed at all. How long the pause is, is decided by `retryDelay` with
 * a random number that is handed in, so that a test can say what comes next.
 */
import { setup } from 'xstate';

/** How the pauses between attempts grow, in milliseconds. */
export interface BackoffPolicy {
  /** The ceiling of the first pause. */
  readonly start: number;
  /** What the ceiling is multiplied by after each further failure. */
  readonly factor: number;
  /** The highest ceiling. */
  readonly cap: number;
}

/** Milliseconds that every pause lasts at least, so that no answer of a server can make a client spin. */
export const SHORTEST_PAUSE = 100;

/** The part of its ceiling that every pause lasts at least, so that no run of luck can keep the pauses from growing. */
const SHORTEST_PART = 0.1;

/**
 * The pause before attempt number `attempt` (1 for the first after a failure): jitter over nearly all that is below an
 * exponential ceiling. With the usual policy a minute sees at most 28 attempts, whatever the dice say, as long as none of
 * them comes to a session that settles.
 *
 * @param random a number in [0, 1)
 */
export function retryDelay(policy: BackoffPolicy, attempt: number, random: number): number {
  const ceiling = Math.min(policy.cap, policy.start * policy.factor ** (attempt - 1));
  const floor = Math.max(ceiling * SHORTEST_PART, Math.min(SHORTEST_PAUSE, policy.cap));
  return Math.round(floor + random * Math.max(0, ceiling - floor));
}

export interface BackoffInput {
  /** Milliseconds to pause. */
  readonly delay: number;
  /** The network is known to be away. */
  readonly offline: boolean;
}

export type BackoffEvent =
  | { readonly type: 'retry' }
  | { readonly type: 'wake' }
  | { readonly type: 'network.offline' }
  | { readonly type: 'network.online' };

/** The pause before the next attempt, which loses no time while there is no network. */
export const backoffMachine = setup({
  types: {
    context: {} as BackoffInput,
    input: {} as BackoffInput,
    events: {} as BackoffEvent,
  },
  guards: {
    offline: ({ context }) => context.offline,
  },
  delays: {
    pause: ({ context }) => context.delay,
  },
}).createMachine({
  id: 'backoff',
  context: ({ input }) => input,
  initial: 'deciding',
  on: {
    retry: '.over',
  },
  states: {
    deciding: {
      description: 'Is there a network to wait for?',
      always: [{ guard: 'offline', target: 'held' }, { target: 'counting' }],
    },
    counting: {
      description: 'The clock runs towards the next attempt.',
      on: { wake: 'over', 'network.offline': 'held' },
      after: { pause: 'over' },
    },
    held: {
      description: 'No network: no timer is armed.',
      on: { 'network.online': 'over' },
    },
    over: {
      description: 'Time for the next attempt.',
      type: 'final',
    },
  },
});
