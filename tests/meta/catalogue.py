"""Faults of modules and gradients, of the catalogue, and of the proof itself."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch

from actlas.catalogue import Definition, Parameter, _registry, find
from actlas.catalogue._paper import lower_bound, refuted
from actlas.expr import lint, symbol, tanh
from actlas.facts import Facts
from actlas.kernels import autograd
from actlas.nn import _apply, _module
from tests.catalogue import test_facts, test_torch
from tests.conftest import ENTRIES, over
from tests.expr import test_definitions, test_lint
from tests.meta.planting import Faults
from tests.nn import test_parameters
from tests.support.oracle import Truth, failures
from tests.support.points import DOUBLE

FAULTS = Faults()


# ---------------------------------------------------------------- gradients and modules


@FAULTS.part(
    "the gradient of a parameter is missing",
    "with respect to input 1",
    lambda: test_torch.test_gradients_of_first_and_second_order(find("prelu")),
)
def _(patch: pytest.MonkeyPatch) -> None:
    whole = autograd._pull_back
    patch.setattr(
        autograd,
        "_pull_back",
        lambda slope, values, grad, to: whole(slope, values, grad, to) * (to.ndim > 0),
    )


@FAULTS.part(
    "the second derivative stops at the first",
    "Jacobian mismatch",
    lambda: test_torch.test_gradients_of_first_and_second_order(find("tanh")),
)
def _(patch: pytest.MonkeyPatch) -> None:
    whole = autograd._pull_back
    patch.setattr(
        autograd,
        "_pull_back",
        lambda slope, values, grad, to: whole(
            slope, [getattr(v, "detach", lambda v=v: v)() for v in values], grad, to
        ),
    )


@FAULTS.part(
    "in-place writes around autograd",
    "DID NOT RAISE",
    lambda: test_torch.test_inplace(find("tanh")),
)
def _(patch: pytest.MonkeyPatch) -> None:
    def around(entry: Definition, inputs: tuple[torch.Tensor, ...], given: Any) -> torch.Tensor:
        x = inputs[0]
        x.data.copy_(_apply.evaluate(entry, (x.detach().clone(),), given))
        return x

    patch.setattr(_module, "evaluate_inplace", around)


@FAULTS.part(
    "a module ignores its parameter",
    "Tensor-likes are not close",
    lambda: test_parameters.test_a_module_is_its_function_at_any_parameters(find("elu")),
)
def _(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(
        _module.ElementwiseModule,
        "parameter_values",
        lambda self: {n: p.default for n, p in self.entry.parameters.items()},
    )


@FAULTS.part(
    "a state_dict key is renamed",
    'Unexpected key(s) in state_dict: "weight"',
    lambda: test_parameters.test_checkpoints_of_pytorchs_own_module_fit(find("prelu")),
)
def _(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Parameter, "key", property(lambda self: self.name))


@FAULTS.part(
    "integers are taken for floats",
    "DID NOT RAISE",
    lambda: test_torch.test_refuses_what_has_no_value(find("tanh")),
)
def _(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(_apply, "check_dtype", lambda *_: None)


# ---------------------------------------------------------------- the catalogue


@FAULTS.part(
    "an alias leads to another function",
    "name='mish'",
    lambda: test_definitions.test_every_name_finds_its_entry(),
)
def _(patch: pytest.MonkeyPatch) -> None:
    patch.setitem(_registry._by_folded, "tanhexp", "mish")


_CLAIM = partial(test_facts.test_what_the_paper_says, find("mish"))
FAULTS.wrong(
    "a claim does not hold", "assert False == ", _CLAIM, lower_bound(-0.31), lower_bound(-0.35)
)
FAULTS.wrong(
    "a claim marked as refuted holds",
    "assert True == ",
    _CLAIM,
    refuted(lower_bound(-0.35), "misprint"),
    refuted(lower_bound(-0.31), "misprint"),
)
_GELU_ROW = next(row for row in test_facts.ROWS if row["name"] == "gelu")


@FAULTS.part(
    "the gain is wrong by a millionth",
    "'gain'",
    lambda: test_facts.test_moments_agree_with_the_reference(_GELU_ROW),
)
def _(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Facts, "gain", property(lambda self: self.second_moment**-0.5 * (1 + 1e-6)))


@FAULTS.part(
    "a rule of the lint is lost",
    "assert '-expm1(x/2)' in []",
    lambda: test_lint.test_names_the_form_and_its_repair("1 - exp(x/2)", "-expm1(x/2)"),
)
def _(patch: pytest.MonkeyPatch) -> None:
    rules = tuple(rule for rule in lint.RULES if rule is not lint._exp_minus_one)
    patch.setattr(lint, "RULES", rules)


FAULTS.wrong(
    "the catalogue collects nothing", "no entry to test", lambda entries: over(entries), ENTRIES, ()
)


# ---------------------------------------------------------------- the proof itself


def _judge(allowed: float, points: int = 4) -> None:
    x = np.linspace(0.1, 1, points)
    bounds = np.full(points, allowed)
    of = Truth(tanh(symbol("x")), ("x",), (x,), (), np.tanh(x), bounds, DOUBLE)
    assert failures(of, np.tanh(x)) == []


FAULTS.wrong(
    "a bound that allows everything", "4 of 4 points cannot be judged", _judge, 1e-12, math.inf
)
FAULTS.wrong(
    "a table without points", "there is no point to compare at", lambda n: _judge(1e-12, n), 4, 0
)
