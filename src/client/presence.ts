import { UNAVAILABLE, type WantedPresence } from '../../machines/client.ts';
import { flag, oneOf, only, whole } from '../check.ts';
import { OptionError } from '../error.ts';
import type { Show } from '../stanza/presence.ts';
import { type Element, el } from '../xml/element.ts';

/** What others are to see. */
export interface PresenceOptions {
  /** False is unavailable (default true). */
  readonly available?: boolean;
  /** Default: plain availability. */
  readonly show?: Show;
  /** A text, or texts by language tag (default none). RFC 6121 §4.7.2.2 */
  readonly status?: string | Readonly<Record<string, string>>;
  /** From -128 to 127; messages to the account go to the resource with the highest (default 0). RFC 6121 §4.7.2.3 */
  readonly priority?: number;
}

/**
 * Checks what is wanted.
 *
 * @param last what was wanted before: returned itself when nothing is new.
 * @throws OptionError naming what cannot be used.
 */
export function readPresence(options: PresenceOptions, last: WantedPresence): WantedPresence {
  const { available = true, show, status = {}, priority = 0 } = options;
  only('', options, ['available', 'show', 'status', 'priority']);
  oneOf('show', show, ['away', 'chat', 'dnd', 'xa'], 'chat');
  if (!flag('available', available, true) && show !== undefined)
    throw new OptionError('show', 'says how one is available');
  whole('priority', priority, 0, -128, 127);
  const texts = typeof status === 'string' ? { '': status } : { ...status };
  for (const [language, text] of Object.entries(texts)) {
    if (typeof text !== 'string') throw new OptionError(`status.${language}`, 'has to be a text');
  }
  const wanted: WantedPresence = available
    ? { available, show: show ?? null, status: texts, priority }
    : { ...UNAVAILABLE, status: texts };
  return isEqual(wanted, last) ? last : wanted;
}

function isEqual(one: WantedPresence, other: WantedPresence): boolean {
  const texts = Object.entries(one.status);
  return (
    one.available === other.available &&
    one.show === other.show &&
    one.priority === other.priority &&
    texts.length === Object.keys(other.status).length &&
    texts.every(([language, text]) => other.status[language] === text)
  );
}

/** The stanza that tells everybody. */
export function presenceElement({ available, show, status, priority }: WantedPresence): Element {
  return el(
    'presence',
    { type: available ? undefined : 'unavailable' },
    show !== null && el('show', {}, show),
    Object.entries(status).map(([language, text]) => el('status', { 'xml:lang': language || undefined }, text)),
    priority !== 0 && el('priority', {}, priority),
  );
}
