/**
 * The twin of a real client: its charts, with what the shell would do for them. Whatever the real client does by itself, and
 * no move can come between, the twin does at once.
 */
import { type AnyActor, assign, fromCallback, type SnapshotFrom } from 'xstate';
import type { ClientContext, clientMachine } from '../../machines/client.ts';
import type { Failure, Stage } from '../../machines/failure.ts';
import type { NegotiationContext } from '../../machines/negotiation.ts';
import type { SaslContext } from '../../machines/sasl.ts';
import { streamMachine } from '../../machines/stream.ts';
import { done, fails, leavesOf, type Move, type Rig } from '../../src/testing/explore.ts';
import { clientModel } from '../../src/testing/moves.ts';
import { failure } from '../machines/samples.ts';

/** The machine of a client. */
export type ClientMachine = typeof clientMachine;

/** What a client knows beside its charts, all of it about its connection but for the first. Times in milliseconds. */
export interface Contact {
  /** How long the machine has slept. */
  asleep: number;
  /** The connection stands. */
  up: boolean;
  heard: number;
  probed: number;
  /** The answer to a probe is still to come. */
  probing: boolean;
  /** The peer has sent the header of the current stream. */
  opened: boolean;
  /** TLS is being negotiated on it. */
  upgrading: boolean;
  /** It was closed in the middle of that. */
  cut: boolean;
  /** The application gave credentials, which are good for as long as they are not refused. */
  given: boolean;
  /** What the server says does not come through. */
  silent: boolean;
  /** How often the server asked for a proof of them. */
  challenges: number;
}

const NOTHING = {
  up: false,
  heard: 0,
  probed: 0,
  probing: false,
  opened: false,
  upgrading: false,
  cut: false,
  given: false,
  silent: false,
  challenges: 0,
};

const contacts = new WeakMap<AnyActor['system'], Contact>();

/** What the client of an actor system knows of its connection. */
export function contactWithin(system: AnyActor['system']): Contact {
  const contact = contacts.get(system) ?? { asleep: 0, ...NOTHING };
  contacts.set(system, contact);
  return contact;
}

/** What a client knows of its connection. */
export const contactOf = ({ actor }: Rig<ClientMachine>): Contact => contactWithin(actor.system);

type Timed = AnyActor['system'] & { readonly _clock: { now(): number } };

const nowWithin = (system: AnyActor['system']): number => (system as Timed)._clock.now() + contactWithin(system).asleep;

/** Milliseconds on the clock of its machine, sleep included. */
export const nowOf = ({ actor }: Rig<ClientMachine>): number => nowWithin(actor.system);

interface Writer {
  getSnapshot(): { hasTag(tag: 'disconnecting'): boolean };
  send(event: { type: 'flow.waiting' }): void;
}

/** A stanza is written, and stream management makes the server owe an acknowledgement of it. */
function owe(self: Writer, context: ClientContext): void {
  if (context.session?.ticket == null || context.owed || self.getSnapshot().hasTag('disconnecting')) return;
  self.send({ type: 'flow.waiting' });
}

/** The client machine with the real machines below it. */
export const twinModel: ClientMachine = clientModel.provide({
  actors: {
    transport: fromCallback(({ system }) => {
      const forget = () => void Object.assign(contactWithin(system), NOTHING);
      forget();
      return forget;
    }),
    stream: streamMachine.provide({
      actions: {
        write: ({ system }, { kind }) => {
          const contact = contactWithin(system);
          if (kind === 'footer' && contact.upgrading) contact.cut = true;
        },
      },
    }),
  },
  actions: {
    observe: assign(({ system }) => {
      const { up, heard, probed } = contactWithin(system);
      const now = nowWithin(system);
      return { world: { now, chance: 0.5, silence: up ? now - heard : 0, sinceProbe: now - probed } };
    }),
    writeProbe: ({ system }) => {
      Object.assign(contactWithin(system), { probing: true, probed: nowWithin(system) });
    },
    announcePresence: ({ self, context }) => owe(self, context),
    writePresence: ({ self, context }) => owe(self, context),
  },
});

/** A machine below the client's, as it stands; null while there is none. */
interface Inner {
  readonly value: unknown;
  readonly tags: ReadonlySet<string>;
  readonly context: unknown;
  readonly children: Readonly<Record<string, { getSnapshot(): Inner } | undefined>>;
}

const innerOf = ({ actor }: Rig<ClientMachine>, ...ids: readonly string[]): Inner | null => {
  let inner: Inner | null = actor.getSnapshot() as unknown as Inner;
  for (const id of ids) inner = inner?.children[id]?.getSnapshot() ?? null;
  return inner;
};

const stateOf = (inner: Inner | null): string => (inner === null ? '' : leavesOf(inner.value));

