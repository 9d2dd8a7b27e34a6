import { type Element, el } from '../xml/element.ts';
import { NS } from './names.ts';
import type { Registry } from './registry.ts';
import { failure, result } from './replies.ts';
import type { Session } from './session.ts';

interface Roster {
  version: number;
  /** By JID. */
  readonly items: Map<string, Element>;
}

/**
 * The rosters of all accounts (RFC 6121 §2), with versions. They are lists and nothing more: whoever is on one, everybody
 * hears of everybody.
 */
export class Rosters {
  readonly #registry: Registry;
  readonly #rosters = new Map<string, Roster>();

  constructor(registry: Registry) {
    this.#registry = registry;
  }

  /** Answers a request of an account for its own roster. */
  serve(request: Element, session: Session): Element {
    const query = request.elements[0] as Element;
    const roster = this.#rosters.get(session.bare) ?? { version: 0, items: new Map() };
    this.#rosters.set(session.bare, roster);
    return request.attr('type') === 'get'
      ? this.#get(request, query.attr('ver'), roster, session)
      : this.#set(request, query.elements, roster, session);
  }

  /** Whoever has asked is told of changes from then on. */
  #get(request: Element, known: string | undefined, { version, items }: Roster, session: Session): Element {
    session.interested = true;
    const ver = String(version);
    if (known === ver) return result(request);
    return result(
      request,
      el('query', { xmlns: NS.roster, ver: known === undefined ? undefined : ver }, [...items.values()]),
    );
  }

  #set(request: Element, [item, ...more]: readonly Element[], roster: Roster, session: Session): Element {
    const jid = item?.attr('jid');
    if (item?.name !== 'item' || jid === undefined || more.length > 0) return failure(request, 'bad-request');
    const removing = item.attr('subscription') === 'remove';
    if (removing && !roster.items.delete(jid)) return failure(request, 'item-not-found');
    const kept = removing ? item : item.with({ subscription: roster.items.get(jid)?.attr('subscription') ?? 'none' });
    if (!removing) roster.items.set(jid, kept);
    roster.version += 1;
    for (const other of this.#registry.of(session.bare)) if (other.interested) push(other, kept, roster.version);
    return result(request);
  }
}

/** Tells a session of an item (RFC 6121 §2.1.6). */
function push(session: Session, item: Element, version: number): void {
  const query = el('query', { xmlns: NS.roster, ver: version }, item);
  session.send(el('iq', { type: 'set', id: `push${version}`, to: session.full }, query));
}
