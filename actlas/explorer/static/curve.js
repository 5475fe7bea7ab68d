// What lies on the desk: a function of the catalogue or a typed formula, with its parameters.
import { CURVES, DATA } from "./catalogue.js";
import { nearest } from "./dom.js";
import { parse } from "./parse.js";

export const CARDS = DATA.cards;
const byFolded = new Map();
for (const card of CARDS) {
  for (const name of [card.id, card.title, ...card.aliases]) byFolded.set(fold(name), card);
}

/** Return the form under which names are compared: no case, no separators. */
export function fold(name) {
  return name.replace(/[\W_]/g, "").toLowerCase();
}

/** Return the second input, where there is one, and the parameters, each with a slider. */
function slidersOf(card) {
  const second = card.inputs.slice(1).map((symbol) => ({
    symbol, value: 0, low: -Infinity, high: Infinity, open: true, domain: "any real number",
  }));
  return [...second, ...card.parameters];
}

/** Return a curve of the catalogue at its defaults. */
export function ofCard(card) {
  const sliders = slidersOf(card);
  return {
    card, formula: null, title: card.title, sliders,
    values: sliders.map((slider) => slider.value),
    choices: Object.fromEntries(Object.entries(card.choices).map(([name, all]) => [name, all[0]])),
  };
}

/** Return the curve of a typed formula; `given` are values of its parameters. Throws Fault. */
export function ofFormula(formula, given = {}) {
  const { f, names } = parse(formula);
  const sliders = names.map((symbol) => ({
    symbol, value: 1, low: -Infinity, high: Infinity, open: true, domain: "any real number",
  }));
  const values = names.map((name) => (Number.isFinite(given[name]) ? given[name] : 1));
  return { card: null, formula, title: formula, sliders, values, choices: {}, f };
}

/** Return "elu(alpha=2)" or "=x*tanh(a*x);a=2": what a link holds. */
export function toText(curve) {
  const moved = curve.sliders
    .map((slider, i) => [slider.symbol, curve.values[i], slider.value])
    .filter(([, value, usual]) => value !== usual)
    .map(([symbol, value]) => `${symbol}=${value}`);
  if (curve.formula !== null) return [`=${curve.formula}`, ...moved].join(";");
  const chosen = Object.entries(curve.choices)
    .filter(([name, value]) => value !== curve.card.choices[name][0])
    .map(([name, value]) => `${name}=${value}`);
  const inside = [...moved, ...chosen].join(",");
  return curve.card.id + (inside ? `(${inside})` : "");
}

/** Return the curve that a text of `toText` names; throws an Error that says what is wrong. */
export function fromText(text) {
  if (text.startsWith("=")) {
    const [formula, ...settings] = text.slice(1).split(";");
    return ofFormula(formula, Object.fromEntries(settings.map(setting).map(([k, v]) => [k, Number(v)])));
  }
  const [, name, , inside] = /^([^(]*)(\((.*)\))?$/s.exec(text) ?? [null, text];
  const card = byFolded.get(fold(name));
  if (!card) throw new Error(`There is no function called “${name}”.${nearest(name, CARDS.map((c) => c.id))}`);
  const curve = ofCard(card);
  for (const [key, value] of (inside ?? "").split(",").filter(Boolean).map(setting)) set(curve, key, value);
  return curve;
}

function setting(text) {
  const at = text.indexOf("=");
  return at < 0 ? [text.trim(), ""] : [text.slice(0, at).trim(), text.slice(at + 1).trim()];
}

/** Set a parameter or a choice; throws an Error that says what is allowed. */
export function set(curve, name, value) {
  if (Object.hasOwn(curve.choices, name)) {
    const allowed = curve.card.choices[name];
    if (!allowed.includes(value)) {
      throw new Error(`${curve.title}: ${name} is one of ${allowed.join(", ")}, not “${value}”.`);
    }
    curve.choices[name] = value;
    return;
  }
  const place = curve.sliders.findIndex((slider) => slider.symbol === name);
  if (place < 0) {
    const known = curve.sliders.map((slider) => slider.symbol);
    throw new Error(`${curve.title} has no parameter “${name}”; it has ${known.join(", ") || "none"}.`);
  }
  const slider = curve.sliders[place], number = value === "" ? NaN : Number(value);
  if (!allowed(slider, number)) {
    throw new Error(`${curve.title}: ${name} must be ${slider.domain}, got “${value}”.`);
  }
  curve.values[place] = number;
}

function allowed({ low, high, open }, value) {
  if (!Number.isFinite(value)) return false;
  return (low < value && value < high) || (!open && (value === low || value === high));
}

/** Return [from, to, step] of a slider: the domain where it is finite, else a span about the default. */
export function reach({ low, high, open, value }) {
  const width = 4 * Math.max(1, Math.abs(value));
  const step = 10 ** Math.floor(Math.log10(width / 100));
  const inner = open ? step : 0;
  const from = Number.isFinite(low) ? low + inner : value - width;
  const to = Number.isFinite(high) ? high - inner : value + width;
  const near = Number.isFinite(low) && value > 0 ? Math.min(to, Math.max(4 * value, low + 2)) : to;
  return [from, near, step];
}

/** Return x => the derivative of the given order at the curve's parameters. */
export function evaluator(curve, order = 0) {
  const values = [...curve.values];
  if (curve.card) {
    const f = CURVES[curve.card.id][Object.values(curve.choices).join(",")][order];
    return (x) => f(x, ...values);
  }
  const f = (x) => curve.f(x, values);
  return [f, (x) => slope(f, x), (x) => bend(f, x)][order];
}

const H = 1 / 1024; // exact, so that x + H loses nothing of H near 0

/** f' by central differences of fourth order: an error of about 1e-12 on smooth curves. */
function slope(f, x) {
  return (8 * (f(x + H) - f(x - H)) - (f(x + 2 * H) - f(x - 2 * H))) / (12 * H);
}

/** f'' in the same way, with an error of about 1e-9. */
function bend(f, x) {
  return (16 * (f(x + H) + f(x - H)) - (f(x + 2 * H) + f(x - 2 * H)) - 30 * f(x)) / (12 * H * H);
}

/** Return `count` even places from low to high; `bent` spaces them evenly in asinh instead. */
export function places(low, high, count, bent = false) {
  const [a, b] = bent ? [Math.asinh(low), Math.asinh(high)] : [low, high];
  const even = (i) => a + ((b - a) * i) / (count - 1);
  return Array.from({ length: count }, (_, i) => (bent ? Math.sinh(even(i)) : even(i)));
}
