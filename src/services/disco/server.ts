/** Service discovery, the side that answers. XEP-0030 */

import type { Service, ServiceHost } from '../../client/services.ts';
import { type Subscription, subscription } from '../../emitter.ts';
import { NS } from '../../namespaces.ts';
import { StanzaError } from '../../stanza/error.ts';
import type { Iq } from '../../stanza/iq.ts';
import type { Element } from '../../xml/element.ts';
import { DiscoItems } from './info.ts';
import { DiscoError, DiscoNode } from './node.ts';

/** A node in its place, until it is taken away. */
export interface Mount extends Subscription {
  /** The name of the node. */
  readonly mountpoint: string;
}

/**
 * What the client says of itself when it is asked. It is itself the root node: what is added to it is said of the client as
 * a whole. It begins as a `client/bot` by the name of this library, which may be removed once there is another identity.
 */
export class DiscoServer extends DiscoNode {
  readonly #nodes = new Map<string, DiscoNode>();

  /** @internal Made by the service. */
  constructor(host: ServiceHost) {
    super(host.emitter());
    this.addIdentity('client', 'bot', { en: 'xstanza' });
    host.handle('get', NS.discoInfo, 'query', (iq) => this.#info(iq));
    host.handle('get', NS.discoItems, 'query', (iq) => this.#items(iq));
  }

  /**
   * Answers questions about a node from now on, in place of whoever did before. What is returned takes that back.
   *
   * @throws DiscoError (`duplicate`) for the empty name: that is the root.
   */
  mount(mountpoint: string, node: DiscoNode): Mount {
    if (mountpoint === '') throw new DiscoError('duplicate', 'the root node is there already');
    this.#nodes.set(mountpoint, node);
    const undo = subscription(() => {
      if (this.#nodes.get(mountpoint) === node) this.#nodes.delete(mountpoint);
    });
    return { mountpoint, ...undo };
  }

  /**
   * Answers `item-not-found` to questions about a node.
   *
   * @throws DiscoError (`unknown`) if there is no such node.
   */
  unmount(mountpoint: string): void {
    if (!this.#nodes.delete(mountpoint)) throw new DiscoError('unknown', `there is no node ${mountpoint}`);
  }

  #info(iq: Iq): Element {
    const answer = this.#asked(iq).infoFor(iq);
    if (answer.identities.length === 0) throw new StanzaError('item-not-found', { type: 'cancel' });
    return answer.toElement().with({ node: nodeOf(iq) });
  }

  #items(iq: Iq): Element {
    return new DiscoItems({ items: this.#asked(iq).itemsFor(iq), node: nodeOf(iq) ?? null }).toElement();
  }

  #asked(iq: Iq): DiscoNode {
    const mountpoint = nodeOf(iq) ?? '';
    const node = mountpoint === '' ? this : this.#nodes.get(mountpoint);
    if (node === undefined) throw new StanzaError('item-not-found', { type: 'cancel' });
    return node;
  }
}

function nodeOf(iq: Iq): string | undefined {
  return iq.payload?.attr('node');
}

/** Answers questions about the client: `client.use(discoServer).addFeature('urn:xmpp:receipts')`. */
export const discoServer: Service<DiscoServer> = {
  name: 'disco-server',
  create: (host) => new DiscoServer(host),
};
