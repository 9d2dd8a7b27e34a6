import type { TLSSocket } from 'node:tls';
import { JID, JidError } from '../jid.ts';
import { type Element, el } from '../xml/element.ts';
import { Authentication, failedSasl } from './authentication.ts';
import type { Host } from './host.ts';
import type { Link } from './link.ts';
import { NS } from './names.ts';
import { failure, result } from './replies.ts';
import { Session } from './session.ts';

/** What negotiation does to its connection. */
export interface Negotiable extends Link {
  readonly tls: TLSSocket | undefined;
  /** Shakes hands, behind what was sent; a new stream begins after it. */
  startTls(): void;
  /** A new stream begins. */
  restart(): void;
  /** The client is somebody: what follows are stanzas. */
  attach(session: Session): void;
  /** Ends the stream for what the client did; nothing of it can be resumed. */
  fail(condition: string, text?: string, ...details: Element[]): void;
}

/** From the stream's header to a session: STARTTLS, SASL, binding or resumption (RFC 6120 §4.3). */
export class Negotiation {
  readonly #host: Host;
  readonly #connection: Negotiable;
  #authentication: Authentication | undefined;
  #bare: JID | undefined;

  constructor(host: Host, connection: Negotiable) {
    this.#host = host;
    this.#connection = connection;
  }

  /** The account of the client, once it is authenticated. */
  get bare(): JID | undefined {
    return this.#bare;
  }

  /** What the features of the stream that begins now are (RFC 6120 §4.3.2). */
  features(): Element[] {
    const { settings } = this.#host;
    const { tls } = this.#connection;
    if (this.#bare !== undefined) return this.#sessionFeatures();
    const required = settings.tls === 'required' && el('required');
    const starttls = tls === undefined && settings.tls !== 'off' ? [el('starttls', { xmlns: NS.tls }, required)] : [];
    if (tls === undefined && settings.tls === 'required') return starttls;
    this.#authentication = new Authentication(this.#host, tls);
    return [...starttls, ...this.#authentication.features()];
  }

  /** Takes an element of a client that has no session yet. What takes time is waited for before the next one. */
  take(element: Element): Promise<void> | void {
    const bare = this.#bare;
    if (element.namespace === NS.sasl) return this.#authenticate(element);
    if (element.namespace === NS.tls) this.#starttls(element);
    else if (bare !== undefined && element.is('resume', NS.sm)) this.#resume(element, bare);
    else if (bare !== undefined && element.namespace === NS.sm) this.#refuseSm('unexpected-request');
    else if (bare !== undefined && element.find('bind', NS.bind) && element.attr('type') === 'set') {
      this.#bind(element, bare);
    } else this.#connection.fail('not-authorized');
  }

  #sessionFeatures(): Element[] {
    const { session, sm, csi, rosterVersions } = this.#host.settings;
    const features = [el('bind', { xmlns: NS.bind })];
    const optional = session === 'optional' && el('optional');
    if (session !== 'none') features.push(el('session', { xmlns: NS.session }, optional));
    if (sm !== false) features.push(el('sm', { xmlns: NS.sm }));
    if (csi) features.push(el('csi', { xmlns: NS.csi }));
    if (rosterVersions) features.push(el('ver', { xmlns: NS.rosterVersions }));
    return features;
  }

  /** RFC 6120 §5.4.2 */
  #starttls(element: Element): void {
    const connection = this.#connection;
    if (element.is('starttls') && connection.tls === undefined && this.#host.settings.tls !== 'off') {
      connection.send(el('proceed', { xmlns: NS.tls }));
      connection.startTls();
    } else {
      connection.send(el('failure', { xmlns: NS.tls }));
      connection.end();
    }
  }

  async #authenticate(element: Element): Promise<void> {
    const early = this.#bare === undefined ? 'encryption-required' : 'malformed-request';
    const { answer, username } = (await this.#authentication?.take(element)) ?? failedSasl(early);
    this.#connection.send(answer);
    if (username === undefined) return;
    this.#authentication = undefined;
    this.#bare = JID.of(username, this.#host.domain);
    this.#connection.restart();
  }

  /** RFC 6120 §7.6 */
  #bind(request: Element, bare: JID): void {
    const jid = this.#fullJid(bare, request.find('bind', NS.bind)?.find('resource')?.text || undefined);
    if (jid === undefined) this.#connection.send(failure(request, 'bad-request'));
    else {
      const session = this.#host.registry.bind(jid, this.#connection);
      this.#connection.attach(session);
      this.#connection.send(result(request, el('bind', { xmlns: NS.bind }, el('jid', {}, session.full))));
      this.#host.bound(session);
    }
  }

  #fullJid(bare: JID, wish: string | undefined): JID | undefined {
    try {
      return bare.withResource(this.#host.settings.resource(wish));
    } catch (error) {
      if (error instanceof JidError) return undefined;
      throw error;
    }
  }

  /** XEP-0198 §5 */
  #resume(request: Element, bare: JID): void {
    const h = readCount(request);
    const found = this.#host.registry.resumable(request.attr('previd'), bare.toString());
    if (this.#host.settings.sm === false) this.#refuseSm('feature-not-implemented');
    else if (h === undefined) this.#refuseSm('bad-request');
    else if (!(found instanceof Session)) this.#refuseSm('item-not-found', found.h);
    else if (!found.acked(h)) {
      found.end();
      this.#connection.fail('undefined-condition', undefined, countTooHigh(h));
    } else {
      const before = found.connection;
      this.#connection.attach(found);
      found.resume(this.#connection);
      before?.end('conflict', 'Resumed by a new connection');
      this.#host.resumed(found);
    }
  }

  #refuseSm(condition: string, h?: number): void {
    this.#connection.send(failedSm(condition, h));
  }
}

/** `<failed/>` (XEP-0198 §3, §5). */
export function failedSm(condition: string, h?: number): Element {
  return el('failed', { xmlns: NS.sm, h }, el(condition, { xmlns: NS.stanzaErrors }));
}

/** The `h` of an element, a number below 2^32. */
export function readCount(element: Element): number | undefined {
  const text = element.attr('h') ?? '';
  return /^\d{1,10}$/.test(text) && Number(text) < 2 ** 32 ? Number(text) : undefined;
}

/** What tells a client that it acknowledged more than there was (XEP-0198 §4). */
export function countTooHigh(h: number): Element {
  return el('handled-count-too-high', { xmlns: NS.sm, h });
}
