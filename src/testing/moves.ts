/**
 * What may happen to the client machine, for exploring it or an app's machine that it is a part of:
 *
 * - `clientMoves`, when its children are inert: the application, the platform, the stanzas flowing past, what comes from
 *   the wire, and how each child ends
 * - `serverMoves`, when they are the real ones: how they end follows from what comes from the wire, and only what the shell
 *   does for them still ends by a move
 * - `networkMoves` and `presenceMoves`, to be added to either
 *
 *     explore(alone(clientModel), { input: { settings }, moves: clientMoves, key: clientKey });
 *     explore(clientModel, { input: { settings }, moves: serverMoves, key: clientKey });
 *     explore(myMachine, { input, moves: [...myMoves, within('client', serverMoves)] });
 */
import { type AnyActor, assign, type SnapshotFrom } from 'xstate';
import { type ClientContext, clientMachine, UNAVAILABLE, type WantedPresence } from '../../machines/client.ts';
import type { Endpoint } from '../../machines/endpoint.ts';
import type { Failure, FailureKind, Retry, Stage } from '../../machines/failure.ts';
import { type NegotiationContext, type NegotiationOutput, negotiationMachine } from '../../machines/negotiation.ts';
import type { SaslContext } from '../../machines/sasl.ts';
import type { StreamContext } from '../../machines/stream.ts';
import { SPENT, verdict } from '../../machines/sweep.ts';
import type { Features, Security, Ticket } from '../../machines/wire.ts';
import type { ManualClock } from './clock.ts';
import { done, fails, leavesOf, type Move, type Moves, type Rig, sends, timers } from './explore.ts';

type ClientMachine = typeof clientMachine;

/** When a client heard its server and when it asked for that last, on the clock of its system. */
const contacts = new WeakMap<AnyActor['system'], { heard: number; probed: number }>();

function contactOf(system: AnyActor['system']) {
  const contact = contacts.get(system) ?? { heard: 0, probed: 0 };
  contacts.set(system, contact);
  return contact;
}

const clockOf = (system: AnyActor['system']) => system._clock as unknown as ManualClock;

/**
 * The client machine with what the shell does for it, as far as that decides anything: time is the `ManualClock`'s, the dice
 * always fall the same, and what `negotiation` wants started anew is.
 */
export const clientModel: ClientMachine = clientMachine.provide({
  actors: {
    negotiation: negotiationMachine.provide({
      actions: {
        restart: ({ self }) => {
          const client = self._parent?.getSnapshot() as SnapshotFrom<ClientMachine> | undefined;
          client?.children.stream?.send({ type: 'reset' } as never);
        },
      },
    }),
  },
  actions: {
    observe: assign(({ system }) => {
      const { heard, probed } = contactOf(system);
      const now = clockOf(system).now();
      return { world: { now, chance: 0.5, silence: now - heard, sinceProbe: now - probed } };
    }),
    writeProbe: ({ system }) => {
      contactOf(system).probed = clockOf(system).now();
    },
  },
});

/** A failure of a kind; `more` says what is special about it. */
const failure = (kind: FailureKind, stage: Stage, retry: Retry = 'backoff', more: Partial<Failure> = {}): Failure =>
  ({ kind, stage, retry, ...more }) as Failure;

const endpoint = (host: string): Endpoint => ({ host, port: 5222, tls: 'starttls', source: 'srv' });

const security: Security = {
  protocol: 'TLSv1.3',
  cipher: 'TLS_AES_128_GCM_SHA256',
  alpn: null,
  bindings: ['tls-exporter'],
  certificate: null,
};

const ticket: Ticket = { id: 'previous', max: 300, location: null };
/** One that ends before any step of a connection does. */
const brief: Ticket = { ...ticket, max: 30 };

const NOTHING: Features = {
  starttls: null,
  mechanisms: [],
  bindings: null,
  bind: false,
  sm: false,
  session: null,
  all: [],
};

const JID = 'user@example.org/there';

const reset = failure('network', 'online');
const conflict = failure('conflict', 'online', 'user', { condition: 'conflict' });
const shutdown = failure('stream', 'online', 'backoff', { condition: 'system-shutdown' });

