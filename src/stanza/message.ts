import { type Element, el } from '../xml/element.ts';
import { localized, Stanza } from './stanza.ts';

/** RFC 6121 §5.2.2 */
export type MessageType = 'chat' | 'error' | 'groupchat' | 'headline' | 'normal';

const TYPES: readonly string[] = ['chat', 'error', 'groupchat', 'headline', 'normal'];

/** A message, received or about to be sent. RFC 6121 §5 */
export class Message extends Stanza {
  /** `normal` when it is missing or unknown, as RFC 6121 §5.2.2 wants. */
  get type(): MessageType {
    const type = this.element.attr('type') ?? '';
    return TYPES.includes(type) ? (type as MessageType) : 'normal';
  }

  /** The text to be read by a person. RFC 6121 §5.2.3 */
  get body(): string | undefined {
    return localized(this.element, 'body', this.lang);
  }

  /** RFC 6121 §5.2.4 */
  get subject(): string | undefined {
    return localized(this.element, 'subject', this.lang);
  }

  /** RFC 6121 §5.2.5 */
  get thread(): string | undefined {
    return this.element.find('thread')?.text;
  }

  /** A message back to the sender, of the same type and thread. To a group chat it goes to the room. */
  reply(...content: (string | Element)[]): Message {
    const to = this.type === 'groupchat' ? this.from?.bare : this.from;
    const children = content.map((part) => (typeof part === 'string' ? el('body', {}, part) : part));
    const type = this.type === 'normal' || this.type === 'error' ? undefined : this.type;
    const thread = this.thread === undefined ? null : el('thread', {}, this.thread);
    return new Message(el('message', { to: to?.toString(), type }, children, thread));
  }
}
