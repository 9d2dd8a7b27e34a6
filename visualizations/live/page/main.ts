/** The page: takes frames in as they come, and paints what changed once a picture of the screen. */
import type { Frame, Greeting, Order } from '../world.ts';
import { ChartPane } from './chart.ts';
import { Details } from './details.ts';
import { get, setText } from './dom.ts';
import { FactsPane, factsOf } from './facts.ts';
import { listenToKeys } from './keys.ts';
import type { Lane } from './lanes.ts';
import { Log } from './log.ts';
import { listenToPanels } from './panels.ts';
import { type Contact, follow, replay, savedRecording } from './source.ts';
import { listenToTheme } from './theme.ts';
import { Timeline } from './timeline.ts';
import { View } from './view.ts';
import { Wire } from './wire.ts';

/** Milliseconds of a picture that are spent on new frames, and on looking for what is listed. */
const TAKING_IN = 6;
const LOOKING = 4;
/** Frames that may wait to be taken in; a page in the background paints nothing, but goes on listening. */
const WAITING = 4_096;
/** Milliseconds between two pictures of a countdown. */
const TICK = 100;

let view = new View({}, 1, null);
let control: string | null = null;
let contact: Contact = 'connecting';
let waiting: { readonly frame: Frame; readonly weight: number }[] = [];
let taken = 0;
let scheduled = false;
let ticking = false;
let announced = '';

const saved = savedRecording();

function schedule(): void {
  if (scheduled) return;
  scheduled = true;
  requestAnimationFrame(paint);
}

const goTo = (n: number | null): void => {
  if (n === null) return;
  view.goTo(n);
  schedule();
};

const followLive = (): void => {
  view.follow();
  schedule();
};

const select = (lane: Lane): void => {
  view.lane = lane;
  schedule();
};

/** Goes to a frame that somebody pointed at, and to its actor. */
const pick = (n: number): void => {
  const lane = view.lanes.of(view.recording.at(n)?.actor ?? '');
  if (lane !== undefined && view.recording.at(n)?.kind !== 'wire') view.lane = lane;
  goTo(n);
};

const step = (by: number): void => goTo(log.stepFrom(view.cursor, by));

const log = new Log(view, pick, schedule);
const wire = new Wire(view, pick, schedule);
const details = new Details();
const facts = new FactsPane(order);
const timeline = new Timeline(() => view, select, goTo, schedule);
const chart = new ChartPane((key) => source.picture(key));

const source = (saved === null ? follow : (listener: Parameters<typeof follow>[0]) => replay(saved, listener))({
  greeting,
  frames,
  contact: (now) => {
    contact = now;
    schedule();
  },
});

/** Begins from scratch, looking at what was looked at before. */
function greeting({ world, limit, control: allowed }: Greeting): void {
  control = allowed;
  waiting = [];
  taken = 0;
  view = new View(world, limit, view.lane?.actors.at(-1) ?? null);
  log.show(view);
  wire.show(view);
  chart.reset();
  schedule();
}

function frames(list: readonly Frame[], length: number): void {
  const weight = length / Math.max(1, list.length);
  for (const frame of list) waiting.push({ frame, weight });
  if (saved !== null || waiting.length - taken > WAITING) takeIn(Number.POSITIVE_INFINITY);
  schedule();
}

function takeIn(deadline: number): void {
  while (taken < waiting.length) {
    const { frame, weight } = waiting[taken++] as (typeof waiting)[number];
    view.push(frame, weight);
    if (taken % 64 === 0 && performance.now() >= deadline) break;
  }
  if (taken === waiting.length) {
    waiting = [];
    taken = 0;
  }
  view.trim();
}

