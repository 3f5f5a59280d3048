// Reading a chart point by point, with the pointer and with the keyboard.

import { DAY_MS } from "./timeline.js";

/**
 * Let a host (role slider) be read: `points` and `chart` are asked for each time, so that it may be drawn anew.
 *
 * `words` is what a point says; `say` shows it.
 */
export function readable(host, { points, chart, words, say }) {
  let now = 0;
  const go = (to) => {
    const all = points();
    if (!all.length) return;
    now = Math.max(0, Math.min(all.length - 1, to));
    chart().mark(all[now]);
    host.setAttribute("aria-valuemax", all.length - 1);
    host.setAttribute("aria-valuenow", now);
    host.setAttribute("aria-valuetext", words(all[now]));
    say(words(all[now]));
  };
  const aDay = () => Math.max(1, Math.round(DAY_MS / (points()[now].end - points()[now].start)));
  const keys = {
    ArrowLeft: () => now - 1,
    ArrowDown: () => now - 1,
    ArrowRight: () => now + 1,
    ArrowUp: () => now + 1,
    PageUp: () => now + aDay(),
    PageDown: () => now - aDay(),
    Home: () => 0,
    End: () => points().length - 1,
  };
  host.setAttribute("aria-valuemin", 0);
  host.addEventListener("keydown", (event) => {
    if (!keys[event.key] || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    go(keys[event.key]());
  });
  host.addEventListener("pointermove", (event) => go(chart().pointAt(event.clientX - host.getBoundingClientRect().left)));
  host.addEventListener("pointerdown", (event) => go(chart().pointAt(event.clientX - host.getBoundingClientRect().left)));
}
