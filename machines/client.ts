/**
 * The life of a client. Regions that run side by side:
 *
 * - `session`: what outlives a connection: the bound JID and the stanzas that are not acknowledged yet
 * - `link`: the connection, from asking where the server is to the pause before the next attempt
 * - `network`: what the platform says about the network
 * - `presence`: what others are to see, which starts and stops the client
 *
 * Every decision is here and no effect: the shell provides the actors and the inert actions. Stanzas never come here.
 * They flow past, through a gate that only `openGate` and `closeGate` move, and the chart hears the edges: `flow.waiting`,
 * `flow.drained`, `flow.heard`.
 *
 * `session` stands before `link` on purpose: where both answer one event, the session's announcements come first, so that
 * `destroyed` precedes `stopped` and `failure`. `presence` stands last, so that `presenceSent` follows `established`.
 */
import { assign, emit, fromCallback, fromPromise, not, or, raise, sendTo, setup, stateIn } from 'xstate';
import { type BackoffEvent, type BackoffPolicy, backoffMachine, retryDelay } from './backoff.ts';
import type { Endpoint } from './endpoint.ts';
import { asFailure, type Failure } from './failure.ts';
import {
  type NegotiationInput,
  type NegotiationOutput,
  negotiationMachine,
  type TlsPolicy,
  type Trust,
} from './negotiation.ts';
import { servicesMachine } from './services.ts';
import { type StreamOutput, streamMachine } from './stream.ts';
import {
  hasNextSource,
  isEndpointFault,
  newSweep,
  nextSource,
  redirected,
  type Source,
  SPENT,
  type Sweep,
  verdict,
} from './sweep.ts';
import type { Features, NegotiationEvent, StreamError, StreamEvent, Ticket } from './wire.ts';

/** The settings that the chart decides by. Times in milliseconds. */
export interface ClientSettings {
  /** The JID's domain, which the stream is addressed to. */
  readonly domain: string;
  /** The resource to ask for; null lets the server choose. */
  readonly resource: string | null;
  readonly tls: TlsPolicy;
  /** SASL mechanisms that may be used, strongest first. */
  readonly mechanisms: readonly string[];
  /** PLAIN may be used on a stream that is not encrypted, if it does not leave this host. */
  readonly bareLogin: boolean;
  /** How often credentials may be asked for on one stream. */
  readonly asks: number;
  /** How long connecting and each step of negotiation may take. */
  readonly negotiationTimeout: number;
  /** How long the server may take to answer our stream footer. */
  readonly shutdownTimeout: number;
  readonly backoff: BackoffPolicy;
  /** How long a session has to be live before past failures are forgotten. */
  readonly settle: number;
  /** Failed attempts after which a run gives up that was never online; null for never. */
  readonly maxInitialAttempts: number | null;
  /** A lost session may be followed by a new one. */
  readonly allowImplicitReconnect: boolean;
  /** Silence after which the server is asked to say something, and how long it may then take. Null: never ask. */
  readonly liveness: { readonly idle: number; readonly answer: number } | null;
  /** What to ask of stream management; `resume: false` wants acknowledgements only, null none of it. */
  readonly sm: { readonly resume: boolean; readonly max: number | null } | null;
}

/** What outlives a connection. XEP-0198 §5 */
export interface Session {
  readonly jid: string;
  readonly ticket: Ticket | null;
  /** Where it was bound; a `location` is reached the same way. */
  readonly endpoint: Endpoint | null;
}

export interface ClientInput {
  readonly settings: ClientSettings;
}

/** The pause that is running, for a countdown. */
export interface RetryPlan {
  /** 1 for the first attempt after a failure. */
  readonly attempt: number;
  /** Milliseconds from the failure to the attempt. */
  readonly delay: number;
  /** When the attempt is due, in milliseconds since the epoch. */
  readonly at: number;
}

/** What others are to see. RFC 6121 §4.7 */
export interface WantedPresence {
  /** Whether others are to see the client at all. */
  readonly available: boolean;
  /** Null is plain availability. */
  readonly show: 'away' | 'chat' | 'dnd' | 'xa' | null;
  /** Texts by language tag; the empty tag is the language of the stream. */
  readonly status: Readonly<Record<string, string>>;
  /** From -128 to 127. */
  readonly priority: number;
}

/** What only the shell can know, as it was at the last look. Times in milliseconds. */
export interface World {
  /** Since the epoch. */
  readonly now: number;
  /** In [0, 1). */
  readonly chance: number;
  /** Since the last byte came. */
  readonly silence: number;
  /** Since the server was probed. */
  readonly sinceProbe: number;
}

export interface ClientContext {
  readonly settings: ClientSettings;
  /** The bound JID; the last one while there is none. */
  readonly jid: string | null;
  readonly session: Session | null;
  /** This run has been online. */
  readonly reached: boolean;
  /** The session was taken up again the last time the client came online; null before it ever did. */
  readonly resumed: boolean | null;
  /** Failed attempts in a row. */
  readonly failures: number;
  readonly sweep: Sweep;
  /** Where we are connected or connecting to. */
  readonly endpoint: Endpoint | null;
  /** Where a live server sent us; the next sweep begins there. */
  readonly redirect: Endpoint | null;
  readonly features: Features | null;
  readonly trust: Trust | null;
  /** The latest failure, and after a failed run what ended it. */
  readonly failure: Failure | null;
  readonly retry: RetryPlan | null;
  /** Stanzas are waiting for an acknowledgement. */
  readonly owed: boolean;
  /** Stanzas wait to be written. */
  readonly stuck: boolean;
  /** When a stop has to be done, in milliseconds since the epoch. */
  readonly stopBy: number;
  /** What the shell last saw of the world outside. */
  readonly world: World;
  readonly presence: WantedPresence;
  /** When an online client was last cut off, in milliseconds since the epoch. */
  readonly offlineSince: number | null;
}

