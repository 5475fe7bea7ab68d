"""Piecewise polynomials of x, found exactly from an expression.

Rational arithmetic finds where the pieces of a function meet and their coefficients. What is no
polynomial, or meets at irrational numbers, is none of this file's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from math import isqrt

from actlas.expr import Expr, walk
from actlas.expr.node import constant_value

Polynomial = tuple[Fraction, ...]  # from the constant term upwards; () is zero

_WIDEST = 8  # the degree and the number of joints that are carried on the way
_HIGHEST_POWER = 3


class NotPieces(Exception):  # noqa: N818
    """The expression is no piecewise polynomial, or has too many pieces."""


# ---------------------------------------------------------------- polynomials


def _poly(coefficients: Sequence[Fraction]) -> Polynomial:
    kept = len(coefficients)
    while kept and not coefficients[kept - 1]:
        kept -= 1
    if kept > _WIDEST + 1:
        raise NotPieces
    return tuple(coefficients[:kept])


def _plus(p: Polynomial, q: Polynomial) -> Polynomial:
    size = max(len(p), len(q))
    padded = [(*u, *[Fraction(0)] * (size - len(u))) for u in (p, q)]
    return _poly([a + b for a, b in zip(*padded, strict=True)])


def _times(p: Polynomial, q: Polynomial) -> Polynomial:
    product = [Fraction(0)] * (len(p) + len(q))
    for i, a in enumerate(p):
        for j, b in enumerate(q):
            product[i + j] += a * b
    return _poly(product)


def value_at(p: Polynomial, x: Fraction) -> Fraction:
    """Return p(x)."""
    total = Fraction(0)
    for coefficient in reversed(p):
        total = total * x + coefficient
    return total


def moved(p: Polynomial, by: Fraction) -> Polynomial:
    """Return p(u + by) as a polynomial of u."""
    result: Polynomial = ()
    for coefficient in reversed(p):
        result = _plus(_times(result, (by, Fraction(1))), (coefficient,))
    return result


def _roots(p: Polynomial) -> list[Fraction]:
    """Return all real roots; they must be rational."""
    if len(p) < 2:
        return []
    if not p[0]:
        return [Fraction(0), *_roots(p[1:])]
    if len(p) == 2:
        return [-p[0] / p[1]]
    if len(p) > 3:
        raise NotPieces
    inside = p[1] ** 2 - 4 * p[0] * p[2]
    if inside < 0:
        return []
    root = Fraction(isqrt(inside.numerator), isqrt(inside.denominator))
    if root**2 != inside:
        raise NotPieces
    return [(-p[1] + sign * root) / (2 * p[2]) for sign in (-1, 1)]


# ---------------------------------------------------------------- piecewise polynomials


@dataclass(frozen=True)
class Piecewise:
    """2 k + 1 polynomials for k knots: of an interval, a knot, the next interval, and so on."""

    knots: tuple[Fraction, ...]
    cells: tuple[Polynomial, ...]

    def over(self, knots: tuple[Fraction, ...]) -> Piecewise:
        """Return the same function with more knots."""
        if len(knots) > _WIDEST:
            raise NotPieces
        cells = [self.cells[0]]
        for knot in knots:
            before = sum(other < knot for other in self.knots)
            known = knot in self.knots
            inside = self.cells[2 * before + 1] if known else _poly([value_at(cells[-1], knot)])
            cells += [inside, self.cells[2 * (before + known)]]
        return Piecewise(knots, tuple(cells))

    def signs(self) -> Piecewise:
        """Return the sign, with a knot wherever it changes."""
        found = set(self.knots)
        for cell in self.cells[::2]:
            found |= set(_roots(cell))
        fine = self.over(tuple(sorted(found)))
        values = [value_at(cell, x) for cell, x in zip(fine.cells, fine.places(), strict=True)]
        return Piecewise(fine.knots, tuple(_poly([Fraction((v > 0) - (v < 0))]) for v in values))

    def places(self) -> Iterator[Fraction]:
        """Yield a point of every cell."""
        if not self.knots:
            yield Fraction(0)
            return
        yield self.knots[0] - 1
        for left, right in pairwise(self.knots):
            yield left
            yield (left + right) / 2
        yield self.knots[-1]
        yield self.knots[-1] + 1

    def simple(self) -> Piecewise:
        """Return the same function without the knots at which nothing happens."""
        knots, cells = [], [self.cells[0]]
        for index, knot in enumerate(self.knots):
            inside, right = self.cells[2 * index + 1 : 2 * index + 3]
            if right != cells[-1] or inside != _poly([value_at(right, knot)]):
                knots.append(knot)
                cells += [inside, right]
        return Piecewise(tuple(knots), tuple(cells))


def _cellwise(function: Callable[..., Polynomial], *parts: Piecewise) -> Piecewise:
    knots = tuple(sorted({knot for part in parts for knot in part.knots}))
    cells = zip(*(part.over(knots).cells for part in parts), strict=True)
    return Piecewise(knots, tuple(function(*each) for each in cells)).simple()


def _constant(value: Fraction | int) -> Piecewise:
    return Piecewise((), (_poly([Fraction(value)]),))


def _negative(u: Piecewise) -> Piecewise:
    return _cellwise(lambda p: _times((Fraction(-1),), p), u)


def _difference(u: Piecewise, v: Piecewise) -> Piecewise:
    return _cellwise(_plus, u, _negative(v))


def _where(condition: Piecewise, u: Piecewise, v: Piecewise) -> Piecewise:
    return _cellwise(lambda c, p, q: p if c else q, condition, u, v)


def _compared(*wanted: int) -> Callable[[Piecewise, Piecewise], Piecewise]:
    def compare(u: Piecewise, v: Piecewise) -> Piecewise:
        signs = _difference(u, v).signs()
        return _cellwise(lambda p: (Fraction(1),) if (p[0] if p else 0) in wanted else (), signs)

    return compare


def _product(u: Piecewise, v: Piecewise) -> Piecewise:
    return _cellwise(_times, u, v)


def _quotient(u: Piecewise, v: Piecewise) -> Piecewise:
    if v.knots or len(v.cells[0]) != 1:
        raise NotPieces
    return _product(u, _constant(1 / v.cells[0][0]))


def _power(u: Piecewise, v: Piecewise) -> Piecewise:
    if v.knots or len(v.cells[0]) != 1 or v.cells[0][0] not in range(1, _HIGHEST_POWER + 1):
        raise NotPieces
    result = u
    for _ in range(int(v.cells[0][0]) - 1):
        result = _product(result, u)
    return result


_LESS = _compared(-1)
# What each operation does to finite numbers; infinities and NaN are looked after when it runs.
_OPERATIONS: dict[str, Callable[..., Piecewise]] = {
    "add": lambda u, v: _cellwise(_plus, u, v), "sub": _difference, "mul": _product,
    "damp": _product, "div": _quotient, "neg": _negative, "powr": _power,
    "lt": _LESS, "le": _compared(-1, 0), "gt": _compared(1), "ge": _compared(0, 1),
    "where": _where, "sign": lambda u: u.signs().simple(),
    "min": lambda u, v: _where(_LESS(v, u), v, u), "max": lambda u, v: _where(_LESS(u, v), v, u),
    "abs": lambda u: _where(_LESS(u, _constant(0)), _negative(u), u),
    "nan_like": lambda u, v: v,
}  # fmt: skip
# What lowering does about infinite x: a whole function goes to its limits without.
_AT_THE_ENDS: dict[str, Callable[..., Piecewise]] = {
    "clip_low": lambda u: u, "clip_high": lambda u: u,
    "at_low": lambda u: _constant(0), "at_high": lambda u: _constant(0),
}  # fmt: skip


def piecewise(root: Expr, *, whole: bool = True) -> Piecewise:
    """Return the polynomials of an expression in x, for finite x.

    A part of a function, which is not `whole`, may rely on how it treats infinite x.

    Raises:
        NotPieces: if it is something else.
    """
    operations = _OPERATIONS | _AT_THE_ENDS if whole else _OPERATIONS
    nodes = list(walk(root))
    if not all(node.op in operations or node.op in ("const", "symbol") for node in nodes):
        raise NotPieces
    known: dict[Expr, Piecewise] = {}
    for node in nodes:
        if node.op == "symbol":
            known[node] = Piecewise((), ((Fraction(0), Fraction(1)),))
        elif node.op == "const":
            known[node] = _constant(constant_value(node) or 0)
        else:
            known[node] = operations[node.op](*(known[child] for child in node.args))
    return known[root].simple()
