// The one state of the page, and the address that says it, so that every view can be shared.
import { fromText, toText } from "./curve.js";

export const VIEWS = ["curves", "saturation", "quotient", "gaussian", "propagation"];
export const LOGARITHMIC = ["saturation", "quotient", "propagation"]; // their y axis is
const FARTHEST = { x: 1e6, y: 1e15 }; // y follows steep functions
const NARROWEST = 1e-6; // of the larger end: what a double still divides into ticks
const FRESH = () => ({
  atlas: true, curves: [], active: 0, view: "curves", orders: [0], x: null, y: null,
  bentX: false, bentY: false, query: "", family: "", sort: "", turned: false, mean: 0, spread: 1,
  messages: [],
});

export const state = FRESH();
const listeners = [];

/** Have `listener` called after every change, with the names of what changed. */
export function onChange(listener) {
  listeners.push(listener);
}

/** Change the state, the address with it, and tell everybody. */
export function change(patch, { step = false } = {}) {
  Object.assign(state, { messages: [] }, patch);
  state.active = Math.min(state.active, Math.max(state.curves.length - 1, 0));
  const hash = `#${toHash()}`;
  if (hash !== location.hash && !(hash === "#" && location.hash === "")) {
    history[step ? "pushState" : "replaceState"](null, "", hash);
  }
  tell(new Set(Object.keys(patch)));
}

function tell(changed) {
  listeners.forEach((listener) => listener(changed));
}

/** Return the state as the text behind "#"; what is as it was at the start is left out. */
function toHash() {
  const words = new URLSearchParams(), fresh = FRESH();
  const put = (key, value, usual) => { if (value !== usual) words.set(key, value); };
  state.curves.forEach((curve) => words.append("f", toText(curve)));
  put("view", state.view, fresh.view);
  put("d", state.orders.join(""), "0");
  put("x", span(state.x), "");
  put("y", span(state.y), "");
  put("log", (state.bentX ? "x" : "") + (state.bentY ? "y" : ""), "");
  put("in", `${state.mean},${state.spread}`, "0,1");
  put("on", String(state.active), "0");
  put("q", state.query, "");
  put("family", state.family, "");
  put("sort", state.sort + (state.turned ? "-" : ""), "");
  if (state.atlas && state.curves.length) words.set("atlas", "1");
  return words.toString();
}

const span = (range) => (range ? range.join(",") : "");

/** Return a range with as many digits as its width asks for: what is drawn is what a link holds. */
export function rounded(range) {
  const far = Math.max(...range.map(Math.abs)), zoom = Math.log10(far / (range[1] - range[0]));
  const digits = Math.min(Math.max(Math.ceil(zoom), 0) + 6, 17) || 17;
  return range.map((end) => Number(end.toPrecision(digits)));
}

/** Whether an axis can show a range: neither too far out nor too narrow for the digits there. */
export function drawable(key, range, view) {
  const logarithmic = key === "y" && LOGARITHMIC.includes(view);
  const [low, high] = logarithmic ? range.map(Math.log) : range;
  const far = Math.max(Math.abs(low), Math.abs(high));
  return far <= FARTHEST[key] && high - low >= NARROWEST * Math.max(1, far);
}

/** Read the address; what cannot be read is left out and said in `messages`. */
export function readAddress() {
  const words = new URLSearchParams(location.hash.slice(1)), found = FRESH();
  for (const text of words.getAll("f").slice(0, 24)) {
    try {
      found.curves.push(fromText(text));
    } catch (problem) {
      found.messages.push(text.startsWith("=") ? `The formula ${text.slice(1, 80)}, ${problem.message}` : problem.message);
    }
  }
  found.atlas = found.curves.length === 0 || words.get("atlas") === "1";
  readView(words, found);
  Object.assign(state, found);
  tell(new Set(Object.keys(found)));
}

function readView(words, found) {
  const view = words.get("view") ?? found.view;
  if (VIEWS.includes(view)) found.view = view;
  else found.messages.push(`There is no view called “${view}”; the views are ${VIEWS.join(", ")}.`);
  const orders = [...new Set(words.get("d") ?? "0")].map(Number).filter((d) => d <= 2).sort();
  found.orders = orders.length ? orders : [0];
  [found.x, found.y] = ["x", "y"].map((key) => range(words.get(key), key, found));
  const log = words.get("log") ?? "";
  [found.bentX, found.bentY] = [log.includes("x"), log.includes("y")];
  const [mean, spread] = (words.get("in") ?? "0,1").split(",").map(Number);
  if (Math.abs(mean) <= 5 && spread > 0 && spread <= 10) Object.assign(found, { mean, spread });
  const active = Number.parseInt(words.get("on") ?? "0", 10) || 0;
  found.active = Math.max(Math.min(active, found.curves.length - 1), 0);
  found.query = (words.get("q") ?? "").slice(0, 200);
  found.family = words.get("family") ?? "";
  const sort = words.get("sort") ?? "";
  [found.sort, found.turned] = [sort.replace(/-$/, ""), sort.endsWith("-")];
}

function range(text, key, { view, messages }) {
  if (text === null) return null;
  const ends = text.split(",").map(Number);
  if (ends.length === 2 && drawable(key, ends, view)) return ends;
  const above = key === "y" && LOGARITHMIC.includes(view) ? ", both above 0" : "";
  messages.push(`The range ${key}=${text.slice(0, 40)} cannot be read; write low,high${above}, `
    + `at most ${FARTHEST[key]} from 0 and not closer than a millionth of that distance.`);
  return null;
}
