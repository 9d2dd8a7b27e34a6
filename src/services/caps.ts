/** Entity capabilities: what an entity can do, said in its presence by a hash. XEP-0115, XEP-0390 */

import type { Service, ServiceHost } from '../client/services.ts';
import type { Subscription } from '../emitter.ts';
import { NS } from '../namespaces.ts';
import { StanzaError } from '../stanza/error.ts';
import type { Presence } from '../stanza/presence.ts';
import { type Element, el } from '../xml/element.ts';
import { CapsError, functionsOf, hashOf, type Scheme, verified } from './caps-hash.ts';
import { type Disco, disco } from './disco/disco.ts';
import type { DiscoInfo } from './disco/info.ts';
import { StaticNode } from './disco/node.ts';
import { discoServer } from './disco/server.ts';
import { Lru } from './lru.ts';

/** One hash of what an entity can do. */
export interface Capability {
  /** Which of the two standards it belongs to. */
  readonly scheme: Scheme;
  /** Such as `sha-1`. XEP-0300 */
  readonly algorithm: string;
  /** In base64. */
  readonly hash: string;
  /** The node that a question about it goes to. */
  readonly node: string;
}

/** Our functions: the one that XEP-0115 insists on, and the two of XEP-0390. */
const OWN_HASH = 'sha-1';
const OWN_HASHES = ['sha-256', 'sha3-256'];

/** How many sets of our own hashes are answered for. XEP-0390 §6.1 */
const REMEMBERED = 3;
/** Whose hashes are known, and how many were found to be true. Anybody can send presence from any number of resources. */
const ENTITIES = 10_000;
const HASHES = 1_000;
/** Milliseconds that others may have to wait for somebody who gave the same hash first. */
const PATIENCE = 10_000;
/** Characters of a hash, and of a node. */
const LONGEST_HASH = 128;
const LONGEST_NODE = 1_024;

/**
 * Adds the client's capabilities to every available presence that it sends, and has `Disco.queryInfo` answer for whoever
 * says the same as somebody who was asked before.
 */
export class Caps {
  readonly #host: ServiceHost;
  readonly #disco: Disco;
  #software = 'urn:xstanza';
  /** What the client can do now; null when that is to be found out. */
  #current: readonly Capability[] | null = null;
  /** What was sent, the latest last, with what ends that it is answered for. */
  readonly #sent: { readonly key: string; readonly mounts: readonly Subscription[] }[] = [];
  #refreshing = false;
  /** By full JID. */
  readonly #announced = new Lru<string>(ENTITIES);
  readonly #verified = new Lru<DiscoInfo>(HASHES);
  /** Who is being asked about a hash; comes to null if that fails. */
  readonly #asking = new Map<string, Promise<DiscoInfo | null>>();