/** A move that only makes sense under a condition on the client's context. */
const given = (
  condition: (context: ClientContext) => boolean,
  move: Move | Move<ClientMachine>,
): Move<ClientMachine> => ({
  ...move,
  when: (rig) => condition(rig.actor.getSnapshot().context) && ((move as Move<ClientMachine>).when?.(rig) ?? true),
});

/** What is said in answer to a negotiation is heard by the session, too. */
const whenNegotiating = (move: Move<ClientMachine>): Move<ClientMachine> => ({
  ...move,
  when: ({ actor }) => actor.getSnapshot().matches({ link: { connected: 'negotiating' } }),
});

/** The first cause is the cause: who was sent elsewhere has one. */
const isStaying = ({ redirect }: ClientContext) => redirect === null;
/** The negotiation was told to resume a session. */
const isResumable = ({ session }: ClientContext) => session?.ticket?.id != null;
/** The negotiation was allowed to bind. */
const mayBind = (context: ClientContext) => !isResumable(context) || context.settings.allowImplicitReconnect;
/** Only the last source is asked for more than nothing, and may fail: it is the same with the others. */
const isDiscovering = ({ sweep }: ClientContext) => sweep.source === 'discovery';

/** What an application does with a client, the edges of the stanzas that flow past it, and time. */
const application: readonly Moves<ClientMachine>[] = [
  sends({ type: 'start' }),
  sends({ type: 'probe' }),
  sends({ type: 'retry' }),
  sends({ type: 'flow.waiting' }),
  sends({ type: 'flow.drained' }),
  sends({ type: 'flow.stuck' }),
  sends({ type: 'flow.free' }),
  sends({ type: 'flow.heard' }),
  done('resolve', [], 'nobody knows where'),
  given(isDiscovering, done('resolve', [endpoint('a')], 'one endpoint')),
  given(isDiscovering, fails('resolve', failure('dns', 'resolve'), 'the resolver fails')),
  done('prepare', undefined, 'the hooks are through'),
  fails('prepare', failure('prepare', 'prepare'), 'a hook fails'),
  fails('prepare', new Error('a defect'), 'a hook throws'),
  timers,
  talkative,
  sleepy,
  sends({ type: 'stop' }),
];

/** What a platform says of the network and of sleep. Everything can happen on either side of it. */
export const networkMoves: readonly Moves<ClientMachine>[] = [
  sends({ type: 'wake' }),
  sends({ type: 'network.offline' }),
  sends({ type: 'network.online' }),
];

const HERE: WantedPresence = { available: true, show: null, status: {}, priority: 0 };
const AWAY: WantedPresence = { ...HERE, show: 'away' };

/** What an application wants others to see of it. To be added to either. */
export const presenceMoves: readonly Moves<ClientMachine>[] = [
  sends({ type: 'presence.set', presence: HERE }, 'wants to be here'),
  sends({ type: 'presence.set', presence: AWAY }, 'wants to be away'),
  sends({ type: 'presence.set', presence: UNAVAILABLE }, 'wants to be gone'),
  sends({ type: 'presence.refresh' }),
];

const isQuiet = ({ actor }: Rig<ClientMachine>): boolean => {
  const snapshot = actor.getSnapshot();
  const ready = (state: 'quiet' | 'owed') => snapshot.matches({ link: { connected: { live: { ready: state } } } });
  return ready('quiet') || ready('owed');
};

/** The timers again, while the server goes on talking. */
function talkative(rig: Rig<ClientMachine>): readonly Move<ClientMachine>[] {
  if (!isQuiet(rig)) return [];
  return timers(rig).map(({ label, apply }) => ({
    label: `${label}, not in silence`,
    apply(later) {
      const contact = contactOf(later.actor.system);
      contact.heard = later.clock.now() + 1;
      apply(later);
    },
  }));
}

/** The timers again, when the machine was asleep and they fire long after they were due. */
function sleepy(rig: Rig<ClientMachine>): readonly Move<ClientMachine>[] {
  if (!rig.actor.getSnapshot().matches({ link: { connected: { live: { ready: 'probing' } } } })) return [];
  return timers(rig).map(({ label, apply }) => ({
    label: `${label} in sleep`,
    apply(later) {
      contactOf(later.actor.system).probed -= 8 * 3_600_000;
      apply(later);
    },
  }));
}

