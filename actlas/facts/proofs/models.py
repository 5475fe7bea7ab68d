"""Models of a function beyond some point: sums of x**p exp(P(x)), each times a ball.

A model holds for every x from `start` on: the value lies in the sum, whatever number each ball
stands for. Sums keep their terms apart, so that what cancels exactly is gone (tanh(x) - 1 is
-2 exp(-2x) times a ball near 1); `leading` folds everything into the term that grows fastest. That
gives the sign, the limit and a bound on a whole half-line.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from typing import Any, NamedTuple

from actlas.backends import arb
from actlas.backends.arb import Ball, ball
from actlas.expr import Expr, const
from actlas.expr.node import ONE, ZERO, add, constant_value, div, mul, neg

_MOST_TERMS = 8
Exponent = tuple[tuple[int, Expr], ...]  # ((degree, coefficient without x), ...), rising


class UnprovedError(Exception):
    """What could not be proved, as the reason that a certificate gives."""


class Scale(NamedTuple):
    """x**power * exp(sum of coefficient * x**degree)."""

    power: int
    exponent: Exponent


class Factor(NamedTuple):
    """What a scale is multiplied by: a ball, and the number itself where it is known."""

    ball: Ball
    exact: Expr | None = None


UNIT = Scale(0, ())


@dataclass(frozen=True)
class Model:
    """A sum of scales times factors that holds for all x >= start."""

    terms: Mapping[Scale, Factor]
    start: float


def known(value: Expr, start: float) -> Model:
    """Return the model of an expression without x."""
    return _model({UNIT: Factor(arb.enclose(value, {}), value)}, start)


def between(low: Ball, high: Ball, start: float) -> Model:
    """Return the model of something that stays between two numbers."""
    return _model({UNIT: Factor(ball(low, high))}, start)


def identity(start: float) -> Model:
    """Return the model of x."""
    return Model({Scale(1, ()): Factor(ball(1), ONE)}, start)


def _model(terms: Mapping[Scale, Factor], start: float) -> Model:
    """Drop what is exactly zero, and fold the smallest terms where there are too many."""
    kept = {s: f for s, f in terms.items() if f.exact is not ZERO and not f.ball.is_zero()}
    if any(not factor.ball.is_finite() for factor in kept.values()):
        raise UnprovedError("a coefficient of the tail is not finite")
    while len(kept) > _MOST_TERMS:
        (least, low), (next_, high) = [(s, kept.pop(s)) for s in _rising(kept)[:2]]
        kept[next_] = Factor(high.ball + low.ball * _ratio(least, next_, start))
    return Model(kept, start)


# ---------------------------------------------------------------- order and size of scales


def _exponent(terms: Mapping[int, Expr]) -> Exponent:
    """Return coefficients by degree in one form, so that equal ones are the same and cancel."""
    collected = {degree: _collected(c) for degree, c in terms.items()}
    return tuple(
        (degree, collected[degree]) for degree in sorted(collected) if collected[degree] is not ZERO
    )


@cache
def _collected(value: Expr) -> Expr:
    """Return a number as a sum of rationals times different numbers."""
    parts = _parts(value)
    total = ZERO
    for base in sorted(parts, key=repr):
        total = add(total, mul(const(parts[base]), base))
    return total


def _parts(value: Expr) -> dict[Expr, Fraction]:
    if value.op in ("add", "sub"):
        first, second = map(_parts, value.args)
        sense = 1 if value.op == "add" else -1
        return {
            b: first.get(b, Fraction(0)) + sense * second.get(b, Fraction(0))
            for b in {**first, **second}
        }
    if value.op == "neg":
        return {base: -k for base, k in _parts(value.args[0]).items()}
    number = constant_value(value)
    if number is not None:
        return {ONE: number}
    factor = constant_value(value.args[0]) if value.op == "mul" else None
    return {value: Fraction(1)} if factor is None else {
        base: factor * k for base, k in _parts(value.args[1]).items()}  # fmt: skip


def _product(a: Scale, b: Scale) -> Scale:
    merged = dict(a.exponent)
    for degree, value in b.exponent:
        merged[degree] = add(merged.get(degree, ZERO), value)
    return Scale(a.power + b.power, _exponent(merged))


def _inverse(scale: Scale) -> Scale:
    return Scale(-scale.power, _exponent({degree: neg(c) for degree, c in scale.exponent}))


@cache
def _growth(scale: Scale) -> int:
    """Return 1 where a scale grows beyond all bounds, -1 where it tends to 0, else 0."""
    if not scale.exponent:
        return (scale.power > 0) - (scale.power < 0)
    last = arb.enclose(scale.exponent[-1][1], {})
    if not (last > 0 or last < 0):
        raise UnprovedError("two rates of growth cannot be told apart")
    return 1 if last > 0 else -1


def _rising(terms: Mapping[Scale, Factor]) -> list[Scale]:
    """Return the scales, the slowest first."""
    ordered: list[Scale] = []
    for scale in terms:
        smaller = [s for s in ordered if _growth(_product(s, _inverse(scale))) < 0]
        ordered.insert(len(smaller), scale)
    return ordered


def _ratio(small: Scale, large: Scale, start: float) -> Ball:
    """Return a ball that holds small/large for all x >= start: from 0 to the value at start."""
    quotient = _product(small, _inverse(large))
    if quotient == UNIT:
        return ball(1)
    _check_falling(quotient, start)
    return ball(0, _size(quotient, ball(start)))


def _check_falling(scale: Scale, start: float) -> None:
    """Check that the logarithm's slope, sum of k c_k x**(k-1) + p/x, is negative from start on."""
    top, x = (scale.exponent[-1][0] if scale.exponent else 0), ball(start)
    slopes: dict[int, Ball] = {k: k * arb.enclose(c, {}) for k, c in scale.exponent}
    slopes[0] = ball(scale.power)
    rest = sum(
        (abs(s) / x ** (top - degree) for degree, s in slopes.items() if degree != top), ball(0)
    )
    if not slopes[top] + rest < 0:
        raise UnprovedError("the tail has not settled where it is taken up")


