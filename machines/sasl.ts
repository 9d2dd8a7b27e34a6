/**
 * Authentication: which mechanism, with which channel binding, and what a refusal means.
 *
 * The chart sees that a challenge came, never what was in it. Passwords, payloads and keys stay in the shell, which does
 * the arithmetic in the promise actors `askCredentials`, `initiate`, `respond` and `verify`. RFC 6120 §6
 */
import { assign, fromPromise, setup } from 'xstate';
import { asFailure, type Failure } from './failure.ts';
import type { SaslEvent } from './wire.ts';

/** A mechanism with the way it is to be used. */
export interface Choice {
  readonly mechanism: string;
  /** The channel-binding type of a -PLUS mechanism. RFC 5056 */
  readonly binding: string | null;
  /** The GS2 flag: `p` we bind, `y` we could but the server offers no -PLUS, `n` we do not. RFC 5801 §4 */
  readonly gs2: 'p' | 'y' | 'n';
  /** -PLUS without an announced binding type: a refusal may be about the binding and says nothing of the password. */
  readonly wager: boolean;
}

export interface SaslInput {
  /** What the server offers. */
  readonly offered: readonly string[];
  /** The channel-binding types that the server announces, or null. XEP-0440 */
  readonly announced: readonly string[] | null;
  /** The channel-binding types that this connection can provide, best first; empty without TLS. */
  readonly bindings: readonly string[];
  /** The mechanisms we would use, strongest first. */
  readonly preferred: readonly string[];
  /** Mechanisms that show the password to the server may be used: the stream is encrypted, or allowed to be bare. */
  readonly plain: boolean;
  /** How often the credentials may be asked for on one stream. */
  readonly asks: number;
  /** Milliseconds each step may take. */
  readonly timeout: number;
  /** Why the attempt before this one was refused, for whoever is asked for credentials. */
  readonly refusal: Failure | null;
}

export interface SaslContext extends SaslInput {
  readonly choice: Choice | null;
  /** Mechanisms that the server has refused on this stream. */
  readonly refused: readonly string[];
  /** The wager was lost: no more -PLUS on this stream. */
  readonly unbound: boolean;
  /** How often credentials were asked for because the server refused the ones before. */
  readonly retries: number;
  readonly failure: Failure | null;
}

export type SaslOutput =
  | { readonly type: 'authenticated'; readonly choice: Choice }
  | { readonly type: 'failed'; readonly failure: Failure };

/**
 * The best mechanism that both sides know, or null.
 *
 * -PLUS is taken when the server announces a binding type that we have, or announces none at all. The flag `y` tells a
 * server that offers no -PLUS that we could have: if it did offer one and somebody cut it out, the server notices.
 */
export function chooseMechanism(
  state: Pick<SaslContext, 'offered' | 'announced' | 'bindings' | 'preferred' | 'plain' | 'refused' | 'unbound'>,
): Choice | null {
  const offersBinding = state.offered.some((name) => name.endsWith('-PLUS'));
  const binding = state.bindings.find((type) => state.announced === null || state.announced.includes(type)) ?? null;
  for (const mechanism of state.preferred) {
    if (!state.offered.includes(mechanism) || state.refused.includes(mechanism)) continue;
    if (mechanism === 'PLAIN' && !state.plain) continue;
    if (mechanism.endsWith('-PLUS')) {
      if (binding === null || state.unbound) continue;
      return { mechanism, binding, gs2: 'p', wager: state.announced === null };
    }
    const couldBind = mechanism.startsWith('SCRAM-') && state.bindings.length > 0;
    return { mechanism, binding: null, gs2: couldBind && !offersBinding ? 'y' : 'n', wager: false };
  }
  return null;
}

const NEXT_MECHANISM = ['invalid-mechanism', 'mechanism-too-weak', 'encryption-required'];

/** SASL failures that are about the credentials, so that others may do better. RFC 6120 §6.5 */
export const CREDENTIAL_REFUSALS: readonly string[] = [
  'not-authorized',
  'account-disabled',
  'credentials-expired',
  'invalid-authzid',
];

const WITHOUT_PASSWORD = ['EXTERNAL', 'ANONYMOUS'];

