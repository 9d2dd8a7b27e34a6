import type { ClientEmitted } from '../../machines/client.ts';
import type { Message } from '../stanza/message.ts';
import type { Presence } from '../stanza/presence.ts';
import type { Element } from '../xml/element.ts';

/** The lifecycle events, as the chart emits them. */
type Lifecycle = { [Event in ClientEmitted as Event['type']]: Event };

/** What a client tells those who listen with `on`, by name. */
export interface ClientEvents extends Lifecycle {
  /** A message, behind the inbound filters, that no service took for its own. RFC 6121 §5 */
  message: Message;
  /** Of a known type only. */
  presence: Presence;
  /** A stanza that was not dispatched: it makes no sense, or answers nothing that was asked. */
  invalid: { readonly element: Element; readonly reason: string };
  /**
   * A listener, handler, filter or hook of the application threw, or its promise was rejected. Nothing else is affected.
   * `element` is the stanza it was about, if it was about one.
   */
  handlerError: { readonly error: unknown; readonly element: Element | null };
}
