/** What others are told when they ask about a node, or about the client as a whole. */
import type { Identity } from '../../../machines/disco.ts';
import { Emitter, type ListenOptions, type Subscription } from '../../emitter.ts';
import { NS } from '../../namespaces.ts';
import type { Iq } from '../../stanza/iq.ts';
import { DiscoInfo, type DiscoItem } from './info.ts';

/** Why a registration was refused: it is there already, it is not there, or it is the last of what there has to be one of. */
export type DiscoErrorReason = 'duplicate' | 'unknown' | 'last';

/** A feature, an identity or a node could not be registered or taken away. */
export class DiscoError extends Error {
  override readonly name = 'DiscoError';
  /** Why it was refused. */
  readonly reason: DiscoErrorReason;

  /** @internal Made by nodes. */
  constructor(reason: DiscoErrorReason, message: string) {
    super(message);
    this.reason = reason;
  }
}

/** What a node tells those who listen. */
export interface DiscoNodeEvents {
  /** A feature or an identity came, went, or has another name. */
  infoChanged: Record<never, never>;
}

/** Names of an identity by language; the empty language is none. */
export type IdentityNames = Readonly<Record<string, string>>;

interface IdentityEntry {
  readonly category: string;
  readonly type: string;
  readonly names: IdentityNames;
}

/** The feature that every node has. */
const BUILT_IN = NS.discoInfo;

// What a registration may do to its node is nobody's business outside of this file.
let isEnabled: (node: DiscoNode, handle: RegisteredFeature) => boolean;
let enable: (node: DiscoNode, handle: RegisteredFeature, enabled: boolean) => void;

/** A feature of a node that can be switched on and off, and is off when this is disposed of. */
export class RegisteredFeature implements Subscription {
  /** Its name. */
  readonly feature: string;
  readonly #node: DiscoNode;

  /** Off, until `enabled` is set. */
  constructor(node: DiscoNode, feature: string) {
    this.#node = node;
    this.feature = feature;
  }

