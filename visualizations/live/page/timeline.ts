/**
 * The tree of actors with a lane each, and the recording from left to right, every frame as wide as the next: what happens in a
 * millisecond matters as much as what takes a minute. Where time passed, the ruler says so.
 */
import { count, get, h, setText } from './dom.ts';
import { type Lane, standing } from './lanes.ts';
import { frameLabel, type Tone, toneOf } from './names.ts';
import type { Chunk } from './recording.ts';
import { duration, onTheClock, sinceStart } from './time.ts';
import type { View } from './view.ts';

/** Tones as they are kept, the more telling the higher: where marks fall on one pixel, that one is seen. */
const TONES: readonly Tone[] = ['facts', 'idle', 'in', 'out', 'plain', 'birth', 'timer', 'done', 'error'];
/** The part of a lane's height that a frame gets of the width, at most. */
const WIDEST = 0.6;
/** Milliseconds without a frame that the ruler speaks of. */
const PAUSE = 1000;
/** Lanes that are shown; who has more actors than that at once looks for them in the log. */
const MOST_LANES = 100;

/** The marks of a chunk, in plain numbers. */
interface Marks {
  readonly lane: Int32Array;
  readonly tone: Uint8Array;
  readonly at: Float64Array;
  count: number;
}

interface Row {
  readonly lane: Lane;
  readonly tab: HTMLButtonElement;
  readonly name: Element;
  readonly more: Element;
}

export class Timeline {
  readonly #view: () => View;
  readonly #lanesBox = get('lanes');
  readonly #tabs = get('tabs');
  readonly #track = get('track');
  readonly #canvas = get<HTMLCanvasElement>('marks');
  readonly #position = get('position');
  readonly #hint = get('track-hint');
  readonly #select: (lane: Lane) => void;
  readonly #marks = new WeakMap<Chunk, Marks>();
  #rows: Row[] = [];
  #lanes: readonly Lane[] = [];
  #hover: number | null = null;
  /** The height of a lane in pixels. */
  #tall = 24;

