"""Formulas typed as text: a small grammar of our own, never `eval`.

comparison := sum [("<" | "<=" | ">" | ">=") sum]
sum        := product (("+" | "-") product)*
product    := unary (("*" | "/") unary)*
unary      := "-" unary | power
power      := atom [("**" | "^") exponent]         exponent: an integer
atom       := number | name | name "(" comparison ("," comparison)* ")" | "(" comparison ")"
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

from actlas.errors import ActlasError, nearest
from actlas.expr.node import ONE, PI, Expr, const, constant_value, symbol
from actlas.expr.primitives import PRIMITIVES, VOCABULARY, exp

_TOKEN = re.compile(
    r"\s*(?:(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)|(?P<name>[A-Za-z_]\w*)"
    r"|(?P<sign>\*\*|<=|>=|[-+*/^(),<>]))",
    re.ASCII,
)
_COMPARE: dict[str, Callable[[Expr, Expr], Expr]] = {
    "<": Expr.__lt__, "<=": Expr.__le__, ">": Expr.__gt__, ">=": Expr.__ge__,
}  # fmt: skip
_CONSTANTS = {"pi": PI, "e": exp(ONE)}
_MAX_DEPTH = 60
_OUTSIDE = "a constant lies outside 1e-300 to 1e300"
_MAX_BITS = 2000  # of a constant's numerator or denominator: far beyond every floating-point format


@dataclass(frozen=True)
class Token:
    kind: str
    text: str
    place: int


def _shortened(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:57] + "...")


def tokens_of(text: str) -> list[Token]:
    """Split `text` into numbers, names and signs."""
    found, place = [], 0
    text = text.rstrip()
    while place < len(text):
        match = _TOKEN.match(text, place)
        if match is None:
            rest = text[place:].lstrip()
            raise ActlasError(f"formula {_shortened(text)}, column {len(text) - len(rest) + 1}: "
                              f"cannot read {rest[0]!r}")  # fmt: skip
        kind = str(match.lastgroup)
        found.append(Token(kind, match.group(kind), match.start(kind)))
        place = match.end()
    return found


class Parser:
    """A recursive-descent parser over the tokens of one formula."""

    def __init__(self, text: str, names: frozenset[str]) -> None:
        self.text, self.names, self.depth = text, names, 0
        self.tokens = [*tokens_of(text), Token("end", "", len(text))]
        self.index = 0

    def fail(self, what: str) -> ActlasError:
        place = self.tokens[self.index].place
        return ActlasError(f"formula {_shortened(self.text)}, column {place + 1}: {what}")

    def peek(self) -> str:
        return self.tokens[self.index].text

    def take(self, *wanted: str) -> str | None:
        text = self.peek()
        if text and text in wanted:
            self.index += 1
            return text
        return None

    def expect(self, wanted: str) -> None:
        if not self.take(wanted):
            raise self.fail(f"expected {wanted!r}, found {self.peek() or 'the end'!r}")

    def whole(self) -> Expr:
        result = self.comparison()
        if self.tokens[self.index].kind != "end":
            raise self.fail(f"unexpected {self.peek()!r}")
        return result

    def comparison(self) -> Expr:
        left = self.sum()
        sign = self.take(*_COMPARE)
        return _COMPARE[sign](left, self.sum()) if sign else left

    def sum(self) -> Expr:
        result = self.product()
        while sign := self.take("+", "-"):
            right = self.product()
            result = result + right if sign == "+" else result - right
        return result

    def product(self) -> Expr:
        result = self.unary()
        while sign := self.take("*", "/"):
            right = self.unary()
            if sign == "/" and constant_value(right) == 0:
                raise self.fail("division by zero")
            result = self.sized(result * right if sign == "*" else result / right)
        return result

    def sized(self, result: Expr) -> Expr:
        """Refuse constants that no floating-point format holds before they fill the memory."""
        value = constant_value(result)
        if value is not None and not _fits(value):
            raise self.fail(_OUTSIDE)
        return result

    def unary(self) -> Expr:
        self.depth += 1
        if self.depth > _MAX_DEPTH:
            raise self.fail(f"nested deeper than {_MAX_DEPTH} levels")
        result = -self.unary() if self.take("-") else self.power()
        self.depth -= 1
        return result

    def power(self) -> Expr:
        base = self.atom()
        if not self.take("**", "^"):
            return base
        exponent = constant_value(self.unary())
        if exponent is None or exponent.denominator != 1 or abs(exponent) > 64:
            raise self.fail("an exponent must be an integer from -64 to 64; write powr(u, p)")
        value, n = constant_value(base), int(exponent)
        if value == 0 and n < 0:
            raise self.fail("division by zero")
        if value is not None and _bits(value) * abs(n) > _MAX_BITS:
            raise self.fail(_OUTSIDE)
        return self.sized(base**n)

    def atom(self) -> Expr:
        token = self.tokens[self.index]
        if token.kind == "number":
            return self.number(token.text)
        if token.kind == "name":
            self.index += 1
            return self.call(token.text) if self.take("(") else self.name(token.text)
        self.expect("(")
        inner = self.comparison()
        self.expect(")")
        return inner

    def number(self, text: str) -> Expr:
        """Look at the size first: Fraction("1e999999999") would not come back."""
        digits = text.lower().partition("e")[0].strip("0.")
        if digits and not 1e-300 <= float(text) <= 1e300:
            raise self.fail(_OUTSIDE)
        self.index += 1
        return const(Fraction(text) if digits else 0)

    def name(self, name: str) -> Expr:
        if name in self.names:
            return symbol(name)
        if name in _CONSTANTS:
            return _CONSTANTS[name]
        self.index -= 1
        if name in VOCABULARY:
            raise self.fail(f"{name} is a function; write {name}(...)")
        hint = nearest(name, [*self.names, *VOCABULARY, *_CONSTANTS])
        raise self.fail(f"unknown name {name!r} (known: {', '.join(sorted(self.names))}).{hint}")

    def call(self, name: str) -> Expr:
        if name not in VOCABULARY:
            self.index -= 2
            raise self.fail(f"unknown function {name!r}.{nearest(name, VOCABULARY)}")
        arguments = [] if self.peek() == ")" else [self.comparison()]
        while self.take(","):
            arguments.append(self.comparison())
        self.expect(")")
        if len(arguments) != arity(name):
            raise self.fail(f"{name} takes {arity(name)} argument(s), got {len(arguments)}")
        try:
            return VOCABULARY[name](*arguments)
        except TypeError as error:
            raise self.fail(str(error)) from None


def arity(name: str) -> int:
    """Return how many arguments a word of the vocabulary takes."""
    known = PRIMITIVES.get(name)
    return known.arity if known else len(inspect.signature(VOCABULARY[name]).parameters)


def _bits(value: Fraction) -> int:
    return max(value.numerator.bit_length(), value.denominator.bit_length())


def _fits(value: Fraction) -> bool:
    moderate = Fraction(10) ** -300 <= abs(value) <= Fraction(10) ** 300
    return value == 0 or (moderate and _bits(value) <= _MAX_BITS)


def parse(text: str, names: frozenset[str] = frozenset({"x"})) -> Expr:
    """Return the expression that `text` writes; `names` are the variables it may use.

    >>> parse("x * tanh(exp(x))")
    mul(x, tanh(exp(x)))
    """
    if not isinstance(text, str) or not text.strip():
        raise ActlasError("the formula is empty; write for example 'x * tanh(exp(x))'")
    return Parser(text, names).whole()
