// Tabs as the WAI-ARIA practices describe them: arrow keys move, the panel follows.

/**
 * Makes a tablist work.
 * @param {HTMLElement} list
 */
export function tabs(list) {
  const all = /** @type {HTMLElement[]} */ ([...list.querySelectorAll('[role="tab"]')]);
  for (const tab of all) {
    tab.addEventListener("click", () => select(tab));
    tab.addEventListener("keydown", (event) => {
      const there = all.filter((tab) => !tab.hidden);
      const at = there.indexOf(tab);
      const to = {ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: there.length - 1}[event.key];
      if (to !== undefined) {
        event.preventDefault();
        const next = there[(to + there.length) % there.length];
        select(next);
        next.focus();
      }
    });
  }
}

/**
 * Shows a tab's panel, and tells the tab by an event.
 * @param {HTMLElement} chosen
 */
export function select(chosen) {
  for (const tab of chosen.parentElement?.querySelectorAll('[role="tab"]') ?? []) {
    const on = tab === chosen;
    tab.setAttribute("aria-selected", String(on));
    tab.setAttribute("tabindex", on ? "0" : "-1");
    const panel = document.getElementById(tab.getAttribute("aria-controls") ?? "");
    if (panel) {
      panel.hidden = !on;
    }
  }
  chosen.dispatchEvent(new Event("select"));
}
