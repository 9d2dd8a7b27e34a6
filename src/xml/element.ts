import { XmlError } from './error.ts';
import { CLIENT_NAMESPACE } from './names.ts';
import { serialize } from './serializer.ts';

/** What stands inside an element: an element or a run of text. */
export type Node = Element | string;

/** What can be given as a child: nodes, numbers and lists of them; `null`, `undefined` and `false` are nothing. */
export type Child = Node | number | null | undefined | false | readonly Child[];

/** What can be given as an attribute's value: anything that says what it is in words, a JID for instance. */
export type AttributeValue = string | number | boolean | { toString(): string } | null | undefined;

/**
 * An object that inherits nothing, so that an attribute may be called `__proto__` or `constructor`, and one that is not
 * there is `undefined`. Made by a constructor it stays in V8's fast mode, which `Object.create(null)` does not.
 */
export class Attributes {
  [name: string]: string;
}
Object.setPrototypeOf(Attributes.prototype, null);
Reflect.deleteProperty(Attributes.prototype, 'constructor');

// Whether an element's namespace is still its parent's to decide is nobody's business outside of this file.
let isFloating: (element: Element) => boolean;
let float: (element: Element) => Element;

/**
 * An XML element, not to be changed once it is made; `with` and `append` give changed copies. Text and attribute values
 * are plain text, escaping is the serializer's business.
 */
export class Element {
  /** Local name. */
  readonly name: string;
  /** Namespace URI; empty for none. */
  readonly namespace: string;
  /**
   * Attributes by name. One with a namespace has the key `{uri}name`, except for `xml:lang`. Namespace declarations are
   * not attributes.
   */
  readonly attrs: Readonly<Record<string, string>>;
  /** Elements and texts in their order; no two texts in a row. */
  readonly children: readonly Node[];
  /** The language of the text inside: the nearest `xml:lang`, the element's own or an outer one's. */
  readonly lang: string | undefined;
  #floating = false;

  static {
    isFloating = (element) => element.#floating;
    float = (element) => {
      element.#floating = true;
      return element;
    };
  }

  /** Takes its parts as they are, without a copy or a check; `el` is the comfortable way. */
  constructor(
    name: string,
    namespace: string,
    attrs: Readonly<Record<string, string>>,
    children: readonly Node[],
    lang?: string,
  ) {
    this.name = name;
    this.namespace = namespace;
    this.attrs = attrs;
    this.children = children;
    this.lang = lang;
  }

  /** The value of an attribute. */
  attr(name: string): string | undefined {
    return this.attrs[name];
  }

  /** The text directly inside, without that of child elements. */
  get text(): string {
    let text = '';
    for (const child of this.children) if (typeof child === 'string') text += child;
    return text;
  }

  /** The child elements. */
  get elements(): Element[] {
    return this.children.filter((child) => typeof child !== 'string');
  }

  /** The first child element of that name. `namespace` defaults to this element's own; `*` is any. */
  find(name: string, namespace: string = this.namespace): Element | undefined {
    for (const child of this.children) {
      if (typeof child !== 'string' && child.is(name, namespace)) return child;
    }
    return undefined;
  }

  /** Every child element of that name. `namespace` defaults to this element's own; `*` is any. */
  filter(name: string, namespace: string = this.namespace): Element[] {
    return this.elements.filter((child) => child.is(name, namespace));
  }

  /** Whether the element has that name and, unless it is `*` (the default), that namespace. */
  is(name: string, namespace = '*'): boolean {
    return this.name === name && (namespace === '*' || this.namespace === namespace);
  }

