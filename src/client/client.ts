import type { WantedPresence } from '../../machines/client.ts';
import { type ListenOptions, type Subscription, subscription } from '../emitter.ts';
import { ABORTED, ConnectionError, StateError } from '../error.ts';
import type { JID } from '../jid.ts';
import { elementOf, type Stanza } from '../stanza/stanza.ts';
import { tended, type WaitOptions, wait } from '../wait.ts';
import type { Element } from '../xml/element.ts';
import type { ClientStats } from './diagnostics.ts';
import type { ClientEvents } from './events.ts';
import type { Filter } from './filters.ts';
import { newId } from './id.ts';
import type { IqHandler } from './inbound.ts';
import { type ClientOptions, resolveOptions } from './options.ts';
import { type PresenceOptions, readPresence } from './presence.ts';
import type { RequestOptions } from './requests.ts';
import { type ScheduleOptions, Schedules } from './schedules.ts';
import { type Service, Services } from './services.ts';
import { type ClientActor, type Delivery, type Hook, Shell } from './shell.ts';
import { type ClientSnapshot, type Phase, view } from './snapshot.ts';
import type { Token } from './token.ts';

/** Options of `connected`. */
export interface ConnectedOptions extends WaitOptions {
  /** Sets this presence before (default: leaves it as it is). */
  readonly presence?: PresenceOptions;
}

/** Options of `reconnect`; the timeout and the signal are for the start. */
export interface ReconnectOptions extends WaitOptions {
  /** Milliseconds for the stop (default: the option of the client of that name). */
  readonly shutdownTimeout?: number;
}

/** Options of `once`. */
export interface OnceOptions<Event> extends WaitOptions {
  /** Whether an event is the one that is waited for (default: any is). */
  readonly where?: (event: Event) => boolean;
}

/** Options of `filter`. */
export interface FilterOptions {
  /** Filters of a lower order come first; those of the same in the order they were added (default 0). */
  readonly order?: number;
}

/**
 * An XMPP client. It does nothing until `start`, and then keeps a session until `stop`: it finds the server, connects,
 * authenticates, binds, resumes after interruptions, and tells at any time where it stands.
 *
 * Listeners, handlers, filters and hooks belong to the client and outlive connections and runs.
 */
export class Client implements AsyncDisposable {
  readonly #shell: Shell;
  readonly #services: Services;
  readonly #schedules: Schedules;
  #snapshot: ClientSnapshot | null = null;

  /**
   * As `createClient` does.
   *
   * @throws OptionError naming the option that cannot be used.
   */
  constructor(options: ClientOptions) {
    this.#shell = new Shell(resolveOptions(options));
    this.#services = new Services(this, this.#shell);
    this.#schedules = new Schedules(this.#shell.options.clock, (error) => this.#shell.report(error));
  }

  /** The actor behind it, for XState's own tools. What its state tree looks like is not part of the contract. */
  get actor(): ClientActor {
    return this.#shell.actor;
  }

  /** The bound JID; the last one while there is none, and before the first the configured one. */
  get jid(): JID {
    return this.#shell.jid ?? this.#shell.options.jid;
  }

  /** Where the client stands, in a word; also in `getSnapshot()`. */
  get phase(): Phase {
    return this.getSnapshot().phase;
  }

  /** Between `start` and its end. */
  get running(): boolean {
    return this.#shell.running;
  }

  /** A session is established; also while it is suspended. */
  get established(): boolean {
    return this.getSnapshot().established;
  }

  /** An established session is without a connection for now. */
  get suspended(): boolean {
    return this.getSnapshot().suspended;
  }

  /** What is on its way. */
  get delivery(): Delivery {
    return this.#shell.delivery;
  }

  /** Totals since the client was made; see also the channels of `DiagnosticMessages`. */
  stats(): ClientStats {
    return this.#shell.diagnostics.stats();
  }

