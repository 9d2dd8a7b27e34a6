import { type ActorRefFrom, type AnyActorRef, createActor } from 'xstate';
import type { ClientMachineEvent, Session as HeldSession, WantedPresence, World } from '../../machines/client.ts';
import type { Endpoint } from '../../machines/endpoint.ts';
import { type Failure, isFailure } from '../../machines/failure.ts';
import type { Source } from '../../machines/sweep.ts';
import type { Features } from '../../machines/wire.ts';
import { Emitter } from '../emitter.ts';
import { ABORTED, ConnectionError, OptionError, StateError } from '../error.ts';
import { JID } from '../jid.ts';
import { NS } from '../namespaces.ts';
import { SaltedPasswordCache } from '../sasl/salted-password.ts';
import { StanzaError } from '../stanza/error.ts';
import type { Message } from '../stanza/message.ts';
import type { Presence } from '../stanza/presence.ts';
import { elementOf, isStanzaName, Stanza } from '../stanza/stanza.ts';
import { Tap } from '../stream/tap.ts';
import { causeOf, failureOf } from '../transport/failure.ts';
import { discover } from '../transport/resolver.ts';
import { Attributes, Element, el } from '../xml/element.ts';
import { Diagnostics } from './diagnostics.ts';
import type { ClientEvents } from './events.ts';
import { Exchange } from './exchange.ts';
import { Filters } from './filters.ts';
import { newId } from './id.ts';
import { Inbound, type InboundSession, type InboundTarget } from './inbound.ts';
import { inspected } from './inspect.ts';
import { Link, type LinkHost, type LinkOptions, PROBE_ID } from './link.ts';
import { attachLogger } from './log.ts';
import { clientLogic, type Effects, register } from './logic.ts';
import { type EndpointOption, type ResolvedOptions, readEndpoint } from './options.ts';
import { Outbox } from './outbox.ts';
import { presenceElement } from './presence.ts';
import { type RequestOptions, Requests } from './requests.ts';
import type { SessionMachine } from './services.ts';
import type { Session } from './session.ts';
import { Outgoing, type Token } from './token.ts';

/** The actor of a client, as XState knows it. */
export type ClientActor = ActorRefFrom<typeof clientLogic>;

/** Stanzas on their way; the counters of stream management are 0 without it. */
export interface Delivery {
  /** Waiting to be written. */
  readonly queued: number;
  /** Written and not acknowledged. */
  readonly unacked: number;
  /** Written in this session, modulo 2^32. */
  readonly sent: number;
  /** Received and dealt with in this session, modulo 2^32. */
  readonly handled: number;
  /** Requests without a reply. */
  readonly requests: number;
  /** Received, and their listeners and handlers are at work. */
  readonly handling: number;
  /** Received, and waiting for those to be done. */
  readonly waiting: number;
}

/** What a before-established hook may use: stanzas sent by it precede all others. */
export interface Preparation {
  /** The JID that was bound. */
  readonly jid: JID;
  /** What the server offered last. */
  readonly features: Features;
  /** Sends past everything that waits for the session to be established. */
  send(stanza: Element | Stanza): Token;
  /** Asks past everything that waits; see `Client.request`. */
  request(iq: Element | Stanza, options?: RequestOptions): Promise<unknown>;
  /** Aborted when the hook is no longer waited for. */
  readonly signal: AbortSignal;
}

/** What `beforeEstablished` awaits: anything it returns, within `negotiationTimeout` for all hooks together. */
export type Hook = (preparation: Preparation) => unknown;

/** Looks at a message and says whether it is its own business. */
export type Claim = (message: Message) => boolean;

/**
 * Everything of a client that is not its chart: it carries out what the chart commands, keeps what must not be in a chart,
 * and moves stanzas.
 */
