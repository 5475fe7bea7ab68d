// The card: everything that is known about the function that was looked at last.
import { CURVES, DATA } from "./catalogue.js";
import { $, copy, h, math, shown } from "./dom.js";
import { neighbours, seen } from "./statistics.js";
import { toText } from "./curve.js";
import { change, state } from "./state.js";
import { ofCard } from "./curve.js";

let tab = "actlas"; // the code tab that is open

/** Draw the card of the active curve. */
export function drawCard() {
  const curve = state.atlas ? null : state.curves[state.active];
  const parts = !curve ? [] : curve.card ? ofCatalogue(curve) : ofTyped(curve);
  $("card").replaceChildren(...parts.filter(Boolean));
}

function ofCatalogue(curve) {
  const { card } = curve;
  return [
    heading(card),
    h("div", { class: "formulas" }, formula("f(x)", card.formula),
      card.slope ? formula("f′(x)", card.slope)
        : h("p", { class: "soft" }, "The derivative is too long to be read; the code tabs compute it.")),
    card.facts ? facts(curve) : h("p", { class: "soft" }, "Facts are computed for functions of one input."),
    h("div", { class: "more" }, claims(card), notes("Name collisions", card.collisions), notes("Errata", card.errata),
      cost(card), memory(card), studies(card), source(card), code(curve)),
  ];
}

function heading(card) {
  const sure = card.status === "verified";
  const said = sure ? "formula and defaults were read in a primary source" : card.reason || "defined by the user";
  const others = card.aliases.length ? h("p", { class: "soft" }, "also ", card.aliases.join(", ")) : null;
  return h("header", {},
    h("h1", {}, card.title, " ", h("code", {}, card.id)),
    h("p", { class: "about" }, card.about), others,
    h("p", { class: "badges" },
      h("span", { class: `badge ${sure ? "good" : "careful"}`, title: said }, card.status),
      h("span", { class: "badge" }, card.family),
      card.year ? h("span", { class: "badge" }, String(card.year)) : null),
    sure ? null : h("p", { class: "careful" }, said));
}

function formula(name, mathml) {
  return h("div", { class: "formula" }, h("span", {}, name), h("span", {}, "="), math(mathml));
}

function section(title, ...children) {
  return h("section", {}, h("h2", {}, title), ...children);
}

function factTable(rows, proofs = {}) {
  return h("dl", { class: "facts" }, rows.map(([fact, value]) =>
    h("div", {}, h("dt", {}, fact), h("dd", {}, value, proofMark(proofs[fact])))));
}

/** The word that says whether a fact is proved; its bound and method are on hover and below. */
function proofMark(proof) {
  if (!proof) return null;
  const [proved, detail] = proof;
  return h("span", { class: `proof ${proved ? "good" : "careful"}`, title: detail }, proved ? "proved" : "not proved");
}

function proofDetails(proofs) {
  const rows = Object.entries(proofs);
  if (!rows.length) return null;
  return h("details", { class: "proofs" }, h("summary", {}, "What is proved, to which bound, and how"),
    h("dl", {}, rows.map(([fact, [proved, detail]]) =>
      h("div", {}, h("dt", {}, fact), h("dd", {}, proved ? detail : `computed, not proved: ${detail}`)))));
}

function facts(curve) {
  const moved = toText(curve) !== toText(ofCard(curve.card));
  const title = moved ? "Facts at the default parameters" : "Facts";
  return section(title, factTable(curve.card.facts, curve.card.proofs), proofDetails(curve.card.proofs),
    moved ? h("h3", {}, "At these parameters, as far as a grid shows") : null, moved ? factTable(seenRows(curve)) : null);
}

function seenRows(curve) {
  const s = seen(curve);
  return [
    ["least in [−20, 20]", `${shown(s.low)} at x = ${shown(s.lowAt, 4)}`],
    ["greatest in [−20, 20]", `${shown(s.high)} at x = ${shown(s.highAt, 4)}`],
    ["monotone", s.monotone], ["odd", s.odd ? "yes" : "no"], ["f(0)", shown(s.zero)], ["f′(0)", shown(s.slope)],
    ["largest |f′|", shown(s.steepest)], ["E f(z)", shown(Math.abs(s.mean) < 1e-10 ? 0 : s.mean)],
    ["E f(z)²", shown(s.second)], ["gain", shown(s.gain)],
    ...(s.finite ? [] : [["not finite", "somewhere in [−20, 20]"]]),
  ];
}

function claims(card) {
  if (!card.claims?.length) return null;
  return section("The paper says, we find", h("ul", { class: "claims" }, card.claims.map(([said, holds, why]) =>
    h("li", { class: holds ? "holds" : "fails" }, h("span", { class: "said" }, said), h("span", { class: "found" }, why)))));
}

