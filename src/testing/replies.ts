import { type Element, el } from '../xml/element.ts';
import { NS } from './names.ts';

/** The stanza error conditions that the server uses, with their types (RFC 6120 §8.3.3). */
const TYPES = {
  'bad-request': 'modify',
  'item-not-found': 'cancel',
  'jid-malformed': 'modify',
  'not-allowed': 'cancel',
  'recipient-unavailable': 'wait',
  'remote-server-not-found': 'cancel',
  'service-unavailable': 'cancel',
} as const;

/** A condition of a stanza error. */
export type StanzaCondition = keyof typeof TYPES;

/** The result of an IQ request. */
export function result(request: Element, payload?: Element): Element {
  return el('iq', { type: 'result', id: request.attr('id'), from: request.attr('to') }, payload);
}

/** The error that answers a stanza; whoever sends it fills in the recipient. */
export function failure(stanza: Element, condition: StanzaCondition): Element {
  return el(
    stanza.name,
    { type: 'error', id: stanza.attr('id'), from: stanza.attr('to') },
    el('error', { type: TYPES[condition] }, el(condition, { xmlns: NS.stanzaErrors })),
  );
}

/** Whether an error may be sent in answer: never to an error, nor to the answer of a request (RFC 6120 §8.3.1). */
export function isAnswerable(stanza: Element): boolean {
  const type = stanza.attr('type');
  return type !== 'error' && !(stanza.name === 'iq' && type === 'result') && stanza.name !== 'presence';
}