  /** `select` is called with a lane that was chosen, `scrub` with the frame that somebody went to, by its number. */
  constructor(view: () => View, select: (lane: Lane) => void, scrub: (n: number) => void, changed: () => void) {
    this.#view = view;
    this.#select = select;
    const to = ({ clientX }: PointerEvent) => scrub(this.#frameAt(clientX));
    this.#track.addEventListener('pointerdown', (event) => {
      if (event.button !== 0 || this.#view().recording.end === 0) return;
      this.#track.setPointerCapture(event.pointerId);
      to(event);
    });
    this.#track.addEventListener('pointermove', (event) => {
      this.#hover = this.#view().recording.end === 0 ? null : this.#frameAt(event.clientX);
      if (this.#track.hasPointerCapture(event.pointerId)) to(event);
      changed();
    });
    this.#track.addEventListener('pointerleave', () => {
      this.#hover = null;
      changed();
    });
    this.#tabs.addEventListener('keydown', (event) => {
      const by = { ArrowUp: -1, ArrowDown: 1 }[event.key];
      if (by === undefined) return;
      event.preventDefault();
      this.neighbour(by);
      this.#rows.find(({ lane }) => lane === this.#view().lane)?.tab.focus();
    });
    this.#lanesBox.addEventListener('scroll', changed);
    new ResizeObserver(changed).observe(this.#track);
  }

  /** Chooses the next or the previous actor. */
  neighbour(by: number): void {
    if (this.#rows.length === 0) return;
    const place = this.#rows.findIndex(({ lane }) => lane === this.#view().lane);
    const next = this.#rows[(place + by + this.#rows.length) % this.#rows.length];
    if (next !== undefined) this.#select(next.lane);
  }

  paint(): void {
    const view = this.#view();
    if (this.#lanes !== view.lanes.all) this.#build(view);
    for (const { lane, tab, name, more } of this.#rows) {
      const state = standing(lane, view.world, view.cursor)?.state;
      const status = state?.status ?? 'unborn';
      const chosen = lane === view.lane;
      tab.dataset.status = status;
      setText(name, lane.name.slice(0, 80));
      setText(more, accountOf(lane, view).slice(0, 80));
      const label = [
        name.textContent,
        ...(lane.parent === null ? [more.textContent].filter(Boolean) : [`in ${lane.parent.name.slice(0, 80)}`]),
        ...(status === 'active' ? [] : [status === 'unborn' ? 'not yet born' : 'ended']),
      ].join(', ');
      if (tab.ariaLabel !== label) tab.ariaLabel = label;
      if (tab.ariaSelected !== String(chosen)) {
        tab.ariaSelected = String(chosen);
        tab.tabIndex = chosen ? 0 : -1;
        if (chosen) tab.scrollIntoView({ block: 'nearest' });
      }
    }
    this.#say(view);
    this.#draw(view);
  }

  #build(view: View): void {
    this.#lanes = view.lanes.all;
    const known = new Map(this.#rows.map((row) => [row.lane, row]));
    this.#rows = this.#lanes.slice(0, MOST_LANES).map((lane) => known.get(lane) ?? this.#newRow(lane));
    this.#tabs.replaceChildren(...this.#rows.map(({ tab }) => tab));
  }

  #newRow(lane: Lane): Row {
    const [name, more] = [h('span', { class: 'tab-name' }), h('span', { class: 'tab-more' })];
    const tab = h('button', { class: 'tab' }, h('span', { class: 'tab-dot' }), name, more);
    tab.type = 'button';
    tab.role = 'tab';
    tab.tabIndex = -1;
    tab.setAttribute('aria-controls', 'chart');
    tab.style.setProperty('--depth', String(Math.min(lane.depth, 8)));
    tab.classList.toggle('leaf', lane.chart === null);
    tab.addEventListener('click', () => this.#select(lane));
    return { lane, tab, name, more };
  }

  /** Says in words where the cursor is. */
  #say({ recording, cursor, start, frame, lanes }: View): void {
    const { first, end } = recording;
    const place = end === 0 ? 'No events yet' : `${count(cursor + 1)} of ${count(end)}`;
    const when = frame === undefined ? '' : sinceStart(frame.at, start ?? frame.at);
    setText(this.#position, when === '' ? place : `${place} · ${when}`);
    this.#position.title = frame === undefined ? '' : onTheClock(frame.at);
    const who = frame === undefined ? undefined : lanes.of(frame.actor)?.name;
    this.#track.ariaValueMin = String(first);
    this.#track.ariaValueMax = String(Math.max(first, end - 1));
    this.#track.ariaValueNow = String(Math.max(first, cursor));
    const said = frame === undefined ? place : `${place}, ${when}, ${who}: ${frameLabel(frame)}`;
    this.#track.ariaValueText = said.slice(0, 200);
  }

  #frameAt(clientX: number): number {
    const { recording } = this.#view();
    const { left, width } = this.#canvas.getBoundingClientRect();
    const { first, end } = recording;
    const frame = wide(width, end - first, this.#tall);
    return Math.max(first, Math.min(end - 1, first + Math.floor((clientX - left) / frame)));
  }

  #draw(view: View): void {
    const { recording, cursor, start } = view;
    const box = this.#canvas.getBoundingClientRect();
    const lane = this.#rows[0]?.tab.getBoundingClientRect();
    const tall = lane?.height ?? this.#tall;
    this.#tall = tall;
    const ruler = lane === undefined ? tall : lane.top - box.top;
    const density = devicePixelRatio;
    const [pixelsAcross, pixelsDown] = [Math.round(box.width * density), Math.round(box.height * density)];
    if (this.#canvas.width !== pixelsAcross) this.#canvas.width = pixelsAcross;
    if (this.#canvas.height !== pixelsDown) this.#canvas.height = pixelsDown;
    const pen = this.#canvas.getContext('2d');
    if (pen === null || box.width === 0) return;
    pen.setTransform(density, 0, 0, density, 0, 0);
    pen.clearRect(0, 0, box.width, box.height);

    const ink = inkOf(this.#canvas);
    const { first, end } = recording;
    const width = wide(box.width, end - first, tall);
    const rowOf = new Map(this.#rows.map(({ lane }, place) => [lane.index, place]));
    const middle = (row: number) => ruler + (row + 0.5) * tall;

    pen.fillStyle = ink.line;
    this.#rows.forEach(({ lane }, row) => {
      if (lane === view.lane) {
        pen.fillStyle = ink.chosen;
        pen.fillRect(0, ruler + row * tall, box.width, tall);
        pen.fillStyle = ink.line;
      }
      pen.fillRect(0, Math.round(ruler + (row + 1) * tall) - 1, box.width, 1);
    });
    this.#drawLives(view, pen, ink, width, middle, box.width);
    this.#drawMarks(view, pen, ink, width, middle, tall, rowOf, Math.ceil(box.width));
    // The ruler stays when lanes are scrolled.
    const top = this.#lanesBox.scrollTop;
    pen.fillStyle = ink.canvas;
    pen.fillRect(0, top, box.width, ruler);
    this.#drawPauses(view, pen, ink, width, top, ruler, box.height);

    const x = (cursor - first + 0.5) * width;
    if (cursor >= 0 && end > 0) {
      pen.fillStyle = ink.canvas;
      pen.globalAlpha = 0.55;
      pen.fillRect(x + width / 2, top, box.width, box.height);
      pen.globalAlpha = 1;
      pen.fillStyle = ink.accent;
      pen.fillRect(Math.round(x) - 1, top + ruler - tall / 4, 2, box.height);
      pen.beginPath();
      pen.arc(Math.round(x), top + ruler - tall / 4, tall / 5, 0, 7);
      pen.fill();
    }
    const hovered = this.#hover === null ? undefined : recording.at(this.#hover);
    this.#hint.hidden = hovered === undefined;
    if (hovered === undefined) return;
    const who = view.lanes.of(hovered.actor)?.name ?? hovered.actor;
    const when = sinceStart(hovered.at, start ?? hovered.at);
    setText(this.#hint, `${when} ${who.slice(0, 40)}: ${frameLabel(hovered).slice(0, 60)}`);
    const at = (hovered.n - first + 0.5) * width;
    this.#hint.style.top = `${top}px`;
    const room = this.#hint.offsetWidth / 2;
    this.#hint.style.left = `${Math.max(room, Math.min(box.width - room, at))}px`;
  }

  /** A line from the birth of every actor to its end. */
  #drawLives(
    { recording }: View,
    pen: CanvasRenderingContext2D,
    ink: Ink,
    width: number,
    middle: (row: number) => number,
    across: number,
  ): void {
    const { first, end, tip } = recording;
    pen.fillStyle = ink.life;
    this.#rows.forEach(({ lane }, row) => {
      for (const actor of lane.actors) {
        const known = tip.get(actor);
        if (known === undefined) continue;
        const from = Math.max(0, (known.state.birth.n - first) * width);
        const last = known.state.status === 'active' ? end - 1 : (known.last?.n ?? first);
        const to = Math.min(across, (last + 1 - first) * width);
        if (to > from) pen.fillRect(from, middle(row) - 1, to - from, 2);
      }
    });
  }

  #drawPauses(
    { recording }: View,
    pen: CanvasRenderingContext2D,
    ink: Ink,
    width: number,
    top: number,
    ruler: number,
    tall: number,
  ): void {
    const { first } = recording;
    pen.font = ink.font;
    pen.textBaseline = 'middle';
    let free = 0;
    let before: number | null = null;
    for (const chunk of recording.chunks) {
      const { at, count: known } = this.#marksOf(chunk);
      for (let place = 0; place < known; place++) {
        const now = at[place] as number;
        const pause = before === null ? 0 : now - before;
        before = now;
        if (pause < PAUSE) continue;
        const x = Math.round((chunk.start + place - first) * width);
        if (x < free) continue;
        const text = duration(pause);
        const length = pen.measureText(text).width;
        pen.fillStyle = ink.line;
        pen.fillRect(x, top + ruler - 4, 1, tall);
        pen.fillStyle = ink.quiet;
        pen.fillText(text, Math.max(0, x - length / 2), top + ruler / 2 - 2);
        free = x + length + 12;
      }
    }
  }

  #drawMarks(
    { recording }: View,
    pen: CanvasRenderingContext2D,
    ink: Ink,
    width: number,
    middle: (row: number) => number,
    tall: number,
    rowOf: ReadonlyMap<number, number>,
    across: number,
  ): void {
    const { first } = recording;
    const dense = width < 3;
    // Where several frames share a pixel, one mark stands for them.
    const bins = dense ? new Uint8Array(this.#rows.length * across) : null;
    const place = (row: number, x: number, tone: number) => {
      pen.fillStyle = ink.tones[tone] as string;
      const name = TONES[tone] as Tone;
      const wire = name === 'in' || name === 'out';
      const high = Math.round(tall * (wire ? 0.24 : name === 'idle' || name === 'facts' ? 0.2 : 0.5));
      const y = wire ? middle(row) + (name === 'out' ? -high - 2 : 2) : middle(row) - high / 2;
      const thick = dense ? 1 : Math.max(2, Math.min(4, width - 1.5));
      const left = dense ? x : x + (width - thick) / 2;
      if (dense) pen.fillRect(left, y, thick, high);
      else {
        pen.beginPath();
        pen.roundRect(left, y, thick, high, thick / 2);
        pen.fill();
      }
    };
    for (const chunk of recording.chunks) {
      const { lane, tone, count: known } = this.#marksOf(chunk);
      for (let index = 0; index < known; index++) {
        const row = rowOf.get(lane[index] as number);
        if (row === undefined) continue;
        const x = (chunk.start + index - first) * width;
        if (bins === null) {
          place(row, x, tone[index] as number);
          continue;
        }
        const bin = row * across + Math.min(across - 1, Math.floor(x));
        bins[bin] = Math.max(bins[bin] as number, (tone[index] as number) + 1);
      }
    }
    bins?.forEach((tone, bin) => {
      if (tone > 0) place(Math.floor(bin / across), bin % across, tone - 1);
    });
  }

  #marksOf(chunk: Chunk): Marks {
    let marks = this.#marks.get(chunk);
    if (marks === undefined || marks.lane.length < chunk.frames.length) {
      const length = Math.max(512, chunk.frames.length);
      marks = { lane: new Int32Array(length), tone: new Uint8Array(length), at: new Float64Array(length), count: 0 };
      this.#marks.set(chunk, marks);
    }
    for (; marks.count < chunk.frames.length; marks.count++) {
      const frame = chunk.frames[marks.count];
      if (frame === undefined) break;
      marks.lane[marks.count] = this.#view().lanes.of(frame.actor)?.index ?? -1;
      marks.tone[marks.count] = TONES.indexOf(toneOf(frame));
      marks.at[marks.count] = frame.at;
    }
    return marks;
  }
}