const ended: Move<ClientMachine> = sends({ type: 'transport.ended', failure: reset });
const footer: Move<ClientMachine> = sends({ type: 'stream.footer', failure: failure('stream', 'online') });
const systemShutdown: Move<ClientMachine> = sends(
  { type: 'stream.error', failure: shutdown, redirect: null },
  'system-shutdown',
);
const seeOtherHost: Move<ClientMachine> = sends(
  { type: 'stream.error', failure: shutdown, redirect: { host: 'c', port: 5222 } },
  'see-other-host',
);
const violates = (stage: Stage, label: string): Move<ClientMachine> =>
  sends(
    { type: 'stream.violation', failure: failure('protocol', stage), error: { condition: 'undefined-condition' } },
    label,
  );
const violation = violates('online', 'stream.violation');

const trust = { security, mechanism: 'SCRAM-SHA-256', binding: null };

const bound = (granted: Ticket | null): NegotiationOutput => ({
  type: 'bound',
  jid: JID,
  ticket: granted,
  features: NOTHING,
  trust,
});

const refused = (why: Failure): NegotiationOutput => ({ type: 'refused', failure: why, error: null });

/** How a login goes wrong is tried where there is no session, and not again for one that waits to be resumed. */
const isFirst = ({ session }: ClientContext) => session === null;
const isLive = ({ session, sweep }: ClientContext) => session !== null && sweep === SPENT;

/** For a client machine whose children are inert. */
export const clientMoves: readonly Moves<ClientMachine>[] = [
  ...application,
  given(isDiscovering, done('resolve', [endpoint('a'), endpoint('b')], 'two endpoints')),
  given(isDiscovering, fails('resolve', failure('dns', 'resolve', 'user'), 'the domain offers no XMPP')),
  sends({ type: 'transport.connected', security: null }),
  sends({ type: 'transport.lost', failure: reset }),
  sends({ type: 'stream.header', id: 'x', fault: null }),
  ended,
  footer,
  systemShutdown,
  seeOtherHost,
  violation,
  sends({ type: 'features', features: NOTHING }),
  sends({ type: 'starttls.proceed' }),
  sends({ type: 'tls.secured', security }),
  sends({ type: 'sasl.success' }),
  sends({ type: 'bind.result', jid: JID }),
  sends({ type: 'sm.enabled', ticket }),
  whenNegotiating(sends({ type: 'sm.failed', condition: 'item-not-found' })),
  sends({ type: 'legacy.result' }),
  given(mayBind, done('negotiation', bound(ticket), 'bound, with resumption')),
  given(mayBind, done('negotiation', bound(brief), 'bound, with resumption for a little while')),
  given(mayBind, done('negotiation', bound(null), 'bound')),
  given(isResumable, done('negotiation', { type: 'resumed', features: NOTHING, trust }, 'resumed')),
  done('negotiation', refused(failure('timeout', 'bind')), 'negotiation times out'),
  given(isResumable, done('negotiation', refused(failure('timeout', 'resume')), 'resumption times out')),
  done('negotiation', refused(failure('auth', 'auth', 'user')), 'password refused'),
  done('stream', { cause: null }, 'stream ends'),
  done('stream', { cause: reset }, 'stream ends: network'),
  given(isStaying, done('stream', { cause: conflict }, 'stream ends: conflict')),
  given(isResumable, done('stream', { cause: failure('protocol', 'resume') }, 'stream ends: protocol at resume')),
  fails('stream', new Error('a defect')),
  done('backoff'),
];

/** The state of a machine below the client's, such as `CONNECTED.OPEN`; null while there is none. */
function stateBelow({ actor }: Rig<ClientMachine>, id: 'stream' | 'negotiation' | 'sasl'): string | null {
  const { value } = machinesBelow(actor.getSnapshot())[id] ?? {};
  return value === undefined ? null : leavesOf(value);
}

