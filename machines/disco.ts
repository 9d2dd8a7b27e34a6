/**
 * What the server and what it is home to can do. XEP-0030
 *
 * A child of the session: it begins when one is established, survives interruptions, and ends with it. The shell asks, and
 * shares every question with whoever asks the same. What was found is plain data, for everybody to look at.
 */
import { assign, fromCallback, fromPromise, setup } from 'xstate';

/** What an entity is. A name is in the language `lang`, if it says which. XEP-0030 §3.1 */
export interface Identity {
  /** Such as `client` or `conference`, of the registry for service discovery identities. */
  readonly category: string;
  /** Such as `bot` or `text`, of the same registry. */
  readonly type: string;
  /** For people. */
  readonly name?: string;
  /** The language of the name. */
  readonly lang?: string;
}

/** What an entity says of itself, as plain data in the order of the alphabet. */
export interface InfoFacts {
  /** What it is. */
  readonly identities: readonly Identity[];
  /** What it can do. */
  readonly features: readonly string[];
  /** What else it says. XEP-0128 */
  readonly forms: readonly {
    readonly formType: string | null;
    readonly fields: readonly { readonly name: string; readonly type?: string; readonly values: readonly string[] }[];
  }[];
}

/** Something that is part of an entity, or that it knows of. XEP-0030 §4.1 */
export interface ItemFacts {
  /** Its address. */
  readonly jid: string;
  /** Null where the JID alone is meant. */
  readonly node: string | null;
  /** For people. */
  readonly name: string | null;
}

/** An entity that was asked and has answered. */
export interface FoundEntity extends ItemFacts {
  /** What it said of itself. */
  readonly info: InfoFacts;
}

/** A question that was not answered. */
export interface DiscoFailure {
  /** Who was asked. */
  readonly jid: string;
  /** About which node; null for the entity itself. */
  readonly node: string | null;
  /** What was asked. */
  readonly about: 'info' | 'items';
  /** The stanza error's, or `timeout`, `malformed` or `lost`. */
  readonly condition: string;
}

export interface DiscoInput {
  /** The server. */
  readonly domain: string;
  /** Milliseconds that each step may take. */
  readonly timeout: number;
  /** How many items are asked what they are; a longer list is not walked to its end. XEP-0030 §6.2 */
  readonly limit: number;
}

export interface DiscoContext extends DiscoInput {
  /** What is known already does not count: somebody wants to know it anew. */
  readonly fresh: boolean;
  readonly server: FoundEntity | null;
  /** The items that have answered. */
  readonly entities: readonly FoundEntity[];
  /** Those that have not. */
  readonly waiting: readonly ItemFacts[];
  /** How many items are not asked because there are too many. */
  readonly left: number;
  readonly failures: readonly DiscoFailure[];
}

export type DiscoEvent =
  /** Ask everybody again. */
  | { readonly type: 'refresh' }
  /** An item has answered. */
  | { readonly type: 'entity.known'; readonly entity: FoundEntity }
  /** An item has not. */
  | { readonly type: 'entity.failed'; readonly failure: DiscoFailure };

/** What is asked, and whether it may be known already. */
export interface Question {
  readonly jid: string;
  readonly node: string | null;
  readonly fresh: boolean;
}

const isSame = (one: Pick<ItemFacts, 'jid' | 'node'>, other: Pick<ItemFacts, 'jid' | 'node'>): boolean =>
  one.jid === other.jid && one.node === other.node;

const without = <T extends ItemFacts>(list: readonly T[], one: Pick<ItemFacts, 'jid' | 'node'>): readonly T[] =>
  list.filter((other) => !isSame(other, one));

/** The shell rejects with a condition; anything else is a defect of ours. */
const conditionOf = (error: unknown): string => {
  const { condition } = (error ?? {}) as { condition?: unknown };
  return typeof condition === 'string' ? condition : 'undefined-condition';
};

