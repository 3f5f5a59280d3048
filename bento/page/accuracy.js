// A model's scores beside every baseline's, and how often its range held.

import { track } from "./chart.js";
import { el, svg } from "./dom.js";
import { count, day } from "./words.js";

const WANTED = 80;
const BASELINES = {
  mean: "Overall mean",
  persistence: "Same as the hour before",
  same_hour_yesterday: "Same hour yesterday",
  same_hour_last_week: "Same hour last week",
  smart_naive: "Yesterday or last week",
  hour_profile_28d: "28-day hour profile",
  hour_profile_14d: "14-day hour profile",
  hour_profile_ew7: "Weighted hour profile",
  load_x_hours: "Load now × hours",
  blend: "Load now and profile",
  linear_history: "Line on load and history",
};

/** A table of errors, the best first, with a bar for each. */
export function scores(card, recipes) {
  const rows = rowsOf(card, recipes);
  if (!rows.some(({ kind }) => kind)) return el("p", { class: "help" }, "Training recorded no score.");
  rows.sort((a, b) => a.rmse - b.rmse);
  const worst = rows.at(-1).rmse;
  const head = ["What predicts", "", "RMSE", "MAE"].map((text) => el("th", { scope: "col" }, text));
  return el("table", { class: "scores" },
    el("caption", { class: "visually-hidden" }, "Error in kWh on the same held-out intervals, the best first"),
    el("thead", {}, el("tr", {}, ...head)),
    el("tbody", {}, ...rows.map(({ name, rmse, mae, kind }) => el("tr", { class: kind },
      el("th", { scope: "row" }, name),
      el("td", {}, track(0, rmse / worst)),
      el("td", {}, rmse.toFixed(3)),
      el("td", {}, typeof mae === "number" ? mae.toFixed(3) : "–")))));
}

function rowsOf(card, recipes) {
  const named = (entries, name, kind = "") => entries.map(([key, score]) => ({ name: name(key), ...score, kind }));
  const lower = (key) => (recipes[key] ?? key).toLowerCase();
  const candidates = Object.entries(card.candidates ?? {}).filter(([key]) => key !== card.recipe);
  const rows = [
    { name: `This model, ${lower(card.recipe ?? "")}`, ...card.metrics, kind: "ours" },
    { name: "This model, not told recent use", ...card.candidates?.[card.recipe]?.snapshot_only, kind: "ours" },
    ...named(candidates, (key) => `Not chosen: ${lower(key)}`),
    ...named(Object.entries(card.baselines ?? {}), (key) => BASELINES[key] ?? key),
  ];
  return rows.filter(({ rmse }) => typeof rmse === "number");
}

/** What was measured, on which intervals, and the result as a sentence. */
export function verdict(card) {
  const skill = card.skill?.rmse;
  const rows = card.hold_out_rows ? `${count(card.hold_out_rows)} intervals` : "weeks";
  const when = card.hold_out_from_ts ? ` from ${day(card.hold_out_from_ts)} to ${day(card.hold_out_until_ts)}` : "";
  const measure = `Error of a typical prediction (RMSE and mean absolute, kWh) on ${rows}${when}, which the model had not seen`;
  if (typeof skill !== "number") return `${measure}. Shorter is better.`;
  const share = `${Math.abs(100 * skill).toFixed(1)} %`;
  return `${measure}: RMSE ${share} ${skill > 0 ? "better" : "worse"} than the strongest baseline. Shorter is better.`;
}

/** How many held-out values lay inside the 80 % range, beside how many should. */
export function coverage(card, section) {
  const share = card.metrics?.coverage;
  if (typeof share !== "number") return section("coverage-title", "How sure it is", el("p", { class: "help" }, "Training recorded no coverage."));
  const held = 100 * share;
  return section("coverage-title", "How sure it is",
    el("p", { class: "figure" }, `${held.toFixed(1)} %`, el("small", {}, `of held-out values lay inside the ${WANTED} % range`)),
    gauge(held),
    el("p", { class: "help" }, `The mark is at ${WANTED} %. More than that: the ranges are wider than they need be; less: they promise too much.`));
}

const gauge = (held) => svg("svg", { class: "gauge", viewBox: "0 0 100 14", preserveAspectRatio: "none", "aria-hidden": "true" },
  svg("rect", { class: "rest", y: 3, width: 100, height: 8 }),
  svg("rect", { class: "held", y: 3, width: held, height: 8 }),
  svg("rect", { class: "mark", x: WANTED - 0.3, width: 0.6, height: 14 }));
