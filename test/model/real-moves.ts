/** What may happen to a real client and to its twin, each move with both its halves. */
import type { EventFrom } from 'xstate';
import { UNAVAILABLE } from '../../machines/client.ts';
import type { Endpoint } from '../../machines/endpoint.ts';
import type { Features, Security, Ticket } from '../../machines/wire.ts';
import { readPresence } from '../../src/client/presence.ts';
import { type Element, el, type PresenceOptions, type Service, type ServiceHost } from '../../src/index.ts';
import { done, fails, type Rig, timers } from '../../src/testing/explore.ts';
import { streamError, streamFeatures } from '../../src/testing/framing.ts';
import { NS } from '../../src/testing/names.ts';
import { failure, features as offered } from '../machines/samples.ts';
import type { RealMove } from './real-client.ts';
import {
  type ClientMachine,
  contactOf,
  hear,
  isAuthenticated,
  isScram,
  isSecured,
  lost,
  negotiationOf,
  nowOf,
  saslOf,
  settle,
  snapshotOf,
  stageOf,
  streamOf,
} from './real-twin.ts';
import { JID, type World } from './real-world.ts';

type Twin = Rig<ClientMachine>;
type Event = EventFrom<ClientMachine>;
/** A move in the world of `real-world`. */
export type WorldMove = RealMove<World>;
/** A move, or what finds those that are possible now. */
export type WorldMoves = WorldMove | ((twin: Twin) => readonly WorldMove[]);

/** A move that the twin makes by `apply`, followed by what it does by itself. */
function move(
  label: string,
  when: (twin: Twin) => boolean,
  apply: (twin: Twin) => void,
  world: WorldMove['world'],
): WorldMove {
  return {
    label,
    when,
    apply(twin) {
      apply(twin);
      settle(twin);
    },
    world,
  };
}

const always = () => true;

const isAt = (value: Parameters<ReturnType<typeof snapshotOf>['matches']>[0]) => (twin: Twin) =>
  snapshotOf(twin).matches(value);

const isDown = (twin: Twin) =>
  snapshotOf(twin).matches({ link: 'down' }) || snapshotOf(twin).matches({ link: 'failed' });
const isDialing = isAt({ link: { connected: 'dialing' } });
const isReady = isAt({ link: { connected: { live: 'ready' } } });
const isPreparing = isAt({ link: { connected: { live: 'preparing' } } });
const isDraining = isAt({ link: { connected: { live: 'draining' } } });
const isWaiting = isAt({ link: 'waiting' });
const mayWrite = (twin: Twin) => isReady(twin) || isPreparing(twin);

// The application and the platform.

const tells = (
  event: Event,
  when: (twin: Twin) => boolean,
  world: (world: World) => unknown,
  label: string = event.type,
) => move(label, when, ({ actor }) => actor.send(event), world);

/** A child of the client ends, once it is the application's or the name servers' turn. */
function ends(
  child: ReturnType<typeof done>,
  when: (twin: Twin) => boolean,
  world: (world: World) => unknown,
): WorldMove {
  return move(
    child.label,
    (twin) => when(twin) && (child.when?.(twin as unknown as Rig) ?? true),
    (twin) => child.apply(twin as unknown as Rig),
    world,
  );
}

const context = (twin: Twin) => snapshotOf(twin).context;
const isManaged = (twin: Twin) => context(twin).session?.ticket != null;