/** What a SASL failure means for the run. RFC 6120 §6.5 */
function refusal(condition: string, text: string | null): Failure {
  const retry =
    condition === 'temporary-auth-failure' ? 'backoff' : CREDENTIAL_REFUSALS.includes(condition) ? 'user' : 'never';
  return { kind: 'auth', stage: 'auth', condition, ...(text !== null && { text }), retry };
}

const isRefusal = (context: SaslContext, conditions: readonly string[]): boolean =>
  conditions.includes(context.failure?.condition ?? '');

const failed = (failure: Failure) => ({ type: 'failed', failure }) as const;

/** Authentication, without what is secret. RFC 6120 §6 */
export const saslMachine = setup({
  types: {
    context: {} as SaslContext,
    input: {} as SaslInput,
    events: {} as SaslEvent,
    output: {} as SaslOutput,
  },
  actors: {
    /** Settles the credentials for the choice; resolves to whether there are any. */
    askCredentials: fromPromise<boolean, { choice: Choice; offered: readonly string[]; refusal: Failure | null }>(
      () => new Promise(() => {}),
    ),
    /** Computes the initial response and writes `<auth/>`. */
    initiate: fromPromise<void, { choice: Choice }>(() => new Promise(() => {})),
    /** Answers the latest challenge. */
    respond: fromPromise<void>(() => new Promise(() => {})),
    /** Rejects unless the server has proved that it knows the password, where the mechanism lets it. */
    verify: fromPromise<void>(() => new Promise(() => {})),
  },
  actions: {
    /** Tells the server that we give up. RFC 6120 §6.4.4 */
    writeAbort: () => {},
    choose: assign({ choice: ({ context }) => chooseMechanism(context) }),
    countRetry: assign({ retries: ({ context }) => context.retries + 1 }),
    noteRefusal: assign(({ event }) =>
      event.type === 'sasl.failure' ? { failure: refusal(event.condition, event.text) } : {},
    ),
    noteNoMechanism: assign({
      failure: ({ context }) =>
        context.failure ??
        ({
          kind: 'auth',
          stage: 'auth',
          condition: 'no-mechanism',
          text: `the server offers ${context.offered.join(' ') || 'no mechanism'}, which is none that may be used here`,
          retry: 'never',
        } as const),
    }),
    noteNoCredentials: assign({
      failure: ({ context }) =>
        context.failure ??
        ({ kind: 'auth', stage: 'auth', condition: 'no-credentials', text: 'no credentials', retry: 'user' } as const),
    }),
    noteTimeout: assign({
      failure: { kind: 'timeout', stage: 'auth', text: 'no answer in time', retry: 'backoff' },
    }),
    noteOutOfTurn: assign({
      failure: { kind: 'protocol', stage: 'auth', text: 'success before the exchange was complete', retry: 'never' },
    }),
    /** The shell rejects with a `Failure`; anything else is a defect of ours. */
    noteError: assign((_, params: { error: unknown }) => ({ failure: asFailure(params.error, 'auth') })),
    dropMechanism: assign({
      refused: ({ context }) => [...context.refused, context.choice?.mechanism ?? ''],
    }),
    /** What was refused was the binding; nothing is known against the credentials. */
    dropBinding: assign({ unbound: true, failure: null }),
  },
  guards: {
    anyMechanism: ({ context }) => chooseMechanism(context) !== null,
    given: (_, params: { given: boolean }) => params.given,
    wagerLost: ({ context }) =>
      context.choice?.wager === true &&
      !isRefusal(context, ['temporary-auth-failure']) &&
      chooseMechanism({ ...context, unbound: true }) !== null,
    nextMechanism: ({ context }) =>
      isRefusal(context, NEXT_MECHANISM) ||
      (isRefusal(context, CREDENTIAL_REFUSALS) && WITHOUT_PASSWORD.includes(context.choice?.mechanism ?? '')),
    askAgain: ({ context }) => isRefusal(context, CREDENTIAL_REFUSALS) && context.retries + 1 < context.asks,
  },
  delays: {
    step: ({ context }) => context.timeout,
  },
}).createMachine({
  id: 'sasl',
  context: ({ input }) => ({ ...input, choice: null, refused: [], unbound: false, retries: 0, failure: null }),
  initial: 'selecting',
  states: {
    selecting: {
      description: 'The strongest mechanism that both sides know.',
      meta: { spec: 'RFC 6120 §6.3.3' },
      always: [
        { guard: 'anyMechanism', target: 'asking', actions: 'choose' },
        { target: 'failed', actions: 'noteNoMechanism' },
      ],
    },
    asking: {
      description: 'The application is asked for credentials.',
      invoke: {
        id: 'credentials',
        src: 'askCredentials',
        input: ({ context }) => ({
          choice: context.choice as Choice,
          offered: context.offered,
          refusal: context.failure ?? context.refusal,
        }),
        onDone: [
          { guard: { type: 'given', params: ({ event }) => ({ given: event.output }) }, target: 'initiating' },
          { target: 'failed', actions: 'noteNoCredentials' },
        ],
        onError: { target: 'failed', actions: { type: 'noteError', params: ({ event }) => ({ error: event.error }) } },
      },
      after: { step: { target: 'failed', actions: 'noteTimeout' } },
    },
    initiating: {
      description: 'The initial response is computed and written.',
      meta: { spec: 'RFC 6120 §6.4.2' },
      invoke: {
        id: 'initiate',
        src: 'initiate',
        input: ({ context }) => ({ choice: context.choice as Choice }),
        onDone: 'exchanging',
        onError: { target: 'failed', actions: { type: 'noteError', params: ({ event }) => ({ error: event.error }) } },
      },
      after: { step: { target: 'failed', actions: 'noteTimeout' } },
    },
    exchanging: {
      description: 'The server speaks: a challenge, success or failure.',
      meta: { spec: 'RFC 6120 §6.4.3' },
      on: {
        'sasl.challenge': 'responding',
        'sasl.success': 'verifying',
        'sasl.failure': { target: 'judging', actions: 'noteRefusal' },
      },
      after: { step: { target: 'failed', actions: ['writeAbort', 'noteTimeout'] } },
    },
    responding: {
      description: 'The answer to a challenge is computed and written.',
      meta: { spec: 'RFC 6120 §6.4.3' },
      invoke: {
        id: 'respond',
        src: 'respond',
        onDone: 'exchanging',
        onError: {
          target: 'failed',
          actions: ['writeAbort', { type: 'noteError', params: ({ event }) => ({ error: event.error }) }],
        },
      },
      on: {
        'sasl.success': { target: 'failed', actions: 'noteOutOfTurn' },
        'sasl.failure': { target: 'judging', actions: 'noteRefusal' },
      },
      after: { step: { target: 'failed', actions: ['writeAbort', 'noteTimeout'] } },
    },
    verifying: {
      description: 'Has the server proved that it knows the password?',
      meta: { spec: 'RFC 5802 §3' },
      invoke: {
        id: 'verify',
        src: 'verify',
        onDone: 'authenticated',
        onError: { target: 'failed', actions: { type: 'noteError', params: ({ event }) => ({ error: event.error }) } },
      },
      after: { step: { target: 'failed', actions: 'noteTimeout' } },
    },
    judging: {
      description: 'Was it the binding, the mechanism, the password, or all of it?',
      meta: { spec: 'RFC 6120 §6.5' },
      always: [
        { guard: 'wagerLost', target: 'selecting', actions: 'dropBinding' },
        { guard: 'nextMechanism', target: 'selecting', actions: 'dropMechanism' },
        { guard: 'askAgain', target: 'asking', actions: 'countRetry' },
        { target: 'failed' },
      ],
    },
    authenticated: {
      description: 'Both sides are who they say they are.',
      type: 'final',
      output: ({ context }) => ({ type: 'authenticated', choice: context.choice as Choice }) as const,
    },
    failed: {
      description: 'Not on this stream.',
      type: 'final',
      meta: { sink: true },
      output: ({ context }) => failed(context.failure as Failure),
    },
  },
  output: ({ event }) => (event as unknown as { output: SaslOutput }).output,
});