export type ClientMachineEvent =
  | { readonly type: 'start' }
  /** End the run within so many milliseconds, or within `shutdownTimeout`. */
  | { readonly type: 'stop'; readonly within?: number }
  /** What others are to see from now on. */
  | { readonly type: 'presence.set'; readonly presence: WantedPresence }
  /** What goes along with presence has changed, such as capabilities. */
  | { readonly type: 'presence.refresh' }
  /** Verify the connection now. */
  | { readonly type: 'probe' }
  /** The machine woke up from sleep. */
  | BackoffEvent
  | StreamEvent
  | NegotiationEvent
  /** Stanzas are waiting for an acknowledgement. */
  | { readonly type: 'flow.waiting' }
  /** None is waiting any more. */
  | { readonly type: 'flow.drained' }
  /** Stanzas wait to be written although the gate is open: the server does not read, or a filter takes its time. */
  | { readonly type: 'flow.stuck' }
  /** None waits any more. */
  | { readonly type: 'flow.free' }
  /** Something was received while we were probing. */
  | { readonly type: 'flow.heard' }
  | { readonly type: 'session.bound'; readonly output: NegotiationOutput }
  | { readonly type: 'session.established' }
  | { readonly type: 'session.resumed' }
  | { readonly type: 'session.expired' }
  | { readonly type: 'session.cut'; readonly failure: Failure }
  | { readonly type: 'judge' }
  | { readonly type: 'run.stopped' }
  | { readonly type: 'run.failed' };

/** What a client tells of its life. */
export type ClientEmitted =
  /** A new session is ready. Not for a resumed one. */
  | { readonly type: 'established'; readonly jid: string }
  /** The session goes on after an interruption, nothing was lost. */
  | { readonly type: 'resumed'; readonly jid: string }
  /** The connection of an established session is gone; `resumed` or `destroyed` follows. */
  | { readonly type: 'suspended'; readonly reason: Failure | null }
  /** The session is gone and with it whatever was known only to it; `reason` is null for stop(). */
  | { readonly type: 'destroyed'; readonly reason: Failure | null }
  /** Usable: after `established` and after `resumed`. `gapMs` is how long it was not. */
  | { readonly type: 'online'; readonly jid: string; readonly resumed: boolean; readonly gapMs: number }
  /** The next attempt comes after `delay` milliseconds. */
  | { readonly type: 'waiting'; readonly attempt: number; readonly delay: number; readonly reason: Failure }
  /** The server has been silent for long, or somebody wants to know: it is asked for a sign of life. */
  | { readonly type: 'probing' }
  /** The wanted presence is on its way: in a new session after `online`, and whenever it has changed. */
  | { readonly type: 'presenceSent'; readonly presence: WantedPresence }
  /** The run ended as asked. */
  | { readonly type: 'stopped' }
  /** The run ended because it cannot go on. */
  | { readonly type: 'failure'; readonly failure: Failure };

/** Nobody is to see us, or nobody said. */
export const UNAVAILABLE: WantedPresence = { available: false, show: null, status: {}, priority: 0 };

/** What the transport actor is told. */
export interface TransportInput {
  readonly endpoint: Endpoint;
  readonly settings: ClientSettings;
}

const EXPIRED: Failure = {
  kind: 'session',
  stage: 'resume',
  text: 'the session was not resumed in time',
  retry: 'backoff',
};
const REFUSED: Failure = {
  kind: 'session',
  stage: 'resume',
  text: 'the server did not resume the session',
  retry: 'backoff',
};
const SESSION_LOST: Failure = { kind: 'session', stage: 'resume', text: 'the session is lost', retry: 'user' };
const SILENT: Failure = { kind: 'timeout', stage: 'online', text: 'the server went silent', retry: 'backoff' };
const UNRESOLVED: Failure = { kind: 'timeout', stage: 'resolve', text: 'no answer in time', retry: 'backoff' };
const UNPREPARED: Failure = { kind: 'timeout', stage: 'prepare', text: 'the hooks took too long', retry: 'backoff' };
const DEFECT: Failure = {
  kind: 'internal',
  stage: 'online',
  text: 'the stream ended without a cause',
  retry: 'backoff',
};

/** The session is gone while a new one is not wanted: the run is over, whatever cut the connection. */
const isOver = ({ reached, session, settings }: ClientContext): boolean =>
  reached && session === null && !settings.allowImplicitReconnect;

const finalFailure = (context: ClientContext): Failure => {
  const failure = verdict(context.sweep.failures);
  return isOver(context) && (failure.retry === 'backoff' || context.sweep.failures.length === 0)
    ? { ...SESSION_LOST, attempts: context.sweep.failures }
    : failure;
};

const lastIsEndpointFault = (context: ClientContext): boolean => {
  const last = context.sweep.failures.at(-1);
  return last === undefined || isEndpointFault(last);
};

const refusalOf = (output: NegotiationOutput): { failure: Failure; error: StreamError | null } =>
  output.type === 'refused' ? output : { failure: DEFECT, error: null };

/** Whether the server may have taken the session up again without our knowing it. */
const isUnanswered = (output: NegotiationOutput): boolean => {
  const { failure } = refusalOf(output);
  return failure.kind === 'timeout' && failure.stage === 'resume';
};

const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '::1' || /^127(?:\.\d{1,3}){3}$/.test(host);

