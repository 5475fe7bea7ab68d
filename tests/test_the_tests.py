"""The tests of the tests: faults are planted, and a check of the suite must turn red.

Every fault names the check that has to see it. The check is one that the suite itself runs, it is
green before the fault is planted, and everything is put back afterwards. A fault that no check
sees is a hole in the suite.
"""

from __future__ import annotations

from typing import Any

import pytest

import actlas
from actlas.backends import torch as torch_backend
from actlas.catalogue import find
from actlas.expr import derivative, symbol, tanh
from actlas.kernels.cpu import runtime
from tests.backends import test_latex
from tests.catalogue import test_facts, test_half, test_torch, test_values
from tests.conftest import ENTRIES
from tests.meta import catalogue, computing, enclosing, engine, exporting, mathematics
from tests.meta.planting import Fault, forget_everything, matches
from tests.support.oracle import COUNTS
from tests.support.runners import RUNNERS, compiler, node

FAULTS: list[Fault] = [
    *mathematics.FAULTS, *computing.FAULTS, *catalogue.FAULTS, *enclosing.FAULTS,
    *engine.FAULTS, *exporting.FAULTS,
]  # fmt: skip


def _needs(fault: Fault) -> list[pytest.MarkDecorator]:
    """Return skips for the faults in a language that this machine cannot run."""
    without_c = "C template is wrong" in fault.name and compiler() is None
    without_node = "JavaScript" in fault.name and node() is None
    without_engine = fault.of_engine and not runtime.engine().active
    missing = without_c or without_node or without_engine
    return [pytest.mark.skipif(missing, reason="no compiler, no engine or no node here")]


@pytest.mark.parametrize(
    "fault", [pytest.param(fault, id=fault.name, marks=_needs(fault)) for fault in FAULTS]
)
def test_a_planted_fault_turns_red(fault: Fault) -> None:
    fault.show()


def test_enough_faults_are_planted() -> None:
    assert len(FAULTS) >= 18
    assert len({fault.name for fault in FAULTS}) == len(FAULTS)


def test_a_fault_that_no_check_sees_is_reported() -> None:
    """The planting itself can fail: on a check that stays green, and on one that never was."""
    nothing = Fault("nothing", "anything", lambda: None, lambda: None, lambda _: None)
    with pytest.raises(pytest.fail.Exception, match="DID NOT RAISE"):
        nothing.show()

    def red() -> None:
        raise AssertionError

    with pytest.raises(AssertionError):
        Fault("red already", "anything", red, red, lambda _: None).show()


def test_everything_is_put_back() -> None:
    assert torch_backend.FUNCTIONS["damp"] is torch_backend._damp
    assert find("mish") is next(e for e in ENTRIES if e.name == "mish")
    assert actlas.get("tanhexp").name == "telu"
    assert derivative(tanh(symbol("x"))).op == "sech2"
    forget_everything()
    assert actlas.get("telu")(1.0) == pytest.approx(0.9913289158005998, rel=1e-15)


# ---------------------------------------------------------------- nothing is left out


def collected(test: Any) -> dict[str, int]:
    """Return how many values each parameter of a test function takes."""
    marks = [mark for mark in test.pytestmark if mark.name == "parametrize"]
    return {mark.args[0]: len(list(mark.args[1])) for mark in marks}


def test_every_function_backend_and_order_is_collected() -> None:
    """What is collected is the product of the registry, the backends and the orders."""
    names, one = len(actlas.names()), sum(len(e.inputs) == 1 for e in ENTRIES)
    assert names >= 100
    assert len(RUNNERS) >= 6
    assert collected(test_values.test_matches_fifty_digits) == {
        "entry": names,
        "backend": len(RUNNERS),
        "order": 3,
    }
    assert collected(test_half.test_every_value) == {
        "entry": names, "dtype": 2, "order": 2, "path": 2,
    }  # fmt: skip
    for everywhere in (
        test_values.test_gradients_of_parameters,
        test_values.test_special_values,
        test_torch.test_gradients_of_first_and_second_order,
        test_latex.test_every_formula_parses,
    ):
        assert collected(everywhere) == {"entry": names}
    for of_one in (
        test_torch.test_function_transforms,
        test_torch.test_compiles_to_one_graph,
        test_torch.test_exports,
        test_facts.test_facts_hold_on_a_sample,
    ):
        assert collected(of_one) == {"entry": one}


def test_comparisons_are_counted() -> None:
    before = dict(COUNTS)
    matches("numpy-float64")(find("relu"))
    assert COUNTS["points"] - before["points"] >= 100