function notes(title, all) {
  return all.length ? section(title, h("ul", { class: "notes" }, all.map((note) => h("li", {}, note)))) : null;
}

const KEPT = {
  input: "keeps x; the gradient is exact",
  output: "keeps the output, which the next layer keeps anyway, and at most one bit an element",
  "few-bit": "keeps four bits an element; the gradient is approximate",
};

function memory(card) {
  if (!card.memory) return null;
  return section("Kept for the backward pass", h("ul", { class: "claims" }, Object.entries(card.memory).map(([plan, why]) =>
    h("li", { class: why ? "fails" : "holds" }, h("code", { class: "said" }, `save="${plan}"`),
      h("span", { class: "found" }, why || KEPT[plan])))));
}

const MODES = { forward: "forward", "forward+backward": "forward and backward" };
const SIDES = { torch: "PyTorch's own", eager: "its formula in PyTorch", compile: "torch.compile of it", copy: "copying the tensor" };

/** What a call costs, beside others: medians, with the quartiles of actlas on hover. */
function cost(card) {
  if (!card.cost) return null;
  const about = DATA.measured;
  const where = `${about.processor} (${about.instructions}), threads: ${about.threads}, PyTorch ${about.torch}, ${about.measured}`;
  return section("Measured cost", h("p", { class: "soft" }, "Nanoseconds per element, median, a million fp32 numbers."),
    ...Object.entries(card.cost).map(([mode, sides]) => h("dl", { class: "facts cost" },
      h("div", { class: "head" }, h("dt", {}, MODES[mode]), h("dd", { title: `quartiles ${sides.actlas[0]} to ${sides.actlas[2]}` }, h("b", {}, shown(sides.actlas[1], 3)))),
      Object.entries(SIDES).filter(([side]) => side in sides).map(([side, said]) =>
        h("div", {}, h("dt", {}, said), h("dd", {}, shown(sides[side], 3)))))),
    h("p", { class: "soft" }, where));
}

/** In which studies of published claims it appears, and what they found. */
function studies(card) {
  if (!card.studies?.length) return null;
  return section("In studies of published claims", h("ul", { class: "claims" }, card.studies.map((each) =>
    h("li", { class: /REPRODUCED$/.test(each.verdict) && !/NOT/.test(each.verdict) ? "holds" : "fails" },
      h("span", { class: "said" }, each.title, h("small", {}, ` ${each.setting}, ${each.claimed || "one recipe"} against ${each.against}`)),
      h("span", { class: "found" }, each.verdict.toLowerCase(), h("small", {}, lead(each)))))));
}

function lead({ lead: by, low, high, unit }) {
  if (by === null || by === undefined) return "";
  const between = low === null || low === undefined ? "" : ` [${shown(low, 3)}, ${shown(high, 3)}]`;
  return ` lead ${shown(by, 3)}${between} ${unit}`;
}

function source(card) {
  if (!card.bibtex) return section("Source", h("p", {}, "Defined by the user."));
  const link = /^https?:\/\//.test(card.link) ? h("a", { href: card.link, rel: "noreferrer noopener", target: "_blank" }, card.link) : null;
  return section("Source", h("p", {}, card.by, card.paper ? `: ${card.paper}. ` : ". ", link), snippet(card.bibtex, "Copy BibTeX"));
}

/** Return the card of a structured unit, which has no curve: closed until it is opened. */
export function unitCard(unit, open) {
  const sure = unit.status === "verified";
  const link = /^https?:\/\//.test(unit.link) ? h("a", { href: unit.link, rel: "noreferrer noopener", target: "_blank" }, unit.link) : null;
  return h("details", { class: "unit", "data-id": unit.id, open },
    h("summary", {}, h("span", { class: "name" }, unit.title, sure ? null : h("sup", { title: unit.reason }, "†")),
      h("small", {}, ` ${unit.year} · ${unit.about}`)),
    h("div", { class: "inside" }, sure ? null : h("p", { class: "careful" }, unit.reason),
      ...unit.formulas.map((each) => h("div", { class: "formula" }, math(each))),
      unit.text ? h("pre", { class: "told", tabindex: "0", role: "region", "aria-label": `About ${unit.title}` }, unit.text) : null,
      notes("Name collisions", unit.collisions), notes("Errata", unit.errata),
      section("Source", h("p", {}, unit.by, unit.paper ? `: ${unit.paper}. ` : ". ", link), snippet(unit.bibtex, `Copy BibTeX of ${unit.title}`)),
      section("In PyTorch", snippet(`${unit.call}\n\n${unit.example}`, `Copy Python of ${unit.title}`))));
}

