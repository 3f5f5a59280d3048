// What a file's predictions come to: totals, how they stand beside what is usual, which lines are missing.

import { track } from "./chart.js";
import { $, el } from "./dom.js";
import { numberOf } from "./csv.js";
import { count, counted, kwh } from "./words.js";

const SHOWN_ERRORS = 200;
const STATUSES = { Low: "Below", Normal: "Within", High: "Above", Unknown: "Nothing usual known" };

/** What was measured in a row, null where the file does not say. */
export function measuredIn(table, found, row) {
  if (found.measuredAt < 0) return null;
  const value = numberOf(table.rows[row][found.measuredAt] ?? "", table.delimiter);
  return Number.isNaN(value) ? null : value;
}

export function showTotals(table, found, results) {
  const [units, low, high] = ["units_kwh", "low_kwh", "high_kwh"].map((name) => results.names.indexOf(name));
  const sum = { rows: 0, predicted: 0, both: 0, measured: 0, beside: 0, error: 0, inside: 0 };
  results.answers.forEach((answer, row) => {
    if (!answer) return;
    sum.rows += 1;
    sum.predicted += answer[units];
    const measured = measuredIn(table, found, row);
    if (measured === null) return;
    sum.both += 1;
    sum.measured += measured;
    sum.beside += answer[units];
    sum.error += Math.abs(measured - answer[units]);
    sum.inside += measured >= answer[low] && measured <= answer[high];
  });
  const tiles = [["Predicted", `${kwh(sum.predicted)} kWh`, counted(sum.rows, "interval")]];
  if (sum.both) {
    tiles.push(["Measured", `${kwh(sum.measured)} kWh`, `predicted for these: ${kwh(sum.beside)} kWh`]);
    tiles.push(["Off by, on average", `${(sum.error / sum.both).toFixed(3)} kWh`, `over ${counted(sum.both, "interval")}`]);
    tiles.push(["Inside the 80 % range", `${((100 * sum.inside) / sum.both).toFixed(0)} %`, "of what was measured"]);
  }
  const version = results.answers.find(Boolean)[results.names.indexOf("model_version")];
  tiles.push(["Model", `Version ${version}`, "if it learned from these lines, they are no test of it"]);
  $("totals").replaceChildren(...tiles.map(([term, value, small]) => el("div", {}, el("dt", {}, term), el("dd", {}, value, el("small", {}, small)))));
  showStatuses(results);
}

function showStatuses(results) {
  const at = results.names.indexOf("status");
  const counts = Object.fromEntries(Object.keys(STATUSES).map((name) => [name, 0]));
  let all = 0;
  for (const answer of results.answers) if (answer) [counts[answer[at]], all] = [counts[answer[at]] + 1, all + 1];
  const rows = Object.entries(STATUSES).filter(([name]) => name !== "Unknown" || counts.Unknown);
  $("statuses").replaceChildren(el("table", { class: "scores" },
    el("caption", { class: "visually-hidden" }, "Predictions beside what is usual"),
    el("tbody", {}, ...rows.map(([name, words]) => el("tr", { class: name.toLowerCase() },
      el("th", { scope: "row" }, words), el("td", {}, track(0, counts[name] / all)), el("td", {}, count(counts[name])))))));
}

export function showErrors(table, { errors }) {
  const lines = new Set(errors.map(({ row }) => row)).size;
  $("errors").hidden = !errors.length;
  $("errors-title").textContent = `${counted(lines, "line")} left out${errors.length > SHOWN_ERRORS ? `, the first ${SHOWN_ERRORS} errors` : ""}`;
  const rows = errors.slice(0, SHOWN_ERRORS).map(({ row, column, message }) =>
    el("tr", {}, el("td", {}, count(table.lines[row])), el("td", {}, column), el("td", {}, message)));
  $("error-list").replaceChildren(el("table", { class: "data" },
    el("thead", {}, el("tr", {}, ...["Line", "Column", "What is wrong, and what to do"].map((text) => el("th", { scope: "col" }, text)))),
    el("tbody", {}, ...rows)));
}
