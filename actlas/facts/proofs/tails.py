"""From an expression to its model towards one end of the line: one rule for each primitive."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from actlas.backends import arb
from actlas.backends.arb import ball
from actlas.expr import Expr, const, substitute, symbol, walk
from actlas.expr.node import ONE, PI, make, neg
from actlas.expr.primitives import PRIMITIVES
from actlas.facts.proofs import models
from actlas.facts.proofs.models import (
    UNIT,
    Factor,
    Model,
    Scale,
    UnprovedError,
    held,
    known,
    plus,
    scaled,
    times,
)

Rule = Callable[[Model, int], Model]  # of an argument that grows, and its sign
X = symbol("x")


def tail_model(root: Expr, towards: int, start: float) -> Model:
    """Return the model of `root` for x >= start, or of its mirror image for x <= -start.

    Args:
        root: an expression in x without pieces.
        towards: 1 or -1.
        start: at least 1.

    Raises:
        UnprovedError: if a primitive has no rule for what it meets there.
    """
    mirrored = substitute(root, {X: neg(symbol("t"))}) if towards < 0 else root
    made: dict[Expr, Model] = {}
    for node in walk(mirrored):
        made[node] = _made(node, [made[child] for child in node.args], start)
    return made[mirrored]


def _made(node: Expr, arguments: list[Model], start: float) -> Model:
    if not node.symbols:
        return known(node, start)
    if node.op == "symbol":
        return models.identity(start)
    if node.op in _ARITHMETIC:
        return _ARITHMETIC[node.op](*arguments)
    if node.op == "pow":
        return _power(arguments[0], int(str(node.value)))
    if len(arguments) != 1 or node.op in _BENT:
        raise UnprovedError(f"{node.op} has no rule for tails")
    if not models.growth(arguments[0]):
        return _of_bounded(node, arguments[0])
    if node.op == "sphj":
        return _bessel(arguments[0], int(str(node.value)))
    if node.op in _WAVES:
        return models.between(ball(-1), ball(1), start)
    if node.op not in _GROWN:
        raise UnprovedError(f"{node.op} has no rule for arguments that grow")
    return _GROWN[node.op](arguments[0], models.sign(arguments[0]))


_ARITHMETIC: Mapping[str, Callable[..., Model]] = {
    "add": plus, "sub": lambda u, v: plus(u, scaled(v, -1)), "mul": times,
    "div": lambda u, v: times(u, models.inverse(v)), "neg": lambda u: scaled(u, -1),
    "exp": models.exponential,
}  # fmt: skip
_WAVES = frozenset({"sin", "cos"})
_BENT = frozenset({"abs", "sign", "softsign", "rabs"})  # pieces are without them


def _power(u: Model, n: int) -> Model:
    if n < 0:
        return models.inverse(_power(u, -n))
    total = known(ONE, u.start)
    for _ in range(n):
        total = times(total, u)
    return total


def _of_bounded(node: Expr, u: Model) -> Model:
    """Return f(u) for u = c + r, r towards 0: f(c) + r f'(v) with v between c and u."""
    constant = u.terms.get(UNIT, Factor(ball(0), const(0)))
    small = Model({s: f for s, f in u.terms.items() if s != UNIT}, u.start)
    here = make(node.op, X) if node.value is None else make(node.op, X, value=int(str(node.value)))
    first = held(arb.enclose(here, {"x": constant.ball}), u.start)
    if constant.exact is not None:
        exact = make(node.op, constant.exact) if node.value is None else None
        first = known(exact, u.start) if exact is not None else first
    if not small.terms:
        return first
    slope = PRIMITIVES[node.op].partials(here)[0]
    around = constant.ball.union(models.whole(u))
    return plus(first, times(small, held(arb.enclose(slope, {"x": around}), u.start)))


# ---------------------------------------------------------------- arguments that grow


def _applied(name: str, u: Model) -> Model:
    """Return a primitive of a model, whichever way it grows."""
    return _made(make(name, X), [u], u.start)


def _one(u: Model) -> Model:
    return known(ONE, u.start)


def _small(u: Model, sense: int, rate: int) -> Model:
    """Return exp(-rate |u|)."""
    return models.exponential(scaled(u, -rate * sense))


def _sigmoid(u: Model, sense: int) -> Model:
    small = _small(u, sense, 1)
    share = times(small, models.inverse(plus(_one(u), small)))
    return plus(_one(u), scaled(share, -1)) if sense > 0 else share


