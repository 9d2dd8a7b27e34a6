import { StateError } from '../error.ts';
import type { Element } from '../xml/element.ts';

/** A kind of top-level element, and what is made of it. */
export interface ElementType<T = unknown> {
  /** The local name. */
  readonly name: string;
  /** The namespace it is in. */
  readonly namespace: string;
  /** Makes something better of the element (default: the element itself). An element for which it throws is invalid. */
  readonly read?: (element: Element) => T;
}

/** What is made of an element of that type. */
export type ValueOf<Type extends ElementType> = Type extends { readonly read: (element: Element) => infer T }
  ? T
  : 'read' extends keyof Type
    ? unknown
    : Element;

/** Who waits for the first of several types. */
export interface Waiter {
  readonly types: readonly ElementType[];
  take(value: unknown): void;
  /** The element came, and could not be read. */
  fail(error: unknown): void;
}

/** Who hears of what goes wrong. */
export interface DispatcherHandler {
  /** No value could be made of an element. */
  invalid(element: Element, error: unknown): void;
  /** A handler threw, or its promise was rejected. */
  thrown(error: unknown, element: Element): void;
}

interface Entry {
  readonly type: ElementType;
  readonly handler: (value: never) => unknown;
}

const keyOf = ({ namespace, name }: ElementType | Element) => `{${namespace}}${name}`;

const read = (type: ElementType, element: Element) => (type.read ? type.read(element) : element);

/** Elements and who wants them: first whoever waits for one, in order, then the one handler of its type. */
export class Dispatcher {
  readonly #report: DispatcherHandler;
  readonly #handlers = new Map<string, Entry>();
  readonly #waiters = new Set<Waiter>();

  constructor(report: DispatcherHandler) {
    this.#report = report;
  }

  /** Returns what ends it. Throws `StateError` when the type has a handler already. */
  handle(type: ElementType, handler: (value: never) => unknown): () => void {
    const key = keyOf(type);
    if (this.#handlers.has(key)) throw new StateError(`${key} has a handler already`);
    const entry: Entry = { type, handler };
    this.#handlers.set(key, entry);
    return () => {
      if (this.#handlers.get(key) === entry) this.#handlers.delete(key);
    };
  }

  /** Has a waiter see the next element of its types, which nobody else sees then. Returns what ends it. */
  wait(waiter: Waiter): () => void {
    this.#waiters.add(waiter);
    return () => void this.#waiters.delete(waiter);
  }

  /** Hands out an element; returns whether anybody wants its kind. */
  dispatch(element: Element): boolean {
    const key = keyOf(element);
    for (const waiter of this.#waiters) {
      const type = waiter.types.find((candidate) => keyOf(candidate) === key);
      if (type === undefined) continue;
      this.#waiters.delete(waiter);
      attempt(
        () => waiter.take(read(type, element)),
        (error) => waiter.fail(error),
      );
      return true;
    }
    const entry = this.#handlers.get(key);
    if (entry === undefined) return false;
    let value: unknown;
    try {
      value = read(entry.type, element);
    } catch (error) {
      this.#report.invalid(element, error);
      return true;
    }
    attempt(
      () => {
        const result = entry.handler(value as never);
        if (result instanceof Promise) result.catch((error) => this.#report.thrown(error, element));
      },
      (error) => this.#report.thrown(error, element),
    );
    return true;
  }
}

function attempt(work: () => void, failed: (error: unknown) => void): void {
  try {
    work();
  } catch (error) {
    failed(error);
  }
}
