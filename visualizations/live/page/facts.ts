/** What is known of a connection, in a strip, and the buttons that do something to it. */
import type { Json, Order } from '../world.ts';
import { clipped, count, get, h, setText } from './dom.ts';
import type { Standings } from './recording.ts';
import type { View } from './view.ts';

type Facts = { readonly [key: string]: Json };

/** In which phases each button makes sense. */
const USEFUL: { readonly [action in Order['action']]: readonly string[] } = {
  start: ['offline', 'failed'],
  stop: ['connecting', 'online', 'reconnecting'],
  retry: ['reconnecting', 'connecting'],
  drop: ['connecting', 'online', 'reconnecting'],
};

/** What an item of the strip says. */
interface Said {
  readonly main: string;
  readonly more?: string | undefined;
  readonly hint?: string | undefined;
}

/** Label and content of every item, in their order. */
const ITEMS: readonly (readonly [string, (facts: Facts) => Said | null])[] = [
  ['Account', ({ jid, resumed }) => said(text(jid), resumed === true ? 'session resumed' : undefined)],
  [
    'Server',
    ({ endpoint }) => {
      const { host, port, tls } = record(endpoint);
      return said(host === undefined ? '' : `${text(host)}:${text(port)}`, tls === 'direct' ? 'direct TLS' : text(tls));
    },
  ],
  [
    'Encryption',
    ({ tls }) => {
      const { version, alpn, cipher } = record(tls);
      return said(text(version), alpn ? `ALPN ${text(alpn)}` : 'no ALPN', text(cipher));
    },
  ],
  [
    'Login',
    ({ mechanism, channelBinding }) =>
      said(text(mechanism), channelBinding ? `bound to ${text(channelBinding)}` : 'no channel binding'),
  ],
  [
    'Stream management',
    ({ streamManagement, sent, unacked, handled }) => {
      if (typeof streamManagement !== 'object' || streamManagement === null) return null;
      const { resumable, max } = record(streamManagement);
      const how = resumable === true ? `resumable${max ? ` for ${text(max)} s` : ''}` : 'not resumable';
      return said(`${amount(sent)} sent · ${amount(unacked)} open · ${amount(handled)} received`, how);
    },
  ],
  [
    'Queue',
    ({ queued, requests }) => (typeof queued === 'number' ? said(count(queued), `${amount(requests)} requests`) : null),
  ],
];

export class FactsPane {
  readonly #strip = get('facts');
  readonly #phase = get('phase');
  readonly #retry = get('retry');
  readonly #failure = get('failure');
  readonly #controls = get('controls');
  readonly #cells = new Map<string, { readonly box: HTMLElement; readonly main: Element; readonly more: Element }>();
  #shown: Facts | null = null;

  /** `order` is called when a button was pressed. */
  constructor(order: (action: Order['action']) => void) {
    const list = get('fact-list');
    for (const [label] of ITEMS) {
      const [main, more] = [h('span', { class: 'fact-main' }), h('span', { class: 'fact-more' })];
      const box = h('div', { class: 'fact' }, h('dt', { text: label }), h('dd', {}, main, more));
      list.append(box);
      this.#cells.set(label, { box, main, more });
    }
    for (const button of this.#controls.querySelectorAll('button')) {
      button.addEventListener('click', () => order(button.dataset.action as Order['action']));
    }
  }

  /** Whether there is a countdown, which wants to be painted again soon. */
  paint(view: View, controlled: boolean): boolean {
    const { lane, recording, frame, following } = view;
    const facts = factsOf(lane?.root ?? null, view.world);
    const now = factsOf(lane?.root ?? null, recording.tip);
    this.#strip.hidden = facts === null && now === null;
    this.#controls.hidden = !controlled || now === null;
    for (const button of this.#controls.querySelectorAll('button')) {
      const action = button.dataset.action as Order['action'];
      button.disabled = now === null || !USEFUL[action].includes(text(now.phase));
    }
    const shown = facts ?? {};
    if (shown !== this.#shown) {
      this.#shown = shown;
      this.#paintFacts(shown);
    }
    return this.#paintRetry(record(shown.retry), following ? Date.now() : (frame?.at ?? Date.now())) && following;
  }

  #paintFacts(facts: Facts): void {
    const phase = text(facts.phase);
    setText(this.#phase, phase === '' ? 'Not known' : phase.slice(0, 1).toUpperCase() + phase.slice(1));
    this.#phase.dataset.phase = phase;
    for (const [label, say] of ITEMS) {
      const cell = this.#cells.get(label);
      const told = say(facts);
      if (cell === undefined) continue;
      setText(cell.main, told?.main ?? '–');
      setText(cell.more, told?.more ?? '');
      cell.box.title = told?.hint ?? told?.main ?? '';
      cell.box.classList.toggle('blank', told === null);
    }
    const failure = text(facts.failure);
    this.#failure.hidden = failure === '';
    setText(this.#failure, failure);
    this.#failure.title = failure;
  }

  #paintRetry(retry: Facts, now: number): boolean {
    const { at, delay, attempt } = retry;
    const planned = typeof at === 'number';
    this.#retry.hidden = !planned;
    if (!planned) return false;
    const left = Math.max(0, at - now);
    setText(get('retry-when'), left === 0 ? 'now' : `in ${(left / 1000).toFixed(left < 9_950 ? 1 : 0)} s`);
    setText(get('retry-attempt'), typeof attempt === 'number' ? `attempt ${count(attempt)}` : '');
    const done = typeof delay === 'number' && delay > 0 ? 1 - Math.min(1, left / delay) : 1;
    get('retry-bar').style.transform = `scaleX(${done})`;
    return true;
  }
}

/** The latest facts of the client with that root. */
export function factsOf(root: string | null, world: Standings): Facts | null {
  return root === null ? null : (world.get(root)?.state.facts ?? null);
}

function said(main: string, more?: string, hint?: string): Said | null {
  return main === '' ? null : { main, more, hint };
}

const record = (value: Json | undefined): Facts =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Facts) : {};

const text = (value: Json | undefined): string =>
  typeof value === 'string' ? clipped(value, 300) : typeof value === 'number' ? String(value) : '';

const amount = (value: Json | undefined): string => (typeof value === 'number' ? count(value) : '0');
