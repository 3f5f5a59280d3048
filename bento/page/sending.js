// A whole file to `/predict_batch`: request after request, lines that are wrong left out and said, nothing lost on a stop.

import { ask } from "./ask.js";
import { recognise, requestColumns, valuesOf } from "./recognised.js";

const MOST_TRIES = 8;
const MOST_WAITS = 30;

/**
 * Predict the rows of a parsed file.
 *
 * Returns `{ answers, errors, names, failed, stopped }`: `answers[n]` are row n's values of the fields `names`, null where
 * there are none; `errors` are `{ row, column, message }`; `failed` says why it ended early.
 */
export async function predictRows(table, rules, { zone, signal, progress }) {
  const found = recognise(table.header, rules);
  const columns = requestColumns(found, rules);
  const state = { answers: new Array(table.rows.length).fill(null), errors: [], names: [], failed: "", stopped: false };
  try {
    for (let from = 0; from < table.rows.length && !state.failed; from += rules.batch_limit) {
      const rows = readable(table, found, rules, zone, from, from + rules.batch_limit, state.errors);
      await predictSome(columns, rows, state, signal);
      progress(Math.min(from + rules.batch_limit, table.rows.length));
    }
  } catch (error) {
    if (error.name !== "AbortError") throw error;
    state.stopped = true;
  }
  return state;
}

/** The rows of one request whose cells can be read; what cannot is noted. */
function readable(table, found, rules, zone, from, until, errors) {
  const rows = [];
  for (let row = from; row < Math.min(until, table.rows.length); row += 1) {
    const values = valuesOf(table.rows[row], found, rules, table.delimiter, zone);
    if (Array.isArray(values)) rows.push({ row, values });
    else errors.push({ row, ...values });
  }
  return rows;
}

/** One request; rows that the service refuses are left out of the next try. */
async function predictSome(columns, given, state, signal) {
  let rows = given;
  for (let tries = 0; rows.length; tries += 1) {
    const { ok, status, answer } = await patiently({ columns, rows: rows.map(({ values }) => values) }, signal);
    if (ok) {
      state.names = answer.columns;
      rows.forEach(({ row }, n) => (state.answers[row] = answer.rows[n]));
      return;
    }
    const refused = status === 422 ? wrongRows(answer, columns, rows) : [];
    if (!refused.length || tries === MOST_TRIES) {
      state.failed = refused.length ? "Too many lines are wrong to go on; put those right that are listed, and try again." : answer.detail;
      state.errors.push(...refused);
      return;
    }
    state.errors.push(...refused);
    const out = new Set(refused.map(({ row }) => row));
    rows = rows.filter(({ row }) => !out.has(row));
  }
}

/** Ask, and while too many ask at once wait as long as the service says. */
async function patiently(json, signal) {
  for (let waits = 0; ; waits += 1) {
    const result = await ask("/predict_batch", { json, signal });
    if (result.status !== 429 || waits === MOST_WAITS) return result;
    await new Promise((resolve) => setTimeout(resolve, 1000 * result.retryAfter));
    signal.throwIfAborted();
  }
}

/** The problem's `rows[3][1]` as rows and columns of the file. */
function wrongRows(problem, columns, rows) {
  return (problem.errors ?? []).flatMap(({ path, message, remedy }) => {
    const place = /^rows\[(\d+)\](?:\[(\d+)\])?/.exec(path);
    return place ? [{ row: rows[Number(place[1])].row, column: columns[Number(place[2])] ?? "", message: `${message}; ${remedy}` }] : [];
  });
}