def _size(scale: Scale, x: Ball) -> Ball:
    power = sum((arb.enclose(c, {}) * x**degree for degree, c in scale.exponent), ball(0))
    return x**scale.power * power.exp()


# ---------------------------------------------------------------- what a model says


def leading(model: Model) -> tuple[Scale, Ball]:
    """Return the fastest scale and the ball that everything together is of it."""
    if not model.terms:
        return UNIT, ball(0)
    *rest, top = _rising(model.terms)
    total = model.terms[top].ball
    for scale in rest:
        total = total + model.terms[scale].ball * _ratio(scale, top, model.start)
    return top, total


def sign(model: Model) -> int:
    """Return the sign that the model has everywhere: 1, -1, or 0 for nothing at all.

    Raises:
        UnprovedError: if it is not certain.
    """
    if not model.terms:
        return 0
    found = leading(model)[1]
    if found > 0 or found < 0:
        return 1 if found > 0 else -1
    raise UnprovedError("the sign of a tail is not certain")


def growth(model: Model) -> int:
    """Return 1 where the model is unbounded, 0 where it stays away from infinity."""
    return int(any(_growth(scale) > 0 for scale in model.terms))


def whole(model: Model) -> Ball:
    """Return a ball with every value; UnprovedError where the model grows."""
    total = ball(0)
    for scale, factor in model.terms.items():
        total = total + factor.ball * _ratio(scale, UNIT, model.start)
    return total


def limit(model: Model) -> Ball:
    """Return a ball with the limit; UnprovedError where there is none that is finite."""
    if growth(model):
        raise UnprovedError("the tail has no finite limit")
    return model.terms[UNIT].ball if UNIT in model.terms else ball(0)


def diverges(slope: Model) -> int:
    """Return the sign of the infinity to which the integral of a slope goes, or 0.

    It does where the slope is of one sign and at least a multiple of 1/x.
    """
    top, found = leading(slope)
    if _growth(Scale(top.power + 1, top.exponent)) < 0:
        return 0
    return 1 if found > 0 else -1 if found < 0 else 0