  /** Where the client stands; the same object as long as nothing changes. */
  getSnapshot = (): ClientSnapshot => {
    this.#snapshot = view(this.#shell.actor.getSnapshot(), this.#snapshot);
    return this.#snapshot;
  };

  /** Calls `listener` whenever `getSnapshot` has something new. Returns what ends that. */
  subscribe = (listener: (snapshot: ClientSnapshot) => void): (() => void) => {
    let last = this.getSnapshot();
    const inner = this.#shell.actor.subscribe(() => {
      const next = this.getSnapshot();
      if (next === last) return;
      last = next;
      try {
        listener(next);
      } catch (error) {
        this.#shell.report(error);
      }
    });
    return () => inner.unsubscribe();
  };

  /**
   * Starts, and resolves once online.
   *
   * The client goes on by itself whatever becomes of the promise; aborting `signal` before it resolves stops the client.
   *
   * @throws StateError when it is running already.
   * @throws ConnectionError when the run fails or is stopped first.
   */
  start(options: WaitOptions = {}): Promise<void> {
    return tended(this.#start(options));
  }

  async #start(options: WaitOptions): Promise<void> {
    if (this.running) throw new StateError('the client is running already');
    options.signal?.throwIfAborted();
    this.#shell.tell({ type: 'start' });
    await this.#online(options);
  }

  /** Waits to be online, and stops when that takes too long or nobody wants it any more. */
  async #online(options: WaitOptions): Promise<void> {
    try {
      await this.waitFor('online', options);
    } catch (error) {
      if (!(error instanceof ConnectionError)) await this.stop();
      throw error;
    }
  }

  /**
   * Writes what can still be written, ends the session and the connection, and resolves when nothing is left of them. Legal
   * in every state and from every handler; never rejects. Stopping again changes nothing.
   *
   * @param options.timeout milliseconds for all of it but the closing of the socket, which has another second; default
   *   `shutdownTimeout`.
   */
  async stop({ timeout }: { readonly timeout?: number } = {}): Promise<void> {
    if (!this.running) return;
    const ended = this.#ended();
    this.#shell.tell({ type: 'stop', ...(timeout !== undefined && { within: timeout }) });
    await ended;
  }

  /** Resolves at the end of this run, though another may begin in the same instant. */
  #ended(): Promise<void> {
    const { actor } = this.#shell;
    return new Promise((resolve) => {
      const end = () => {
        for (const listening of both) listening.unsubscribe();
        resolve();
      };
      const both = [actor.on('stopped', end), actor.on('failure', end)];
    });
  }

  /** Stops the client, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  /**
   * Stops, and starts again at once: gives up the connection, the attempt in progress or the pause before the next, and resolves
   * once online, in a new session. A client that is not running is started.
   *
   * @throws what `start` throws.
   */
  reconnect(options: ReconnectOptions = {}): Promise<void> {
    return tended(this.#reconnect(options));
  }

  async #reconnect({ shutdownTimeout, ...options }: ReconnectOptions): Promise<void> {
    await this.stop(shutdownTimeout === undefined ? {} : { timeout: shutdownTimeout });
    await this.#start(options);
  }

  /**
   * A scope in which the client is online: starts it unless it is running, waits to be online, and stops it at the end.
   *
   *     await using scope = await client.connected({ timeout: 10_000 });
   *
   * @throws TimeoutError after `timeout`; the client is stopped then.
   * @throws ConnectionError when the run fails or is stopped first.
   */
  connected(options: ConnectedOptions = {}): Promise<AsyncDisposable> {
    return tended(this.#connected(options));
  }

  async #connected(options: ConnectedOptions): Promise<AsyncDisposable> {
    if (options.presence) this.setPresence(options.presence);
    if (this.running) await this.#online(options);
    else await this.#start(options);
    return { [Symbol.asyncDispose]: () => this.stop() };
  }

  /**
   * Resolves when the client is in a phase, or in a state that a predicate likes.
   *
   * @throws ConnectionError when the run ends while another phase is waited for: it cannot be reached any more.
   * @throws TimeoutError after `timeout`.
   */
  waitFor(target: Phase | ((snapshot: ClientSnapshot) => boolean), options: WaitOptions = {}): Promise<ClientSnapshot> {
    return this.#until(typeof target === 'function' ? target : (snapshot) => snapshot.phase === target, options);
  }

  #until(reached: (snapshot: ClientSnapshot) => boolean, options: WaitOptions): Promise<ClientSnapshot> {
    const { actor, options: resolved } = this.#shell;
    return wait(resolved.clock, options, 'waiting for a state', (resolve, reject) => {
      const look = () => {
        const snapshot = this.getSnapshot();
        if (reached(snapshot)) resolve(snapshot);
        else if (snapshot.phase === 'failed') reject(new ConnectionError(snapshot.failure ?? ABORTED));
        else if (snapshot.phase === 'offline') reject(new ConnectionError(ABORTED));
      };
      const inner = actor.subscribe(look);
      look();
      return () => inner.unsubscribe();
    });
  }

  /**
   * Asks the server for a sign of life now; resolves with whether it gave one before the connection was given up.
   *
   * @throws TimeoutError after `timeout`; the client goes on probing.
   */
  probe(options: WaitOptions = {}): Promise<boolean> {
    return tended(this.#probe(options));
  }

  async #probe(options: WaitOptions): Promise<boolean> {
    if (this.phase !== 'online') return false;
    const { actor } = this.#shell;
    const isIn = (ready: 'probing' | 'doubting' | 'silent') =>
      actor.getSnapshot().matches({ link: { connected: { live: { ready } } } });
    this.#shell.tell({ type: 'probe' });
    try {
      await this.#until(() => !isIn('probing') && !isIn('doubting'), options);
      return this.phase === 'online' && !isIn('silent');
    } catch (error) {
      if (error instanceof ConnectionError) return false;
      throw error;
    }
  }

  /** What others are to see; what they do see may lag behind. Unavailable until `setPresence` says otherwise. */
  get presence(): WantedPresence {
    return this.#shell.actor.getSnapshot().context.presence;
  }

  /**
   * Sets what others are to see. An available presence starts the client unless it is running, goes out first in every new
   * session, and again when it changes; `presenceSent` tells of each time. An unavailable one is written before the client
   * stops. What was set is the whole of it: what is left out is gone. `start` and `stop` do not change it. RFC 6121 §4
   *
   * @throws OptionError naming what cannot be used.
   */
  setPresence(presence: PresenceOptions): void {
    this.#shell.tell({ type: 'presence.set', presence: readPresence(presence, this.presence) });
  }

  /** Ends the pause before the next attempt. */
  retry(): void {
    this.#shell.tell({ type: 'retry' });
  }

  /** The machine woke up from sleep: verifies the connection, or ends a pause. */
  wake(): void {
    this.#shell.tell({ type: 'wake' });
  }

  /** What the platform says of the network: while it is `offline` no attempt is made, and when it is back one is made at once. */
  network(state: 'online' | 'offline'): void {
    this.#shell.tell({ type: `network.${state}` });
  }

  /**
   * Sends a stanza, or queues it until the session is ready. An id is added where there is none. Never throws: what becomes
   * of the stanza is the token's to say.
   */
  send(stanza: Element | Stanza): Token {
    return this.#shell.send(elementOf(stanza));
  }

  /**
   * Writes a top-level element that is no stanza: at once, ahead of what is queued and past the filters. Nothing is known of what
   * becomes of it.
   *
   * @throws StateError while no stanza could be written either: unless online, or when hooks run.
   * @throws TypeError when it is a stanza.
   * @throws XmlError for what cannot be written.
   */
  sendNonza(element: Element): void {
    if (!this.#shell.writeNonza(element)) throw new StateError('there is no session to write to');
  }

  /**
   * Sends an IQ of type `get` or `set` and resolves with the payload of the result, undefined if it is empty, or with what
   * `onReply` returned.
   *
   * @throws StanzaError when the answer is an error.
   * @throws TimeoutError when there is none in time.
   * @throws ConnectionError when the session is gone before there is one.
   * @throws DeliveryError when it could not be sent.
   */
  request<T = Element | undefined>(iq: Element | Stanza, options: RequestOptions = {}): Promise<T> {
    return this.#shell.request(elementOf(iq), options) as Promise<T>;
  }

  /**
   * Answers IQ requests whose payload has this name and namespace. Requests that nobody handles are answered with
   * `service-unavailable`. RFC 6120 §8.4
   *
   * @throws StateError when they are handled already.
   */
  handle(type: 'get' | 'set', namespace: string, name: string, handler: IqHandler): Subscription {
    return subscription(this.#shell.inbound.handle(type, namespace, name, handler));
  }

  /** Has every stanza of a direction pass through `filter`: inbound before anybody sees it, outbound before it is written. */
  filter(direction: 'inbound' | 'outbound', filter: Filter, { order = 0 }: FilterOptions = {}): Subscription {
    const filters = direction === 'inbound' ? this.#shell.inboundFilters : this.#shell.outboundFilters;
    return subscription(filters.add(filter, order));
  }

  /**
   * Awaits `hook` after binding and before `established`. What it sends through its argument goes out before anything else;
   * what is sent through the client waits until the hooks are done. A hook that fails ends the run.
   */
  beforeEstablished(hook: Hook): Subscription {
    const shell = this.#shell;
    const entry: Hook = (preparation) => hook(preparation);
    shell.hooks = [...shell.hooks, entry];
    return subscription(() => {
      shell.hooks = shell.hooks.filter((other) => other !== entry);
    });
  }

  /**
   * Listens to an event. A listener that throws, or whose promise rejects, is reported as `handlerError` and harms nobody.
   */
  on<T extends keyof ClientEvents>(
    type: T,
    listener: (event: ClientEvents[T]) => unknown,
    options: ListenOptions = {},
  ): Subscription {
    return this.#shell.emitter.on(type, listener, options);
  }

  /** How many listen to an event. */
  listenerCount(type: keyof ClientEvents): number {
    return this.#shell.emitter.count(type);
  }

  /**
   * Calls back after so many milliseconds, also when the client is stopped meanwhile; a callback that throws or rejects is
   * reported as `handlerError`, and is repeated all the same.
   *
   * @throws StateError when there is a schedule of that name.
   * @throws RangeError when `delay` is negative or more than 24 days.
   */
  schedule(name: string, delay: number, callback: () => unknown, options: ScheduleOptions = {}): Subscription {
    return this.#schedules.add(name, delay, callback, options);
  }

  /** Ends a schedule; returns whether there was one of that name. */
  cancelSchedule(name: string): boolean {
    return this.#schedules.cancel(name);
  }

  /** Resolves with the next event of a type, that `where` likes. */
  once<T extends keyof ClientEvents>(type: T, options: OnceOptions<ClientEvents[T]> = {}): Promise<ClientEvents[T]> {
    const { where = () => true } = options;
    return wait(this.#shell.options.clock, options, `waiting for ${type}`, (resolve) => {
      const listening = this.on(type, (event) => {
        if (where(event)) resolve(event);
      });
      return () => listening.unsubscribe();
    });
  }

  /**
   * Adds a service, and before it those it needs. The same service is always the same instance.
   *
   * @throws ServiceCycleError when services need each other in a circle.
   */
  use<T>(service: Service<T>): T {
    return this.#services.use(service);
  }

  /**
   * Takes a service away with everything it registered.
   *
   * @throws StateError while another service needs it.
   */
  remove(service: Service<unknown>): void {
    this.#services.remove(service);
  }

  /** An id that is not used twice, and that nobody can guess, whatever others he has seen. RFC 6120 §8.1.3 */
  newId(): string {
    return newId();
  }
}

/** Makes a client; see `Client`. */
export function createClient(options: ClientOptions): Client {
  return new Client(options);
}