/** What an application does, and how the stanzas that it sends fare. */
export const app = {
  start: tells({ type: 'start' }, isDown, (world) => world.start()),
  stop: tells(
    { type: 'stop' },
    (twin) => !isDown(twin),
    (world) => world.stop(),
  ),
  probe: tells({ type: 'probe' }, isReady, (world) => world.probe()),
  retry: tells({ type: 'retry' }, isWaiting, ({ client }) => client.retry()),
  waiting: tells(
    { type: 'flow.waiting' },
    (twin) => mayWrite(twin) && isManaged(twin) && !context(twin).owed && !context(twin).stuck,
    (world) => world.send(),
  ),
  stuck: tells(
    { type: 'flow.stuck' },
    (twin) => mayWrite(twin) && !context(twin).stuck,
    (world) => world.hold(),
  ),
  free: tells(
    { type: 'flow.free' },
    (twin) => (mayWrite(twin) || isDraining(twin)) && context(twin).stuck,
    (world) => world.free(),
  ),
  prepared: ends(done('prepare', undefined, 'the hooks are through'), always, (world) => world.prepared()),
  unprepared: ends(
    fails('prepare', failure('prepare', 'user', { stage: 'prepare' }), 'a hook fails'),
    always,
    (world) => world.prepared(new Error('not today')),
  ),
};

/** What a platform says of the network and of sleep. */
export const platform = {
  wake: tells({ type: 'wake' }, always, ({ client }) => client.wake()),
  offline: tells({ type: 'network.offline' }, always, ({ client }) => client.network('offline')),
  online: tells({ type: 'network.online' }, always, ({ client }) => client.network('online')),
};

/** Gives what only services have. */
const insider: Service<ServiceHost> = { name: 'insider', create: (host) => host };

const wants = (label: string, options: PresenceOptions) =>
  tells(
    { type: 'presence.set', presence: readPresence(options, UNAVAILABLE) },
    always,
    ({ client }) => client.setPresence(options),
    label,
  );

/** What others are to see. */
export const presence = {
  here: wants('wants to be here', {}),
  away: wants('wants to be away', { show: 'away' }),
  gone: wants('wants to be gone', { available: false }),
  refresh: tells({ type: 'presence.refresh' }, always, ({ client }) => client.use(insider).refreshPresence()),
};

const isAsking = (source: string) => (twin: Twin) => context(twin).sweep.source === source;
const trouble = failure('dns', 'backoff', { stage: 'resolve' });
const none = failure('dns', 'never', { stage: 'resolve' });

/** The domain has these hosts, which begin with TLS or come to it later. */
const found = (label: string, tls: Endpoint['tls'], ...hosts: string[]) =>
  ends(
    done(
      'resolve',
      hosts.map((host) => ({ host, port: 5222, tls, source: 'srv' })),
      label,
    ),
    isAsking('discovery'),
    (world) => world.found(...hosts),
  );

/** What comes of asking where the server is. */
export const lookups = {
  nobody: ends(done('resolve', [], 'nobody knows where'), isAsking('application'), (world) => world.named()),
  defect: ends(fails('resolve', trouble, 'the application fails'), isAsking('application'), (world) =>
    world.named(new Error('no idea')),
  ),
  one: found('one endpoint', 'starttls', 'a'),
  oneDirect: found('one endpoint', 'direct', 'a'),
  two: found('two endpoints', 'starttls', 'a', 'b'),
  none: ends(fails('resolve', none, 'the domain offers no XMPP'), isAsking('discovery'), (world) => world.found('.')),
};

// Time.

const wait = (world: World, milliseconds: number) => world.clock.advance(milliseconds);

/** Time passes until a timer fires. */
export const passing = (twin: Twin): readonly WorldMove[] =>
  timers(twin as unknown as Rig).map(({ label, apply }) =>
    move(
      label,
      always,
      (later) => apply(later as unknown as Rig),
      (world, { clock }) => wait(world, clock.now() - world.clock.awake),
    ),
  );

const isQuiet = (twin: Twin) =>
  snapshotOf(twin).matches({ link: { connected: { live: { ready: 'quiet' } } } }) ||
  snapshotOf(twin).matches({ link: { connected: { live: { ready: 'owed' } } } });

