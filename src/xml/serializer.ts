import type { Element } from './element.ts';
import { XmlError } from './error.ts';
import { CLIENT_NAMESPACE, isName, XML_NAMESPACE, XMLNS_NAMESPACE } from './names.ts';

/** How an element is written; without any of these, as short and as fast as can be. */
export interface SerializeOptions {
  /** The default namespace in force where the element is going to stand (default `jabber:client`). */
  readonly namespace?: string;
  /** Writes attributes in the order of their names instead of their own (default false). */
  readonly sorted?: boolean;
  /** Writes text that needs escaping as CDATA sections (default false). */
  readonly cdata?: boolean;
  /** Prefixes to use for namespaces, by URI; each that is needed is declared on the outermost element. */
  readonly prefixes?: Readonly<Record<string, string>>;
}

/** The prefixes in force, by namespace. */
type Scope = ReadonlyMap<string, string>;

const DEFAULTS: SerializeOptions = {};
const OUTERMOST: Scope = new Map([[XML_NAMESPACE, 'xml']]);

// What cannot be written as it is. Nearly nothing needs replacing, so there is a test before it.
const NOTABLE_TEXT = /[^\t\n -%'-;=?-\uD7FF\uE000-\uFFFD]/;
const NOTABLE_VALUE = /[^ !#-%'-;=?-\uD7FF\uE000-\uFFFD]/;
/** What no XML 1.0 document may contain (§2.2); of surrogates, those that are not in a pair. */
const FORBIDDEN = /[^\t\n\r -\u{10FFFF}]|[\uFFFE\uFFFF]|\p{Surrogate}/u;
// As literals, a carriage return and the white space of an attribute would be normalised away (XML 1.0 §2.11, §3.3.3).
const REFERENCES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  '\t': '&#9;',
  '\n': '&#10;',
  '\r': '&#13;',
};

/** Text as it is written between tags. Throws `XmlError` for a character that XML forbids. */
export function escapeText(text: string): string {
  return NOTABLE_TEXT.test(text) ? replace(text, /[&<>\r]/g) : text;
}

/** A value as it is written between double quotes. Throws `XmlError` for a character that XML forbids. */
export function escapeAttribute(value: string): string {
  return NOTABLE_VALUE.test(value) ? replace(value, /[&<>"\t\n\r]/g) : value;
}

function replace(text: string, characters: RegExp): string {
  if (FORBIDDEN.test(text)) throw new XmlError('invalid-xml', 'a character that XML forbids');
  return text.replace(characters, (character) => REFERENCES[character] as string);
}

/**
 * An element as XML, always the same for the same element. Throws `XmlError` with `invalid-xml` for what cannot be
 * written: a character that XML forbids, half a surrogate pair, a bad name, a reserved or ambiguous prefix.
 */
export function serialize(element: Element, options: SerializeOptions = DEFAULTS): string {
  const { namespace = CLIENT_NAMESPACE, prefixes } = options;
  let scope = OUTERMOST;
  let declarations = '';
  for (const [uri, prefix] of prefixes === undefined ? [] : Object.entries(prefixes)) {
    if (scope.has(uri) || !uses(element, uri)) continue;
    scope = extend(scope, uri, prefix);
    declarations += declaration(`xmlns:${prefix}`, uri);
  }
  return write(element, namespace, scope, options, declarations);
}

/** Writes an element for a place where `outer` is the default namespace; `declarations` go into its tag. */
function write(element: Element, outer: string, scope: Scope, options: SerializeOptions, declarations = ''): string {
  const { namespace, attrs, children } = element;
  const prefix = scope.get(namespace);
  const name = prefix === undefined ? checked(element.name) : `${prefix}:${checked(element.name)}`;
  let out = `<${name}${declarations}`;
  let inner = outer;
  if (prefix === undefined && namespace !== outer) {
    inner = namespace;
    out += declaration('xmlns', namespace);
  }
  let prefixes = scope;
  // A closing quote is written with what follows: a string takes longer to write out the more pieces it is made of.
  let quote = '';
  for (const key of options.sorted ? Object.keys(attrs).sort() : Object.keys(attrs)) {
    let written = key;
    if (key[0] === '{') {
      const end = key.lastIndexOf('}');
      const uri = key.slice(1, end);
      if (!prefixes.has(uri)) {
        const invented = unused(prefixes);
        prefixes = extend(prefixes, uri, invented);
        out += quote + declaration(`xmlns:${invented}`, uri);
        quote = '';
      }
      written = `${prefixes.get(uri)}:${checked(key.slice(end + 1))}`;
    } else if (key === 'xmlns' || (key !== 'xml:lang' && !isName(key))) throw refusal('a bad attribute name');
    out += `${quote} ${written}="`;
    out += escapeAttribute(attrs[key] as string);
    quote = '"';
  }
  if (children.length === 0) return `${out}${quote}/>`;
  out += `${quote}>`;
  for (const child of children) {
    if (typeof child !== 'string') out += write(child, inner, prefixes, options);
    else out += options.cdata ? section(child) : escapeText(child);
  }
  return `${out}</${name}>`;
}

/** Text as a CDATA section, if that saves an escape. */
function section(text: string): string {
  const written = escapeText(text);
  // There is no way to write a carriage return in a section that would arrive as one.
  if (written === text || text.includes('\r')) return written;
  return `<![CDATA[${text.replaceAll(']]>', ']]]]><![CDATA[>')}]]>`;
}

function checked(name: string): string {
  if (!isName(name)) throw refusal('a bad name');
  return name;
}

function declaration(name: string, uri: string): string {
  if (uri === XML_NAMESPACE || uri === XMLNS_NAMESPACE || (uri === '' && name !== 'xmlns')) {
    throw refusal('a namespace that cannot be declared');
  }
  return ` ${name}="${escapeAttribute(uri)}"`;
}

function extend(scope: Scope, uri: string, prefix: string): Scope {
  if (prefix === 'xmlns' || [...scope.values()].includes(checked(prefix))) throw refusal('a prefix that is taken');
  return new Map(scope).set(uri, prefix);
}

/** The first of ns0, ns1, … that is not in force. */
function unused(scope: Scope): string {
  const taken = new Set(scope.values());
  let number = 0;
  while (taken.has(`ns${number}`)) number += 1;
  return `ns${number}`;
}

/** Whether an element, or one inside it, has a name or an attribute in that namespace. */
function uses({ namespace, attrs, children }: Element, uri: string): boolean {
  if (namespace === uri || Object.keys(attrs).some((key) => key.startsWith(`{${uri}}`))) return true;
  return children.some((child) => typeof child !== 'string' && uses(child, uri));
}

function refusal(message: string): XmlError {
  return new XmlError('invalid-xml', message);
}
