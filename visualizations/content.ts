/**
 * What is written in the boxes and on the lines of a chart, set in lines of text: sizes and places only, no look.
 * Everything is measured by `text`.
 */
import type { ChartAction, ChartState, ChartTransition, TransitionKind } from './chart.ts';
import type { Inside, Leg } from './routes.ts';
import { drawable, textWidth, truncate, wrap } from './text.ts';

/** What a run of text says, which decides its look. */
export type Tone = 'name' | 'tag' | 'spec' | 'note' | 'keyword' | 'event' | 'guard' | 'action' | 'target';

export interface Run {
  readonly text: string;
  readonly tone: Tone;
}

export type Icon = TransitionKind | 'forbidden' | 'loop';

/** Words on one line that stay together, at a place relative to its block. */
export interface Word {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly icon: Icon | null;
  readonly runs: readonly Run[];
  /** The id of the transition that it stands for alone, in an entry of several. */
  readonly transition: string | null;
  /** All of it, if it is shortened. */
  readonly full: string | null;
}

/** A row, a chip, or one of the texts at the head of a box. */
export interface Entry {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  readonly look: 'title' | 'badge' | 'note' | 'row' | 'chip' | 'label';
  readonly kind: TransitionKind | null;
  /** The ids of the transitions that it stands for. */
  readonly transitions: readonly string[];
  readonly words: readonly Word[];
}

export interface Block {
  readonly width: number;
  readonly height: number;
  readonly entries: readonly Entry[];
}

export const LINE = 16;
const GAP = 4;
const ICON = 12;
const PAD = 5;
/** What is no longer than this is not shortened, even if its box becomes wider for it. */
const LONGEST_WORD = 280;
/** A cause and its guard may be parted where there is less room. */
const TOGETHER = 150;
/** Between chips that follow each other. */
const LEAD = 3;

/** Pixels of a font by what it says. */
export const SIZES: Readonly<Record<Tone, number>> = {
  name: 13.5,
  tag: 11,
  spec: 11,
  note: 12,
  keyword: 12,
  event: 12,
  guard: 12,
  action: 12,
  target: 12,
};

const isBold = (tone: Tone): boolean => tone === 'name' || tone === 'event' || tone === 'target';

/** What is written in a state: name, tags and standard, then what it is, does and hears; at most `room` pixels wide. */
export function stateBlock(state: ChartState, inside: readonly Inside[], room: number, columns: boolean): Block {
  const head = titleOf(state, room);
  const facts = [
    ...factsOf('entry', state.entry),
    ...factsOf('exit', state.exit),
    ...state.invoke.map(({ id, src }) => [
      word([run('invoke', 'keyword')]),
      word([run(src === id || isAnonymous(id) ? src : `${id}: ${src}`, 'action')]),
    ]),
  ].map((words) => ({ look: 'row' as const, kind: null, transitions: [], words }));
  const heard = entriesOf(inside, (one) => (one.target === null ? 'row' : 'chip'));
  const body = [
    ...facts,
    ...heard.filter(({ look }) => look === 'row'),
    ...heard.filter(({ look }) => look === 'chip'),
  ];
  const texts = columns ? shelves(body, room) : stack(body, room);
  const below = head.height + (texts.length === 0 ? 0 : 4);
  const entries = [...head.entries, ...texts.map((entry) => ({ ...entry, y: entry.y + below }))];
  return bounds(entries);
}

/** What is written on a line. */
export function labelBlock(legs: readonly Leg[], room: number): Block {
  const said = legs
    .filter(({ within }) => within === null)
    .map(({ transition, place, into }): Inside => ({ transition, place, target: into, loop: false }));
  return bounds(stack([...entriesOf(said, () => 'label'), ...hintsOf(legs)], room));
}

/** Where lines come from that start further inside. The chips there say the rest. */
function hintsOf(legs: readonly Leg[]): Draft[] {
  const sources = new Map<string, ChartTransition[]>();
  for (const { transition, within } of legs) {
    if (within !== null) sources.set(within, [...(sources.get(within) ?? []), transition]);
  }
  return [...sources].map(([source, transitions]) => ({
    look: 'label',
    kind: transitions[0]?.kind ?? null,
    transitions: transitions.map(({ id }) => id),
    words: [word([run(source, 'keyword')]), ...transitions.map(({ kind, id }) => word([], kind, id))],
  }));
}

