/** Plain data as a tree that folds. What is folded is not built before it is opened. */
import type { Json } from '../world.ts';
import { clipped, count, h } from './dom.ts';

/** Entries of one object or list that are shown. */
const MOST_ENTRIES = 200;
/** Characters up to which an object stays on its line. */
const INLINE = 48;

/** `value` as an element. */
export function jsonView(value: Json | undefined): HTMLElement {
  const text = preview(value, INLINE);
  if (!isNested(value) || text.length <= INLINE) return inline(value, text);
  const entries = entriesOf(value);
  const [from, to] = Array.isArray(value) ? ['[', ']'] : ['{', '}'];
  const summary = h('summary', { class: 'json-mark', text: `${from} ${count(entries.length)} ${to}` });
  const tree = h('details', { class: 'json' }, summary);
  tree.addEventListener('toggle', () => {
    if (tree.open && tree.childElementCount === 1) tree.append(jsonList(value));
  });
  return tree;
}

/** The entries of an object or a list, each on its line. */
export function jsonList(value: Json & object): HTMLElement {
  const entries = entriesOf(value);
  const rows = entries
    .slice(0, MOST_ENTRIES)
    .map(([key, inner]) =>
      h('li', {}, h('span', { class: 'json-key', text: clipped(key, 200) }), ' ', jsonView(inner)),
    );
  if (entries.length > MOST_ENTRIES) {
    rows.push(h('li', { class: 'quiet', text: `… ${count(entries.length - MOST_ENTRIES)} more` }));
  }
  return h('ul', { class: 'json-list' }, ...rows);
}

/** The beginning of what JSON would say, `longest` characters and a bit, without building the rest. */
export function preview(value: Json | undefined, longest: number): string {
  if (value === undefined) return '';
  if (typeof value === 'string') return JSON.stringify(value.slice(0, longest + 1));
  if (!isNested(value)) return String(value);
  const list = Array.isArray(value);
  let text = list ? '[' : '{';
  let first = true;
  for (const [key, inner] of entriesOf(value)) {
    if (text.length > longest) return text;
    text += `${first ? '' : ', '}${list ? '' : `${key.slice(0, longest)}: `}${preview(inner, longest - text.length)}`;
    first = false;
  }
  return text + (list ? ']' : '}');
}

function inline(value: Json | undefined, text: string): HTMLElement {
  if (typeof value === 'string') return h('span', { class: 'json-string', text: value === '' ? '""' : value });
  const kind = value === null || value === undefined ? 'null' : isNested(value) ? 'mark' : typeof value;
  return h('span', { class: `json-${kind}`, text: isNested(value) && entriesOf(value).length === 0 ? 'empty' : text });
}

const isNested = (value: Json | undefined): value is Json & object => typeof value === 'object' && value !== null;

const entriesOf = (value: Json & object): readonly [string, Json][] => Object.entries(value);
