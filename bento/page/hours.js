// A file's predictions by hour of the local clock: means as columns, what was measured as dots.

import { canvas, ticks } from "./chart.js";
import { el, svg } from "./dom.js";
import { measuredIn } from "./results.js";
import { clock, kwh } from "./words.js";

const FOOT = 26;
const HEIGHT = 200;

/** Return 24 of `{ predicted, measured }`, mean kWh, null where there is none. */
export function hourly(table, found, results, zone) {
  const at = Object.fromEntries(found.columns.map((column) => [column.name, column.at]));
  const units = results.names.indexOf("units_kwh");
  const hours = Array.from({ length: 24 }, () => ({ predicted: [0, 0], measured: [0, 0] }));
  const add = (sum, value) => [sum[0] + value, sum[1] + 1];
  results.answers.forEach((answer, row) => {
    if (!answer) return;
    const cells = table.rows[row];
    const hour = hours["reading_ts" in at && cells[at.reading_ts].trim() ? localHour(cells[at.reading_ts].trim(), "zone" in at ? cells[at.zone].trim() : zone) : Number(cells[at.local_hour])];
    hour.predicted = add(hour.predicted, answer[units]);
    const measured = measuredIn(table, found, row);
    if (measured !== null) hour.measured = add(hour.measured, measured);
  });
  const mean = ([sum, size]) => (size ? sum / size : null);
  return hours.map(({ predicted, measured }) => ({ predicted: mean(predicted), measured: mean(measured) }));
}

const clocks = new Map();
function localHour(stamp, zone) {
  if (!clocks.has(zone)) clocks.set(zone, new Intl.DateTimeFormat("en", { hour: "numeric", hourCycle: "h23", timeZone: zone }));
  return Number(clocks.get(zone).format(new Date(stamp)));
}

/** Draw the hours. */
export function drawHours(host, hours) {
  const { picture, width } = canvas(host, HEIGHT, "Mean energy by hour of the day; the table below has the figures");
  const values = hours.flatMap(({ predicted, measured }) => [predicted ?? 0, measured ?? 0]);
  const [low, high] = [Math.min(0, ...values), Math.max(...values, 0.05) * 1.08];
  const left = 34;
  const step = (width - left - 4) / 24;
  const y = (value) => HEIGHT - FOOT - ((value - low) / (high - low)) * (HEIGHT - FOOT - 12);
  const { found, digits } = ticks(low, high, 4);
  for (const value of found) {
    picture.append(
      svg("line", { class: "gridline", x1: left, x2: width, y1: y(value), y2: y(value) }),
      svg("text", { x: left - 6, y: y(value) + 4, "text-anchor": "end" }, value.toFixed(digits)));
  }
  hours.forEach(({ predicted, measured }, hour) => {
    const x = left + hour * step;
    const words = svg("title", {}, `${clock(hour)}: ${predicted === null ? "none" : `${kwh(predicted)} kWh predicted`}${measured === null ? "" : `, ${kwh(measured)} measured`}`);
    const [top, foot] = [y(Math.max(0, predicted ?? 0)), y(Math.min(0, predicted ?? 0))];
    picture.append(svg("rect", { class: "next", x: x + step * 0.14, y: top, width: step * 0.72, height: Math.max(0, foot - top), rx: Math.min(2, step / 5) }, words));
    if (measured !== null) picture.append(svg("circle", { class: "dot", cx: x + step / 2, cy: y(measured), r: Math.min(4, step / 3) }));
    if (hour % 6 === 0) picture.append(svg("text", { x: x + step / 2, y: HEIGHT - 6, "text-anchor": "middle" }, clock(hour)));
  });
  host.replaceChildren(picture);
}

/** The same as a table. */
export function hoursTable(hours) {
  const compared = hours.some(({ measured }) => measured !== null);
  const heads = ["Hour", "Predicted, kWh", ...(compared ? ["Measured, kWh"] : [])];
  const cell = (value) => el("td", {}, value === null ? "–" : kwh(value));
  return el("table", { class: "data" },
    el("thead", {}, el("tr", {}, ...heads.map((text) => el("th", { scope: "col" }, text)))),
    el("tbody", {}, ...hours.map(({ predicted, measured }, hour) =>
      el("tr", {}, el("th", { scope: "row" }, clock(hour)), cell(predicted), compared ? cell(measured) : null))));
}
