/**
 * Panes that share a place: tabs, of which a wide page shows all side by side. All of them are reached by Tab, since the
 * arrows move in time wherever the focus is.
 */

/** Makes every list of tabs on the page work; `changed` is called when another pane is shown. */
export function listenToPanels(changed: () => void): void {
  for (const list of document.querySelectorAll<HTMLElement>('[data-panels]')) {
    const tabs = [...list.querySelectorAll<HTMLButtonElement>('[role=tab]')];
    const choose = (chosen: HTMLButtonElement) => {
      for (const tab of tabs) {
        const on = tab === chosen;
        tab.ariaSelected = String(on);
        document.getElementById(tab.getAttribute('aria-controls') ?? '')?.classList.toggle('behind', !on);
      }
      changed();
    };
    for (const tab of tabs) tab.addEventListener('click', () => choose(tab));
    // Not every browser lets the keyboard into what scrolls.
    for (const panel of list.parentElement?.querySelectorAll<HTMLElement>('.scroll') ?? []) panel.tabIndex = 0;
    choose(tabs[0] as HTMLButtonElement);
  }
}
