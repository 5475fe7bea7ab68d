"""The 25-digit tables computed apart from this code: every row agrees."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import actlas

_FOLDER = Path(__file__).parents[1] / "references"
_RELATIVE, _FLOOR = 1e-12, 1e-300


def _rows(name: str) -> dict[str, list[dict[str, Any]]]:
    rows: dict[str, list[dict[str, Any]]] = {}
    for row in json.loads((_FOLDER / name).read_text()):
        rows.setdefault(row["name"], []).append(row)
    return rows


ONE, TWO = _rows("values.json"), _rows("values_2d.json")


def _agrees(found: float, expected: str) -> bool:
    truth = float(expected)
    return abs(found - truth) <= _RELATIVE * abs(truth) + _FLOOR


def _parameters(row: dict[str, Any]) -> dict[str, Any]:
    return {k: tuple(v) if isinstance(v, list) else v for k, v in row["params"].items()}


def test_the_tables_are_whole() -> None:
    assert sum(map(len, ONE.values())) == 1099
    assert sum(map(len, TWO.values())) == 50


@pytest.mark.parametrize("name", ONE)
def test_value_and_slope(name: str) -> None:
    for row in ONE[name]:
        function = actlas.get(name, **_parameters(row))
        assert function.name == name
        assert _agrees(function(float(row["x"])), row["f"]), row
        slope = function.derivative()(float(row["x"]))
        if row["df"] is not None:
            assert _agrees(slope, row["df"]), row
        else:
            assert _at_kink(slope, float(row["df_left"]), float(row["df_right"])), row


def _at_kink(slope: float, left: float, right: float) -> bool:
    """At a kink any value between the one-sided derivatives is a sub-gradient."""
    return min(left, right) - 1e-12 <= slope <= max(left, right) + 1e-12


@pytest.mark.parametrize("name", TWO)
def test_operators_of_two_inputs(name: str) -> None:
    for row in TWO[name]:
        function = actlas.get(name)
        x, y = map(float, row["x"])
        assert _agrees(function(x, y), row["f"]), row
        for input_name, expected in zip("xy", row["df"], strict=True):
            if expected is not None:
                assert _agrees(_partial(name, input_name, x, y), expected), row


def _partial(name: str, input_name: str, x: float, y: float) -> float:
    from actlas.backends import numpy as numpy_backend
    from actlas.expr import derivative

    root = derivative(actlas.get(name).expression(), input_name)
    tape = numpy_backend.compiled(root, ("x", "y"))
    return float(numpy_backend.run(tape, x, y))
