// The form of one reading: what it says, what is computed from it, and each error beside its field.

import { $, el } from "./dom.js";
import { DERIVED, derive, shown } from "./derived.js";
import { sentence } from "./words.js";

export const form = $("form");
export const MEASURED = ["load_kw", "voltage_v", "power_factor", "frequency_hz", "temperature_c"];

const optionalNumber = (text) => (text.trim() === "" ? null : Number(text));
export const labelOf = (name) => form.elements[name].labels[0].firstChild.textContent.trim();

/** What the form says; a number field that holds no number is reported by the browser as bad input. */
export function reading() {
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

/** Fill in what is computed, and mark what is unusual. */
export function fillDerived(rules) {
  const derived = derive(reading(), rules);
  for (const name of DERIVED) {
    const field = form.elements[name];
    field.value = shown(derived[name]);
    field.classList.toggle("raised", derived[name] === true && name !== "is_weekend");
  }
  for (const name of MEASURED) noteUnusual(name, rules.usual[name]);
  const count = recentValues().length;
  $("history-hint").textContent = count ? `${count} intervals given` : "optional";
}

function noteUnusual(name, [low, high]) {
  const value = optionalNumber(form.elements[name].value);
  const odd = value !== null && (value < low || value > high);
  attach(form.elements[name], "note", odd ? `Unusual: mostly ${low} to ${high}` : "");
}

/** Put a line under a field and tell assistive technology that it belongs to it. */
function attach(field, kind, text) {
  const id = `${field.id}-${kind}`;
  $(id)?.remove();
  if (text) field.after(el("p", { id, class: `field-${kind}` }, text));
  const described = ["error", "note"].map((one) => `${field.id}-${one}`).filter($);
  if (described.length) field.setAttribute("aria-describedby", described.join(" "));
  else field.removeAttribute("aria-describedby");
  if (kind === "error") field.setAttribute("aria-invalid", text ? "true" : "false");
}

export function clearErrors() {
  for (const field of form.elements) if (field.id && field.name) attach(field, "error", "");
  $("form-error").hidden = true;
}

/** Show a problem: what belongs to a field beside it, the rest below the button. */
export function showErrors(problem, wanted) {
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
  if (wanted) form.querySelector('[aria-invalid="true"]')?.focus();
}

/** An error as it reads under its field: the field and its value need not be said again. */
function besideField(error) {
  const message = error.message.replace(/^\w+ is (missing$)?.*?: /, "$1");
  return `${sentence(message)} ${sentence(error.remedy.replace("null where it was not measured", "leave it empty where it was not measured"))}`;
}

/** Problems the browser itself sees, in the shape the service would answer. */
export function ownProblem() {
  const errors = [];
  for (const name of MEASURED) {
    const field = form.elements[name];
    if (field.validity.badInput) errors.push({ path: name, message: "this is not a number", remedy: "write it with digits and a point" });
    else if (field.required && field.value.trim() === "") errors.push({ path: name, message: `${labelOf(name)} is needed`, remedy: "" });
  }
  return errors.length ? { errors } : null;
}

/** Offer the intervals that the model was trained on. */
export function offerIntervals(intervals) {
  const select = form.elements.interval_minutes;
  const chosen = Number(select.value);
  if (!intervals.length) return;
  select.replaceChildren(...intervals.map((minutes) => new Option(`${minutes} minutes`, minutes)));
  select.value = intervals.includes(chosen) ? chosen : intervals[0];
}
