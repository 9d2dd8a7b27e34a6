/** Service discovery, the side that asks. XEP-0030 */
import type { DiscoContext, FoundEntity } from '../../../machines/disco.ts';
import type { Service, ServiceHost, SessionActor } from '../../client/services.ts';
import { ABORTED, ConnectionError, StateError } from '../../error.ts';
import { JID } from '../../jid.ts';
import { NS } from '../../namespaces.ts';
import { tended, type WaitOptions } from '../../wait.ts';
import { el } from '../../xml/element.ts';
import { discoveryLogic, register } from './discovery.ts';
import { DiscoInfo, DiscoItems } from './info.ts';
import { type Ask, Queries, type QueryOptions } from './queries.ts';
import { type DiscoServer, discoServer } from './server.ts';

/** Options of a query. `timeout` and `signal` bound this wait alone: whoever else waits for the same goes on. */
export interface DiscoQueryOptions extends QueryOptions, WaitOptions {
  /** Something about the entity rather than the entity itself (default none). */
  readonly node?: string;
  /** Asks again in the next session, when this one ends before there is an answer (default false). */
  readonly retryOnNewSession?: boolean;
}

/** What is known of the server and of what it is home to, as plain data. */
export interface Discovery extends Pick<DiscoContext, 'server' | 'entities' | 'left' | 'failures'> {
  /** Nothing more is to come until somebody calls `refresh` or the next session begins. */
  readonly complete: boolean;
}

/** Answers that are kept unless the application says otherwise. */
const INFO_LIMIT = 10_000;
const ITEMS_LIMIT = 100;

/** Milliseconds that each step of the discovery of the server may take. */
const STEP_TIMEOUT = 30_000;
/** XEP-0030 §6.2 */
const ITEMS_TO_ASK = 20;

/**
 * Asks other entities what they are and what they are home to, and the server and its items by itself in every session.
 *
 * Answers are kept until the session ends. Everybody who asks the same while there is no answer yet shares one request.
 */
export class Disco {
  /** What the client itself answers. */
  readonly own: DiscoServer;
  readonly #host: ServiceHost;
  readonly #info = new Queries<DiscoInfo>(INFO_LIMIT);
  readonly #items = new Queries<DiscoItems>(ITEMS_LIMIT);
  readonly #actor: SessionActor<typeof discoveryLogic>;
  readonly #told = new Set<() => void>();
  /** Who waits for another session, and has to hear that there is none. */
  readonly #waiting = new Set<(error: unknown) => void>();