/** Moves that are possible in some states of a machine below the client's. */
const during = (
  id: 'stream' | 'negotiation' | 'sasl',
  states: readonly string[],
  moves: readonly Move<ClientMachine>[],
): readonly Move<ClientMachine>[] =>
  moves.map((move) => ({
    ...move,
    when: (rig) => states.includes(stateBelow(rig, id) ?? '') && (move.when?.(rig) ?? true),
  }));

const offer = (label: string, some: Partial<Features>): Move<ClientMachine> =>
  sends({ type: 'features', features: { ...NOTHING, ...some } }, `offer ${label}`);

const saslFailure = (condition: string): Move<ClientMachine> =>
  sends({ type: 'sasl.failure', condition, text: null }, condition);

/**
 * For a client machine whose children are the real ones: a server that speaks when it is its turn, and then says anything.
 * (What comes out of turn is tried with each of the machines by itself.)
 */
export const serverMoves: readonly Moves<ClientMachine>[] = [
  ...application,
  ...during(
    'stream',
    ['READY'],
    [
      sends({ type: 'transport.securing' }),
      sends({ type: 'transport.connected', security: null }, 'connected'),
      sends({ type: 'transport.connected', security }, 'connected over TLS'),
      sends({ type: 'transport.lost', failure: failure('tls', 'connect', 'user') }, 'bad certificate'),
    ],
  ),
  sends({ type: 'transport.lost', failure: reset }),
  ...during(
    'stream',
    ['CONNECTED.STREAM_HEADER_SENT'],
    [
      sends({ type: 'stream.header', id: 'x', fault: null }, 'header'),
      sends({ type: 'stream.header', id: 'x', fault: 'bad-format' }, 'bad header'),
    ],
  ),
  ...during('stream', ['CONNECTED.STREAM_HEADER_SENT', 'CONNECTED.OPEN', 'CLOSING'], [footer, ended]),
  ...during(
    'stream',
    ['CONNECTED.OPEN'],
    [
      systemShutdown,
      sends({ type: 'stream.error', failure: conflict, redirect: null }, 'conflict'),
      given(isLive, seeOtherHost),
      violation,
      ...during(
        'negotiation',
        ['awaiting'],
        [
          given(isFirst, offer('nothing', {})),
          given(isFirst, offer('STARTTLS', { starttls: 'optional', mechanisms: ['PLAIN'] })),
          given(isFirst, offer('STARTTLS only', { starttls: 'required' })),
          offer('SASL', { mechanisms: ['SCRAM-SHA-256-PLUS', 'SCRAM-SHA-256', 'PLAIN'] }),
          offer('binding', { bind: true }),
          offer('binding and SM', { bind: true, sm: true }),
          offer('binding, SM and session', { bind: true, sm: true, session: 'required' }),
          offer('binding and session', { bind: true, session: 'required' }),
        ],
      ),
      ...during(
        'negotiation',
        ['securing.requesting'],
        [sends({ type: 'starttls.proceed' }), sends({ type: 'starttls.failure' })],
      ),
      ...during(
        'negotiation',
        ['securing.handshaking'],
        [
          sends({ type: 'tls.secured', security }),
          sends({ type: 'tls.failed', failure: failure('tls', 'tls', 'user') }),
        ],
      ),
      ...during(
        'sasl',
        ['exchanging', 'responding'],
        [
          given(isFirst, sends({ type: 'sasl.challenge' })),
          sends({ type: 'sasl.success' }),
          ...['not-authorized', 'temporary-auth-failure', 'invalid-mechanism'].map((condition) =>
            given(isFirst, saslFailure(condition)),
          ),
        ],
      ),
      ...during(
        'negotiation',
        ['resuming'],
        [
          sends({ type: 'sm.resumed', previd: 'previous' }),
          sends({ type: 'sm.resumed', previd: 'foreign' }, 'another session is resumed'),
          sends({ type: 'sm.failed', condition: 'item-not-found' }, 'not resumed'),
          violates('resume', 'an answer that makes no sense'),
        ],
      ),
      ...during(
        'negotiation',
        ['binding'],
        [
          sends({ type: 'bind.result', jid: JID }),
          sends({ type: 'bind.error', failure: failure('bind', 'bind', 'never') }),
        ],
      ),
      ...during(
        'negotiation',
        ['enabling'],
        [
          sends({ type: 'sm.enabled', ticket }),
          sends({ type: 'sm.enabled', ticket: brief }, 'enabled for a little while'),
          sends({ type: 'sm.failed', condition: null }, 'not enabled'),
        ],
      ),
      ...during(
        'negotiation',
        ['establishing'],
        [
          sends({ type: 'legacy.result' }),
          sends({ type: 'legacy.error', failure: failure('bind', 'session', 'never') }),
        ],
      ),
    ],
  ),
  done('credentials', true, 'credentials'),
  given(isFirst, done('credentials', false, 'no credentials')),
  given(isFirst, fails('credentials', failure('auth', 'auth', 'user'), 'the credentials fail')),
  done('initiate'),
  given(isFirst, fails('initiate', failure('auth', 'auth', 'never'))),
  done('respond'),
  given(isFirst, fails('respond', failure('auth', 'auth', 'never'))),
  done('verify'),
  given(isFirst, fails('verify', failure('auth', 'auth', 'never'), 'the server knows no password')),
];

