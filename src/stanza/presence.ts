import { localized, Stanza } from './stanza.ts';

/** RFC 6121 §4.7.1; none is `available`. */
export type PresenceType =
  | 'available'
  | 'error'
  | 'probe'
  | 'subscribe'
  | 'subscribed'
  | 'unavailable'
  | 'unsubscribe'
  | 'unsubscribed';

/** RFC 6121 §4.7.2.1 */
export type Show = 'away' | 'chat' | 'dnd' | 'xa';

const TYPES: readonly string[] = [
  'error',
  'probe',
  'subscribe',
  'subscribed',
  'unavailable',
  'unsubscribe',
  'unsubscribed',
];
const SHOWS: readonly string[] = ['away', 'chat', 'dnd', 'xa'];

/** A presence, received or about to be sent. RFC 6121 §4 */
export class Presence extends Stanza {
  /** Undefined when it is unknown; such a presence is not dispatched. */
  get type(): PresenceType | undefined {
    const type = this.element.attr('type');
    if (type === undefined) return 'available';
    return TYPES.includes(type) ? (type as PresenceType) : undefined;
  }

  /** Undefined for plain availability, and for a value that is unknown. */
  get show(): Show | undefined {
    const show = this.element.find('show')?.text.trim() ?? '';
    return SHOWS.includes(show) ? (show as Show) : undefined;
  }

  /** RFC 6121 §4.7.2.2 */
  get status(): string | undefined {
    return localized(this.element, 'status', this.lang);
  }

  /** From -128 to 127; 0 when it is missing, undefined when it is not such a number. RFC 6121 §4.7.2.3 */
  get priority(): number | undefined {
    const text = this.element.find('priority')?.text.trim() ?? '0';
    const priority = /^[+-]?\d{1,3}$/.test(text) ? Number(text) : Number.NaN;
    return priority >= -128 && priority <= 127 ? priority : undefined;
  }
}