  /** Whether the node has the feature because of this. Setting it throws `DiscoError` when the node has it anyway. */
  get enabled(): boolean {
    return isEnabled(this.#node, this);
  }

  set enabled(enabled: boolean) {
    if (enabled !== this.enabled) enable(this.#node, this, enabled);
  }

  /** Switches it off. */
  unsubscribe(): void {
    this.enabled = false;
  }

  /** Switches it off. */
  [Symbol.dispose](): void {
    this.enabled = false;
  }
}

/**
 * Something that can be asked about. It has features and identities, and no items; who wants the answer to depend on who
 * asks extends it and overrides what ends in `For`. XEP-0030 §3.2
 */
export class DiscoNode {
  readonly #features = new Map<string, RegisteredFeature>();
  readonly #identities = new Map<string, IdentityEntry>();
  readonly #emitter: Emitter<DiscoNodeEvents>;

  static {
    isEnabled = (node, handle) => node.#features.get(handle.feature) === handle;
    enable = (node, handle, enabled) => {
      if (enabled) node.#claim(handle);
      else node.removeFeature(handle.feature);
    };
  }

  /**
   * A node with the feature that all have, and nothing else.
   *
   * @param emitter decides what becomes of a listener's failure; by default nothing.
   */
  constructor(emitter: Emitter<DiscoNodeEvents> = new Emitter(() => {})) {
    this.#emitter = emitter;
  }

  /** Listens to an event. */
  on<T extends keyof DiscoNodeEvents>(
    type: T,
    listener: (event: DiscoNodeEvents[T]) => unknown,
    options?: ListenOptions,
  ): Subscription {
    return this.#emitter.on(type, listener, options);
  }

  /**
   * Adds a feature. What is returned takes it away again.
   *
   * @throws DiscoError (`duplicate`) if it is there, as disco#info always is.
   */
  addFeature(feature: string): RegisteredFeature {
    const handle = new RegisteredFeature(this, feature);
    handle.enabled = true;
    return handle;
  }

  /**
   * Takes a feature away.
   *
   * @throws DiscoError (`unknown`) for a feature that was not added.
   */
  removeFeature(feature: string): void {
    if (!this.#features.delete(feature)) throw new DiscoError('unknown', `there is no feature ${feature}`);
    this.#emitter.emit('infoChanged', {});
  }

  /**
   * Adds an identity.
   *
   * @param names by language (default none).
   * @throws DiscoError (`duplicate`) if there is one of that category and type.
   */
  addIdentity(category: string, type: string, names: IdentityNames = {}): void {
    const key = keyOf(category, type);
    if (this.#identities.has(key))
      throw new DiscoError('duplicate', `there is an identity ${category}/${type} already`);
    this.#identities.set(key, { category, type, names: { ...names } });
    this.#emitter.emit('infoChanged', {});
  }

  /**
   * Gives an identity other names.
   *
   * @throws DiscoError (`unknown`) if there is no such identity.
   */
  setIdentityNames(category: string, type: string, names: IdentityNames = {}): void {
    this.#identities.set(this.#known(category, type), { category, type, names: { ...names } });
    this.#emitter.emit('infoChanged', {});
  }

  /**
   * Takes an identity away, in all its languages.
   *
   * @throws DiscoError (`unknown`) if there is no such identity, and (`last`) if there is no other.
   */
  removeIdentity(category: string, type: string): void {
    const key = this.#known(category, type);
    if (this.#identities.size === 1) throw new DiscoError('last', `${category}/${type} is the only identity`);
    this.#identities.delete(key);
    this.#emitter.emit('infoChanged', {});
  }

  /** The features to be told; without an asker those that everybody may know of. */
  *featuresFor(_asker?: Iq): Iterable<string> {
    yield BUILT_IN;
    yield* this.#features.keys();
  }

  /** The identities to be told, one for each language; if there are none, the answer is `item-not-found`. */
  *identitiesFor(_asker?: Iq): Iterable<Identity> {
    for (const { category, type, names } of this.#identities.values()) {
      const entries = Object.entries(names);
      if (entries.length === 0) yield { category, type };
      for (const [lang, name] of entries) yield { category, type, name, ...(lang !== '' && { lang }) };
    }
  }

  /** The items to be told. */
  itemsFor(_asker?: Iq): Iterable<DiscoItem> {
    return [];
  }

  /** Everything but the items, of no node: which one it is, is a matter of where it is mounted. */
  infoFor(asker?: Iq): DiscoInfo {
    return new DiscoInfo({ identities: this.identitiesFor(asker), features: this.featuresFor(asker) });
  }

  #known(category: string, type: string): string {
    const key = keyOf(category, type);
    if (!this.#identities.has(key)) throw new DiscoError('unknown', `there is no identity ${category}/${type}`);
    return key;
  }

  #claim(handle: RegisteredFeature): void {
    const { feature } = handle;
    if (feature === BUILT_IN || this.#features.has(feature)) {
      throw new DiscoError('duplicate', `there is a feature ${feature} already`);
    }
    this.#features.set(feature, handle);
    this.#emitter.emit('infoChanged', {});
  }
}

/** A node with a list of items, which is its owner's to keep free of doubles. */
export class StaticNode extends DiscoNode {
  /** What `itemsFor` tells. */
  items: DiscoItem[] = [];

  /** A node with the features, identities and items that `other` shows everybody; changes to one do not show in the other. */
  static clone(other: DiscoNode): StaticNode {
    const clone = new StaticNode();
    for (const feature of other.featuresFor()) if (feature !== BUILT_IN) clone.addFeature(feature);
    const names = new Map<string, { category: string; type: string; names: Record<string, string> }>();
    for (const { category, type, name, lang = '' } of other.identitiesFor()) {
      const key = keyOf(category, type);
      const entry = names.get(key) ?? { category, type, names: {} };
      if (name !== undefined) entry.names[lang] = name;
      names.set(key, entry);
    }
    for (const identity of names.values()) clone.addIdentity(identity.category, identity.type, identity.names);
    clone.items = [...other.itemsFor()];
    return clone;
  }

  /** Everything in `items`, whoever asks. */
  override itemsFor(_asker?: Iq): Iterable<DiscoItem> {
    return this.items;
  }
}

function keyOf(category: string, type: string): string {
  return `${category}\0${type}`;
}
