// The API key, where the service asks for one: asked for once, kept for this tab only, sent as a header and nowhere else.

import { $, coded, el } from "./dom.js";
import { sentence } from "./words.js";

const PLACE = "meter-api-key";
let asking = null;

export const storedKey = () => sessionStorage.getItem(PLACE);

/** Headers with the key, where there is one. */
export function authorised(headers = {}) {
  const key = storedKey();
  return key ? { ...headers, authorization: `Bearer ${key}` } : headers;
}

/** Ask for a key; true once there is one. All who ask meanwhile wait for the same answer. */
export function askForKey(why) {
  asking ??= dialogue(why).finally(() => {
    asking = null;
  });
  return asking;
}

function dialogue(why) {
  const field = el("input", { id: "api-key", type: "password", autocomplete: "off", spellcheck: "false", required: true });
  const form = el("form", { method: "dialog", class: "key-form" },
    el("h2", { id: "key-title" }, "This service asks for a key"),
    el("p", { class: "help" }, ...coded(sentence(why)), " It stays in this tab and is forgotten when the tab is closed."),
    el("div", { class: "field" }, el("label", { for: "api-key" }, "API key"), field),
    el("div", { class: "row" },
      el("button", { type: "submit", value: "use", class: "primary" }, "Use this key"),
      el("button", { type: "submit", value: "", class: "secondary", formnovalidate: true }, "Not now")));
  const dialog = el("dialog", { "aria-labelledby": "key-title" }, form);
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      const given = dialog.returnValue === "use" && field.value.trim();
      if (given) sessionStorage.setItem(PLACE, field.value.trim());
      dialog.remove();
      offerForgetting();
      resolve(Boolean(given));
    });
  });
}

function offerForgetting() {
  $("forget-key").hidden = !storedKey();
}

$("forget-key").addEventListener("click", () => {
  sessionStorage.removeItem(PLACE);
  offerForgetting();
});
offerForgetting();