def _tanh(u: Model, sense: int) -> Model:
    small = _small(u, sense, 2)
    share = times(small, models.inverse(plus(_one(u), small)))
    return scaled(plus(_one(u), scaled(share, -2)), sense)


def _sech2(u: Model, sense: int) -> Model:
    small = _small(u, sense, 2)
    return scaled(times(small, _power(plus(_one(u), small), -2)), 4)


def _softplus(u: Model, sense: int) -> Model:
    rest = _applied("log1p", _small(u, sense, 1))
    return plus(u, rest) if sense > 0 else rest


def _atan(u: Model, sense: int) -> Model:
    quarter = known(make("mul", const(sense) / 2, PI), u.start)
    return plus(quarter, scaled(_applied("atan", models.inverse(u)), -1))


def _root(u: Model, sense: int) -> Model:
    """Return sqrt(u), u about c x**(2n): x**n sqrt(u / x**(2n))."""
    top, _ = models.leading(u)
    if top.exponent or top.power % 2 or sense < 0:
        raise UnprovedError("sqrt has no rule for this tail")
    half = Model({Scale(top.power // 2, ()): Factor(ball(1), ONE)}, u.start)
    return times(half, _applied("sqrt", times(u, _power(half, -2))))


def _lorentz(u: Model, sense: int) -> Model:
    return models.inverse(plus(_one(u), _power(u, 2)))


def _hypot1(u: Model, sense: int) -> Model:
    """sqrt(1 + u**2) = |u| sqrt(1 + u**-2)."""
    return times(scaled(u, sense), _applied("sqrt", plus(_one(u), _power(u, -2))))


def _rhyp(u: Model, sense: int) -> Model:
    return models.inverse(_hypot1(u, sense))


def _npdf(u: Model, sense: int) -> Model:
    factor = known(make("div", ONE, make("sqrt", make("mul", const(2), PI))), u.start)
    return times(factor, models.exponential(scaled(times(u, u), -0.5)))


def _mills(u: Model, top: Model) -> Model:
    """Return top/u times what lies between 1 - 1/u**2 and 1, u > 0 (DLMF 7.8.2 and 7.12.1)."""
    least = plus(_one(u), scaled(_power(u, -2), -1))
    return times(times(top, models.inverse(u)), held(models.whole(least).union(ball(1)), u.start))


def _ncdf(u: Model, sense: int) -> Model:
    rest = _mills(scaled(u, sense), _npdf(u, sense))
    return plus(_one(u), scaled(rest, -1)) if sense > 0 else rest


def _erfc(u: Model, sense: int) -> Model:
    """exp(-u**2)/(u sqrt(pi)) times what lies between 1 - 1/(2 u**2) and 1, DLMF 7.12.1."""
    bell = models.exponential(scaled(times(u, u), -1))
    top = times(bell, known(make("div", ONE, make("sqrt", PI)), u.start))
    rest = _mills(scaled(u, sense), top)
    return rest if sense > 0 else plus(known(const(2), u.start), scaled(rest, -1))


def _erf(u: Model, sense: int) -> Model:
    rest = _erfc(scaled(u, sense), 1)
    return scaled(plus(_one(u), scaled(rest, -1)), sense)


def _bessel(u: Model, order: int) -> Model:
    """Return j_n(u) from sin(u)/u and cos(u)/u by upward recurrence, DLMF 10.51.1."""
    one_over = models.inverse(u)
    before = now = times(models.between(ball(-1), ball(1), u.start), one_over)
    for n in range(order):
        before, now = now, plus(times(scaled(one_over, 2 * n + 1), now), scaled(before, -1))
    return now


_GROWN: Mapping[str, Rule] = {
    "sigmoid": _sigmoid, "tanh": _tanh, "sech2": _sech2, "softplus": _softplus, "atan": _atan,
    "tanhshrink": lambda u, sense: plus(u, scaled(_tanh(u, sense), -1)),
    "expm1": lambda u, sense: plus(models.exponential(u), scaled(_one(u), -1)),
    "sqrt": _root, "lorentz": _lorentz, "hypot1": _hypot1, "rhyp": _rhyp,
    "isru": lambda u, sense: times(u, _rhyp(u, sense)),
    "npdf": _npdf, "ncdf": _ncdf, "erf": _erf, "erfc": _erfc,
}  # fmt: skip