interface Draft {
  readonly look: Entry['look'];
  readonly kind: TransitionKind | null;
  readonly transitions: readonly string[];
  readonly words: readonly Loose[];
}

/** A word without a place. */
interface Loose {
  readonly icon: Icon | null;
  readonly runs: readonly Run[];
  readonly transition: string | null;
}

const word = (runs: readonly Run[], icon: Icon | null = null, transition: string | null = null): Loose => ({
  icon,
  runs,
  transition,
});

const run = (text: string, tone: Tone): Run => ({ text: drawable(text), tone });

const isAnonymous = (id: string): boolean => /^\d+\./.test(id);

function factsOf(keyword: string, actions: readonly ChartAction[]): Loose[][] {
  if (actions.length === 0) return [];
  return [[word([run(keyword, 'keyword')]), ...actionWords(actions)]];
}

function actionWords(actions: readonly ChartAction[], before: readonly Run[] = []): Loose[] {
  return actions.map(({ name, detail }, index) => {
    const text = detail === null ? name : `${name} ${detail}`;
    const named = run(index < actions.length - 1 ? `${text},` : text, 'action');
    return word(index === 0 ? [...before, named] : [named]);
  });
}

/** Transitions that follow each other and differ by their cause alone share one entry. */
function entriesOf(all: readonly Inside[], look: (one: Inside) => Entry['look']): Draft[] {
  const groups: [Inside, ...Inside[]][] = [];
  for (const one of all) {
    const last = groups.at(-1);
    if (last !== undefined && rest(last[0]) === rest(one)) last.push(one);
    else groups.push([one]);
  }
  return groups.map((group) => {
    const { transition, target, loop } = group[0];
    const alone = group.length === 1;
    const words = [
      ...group.flatMap((one) => causeWords(one, alone ? null : one.transition.id)),
      ...actionWords(transition.actions, [run('/', 'keyword')]),
      ...(transition.forbidden ? [word([run('ignored', 'keyword')], 'forbidden')] : []),
      ...(loop
        ? [word([run('again', 'target')], 'loop')]
        : target === null
          ? []
          : [word([run(`→ ${target}`, 'target')])]),
    ];
    return { look: look(group[0]), kind: transition.kind, transitions: group.map((one) => one.transition.id), words };
  });
}

/** All of an entry but its cause. */
const rest = ({ transition, place, target }: Inside): string => {
  const { kind, actions, targets, reenter, guard } = transition;
  return JSON.stringify([kind, actions, targets, reenter, guard, place, target]);
};

function causeWords({ transition, place }: Inside, id: string | null): Loose[] {
  const { kind, label, guard } = transition;
  const condition = [
    ...(place === null ? [] : [`${place}:`]),
    ...(guard === null ? (place === null ? [] : ['else']) : [guard]),
  ];
  const runs: Run[] = [];
  const event = label === '' && condition.length === 0 ? 'always' : label;
  if (event !== '') runs.push(run(event, 'event'));
  if (condition.length === 0) return [word(runs, kind, id)];
  const asked = run(`[${condition.join(' ')}]`, 'guard');
  const both = word([...runs, asked], kind, id);
  if (runs.length === 0 || widthOf(both) <= TOGETHER - 2 * PAD) return [both];
  return [word(runs, kind, id), word([asked], null, id)];
}

const spaceOf = (tone: Tone): number => textWidth(' ', SIZES[tone]);

function runWidth({ text, tone }: Run): number {
  return textWidth(text, SIZES[tone], isBold(tone) ? 'bold' : 'regular');
}

function widthOf({ icon, runs }: Loose): number {
  const text = runs.reduce((sum, each, index) => sum + runWidth(each) + (index > 0 ? spaceOf(each.tone) : 0), 0);
  return (icon === null ? 0 : ICON + (runs.length > 0 ? GAP - 1 : 0)) + text;
}

/** The word in `room` pixels. */
function fitted(loose: Loose, room: number): Loose & { width: number; full: string | null } {
  const width = widthOf(loose);
  if (width <= room) return { ...loose, width, full: null };
  const runs: Run[] = [];
  let left = room - (loose.icon === null ? 0 : ICON + GAP - 1);
  for (const each of loose.runs) {
    if (runs.length > 0) left -= spaceOf(each.tone);
    const text = truncate(each.text, Math.max(left, 12), SIZES[each.tone], isBold(each.tone) ? 'bold' : 'regular');
    runs.push({ ...each, text });
    left -= runWidth({ ...each, text });
    if (text !== each.text) break;
  }
  const shorter = { ...loose, runs };
  return { ...shorter, width: widthOf(shorter), full: loose.runs.map(({ text }) => text).join(' ') };
}

