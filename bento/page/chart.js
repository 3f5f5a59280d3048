// What all charts share. They are drawn at the width they get, so that letters keep their size on a phone.

import { svg } from "./dom.js";

/** Round steps for an axis from low to high. */
export function ticks(low, high, count) {
  const raw = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 2.5, 5, 10].map((m) => m * power).find((s) => s >= raw - 1e-12);
  const found = [];
  for (let n = Math.ceil(low / step - 1e-9); n * step <= high + 1e-9; n += 1) found.push(n * step);
  return { found, digits: Math.max(0, Math.ceil(-Math.log10(step) - 1e-9) + (`${step / power}` === "2.5" ? 1 : 0)) };
}

/** An empty picture as wide as its host. */
export function canvas(host, height, label) {
  const width = Math.max(240, host.clientWidth);
  return { picture: svg("svg", { viewBox: `0 0 ${width} ${height}`, height, role: "img", "aria-label": label }), width };
}

/** A bar from one share to another of a track, for the cells of a table; a `range` of shares lies over it as a line. */
export function track(from, to, range = null) {
  const piece = (kind, [one, other], y, height) => {
    const width = one === other ? 0 : Math.max(0.6, 100 * Math.abs(other - one));
    return svg("rect", { class: kind, x: 100 * Math.min(one, other), y, width, height });
  };
  return svg("svg", { class: "track", viewBox: "0 0 100 12", preserveAspectRatio: "none", "aria-hidden": "true" },
    piece("share", [from, to], 0, 12), range ? piece("over", range, 4.5, 3) : null);
}

/** Draw now and whenever the host gets another width. */
export function drawnToFit(host, draw) {
  let width = 0;
  new ResizeObserver(() => {
    if (host.clientWidth !== width) {
      width = host.clientWidth;
      draw();
    }
  }).observe(host);
}
