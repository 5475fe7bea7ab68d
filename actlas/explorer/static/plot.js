// The plot: uPlot draws, the pointer, the wheel and the keys move the window.
import { $ } from "./dom.js";
import { curveColour, painted } from "./colours.js";
import { change, drawable, rounded, state } from "./state.js";
import { home, viewed } from "./views.js";

let drawn = null;
let data = null;

/** Return what is drawn: the plot and the data of the view. */
export const picture = () => ({ plot: drawn, data });

/** Draw the view anew; `onHover` gets the index of the place under the pointer, or null. */
export function drawPlot(onHover) {
  const host = $("plot");
  drawn?.destroy();
  drawn = null;
  if (state.atlas || !state.curves.length) return;
  data = viewed();
  const [width, height] = [host.clientWidth, host.clientHeight];
  drawn = new uPlot(options(width, height, onHover), [data.x, ...data.lines.map((each) => each.y)], host);
  host.setAttribute("aria-label", `${data.yName} against ${data.xName}: ${data.lines.map((each) => each.label).join("; ")}`);
}

function options(width, height, onHover) {
  const bars = { drawClear: [backdrop], setCursor: [(plot) => onHover(plot.cursor.idx ?? null)] };
  return {
    width, height, pxAlign: 0, hooks: { ...bars, draw: [drawAtoms] },
    legend: { show: false }, padding: [14, 18, 0, 2],
    cursor: { drag: { x: false, y: false }, points: { size: 7 }, x: true, y: true },
    focus: { prox: -1 },
    scales: {
      x: { time: false, range: () => edges(), ...(state.bentX && state.view === "curves" ? { distr: 4 } : {}) },
      y: { range: () => heights(), ...(data.logY ? { distr: 3 } : state.bentY ? { distr: 4 } : {}) },
    },
    axes: [axis(data.xName, 30), data.logY ? logAxis() : axis(data.yName, 52)],
    series: [{}, ...data.lines.map((each) => ({
      label: each.label, stroke: each.place < 0 ? painted("--faint") : curveColour(each.place),
      width: each.dash.length ? 1.8 : 2.3, dash: each.dash, points: { show: false }, spanGaps: false, pxAlign: 0,
    }))],
  };
}

function axis(label, size) {
  return {
    label, labelSize: 18, labelGap: 0, size, gap: 6, stroke: painted("--soft"),
    font: "12px system-ui, sans-serif", labelFont: "12px system-ui, sans-serif",
    grid: { stroke: painted("--hair"), width: 1 }, ticks: { show: false }, values: numbers, filter: apart,
  };
}

/** Leave out the labels that would stand too close: on a bent axis they crowd. */
function apart(plot, splits, axisIndex) {
  const [scale, least] = axisIndex === 0 ? ["x", 30] : ["y", 15];
  let last = -Infinity;
  return splits.map((value) => {
    const at = plot.valToPos(value, scale) * (scale === "x" ? 1 : -1);
    if (!(at - last >= least)) return null;
    last = at;
    return value;
  });
}

const minus = (text) => text.replace("-", "−");
const numbers = (plot, splits) => splits.map((value) =>
  (value === null ? "" : minus(String(Number(value.toPrecision(6))))));
const SUPERSCRIPT = "⁰¹²³⁴⁵⁶⁷⁸⁹";
const raised = (power) => [...String(power)].map((c) => (c === "-" ? "⁻" : SUPERSCRIPT[c])).join("");

/** A logarithmic axis marks whole powers of ten only, and of many only some. */
function logAxis() {
  const plain = axis(data.yName, 52);
  const labels = (plot, splits) => splits.map((value) => `10${raised(Math.round(Math.log10(value)))}`);
  return { ...plain, splits: (plot, i, low, high) => powersWithin(low, high), filter: (plot, splits) => splits, values: labels };
}

function powersWithin(low, high) {
  const [from, to] = [Math.ceil(Math.log10(low)), Math.floor(Math.log10(high))];
  const step = Math.max(1, Math.ceil((to - from) / 12)), first = Math.ceil(from / step) * step;
  return Array.from({ length: Math.max(0, Math.floor((to - first) / step) + 1) }, (_, i) => 10 ** (first + i * step));
}

function edges() {
  return state.x ?? home();
}

/** Return the range of y: as zoomed, else what shows the most of all lines. */
function heights() {
  if (state.y) return state.y;
  const values = data.lines.flatMap((each) => each.y).filter((y) => y !== null && (!data.logY || y > 0));
  if (data.top) return [0, data.top];
  values.sort((a, b) => a - b);
  if (!values.length) return data.logY ? [1e-3, 1] : [-1, 1];
  if (data.logY) return logHeights(values);
  const at = (share) => values[Math.round(share * (values.length - 1))];
  let [low, high] = [values[0], values.at(-1)];
  const [inner, outer] = [at(0.03), at(0.97)];
  if (high - low > 5 * (outer - inner) && outer > inner) [low, high] = [inner, outer];
  const pad = Math.max(0.07 * (high - low), 1e-9 * Math.abs(high)) || 0.5;
  return [low - pad, high + pad];
}

function logHeights(values) {
  const low = Math.max(values[0], values.at(-1) * 1e-12), high = values.at(-1);
  const pad = Math.max((high / low) ** 0.06, 1.5);
  return [low / pad, high * pad];
}