# ---------------------------------------------------------------- arithmetic


def plus(a: Model, b: Model) -> Model:
    """Return a + b."""
    merged = dict(a.terms)
    for scale, factor in b.terms.items():
        there = merged.get(scale)
        merged[scale] = factor if there is None else Factor(
            there.ball + factor.ball, _both(add, there.exact, factor.exact))  # fmt: skip
    return _model(merged, a.start)


def times(a: Model, b: Model) -> Model:
    """Return a * b."""
    total = Model({}, a.start)
    for left, u in a.terms.items():
        for right, v in b.terms.items():
            exact = _both(mul, u.exact, v.exact)
            total = plus(
                total, Model({_product(left, right): Factor(u.ball * v.ball, exact)}, a.start)
            )
    return total


def _both(operation: Any, a: Expr | None, b: Expr | None) -> Expr | None:
    return None if a is None or b is None else operation(a, b)


def scaled(a: Model, factor: float | Fraction) -> Model:
    """Return a number times a model."""
    return times(a, known(const(factor), a.start))


def inverse(a: Model) -> Model:
    """Return 1/a: with a = t (1 + r), t the fastest term, 1/t (1 - r/(1 + r))."""
    if not a.terms:
        raise UnprovedError("a tail is divided by zero")
    top = _rising(a.terms)[-1]
    factor = a.terms[top]
    exact = None if factor.exact is None else div(ONE, factor.exact)
    one = Model({_inverse(top): Factor(1 / factor.ball, exact)}, a.start)
    if len(a.terms) == 1:
        return _model(one.terms, a.start)
    rest = times(Model({s: f for s, f in a.terms.items() if s != top}, a.start), one)
    return plus(one, scaled(times(times(one, rest), held(1 / (1 + whole(rest)), a.start)), -1))


def held(value: Ball, start: float) -> Model:
    """Return the model of a number of which only a ball is known."""
    return _model({UNIT: Factor(value)}, start)


def exponential(a: Model) -> Model:
    """Return exp(a): its growing polynomial becomes a scale, the rest a factor near 1."""
    poly, rest = {}, {}
    for scale, factor in a.terms.items():
        grows = _growth(scale) > 0
        if grows and not scale.exponent and factor.exact is not None:
            poly[scale.power] = factor.exact
        else:
            rest[scale] = factor
    left = Model(rest, a.start)
    here = Model({Scale(0, _exponent(poly)): Factor(ball(1), ONE)}, a.start)
    return times(here, _vanishing(left) if growth(left) else _bounded(left))


def _bounded(rest: Model) -> Model:
    """Return exp of what stays bounded: exp(c) (1 + r q), q between the exponentials of 0 and r."""
    constant = Model({UNIT: rest.terms[UNIT]} if UNIT in rest.terms else {}, rest.start)
    small = Model({s: f for s, f in rest.terms.items() if s != UNIT}, rest.start)
    first = held(limit(constant).exp(), rest.start) if constant.terms else known(ONE, rest.start)
    if not small.terms:
        return first
    between_ = held(whole(small).union(ball(0)).exp(), rest.start)
    return times(first, plus(known(ONE, rest.start), times(small, between_)))


def _vanishing(rest: Model) -> Model:
    """Return a bound of exp of what falls below every line through 0: from 0 to exp(-k x)."""
    top, factor = leading(rest)
    size = _size(top, ball(rest.start)) * -factor / rest.start
    if not (factor < 0 and _growth(Scale(top.power - 1, top.exponent)) >= 0 and size > 0):
        raise UnprovedError("an exponential in the tail has no bound")
    if top.power != 1 or top.exponent:
        _check_falling(_inverse(Scale(top.power - 1, top.exponent)), rest.start)
    rate = Fraction(2**10) if size > 2**10 else Fraction(int(float(size.lower()) * 1024), 1024)
    if rate <= 0:
        raise UnprovedError("an exponential in the tail falls too slowly for a bound")
    scale = Scale(0, ((1, const(-rate)),))
    return Model({scale: Factor(ball(0, 1))}, rest.start)
