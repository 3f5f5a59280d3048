// The list of known meters: found by part of their id, loaded page by page.

import { $, el } from "./dom.js";
import { ask } from "./ask.js";
import { counted } from "./words.js";
import { stampWords } from "./walltime.js";

const A_PAGE = 200;
const SHOWN = 60;

/** Load meters and offer them; `choose` is called with the one that is taken. Returns the first answer. */
export async function offerMeters(choose) {
  const meters = [];
  let next = null;
  let chosen = "";

  async function load() {
    const result = await ask(`/meters?limit=${A_PAGE}${next ? `&after=${encodeURIComponent(next)}` : ""}`);
    if (!result.ok) return result;
    meters.push(...result.answer.meters);
    next = result.answer.next;
    list();
    return result;
  }

  const wanted = () => $("search").value.trim().toLowerCase();
  const matching = () => meters.filter(({ meter_id: id }) => id.toLowerCase().includes(wanted()));

  function list() {
    const found = matching();
    $("meters").replaceChildren(...found.slice(0, SHOWN).map(entry));
    const more = next ? " so far" : "";
    const cut = found.length > SHOWN ? `, the first ${SHOWN} are shown` : "";
    $("known").textContent = wanted() ? `${counted(found.length, "meter")} of ${meters.length}${more}${cut}` : `${counted(meters.length, "meter")}${more}${cut}`;
    $("more").hidden = !next;
  }

  function entry(meter) {
    const until = meter.data_known_until ? `until ${stampWords(meter.data_known_until, meter.zone)}` : "nothing measured yet";
    const button = el("button", { type: "button", class: "chip", "aria-pressed": `${meter.meter_id === chosen}` }, el("strong", {}, meter.meter_id), el("span", {}, until));
    button.addEventListener("click", () => take(meter.meter_id));
    return el("li", {}, button);
  }

  function take(id) {
    chosen = id;
    list();
    $("meters").querySelector('[aria-pressed="true"]')?.scrollIntoView({ block: "nearest", inline: "center" });
    choose(id);
  }

  /** The only one found, or the id as typed: it may be a meter that the list has not come to. */
  function typed() {
    const found = matching();
    const id = found.length === 1 ? found[0].meter_id : $("search").value.trim();
    if (id) take(id);
  }

  $("search").addEventListener("input", list);
  $("search").addEventListener("keydown", (event) => event.key === "Enter" && typed());
  $("more").addEventListener("click", load);
  return { ...(await load()), meters, take };
}