  /** @internal Made by the service. */
  constructor(host: ServiceHost) {
    this.#host = host;
    this.own = host.use(discoServer);
    // The chart says so in passing: where it stands shows only behind that.
    const tell = () =>
      queueMicrotask(() => {
        for (const look of this.#told) look();
      });
    host.defer(register(host.client.actor.system, { asker: this, tell }));
    host.on('destroyed', ({ reason }) => this.#fail(new ConnectionError(reason ?? ABORTED)));
    host.on('stopped', () => this.#giveUp(new ConnectionError(ABORTED)));
    host.on('failure', ({ failure }) => this.#giveUp(new ConnectionError(failure)));
    host.defer(() => {
      const error = new StateError('service discovery was taken from the client');
      this.#fail(error);
      this.#giveUp(error);
    });
    this.#actor = host.perSession(discoveryLogic, () => ({
      domain: host.client.jid.domain,
      timeout: STEP_TIMEOUT,
      limit: ITEMS_TO_ASK,
    }));
  }

  /**
   * Asks an entity what it is and what it can do.
   *
   * @throws JidError when `jid` is none.
   * @throws StanzaError when the entity refuses.
   * @throws ReplyError when its answer cannot be used.
   * @throws TimeoutError after `timeout`; none by default.
   * @throws ConnectionError when the session ends first, the same for everybody who waits.
   */
  queryInfo(jid: JID | string, options: DiscoQueryOptions = {}): Promise<DiscoInfo> {
    return this.#query(this.#info, jid, options, NS.discoInfo, (query) => DiscoInfo.read(query));
  }

  /** Asks an entity what it is home to, or what is part of it; throws as `queryInfo` does. */
  queryItems(jid: JID | string, options: DiscoQueryOptions = {}): Promise<DiscoItems> {
    return this.#query(this.#items, jid, options, NS.discoItems, (query) => DiscoItems.read(query));
  }

  /**
   * Answers `queryInfo` from elsewhere until the session ends, in place of what is known: with a value, with what a promise
   * comes to, or with what a function finds out once it is needed. If that fails every query does, except with
   * `requireFresh`.
   *
   * @throws JidError when `jid` is none.
   */
  primeInfo(jid: JID | string, info: DiscoInfo | Promise<DiscoInfo> | Ask<DiscoInfo>, node?: string): void {
    const ask = typeof info === 'function' ? info : () => Promise.resolve(info);
    if (info instanceof Promise) tended(info);
    this.#info.prime(keyOf(parsed(jid), node), ask);
  }

  /** Forgets what an entity said of itself. Whoever waits for it goes on waiting. */
  forgetInfo(jid: JID | string, node?: string): void {
    this.#info.known.delete(keyOf(parsed(jid), node));
  }

  /** Forgets every answer. Whoever waits for one goes on waiting. */
  flush(): void {
    this.#info.known.clear();
    this.#items.known.clear();
  }

  /** How many answers of `queryInfo` are kept (default 10,000); those go that were not asked for longest. */
  get infoLimit(): number {
    return this.#info.known.limit;
  }

  set infoLimit(limit: number) {
    this.#info.known.limit = limit;
  }

  /** How many answers of `queryItems` are kept (default 100). */
  get itemsLimit(): number {
    return this.#items.known.limit;
  }

  set itemsLimit(limit: number) {
    this.#items.known.limit = limit;
  }

  /** What was found out of the server in this session; null while there is none. */
  get discovery(): Discovery | null {
    const snapshot = this.#actor.ref?.getSnapshot();
    if (snapshot === undefined) return null;
    const { server, entities, left, failures } = snapshot.context;
    return { complete: snapshot.matches('known') || snapshot.matches('unknown'), server, entities, left, failures };
  }

  /** The server and those of its items that have a feature, as far as is known: see `discovered`. */
  find(feature: string): readonly FoundEntity[] {
    const { server = null, entities = [] } = this.discovery ?? {};
    return [server, ...entities]
      .filter((entity) => entity !== null)
      .filter(({ info }) => info.features.includes(feature));
  }

  /**
   * Resolves when everybody has answered or is not going to, at once if that is so already.
   *
   * @throws ConnectionError when the client is not running, or stops first.
   * @throws TimeoutError after `timeout`.
   */
  discovered(options: WaitOptions = {}): Promise<Discovery> {
    return this.#host.wait(options, 'service discovery', (resolve, reject) => {
      const look = () => {
        const { discovery } = this;
        if (discovery?.complete) resolve(discovery);
      };
      this.#told.add(look);
      this.#waiting.add(reject);
      if (this.#host.client.running) look();
      else reject(new ConnectionError(ABORTED));
      return () => {
        this.#told.delete(look);
        this.#waiting.delete(reject);
      };
    });
  }

  /** Asks the server and its items anew. */
  refresh(): void {
    this.#actor.ref?.send({ type: 'refresh' });
  }

  #query<T>(
    queries: Queries<T>,
    jid: JID | string,
    options: DiscoQueryOptions,
    namespace: string,
    read: (query: unknown) => T,
  ): Promise<T> {
    const { node, retryOnNewSession } = options;
    const { client } = this.#host;
    return this.#host.wait(options, 'service discovery', (resolve, reject) => {
      const to = parsed(jid);
      const request: Ask<T> = async (signal) => {
        const query = el('query', { xmlns: namespace, node: node || undefined });
        return read(await client.request(el('iq', { type: 'get', to }, query), { signal }));
      };
      let leave = () => {};
      const ask = () => {
        leave = queries.get(keyOf(to, node), request, options).join(resolve, failed);
      };
      const failed = (error: unknown) => {
        if (retryOnNewSession && error instanceof ConnectionError && client.running)
          leave = this.#onSession(ask, reject);
        else reject(error);
      };
      ask();
      return () => leave();
    });
  }

  /** Waits for the next session, or for the end of the run. Returns what ends that. */
  #onSession(begin: () => void, reject: (error: unknown) => void): () => void {
    this.#waiting.add(reject);
    const listening = this.#host.on('established', () => {
      stop();
      begin();
    });
    const stop = () => {
      this.#waiting.delete(reject);
      listening.unsubscribe();
    };
    return stop;
  }

  /** Ends every question. */
  #fail(error: Error): void {
    this.#info.fail(error);
    this.#items.fail(error);
  }

  /** Ends the wait for another session. */
  #giveUp(error: Error): void {
    for (const reject of [...this.#waiting]) reject(error);
  }
}

function parsed(jid: JID | string): JID {
  return typeof jid === 'string' ? JID.parse(jid) : jid;
}

function keyOf(jid: JID, node: string | undefined): string {
  return `${jid}\0${node ?? ''}`;
}

/** Asks what others can do: `client.use(disco).queryInfo('example.org')`. Answers, too: see `Disco.own`. */
export const disco: Service<Disco> = {
  name: 'disco',
  needs: [discoServer],
  create: (host) => new Disco(host),
};
