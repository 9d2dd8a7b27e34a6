import type { Element } from '../xml/element.ts';

/**
 * Sees a stanza on its way and returns it, another in its place, or null to drop it. It may be asynchronous: later stanzas
 * wait, so that the order stays.
 */
export type Filter = (stanza: Element) => Element | null | Promise<Element | null>;

/** The filters of one direction, in order. */
export class Filters {
  #chain: readonly { readonly filter: Filter; readonly order: number }[] = [];

  get empty(): boolean {
    return this.#chain.length === 0;
  }

  /** Adds a filter behind those of the same or a lower `order`. Returns what removes it. */
  add(filter: Filter, order: number): () => void {
    const entry = { filter, order };
    this.#chain = [...this.#chain, entry].sort((a, b) => a.order - b.order);
    return () => {
      this.#chain = this.#chain.filter((other) => other !== entry);
    };
  }

  /** Passes a stanza through; a promise only if a filter gave one. Throws or rejects as a filter does. */
  run(stanza: Element): Element | null | Promise<Element | null> {
    const chain = this.#chain;
    const from = (index: number, element: Element): Element | null | Promise<Element | null> => {
      let current = element;
      for (let i = index; i < chain.length; i += 1) {
        const result = (chain[i] as { filter: Filter }).filter(current);
        if (result instanceof Promise) return result.then((next) => (next === null ? null : from(i + 1, next)));
        if (result === null) return null;
        current = result;
      }
      return current;
    };
    return from(0, stanza);
  }
}
