"""Ball arithmetic: an expression evaluated to an enclosure that is certain, in arb (python-flint).

A ball is a midpoint with a radius. Whatever lies in the balls that go in, the value of the
expression lies in the ball that comes out: a number gives its value with a proved error, a wide
ball bounds a whole interval. Where a comparison cannot be decided, the result holds both branches.
A NaN ball says nothing (0/0, or an argument that may leave a domain), and whoever asked has to ask
otherwise: with more bits, over a narrower interval, or the mpmath backend, which knows what is
meant at infinities.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from fractions import Fraction
from functools import cache, lru_cache
from typing import Any, TypeVar

from actlas.backends.tape import Tape, record
from actlas.errors import need_extra
from actlas.expr import Expr, symbols, walk
from actlas.expr.node import constant_value

Ball = Any  # flint.arb, which a machine without the extra does not have
_NARROW = 40  # bits of relative accuracy from which arb's own formulas lose next to nothing
_BITS = (128, 512, 2048, 8192)  # exp(1.7e308) needs 512; what cancels at 1e-308 needs 2048


@cache
def _flint() -> Any:
    return need_extra("flint", "prove")


def ball(value: float | Fraction | Ball, other: float | Fraction | Ball | None = None) -> Ball:
    """Return the ball of one number, or the smallest that holds everything between two.

    >>> whole = ball(-1, 3)
    >>> whole.contains(ball(-1)), whole.contains(ball(3)), whole.contains(4)
    (True, True, False)
    """
    flint = _flint()
    if other is not None:
        return ball(value).union(ball(other))
    if isinstance(value, Fraction):
        return flint.arb(flint.fmpq(value.numerator, value.denominator))
    return flint.arb(value)


def precision(bits: int) -> Any:
    """Return a context in which all arithmetic of balls is done with so many bits."""
    return _flint().ctx.workprec(bits)


# ---------------------------------------------------------------- how wide balls are met


def _narrow(u: Ball) -> bool:
    return bool(u.rel_accuracy_bits() >= _NARROW)


def _monotone(point: Callable[[Ball], Ball]) -> Callable[[Ball], Ball]:
    """Return the enclosure of a monotone function: of a wide ball, what lies between its ends."""

    def enclosure(u: Ball) -> Ball:
        return point(u) if _narrow(u) else point(u.lower()).union(point(u.upper()))

    return enclosure


def _even(point: Callable[[Ball], Ball]) -> Callable[[Ball], Ball]:
    """Return the enclosure of an even function that is monotone in |u|."""

    def enclosure(u: Ball) -> Ball:
        return point(u) if _narrow(u) else point(u.abs_lower()).union(point(u.abs_upper()))

    return enclosure


def _method(name: str) -> Callable[[Ball], Ball]:
    """Return the enclosure of a monotone function that is a method of arb's."""
    return _monotone(lambda u: getattr(u, name)())


def _decided(true: bool, false: bool) -> bool | None:
    """Return what a comparison says, or None where it depends on which points are meant."""
    return True if true else False if false else None


def _where(condition: bool | None, a: Ball, b: Ball) -> Ball:
    return a.union(b) if condition is None else a if condition else b


# ---------------------------------------------------------------- the primitives


def _pow(n: int, u: Ball) -> Ball:
    if n < 0:
        return 1 / _pow(-n, u)
    if _narrow(u):
        return u**n
    low, high = (u.lower(), u.upper()) if n % 2 else (u.abs_lower(), u.abs_upper())
    return (low**n).union(high**n)


def _mul(u: Ball, v: Ball) -> Ball:
    return _pow(2, u) if u is v else u * v


def _softplus(u: Ball) -> Ball:
    return u + (-u).exp().log1p() if u > 0 else u.exp().log1p()


