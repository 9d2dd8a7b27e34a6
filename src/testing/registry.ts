import { randomBytes } from 'node:crypto';
import type { JID } from '../jid.ts';
import type { Link } from './link.ts';
import { Session, type SessionOwner } from './session.ts';

/** Why a session cannot be resumed: `h` is what the server had handled, if it remembers. */
export interface Refusal {
  readonly h: number | undefined;
}

/** Ended sessions whose counters are remembered, for `<failed h=…/>`. */
const MEMORY = 1000;

/** The sessions of a server, by what they are looked for. */
export class Registry implements Iterable<Session> {
  readonly #byFull = new Map<string, Session>();
  readonly #byBare = new Map<string, Set<Session>>();
  readonly #bySmId = new Map<string, Session>();
  readonly #owner: SessionOwner;

  constructor(owner: SessionOwner) {
    this.#owner = owner;
  }

  /** All of them, in the order they were bound. */
  [Symbol.iterator](): IterableIterator<Session> {
    return this.#byFull.values();
  }

  /** The session of a full JID. */
  get(full: string): Session | undefined {
    return this.#byFull.get(full);
  }

  /** The sessions of an account. */
  of(bare: string): Iterable<Session> {
    return this.#byBare.get(bare) ?? [];
  }

  /** Binds a resource. Whoever had it is told of the conflict and ended. */
  bind(jid: JID, link: Link): Session {
    this.#byFull.get(jid.toString())?.end('conflict', 'Replaced by a new connection');
    const session = new Session(this.#owner, jid, link);
    this.#byFull.set(session.full, session);
    const siblings = this.#byBare.get(session.bare);
    if (siblings === undefined) this.#byBare.set(session.bare, new Set([session]));
    else siblings.add(session);
    return session;
  }

  /** An identifier to resume `session` with. */
  remember(session: Session): string {
    const id = randomBytes(12).toString('base64url');
    this.#bySmId.set(id, session);
    for (const [old, { over }] of this.#bySmId) {
      if (this.#bySmId.size <= MEMORY) break;
      if (over) this.#bySmId.delete(old);
    }
    return id;
  }

  /** The session of that account to be resumed by that identifier. */
  resumable(id: string | undefined, bare: string): Session | Refusal {
    const session = this.#bySmId.get(id ?? '');
    if (session === undefined || session.bare !== bare) return { h: undefined };
    return session.over || !session.resumable ? { h: session.handled } : session;
  }

  /** Takes a session that is over out of the lists; its counter stays known. */
  remove(session: Session): void {
    this.#byFull.delete(session.full);
    const siblings = this.#byBare.get(session.bare);
    siblings?.delete(session);
    if (siblings?.size === 0) this.#byBare.delete(session.bare);
  }

  /** Ends every session and forgets all there was. */
  forget(): void {
    for (const session of [...this]) session.finish();
    this.#bySmId.clear();
  }
}
