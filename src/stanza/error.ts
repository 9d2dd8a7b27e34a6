import { NS } from '../namespaces.ts';
import { type Element, el } from '../xml/element.ts';

/** What the sender may do about a stanza error. RFC 6120 §8.3.2 */
export type StanzaErrorType = 'auth' | 'cancel' | 'continue' | 'modify' | 'wait';

const TYPES: readonly string[] = ['auth', 'cancel', 'continue', 'modify', 'wait'];

/** The type that RFC 6120 §8.3.3 goes with a condition; `cancel` for those not listed. */
const USUAL_TYPE: ReadonlyMap<string, StanzaErrorType> = new Map([
  ['bad-request', 'modify'],
  ['feature-not-implemented', 'cancel'],
  ['forbidden', 'auth'],
  ['jid-malformed', 'modify'],
  ['not-acceptable', 'modify'],
  ['not-authorized', 'auth'],
  ['policy-violation', 'modify'],
  ['recipient-unavailable', 'wait'],
  ['redirect', 'modify'],
  ['registration-required', 'auth'],
  ['remote-server-timeout', 'wait'],
  ['resource-constraint', 'wait'],
  ['subscription-required', 'auth'],
  ['unexpected-request', 'wait'],
]);

/** What an error says beside its condition. */
export interface StanzaErrorOptions {
  /** Default: the one RFC 6120 §8.3.3 gives for the condition. */
  type?: StanzaErrorType;
  /** Words for a person. */
  text?: string;
  /** Who generated it. */
  by?: string;
  /** An application-specific condition. RFC 6120 §8.3.4 */
  application?: Element;
}

/**
 * A stanza error, received or to be sent (RFC 6120 §8.3). Thrown by `request` when the other side refuses; throw one in an
 * IQ handler to refuse.
 */
export class StanzaError extends Error {
  override readonly name = 'StanzaError';
  /** The defined condition, such as `item-not-found`. */
  readonly condition: string;
  /** What may be done about it. RFC 6120 §8.3.2 */
  readonly type: StanzaErrorType;
  /** For people, by whoever made the error. Never parsed. */
  readonly text: string | undefined;
  /** Who made it, if they say. RFC 6120 §8.3.1 */
  readonly by: string | undefined;
  /** A condition of the application's own. RFC 6120 §8.3.4 */
  readonly application: Element | undefined;

  /** An error to throw in a handler. `condition` is one of RFC 6120 §8.3.3. */
  constructor(condition: string, options: StanzaErrorOptions = {}) {
    super(options.text ? `${condition}: ${options.text}` : condition);
    this.condition = condition;
    this.type = options.type ?? USUAL_TYPE.get(condition) ?? 'cancel';
    this.text = options.text;
    this.by = options.by;
    this.application = options.application;
  }

  /** The `<error/>` element. */
  toElement(): Element {
    return el(
      'error',
      { type: this.type, by: this.by },
      el(this.condition, { xmlns: NS.stanzaErrors }),
      this.text !== undefined && el('text', { xmlns: NS.stanzaErrors }, this.text),
      this.application,
    );
  }
}

/** The error in a stanza of type `error`; `undefined-condition` when there is none to be read. */
export function readStanzaError(stanza: Element): StanzaError {
  const error = stanza.find('error');
  const type = error?.attr('type');
  const options: StanzaErrorOptions = { type: TYPES.includes(type ?? '') ? (type as StanzaErrorType) : 'cancel' };
  let condition = 'undefined-condition';
  for (const child of error?.elements ?? []) {
    if (child.namespace !== NS.stanzaErrors) options.application ??= child;
    else if (child.name === 'text') options.text = child.text;
    else condition = child.name;
  }
  const by = error?.attr('by');
  if (by !== undefined) options.by = by;
  return new StanzaError(condition, options);
}