def _logaddexp(u: Ball, v: Ball) -> Ball:
    """Return log(e**u + e**v), which grows with both: of wide balls, what lies between the ends."""
    if not (_narrow(u) and _narrow(v)) and not (u.is_exact() and v.is_exact()):
        return _logaddexp(u.lower(), v.lower()).union(_logaddexp(u.upper(), v.upper()))
    return u.max(v) + (-abs(u - v)).exp().log1p()


def _sech2(u: Ball) -> Ball:
    small = (-2 * abs(u)).exp()
    return 4 * small / (1 + small) ** 2


def _tanhshrink(u: Ball) -> Ball:
    """Return u - tanh(u), increasing; near 0 it lies between the first two sums of its series."""
    if not u.is_exact():
        return _tanhshrink(u.lower()).union(_tanhshrink(u.upper()))
    context = _flint().ctx
    if u.abs_upper() < 2.0 ** -min(context.prec // 2, 1000):
        return u**3 / 3 * ball(1 - 2 * u * u / 5, 1)
    with context.extraprec(context.prec):
        return u - u.tanh()


def _sphj(order: int, u: Ball) -> Ball:
    """Return j_n(u); of a wide ball from its middle, since |j_n| <= 1 and |j_n'| <= 1."""
    if _narrow(u):
        return _sphj_at(order, u)
    middle = u.mid()
    return (_sphj_at(order, middle) + (u - middle)).max(-1).min(1)


def _sphj_at(order: int, u: Ball) -> Ball:
    """Near 0 by u**n/(2n+1)!! 0F1(n + 3/2; -u**2/4), DLMF 10.53.1, else by upward recurrence."""
    if u.abs_upper() < order + 1:
        series = (-u * u / 4).hypgeom_0f1(order + 1.5)
        return u**order / math.prod(range(1, 2 * order + 2, 2)) * series
    before, now = u.cos() / u, u.sin() / u
    for n in range(order):
        before, now = now, (2 * n + 1) / u * now - before
    return now


def _powr(u: Ball, v: Ball) -> Ball:
    if u.is_zero() and v >= 0:
        return u**0 if v.is_zero() else u if v > 0 else 1 / u
    return (v * u.log()).exp()


FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "add": lambda u, v: u + v, "sub": lambda u, v: u - v, "mul": _mul, "div": lambda u, v: u / v,
    "neg": lambda u: -u, "pow": _pow, "pi": lambda: _flint().arb.pi(),
    "lt": lambda u, v: _decided(u < v, u >= v), "le": lambda u, v: _decided(u <= v, u > v),
    "gt": lambda u, v: _decided(u > v, u <= v), "ge": lambda u, v: _decided(u >= v, u < v),
    "where": _where, "max": lambda u, v: u.max(v), "min": lambda u, v: u.min(v),
    "abs": _even(abs), "sign": lambda u: u.sgn(),
    "exp": _method("exp"), "expm1": _method("expm1"), "log": _method("log"),
    "log1p": _method("log1p"), "sqrt": _method("sqrt"), "powr": _powr, "logaddexp": _logaddexp,
    "sigmoid": _monotone(lambda u: 1 / (1 + (-u).exp())), "softplus": _monotone(_softplus),
    "tanh": _method("tanh"), "sech2": _even(_sech2), "tanhshrink": _tanhshrink,
    "atan": _method("atan"), "lorentz": _even(lambda u: 1 / (1 + u * u)),
    "softsign": _monotone(lambda u: u / (1 + abs(u))), "rabs": _even(lambda u: 1 / (1 + abs(u))),
    "asinh": _method("asinh"), "hypot1": _even(lambda u: (1 + u * u).sqrt()),
    "rhyp": _even(lambda u: (1 + u * u).rsqrt()),
    "isru": _monotone(lambda u: u * (1 + u * u).rsqrt()),
    "erf": _method("erf"), "erfc": _method("erfc"),
    "ncdf": _monotone(lambda u: (-u / ball(2).sqrt()).erfc() / 2),
    "npdf": _even(lambda u: (-u * u / 2).exp() * (2 * FUNCTIONS["pi"]()).rsqrt()),
    "sin": lambda u: u.sin(), "cos": lambda u: u.cos(), "sphj": _sphj,
}  # fmt: skip


