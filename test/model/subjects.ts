/**
 * Every machine of the catalogue with what may happen to it when it is explored, alone and, for the client, with the real
 * machines below it.
 */
import type { AnyMachineSnapshot, AnyStateMachine } from 'xstate';
import type { ClientSettings } from '../../machines/client.ts';
import type { DiscoContext, ItemFacts } from '../../machines/disco.ts';
import { catalogue, sampleSettings } from '../../machines/index.ts';
import type { NegotiationContext } from '../../machines/negotiation.ts';
import type { SaslContext } from '../../machines/sasl.ts';
import type { StreamContext } from '../../machines/stream.ts';
import {
  alone,
  done,
  type ExploreOptions,
  fails,
  type Move,
  type Moves,
  type Rig,
  sends,
  timers,
} from '../../src/testing/explore.ts';
import {
  clientKey,
  clientModel,
  clientMoves,
  detourMoves,
  networkMoves,
  presenceMoves,
  serverMoves,
} from '../../src/testing/moves.ts';
import { ENDED, FOOTER, failure, features, reset, security, ticket } from '../machines/samples.ts';

type Key = NonNullable<ExploreOptions<AnyStateMachine>['key']>;

/** A machine, and one way to explore it. */
export interface Subject {
  readonly title: string;
  readonly machine: AnyStateMachine;
  /** Everything can happen that it takes to get online. */
  readonly isWhole: boolean;
  readonly options: Pick<ExploreOptions<AnyStateMachine>, 'input' | 'moves' | 'key'>;
}

type Context<C> = { readonly context: C };

const event = (type: string, more: object = {}, label = type): Move => sends({ type, ...more }, label);

const refused = failure('auth', 'user', { stage: 'auth' });

const STREAM: readonly Moves[] = [
  event('transport.securing'),
  event('transport.connected', { security: null }),
  event(ENDED.type, ENDED),
  event('transport.lost', { failure: reset }),
  event('stream.header', { id: 'x', fault: null }),
  event('stream.header', { id: null, fault: 'invalid-namespace' }, 'bad header'),
  event(FOOTER.type, FOOTER),
  event('stream.error', { failure: failure('stream'), redirect: null }),
  event('stream.violation', { failure: failure('protocol'), error: { condition: 'restricted-xml' } }),
  event('reset'),
  event('close', { failure: null, error: null }),
  event('close', { failure: null, error: null, within: 100 }, 'close in a hurry'),
  event('close', { failure: failure('session'), error: null }, 'close for a reason'),
  event('close', { failure: failure('policy'), error: { condition: 'policy-violation' } }, 'close in anger'),
  event('abort', { failure: failure('timeout') }),
  timers,
];

const offer = (label: string, some: Parameters<typeof features>[0]) =>
  event('features', { features: features(some) }, `offer ${label}`);

const choice = { mechanism: 'SCRAM-SHA-256', binding: null, gs2: 'y', wager: false };

const NEGOTIATION: readonly Moves[] = [
  offer('nothing', {}),
  offer('STARTTLS', { starttls: 'required' }),
  offer('SASL', { mechanisms: ['SCRAM-SHA-256'] }),
  offer('binding', { bind: true }),
  offer('binding and SM', { bind: true, sm: true }),
  offer('binding and session', { bind: true, session: 'required' }),
  offer('everything', { bind: true, sm: true, session: 'required' }),
  event('starttls.proceed'),
  event('starttls.failure'),
  event('tls.secured', { security }),
  event('tls.failed', { failure: failure('tls', 'user', { stage: 'tls' }) }),
  event('sasl.success'),
  done('sasl', { type: 'authenticated', choice }, 'authenticated'),
  done('sasl', { type: 'failed', failure: refused }, 'not authenticated'),
  event('sm.resumed', { previd: 'previous' }),
  event('sm.resumed', { previd: 'foreign' }, 'another session is resumed'),
  event('sm.enabled', { ticket }),
  event('sm.failed', { condition: null }),
  event('bind.result', { jid: 'me@example.org/home' }),
  event('bind.error', { failure: failure('bind', 'never', { stage: 'bind' }) }),
  event('legacy.result'),
  event('legacy.error', { failure: failure('bind', 'never', { stage: 'session' }) }),
  timers,
];

const SASL: readonly Moves[] = [
  event('sasl.challenge'),
  event('sasl.success'),
  ...['not-authorized', 'temporary-auth-failure', 'invalid-mechanism', 'aborted'].map((condition) =>
    event('sasl.failure', { condition, text: null }, condition),
  ),
  done('credentials', true, 'credentials'),
  done('credentials', false, 'no credentials'),
  ...['credentials', 'initiate', 'respond', 'verify'].map((id) => fails(id, refused)),
  ...['initiate', 'respond', 'verify'].map((id) => done(id)),
  timers,
];

