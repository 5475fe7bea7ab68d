"""Faults of the CPU engine: tables, layouts, what is recovered from an output."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

import actlas
from actlas.backends import program, tabulate
from actlas.catalogue import find
from actlas.facts import branches
from actlas.kernels import plans
from actlas.kernels.cpu import build, launch
from tests.kernels import test_layouts, test_plans
from tests.meta.planting import Faults

FAULTS = Faults()


def swish_matches_doubles() -> None:
    """A fresh program of a function with a parameter that no other test has asked for."""
    x = torch.linspace(-9, 9, 5001)
    function = actlas.functional.swish
    torch.testing.assert_close(function(x, beta=1.37), function(x.double(), beta=1.37).float())


@FAULTS.part("a table is coarser than its bound allows", "not close", swish_matches_doubles)
def _(patch: pytest.MonkeyPatch) -> None:
    def coarse(function: tabulate.Function, floor: float = 0.0) -> tabulate.Table:
        table = whole(function)
        return replace(table, rows=table.rows * np.float32([1, 1, 0.5, 1]))

    whole = tabulate.tabulate
    patch.setattr(program, "tabulate", coarse)
    patch.setattr(build, "_check", lambda *_: None)


@FAULTS.part(
    "a wrong table is found before it runs",
    "DID NOT REFUSE",
    lambda: refuses_a_wrong_table(),
)
def _(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(build, "_check", lambda *_: None)


def refuses_a_wrong_table() -> None:
    with pytest.MonkeyPatch.context() as patch:
        whole = tabulate.tabulate

        def wrong(function: tabulate.Function, floor: float = 0.0) -> tabulate.Table:
            table = whole(function)
            return replace(table, rows=table.rows * np.float32(1.01))

        patch.setattr(program, "tabulate", wrong)
        kernel = actlas.get("telu")
        found = build.compiled((kernel.expression(),), ("x",), ())
        assert found is None, "DID NOT REFUSE"


@FAULTS.part(
    "a gradient of channels is summed over the wrong dimension",
    "not close",
    lambda: test_layouts.test_learnable_parameters_and_their_gradients(find("swish"), "images"),
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