/** Asks the server and its items what they can do, in every session. XEP-0030 */
export const discoMachine = setup({
  types: {
    context: {} as DiscoContext,
    input: {} as DiscoInput,
    events: {} as DiscoEvent,
  },
  actors: {
    /** Asks an entity what it is. */
    askInfo: fromPromise<InfoFacts, Question>(() => new Promise(() => {})),
    /** Asks an entity what it is home to. */
    askItems: fromPromise<readonly ItemFacts[], Question>(() => new Promise(() => {})),
    /** Asks several what they are, all at once, and says what each has answered. */
    askEach: fromCallback<DiscoEvent, { items: readonly ItemFacts[]; fresh: boolean }>(() => {}),
  },
  actions: {
    /** There is nothing more to come: whoever waits for that need not wait any longer. */
    tell: () => {},
    beginAnew: assign({ failures: [], left: 0, waiting: [], fresh: true }),
    noteServer: assign(({ context }, params: { info: InfoFacts }) => ({
      server: { jid: context.domain, node: null, name: null, info: params.info },
    })),
    /** What is known of an item stays until it has answered again. */
    noteItems: assign(({ context }, params: { items: readonly ItemFacts[] }) => {
      const distinct = [...new Map(params.items.map((item) => [`${item.jid}\0${item.node ?? ''}`, item])).values()];
      const waiting = distinct.slice(0, context.limit);
      return {
        waiting,
        left: distinct.length - waiting.length,
        entities: context.entities.filter((entity) => waiting.some((item) => isSame(item, entity))),
      };
    }),
    noteEntity: assign(({ context, event }) =>
      event.type === 'entity.known'
        ? {
            entities: [...without(context.entities, event.entity), event.entity],
            waiting: without(context.waiting, event.entity),
          }
        : {},
    ),
    noteEntityFailure: assign(({ context, event }) =>
      event.type === 'entity.failed'
        ? {
            entities: without(context.entities, event.failure),
            waiting: without(context.waiting, event.failure),
            failures: [...context.failures, event.failure],
          }
        : {},
    ),
    noteFailure: assign(({ context }, params: { about: 'info' | 'items'; error: unknown }) => ({
      failures: [
        ...context.failures,
        { jid: context.domain, node: null, about: params.about, condition: conditionOf(params.error) },
      ],
    })),
    /** What the server said before is not what it says now. */
    forgetServer: assign({ server: null, entities: [] }),
    forgetItems: assign({ entities: [] }),
    noteSilence: assign(({ context }) => ({
      waiting: [],
      entities: context.entities.filter((entity) => !context.waiting.some((item) => isSame(item, entity))),
      failures: [
        ...context.failures,
        ...context.waiting.map(({ jid, node }) => ({ jid, node, about: 'info', condition: 'timeout' }) as const),
      ],
    })),
  },
  guards: {
    allAnswered: ({ context }) => context.waiting.length === 0,
  },
  delays: {
    step: ({ context }) => context.timeout,
  },
}).createMachine({
  id: 'disco',
  context: ({ input }) => ({
    ...input,
    fresh: false,
    server: null,
    entities: [],
    waiting: [],
    left: 0,
    failures: [],
  }),
  initial: 'askingServer',
  on: {
    refresh: { target: '.askingServer', actions: 'beginAnew' },
  },
  states: {
    askingServer: {
      description: 'What can the server do?',
      meta: { spec: 'XEP-0030 §3.1' },
      invoke: {
        id: 'askInfo',
        src: 'askInfo',
        input: ({ context }) => ({ jid: context.domain, node: null, fresh: context.fresh }),
        onDone: {
          target: 'askingItems',
          actions: { type: 'noteServer', params: ({ event }) => ({ info: event.output }) },
        },
        onError: {
          target: 'unknown',
          actions: [
            { type: 'noteFailure', params: ({ event }) => ({ about: 'info', error: event.error }) },
            'forgetServer',
          ],
        },
      },
      after: {
        step: {
          target: 'unknown',
          actions: [
            { type: 'noteFailure', params: { about: 'info', error: { condition: 'timeout' } } },
            'forgetServer',
          ],
        },
      },
    },
    askingItems: {
      description: 'What is it home to?',
      meta: { spec: 'XEP-0030 §4.1' },
      invoke: {
        id: 'askItems',
        src: 'askItems',
        input: ({ context }) => ({ jid: context.domain, node: null, fresh: context.fresh }),
        onDone: {
          target: 'askingEach',
          actions: { type: 'noteItems', params: ({ event }) => ({ items: event.output }) },
        },
        onError: {
          target: 'known',
          actions: [
            { type: 'noteFailure', params: ({ event }) => ({ about: 'items', error: event.error }) },
            'forgetItems',
          ],
        },
      },
      after: {
        step: {
          target: 'known',
          actions: [
            { type: 'noteFailure', params: { about: 'items', error: { condition: 'timeout' } } },
            'forgetItems',
          ],
        },
      },
    },
    askingEach: {
      description: 'And what can each of those do?',
      meta: { spec: 'XEP-0030 §6.2' },
      always: { guard: 'allAnswered', target: 'known' },
      invoke: {
        id: 'askEach',
        src: 'askEach',
        input: ({ context }) => ({ items: context.waiting, fresh: context.fresh }),
      },
      on: {
        'entity.known': { actions: 'noteEntity' },
        'entity.failed': { actions: 'noteEntityFailure' },
      },
      after: { step: { target: 'known', actions: 'noteSilence' } },
    },
    known: {
      description: 'Everybody has answered, or is not going to.',
      entry: 'tell',
    },
    unknown: {
      description: 'The server does not say what it can do.',
      entry: 'tell',
    },
  },
});