/** The state of its stream; empty while there is none. */
export const streamOf = (rig: Rig<ClientMachine>): string => stateOf(innerOf(rig, 'stream'));

/** The state of its negotiation; empty while there is none. */
export const negotiationOf = (rig: Rig<ClientMachine>): string => stateOf(innerOf(rig, 'negotiation'));

/** The state of its authentication; empty while there is none. */
export const saslOf = (rig: Rig<ClientMachine>): string => stateOf(innerOf(rig, 'negotiation', 'sasl'));

const saslContextOf = (rig: Rig<ClientMachine>) =>
  innerOf(rig, 'negotiation', 'sasl')?.context as SaslContext | undefined;

/** The mechanism that was chosen. */
export const mechanismOf = (rig: Rig<ClientMachine>): string | null => saslContextOf(rig)?.choice?.mechanism ?? null;

/** The stream being negotiated is encrypted. */
export const isSecured = (rig: Rig<ClientMachine>): boolean =>
  (innerOf(rig, 'negotiation')?.context as NegotiationContext | undefined)?.security !== null;

/** The stream being negotiated is authenticated. */
export const isAuthenticated = (rig: Rig<ClientMachine>): boolean =>
  (innerOf(rig, 'negotiation')?.context as NegotiationContext | undefined)?.choice !== null;

/** Where it stands. */
export const snapshotOf = ({ actor }: Rig<ClientMachine>): SnapshotFrom<ClientMachine> => actor.getSnapshot();

/** Where in the life of a connection a client is. */
export function stageOf(rig: Rig<ClientMachine>): Stage {
  const snapshot = snapshotOf(rig);
  if (snapshot.matches({ link: { connected: 'dialing' } })) return 'connect';
  if (snapshot.matches({ link: { connected: { live: 'preparing' } } })) return 'prepare';
  const [tag] = innerOf(rig, 'negotiation')?.tags ?? [];
  return (tag as Stage | undefined) ?? 'online';
}

/** The connection breaks. */
export const lost = (rig: Rig<ClientMachine>): { type: 'transport.lost'; failure: Failure } => ({
  type: 'transport.lost',
  failure: failure('network', 'backoff', { stage: stageOf(rig) }),
});

/** Bytes come. */
export function hear(rig: Rig<ClientMachine>): void {
  const contact = contactOf(rig);
  contact.heard = nowOf(rig);
  if (!contact.probing) return;
  contact.probing = false;
  rig.actor.send({ type: 'flow.heard' });
}

/** A move of a child, under a condition. */
export const given = (condition: (rig: Rig<ClientMachine>) => boolean, move: Move): Move<ClientMachine> => ({
  label: move.label,
  when: (rig) => condition(rig) && (move.when?.(rig as unknown as Rig) ?? true),
  apply: (rig) => move.apply(rig as unknown as Rig),
});

/** The mechanism that was chosen is a SCRAM. */
export const isScram = (rig: Rig<ClientMachine>) => mechanismOf(rig)?.startsWith('SCRAM') ?? false;

/** The first challenge of SCRAM; there is nothing to say to any other. */
const isAnswerable = (rig: Rig<ClientMachine>) => isScram(rig) && contactOf(rig).challenges === 1;

/** SCRAM makes the server prove itself, too. */
const isUnproven = (rig: Rig<ClientMachine>) => isScram(rig) && contactOf(rig).challenges === 0;

const broken = failure('auth', 'never', { stage: 'auth' });

/** Nobody is asked for credentials. */
const isTrusted = (rig: Rig<ClientMachine>) =>
  mechanismOf(rig) === 'ANONYMOUS' ||
  (contactOf(rig).given && saslContextOf(rig)?.failure?.condition !== 'not-authorized');

const isAtLocation = (rig: Rig<ClientMachine>) => snapshotOf(rig).context.sweep.source === 'location';

/** What needs nobody but the client itself. */
const BY_ITSELF: readonly Move<ClientMachine>[] = [
  given(isAtLocation, done('resolve', [])),
  given(isTrusted, done('credentials', true)),
  given(() => true, done('initiate')),
  given(isAnswerable, done('respond')),
  given(() => true, fails('respond', broken)),
  given(isUnproven, fails('verify', broken)),
  given(() => true, done('verify')),
  {
    label: 'the connection closes',
    when: (rig) => streamOf(rig) === 'CLOSING_STREAM_FOOTER_RECEIVED' || contactOf(rig).cut,
    apply(rig) {
      contactOf(rig).cut = false;
      rig.actor.send(lost(rig));
    },
  },
];

/** Lets the twin do what the real client does by itself, and then what `others` do. */
export function settle(rig: Rig<ClientMachine>, others: readonly Move<ClientMachine>[] = []): void {
  for (;;) {
    const next = [...BY_ITSELF, ...others].find((move) => move.when?.(rig));
    if (next === undefined) return;
    next.apply(rig);
  }
}