const BACKOFF: readonly Moves[] = [
  ...['retry', 'wake', 'network.offline', 'network.online'].map((type) => event(type)),
  timers,
];

/** The moves of these labels, and what finds moves by itself. */
const only = (moves: readonly Moves<typeof clientModel>[], ...labels: string[]) =>
  moves.filter((move) => typeof move === 'function' || labels.includes(move.label));

/** What can happen while endpoints are gone through. */
const SWEEP = ['two endpoints', 'the domain offers no XMPP', 'see-other-host'];

/** What is only passed on to the machines below. */
const PASSED_ON = [
  ...['transport.connected', 'transport.lost', 'transport.ended', 'stream.header', 'stream.footer', 'stream.violation'],
  ...['features', 'starttls.proceed', 'tls.secured', 'sasl.success', 'bind.result', 'sm.enabled', 'legacy.result'],
];

const ONWARD = ['start', 'stop', 'nobody knows where', 'one endpoint', 'transport.connected', 'backoff done'];

/** A client in all its states is too much at once, where every part of it can be tried with little of the others. */
const CLIENT: Readonly<Record<string, readonly Moves<typeof clientModel>[]>> = {
  '': clientMoves.filter(
    (move) =>
      typeof move === 'function' ||
      move.label === 'transport.connected' ||
      ![...SWEEP, ...PASSED_ON].includes(move.label),
  ),
  ', endpoints': only(
    clientMoves,
    ...[...ONWARD, ...SWEEP, 'the resolver fails', 'system-shutdown', 'password refused', 'stream fails'],
    ...['stream ends: network', 'stream ends: conflict', 'bound, with resumption', 'the hooks are through', 'resumed'],
  ),
  ', passing on': only(clientMoves, ...ONWARD, ...PASSED_ON, 'bound', 'flow.stuck', 'stream ends: network'),
  ', network': [
    ...only(
      clientMoves,
      ...[...ONWARD, 'probe', 'bound, with resumption', 'the hooks are through', 'resumed', 'stream ends: network'],
    ),
    ...networkMoves,
  ],
  ', presence': [
    ...only(
      clientMoves,
      ...[...ONWARD, 'bound, with resumption', 'the hooks are through', 'resumed', 'stream ends: network', 'bound'],
    ),
    ...presenceMoves,
  ],
};

const SERVICES: readonly Moves[] = [
  event('services.changed'),
  event('xstate.error.actor.somebody', { error: new Error('a defect') }, 'a service breaks down'),
];

const ITEMS = ['a', 'b'].map((name) => ({ jid: `${name}.example.org`, node: null, name: null }));
const INFO = { identities: [], features: [], forms: [] };

const DISCO: readonly Moves[] = [
  event('refresh'),
  done('askInfo', INFO, 'the server answers'),
  fails('askInfo', { condition: 'timeout' }, 'the server does not answer'),
  done('askItems', ITEMS, 'two items'),
  done('askItems', [], 'no items'),
  fails('askItems', { condition: 'item-not-found' }, 'no answer about items'),
  ...ITEMS.flatMap((item) => {
    const when = ({ actor }: Rig) =>
      (actor.getSnapshot() as AnyMachineSnapshot).context.waiting.some(({ jid }: ItemFacts) => jid === item.jid);
    const failed = { ...item, about: 'info', condition: 'timeout' };
    return [
      { ...event('entity.known', { entity: { ...item, info: INFO } }, `${item.jid} answers`), when },
      { ...event('entity.failed', { failure: failed }, `${item.jid} does not answer`), when },
    ];
  }),
  timers,
];

interface Plan {
  readonly moves: Readonly<Record<string, readonly Moves[]>>;
  readonly key?: (snapshot: never) => unknown;
  /** Inputs that the catalogue does without. */
  readonly more?: Readonly<Record<string, object>>;
}

const plans: Record<string, Plan> = {
  client: { moves: CLIENT as Plan['moves'], key: clientKey },
  stream: {
    moves: { '': STREAM },
    key: ({ context }: Context<StreamContext>) => [context.cause?.kind, context.shutdown],
  },
  negotiation: {
    moves: { '': NEGOTIATION },
    key: ({ context }: Context<NegotiationContext>) => [
      context.security !== null,
      context.choice !== null,
      context.previd,
      context.features?.sm,
      context.features?.session,
      context.failure?.kind,
    ],
  },
  sasl: {
    moves: { '': SASL },
    more: { 'nothing in common': { ...catalogue.sasl.inputs.default, offered: ['X-OTHER'] } },
    key: ({ context }: Context<SaslContext>) => [
      context.choice,
      context.refused,
      context.unbound,
      context.retries,
      context.failure?.condition ?? context.failure?.kind,
    ],
  },
  backoff: { moves: { '': BACKOFF } },
  services: { moves: { '': SERVICES } },
  disco: {
    moves: { '': DISCO },
    key: ({ context }: Context<DiscoContext>) => [
      context.fresh,
      context.server !== null,
      context.waiting.length,
      context.entities.length,
      context.failures.length > 0,
    ],
  },
};

