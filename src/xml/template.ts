import { type Child, Element, el } from './element.ts';
import { XmlError } from './error.ts';
import { Reader } from './reader.ts';

/** What can be interpolated; anything else is written as its `toString` says. */
export type Interpolation = Child | boolean | { toString(): string };

/**
 * Half a surrogate pair stands for each hole while the template is parsed: no literal may contain one, and no name can.
 */
const HOLE = 0xdc00;
const HOLES = /[\uDC00-\uDFFE]/u;
/** Stands for the namespace that only the parent will know. */
const PARENTS = '\uDFFF';
const NO_LIMITS = {
  depth: Number.POSITIVE_INFINITY,
  attributes: Number.POSITIVE_INFINITY,
  attributeLength: Number.POSITIVE_INFINITY,
};

const compiled = new WeakMap<TemplateStringsArray, Element>();

/**
 * An element from a template. Interpolations are escaped: text, numbers and whatever has a `toString` in attribute values
 * and between tags, elements and lists of them between tags. An attribute that is one `undefined` or `null` is left out,
 * and white space with a line break between tags is layout, not text. Namespaces as for `el`.
 *
 *     xml`<message to="${jid}"><body>${text}</body></message>`
 *
 * Throws `XmlError` with `invalid-xml` for a template that is not one well-formed element.
 */
export function xml(strings: TemplateStringsArray, ...values: readonly Interpolation[]): Element {
  let model = compiled.get(strings);
  if (model === undefined) {
    model = compile(strings);
    compiled.set(strings, model);
  }
  return fill(model, values);
}

function compile(strings: TemplateStringsArray): Element {
  let source = '';
  strings.forEach((literal, index) => {
    if (literal === undefined || /\p{Surrogate}/u.test(literal))
      throw new XmlError('invalid-xml', 'half a surrogate pair');
    source += index === 0 ? literal : String.fromCharCode(HOLE + index - 1) + literal;
  });
  const found: Element[] = [];
  const reader = new Reader({ open() {}, child: (element) => found.push(element), close() {} }, NO_LIMITS);
  try {
    reader.write(`<_ xmlns="${PARENTS}">`);
    reader.write(source.trim());
    reader.write('</_>');
  } catch (error) {
    if (error instanceof XmlError) throw new XmlError('invalid-xml', `bad template: ${error.message}`);
    throw error;
  }
  const [element] = found;
  if (element === undefined || found.length > 1 || !reader.closed) {
    throw new XmlError('invalid-xml', 'bad template: not one element');
  }
  return element;
}

function fill(model: Element, values: readonly Interpolation[]): Element {
  const attrs: Record<string, string | undefined> & { xmlns?: string | undefined } = Object.create(null);
  for (const [key, value] of Object.entries(model.attrs)) attrs[key] = fillValue(value, values);
  if (model.namespace !== PARENTS) attrs.xmlns = fillValue(model.namespace, values);
  const children = model.children.map((child) =>
    typeof child === 'string' ? fillText(child, values) : fill(child, values),
  );
  return el(model.name, attrs, children);
}

function fillValue(text: string, values: readonly Interpolation[]): string | undefined {
  if (text.length === 1 && HOLES.test(text)) {
    const value = values[text.charCodeAt(0) - HOLE];
    return value === undefined || value === null ? undefined : String(value);
  }
  return text.replace(new RegExp(HOLES, 'gu'), (hole) => String(values[hole.charCodeAt(0) - HOLE]));
}

function fillText(text: string, values: readonly Interpolation[]): Child {
  if (/^[ \t\n]*\n[ \t\n]*$/.test(text)) return undefined;
  return text.split(/([\uDC00-\uDFFE])/u).map((part) => {
    if (!HOLES.test(part)) return part;
    return child(values[part.charCodeAt(0) - HOLE]);
  });
}

function child(value: Interpolation): Child {
  if (value === undefined || value === null || value === false) return undefined;
  if (value instanceof Element) return value;
  if (Array.isArray(value)) return value.map(child);
  return String(value);
}
