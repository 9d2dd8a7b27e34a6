import type { Clock } from '../clock.ts';
import { StateError } from '../error.ts';
import { JID } from '../jid.ts';
import { readStanzaError } from '../stanza/error.ts';
import { type WaitOptions, wait } from '../wait.ts';
import type { Element } from '../xml/element.ts';
import { DeliveryError, type Outgoing } from './token.ts';

/** `timeout` counts from the call. */
export interface RequestOptions extends WaitOptions {
  /**
   * Sees the whole reply, also one of type `error`, before the next stanza is dispatched. What it returns, if anything,
   * becomes the value of the request.
   */
  readonly onReply?: (reply: Element) => unknown;
}

/** A reply of type `result` or `error` could not be used. */
export class ReplyError extends Error {
  override readonly name = 'ReplyError';
}

interface Pending {
  readonly token: Outgoing;
  readonly accepts: (from: string | undefined) => boolean;
  readonly settle: (reply: Element | Error) => void;
}

/**
 * What the map refers to, emptied when the request is over. V8 leaves the tables of a map behind that changes often, and
 * whatever they refer to lives until everything is swept.
 */
interface Entry {
  pending: Pending | null;
}

/**
 * IQ requests waiting for their reply. A reply counts only with the right id from the right sender (RFC 6120 §8.1.2.1 and
 * §10.3.3); anything else changes nothing.
 */
export class Requests {
  readonly #entries = new Map<string, Entry>();
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get size(): number {
    return this.#entries.size;
  }

  /**
   * Waits for the reply to `token`, whose stanza goes to `to`.
   *
   * @param self our bound JID, as it is when the reply comes.
   */
  wait(token: Outgoing, to: string | undefined, self: () => JID | null, options: RequestOptions): Promise<unknown> {
    if (options.signal?.aborted) token.abort();
    return wait(this.#clock, options, 'waiting for a reply', (resolve, reject) => {
      const settle = (reply: Element | Error) => {
        if (reply instanceof Error) {
          reject(reply);
          return;
        }
        try {
          resolve(outcome(reply, options.onReply?.(reply)));
        } catch (error) {
          reject(error);
        }
      };
      token.onStateChange((state) => {
        if (state !== 'sent' && state !== 'acked' && state !== 'unconfirmed')
          settle(new DeliveryError(state, token.error));
      });
      const entry: Entry = { pending: { token, accepts: (from) => accepts(to, from, self()), settle } };
      if (!this.#entries.has(token.id)) this.#entries.set(token.id, entry);
      else token.become('failed', new StateError('a request with this id is waiting for its reply already'));
      return () => {
        if (this.#entries.get(token.id) === entry) this.#entries.delete(token.id);
        entry.pending = null;
        token.abort();
      };
    });
  }

  /** Gives a reply to the request it answers; returns whether there was one. */
  settle(reply: Element): boolean {
    const id = reply.attr('id') ?? '';
    const pending = this.#entries.get(id)?.pending;
    if (!pending?.accepts(reply.attr('from'))) return false;
    this.#entries.delete(id);
    pending.settle(reply);
    return true;
  }

  /** Ends the wait of every request that was written. */
  failSent(error: Error): void {
    for (const { pending } of [...this.#entries.values()]) {
      if (pending !== null && pending.token.state !== 'queued') pending.settle(error);
    }
  }

  /** Ends every wait with `error`. */
  fail(error: Error): void {
    for (const { pending } of [...this.#entries.values()]) pending?.settle(error);
  }
}

/** What a request resolves with: what the callback said, at once or later, or else the reply's payload. */
function outcome(reply: Element, said: unknown): unknown {
  if (said instanceof Promise) return said.then((later) => outcome(reply, later));
  if (said !== undefined && said !== null) return said;
  if (reply.attr('type') === 'error') throw readStanzaError(reply);
  if (reply.elements.length > 1) throw new ReplyError('the reply has more than one payload');
  return reply.elements[0];
}

/**
 * Whether a reply from `from` may answer a request to `to`. To ourselves or to nobody: ourselves, our server, or nobody. To
 * our server: itself or nobody. To anybody else: exactly that JID.
 */
export function accepts(to: string | undefined, from: string | undefined, self: JID | null): boolean {
  if (from === to) return true;
  const target = to === undefined ? null : parsed(to);
  const sender = from === undefined ? null : parsed(from);
  if (self === null) return false;
  if (from !== undefined && sender === null) return false;
  if (target === null || target.equals(self.bare)) {
    return sender === null || sender.equals(self.bare) || sender.equals(self) || sender.toString() === self.domain;
  }
  if (target.toString() === self.domain) return sender === null || sender.equals(target);
  return sender?.equals(target) ?? false;
}

function parsed(text: string): JID | null {
  try {
    return JID.parse(text);
  } catch {
    return null;
  }
}
