/**
 * How wide a text is, without a browser. The widths are those of Liberation Sans, which has the metrics of Arial and of
 * Helvetica, so that what is measured here is what nearly everybody sees.
 */

export type Weight = 'regular' | 'bold';

/** Advance widths of U+0020 to U+007E in thousandths of the font size. */
// biome-ignore format: a table
const WIDTHS: Readonly<Record<Weight, readonly number[]>> = {
  regular: [
    278, 278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 584, 278, 333, 278, 278, 556, 556, 556, 556, 556, 556, 556, 556,
    556, 556, 278, 278, 584, 584, 584, 556, 1015, 667, 667, 722, 722, 667, 611, 778, 722, 278, 500, 667, 556, 833, 722, 778,
    667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 278, 278, 278, 469, 556, 333, 556, 556, 500, 556, 556, 278, 556,
    556, 222, 222, 500, 222, 833, 556, 556, 556, 556, 333, 500, 278, 556, 500, 722, 500, 500, 500, 334, 260, 334, 584,
  ],
  bold: [
    278, 333, 474, 556, 556, 889, 722, 238, 333, 333, 389, 584, 278, 333, 278, 278, 556, 556, 556, 556, 556, 556, 556, 556,
    556, 556, 333, 333, 584, 584, 584, 611, 975, 722, 722, 722, 722, 667, 611, 778, 722, 278, 556, 722, 611, 833, 722, 778,
    667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 333, 278, 333, 584, 556, 333, 556, 611, 556, 611, 556, 333, 611,
    611, 278, 278, 556, 278, 889, 611, 611, 611, 611, 389, 556, 333, 611, 556, 778, 556, 556, 500, 389, 280, 389, 584,
  ],
};

const ELLIPSIS = '…';

/** Characters of a text that are looked at; nobody reads more in a box. */
const LONGEST = 500;

/** The width of `text` in pixels at `size` pixels. */
export function textWidth(text: string, size: number, weight: Weight = 'regular'): number {
  let thousandths = 0;
  for (const character of text) thousandths += advance(character.codePointAt(0) as number, weight);
  return (thousandths * size) / 1000;
}

/** What can be drawn of a text: one line, and nothing that XML forbids or that turns the direction of what follows. */
export function drawable(text: string): string {
  const bounded = text.length > LONGEST ? text.slice(0, LONGEST) : text;
  return bounded
    .replace(/[\s\u0085]+/gu, ' ')
    .replace(/[\p{Cc}\p{Cs}\uFFFE\uFFFF\u061C\u200B\u200E\u200F\u202A-\u202E\u2060\u2066-\u2069\uFEFF]/gu, '\uFFFD')
    .trim();
}

/** As much of `text` as fits into `width` pixels, with an ellipsis if that is not all. */
export function truncate(text: string, width: number, size: number, weight: Weight = 'regular'): string {
  if (textWidth(text, size, weight) <= width) return text;
  const room = width - textWidth(ELLIPSIS, size, weight);
  let kept = '';
  let used = 0;
  for (const character of text) {
    used += textWidth(character, size, weight);
    if (used > room) break;
    kept += character;
  }
  return `${kept.trimEnd()}${ELLIPSIS}`;
}

/** Lines of at most `width` pixels, broken at spaces; a word that is too long is truncated, and so is what is left after `most` lines. */
export function wrap(text: string, width: number, size: number, most: number): readonly string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    const longer = line === '' ? word : `${line} ${word}`;
    if (line === '' || lines.length === most - 1 || textWidth(longer, size) <= width) {
      line = longer;
    } else {
      lines.push(line);
      line = word;
    }
  }
  return [...lines, line].map((each) => truncate(each, width, size));
}

function advance(code: number, weight: Weight): number {
  if (code >= 0x20 && code <= 0x7e) return WIDTHS[weight][code - 0x20] as number;
  if (code < 0x20) return 0;
  if (isCombining(code)) return 0;
  if (isWide(code)) return 1000;
  // Letters of other alphabets are about as wide as ours.
  return weight === 'bold' ? 640 : 600;
}

const isCombining = (code: number): boolean =>
  code === 0x200d || (code >= 0xfe00 && code <= 0xfe0f) || /\p{M}/u.test(String.fromCodePoint(code));

/** East Asian letters, emoji, arrows and other signs that fill a square. */
const isWide = (code: number): boolean =>
  (code >= 0x1100 && code <= 0x115f) ||
  code === 0x2014 ||
  code === 0x2026 ||
  (code >= 0x2190 && code <= 0x2bff) ||
  (code >= 0x2e80 && code <= 0xa4cf) ||
  (code >= 0xac00 && code <= 0xd7a3) ||
  (code >= 0xf900 && code <= 0xfaff) ||
  (code >= 0xfe30 && code <= 0xfe6f) ||
  (code >= 0xff00 && code <= 0xff60) ||
  code === 0xfffd ||
  code >= 0x1f000;