function paint(): void {
  scheduled = false;
  takeIn(performance.now() + TAKING_IN);
  const more = [log.advance(performance.now() + LOOKING), wire.advance(performance.now() + LOOKING)].includes(true);
  chart.paint(view);
  timeline.paint();
  log.paint();
  wire.paint();
  details.paint(view);
  const counting = facts.paint(view, control !== null && contact === 'live');
  paintStatus();
  if (more || taken < waiting.length) schedule();
  if (!counting || ticking) return;
  ticking = true;
  setTimeout(() => {
    ticking = false;
    schedule();
  }, TICK);
}

const CONTACTS = {
  connecting: 'Connecting…',
  live: 'Live',
  lost: 'Connection lost, trying again…',
  saved: 'Saved recording',
} as const;

function paintStatus(): void {
  const { following, lane, recording } = view;
  const roots = view.lanes.all.filter(({ parent }) => parent === null);
  const over =
    roots.length > 0 &&
    roots.every(({ actors }) => actors.every((actor) => recording.tip.get(actor)?.state.status !== 'active'));
  const state = contact === 'live' && over ? 'over' : contact;
  const status = get('status');
  status.dataset.contact = state;
  setText(status, state === 'over' ? 'All actors ended' : CONTACTS[contact]);
  document.body.dataset.contact = contact;

  const button = get<HTMLButtonElement>('follow');
  button.ariaPressed = String(following);
  button.hidden = contact === 'saved';
  setText(get('follow-text'), following ? 'Following' : 'Follow');
  const empty = lane === null;
  document.body.classList.toggle('empty', empty);
  for (const id of ['step-first', 'step-back', 'step-on', 'step-last']) {
    get<HTMLButtonElement>(id).disabled = recording.end === 0;
  }
  announce();
}

/** Tells who cannot see it what matters: contact with the server, and the phase of the connection. Nothing else speaks. */
function announce(): void {
  const phase = view.following ? factsOf(view.lane?.root ?? null, view.world)?.phase : undefined;
  const text = contact === 'lost' ? CONTACTS.lost : typeof phase === 'string' ? `Client ${phase.slice(0, 40)}` : '';
  if (text === announced || text === '') return;
  announced = text;
  setText(get('announcer'), text);
}

async function order(action: Order['action']): Promise<void> {
  const { lane } = view;
  if (lane === null || control === null) return;
  const body: Order = { actor: lane.root, action };
  const headers = { 'content-type': 'application/json', 'x-control': control };
  const answer = await fetch('control', { method: 'POST', headers, body: JSON.stringify(body) }).catch(() => null);
  if (!answer?.ok) setText(get('announcer'), `The server did not ${action} the client`);
  followLive();
}

const help = get<HTMLDialogElement>('help');

const commands = {
  step,
  first: () => goTo(view.recording.first),
  last: () => goTo(view.recording.end - 1),
  toggleFollow: () => (view.following ? goTo(view.cursor) : followLive()),
  search: () => {
    get('panel-log').click();
    get<HTMLInputElement>('search').focus();
    get<HTMLInputElement>('search').select();
  },
  fit: () => chart.fit(),
  followActive: () => chart.followActive(),
  zoom: (factor: number) => chart.zoom(factor),
  pan: (dx: number, dy: number) => chart.pan(dx, dy),
  neighbour: (by: number) => timeline.neighbour(by),
  help: () => help.showModal(),
};

const buttons: Readonly<Record<string, () => void>> = {
  'step-first': commands.first,
  'step-back': () => step(-1),
  'step-on': () => step(1),
  'step-last': commands.last,
  follow: commands.toggleFollow,
  fit: commands.fit,
  'lead-active': commands.followActive,
  'zoom-in': () => chart.zoom(1.25),
  'zoom-out': () => chart.zoom(0.8),
  'help-open': commands.help,
  'help-close': () => help.close(),
};
for (const [id, action] of Object.entries(buttons)) get(id).addEventListener('click', action);

help.addEventListener('click', ({ target }) => {
  if (target === help) help.close();
});
get('stage').addEventListener('drawn', schedule);
get('save').hidden = saved !== null;
listenToPanels(schedule);
listenToTheme(schedule);
listenToKeys(commands);
