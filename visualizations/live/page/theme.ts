/** Light, dark, or as the system likes it. */
import { get } from './dom.ts';

const NEXT = { auto: 'light', light: 'dark', dark: 'auto' } as const;
type Theme = keyof typeof NEXT;

const KEY = 'xstanza-theme';

/** Makes the button work; `changed` is called when the colours did. */
export function listenToTheme(changed: () => void): void {
  const button = get<HTMLButtonElement>('theme');
  const show = (theme: Theme) => {
    document.documentElement.dataset.theme = theme;
    button.ariaLabel = `Theme: ${theme === 'auto' ? 'as the system' : theme}`;
    button.title = button.ariaLabel;
    changed();
  };
  button.addEventListener('click', () => {
    const theme = NEXT[document.documentElement.dataset.theme as Theme];
    keep(theme);
    show(theme);
  });
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', changed);
  show(kept());
}

/** Storage may be closed to a page that was opened from a file. */
function kept(): Theme {
  try {
    const theme = localStorage.getItem(KEY);
    return theme === 'light' || theme === 'dark' ? theme : 'auto';
  } catch {
    return 'auto';
  }
}

function keep(theme: Theme): void {
  try {
    localStorage.setItem(KEY, theme);
  } catch {
    // Then it lasts as long as the page.
  }
}
