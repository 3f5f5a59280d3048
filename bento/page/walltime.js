// Instants as they stand on a meter's clock.

const parts = new Map();

function formatOf(zone) {
  if (!parts.has(zone)) {
    parts.set(zone, new Intl.DateTimeFormat("en-GB", {
      timeZone: zone, weekday: "short", day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", hourCycle: "h23",
    }));
  }
  return parts.get(zone);
}

/** Return `{ weekday, day, month, year, clock }` of an instant in ms. */
export function wall(ms, zone) {
  const found = Object.fromEntries(formatOf(zone).formatToParts(ms).map(({ type, value }) => [type, value]));
  return { ...found, clock: `${found.hour}:${found.minute}` };
}

/** An interval as people say it: `Sun 13 Dec 2009, 18:00 – 19:00`. */
export function spanWords(start, end, zone) {
  const [from, to] = [wall(start, zone), wall(end, zone)];
  return `${from.weekday} ${from.day} ${from.month} ${from.year}, ${from.clock} – ${to.clock}`;
}

/** A local date, `2009-12-13`, as people say it. */
export function dateWords(date) {
  const moment = new Date(`${date.slice(0, 10)}T12:00:00Z`);
  return moment.toLocaleDateString("en-GB", { weekday: "short", day: "numeric", month: "short", timeZone: "UTC" });
}

/** A stamp, as `Sun 13 Dec 2009, 18:00`. */
export function stampWords(stamp, zone) {
  const at = wall(Date.parse(stamp), zone);
  return `${at.weekday} ${at.day} ${at.month} ${at.year}, ${at.clock}`;
}
