"""Floor 1: expressions, stable primitives, derivatives. Knows no language and no library."""

from actlas.expr.calculus import derivative
from actlas.expr.node import PI as pi  # noqa: N811 - formulas write pi
from actlas.expr.node import Expr, const, rewrite, substitute, symbol, symbols, walk
from actlas.expr.primitives import (
    absolute,
    asinh,
    atan,
    clamp,
    cos,
    erf,
    erfc,
    exp,
    expm1,
    hypot1,
    isru,
    log,
    log1p,
    logaddexp,
    lorentz,
    maximum,
    minimum,
    ncdf,
    npdf,
    powr,
    rabs,
    rhyp,
    sech2,
    sigmoid,
    sign,
    sin,
    sinc,
    softplus,
    softsign,
    sqrt,
    tanh,
    tanhshrink,
    where,
)  # fmt: skip

__all__ = [
    "Expr", "absolute", "asinh", "atan", "clamp", "const", "cos", "derivative", "erf", "erfc",
    "exp", "expm1", "hypot1", "isru", "log", "log1p", "logaddexp", "lorentz", "maximum", "minimum",
    "ncdf", "npdf", "pi", "powr", "rabs", "rewrite", "rhyp", "sech2", "sigmoid", "sign", "sin",
    "sinc", "softplus", "softsign", "sqrt", "substitute", "symbol", "symbols", "tanh",
    "tanhshrink", "walk", "where",
]  # fmt: skip