const negotiationInput = ({ settings, session, trust, failure, jid, endpoint }: ClientContext): NegotiationInput => ({
  tls: settings.tls,
  security: trust?.security ?? null,
  mechanisms: settings.mechanisms,
  bareLogin: settings.bareLogin && isLoopback(endpoint?.host ?? ''),
  asks: settings.asks,
  refusal: failure?.kind === 'auth' ? failure : null,
  previd: session?.ticket?.id ?? null,
  freshAllowed: settings.allowImplicitReconnect,
  resource: settings.resource ?? resourceOf(jid),
  sm: settings.sm,
  timeout: settings.negotiationTimeout,
});

/** The resource that was bound last, which a reconnect asks for again. */
const resourceOf = (jid: string | null): string | null => {
  const slash = jid?.indexOf('/') ?? -1;
  return jid === null || slash === -1 ? null : jid.slice(slash + 1);
};

/** The world of a chart without a shell: no time passes there. */
const NOWHERE: World = { now: 0, chance: 0.5, silence: 0, sinceProbe: 0 };

/** Milliseconds by which a timer may be late before the machine is thought to have slept. */
const OVERSLEPT = 1000;

/** How long the server may take to answer a probe, also where only the application ever probes. */
const answerTime = ({ liveness, negotiationTimeout }: ClientSettings): number => liveness?.answer ?? negotiationTimeout;

/** setTimeout takes no more. */
const LONGEST_DELAY = 2 ** 31 - 1;

/** The failure of a stream that ended, and where; whoever asked for its end without a cause is not asking here. */
const causeOf = ({ endpoint }: ClientContext, { cause }: StreamOutput): Failure => ({
  ...(cause ?? DEFECT),
  ...(endpoint !== null && { endpoint }),
});

/** A session survives a lost connection, unless the peers no longer agree what was said in it, or it is another's now. */
const canResume = (session: Session | null, failure: Failure): boolean =>
  session?.ticket?.id != null && failure.kind !== 'protocol' && failure.kind !== 'conflict';

/** The request to resume was answered by breaking the rules or the stream; asking again would end the same way. */
const isBeyondResumption = ({ stage, kind }: Failure): boolean =>
  stage === 'resume' && (kind === 'protocol' || kind === 'stream');

/**
 * The life of a client: its link, its session, its presence, and the network. Inert by itself; `createClient` gives it
 * hands.
 */
