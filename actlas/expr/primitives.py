"""The stable primitives: what a formula may be written with.

Each primitive is one call of `primitive` and carries its derivative rule, which is again written
with primitives that neither cancel nor overflow: the derivative of sigmoid is sech2(u/2)/4, never
s(1-s); that of tanh is sech2, never 1-tanh**2. `bounds` gives an interval for the result, from
which the backends learn where a product 0 * inf can arise. How a primitive is computed in a
language is that backend's business (one template each in `actlas/backends`).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from actlas.expr.node import (
    ONE,
    PI,
    ZERO,
    Expr,
    Operand,
    add,
    as_expr,
    constant_value,
    div,
    make,
    mul,
    neg,
    power,
    sub,
)

Interval = tuple[float, float]
Builder = Callable[..., Expr]
LINE: Interval = (-math.inf, math.inf)
COMPARISONS = frozenset({"lt", "le", "gt", "ge"})


@dataclass(frozen=True)
class Primitive:
    """An operation: its arity, its partial derivatives and the range of its result."""

    name: str
    arity: int
    partials: Callable[[Expr], tuple[Expr, ...]]
    bounds: Callable[..., Interval]
    written: bool  # may a formula name it?
    about: str


PRIMITIVES: dict[str, Primitive] = {}


def primitive(
    name: str,
    partials: Callable[[Expr], tuple[Expr, ...]],
    bounds: Callable[..., Interval],
    about: str,
    *,
    arity: int = 1,
    written: bool = True,
) -> Builder:
    """Register a primitive and return the function that builds its node."""
    PRIMITIVES[name] = Primitive(name, arity, partials, bounds, written, about)

    def build(*args: Operand) -> Expr:
        if len(args) != arity:
            raise TypeError(f"{name} takes {arity} argument(s), got {len(args)}")
        return make(name, *args)

    build.__name__, build.__doc__ = name, about
    return build


def unary(rule: Callable[[Expr], Expr]) -> Callable[[Expr], tuple[Expr, ...]]:
    """Turn a rule in the argument into a rule in the node."""
    return lambda node: (rule(node.args[0]),)


def increasing(function: Callable[[float], float]) -> Callable[[Interval], Interval]:
    """Return the bounds of an increasing function of one argument."""
    return lambda a: (_at(function, a[0], -math.inf), _at(function, a[1], math.inf))


def _at(function: Callable[[float], float], x: float, overflow: float) -> float:
    try:
        return function(x)
    except (OverflowError, ValueError):
        return overflow


def within(low: float, high: float) -> Callable[..., Interval]:
    """Return the bounds of a function whose range is known whatever its arguments are."""
    return lambda *_: (low, high)


# ---------------------------------------------------------------- arithmetic


def _product(a: Interval, b: Interval) -> Interval:
    ends = [0.0 if 0.0 in (u, v) else u * v for u in a for v in b]
    return min(ends), max(ends)


def _quotient(a: Interval, b: Interval) -> Interval:
    if b[0] <= 0 <= b[1]:
        sign_known = b[0] == 0 and a[0] >= 0
        return (0.0, math.inf) if sign_known else LINE
    return _product(a, (1 / b[1], 1 / b[0]))


def _power_bounds(a: Interval) -> Interval:
    return (0.0, math.inf) if a[0] >= 0 else LINE


def _d_pow(node: Expr) -> tuple[Expr, ...]:
    n = node.value
    assert isinstance(n, int)
    return (mul(n, power(node.args[0], n - 1)),)


def _d_div(node: Expr) -> tuple[Expr, ...]:
    a, b = node.args
    return div(ONE, b), neg(div(div(a, b), b))


primitive("add", lambda _: (ONE, ONE), lambda a, b: (a[0] + b[0], a[1] + b[1]), "u + v",
          arity=2, written=False)  # fmt: skip
primitive("sub", lambda _: (ONE, neg(ONE)), lambda a, b: (a[0] - b[1], a[1] - b[0]), "u - v",
          arity=2, written=False)  # fmt: skip
primitive("mul", lambda n: (n.args[1], n.args[0]), _product, "u v", arity=2, written=False)
primitive("div", _d_div, _quotient, "u / v", arity=2, written=False)
primitive("neg", lambda _: (neg(ONE),), lambda a: (-a[1], -a[0]), "-u", written=False)
primitive("pow", _d_pow, _power_bounds, "u to an integer power", written=False)
for _name, _sign in (("lt", "<"), ("le", "<="), ("gt", ">"), ("ge", ">=")):
    primitive(_name, lambda _: (ZERO, ZERO), within(0.0, 1.0), f"u {_sign} v",
              arity=2, written=False)  # fmt: skip

# ---------------------------------------------------------------- pieces and kinks
# At a kink the value of the derivative is PyTorch's: max(u, c) and min(u, c) count the tie to the
# constant, so relu'(0) = 0, relu6'(6) = 0, hardtanh'(1) = 0; abs'(0) = sign(0) = 0.

_where: Builder = primitive(
    "where",
    lambda n: (ZERO, make("where", n.args[0], ONE, ZERO), make("where", n.args[0], ZERO, ONE)),
    lambda _, a, b: (min(a[0], b[0]), max(a[1], b[1])),
    "a where the condition holds, else b",
    arity=3,
)


def where(condition: Expr, a: Operand, b: Operand) -> Expr:
    """Return `a` where the condition holds, else `b`; NaN takes `b`."""
    if not isinstance(condition, Expr) or condition.op not in COMPARISONS:
        raise TypeError(f"where needs a comparison such as x > 0 first, not {condition!r}")
    a, b = as_expr(a), as_expr(b)
    return a if a is b else _where(condition, a, b)


def _chosen(operation: str) -> Callable[[Expr], tuple[Expr, ...]]:
    def rule(node: Expr) -> tuple[Expr, ...]:
        first = make(operation, node.args[0], node.args[1])
        return where(first, ONE, ZERO), where(first, ZERO, ONE)

    return rule


_max: Builder = primitive("max", _chosen("gt"), lambda a, b: (max(a[0], b[0]), max(a[1], b[1])),
                 "the larger of u and v", arity=2)  # fmt: skip
_min: Builder = primitive("min", _chosen("lt"), lambda a, b: (min(a[0], b[0]), min(a[1], b[1])),
                 "the smaller of u and v", arity=2)  # fmt: skip


def maximum(u: Operand, v: Operand) -> Expr:
    """Return the larger of `u` and `v`; a tie counts as the constant, else as the second."""
    u, v = as_expr(u), as_expr(v)
    return _max(v, u) if constant_value(u) is not None else _max(u, v)


def minimum(u: Operand, v: Operand) -> Expr:
    """Return the smaller of `u` and `v`; a tie counts as the constant, else as the second."""
    u, v = as_expr(u), as_expr(v)
    return _min(v, u) if constant_value(u) is not None else _min(u, v)


def clamp(u: Operand, low: Operand, high: Operand) -> Expr:
    """Return `u` limited to [low, high]."""
    return minimum(maximum(u, low), high)


def _abs_bounds(a: Interval) -> Interval:
    ends = (abs(a[0]), abs(a[1]))
    return (0.0 if a[0] <= 0 <= a[1] else min(ends)), max(ends)


absolute: Builder = primitive("abs", unary(lambda u: sign(u)), _abs_bounds, "|u|")
sign: Builder = primitive("sign", unary(lambda _: ZERO), within(-1.0, 1.0), "-1, 0 or 1")

# ---------------------------------------------------------------- exponentials and logarithms

exp: Builder = primitive("exp", lambda n: (n,), increasing(math.exp), "e**u")
expm1: Builder = primitive("expm1", unary(lambda u: exp(u)), increasing(math.expm1), "e**u - 1")
log: Builder = primitive(
    "log", unary(lambda u: div(1, u)), within(*LINE), "natural logarithm, u > 0"
)
log1p: Builder = primitive(
    "log1p", unary(lambda u: div(1, 1 + u)), within(*LINE), "log(1 + u), u > -1"
)
sqrt: Builder = primitive(
    "sqrt", lambda n: (div(const_half(), n),), within(0.0, math.inf), "square root"
)
powr: Builder = primitive(
    "powr",
    lambda n: (
        mul(n.args[1], powr(n.args[0], sub(n.args[1], 1))),
        mul(log(n.args[0]), n),
    ),
    within(0.0, math.inf),
    "u**v for u >= 0 and real v",
    arity=2,
)
logaddexp: Builder = primitive(
    "logaddexp",
    lambda n: (sigmoid(n.args[0] - n.args[1]), sigmoid(n.args[1] - n.args[0])),
    lambda a, b: (max(a[0], b[0]), max(a[1], b[1]) + 1),
    "log(e**u + e**v)",
    arity=2,
)


def const_half() -> Expr:
    """Return 1/2, for rules that stand above the arithmetic they need."""
    return div(1, 2)


# ---------------------------------------------------------------- sigmoids

sigmoid: Builder = primitive(
    "sigmoid", unary(lambda u: div(sech2(div(u, 2)), 4)), within(0.0, 1.0), "1/(1 + e**-u)"
)
softplus: Builder = primitive(
    "softplus", unary(lambda u: sigmoid(u)), lambda a: (0.0, max(a[1], 0.0) + 1), "log(1 + e**u)"
)
tanh: Builder = primitive(
    "tanh", unary(lambda u: sech2(u)), within(-1.0, 1.0), "hyperbolic tangent"
)
sech2: Builder = primitive(
    "sech2",
    unary(lambda u: -2 * (tanh(u) * sech2(u))),
    within(0.0, 1.0),
    "1/cosh(u)**2 = 1 - tanh(u)**2",
)
tanhshrink: Builder = primitive(
    "tanhshrink", unary(lambda u: tanh(u) * tanh(u)), lambda a: (a[0] - 1, a[1] + 1), "u - tanh(u)"
)
atan: Builder = primitive("atan", unary(lambda u: lorentz(u)), within(-1.6, 1.6), "arc tangent")
lorentz: Builder = primitive(
    "lorentz",
    unary(lambda u: -2 * ((u * lorentz(u)) * lorentz(u))),
    within(0.0, 1.0),
    "1/(1 + u**2)",
)
softsign: Builder = primitive(
    "softsign", unary(lambda u: power(rabs(u), 2)), within(-1.0, 1.0), "u/(1 + |u|)"
)
rabs: Builder = primitive(
    "rabs", unary(lambda u: -(sign(u) * power(rabs(u), 2))), within(0.0, 1.0), "1/(1 + |u|)"
)
asinh: Builder = primitive(
    "asinh", unary(lambda u: rhyp(u)), lambda a: (a[0], a[1]), "inverse hyperbolic sine"
)
hypot1: Builder = primitive(
    "hypot1", unary(lambda u: isru(u)), lambda a: (1.0, _abs_bounds(a)[1] + 1), "sqrt(1 + u**2)"
)
rhyp: Builder = primitive(
    "rhyp", unary(lambda u: -(isru(u) * power(rhyp(u), 2))), within(0.0, 1.0), "1/sqrt(1 + u**2)"
)
isru: Builder = primitive(
    "isru", unary(lambda u: power(rhyp(u), 3)), within(-1.0, 1.0), "u/sqrt(1 + u**2)"
)

# ---------------------------------------------------------------- the Gaussian

erf: Builder = primitive(
    "erf", unary(lambda u: div(2, sqrt(PI)) * exp(-(u * u))), within(-1.0, 1.0), "error function"
)
erfc: Builder = primitive(
    "erfc", unary(lambda u: -(div(2, sqrt(PI)) * exp(-(u * u)))), within(0.0, 2.0), "1 - erf(u)"
)
ncdf: Builder = primitive("ncdf", unary(lambda u: npdf(u)), within(0.0, 1.0), "standard normal cdf")
npdf: Builder = primitive(
    "npdf", unary(lambda u: -(u * npdf(u))), within(0.0, 0.4), "standard normal pdf"
)

# ---------------------------------------------------------------- waves

sin: Builder = primitive("sin", unary(lambda u: cos(u)), within(-1.0, 1.0), "sine")
cos: Builder = primitive("cos", unary(lambda u: -sin(u)), within(-1.0, 1.0), "cosine")


def _d_sphj(node: Expr) -> tuple[Expr, ...]:
    """(2n+1) j_n' = n j_(n-1) - (n+1) j_(n+1), DLMF 10.51.1."""
    n, u = node.value, node.args[0]
    assert isinstance(n, int)
    higher = mul(n + 1, sphj(u, n + 1))
    lower = mul(n, sphj(u, n - 1)) if n else ZERO
    return (div(sub(lower, higher), 2 * n + 1),)