# ---------------------------------------------------------------- expressions


@cache
def _compiled(root: Expr) -> Tape:
    return record(root, sorted(symbols(root)), FUNCTIONS, "arb")


@lru_cache(maxsize=1024)
def _at_precision(root: Expr, bits: int) -> Tape:
    """Return the tape of `root` with its constants as balls of the current precision."""
    numbers = [constant_value(node) for node in walk(root) if node.op == "const"]
    constants: Any = tuple(ball(number) for number in numbers)
    return replace(_compiled(root), constants=constants)


def _run(root: Expr, values: Mapping[str, float | Fraction | Ball], bits: int) -> Ball:
    tape = _at_precision(root, bits)
    return tape(*[ball(values[name]) for name in tape.inputs])


def enclose(root: Expr, values: Mapping[str, float | Fraction | Ball], bits: int = 128) -> Ball:
    """Return a ball that holds `root` for all the values in the balls given, or a NaN ball.

    Args:
        root: the expression.
        values: a number or a ball for every symbol, whose values vary independently.
        bits: the working precision.

    Raises:
        ActlasError: python-flint is not installed.

    >>> from actlas.expr import symbol, tanh
    >>> low, high = bounds(enclose(tanh(symbol("x")), {"x": ball(-1, 2)}))
    >>> round(low, 6), round(high, 6)
    (-0.761594, 0.964028)
    """
    with _flint().ctx.workprec(bits):
        return _run(root, values, bits)


def bounds(found: Ball) -> tuple[float, float]:
    """Return the doubles next to a ball, below and above everything in it.

    >>> low, high = bounds(ball(-1, 3))
    >>> low <= -1, high >= 3, high - low < 4 + 1e-6
    (True, True, True)
    """
    low, high = float(found.lower()), float(found.upper())
    low = low if found.lower() >= low else math.nextafter(low, -math.inf)
    return low, high if found.upper() <= high else math.nextafter(high, math.inf)


def nearest_double(root: Expr, values: Mapping[str, float | Fraction]) -> float | None:
    """Return the double nearest to the value of `root`, or None where no precision proves one.

    >>> from actlas.expr import sin, symbol
    >>> x = symbol("x")
    >>> nearest_double((x + 1) - x, {"x": 1e300}), nearest_double(sin(x) / x, {"x": 0.0})
    (1.0, None)
    """
    return _raising_precision(root, values, _one_double)


def sign_of(root: Expr, values: Mapping[str, float | Fraction]) -> int | None:
    """Return the sign of the value of `root`: -1, 0 or 1, or None where no precision proves one.

    >>> from actlas.expr import symbol
    >>> x = symbol("x")
    >>> sign_of((x + 1) - 1, {"x": 1e-300}), sign_of(x * x - 2, {"x": -1.0})
    (1, -1)
    """
    return _raising_precision(root, values, _sign)


Answer = TypeVar("Answer")


def _raising_precision(
    root: Expr, values: Mapping[str, float | Fraction], ask: Callable[[Ball], Answer | None]
) -> Answer | None:
    """Return what the first ball says that says something."""
    context = _flint().ctx
    for bits in _BITS:
        with context.workprec(bits):
            answer = ask(_run(root, values, bits))
        if answer is not None:
            return answer
    return None


def _one_double(found: Ball) -> float | None:
    """Return the double that both ends of a ball round to; +0.0 where they are -0.0 and 0.0."""
    low, high = float(found.lower()), float(found.upper())
    return low + 0.0 if low == high else None


def _sign(found: Ball) -> int | None:
    return 1 if found > 0 else -1 if found < 0 else 0 if found.is_zero() else None
