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

# ---------------------------------------------------------------- how a primitive is computed


@FAULTS.part(
    "log1p(u) is computed as log(1 + u)",
    lambda: matches("numpy-float64")(entry(lambda x: log1p(maximum(x, 0)))),
)
def _(patch: pytest.MonkeyPatch) -> None:
    patch.setitem(numpy_backend.FUNCTIONS, "log1p", lambda u: np.log(1 + u))


@FAULTS.part(
    "softplus turns linear at 20", lambda: matches("torch-float64")(entry(lambda x: softplus(x)))
)
def _(patch: pytest.MonkeyPatch) -> None:
    patch.setitem(torch_backend.FUNCTIONS, "softplus", F.softplus)


@FAULTS.part("sinc(0) is 0/0", lambda: matches("numpy-float64")(entry(lambda x: sinc(x))))
def _(patch: pytest.MonkeyPatch) -> None:
    patch.setitem(numpy_backend.FUNCTIONS, "sphj", lambda _, u: np.sin(u) / u)


FAULTS.wrong(
    "a stored coefficient is wrong in its tenth digit",
    lambda stored: test_tables.test_chebyshev_coefficients(stored, test_tables._erfcx),
    ERFCX,
    (*ERFCX[:3], ERFCX[3] * (1 + 1e-10), *ERFCX[4:]),
)


# ---------------------------------------------------------------- half precision


def _round_to_11_bits(u: torch.Tensor) -> torch.Tensor:
    """Round float32 to 11 significant bits, as float16 would: the first of two roundings."""
    bits = u.contiguous().view(torch.int32)
    return ((bits + 4095 + ((bits >> 13) & 1)) & ~8191).view(torch.float32)


_EVERY_BFLOAT16 = partial(test_half.test_every_value, dtype=torch.bfloat16, order=0)


@FAULTS.part("bfloat16 is rounded twice", lambda: _EVERY_BFLOAT16(TANH))
def _(patch: pytest.MonkeyPatch) -> None:
    twice = {"tanh": lambda u: _round_to_11_bits(torch.tanh(u))}
    patch.setitem(torch_backend.FUNCTIONS, "tanh", twice["tanh"])


@FAULTS.part("bfloat16 is computed in bfloat16", lambda: _EVERY_BFLOAT16(SILU))
def _(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(autograd, "computing_dtype", lambda dtype: dtype)


# ---------------------------------------------------------------- printed languages


@FAULTS.part("a JavaScript template is wrong", lambda: matches("javascript-float64")(TANH))
def _(patch: pytest.MonkeyPatch) -> None:
    patch.setitem(JAVASCRIPT.templates, "tanh", "Math.sin({0})")


@FAULTS.part("a C template is wrong", lambda: matches("c-float32")(TANH))
def _(patch: pytest.MonkeyPatch) -> None:
    patch.setitem(C.templates, "tanh", "M(atan)({0})")


@FAULTS.part("a C template is missing", lambda: primitives.test_printers_have_it("asinh", C))
def _(patch: pytest.MonkeyPatch) -> None:
    patch.delitem(C.templates, "asinh")


@FAULTS.part("a LaTeX template is missing", lambda: test_latex.test_every_formula_parses(TANH))
def _(patch: pytest.MonkeyPatch) -> None:
    patch.delitem(latex._TEMPLATES, "tanh")


@FAULTS.part(
    "a LaTeX template has a bracket too few", lambda: test_latex.test_every_formula_parses(TANH)
)
def _(patch: pytest.MonkeyPatch) -> None:
    patch.setitem(latex._TEMPLATES, "tanh", (r"\tanh\left([0]", 4))


@FAULTS.part(
    "a printed function has the name of one it calls",
    lambda: test_sources.test_no_printed_name_means_something_else(find("sigmoid"), JAVASCRIPT),
)
def _(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(type(JAVASCRIPT), "safe", lambda self, name: name)
