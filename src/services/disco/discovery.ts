/** The chart of the discovery of the server with hands: made once a process, it finds its client by the actor system. */
import pRetry, { type Options } from 'p-retry';
import { type AnyActor, fromCallback, fromPromise } from 'xstate';
import {
  discoMachine,
  type FoundEntity,
  type InfoFacts,
  type ItemFacts,
  type Question,
} from '../../../machines/disco.ts';
import { ReplyError } from '../../client/requests.ts';
import { ConnectionError } from '../../error.ts';
import { StanzaError } from '../../stanza/error.ts';
import type { Disco } from './disco.ts';

type AnyActorSystem = AnyActor['system'];

interface Discoverer {
  readonly asker: Disco;
  /** The discovery is complete. */
  tell(): void;
}

const discoverers = new WeakMap<AnyActorSystem, Discoverer>();

/** Ties a client to the system of its actor; returns what ends that. */
export function register(system: AnyActorSystem, discoverer: Discoverer): () => void {
  discoverers.set(system, discoverer);
  return () => discoverers.delete(system);
}

function discovererOf(system: AnyActorSystem): Discoverer {
  const discoverer = discoverers.get(system);
  if (discoverer === undefined) throw new Error('an actor without a client');
  return discoverer;
}

/** Who says "later" is asked again, a few times. */
const RETRY: Options = {
  retries: 3,
  minTimeout: 500,
  maxTimeout: 5_000,
  factor: 3,
  randomize: false,
  shouldRetry: ({ error }) => error instanceof StanzaError && error.type === 'wait',
};

/** Rejects with nothing but a condition, which is all that the chart and its inspectors may see. */
async function asked<T>(ask: () => Promise<T>, signal: AbortSignal): Promise<T> {
  try {
    return await pRetry(ask, { ...RETRY, signal });
  } catch (error) {
    throw { condition: conditionOf(error) };
  }
}

function conditionOf(error: unknown): string {
  if (error instanceof StanzaError) return error.condition;
  if (error instanceof ReplyError) return 'malformed';
  return error instanceof ConnectionError ? 'lost' : 'undefined-condition';
}

function askInfo(asker: Disco, { jid, node, fresh }: Question, signal: AbortSignal): Promise<InfoFacts> {
  const options = { requireFresh: fresh, signal, ...(node !== null && { node }) };
  return asked(async () => (await asker.queryInfo(jid, options)).toJSON(), signal);
}

export const discoveryLogic = discoMachine.provide({
  actors: {
    askInfo: fromPromise(({ input, system, signal }) => askInfo(discovererOf(system).asker, input, signal)),
    askItems: fromPromise<readonly ItemFacts[], Question>(({ input: { jid, fresh }, system, signal }) => {
      const { asker } = discovererOf(system);
      return asked(async () => (await asker.queryItems(jid, { requireFresh: fresh, signal })).toJSON(), signal);
    }),
    askEach: fromCallback(({ input: { items, fresh }, system, sendBack }) => {
      const { asker } = discovererOf(system);
      const controller = new AbortController();
      for (const item of items) {
        const { jid, node } = item;
        askInfo(asker, { jid, node, fresh }, controller.signal).then(
          (info) => sendBack({ type: 'entity.known', entity: { ...item, info } satisfies FoundEntity }),
          ({ condition }) => sendBack({ type: 'entity.failed', failure: { jid, node, about: 'info', condition } }),
        );
      }
      return () => controller.abort();
    }),
  },
  actions: {
    tell: ({ system }) => discovererOf(system).tell(),
  },
});
