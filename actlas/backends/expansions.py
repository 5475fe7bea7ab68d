"""Primitives that the CPU engine has no operation for, in simpler ones; what is worth a table."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from actlas.backends import numpy as numpy_backend
from actlas.backends.tables import TANHSHRINK
from actlas.expr import Expr
from actlas.expr.node import constant_value, intern, make


def _series(u: Expr) -> Expr:
    total: Expr = make("mul", TANHSHRINK[-1], u)
    square = make("mul", u, u)
    for coefficient in reversed(TANHSHRINK[:-1]):
        total = make("add", make("mul", total, square), make("mul", coefficient, u))
    return make("mul", total, square)


def _tanhshrink(u: Expr) -> Expr:
    near = make("lt", make("abs", u), 0.6)
    clamped = make("min", make("max", u, -0.6), 0.6)
    return make("where", near, _series(clamped), make("sub", u, make("tanh", u)))


def _hypot1(u: Expr) -> Expr:
    size = make("abs", u)
    near = make("min", size, 1e9)
    root = make("sqrt", make("add", make("mul", near, near), 1))
    return make("where", make("gt", size, 1e9), size, root)


def _one_over(u: Expr) -> Expr:
    return make("div", 1, u)


def _log1p(u: Expr) -> Expr:
    """log(1 + u) with what the sum loses given back."""
    w = make("add", u, 1)
    lost = make("sub", u, make("sub", w, 1))
    near = make("lt", make("abs", u), 1e30)
    return make("where", near, make("add", make("log", w), make("div", lost, w)), make("log", w))


def _wave(quarters: int, u: Expr) -> Expr:
    """The sine of a reduced argument; a cosine is a sine a quarter turn on."""
    return intern("sine", (intern("wave", (u,), quarters),))


def _sphj(order: int, u: Expr) -> Expr:
    """Spherical Bessel function: a table around 0, upward recurrence beyond (DLMF 10.51.1)."""
    near = make("lt", make("abs", u), order + 2)
    w = make("where", near, 1, u)
    before, now = make("div", _wave(1, w), w), make("div", _wave(0, w), w)
    for n in range(order):
        step = make("mul", make("div", 2 * n + 1, w), now)
        before, now = now, make("sub", step, before)
    return make("where", near, intern("sphj_near", (u,), order), now)


EXPANSIONS: dict[str, Callable[..., Expr]] = {
    "lorentz": lambda u: _one_over(make("add", make("mul", u, u), 1)),
    "rabs": lambda u: _one_over(make("add", make("abs", u), 1)),
    "softsign": lambda u: make("div", u, make("add", make("abs", u), 1)),
    "hypot1": _hypot1,
    "rhyp": lambda u: _one_over(_hypot1(u)),
    "isru": lambda u: make("div", u, _hypot1(u)),
    "tanhshrink": _tanhshrink,
    "log1p": _log1p,
    "sin": partial(_wave, 0),
    "cos": partial(_wave, 1),
    "logaddexp": lambda u, v: make(
        "add", make("max", u, v), make("softplus", make("neg", make("abs", make("sub", u, v))))
    ),
}


def _near_zero(order: int, u: np.ndarray) -> np.ndarray:
    limit = order + 2.0
    return numpy_backend.FUNCTIONS["sphj"](order, np.clip(u, -limit, limit))  # type: ignore[no-any-return]


def _sine(u: np.ndarray) -> np.ndarray:
    return np.asarray(np.sin(np.clip(u, -2.0, 2.0)))


# Arguments that a table covers although the function does not fit on the whole line.
PARTS: dict[str, Callable[..., np.ndarray]] = {"sine": _sine, "sphj_near": _near_zero}
DEAR = frozenset({"exp", "expm1", "sigmoid", "softplus", "tanh", "sech2", "atan", "asinh", "erf",
                   "erfc", "ncdf", "npdf", *PARTS})  # fmt: skip


def expanded(node: Expr) -> Expr:
    """Return the node in simpler operations, or itself."""
    if node.op == "sphj":
        assert isinstance(node.value, int)
        return _sphj(node.value, *node.args)
    divisor = constant_value(node.args[1]) if node.op == "div" else None
    if divisor is not None and 1e-30 < abs(divisor) < 1e30:
        return make("mul", 1 / divisor, node.args[0])
    return EXPANSIONS[node.op](*node.args) if node.op in EXPANSIONS else node