  /** A copy with some attributes changed; `undefined` takes one away. */
  with(attrs: Readonly<Record<string, AttributeValue>>): Element {
    return build(this.name, { ...this.#given(), ...attrs }, [this.children], this.#outer());
  }

  /** A copy with more children at the end. */
  append(...children: Child[]): Element {
    return build(this.name, this.#given(), [this.children, children], this.#outer());
  }

  /** The element as XML, as it stands in a stream of namespace `jabber:client`. Throws `XmlError` as `serialize` does. */
  toString(): string {
    return serialize(this);
  }

  #given(): Readonly<Record<string, string>> {
    return this.#floating ? this.attrs : { ...this.attrs, xmlns: this.namespace };
  }

  #outer(): string | undefined {
    return this.attrs['xml:lang'] === undefined ? this.lang : undefined;
  }
}

/**
 * Builds an element. `xmlns` among the attributes sets its namespace; without it the element takes its parent's when it
 * is put into one, and stands in `jabber:client` until then. Attributes that are `null` or `undefined` are left out.
 *
 *     el('message', { to: 'juliet@example.com' }, el('body', {}, 'Art thou not Romeo?'))
 */
export function el(
  name: string,
  attrs: Readonly<Record<string, AttributeValue>> = {},
  ...children: readonly Child[]
): Element {
  return build(name, attrs, children);
}

function build(
  name: string,
  attrs: Readonly<Record<string, AttributeValue>>,
  children: readonly Child[],
  outer?: string,
): Element {
  const own = new Attributes();
  let namespace: string | undefined;
  for (const key of Object.keys(attrs)) {
    const value = attrs[key];
    if (value === undefined || value === null) continue;
    if (key === 'xmlns') namespace = inWords(value);
    else own[key] = inWords(value);
  }
  return assemble(name, namespace, own, children, outer);
}

/** Builds an element that owns `attrs`; without a namespace it takes its parent's. `outer` is the language around it. */
export function assemble(
  name: string,
  namespace: string | undefined,
  attrs: Attributes,
  children: readonly Child[],
  outer?: string,
): Element {
  const lang = languageIn(attrs, outer);
  const nodes = nodesOf(children, namespace, lang);
  const element = new Element(name, namespace ?? CLIENT_NAMESPACE, attrs, nodes, lang);
  return namespace === undefined ? float(element) : element;
}

/** The language inside of an element that has these attributes; an empty `xml:lang` says that there is none. */
export function languageIn(attrs: Readonly<Record<string, string>>, outer: string | undefined): string | undefined {
  const own = attrs['xml:lang'];
  return own === undefined ? outer : own || undefined;
}

/** A value as text. Throws `XmlError` for one that would only say `[object Object]`: a forgotten `await`, for instance. */
export function inWords(value: NonNullable<AttributeValue>): string {
  if (value.toString === Object.prototype.toString) throw new XmlError('invalid-xml', 'an object that is not text');
  return String(value);
}

/** What was given as children, as it is inside an element of that namespace and language. */
function nodesOf(children: readonly Child[], namespace: string | undefined, lang: string | undefined): readonly Node[] {
  // Most elements have one child: an array of one takes a tenth of the room that an empty one takes after a push.
  const [only] = children;
  if (children.length === 1 && only instanceof Element) return [adopt(only, namespace, lang)];
  if (children.length === 1 && typeof only === 'string' && only !== '') return [only];
  const nodes: Node[] = [];
  collect(children, nodes, namespace, lang);
  return nodes;
}

/** Flattens what was given as children, and joins neighbouring texts as a parser would. */
function collect(
  children: readonly Child[],
  nodes: Node[],
  namespace: string | undefined,
  lang: string | undefined,
): void {
  for (const child of children) {
    if (child === undefined || child === null || child === false || child === '') continue;
    if (child instanceof Element) nodes.push(adopt(child, namespace, lang));
    else if (typeof child === 'object') collect(child, nodes, namespace, lang);
    else if (typeof nodes.at(-1) === 'string') nodes.push(`${nodes.pop()}${child}`);
    else nodes.push(String(child));
  }
}

/** `child` as it is inside a parent: the namespace and the language it does not give itself are the parent's. */
function adopt(child: Element, namespace: string | undefined, outer: string | undefined): Element {
  const { name, attrs, children } = child;
  const floating = isFloating(child);
  const lang = languageIn(attrs, outer);
  if (lang === child.lang && !(floating && namespace !== undefined)) return child;
  const settled = floating ? namespace : child.namespace;
  const nodes = nodesOf(children, settled, lang);
  const copy = new Element(name, settled ?? CLIENT_NAMESPACE, attrs, nodes, lang);
  return settled === undefined ? float(copy) : copy;
}
