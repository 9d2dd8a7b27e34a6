/** The namespace of stanzas, and what an element has that names none (RFC 6120 §4.8.2). */
export const CLIENT_NAMESPACE = 'jabber:client';

/** What the prefix `xml` is bound to, and nothing else may be (Namespaces in XML 1.0 §3). */
export const XML_NAMESPACE = 'http://www.w3.org/XML/1998/namespace';

/** What the prefix `xmlns` is bound to, and nothing else may be (Namespaces in XML 1.0 §3). */
export const XMLNS_NAMESPACE = 'http://www.w3.org/2000/xmlns/';

const START =
  'A-Z_a-z\\u00C0-\\u00D6\\u00D8-\\u00F6\\u00F8-\\u02FF\\u0370-\\u037D\\u037F-\\u1FFF\\u200C\\u200D\\u2070-\\u218F' +
  '\\u2C00-\\u2FEF\\u3001-\\uD7FF\\uF900-\\uFDCF\\uFDF0-\\uFFFD';
const INNER = `${START}\\-.0-9\\u00B7\\u0300-\\u036F\\u203F\\u2040`;
const NAME = new RegExp(`^[${START}][${INNER}]*$`);

/** Names found good: there are few of them, and a look-up takes half as long. Bounded, for anybody may think of names. */
const known = new Set<string>();
const KNOWN = 500;
const KNOWN_LENGTH = 50;

/**
 * Whether `name` can be the name of an element or attribute: a name without a colon (Namespaces in XML 1.0 §3), in the
 * Basic Multilingual Plane, for sax reads no others and what we could not read we do not write.
 */
export function isName(name: string): boolean {
  if (known.has(name)) return true;
  const good = NAME.test(name);
  if (good && name.length <= KNOWN_LENGTH && known.size < KNOWN) known.add(name);
  return good;
}
