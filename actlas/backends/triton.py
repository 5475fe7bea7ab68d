"""Triton: single precision, for GPUs of NVIDIA and AMD.

Only what Triton itself has on both is called: exp2, log, sqrt, rsqrt, sin, cos, erf, and of
`libdevice` a quick quotient and real powers. The rest is composed in `triton_runtime.py`.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from actlas.backends.printer import INFIX, Language
from actlas.backends.triton_runtime import LARGEST, RUNTIME
from actlas.expr import Expr, rewrite
from actlas.expr.node import constant_value, make, mul

_HALF = Fraction(1, 2)
_CORE = ("log", "sqrt", "abs", "sin", "cos", "erf")
_ONE = ("exp", "expm1", "log1p", "sign", "sigmoid", "softplus", "tanh", "sech2", "sech2_half",
        "tanhshrink", "atan", "asinh", "lorentz", "softsign", "rabs", "hypot1", "rhyp", "isru",
        "erfc", "ncdf", "npdf", "clip_low", "clip_high", "at_low", "at_high")  # fmt: skip
_TWO = ("max", "min", "damp", "logaddexp", "nan_like")


def _cheaper(lowered: Expr) -> Expr:
    """Return `lowered` with u/c as a product, and sech2(u/2) as what shares with sigmoid(u)."""

    def change(node: Expr) -> Expr:
        if node.op == "div":
            bottom = constant_value(node.args[1])
            fits = bottom and 2.0**-120 < abs(bottom) < 2.0**120
            return mul(1 / bottom, node.args[0]) if bottom and fits else node
        if node.op == "sech2" and node.args[0].op == "mul":
            factor, u = node.args[0].args
            return make("sech2_half", u) if constant_value(factor) == _HALF else node
        return node

    return rewrite(lowered, change)


def _number(value: Fraction) -> str:
    if abs(value) > LARGEST:
        return f'float("{"-" if value < 0 else ""}inf")'
    shown = repr(float(np.float32(float(value))))
    return f"({shown})" if value < 0 else shown


TRITON = Language(
    name="triton",
    templates={
        **INFIX,
        **{op: f"tl.{op}({{0}})" for op in _CORE},
        **{op: f"r_{op}({{0}})" for op in _ONE},
        **{op: f"r_{op}({{0}}, {{1}})" for op in _TWO},
        "where": "tl.where({0}, {1}, {2})", "powr": "libdevice.pow({0}, {1})",
        "sphj": "r_sphj({n}, {0})",
    },
    number=_number,
    assign="    {name} = {value}\n",
    function="@triton.jit\ndef {name}({arguments}):\n{body}    return {result}\n\n\n",
    argument="{name}",
    runtime=RUNTIME,
    keywords="False None True and as assert async await break class continue def del elif else "
             "except finally for from global if import in is lambda nonlocal not or pass raise "
             "return try while with yield libdevice tl triton",
    adapt=_cheaper,
)  # fmt: skip
