"""Faults of export: operators of ONNX, their formulas, look-up tables and the files of both."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest

import actlas
from actlas.backends import onnx as onnx_backend
from actlas.catalogue import find
from actlas.export import _half, formats, native, tables
from actlas.export._formula import formula_of
from actlas.expr import exp, sigmoid
from tests.export import test_onnx, test_tables
from tests.export.points import worst
from tests.meta.planting import Faults
from tests.support.runners import compiler

FAULTS = Faults()


def _in_onnx(name: str, order: int = 0) -> Callable[[], None]:
    """Return the check of one function, or of its slope, as test_onnx makes it for all."""

    def check() -> None:
        function = actlas.get(name).derivative(order)
        ((formula, found),) = test_onnx.computed({name: formula_of(function)}, 18).values()
        told = worst(formula, found)
        if told:
            pytest.fail(told)

    return check


# ---------------------------------------------------------------- ONNX


@FAULTS.part("an ONNX operator is mistaken for another", "wrong points", _in_onnx("telu"))
def _(patch: pytest.MonkeyPatch) -> None:
    patch.setitem(onnx_backend.OPERATORS, "tanh", "Erf")


@FAULTS.part("what ONNX lacks is written wrongly", "wrong points", _in_onnx("tanh_elu"))
def _(patch: pytest.MonkeyPatch) -> None:
    patch.setitem(onnx_backend.BODIES, "expm1", lambda u: exp(u))


@FAULTS.part("zero times infinity is left to ONNX", "nan, truth", _in_onnx("telu", 1))
def _(patch: pytest.MonkeyPatch) -> None:
    patch.setitem(onnx_backend.BODIES, "damp", lambda u, v: u * v)


@FAULTS.part("a native operator has the name of another", "wrong points", _in_onnx("mish"))
def _(patch: pytest.MonkeyPatch) -> None:
    wrong = [replace(o, name="HardSwish") if o.name == "Mish" else o for o in native.OPERATORS]
    patch.setattr(native, "OPERATORS", tuple(wrong))


@FAULTS.part("operators are taken for equal on trust", "wrong points", _in_onnx("golu"))
def _(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(native, "_agree", lambda *_: True)


_SWISH = next(operator for operator in native.OPERATORS if operator.name == "Swish")
FAULTS.wrong(
    "the table says something else of an operator than ONNX",
    "Not equal to tolerance",
    test_onnx.test_onnx_says_the_same_of_its_operators,
    _SWISH,
    replace(_SWISH, formula=lambda x, alpha: x * sigmoid(x / alpha)),
)

# ---------------------------------------------------------------- look-up tables

_INT8 = "int8"


def _every_integer() -> None:
    test_tables.test_every_integer_is_rounded_to_the_nearest(find("mish"), _INT8)


@FAULTS.part("a table is rounded towards zero", "assert", _every_integer)
def _(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(np, "rint", np.trunc)


@FAULTS.part("a table forgets the zero point of its input", "assert", _every_integer)
def _(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(tables.Affine, "real", lambda self, q: self.scale * q.astype(np.float64))


@FAULTS.part(
    "a tie is decided by what a double shows",
    "assert",
    lambda: test_tables.test_a_tie_that_no_double_can_tell_is_decided(2.0**-60, 1 + 2**-10),
)
def _(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(_half, "_on_its_side", lambda formula, x, value, half: value)


def _c_header() -> None:
    with TemporaryDirectory() as folder:
        test_tables.test_the_c_header_compiles_and_is_right(_INT8, Path(folder))


if compiler() is not None:

    @FAULTS.part("the C header reads its neighbour's entry", "array_equal", _c_header)
    def _(patch: pytest.MonkeyPatch) -> None:
        patch.setattr(formats, "_first", lambda _: -127)
