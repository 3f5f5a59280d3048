// Measured intervals and expected ones as one row of points, and what each says.

import { spanWords } from "./walltime.js";
import { kwh } from "./words.js";

const MINUTE_MS = 60_000;
export const HOUR_MS = 60 * MINUTE_MS;
export const DAY_MS = 24 * HOUR_MS;

/** The points of `GET /meters/{id}/consumption`: null where not all of the hour is known. */
export function measuredPoints({ values, until }) {
  const starts = values.map(({ reading_ts: stamp }) => Date.parse(stamp));
  return values.map(({ reading_ts: stamp, units_kwh: units, quality }, n) => ({
    kind: "measured", stamp, start: starts[n], end: starts[n + 1] ?? Date.parse(until), units, quality,
  }));
}

/** The points of a forecast. */
export function forecastPoints({ forecast, interval_minutes: minutes }) {
  return forecast.map(({ reading_ts: stamp, units_kwh: units, low_kwh: low, high_kwh: high }) => {
    const start = Date.parse(stamp);
    return { kind: "forecast", stamp, start, end: start + minutes * MINUTE_MS, units, low, high };
  });
}

/** Energy as mean power: meters of quarters of an hour and of hours stand on one axis. */
export const rate = (point, units = point.units) => (units * HOUR_MS) / (point.end - point.start);

/** A point in words. */
export function pointWords(point, zone) {
  const when = spanWords(point.start, point.end, zone);
  if (point.kind === "forecast") return `${when}: ${kwh(point.units)} kWh expected, 80 % between ${kwh(point.low)} and ${kwh(point.high)}`;
  if (point.units === null) return `${when}: not measured`;
  const quality = point.quality && point.quality !== "measured" ? ` (${point.quality})` : "";
  return `${when}: ${kwh(point.units)} kWh measured${quality}`;
}
