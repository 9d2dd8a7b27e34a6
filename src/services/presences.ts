import type { Service, ServiceHost } from '../client/services.ts';
import type { Emitter, ListenOptions, Subscription } from '../emitter.ts';
import { JID } from '../jid.ts';
import { readStanzaError, type StanzaError } from '../stanza/error.ts';
import type { Presence } from '../stanza/presence.ts';

/** Characters that are kept at most, so that nobody can fill the memory: enough for some 50,000 usual presences. */
const MAX_SIZE = 64 * 1024 * 1024;
/** What a presence costs beyond its text, in characters. */
const PRESENCE_SIZE = 1000;

/** What `client.use(presences)` tells. */
export interface PresencesEvents {
  /** Somebody can be reached now. `first`: nobody of that bare JID could before. */
  available: { readonly jid: JID; readonly presence: Presence; readonly first: boolean };
  /** Somebody available says something new, or the same again. */
  changed: { readonly jid: JID; readonly presence: Presence; readonly before: Presence };
  /**
   * Somebody cannot be reached any more. `last`: nobody of that bare JID can. `presence` is what they said, null when our
   * session is gone and with it what we knew.
   */
  unavailable: { readonly jid: JID; readonly presence: Presence | null; readonly last: boolean };
  /** A presence of ours was refused, or could not be delivered. What is known of others stays as it is. */
  error: { readonly jid: JID; readonly presence: Presence; readonly error: StanzaError };
}

interface Entry {
  readonly jid: JID;
  readonly presence: Presence;
  readonly size: number;
}

/**
 * Who can be reached, as the server tells it in this session, also rooms' occupants and the resources of our own account.
 * RFC 6121 §4
 *
 * 64 Mi characters of presences are kept, each counted with 1000 more. What is beyond that is `invalid`, and not kept: those
 * who were there before stay.
 */
export class Presences {
  readonly #host: ServiceHost;
  readonly #emitter: Emitter<PresencesEvents>;
  /** By bare JID and full JID, who spoke last at the end. */
  #known = new Map<string, Map<string, Entry>>();
  #size = 0;

  /** Use `client.use(presences)`. */
  constructor(host: ServiceHost) {
    this.#host = host;
    this.#emitter = host.emitter();
    host.on('presence', (presence) => this.#receive(presence));
    host.on('destroyed', () => this.#forget());
  }

  /** The presence of a full JID, or for a bare one of its resource with the highest priority, of several the latest. */
  get(jid: JID | string): Presence | undefined {
    const wanted = typeof jid === 'string' ? JID.parse(jid) : jid;
    const exact = this.#known.get(wanted.bare.toString())?.get(wanted.toString());
    return exact?.presence ?? (wanted.resource === undefined ? this.all(wanted)[0] : undefined);
  }

  /** The presences of all resources of a bare JID, the best first. */
  all(jid: JID | string): Presence[] {
    const { bare } = typeof jid === 'string' ? JID.parse(jid) : jid;
    const presences = [...(this.#known.get(bare.toString())?.values() ?? [])].map(({ presence }) => presence);
    return presences.reverse().sort((a, b) => (b.priority ?? 0) - (a.priority ?? 0));
  }

  /** Every presence there is. */
  *[Symbol.iterator](): Generator<Presence, void, void> {
    for (const entries of this.#known.values()) for (const { presence } of entries.values()) yield presence;
  }

  /** Listens to an event; see `Client.on`. */
  on<T extends keyof PresencesEvents>(
    type: T,
    listener: (event: PresencesEvents[T]) => unknown,
    options?: ListenOptions,
  ): Subscription {
    return this.#emitter.on(type, listener, options);
  }

  #receive(presence: Presence): void {
    const { from: jid, type } = presence;
    if (jid === undefined) return;
    if (type === 'available') this.#come(jid, presence);
    else if (type === 'unavailable') this.#go(jid, presence);
    else if (type === 'error') this.#emitter.emit('error', { jid, presence, error: readStanzaError(presence.element) });
  }

  #come(jid: JID, presence: Presence): void {
    const bare = jid.bare.toString();
    const entries = this.#known.get(bare) ?? new Map<string, Entry>();
    const before = entries.get(jid.toString());
    const size = presence.toString().length + PRESENCE_SIZE;
    const total = this.#size + size - (before?.size ?? 0);
    if (total > MAX_SIZE) {
      this.#host.refuse(presence.element, 'more presences than are kept');
      return;
    }
    const first = entries.size === 0;
    entries.delete(jid.toString());
    entries.set(jid.toString(), { jid, presence, size });
    this.#known.set(bare, entries);
    this.#size = total;
    if (before === undefined) this.#emitter.emit('available', { jid, presence, first });
    else this.#emitter.emit('changed', { jid, presence, before: before.presence });
  }

  /** A bare JID stands for all of its resources. */
  #go(from: JID, presence: Presence): void {
    const bare = from.bare.toString();
    const entries = this.#known.get(bare);
    if (entries === undefined) return;
    const gone = from.resource === undefined ? [...entries.values()] : [entries.get(from.toString())];
    for (const entry of gone) {
      if (entry === undefined) continue;
      entries.delete(entry.jid.toString());
      this.#size -= entry.size;
      const last = entries.size === 0;
      if (last) this.#known.delete(bare);
      this.#emitter.emit('unavailable', { jid: entry.jid, presence, last });
    }
  }

  #forget(): void {
    const known = this.#known;
    this.#known = new Map();
    this.#size = 0;
    for (const entries of known.values()) {
      let left = entries.size;
      for (const { jid } of entries.values()) {
        left -= 1;
        this.#emitter.emit('unavailable', { jid, presence: null, last: left === 0 });
      }
    }
  }
}

/** Who can be reached; see `Presences`. */
export const presences: Service<Presences> = { name: 'presences', create: (host) => new Presences(host) };
