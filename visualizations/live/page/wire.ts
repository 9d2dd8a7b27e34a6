/** The console of what crossed the wire, laid out as XML: a list of lines, of which each piece has as many as it needs. */
import type { WireFrame } from '../world.ts';
import { count, get, h, setText } from './dom.ts';
import { Rows } from './rows.ts';
import { lowerBound, Sieve } from './sieve.ts';
import { onTheClock, sinceStart } from './time.ts';
import type { View } from './view.ts';
import { type Line, linesOf } from './xml.ts';

/** Pieces whose lines are remembered for painting. */
const REMEMBERED = 200;

export class Wire {
  readonly #list = get('wire');
  readonly #search = get<HTMLInputElement>('wire-search');
  readonly #incoming = get<HTMLInputElement>('wire-in');
  readonly #outgoing = get<HTMLInputElement>('wire-out');
  readonly #total = get('wire-count');
  readonly #empty = get('wire-empty');
  readonly #copy = get<HTMLButtonElement>('wire-copy');
  readonly #rows: Rows;
  #view: View;
  #sieve: Sieve;
  /** For each piece found, how many lines there are up to its end, counted from the first piece ever found. */
  #ends: number[] = [];
  /** Lines of pieces that are forgotten. */
  #before = 0;
  #columns = 60;
  #lines = new Map<number, readonly Line[]>();
  #shown = { cursor: -2, length: -1 };
  /** Counts the listings, since a number may mean another frame in the next. */
  #listing = 0;

