/** The main job, for people to watch: two clients talk, the cable is pulled, and nothing is lost. */
import type { Duplex } from 'node:stream';
import type { LiveView } from '../../visualizations/live/server.ts';
import { type Client, createClient } from '../client/client.ts';
import type { ClientOptions } from '../client/options.ts';
import { dial } from '../transport/tcp.ts';
import { xml } from '../xml/template.ts';
import type { Narrator } from './narrator.ts';

/** Messages each side sends. */
const COUNT = 20;
/** After how many of them the cable is pulled. */
const PULL_AFTER = 7;
/** Milliseconds until what has not arrived counts as lost. */
const PATIENCE = 60_000;

/** One of the two. */
export interface Side {
  readonly name: string;
  readonly client: Client;
  /** Destroys the socket under the connection. */
  pull(): void;
}

/** A client whose cable can be pulled, whose charts are told of, and which a page may follow. */
export function makeSide(name: string, options: ClientOptions, narrator: Narrator, view: LiveView | null = null): Side {
  let cable: Duplex | null = null;
  const client = createClient({
    ...options,
    inspect: narrator.follow(name, view?.inspect),
    connect: async (endpoint, { signal }) => {
      cable = await dial(endpoint, { signal });
      return cable;
    },
  });
  client.on('handlerError', ({ error }) => narrator.complain(name, String(error)));
  return { name, client, pull: () => cable?.destroy() };
}

/**
 * Lets both sides send `COUNT` messages to each other and pulls the first one's cable in the middle.
 *
 * @returns whether every message arrived once and in order.
 */
export async function converse(sides: readonly [Side, Side], narrator: Narrator): Promise<boolean> {
  const [one, two] = sides;
  const inboxes = [inbox(one.client), inbox(two.client)] as const;
  for (let number = 1; number <= COUNT; number += 1) {
    for (const [from, to] of [
      [one, two],
      [two, one],
    ] as const) {
      const body = String(number);
      from.client.send(xml`<message to="${to.client.jid}" type="chat"><body>${body}</body></message>`);
    }
    if (number === PULL_AFTER) {
      // Between writing and the server's answer: exactly when it hurts.
      await new Promise((resolve) => setImmediate(resolve));
      narrator.say(one.name, 'the cable is pulled');
      one.pull();
    }
  }
  const results = await Promise.all(inboxes);
  sides.forEach(({ name }, side) => {
    const received = results[side] as readonly number[];
    const good = isComplete(received);
    const verdict = good ? 'once and in order' : `as ${received.join(' ')}`;
    narrator[good ? 'say' : 'complain'](name, `received ${received.length} of ${COUNT} messages, ${verdict}`);
  });
  return results.every(isComplete);
}

/** The numbers that arrive, until there are enough of them or patience runs out. */
function inbox(client: Client): Promise<readonly number[]> {
  const received: number[] = [];
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      listening.unsubscribe();
      resolve(received);
    };
    const timer = setTimeout(end, PATIENCE);
    const listening = client.on('message', ({ body, type }) => {
      if (type === 'chat' && body !== undefined) received.push(Number(body));
      // A little longer than needed, so that a duplicate would be seen.
      if (received.length === COUNT) setTimeout(end, 300);
    });
  });
}

function isComplete(received: readonly number[]): boolean {
  return received.length === COUNT && received.every((number, index) => number === index + 1);
}
