"""The reference: an expression evaluated with as many digits as asked for, in mpmath.

Two conventions keep it usable on the whole double range: the exponential of a number beyond
+-1e400, which only an exponential can be, is infinity or 0; and in a product 0 wins over infinity,
as a factor that vanishes exponentially always does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from functools import lru_cache
from typing import Any

import mpmath
from mpmath import mp, mpf

from actlas.errors import ActlasError
from actlas.expr import Expr, walk

_CAP = mpf(10) ** 400


def _exp(u: mpf) -> mpf:
    if u > _CAP:
        return mpf("inf")
    return mpf(0) if u < -_CAP else mp.exp(u)


def _mul(u: mpf, v: mpf) -> mpf:
    return u * v if (u and v) or mp.isnan(u) or mp.isnan(v) else mpf(0)


def _div(u: mpf, v: mpf) -> mpf:
    if v:
        return u / v
    return mpf("nan") if not u or mp.isnan(u) else mp.sign(u) * mpf("inf")


def _sigmoid(u: mpf) -> mpf:
    small = _exp(-abs(u))
    return 1 / (1 + small) if u >= 0 else small / (1 + small)


def _softplus(u: mpf) -> mpf:
    return max(u, mpf(0)) + mp.log1p(_exp(-abs(u)))


def _tanh(u: mpf) -> mpf:
    return mp.sign(u) if abs(u) > _CAP else mp.tanh(u)


def _sech2(u: mpf) -> mpf:
    small = _exp(-2 * abs(u))
    return 4 * small / (1 + small) ** 2


def _tanhshrink(u: mpf) -> mpf:
    """u - tanh(u) is about u**3/3: carry as many more digits as the difference will lose."""
    if u == 0 or not mp.isfinite(u):
        return u
    with mp.extradps(10 + max(0, -2 * int(mp.floor(mp.log10(abs(u)))))):
        return u - _tanh(u)


def _erfc(u: mpf) -> mpf:
    if abs(u) > 10**13:
        return mpf(0) if u > 0 else mpf(2)
    return mp.erfc(u)


def _erf(u: mpf) -> mpf:
    return mp.sign(u) if abs(u) > 10**13 else mp.erf(u)


def _npdf(u: mpf) -> mpf:
    return _exp(-u * u / 2) / mp.sqrt(2 * mp.pi)


def _sphj(order: int, u: mpf) -> mpf:
    """Upward recurrence, with the digits it loses for small u added first."""
    if not mp.isfinite(u):
        return mpf(0) if mp.isinf(u) else u
    if u == 0:
        return mpf(order == 0)
    lost = max(0, -int(mp.floor(mp.log10(abs(u)))))
    with mp.extradps(10 + 2 * (order + 1) * (lost + 1)):
        before, now = mp.cos(u) / u, mp.sin(u) / u
        for n in range(order):
            before, now = now, (2 * n + 1) / u * now - before
        return now


def _powr(u: mpf, v: mpf) -> mpf:
    if u == 0:
        return mpf(0) if v > 0 else mpf(1) if v == 0 else mpf("inf")
    if not u > 0:
        return mpf("nan")
    return _exp(v * mp.log(u))


def _where(condition: bool, a: mpf, b: mpf) -> mpf:
    return a if condition else b


def _extreme(first: Callable[[mpf, mpf], bool]) -> Callable[[mpf, mpf], mpf]:
    def pick(u: mpf, v: mpf) -> mpf:
        if mp.isnan(u) or mp.isnan(v):
            return mpf("nan")
        return u if first(u, v) else v

    return pick


def _log(u: mpf) -> mpf:
    return mpf("-inf") if u == 0 else mp.log(u) if u > 0 else mpf("nan")


FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "add": lambda u, v: u + v, "sub": lambda u, v: u - v, "mul": _mul, "div": _div,
    "neg": lambda u: -u,
    "lt": lambda u, v: u < v, "le": lambda u, v: u <= v,
    "gt": lambda u, v: u > v, "ge": lambda u, v: u >= v,
    "where": _where, "max": _extreme(lambda u, v: u > v), "min": _extreme(lambda u, v: u < v),
    "abs": abs, "sign": mp.sign, "exp": _exp,
    "expm1": lambda u: mp.expm1(u) if abs(u) <= _CAP else _exp(u) - 1,
    "log": _log, "log1p": lambda u: mp.log1p(u) if u > -1 else _log(1 + u),
    "sqrt": lambda u: mp.sqrt(u) if u >= 0 else mpf("nan"), "powr": _powr,
    "logaddexp": lambda u, v: max(u, v) + mp.log1p(_exp(-abs(u - v))),
    "sigmoid": _sigmoid, "softplus": _softplus, "tanh": _tanh, "sech2": _sech2,
    "tanhshrink": _tanhshrink, "atan": mp.atan, "lorentz": lambda u: 1 / (1 + u * u),
    "softsign": lambda u: u / (1 + abs(u)), "rabs": lambda u: 1 / (1 + abs(u)),
    "asinh": mp.asinh, "hypot1": lambda u: mp.sqrt(1 + u * u),
    "rhyp": lambda u: 1 / mp.sqrt(1 + u * u), "isru": lambda u: u / mp.sqrt(1 + u * u),
    "erf": _erf, "erfc": _erfc, "ncdf": lambda u: _erfc(-u / mp.sqrt(2)) / 2, "npdf": _npdf,
    "sin": mp.sin, "cos": mp.cos,
}  # fmt: skip


def exact(value: float | Fraction | int) -> mpf:
    """Return a number as an mpf without rounding it first."""
    if isinstance(value, Fraction):
        return mpf(value.numerator) / value.denominator
    return mpf(value)


@lru_cache(maxsize=256)
def _in_order(root: Expr) -> tuple[Expr, ...]:
    return tuple(walk(root))


def evaluate(root: Expr, values: Mapping[str, Any]) -> mpf:
    """Return the value of `root` at the current mpmath precision.

    >>> from actlas.expr import symbol, tanh
    >>> float(evaluate(tanh(symbol("x")), {"x": 1.0}))
    0.7615941559557649
    """
    done: dict[Expr, Any] = {}
    for node in _in_order(root):
        done[node] = _step(node, [done[child] for child in node.args], values)
    return done[root]


def _step(node: Expr, arguments: list[Any], values: Mapping[str, Any]) -> Any:
    if node.op == "symbol":
        return exact(values[str(node.value)])
    if node.op == "const":
        assert isinstance(node.value, Fraction)
        return exact(node.value)
    if node.op == "pi":
        return +mp.pi
    if node.op == "pow":
        assert isinstance(node.value, int)
        return _div(mpf(1), arguments[0] ** -node.value) if node.value < 0 else (
            arguments[0] ** node.value
        )  # fmt: skip
    if node.op == "sphj":
        assert isinstance(node.value, int)
        return _sphj(node.value, arguments[0])
    if node.op not in FUNCTIONS:
        raise ActlasError(f"the mpmath backend has no primitive {node.op!r}")
    return FUNCTIONS[node.op](*arguments)


def reference(
    root: Expr, values: Mapping[str, Any], digits: int = 50, most_digits: int = 2500
) -> mpf:
    """Return `root` to `digits` digits, proved by doubling the precision until it stands still.

    Raises ArithmeticError if it does not settle within `most_digits`.
    """
    precision = digits + 20
    now = _at(precision, root, values)
    while precision <= most_digits:
        cancelled = abs(now) < mpf(10) ** -400  # 0, or digits that cancelled: ask for many more
        precision = max(2 * precision, 1100 if cancelled else 0)
        before, now = now, _at(precision, root, values)
        if _settled(before, now, digits):
            return now
    raise ArithmeticError(f"{root!r} at {values} needs more than {most_digits} digits")


def _at(precision: int, root: Expr, values: Mapping[str, Any]) -> mpf:
    with mp.workdps(precision):
        return evaluate(root, values)


def _settled(before: mpf, now: mpf, digits: int) -> bool:
    if mp.isnan(now) or mp.isinf(now):
        return bool(mp.isnan(now) and mp.isnan(before)) or before == now
    if abs(now) < mpf(10) ** -400:  # nothing a double could tell from 0, but is it rounding?
        return bool(abs(before) < mpf(10) ** -400)  # no: the second time at 1100 digits and more
    return bool(abs(before - now) <= abs(now) * mpf(10) ** -digits)


def limit(root: Expr, values: Mapping[str, Any], towards: int) -> float | None:
    """Return the limit of `root` as x goes to +inf (towards=1) or -inf (-1); None if it has none.

    Decided at |x| near 1e400 and 1e800, eight points each: standing still means a finite limit,
    growing with one sign an infinite one.
    """
    with mpmath.workdps(60):
        near, far = (
            [evaluate(root, {**values, "x": towards * mpf(10) ** e * k}) for k in range(1, 9)]
            for e in (400, 800)
        )
        everything, last = [*near, *far], far[-1]
        if any(mp.isnan(value) for value in everything):
            return None
        close = mpf(10) ** -30 * max(1, abs(last))
        if all(value == last or abs(value - last) <= close for value in everything):
            return float(last)
        grows = min(map(abs, far)) > max(map(abs, near)) > 50
        one_sign = len({mp.sign(value) for value in everything}) == 1
        return float(mp.sign(last) * mpf("inf")) if grows and one_sign else None
