"""What every primitive means, written once more with mpmath and nothing of actlas.

The bodies are not those of `actlas/backends/mpmath.py`: they use mpmath's own function where there
is one and the textbook definition elsewhere, so that an error in either shows.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mpmath import mp, mpf

from actlas.expr import Expr, symbol, where
from actlas.expr.node import make
from actlas.expr.primitives import PRIMITIVES

X, Y = symbol("x"), symbol("y")


def _bessel(order: int) -> Callable[[mpf], mpf]:
    """j_n(u) = u**n / (2n+1)!! for u -> 0, else through the Bessel function (DLMF 10.47.3)."""

    def value(u: mpf) -> mpf:
        if abs(u) < mpf(10) ** -30:
            return u**order / mp.fac2(2 * order + 1)
        size = mp.sqrt(mp.pi / (2 * abs(u))) * mp.besselj(order + mpf(1) / 2, abs(u))
        return size if u > 0 else (-1) ** order * size

    return value


TRUTHS: dict[str, Callable[..., Any]] = {
    "add": lambda u, v: u + v, "sub": lambda u, v: u - v, "mul": lambda u, v: u * v,
    "div": lambda u, v: u / v, "neg": lambda u: -u,
    "lt": lambda u, v: mpf(u < v), "le": lambda u, v: mpf(u <= v),
    "gt": lambda u, v: mpf(u > v), "ge": lambda u, v: mpf(u >= v),
    "where": lambda u, v: u if u > v else v, "max": max, "min": min, "abs": mp.fabs,
    "sign": lambda u: mpf((u > 0) - (u < 0)), "exp": mp.exp, "expm1": lambda u: mp.exp(u) - 1,
    "log": mp.ln, "log1p": lambda u: mp.ln(1 + u), "sqrt": mp.sqrt, "powr": mp.power,
    "logaddexp": lambda u, v: mp.ln(mp.exp(u) + mp.exp(v)),
    "sigmoid": lambda u: 1 / (1 + mp.exp(-u)), "softplus": lambda u: mp.ln(1 + mp.exp(u)),
    "tanh": lambda u: mp.sinh(u) / mp.cosh(u), "sech2": lambda u: 1 / mp.cosh(u) ** 2,
    "tanhshrink": lambda u: u - mp.sinh(u) / mp.cosh(u), "atan": mp.atan,
    "lorentz": lambda u: 1 / (1 + u**2), "softsign": lambda u: u / (1 + mp.fabs(u)),
    "rabs": lambda u: 1 / (1 + mp.fabs(u)), "asinh": lambda u: mp.ln(u + mp.sqrt(u**2 + 1)),
    "hypot1": lambda u: mp.hypot(1, u), "rhyp": lambda u: 1 / mp.hypot(1, u),
    "isru": lambda u: u / mp.hypot(1, u), "erf": mp.erf, "erfc": mp.erfc, "ncdf": mp.ncdf,
    "npdf": mp.npdf, "sin": mp.sin, "cos": mp.cos,
    "pow 2": lambda u: u**2, "pow 5": lambda u: u**5, "pow -3": lambda u: u**-3,
    **{f"sphj {n}": _bessel(n) for n in range(4)},
}  # fmt: skip
FROM_0 = frozenset({"log", "sqrt", "powr"})  # domain u > 0
FROM_MINUS_1 = frozenset({"log1p"})


def cases() -> list[str]:
    """Return every primitive of the registry, those with an order once for several orders."""
    found = []
    for name in PRIMITIVES:
        with_order = [key for key in TRUTHS if key.split()[0] == name]
        found += with_order or [name]  # one that nobody described yet fails under its own name
    return found


def node_of(case: str) -> Expr:
    """Return the primitive applied to x, or to x and y."""
    name, _, order = case.partition(" ")
    primitive = PRIMITIVES[name]
    if name == "where":
        return where(X > Y, X, Y)
    node = make(name, *(X, Y)[: primitive.arity], value=int(order) if order else None)
    return where(node, 1, 0) if name in ("lt", "le", "gt", "ge") else node
