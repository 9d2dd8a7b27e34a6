import type { Client } from '../client/client.ts';
import { ReplyError, type RequestOptions } from '../client/requests.ts';
import type { Service, ServiceHost } from '../client/services.ts';
import type { Token } from '../client/token.ts';
import type { Emitter, ListenOptions, Subscription } from '../emitter.ts';
import { JID } from '../jid.ts';
import { NS } from '../namespaces.ts';
import { StanzaError } from '../stanza/error.ts';
import type { Iq } from '../stanza/iq.ts';
import type { Presence } from '../stanza/presence.ts';
import { tended, type WaitOptions } from '../wait.ts';
import { type Element, el } from '../xml/element.ts';

/** Characters that are kept at most, so that no server can fill the memory: enough for some 200,000 items. */
const MAX_SIZE = 32 * 1024 * 1024;
/** What an item costs beyond its texts, in characters. */
const ITEM_SIZE = 100;

/** Who sees whose presence: `to` is we theirs, `from` is they ours. RFC 6121 §2.1.2.5 */
export type RosterSubscription = 'none' | 'to' | 'from' | 'both';

/** Somebody on the roster. RFC 6121 §2.1.2 */
export interface RosterItem {
  /** Who it is. */
  readonly jid: JID;
  /** What the account calls them; undefined for nothing. */
  readonly name: string | undefined;
  /** Who sees whose presence. */
  readonly subscription: RosterSubscription;
  /** We asked to see their presence, and they have not answered. */
  readonly ask: boolean;
  /** They may see our presence as soon as they ask. */
  readonly approved: boolean;
  /** The groups the account sorts them into. */
  readonly groups: readonly string[];
}

/** What can be said of an item. */
export interface RosterEntry {
  /** Who it is. */
  readonly jid: JID | string;
  /** None when it is left out. */
  readonly name?: string | undefined;
  /** None when they are left out. */
  readonly groups?: readonly string[];
}

/** What `client.use(roster)` tells. */
export interface RosterEvents {
  /** The whole roster is here; told once a session, and after each `load`. */
  loaded: { readonly items: ReadonlyMap<string, RosterItem> };
  /** The roster could not be loaded in a new session; `items` is what was known before. */
  failed: { readonly error: unknown };
  /** One item came (`before` is null), changed, or went (`item` is null). */
  changed: { readonly jid: JID; readonly item: RosterItem | null; readonly before: RosterItem | null };
  /** Somebody wants to see our presence; `approve` or `deny` answers. `jid` is bare. RFC 6121 §3.1.3 */
  request: { readonly jid: JID; readonly presence: Presence };
}

/** The presence types that manage subscriptions. RFC 6121 §3 */
type SubscriptionType = 'subscribe' | 'subscribed' | 'unsubscribe' | 'unsubscribed';

/**
 * The roster of the account. It is asked for in every new session, ahead of presence, and nobody waits for the answer; what
 * changes is pushed by the server. Where the server knows versions, a roster that has not changed is not sent again. What
 * was known stays known while there is no session. RFC 6121 §2
 *
 * 32 Mi characters of it are kept, each item counted with 100 more; a roster beyond that is not loaded.
 */
export class Roster {
  readonly #client: Client;
  readonly #emitter: Emitter<RosterEvents>;
  #items = new Map<string, RosterItem>();
  #size = 0;
  /** Whose roster it is. */
  #account: string | null = null;
  #version: string | null = null;
  #loaded = false;