/** Sets the words of an entry in lines of at most `room` pixels. */
function set(draft: Draft, room: number): Entry {
  const boxed = draft.look === 'chip' || draft.look === 'label';
  const left = boxed ? PAD : 0;
  const top = boxed ? 2 : 0;
  const inner = room - 2 * left;
  const words: Word[] = [];
  let x = 0;
  let y = 0;
  let widest = 0;
  for (const loose of draft.words) {
    const one = fitted(loose, Math.max(inner, LONGEST_WORD));
    if (x > 0 && x + GAP + one.width > inner) {
      x = 0;
      y += LINE;
    }
    const at = x === 0 ? 0 : x + GAP;
    words.push({ ...one, x: left + at, y: top + y });
    x = at + one.width;
    widest = Math.max(widest, x);
  }
  const { look, kind, transitions } = draft;
  return { x: 0, y: 0, width: widest + 2 * left, height: y + LINE + 2 * top, look, kind, transitions, words };
}

function stack(drafts: readonly Draft[], room: number): Entry[] {
  let y = 0;
  let before: Entry | null = null;
  return drafts.map((draft) => {
    const entry = set(draft, room);
    if (before !== null) y += before.look === 'row' && entry.look === 'row' ? 0 : LEAD;
    const placed = { ...entry, y };
    y += entry.height;
    before = placed;
    return placed;
  });
}

/** Side by side as far as there is room. */
function shelves(drafts: readonly Draft[], room: number): Entry[] {
  const placed: Entry[] = [];
  let x = 0;
  let y = 0;
  let high = 0;
  for (const draft of drafts) {
    const entry = set(draft, Math.min(room, 420));
    const space = entry.look === 'row' ? 16 : 6;
    if (x > 0 && x + entry.width > room) {
      x = 0;
      y += high + LEAD;
      high = 0;
    }
    // Rows stand on the same line as chips.
    placed.push({ ...entry, x, y: y + (entry.look === 'row' ? 2 : 0) });
    x += entry.width + space;
    high = Math.max(high, entry.height + (entry.look === 'row' ? 4 : 0));
  }
  return placed;
}

function titleOf(state: ChartState, room: number): Block {
  const draft = (look: Entry['look'], words: Loose[]): Draft => ({ look, kind: null, transitions: [], words });
  const name = { ...set(draft('title', [word([run(state.key, 'name')])]), room), height: LINE + 2 };
  const entries: Entry[] = [name];
  let x = name.width + 8;
  let y = 0;
  const append = (entry: Entry) => {
    if (x + entry.width > room && x > 0) {
      x = 0;
      y += LINE + 2;
    }
    entries.push({ ...entry, x, y: y + 1 });
    x += entry.width + 6;
  };
  const history = state.history === null ? [] : [state.history === 'deep' ? 'H*' : 'H'];
  for (const tag of [...history, ...state.tags]) {
    const badge = set(draft('badge', [word([run(tag, 'tag')])]), room - 12);
    append({ ...badge, width: badge.width + 12, words: badge.words.map((each) => ({ ...each, x: each.x + 6 })) });
  }
  if (state.spec !== null) append(set(draft('title', [word([run(state.spec, 'spec')])]), room));
  y += LINE + 2;
  if (state.description !== null && drawable(state.description) !== '') {
    const text = drawable(state.description);
    for (const line of wrap(text, room, SIZES.note, 3)) {
      const entry = set(draft('note', [word([{ text: line, tone: 'note' }])]), room + 1);
      const full = line.endsWith('…') && !text.endsWith('…') ? text : null;
      entries.push({ ...entry, height: LINE - 1, y, words: entry.words.map((each) => ({ ...each, full })) });
      y += LINE - 1;
    }
  }
  return bounds(entries);
}

function bounds(entries: readonly Entry[]): Block {
  return {
    width: Math.ceil(Math.max(0, ...entries.map(({ x, width }) => x + width))),
    height: Math.ceil(Math.max(0, ...entries.map(({ y, height }) => y + height))),
    entries,
  };
}
