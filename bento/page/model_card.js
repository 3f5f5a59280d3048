// The model page: what answers, from which data, how good beside the baselines, who let it answer.

import { coverage, scores, verdict } from "./accuracy.js";
import { ask } from "./ask.js";
import { $, coded, el, show } from "./dom.js";
import { showStaleness } from "./staleness.js";
import { count, day, sentence } from "./words.js";

const RECIPES = { linear: "Linear regression", boosting: "Gradient boosting" };
const AGAIN_MS = 5000;

const section = (id, title, ...content) =>
  el("section", { class: "panel", "aria-labelledby": id }, el("h2", { id }, title), ...content);

function tiles(card) {
  const { since, until } = card.data_window ?? {};
  const rows = Math.max(0, ...Object.values(card.rows ?? {}));
  const pairs = [
    ["Version", card.model_version, card.model],
    ["Kind", RECIPES[card.recipe] ?? card.recipe, card.feature_set === "history" ? "with and without recent use" : "from one reading alone"],
    ["Learned from", since && `${day(since)} – ${day(until)}`, rows ? `${count(rows)} measured intervals` : ""],
    ["Meters", card.meters && count(card.meters), (card.interval_minutes ?? []).map((minutes) => `intervals of ${minutes} min`).join(", ")],
  ];
  return el("dl", { class: "tiles panel" }, ...pairs.filter(([, value]) => value).map(([term, value, small]) =>
    el("div", {}, el("dt", {}, term), el("dd", {}, `${value}`, el("small", {}, small ?? "")))));
}

function promotion(card) {
  const given = card.promotion;
  if (!given) return section("promotion-title", "Who let it answer", el("p", { class: "help" }, "No record came with this copy of the model."));
  return section("promotion-title", "Who let it answer",
    el("p", {}, sentence(given.why)),
    el("p", { class: "help" }, `Promoted by ${given.by}, ${day(given.at)}.`));
}

function inputs(card) {
  const empty = new Set(card.empty_features);
  const names = (card.features ?? []).map((name) => el("li", { class: empty.has(name) ? "absent" : "" }, name));
  const note = empty.size ? el("p", { class: "help" }, `Never measured while it was trained, so without weight: ${[...empty].join(", ")}.`) : null;
  return section("inputs-title", "What it looks at", el("ul", { class: "tags" }, ...names), note);
}

const limits = (card) =>
  section("limits-title", "Limits", el("ul", { class: "limits" }, ...(card.limits ?? []).map((text) => el("li", {}, text))));

const accuracy = (card) =>
  section("accuracy-title", "How good it is", el("p", { class: "help" }, verdict(card)), scores(card, RECIPES));

function origin(card) {
  const facts = [["Training run", card.run_id], ["Digest of its files", card.predictor_digest], ["Digest of its data", card.data_digest]];
  return section("origin-title", "Where it comes from", el("dl", { class: "facts" }, ...facts.filter(([, value]) => value).map(([term, value]) =>
    el("div", {}, el("dt", {}, term), el("dd", {}, el("code", {}, value))))));
}

function showCard(card) {
  showStaleness(card);
  $("card").replaceChildren(tiles(card), accuracy(card),
    el("div", { class: "pair" }, coverage(card, section), promotion(card)),
    el("div", { class: "pair" }, inputs(card), limits(card)),
    origin(card));
}

async function load() {
  const { ok, status, answer } = await ask("/model");
  $("card").setAttribute("aria-busy", "false");
  document.body.dataset.ready = "true";
  if (ok) return showCard(answer);
  const none = status === 503;
  show($("notice"), el("strong", {}, none ? "No model is loaded." : "The model cannot be shown."), ...coded(sentence(answer.detail)), none ? " This page looks again by itself." : "");
  $("card").replaceChildren(el("p", { class: "panel help" }, "Once a model has been trained and promoted, its version, data and accuracy stand here."));
  return none ? setTimeout(load, AGAIN_MS) : undefined;
}

load();
