/** What the tests of a client's parts share. */
import { Filters } from '../../src/client/filters.ts';
import { Outbox, type Wire } from '../../src/client/outbox.ts';
import { type DeliveryState, Outgoing } from '../../src/client/token.ts';
import { type Element, el } from '../../src/xml/element.ts';
import { serialize } from '../../src/xml/serializer.ts';

/** A wire that keeps what it is given and acknowledges nothing. */
export class FakeWire implements Wire {
  congested = false;
  readonly texts: string[] = [];

  transmit(token: Outgoing, element: Element): void {
    serialize(element);
    this.texts.push(element.text);
    token.become('sent');
  }
}

/** A promise that is kept by hand. */
export class Deferred<T> {
  resolve!: (value: T) => void;
  reject!: (error: unknown) => void;
  readonly promise = new Promise<T>((resolve, reject) => Object.assign(this, { resolve, reject }));
}

/** Lets everything happen that promises are waiting to do. */
export const idle = () => new Promise<void>((resolve) => setImmediate(resolve));

/** A message that says `text`, on its way. */
export const message = (text: string) => new Outgoing(text, el('message', {}, text), () => {});

/** An outbox with a wire, and what its tokens come to. */
export function outbox(limit = 100) {
  const filters = new Filters();
  const reports: unknown[] = [];
  const box = new Outbox(filters, limit, (error) => reports.push(error));
  const wire = new FakeWire();
  const push = (...texts: string[]) => {
    const tokens = texts.map(message);
    for (const token of tokens) box.push(token);
    return tokens;
  };
  return { box, filters, wire, reports, push };
}

export const statesOf = (tokens: readonly { readonly state: DeliveryState }[]) => tokens.map(({ state }) => state);
