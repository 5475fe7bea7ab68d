"""Faults of computing: primitives, stored tables, half precision, printed languages."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812

from actlas.backends import latex
from actlas.backends import numpy as numpy_backend
from actlas.backends import torch as torch_backend
from actlas.backends.c import C
from actlas.backends.javascript import JAVASCRIPT
from actlas.backends.tables import ERFCX
from actlas.catalogue import find
from actlas.expr import log1p, maximum, sigmoid, sinc, softplus, tanh
from actlas.kernels import autograd
from tests.backends import test_every_primitive as primitives
from tests.backends import test_latex, test_sources, test_tables
from tests.catalogue import test_half
from tests.meta.planting import Faults, entry, matches

FAULTS = Faults()

TANH, SILU = entry(lambda x: tanh(x)), entry(lambda x: x * sigmoid(x))
SOFTPLUS = entry(lambda x: softplus(x))

# ---------------------------------------------------------------- how a primitive is computed


@FAULTS.part(
    "log1p(u) is computed as log(1 + u)",
    ": 0, truth 1.40129846e-45",
    lambda: matches("numpy-float64")(entry(lambda x: log1p(maximum(x, 0)))),
)
def _(patch: pytest.MonkeyPatch) -> None:
    patch.setitem(numpy_backend.FUNCTIONS, "log1p", lambda u: np.log(1 + u))


@FAULTS.part(
    "softplus turns linear at 20", "at 25: 25, truth 25", lambda: matches("torch-float64")(SOFTPLUS)
)
def _(patch: pytest.MonkeyPatch) -> None:
    patch.setitem(torch_backend.FUNCTIONS, "softplus", F.softplus)


@FAULTS.part(
    "sinc(0) is 0/0",
    "at 0: nan, truth 1",
    lambda: matches("numpy-float64")(entry(lambda x: sinc(x))),
)
def _(patch: pytest.MonkeyPatch) -> None:
    patch.setitem(numpy_backend.FUNCTIONS, "sphj", lambda _, u: np.sin(u) / u)


FAULTS.wrong(
    "a stored coefficient is wrong in its tenth digit",
    "0.0592099399",
    lambda stored: test_tables.test_chebyshev_coefficients(stored, test_tables._erfcx),
    ERFCX,
    (*ERFCX[:3], ERFCX[3] * (1 + 1e-10), *ERFCX[4:]),
)


# ---------------------------------------------------------------- half precision


def _round_to_11_bits(u: torch.Tensor) -> torch.Tensor:
    """Round float32 to 11 significant bits, as float16 would: the first of two roundings."""
    bits = u.contiguous().view(torch.int32)
    return ((bits + 4095 + ((bits >> 13) & 1)) & ~8191).view(torch.float32)


_EVERY_BFLOAT16 = partial(
    test_half.test_every_value, dtype=torch.bfloat16, order=0, path="composition"
)


@FAULTS.part("bfloat16 is rounded twice", "wrong values", lambda: _EVERY_BFLOAT16(TANH))
def _(patch: pytest.MonkeyPatch) -> None:
    patch.setitem(torch_backend.FUNCTIONS, "tanh", lambda u: _round_to_11_bits(torch.tanh(u)))


@FAULTS.part("bfloat16 is computed in bfloat16", "wrong values", lambda: _EVERY_BFLOAT16(SILU))
def _(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(autograd, "computing_dtype", lambda dtype: dtype)


# ---------------------------------------------------------------- printed languages


@FAULTS.part(
    "a JavaScript template is wrong", "wrong points", lambda: matches("javascript-float64")(TANH)
)
def _(patch: pytest.MonkeyPatch) -> None:
    patch.setitem(JAVASCRIPT.templates, "tanh", "Math.sin({0})")


@FAULTS.part("a C template is wrong", "-1.57079637, truth -1", lambda: matches("c-float32")(TANH))
def _(patch: pytest.MonkeyPatch) -> None:
    patch.setitem(C.templates, "tanh", "M(atan)({0})")


@FAULTS.part(
    "a C template is missing",
    "the c backend has no primitive 'asinh'",
    lambda: primitives.test_printers_have_it("asinh", C),
)
def _(patch: pytest.MonkeyPatch) -> None:
    patch.delitem(C.templates, "asinh")


@FAULTS.part(
    "a LaTeX template is missing",
    "the latex backend has no primitive 'tanh'",
    lambda: test_latex.test_every_formula_parses(TANH),
)
def _(patch: pytest.MonkeyPatch) -> None:
    patch.delitem(latex._TEMPLATES, "tanh")


@FAULTS.part(
    "a LaTeX command does not exist", "\\tanhyp", lambda: test_latex.test_every_formula_parses(TANH)
)
def _(patch: pytest.MonkeyPatch) -> None:
    patch.setitem(latex._TEMPLATES, "tanh", (r"\tanhyp(0)", 4))


@FAULTS.part(
    "a printed function has the name of one it calls",
    "match='sigmoid('",
    lambda: test_sources.test_no_printed_name_means_something_else(find("sigmoid"), JAVASCRIPT),
)
def _(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(type(JAVASCRIPT), "safe", lambda self, name: name)