export const clientMachine = setup({
  types: {
    context: {} as ClientContext,
    input: {} as ClientInput,
    events: {} as ClientMachineEvent,
    emitted: {} as ClientEmitted,
    tags: {} as 'offline' | 'connecting' | 'online' | 'disconnecting' | 'failed',
  },
  actors: {
    /** Asks one source where to connect to. */
    resolve: fromPromise<readonly Endpoint[], { source: Source; session: Session | null; settings: ClientSettings }>(
      () => new Promise(() => {}),
    ),
    /** The connection: dials at its start, closes at its end, and says what it hears. */
    transport: fromCallback<ClientMachineEvent, TransportInput>(() => {}),
    /** Awaits the application's before-established hooks. */
    prepare: fromPromise<void>(() => new Promise(() => {})),
    /** Writes white space now and then, where the application asked for it. */
    keepalive: fromCallback<{ type: 'stop' }>(() => {}),
    stream: streamMachine,
    negotiation: negotiationMachine,
    backoff: backoffMachine,
    services: servicesMachine,
  },
  actions: {
    // Commands to the shell.
    openGate: (_, _params: { for: 'hooks' | 'everyone' }) => {},
    closeGate: () => {},
    /** Make the server say something: `<r/>`, else a ping. */
    writeProbe: () => {},
    /** The server took the session back: settle what it handled, send the rest again. */
    replay: () => {},
    /** The session of this connection is the client's now. */
    holdSession: () => {},
    /** The session is gone: every token and request of it gets its final state. */
    dropSession: (_, _params: { reason: Failure | null }) => {},
    /** The same for a session that was never announced: what waits for one goes on waiting. */
    dropFresh: (_, _params: { reason: Failure | null }) => {},
    /** The wanted presence, before everything else of a new session. */
    announcePresence: () => {},
    /** The wanted presence, behind what was sent before. */
    writePresence: () => {},
    /** Nothing waits any more for a run that is over. */
    endRun: (_, _params: { reason: Failure | null }) => {},
    /** Reads the clock and throws the dice, which are the shell's. */
    observe: assign({ world: ({ context }) => ({ ...NOWHERE, silence: context.settings.liveness?.idle ?? 0 }) }),

    // Messages to children.
    tellStream: sendTo('stream', ({ event }) => event as never),
    tellNegotiation: sendTo('negotiation', ({ event }) => event as never),
    tellBackoff: sendTo('backoff', ({ event }) => event as never),
    /** Ends the stream in what is left of the time to stop. */
    leaveStream: sendTo('stream', ({ context: { stopBy, world } }) => ({
      type: 'close' as const,
      failure: null,
      error: null,
      within: Math.max(0, stopBy - world.now),
    })),
    closeStream: sendTo('stream', (_, { failure, error }: { failure: Failure | null; error: StreamError | null }) => ({
      type: 'close' as const,
      failure,
      error,
    })),
    abortStream: sendTo('stream', (_, params: { failure: Failure | null }) => ({ type: 'abort' as const, ...params })),

    // Book-keeping.
    beginRun: assign({
      reached: false,
      resumed: null,
      failures: 0,
      failure: null,
      retry: null,
      redirect: null,
      offlineSince: null,
    }),
    beginSweep: assign(({ context }) => ({ sweep: newSweep(context.redirect), redirect: null, retry: null })),
    askNextSource: assign({ sweep: ({ context }) => nextSource(context.sweep) }),
    noteEndpoints: assign({
      sweep: ({ context }, params: { endpoints: readonly Endpoint[] }) => ({
        ...context.sweep,
        endpoints: params.endpoints,
      }),
    }),
    takeEndpoint: assign(({ context }) => ({
      endpoint: context.sweep.endpoints[0] ?? null,
      redirect: null,
      trust: null,
      sweep: { ...context.sweep, endpoints: context.sweep.endpoints.slice(1) },
    })),
    noteFailure: assign(({ context }, params: { failure: Failure }) => ({
      failure: params.failure,
      sweep: { ...context.sweep, failures: [...context.sweep.failures, params.failure] },
    })),
    noteRedirect: assign(({ context, event }) => {
      if (event.type !== 'stream.error' || event.redirect === null) return {};
      const tls = context.endpoint?.tls ?? 'starttls';
      return { redirect: { ...event.redirect, tls, source: 'redirect' } as const };
    }),
    followRedirect: assign({
      sweep: ({ context: { sweep, redirect } }) => (redirect === null ? sweep : redirected(sweep, redirect)),
    }),
    sumUp: assign(({ context }) => ({ failure: finalFailure(context), failures: context.failures + 1 })),
    planRetry: assign(({ context: { settings, failures, world } }) => {
      const delay = retryDelay(settings.backoff, failures, world.chance);
      return { retry: { attempt: failures, delay, at: world.now + delay } };
    }),
    leaveSweep: assign({ sweep: SPENT, owed: false, stuck: false }),
    noteOwed: assign({ owed: true }),
    noteSettled: assign({ owed: false }),
    noteStuck: assign({ stuck: true }),
    noteFree: assign({ stuck: false }),
    noteDeadline: assign({
      stopBy: ({ context: { world, settings }, event }) =>
        world.now +
        Math.min((event.type === 'stop' ? event.within : undefined) ?? settings.shutdownTimeout, LONGEST_DELAY),
    }),
    beginGap: assign({ offlineSince: ({ context }) => context.world.now }),
    forgetFailures: assign({ failures: 0 }),
    noteReached: assign((_, params: { resumed: boolean }) => ({ reached: true, failure: null, ...params })),
    noteSession: assign(({ context }, params: { output: NegotiationOutput }) =>
      params.output.type === 'bound'
        ? {
            jid: params.output.jid,
            session: { jid: params.output.jid, ticket: params.output.ticket, endpoint: context.endpoint },
          }
        : {},
    ),
    noteFeatures: assign(({ event }) => (event.type === 'features' ? { features: event.features } : {})),
    noteTrust: assign((_, params: { output: NegotiationOutput }) =>
      params.output.type === 'refused' ? {} : { trust: params.output.trust },
    ),
    noteSecurity: assign(({ event }) =>
      event.type === 'transport.connected'
        ? { trust: { security: event.security, mechanism: null, binding: null } }
        : {},
    ),
    forgetSession: assign({ session: null }),
    notePresence: assign(({ event }) => (event.type === 'presence.set' ? { presence: event.presence } : {})),

    // Announcements and signals between regions.
    signalBound: raise((_, params: { output: NegotiationOutput }) => ({ type: 'session.bound' as const, ...params })),
    signalEstablished: raise({ type: 'session.established' }),
    signalResumed: raise({ type: 'session.resumed' }),
    signalCut: raise((_, params: { failure: Failure }) => ({ type: 'session.cut' as const, ...params })),
    signalExpired: raise({ type: 'session.expired' }),
    /** A signal of its own, so that the session hears of its cut first. */
    signalJudge: raise({ type: 'judge' }),
    signalStart: raise({ type: 'start' }),
    /** Behind what the shell has to say of a presence that is stuck on its way out. */
    leave: sendTo(({ self }) => self, { type: 'stop' }),
    signalStopped: raise({ type: 'run.stopped' }),
    signalFailed: raise({ type: 'run.failed' }),
    emitEstablished: emit(({ context }) => ({ type: 'established' as const, jid: context.jid ?? '' })),
    emitResumed: emit(({ context }) => ({ type: 'resumed' as const, jid: context.jid ?? '' })),
    emitSuspended: emit((_, params: { reason: Failure | null }) => ({ type: 'suspended' as const, ...params })),
    emitDestroyed: emit((_, params: { reason: Failure | null }) => ({ type: 'destroyed' as const, ...params })),
    emitOnline: emit(({ context }, params: { resumed: boolean }) => ({
      type: 'online' as const,
      jid: context.jid ?? '',
      gapMs: context.offlineSince === null ? 0 : Math.round(context.world.now - context.offlineSince),
      ...params,
    })),
    emitWaiting: emit(({ context }) => ({
      type: 'waiting' as const,
      attempt: context.retry?.attempt ?? 0,
      delay: context.retry?.delay ?? 0,
      reason: context.failure ?? DEFECT,
    })),
    emitPresenceSent: emit(({ context }) => ({ type: 'presenceSent' as const, presence: context.presence })),
    emitProbing: emit({ type: 'probing' }),
    emitStopped: emit({ type: 'stopped' }),
    emitFailure: emit(({ context }) => ({ type: 'failure' as const, failure: context.failure ?? DEFECT })),
  },
  guards: {
    found: (_, params: { endpoints: readonly Endpoint[] }) => params.endpoints.length > 0,
    anySource: ({ context }) => hasNextSource(context.sweep),
    bound: (_, params: { output: NegotiationOutput }) => params.output.type === 'bound',
    resumed: (_, params: { output: NegotiationOutput }) => params.output.type === 'resumed',
    unanswered: (_, params: { output: NegotiationOutput }) => isUnanswered(params.output),
    leaving: or([stateIn({ link: { connected: 'leaving' } }), stateIn({ link: { connected: { live: 'draining' } } })]),
    stuck: ({ context }) => context.stuck,
    resumable: ({ context }, params: { failure: Failure }) => canResume(context.session, params.failure),
    beyondResumption: (_, params: { failure: Failure }) => isBeyondResumption(params.failure),
    mustResume: ({ context }) => !context.settings.allowImplicitReconnect,
    sentElsewhere: ({ context }) => context.redirect !== null,
    redirected: ({ context }) =>
      context.redirect !== null && redirected(context.sweep, context.redirect) !== context.sweep,
    anotherEndpoint: ({ context }) => context.sweep.endpoints.length > 0 && lastIsEndpointFault(context),
    anotherSource: ({ context }) => hasNextSource(context.sweep) && lastIsEndpointFault(context),
    sessionGone: ({ context }) => isOver(context),
    hopeless: ({ context }) => {
      if (finalFailure(context).retry !== 'backoff') return true;
      const { maxInitialAttempts } = context.settings;
      return !context.reached && maxInitialAttempts !== null && context.failures + 1 >= maxInitialAttempts;
    },
    withdrawn: ({ event }) => event.type === 'presence.set' && !event.presence.available,
    /** The same as before; an object that says the same is the same. */
    unchanged: ({ context, event }) => event.type === 'presence.set' && event.presence === context.presence,
    withheld: stateIn({ presence: 'withheld' }),
    attached: stateIn({ session: { held: 'attached' } }),
    detached: stateIn({ session: { held: 'detached' } }),
    withoutSession: not(stateIn({ session: 'held' })),
    runEnding: or([
      stateIn({ link: 'ending' }),
      stateIn({ link: { connected: 'leaving' } }),
      stateIn({ link: { connected: { live: 'draining' } } }),
    ]),
    runOver: or([stateIn({ link: 'down' }), stateIn({ link: 'failed' })]),
    owing: ({ context }) => context.owed,
    silent: ({ context: { settings, world } }) => settings.liveness !== null && world.silence >= settings.liveness.idle,
    /** The clock was asleep rather than the server: the deadline passed long before anybody looked. */
    overslept: ({ context: { settings, world } }) => world.sinceProbe > answerTime(settings) + OVERSLEPT,
  },
  delays: {
    settle: ({ context }) => context.settings.settle,
    step: ({ context }) => context.settings.negotiationTimeout,
    /** Until the server will have been silent for long enough to be asked, if it goes on like that. */
    idle: ({ context: { settings, world } }) => {
      const idle = settings.liveness?.idle ?? LONGEST_DELAY;
      return world.silence < idle ? Math.ceil(idle - world.silence) : idle;
    },
    answer: ({ context }) => answerTime(context.settings),
    stopTime: ({ context: { stopBy, world } }) => Math.max(0, stopBy - world.now),
    resumeWindow: ({ context }) => Math.min((context.session?.ticket?.max ?? Infinity) * 1000, LONGEST_DELAY),
  },
}).createMachine({
  id: 'client',
  type: 'parallel',
  context: ({ input }) => ({
    settings: input.settings,
    jid: null,
    session: null,
    reached: false,
    resumed: null,
    failures: 0,
    sweep: newSweep(),
    endpoint: null,
    redirect: null,
    features: null,
    trust: null,
    failure: null,
    retry: null,
    owed: false,
    stuck: false,
    stopBy: 0,
    world: NOWHERE,
    presence: UNAVAILABLE,
    offlineSince: null,
  }),
  states: {
    session: {
      description: 'What outlives a connection.',
      meta: { spec: 'XEP-0198 §5' },
      initial: 'none',
      states: {
        none: {
          description: 'Nothing to lose.',
          on: {
            'session.bound': {
              target: 'fresh',
              actions: [{ type: 'noteSession', params: ({ event }) => ({ output: event.output }) }, 'holdSession'],
            },
          },
        },
        fresh: {
          description: 'Bound, and not announced before the hooks are through.',
          on: {
            'session.established': {
              target: 'held',
              actions: [
                'observe',
                { type: 'noteReached', params: { resumed: false } },
                'emitEstablished',
                { type: 'emitOnline', params: { resumed: false } },
              ],
            },
            'run.stopped': {
              target: 'none',
              actions: [{ type: 'dropFresh', params: { reason: null } }, 'forgetSession'],
            },
            'session.cut': {
              target: 'none',
              actions: [{ type: 'dropFresh', params: ({ event }) => ({ reason: event.failure }) }, 'forgetSession'],
            },
          },
        },
        held: {
          description: 'Established.',
          initial: 'attached',
          invoke: { id: 'services', src: 'services' },
          on: {
            'run.stopped': {
              target: 'none',
              actions: [
                { type: 'dropSession', params: { reason: null } },
                'forgetSession',
                { type: 'emitDestroyed', params: { reason: null } },
              ],
            },
            'run.failed': {
              target: 'none',
              actions: [
                { type: 'dropSession', params: ({ context }) => ({ reason: context.failure }) },
                'forgetSession',
                { type: 'emitDestroyed', params: ({ context }) => ({ reason: context.failure }) },
              ],
            },
          },
          states: {
            attached: {
              description: 'A connection carries it.',
              on: {
                'session.cut': [
                  {
                    guard: { type: 'resumable', params: ({ event }) => ({ failure: event.failure }) },
                    target: 'detached',
                    actions: [
                      'observe',
                      'beginGap',
                      { type: 'emitSuspended', params: ({ event }) => ({ reason: event.failure }) },
                    ],
                  },
                  {
                    target: '#client.session.none',
                    actions: [
                      'observe',
                      'beginGap',
                      { type: 'emitSuspended', params: ({ event }) => ({ reason: event.failure }) },
                      { type: 'dropSession', params: ({ event }) => ({ reason: event.failure }) },
                      'forgetSession',
                      { type: 'emitDestroyed', params: ({ event }) => ({ reason: event.failure }) },
                    ],
                  },
                ],
              },
            },
            detached: {
              description: 'The server keeps it for a while.',
              on: {
                'session.resumed': {
                  target: 'attached',
                  actions: [
                    'observe',
                    { type: 'noteReached', params: { resumed: true } },
                    'emitResumed',
                    { type: 'emitOnline', params: { resumed: true } },
                  ],
                },
                'sm.failed': {
                  target: '#client.session.none',
                  actions: [
                    { type: 'dropSession', params: { reason: REFUSED } },
                    'forgetSession',
                    { type: 'emitDestroyed', params: { reason: REFUSED } },
                  ],
                },
                'session.cut': {
                  guard: { type: 'beyondResumption', params: ({ event }) => ({ failure: event.failure }) },
                  target: '#client.session.none',
                  actions: [
                    { type: 'dropSession', params: ({ event }) => ({ reason: event.failure }) },
                    'forgetSession',
                    { type: 'emitDestroyed', params: ({ event }) => ({ reason: event.failure }) },
                  ],
                },
                'session.bound': {
                  target: '#client.session.fresh',
                  actions: [
                    { type: 'dropSession', params: { reason: REFUSED } },
                    { type: 'emitDestroyed', params: { reason: REFUSED } },
                    { type: 'noteSession', params: ({ event }) => ({ output: event.output }) },
                    'holdSession',
                  ],
                },
              },
              after: {
                resumeWindow: {
                  target: '#client.session.none',
                  actions: [
                    { type: 'dropSession', params: { reason: EXPIRED } },
                    'forgetSession',
                    { type: 'emitDestroyed', params: { reason: EXPIRED } },
                    'signalExpired',
                  ],
                },
              },
            },
          },
        },
      },
    },

    link: {
      description: 'The connection.',
      initial: 'down',
      states: {
        down: {
          description: 'Not running.',
          tags: 'offline',
          on: { start: { target: 'resolving', actions: ['beginRun', 'beginSweep'] } },
        },
        resolving: {
          description: 'Where is the server? One source after the other.',
          meta: { spec: 'RFC 6120 §3.2, XEP-0368' },
          tags: 'connecting',
          entry: 'askNextSource',
          invoke: {
            id: 'resolve',
            src: 'resolve',
            input: ({ context }) => ({
              source: context.sweep.source ?? 'discovery',
              session: context.session,
              settings: context.settings,
            }),
            onDone: [
              {
                guard: { type: 'found', params: ({ event }) => ({ endpoints: event.output }) },
                target: 'connected',
                actions: [
                  { type: 'noteEndpoints', params: ({ event }) => ({ endpoints: event.output }) },
                  'takeEndpoint',
                ],
              },
              { guard: 'anySource', target: 'resolving', reenter: true },
              { target: 'judging' },
            ],
            onError: {
              target: 'judging',
              actions: { type: 'noteFailure', params: ({ event }) => ({ failure: asFailure(event.error, 'resolve') }) },
            },
          },
          on: {
            stop: { target: 'ending', actions: 'signalStopped' },
            'session.expired': { guard: 'mustResume', target: 'judging' },
          },
          after: { step: { target: 'judging', actions: { type: 'noteFailure', params: { failure: UNRESOLVED } } } },
        },
        connected: {
          description: 'A transport exists as long as this is active, and no longer.',
          initial: 'dialing',
          invoke: [
            {
              id: 'transport',
              src: 'transport',
              input: ({ context }) => ({ endpoint: context.endpoint as Endpoint, settings: context.settings }),
            },
            {
              id: 'stream',
              src: 'stream',
              input: ({ context }) => ({
                timeout: context.settings.negotiationTimeout,
                shutdown: context.settings.shutdownTimeout,
              }),
              onDone: [
                { guard: 'leaving', target: 'ending', actions: 'signalStopped' },
                {
                  target: 'judging',
                  actions: [
                    {
                      type: 'noteFailure',
                      params: ({ context, event }) => ({ failure: causeOf(context, event.output) }),
                    },
                    {
                      type: 'signalCut',
                      params: ({ context, event }) => ({ failure: causeOf(context, event.output) }),
                    },
                  ],
                },
              ],
            },
          ],
          on: {
            stop: { target: '.leaving', actions: ['observe', 'noteDeadline', 'leaveStream'] },
            'stream.error': { target: '.closing', actions: ['noteRedirect', 'tellStream'] },
            'stream.violation': { target: '.closing', actions: 'tellStream' },
            'stream.footer': { target: '.closing', actions: 'tellStream' },
            'transport.ended': { target: '.closing', actions: 'tellStream' },
            'stream.*': { actions: 'tellStream' },
            'transport.*': { actions: 'tellStream' },
            // A child that broke is a defect of ours; it must not take the run with it.
            'xstate.error.actor.*': [
              { guard: 'leaving', target: 'ending', actions: 'signalStopped' },
              {
                target: 'judging',
                actions: [
                  { type: 'noteFailure', params: { failure: DEFECT } },
                  { type: 'signalCut', params: { failure: DEFECT } },
                ],
              },
            ],
          },
          states: {
            dialing: {
              description: 'TCP, and TLS where it comes first.',
              meta: { spec: 'RFC 6120 §3, XEP-0368' },
              tags: 'connecting',
              on: {
                'transport.connected': { target: 'negotiating', actions: ['noteSecurity', 'tellStream'] },
                'session.expired': { guard: 'mustResume', target: '#client.link.judging' },
              },
            },
            negotiating: {
              description: 'From the first features to a session.',
              meta: { spec: 'RFC 6120 §4.3' },
              tags: 'connecting',
              invoke: {
                id: 'negotiation',
                src: 'negotiation',
                input: ({ context }) => negotiationInput(context),
                onDone: [
                  {
                    guard: { type: 'bound', params: ({ event }) => ({ output: event.output }) },
                    target: 'live',
                    actions: [
                      { type: 'noteTrust', params: ({ event }) => ({ output: event.output }) },
                      { type: 'signalBound', params: ({ event }) => ({ output: event.output }) },
                    ],
                  },
                  {
                    guard: { type: 'resumed', params: ({ event }) => ({ output: event.output }) },
                    target: 'live.ready',
                    actions: [
                      { type: 'noteTrust', params: ({ event }) => ({ output: event.output }) },
                      'replay',
                      'signalResumed',
                    ],
                  },
                  // A footer would end the session for good. XEP-0198 §5
                  {
                    guard: { type: 'unanswered', params: ({ event }) => ({ output: event.output }) },
                    target: 'closing',
                    actions: {
                      type: 'abortStream',
                      params: ({ event }) => ({ failure: refusalOf(event.output).failure }),
                    },
                  },
                  {
                    target: 'closing',
                    actions: { type: 'closeStream', params: ({ event }) => refusalOf(event.output) },
                  },
                ],
              },
              on: {
                features: { actions: ['noteFeatures', 'tellNegotiation'] },
                'starttls.*': { actions: 'tellNegotiation' },
                'tls.*': { actions: 'tellNegotiation' },
                'sasl.*': { actions: 'tellNegotiation' },
                'bind.*': { actions: 'tellNegotiation' },
                'sm.*': { actions: 'tellNegotiation' },
                'legacy.*': { actions: 'tellNegotiation' },
                'session.expired': {
                  target: 'closing',
                  actions: { type: 'closeStream', params: { failure: EXPIRED, error: null } },
                },
              },
            },
            live: {
              description: 'Stanzas flow.',
              initial: 'preparing',
              entry: 'leaveSweep',
              exit: 'closeGate',
              invoke: { id: 'keepalive', src: 'keepalive' },
              on: {
                'flow.waiting': { actions: 'noteOwed' },
                'flow.drained': { actions: 'noteSettled' },
                'flow.stuck': { actions: 'noteStuck' },
                'flow.free': { actions: 'noteFree' },
                stop: { guard: 'stuck', target: '.draining', actions: ['observe', 'noteDeadline'] },
              },
              states: {
                preparing: {
                  description: "The application's hooks come before anything else.",
                  tags: 'connecting',
                  entry: { type: 'openGate', params: { for: 'hooks' } },
                  invoke: {
                    id: 'prepare',
                    src: 'prepare',
                    onDone: [
                      { guard: 'withheld', target: 'ready', actions: ['announcePresence', 'signalEstablished'] },
                      { target: 'ready', actions: 'signalEstablished' },
                    ],
                    onError: {
                      target: '#client.link.connected.closing',
                      actions: {
                        type: 'closeStream',
                        params: ({ event }) => ({ failure: asFailure(event.error, 'prepare'), error: null }),
                      },
                    },
                  },
                  after: {
                    step: {
                      target: '#client.link.connected.closing',
                      actions: { type: 'closeStream', params: { failure: UNPREPARED, error: null } },
                    },
                  },
                },
                ready: {
                  description: 'Online.',
                  tags: 'online',
                  entry: { type: 'openGate', params: { for: 'everyone' } },
                  initial: 'listening',
                  on: {
                    probe: '.probing',
                    wake: '.probing',
                    'network.online': '.probing',
                  },
                  after: { settle: { actions: 'forgetFailures' } },
                  states: {
                    listening: {
                      description: 'Is anything unacknowledged?',
                      always: [{ guard: 'owing', target: 'owed' }, { target: 'quiet' }],
                    },
                    quiet: {
                      description: 'Everything is acknowledged, as far as it can be.',
                      on: { 'flow.waiting': { target: 'owed', actions: 'noteOwed' } },
                      after: { idle: 'checking' },
                    },
                    owed: {
                      description: 'The server owes acknowledgements.',
                      meta: { spec: 'XEP-0198 §4' },
                      on: { 'flow.drained': { target: 'quiet', actions: 'noteSettled' } },
                      after: { idle: 'checking' },
                    },
                    checking: {
                      description: 'Was there really nothing in the meantime?',
                      entry: 'observe',
                      always: [{ guard: 'silent', target: 'probing' }, { target: 'listening' }],
                    },
                    probing: {
                      description: 'Is anybody there?',
                      meta: { spec: 'XEP-0198 §4, XEP-0199' },
                      entry: ['writeProbe', 'emitProbing'],
                      on: {
                        'flow.heard': 'listening',
                        probe: {},
                        wake: {},
                        'network.online': {},
                      },
                      after: { answer: 'doubting' },
                    },
                    doubting: {
                      description: 'Was it the server that slept, or were we?',
                      entry: 'observe',
                      always: [
                        { guard: 'overslept', target: 'probing' },
                        { target: 'silent', actions: { type: 'abortStream', params: { failure: SILENT } } },
                      ],
                    },
                    silent: {
                      description: 'The server is taken for dead.',
                    },
                  },
                },
                draining: {
                  description: 'What was given to us before the stop goes out first.',
                  tags: 'disconnecting',
                  on: {
                    'flow.free': {
                      target: '#client.link.connected.leaving',
                      actions: ['observe', 'leaveStream'],
                    },
                    'stream.*': { target: '#client.link.connected.leaving', actions: ['observe', 'tellStream'] },
                    'transport.*': { target: '#client.link.connected.leaving', actions: ['observe', 'tellStream'] },
                    stop: {},
                  },
                  after: {
                    stopTime: { target: '#client.link.connected.leaving', actions: ['observe', 'leaveStream'] },
                  },
                },
              },
            },
            closing: {
              description: 'The stream ends and the run goes on.',
              meta: { spec: 'RFC 6120 §4.4' },
              tags: 'connecting',
              on: { 'stream.*': { actions: 'tellStream' }, 'transport.*': { actions: 'tellStream' } },
            },
            leaving: {
              description: 'The stream ends and the run with it, within the time set for it.',
              meta: { spec: 'RFC 6120 §4.4' },
              tags: 'disconnecting',
              on: { 'stream.*': { actions: 'tellStream' }, 'transport.*': { actions: 'tellStream' }, stop: {} },
              after: { stopTime: { actions: { type: 'abortStream', params: { failure: null } } } },
            },
          },
        },
        judging: {
          description: 'Is another endpoint left, is it hopeless, or is it a matter of time?',
          tags: 'connecting',
          entry: 'signalJudge',
          on: {
            judge: [
              { guard: 'sessionGone', target: 'ending', actions: ['sumUp', 'signalFailed'] },
              { guard: 'redirected', target: 'connected', actions: ['followRedirect', 'takeEndpoint'] },
              { guard: 'anotherEndpoint', target: 'connected', actions: 'takeEndpoint' },
              { guard: 'anotherSource', target: 'resolving' },
              { guard: 'hopeless', target: 'ending', actions: ['sumUp', 'signalFailed'] },
              { target: 'waiting', actions: 'sumUp' },
            ],
          },
        },
        waiting: {
          description: 'A pause, so that nobody is hammered.',
          tags: 'connecting',
          entry: ['observe', 'planRetry', 'emitWaiting'],
          invoke: {
            id: 'backoff',
            src: 'backoff',
            input: ({ context, self }) => ({
              delay: context.retry?.delay ?? 0,
              offline: self.getSnapshot().matches({ network: 'offline' }),
            }),
            onDone: [
              { guard: 'sentElsewhere', target: 'connected', actions: ['beginSweep', 'takeEndpoint'] },
              { target: 'resolving', actions: 'beginSweep' },
            ],
          },
          on: {
            retry: { actions: 'tellBackoff' },
            wake: { actions: 'tellBackoff' },
            'network.*': { actions: 'tellBackoff' },
            stop: { target: 'ending', actions: 'signalStopped' },
            'session.expired': { guard: 'mustResume', target: 'judging' },
          },
        },
        ending: {
          description: 'The run is over; what was held is let go.',
          meta: { sink: true },
          tags: 'disconnecting',
          on: {
            'run.stopped': { target: 'down', actions: [{ type: 'endRun', params: { reason: null } }, 'emitStopped'] },
            'run.failed': {
              target: 'failed',
              actions: [{ type: 'endRun', params: ({ context }) => ({ reason: context.failure }) }, 'emitFailure'],
            },
          },
        },
        failed: {
          description: 'The run ended because going on is pointless without help.',
          tags: 'failed',
          on: { start: { target: 'resolving', actions: ['beginRun', 'beginSweep'] } },
        },
      },
    },

    network: {
      description: 'What the platform says of the network.',
      initial: 'online',
      states: {
        online: { description: 'There is one, or nobody knows.', on: { 'network.offline': 'offline' } },
        offline: { description: 'There is none.', on: { 'network.online': 'online' } },
      },
    },

    presence: {
      description: 'What others are to see.',
      meta: { spec: 'RFC 6121 §4' },
      initial: 'hidden',
      states: {
        hidden: {
          description: 'Nothing, or nobody said.',
          on: {
            'presence.set': [
              { guard: 'withdrawn', actions: ['notePresence', 'leave'] },
              { guard: 'runEnding', target: 'returning', actions: 'notePresence' },
              {
                guard: 'attached',
                target: 'announced',
                actions: ['notePresence', 'writePresence', 'emitPresenceSent'],
              },
              { guard: 'detached', target: 'outdated', actions: 'notePresence' },
              { target: 'withheld', actions: ['notePresence', 'signalStart'] },
            ],
          },
        },
        withheld: {
          description: 'Wanted, and the server knows nothing of it.',
          on: {
            'session.established': { target: 'announced', actions: 'emitPresenceSent' },
            'presence.set': [
              { guard: 'withdrawn', target: 'hidden', actions: ['notePresence', 'leave'] },
              { guard: 'runEnding', target: 'returning', actions: 'notePresence' },
              { actions: ['notePresence', 'signalStart'] },
            ],
          },
        },
        announced: {
          description: 'The server has told everybody.',
          always: { guard: 'withoutSession', target: 'withheld' },
          on: {
            'presence.set': [
              { guard: 'withdrawn', target: 'hidden', actions: ['notePresence', 'writePresence', 'leave'] },
              { guard: 'runEnding', target: 'returning', actions: 'notePresence' },
              { guard: 'unchanged' },
              { guard: 'attached', actions: ['notePresence', 'writePresence', 'emitPresenceSent'] },
              { target: 'outdated', actions: 'notePresence' },
            ],
            'presence.refresh': [{ guard: 'attached', actions: 'writePresence' }, { target: 'outdated' }],
          },
        },
        outdated: {
          description: 'The server still tells what was wanted before.',
          always: { guard: 'withoutSession', target: 'withheld' },
          on: {
            'session.resumed': { target: 'announced', actions: ['writePresence', 'emitPresenceSent'] },
            'presence.set': [
              { guard: 'withdrawn', target: 'hidden', actions: ['notePresence', 'leave'] },
              { actions: 'notePresence' },
            ],
          },
        },
        returning: {
          description: 'A run is about to end, and another is wanted.',
          meta: { sink: true },
          always: { guard: 'runOver', target: 'withheld', actions: 'signalStart' },
          on: {
            'presence.set': [
              { guard: 'withdrawn', target: 'hidden', actions: 'notePresence' },
              { actions: 'notePresence' },
            ],
            stop: 'withheld',
          },
        },
      },
    },
  },
});
