// Charts drawn as SVG at the width they get, so that letters keep their size on a phone.

const SVG = "http://www.w3.org/2000/svg";

export const kwh = (value) => value.toFixed(Math.abs(value) < 10 ? 2 : 1);

function element(name, attributes = {}, text = "") {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text) made.textContent = text;
  return made;
}

/** Round steps for an axis from low to high. */
export function ticks(low, high, count) {
  const raw = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 2.5, 5, 10].map((m) => m * power).find((s) => s >= raw - 1e-12);
  const found = [];
  for (let n = Math.ceil(low / step - 1e-9); n * step <= high + 1e-9; n += 1) found.push(n * step);
  return { found, digits: Math.max(0, Math.ceil(-Math.log10(step) - 1e-9) + (`${step / power}` === "2.5" ? 1 : 0)) };
}

function canvas(host, height, label) {
  const width = Math.max(240, host.clientWidth);
  const svg = element("svg", { viewBox: `0 0 ${width} ${height}`, height, role: "img", "aria-label": label });
  return { svg, width };
}

/** The predicted energy with its 80 % range, above what is usual at this hour, and what was measured where that is known. */
export function drawRange(host, answer, measured) {
  const usual = answer.usual_low_kwh !== null;
  const rows = 1 + (usual ? 1 : 0) + (measured !== null ? 1 : 0);
  const rowHeight = 50;
  const height = rows * rowHeight + 26;
  const { svg, width } = canvas(host, height, describe(answer, measured));
  const values = [answer.low_kwh, answer.high_kwh, answer.units_kwh, answer.usual_low_kwh, answer.usual_high_kwh, measured];
  const known = values.filter((value) => value !== null);
  const low = Math.min(0, ...known);
  const high = Math.max(...known, low + 0.1) * 1.04;
  const x = (value) => 6 + ((value - low) / (high - low)) * (width - 18);

  axis(svg, x, ticks(low, high, width < 420 ? 4 : 6), height - 22);
  let row = 0;
  const next = () => row++ * rowHeight;
  bar(svg, x, next(), "band", answer.low_kwh, answer.high_kwh, "80 % range");
  svg.append(element("circle", { class: "point", cx: x(answer.units_kwh), cy: 33, r: 8 }));
  if (usual) bar(svg, x, next(), "usual", answer.usual_low_kwh, answer.usual_high_kwh, "Usual at this hour, 25–75 %");
  if (measured !== null) diamond(svg, x, next(), measured);
  host.replaceChildren(svg);
}

function describe(answer, measured) {
  const parts = [`Predicted ${kwh(answer.units_kwh)} kWh, 80 % range ${kwh(answer.low_kwh)} to ${kwh(answer.high_kwh)} kWh`];
  if (answer.usual_low_kwh !== null) parts.push(`usual ${kwh(answer.usual_low_kwh)} to ${kwh(answer.usual_high_kwh)} kWh`);
  if (measured !== null) parts.push(`measured ${kwh(measured)} kWh`);
  return parts.join("; ");
}

function axis(svg, x, { found, digits }, y) {
  for (const value of found) {
    svg.append(element("line", { class: "gridline", x1: x(value), x2: x(value), y1: 4, y2: y }));
    const text = element("text", { x: x(value), y: y + 17, "text-anchor": value === found[0] ? "start" : "middle" }, value.toFixed(digits));
    svg.append(text);
  }
  const last = svg.lastChild;
  last.textContent += " kWh";
  last.setAttribute("text-anchor", "end");
  last.setAttribute("x", Number(last.getAttribute("x")) + 12);
}

function bar(svg, x, top, kind, low, high, label) {
  svg.append(element("rect", { class: kind, x: x(low), y: top + 24, width: Math.max(4, x(high) - x(low)), height: 18, rx: 9 }));
  row(svg, top, label, `${kwh(low)} – ${kwh(high)}`);
}

function diamond(svg, x, top, value) {
  const [at, y] = [x(value), top + 33];
  svg.append(element("path", { class: "measured", d: `M${at} ${y - 9}l9 9-9 9-9-9z` }));
  row(svg, top, "Measured in that hour", kwh(value));
}

function row(svg, top, label, figure) {
  const text = element("text", { x: 6, y: top + 16 });
  text.append(element("tspan", {}, `${label}  `), element("tspan", { class: "strong" }, figure));
  const paper = element("text", { x: 6, y: top + 16 });
  svg.append(paper, text);
}

/** The last intervals before the reading, and the predicted one with its range. */
export function drawRecent(host, recent, answer, intervalMinutes) {
  const shown = recent.slice(-Math.min(48, recent.length));
  const height = 132;
  const { svg, width } = canvas(host, height, `The ${shown.length} intervals before, and the predicted one`);
  const high = Math.max(answer.high_kwh, ...shown.map((value) => value ?? 0)) * 1.06;
  const step = (width - 12) / (shown.length + 1);
  const y = (value) => 104 - (Math.max(0, value) / high) * 96;
  const column = (kind, n, value) => element("rect", {
    class: kind, x: 6 + n * step + step * 0.12, y: y(value), width: step * 0.76, height: Math.max(1, 104 - y(value)), rx: Math.min(2, step / 4),
  });
  shown.forEach((value, n) => value !== null && svg.append(column("bar", n, value)));
  svg.append(column("next", shown.length, answer.units_kwh));
  const at = 6 + (shown.length + 0.5) * step;
  const cap = Math.min(5, step / 2);
  const [top, foot] = [y(answer.high_kwh), y(answer.low_kwh)];
  svg.append(element("path", { class: "whisker", d: `M${at - cap} ${top}h${2 * cap}M${at} ${top}V${foot}M${at - cap} ${foot}h${2 * cap}` }));
  svg.append(element("line", { class: "gridline", x1: 6, x2: width - 6, y1: 104.5, y2: 104.5 }));
  svg.append(element("text", { x: 6, y: 124 }, `${ago(shown.length * intervalMinutes)} before`));
  svg.append(element("text", { x: width - 6, y: 124, "text-anchor": "end", class: "strong" }, "predicted"));
  const title = document.createElement("h3");
  title.textContent = "What it used just before";
  host.replaceChildren(title, svg);
}

function ago(minutes) {
  return minutes < 120 ? `${minutes} min` : `${Math.round(minutes / 60)} h`;
}

/** A share of a track, for the bars of a table. */
export function track(share) {
  const svg = element("svg", { class: "track", viewBox: "0 0 100 12", preserveAspectRatio: "none", "aria-hidden": "true" });
  svg.append(element("rect", { width: Math.max(1, 100 * share), height: 12 }));
  return svg;
}