/** More than one place to connect to, and a server that sends clients to another at any time; to be added to `serverMoves`. */
export const detourMoves: readonly Moves<ClientMachine>[] = [
  given(isDiscovering, done('resolve', [endpoint('a'), endpoint('b')], 'two endpoints')),
  ...during('stream', ['CONNECTED.OPEN'], [{ ...seeOtherHost, label: 'see-other-host at any time' }]),
];

interface Below {
  readonly stream?: { readonly value: unknown; readonly context: StreamContext };
  readonly negotiation?: { readonly value: unknown; readonly context: NegotiationContext };
  readonly sasl?: { readonly value: unknown; readonly context: SaslContext };
}

/** The machines below another, by the ids they are invoked with. */
function machinesBelow(snapshot: { readonly children: object }): Below {
  const found: Record<string, unknown> = {};
  for (const [id, child] of Object.entries(snapshot.children)) {
    const inner = child.getSnapshot();
    if (inner === undefined || !('context' in inner)) continue;
    found[id] = inner;
    Object.assign(found, machinesBelow(inner));
  }
  return found;
}

/** What of the contexts of a client machine and of the machines below it decides what comes next. For `explore`. */
export function clientKey(snapshot: SnapshotFrom<ClientMachine>): unknown {
  const { session, reached, failures, sweep, redirect, stuck, owed, settings, presence } = snapshot.context;
  const below = machinesBelow(snapshot);
  const [stream, negotiation, sasl] = [below.stream?.context, below.negotiation?.context, below.sasl?.context];
  const { link } = snapshot.value;
  const leaving = snapshot.hasTag('disconnecting');
  const isLimited = settings.maxInitialAttempts !== null;
  return [
    session?.ticket?.id != null && session.ticket.max,
    presence.available && presence.show,
    // What one run leaves behind decides nothing in the next, nor what an attempt leaves behind in a run that ends.
    link !== 'down' &&
      link !== 'failed' &&
      !leaving && [
        // A client that has been online may try for ever, as every other may without a limit.
        (reached && (isLimited || !settings.allowImplicitReconnect)) ||
          Math.min(failures, settings.maxInitialAttempts ?? 0),
        sweep.source,
        sweep.endpoints.length > 0,
        sweep.failures.length > 0 && verdict(sweep.failures).retry === 'backoff',
        sweep.failures.length > 0,
        redirect !== null,
      ],
    snapshot.matches({ link: { connected: 'live' } }) && [stuck, owed],
    // It decides how the run goes on and whether the session does.
    stream?.cause != null && [
      stream.cause.retry,
      stream.cause.kind === 'protocol' || stream.cause.kind === 'conflict',
      stream.cause.stage === 'resume',
    ],
    negotiation !== undefined && [
      negotiation.security !== null,
      negotiation.choice !== null,
      below.negotiation?.value !== 'awaiting' && [negotiation.features?.sm, negotiation.features?.session],
    ],
    sasl !== undefined && [
      sasl.choice?.mechanism,
      sasl.refused.length,
      sasl.unbound,
      sasl.retries,
      sasl.failure?.condition,
    ],
  ];
}
