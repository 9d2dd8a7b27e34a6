import { Attributes, type AttributeValue, assemble, type Child, Element, inWords } from './element.ts';
import { XmlError } from './error.ts';
import { Reader } from './reader.ts';

/** What can be interpolated: text and what says what it is in words; between tags also elements, and lists. */
export type Interpolation = AttributeValue | Child;

/** A piece of text, or the index of the value that goes there. */
type Part = string | number;

/** A template that has been parsed. */
interface Recipe {
  readonly name: string;
  /** Nothing when the template leaves it to the parent. */
  readonly namespace: readonly Part[] | undefined;
  readonly attrs: readonly (readonly [key: string, value: readonly Part[]])[];
  readonly children: readonly (Part | Recipe)[];
}

// While a template is parsed, half a surrogate pair stands for each value: it cannot occur in a literal or a name.
const FIRST_HOLE = 0xdc00;
const HOLE = /([\uDC00-\uDFFE])/u;
/** The default namespace around a template, which its parent will replace. */
const PARENTS = '\uDFFF';
const NO_LIMITS = {
  depth: Number.POSITIVE_INFINITY,
  attributes: Number.POSITIVE_INFINITY,
  attributeLength: Number.POSITIVE_INFINITY,
};

const recipes = new WeakMap<TemplateStringsArray, Recipe>();

/**
 * An element from a template. What is interpolated is escaped; it may stand in attribute values (the namespace is one) and
 * between tags. An attribute whose whole value is `null` or `undefined` is left out. White space with a line break next to
 * a tag is layout and not text. Namespaces work as for `el`.
 *
 *     xml`<message to="${jid}"><body>${text}</body></message>`
 *
 * Throws `XmlError` with `invalid-xml` for a template that is not one well-formed element, and for an object that has no
 * text form.
 */
export function xml(strings: TemplateStringsArray, ...values: readonly Interpolation[]): Element {
  let recipe = recipes.get(strings);
  if (recipe === undefined) {
    recipe = toRecipe(parse(strings));
    recipes.set(strings, recipe);
  }
  return fill(recipe, values);
}

function parse(strings: TemplateStringsArray): Element {
  let source = strings[0] as string;
  for (let i = 1; i < strings.length; i += 1) source += String.fromCharCode(FIRST_HOLE + i - 1) + strings[i];
  if (strings.some((literal) => literal === undefined || /\p{Surrogate}/u.test(literal)) || strings.length > 1000) {
    throw refusal('a bad literal');
  }
  const found: Element[] = [];
  const reader = new Reader({ open() {}, child: (element) => found.push(element), close() {} }, NO_LIMITS);
  try {
    reader.write(`<template xmlns="${PARENTS}">${source.trim()}</template>`);
  } catch (error) {
    throw error instanceof XmlError ? refusal(error.message) : error;
  }
  const [element] = found;
  if (element === undefined || found.length > 1 || !reader.closed) throw refusal('not one element');
  return element;
}

function toRecipe({ name, namespace, attrs, children }: Element): Recipe {
  return {
    name,
    namespace: namespace === PARENTS ? undefined : parts(namespace),
    attrs: Object.entries(attrs).map(([key, value]) => [fixed(key), parts(value)]),
    children: children.flatMap<Part | Recipe>((child) =>
      typeof child === 'string' ? parts(child).filter(isText) : toRecipe(child),
    ),
  };
}

/** The key of an attribute, whose namespace must not be interpolated. */
function fixed(key: string): string {
  if (HOLE.test(key)) throw refusal('a namespace of an attribute that varies');
  return key;
}

function parts(text: string): Part[] {
  const found = text.split(HOLE).map((part) => (HOLE.test(part) ? part.charCodeAt(0) - FIRST_HOLE : part));
  return found.filter((part) => part !== '');
}

/** Whether a part of a run of text is more than layout: white space with a line break at the beginning or end of the run. */
function isText(part: Part, index: number, run: readonly Part[]): boolean {
  const outermost = index === 0 || index === run.length - 1;
  return !(outermost && typeof part === 'string' && part.includes('\n') && part.trim() === '');
}

function fill(recipe: Recipe, values: readonly Interpolation[]): Element {
  const attrs = new Attributes();
  for (const [key, parts] of recipe.attrs) {
    const value = join(parts, values);
    if (value !== undefined) attrs[key] = value;
  }
  const children = recipe.children.map((child) => {
    if (typeof child === 'number') return toChild(values[child]);
    return typeof child === 'string' ? child : fill(child, values);
  });
  return assemble(recipe.name, recipe.namespace && join(recipe.namespace, values), attrs, children);
}

/** The text of an attribute; nothing if all there is to say is `null` or `undefined`. */
function join(parts: readonly Part[], values: readonly Interpolation[]): string | undefined {
  let text = '';
  for (const part of parts) {
    const value = typeof part === 'number' ? values[part] : part;
    if (value !== undefined && value !== null) text += inWords(value);
    else if (parts.length === 1) return undefined;
    else throw new XmlError('invalid-xml', 'an attribute value with a part missing');
  }
  return text;
}

function toChild(value: Interpolation): Child {
  if (value === undefined || value === null || value === false) return undefined;
  if (value instanceof Element) return value;
  return Array.isArray(value) ? value.map(toChild) : inWords(value);
}

function refusal(message: string): XmlError {
  return new XmlError('invalid-xml', `bad template: ${message}`);
}