/** The same, while the server goes on talking. */
export const talkative = (twin: Twin): readonly WorldMove[] =>
  !isQuiet(twin)
    ? []
    : [...new Set(twin.clock.pending)].map((_, index) =>
        move(
          `timer ${index + 1}, not in silence`,
          isQuiet,
          (later) => {
            const at = [...new Set(later.clock.pending)][index] ?? later.clock.now();
            later.clock.advance(at - later.clock.now() - 1);
            hear(later);
            later.clock.advance(1);
          },
          async (world, { clock }) => {
            wait(world, clock.now() - world.clock.awake - 1);
            await world.speak();
            wait(world, 1);
          },
        ),
      );

/** A night. */
const ASLEEP = 8 * 3_600_000;

/** The same, when the machine slept and they fire long after they were due. */
export const sleepy = (twin: Twin): readonly WorldMove[] =>
  !snapshotOf(twin).matches({ link: { connected: { live: { ready: 'probing' } } } })
    ? []
    : timers(twin as unknown as Rig).map(({ label, apply }) =>
        move(
          `${label} in sleep`,
          always,
          (later) => {
            contactOf(later).asleep += ASLEEP;
            apply(later as unknown as Rig);
          },
          (world, { clock }) => {
            world.clock.asleep += ASLEEP;
            wait(world, clock.now() - world.clock.awake);
          },
        ),
      );

// The connection.

const security: Security = {
  protocol: 'TLSv1.3',
  cipher: 'TLS_AES_256_GCM_SHA384',
  alpn: null,
  bindings: ['tls-exporter'],
  certificate: null,
};

const badCertificate = failure('tls', 'user', { stage: 'tls' });

const isHandshaking = (twin: Twin) => negotiationOf(twin) === 'securing.handshaking';

const connected = (over: Security | null) =>
  move(
    'connected',
    isDialing,
    (twin) => {
      Object.assign(contactOf(twin), { up: true, heard: nowOf(twin) });
      if (over !== null) twin.actor.send({ type: 'transport.securing' });
      twin.actor.send({ type: 'transport.connected', security: over });
    },
    (world) => world.connect(),
  );

/** What comes of connecting. */
export const dials = {
  connected: connected(null),
  connectedDirect: connected(security),
  refused: move(
    'refused',
    isDialing,
    (twin) => twin.actor.send(lost(twin)),
    (world) => world.refuse(),
  ),
  /** Where TLS comes first. */
  impostor: move(
    'bad certificate',
    isDialing,
    (twin) => {
      twin.actor.send({ type: 'transport.securing' });
      twin.actor.send({ type: 'transport.lost', failure: badCertificate });
    },
    (world) => world.connect(true),
  ),
};

const isOpenIn =
  (...states: string[]) =>
  (twin: Twin) =>
    states.includes(streamOf(twin)) && !isHandshaking(twin);

const CONNECTED = ['CONNECTED.STREAM_HEADER_SENT', 'CONNECTED.OPEN', 'CLOSING'];

/** How a connection ends without a word. */
export const cable = {
  cut: move(
    'transport.lost',
    isOpenIn(...CONNECTED),
    (twin) => twin.actor.send(lost(twin)),
    ({ peer }) => peer.reset(),
  ),
  ended: move(
    'transport.ended',
    isOpenIn(...CONNECTED),
    (twin) => twin.actor.send({ ...lost(twin), type: 'transport.ended' }),
    ({ peer }) => peer.end(),
  ),
};

// What the server says.

/** The server says something, in answer to what the client has sent. */
function says(
  label: string,
  when: (twin: Twin) => boolean,
  event: (twin: Twin) => Event,
  world: (world: World) => unknown,
): WorldMove {
  return move(
    label,
    when,
    (twin) => {
      hear(twin);
      const heard = event(twin);
      twin.actor.send(heard);
    },
    world,
  );
}

const sends = (world: World, ...what: (Element | string)[]) => Promise.all(what.map((each) => world.peer.send(each)));

const isNew = isOpenIn('CONNECTED.STREAM_HEADER_SENT');
const isOpen = isOpenIn('CONNECTED.OPEN');
const isLive = isAt({ link: { connected: 'live' } });

