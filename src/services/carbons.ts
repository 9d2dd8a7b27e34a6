import type { Service, ServiceHost } from '../client/services.ts';
import type { ListenOptions, Subscription } from '../emitter.ts';
import type { JID } from '../jid.ts';
import { NS } from '../namespaces.ts';
import { Message } from '../stanza/message.ts';
import { type Element, el } from '../xml/element.ts';

/** What another resource of the account said or heard. */
export interface Carbon {
  /** Whether the other resource sent the message or received it. */
  readonly direction: 'sent' | 'received';
  /** The message itself, as it was sent or received there; it is not to be answered by a machine. XEP-0280 §10.4 */
  readonly message: Message;
  /** When it was, if it was not just now. XEP-0203 */
  readonly delay: Date | null;
}

/** What `client.use(carbons)` tells. */
export interface CarbonsEvents {
  /** Another resource of the account said or heard something. */
  carbon: Carbon;
  /** The server sends copies in this session from now on. */
  enabled: { readonly jid: JID };
  /** The server sends none in this session: it cannot or will not, which a `StanzaError` says, or the session is gone. */
  refused: { readonly error: unknown };
}

/** What `client.use(carbons)` gives. */
export interface Carbons {
  /** Whether the server sends copies in this session. */
  readonly enabled: boolean;
  /** Listens to an event; see `Client.on`. */
  on<T extends keyof CarbonsEvents>(
    type: T,
    listener: (event: CarbonsEvents[T]) => unknown,
    options?: ListenOptions,
  ): Subscription;
}

/**
 * Has the server send copies of what the other resources of the account say and hear; they come as `carbon`, never as
 * `message`. Asked for in every new session, ahead of presence, and nobody waits for the answer. A copy counts only from
 * our own account, and only of a message that went from it or to it; anything else that calls itself one is `invalid`.
 * XEP-0280
 */
export const carbons: Service<Carbons> = {
  name: 'carbons',
  create(host: ServiceHost): Carbons {
    const { client } = host;
    const emitter = host.emitter<CarbonsEvents>();
    let enabled = false;
    const enable = (request: (iq: Element) => Promise<unknown>) => {
      request(el('iq', { type: 'set' }, el('enable', { xmlns: NS.carbons }))).then(
        () => {
          enabled = true;
          emitter.emit('enabled', { jid: client.jid });
        },
        (error) => emitter.emit('refused', { error }),
      );
    };
    host.beforeEstablished((preparation) => enable((iq) => preparation.request(iq)));
    host.on('destroyed', () => {
      enabled = false;
    });
    host.claimMessages((message) => {
      const wrapper = wrapperIn(message.element);
      if (wrapper === undefined) return false;
      const carbon = readCarbon(message, wrapper, client.jid);
      if (typeof carbon === 'string') host.refuse(message.element, carbon);
      else emitter.emit('carbon', carbon);
      return true;
    });
    // Copies would be messages like any other.
    host.defer(() => {
      if (client.established)
        client.request(el('iq', { type: 'set' }, el('disable', { xmlns: NS.carbons }))).catch(() => {});
    });
    if (client.established) enable((iq) => client.request(iq));
    return {
      get enabled() {
        return enabled;
      },
      on: (type, listener, options) => emitter.on(type, listener, options),
    };
  },
};

function wrapperIn(message: Element): Element | undefined {
  return message.find('received', NS.carbons) ?? message.find('sent', NS.carbons);
}

/** What is in a wrapper, or what is wrong with it. */
function readCarbon(message: Message, wrapper: Element, self: JID): Carbon | string {
  if (!message.from?.equals(self.bare)) return 'a carbon that is not from our account';
  const forwarded = wrapper.find('forwarded', NS.forward);
  const element = forwarded?.find('message', NS.client);
  if (forwarded === undefined || element === undefined) return 'a carbon without a message';
  const direction = wrapper.name as Carbon['direction'];
  const copied = new Message(element);
  const owner = direction === 'sent' ? copied.from : copied.to;
  if (!owner?.bare.equals(self.bare)) return `a carbon of a message that was not ${direction} by our account`;
  const stamp = new Date(forwarded.find('delay', NS.delay)?.attr('stamp') ?? '');
  return { direction, message: copied, delay: Number.isNaN(stamp.getTime()) ? null : stamp };
}