function snippet(text, label) {
  const button = h("button", { type: "button", class: "quiet copy", onclick: () => copy(text, button) }, label);
  return h("div", { class: "snippet" }, h("pre", { tabindex: "0", role: "region", "aria-label": label.replace("Copy", "Code to copy:") }, text), button);
}

// ------------------------------------------------------------------ code

function code(curve) {
  const all = codes(curve), open = Object.hasOwn(all, tab) ? tab : Object.keys(all)[0];
  const tabs = Object.keys(all).map((name) => h("button", {
    type: "button", role: "tab", "aria-selected": String(name === open),
    onclick: () => { tab = name; drawCard(); },
  }, name));
  return section("Code", h("div", { class: "tabs", role: "tablist", "aria-label": "Languages" }, tabs),
    snippet(all[open](), `Copy ${open}`));
}

function codes(curve) {
  const { card } = curve, chosen = Object.values(curve.choices).join(",");
  const shared = (language) => (DATA.runtimes[language] ? `${DATA.runtimes[language]}\n` : "");
  const printed = (language) => () => shared(language) + card.code[chosen][language];
  return {
    actlas: () => python(curve), PyTorch: printed("torch"), NumPy: printed("numpy"), JAX: printed("jax"),
    C: printed("c"),
    JavaScript: () => `${DATA.runtimes.javascript}\n${String(CURVES[card.id][chosen][0])}\n`,
    LaTeX: () => card.latex,
  };
}

/** Return Python that uses the function at the parameters of the sliders. */
function python(curve) {
  const { card } = curve, given = [], vectors = new Map();
  card.parameters.forEach((parameter, i) => {
    const value = curve.values[i + card.inputs.length - 1];
    if (parameter.vector) vectors.set(parameter.of, [...(vectors.get(parameter.of) ?? []), [value, parameter.value]]);
    else if (value !== parameter.value) given.push(`${parameter.of}=${value}`);
  });
  for (const [name, pairs] of vectors) {
    if (pairs.some(([value, usual]) => value !== usual)) given.push(`${name}=(${pairs.map(([value]) => value).join(", ")},)`);
  }
  for (const [name, value] of Object.entries(curve.choices)) {
    if (value !== card.choices[name][0]) given.push(`${name}="${value}"`);
  }
  const more = given.map((each) => `, ${each}`).join(""), inputs = card.inputs.join(", ");
  return `import actlas\n\nf = actlas.get("${card.id}"${more})\nf(${card.inputs.map(() => "0.5").join(", ")})`
    + `${card.inputs.length === 1 ? ", f.derivative()(0.5), f.facts.gain" : ""}\n`
    + `layer = actlas.nn.create("${card.id}"${more})  # a torch module\n`
    + `# actlas.functional.${card.id}(${inputs}${more})\n`;
}

// ------------------------------------------------------------------ typed formulas

function ofTyped(curve) {
  const settings = curve.sliders.map((slider, i) => `, ${slider.symbol}=${curve.values[i]}`).join("");
  const quoted = JSON.stringify(curve.formula.replace(/\s+/g, " ").trim()); // Python reads it the same
  return [
    h("header", {}, h("h1", {}, h("code", { class: "typed-formula" }, curve.formula)),
      h("p", { class: "about" }, "Your own formula; its slopes here are central differences.")),
    section("Facts, as far as a grid shows", factTable(seenRows(curve))),
    section("Nearest known functions, up to scale", near(curve)),
    section("Code", snippet(`import actlas\n\nmine = actlas.define("mine", ${quoted}${settings})\nmine.facts.range, mine.facts.gain\nlayer = actlas.nn.create("mine")  # a torch module\n`, "Copy Python")),
  ];
}

function near(curve) {
  const found = neighbours(curve);
  if (!found.length) return h("p", { class: "soft" }, "It is not finite on [−6, 6], or zero there.");
  return h("ul", { class: "claims near" }, found.map(({ curve: other, a, b, off }) =>
    h("li", {}, h("button", { type: "button", class: "said link", onclick: () => add(other) }, other.title),
      h("span", { class: "found" }, `${scaled(a)}f(${scaled(b)}x)`, h("b", {}, off < 1e-7 ? "the same" : `${shown(100 * off, 3)} % off`)))));
}

const scaled = (factor) => (Math.abs(factor - 1) < 1e-6 ? "" : `${shown(factor, 4)} `);

function add(other) {
  const there = state.curves.findIndex((curve) => toText(curve) === toText(other));
  if (there >= 0) change({ active: there });
  else change({ curves: [...state.curves, { ...other, values: [...other.values], choices: { ...other.choices } }] }, { step: true });
}
