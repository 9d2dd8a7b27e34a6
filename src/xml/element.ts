import { CLIENT_NAMESPACE } from './names.ts';
import { serialize } from './serializer.ts';

/** What stands inside an element: an element or a run of text. */
export type Node = Element | string;

/** What can be given as a child: nodes, numbers, and lists of them; `null`, `undefined` and `false` are nothing. */
export type Child = Node | number | null | undefined | false | readonly Child[];

/** What can be given as an attribute's value; `null` and `undefined` leave the attribute out. */
export type AttributeValue = string | number | boolean | null | undefined;

/**
 * An object that inherits nothing, so that an attribute may be called `__proto__` or `constructor`, and one that is not
 * there is `undefined`. Made by a constructor it stays in V8's fast mode, which `Object.create(null)` does not.
 */
export class Attributes {
  [name: string]: string;
}
Object.setPrototypeOf(Attributes.prototype, null);
Reflect.deleteProperty(Attributes.prototype, 'constructor');

/** Whether the element's namespace is still its parent's to decide. */
let isFloating: (element: Element) => boolean;
let float: (element: Element) => Element;

/**
 * An XML element, not to be changed once made; `with` and `append` give changed copies. Text and attribute values are
 * plain text: escaping is the serializer's business.
 */
export class Element {
  /** Local name. */
  readonly name: string;
  /** Namespace URI; empty for none. */
  readonly namespace: string;
  /**
   * Attributes by name. A namespaced one has the key `{uri}name`, except for `xml:lang`; namespace declarations are not
   * attributes.
   */
  readonly attrs: Readonly<Record<string, string>>;
  readonly children: readonly Node[];
  /** The language of the text inside: the nearest `xml:lang`, the element's own or inherited. */
  readonly lang: string | undefined;
  #floating = false;

  static {
    isFloating = (element) => element.#floating;
    float = (element) => {
      element.#floating = true;
      return element;
    };
  }

  /** Takes its parts as they are; `el` is the comfortable way. */
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

  /** Whether the element has that name and, unless it is left out or `*`, that namespace. */
  is(name: string, namespace = '*'): boolean {
    return this.name === name && (namespace === '*' || this.namespace === namespace);
  }

  /** A copy with some attributes changed; `undefined` takes one away. */
  with(attrs: Readonly<Record<string, AttributeValue>>): Element {
    return el(this.name, { ...this.#declared(), ...attrs }, this.children);
  }

  /** A copy with more children at the end. */
  append(...children: Child[]): Element {
    return el(this.name, this.#declared(), this.children, children);
  }

  /** The element as XML, as it stands in a stream of namespace `jabber:client`. */
  toString(): string {
    return serialize(this);
  }

  #declared(): Record<string, string> {
    return this.#floating ? this.attrs : { ...this.attrs, xmlns: this.namespace };
  }
}

/**
 * Builds an element. `xmlns` among the attributes sets its namespace; without it the element takes its parent's when it
 * is put into one, and stands in `jabber:client` until then.
 *
 *     el('message', { to: 'juliet@example.com' }, el('body', {}, 'Art thou not Romeo?'))
 */
export function el(
  name: string,
  attrs: Readonly<Record<string, AttributeValue>> = {},
  ...children: readonly Child[]
): Element {
  const own = new Attributes();
  let namespace: string | undefined;
  for (const key of Object.keys(attrs)) {
    const value = attrs[key];
    if (value === undefined || value === null) continue;
    if (key === 'xmlns') namespace = String(value);
    else own[key] = String(value);
  }
  const lang = own['xml:lang'] || undefined;
  const nodes: Node[] = [];
  collect(children, nodes, namespace, lang);
  const element = new Element(name, namespace ?? CLIENT_NAMESPACE, own, nodes, lang);
  return namespace === undefined ? float(element) : element;
}

/** Flattens what was given as children, and joins neighbouring text as a parser would. */
function collect(children: readonly Child[], nodes: Node[], namespace: string | undefined, lang: string | undefined) {
  for (const child of children) {
    if (child === undefined || child === null || child === false || child === '') continue;
    if (child instanceof Element) nodes.push(adopt(child, namespace, lang));
    else if (typeof child === 'object') collect(child, nodes, namespace, lang);
    else if (typeof nodes.at(-1) === 'string') nodes.push(`${nodes.pop()}${child}`);
    else nodes.push(String(child));
  }
}

/** `child` as it is inside a parent: what it says nothing about, namespace and language, is the parent's. */
function adopt(child: Element, namespace: string | undefined, inherited: string | undefined): Element {
  const { name, attrs, children } = child;
  const given = attrs['xml:lang'];
  const lang = given === undefined ? inherited : given || undefined;
  const settles = namespace !== undefined && isFloating(child);
  if (!settles && lang === child.lang) return child;
  const nodes: Node[] = [];
  collect(children, nodes, settles ? namespace : undefined, lang);
  const copy = new Element(name, settles ? namespace : child.namespace, attrs, nodes, lang);
  return isFloating(child) && !settles ? float(copy) : copy;
}
