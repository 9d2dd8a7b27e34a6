import type { Element } from '../xml/element.ts';
import { readStanzaError, type StanzaError } from './error.ts';
import { Stanza } from './stanza.ts';

/** RFC 6120 §8.2.3 */
export type IqType = 'error' | 'get' | 'result' | 'set';

const TYPES: readonly string[] = ['error', 'get', 'result', 'set'];

/** An info/query stanza. RFC 6120 §8.2.3 */
export class Iq extends Stanza {
  /** Undefined when it is missing or unknown; such an IQ is not dispatched. */
  get type(): IqType | undefined {
    const type = this.element.attr('type') ?? '';
    return TYPES.includes(type) ? (type as IqType) : undefined;
  }

  /** What is asked or answered: the first child. */
  get payload(): Element | undefined {
    return this.element.elements[0];
  }

  /** The error of an IQ of type `error`. */
  get error(): StanzaError | undefined {
    return this.type === 'error' ? readStanzaError(this.element) : undefined;
  }
}
