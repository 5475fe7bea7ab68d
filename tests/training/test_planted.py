"""Faults planted in the training methods: each must turn the named check red."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch.optim import Optimizer

from actlas.training import (
    controlled_fine_tuning,
    imbalance,
    langevin,
    langevin_layers,
    reinitialisation,
    stochastic_depth,
    transfer_statistics,
)
from tests.training import (
    test_controlled_fine_tuning,
    test_damage,
    test_langevin,
    test_langevin_state,
    test_reinitialisation,
    test_stochastic_depth,
    test_transfer,
)

Plant = Callable[[pytest.MonkeyPatch], None]
Check = Callable[[], None]


def part(owner: Any, name: str, wrong: Any) -> Plant:
    return lambda patch: patch.setattr(owner, name, wrong)


def _forward(wrong: Callable[..., torch.Tensor]) -> Plant:
    return part(stochastic_depth.StochasticBranch, "forward", wrong)


def _per_sample(gate: Any, x: torch.Tensor) -> torch.Tensor:
    mask = torch.rand(len(x), 1, generator=gate.generator) < gate.survival
    return gate.branch(x) * mask  # type: ignore[no-any-return]


def _scaled_in_training(gate: Any, x: torch.Tensor) -> torch.Tensor:
    y = gate.branch(x)
    return y / gate.survival if gate.training and gate._is_kept() else y * 0


def _unscaled_at_test_time(gate: Any, x: torch.Tensor) -> torch.Tensor:
    return gate.branch(x)  # type: ignore[no-any-return]


def _computed_and_multiplied(gate: Any, x: torch.Tensor) -> torch.Tensor:
    return gate.branch(x) * gate._is_kept()  # type: ignore[no-any-return]


def _everywhere(model: torch.nn.Module, _: Any) -> list[dict[str, Any]]:
    return [{"params": list(model.parameters())}]


def _nearest_the_output(model: torch.nn.Module) -> dict[str, torch.nn.Module]:
    return dict(reversed(_layers(model).items()))


_layers = langevin_layers._layers
_adam = langevin.LangevinAdam._preconditioner


def _without_root(self: Any, parameter: Any, group: Any, past: Any) -> Any:
    return _adam(self, parameter, group, past) ** 2


_resetting = reinitialisation._resetting


def _drawn_alike(network: Any, _: Any) -> Callable[[torch.nn.Module], None]:
    return lambda block: _resetting(network, torch.Generator().manual_seed(1))(block)


def _thawed(norm: Any, x: torch.Tensor) -> torch.Tensor:
    if not norm.on:
        return x
    norm.mean, norm.std = norm._statistics(x)
    return (x - norm.mean) / norm.std  # type: ignore[no-any-return]


def _ties_in_order(positive: Any, score: Any) -> float:
    rank = score.argsort(kind="stable").argsort() + 1.0
    ones, zeros = positive.sum(), (~positive).sum()
    return float((rank[positive].sum() - ones * (ones + 1) / 2) / (ones * zeros))


def _control_left_alone(changed: Any, control: Any, train: Any, error: Any) -> Any:
    before = error(control)
    train(changed)
    return controlled_fine_tuning.Arms(before, before, error(changed), before)


_start = langevin.Langevin.__init__


def _marked_as_torch(self: Any, *given: Any, **options: Any) -> None:
    _start(self, *given, **options)
    self._step_supports_amp_scaling = True


def variance(kind: type[langevin.Langevin]) -> Check:
    return lambda: test_langevin.noise_has_the_stated_variance(kind, 1)


def kept_run() -> None:
    test_langevin_state.test_a_saved_run_goes_on_with_the_same_numbers(langevin.LangevinSGD, {})


def linear_stack() -> None:
    test_stochastic_depth.test_the_test_time_output_is_the_mean_over_gates()


FAULTS: dict[str, tuple[Plant, Check, str]] = {
    "a gate per sample instead of per mini-batch": (
        _forward(_per_sample), test_stochastic_depth.one_gate_per_mini_batch,
        "samples of one mini-batch differ"),
    "scaling at training time": (
        _forward(_scaled_in_training), test_stochastic_depth.unscaled_in_training,
        r"in training the branch gives \[0.0, 2.0\]"),
    "no scaling at test time": (
        _forward(_unscaled_at_test_time), linear_stack, "not close"),
    "a skipped branch is computed and multiplied by 0": (
        _forward(_computed_and_multiplied),
        test_stochastic_depth.test_a_skipped_branch_is_not_called, "assert"),
    "sigma for all layers": (
        part(test_langevin, "layer_groups", _everywhere),
        test_langevin.masked_layers_get_no_noise, "moved: "),
    "deepest read as nearest the output": (
        part(langevin_layers, "_layers", _nearest_the_output),
        test_langevin.deepest_is_nearest_the_input, "not the layers nearest the input"),
    "noise that is not preconditioned": (
        part(langevin.LangevinRMSprop, "_preconditioner", lambda *_: 1.0),
        variance(langevin.LangevinRMSprop), "of the stated one"),
    "P in the place of its root": (
        part(langevin.LangevinAdam, "_preconditioner", _without_root),
        variance(langevin.LangevinAdam), "of the stated one"),
    "Adadelta leaves the learning rate out of u where there is no noise": (
        part(langevin.LangevinAdadelta, "_changes", langevin.Langevin._changes),
        lambda: test_langevin.adadelta_remembers_its_steps(0.0), "not close"),
    "a GradScaler leaves infinite gradients to a fused step": (
        part(langevin.Langevin, "__init__", _marked_as_torch),
        lambda: test_langevin_state.test_an_infinite_gradient_is_skipped_with_its_noise(
            langevin.LangevinAdam), "equal"),
    "arms draw one after the other": (
        part(torch.random, "fork_rng", contextlib.nullcontext),
        test_controlled_fine_tuning.both_arms_draw_the_same_numbers, "other numbers"),
    "the generator's state is not saved": (
        part(langevin.Langevin, "state_dict", Optimizer.state_dict), kept_run, "same"),
    "hooks run twice": (
        part(langevin, "_without_hooks", lambda kind: kind.step),
        lambda: test_langevin.test_closures_and_hooks_run_once(langevin.LangevinAdam), "before"),
    "tensors below keep the norm they were trained to": (
        part(reinitialisation, "_rescale", lambda *_: None),
        test_reinitialisation.below_keep_their_direction_and_their_first_norm,
        "comparison failed|not 0"),
    "the same draw every round": (
        part(reinitialisation, "_resetting", _drawn_alike),
        test_reinitialisation.above_are_drawn_anew, "an old draw came back"),
    "a frozen normalisation that is not frozen": (
        part(reinitialisation.FrozenNormalisation, "forward", _thawed),
        test_reinitialisation.test_normalisations_are_switched_on_once_and_frozen, "assert"),
    "accuracies in the place of their logits": (
        part(transfer_statistics, "logit", np.asarray),
        test_transfer.the_pipeline_recovers_the_correlation, "assert"),
    "a control that is not trained": (
        part(test_controlled_fine_tuning, "fine_tune_with_control", _control_left_alone),
        test_controlled_fine_tuning.the_same_function_gains_nothing, "the same function gained"),
    "equal scores ranked in order": (
        part(imbalance, "_area", _ties_in_order),
        lambda: test_damage.test_metrics_beside_scikit_learn(0.5, True), "auc"),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_turns_red(fault: str) -> None:
    plant, check, says = FAULTS[fault]
    check()
    with pytest.MonkeyPatch.context() as patch:
        plant(patch)
        with pytest.raises(AssertionError, match=says):
            check()
    check()
