// The page: fills the bars, listens, and draws what a change of the state concerns.
import { $, copy, h } from "./dom.js";
import { ofFormula } from "./curve.js";
import { Fault } from "./parse.js";
import { change, onChange, readAddress, state } from "./state.js";
import { startTheme, turnTheme } from "./colours.js";
import { drawFinder, startFinder } from "./finder.js";
import { drawPlot, picture, reset, shift, startPlot } from "./plot.js";
import { TITLES, viewNames } from "./views.js";
import { drawChosen, read } from "./chosen.js";
import { drawCard } from "./card.js";
import { saveCsv, savePng, saveSvg } from "./exporting.js";

const ORDERS = ["f", "f′", "f″"];

function button(label, title, act, more = {}) {
  return h("button", { type: "button", title, "aria-label": title, onclick: act, ...more }, label);
}

function pressed(label, title, on, act) {
  return button(label, title, act, { "aria-pressed": String(on), "aria-label": `${label}: ${title}` });
}

function drawBars() {
  $("views").replaceChildren(...viewNames.map((view) => h("button", {
    type: "button", role: "tab", title: TITLES[view][1], "aria-selected": String(state.view === view),
    onclick: () => change({ view, x: null, y: null }, { step: true }),
  }, TITLES[view][0])));
  const plain = state.view === "curves";
  $("orders").replaceChildren(...(plain ? ORDERS.map((label, order) =>
    pressed(label, ["the function", "its derivative", "its second derivative"][order], state.orders.includes(order), () => turnOrder(order))) : []));
  $("plot-tools").replaceChildren(
    ...(plain ? [
      pressed("log x", "Bend the x axis: logarithmic to both sides", state.bentX, () => change({ bentX: !state.bentX })),
      pressed("log y", "Bend the y axis: logarithmic to both sides", state.bentY, () => change({ bentY: !state.bentY })),
    ] : []),
    ...(state.view === "gaussian" ? inputSliders() : []),
    button("−", "Zoom out", () => shift(0, 0, 1.25, 1.25)), button("+", "Zoom in", () => shift(0, 0, 0.8, 0.8)),
    button("⟲", "Show all again", reset),
    button("PNG", "Save as PNG", savePng), button("SVG", "Save as SVG", saveSvg), button("CSV", "Save the numbers as CSV", saveCsv));
}

/** Mean and spread of what goes in. */
function inputSliders() {
  const one = (label, key, min, max) => h("label", { class: "input" }, label,
    h("input", { type: "range", min, max, step: 0.05, value: state[key], "aria-label": `${key} of the input`,
      oninput: (event) => change({ [key]: Number(event.target.value), moved: true }) }));
  return [one("mean", "mean", -3, 3), one("σ", "spread", 0.1, 4)];
}

function turnOrder(order) {
  const others = state.orders.filter((each) => each !== order);
  const orders = others.length < state.orders.length ? others : [...others, order].sort();
  if (orders.length) change({ orders, y: null });
}

let asked = null; // what is to be drawn in the next frame

function drawSoon(changed) {
  if (asked) {
    changed.forEach((key) => asked.add(key));
    return;
  }
  asked = new Set(changed);
  requestAnimationFrame(() => {
    const now = asked;
    asked = null;
    draw(now);
  });
}

function draw(changed) {
  const focused = document.activeElement?.dataset?.id;
  $("atlas").hidden = !state.atlas;
  $("work").hidden = state.atlas;
  $("messages").hidden = state.messages.length === 0;
  $("messages").replaceChildren(...state.messages.map((message) => h("span", {}, message)));
  drawFinder(changed);
  if (focused) document.querySelector(`#main .tile[data-id="${focused}"], #list .tile[data-id="${focused}"]`)?.focus();
  if (state.atlas) return;
  if (["view", "orders", "bentX", "bentY", "atlas", "curves"].some((key) => changed.has(key))) drawBars();
  drawChosen(changed);
  drawPlot(read);
  $("note").textContent = picture().data?.note ?? "";
  if (["curves", "active", "moved", "atlas"].some((key) => changed.has(key))) drawCard();
}

function plotTyped(event) {
  event.preventDefault();
  const text = $("formula").value;
  try {
    const curve = ofFormula(text);
    const others = state.curves.filter((other) => other.formula !== text);
    change({ curves: [...others, curve], active: others.length, atlas: false }, { step: true });
    $("formula-fault").textContent = "";
  } catch (problem) {
    if (!(problem instanceof Fault)) throw problem;
    $("formula-fault").textContent = problem.message;
    $("formula").setSelectionRange(problem.column - 1, problem.column);
    $("formula").focus();
  }
}

function start() {
  startFinder();
  startPlot();
  startTheme(() => drawPlot(read));
  $("typed").addEventListener("submit", plotTyped);
  $("formula").addEventListener("input", () => { $("formula-fault").textContent = ""; });
  $("theme").addEventListener("click", () => turnTheme(() => drawPlot(read)));
  $("share").addEventListener("click", () => copy(location.href, $("share")));
  $("back").addEventListener("click", () => change({ atlas: true }, { step: true }));
  $("brand").addEventListener("click", (event) => {
    event.preventDefault();
    change({ atlas: true, query: "", family: "" }, { step: true });
  });
  addEventListener("hashchange", readAddress); // Back and Forward too: only the hash ever changes
  addEventListener("keydown", (event) => {
    const typing = /^(INPUT|SELECT|TEXTAREA)$/.test(document.activeElement?.tagName ?? "");
    if (event.key !== "/" || typing) return;
    event.preventDefault();
    $("search").focus();
  });
  onChange(drawSoon);
  readAddress();
}

start();
