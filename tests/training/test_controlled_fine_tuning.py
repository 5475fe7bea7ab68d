"""Fine-tuning with another function beside its control, which tells the extra epochs apart."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

import actlas
from actlas.errors import ActlasError
from actlas.training import fine_tune, fine_tune_with_control, relative_error_reduction
from tests.training.test_transfer import BATCHES, classifier, clouds


def error_of(model: nn.Module) -> float:
    x, y = clouds(400, 11, 1.2)
    with torch.no_grad():
        return 1 - (model.eval()(x).argmax(1) == y).float().mean().item()


def trained_relu() -> nn.Module:
    model = classifier()
    fine_tune(model, BATCHES, steps=4, learning_rate=0.02)
    return model


def test_a_replaced_network_begins_as_the_same_function() -> None:
    """PVLU with alpha = 0 is ReLU bit for bit; its alpha has a gradient, its beta has none."""
    model = trained_relu().eval()
    changed = copy.deepcopy(model)
    changed[2] = actlas.nn.create("pvlu", alpha=0.0)
    x, y = clouds(50, 1)
    assert torch.equal(changed(x), model(x))
    nn.functional.cross_entropy(changed(x), y).backward()
    assert changed[2].alpha.grad.abs() > 1e-4
    assert changed[2].beta.grad == 0
    fine_tune(changed, BATCHES, steps=5, learning_rate=0.05)
    assert changed[2].alpha != 0


def the_same_function_gains_nothing() -> None:
    """An arm that changes nothing: all of the paper's figure is the extra epochs."""
    model = trained_relu()
    arms = fine_tune_with_control(
        copy.deepcopy(model), model, lambda m: fine_tune(m, BATCHES, steps=60, learning_rate=0.05),
        error_of,
    )  # fmt: skip
    assert arms.reduction > 0.1
    assert arms.due_to_function == 0, f"the same function gained {arms.due_to_function:.3f}"
    assert arms.before == arms.changed_before
    assert arms.reduction == relative_error_reduction(arms.before, arms.changed)


def test_the_same_function_gains_nothing() -> None:
    the_same_function_gains_nothing()


def both_arms_draw_the_same_numbers() -> None:
    """Dropout and shuffling are the same in both, and PyTorch's state is as before."""
    drawn: list[torch.Tensor] = []
    before = torch.get_rng_state()
    fine_tune_with_control(
        nn.Identity(), nn.Identity(), lambda _: drawn.append(torch.rand(3)), lambda _: 0.5
    )
    assert torch.equal(*drawn), "the control draws other numbers"
    assert torch.equal(torch.get_rng_state(), before)


def test_both_arms_draw_the_same_numbers() -> None:
    both_arms_draw_the_same_numbers()


def test_arms_that_share_parameters_are_refused() -> None:
    model = classifier()
    with pytest.raises(ActlasError, match="the changed network and its control must not share"):
        fine_tune_with_control(model, model, lambda _: None, error_of)


def test_without_an_error_there_is_nothing_to_reduce() -> None:
    with pytest.raises(ActlasError, match="must be above 0"):
        relative_error_reduction(0.0, 0.0)
