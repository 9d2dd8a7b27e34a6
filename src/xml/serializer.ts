import type { Element } from './element.ts';
import { XmlError } from './error.ts';
import { CLIENT_NAMESPACE, isName, XML_NAMESPACE } from './names.ts';

export interface SerializeOptions {
  /** The default namespace in force where the element is put (default `jabber:client`). */
  readonly namespace?: string;
  /** Writes attributes in the order of their names, not in that of the element (default false). */
  readonly sorted?: boolean;
  /** Writes text that needs escaping as CDATA sections (default false). */
  readonly cdata?: boolean;
  /** Prefixes for elements and attributes of these namespaces, by URI; they are declared on the outermost element. */
  readonly prefixes?: Readonly<Record<string, string>>;
}

/** Prefixes in force, by namespace. */
type Scope = ReadonlyMap<string, string>;

const NO_OPTIONS: SerializeOptions = {};
const NO_PREFIXES: Scope = new Map([[XML_NAMESPACE, 'xml']]);

// Each of these finds what cannot be written as it is. Testing comes before replacing since nearly nothing needs it.
const SPECIAL_IN_TEXT = /[^\t\n -%'-;=?-\uD7FF\uE000-\uFFFD]/;
const SPECIAL_IN_ATTRIBUTE = /[^ !#-%'-;=?-\uD7FF\uE000-\uFFFD]/;
/** What XML 1.0 §2.2 forbids; a surrogate counts only when it is alone. */
const FORBIDDEN = /[^\t\n\r -\u{10FFFF}]|[\uFFFE\uFFFF]|\p{Surrogate}/u;
const ESCAPED = /[&<>"\t\n\r]/g;
const ESCAPED_IN_TEXT = /[&<>\r]/g;
// Literal line breaks and tabs would not survive a parser's normalisation (XML 1.0 §2.11, §3.3.3).
const REFERENCES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  '\t': '&#9;',
  '\n': '&#10;',
  '\r': '&#13;',
};

/** `text` as it is written between tags. Throws `XmlError` for characters that XML forbids. */
export function escapeText(text: string): string {
  return SPECIAL_IN_TEXT.test(text) ? escaped(text, ESCAPED_IN_TEXT) : text;
}

/** `value` as it is written inside double quotes. Throws `XmlError` for characters that XML forbids. */
export function escapeAttribute(value: string): string {
  return SPECIAL_IN_ATTRIBUTE.test(value) ? escaped(value, ESCAPED) : value;
}

function escaped(text: string, characters: RegExp): string {
  if (FORBIDDEN.test(text)) throw new XmlError('invalid-xml', 'a character that XML forbids');
  return text.replace(characters, (character) => REFERENCES[character] as string);
}

/**
 * An element as XML, the same for the same element always. Throws `XmlError` with `invalid-xml` for what cannot be
 * written: a character that XML forbids, half a surrogate pair, a bad name.
 */
export function serialize(element: Element, options: SerializeOptions = NO_OPTIONS): string {
  const { namespace = CLIENT_NAMESPACE, prefixes } = options;
  if (prefixes === undefined) return write(element, namespace, NO_PREFIXES, '', options);
  const scope = new Map(NO_PREFIXES);
  let declarations = '';
  for (const [uri, prefix] of Object.entries(prefixes)) {
    if (!uses(element, uri)) continue;
    declarations += declare(uri, prefix);
    scope.set(uri, prefix);
  }
  return write(element, namespace, scope, declarations, options);
}

function write(element: Element, outer: string, scope: Scope, declarations: string, options: SerializeOptions): string {
  const { name, namespace, attrs, children } = element;
  const prefix = scope.get(namespace);
  const tag = prefix === undefined ? checked(name) : `${prefix}:${checked(name)}`;
  let inner = outer;
  let out = `<${tag}`;
  if (prefix === undefined && namespace !== outer) {
    inner = namespace;
    out += ` xmlns="${escapeAttribute(namespace)}"`;
  }
  out += declarations;
  let prefixes = scope;
  for (const key of options.sorted ? Object.keys(attrs).sort() : Object.keys(attrs)) {
    let written = key;
    if (key.startsWith('{')) {
      const end = key.indexOf('}');
      const uri = key.slice(1, end);
      let prefix = prefixes.get(uri);
      if (prefix === undefined) {
        prefix = unused(prefixes);
        prefixes = new Map(prefixes).set(uri, prefix);
        out += declare(uri, prefix);
      }
      written = `${prefix}:${checked(key.slice(end + 1))}`;
    } else if (key !== 'xml:lang') checked(key);
    out += ` ${written}="${escapeAttribute(attrs[key] as string)}"`;
  }
  if (children.length === 0) return `${out}/>`;
  out += '>';
  for (const child of children) {
    if (typeof child !== 'string') out += write(child, inner, prefixes, '', options);
    else out += options.cdata ? section(child) : escapeText(child);
  }
  return `${out}</${tag}>`;
}

/** `text` as a CDATA section if that saves an escape. */
function section(text: string): string {
  const written = escapeText(text);
  // A section ends at the first `]]>`, and a carriage return in it would be read as a line feed.
  if (written === text || text.includes('\r')) return written;
  return `<![CDATA[${text.replaceAll(']]>', ']]]]><![CDATA[>')}]]>`;
}

function checked(name: string): string {
  if (!isName(name) || name === 'xmlns') throw new XmlError('invalid-xml', 'a name that XML forbids');
  return name;
}

function declare(uri: string, prefix: string): string {
  if (uri === '') throw new XmlError('invalid-xml', 'a prefix for no namespace');
  return ` xmlns:${checked(prefix)}="${escapeAttribute(uri)}"`;
}

/** The first of ns0, ns1, … that is not in force. */
function unused(scope: Scope): string {
  const taken = new Set(scope.values());
  let number = 0;
  while (taken.has(`ns${number}`)) number += 1;
  return `ns${number}`;
}

/** Whether a namespace occurs in the name of an element or attribute. */
function uses(element: Element, uri: string): boolean {
  return (
    element.namespace === uri ||
    Object.keys(element.attrs).some((key) => key.startsWith(`{${uri}}`)) ||
    element.children.some((child) => typeof child !== 'string' && uses(child, uri))
  );
}
