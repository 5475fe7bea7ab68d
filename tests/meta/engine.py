"""Faults of the CPU engine: tables, layouts, what is recovered from an output."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp

import numpy as np
import pytest
import torch

import actlas
from actlas.backends import cores, program, tabulate
from actlas.backends.bounds import Function
from actlas.catalogue import find
from actlas.facts import branches
from actlas.kernels import fixed, plans
from actlas.kernels.cpu import build, launch, tensors
from actlas.kernels.cpu.runtime import engine
from tests.kernels import (
    test_accuracy,
    test_fixed,
    test_fusing,
    test_layouts,
    test_plans,
    test_retained,
)
from tests.kernels.building import altered, emulated
from tests.meta.planting import Faults

FAULTS = Faults()


def swish_matches_doubles() -> None:
    """A fresh program of a function with a parameter that no other test has asked for."""
    x = torch.linspace(-9, 9, 5001)
    function = actlas.functional.swish
    torch.testing.assert_close(function(x, beta=1.37), function(x.double(), beta=1.37).float())


def spoil(patch: pytest.MonkeyPatch, *factors: float) -> None:
    """Let tables be made with wrong coefficients, of the core as well."""

    def wrong(function: Function, floor: float = 0.0) -> tabulate.Table:
        table, given = whole(function), np.array(factors, np.float32)
        spoilt = replace(table, rows=table.rows * given)
        if table.core is None:
            return spoilt
        coefficients = table.core.coefficients.copy()
        coefficients[: len(given)] *= given[:, None]
        return replace(spoilt, core=replace(table.core, coefficients=coefficients))

    whole = tabulate.tabulate
    patch.setattr(program, "tabulate", wrong)


@FAULTS.part(
    "a table is coarser than its bound allows", "not close", swish_matches_doubles, of_engine=True
)
def _(patch: pytest.MonkeyPatch) -> None:
    spoil(patch, 1, 1, 0.5, 1)
    patch.setattr(build, "_check", lambda *_: None)


@FAULTS.part(
    "a wrong table is found before it runs",
    "DID NOT REFUSE",
    lambda: refuses_a_wrong_table(),
    of_engine=True,
)
def _(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(build, "_check", lambda *_: None)


def refuses_a_wrong_table() -> None:
    with pytest.MonkeyPatch.context() as patch:
        spoil(patch, 1.01, 1.01, 1.01, 1.01)
        kernel = actlas.get("telu")
        found = build.compiled((kernel.expression(),), ("x",), ())
        assert found is None, "DID NOT REFUSE"


@FAULTS.part(
    "a core is wide although the function crosses zero in it",
    "wrong, at x",
    lambda: keeps_the_contract("gelu"),
)
def _(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(cores, "_roots", lambda _: [])
    patch.setattr(cores, "RELATIVE", 1.0)


def keeps_the_contract(name: str) -> None:
    """A function and its derivative, on the path that cores are for."""
    with TemporaryDirectory() as folder:
        module = engine().module if "avx512" in engine().available else emulated(Path(folder))
        test_accuracy.test_keeps_the_contract_by_magnitude(find(name), {"avx512": module})


@FAULTS.part(
    "the affine tail is taken where it is not right yet",
    "wrong, at x",
    lambda: keeps_the_contract("arctan"),
)
def _(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(tabulate, "_closed", lambda *_: 3)


@FAULTS.part(
    "a fused choice takes the other value",
    "is not",
    lambda: fused_steps_are_the_interpreters(),
    of_engine=True,
)
def _(patch: pytest.MonkeyPatch) -> None:
    right = "choose(c, to, in_register(r[2]), r[3])"
    folder = Path(mkdtemp())
    module = altered(folder, right, "choose(c, to, in_register(r[3]), r[2])")
    module.use("avx2" if module.has("avx2") else "generic")
    patch.setattr(test_fusing, "fusing", lambda: module)


def fused_steps_are_the_interpreters() -> None:
    """Steps of every kind, on the engine that is at hand."""
    steps = test_fusing.random_program(np.random.default_rng(0), 40, 3, 4)
    test_fusing.check_alike(test_fusing.fusing(), steps, fixed=1)


@FAULTS.part(
    "a view with the other sign counts as plain memory",
    "assert not True",
    lambda: negated_views_go_the_long_way(),
    of_engine=True,
)
def _(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(tensors, "_ANSWERS", ())


def negated_views_go_the_long_way() -> None:
    """The engine, told anew, asks what Python asks."""
    assert engine().active
    test_fixed.test_odd_ones_are_not("negated")


@FAULTS.part(
    "a tensor with gaps is run through as if it had none",
    "assert not True",
    lambda: test_fixed.test_odd_ones_are_not("strided"),
    of_engine=True,
)
def _(patch: pytest.MonkeyPatch) -> None:
    module = altered(Path(mkdtemp()), "x->strides[k] != next", "0")
    tensors.introduce(module)
    patch.setattr(test_fixed, "engine", lambda: replace(engine(), module=module))


@FAULTS.part(
    "the output is kept although it does not tell the slope",
    "the slope is another one",
    lambda: test_retained.check_gradient(find("threshold"), torch.float32),
)
def _(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(fixed, "output_tells", lambda *_: True)


@FAULTS.part(
    "a gradient of channels is summed over the wrong dimension",
    "not close",
    lambda: test_layouts.test_learnable_parameters_and_their_gradients(find("swish"), "images"),
    of_engine=True,
)
def _(patch: pytest.MonkeyPatch) -> None:
    whole = launch._result

    def turned(grid: launch.Grid, index: int) -> object:
        placed, kind = whole(grid, index)
        return (replace(placed, row=0), kind) if kind == 3 else (placed, kind)

    patch.setattr(launch, "_result", turned)


@FAULTS.part(
    "the bit of the branch is the wrong way round",
    "not close",
    lambda: test_plans.test_from_the_output(find("mish")),
)
def _(patch: pytest.MonkeyPatch) -> None:
    whole = plans.unpack
    patch.setattr(plans, "unpack", lambda *given: 1 - whole(*given))


@FAULTS.part(
    "a branch is followed from the wrong side",
    "not close",
    lambda: test_plans.test_from_the_output(find("gelu")),
)
def _(patch: pytest.MonkeyPatch) -> None:
    whole = branches.branches

    def swapped(facts: branches.Facts, name: str) -> branches.Branches:
        found = whole(facts, name)
        return replace(found, branches=found.branches[::-1])

    patch.setattr(plans, "branches", swapped)