const opened = (fault: string | null) => (twin: Twin) => {
  contactOf(twin).opened = true;
  return { type: 'stream.header', id: 'x', fault } as const;
};

const header = says('header', isNew, opened(null), ({ peer }) => peer.open());

const badHeader = says('bad header', isNew, opened('unsupported-version'), ({ peer }) => peer.open({ version: '0.9' }));

const footer = says(
  'stream.footer',
  (twin) => isOpenIn('CONNECTED.OPEN', 'CLOSING')(twin) && contactOf(twin).opened,
  (twin) => ({ type: 'stream.footer', failure: failure('stream', 'backoff', { stage: stageOf(twin) }) }),
  (world) => sends(world, '</stream:stream>'),
);

const streamEnds = (condition: string, redirect: { host: string; port: number } | null = null) =>
  says(
    condition,
    isOpen,
    (twin) => ({
      type: 'stream.error',
      failure: failure(
        condition === 'conflict' ? 'conflict' : 'stream',
        condition === 'conflict' ? 'user' : 'backoff',
        {
          stage: stageOf(twin),
          condition,
        },
      ),
      redirect,
    }),
    (world) =>
      sends(
        world,
        redirect === null
          ? streamError(condition)
          : el(
              'error',
              { xmlns: NS.stream },
              el(condition, { xmlns: NS.streamErrors }, `${redirect.host}:${redirect.port}`),
            ),
      ),
  );

const systemShutdown = streamEnds('system-shutdown');
const conflict = streamEnds('conflict');
const seeOtherHost = streamEnds('see-other-host', { host: 'c', port: 5222 });

/** A live session is sent elsewhere. */
const movedOn: WorldMove = { ...seeOtherHost, when: (twin) => isLive(twin) && isOpen(twin) };

const violation = says(
  'stream.violation',
  isOpen,
  (twin) => ({
    type: 'stream.violation',
    failure: failure('protocol', 'backoff', { stage: stageOf(twin) }),
    error: { condition: 'unsupported-stanza-type' },
  }),
  (world) => sends(world, el('nonsense', { xmlns: 'urn:example:nonsense' })),
);

/** Headers, and how a stream ends. */
export const stream = { header, badHeader, footer, systemShutdown, conflict, seeOtherHost, movedOn, violation };

const isAwaiting = (twin: Twin) => isOpen(twin) && negotiationOf(twin) === 'awaiting';

const offer = (label: string, when: (twin: Twin) => boolean, some: Partial<Features>, ...elements: Element[]) =>
  says(
    `offer ${label}`,
    (twin) => isAwaiting(twin) && when(twin),
    () => ({ type: 'features', features: offered(some) }),
    (world) => sends(world, streamFeatures(...elements)),
  );

const starttls = el('starttls', { xmlns: NS.tls });
const bind = el('bind', { xmlns: NS.bind });
const sm = el('sm', { xmlns: NS.sm });
const legacy = el('session', { xmlns: NS.session });

const isStranger = (twin: Twin) => !isAuthenticated(twin);
const isClear = (twin: Twin) => !isSecured(twin);

const login = (...names: string[]) => {
  const all = names.map((name) => el('mechanism', {}, name));
  return offer(names.join(' and '), isStranger, { mechanisms: names }, el('mechanisms', { xmlns: NS.sasl }, all));
};

/** The features of a stream. */
export const offers = {
  nothing: offer('nothing', always, {}),
  starttls: offer('STARTTLS', isClear, { starttls: 'optional' }, starttls),
  tlsOnly: offer('STARTTLS only', isClear, { starttls: 'required' }, el('starttls', { xmlns: NS.tls }, el('required'))),
  plain: login('PLAIN'),
  scram: login('SCRAM-SHA-256', 'PLAIN'),
  plus: login('SCRAM-SHA-256-PLUS', 'SCRAM-SHA-256'),
  anonymous: login('ANONYMOUS'),
  binding: offer('binding', isAuthenticated, { bind: true }, bind),
  sm: offer('binding and SM', isAuthenticated, { bind: true, sm: true }, bind, sm),
  all: offer(
    'binding, SM and session',
    isAuthenticated,
    { bind: true, sm: true, session: 'required' },
    bind,
    sm,
    legacy,
  ),
  session: offer('binding and session', isAuthenticated, { bind: true, session: 'required' }, bind, legacy),
};

