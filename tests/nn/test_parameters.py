"""Modules take their parameters seriously, and checkpoints keep PyTorch's names."""

from __future__ import annotations

import pytest
import torch

import actlas
from actlas.catalogue import Definition
from tests.conftest import ENTRIES, over
from tests.support.points import corner_cases, in_float32

ONE = [entry for entry in ENTRIES if len(entry.inputs) == 1]
WITH_PARAMETERS = [entry for entry in ONE if entry.parameters]
X = torch.tensor([-7.3, -1.9, -0.4, 0.0, 0.004, 0.3, 1.2, 2.7, 8.1])


@over(WITH_PARAMETERS)
def test_a_module_is_its_function_at_any_parameters(entry: Definition) -> None:
    """At the corners too, where a parameter that is not passed on would show."""
    changed = 0
    for corner in corner_cases(entry).values():
        values = in_float32(entry.bind(corner))
        wanted = actlas.get(entry.name, **values)(X.double())
        module = actlas.nn.create(entry.name, **values).double()
        function = getattr(actlas.functional, entry.name)
        torch.testing.assert_close(module(X.double()), wanted, rtol=1e-12, atol=1e-14)
        torch.testing.assert_close(function(X.double(), **values), wanted, rtol=1e-12, atol=1e-14)
        changed += not torch.equal(wanted, actlas.get(entry.name)(X.double()))
    assert changed, "no parameter changes anything at the points"


@over(ONE)
def test_checkpoints_hold_exactly_what_is_learned(entry: Definition) -> None:
    learned = {p.key for p in entry.parameters.values() if p.learnable}
    module = actlas.nn.create(entry.name)
    assert set(module.state_dict()) == learned
    if learned:
        assert not actlas.nn.create(entry.name, learnable=False).state_dict()


@over([entry for entry in ONE if "torch" in entry.tags and hasattr(torch.nn, entry.title)])
def test_checkpoints_of_pytorchs_own_module_fit(entry: Definition) -> None:
    try:
        theirs = getattr(torch.nn, entry.title)()
    except TypeError:  # Threshold has no defaults
        theirs = getattr(torch.nn, entry.title)(0.1, 20.0)
    ours = actlas.nn.create(entry.name)
    ours.load_state_dict(theirs.state_dict(), strict=True)
    theirs.load_state_dict(ours.state_dict(), strict=True)


@pytest.mark.parametrize("channels", [1, 3])
def test_a_prelu_checkpoint_moves_both_ways(channels: int) -> None:
    theirs, ours = torch.nn.PReLU(channels), actlas.nn.PReLU(channels)
    torch.nn.init.constant_(theirs.weight, 0.125)
    ours.load_state_dict(theirs.state_dict(), strict=True)
    x = torch.linspace(-3, 3, 12).reshape(2, -1)[:, :channels]
    torch.testing.assert_close(ours(x), theirs(x), rtol=0, atol=0)
