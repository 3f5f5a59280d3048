// One prediction, in words and pictures.

import { $, el, rich, show } from "./dom.js";
import { labelOf } from "./form.js";
import { movedTable } from "./moved.js";
import { drawRange, drawRecent } from "./range.js";
import { clock, DAYS, kwh, sentence } from "./words.js";

let drawn = null;

/** Show an answer to what was asked; `measured` and `note` are of an hour that is known. */
export function showAnswer(answer, body, { weekendFrom, measured, note }) {
  $("empty").hidden = true;
  $("answer").hidden = false;
  outdated(false);
  $("units").textContent = kwh(answer.units_kwh);
  $("badge").textContent = answer.status === "Unknown" ? "Unknown" : `${answer.status} for this hour`;
  $("badge").className = `badge ${answer.status.toLowerCase()}`;
  $("badge").dataset.status = answer.status;
  $("sentence").replaceChildren(...rich(`in the ${body.interval_minutes} minutes from *${DAYS[body.local_day_of_week]} ${clock(body.local_hour)}*, and with 80\u00a0% certainty between *${kwh(answer.low_kwh)}* and *${kwh(answer.high_kwh)} kWh*.`));
  $("explain").replaceChildren(...rich(beside(answer, body, weekendFrom)));
  show($("warnings"), ...answer.warnings.map(warning));
  $("moved").replaceChildren(movedTable(answer));
  const source = answer.used_history ? "used the recent consumption you gave" : "used this reading alone";
  $("provenance").textContent = `Model version ${answer.model_version} ${source}.${note}`;
  $("announced").textContent = `Predicted ${kwh(answer.units_kwh)} kWh, ${$("badge").textContent}`;
  drawn = { answer, body, measured };
  draw();
}

export const hasAnswer = () => drawn !== null;

/** Fade what no longer answers the form. */
export function outdated(is) {
  $("answer").classList.toggle("stale-result", is);
}

/** Draw the pictures at the width they have. */
export function draw() {
  if (!drawn) return;
  const { answer, body, measured } = drawn;
  drawRange($("range"), answer, measured);
  $("recent").hidden = !body.recent_kwh;
  if (body.recent_kwh) drawRecent($("recent"), body.recent_kwh, answer, body.interval_minutes);
}

const warning = ({ message, path, remedy }) =>
  el("p", { class: "warning" }, `${sentence(message.replace(path, labelOf(path)))} ${sentence(remedy)}`);

/** How the prediction stands beside what is usual. */
function beside(answer, body, weekendFrom) {
  const kind = body.local_day_of_week >= weekendFrom ? "weekends" : "working days";
  const when = `at ${clock(body.local_hour)} on ${kind}`;
  if (answer.status === "Unknown") return `Too little was measured ${when} to say what is usual.`;
  const whose = answer.basis === "meter" ? "In its recent weeks this meter used" : "The meters that the model learned from used";
  const range = `*${kwh(answer.usual_low_kwh)}* to *${kwh(answer.usual_high_kwh)} kWh*`;
  const verdict = { Low: "The prediction is below that.", High: "The prediction is above that.", Normal: "The prediction lies within." }[answer.status];
  return `${whose} ${range} ${when}, half of the time. ${verdict}`;
}
