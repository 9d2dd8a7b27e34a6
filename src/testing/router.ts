import { JID } from '../jid.ts';
import { type Element, el } from '../xml/element.ts';
import { serialize } from '../xml/serializer.ts';
import { copy, isCopied } from './carbons.ts';
import type { Registry } from './registry.ts';
import { failure, isAnswerable, type StanzaCondition } from './replies.ts';
import { Rosters } from './roster.ts';
import { serve } from './services.ts';
import type { Session } from './session.ts';
import type { Settings } from './settings.ts';

/** Takes each stanza where it belongs (RFC 6120 §10, RFC 6121 §8), stamped with who sent it. */
export class Router {
  readonly #domain: string;
  readonly #registry: Registry;
  readonly #settings: () => Settings;
  readonly #rosters: Rosters;

  constructor(domain: string, registry: Registry, settings: () => Settings) {
    this.#domain = domain;
    this.#registry = registry;
    this.#settings = settings;
    this.#rosters = new Rosters(registry);
  }

  /** Routes a stanza that a client sent. */
  route(from: Session, received: Element): void {
    const stanza = received.attr('from') === from.full ? received : received.with({ from: from.full });
    const to = stanza.attr('to');
    // Most stanzas go to a full JID that is spelled as it was given out.
    const direct = to === undefined ? undefined : this.#registry.get(to);
    if (direct !== undefined) direct.send(stanza);
    else if (to === undefined && stanza.name === 'presence') this.#broadcast(from, stanza);
    else this.#refuse(from, stanza, this.#forward(from, stanza, to));
    if (stanza.name === 'message' && isCopied(stanza)) this.#copy(from, stanza, to);
  }

  /** A session is over: its presence ends, and what it never got goes back. */
  ended(session: Session, undelivered: readonly Element[]): void {
    if (session.presence !== undefined) {
      this.#broadcast(session, el('presence', { type: 'unavailable', from: session.full }));
    }
    for (const stanza of undelivered) {
      const sender = this.#registry.get(stanza.attr('from') ?? '');
      if (sender !== undefined) this.#refuse(sender, stanza, 'recipient-unavailable');
    }
  }

  /** Answers with an error, if there is a reason for one and errors are for such a stanza. */
  #refuse(sender: Session, stanza: Element, reason: StanzaCondition | undefined): void {
    if (reason !== undefined && isAnswerable(stanza)) sender.send(failure(stanza, reason).with({ to: sender.full }));
  }

  /** Takes a stanza to where it is addressed; the reason if it cannot. */
  #forward(from: Session, stanza: Element, to: string | undefined): StanzaCondition | undefined {
    const target = to === undefined ? from.jid.bare : parse(to);
    if (target === undefined) return 'jid-malformed';
    if (target.domain !== this.#domain) return 'remote-server-not-found';
    const session = this.#registry.get(target.toString());
    if (session !== undefined) return void session.send(stanza);
    if (stanza.name === 'iq') return this.#iq(from, stanza, target);
    // Messages and presence to the server itself end here.
    if (target.local === undefined) return undefined;
    return stanza.name === 'presence' ? this.#presence(from, stanza, target) : this.#message(stanza, target);
  }

  /** A request to the server, or to the account of the sender, which the server answers for. */
  #iq(from: Session, request: Element, target: JID): StanzaCondition | undefined {
    const isOwn = target.local === undefined || target.toString() === from.bare;
    if (!isOwn) return 'service-unavailable';
    const answer = isAnswerable(request) ? serve(request, from, this.#settings().services, this.#rosters) : undefined;
    if (answer !== undefined) from.send(answer.with({ to: from.full }));
    return undefined;
  }

  #message(stanza: Element, target: JID): StanzaCondition | undefined {
    const type = stanza.attr('type');
    if (type === 'error') return undefined;
    if (type === 'groupchat') return 'service-unavailable';
    if (type === 'headline' && target.resource !== undefined) return undefined;
    const recipients = this.#available(target.bare.toString(), type === 'headline');
    sendAll(recipients, stanza);
    return recipients.length === 0 && type !== 'headline' ? 'service-unavailable' : undefined;
  }

  /** What one resource says or hears, the others of its account are told that want to know (XEP-0280). */
  #copy(from: Session, stanza: Element, to: string | undefined): void {
    const target = parse(to ?? from.bare);
    if (target === undefined) return;
    const bare = target.bare.toString();
    const direct = this.#registry.get(target.toString());
    const recipients = direct === undefined ? this.#available(bare, false) : [direct];
    copy(stanza, 'sent', this.#registry.of(from.bare), [from, ...recipients]);
    if (bare !== from.bare) copy(stanza, 'received', this.#registry.of(bare), recipients);
  }

  /** The sessions that get a message to their bare JID: those of a priority that is not negative, or the best of them. */
  #available(bare: string, all: boolean): Session[] {
    const willing = [...this.#registry.of(bare)].filter(({ presence, priority }) => presence && priority >= 0);
    if (all || this.#settings().bareMessages === 'all') return willing;
    return willing.sort((a, b) => b.priority - a.priority).slice(0, 1);
  }

  /** Directed presence, to a bare JID or to a resource that is not there. */
  #presence(from: Session, stanza: Element, target: JID): undefined {
    const sessions = [...this.#registry.of(target.bare.toString())];
    if (stanza.attr('type') === 'probe') for (const { presence } of sessions) if (presence) from.send(presence);
    if (stanza.attr('type') !== 'probe' && target.resource === undefined) sendAll(sessions, stanza);
  }

  /** Presence to nobody in particular goes to everybody who is available, the sender too (RFC 6121 §4.2.2, §4.5.2). */
  #broadcast(from: Session, stanza: Element): void {
    const type = stanza.attr('type');
    if (type !== undefined && type !== 'unavailable') return;
    const first = from.presence === undefined;
    if (type === 'unavailable' && first) return;
    if (type === undefined) from.presence = stanza;
    const available = [...this.#registry].filter((session) => session.presence !== undefined);
    sendAll(available, stanza);
    if (type === 'unavailable') from.presence = undefined;
    else if (first) for (const { presence } of available) if (presence && presence !== stanza) from.send(presence);
  }
}

/** Sends one stanza to many; it is serialised once. */
function sendAll(sessions: readonly Session[], stanza: Element): void {
  const text = serialize(stanza);
  for (const session of sessions) session.relay(stanza, text);
}

function parse(text: string): JID | undefined {
  try {
    return JID.parse(text);
  } catch {
    return undefined;
  }
}
