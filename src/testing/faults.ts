import type { Element } from '../xml/element.ts';

/** Seen from the server: `in` comes from the client, `out` goes to it. */
export type Direction = 'in' | 'out';

/**
 * How a connection is dropped: `fin` closes the socket in order but without a word of XMPP, `rst` resets it a moment after what was
 * sent, `silence` leaves it open and neither says nor hears anything more, as behind a pulled cable.
 */
export type DropKind = 'fin' | 'rst' | 'silence';

/**
 * Which elements are meant: a local name, or a predicate. The header of a stream is an element called `stream`, its footer
 * one called `/stream`.
 */
export type Match = string | ((element: Element) => boolean);

/**
 * When a connection is dropped.
 *
 * - `connect`: as soon as it is accepted, before TLS
 * - `before`: the element is not handled (in), or not written (out)
 * - `after`: the element was handled, and what was answered at once is written (in); or it was written (out)
 * - `bytes`: so many bytes of XML were let through, counted from when the fault began to apply to the connection
 */
export type Moment =
  | 'connect'
  | { readonly direction: Direction; readonly before: Match }
  | { readonly direction: Direction; readonly after: Match }
  | { readonly direction: Direction; readonly bytes: number };

/** Ends the connection at a moment. */
export interface DropFault {
  /** How it ends. */
  readonly drop: DropKind;
  /** The moment. */
  readonly when: Moment;
  /** How often it happens before the fault removes itself, on all connections together; 1 by default. */
  readonly times?: number;
}

/** Keeps back all that is written for so many milliseconds, in order; it adds latency and takes no throughput. */
export interface DelayFault {
  /** Milliseconds. */
  readonly delay: number;
}

/**
 * Writes in pieces of so many bytes each, every one a segment of its own (and a TLS record of its own); a list of sizes is
 * used in turn. Bytes of XML, so that a parser sees them; the handshake of TLS is left alone.
 */
export interface SplitFault {
  /** Bytes of each piece; the sizes of a list are taken in turn. */
  readonly split: number | readonly number[];
}

/** Changes bytes of XML on their way. */
export interface CorruptFault {
  /** Which byte is the first to be changed, counted from when the fault began to apply to the connection. */
  readonly corrupt: number;
  /** Whose bytes are changed. */
  readonly direction: Direction;
  /** What is written over the bytes there; without it one byte is changed by `flip`. */
  readonly replace?: string | Uint8Array;
  /** The bits to be inverted; 0x80 by default, which makes bad UTF-8 of ASCII. */
  readonly flip?: number;
  /** How often it happens before the fault removes itself, on all connections together; 1 by default. */
  readonly times?: number;
}

/** Something that goes wrong. */
export type Fault = DropFault | DelayFault | SplitFault | CorruptFault;

/** A fault that has been set. */
export class ActiveFault {
  /** What goes wrong. */
  readonly fault: Fault;
  /** The name it was added by. */
  readonly name: string | undefined;
  /** Fulfilled when it happens for the first time; pending for ever if it never does. */
  readonly fired: Promise<void>;
  #count = 0;
  #fire: () => void = () => {};
  readonly #list: FaultList;

  /** @internal Made by `FaultList.add`. */
  constructor(list: FaultList, fault: Fault, name: string | undefined) {
    this.#list = list;
    this.fault = fault;
    this.name = name;
    this.fired = new Promise((resolve) => {
      this.#fire = resolve;
    });
  }

  /** How often it has happened. */
  get count(): number {
    return this.#count;
  }

  /** Takes it back. */
  remove(): void {
    this.#list.remove(this);
  }

  /** Counts one time, and removes the fault after the last. For the wire alone. */
  use(): void {
    this.#count += 1;
    const times = 'drop' in this.fault || 'corrupt' in this.fault ? (this.fault.times ?? 1) : Infinity;
    if (this.#count >= times) this.remove();
    this.#fire();
  }
}

/** The faults of a server or of one connection, which can be changed at any time. */
export class FaultList {
  readonly #faults = new Set<ActiveFault>();
  readonly #watchers = new Set<() => void>();

  /** Sets a fault; `name` serves to remove it again. It works on connections there are and on those to come. */
  add(fault: Fault, name?: string): ActiveFault {
    const active = new ActiveFault(this, fault, name);
    this.#faults.add(active);
    this.#changed();
    return active;
  }

  /** Takes back one fault, or all of that name. */
  remove(which: ActiveFault | string): void {
    for (const active of this.#faults) if (active === which || active.name === which) this.#faults.delete(active);
    this.#changed();
  }

  /** Takes back all of them. */
  clear(): void {
    this.#faults.clear();
    this.#changed();
  }

  /** The faults that are set, in the order they were. */
  [Symbol.iterator](): IterableIterator<ActiveFault> {
    return this.#faults.values();
  }

  /** Calls back after every change, until the returned function is called. For the wire alone. */
  watch(watcher: () => void): () => void {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  #changed(): void {
    for (const watcher of this.#watchers) watcher();
  }
}

/** Whether `element` is meant by `match`. */
export function matches(match: Match, element: Element): boolean {
  return typeof match === 'string' ? element.name === match : match(element);
}
