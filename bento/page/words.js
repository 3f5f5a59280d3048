// Figures, times and sentences as people read them.

export const DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

export const kwh = (value) => value.toFixed(Math.abs(value) < 10 ? 2 : Math.abs(value) < 1000 ? 1 : 0).replace("-", "−");

/** A difference: with its sign, and without one where it rounds to nothing. */
export function signed(value) {
  const text = kwh(Math.abs(value));
  return Number(text) === 0 ? text : `${value < 0 ? "−" : "+"}${text}`;
}

export const count = (value) => value.toLocaleString("en");

export const counted = (value, one, many = `${one}s`) => `${count(value)} ${value === 1 ? one : many}`;

export const clock = (hour) => `${`${hour}`.padStart(2, "0")}:00`;

export function day(stamp, zone = "UTC") {
  const moment = new Date(stamp);
  const form = { day: "numeric", month: "short", year: "numeric", timeZone: zone };
  return Number.isNaN(moment.getTime()) ? `${stamp}` : moment.toLocaleDateString("en-GB", form).replaceAll(" ", "\u00a0");
}

export function sentence(text) {
  const trimmed = `${text ?? ""}`.trim();
  return trimmed && trimmed[0].toUpperCase() + trimmed.slice(1) + (/[.?!]$/.test(trimmed) ? "" : ".");
}
