/** The keys of the page. They keep out of the way of typing, and of what has the focus and uses a key itself. */

/** What keys can do. */
export interface Commands {
  step(by: number): void;
  first(): void;
  last(): void;
  toggleFollow(): void;
  search(): void;
  fit(): void;
  followActive(): void;
  zoom(factor: number): void;
  pan(dx: number, dy: number): void;
  neighbour(by: number): void;
  help(): void;
}

/** Pixels that a key moves a chart. */
const MOVE = 60;

const STEPS: Readonly<Record<string, number>> = { ArrowLeft: -1, ArrowRight: 1 };

/** Listens to the keys of the whole page. */
export function listenToKeys(commands: Commands): void {
  const actions: Readonly<Record<string, () => void>> = {
    Home: commands.first,
    End: commands.last,
    ' ': commands.toggleFollow,
    '/': commands.search,
    f: commands.fit,
    c: commands.followActive,
    '+': () => commands.zoom(1.25),
    '=': () => commands.zoom(1.25),
    '-': () => commands.zoom(0.8),
    w: () => commands.pan(0, MOVE),
    s: () => commands.pan(0, -MOVE),
    a: () => commands.pan(MOVE, 0),
    d: () => commands.pan(-MOVE, 0),
    '[': () => commands.neighbour(-1),
    ']': () => commands.neighbour(1),
    '?': commands.help,
  };
  document.addEventListener('keydown', (event) => {
    if (event.defaultPrevented || event.metaKey || (event.ctrlKey && !event.altKey)) return;
    // On many keyboards, brackets are typed with Alt or with AltGr, which may count as Control and Alt.
    if (event.altKey && event.key !== '[' && event.key !== ']') return;
    if (document.querySelector('dialog[open]') !== null) return;
    const target = event.target as Element;
    if (target.matches('input[type=search]')) {
      if (event.key === 'Escape') (target as HTMLElement).blur();
      return;
    }
    if (event.key === ' ' && target.matches('button, a, input, summary')) return;
    if (event.key === 'c' && target.id === 'wire') return;
    const by = STEPS[event.key];
    const action = by === undefined ? actions[event.key] : () => commands.step(event.shiftKey ? 10 * by : by);
    if (action === undefined) return;
    event.preventDefault();
    action();
  });
}
