// Formulas typed by people: the grammar of actlas/expr/parse.py, read into closures. Nothing that
// is typed is ever handed to the browser as code.
import { VOCABULARY } from "./catalogue.js";
import { nearest } from "./dom.js";

const TOKEN = /\s*(?:(\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?)|([A-Za-z_]\w*)|(\*\*|<=|>=|[-+*/^(),<>]))/y;
const CONSTANTS = { pi: Math.PI, e: Math.E };
const COMPARE = {
  "<": (a, b) => a < b, "<=": (a, b) => a <= b, ">": (a, b) => a > b, ">=": (a, b) => a >= b,
};
const DEEPEST = 60;

/** What is wrong with a formula, and from which column on (counted from 1). */
export class Fault extends Error {
  constructor(column, why) {
    super(`column ${column}: ${why}`);
    this.column = column;
  }
}

function tokensOf(text) {
  const found = [], whole = text.trimEnd();
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < whole.length) {
    const start = TOKEN.lastIndex;
    const match = TOKEN.exec(whole);
    if (match === null) {
      const place = start + whole.slice(start).search(/\S/);
      throw new Fault(place + 1, `cannot read “${[...whole.slice(place)][0]}”`);
    }
    const kind = match[1] !== undefined ? "number" : match[2] !== undefined ? "name" : "sign";
    const token = match[1] ?? match[2] ?? match[3];
    found.push({ kind, text: token, place: TOKEN.lastIndex - token.length });
  }
  return [...found, { kind: "end", text: "", place: whole.length }];
}

/** A recursive descent over the tokens; every node is {f: (x, p) => number, constant, test}. */
class Parser {
  constructor(text) {
    this.tokens = tokensOf(text);
    this.index = 0;
    this.depth = 0;
    this.names = [];
  }

  get now() { return this.tokens[this.index]; }

  fail(why, token = this.now) { return new Fault(token.place + 1, why); }

  take(...wanted) {
    if (this.now.kind !== "sign" || !wanted.includes(this.now.text)) return null;
    return this.tokens[this.index++].text;
  }

  expect(sign) {
    if (!this.take(sign)) throw this.fail(`expected “${sign}”, found ${this.quoted()}`);
  }

  quoted() { return this.now.kind === "end" ? "the end" : `“${this.now.text}”`; }

  whole() {
    const result = this.number(this.comparison(), this.tokens[0]);
    if (this.now.kind !== "end") throw this.fail(`unexpected ${this.quoted()}`);
    return result;
  }

  /** A comparison is no number: it stands first in `where` and nowhere else. */
  number(node, token) {
    if (node.test) throw this.fail("a comparison is no number; write where(x > 0, 1, 0)", token);
    return node;
  }

  comparison() {
    const first = this.now, left = this.sum(), sign = this.take(...Object.keys(COMPARE));
    if (!sign) return left;
    const second = this.now, right = this.sum(), holds = COMPARE[sign];
    this.number(left, first);
    this.number(right, second);
    return { f: (x, p) => holds(left.f(x, p), right.f(x, p)), test: true };
  }

  sum() {
    return this.chain(["+", "-"], () => this.product(), { "+": (a, b) => a + b, "-": (a, b) => a - b });
  }

  product() {
    return this.chain(["*", "/"], () => this.unary(), { "*": (a, b) => a * b, "/": (a, b) => a / b });
  }

  chain(signs, part, rules) {
    let first = this.now, left = part(), sign;
    while ((sign = this.take(...signs))) {
      const second = this.now, right = part();
      if (sign === "/" && right.constant === 0) throw this.fail("division by zero", second);
      left = this.sized(joined(rules[sign], this.number(left, first), this.number(right, second)), second);
      first = second;
    }
    return left;
  }

  unary() {
    if (++this.depth > DEEPEST) throw this.fail(`nested deeper than ${DEEPEST} levels`);
    const token = this.now;
    const result = this.take("-") ? joined((a) => -a, this.number(this.unary(), token)) : this.power();
    this.depth--;
    return result;
  }