  /** @internal Made by the service. */
  constructor(host: ServiceHost) {
    this.#host = host;
    this.#disco = host.use(disco);
    const { own } = this.#disco;
    host.defer(own.on('infoChanged', () => this.#changed()));
    for (const feature of [NS.caps, NS.caps2]) host.defer(own.addFeature(feature));
    host.filter('outbound', (stanza) => (isAvailable(stanza) ? this.#annotated(stanza) : stanza));
    host.on('presence', (presence) => this.#hear(presence));
    host.on('destroyed', () => this.#announced.clear());
    host.defer(() => this.#sent.splice(0).forEach(unmount));
  }

  /** A URI that says what software this is (default `urn:xstanza`). */
  get software(): string {
    return this.#software;
  }

  set software(uri: string) {
    this.#software = uri;
    this.#changed();
  }

  /** What the client says that it can do, as it would be sent now. */
  get own(): readonly Capability[] {
    this.#current ??= this.#compute();
    return this.#current;
  }

  // Our own.

  #compute(): readonly Capability[] {
    const query = this.#disco.own.infoFor().toElement();
    const capabilities = OWN_HASHES.map((algorithm): Capability => {
      const hash = hashOf('XEP-0390', algorithm, query, 'own');
      return { scheme: 'XEP-0390', algorithm, hash, node: hashNode(algorithm, hash) };
    });
    try {
      const hash = hashOf('XEP-0115', OWN_HASH, query, 'own');
      return [{ scheme: 'XEP-0115', algorithm: OWN_HASH, hash, node: `${this.#software}#${hash}` }, ...capabilities];
    } catch (error) {
      // There are names that only the newer of the two can tell from others.
      if (error instanceof CapsError) return capabilities;
      throw error;
    }
  }

  #changed(): void {
    this.#current = null;
    if (this.#refreshing) return;
    this.#refreshing = true;
    // Changes seldom come alone.
    queueMicrotask(() => {
      this.#refreshing = false;
      const last = this.#sent.at(-1);
      if (last !== undefined && last.key !== keyOf(this.own)) this.#host.refreshPresence();
    });
  }

  #annotated(presence: Element): Element {
    const { own } = this;
    this.#remember(own);
    const [old] = own.filter(({ scheme }) => scheme === 'XEP-0115');
    const hashes = own.filter(({ scheme }) => scheme === 'XEP-0390');
    return presence.append(
      old !== undefined &&
        presence.find('c', NS.caps) === undefined &&
        el('c', { xmlns: NS.caps, hash: old.algorithm, node: this.#software, ver: old.hash }),
      presence.find('c', NS.caps2) === undefined &&
        el(
          'c',
          { xmlns: NS.caps2 },
          hashes.map(({ algorithm, hash }) => el('hash', { xmlns: NS.hashes, algo: algorithm }, hash)),
        ),
    );
  }

  /** Answers for what is sent now, and for what was sent before it. */
  #remember(own: readonly Capability[]): void {
    const key = keyOf(own);
    if (this.#sent.at(-1)?.key === key) return;
    const index = this.#sent.findIndex((other) => other.key === key);
    if (index !== -1) this.#sent.splice(index, 1).forEach(unmount);
    const server = this.#disco.own;
    const node = StaticNode.clone(server);
    this.#sent.push({ key, mounts: own.map((capability) => server.mount(capability.node, node)) });
    if (this.#sent.length > REMEMBERED) this.#sent.splice(0, 1).forEach(unmount);
  }

  // Others'.

  #hear({ type, from, element }: Presence): void {
    if (from?.resource === undefined) return;
    const jid = from.toString();
    const before = this.#announced.get(jid);
    if (type === 'unavailable') {
      this.#announced.delete(jid);
      if (before !== undefined) this.#disco.forgetInfo(from);
    }
    if (type !== 'available') return;
    const said = isSaid(element);
    const capability = said ? readCapability(element) : null;
    // A server may leave out what it has said before. XEP-0115 §8.4
    if (!said || (capability !== null && keyOf([capability]) === before)) return;
    if (capability === null) {
      this.#announced.delete(jid);
      this.#disco.forgetInfo(from);
    } else {
      this.#announced.set(jid, keyOf([capability]));
      this.#disco.primeInfo(from, (signal) => this.#lookUp(jid, capability, signal));
    }
  }

  /** What an entity can do that gave this hash: as is known, or as somebody else is about to say, or as it says itself. */
  async #lookUp(jid: string, capability: Capability, signal: AbortSignal): Promise<DiscoInfo> {
    const key = hashKey(capability);
    const known = this.#verified.get(key);
    if (known !== undefined) return known;
    const other = this.#asking.get(key);
    if (other !== undefined) {
      const answer = await this.#patiently(other, signal);
      if (answer !== null) return answer;
    }
    const asking = this.#ask(jid, capability, signal);
    const outcome = asking.then(
      ({ proven }) => proven,
      () => null,
    );
    if (!this.#asking.has(key)) {
      this.#asking.set(key, outcome);
      outcome.then(() => this.#asking.delete(key));
    }
    return (await asking).info;
  }

  /** What comes of a question that is on its way already; null for nothing, or nothing soon. */
  #patiently(asking: Promise<DiscoInfo | null>, signal: AbortSignal): Promise<DiscoInfo | null> {
    const options = { timeout: PATIENCE, signal };
    const bounded = this.#host.wait<DiscoInfo | null>(options, 'a hash of capabilities', (resolve) => {
      asking.then(resolve);
      return () => {};
    });
    return bounded.catch(() => null);
  }

  /** Asks an entity; `proven` is what its hash stands for, null if the answer is not what that was made of. */
  async #ask(
    jid: string,
    { scheme, algorithm, hash, node }: Capability,
    signal: AbortSignal,
  ): Promise<{ readonly info: DiscoInfo; readonly proven: DiscoInfo | null }> {
    let info: DiscoInfo;
    try {
      info = await this.#disco.queryInfo(jid, { node, noCache: true, signal });
    } catch (error) {
      if (!(error instanceof StanzaError) || error.condition !== 'item-not-found') throw error;
      // It can do something else by now, and its presence is still on the way.
      return { info: await this.#disco.queryInfo(jid, { requireFresh: true, noCache: true, signal }), proven: null };
    }
    const proven = info.element && verified(scheme, algorithm, hash, info.element);
    if (proven !== null) this.#verified.set(hashKey({ scheme, algorithm, hash }), proven);
    return { info, proven };
  }
}

/** Has entity capabilities sent and understood, from the next presence on. */
export const caps: Service<Caps> = {
  name: 'caps',
  needs: [disco, discoServer],
  create: (host) => new Caps(host),
};

/**
 * The best hash in a presence that can be checked; null for none. Old ones without a function are no hashes, and what
 * an unknown function has made says nothing. XEP-0115 §5.4
 */
export function readCapability(presence: Element): Capability | null {
  const hashes = presence.find('c', NS.caps2)?.filter('hash', NS.hashes) ?? [];
  for (const algorithm of functionsOf('XEP-0390')) {
    const hash = hashes.find((one) => one.attr('algo') === algorithm)?.text.trim();
    if (isHash(hash)) return { scheme: 'XEP-0390', algorithm, hash, node: hashNode(algorithm, hash) };
  }
  const { hash: algorithm = '', ver, node = '' } = presence.find('c', NS.caps)?.attrs ?? {};
  if (!isHash(ver) || node === '' || node.length > LONGEST_NODE) return null;
  if (!functionsOf('XEP-0115').includes(algorithm)) return null;
  return { scheme: 'XEP-0115', algorithm, hash: ver, node: `${node}#${ver}` };
}

function isHash(text: string | undefined): text is string {
  return text !== undefined && text.length <= LONGEST_HASH && /^[A-Za-z0-9+/]+={0,2}$/.test(text);
}

/** Whether a presence says anything of capabilities. */
function isSaid(presence: Element): boolean {
  return presence.find('c', NS.caps) !== undefined || presence.find('c', NS.caps2) !== undefined;
}

function isAvailable(stanza: Element): boolean {
  return stanza.name === 'presence' && stanza.attr('type') === undefined;
}

function hashNode(algorithm: string, hash: string): string {
  return `${NS.caps2}#${algorithm}.${hash}`;
}

function hashKey({ scheme, algorithm, hash }: Pick<Capability, 'scheme' | 'algorithm' | 'hash'>): string {
  return `${scheme} ${algorithm} ${hash}`;
}

function keyOf(capabilities: readonly Capability[]): string {
  return capabilities.map(({ scheme, node }) => `${scheme} ${node}`).join('\n');
}

function unmount({ mounts }: { readonly mounts: readonly Subscription[] }): void {
  for (const mount of mounts) mount.unsubscribe();
}
