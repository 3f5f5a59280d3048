// Which columns of a file are fields of a reading, and what each row says as the service wants it.

import { numberOf } from "./csv.js";
import { DERIVED } from "./derived.js";

const TEXT = ["reading_ts", "zone", "meter_id"];
const YES = { true: true, yes: true, 1: true, false: false, no: false, 0: false };
export const MEASURED_ENERGY = "units_kwh";

/**
 * Return `{ columns, ignored, missing }`: `columns` are `{ name, at }` of the fields that were found, `ignored` names of
 * columns that no reading has, `missing` what has to be there and is not, in words.
 */
export function recognise(header, rules) {
  const names = header.map((name) => name.toLowerCase().replace(/[\s-]+/g, "_"));
  const columns = rules.fields.flatMap((name) => (names.includes(name) ? [{ name, at: names.indexOf(name) }] : []));
  const known = new Set([...rules.fields, MEASURED_ENERGY]);
  const there = new Set(names);
  const missing = ["load_kw", "voltage_v"].filter((name) => !there.has(name));
  const timed = there.has("reading_ts") || (there.has("local_hour") && there.has("local_day_of_week"));
  if (!timed) missing.push("reading_ts (or local_hour and local_day_of_week)");
  const twice = names.filter((name, n) => known.has(name) && names.indexOf(name) !== n);
  if (twice.length) missing.push(`one column ${twice[0]} only (there are two)`);
  return {
    columns,
    ignored: header.filter((_, n) => !known.has(names[n])),
    missing,
    measuredAt: names.indexOf(MEASURED_ENERGY),
    needsZone: there.has("reading_ts") && !there.has("zone"),
  };
}

/** The columns of the request: those found, those that may be null and are not in the file, and the zone. */
export function requestColumns(found, rules) {
  const names = found.columns.map(({ name }) => name);
  const absent = rules.required.filter((name) => !names.includes(name));
  return [...names, ...absent, ...(found.needsZone ? ["zone"] : [])];
}

/**
 * Return a row's values in the order of `requestColumns`, or `{ column, message }` of a cell that cannot be read.
 */
export function valuesOf(row, found, rules, delimiter, zone) {
  const values = [];
  for (const { name, at } of found.columns) {
    const text = (row[at] ?? "").trim();
    const value = valueOf(name, text, delimiter);
    if (Number.isNaN(value)) return { column: name, message: `“${text.slice(0, 40)}” is not a number` };
    values.push(value);
  }
  const absent = rules.required.filter((name) => !found.columns.some((one) => one.name === name));
  return [...values, ...absent.map(() => null), ...(found.needsZone ? [zone] : [])];
}

function valueOf(name, text, delimiter) {
  if (name === "interval_minutes" && text === "") return 60;
  if (text === "" || /^(null|nan|na|n\/a|–|-)$/i.test(text)) return null;
  if (TEXT.includes(name)) return text;
  if (name === "recent_kwh") return listOf(text, delimiter);
  if (DERIVED.includes(name) && name !== "load_intensity") return YES[text.toLowerCase()] ?? NaN;
  return numberOf(text, delimiter);
}

/** Recent energy in one cell, apart by spaces or bars; NaN where any of it is no number. */
function listOf(text, delimiter) {
  const values = text.split(/[\s|]+/).map((word) => (/^([-–]|null)$/i.test(word) ? null : numberOf(word, delimiter)));
  return values.some(Number.isNaN) ? NaN : values;
}
