// The five views: what each draws of the curves on the desk. A view returns plain data:
// {x, lines: [{y, label, colour, dash}], xName, yName, span, logY, atoms, note}.
import { evaluator, places } from "./curve.js";
import { distribution, expectation, propagation } from "./statistics.js";
import { shown } from "./dom.js";
import { LOGARITHMIC, VIEWS, state } from "./state.js";

const POINTS = 1201;
const NAMES = ["f", "f′", "f″"];
const DASHES = [[], [9, 5], [2, 4]];

export const TITLES = {
  curves: ["Curves", "Functions and their derivatives"],
  saturation: ["Saturation", "How fast the slopes die out, on a logarithmic axis"],
  quotient: ["Quotient", "Gradients against those of the first function"],
  gaussian: ["Gaussian", "What a normal input becomes"],
  propagation: ["Depth", "What becomes of a signal through 50 layers"],
};

/** Return the data of the current view. */
export function viewed() {
  return { ...DRAWN[state.view](), logY: LOGARITHMIC.includes(state.view) };
}

/** Return the range of x that a view shows before anybody zooms. */
export function home() {
  return { curves: [-5, 5], saturation: [-10, 0], quotient: [-10, 0], gaussian: [-4, 4],
           propagation: [0, 50] }[state.view];
}

const ENDS = "Where a line ends or is missing, the slope is exactly zero.";
const spanNow = () => state.x ?? home();

function line(place, y, label, dash = DASHES[0]) {
  return { place, y: y.map((value) => (Number.isFinite(value) ? value : null)), label, dash };
}

function curves() {
  const x = places(...spanNow(), POINTS, state.bentX);
  const lines = state.curves.flatMap((curve, place) => state.orders.map((order) =>
    line(place, x.map(evaluator(curve, order)), `${NAMES[order]} ${curve.title}`, DASHES[order])));
  const names = state.orders.map((order) => `${NAMES[order]}(x)`).join(", ");
  return { x, lines, xName: "x", yName: names, note: "" };
}

/** Where a function saturates, learning stops: |f′| on a logarithmic axis (TeLU paper, figure 2). */
function saturation() {
  const x = places(...spanNow(), POINTS);
  const lines = state.curves.map((curve, place) => {
    const slope = evaluator(curve, 1);
    return line(place, x.map((at) => Math.abs(slope(at)) || NaN), `|f′| ${curve.title}`);
  });
  return { x, lines, xName: "x", yName: "|f′(x)|",
           note: `How fast each slope dies out. ${ENDS}` };
}

/** f′/g′ against the first curve g: above 1 it keeps more of the gradient than g does. */
function quotient() {
  const x = places(...spanNow(), POINTS);
  const [first] = state.curves, base = x.map(evaluator(first, 1));
  const lines = state.curves.map((curve, place) => {
    const slope = evaluator(curve, 1);
    return line(place, x.map((at, i) => Math.abs(slope(at) / base[i]) || NaN), `|f′/g′| ${curve.title}`);
  });
  const note = state.curves.length < 2 ? "Add a second function: the first is g, what all are compared with."
    : `g is ${first.title}. Above 1, more of the gradient is left than ${first.title} leaves. ${ENDS}`;
  return { x, lines, xName: "x", yName: "|f′(x) / g′(x)|", note };
}

/** The density of f(z) for z ~ N(mean, spread²), with what gathers in single points as bars. */
function gaussian() {
  const [low, high] = spanNow(), { mean, spread } = state;
  const all = state.curves.map((curve) => distribution(evaluator(curve), mean, spread, low, high));
  const x = places(low, high, 240), half = (high - low) / 480;
  const bell = x.map((at) => Math.exp(-(((at - mean) / spread) ** 2) / 2) / spread / Math.sqrt(2 * Math.PI));
  const lines = all.map(({ density }, place) => line(place, density, `density of f(z), ${state.curves[place].title}`));
  const told = state.curves.map((curve, place) => {
    const f = evaluator(curve), g = (z) => f(mean + spread * z);
    const first = expectation(g), second = expectation((z) => g(z) ** 2);
    const heavy = all[place].atoms.map(([y, share]) => `; ${shown(100 * share, 3)} % exactly at ${shown(y, 3)}`);
    return `${curve.title}: mean ${shown(Math.abs(first) < 1e-12 ? 0 : first, 4)}, variance ${shown(second - first ** 2, 4)}${heavy.join("")}`;
  });
  return {
    x: all.length ? all[0].x : x, xName: "f(z)", yName: "density",
    lines: [{ place: -1, y: bell, label: "input z", dash: [3, 4] }, ...lines],
    atoms: all.flatMap(({ atoms }, place) => atoms.map(([y, share]) => ({ place, x: y, share }))),
    top: capped(bell, all.map(({ density }) => density)), half, note: told.join("  ·  "),
  };
}

/** A density may have a pole where f is flat; the picture stops where that would hide the rest. */
function capped(bell, densities) {
  const all = densities.flat().filter((value) => value > 0).sort((a, b) => a - b);
  const usual = all[Math.floor(0.97 * all.length)] ?? 1;
  return 1.15 * Math.max(usual, ...bell);
}

const WEIGHTS = [
  ["own gain", (gain) => gain ** 2, []], ["He", () => 2, [9, 5]], ["default", () => 1 / 3, [2, 4]],
];

/** E h² behind each layer of a wide network without biases, from E x² = 1. */
function depth() {
  const x = places(0, 50, 51);
  const lines = state.curves.flatMap((curve, place) => {
    const f = evaluator(curve), gain = 1 / Math.sqrt(expectation((z) => f(z) ** 2));
    return WEIGHTS.map(([name, factor, dash]) =>
      line(place, propagation(f, factor(gain)), `${name}, ${curve.title}`, dash));
  });
  return { x, lines, xName: "layer", yName: "E h²",
           note: "Solid: weights of variance gain²/n. Dashed: He, 2/n. Dotted: PyTorch’s default of a "
             + "linear layer, 1/(3n). Infinitely wide, without biases." };
}

const DRAWN = { curves, saturation, quotient, gaussian, propagation: depth };

export const followsX = () => !["gaussian", "propagation"].includes(state.view);
export const viewNames = VIEWS;
