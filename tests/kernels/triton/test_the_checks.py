"""Faults are planted in the source of the kernels, and a check of this folder must turn red."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from actlas.catalogue import find
from tests.kernels.triton import needs_triton, test_limits, test_values
from tests.kernels.triton.interpreter import heal, interpreted, plant
from tests.kernels.triton.test_layouts import LAYOUTS, PARAMETERS, SWISH, agree

pytestmark = needs_triton


def value_of(name: str) -> Callable[[], None]:
    return lambda: test_values.test_matches_fifty_digits(find(name), 0)


def slope_of(name: str) -> Callable[[], None]:
    return lambda: test_values.test_matches_fifty_digits(find(name), 1)


def layout(name: str, parameter: str) -> Callable[[], None]:
    return lambda: agree(SWISH, [LAYOUTS[name](), PARAMETERS[parameter]()])


def columns() -> None:
    agree(SWISH, [torch.arange(2100.0).view(700, 3) / 700, torch.ones(3)])


# A name, what is changed into what, and the check that has to see it.
FAULTS: dict[str, tuple[str, str, Callable[[], None]]] = {
    "a series that reaches too far": ("tl.abs(u) < 0.6", "tl.abs(u) < 2.0", value_of("tanh")),
    "a tail that is off by 1e-5": ("half = 0.5 *", "half = 0.500005 *", value_of("gelu")),
    "exp without its last digits": ("u * 1.442695", "u * 1.44269", value_of("elu")),
    "zero does not win over infinity": ("== 0, 0.0, u * v", "== 0, u * v, u * v", slope_of("telu")),
    "a gradient is added, not multiplied": ("grad * ", "1.0 + 0.0 * grad + ", slope_of("mish")),
    "offsets have 32 bits": (
        "tile = tl.cast(program, tl.int64)", "tile = program",
        lambda: test_limits.test_offsets_of_one_loop_reach_beyond_32_bits(2**31 - 1),
    ),
    "a loop is not counted": ("rest // size_1", "rest // rows", layout("contiguous", "channel")),
    "strides are not looked at": ("i_0 * x_0", "i_0 * columns",
                                  layout("part of the width", "number")),
    "a parameter is read in another place": ("i_1 * p1_1", "i_0 * p1_1",
                                             layout("contiguous", "channel")),
    "the last row is left out of a sum": ("inside, to_p1", "inside & (row + 1 < rows), to_p1",
                                          columns),
    "a chunk writes where another does": ("chunk * columns", "0 * columns", columns),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_turns_red(fault: str) -> None:
    old, new, check = FAULTS[fault]
    check()
    interpreted(plant, old, new)
    try:
        with pytest.raises(AssertionError):
            check()
    finally:
        changed = interpreted(heal)
    assert changed, f"no source has {old!r}"
    check()
