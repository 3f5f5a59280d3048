// The picture of one prediction: its range beside what is usual, and what was used just before.

import { canvas, ticks } from "./chart.js";
import { el, svg } from "./dom.js";
import { kwh } from "./words.js";

const ROW = 50;

/** The predicted energy with its 80 % range, above what is usual at this hour, and what was measured where that is known. */
export function drawRange(host, answer, measured) {
  const usual = answer.usual_low_kwh !== null;
  const rows = 1 + (usual ? 1 : 0) + (measured !== null ? 1 : 0);
  const height = rows * ROW + 26;
  const { picture, width } = canvas(host, height, describe(answer, measured));
  const values = [answer.low_kwh, answer.high_kwh, answer.units_kwh, answer.usual_low_kwh, answer.usual_high_kwh, measured];
  const known = values.filter((value) => value !== null);
  const low = Math.min(0, ...known);
  const high = Math.max(...known, low + 0.1) * 1.04;
  const x = (value) => 6 + ((value - low) / (high - low)) * (width - 18);

  axis(picture, x, ticks(low, high, width < 420 ? 4 : 6), height - 22);
  let row = 0;
  const next = () => row++ * ROW;
  bar(picture, x, next(), "band", answer.low_kwh, answer.high_kwh, "80 % range");
  picture.append(svg("circle", { class: "point", cx: x(answer.units_kwh), cy: 33, r: 8 }));
  if (usual) bar(picture, x, next(), "usual", answer.usual_low_kwh, answer.usual_high_kwh, "Usual at this hour, 25–75 %");
  if (measured !== null) diamond(picture, x, next(), measured);
  host.replaceChildren(picture);
}

function describe(answer, measured) {
  const parts = [`Predicted ${kwh(answer.units_kwh)} kWh, 80 % range ${kwh(answer.low_kwh)} to ${kwh(answer.high_kwh)} kWh`];
  if (answer.usual_low_kwh !== null) parts.push(`usual ${kwh(answer.usual_low_kwh)} to ${kwh(answer.usual_high_kwh)} kWh`);
  if (measured !== null) parts.push(`measured ${kwh(measured)} kWh`);
  return parts.join("; ");
}

function axis(picture, x, { found, digits }, y) {
  for (const value of found) {
    picture.append(svg("line", { class: "gridline", x1: x(value), x2: x(value), y1: 4, y2: y }));
    picture.append(svg("text", { x: x(value), y: y + 17, "text-anchor": value === found[0] ? "start" : "middle" }, value.toFixed(digits)));
  }
  const last = picture.lastChild;
  last.textContent += " kWh";
  last.setAttribute("text-anchor", "end");
  last.setAttribute("x", Number(last.getAttribute("x")) + 12);
}

function bar(picture, x, top, kind, low, high, label) {
  picture.append(svg("rect", { class: kind, x: x(low), y: top + 24, width: Math.max(4, x(high) - x(low)), height: 18, rx: 9 }));
  row(picture, top, label, `${kwh(low)} – ${kwh(high)}`);
}

function diamond(picture, x, top, value) {
  const [at, y] = [x(value), top + 33];
  picture.append(svg("path", { class: "measured", d: `M${at} ${y - 9}l9 9-9 9-9-9z` }));
  row(picture, top, "Measured in that hour", kwh(value));
}

function row(picture, top, label, figure) {
  picture.append(svg("text", { x: 6, y: top + 16 }, svg("tspan", {}, `${label}  `), svg("tspan", { class: "strong" }, figure)));
}

/** The last intervals before the reading, and the predicted one with its range. */
export function drawRecent(host, recent, answer, intervalMinutes) {
  const shown = recent.slice(-Math.min(48, recent.length));
  const { picture, width } = canvas(host, 132, `The ${shown.length} intervals before, and the predicted one`);
  const high = Math.max(answer.high_kwh, ...shown.map((value) => value ?? 0)) * 1.06;
  const step = (width - 12) / (shown.length + 1);
  const y = (value) => 104 - (Math.max(0, value) / high) * 96;
  const column = (kind, n, value) => svg("rect", {
    class: kind, x: 6 + n * step + step * 0.12, y: y(value), width: step * 0.76, height: Math.max(1, 104 - y(value)), rx: Math.min(2, step / 4),
  });
  picture.append(...shown.map((value, n) => (value === null ? "" : column("bar", n, value))));
  picture.append(column("next", shown.length, answer.units_kwh));
  const at = 6 + (shown.length + 0.5) * step;
  const cap = Math.min(5, step / 2);
  const [top, foot] = [y(answer.high_kwh), y(answer.low_kwh)];
  picture.append(
    svg("path", { class: "whisker", d: `M${at - cap} ${top}h${2 * cap}M${at} ${top}V${foot}M${at - cap} ${foot}h${2 * cap}` }),
    svg("line", { class: "gridline", x1: 6, x2: width - 6, y1: 104.5, y2: 104.5 }),
    svg("text", { x: 6, y: 124 }, `${ago(shown.length * intervalMinutes)} before`),
    svg("text", { x: width - 6, y: 124, "text-anchor": "end", class: "strong" }, "predicted"),
  );
  host.replaceChildren(el("h3", {}, "What it used just before"), picture);
}

const ago = (minutes) => (minutes < 120 ? `${minutes} min` : `${Math.round(minutes / 60)} h`);
