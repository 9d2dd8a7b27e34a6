import type { JID } from '../jid.ts';
import { type Element, el } from '../xml/element.ts';
import { serialize } from '../xml/serializer.ts';
import { Ledger } from './ledger.ts';
import type { Link } from './link.ts';
import { NS } from './names.ts';
import type { SmSettings } from './settings.ts';

/** Whoever keeps the sessions. */
export interface SessionOwner {
  /** The client sent a stanza. */
  route(from: Session, stanza: Element): void;
  /** The session lost its connection and waits for its client. */
  hibernated(session: Session): void;
  /** The session is over; these stanzas never arrived. */
  ended(session: Session, undelivered: readonly Element[]): void;
}

/** What the server granted with `<enabled/>`. */
interface Management {
  readonly id: string;
  readonly ledger: Ledger;
  readonly resumable: boolean;
  /** Milliseconds it waits for its client. */
  readonly hibernation: number;
  readonly requestAcks: boolean;
}

/** More than that, and Node's timers run at once. */
const LONGEST_TIMER = 2 ** 31 - 1;

/** Seconds a session waits unless the settings say otherwise. */
const DEFAULT_MAX = 300;

/** A bound resource. It outlives its connection if stream management was granted with resumption. */
export class Session {
  /** The full JID that was bound. */
  readonly jid: JID;
  /** The texts of the full and of the bare JID. */
  readonly full: string;
  /** The account, as text. */
  readonly bare: string;
  /** The presence it last broadcast, with its `from`; none while it is unavailable. */
  presence: Element | undefined;
  /** What it said of its user (XEP-0352); `active` again after a resumption. */
  clientState: 'active' | 'inactive' = 'active';
  /** Whether it wants copies of what the other resources say and hear (XEP-0280). */
  carbons = false;
  /** Whether it asked for the roster, and so is told of changes (RFC 6121 §2.1.6). */
  interested = false;
  readonly #owner: SessionOwner;
  #link: Link | undefined;
  #management: Management | undefined;
  #awaitingAck = false;
  #timer: NodeJS.Timeout | undefined;
  #over = false;

  /** @internal Made by the server. */
  constructor(owner: SessionOwner, jid: JID, link: Link) {
    this.#owner = owner;
    this.jid = jid;
    this.full = jid.toString();
    this.bare = jid.bare.toString();
    this.#link = link;
  }

  /** The connection it speaks through; none while it hibernates. */
  get connection(): Link | undefined {
    return this.#link;
  }

  /** The identifier that the client resumes it with; none without stream management. */
  get smId(): string | undefined {
    return this.#management?.id;
  }

  /** Whether stream management was granted with resumption. */
  get resumable(): boolean {
    return this.#management?.resumable ?? false;
  }

  /** Stanzas of the client that were handled since stream management began, modulo 2^32. */
  get handled(): number {
    return this.#management?.ledger.handled ?? 0;
  }

  /** How many stanzas the client has not acknowledged. */
  get unacked(): number {
    return this.#management?.ledger.unacked.length ?? 0;
  }

  /** Whether it waits for its client to come back. */
  get hibernating(): boolean {
    return !this.#over && this.#link === undefined;
  }

  /** Whether it is over. */
  get over(): boolean {
    return this.#over;
  }

  /** The priority of its presence (RFC 6121 §4.7.2.3). */
  get priority(): number {
    const priority = Number.parseInt(this.presence?.find('priority')?.text ?? '', 10);
    return Number.isNaN(priority) ? 0 : priority;
  }

  /** Sends a stanza to the client: an element, or one stanza's text as it is, for speed. */
  send(stanza: Element | string): void {
    if (this.#over) return;
    if (typeof stanza === 'string') this.#send(stanza, undefined);
    else this.#send(serialize(stanza), stanza);
  }

  /** Ends the session now, hibernating or not; a live stream ends with it, by a stream error if there is a condition. */
  end(condition?: string, text?: string): void {
    const link = this.#link;
    this.finish();
    link?.end(condition, text);
  }

  #send(text: string, stanza: Element | undefined): void {
    this.#management?.ledger.push({ text, stanza });
    this.#link?.send(text, stanza);
  }

  // What follows is for the server's own parts alone.

  /** @internal Sends a stanza that was serialised already. */
  relay(stanza: Element, text: string): void {
    if (!this.#over) this.#send(text, stanza);
  }

  /** @internal A stanza came from the client. */
  receive(stanza: Element): void {
    this.#management?.ledger.count();
    this.#owner.route(this, stanza);
  }

  /** @internal Answers `<enable/>`. */
  enable(request: Element, settings: SmSettings, id: string): Element {
    const resumable = (settings.resume ?? true) && ['true', '1'].includes(request.attr('resume') ?? '');
    const wish = Number.parseInt(request.attr('max') ?? '', 10);
    const granted = settings.max ?? DEFAULT_MAX;
    const max = wish >= 0 ? Math.min(wish, granted) : granted;
    this.#management = {
      id,
      ledger: new Ledger(settings.countFrom ?? 0),
      resumable,
      hibernation: settings.hibernation ?? max * 1000,
      requestAcks: settings.requestAcks ?? true,
    };
    const resumption = resumable ? { id, resume: 'true', max, location: settings.location } : {};
    return el('enabled', { xmlns: NS.sm, ...resumption });
  }

  /** @internal What belongs at the end of a flush: a request for acknowledgement, one at a time. */
  ackRequest(): Element | undefined {
    const management = this.#management;
    if (management === undefined || !management.requestAcks || this.#awaitingAck) return undefined;
    if (management.ledger.unacked.length === 0) return undefined;
    this.#awaitingAck = true;
    return el('r', { xmlns: NS.sm });
  }

  /** @internal `<a/>` with our count; none without stream management. */
  ack(): Element | undefined {
    return this.#management && el('a', { xmlns: NS.sm, h: this.handled });
  }

  /** @internal Takes the client's count; false when it is too high. */
  acked(h: number): boolean {
    this.#awaitingAck = false;
    return this.#management?.ledger.settle(h) ?? true;
  }

  /** @internal The client is back on another connection: what it has not acknowledged is sent again, in order. */
  resume(link: Link): void {
    clearTimeout(this.#timer);
    this.#link = link;
    this.clientState = 'active';
    link.send(el('resumed', { xmlns: NS.sm, previd: this.smId, h: this.handled }));
    for (const { text, stanza } of this.#management?.ledger.unacked ?? []) link.send(text, stanza);
  }

  /** @internal The connection is gone. `resumable: false` ends the session whatever was granted. */
  detach(link: Link, resumable: boolean): void {
    if (this.#over || this.#link !== link) return;
    this.#link = undefined;
    this.#awaitingAck = false;
    const management = this.#management;
    if (resumable && management?.resumable) {
      this.#timer = setTimeout(() => this.finish(), Math.min(management.hibernation, LONGEST_TIMER));
      this.#owner.hibernated(this);
    } else this.finish();
  }

  /** @internal Ends the session without a word to the client. */
  finish(): void {
    if (this.#over) return;
    this.#over = true;
    this.#link = undefined;
    clearTimeout(this.#timer);
    const unacked = this.#management?.ledger.unacked ?? [];
    this.#owner.ended(
      this,
      unacked.flatMap(({ stanza }) => stanza ?? []),
    );
  }
}