/** Two attempts show what four would, and are many states less. */
const short = (settings: ClientSettings): ClientSettings => ({ ...settings, maxInitialAttempts: 2 });

/** Every machine of the catalogue with every input it has there, its children inert. */
export const alones: readonly Subject[] = Object.entries(catalogue).flatMap(([name, { machine, inputs }]) => {
  const plan = plans[name];
  if (plan === undefined) throw new Error(`nothing is known of what may happen to ${name}`);
  const inert = alone(name === 'client' ? clientModel : (machine as AnyStateMachine)) as AnyStateMachine;
  return Object.entries<object>({ ...inputs, ...plan.more }).flatMap(([input, value]) =>
    Object.entries(plan.moves).map(([part, moves]) => ({
      title: `${name}, ${input}${part}`,
      machine: inert,
      isWhole: false,
      options: {
        moves,
        ...(plan.key !== undefined && { key: plan.key as Key }),
        input: 'settings' in value ? { settings: short(value.settings as ClientSettings) } : value,
      },
    })),
  );
});

/** From the start to features on a stream, and back. */
const DIAL = ['start', 'stop', 'nobody knows where', 'one endpoint', 'connected over TLS', 'transport.lost', 'header'];

const LOGIN = ['offer SASL', 'credentials', 'initiate done', 'sasl.success', 'verify done'];

/** All that is needed to get online, to be cut off and to come back. */
const ESSENTIALS = [
  ...[...DIAL, ...LOGIN, 'offer binding and SM', 'bind.result', 'sm.enabled', 'the hooks are through', 'sm.resumed'],
];

/** What belongs to a session that is bound. */
const SESSION = [
  ...['the hooks are through', 'a hook fails', 'a hook throws', 'probe', 'retry'],
  ...['flow.waiting', 'flow.drained', 'flow.stuck', 'flow.free', 'flow.heard', 'sm.resumed'],
  ...['another session is resumed', 'not resumed', 'an answer that makes no sense', 'see-other-host'],
];

/** How a session is cut off. */
const CUTS = ['transport.ended', 'stream.footer', 'system-shutdown', 'conflict', 'stream.violation'];

const clientWith = (
  title: string,
  settings: Partial<ClientSettings>,
  moves: readonly Moves<typeof clientModel>[],
): Subject => ({
  title: `client with all below it, ${title}`,
  machine: clientModel as unknown as AnyStateMachine,
  isWhole: ['session', 'endings', 'network', 'no second session'].includes(title),
  options: {
    input: { settings: { ...sampleSettings, maxInitialAttempts: null, ...settings } },
    moves: moves as readonly Moves[],
    key: clientKey as Key,
  },
});

/** What happens to the services of a session. */
const below: readonly Moves<typeof clientModel>[] = SERVICES.map((move) => ({
  label: (move as Move).label,
  when: ({ actor }) => actor.getSnapshot().children.services !== undefined,
  apply: ({ actor, clock }) => (move as Move).apply({ actor: actor.getSnapshot().children.services as never, clock }),
}));

const except = (moves: readonly Moves<typeof clientModel>[], ...labels: string[]) =>
  moves.filter((move) => typeof move === 'function' || !labels.includes(move.label));

/** The client with the real machines below it. */
export const composed: readonly Subject[] = [
  clientWith('login', {}, except(serverMoves, ...SESSION, ...CUTS, 'enabled for a little while')),
  clientWith('session', {}, only(serverMoves, ...ESSENTIALS, ...SESSION, 'offer binding')),
  clientWith('endings', {}, only(serverMoves, ...ESSENTIALS, ...CUTS)),
  clientWith('endpoints', { maxInitialAttempts: 2 }, [...only(serverMoves, ...DIAL), ...detourMoves]),
  clientWith('network', {}, [...only(serverMoves, ...ESSENTIALS), ...networkMoves]),
  clientWith('presence', {}, [
    ...only(serverMoves, ...ESSENTIALS, 'offer binding', 'not resumed'),
    ...presenceMoves,
    ...below,
  ]),
  clientWith('no second session', { allowImplicitReconnect: false }, [
    ...only(serverMoves, ...ESSENTIALS, 'enabled for a little while', 'not resumed', 'offer binding'),
  ]),
  clientWith('no second session, and no network', { allowImplicitReconnect: false }, [
    ...only(serverMoves, ...DIAL, ...LOGIN, 'offer binding and SM', 'bind.result', 'enabled for a little while'),
    ...only(serverMoves, 'the hooks are through'),
    ...only(networkMoves, 'network.offline'),
  ]),
  clientWith('without TLS', { tls: 'off', asks: 2 }, [
    ...only(serverMoves, ...DIAL, ...LOGIN, 'connected', 'offer STARTTLS only', 'not-authorized'),
  ]),
];
