// Elements as nested calls. Text always goes in as text, so nothing foreign is read as markup.

export const $ = (id) => document.getElementById(id);

/** Return an element; attributes beginning with "on" are listeners, null children are left out. */
export function h(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

/** Return an SVG element. */
export function svg(tag, attributes = {}, ...children) {
  return filled(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "value") element.value = value;
    else if (name === "colour") element.style.setProperty("--colour", value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

/** Return a formula set by our own build; only that markup is ever parsed. */
export function math(mathml) {
  const parsed = new DOMParser().parseFromString(mathml, "text/html");
  return document.importNode(parsed.querySelector("math"), true);
}

/** Return a number for people: a real minus sign, ∞, and a dash where there is none. */
export function shown(value, digits = 5) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  if (!Number.isFinite(value)) return value < 0 ? "−∞" : "∞";
  const text = String(Number(value.toPrecision(digits)));
  return text.replace("-", "−").replace("e−", "e−");
}

/** Put text on the clipboard and say so on the button for a moment. */
export async function copy(text, button) {
  const label = button.textContent;
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
  } catch {
    button.textContent = "No clipboard here";
  }
  setTimeout(() => { button.textContent = label; }, 1400);
}

/** Hand a file to the person. */
export function download(name, blob) {
  const link = h("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

/** Return the words nearest to one that is not known, as a sentence, or "". */
export function nearest(word, known) {
  const close = known
    .map((candidate) => [likeness(word.toLowerCase(), candidate.toLowerCase()), candidate])
    .filter(([likely]) => likely >= 0.5)
    .sort((a, b) => b[0] - a[0])
    .slice(0, 3)
    .map(([, candidate]) => `“${candidate}”`);
  return close.length ? ` Did you mean ${close.join(" or ")}?` : "";
}

/** Return how alike two words are, from 0 to 1: one less the edit distance over the length. */
function likeness(a, b) {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const changed = row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(row[j] + 1, next[j - 1] + 1, changed));
    }
    row = next;
  }
  return 1 - row[b.length] / Math.max(a.length, b.length, 1);
}
