// What lies on the desk, under the plot: names, values under the pointer, a slider for each parameter.
import { $, h, shown } from "./dom.js";
import { colourOf } from "./colours.js";
import { reach, set } from "./curve.js";
import { change, state } from "./state.js";
import { picture } from "./plot.js";

const FEW = 4; // more sliders than these begin folded

/** Draw the curves' rows; not while a slider is moved, which would take it from the hand. */
export function drawChosen(changed) {
  if (!["curves", "active", "atlas"].some((key) => changed.has(key))) return;
  const clear = h("button", { type: "button", class: "quiet clear", onclick: empty }, "Clear all");
  $("chosen").replaceChildren(...state.curves.map(row), state.curves.length > 1 ? clear : "");
}

function empty() {
  change({ curves: [], atlas: true, active: 0 }, { step: true });
}

function row(curve, place) {
  const active = place === state.active;
  return h("div", { class: "curve", colour: colourOf(place), "data-active": active },
    h("div", { class: "head" },
      h("button", { type: "button", class: "name", "aria-pressed": String(active),
        onclick: () => change({ active: place }) }, h("i", { class: "swatch" }), curve.title),
      h("output", { class: "reading", "data-place": place }),
      h("button", { type: "button", class: "quiet remove", "aria-label": `Remove ${curve.title}`,
        onclick: () => remove(place) }, "×")),
    choices(curve), sliders(curve, place));
}

function remove(place) {
  const curves = state.curves.filter((_, i) => i !== place);
  const active = state.active > place ? state.active - 1 : state.active;
  change({ curves, active, atlas: curves.length === 0 }, { step: true });
}

function choices(curve) {
  return Object.entries(curve.choices).map(([name, value]) => h("label", { class: "choice" }, name,
    h("select", { onchange: (event) => put(curve, name, event.target.value, null) },
      ...curve.card.choices[name].map((one) => h("option", { value: one, selected: one === value }, one)))));
}

function sliders(curve, place) {
  if (!curve.sliders.length) return null;
  const all = h("div", { class: "sliders" }, curve.sliders.map((slider, i) => sliderOf(curve, slider, i, place)));
  if (curve.sliders.length <= FEW) return all;
  return h("details", {}, h("summary", {}, `${curve.sliders.length} parameters`), all);
}

function sliderOf(curve, slider, i, place) {
  const [low, high, step] = reach(slider), id = `slider-${place}-${slider.symbol}`;
  const wanted = curve.values[i];
  const range = h("input", { type: "range", id, min: Math.min(low, wanted), max: Math.max(high, wanted), step: "any",
    oninput: (event) => both(Number(Number(event.target.value).toPrecision(4)).toString()) });
  const box = h("input", { type: "number", step, "aria-label": `${slider.symbol}, a number`,
    onchange: (event) => both(event.target.value) });
  const both = (text) => {
    if (put(curve, slider.symbol, text, box)) [range.value, box.value] = [text, text];
  };
  [range.value, box.value] = [wanted, wanted];
  return h("div", { class: "slider", title: `${slider.domain}${slider.learnable ? "; learned by networks" : ""}` },
    h("label", { for: id }, greek(slider.symbol), slider.learnable ? h("sup", {}, "∗") : null), range, box);
}

const LETTERS = {
  alpha: "α", beta: "β", gamma: "γ", delta: "δ", epsilon: "ε", eta: "η", theta: "θ", kappa: "κ",
  lambda: "λ", mu: "μ", nu: "ν", tau: "τ", phi: "φ", sigma: "σ", omega: "ω",
};
const greek = (symbol) => LETTERS[symbol] ?? symbol.replaceAll("_", " ");

/** Set a value and say whether that was allowed; what is not allowed is said beside the box. */
function put(curve, name, value, box) {
  try {
    set(curve, name, value);
  } catch (problem) {
    box?.setCustomValidity(problem.message);
    box?.reportValidity();
    return false;
  }
  box?.setCustomValidity("");
  change({ moved: true });
  return true;
}

/** Show the values of all lines at a place of the plot, or nothing. */
export function read(place) {
  const { data } = picture();
  for (const output of document.querySelectorAll(".reading")) {
    const lines = data.lines.filter((each) => each.place === Number(output.dataset.place));
    const values = place === null ? [] : lines.map((each) => shown(each.y[place], 5));
    output.textContent = values.length ? values.join("   ") : "";
  }
  $("plot").dataset.at = place === null ? "" : `${data.xName} = ${shown(data.x[place], 5)}`;
}
