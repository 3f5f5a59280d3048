// What moved a prediction: from a typical reading's energy to this one's, a step for each group of inputs.

import { track } from "./chart.js";
import { el } from "./dom.js";
import { kwh, signed } from "./words.js";

const NAMES = {
  load: "Load",
  voltage: "Voltage",
  power_factor: "Power factor",
  temperature: "Outdoors",
  frequency: "Frequency",
  time: "Day and hour",
  recent: "Recent use",
};

/** A table whose bars run from step to step, so that it reads with and without the picture. */
export function movedTable(answer) {
  if (!answer.contributions.length) return el("p", { class: "help" }, "This model was trained before predictions could be taken apart; train it again to see it.");
  const steps = stepsOf(answer);
  const edges = steps.flatMap(({ from, to }) => [from, to]);
  const [low, high] = [Math.min(...edges), Math.max(...edges, 0.01)];
  const share = (value) => (value - low) / (high - low);
  return el("table", { class: "moved" },
    el("caption", { class: "visually-hidden" }, "What moved this prediction, in kWh"),
    el("thead", { class: "visually-hidden" }, el("tr", {}, ...["Input", "Picture", "kWh"].map((text) => el("th", { scope: "col" }, text)))),
    el("tbody", {}, ...steps.map((step) => row(step, share))));
}

function stepsOf(answer) {
  let at = answer.reference_kwh;
  const steps = [{ name: "A typical reading", kind: "whole", from: 0, to: at, figure: kwh(at) }];
  for (const one of answer.contributions) {
    steps.push({ name: NAMES[one.group], ...one, kind: kindOf(one.kwh), from: at, to: at + one.kwh, figure: signed(one.kwh) });
    at += one.kwh;
  }
  return [...steps, { name: "This reading", kind: "whole", from: 0, to: answer.units_kwh, figure: kwh(answer.units_kwh) }];
}

const kindOf = (share) => (Number(share.toFixed(2)) === 0 ? "nothing" : share < 0 ? "down" : "up");

function row({ name, value, reference, kind, from, to, figure }, share) {
  const head = el("th", { scope: "row" }, name, value ? el("small", {}, value, typical(value, reference)) : null);
  return el("tr", { class: kind }, head, el("td", {}, track(share(from), share(to))), el("td", {}, figure));
}

const typical = (value, reference) => (reference === value ? "" : el("span", {}, `, typical ${reference.replace(/ on the day before$/, "")}`));