const isNegotiating =
  (...states: string[]) =>
  (twin: Twin) =>
    isOpen(twin) && states.includes(negotiationOf(twin));

/** STARTTLS, for better or worse. */
export const tls: readonly WorldMove[] = [
  says(
    'starttls.proceed',
    isNegotiating('securing.requesting'),
    (twin) => {
      contactOf(twin).upgrading = true;
      return { type: 'starttls.proceed' };
    },
    (world) => world.proceed(),
  ),
  says(
    'starttls.failure',
    isNegotiating('securing.requesting'),
    () => ({ type: 'starttls.failure' }),
    (world) => sends(world, el('failure', { xmlns: NS.tls })),
  ),
  move(
    'tls.secured',
    isHandshaking,
    (twin) => {
      Object.assign(contactOf(twin), { upgrading: false, opened: false });
      twin.actor.send({ type: 'tls.secured', security });
    },
    (world) => world.shake(false),
  ),
  ...(
    [
      ['tls.failed', badCertificate, (world: World) => world.shake(true)],
      ['lost in the handshake', failure('network', 'backoff', { stage: 'tls' }), ({ peer }: World) => peer.reset()],
    ] as const
  ).map(([label, failed, world]) =>
    move(
      label,
      isHandshaking,
      (twin) => {
        contactOf(twin).upgrading = false;
        twin.actor.send({ type: 'tls.failed', failure: failed });
        twin.actor.send({ type: 'transport.lost', failure: failed });
      },
      world,
    ),
  ),
];

const isExchanging = (twin: Twin) => isOpen(twin) && saslOf(twin) === 'exchanging';

const noPassword = failure('auth', 'user', { stage: 'auth' });

const credentials = ends(done('credentials', true, 'credentials'), always, (world) => world.login());
const giveCredentials: WorldMove = {
  ...credentials,
  apply(twin) {
    contactOf(twin).given = true;
    credentials.apply(twin);
  },
};

/** No password may hold that. */
const unusable = move(
  'credentials that cannot be used',
  (twin) => credentials.when?.(twin) ?? true,
  (twin) => {
    done('credentials', true).apply(twin as unknown as Rig);
    fails('initiate', noPassword).apply(twin as unknown as Rig);
  },
  (world) => world.login('\u0007'),
);

const success = says(
  'sasl.success',
  isExchanging,
  (twin) => {
    if (!isScram(twin) || contactOf(twin).challenges > 0) contactOf(twin).opened = false;
    return { type: 'sasl.success' };
  },
  (world) => world.succeed(),
);

/** A login that goes well. */
export const loggingIn = [giveCredentials, success];

const refusal = (condition: string) =>
  says(
    condition,
    isExchanging,
    (twin) => {
      contactOf(twin).challenges = 0;
      return { type: 'sasl.failure', condition, text: null };
    },
    (world) => world.refuseLogin(condition),
  );

const challenge = says(
  'sasl.challenge',
  isExchanging,
  (twin) => {
    contactOf(twin).challenges += 1;
    return { type: 'sasl.challenge' };
  },
  (world) => world.challenge(),
);

/** A verdict in one piece with a challenge, before that can be answered. */
const outOfTurn = (verdict: 'success' | 'failure', event: Event) =>
  says(
    `${verdict} out of turn`,
    isExchanging,
    (twin) => {
      twin.actor.send({ type: 'sasl.challenge' });
      return event;
    },
    (world) => world.hurry(verdict),
  );

