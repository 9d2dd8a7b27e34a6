/** Services: what speaks a protocol on top of a client, added by `client.use`, each in a file of its own. */
import type { ActorRefFrom, AnyActorLogic, AnyActorRef, AnyMachineSnapshot, InputFrom } from 'xstate';
import type { Clock } from '../clock.ts';
import { Emitter, type ListenOptions, type Subscription, subscription } from '../emitter.ts';
import { StateError } from '../error.ts';
import { type WaitOptions, wait } from '../wait.ts';
import type { Element } from '../xml/element.ts';
import type { Client, FilterOptions } from './client.ts';
import type { ClientEvents } from './events.ts';
import type { Filter } from './filters.ts';
import type { IqHandler } from './inbound.ts';
import type { Claim, ClientActor, Hook } from './shell.ts';

/**
 * Something that a client can be extended by. `T` is what the application gets of it.
 *
 *     const pong: Service<void> = { name: 'pong', create: (host) => host.handle('get', 'urn:xmpp:ping', 'ping', () => undefined) };
 */
export interface Service<T> {
  /** For messages and for inspection. */
  readonly name: string;
  /** Services that have to be there before. */
  readonly needs?: readonly Service<unknown>[];
  /** Called once for a client. What it registers through `host` goes with it. */
  create(host: ServiceHost): T;
}

/** Services need each other in a circle; `names` is the way around it. */
export class ServiceCycleError extends Error {
  override readonly name = 'ServiceCycleError';
  /** The names of the services, the first one again at the end. */
  readonly names: readonly string[];

  /** @internal Made by `Client.use`. */
  constructor(names: readonly string[]) {
    super(`services need each other in a circle: ${names.join(' → ')}`);
    this.names = names;
  }
}

/** A machine that runs while a session is held: through interruptions, and anew in the next session. */
export interface SessionActor<Logic extends AnyActorLogic> {
  /** The running actor; null while there is no session. */
  readonly ref: ActorRefFrom<Logic> | null;
}

/** What a service has of its client. Everything that is registered here is taken back when the service goes. */
export class ServiceHost {
  /** The client that the service belongs to. */
  readonly client: Client;
  readonly #services: Services;
  readonly #name: string;
  readonly #undo: (() => void)[] = [];

  /** @internal Made by `Client.use`. */
  constructor(client: Client, services: Services, name: string) {
    this.client = client;
    this.#services = services;
    this.#name = name;
  }

  /** Another service of this client, added if it is not there. Best named in `needs`. */
  use<T>(service: Service<T>): T {
    return this.#services.use(service);
  }

  /** See `Client.on`. */
  on<T extends keyof ClientEvents>(
    type: T,
    listener: (event: ClientEvents[T]) => unknown,
    options?: ListenOptions,
  ): Subscription {
    return this.defer(this.client.on(type, listener, options));
  }

  /** See `Client.handle`. */
  handle(type: 'get' | 'set', namespace: string, name: string, handler: IqHandler): Subscription {
    return this.defer(this.client.handle(type, namespace, name, handler));
  }

  /** See `Client.filter`. */
  filter(direction: 'inbound' | 'outbound', filter: Filter, options?: FilterOptions): Subscription {
    return this.defer(this.client.filter(direction, filter, options));
  }

  /** See `Client.beforeEstablished`. */
  beforeEstablished(hook: Hook): Subscription {
    return this.defer(this.client.beforeEstablished(hook));
  }

