"""Python for NumPy, PyTorch and JAX: functions to copy into code that does not use actlas."""

from __future__ import annotations

import keyword

from actlas.backends.javascript import _number
from actlas.backends.printer import INFIX, Language

_SAME = {"exp": "exp", "expm1": "expm1", "log": "log", "log1p": "log1p", "sqrt": "sqrt",
         "tanh": "tanh", "sin": "sin", "cos": "cos", "abs": "abs", "sign": "sign",
         "atan": "arctan", "asinh": "arcsinh"}  # fmt: skip
_OWN = ("sigmoid", "softplus", "sech2", "tanhshrink", "lorentz", "softsign", "rabs", "hypot1",
        "rhyp", "isru", "erf", "erfc", "ncdf", "npdf", "clip_low", "clip_high")  # fmt: skip
_OWN_OF_TWO = ("damp", "logaddexp", "nan_like")

_RUNTIME = """\
def damp(u, v): return M.where((u == 0) | (v == 0), 0 * M.sign(v), u * v)
def maximum(u, v): return M.where(v > u, v, u)
def minimum(u, v): return M.where(v < u, v, u)
def logaddexp(u, v): return maximum(u, v) + M.log1p(M.exp(-M.abs(u - v)))
def sigmoid(u): return M.exp(minimum(u, 0)) / (1 + M.exp(-M.abs(u)))
def softplus(u): return maximum(u, 0) + M.log1p(M.exp(-M.abs(u)))
def sech2(u): return 4 * M.exp(-2 * M.abs(u)) / (1 + M.exp(-2 * M.abs(u))) ** 2
def tanhshrink(u):
    series = u**3 / 3 - 2 * u**5 / 15 + 17 * u**7 / 315 - 62 * u**9 / 2835
    return M.where(M.abs(u) < 0.04, series, u - M.tanh(u))
def lorentz(u): return 1 / (1 + u * u)
def softsign(u): return u / (1 + M.abs(u))
def rabs(u): return 1 / (1 + M.abs(u))
def hypot1(u): return M.where(M.abs(u) > 1e9, M.abs(u), M.sqrt(1 + u * u))
def rhyp(u): return 1 / hypot1(u)
def isru(u): return u / hypot1(u)
def ncdf(u): return 0.5 * erfc(-u * 0.5**0.5)
def npdf(u): return M.exp(-u * u / 2) * 0.3989422804014327
def nan_like(x, y): return M.where(x != x, x, y)
def clip_low(u): return maximum(u, M.finfo(u.dtype).min)
def clip_high(u): return minimum(u, M.finfo(u.dtype).max)
def sphj(n, u):
    near = M.abs(u) < n + 2
    v, w = M.where(near, u, 0 * M.sign(u)), M.where(near, 1 + 0 * M.sign(u), u)
    term = 1 + 0 * v
    for k in range(1, n + 1):
        term = term * v / (2 * k + 1)
    series = term
    for k in range(1, 16 + 2 * n):
        term = term * (-v * v / 2) / (k * (2 * k + 2 * n + 1))
        series = series + term
    before, now = M.cos(w) / w, M.sin(w) / w
    for k in range(n):
        before, now = now, (2 * k + 1) / w * now - before
    return M.where(near, series, now)
"""
_ON_TENSORS = """\
def on_tensors(function):
    def call(x, *parameters):
        given = (torch.as_tensor(p, dtype=x.dtype, device=x.device) for p in parameters)
        return function(x, *given)
    return call

"""


def _python(name: str, module: str, header: str, before: str = "") -> Language:
    return Language(
        name=name,
        templates={
            **INFIX,
            **{op: f"{module}.{called}({{0}})" for op, called in _SAME.items()},
            **{op: f"{op}({{0}})" for op in _OWN},
            **{op: f"{op}({{0}}, {{1}})" for op in _OWN_OF_TWO},
            "where": f"{module}.where({{0}}, {{1}}, {{2}})", "powr": "(({0}) ** ({1}))",
            "max": "maximum({0}, {1})", "min": "minimum({0}, {1})", "sphj": "sphj({n}, {0})",
            "at_low": '{0} == float("-inf")', "at_high": '{0} == float("inf")',
        },
        number=_number,
        assign="    {name} = {value}\n",
        function=before + "def {name}({arguments}):\n{body}    return {result}\n",
        argument="{name}",
        helper="def ",
        runtime=header + _RUNTIME.replace("M.", f"{module}."),
        keywords=" ".join([*keyword.kwlist, module, "float", "range"]),
    )  # fmt: skip


_ERF_OF_SCIPY = """\
def erf(u):
    from scipy.special import erf
    return erf(u)
def erfc(u):
    from scipy.special import erfc
    return erfc(u)
"""
_ERF_OF_TORCH = """\
def erf(u): return torch.special.erf(u)
def erfc(u): return torch.special.erfc(u)
"""
_ERF_OF_JAX = _ERF_OF_SCIPY.replace("scipy", "jax.scipy")
NUMPY = _python("numpy", "np", f"import numpy as np\n\n{_ERF_OF_SCIPY}")
JAX = _python("jax", "jnp", f"import jax.numpy as jnp\n\n{_ERF_OF_JAX}")
TORCH = _python("torch", "torch", f"import torch\n\n{_ON_TENSORS}{_ERF_OF_TORCH}", "@on_tensors\n")