export class Shell implements Effects, InboundTarget, LinkHost {
  readonly options: ResolvedOptions;
  readonly actor: ClientActor;
  readonly emitter: Emitter<ClientEvents>;
  readonly inboundFilters = new Filters();
  readonly outboundFilters = new Filters();
  readonly inbound: Inbound;
  readonly requests: Requests;
  readonly outbox: Outbox;
  readonly diagnostics: Diagnostics;
  hooks: readonly Hook[] = [];
  #claims: readonly Claim[] = [];
  readonly sessionMachines = new Map<string, SessionMachine>();
  link: Link | null = null;
  /** The session that is held, if one is. */
  session: Session | null = null;
  #jid: JID | null = null;
  readonly tap = new Tap();
  readonly #linkOptions: LinkOptions;
  readonly #cache = new SaltedPasswordCache();

  constructor(options: ResolvedOptions) {
    this.options = options;
    this.emitter = new Emitter((error, type, event) => {
      // Who fails at hearing of failures is not told of that one, nor of the next.
      if (type !== 'handlerError') this.report(error, event instanceof Stanza ? event.element : null);
    });
    const { logger } = options.given;
    const name = options.jid.toString();
    this.diagnostics = new Diagnostics(name, options.clock);
    if (logger) attachLogger(logger, options.logLevel, name, this.emitter, this.tap);
    this.requests = new Requests(options.clock);
    this.outbox = new Outbox(this.outboundFilters, options.queueLimit, this.#reportListener, (stuck) =>
      this.tell({ type: stuck ? 'flow.stuck' : 'flow.free' }),
    );
    this.inbound = new Inbound(this.inboundFilters, this, options.concurrency);
    this.#linkOptions = linkOptions(options, this.tap);
    this.actor = createActor(clientLogic, {
      input: { settings: options.settings },
      clock: options.clock,
      ...(options.given.inspect && { inspect: options.given.inspect }),
    });
    register(this.actor.system, this);
    options.given.inspect?.client?.(inspected(this));
    this.actor.on('*', (event) => {
      this.diagnostics.note(event);
      this.emitter.emit(event.type, event as never);
    });
    // An exception in a chart is a defect; whatever it leaves behind, the socket must not stay.
    this.actor.subscribe({
      error: (error) => {
        this.link?.destroy();
        this.report(error);
      },
    });
    this.actor.start();
  }

  /** Something of the application threw. */
  report(error: unknown, element: Element | null = null): void {
    this.emitter.emit('handlerError', { error, element });
  }

  /** Tells the chart something. */
  tell(event: ClientMachineEvent): void {
    this.actor.send(event);
  }

  // Stanzas out.

  /** Takes a stanza to be sent. Never throws: what is wrong with it becomes the state of the token. */
  send(stanza: Element, first = false): Token {
    const token = this.#token(stanza);
    this.#take(token, faultOf(stanza), first);
    return token;
  }

  /** Sends a request and waits for its reply. */
  request(iq: Element, options: RequestOptions = {}, first = false): Promise<unknown> {
    const token = this.#token(iq);
    const reply = this.requests.wait(token, iq.attr('to'), () => this.#jid, options);
    this.#take(token, isRequest(iq) ? faultOf(iq) : 'a request is an iq of type get or set', first);
    return reply;
  }

  /** Queues a token, unless something is wrong. */
  #take(token: Outgoing, fault: string | null, first: boolean): void {
    if (fault !== null) token.become('failed', new TypeError(fault));
    else if (!this.accepting) token.become('failed', new StateError(NOT_RUNNING));
    else if (token.state === 'queued') this.outbox.push(token, first);
  }

