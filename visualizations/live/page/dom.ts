/** Building HTML without ever parsing any: what comes from a recording is text, whatever it looks like. */

/** The longest piece of somebody else's text that is shown; the rest is counted. */
const LONGEST_TEXT = 2_000;

interface Looks {
  readonly class?: string;
  readonly text?: string;
  readonly title?: string;
}

/** A new element with children. */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  looks: Looks = {},
  ...children: readonly (Node | string)[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  if (looks.class !== undefined) element.className = looks.class;
  if (looks.title !== undefined) element.title = clipped(looks.title);
  if (looks.text !== undefined) element.textContent = clipped(looks.text);
  element.append(...children);
  return element;
}

/** The element of the page with that id. */
export function get<T extends HTMLElement = HTMLElement>(id: string): T {
  return document.getElementById(id) as T;
}

/** Sets a text only where it differs, so that nothing is laid out or read aloud for no reason. */
export function setText(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

/** `text` at a length that a browser can lay out at once. */
export function clipped(text: string, longest: number = LONGEST_TEXT): string {
  if (text.length <= longest) return text;
  return `${text.slice(0, longest)}… (${count(text.length - longest)} more characters)`;
}

/** A number for people: `12,345`. */
export function count(value: number): string {
  return value.toLocaleString('en');
}