  power() {
    const first = this.now, base = this.atom();
    if (!this.take("**", "^")) return base;
    const token = this.now, exponent = this.unary().constant;
    if (exponent === undefined || !Number.isInteger(exponent) || Math.abs(exponent) > 64) {
      throw this.fail("an exponent must be an integer from −64 to 64; write powr(u, p)", token);
    }
    return this.sized(joined((a) => a ** exponent, this.number(base, first)), token);
  }

  /** Constants stay within what every floating-point format of the library holds. */
  sized(node, token) {
    const size = Math.abs(node.constant ?? 1);
    if (size === 0 || (size >= 1e-300 && size <= 1e300)) return node;
    throw this.fail("a constant lies outside 1e-300 to 1e300", token);
  }

  atom() {
    const token = this.now;
    if (token.kind === "number") {
      this.index++;
      const zero = /^[0.]*([eE].*)?$/.test(token.text);
      return this.sized(fixed(zero ? 0 : Number(token.text) || 1e-301), token);
    }
    if (token.kind === "name") {
      this.index++;
      return this.take("(") ? this.call(token) : this.name(token);
    }
    this.expect("(");
    const inner = this.comparison();
    this.expect(")");
    return inner;
  }

  /** x, a constant, or a single letter, which becomes a parameter with a slider. */
  name(token) {
    const name = token.text;
    if (name === "x") return { f: (x) => x };
    if (Object.hasOwn(CONSTANTS, name)) return fixed(CONSTANTS[name]);
    if (name === "where" || Object.hasOwn(VOCABULARY, name)) {
      throw this.fail(`${name} is a function; write ${name}(…)`, token);
    }
    if (!/^[A-Za-z]\d?$/.test(name)) {
      const hint = nearest(name, [...Object.keys(VOCABULARY), ...Object.keys(CONSTANTS)]);
      throw this.fail(`unknown name “${name}”; parameters are single letters.${hint}`, token);
    }
    if (!this.names.includes(name)) this.names.push(name);
    const place = this.names.indexOf(name);
    return { f: (x, p) => p[place] };
  }

  call(token) {
    const name = token.text, known = Object.hasOwn(VOCABULARY, name);
    if (!known && name !== "where") {
      const hint = nearest(name, ["where", ...Object.keys(VOCABULARY)]);
      throw this.fail(`unknown function “${name}”.${hint}`, token);
    }
    const parts = this.arguments(), wanted = known ? VOCABULARY[name].length : 3;
    if (parts.length !== wanted) {
      throw this.fail(`${name} takes ${wanted} argument(s), got ${parts.length}`, token);
    }
    if (known) return joined(VOCABULARY[name], ...parts.map((part) => this.number(part, token)));
    const [test, yes, no] = parts;
    if (!test.test) throw this.fail("where needs a comparison such as x > 0 first", token);
    [yes, no].forEach((part) => this.number(part, token));
    return { f: (x, p) => (test.f(x, p) ? yes.f(x, p) : no.f(x, p)) };
  }

  arguments() {
    if (this.take(")")) return [];
    const found = [this.comparison()];
    while (this.take(",")) found.push(this.comparison());
    this.expect(")");
    return found;
  }
}

const fixed = (value) => ({ f: () => value, constant: value });

function joined(rule, ...parts) {
  if (parts.every((part) => part.constant !== undefined)) {
    return fixed(rule(...parts.map((part) => part.constant)));
  }
  const [a, b, c] = parts.map((part) => part.f);
  if (parts.length === 1) return { f: (x, p) => rule(a(x, p)) };
  if (parts.length === 2) return { f: (x, p) => rule(a(x, p), b(x, p)) };
  return { f: (x, p) => rule(a(x, p), b(x, p), c(x, p)) };
}

/** Return {f: (x, parameters) => number, names: of the parameters}; throws Fault. */
export function parse(text) {
  if (!text.trim()) throw new Fault(1, "the formula is empty; write for example x*tanh(exp(x))");
  if (text.length > 2000) throw new Fault(2001, "a formula has at most 2000 characters");
  const parser = new Parser(text), root = parser.whole();
  return { f: root.f, names: parser.names };
}
