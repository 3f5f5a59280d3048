// The form: fills in what can be computed, asks /predict, shows the answer or puts each error beside its field.

import { showCard } from "./card.js";
import { drawRange, drawRecent, kwh } from "./chart.js";
import { DERIVED, derive, shown } from "./derived.js";

const $ = (id) => document.getElementById(id);
const form = $("form");
const MEASURED = ["load_kw", "voltage_v", "power_factor", "frequency_hz", "temperature_c"];
const DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
const state = { rules: null, card: null, preset: null, answer: null, asked: 0, wanted: false };

const optionalNumber = (text) => (text.trim() === "" ? null : Number(text));

/** What the form says; a number field that holds no number is reported by the browser as bad input. */
function reading() {
  const values = Object.fromEntries(MEASURED.map((name) => [name, optionalNumber(form.elements[name].value)]));
  values.local_hour = Number(form.elements.local_hour.value);
  values.local_day_of_week = Number(form.elements.local_day_of_week.value);
  values.interval_minutes = Number(form.elements.interval_minutes.value);
  const meter = form.elements.meter_id.value.trim();
  if (meter) values.meter_id = meter;
  const recent = recentValues();
  if (recent.length) values.recent_kwh = recent;
  return values;
}

function recentValues() {
  const words = form.elements.recent_kwh.value.split(/[\s,;]+/).filter(Boolean);
  return words.map((word) => (/^[-–—]$|^null$/i.test(word) ? null : Number.isNaN(Number(word)) ? word : Number(word)));
}

function fillDerived() {
  if (!state.rules) return;
  const derived = derive(reading(), state.rules);
  for (const name of DERIVED) {
    const field = form.elements[name];
    field.value = shown(derived[name]);
    field.classList.toggle("raised", derived[name] === true && name !== "is_weekend");
  }
  for (const name of MEASURED) noteUnusual(name);
  const count = recentValues().length;
  $("history-hint").textContent = count ? `${count} intervals given` : "optional";
}

function noteUnusual(name) {
  const field = form.elements[name];
  const value = optionalNumber(field.value);
  const [low, high] = state.rules.usual[name];
  const odd = value !== null && (value < low || value > high);
  attach(field, "note", odd ? `Unusual: mostly ${low} to ${high}` : "");
}

/** Put a line under a field and tell assistive technology that it belongs to it. */
function attach(field, kind, text) {
  const id = `${field.id}-${kind}`;
  document.getElementById(id)?.remove();
  if (text) {
    const line = document.createElement("p");
    line.id = id;
    line.className = `field-${kind}`;
    line.textContent = text;
    field.after(line);
  }
  const described = ["error", "note"].map((one) => `${field.id}-${one}`).filter((one) => document.getElementById(one));
  if (described.length) field.setAttribute("aria-describedby", described.join(" "));
  else field.removeAttribute("aria-describedby");
  if (kind === "error") field.setAttribute("aria-invalid", text ? "true" : "false");
}

function clearErrors() {
  for (const field of form.elements) if (field.id && field.name) attach(field, "error", "");
  $("form-error").hidden = true;
}

