/** What is to be said of the frame at the cursor, and the context of the chosen actor with what changed. */
import type { ActorState, FactsFrame, Frame, Json, StepFrame, WireFrame } from '../world.ts';
import { get, h, setText } from './dom.ts';
import { jsonList, jsonView } from './json.ts';
import { path } from './lanes.ts';
import { commandLabel, eventLabel, frameLabel, leaves, shortState, toneOf, transitionLabel } from './names.ts';
import { onTheClock, sinceStart } from './time.ts';
import type { View } from './view.ts';
import { linesOf } from './xml.ts';

/** Entries of a list that are shown. */
const MOST = 100;

export class Details {
  readonly #event = get('event');
  readonly #context = get('context');
  readonly #changes = get('context-count');
  #shownFrame: unknown = Symbol('nothing yet');
  #shownState: unknown = Symbol('nothing yet');

  paint(view: View): void {
    this.#paintEvent(view);
    this.#paintContext(view);
  }

  #paintEvent(view: View): void {
    const { frame } = view;
    if (frame === this.#shownFrame) return;
    this.#shownFrame = frame;
    this.#event.replaceChildren(
      ...(frame === undefined ? [h('p', { class: 'void', text: 'Nothing happened yet.' })] : describe(frame, view)),
    );
    this.#event.scrollTop = 0;
  }

  #paintContext({ standing, lane }: View): void {
    const state = standing?.state ?? null;
    const shown = state ?? lane;
    if (shown === this.#shownState) return;
    this.#shownState = shown;
    if (state === null) {
      setText(this.#changes, '');
      this.#context.replaceChildren(h('p', { class: 'void', text: 'Nothing is known of it at this time.' }));
      return;
    }
    const changes = changesOf(standing?.before ?? null, state);
    setText(this.#changes, changes.size > 0 ? String(changes.size) : '');
    const names = [...new Set([...Object.keys(state.context), ...changes.keys()])];
    const rows = names.slice(0, MOST).map((name) => {
      const change = changes.get(name);
      const value = Object.hasOwn(state.context, name)
        ? jsonView(state.context[name])
        : h('span', { class: 'quiet', text: 'gone' });
      const row = h('div', { class: 'entry' }, h('dt', { text: name.slice(0, 200) }), h('dd', {}, value));
      if (change === undefined) return row;
      row.classList.add('changed');
      const was = change.was === undefined ? 'new' : 'was ';
      row.lastElementChild?.append(
        h('div', { class: 'was' }, was, ...(change.was === undefined ? [] : [jsonView(change.was)])),
      );
      return row;
    });
    const parts: HTMLElement[] = [
      rows.length > 0 ? h('dl', { class: 'entries' }, ...rows) : h('p', { class: 'void', text: 'It has no context.' }),
    ];
    if (state.output !== null) parts.push(section('Output', jsonView(state.output)));
    if (state.tags.length > 0) parts.push(section('Tags', chips(state.tags)));
    this.#context.replaceChildren(...parts);
  }
}

/** What each key was before that is other now; undefined for what is new. */
function changesOf(before: ActorState | null, now: ActorState): Map<string, { readonly was: Json | undefined }> {
  const changes = new Map<string, { readonly was: Json | undefined }>();
  if (before === null || before.context === now.context) return changes;
  for (const [name, value] of Object.entries(now.context)) {
    const was = Object.hasOwn(before.context, name) ? before.context[name] : undefined;
    if (was !== value) changes.set(name, { was });
  }
  for (const [name, was] of Object.entries(before.context)) {
    if (!Object.hasOwn(now.context, name)) changes.set(name, { was });
  }
  return changes;
}

function describe(frame: Frame, view: View): HTMLElement[] {
  const { lanes, start } = view;
  const lane = lanes.of(frame.actor);
  const head = h('h3', { class: 'event-title', text: frameLabel(frame) });
  head.dataset.tone = toneOf(frame);
  const time = h('time', {
    text: sinceStart(frame.at, start ?? frame.at),
    title: onTheClock(frame.at),
  });
  const facts: [string, HTMLElement][] = [
    ['Time', time],
    ['Actor', h('span', { text: lane === undefined ? frame.actor : path(lane).slice(0, 300) })],
  ];
  const about =
    frame.kind === 'step'
      ? describeStep(frame, view, facts)
      : frame.kind === 'wire'
        ? [xmlBlock(frame)]
        : frame.kind === 'facts'
          ? [section('Facts', factsBlock(frame))]
          : [];
  const rows = facts.map(([name, value]) => h('div', { class: 'entry' }, h('dt', { text: name }), h('dd', {}, value)));
  return [head, h('dl', { class: 'entries' }, ...rows), ...about];
}

function describeStep(frame: StepFrame, { lanes }: View, facts: [string, HTMLElement][]): HTMLElement[] {
  const { event, from, taken, commands, states, tags, status, output } = frame;
  if (eventLabel(event.type) !== event.type) facts.push(['Type', h('code', { text: event.type.slice(0, 300) })]);
  if (from !== null) facts.push(['From', h('span', { text: (lanes.of(from)?.name ?? from).slice(0, 100) })]);
  if (status !== 'active') facts.push(['Status', h('span', { text: status })]);
  const sections: HTMLElement[] = [];
  if (taken.length > 0) {
    const items = taken.slice(0, MOST).map((id) => {
      const { source, event: cause } = transitionLabel(id);
      return h(
        'li',
        { title: id.slice(0, 300) },
        h('code', { text: source }),
        ' ',
        h('span', { class: 'quiet', text: cause }),
      );
    });
    sections.push(section('Transitions', h('ul', { class: 'plain' }, ...items)));
  }
  const inside = leaves(states).map(shortState);
  if (inside.length > 0) sections.push(section('States', chips(inside)));
  if (commands.length > 0) {
    const nameOf = (actor: string) => lanes.of(actor)?.name ?? actor;
    const items = commands.slice(0, MOST).map((command) => {
      const { name, params } = commandLabel(command, nameOf);
      const told = isEmpty(params) ? [] : [' ', jsonView(params)];
      return h('li', { title: command.type }, h('span', { text: name.slice(0, 200) }), ...told);
    });
    sections.push(section('Commands', h('ul', { class: 'plain' }, ...items)));
  }
  if (!isEmpty(event.payload)) {
    const { payload } = event;
    const nested = typeof payload === 'object' && payload !== null;
    sections.push(section('Payload', nested ? jsonList(payload) : jsonView(payload)));
  }
  if (tags.length > 0) sections.push(section('Tags', chips(tags)));
  if (output !== undefined) sections.push(section('Output', jsonView(output)));
  return sections;
}

function factsBlock({ facts }: FactsFrame): HTMLElement {
  return jsonList(facts);
}

function xmlBlock({ xml }: WireFrame): HTMLElement {
  const lines = linesOf(xml, 56).map(({ depth, tokens }) => {
    const line = h('div', {}, ...tokens.map(({ kind, text }) => h('span', { class: `xml-${kind}`, text })));
    line.style.paddingInlineStart = `${2 * depth}ch`;
    return line;
  });
  return h('pre', { class: 'xml-block' }, ...lines);
}

function section(title: string, content: HTMLElement): HTMLElement {
  return h('section', { class: 'part' }, h('h4', { text: title }), content);
}

function chips(texts: readonly string[]): HTMLElement {
  const items = texts.slice(0, MOST).map((text) => h('li', { class: 'chip', text: text.slice(0, 200) }));
  return h('ul', { class: 'chips' }, ...items);
}

const isEmpty = (value: Json): boolean =>
  value === null || (typeof value === 'object' && Object.keys(value).length === 0);
