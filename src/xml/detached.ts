import { Attributes, Element } from './element.ts';

/** A copy to be kept for long; see `copied`. */
export function detached(element: Element): Element {
  const attrs = new Attributes();
  for (const name of Object.keys(element.attrs)) attrs[copied(name)] = copied(element.attrs[name] as string);
  return new Element(
    copied(element.name),
    copied(element.namespace),
    attrs,
    element.children.map((child) => (typeof child === 'string' ? copied(child) : detached(child))),
    element.lang && copied(element.lang),
  );
}

/** A copy: a text that was read is a slice of what came in, and keeps all of that for as long as it is kept itself. */
export function copied(text: string): string {
  return Buffer.from(text).toString();
}
