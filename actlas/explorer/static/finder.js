// Finding functions: words, families, properties and order; as a list and as the atlas of tiles.
import { $, h, shown, svg } from "./dom.js";
import { CARDS, evaluator, fold, ofCard, places, toText } from "./curve.js";
import { change, state } from "./state.js";
import { colourOf } from "./colours.js";
import { DATA } from "./catalogue.js";
import { unitCard } from "./card.js";

const PLAIN = ["family", "name", "year"];
const SORTS = [...PLAIN, ...Object.keys(CARDS.find((card) => card.numbers)?.numbers ?? {})];
const TAGS = new Set(CARDS.flatMap((card) => card.words));
const FAMILIES = [...new Set(CARDS.map((card) => card.family))].sort();
const PROPERTIES = propertiesByUse();

/** Return the words of properties, first those that part the functions most evenly. */
function propertiesByUse() {
  const families = new Set(FAMILIES.map((family) => family.replaceAll(" ", "-")));
  const count = (word) => CARDS.filter((card) => card.words.includes(word)).length;
  const uneven = (word) => Math.abs(count(word) - CARDS.length / 2);
  return [...TAGS]
    .filter((word) => !families.has(word) && count(word) > 1)
    .sort((a, b) => uneven(a) - uneven(b));
}

const INDEX = new Map(CARDS.map((card) => {
  const names = [card.id, card.title, ...card.aliases].map(fold);
  const said = [card.by, card.year, card.family, card.paper, card.title, ...card.aliases];
  const words = said.join(" ").toLowerCase().split(/[^\p{L}\p{N}]+/u);
  return [card, { names, words: [...words, ...card.words] }];
}));

/** Return the words of a query; "zero mean" is the property zero-mean. */
function wordsOf(query) {
  let text = query.toLowerCase();
  for (const tag of TAGS) text = text.replaceAll(tag.replaceAll("-", " "), tag);
  return text.split(/[\s,;]+/).filter(Boolean);
}

/** A tag is meant exactly; any other word may be the start of a word or a part of a name. */
function matches(card, word) {
  if (TAGS.has(word)) return card.words.includes(word);
  const { names, words } = INDEX.get(card), folded = fold(word);
  return words.some((known) => known.startsWith(word))
    || (folded !== "" && names.some((name) => name.includes(folded)));
}

const UNIT_FAMILY = "structured units";

/** Return the structured units that the query and the family let through. */
function unitsFound() {
  if (state.family && state.family !== UNIT_FAMILY) return [];
  const words = wordsOf(state.query);
  return DATA.units.filter((unit) => words.every((word) => {
    const said = [...unit.names, unit.by, String(unit.year), unit.about, UNIT_FAMILY].join(" ").toLowerCase();
    const folded = fold(word);
    return said.split(/[^\p{L}\p{N}]+/u).some((known) => known.startsWith(word))
      || (folded !== "" && unit.names.some((name) => fold(name).includes(folded)));
  }));
}

/** Units have no curve: they are cards to be opened, the only one found open already. */
function unitShelf(units) {
  if (!units.length) return "";
  return h("section", { class: "family units" }, h("h2", {}, UNIT_FAMILY, " ", h("span", {}, String(units.length))),
    units.map((unit) => unitCard(unit, units.length === 1)));
}

/** Return the cards that the query and the family let through, in the chosen order. */
export function found() {
  const words = wordsOf(state.query);
  const cards = CARDS.filter((card) => (!state.family || card.family === state.family)
    && words.every((word) => matches(card, word)));
  const first = fold(state.query);
  const key = sortKey(state.sort);
  const exact = (card) => (first && INDEX.get(card).names.some((name) => name === first) ? 0 : 1);
  cards.sort((a, b) => exact(a) - exact(b) || compare(key(a), key(b)) * (state.turned ? -1 : 1)
    || compare(a.title.toLowerCase(), b.title.toLowerCase()));
  return cards;
}

function sortKey(sort) {
  if (sort === "name") return (card) => card.title.toLowerCase();
  if (sort === "year") return (card) => card.year ?? 9999;
  if (SORTS.includes(sort) && !PLAIN.includes(sort)) return (card) => card.numbers?.[sort] ?? NaN;
  return (card) => card.family;
}

