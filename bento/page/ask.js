// One way to ask the service: JSON in, JSON out, a key where one is needed, and a problem in words for whatever goes wrong.

import { askForKey, authorised, storedKey } from "./key.js";

const AWAY = { detail: "The service does not answer. Check that it runs, then try again." };

/**
 * Ask, and return `{ ok, status, answer, retryAfter }`; status 0 where nobody answered. What is not ok is a problem with a `detail`.
 * Only an abort is thrown.
 */
export async function ask(path, { json, signal } = {}) {
  for (;;) {
    const key = storedKey();
    const result = await once(path, json, signal);
    if (result.status !== 401) return result;
    const another = storedKey() !== key;
    if (!another && !(await askForKey(key ? "The key is not known here" : "An API key is needed; `meter keys add NAME` makes one"))) return result;
  }
}

async function once(path, json, signal) {
  const body = json === undefined ? {} : { method: "POST", body: typeof json === "string" ? json : JSON.stringify(json) };
  try {
    const response = await fetch(path, { ...body, signal, headers: authorised({ "content-type": "application/json" }) });
    const answer = await response.json().catch(() => ({ detail: `The service answered with status ${response.status} and no JSON.` }));
    return { ok: response.ok, status: response.status, answer, retryAfter: Number(response.headers.get("retry-after")) || 1 };
  } catch (error) {
    if (error.name === "AbortError") throw error;
    return { ok: false, status: 0, answer: AWAY, retryAfter: 1 };
  }
}
