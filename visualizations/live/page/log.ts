/** The list of what happened: births and steps of all actors, filtered and searched. */
import type { Frame } from '../world.ts';
import { count, get, h, setText } from './dom.ts';
import { preview } from './json.ts';
import { path } from './lanes.ts';
import { arrivals, eventLabel, frameLabel, toneOf } from './names.ts';
import type { Chunk, Standing } from './recording.ts';
import { Rows } from './rows.ts';
import { lowerBound, Sieve } from './sieve.ts';
import { onTheClock, sinceStart } from './time.ts';
import type { View } from './view.ts';

/** Characters of a payload that are searched. */
const SEARCHED = 4_000;

export class Log {
  readonly #list = get('log');
  readonly #search = get<HTMLInputElement>('search');
  readonly #own = get<HTMLInputElement>('only-actor');
  readonly #moved = get<HTMLInputElement>('only-moves');
  readonly #total = get('log-count');
  readonly #empty = get('log-empty');
  readonly #rows: Rows;
  #view: View;
  #sieve: Sieve;
  #destinations = new Destinations();
  #shown = { cursor: -2, length: -1, lane: -1 };

  /** `pick` is called with the frame that somebody chose, `changed` when what is listed changes. */
  constructor(view: View, pick: (n: number) => void, changed: () => void) {
    this.#view = view;
    this.#sieve = this.#newSieve();
    const resized = () => {
      this.#shown = { ...this.#shown, cursor: -2 };
      changed();
    };
    const source = { count: () => this.#sieve.found.length, paint: this.#paintRow, make };
    this.#rows = new Rows(this.#list, source, changed, resized);
    const restart = () => {
      this.show(this.#view);
      changed();
    };
    this.#search.addEventListener('input', restart);
    for (const box of [this.#own, this.#moved]) box.addEventListener('change', restart);
    this.#list.addEventListener('click', ({ target }) => {
      const n = this.#sieve.found[this.#rows.indexOf(target)];
      if (n !== undefined) pick(n);
    });
    this.#list.addEventListener('keydown', (event) => {
      const page = Math.max(1, this.#rows.visible - 1);
      const by = { ArrowUp: -1, ArrowDown: 1, PageUp: -page, PageDown: page }[event.key];
      if (by === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      const n = this.stepFrom(this.#view.cursor, by);
      if (n !== null) pick(n);
    });
  }

  /** Lists another recording, or the same one anew. */
  show(view: View): void {
    if (view !== this.#view) this.#destinations = new Destinations();
    this.#view = view;
    this.#sieve = this.#newSieve();
    this.#shown = { cursor: -2, length: -1, lane: -1 };
  }

  /** Looks for more until `deadline`; whether there is more to look at. */
  advance(deadline: number): boolean {
    if (this.#own.checked && this.#shown.lane !== (this.#view.lane?.index ?? -1)) this.show(this.#view);
    const gone = this.#sieve.trim();
    this.#sieve.advance(deadline);
    if (gone > 0 && !this.#view.following) this.#rows.shift(gone);
    return !this.#sieve.done;
  }

  /** The frame that is `by` rows from another; null where the list is empty. */
  stepFrom(n: number, by: number): number | null {
    const { found } = this.#sieve;
    if (found.length === 0) return null;
    const place = lowerBound(found, n);
    // Between two rows, the next one back is a whole step.
    const from = found[place] === n || by < 0 ? place : place - 1;
    return found[Math.max(0, Math.min(found.length - 1, from + by))] as number;
  }

  paint(): void {
    const { found, done } = this.#sieve;
    const { cursor, following, lane } = this.#view;
    const moved = cursor !== this.#shown.cursor || found.length !== this.#shown.length;
    this.#shown = { cursor, length: found.length, lane: lane?.index ?? -1 };
    this.#rows.paint();
    if (moved && following) this.#rows.revealEnd();
    else if (moved) this.#rows.reveal(this.#current(), true);
    const current = this.#list.querySelector('[aria-selected=true]:not([hidden])');
    if (current === null) this.#list.removeAttribute('aria-activedescendant');
    else this.#list.setAttribute('aria-activedescendant', current.id);
    setText(this.#total, `${count(found.length)}${done ? '' : '…'}`);
    this.#empty.hidden = found.length > 0 || !done;
    setText(this.#empty, this.#filtered() ? 'No event matches.' : 'No events yet.');
  }

  /** The row of the cursor: the last one that is not after it. */
  #current(): number {
    return lowerBound(this.#sieve.found, this.#view.cursor + 1) - 1;
  }

  #filtered(): boolean {
    return this.#search.value !== '' || this.#own.checked || this.#moved.checked;
  }

  #newSieve(): Sieve {
    const { recording, lanes, lane } = this.#view;
    const words = this.#search.value.toLowerCase().split(' ').filter(Boolean);
    const [own, moved] = [this.#own.checked, this.#moved.checked];
    return new Sieve(recording, (frame) => {
      if (frame.kind === 'wire' || frame.kind === 'facts') return false;
      const home = lanes.of(frame.actor);
      if (own && home !== lane) return false;
      if (moved && toneOf(frame) === 'idle') return false;
      if (words.length === 0) return true;
      const text = `${home?.name ?? ''} ${wordsOf(frame)}`.toLowerCase();
      return words.every((word) => text.includes(word));
    });
  }

  readonly #paintRow = (row: HTMLElement, index: number): void => {
    const { recording, lanes, cursor, start } = this.#view;
    const n = this.#sieve.found[index] as number;
    const frame = recording.at(n);
    if (frame === undefined) return;
    const [time, actor, label, to] = row.children as unknown as [Element, Element, Element, Element];
    const lane = lanes.of(frame.actor);
    const selected = index === this.#current();
    row.dataset.tone = toneOf(frame);
    row.dataset.n = String(n);
    row.classList.toggle('future', n > cursor);
    row.ariaSelected = String(selected);
    row.ariaPosInSet = String(index + 1);
    row.ariaSetSize = String(this.#sieve.found.length);
    setText(time, sinceStart(frame.at, start ?? frame.at));
    setText(actor, (lane?.name ?? frame.actor).slice(0, 80));
    setText(label, frameLabel(frame).slice(0, 200));
    setText(to, this.#destinations.of(recording.chunks, frame).slice(0, 200));
    const hint = `${onTheClock(frame.at)} · ${lane === undefined ? frame.actor : path(lane)}`.slice(0, 300);
    if (row.title !== hint) row.title = hint;
  };
}

let made = 0;

function make(): HTMLElement {
  const row = h(
    'div',
    { class: 'row' },
    h('span', { class: 'row-time' }),
    h('span', { class: 'row-actor' }),
    h('span', { class: 'row-label' }),
    h('span', { class: 'row-to' }),
  );
  made += 1;
  row.id = `event-${made}`;
  row.role = 'option';
  return row;
}

function wordsOf(frame: Frame): string {
  if (frame.kind !== 'step') return frameLabel(frame);
  const { event, states, commands } = frame;
  const commanded = commands.map(({ type }) => type).join(' ');
  const payload = preview(event.payload, SEARCHED);
  return `${event.type} ${eventLabel(event.type)} ${payload} ${states.join(' ')} ${commanded}`;
}

/** Where each step led. A chunk is gone through once, and only if somebody looks at it. */
class Destinations {
  readonly #known = new WeakMap<Chunk, { readonly world: Map<string, readonly string[]>; readonly texts: string[] }>();

  of(chunks: readonly Chunk[], { n }: Frame): string {
    const chunk = chunks.findLast(({ start }) => start <= n);
    if (chunk === undefined) return '';
    let known = this.#known.get(chunk);
    if (known === undefined) {
      const before = ([actor, { state }]: [string, Standing]): [string, readonly string[]] => [actor, state.states];
      known = { world: new Map([...chunk.before].map(before)), texts: [] };
      this.#known.set(chunk, known);
    }
    const { world, texts } = known;
    while (texts.length < chunk.frames.length) {
      const frame = chunk.frames[texts.length] as Frame;
      if (frame.kind !== 'step') {
        texts.push('');
        continue;
      }
      texts.push(arrivals(frame, world.get(frame.actor) ?? []).join(', '));
      world.set(frame.actor, frame.states);
    }
    return texts[n - chunk.start] ?? '';
  }
}
