import type { TLSSocket } from 'node:tls';
import { JID } from '../jid.ts';
import { type Element, el } from '../xml/element.ts';
import { Authentication, type AuthenticationContext } from './authentication.ts';
import type { Match } from './faults.ts';
import { NS } from './names.ts';
import { result } from './replies.ts';

/**
 * How far a session has come. After `tls` and `auth` the header of the new stream was answered, and its features are next;
 * after `bind` and `sm` stanzas are.
 */
export type Stage = 'tls' | 'auth' | 'bind' | 'sm';

/** How the beginning of a session goes. */
export interface NegotiateOptions {
  /** The last stage to go through. */
  readonly upTo: Stage;
  /** Whether STARTTLS is offered on a connection in clear; true by default. */
  readonly tls?: boolean;
  /** Features beside the binding of a resource; by default stream management if it is to be enabled. */
  readonly features?: readonly Element[];
  /** The resource that is bound; by default the client's wish, or `server`. */
  readonly resource?: string;
  /** What `<enabled/>` says; by default that session `sm-1` can be resumed. */
  readonly enabled?: Readonly<Record<string, string | number | undefined>>;
}

/** What came of it so far. */
export interface Negotiated {
  /** The account, once authenticated. */
  username?: string;
  /** The full JID, once bound. */
  jid?: string;
}

/** The steps that the stages are made of. */
export interface Steps {
  readonly direct: boolean;
  readonly tls: TLSSocket | undefined;
  open(): Promise<Element>;
  features(...features: Element[]): Promise<void>;
  startTls(): Promise<TLSSocket>;
  expect(match: Match): Promise<Element>;
  send(element: Element): Promise<void>;
}

const STAGES: readonly Stage[] = ['tls', 'auth', 'bind', 'sm'];

/** The stages of one connection, each as a server that keeps to the rules goes through it. */
export class Prologue {
  readonly #peer: Steps;
  readonly #context: AuthenticationContext;
  readonly #negotiated: Negotiated = {};
  /** How many stages are done. */
  #done = 0;

  constructor(peer: Steps, context: AuthenticationContext) {
    this.#peer = peer;
    this.#context = context;
  }

  /** Goes on from where it is, up to a stage. */
  async negotiate(options: NegotiateOptions): Promise<Negotiated> {
    for (; this.#done <= STAGES.indexOf(options.upTo); this.#done += 1) {
      await this[STAGES[this.#done] as Stage](options);
    }
    return this.#negotiated;
  }

  /** @internal RFC 6120 §5 */
  async tls({ tls = true }: NegotiateOptions): Promise<void> {
    const peer = this.#peer;
    await peer.open();
    if (!tls || peer.direct) return;
    await peer.features(el('starttls', { xmlns: NS.tls }, el('required')));
    await peer.startTls();
    await peer.open();
  }

  /** @internal RFC 6120 §6 */
  async auth(): Promise<void> {
    const peer = this.#peer;
    const authentication = new Authentication(this.#context, peer.tls);
    await peer.features(...authentication.features());
    for (;;) {
      const { answer, username } = await authentication.take(await peer.expect(isSasl));
      await peer.send(answer);
      if (username === undefined) continue;
      this.#negotiated.username = username;
      break;
    }
    await peer.open();
  }

  /** @internal RFC 6120 §7 */
  async bind({ features, resource, upTo }: NegotiateOptions): Promise<void> {
    const peer = this.#peer;
    const management = upTo === 'sm' ? [el('sm', { xmlns: NS.sm })] : [];
    await peer.features(el('bind', { xmlns: NS.bind }), ...(features ?? management));
    const request = await peer.expect((element) => element.find('bind', NS.bind) !== undefined);
    const wish = request.find('bind', NS.bind)?.find('resource')?.text;
    const jid = JID.of(this.#negotiated.username, this.#context.domain, resource ?? (wish || 'server')).toString();
    this.#negotiated.jid = jid;
    await peer.send(result(request, el('bind', { xmlns: NS.bind }, el('jid', {}, jid))));
  }

  /** @internal XEP-0198 §3 */
  async sm({ enabled = { id: 'sm-1', resume: 'true' } }: NegotiateOptions): Promise<void> {
    await this.#peer.expect('enable');
    await this.#peer.send(el('enabled', { xmlns: NS.sm, ...enabled }));
  }
}

function isSasl(element: Element): boolean {
  return element.namespace === NS.sasl;
}