function showProblem(problem) {
  const loose = [];
  for (const error of problem.errors ?? []) {
    const field = form.elements[error.path.split(/[.[]/)[0]];
    if (field) attach(field, "error", besideField(error));
    else loose.push(`${sentence(error.message)} ${sentence(error.remedy)}`);
    if (field?.closest("details")) field.closest("details").open = true;
  }
  if (!problem.errors?.length) loose.push(sentence(problem.detail));
  $("form-error").textContent = loose.join(" ");
  $("form-error").hidden = loose.length === 0;
  if (state.wanted) form.querySelector('[aria-invalid="true"]')?.focus();
  state.wanted = false;
  $("answer").classList.toggle("stale-result", Boolean(state.answer));
}

const sentence = (text) => {
  const trimmed = `${text ?? ""}`.trim();
  return trimmed && trimmed[0].toUpperCase() + trimmed.slice(1) + (/[.?!]$/.test(trimmed) ? "" : ".");
};

/** An error as it reads under its field: the field and its value need not be said again. */
function besideField(error) {
  const message = error.message.replace(/^\w+ is (missing$)?.*?: /, "$1");
  return `${sentence(message)} ${sentence(error.remedy.replace("null where it was not measured", "leave it empty where it was not measured"))}`;
}

const labelOf = (name) => form.elements[name].labels[0].firstChild.textContent.trim();

/** Problems the browser itself sees, in the shape the service would answer. */
function ownProblem() {
  const errors = [];
  for (const name of MEASURED) {
    const field = form.elements[name];
    if (field.validity.badInput) errors.push({ path: name, message: "this is not a number", remedy: "write it with digits and a point" });
    else if (field.required && field.value.trim() === "") errors.push({ path: name, message: `${labelOf(name)} is needed`, remedy: "" });
  }
  return errors.length ? { errors } : null;
}

async function predict() {
  clearErrors();
  const problem = ownProblem();
  if (problem) return showProblem(problem);
  const asked = ++state.asked;
  const body = reading();
  $("predict").setAttribute("aria-busy", "true");
  try {
    const response = await fetch("/predict", { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
    const answer = await response.json();
    if (asked !== state.asked) return undefined;
    if (response.ok) showAnswer(answer, body);
    else if (response.status === 503) showNoModel(answer.detail);
    else showProblem(answer);
  } catch {
    if (asked === state.asked) showProblem({ detail: "The service does not answer. Check that it runs, then try again." });
  } finally {
    if (asked === state.asked) $("predict").setAttribute("aria-busy", "false");
  }
  return undefined;
}

function showAnswer(answer, body) {
  const first = !state.answer;
  state.answer = { answer, body };
  $("notice").hidden = true;
  $("empty").hidden = true;
  $("answer").hidden = false;
  $("answer").classList.remove("stale-result");
  $("units").textContent = kwh(answer.units_kwh);
  $("badge").textContent = answer.status === "Unknown" ? "Unknown" : `${answer.status} for this hour`;
  $("badge").className = `badge ${answer.status.toLowerCase()}`;
  $("badge").dataset.status = answer.status;
  const minutes = body.interval_minutes;
  $("sentence").replaceChildren(...rich(`in the ${minutes} minutes from *${DAYS[body.local_day_of_week]} ${clock(body.local_hour)}*, and with 80\u00a0% certainty between *${kwh(answer.low_kwh)}* and *${kwh(answer.high_kwh)} kWh*.`));
  $("explain").replaceChildren(...rich(explanation(answer, body)));
  const warnings = answer.warnings.map((warning) => {
    const line = document.createElement("p");
    line.className = "warning";
    line.textContent = `${sentence(warning.message.replace(warning.path, labelOf(warning.path)))} ${sentence(warning.remedy)}`;
    return line;
  });
  $("warnings").replaceChildren(...warnings);
  const source = answer.used_history ? "used the recent consumption you gave" : "used this reading alone";
  $("provenance").textContent = `Model version ${answer.model_version} ${source}.${measuredNote()}`;
  draw();
  // On a phone the answer lies below the form: go there once it was asked for, not while a value is being tried out.
  if (first || state.wanted) $("result").scrollIntoView({ block: "nearest" });
  state.wanted = false;
}

function measuredNote() {
  const preset = state.preset;
  const window = state.card?.data_window;
  if (!preset || !window?.since) return "";
  const at = Date.parse(preset.reading_ts);
  const known = at >= Date.parse(window.since) && at < Date.parse(window.until);
  return known ? " This hour was among those it learned from, so it is no test of the model." : "";
}

function explanation(answer, body) {
  const kind = body.local_day_of_week >= state.rules.weekend_from ? "weekends" : "working days";
  const when = `at ${clock(body.local_hour)} on ${kind}`;
  if (answer.status === "Unknown") return `Too little was measured ${when} to say what is usual.`;
  const whose = answer.basis === "meter" ? "In its recent weeks this meter used" : "The meters that the model learned from used";
  const range = `*${kwh(answer.usual_low_kwh)}* to *${kwh(answer.usual_high_kwh)} kWh*`;
  const verdict = { Low: "The prediction is below that.", High: "The prediction is above that.", Normal: "The prediction lies within." }[answer.status];
  return `${whose} ${range} ${when}, half of the time. ${verdict}`;
}

/** Text with *strong* words as nodes. */
function rich(text) {
  return text.split("*").map((part, n) => {
    if (n % 2 === 0) return document.createTextNode(part);
    const strong = document.createElement("b");
    strong.textContent = part;
    return strong;
  });
}

const clock = (hour) => `${`${hour}`.padStart(2, "0")}:00`;

function draw() {
  if (!state.answer) return;
  const { answer, body } = state.answer;
  drawRange($("range"), answer, state.preset?.measured_kwh ?? null);
  $("recent").hidden = !body.recent_kwh;
  if (body.recent_kwh) drawRecent($("recent"), body.recent_kwh, answer, body.interval_minutes);
}

function showNoModel(detail) {
  const notice = $("notice");
  const strong = document.createElement("strong");
  strong.textContent = "There is no model yet.";
  notice.replaceChildren(strong, document.createTextNode(`${sentence(detail)} This page looks again by itself.`));
  notice.hidden = false;
  const help = document.createElement("p");
  help.className = "help";
  help.textContent = "Once a model has been trained and promoted, its version, data and accuracy stand here.";
  $("card").replaceChildren(help);
  setTimeout(loadCard, 5000);
}

async function loadCard() {
  try {
    const response = await fetch("/model");
    const card = await response.json();
    if (!response.ok) return showNoModel(card.detail);
    state.card = card;
    $("notice").hidden = true;
    showCard($("card"), card);
    offerIntervals(card.interval_minutes ?? []);
  } catch {
    $("card").textContent = "The service does not answer.";
  }
  return undefined;
}

function offerIntervals(intervals) {
  const select = form.elements.interval_minutes;
  const chosen = Number(select.value);
  if (!intervals.length) return;
  select.replaceChildren(...intervals.map((minutes) => new Option(`${minutes} minutes`, minutes)));
  select.value = intervals.includes(chosen) ? chosen : intervals[0];
}

function offerPresets(presets) {
  for (const preset of presets) {
    const chip = document.createElement("button");
    chip.type = "button";
    chip.className = "chip";
    chip.setAttribute("aria-pressed", "false");
    const title = document.createElement("strong");
    title.textContent = preset.title;
    const when = document.createElement("span");
    when.textContent = preset.subtitle;
    chip.append(title, when);
    chip.addEventListener("click", () => usePreset(preset, chip));
    $("presets").append(chip);
  }
}

function usePreset(preset, chip) {
  for (const name of MEASURED) form.elements[name].value = preset[name] ?? "";
  for (const name of ["local_hour", "local_day_of_week", "meter_id"]) form.elements[name].value = preset[name];
  form.elements.recent_kwh.value = preset.recent_kwh.map((value) => value ?? "–").join(" ");
  press(chip);
  state.preset = preset;
  state.wanted = true;
  fillDerived();
  predict();
}

function press(chip) {
  for (const other of document.querySelectorAll(".chip")) other.setAttribute("aria-pressed", `${other === chip}`);
}

let later = 0;
function changed() {
  press(null);
  state.preset = null;
  fillDerived();
  clearTimeout(later);
  // After the first answer the next ones come by themselves, so that one can play with a value.
  if (state.answer && !ownProblem()) later = setTimeout(predict, 250);
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
  new ResizeObserver(draw).observe($("result"));
  const [rules, presets] = await Promise.all(["rules", "presets"].map(async (name) => (await fetch(`/page/${name}.json`)).json()));
  state.rules = rules;
  offerPresets(presets.presets);
  fillDerived();
  await loadCard();
}

start();
