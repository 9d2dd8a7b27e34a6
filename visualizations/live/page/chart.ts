/** The picture of the chosen actor's machine, with what is active and what was just taken. */
import { type Box, Camera, type Lead } from './camera.ts';
import { get, setText } from './dom.ts';
import { path } from './lanes.ts';
import { leaves, shortState } from './names.ts';
import { parsePicture } from './picture.ts';
import type { Standing } from './recording.ts';
import type { View } from './view.ts';

/** Gives the source of a picture by its key. */
export type Pictures = (key: string) => Promise<string>;

/** A picture that was read. */
interface Picture {
  readonly svg: SVGSVGElement;
  readonly page: Box;
  readonly states: ReadonlyMap<string, readonly Element[]>;
  readonly transitions: ReadonlyMap<string, readonly Element[]>;
}

/** Pixels of the page's letters on an ordinary screen. */
const USUAL_LETTERS = 14;

/** The picture fills its place, and lies on the page's own ground. */
const SHADOW_STYLE = `
  svg { display: block; width: 100%; height: 100% }
  .paper { visibility: hidden }
`;

export class ChartPane {
  readonly #stage = get('stage');
  readonly #shadow: ShadowRoot;
  readonly #message = get('stage-message');
  readonly #path = get('chart-path');
  readonly #where = get('chart-states');
  readonly #status = get('chart-status');
  readonly #lead = get<HTMLButtonElement>('lead-active');
  readonly #pictures: Pictures;
  readonly #nonce: string;
  readonly #read = new Map<string, Promise<Picture | null>>();
  #picture: Picture | null = null;
  #camera: Camera | null = null;
  #key: string | null = null;
  #leading: Lead = 'fit';
  #marked: { readonly element: Element; readonly name: string }[] = [];
  #active = '';
  /** The states that the camera looks at: where the last step led. */
  #focus: readonly string[] = [];