function compare(a, b) {
  if (Number.isNaN(a) || Number.isNaN(b)) return Number.isNaN(a) - Number.isNaN(b);
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Return a small picture of a card's function on [-4, 4] x [-2, 3], the same for all. */
function spark(card) {
  const f = evaluator(ofCard(card)), x = places(-4, 4, 97);
  let path = "", pen = "M";
  for (const place of x) {
    const y = f(place);
    if (Number.isFinite(y) && Math.abs(y) < 40) {
      path += `${pen}${((place + 4) * 10).toFixed(1)} ${((3 - y) * 10).toFixed(2)}`;
      pen = "L";
    } else pen = "M";
  }
  return svg("svg", { viewBox: "0 0 80 50", class: "spark", "aria-hidden": "true" },
    svg("path", { class: "cross", d: "M0 30H80M40 0V50" }), svg("path", { class: "line", d: path }));
}

const pictures = new Map();
function pictureOf(card) {
  if (!pictures.has(card)) pictures.set(card, spark(card));
  return pictures.get(card).cloneNode(true);
}

/** Put a function on the desk, or take it away where it lies there already. */
export function toggle(card) {
  const left = state.curves.filter((curve) => curve.card !== card);
  const curves = left.length < state.curves.length ? left : [...left, ofCard(card)];
  change({ curves, atlas: curves.length === 0, active: curves.length - 1 }, { step: true });
}

/** Open a function from the atlas: it joins what lies on the desk. */
function open(card) {
  const at = state.curves.findIndex((curve) => curve.card === card);
  const curves = at < 0 ? [...state.curves, ofCard(card)] : state.curves;
  change({ curves, atlas: false, active: at < 0 ? curves.length - 1 : at }, { step: true });
}

/** What stands small beside a name: the fact that is sorted by, else where it comes from. */
function aside(card) {
  const value = card.numbers?.[state.sort];
  if (value !== undefined) return `${state.sort} ${shown(value, 4)}`;
  return card.year ? `${card.year} · ${card.authors}` : card.by;
}

function tile(card) {
  const at = state.curves.findIndex((curve) => curve.card === card);
  const mark = card.status === "reconstructed" ? h("sup", { title: `reconstructed: ${card.reason}` }, "†") : null;
  return h("button", {
    type: "button", class: "tile", "data-id": card.id, title: card.about,
    "aria-pressed": String(at >= 0), colour: at >= 0 ? colourOf(at) : state.atlas ? colourOf(FAMILIES.indexOf(card.family)) : null,
    onclick: () => (state.atlas ? open(card) : toggle(card)),
  }, pictureOf(card), h("span", { class: "name" }, card.title, mark), h("small", {}, aside(card)));
}

function shelf(title, cards) {
  return h("section", { class: "family" }, h("h2", {}, title, " ", h("span", {}, String(cards.length))),
    h("div", { class: "tiles" }, cards.map(tile)));
}

function welcome() {
  const years = CARDS.map((card) => card.year).filter(Boolean);
  const papers = new Set(CARDS.filter((card) => card.year).map((card) => card.by)).size;
  return h("header", {}, h("h1", {}, "The atlas of activation functions"),
    h("p", {}, `${CARDS.length} functions from ${papers} sources, ${Math.min(...years)} to ${Math.max(...years)}. `
      + "Open one, add others beside it, move their parameters, or type a formula of your own. "
      + "Every curve is drawn by the code that the tests hold to 50 digits; every fact is computed."));
}

function drawAtlas(cards) {
  const units = unitsFound();
  const byFamily = !SORTS.includes(state.sort) || state.sort === "family";
  const shelves = byFamily
    ? FAMILIES.map((family) => [family, cards.filter((card) => card.family === family)])
    : [[`by ${state.sort}`, cards]];
  if (byFamily && state.turned) shelves.reverse();
  $("atlas").replaceChildren(
    welcome(),
    ...shelves.filter(([, members]) => members.length).map(([title, members]) => shelf(title, members)),
    unitShelf(units),
    cards.length || units.length ? "" : h("p", { class: "empty" }, "Nothing found. Every word must fit: a name, a year, a family, an author or a property."),
  );
}

function drawWords() {
  const chosen = new Set(wordsOf(state.query));
  $("words").replaceChildren(...PROPERTIES.map((word) => h("button", {
    type: "button", class: "word", "aria-pressed": String(chosen.has(word)),
    onclick: () => change({ query: turned(word, chosen.has(word)) }),
  }, word)));
}

function turned(word, was) {
  const others = wordsOf(state.query).filter((known) => known !== word);
  return [...others, ...(was ? [] : [word])].join(" ");
}

/** Draw the finder after a change. */
export function drawFinder(changed) {
  if (!["query", "family", "sort", "turned", "curves", "atlas"].some((key) => changed.has(key))) return;
  const cards = found();
  if ($("search").value !== state.query) $("search").value = state.query;
  $("family").value = state.family;
  $("sort").value = SORTS.includes(state.sort) ? state.sort : "family";
  $("turn").textContent = state.turned ? "↑" : "↓";
  const counted = (some, all, what) => (some === all ? `${all} ${what}` : `${some} of ${all} ${what}`);
  $("count").textContent = counted(cards.length, CARDS.length, "functions")
    + (DATA.units.length && state.atlas ? `, ${counted(unitsFound().length, DATA.units.length, "units")}` : "");
  drawWords();
  document.body.classList.toggle("in-atlas", state.atlas);
  if (state.atlas) drawAtlas(cards);
  $("list").replaceChildren(...(state.atlas ? [] : cards.map((card) => h("li", {}, tile(card)))));
}

/** Fill the boxes to choose from, and listen. */
export function startFinder() {
  $("family").append(h("option", { value: "" }, "all families"),
    ...[...FAMILIES, ...(DATA.units.length ? [UNIT_FAMILY] : [])].map((family) => h("option", { value: family }, family)));
  $("sort").append(...SORTS.map((sort) => h("option", { value: sort }, `by ${sort}`)));
  $("search").addEventListener("input", (event) => change({ query: event.target.value }));
  $("family").addEventListener("change", (event) => change({ family: event.target.value }));
  $("sort").addEventListener("change", (event) => change({ sort: event.target.value }));
  $("turn").addEventListener("click", () => change({ turned: !state.turned }));
  $("search").addEventListener("keydown", (event) => {
    const first = found()[0];
    if (event.key === "Enter" && first) (state.atlas ? open : toggle)(first);
    if (event.key === "ArrowDown") tiles()[0]?.focus();
    if (event.key === "Escape") change({ query: "" });
  });
  for (const place of [$("list"), $("atlas")]) place.addEventListener("keydown", walk);
}

const tiles = () => [...document.querySelectorAll(state.atlas ? "#atlas .tile" : "#list .tile")];

/** Arrow keys go from tile to tile. */
function walk(event) {
  const by = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
  const at = tiles().indexOf(document.activeElement);
  if (!by || at < 0) return;
  event.preventDefault();
  (tiles()[at + by] ?? $("search")).focus();
}

export const shownTexts = () => state.curves.map(toText);