interface Ink {
  readonly accent: string;
  readonly canvas: string;
  readonly line: string;
  readonly life: string;
  readonly chosen: string;
  readonly quiet: string;
  readonly font: string;
  readonly tones: readonly string[];
}

/** The colours of the page, which follow its theme. */
function inkOf(element: HTMLElement): Ink {
  const style = getComputedStyle(element);
  const dark = style.colorScheme === 'dark' || (style.colorScheme !== 'light' && preferred.matches);
  const colour = (name: string) => style.getPropertyValue(`--${name}-${dark ? 'dark' : 'light'}`).trim();
  const tones: Record<Tone, string> = {
    plain: colour('ink'),
    birth: colour('ink'),
    idle: colour('faint'),
    facts: colour('faint'),
    in: colour('quiet'),
    out: colour('accent'),
    timer: colour('warn'),
    done: colour('good'),
    error: colour('bad'),
  };
  return {
    accent: colour('accent'),
    canvas: colour('pane'),
    line: colour('line'),
    life: colour('life'),
    chosen: colour('chosen'),
    quiet: colour('quiet'),
    font: `${style.fontSize} ${style.fontFamily}`,
    tones: TONES.map((tone) => tones[tone]),
  };
}

const preferred = matchMedia('(prefers-color-scheme: dark)');

/** Pixels a frame has. */
const wide = (across: number, frames: number, tall: number): number =>
  Math.min(WIDEST * tall, (across - tall / 2) / Math.max(1, frames));

/** Whose client it is, without the resource; nothing for other actors. */
function accountOf({ parent, root }: Lane, { recording }: View): string {
  const jid = parent === null ? recording.tip.get(root)?.state.facts?.jid : undefined;
  return typeof jid === 'string' ? (jid.split('/', 1)[0] as string) : '';
}