  /**
   * Takes messages for the service: one for which `claim` returns true is no `message` event. It sees them behind the
   * filters, in their order. A claim that throws takes the message, and is reported.
   */
  claimMessages(claim: Claim): Subscription {
    return this.defer(this.#services.shell.claimMessages(claim));
  }

  /**
   * Writes a top-level element that is no stanza, ahead of what is queued. Returns false, and writes nothing, while no
   * stanza could be written either.
   *
   * @throws TypeError when it is a stanza: those are counted, and go through `client.send`.
   * @throws XmlError when it cannot be written.
   */
  writeNonza(element: Element): boolean {
    return this.#services.shell.writeNonza(element);
  }

  /** Events of the service's own; listeners that fail are reported as those of the client are. */
  emitter<Events>(): Emitter<Events> {
    const { shell } = this.#services;
    return new Emitter((error) => shell.report(error));
  }

  /** Tells of a stanza that the service refuses, as an `invalid` event. */
  refuse(element: Element, reason: string): void {
    this.#services.shell.invalid(element, reason);
  }

  /** Has the wanted presence sent again: what goes along with it has changed. Nothing happens while nobody is told of us. */
  refreshPresence(): void {
    this.#services.shell.tell({ type: 'presence.refresh' });
  }

  /**
   * A promise with bounds, which may be ignored.
   *
   * @param what is waited for, for the message of the `TimeoutError`.
   * @param begin starts the wait and returns what is to be undone at its end, however it ends.
   */
  wait<T>(
    options: WaitOptions,
    what: string,
    begin: (resolve: (value: T) => void, reject: (error: unknown) => void) => () => void,
  ): Promise<T> {
    return wait(this.#services.shell.options.clock, options, what, begin);
  }

  /**
   * Runs `logic` as a child actor while a session is held, for inspection to show under the name of the service.
   *
   * @param input gives the input of each run.
   */
  perSession<Logic extends AnyActorLogic>(logic: Logic, input: () => InputFrom<Logic>): SessionActor<Logic> {
    const services = this.#services;
    const name = this.#name;
    this.defer(services.addMachine(name, { logic, input }));
    return {
      get ref() {
        return services.actorOf(name) as ActorRefFrom<Logic> | null;
      },
    };
  }

  /** Has something undone when the service goes; it can still be undone before. */
  defer(undo: Subscription | (() => void)): Subscription {
    let over = false;
    const entry = () => {
      if (over) return;
      over = true;
      this.#undo.splice(this.#undo.indexOf(entry), 1);
      if (typeof undo === 'function') undo();
      else undo.unsubscribe();
    };
    this.#undo.push(entry);
    return subscription(entry);
  }

  /** Takes everything back, what came last first. */
  dispose(): void {
    for (const undo of this.#undo.toReversed()) undo();
  }
}

interface Entry {
  readonly instance: unknown;
  readonly host: ServiceHost;
}

/** A machine that is to run in every session. */
export interface SessionMachine {
  readonly logic: AnyActorLogic;
  readonly input: () => unknown;
}

/** What services need of the shell. */
export interface ServicesShell {
  readonly actor: ClientActor;
  readonly options: { readonly clock: Clock };
  tell(event: { readonly type: 'presence.refresh' }): void;
  /** By the name of the service; the chart asks for them. */
  readonly sessionMachines: Map<string, SessionMachine>;
  claimMessages(claim: Claim): () => void;
  writeNonza(element: Element): boolean;
  report(error: unknown): void;
  invalid(element: Element, reason: string): void;
}

/** The services of one client. */
export class Services {
  readonly shell: ServicesShell;
  readonly #client: Client;
  readonly #entries = new Map<Service<unknown>, Entry>();
  readonly #making: Service<unknown>[] = [];

  constructor(client: Client, shell: ServicesShell) {
    this.#client = client;
    this.shell = shell;
  }

  use<T>(service: Service<T>): T {
    const known = this.#entries.get(service);
    if (known !== undefined) return known.instance as T;
    const index = this.#making.indexOf(service);
    if (index !== -1) {
      throw new ServiceCycleError([...this.#making.slice(index), service].map(({ name }) => name));
    }
    this.#making.push(service);
    const host = new ServiceHost(this.#client, this, service.name);
    try {
      for (const needed of service.needs ?? []) this.use(needed);
      const instance = service.create(host);
      this.#entries.set(service, { instance, host });
      return instance;
    } catch (error) {
      host.dispose();
      throw error;
    } finally {
      this.#making.pop();
    }
  }

  /** Takes a service away with all that it registered. Throws `StateError` while another needs it. */
  remove(service: Service<unknown>): void {
    const entry = this.#entries.get(service);
    if (entry === undefined) return;
    for (const { name, needs } of this.#entries.keys()) {
      if (needs?.includes(service)) throw new StateError(`${service.name} is needed by ${name}`);
    }
    this.#entries.delete(service);
    entry.host.dispose();
  }

  /** Has a machine run in every session under `name`; returns what ends that. Throws `StateError` if the name is taken. */
  addMachine(name: string, machine: SessionMachine): () => void {
    const { sessionMachines } = this.shell;
    if (sessionMachines.has(name)) throw new StateError(`a machine of a service called ${name} is there already`);
    sessionMachines.set(name, machine);
    this.#adjust();
    return () => {
      sessionMachines.delete(name);
      this.#adjust();
    };
  }

  /** The running actor of a service; null while there is no session. */
  actorOf(name: string): AnyActorRef | null {
    const snapshot = this.shell.actor.getSnapshot().children.services?.getSnapshot() as AnyMachineSnapshot | undefined;
    return snapshot?.children[name] ?? null;
  }

  #adjust(): void {
    const services: AnyActorRef | undefined = this.shell.actor.getSnapshot().children.services;
    services?.send({ type: 'services.changed' });
  }
}
