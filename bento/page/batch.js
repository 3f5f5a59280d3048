// The page of a whole file: choose, look, predict, keep.

import { $, el, show } from "./dom.js";
import { ask } from "./ask.js";
import { csvOf, parseCsv, saveFile } from "./csv.js";
import { recognise } from "./recognised.js";
import { showErrors, showTotals } from "./results.js";
import { predictRows } from "./sending.js";
import { drawHours, hourly, hoursTable } from "./hours.js";
import { drawnToFit } from "./chart.js";
import { count, counted, sentence } from "./words.js";

const MOST_ROWS = 200_000;
const MOST_BYTES = 128 * 1024 * 1024;
const SHOWN_ROWS = 5;
const SAMPLE = "measured_fortnight.csv";
const DELIMITERS = { ",": "commas", ";": "semicolons, decimal commas", "\t": "tabs" };
const state = { rules: null, name: "", table: null, found: null, results: null, stopping: null, profile: null };

async function take(name, text) {
  show($("notice"));
  $("results").hidden = true;
  try {
    state.table = parseCsv(text);
  } catch (error) {
    return refuse(error.message);
  }
  if (state.table.rows.length > MOST_ROWS) return refuse(`${count(state.table.rows.length)} lines are too many for this page: at most ${count(MOST_ROWS)}. Cut the file, or use meter predict.`);
  state.name = name;
  state.found = recognise(state.table.header, state.rules);
  showPreview();
  return $("preview-title").focus();
}

function refuse(message) {
  $("preview").hidden = true;
  show($("notice"), el("strong", {}, "This file cannot be read."), message);
}

function showPreview() {
  const { table, found } = state;
  $("preview").hidden = false;
  $("preview-title").textContent = state.name;
  $("format").textContent = `${counted(table.rows.length, "line")}, apart by ${DELIMITERS[table.delimiter]}`;
  const used = new Set(found.columns.map(({ at }) => at));
  $("columns").replaceChildren(...table.header.map((name, at) => {
    const kind = used.has(at) ? "used" : at === found.measuredAt ? "measured" : "ignored";
    return el("li", { class: kind }, name, el("small", {}, { used: "", measured: " to compare", ignored: " not used" }[kind]));
  }));
  show($("missing"), ...(found.missing.length ? [`Missing: ${found.missing.join(", ")}. Name the columns in the first line of the file.`] : []));
  $("first-rows").replaceChildren(rowsTable(table));
  $("zone-field").hidden = !found.needsZone;
  $("predict").disabled = found.missing.length > 0;
  $("predict").textContent = `Predict ${counted(table.rows.length, "line")}`;
}

function rowsTable({ header, rows }) {
  const cells = (kind, row) => header.map((_, n) => el(kind, kind === "th" ? { scope: "col" } : {}, shortened(row[n] ?? "")));
  return el("table", { class: "data" },
    el("thead", {}, el("tr", {}, ...cells("th", header))),
    el("tbody", {}, ...rows.slice(0, SHOWN_ROWS).map((row) => el("tr", {}, ...cells("td", row)))));
}

const shortened = (text) => (text.length > 32 ? `${text.slice(0, 31)}…` : text);

async function predict() {
  const { table, rules } = state;
  const stopping = new AbortController();
  state.stopping = stopping;
  busy(true);
  const progress = (done) => {
    $("bar").value = done;
    $("done").textContent = `${count(done)} of ${count(table.rows.length)}`;
  };
  $("bar").max = table.rows.length;
  progress(0);
  const zone = $("zone").value.trim();
  state.results = await predictRows(table, rules, { zone, signal: stopping.signal, progress });
  busy(false);
  showResults(zone);
}

function busy(is) {
  $("predict").hidden = is;
  $("stop").hidden = !is;
  $("progress").hidden = !is;
  (is ? $("stop") : $("predict")).focus();
  if (is) $("results").hidden = true;
}

function showResults(zone) {
  const { results, table, found } = state;
  const done = results.answers.filter(Boolean).length;
  $("results").hidden = false;
  show($("ended"), ...endedBecause(results));
  $("download").hidden = !done;
  for (const one of document.querySelectorAll("#totals, #results .split")) one.hidden = !done;
  if (done) {
    showTotals(table, found, results);
    state.profile = hourly(table, found, results, zone);
    drawHours($("hours"), state.profile);
    $("hours-table").replaceChildren(hoursTable(state.profile));
    $("hours-help").textContent = `Mean energy of the intervals that begin in each hour of the local clock, kWh.${found.measuredAt >= 0 ? " Dots: measured." : ""}`;
  }
  showErrors(table, results);
  $("announced").textContent = `${counted(done, "line")} predicted, ${counted(table.rows.length - done, "line")} not.`;
  $("results-title").focus();
}

function endedBecause({ stopped, failed }) {
  if (stopped) return ["Stopped. What was predicted until then is here."];
  return failed ? [sentence(failed)] : [];
}

function download() {
  const { table, results } = state;
  const said = new Map(results.errors.map(({ row, column, message }) => [row, column ? `${column}: ${message}` : message]));
  const names = results.names.filter((name) => name !== "meter_id" && name !== "warnings");
  const at = names.map((name) => results.names.indexOf(name));
  const header = [...table.header, ...names.map((name) => `predicted_${name}`), "not_predicted_because"];
  const width = table.header.length;
  const rows = table.rows.map((row, n) => {
    const answer = results.answers[n];
    const given = Array.from({ length: width }, (_, column) => row[column] ?? "");
    return [...given, ...at.map((place) => answer?.[place]), answer ? "" : (said.get(n) ?? "not reached")];
  });
  saveFile(state.name.replace(/(\.csv)?$/i, "_predicted.csv"), csvOf([header, ...rows], table.delimiter));
}

async function choose(file) {
  if (!file) return;
  if (file.size > MOST_BYTES) refuse("It is over 128 MB. Cut the file, or use meter predict.");
  else await take(file.name, await file.text());
}

function dropping() {
  const zone = $("drop");
  for (const kind of ["dragover", "dragleave", "drop"]) {
    zone.addEventListener(kind, (event) => {
      event.preventDefault();
      zone.classList.toggle("over", kind === "dragover");
      if (kind === "drop") choose(event.dataTransfer.files[0]);
    });
  }
}

async function start() {
  $("zone").value = Intl.DateTimeFormat().resolvedOptions().timeZone;
  $("zones").replaceChildren(...Intl.supportedValuesOf("timeZone").map((zone) => el("option", { value: zone })));
  state.rules = (await ask("/page/rules.json")).answer;
  $("file").addEventListener("change", (event) => choose(event.target.files[0]).finally(() => (event.target.value = "")));
  $("sample").addEventListener("click", async () => take(SAMPLE, await (await fetch(`/page/${SAMPLE}`)).text()));
  $("predict").addEventListener("click", predict);
  $("stop").addEventListener("click", () => state.stopping.abort());
  $("download").addEventListener("click", download);
  drawnToFit($("hours"), () => state.profile && drawHours($("hours"), state.profile));
  dropping();
  document.body.dataset.ready = "true";
}

start();
