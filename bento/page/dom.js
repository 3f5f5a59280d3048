// Elements, made and found.

export const $ = (id) => document.getElementById(id);

/** An HTML element with attributes and children; a child is a node or text, and null is left out. */
export function el(name, attributes = {}, ...children) {
  return filled(document.createElement(name), attributes, children);
}

/** The same in SVG. */
export function svg(name, attributes = {}, ...children) {
  return filled(document.createElementNS("http://www.w3.org/2000/svg", name), attributes, children);
}

function filled(made, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) if (value !== null && value !== false) made.setAttribute(key, value === true ? "" : value);
  made.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return made;
}

/** Text with *strong* words as nodes. */
export const rich = (text) => text.split("*").map((part, n) => (n % 2 ? el("b", {}, part) : part));

/** Text with `code` as nodes. */
export const coded = (text) => text.split("`").map((part, n) => (n % 2 ? el("code", {}, part) : part));

/** Show an element with this content, or hide it where there is none. */
export function show(host, ...content) {
  host.replaceChildren(...content);
  host.hidden = content.length === 0;
}