  /** @internal Made by the service. */
  constructor(host: ServiceHost) {
    this.#client = host.client;
    this.#emitter = host.emitter();
    const begin = (request: Request) => {
      this.#load(request, {}).catch((error) => this.#emitter.emit('failed', { error }));
    };
    host.handle('set', NS.roster, 'query', (iq) => this.#push(iq));
    host.on('destroyed', () => {
      this.#loaded = false;
    });
    host.on('presence', (presence) => {
      const { type, from } = presence;
      if (type === 'subscribe' && from !== undefined) this.#emitter.emit('request', { jid: from.bare, presence });
    });
    host.beforeEstablished((preparation) => begin((iq, options) => preparation.request(iq, options)));
    if (this.#client.established) begin((iq, options) => this.#client.request(iq, options));
  }

  /** Everybody on it, by JID; the latest that is known. Not to be kept: the next load makes another map. */
  get items(): ReadonlyMap<string, RosterItem> {
    return this.#items;
  }

  /** Whether `items` is what the server has, as far as this session can tell. */
  get loaded(): boolean {
    return this.#loaded;
  }

  /** Somebody's item. */
  get(jid: JID | string): RosterItem | undefined {
    const wanted = toJid(jid);
    return this.#items.get(wanted.toString()) ?? this.#items.get(wanted.bare.toString());
  }

  /**
   * Loads the roster again, which it needs only where it could not be loaded.
   *
   * @throws StanzaError when the server refuses.
   * @throws ReplyError when the answer is no roster, or too large a one.
   * @throws what else `Client.request` throws.
   */
  load(options: WaitOptions = {}): Promise<ReadonlyMap<string, RosterItem>> {
    return tended(this.#load((iq, all) => this.#client.request(iq, all), options));
  }

  /**
   * Puts somebody on the roster, or says anew what their name and groups are. Resolves when the server has done it; `items`
   * has it with the push that follows or came before.
   *
   * @throws JidError at once, when that is none.
   * @throws what `Client.request` throws.
   */
  set({ jid, name, groups = [] }: RosterEntry, options: WaitOptions = {}): Promise<void> {
    const content = groups.map((group) => el('group', {}, group));
    return tended(this.#change(el('item', { jid: toJid(jid), name }, content), options));
  }

  /**
   * Takes somebody off the roster and ends both subscriptions.
   *
   * @throws JidError at once, when that is none.
   * @throws what `Client.request` throws.
   */
  remove(jid: JID | string, options: WaitOptions = {}): Promise<void> {
    return tended(this.#change(el('item', { jid: toJid(jid), subscription: 'remove' }), options));
  }

  /** Asks to see somebody's presence. RFC 6121 §3.1 */
  subscribe(jid: JID | string, status?: string): Token {
    return this.#manage('subscribe', jid, status);
  }

  /** Does not want to see somebody's presence any more. RFC 6121 §3.3 */
  unsubscribe(jid: JID | string): Token {
    return this.#manage('unsubscribe', jid);
  }

  /** Lets somebody see our presence, who asked to or, where the server knows how, will ask. RFC 6121 §3.1.4, §3.4 */
  approve(jid: JID | string): Token {
    return this.#manage('subscribed', jid);
  }

  /** Refuses to let somebody see our presence, who asked to or may see it so far. RFC 6121 §3.1.4, §3.2 */
  deny(jid: JID | string): Token {
    return this.#manage('unsubscribed', jid);
  }

  /** Listens to an event; see `Client.on`. */
  on<T extends keyof RosterEvents>(
    type: T,
    listener: (event: RosterEvents[T]) => unknown,
    options?: ListenOptions,
  ): Subscription {
    return this.#emitter.on(type, listener, options);
  }

  async #change(item: Element, options: WaitOptions): Promise<void> {
    await this.#client.request(el('iq', { type: 'set' }, el('query', { xmlns: NS.roster }, item)), options);
  }

  #manage(type: SubscriptionType, jid: JID | string, status?: string): Token {
    const text = status === undefined ? null : el('status', {}, status);
    return this.#client.send(el('presence', { type, to: toJid(jid).bare }, text));
  }

  async #load(request: Request, options: WaitOptions): Promise<ReadonlyMap<string, RosterItem>> {
    const account = this.#client.jid.bare.toString();
    // An anonymous login is somebody else every time.
    if (account !== this.#account) this.#replace([], null);
    this.#account = account;
    const versioned = this.#client.getSnapshot().features?.all.includes(`{${NS.rosterVersions}}ver`) ?? false;
    const known = versioned ? this.#version : null;
    const query = el('query', { xmlns: NS.roster, ver: versioned ? (known ?? '') : undefined });
    // What is pushed right behind the reply builds on it.
    const onReply = (reply: Element) => (reply.attr('type') === 'result' ? this.#take(reply, known) : undefined);
    await request(el('iq', { type: 'get' }, query), { ...options, onReply });
    return this.#items;
  }

  /** Takes the answer to a request; without a roster in it, the version we know is the latest. */
  #take(reply: Element, known: string | null): ReadonlyMap<string, RosterItem> {
    const query = reply.find('query', NS.roster);
    if (query === undefined && known === null) throw new ReplyError('the reply has no roster in it');
    if (query !== undefined) this.#replace(query.filter('item').flatMap(readItem), query.attr('ver') ?? null);
    this.#loaded = true;
    this.#emitter.emit('loaded', { items: this.#items });
    return this.#items;
  }

  #replace(items: readonly RosterItem[], version: string | null): void {
    const map = new Map(items.map((item) => [item.jid.toString(), item]));
    let size = 0;
    for (const item of map.values()) size += sizeOf(item);
    if (size > MAX_SIZE) throw new ReplyError('the roster is too large');
    this.#items = map;
    this.#size = size;
    this.#version = version;
  }

  /** RFC 6121 §2.1.6 */
  #push(iq: Iq): void {
    if (!this.#mayPush(iq)) throw new StanzaError('service-unavailable');
    const query = iq.payload as Element;
    const [element, ...more] = query.elements;
    const [item] = element?.is('item', NS.roster) ? readItem(element) : [];
    if (element === undefined || item === undefined || more.length > 0) throw new StanzaError('bad-request');
    this.#apply(item, element.attr('subscription') === 'remove');
    const version = query.attr('ver');
    // A version stands for the whole of a roster.
    if (version !== undefined && this.#loaded) this.#version = version;
  }

  #mayPush(iq: Iq): boolean {
    if (iq.element.attr('from') === undefined) return true;
    const { jid } = this.#client;
    return iq.from !== undefined && (iq.from.equals(jid.bare) || iq.from.toString() === jid.domain);
  }

  #apply(item: RosterItem, removed: boolean): void {
    const key = item.jid.toString();
    const before = this.#items.get(key) ?? null;
    if (removed && before === null) return;
    const size = this.#size - (before === null ? 0 : sizeOf(before)) + (removed ? 0 : sizeOf(item));
    if (size > MAX_SIZE) throw new StanzaError('resource-constraint');
    this.#size = size;
    if (removed) this.#items.delete(key);
    else this.#items.set(key, item);
    this.#emitter.emit('changed', { jid: item.jid, item: removed ? null : item, before });
  }
}

/** The roster of the account; see `Roster`. */
export const roster: Service<Roster> = { name: 'roster', create: (host) => new Roster(host) };

type Request = (iq: Element, options: RequestOptions) => Promise<unknown>;

const SUBSCRIPTIONS: readonly string[] = ['none', 'to', 'from', 'both'];

/** An item; nothing if it has no JID. What is unknown of it is read as absent. */
function readItem(element: Element): RosterItem[] {
  const jid = element.attr('jid');
  const name = element.attr('name');
  const subscription = element.attr('subscription') ?? '';
  try {
    return [
      {
        jid: JID.parse(jid ?? ''),
        name,
        subscription: SUBSCRIPTIONS.includes(subscription) ? (subscription as RosterSubscription) : 'none',
        ask: element.attr('ask') === 'subscribe',
        approved: ['true', '1'].includes(element.attr('approved') ?? ''),
        groups: [...new Set(element.filter('group').map((group) => group.text))],
      },
    ];
  } catch {
    return [];
  }
}

function sizeOf({ jid, name = '', groups }: RosterItem): number {
  return groups.reduce((sum, group) => sum + group.length, ITEM_SIZE + jid.toString().length + name.length);
}

function toJid(jid: JID | string): JID {
  return typeof jid === 'string' ? JID.parse(jid) : jid;
}
