// A history that is pasted: read, asked about with `/forecast`, shown as if its meter were known.

import { $, el, show } from "./dom.js";
import { ask } from "./ask.js";
import { numberOf } from "./csv.js";
import { DAY_MS, HOUR_MS } from "./timeline.js";
import { sentence } from "./words.js";

const SHOWN_MS = 7 * DAY_MS;
const MINUTE_MS = 60_000;

/** Lines `stamp,kWh` as values; throws an Error in words where one cannot be read. */
function historyOf(text) {
  const values = [];
  text.split(/\r?\n/).forEach((line, n) => {
    const found = /^\s*([^,;\t]+?)\s*(?:([,;\t])\s*(.*?))?\s*$/.exec(line);
    if (!found || (n === 0 && /^reading_ts/i.test(line))) return;
    const [, stamp, delimiter = ",", energy = ""] = found;
    if (Number.isNaN(Date.parse(stamp))) throw new Error(`Line ${n + 1}: “${stamp}” is not a time; write it as 2026-11-01T00:00:00+01:00.`);
    const units = /^$|^(null|nan|[-–])$/i.test(energy) ? null : numberOf(energy, delimiter);
    if (Number.isNaN(units)) throw new Error(`Line ${n + 1}: “${energy}” is not a number of kWh.`);
    values.push({ reading_ts: stamp, units_kwh: units });
  });
  if (values.length < 2) throw new Error("Paste at least two lines.");
  return values;
}

/** The most common distance of two values that follow each other, in minutes. */
function intervalOf(values) {
  const stamps = values.map(({ reading_ts: stamp }) => Date.parse(stamp)).sort((a, b) => a - b);
  const times = new Map();
  stamps.slice(1).forEach((at, n) => {
    const minutes = (at - stamps[n]) / MINUTE_MS;
    if (minutes > 0) times.set(minutes, (times.get(minutes) ?? 0) + 1);
  });
  return Number([...times].sort((a, b) => b[1] - a[1])[0]?.[0] ?? 60);
}

/** The last week of a history, in the shape of `GET /meters/{id}/consumption`, gaps as intervals without a value. */
function recentOf(values, minutes, zone) {
  const known = new Map(values.map(({ reading_ts: stamp, units_kwh: units }) => [Date.parse(stamp), units]));
  const step = minutes * MINUTE_MS;
  const until = Math.max(...known.keys()) + step;
  const from = Math.max(Math.min(...known.keys()), until - SHOWN_MS);
  const shown = [];
  for (let at = from; at < until; at += step) shown.push({ reading_ts: new Date(at).toISOString(), units_kwh: known.get(at) ?? null });
  const there = shown.filter(({ units_kwh: units }) => units !== null);
  const sum = there.length === shown.length ? there.reduce((all, { units_kwh: units }) => all + units, 0) : null;
  const stamp = new Date(until).toISOString();
  return { zone, values: shown, until: stamp, data_known_until: stamp, total: { units_kwh: sum, completeness: there.length / shown.length } };
}

async function forecast(showMeter) {
  show($("paste-error"));
  try {
    const history = historyOf($("history").value);
    const minutes = intervalOf(history);
    const zone = $("paste-zone").value.trim();
    $("paste-go").setAttribute("aria-busy", "true");
    const { ok, answer } = await ask("/forecast", { json: { zone, interval_minutes: minutes, history, horizon: $("paste-horizon").value } });
    $("paste-go").setAttribute("aria-busy", "false");
    if (ok) showMeter("The history you pasted", { consumption: recentOf(history, minutes, zone), forecast: answer });
    else show($("paste-error"), inWords(answer));
  } catch (error) {
    show($("paste-error"), error.message);
  }
}

function inWords({ detail, errors = [] }) {
  return errors.length ? errors.slice(0, 3).map(({ path, message, remedy }) => `${path ? `${path}: ` : ""}${message}; ${sentence(remedy)}`).join(" ") : sentence(detail);
}

async function sample() {
  const { presets } = (await ask("/page/presets.json")).answer;
  const [{ reading_ts: end, recent_kwh: recent }] = presets;
  const line = (units, n) => `${new Date(Date.parse(end) - (recent.length - n) * HOUR_MS).toISOString()},${units ?? ""}`;
  $("history").value = recent.map(line).join("\n");
  $("paste-zone").value = "Europe/Paris";
}

/** Bring the form to life; `showMeter` shows what comes of it. */
export function preparePasting(showMeter) {
  $("paste-zone").value = Intl.DateTimeFormat().resolvedOptions().timeZone;
  $("zones").replaceChildren(...Intl.supportedValuesOf("timeZone").map((zone) => el("option", { value: zone })));
  $("paste-sample").addEventListener("click", sample);
  $("paste-form").addEventListener("submit", (event) => {
    event.preventDefault();
    forecast(showMeter);
  });
}
