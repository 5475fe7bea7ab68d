// Numbers worked out in the browser: moments, the distribution behind a function, the depth of a
// network, and what can be seen of a typed formula. The catalogue's own facts are computed exactly
// when the page is built; these are for what only the browser knows.
import { CURVES } from "./catalogue.js";
import { CARDS, evaluator, ofCard, places } from "./curve.js";

const REACH = 8.5;
const Z = places(-REACH, REACH, 3401);
const WEIGHT = Z.map((z) => Math.exp(-z * z / 2) / Math.sqrt(2 * Math.PI) * (Z[1] - Z[0]));

/** Return E g(z) for z ~ N(0, 1), by the trapezoidal rule. */
export function expectation(g) {
  let sum = 0;
  for (let i = 0; i < Z.length; i++) {
    const value = g(Z[i]);
    if (value !== 0) sum += WEIGHT[i] * value;
  }
  return sum;
}

/** Return the second moment of the signal behind each of `layers` layers of very great width.
 *
 * Each layer is a linear map with weights of variance factor / width and no bias, then f:
 * q' = E f(sqrt(factor q) z)^2 (Poole et al. 2016). It begins with q = 1.
 */
export function propagation(f, factor, layers = 50) {
  const found = [1];
  for (let layer = 1; layer <= layers; layer++) {
    const scale = Math.sqrt(factor * found[layer - 1]);
    const next = expectation((z) => f(scale * z) ** 2);
    found.push(next > 1e-30 && next < 1e30 ? next : null);
    if (found[layer] === null) break;
  }
  while (found.length <= layers) found.push(null);
  return found;
}

const PARTS = 20000;

/** Return the density of f(z), z ~ N(mean, spread^2), over bins, and the points of mass in it. */
export function distribution(f, mean, spread, low, high, bins = 240) {
  const mass = new Float64Array(bins), width = (high - low) / bins, heavy = new Map();
  let outside = 0;
  for (let i = 0; i < PARTS; i++) {
    const y = f(mean + spread * quantile((i + 0.5) / PARTS));
    heavy.set(y, (heavy.get(y) ?? 0) + 1);
    const bin = Math.floor((y - low) / width);
    if (bin >= 0 && bin < bins) mass[bin] += 1;
    else outside += 1;
  }
  const atoms = [...heavy].filter(([, count]) => count > PARTS / 100).map(([y, count]) => [y, count / PARTS]);
  for (const [y, share] of atoms) {
    const bin = Math.floor((y - low) / width);
    if (bin >= 0 && bin < bins) mass[bin] = Math.max(mass[bin] - share * PARTS, 0);
  }
  const density = Array.from(mass, (count) => count / PARTS / width);
  return { x: density.map((_, i) => low + (i + 0.5) * width), density, atoms, outside: outside / PARTS };
}

/** Return the inverse of the normal distribution function (Acklam's rational fit, error 1e-9). */
export function quantile(p) {
  const A = [-39.69683028665376, 220.9460984245205, -275.9285104469687, 138.357751867269, -30.66479806614716, 2.506628277459239];
  const B = [-54.47609879822406, 161.5858368580409, -155.6989798598866, 66.80131188771972, -13.28068155288572, 1];
  const C = [-0.007784894002430293, -0.3223964580411365, -2.400758277161838, -2.549732539343734, 4.374664141464968, 2.938163982698783];
  const D = [0.007784695709041462, 0.3224671290700398, 2.445134137142996, 3.754408661907416, 1];
  const along = (c, t) => c.reduce((sum, each) => sum * t + each, 0);
  if (p > 1 - 0.02425) return -quantile(1 - p);
  if (p < 0.02425) {
    const t = Math.sqrt(-2 * Math.log(p));
    return along(C, t) / along(D, t);
  }
  const t = p - 0.5;
  return t * along(A, t * t) / along(B, t * t);
}

