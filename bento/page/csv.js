// CSV in and out: commas or semicolons, quotes, and with semicolons a decimal comma.

/**
 * Return `{ delimiter, header, rows, lines }`: cells as text, and the line of the file that each row begins on.
 * Throws an Error in words where there is nothing to read.
 */
export function parseCsv(text) {
  const clean = text.replace(/^\uFEFF/, "");
  const delimiter = delimiterOf(clean.slice(0, clean.search(/\r?\n|$/)));
  const { rows, lines } = clean.includes('"') ? quoted(clean, delimiter) : plain(clean, delimiter);
  if (!rows.length) throw new Error("The file is empty.");
  if (rows.length === 1) throw new Error("The file has a header and no readings below it.");
  return { delimiter, header: rows[0].map((name) => name.trim()), rows: rows.slice(1), lines: lines.slice(1) };
}

function delimiterOf(line) {
  const times = (one) => line.split(one).length;
  return [",", ";", "\t"].reduce((best, one) => (times(one) > times(best) ? one : best));
}

function plain(text, delimiter) {
  const [rows, lines] = [[], []];
  text.split(/\r\n|\n|\r/).forEach((line, n) => {
    if (!line.trim()) return;
    rows.push(line.split(delimiter));
    lines.push(n + 1);
  });
  return { rows, lines };
}

/** Cell by cell: a quoted one may hold the delimiter, a line's end, and a quote written twice. */
function quoted(text, delimiter) {
  const cell = new RegExp(`(?:"((?:[^"]|"")*)"[^${delimiter}\\r\\n]*|([^${delimiter}\\r\\n]*))(${delimiter}|\\r\\n|\\n|\\r|$)`, "y");
  const [rows, lines] = [[], []];
  let [line, began, row] = [1, 1, []];
  while (cell.lastIndex < text.length) {
    const [whole, inside, bare, end] = cell.exec(text);
    row.push(inside === undefined ? bare : inside.replaceAll('""', '"'));
    line += whole.match(/\r\n|\n|\r/g)?.length ?? 0;
    if (end === delimiter && cell.lastIndex < text.length) continue;
    if (end === delimiter) row.push("");
    if (row.some((one) => one.trim())) {
      rows.push(row);
      lines.push(began);
    }
    [began, row] = [line, []];
  }
  return { rows, lines };
}

/** A number as the file writes it; NaN for what is none. */
export function numberOf(text, delimiter) {
  const word = delimiter === "," ? text.trim() : text.trim().replace(/^([+-]?\d*),(\d+)$/, "$1.$2");
  return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(word) ? Number(word) : NaN;
}

/** Rows of values as CSV: numbers as the delimiter's files write them, text in quotes where it needs them. */
export function csvOf(rows, delimiter = ",") {
  const special = new RegExp(`["${delimiter}\\r\\n]`);
  const written = (value) => {
    if (value === null || value === undefined) return "";
    const text = typeof value === "number" && delimiter !== "," ? `${value}`.replace(".", ",") : `${value}`;
    return special.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  return `${rows.map((row) => row.map(written).join(delimiter)).join("\r\n")}\r\n`;
}

/** Give a text to the browser as a file to keep. */
export function saveFile(name, text) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "text/csv;charset=utf-8" }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