  constructor(pictures: Pictures) {
    this.#pictures = pictures;
    this.#nonce = document.querySelector<HTMLElement>('style[nonce]')?.nonce ?? '';
    this.#shadow = get('picture').attachShadow({ mode: 'open' });
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(SHADOW_STYLE);
    this.#shadow.adoptedStyleSheets = [sheet];
    this.#listen();
    new ResizeObserver(() => {
      this.#resize();
      this.#aim(false);
    }).observe(this.#stage);
  }

  /** Forgets every picture: another server may draw others. */
  reset(): void {
    this.#read.clear();
    this.#key = null;
  }

  fit(): void {
    this.#leading = 'fit';
    this.#aim(true);
  }

  followActive(): void {
    this.#leading = this.#leading === 'active' ? 'fit' : 'active';
    this.#aim(true);
  }

  zoom(factor: number): void {
    if (this.#leading === 'fit') this.#byHand();
    this.#camera?.zoom(factor);
  }

  pan(dx: number, dy: number): void {
    this.#byHand();
    this.#camera?.pan(dx, dy);
  }

  paint(view: View): void {
    const { lane, standing } = view;
    this.#show(lane?.chart ?? null);
    setText(this.#path, lane === null ? '' : path(lane).slice(0, 200));
    const states = standing?.state.states ?? [];
    const inside = leaves(states).map(shortState).join(', ').slice(0, 300);
    setText(this.#where, inside);
    if (this.#where.title !== inside) this.#where.title = inside;
    const status = standing === null ? (lane === null ? '' : 'not yet born') : words[standing.state.status];
    setText(this.#status, status);
    this.#status.dataset.status = standing?.state.status ?? 'unborn';
    if (this.#picture !== null) this.#mark(this.#picture, standing);
    const message =
      lane === null
        ? 'Waiting for an actor\nGive the inspect of this view to createClient or createActor'
        : lane.chart === null
          ? `${lane.name.slice(0, 80)} is a promise or a callback: it has no chart`
          : this.#key !== null && this.#picture === null
            ? 'Drawing…'
            : '';
    setText(this.#message, message);
    this.#message.hidden = message === '';
  }

  #show(key: string | null): void {
    if (key === this.#key) return;
    this.#key = key;
    this.#picture = null;
    this.#camera = null;
    this.#marked = [];
    this.#active = '';
    this.#shadow.replaceChildren();
    if (key === null) return;
    let read = this.#read.get(key);
    if (read === undefined) {
      read = this.#pictures(key).then(
        (source) => pictureOf(source, this.#nonce),
        () => null,
      );
      this.#read.set(key, read);
    }
    read
      .catch(() => null)
      .then((picture) => {
        if (this.#key !== key) return;
        if (picture === null) {
          setText(this.#message, 'There is no picture of this machine');
          this.#read.delete(key);
          return;
        }
        this.#picture = picture;
        this.#shadow.replaceChildren(picture.svg);
        followTheme(picture.svg);
        this.#camera = new Camera(picture.svg, picture.page);
        this.#resize();
        this.#camera.fit(false);
        this.#leading = this.#camera.fits ? 'fit' : 'active';
        this.#stage.dispatchEvent(new Event('drawn', { bubbles: true }));
      });
  }

  #mark(picture: Picture, standing: Standing | null): void {
    const states = standing?.state.states ?? [];
    const taken = standing?.last?.taken ?? [];
    const wanted = [
      ...states.flatMap((id) => (picture.states.get(id) ?? []).map((element) => ({ element, name: 'active' }))),
      ...taken.flatMap((id) => (picture.transitions.get(id) ?? []).map((element) => ({ element, name: 'taken' }))),
    ];
    const same =
      wanted.length === this.#marked.length &&
      wanted.every(({ element, name }, i) => this.#marked[i]?.element === element && this.#marked[i]?.name === name);
    if (!same) {
      for (const { element, name } of this.#marked) element.classList.remove(name);
      for (const { element, name } of wanted) element.classList.add(name);
      this.#marked = wanted;
    }
    const active = leaves(states).join(' ');
    if (active === this.#active) return;
    const first = this.#active === '';
    this.#active = active;
    this.#focus = focusOf(standing);
    this.#aim(!first);
  }

  /** Points the camera where it is led to. */
  #aim(glide: boolean): void {
    this.#lead.ariaPressed = String(this.#leading === 'active');
    if (this.#camera === null) return;
    if (this.#leading === 'fit') this.#camera.fit(glide);
    if (this.#leading !== 'active') return;
    const box = this.#focusBox();
    if (box === null) this.#camera.fit(glide);
    else this.#camera.show(box, glide);
  }

  #focusBox(): Box | null {
    const picture = this.#picture;
    if (picture === null) return null;
    const boxes = this.#focus
      .flatMap((id) => picture.states.get(id) ?? [])
      .map((element) => boxOf(picture.svg, element))
      .filter((box) => box !== null);
    if (boxes.length === 0) return null;
    const x = Math.min(...boxes.map((box) => box.x));
    const y = Math.min(...boxes.map((box) => box.y));
    const right = Math.max(...boxes.map((box) => box.x + box.width));
    const bottom = Math.max(...boxes.map((box) => box.y + box.height));
    return { x, y, width: right - x, height: bottom - y };
  }

  #resize(): void {
    const letters = Number.parseFloat(getComputedStyle(document.documentElement).fontSize);
    this.#camera?.resize(this.#stage.clientWidth, this.#stage.clientHeight, letters / USUAL_LETTERS);
  }

  #byHand(): void {
    this.#leading = 'hand';
    this.#lead.ariaPressed = 'false';
  }

  #listen(): void {
    const stage = this.#stage;
    const fingers = new Map<number, { x: number; y: number }>();
    const place = ({ clientX, clientY }: MouseEvent) => {
      const { left, top } = stage.getBoundingClientRect();
      return { x: clientX - left, y: clientY - top };
    };
    stage.addEventListener(
      'wheel',
      (event) => {
        event.preventDefault();
        this.#byHand();
        // A line is about 16 pixels; a wheel that turns by pixels is a finger on glass, whose sideways moves pan.
        const unit = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 16 : 1;
        if (event.shiftKey) this.#camera?.pan(-(event.deltaX || event.deltaY) * unit, 0);
        else this.#camera?.zoom(Math.exp((-event.deltaY * unit) / (event.ctrlKey ? 120 : 500)), place(event));
      },
      { passive: false },
    );
    stage.addEventListener('pointerdown', (event) => {
      if (event.button !== 0) return;
      stage.setPointerCapture(event.pointerId);
      stage.classList.add('dragged');
      fingers.set(event.pointerId, place(event));
    });
    stage.addEventListener('pointermove', (event) => {
      const before = fingers.get(event.pointerId);
      if (before === undefined) return;
      const now = place(event);
      const other = [...fingers].find(([id]) => id !== event.pointerId)?.[1];
      fingers.set(event.pointerId, now);
      this.#byHand();
      if (other === undefined) {
        this.#camera?.pan(now.x - before.x, now.y - before.y);
        return;
      }
      const distance = ({ x, y }: { x: number; y: number }) => Math.hypot(x - other.x, y - other.y) || 1;
      this.#camera?.pan((now.x - before.x) / 2, (now.y - before.y) / 2);
      this.#camera?.zoom(distance(now) / distance(before), { x: (now.x + other.x) / 2, y: (now.y + other.y) / 2 });
    });
    for (const end of ['pointerup', 'pointercancel'] as const) {
      stage.addEventListener(end, ({ pointerId }) => {
        fingers.delete(pointerId);
        if (fingers.size === 0) stage.classList.remove('dragged');
      });
    }
    stage.addEventListener('dblclick', () => this.fit());
  }
}

/** Where the last step led; without any, the innermost of all active states. */
function focusOf(standing: Standing | null): readonly string[] {
  if (standing === null) return [];
  const active = leaves(standing.state.states);
  const before = new Set(standing.before?.states);
  const arrived = active.filter((id) => !before.has(id));
  const [first] = arrived.length > 0 ? arrived : active;
  if (first === undefined) return [];
  const depth = (id: string) => id.split('.').length;
  return [(arrived.length > 0 ? arrived : active).reduce((a, b) => (depth(b) > depth(a) ? b : a), first)];
}

/** By itself the picture follows the theme of the system; here it follows that of the page. */
function followTheme(svg: SVGSVGElement): void {
  for (const { sheet } of svg.querySelectorAll('style')) {
    const rules = sheet === null ? [] : [...sheet.cssRules];
    for (const [place, rule] of [...rules.entries()].reverse()) {
      if (!(rule instanceof CSSMediaRule) || !rule.conditionText.includes('dark')) continue;
      for (const dark of rule.cssRules) {
        if (!(dark instanceof CSSStyleRule)) continue;
        const light = rules.find((one) => one instanceof CSSStyleRule && one.selectorText === dark.selectorText);
        if (!(light instanceof CSSStyleRule)) continue;
        for (const name of dark.style) {
          const [one, other] = [light, dark].map(({ style }) => style.getPropertyValue(name).trim());
          light.style.setProperty(name, `light-dark(${one}, ${other})`);
        }
      }
      sheet?.deleteRule(place);
    }
  }
}

const words = { active: 'running', done: 'ended', error: 'failed', stopped: 'stopped' } as const;

function pictureOf(source: string, nonce: string): Picture {
  const svg = parsePicture(source, nonce);
  const [x = 0, y = 0, width = 0, height = 0] = (svg.getAttribute('viewBox') ?? '').split(/[ ,]+/).map(Number);
  const page =
    width > 0 && height > 0
      ? { x, y, width, height }
      : {
          x: 0,
          y: 0,
          width: Number(svg.getAttribute('width')) || 800,
          height: Number(svg.getAttribute('height')) || 600,
        };
  svg.removeAttribute('width');
  svg.removeAttribute('height');
  return { svg, page, states: byName(svg, 'data-state'), transitions: byName(svg, 'data-transition') };
}

/** Elements by what an attribute of theirs says; one transition may be drawn in several places. */
function byName(svg: SVGSVGElement, attribute: string): Map<string, Element[]> {
  const found = new Map<string, Element[]>();
  for (const element of svg.querySelectorAll(`[${attribute}]`)) {
    const name = element.getAttribute(attribute) as string;
    const known = found.get(name);
    if (known === undefined) found.set(name, [element]);
    else known.push(element);
  }
  return found;
}

/** Where an element is, in units of the picture. */
function boxOf(svg: SVGSVGElement, element: Element): Box | null {
  const matrix = svg.getScreenCTM()?.inverse();
  const { left, top, right, bottom } = element.getBoundingClientRect();
  if (matrix === undefined || right <= left) return null;
  const from = new DOMPoint(left, top).matrixTransform(matrix);
  const to = new DOMPoint(right, bottom).matrixTransform(matrix);
  return { x: from.x, y: from.y, width: to.x - from.x, height: to.y - from.y };
}
