// The page of meters: which there are, what one used and will use; without a database, a history to paste.

import { $, coded, el, show } from "./dom.js";
import { ask } from "./ask.js";
import { offerMeters } from "./known_meters.js";
import { preparePasting } from "./pasted.js";
import { prepare, showMeter } from "./shown_meter.js";
import { sentence } from "./words.js";

const HASH = "#meter=";
const state = { meter: "", asked: 0 };

async function open(id) {
  state.meter = id;
  // After the `#`: a browser sends it to nobody, and the page can be kept as a bookmark.
  history.replaceState(null, "", HASH + encodeURIComponent(id));
  const asked = ++state.asked;
  $("shown").setAttribute("aria-busy", "true");
  const at = `/meters/${encodeURIComponent(id)}`;
  const [consumption, days, forecast] = await Promise.all([
    ask(`${at}/consumption`), ask(`${at}/consumption?interval=day`), ask(`${at}/forecast?horizon=${$("horizon").value}`),
  ]);
  if (asked !== state.asked) return undefined;
  $("shown").setAttribute("aria-busy", "false");
  if (!consumption.ok) return fail(consumption.answer);
  show($("notice"));
  const missing = forecast.ok ? "" : `No forecast: ${reasonOf(forecast.answer)}`;
  showMeter(id, { consumption: consumption.answer, days: days.ok ? days.answer : null, forecast: forecast.ok ? forecast.answer : null, missing });
  $("announced").textContent = `${id} is shown.`;
  return $("shown").scrollIntoView({ block: "nearest" });
}

const reasonOf = ({ detail, errors = [] }) => sentence(errors.length ? `${errors[0].message}; ${errors[0].remedy}` : detail).replace(/^./, (first) => first.toLowerCase());

function fail(answer) {
  $("shown").hidden = true;
  show($("notice"), el("strong", {}, "This meter cannot be shown."), ...coded(sentence(answer.detail)));
}

async function start() {
  prepare();
  preparePasting((title, found) => {
    showMeter(title, found);
    $("shown-title").focus();
  });
  const found = await offerMeters(open);
  document.body.dataset.ready = "true";
  if (!found.ok) return withoutMeters(found.status, found.answer.detail);
  $("choose").hidden = false;
  $("horizon").addEventListener("change", () => state.meter && open(state.meter));
  if (!found.meters.length) return show($("notice"), el("strong", {}, "No meter is known yet."), ...coded("Bring readings in with `meter ingest`, or paste a history below."));
  const wanted = location.hash.startsWith(HASH) ? decodeURIComponent(location.hash.slice(HASH.length)) : found.meters[0].meter_id;
  return found.take(wanted);
}

function withoutMeters(status, detail) {
  const title = status === 503 || status === 404 ? "No meter is known here." : "The meters cannot be listed.";
  show($("notice"), el("strong", {}, title), ...coded(sentence(detail)), " You can paste a history below and have it forecast.");
  $("paste").open = true;
}

start();