primitive("sphj", _d_sphj, within(-1.0, 1.0), "spherical Bessel function j_n(u)", written=False)


def sphj(u: Operand, n: int) -> Expr:
    """Return the spherical Bessel function j_n(u): sinc and its derivatives without 0/0."""
    return make("sphj", u, value=n)


def sinc(u: Operand) -> Expr:
    """Return sin(u)/u, the unnormalised sinc, with value 1 at 0."""
    return sphj(u, 0)


def norm_bounds(node: Expr, bounds: dict[Expr, Interval]) -> Interval:
    """Return the interval of a primitive node from those of its arguments."""
    low, high = PRIMITIVES[node.op].bounds(*(bounds[child] for child in node.args))
    return (-math.inf if math.isnan(low) else low), (math.inf if math.isnan(high) else high)


VOCABULARY: dict[str, Callable[..., Expr]] = {
    "abs": absolute, "max": maximum, "min": minimum, "clamp": clamp, "where": where, "sinc": sinc,
    "exp": exp, "expm1": expm1, "log": log, "log1p": log1p, "sqrt": sqrt, "powr": powr,
    "logaddexp": logaddexp, "sigmoid": sigmoid, "softplus": softplus, "tanh": tanh, "sech2": sech2,
    "tanhshrink": tanhshrink, "atan": atan, "lorentz": lorentz, "softsign": softsign, "rabs": rabs,
    "asinh": asinh, "hypot1": hypot1, "rhyp": rhyp, "isru": isru, "erf": erf, "erfc": erfc,
    "ncdf": ncdf, "npdf": npdf, "sin": sin, "cos": cos, "sign": sign,
}  # fmt: skip

__all__ = [
    "COMPARISONS", "PI", "PRIMITIVES", "VOCABULARY", "Interval", "Primitive",
    "absolute", "add", "asinh", "atan",
    "clamp", "cos", "erf", "erfc", "exp", "expm1", "hypot1", "isru", "log", "log1p", "logaddexp",
    "lorentz", "maximum", "minimum", "ncdf", "norm_bounds", "npdf", "powr", "rabs", "rhyp",
    "sech2", "sigmoid", "sign", "sin", "sinc", "softplus", "softsign", "sphj", "sqrt", "tanh",
    "tanhshrink", "where",
]  # fmt: skip