/** The axes through the origin, a little stronger than the grid. */
function backdrop(plot) {
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.strokeStyle = painted("--axis");
  ctx.lineWidth = devicePixelRatio;
  ctx.beginPath();
  const [x, y] = [plot.valToPos(0, "x", true), data.logY ? plot.valToPos(1, "y", true) : plot.valToPos(0, "y", true)];
  if (x > bbox.left && x < bbox.left + bbox.width) {
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
  }
  if (y > bbox.top && y < bbox.top + bbox.height) {
    ctx.moveTo(bbox.left, y);
    ctx.lineTo(bbox.left + bbox.width, y);
  }
  ctx.stroke();
  ctx.restore();
}

/** What gathers in one point, such as the zeros of ReLU: a bar as high as its share of the height. */
function drawAtoms(plot) {
  const { ctx, bbox } = plot;
  for (const { place, x, share } of data.atoms ?? []) {
    const at = plot.valToPos(x, "x", true);
    if (at < bbox.left || at > bbox.left + bbox.width) continue;
    ctx.save();
    ctx.strokeStyle = ctx.fillStyle = curveColour(place);
    ctx.lineWidth = 4 * devicePixelRatio;
    const top = bbox.top + bbox.height * (1 - share);
    ctx.beginPath();
    ctx.moveTo(at, bbox.top + bbox.height);
    ctx.lineTo(at, top);
    ctx.stroke();
    ctx.textAlign = "left";
    ctx.font = `${12 * devicePixelRatio}px system-ui, sans-serif`;
    ctx.fillText(`${(100 * share).toFixed(0)} %`, at + 6 * devicePixelRatio, top + 10 * devicePixelRatio);
    ctx.restore();
  }
}

// ------------------------------------------------------------------ moving the window

const bends = (scale) => (scale === "x" ? state.bentX && state.view === "curves" : state.bentY && !data.logY);
const warp = (scale) => (scale === "y" && data.logY ? [Math.log, Math.exp]
  : bends(scale) ? [Math.asinh, Math.sinh] : [(v) => v, (v) => v]);

/** Return a range moved by a share of its width, and scaled about a share of it, while it can be drawn. */
function moved(scale, [low, high], shift, factor, about) {
  const [into, back] = warp(scale), a = into(low), b = into(high), fixed = a + (b - a) * about;
  const ends = [fixed + (a - fixed) * factor, fixed + (b - fixed) * factor];
  const size = ends[1] - ends[0], range = rounded(ends.map((end) => back(end + shift * size)));
  return drawable(scale, range, state.view) ? range : state[scale];
}

/** Move and scale the window; `about` is [x, y] in shares of the plot from its lower left. */
export function shift(byX, byY, factorX = 1, factorY = 1, about = [0.5, 0.5]) {
  if (!drawn) return;
  const patch = {};
  if (state.view !== "propagation" && (byX || factorX !== 1)) patch.x = moved("x", edges(), byX, factorX, about[0]);
  if (byY || factorY !== 1) patch.y = moved("y", heights(), byY, factorY, about[1]);
  change(patch);
}

export const reset = () => change({ x: null, y: null });

function placeIn(event) {
  const box = drawn.over.getBoundingClientRect();
  return [(event.clientX - box.left) / box.width, 1 - (event.clientY - box.top) / box.height];
}

/** Listen to pointer, wheel and keys on the plot. */
export function startPlot() {
  const host = $("plot"), held = new Map();
  host.addEventListener("wheel", (event) => {
    if (!drawn) return;
    event.preventDefault();
    const factor = Math.exp(Math.max(-60, Math.min(60, event.deltaY)) / 300);
    shift(0, 0, factor, event.shiftKey || data.logY ? 1 : factor, placeIn(event));
  }, { passive: false });
  host.addEventListener("pointerdown", (event) => {
    if (!drawn || event.button !== 0) return;
    held.set(event.pointerId, placeIn(event));
    host.setPointerCapture(event.pointerId);
  });
  host.addEventListener("pointermove", (event) => drag(event, held));
  for (const end of ["pointerup", "pointercancel"]) {
    host.addEventListener(end, (event) => held.delete(event.pointerId));
  }
  host.addEventListener("dblclick", reset);
  host.addEventListener("keydown", keys);
  new ResizeObserver(() => drawn?.setSize({ width: host.clientWidth, height: host.clientHeight })).observe(host);
}

/** One pointer drags; two pinch about the place between them. */
function drag(event, held) {
  const before = held.get(event.pointerId);
  if (!before || !drawn) return;
  const now = placeIn(event);
  if (held.size === 1) {
    if (Math.hypot(now[0] - before[0], now[1] - before[1]) < 0.004) return;
    shift(before[0] - now[0], before[1] - now[1]);
  } else if (held.size === 2) {
    const [other] = [...held].filter(([id]) => id !== event.pointerId).map(([, place]) => place);
    const apart = (place) => Math.hypot(place[0] - other[0], place[1] - other[1]) || 1;
    const factor = apart(before) / apart(now);
    shift(0, 0, factor, data.logY ? 1 : factor, [(now[0] + other[0]) / 2, (now[1] + other[1]) / 2]);
  }
  held.set(event.pointerId, now);
}

const KEYS = {
  ArrowLeft: () => shift(-0.1, 0), ArrowRight: () => shift(0.1, 0),
  ArrowUp: () => shift(0, 0.1), ArrowDown: () => shift(0, -0.1),
  "+": () => shift(0, 0, 0.8, 0.8), "=": () => shift(0, 0, 0.8, 0.8), "-": () => shift(0, 0, 1.25, 1.25),
  0: reset,
};

function keys(event) {
  if (!Object.hasOwn(KEYS, event.key) || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  KEYS[event.key]();
}