  #token(stanza: Element): Outgoing {
    const id = stanza.attr('id');
    const report = this.#reportListener;
    if (id) return new Outgoing(id, stanza, report);
    const fresh = newId();
    return new Outgoing(fresh, identified(stanza, fresh), report);
  }

  /** Writes what is no stanza, if the gate is open; returns whether it is. */
  writeNonza(element: Element): boolean {
    if (isStanzaName(element.name) && element.namespace === NS.client) throw new TypeError('a stanza is no nonza');
    return this.link?.writeNonza(element) ?? false;
  }

  readonly #reportListener = (error: unknown): void => this.report(error);

  // What the chart commands.

  openGate(whom: 'hooks' | 'everyone'): void {
    const { link } = this;
    if (link === null) return;
    link.open(whom === 'hooks' ? 'prepare' : 'online');
    link.hold(this.inbound.waiting > 0);
    this.outbox.open(link, whom === 'everyone');
  }

  closeGate(): void {
    this.link?.shut();
    this.outbox.shut();
  }

  /** The session of this connection is the client's now. */
  holdSession(): void {
    this.session = this.link?.session ?? null;
  }

  /**
   * Ends a session: requests fail, and every stanza that was in its hands gets its final state. What waits for a session
   * to be announced goes on waiting if this one never was.
   */
  dropSession(reason: Failure | null, announced: boolean): void {
    const { session, link } = this;
    if (session === null) return;
    this.session = null;
    session.end();
    const error = new ConnectionError(reason ?? ABORTED);
    if (announced) this.requests.fail(error);
    else this.requests.failSent(error);
    const known = link?.session === session ? link.refusedCount : null;
    if (known !== null) this.diagnostics.acked(session.ledger.ack(known));
    const unsettled = session.ledger.take();
    // What hooks have sent is theirs to send again.
    const resend = this.options.resend && reason !== null && announced;
    const again: Outgoing[] = [];
    for (const token of unsettled) {
      if (resend && token.element?.name === 'message') again.push(delayed(token));
      else if (known === null) token.become('unconfirmed');
      else token.become('lost', error);
    }
    this.outbox.clear('lost', error, announced && !resend ? 'everyone' : 'hooks');
    this.outbox.unshift(again);
  }

  announcePresence(presence: WantedPresence): void {
    this.send(presenceElement(presence), true);
  }

  writePresence(presence: WantedPresence): void {
    this.send(presenceElement(presence));
  }

  /** Nothing waits any more for a run that is over. */
  endRun(reason: Failure | null): void {
    const error = new ConnectionError(reason ?? ABORTED);
    this.requests.fail(error);
    this.outbox.clear('lost', error);
    this.inbound.clear();
  }

  /** The time, chance, and how long the server has been silent. */
  observe(): World {
    const { clock, random } = this.options;
    return {
      now: clock.now(),
      chance: random(),
      silence: this.link?.silence ?? 0,
      sinceProbe: this.link?.sinceProbe ?? 0,
    };
  }

  restart(): void {
    const stream: AnyActorRef | undefined = this.actor.getSnapshot().children.stream;
    if (this.link?.restart()) stream?.send({ type: 'reset' });
  }

  /** The secrets of the current connection. */
  exchange(): Exchange {
    const { link, options } = this;
    if (link === null) throw new Error('there is no connection to authenticate');
    link.exchange ??= new Exchange({
      username: options.jid.local ?? '',
      credentials: options.credentials,
      cache: this.#cache,
      minIterations: options.iterations.min,
      maxIterations: options.iterations.max,
      binding: (type) => link.binding(type),
      write: (text) => link.writeSasl(text),
    });
    return link.exchange;
  }

  // Actors.

  async resolve(source: Source, session: HeldSession | null, signal: AbortSignal): Promise<readonly Endpoint[]> {
    const { jid, endpoints, given, random } = this.options;
    try {
      switch (source) {
        case 'location': {
          const location = session?.ticket?.location;
          return location ? [{ ...location, tls: session?.endpoint?.tls ?? 'starttls', source }] : [];
        }
        case 'application': {
          return await applicationEndpoints(() => endpoints({ domain: jid.domain, signal }));
        }
        case 'discovery':
          return await discover(jid.domain, {
            random,
            signal,
            ...(given.resolveSrv && { resolveSrv: given.resolveSrv }),
          });
      }
    } catch (error) {
      throw isFailure(error) ? error : failureOf(error, 'resolve');
    }
  }

  /** Opens a link; returns what closes it. */
  transport(endpoint: Endpoint, tell: (event: ClientMachineEvent) => void): () => void {
    this.diagnostics.attempted();
    const link = new Link(endpoint, this.#linkOptions, this, this.session, tell);
    this.link = link;
    return () => {
      link.destroy();
      if (this.link === link) this.link = null;
    };
  }

  /** Awaits the hooks, one after the other. */
  async prepare(signal: AbortSignal): Promise<void> {
    const { jid, features } = this.actor.getSnapshot().context;
    if (jid === null || features === null) return;
    this.#jid = JID.parse(jid);
    const preparation: Preparation = {
      jid: this.#jid,
      features,
      send: (stanza) => this.send(elementOf(stanza), isFirst()),
      request: (iq, options) => this.request(elementOf(iq), options, isFirst()),
      signal,
    };
    // What a hook sends when it is not waited for any more goes the way of everything else.
    let awaited = true;
    const isFirst = () => awaited && !signal.aborted;
    try {
      for (const hook of this.hooks) {
        signal.throwIfAborted();
        await hook(preparation);
      }
    } catch (error) {
      if (!signal.aborted) this.report(error);
      throw {
        kind: 'prepare',
        stage: 'prepare',
        text: 'a before-established hook failed',
        retry: 'user',
      } satisfies Failure;
    } finally {
      awaited = false;
    }
  }

  keepalive(): () => void {
    const every = this.options.given.whitespaceKeepalive;
    if (!every) return () => {};
    const { clock } = this.options;
    let timer: unknown;
    const tick = () => {
      timer = clock.setTimeout(() => {
        this.link?.keepalive();
        tick();
      }, every);
    };
    tick();
    return () => clock.clearTimeout(timer);
  }

  // Stanzas in.

  receive(stanza: Element, session: InboundSession): void {
    this.diagnostics.received();
    this.inbound.receive(stanza, session);
  }

  hold(held: boolean): void {
    this.link?.hold(held);
  }

  message(message: Message): Promise<unknown> | undefined {
    if (this.#claims.length > 0 && this.#isClaimed(message)) return undefined;
    return this.emitter.emit('message', message);
  }

  #isClaimed(message: Message): boolean {
    return this.#claims.some((claim) => {
      try {
        return claim(message);
      } catch (error) {
        this.report(error, message.element);
        return true;
      }
    });
  }

  /** Has `claim` see every message before it is told. Returns what ends that. */
  claimMessages(claim: Claim): () => void {
    const entry: Claim = (message) => claim(message);
    this.#claims = [...this.#claims, entry];
    return () => {
      this.#claims = this.#claims.filter((other) => other !== entry);
    };
  }

  presence(presence: Presence): Promise<unknown> | undefined {
    return this.emitter.emit('presence', presence);
  }

  reply(iq: Element): void {
    if (this.requests.settle(iq) || iq.attr('id') === PROBE_ID) return;
    this.invalid(iq, 'a reply that nobody waits for');
  }

  invalid(element: Element, reason: string): void {
    this.emitter.emit('invalid', { element, reason });
  }

  /**
   * Answers a request; what cannot be written as XML is answered with an error. While hooks are at work they may be waiting
   * for somebody who is waiting for this. A promise, until it is written, when that cannot be done at once: a server that asks
   * and does not read has to wait for its own answers.
   */
  answer(iq: Element): Promise<unknown> | undefined {
    const first = this.outbox.forHooks;
    const token = new Outgoing(iq.attr('id') ?? '', iq, this.#reportListener);
    token.onStateChange((state) => {
      if (state !== 'failed') return;
      this.report(token.error, iq);
      const { id, to } = iq.attrs;
      this.outbox.push(
        new Outgoing(id ?? '', el('iq', { type: 'error', id, to }, UNSERIALIZABLE.toElement()), this.#reportListener),
        first,
      );
    });
    this.outbox.push(token, first);
    if (token.state !== 'queued') return undefined;
    return new Promise<void>((resolve) => {
      token.onStateChange((state) => state !== 'queued' && resolve());
    });
  }

  sent(): void {
    this.diagnostics.sent();
  }

  acked(count: number): void {
    this.diagnostics.acked(count);
  }

  drained(): void {
    this.outbox.pump();
  }

  // Where it stands.

  get running(): boolean {
    const snapshot = this.actor.getSnapshot();
    return !snapshot.hasTag('offline') && !snapshot.hasTag('failed');
  }

  /** What is on its way. */
  get delivery(): Delivery {
    const { outbox, session, requests, inbound } = this;
    return {
      queued: outbox.size,
      unacked: session?.ledger.unacked ?? 0,
      sent: session?.ledger.sent ?? 0,
      handled: session?.ledger.handled ?? 0,
      requests: requests.size,
      handling: inbound.handling,
      waiting: inbound.waiting,
    };
  }

  /** Between a start and the stop or failure that ends its run. */
  get accepting(): boolean {
    return this.running && !this.actor.getSnapshot().hasTag('disconnecting');
  }

  /** The bound JID, or the last one. */
  get jid(): JID | null {
    const { jid } = this.actor.getSnapshot().context;
    if (jid === null) return null;
    if (this.#jid?.toString() !== jid) this.#jid = JID.parse(jid);
    return this.#jid;
  }
}

/** What the application names, checked. What it throws is told apart from trouble with the DNS. */
async function applicationEndpoints(
  ask: () => readonly EndpointOption[] | Promise<readonly EndpointOption[]>,
): Promise<readonly Endpoint[]> {
  try {
    const list = await ask();
    return list.map((endpoint, index) => readEndpoint(endpoint, `endpoints[${index}]`));
  } catch (error) {
    const retry = error instanceof OptionError ? 'user' : 'backoff';
    throw { kind: 'dns', stage: 'resolve', condition: 'endpoints', retry, cause: causeOf(error) } satisfies Failure;
  }
}

const NOT_RUNNING = 'the client is not running';

const UNSERIALIZABLE = new StanzaError('undefined-condition', { text: 'the answer could not be written' });

function linkOptions({ jid, given, tls, limits, clock, resend }: ResolvedOptions, tap: Tap): LinkOptions {
  return {
    domain: jid.domain,
    from: jid.local === undefined ? null : jid.bare.toString(),
    lang: given.lang ?? null,
    tls,
    connect: given.connect,
    dial: {
      ...(given.family !== undefined && { family: given.family }),
      ...(given.configureSocket && { configure: given.configureSocket }),
    },
    limits,
    keepElements: resend,
    now: () => clock.now(),
    tap,
  };
}

/** The stanza with an id. */
function identified(stanza: Element, id: string): Element {
  const attrs = Object.assign(new Attributes(), stanza.attrs, { id });
  return new Element(stanza.name, stanza.namespace, attrs, stanza.children, stanza.lang);
}

const isRequest = (iq: Element): boolean => iq.name === 'iq' && ['get', 'set'].includes(iq.attr('type') ?? '');

const IQ_TYPES: readonly string[] = ['error', 'get', 'result', 'set'];

/** What keeps an element from being sent as a stanza; null if nothing does. RFC 6120 §8 */
function faultOf(stanza: Element): string | null {
  if (!isStanzaName(stanza.name) || stanza.namespace !== NS.client) return 'not a message, presence or iq';
  if (stanza.name !== 'iq') return null;
  if (!IQ_TYPES.includes(stanza.attr('type') ?? '')) return 'an iq has a type of get, set, result or error';
  return stanza.attr('type') === 'error' && !stanza.find('error') ? 'an iq of type error contains an error' : null;
}

/** Back in the queue, with the time it was first sent. XEP-0203 */
function delayed(token: Outgoing): Outgoing {
  if (token.element !== null && token.element.find('delay', NS.delay) === undefined) {
    token.element = token.element.append(el('delay', { xmlns: NS.delay, stamp: new Date(token.sentAt).toISOString() }));
  }
  token.become('queued');
  return token;
}
