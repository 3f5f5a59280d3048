// The page of one prediction: asks as soon as it can, and shows the answer or what is wrong.

import { draw, hasAnswer, outdated, showAnswer } from "./answer.js";
import { ask } from "./ask.js";
import { drawnToFit } from "./chart.js";
import { $, coded, el, show } from "./dom.js";
import { clearErrors, fillDerived, form, MEASURED, offerIntervals, ownProblem, reading, showErrors } from "./form.js";
import { showStaleness } from "./staleness.js";
import { clock, sentence } from "./words.js";

const state = { rules: null, card: null, preset: null, asked: 0, wanted: false };

async function predict() {
  clearErrors();
  const problem = ownProblem();
  if (problem) return refuse(problem);
  const asked = ++state.asked;
  const body = reading();
  $("predict").setAttribute("aria-busy", "true");
  const { ok, status, answer } = await ask("/explain", { json: body });
  if (asked !== state.asked) return undefined;
  $("predict").setAttribute("aria-busy", "false");
  if (ok) return accept(answer, body);
  return status === 503 ? showNoModel(answer.detail) : refuse(answer);
}

function refuse(problem) {
  showErrors(problem, state.wanted);
  state.wanted = false;
  outdated(hasAnswer());
}

function accept(answer, body) {
  const first = !hasAnswer();
  showStaleness(state.card);
  const measured = state.preset?.measured_kwh ?? null;
  showAnswer(answer, body, { weekendFrom: state.rules.weekend_from, measured, note: measuredNote() });
  // On a phone the answer lies below the form: go there once it was asked for, not while a value is being tried out.
  if (first || state.wanted) $("result").scrollIntoView({ block: "nearest" });
  state.wanted = false;
}

function measuredNote() {
  const since = state.card?.data_window?.since;
  if (!state.preset || !since) return "";
  const at = Date.parse(state.preset.reading_ts);
  const known = at >= Date.parse(since) && at < Date.parse(state.card.data_window.until);
  return known ? " This hour was among those it learned from, so it is no test of the model." : "";
}

function showNoModel(detail) {
  show($("notice"), el("strong", {}, "No model is loaded."), ...coded(sentence(detail)), " This page looks again by itself.");
  setTimeout(loadCard, 5000);
}

async function loadCard() {
  const { ok, status, answer } = await ask("/model");
  if (status === 503) return showNoModel(answer.detail);
  if (!ok) return show($("notice"), el("strong", {}, "The model cannot be asked."), ...coded(sentence(answer.detail)));
  state.card = answer;
  showStaleness(answer);
  return offerIntervals(answer.interval_minutes ?? []);
}

function offerPresets({ presets, source }) {
  for (const preset of presets) {
    const chip = el("button", { type: "button", class: "chip", "aria-pressed": "false" }, el("strong", {}, preset.title), el("span", {}, preset.subtitle));
    chip.addEventListener("click", () => usePreset(preset, chip));
    $("presets").append(chip);
  }
  $("source").textContent = `Measured data: ${source.replace(/; data\/README\.md$/, "")}.`;
}

function usePreset(preset, chip) {
  for (const name of MEASURED) form.elements[name].value = preset[name] ?? "";
  for (const name of ["local_hour", "local_day_of_week", "meter_id"]) form.elements[name].value = preset[name];
  form.elements.recent_kwh.value = preset.recent_kwh.map((value) => value ?? "–").join(" ");
  press(chip);
  state.preset = preset;
  state.wanted = true;
  fillDerived(state.rules);
  predict();
}

function press(chip) {
  for (const other of document.querySelectorAll(".chip")) other.setAttribute("aria-pressed", `${other === chip}`);
}

let later = 0;
function changed() {
  press(null);
  state.preset = null;
  if (state.rules) fillDerived(state.rules);
  clearTimeout(later);
  // After the first answer the next ones come by themselves, so that one can play with a value.
  if (hasAnswer() && !ownProblem()) later = setTimeout(predict, 250);
}

async function start() {
  form.elements.local_hour.replaceChildren(...Array.from({ length: 24 }, (_, hour) => new Option(clock(hour), hour)));
  const now = new Date();
  form.elements.local_hour.value = now.getHours();
  form.elements.local_day_of_week.value = (now.getDay() + 6) % 7;
  form.addEventListener("input", changed);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    clearTimeout(later);
    state.wanted = true;
    predict();
  });
  drawnToFit($("result"), draw);
  const [rules, presets] = await Promise.all(["rules", "presets"].map((name) => ask(`/page/${name}.json`)));
  if (!rules.ok || !presets.ok) return show($("notice"), el("strong", {}, "This page is not whole."), ...coded(sentence(rules.answer.detail ?? presets.answer.detail)));
  state.rules = rules.answer;
  offerPresets(presets.answer);
  fillDerived(state.rules);
  document.body.dataset.ready = "true";
  return loadCard();
}

start();
