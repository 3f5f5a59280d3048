// One meter on the page: totals, chart, days, table and file, of whatever of measured and expected there is.

import { $, coded, el, show } from "./dom.js";
import { drawnToFit, track } from "./chart.js";
import { csvOf, saveFile } from "./csv.js";
import { readable } from "./readout.js";
import { drawSeries } from "./series.js";
import { DAY_MS, forecastPoints, measuredPoints, pointWords } from "./timeline.js";
import { dateWords, spanWords, stampWords } from "./walltime.js";
import { count, counted, kwh, sentence } from "./words.js";

const HINT = "Point at the chart to read it.";
const state = { title: "", zone: "UTC", points: [], chart: null };

/** Show a meter: `consumption` and `days` as the service answers, `forecast` likewise or null. */
export function showMeter(title, { consumption, days, forecast, missing }) {
  state.title = title;
  state.zone = (consumption ?? forecast).zone;
  state.points = [...(consumption ? measuredPoints(consumption) : []), ...(forecast ? forecastPoints(forecast) : [])];
  $("shown").hidden = false;
  $("shown-title").textContent = title;
  const said = missing || (forecast?.warnings ?? []).map(({ message, remedy }) => sentence(`${message}; ${remedy}`)).join(" ");
  show($("forecast-notice"), ...(said ? coded(said) : []));
  $("totals").replaceChildren(...tiles(consumption, forecast));
  $("readout").textContent = HINT;
  draw();
  $("values-table").replaceChildren(valuesTable());
  $("days").replaceChildren(daysTable(days?.values ?? [], forecast?.days ?? []));
}

function draw() {
  if (state.points.length) state.chart = drawSeries($("series"), state.points, state.zone);
}

function tiles(consumption, forecast) {
  const found = [];
  if (consumption) {
    const { units_kwh: units, completeness } = consumption.total;
    const known = `${Math.floor(100 * completeness)} % of the time is known`;
    found.push([`Measured, ${counted(Math.round((state.points[consumption.values.length - 1].end - state.points[0].start) / DAY_MS), "day")}`, units === null ? "–" : `${kwh(units)} kWh`, known]);
  }
  if (forecast) {
    const { units_kwh: units, low_kwh: low, high_kwh: high, intervals } = forecast.total;
    const hours = (intervals * forecast.interval_minutes) / 60;
    found.push([`Expected, next ${hours <= 48 ? `${hours} hours` : `${hours / 24} days`}`, `${kwh(units)} kWh`, `80 % between ${kwh(low)} and ${kwh(high)} kWh`]);
    found.push(["It rests on", basisWords(forecast), `model version ${forecast.model_version}`]);
  }
  const until = consumption?.data_known_until ?? forecast?.data_known_until;
  found.push(["Known until", until ? stampWords(until, state.zone) : "nothing yet", `on the clock of ${state.zone.replace("/", "/\u200b")}`]);
  return found.map(([term, value, small]) => el("div", {}, el("dt", {}, term), el("dd", {}, value, el("small", {}, small))));
}

const basisWords = ({ basis, history }) => ({ meter: `its own ${count(history.used)} values`, population: "other meters" })[basis] ?? basis;

function valuesTable() {
  const rows = state.points.map((point) => el("tr", { class: point.kind },
    el("th", { scope: "row" }, spanWords(point.start, point.end, state.zone)),
    el("td", {}, point.kind === "measured" ? "measured" : "expected"),
    el("td", {}, point.units === null ? "–" : kwh(point.units)),
    el("td", {}, point.kind === "forecast" ? `${kwh(point.low)} – ${kwh(point.high)}` : "")));
  return el("table", { class: "data" },
    el("thead", {}, el("tr", {}, ...["Interval", "", "kWh", "80 % range"].map((text) => el("th", { scope: "col" }, text)))),
    el("tbody", {}, ...rows));
}

function daysTable(measured, expected) {
  const days = [
    ...measured.map((day) => ({ kind: "known", date: day.reading_ts, units: day.units_kwh, note: measuredNote(day) })),
    ...expected.map((day) => ({ kind: "ours", date: day.date, units: day.units_kwh, low: day.low_kwh, high: day.high_kwh, note: day.whole ? "expected" : `expected, ${counted(day.intervals, "interval")} of it` })),
  ];
  const most = Math.max(0.01, ...days.map(({ units, high }) => high ?? units ?? 0));
  const rows = days.map(({ kind, date, units, low, high, note }) => el("tr", { class: kind },
    el("th", { scope: "row" }, dateWords(date), el("small", {}, note)),
    el("td", {}, units === null ? "" : track(0, Math.max(0, units) / most, low === undefined ? null : [Math.max(0, low) / most, Math.max(0, high) / most])),
    el("td", {}, units === null ? "–" : kwh(units), low === undefined ? null : el("small", {}, `${kwh(low)} – ${kwh(high)}`))));
  return el("table", { class: "scores days" },
    el("caption", { class: "visually-hidden" }, "Energy by day, kWh"),
    el("thead", { class: "visually-hidden" }, el("tr", {}, ...["Day", "Picture", "kWh, and 80 % range"].map((text) => el("th", { scope: "col" }, text)))),
    el("tbody", {}, ...rows));
}

const measuredNote = ({ completeness }) => (completeness === 1 ? "measured" : `${Math.floor(100 * completeness)} % of it is known`);

function download() {
  const rows = state.points.map(({ stamp, kind, units, low, high }) => [stamp, kind === "measured" ? units : null, kind === "forecast" ? units : null, low, high]);
  saveFile(`${state.title.replace(/[^\w-]+/g, "_")}.csv`, csvOf([["reading_ts", "measured_kwh", "expected_kwh", "low_kwh", "high_kwh"], ...rows]));
}

/** Make the chart readable and the file available; once. */
export function prepare() {
  const words = (point) => pointWords(point, state.zone);
  readable($("series"), { points: () => state.points, chart: () => state.chart, words, say: (text) => ($("readout").textContent = text) });
  drawnToFit($("series"), draw);
  $("download").addEventListener("click", download);
}
