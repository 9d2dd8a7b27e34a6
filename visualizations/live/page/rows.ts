/**
 * A list of any length as a handful of elements: rows of one height, recycled while scrolling. The element that scrolls
 * takes the focus and names the current row, as rows come and go.
 */

/** What a list needs to know of what it lists. */
export interface RowSource {
  /** How many rows there are. */
  count(): number;
  /** Fills an element made by `make`. */
  paint(row: HTMLElement, index: number): void;
  /** A row without content. */
  make(): HTMLElement;
}

/** Browsers place nothing reliably further down than this, in pixels; longer lists scroll faster than they look. */
const TALLEST = 8_000_000;

export class Rows {
  readonly #viewport: HTMLElement;
  readonly #source: RowSource;
  readonly #sheet = document.createElement('div');
  readonly #spacer = document.createElement('div');
  readonly #pool: HTMLElement[] = [];
  #rowHeight = 0;
  #height = 0;
  /** The row that is at the top, with fractions. */
  #top = 0;
  #painted = { from: 0, to: 0 };

  /** `onScroll` is called when somebody scrolled, `onResize` when rows or their place have another size. */
  constructor(viewport: HTMLElement, source: RowSource, onScroll: () => void, onResize: () => void) {
    this.#viewport = viewport;
    this.#source = source;
    this.#sheet.className = 'sheet';
    this.#sheet.role = 'presentation';
    this.#spacer.role = 'presentation';
    viewport.append(this.#sheet, this.#spacer);
    viewport.addEventListener('scroll', () => {
      const top = this.#topFrom(viewport.scrollTop);
      // The browser rounds what it was told, which is not scrolling.
      if (Math.abs(top - this.#top) * this.#rowHeight < 1) return;
      this.#top = top;
      this.paint();
      onScroll();
    });
    new ResizeObserver(() => {
      this.#rowHeight = 0;
      onResize();
    }).observe(viewport);
  }

  /** The rows that are wholly in sight. */
  get visible(): number {
    return this.#rowHeight === 0 ? 0 : Math.floor(this.#height / this.#rowHeight);
  }

  /** Moves as little as shows the row; `center` puts one that was out of sight in the middle. */
  reveal(index: number, center = false): void {
    const { visible } = this;
    if (index >= this.#top && index + 1 <= this.#top + visible) return;
    const nearest = index < this.#top ? index : index + 1 - this.#height / (this.#rowHeight || 1);
    this.#moveTo(center ? index - visible / 2 : nearest);
  }

  /** Shows the last row. */
  revealEnd(): void {
    this.#moveTo(this.#lastTop());
  }

  /** `count` rows at the top are gone; what is in sight stays there. */
  shift(count: number): void {
    this.#moveTo(this.#top - count);
  }

  /** Shows what the source says now. */
  paint(): void {
    this.#measure();
    const count = this.#source.count();
    const total = count * this.#rowHeight;
    const tall = `${Math.min(total, TALLEST)}px`;
    if (this.#spacer.style.height !== tall) this.#spacer.style.height = tall;
    this.#top = Math.max(0, Math.min(this.#top, this.#lastTop()));
    const wanted = this.#scrollFrom(this.#top);
    if (Math.abs(wanted - this.#viewport.scrollTop) >= 1) this.#viewport.scrollTop = wanted;

    const from = Math.floor(this.#top);
    const to = Math.min(count, Math.ceil(this.#top + this.#height / this.#rowHeight));
    this.#painted = { from, to };
    while (this.#pool.length < to - from) {
      const row = this.#source.make();
      this.#pool.push(row);
      this.#sheet.append(row);
    }
    this.#pool.forEach((row, place) => {
      const index = from + place;
      row.hidden = index >= to;
      if (row.hidden) return;
      row.style.transform = `translateY(${(index - this.#top) * this.#rowHeight}px)`;
      this.#source.paint(row, index);
    });
  }

  /** The row under a target of an event; -1 for none. */
  indexOf(target: EventTarget | null): number {
    const place = this.#pool.findIndex((row) => target instanceof Node && row.contains(target));
    return place === -1 ? -1 : this.#painted.from + place;
  }

  #measure(): void {
    this.#height = this.#viewport.clientHeight;
    if (this.#rowHeight !== 0) return;
    let row = this.#pool[0];
    if (row === undefined) {
      row = this.#source.make();
      this.#pool.push(row);
      this.#sheet.append(row);
    }
    row.hidden = false;
    this.#rowHeight = row.getBoundingClientRect().height || 24;
  }

  #moveTo(top: number): void {
    this.#top = Math.max(0, Math.min(top, this.#lastTop()));
    this.paint();
  }

  #lastTop(): number {
    return Math.max(0, this.#source.count() - this.#height / (this.#rowHeight || 24));
  }

  /** Pixels that can be scrolled through. */
  #range(): number {
    return Math.min(this.#source.count() * this.#rowHeight, TALLEST) - this.#height;
  }

  #topFrom(scroll: number): number {
    const range = this.#range();
    return range <= 0 ? 0 : (scroll / range) * this.#lastTop();
  }

  #scrollFrom(top: number): number {
    const last = this.#lastTop();
    return last === 0 ? 0 : (top / last) * this.#range();
  }
}