  /** `pick` is called with the frame that somebody chose, `changed` when what is listed changes. */
  constructor(view: View, pick: (n: number) => void, changed: () => void) {
    this.#view = view;
    this.#sieve = this.#newSieve();
    const restart = () => {
      this.show(this.#view);
      changed();
    };
    const resized = () => {
      this.#shown = { ...this.#shown, cursor: -2 };
      const columns = this.#room();
      if (columns !== this.#columns) {
        this.#columns = columns;
        this.show(this.#view);
      }
      changed();
    };
    const source = { count: () => (this.#ends.at(-1) ?? this.#before) - this.#before, paint: this.#paintRow, make };
    this.#rows = new Rows(this.#list, source, changed, resized);
    this.#search.addEventListener('input', restart);
    for (const box of [this.#incoming, this.#outgoing]) box.addEventListener('change', restart);
    this.#list.addEventListener('click', ({ target }) => {
      // Somebody who marks text wants to copy it.
      if (getSelection()?.isCollapsed === false) return;
      const index = this.#rows.indexOf(target);
      const n = index === -1 ? undefined : this.#sieve.found[this.#pieceOf(index)];
      if (n !== undefined) pick(n);
    });
    this.#list.addEventListener('keydown', (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      const by = { ArrowUp: -1, ArrowDown: 1, PageUp: -10, PageDown: 10 }[event.key];
      if (event.key === 'c') this.#copyCurrent();
      if (by === undefined) return;
      event.preventDefault();
      const { found } = this.#sieve;
      const n = found[Math.max(0, Math.min(found.length - 1, this.#current() + by))];
      if (n !== undefined) pick(n);
    });
    this.#copy.addEventListener('click', () => this.#copyCurrent());
  }

  /** Lists another recording, or the same one anew. */
  show(view: View): void {
    this.#view = view;
    this.#sieve = this.#newSieve();
    this.#ends = [];
    this.#before = 0;
    this.#lines = new Map();
    this.#shown = { cursor: -2, length: -1 };
    this.#listing += 1;
  }

  /** Looks for more until `deadline`; whether there is more to look at. */
  advance(deadline: number): boolean {
    const gone = this.#sieve.trim();
    if (gone > 0) {
      const before = this.#ends[gone - 1] ?? this.#before;
      const lines = before - this.#before;
      this.#ends.splice(0, gone);
      this.#before = before;
      if (!this.#view.following) this.#rows.shift(lines);
    }
    this.#sieve.advance(deadline);
    const { found } = this.#sieve;
    while (this.#ends.length < found.length && performance.now() < deadline) {
      const n = found[this.#ends.length] as number;
      this.#ends.push((this.#ends.at(-1) ?? this.#before) + this.#linesAt(n).length);
    }
    return !this.#sieve.done || this.#ends.length < found.length;
  }

  paint(): void {
    const length = this.#ends.length;
    const { cursor, following } = this.#view;
    const moved = cursor !== this.#shown.cursor || length !== this.#shown.length;
    this.#shown = { cursor, length };
    const done = this.#sieve.done && length === this.#sieve.found.length;
    setText(this.#total, `${count(length)}${done ? '' : '…'}`);
    this.#empty.hidden = length > 0 || !done;
    const filtered = this.#search.value !== '' || !this.#incoming.checked || !this.#outgoing.checked;
    setText(this.#empty, filtered ? 'Nothing matches.' : 'Nothing crossed the wire yet.');
    this.#rows.paint();
    const current = this.#current();
    this.#copy.disabled = current < 0;
    if (moved && following) this.#rows.revealEnd();
    else if (moved && current >= 0) this.#rows.reveal(this.#startOf(current), true);
    const row = this.#list.querySelector('.current.first:not([hidden])');
    if (row === null) this.#list.removeAttribute('aria-activedescendant');
    else this.#list.setAttribute('aria-activedescendant', row.id);
  }

  /** The piece at the cursor: the last one that is not after it; -1 without. */
  #current(): number {
    return Math.min(this.#ends.length, lowerBound(this.#sieve.found, this.#view.cursor + 1)) - 1;
  }

  /** The piece that a line belongs to. */
  #pieceOf(index: number): number {
    return lowerBound(this.#ends, this.#before + index + 1);
  }

  /** The first line of a piece. */
  #startOf(piece: number): number {
    return (this.#ends[piece - 1] ?? this.#before) - this.#before;
  }

  #frame(n: number): WireFrame | undefined {
    const frame = this.#view.recording.at(n);
    return frame?.kind === 'wire' ? frame : undefined;
  }

  #linesAt(n: number): readonly Line[] {
    let lines = this.#lines.get(n);
    if (lines === undefined) {
      lines = linesOf(this.#frame(n)?.xml ?? '', this.#columns);
      this.#lines.set(n, lines);
      if (this.#lines.size > REMEMBERED) this.#lines.delete(this.#lines.keys().next().value as number);
    }
    return lines;
  }

  #newSieve(): Sieve {
    const words = this.#search.value.toLowerCase();
    const [incoming, outgoing] = [this.#incoming.checked, this.#outgoing.checked];
    return new Sieve(this.#view.recording, (frame) => {
      if (frame.kind !== 'wire') return false;
      return (frame.direction === 'in' ? incoming : outgoing) && frame.xml.toLowerCase().includes(words);
    });
  }

  readonly #paintRow = (row: HTMLElement, index: number): void => {
    const piece = this.#pieceOf(index);
    const n = this.#sieve.found[piece] as number;
    const frame = this.#frame(n);
    const place = index - this.#startOf(piece);
    const line = this.#linesAt(n)[place];
    if (frame === undefined || line === undefined) return;
    const current = piece === this.#current();
    const first = place === 0;
    row.className = `row wire-row${first ? ' first' : ''}${current ? ' current' : ''}`;
    row.classList.toggle('future', n > this.#view.cursor);
    row.dataset.direction = frame.direction;
    row.ariaSelected = first ? String(current) : null;
    // What is in a row depends on these alone.
    const key = `${this.#listing} ${n} ${place}`;
    if (row.dataset.key === key) return;
    row.dataset.key = key;
    const [time, code] = row.children as unknown as [HTMLElement, HTMLElement];
    setText(time, first ? sinceStart(frame.at, this.#view.start ?? frame.at) : '');
    time.title = first ? onTheClock(frame.at) : '';
    code.style.paddingInlineStart = `${2 * line.depth}ch`;
    code.replaceChildren(...line.tokens.map(({ kind, text }) => h('span', { class: `xml-${kind}`, text })));
    row.role = first ? 'option' : 'presentation';
    row.ariaLabel = first ? `${frame.direction === 'in' ? 'received' : 'sent'} ${code.textContent}` : null;
  };

  /** Columns of a line, in steps, so that not every pixel of a new width lays out everything anew. */
  #room(): number {
    const probe = h('span', { class: 'xml-probe', text: '0'.repeat(100) });
    this.#list.append(probe);
    const width = probe.getBoundingClientRect().width / 100;
    probe.remove();
    if (width === 0 || this.#list.clientWidth === 0) return this.#columns;
    const gutter = parseFloat(getComputedStyle(document.documentElement).fontSize) * 8.8;
    return Math.max(28, Math.floor((this.#list.clientWidth - gutter) / width / 4) * 4);
  }

  async #copyCurrent(): Promise<void> {
    const n = this.#sieve.found[this.#current()];
    const xml = n === undefined ? undefined : this.#frame(n)?.xml;
    if (xml === undefined) return;
    const copied = await navigator.clipboard.writeText(xml).then(
      () => true,
      () => copyTheOldWay(xml),
    );
    setText(this.#copy, copied ? 'Copied' : 'Cannot copy');
    setTimeout(() => setText(this.#copy, 'Copy'), 1500);
  }
}

let made = 0;

function make(): HTMLElement {
  const row = h('div', { class: 'row wire-row' }, h('span', { class: 'row-time' }), h('code', {}));
  made += 1;
  row.id = `wire-${made}`;
  return row;
}

/** Where the clipboard is closed to scripts, as it may be in a saved page. */
function copyTheOldWay(text: string): boolean {
  const area = h('textarea', { class: 'offstage' });
  area.value = text;
  document.body.append(area);
  const focus = document.activeElement as HTMLElement | null;
  area.select();
  const copied = document.execCommand('copy');
  area.remove();
  focus?.focus();
  return copied;
}