/** Return [fact, value] rows of a curve as far as a grid over [-20, 20] shows them. */
export function seen(curve) {
  const f = evaluator(curve), slope = evaluator(curve, 1);
  const x = places(-20, 20, 4001), y = x.map(f), finite = y.every(Number.isFinite);
  const least = y.reduce((best, value, i) => (value < y[best] ? i : best), 0);
  const most = y.reduce((best, value, i) => (value > y[best] ? i : best), 0);
  const steps = y.slice(1).map((value, i) => Math.sign(value - y[i]));
  const rises = steps.includes(1), falls = steps.includes(-1);
  const second = expectation((z) => f(z) ** 2);
  return {
    finite,
    low: y[least], lowAt: x[least], high: y[most], highAt: x[most],
    monotone: rises && falls ? "no" : rises ? "yes: rises" : falls ? "yes: falls" : "constant",
    zero: f(0), slope: slope(0),
    steepest: Math.max(...x.map((place) => Math.abs(slope(place))).filter(Number.isFinite)),
    mean: expectation(f), second, gain: second > 0 ? 1 / Math.sqrt(second) : Infinity,
    odd: x.every((place, i) => Math.abs(y[i] + f(-place)) < 1e-9 * (1 + Math.abs(y[i]))),
  };
}

const GRID = places(-6.04, 5.96, 241);
let known = null;

/** Return the values on the grid of every function of one input at its defaults. */
function table() {
  known ??= CARDS.filter((card) => card.inputs.length === 1).flatMap((card) => variantsOf(card))
    .map((curve) => ({ curve, f: evaluator(curve), y: GRID.map(evaluator(curve)) }))
    .filter(({ y }) => y.every(Number.isFinite));
  return known;
}

function variantsOf(card) {
  const names = Object.keys(card.choices);
  return Object.keys(CURVES[card.id]).map((chosen) => {
    const curve = ofCard(card), values = chosen.split(",");
    names.forEach((name, i) => { curve.choices[name] = values[i]; });
    return curve;
  });
}

/** Return the functions nearest to a curve up to scale, a f(b x): {curve, a, b, off}, best first.
 *
 * `off` is the root mean square of the difference over that of the curve, on [-6, 6].
 */
export function neighbours(curve, most = 5) {
  const f = evaluator(curve), y = GRID.map(f), size = Math.sqrt(dot(y, y));
  if (!y.every(Number.isFinite) || size === 0) return [];
  const plain = table().map((entry) => ({ ...entry, b: 1, ...fitted(y, entry.y, size) }));
  plain.sort((p, q) => p.off - q.off);
  const scaled = plain.slice(0, 40).map((entry) => best(entry, y, size));
  scaled.sort((p, q) => p.off - q.off || Math.abs(Math.log(Math.abs(p.b))) - Math.abs(Math.log(Math.abs(q.b))));
  return scaled.slice(0, most);
}

/** Return the entry with the b, of either sign, that brings it nearest. */
function best(entry, y, size) {
  const at = (b) => ({ ...entry, b, ...fitted(y, GRID.map((x) => entry.f(b * x)), size) });
  if (entry.off < 1e-9) return entry;
  const coarse = places(-1.5, 1.5, 25).flatMap((power) => [Math.exp(power), -Math.exp(power)]).map(at);
  let now = [entry, ...coarse].reduce((a, b) => (b.off < a.off ? b : a));
  for (let step = 0.08; step > 1e-5; step /= 2) {
    const around = [at(now.b * (1 + step)), at(now.b * (1 - step))];
    now = [now, ...around].reduce((a, b) => (b.off < a.off ? b : a));
  }
  return now.off < 0.8 * entry.off ? now : entry;
}

/** Return the factor a > 0 or < 0 that brings a*g nearest to y, and how far off it stays. */
function fitted(y, g, size) {
  const a = dot(y, g) / dot(g, g);
  if (!Number.isFinite(a)) return { a: 0, off: 1 };
  const off = Math.sqrt(y.reduce((sum, value, i) => sum + (value - a * g[i]) ** 2, 0)) / size;
  return { a, off };
}

function dot(u, v) {
  return u.reduce((sum, value, i) => sum + value * v[i], 0);
}
