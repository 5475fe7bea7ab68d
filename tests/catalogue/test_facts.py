"""Computed facts against figures made elsewhere, against sampling, and against the papers."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import actlas
from actlas.catalogue import Definition
from actlas.facts import facts_of
from tests.conftest import ENTRIES, over

ONE = [entry for entry in ENTRIES if len(entry.inputs) == 1]
ROWS: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[1] / "references" / "moments.json").read_text()
)


def _printed(found: float, said: str) -> bool:
    """Agree to 1e-9, or to the digits the figure is printed with."""
    digits = len(said.lstrip("-0.").replace(".", ""))
    return abs(found - float(said)) <= max(1e-9, 0.6 * 10.0 ** (1 - digits)) * max(1, abs(found))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row['name']}-{row['params']}")
def test_moments_agree_with_the_reference(row: dict[str, Any]) -> None:
    parameters = {k: tuple(v) if isinstance(v, list) else v for k, v in row["params"].items()}
    facts = actlas.get(row["name"], **parameters).facts
    for name in ("f0", "mean", "second_moment", "derivative_second_moment", "gain"):
        assert _printed(getattr(facts, name), row[name]), (name, getattr(facts, name), row[name])
    if row["df0"] == "kink":
        assert 0.0 in facts.kinks or facts.df0 is None
    else:
        assert facts.df0 == pytest.approx(float(row["df0"]), abs=1e-9)


EXTREMA: list[dict[str, str]] = json.loads(
    (Path(__file__).parents[1] / "references" / "extrema.json").read_text()
)


@pytest.mark.parametrize("row", EXTREMA, ids=lambda row: row["name"])
def test_minima_agree_with_the_reference(row: dict[str, str]) -> None:
    facts = actlas.get(row["name"]).facts
    assert facts.minimum is not None
    assert _to_last_digit(facts.minimum.value, row["value"])
    # beside a flat minimum x is known to half the digits of the value only
    assert facts.minimum.x == pytest.approx(float(row["x"]), abs=2e-7)
    assert "lipschitz" not in row or _to_last_digit(facts.lipschitz, row["lipschitz"])


def _to_last_digit(found: float, said: str) -> bool:
    return abs(found - float(said)) <= 0.6 * 10.0 ** -len(said.partition(".")[2]) + 1e-15


# Log-slopes of E f(sqrt(q) z)**2 at q = 1, from a table printed to three digits.
SLOPES = {
    "relu": 1, "tanh": 0.461, "gelu": 1.144, "silu": 1.173, "mish": 1.076, "sigmoid": 0.106,
    "selu": 0.783, "softplus": 0.492, "elu": 0.891,
}  # fmt: skip


@pytest.mark.parametrize("name", SLOPES)
def test_stability_slope(name: str) -> None:
    assert actlas.get(name).facts.stability_slope == pytest.approx(SLOPES[name], abs=6e-4)


@over(ONE)
def test_facts_hold_on_a_sample(entry: Definition) -> None:
    """Nothing lies outside the range, steeper than the Lipschitz constant, or against the sense."""
    facts = facts_of(entry)
    x = np.random.default_rng(0).uniform(-35, 35, 40_001)
    x = np.sort(np.concatenate([x, np.random.default_rng(1).normal(size=20_000)]))
    f = facts.curve(x)
    low, high = facts.range
    slack = 1e-9 * max(1.0, np.abs(f).max())
    assert low - slack <= f.min()
    assert f.max() <= high + slack
    assert facts.minimum is None or facts.minimum.value == pytest.approx(low, abs=1e-12)
    assert facts.maximum is None or facts.maximum.value == pytest.approx(high, abs=1e-12)
    if facts.smoothness != "discontinuous":
        steepest = np.abs(np.diff(f) / np.diff(x))[np.diff(x) > 1e-4].max()
        assert steepest <= facts.lipschitz * (1 + 1e-6) + 1e-9
    rises, falls = (np.diff(f) > slack).any(), (np.diff(f) < -slack).any()
    assert not (facts.monotone and rises and falls)


@over(ONE)
def test_zeros_and_special_points(entry: Definition) -> None:
    facts = facts_of(entry)
    for zero in facts.zeros:
        around = facts.curve(np.array([zero - 1e-9, zero, zero + 1e-9]))
        assert np.abs(around[1]) <= 1e-9 or around[0] * around[2] < 0 or 0 in around
    assert facts.f0 == float(facts.curve(0.0))
    assert math.isfinite(facts.gain)
    assert facts.gain > 0
    assert all(value is not None or key in ("df0", "minimum", "maximum")
               for key, value in facts.as_dict().items())  # fmt: skip


CLAIMS = [pytest.param(e, c, id=f"{e.name}: {c.statement}") for e in ENTRIES for c in e.claims]


@pytest.mark.parametrize(("entry", "claim"), CLAIMS)
def test_what_the_paper_says(entry: Definition, claim: Any) -> None:
    """A claim holds, or it is marked as refuted and then indeed does not."""
    assert claim.test(facts_of(entry)) == (not claim.refuted)


def test_claims_were_found() -> None:
    assert len(CLAIMS) >= 150
    assert sum(bool(p.values[1].refuted) for p in CLAIMS) >= 2
