// The model card: what answers, from which data, how good beside the baselines.

import { track } from "./chart.js";

const NAMES = {
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

const RECIPES = { linear: "linear regression", boosting: "gradient boosting" };

function element(name, text = "", className = "") {
  const made = document.createElement(name);
  if (text) made.textContent = text;
  if (className) made.className = className;
  return made;
}

function day(stamp) {
  const moment = new Date(stamp);
  return Number.isNaN(moment.getTime()) ? `${stamp}` : moment.toLocaleDateString("en-GB", { day: "numeric", month: "short", year: "numeric", timeZone: "UTC" });
}

function facts(pairs) {
  const list = element("dl", "", "facts");
  for (const [term, value, small] of pairs.filter(([, value]) => value !== null && value !== undefined)) {
    const group = element("div");
    const description = element("dd", `${value}`);
    if (small) description.append(element("small", small));
    group.append(element("dt", term), description);
    list.append(group);
  }
  return list;
}

function scores(card) {
  const ours = card.metrics?.rmse;
  const others = Object.entries(card.baselines ?? {}).filter(([, score]) => typeof score?.rmse === "number");
  if (typeof ours !== "number") return element("p", "Training recorded no score.", "help");
  const candidates = Object.entries(card.candidates ?? {}).filter(([name, score]) => name !== card.recipe && typeof score?.rmse === "number");
  const rows = [[`This model${RECIPES[card.recipe] ? `, ${RECIPES[card.recipe]}` : ""}`, ours, "ours"]];
  const alone = card.candidates?.[card.recipe]?.snapshot_only?.rmse;
  if (typeof alone === "number") rows.push(["This model, not told recent use", alone, "ours"]);
  rows.push(...candidates.map(([name, score]) => [`Not chosen: ${RECIPES[name] ?? name}`, score.rmse, ""]));
  rows.push(...others.map(([name, score]) => [NAMES[name] ?? name, score.rmse, ""]));
  rows.sort((a, b) => a[1] - b[1]);
  const worst = Math.max(...rows.map(([, rmse]) => rmse));
  const table = element("table", "", "scores");
  table.append(element("caption", "RMSE in kWh on the same held-out rows", "visually-hidden"));
  const body = element("tbody");
  for (const [name, rmse, kind] of rows) {
    const row = element("tr", "", kind);
    const head = element("th", name);
    head.scope = "row";
    const bar = element("td");
    bar.append(track(rmse / worst));
    row.append(head, bar, element("td", rmse.toFixed(3)));
    body.append(row);
  }
  table.append(body);
  return table;
}

function tags(card) {
  const list = element("ul", "", "tags");
  const empty = new Set(card.empty_features);
  for (const name of card.features ?? []) list.append(element("li", name, empty.has(name) ? "absent" : ""));
  return list;
}

function rowsOf(card) {
  const rows = Math.max(0, ...Object.values(card.rows ?? {}));
  return rows ? `${rows.toLocaleString("en")} measured intervals` : "";
}

/** What the card says of a figure's skill, as a sentence. */
function verdict(card) {
  const skill = card.skill?.rmse;
  const rows = card.hold_out_rows ? `${card.hold_out_rows.toLocaleString("en")} intervals` : "weeks";
  const when = card.hold_out_from_ts ? ` from ${day(card.hold_out_from_ts)} to ${day(card.hold_out_until_ts)}` : "";
  const measure = `Error of a typical prediction (RMSE, kWh) on ${rows}${when}, which the model had not seen`;
  if (typeof skill !== "number") return `${measure}. Shorter is better.`;
  const share = `${Math.abs(100 * skill).toFixed(1)} %`;
  return `${measure}: ${share} ${skill > 0 ? "better" : "worse"} than the strongest baseline. Shorter is better.`;
}

/** Show a card, or why there is none. */
export function showCard(host, card) {
  const window = card.data_window ?? {};
  const empty = card.empty_features ?? [];
  const split = element("div", "", "split");
  const accuracy = element("div");
  accuracy.append(element("h3", "How good it is"), element("p", verdict(card), "help"), scores(card));
  const inputs = element("div");
  inputs.append(element("h3", "What it looks at"), tags(card));
  if (empty.length) inputs.append(element("p", `Never measured while it was trained, so without weight: ${empty.join(", ")}.`, "help"));
  inputs.append(element("h3", "Limits"));
  const limits = element("ul", "", "limits");
  for (const limit of card.limits ?? []) limits.append(element("li", limit));
  inputs.append(limits);
  split.append(accuracy, inputs);
  const since = window.since ?? null;
  host.replaceChildren(
    facts([
      ["Version", card.model_version, card.model],
      ["Recipe", card.recipe ? (RECIPES[card.recipe] ?? card.recipe) : null],
      ["Trained on", since && `${day(since)} – ${day(window.until)}`, rowsOf(card)],
      ["80 % range held", typeof card.metrics?.coverage === "number" ? `${(100 * card.metrics.coverage).toFixed(1)} %` : null, "of held-out values inside"],
      ["Interval", (card.interval_minutes ?? []).map((minutes) => `${minutes} min`).join(", ") || null],
    ]),
    split,
  );
  if (card.stale) host.prepend(element("p", "The registry cannot be reached; a newer model may exist.", "notice"));
}
