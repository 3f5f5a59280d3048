"""WCAG 2.2 AA: text has a contrast of 4.5, computed from the colours the browser uses."""

CONTRAST = """() => {
  const parse = (text) => { const n = text.match(/[0-9.]+/g).map(Number); return n.length < 4 ? [...n, 1] : n; };
  const light = ([r, g, b]) => [r, g, b].map((v) => v / 255)
    .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
    .reduce((sum, v, n) => sum + v * [0.2126, 0.7152, 0.0722][n], 0);
  const behind = (one) => {
    for (let at = one; at; at = at.parentElement) {
      const colour = parse(getComputedStyle(at).backgroundColor);
      if (colour[3] === 1) return colour;
    }
    return [255, 255, 255, 1];
  };
  const weak = [];
  for (const one of document.querySelectorAll("body *")) {
    const own = [...one.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
    if (!own || !one.getClientRects().length || one.closest("script, noscript, defs, title")) continue;
    const said = getComputedStyle(one)[one.closest("svg") ? "fill" : "color"];
    const [a, b] = [light(parse(said)), light(behind(one))].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    const words = one.textContent.trim().slice(0, 20);
    if (ratio < 4.5) weak.push(`${one.tagName}.${one.className} ${words} ${ratio.toFixed(2)}`);
  }
  return weak;
}"""
