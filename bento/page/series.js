// The chart of a meter: measured steps with their gaps, then the expected steps with their range.

import { canvas, ticks } from "./chart.js";
import { svg } from "./dom.js";
import { rate } from "./timeline.js";
import { wall } from "./walltime.js";

const [HEIGHT, LEFT, TOP, FOOT] = [300, 44, 24, 44];

/** Draw points; return `{ picture, pointAt, mark }`: the number of the point at an x, and what moves the cursor there. */
export function drawSeries(host, points, zone) {
  const { picture, width } = canvas(host, HEIGHT, "");
  picture.setAttribute("aria-hidden", "true");
  const [first, last] = [points[0].start, points.at(-1).end];
  const x = (ms) => LEFT + ((ms - first) / (last - first)) * (width - LEFT - 6);
  const values = points.flatMap((point) => [point.units, point.low, point.high].filter((units) => units !== null && units !== undefined).map((units) => rate(point, units)));
  const [low, high] = [Math.min(0, ...values), Math.max(0.1, ...values) * 1.06];
  const y = (value) => HEIGHT - FOOT - ((value - low) / (high - low)) * (HEIGHT - FOOT - TOP);
  const scale = { x, y, zone, width };

  picture.append(hatching(), ...axis(ticks(low, high, 5), y, width), ...days(points, scale), ...gaps(points, scale));
  const measured = points.filter(({ kind }) => kind === "measured");
  const forecast = points.filter(({ kind }) => kind === "forecast");
  for (const run of runs(measured)) picture.append(area("measured-area", run, scale, () => 0), line("measured-line", run, scale));
  for (const run of runs(forecast)) picture.append(band(run, scale), line("forecast-line", run, scale));
  if (measured.length && forecast.length) picture.append(...border(forecast[0].start, scale));
  const cursor = svg("g", { class: "cursor", visibility: "hidden" }, svg("line", { y1: TOP, y2: HEIGHT - FOOT }), svg("circle", { r: 5 }));
  picture.append(cursor);
  host.replaceChildren(picture);
  return { pointAt: (px) => nearest(points, first + ((px - LEFT) / (width - LEFT - 6)) * (last - first)), mark: (point) => mark(cursor, point, scale) };
}

function hatching() {
  return svg("defs", {}, svg("pattern", { id: "hatch", width: 6, height: 6, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" },
    svg("line", { class: "hatch", x1: 0, x2: 0, y1: 0, y2: 6 })));
}

function axis({ found, digits }, y, width) {
  return [
    ...found.flatMap((value) => [
      svg("line", { class: "gridline", x1: LEFT, x2: width, y1: y(value), y2: y(value) }),
      svg("text", { x: LEFT - 8, y: y(value) + 4, "text-anchor": "end" }, value.toFixed(digits)),
    ]),
    svg("text", { x: 0, y: 12 }, "kWh an hour"),
  ];
}

/** Local days: a line where each begins, its name below where there is room. */
function days(points, { x, zone, width }) {
  const starts = points.filter(({ start }, n) => n === 0 || wall(start, zone).day !== wall(points[n - 1].start, zone).day);
  return starts.flatMap((point, n) => {
    const [from, to] = [x(point.start), x(starts[n + 1]?.start ?? points.at(-1).end)];
    const { weekday, day, month } = wall(point.start, zone);
    const room = to - from;
    const marks = n ? [svg("line", { class: "dayline", x1: from, x2: from, y1: TOP, y2: HEIGHT - FOOT + 6 })] : [];
    if (room < 20) return marks;
    const middle = Math.min((from + to) / 2, width - 14);
    const words = [svg("text", { x: middle, y: HEIGHT - FOOT + 19, "text-anchor": "middle" }, room < 34 ? weekday.slice(0, 2) : weekday)];
    if (room >= 30) words.push(svg("text", { x: middle, y: HEIGHT - FOOT + 36, "text-anchor": "middle", class: "faint" }, room < 52 ? day : `${day} ${month}`));
    return [...marks, ...words];
  });
}

function gaps(points, { x }) {
  const missing = points.filter(({ kind, units }) => kind === "measured" && units === null);
  return missing.map(({ start, end }) => svg("rect", { class: "gap", x: x(start), y: TOP, width: x(end) - x(start) + 0.5, height: HEIGHT - FOOT - TOP }));
}

/** The points that follow each other without a gap, run by run. */
function runs(points) {
  const found = [];
  points.forEach((point, n) => {
    if (point.units === null) return;
    const before = points[n - 1];
    if (before && before.units !== null && before.end === point.start) found.at(-1).push(point);
    else found.push([point]);
  });
  return found;
}

const steps = (run, value, { x, y }) => run.map((point) => `${x(point.start).toFixed(1)},${y(value(point)).toFixed(1)}H${x(point.end).toFixed(1)}`);
const back = (run, value, { x, y }) => [...run].reverse().map((point) => `${x(point.end).toFixed(1)},${y(value(point)).toFixed(1)}H${x(point.start).toFixed(1)}`);

const line = (kind, run, scale) => svg("path", { class: kind, d: `M${steps(run, (point) => rate(point), scale).join("L")}` });

const area = (kind, run, scale, foot) =>
  svg("path", { class: kind, d: `M${[...steps(run, (point) => rate(point), scale), ...back(run, foot, scale)].join("L")}Z` });

const band = (run, scale) =>
  svg("path", { class: "band", d: `M${[...steps(run, (point) => rate(point, point.high), scale), ...back(run, (point) => rate(point, point.low), scale)].join("L")}Z` });

function border(ms, { x, width }) {
  const at = x(ms);
  const right = at < width - 90;
  return [
    svg("line", { class: "border", x1: at, x2: at, y1: 6, y2: HEIGHT - FOOT }),
    svg("text", { class: "strong", x: at + (right ? 6 : -6), y: 14, "text-anchor": right ? "start" : "end" }, "expected"),
  ];
}

function nearest(points, ms) {
  const found = points.findIndex(({ end }) => ms < end);
  return found < 0 ? points.length - 1 : found;
}

function mark(cursor, point, { x, y }) {
  const at = x((point.start + point.end) / 2);
  const [rule, dot] = cursor.children;
  rule.setAttribute("x1", at);
  rule.setAttribute("x2", at);
  dot.setAttribute("cx", at);
  dot.setAttribute("cy", point.units === null ? -99 : y(rate(point)));
  cursor.setAttribute("visibility", "visible");
}
