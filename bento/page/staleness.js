// Whether a newer model may exist, in the words of the service, which knows why.

import { $, coded, el, show } from "./dom.js";
import { sentence } from "./words.js";

export function showStaleness(card) {
  show($("notice"), ...(card?.stale ? [el("strong", {}, "There may be a newer model."), ...coded(sentence(card.notice))] : []));
}
