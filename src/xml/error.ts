/** The stream error that a violation is answered with (RFC 6120 §4.9.3); `invalid-xml` for what we were asked to send. */
export type XmlCondition =
  | 'not-well-formed'
  | 'restricted-xml'
  | 'bad-format'
  | 'bad-namespace-prefix'
  | 'policy-violation'
  | 'unsupported-encoding'
  | 'invalid-xml';

/** XML that was refused, received or about to be sent. The message never quotes content, for content may be secret. */
export class XmlError extends Error {
  override readonly name = 'XmlError';
  /** The stream error that tells it: a condition of RFC 6120 §4.9.3. */
  readonly condition: XmlCondition;

  /** @internal Made where XML is read or written. */
  constructor(condition: XmlCondition, message: string) {
    super(message);
    this.condition = condition;
  }
}

/** The error for what is not XML. */
export function malformed(what: string): XmlError {
  return new XmlError('not-well-formed', what);
}

/** The error for what is XML, but more of it than is accepted. */
export function excessive(what: string): XmlError {
  return new XmlError('policy-violation', what);
}

/** The error for bytes that are not UTF-8, or say that they are not (RFC 6120 §11.6). */
export function notUtf8(): XmlError {
  return new XmlError('unsupported-encoding', 'not UTF-8');
}