/** And what can go wrong with one. */
export const sasl = [
  ends(done('credentials', false, 'no credentials'), always, (world) => world.login(null)),
  ends(fails('credentials', noPassword, 'the credentials fail'), always, (world) => world.login(new Error('locked'))),
  unusable,
  challenge,
  outOfTurn('success', { type: 'sasl.success' }),
  outOfTurn('failure', { type: 'sasl.failure', condition: 'not-authorized', text: null }),
  refusal('not-authorized'),
  refusal('temporary-auth-failure'),
  refusal('invalid-mechanism'),
];

const ticket: Ticket = { id: 'previous', max: 300, location: null };

const iq = (id: string, ...children: Element[]) => el('iq', { type: 'result', id }, children);
const iqError = (id: string, condition: string) =>
  el('iq', { type: 'error', id }, el('error', { type: 'cancel' }, el(condition, { xmlns: NS.stanzaErrors })));

const enabled = (label: string, max: number) =>
  says(
    label,
    isNegotiating('enabling'),
    () => ({ type: 'sm.enabled', ticket: { ...ticket, max } }),
    (world) => world.sm('enabled', { id: 'previous', resume: 'true', max }),
  );

/** Binding, resumption and acknowledgements. */
export const session = {
  bound: says(
    'bind.result',
    isNegotiating('binding'),
    () => ({ type: 'bind.result', jid: JID }),
    (world) => sends(world, iq('bind', el('bind', { xmlns: NS.bind }, el('jid', {}, JID)))),
  ),
  notBound: says(
    'bind.error',
    isNegotiating('binding'),
    () => ({ type: 'bind.error', failure: failure('bind', 'user', { stage: 'bind' }) }),
    (world) => sends(world, iqError('bind', 'not-allowed')),
  ),
  enabled: enabled('sm.enabled', 300),
  brief: enabled('enabled for a little while', 30),
  notEnabled: says(
    'not enabled',
    isNegotiating('enabling'),
    () => ({ type: 'sm.failed', condition: null }),
    (world) => world.sm('failed'),
  ),
  legacy: says(
    'legacy.result',
    isNegotiating('establishing'),
    () => ({ type: 'legacy.result' }),
    (world) => sends(world, iq('session')),
  ),
  noLegacy: says(
    'legacy.error',
    isNegotiating('establishing'),
    () => ({ type: 'legacy.error', failure: failure('bind', 'user', { stage: 'session' }) }),
    (world) => sends(world, iqError('session', 'forbidden')),
  ),
  resumed: says(
    'sm.resumed',
    isNegotiating('resuming'),
    () => ({ type: 'sm.resumed', previd: 'previous' }),
    (world) => world.sm('resumed', { previd: 'previous', h: world.client.delivery.sent }),
  ),
  foreign: says(
    'another session is resumed',
    isNegotiating('resuming'),
    () => ({ type: 'sm.resumed', previd: 'foreign' }),
    (world) => world.sm('resumed', { previd: 'foreign', h: 0 }),
  ),
  notResumed: says(
    'not resumed',
    isNegotiating('resuming'),
    () => ({ type: 'sm.failed', condition: 'item-not-found' }),
    (world) => world.sm('failed', {}, el('item-not-found', { xmlns: NS.stanzaErrors })),
  ),
  tooHigh: says(
    'an answer that makes no sense',
    isNegotiating('resuming'),
    () => ({
      type: 'stream.violation',
      failure: failure('protocol', 'backoff', { stage: 'resume' }),
      error: { condition: 'undefined-condition' },
    }),
    (world) => world.sm('resumed', { previd: 'previous', h: 1_000_000 }),
  ),
  drained: says(
    'flow.drained',
    (twin) => isOpen(twin) && isLive(twin) && context(twin).owed,
    () => ({ type: 'flow.drained' }),
    (world) => world.sm('a', { h: world.client.delivery.sent }),
  ),
};

/** The server says something while it is asked to. */
export const heard = move('flow.heard', isAt({ link: { connected: { live: { ready: 'probing' } } } }), hear, (world) =>
  world.speak(),
);
