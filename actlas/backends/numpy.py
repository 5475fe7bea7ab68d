"""NumPy: the double-precision backend of facts, plots and plain arrays."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.polynomial import chebyshev

from actlas.backends import mpmath as exact
from actlas.backends.lowering import lead_to_limits, lower
from actlas.backends.tables import ERF, ERFCX, SPLIT, TANHSHRINK
from actlas.backends.tape import Tape, record
from actlas.expr import Expr

Array = npt.NDArray[np.float64]
_HALVED = (ERFCX[0] / 2, *ERFCX[1:]), (ERF[0] / 2, *ERF[1:])


def _exp_minus_square(u: Array) -> Array:
    """exp(-u*u) with the square split into an exact head and a small rest."""
    with np.errstate(all="ignore"):
        head = np.asarray(u.astype(np.float32), dtype=np.float64)
        split = np.exp(-head * head) * np.exp(-(u - head) * (u + head))
        return np.where(np.abs(u) < 30.0, split, np.exp(-u * u))


def _erfc_right(u: Array) -> Array:
    t = 1 - 2 * SPLIT / (u + SPLIT)
    scaled = np.asarray(chebyshev.chebval(t, _HALVED[0]), dtype=np.float64)
    return np.asarray(_exp_minus_square(u) * scaled / (1 + 2 * u), dtype=np.float64)


def erfc(u: Array) -> Array:
    """Return 1 - erf(u) to full relative accuracy in the right tail."""
    u = np.asarray(u, dtype=np.float64)
    right = _erfc_right(np.abs(u))
    return np.where(np.abs(u) < 0.5, 1 - erf_near_zero(u), np.where(u < 0, 2 - right, right))


def erf_near_zero(u: Array) -> Array:
    """Return erf(u) for |u| <= 1."""
    near = np.clip(u, -1.0, 1.0)
    ratio = chebyshev.chebval(2 * near * near - 1, _HALVED[1])
    return np.asarray(near * ratio, dtype=np.float64)


def erf(u: Array) -> Array:
    """Return the error function."""
    u = np.asarray(u, dtype=np.float64)
    far = np.copysign(1 - _erfc_right(np.abs(u)), u)
    return np.where(np.abs(u) < 1, erf_near_zero(u), far)


def _sech2(u: Array) -> Array:
    small: Array = np.exp(-2 * np.abs(u))
    return 4 * small / ((1 + small) * (1 + small))


def _sigmoid(u: Array) -> Array:
    small: Array = np.exp(-np.abs(u))
    top: Array = np.where(u < 0, small, 1.0)
    return top / (1 + small)


def _tanhshrink(u: Array) -> Array:
    """u - tanh(u), by its series where the difference would cancel."""
    v = np.clip(u, -0.6, 0.6)
    series = np.polynomial.polynomial.polyval(v * v, TANHSHRINK) * v**3
    return np.where(np.abs(u) < 0.6, series, u - np.tanh(u))


def _sphj(order: int, u: Array) -> Array:
    """Spherical Bessel function: series below `order + 2`, upward recurrence above."""
    v = np.where(np.abs(u) < order + 2, u, 0.0)
    w = np.where(np.abs(u) < order + 2, 1.0, u)
    term = np.ones_like(v)
    for k in range(1, order + 1):
        term = term * v / (2 * k + 1)
    series, square = term, -v * v / 2
    for k in range(1, 16 + 2 * order):
        term = term * square / (k * (2 * k + 2 * order + 1))
        series = series + term
    before, now = np.cos(w) / w, np.sin(w) / w
    for n in range(order):
        before, now = now, (2 * n + 1) / w * now - before
    return np.where(np.abs(u) < order + 2, series, now)


def _damp(u: Array, v: Array) -> Array:
    product = np.multiply(u, v)
    return np.where((u == 0) | (v == 0), 0.0, product)


def _clip(low: float, high: float) -> Callable[[Array], Array]:
    return lambda u: np.clip(u, low, high)


_BIGGEST = float(np.finfo(np.float64).max)
FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "add": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.divide, "neg": np.negative,
    "lt": np.less, "le": np.less_equal, "gt": np.greater, "ge": np.greater_equal,
    "where": np.where, "max": np.maximum, "min": np.minimum, "abs": np.abs, "sign": np.sign,
    "exp": np.exp, "expm1": np.expm1, "log": np.log, "log1p": np.log1p, "sqrt": np.sqrt,
    "powr": np.power, "logaddexp": np.logaddexp, "sigmoid": _sigmoid,
    "softplus": lambda u: np.maximum(u, 0.0) + np.log1p(np.exp(-np.abs(u))),
    "tanh": np.tanh, "sech2": _sech2, "tanhshrink": _tanhshrink, "atan": np.arctan,
    "lorentz": lambda u: 1 / (1 + u * u), "softsign": lambda u: u / (1 + np.abs(u)),
    "rabs": lambda u: 1 / (1 + np.abs(u)), "asinh": np.arcsinh, "hypot1": lambda u: np.hypot(1, u),
    "rhyp": lambda u: 1 / np.hypot(1, u), "isru": lambda u: u / np.hypot(1, u),
    "erf": erf, "erfc": erfc, "ncdf": lambda u: 0.5 * erfc(-u / np.sqrt(2)),
    "npdf": lambda u: _exp_minus_square(np.asarray(u / np.sqrt(2))) / np.sqrt(2 * np.pi),
    "sin": np.sin, "cos": np.cos, "sphj": _sphj, "damp": _damp,
    "nan_like": lambda x, y: np.where(np.isnan(x), x, y),
    "clip_low": _clip(-_BIGGEST, np.inf), "clip_high": _clip(-np.inf, _BIGGEST),
    "at_low": np.isneginf, "at_high": np.isposinf,
}  # fmt: skip


@cache
def compiled(root: Expr, inputs: tuple[str, ...], defaults: tuple[float, ...] = ()) -> Tape:
    """Return the tape of `root`; `defaults` (values of inputs[1:]) decide the limit repairs."""
    return record(prepared(root, inputs, defaults), inputs, FUNCTIONS, "numpy")


@cache
def prepared(root: Expr, inputs: tuple[str, ...], defaults: tuple[float, ...]) -> Expr:
    """Return the lowered expression with infinite inputs led to the limits of `root`."""
    lowered = lower(root)
    if len(defaults) != len(inputs) - 1 or "y" in inputs:
        return lowered
    values = dict(zip(inputs[1:], defaults, strict=True))
    limits = exact.limit(root, values, -1), exact.limit(root, values, 1)
    plain = run(record(lowered, inputs, FUNCTIONS, "numpy"), [-np.inf, np.inf], *defaults)
    return lead_to_limits(lowered, limits, (float(plain[0]), float(plain[1])))


def run(tape: Tape, x: Any, *values: Any) -> Array:
    """Return the tape's values over the array `x`; overflow on the way is no error."""
    x = np.asarray(x, dtype=np.float64)
    with np.errstate(all="ignore"):
        return np.broadcast_to(np.asarray(tape(x, *values), dtype=np.float64), x.shape).copy()


def evaluate(root: Expr, inputs: Sequence[str], x: Any, *values: Any) -> Array:
    """Return `root` over `x`, computed in float64.

    >>> from actlas.expr import symbol, tanh
    >>> evaluate(tanh(symbol("x")), ["x"], [0.0, 1.0])
    array([0.        , 0.76159416])
    """
    return run(compiled(root, tuple(inputs), tuple(map(float, values))), x, *values)
