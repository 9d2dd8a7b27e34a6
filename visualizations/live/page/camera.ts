/** What part of a picture is seen: a middle and a scale, moved by hand or by what happens. */

/** A rectangle, in units of the picture. */
export interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** How the camera is led: shows everything, keeps what is active in sight, or stays where somebody put it. */
export type Lead = 'fit' | 'active' | 'hand';

/** Pixels a unit. */
const NEAREST = 4;
const FURTHEST = 0.05;
/** Beyond this a picture is not magnified without being asked to. */
const NATURAL = 1.25;
/** The scale at which a part is shown, until somebody wants another. */
const READING = 0.85;
/** Below this scale letters cannot be read. */
const READABLE = 0.62;
/** Units around the picture that may be seen when a part of it is shown. */
const MARGIN = 24;
/** Milliseconds that the camera takes to get somewhere. */
const GLIDE = 260;

const calm = matchMedia('(prefers-reduced-motion: reduce)');

export class Camera {
  readonly #svg: SVGSVGElement;
  readonly #page: Box;
  #room = { width: 0, height: 0 };
  #at = { x: 0, y: 0, scale: 1 };
  #glide = 0;
  #reading = READING;
  #pixel = 1;

  /** `page` is all of the picture. */
  constructor(svg: SVGSVGElement, page: Box) {
    this.#svg = svg;
    this.#page = page;
  }

  /** All of the picture is seen and can be read. */
  get fits(): boolean {
    return this.fitting >= READABLE * this.#pixel;
  }

  /** The scale at which everything is seen. */
  get fitting(): number {
    const { width, height } = this.#room;
    return clamp(Math.min(width / this.#page.width, height / this.#page.height, NATURAL * this.#pixel));
  }

  /** Says how many pixels there are, and how much larger than usual the letters of the page are. */
  resize(width: number, height: number, pixel: number): void {
    this.#room = { width, height };
    this.#reading *= pixel / this.#pixel;
    this.#pixel = pixel;
    this.#apply();
  }

  /** Shows all of the picture. */
  fit(glide = true): void {
    this.#go({ ...middleOf(this.#page), scale: this.fitting }, glide);
  }

  /** Shows a part of the picture at a size that can be read. */
  show(box: Box, glide = true): void {
    const { width, height } = this.#room;
    const whole = Math.min(width / (box.width + 2 * MARGIN), height / (box.height + 2 * MARGIN));
    const scale = Math.max(Math.min(this.#reading, whole), this.fitting);
    const { x, y } = middleOf(box);
    const page = this.#page;
    const to = {
      x: within(x, page.x, page.width, width / scale),
      y: within(y, page.y, page.height, height / scale),
      scale,
    };
    this.#go(to, glide);
  }

  /** Magnifies by a factor around a point, in pixels from the corner; by default around the middle. */
  zoom(factor: number, point = { x: this.#room.width / 2, y: this.#room.height / 2 }): void {
    this.#stop();
    const { x, y, scale } = this.#at;
    const next = clamp(scale * factor);
    this.#reading = next;
    const [dx, dy] = [point.x - this.#room.width / 2, point.y - this.#room.height / 2];
    this.#at = { x: x + dx / scale - dx / next, y: y + dy / scale - dy / next, scale: next };
    this.#apply();
  }

  /** Moves what is seen, in pixels. */
  pan(dx: number, dy: number): void {
    this.#stop();
    const { x, y, scale } = this.#at;
    this.#at = { x: x - dx / scale, y: y - dy / scale, scale };
    this.#apply();
  }

  #go(to: { readonly x: number; readonly y: number; readonly scale: number }, glide: boolean): void {
    this.#stop();
    const from = this.#at;
    const near = Math.abs(from.x - to.x) + Math.abs(from.y - to.y) < 1 && Math.abs(from.scale - to.scale) < 0.001;
    if (!glide || near || calm.matches) {
      this.#at = to;
      this.#apply();
      return;
    }
    let begun = -1;
    const frame = (now: number) => {
      if (begun < 0) begun = now;
      const done = Math.min(1, (now - begun) / GLIDE);
      const eased = 1 - (1 - done) ** 3;
      this.#at = {
        x: from.x + (to.x - from.x) * eased,
        y: from.y + (to.y - from.y) * eased,
        scale: from.scale * (to.scale / from.scale) ** eased,
      };
      this.#apply();
      this.#glide = done < 1 ? requestAnimationFrame(frame) : 0;
    };
    this.#glide = requestAnimationFrame(frame);
  }

  #stop(): void {
    cancelAnimationFrame(this.#glide);
    this.#glide = 0;
  }

  #apply(): void {
    // The picture stays in reach, however far somebody drags it.
    const { x: left, y: top, width: across, height: down } = this.#page;
    const x = Math.max(left, Math.min(left + across, this.#at.x));
    const y = Math.max(top, Math.min(top + down, this.#at.y));
    const { scale } = this.#at;
    this.#at = { x, y, scale };
    const [width, height] = [this.#room.width / scale, this.#room.height / scale];
    if (width > 0 && height > 0) {
      this.#svg.setAttribute('viewBox', `${x - width / 2} ${y - height / 2} ${width} ${height}`);
    }
  }
}

const clamp = (scale: number): number => Math.max(FURTHEST, Math.min(NEAREST, scale));

/** The middle of what is seen, as near to `middle` as leaves little beside the picture in sight. */
function within(middle: number, from: number, length: number, seen: number): number {
  if (seen >= length + 2 * MARGIN) return from + length / 2;
  return Math.max(from - MARGIN + seen / 2, Math.min(from + length + MARGIN - seen / 2, middle));
}

const middleOf = ({ x, y, width, height }: Box) => ({ x: x + width / 2, y: y + height / 2 });
