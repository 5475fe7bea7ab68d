"""Stochastic depth as published: the gate, the skipped work, the test-time rule, the counters."""

from __future__ import annotations

import copy
import itertools
import math
from collections.abc import Callable

import pytest
import torch
from torch import nn

from actlas.errors import ActlasError
from actlas.models import networks
from actlas.training import (
    StochasticBranch,
    drop_path_,
    linear_survival,
    stochastic_depth_,
    uniform_survival,
)
from tests.training.networks import chain, convolutional, seeded

# Sums of p_l = 1 - l/L (1 - p_L), which are L - (1 - p_L)(L + 1)/2.
EXPECTED = [(54, 0.5, 40.25), (54, 0.2, 32.0), (54, 0.8, 48.5), (600, 0.5, 449.75)]


@pytest.mark.parametrize(("blocks", "last", "expected"), EXPECTED)
def test_linear_schedule_has_the_papers_figures(blocks: int, last: float, expected: float) -> None:
    survival = linear_survival(blocks, last)
    assert sum(survival) == pytest.approx(expected, rel=1e-12)
    assert survival[-1] == pytest.approx(last)
    assert all(a > b for a, b in itertools.pairwise(survival))


def test_uniform_schedule() -> None:
    depth = stochastic_depth_(convolutional(5), 0.7, "uniform")
    assert depth.survival == uniform_survival(5, 0.7) == (0.7,) * 5
    assert depth.expected == pytest.approx(3.5)


def run(model: nn.Module, batches: int, samples: int = 2) -> None:
    x = torch.ones(samples, 1)
    with torch.no_grad():
        for _ in range(batches):
            model(x)


def test_as_many_blocks_run_as_expected() -> None:
    model = chain(nn.Identity, 54)
    depth = stochastic_depth_(model, 0.5, generator=seeded())
    run(model, 300)
    assert depth.batches == (300,) * 54
    error = math.sqrt(sum(p * (1 - p) for p in depth.survival) / 300)
    assert abs(sum(depth.executed) / 300 - 40.25) < 3 * error
    for count, p in zip(depth.executed, depth.survival, strict=True):
        assert abs(count - 300 * p) <= 4.5 * math.sqrt(300 * p * (1 - p))
    depth.reset()
    assert depth.executed == depth.batches == (0,) * 54


def one_gate_per_mini_batch() -> None:
    """All samples of a mini-batch keep the branch, or none does."""
    model = chain(lambda: nn.Linear(1, 1), 1)
    stochastic_depth_(model, 0.5, generator=seeded())
    seen = {len(model(torch.ones(64, 1)).unique()) for _ in range(40)}
    assert seen == {1}, "samples of one mini-batch differ"


def test_one_gate_per_mini_batch() -> None:
    one_gate_per_mini_batch()


def test_a_skipped_branch_is_not_called() -> None:
    """No call, no update of its batch norm, no gradient; the others have all three."""
    model = convolutional(6)
    depth = stochastic_depth_(model, 0.5, "uniform", generator=seeded(0))
    calls = [0] * 6
    for number, gate in enumerate(depth.gates):

        def count(*_: object, number: int = number) -> None:
            calls[number] += 1

        gate.branch.register_forward_hook(count)
    model(torch.randn(2, 4, 5, 5, generator=seeded(1))).sum().backward()
    assert tuple(calls) == depth.executed
    assert 0 < sum(calls) < 6
    for called, gate in zip(calls, depth.gates, strict=True):
        norm = gate.branch[1]
        assert norm.num_batches_tracked == called
        assert all((p.grad is not None) == bool(called) for p in gate.parameters())


def unscaled_in_training() -> None:
    """A branch that runs in training gives its plain output."""
    branch = StochasticBranch(nn.Identity(), 0.5, seeded())
    seen = torch.stack([branch(torch.ones(1)).sum() for _ in range(40)]).unique()
    assert seen.tolist() == [0.0, 1.0], f"in training the branch gives {seen.tolist()}"


def test_unscaled_in_training() -> None:
    unscaled_in_training()


@pytest.mark.parametrize("survival", [0.0, 0.3, 1.0])
def test_scaled_by_the_probability_at_test_time(survival: float) -> None:
    branch = StochasticBranch(nn.Identity(), survival).eval()
    x = torch.randn(3, 4, generator=seeded())
    assert torch.equal(branch(x), survival * x)
    assert branch.batches == 0


def linear_stack(model: nn.Module) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the mean of a linear network over all gates, by hand, and its output at test time."""
    depth = stochastic_depth_(model, 0.4)
    x = torch.randn(3, 5, generator=seeded(1), dtype=torch.float64)
    mean = torch.zeros_like(x)
    for gates in itertools.product((0, 1), repeat=len(depth.gates)):
        y, weight = x, 1.0
        for open_, gate in zip(gates, depth.gates, strict=True):
            y = y + open_ * gate.branch(y)
            weight *= gate.survival if open_ else 1 - gate.survival
        mean += weight * y
    return mean, model.eval()(x)


def test_the_test_time_output_is_the_mean_over_gates() -> None:
    mean, found = linear_stack(chain(lambda: nn.Linear(5, 5, bias=False).double(), 6))
    torch.testing.assert_close(found, mean, rtol=1e-12, atol=1e-12)


def test_probability_one_is_the_plain_network() -> None:
    plain = convolutional()
    gated = copy.deepcopy(plain)
    stochastic_depth_(gated, 1.0)
    x = torch.randn(2, 4, 5, 5, generator=seeded(1))
    for model in (plain, gated):
        model(x).square().sum().backward()
    assert torch.equal(plain(x), gated(x))
    for one, other in zip(plain.parameters(), gated.parameters(), strict=True):
        assert torch.equal(one.grad, other.grad)
    assert torch.equal(plain.eval()(x), gated.eval()(x))


RESIDUAL = [entry for entry in networks().values() if entry.id in ("resnet", "preact_resnet")]


@pytest.mark.parametrize("entry", RESIDUAL, ids=lambda entry: entry.id)
def test_networks_of_actlas(entry) -> None:  # type: ignore[no-untyped-def]
    """Their blocks are found; with p = 1, and after `remove`, the network is the plain one."""
    model = entry.build(depth=20)
    x = torch.randn(2, *entry.input, generator=seeded())
    plain = model.eval()(x)
    state = copy.deepcopy(model.state_dict())
    depth = stochastic_depth_(model, 1.0)
    assert len(depth.gates) == 9
    assert torch.equal(model(x), plain)
    depth.remove()
    depth = stochastic_depth_(model, 0.0, "uniform")
    model.train()(x).sum().backward()
    assert depth.executed == (0,) * 9
    depth.remove()
    model.load_state_dict(state)
    assert torch.equal(model.eval()(x), plain)


def test_what_the_optimiser_does_to_a_skipped_block() -> None:
    """Without a gradient nothing; with gradients of zeros, as published, momentum goes on."""
    for to_none, moves in ((True, False), (False, True)):
        branch = StochasticBranch(nn.Linear(1, 1), 1.0)
        optimizer = torch.optim.SGD(branch.parameters(), lr=0.1, momentum=0.9)
        branch(torch.ones(1, 1)).sum().backward()
        optimizer.step()
        before = branch.branch.weight.detach().clone()
        branch.survival = 0.0
        optimizer.zero_grad(set_to_none=to_none)
        assert branch(torch.ones(1, 1)).item() == 0
        optimizer.step()
        assert (not torch.equal(branch.branch.weight, before)) is moves


def test_the_same_generator_gives_the_same_gates() -> None:
    counts = []
    for _ in range(2):
        model = chain(lambda: nn.Linear(1, 1), 20)
        depth = stochastic_depth_(model, generator=seeded(7))
        run(model, 30)
        counts.append(depth.executed)
    assert counts[0] == counts[1]
    assert len(set(counts[0])) > 1


def test_copies_and_checkpoints() -> None:
    model = convolutional()
    depth = stochastic_depth_(model, 0.6, generator=seeded(2))
    twin = copy.deepcopy(model)
    assert len({id(block.branch.generator) for block in twin}) == 1, "one generator for all gates"
    assert twin[0].branch.generator is not depth.gates[0].generator
    x = torch.randn(2, 4, 5, 5, generator=seeded(1))
    assert torch.equal(twin(x), model(x))
    other = convolutional(seed=5)
    stochastic_depth_(other, 0.6)
    other.load_state_dict(model.state_dict())
    assert torch.equal(other.eval()(x), model.eval()(x))


@pytest.mark.parametrize("gate", [stochastic_depth_, drop_path_], ids=lambda gate: gate.__name__)
def test_states_are_those_of_the_plain_network(gate: Callable[..., object]) -> None:
    """What is saved with gates loads without them, and the other way round."""
    plain, gated = convolutional(), convolutional(seed=5)
    gate(gated)
    assert list(gated.state_dict()) == list(plain.state_dict())
    x = torch.randn(2, 4, 5, 5, generator=seeded(1))
    for source, target in ((plain, gated), (gated, convolutional(seed=6))):
        target.load_state_dict(source.state_dict())
        for key, value in target.state_dict().items():
            assert torch.equal(value, source.state_dict()[key])
    with pytest.raises(RuntimeError, match=r"Unexpected key.*other"):
        gated.load_state_dict({**plain.state_dict(), "0.branch.other": x})


def test_autocast_keeps_the_dtype() -> None:
    model = chain(lambda: nn.Linear(4, 4), 2)
    stochastic_depth_(model, 0.0, "uniform")
    x = torch.ones(2, 4, dtype=torch.bfloat16)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert model(x).dtype == torch.bfloat16


def _twice(model: nn.Module) -> None:
    stochastic_depth_(model)
    stochastic_depth_(model)


REFUSED = {
    "above one": (lambda m: stochastic_depth_(m, 1.5), "number from 0 to 1, got 1.5"),
    "not a number": (lambda m: StochasticBranch(m, float("nan")), "number from 0 to 1, got nan"),
    "text": (lambda m: stochastic_depth_(m, "half"), "number from 0 to 1, got 'half'"),
    "schedule": (lambda m: stochastic_depth_(m, schedule="liner"), "Did you mean 'linear'?"),
    "no blocks": (lambda m: stochastic_depth_(nn.Linear(1, 1)), "has no residual blocks"),
    "no branch": (lambda m: stochastic_depth_(m, blocks=[nn.ReLU()]), "has no module `branch`"),
    "no list": (lambda m: stochastic_depth_(m, blocks=3), "list of modules"),
    "one block twice": (lambda m: stochastic_depth_(m, blocks=[m[0], m[0]]), "one of them twice"),
    "gated already": (_twice, "has a gate already"),
    "no depth": (lambda m: linear_survival(0), "whole number from 1 up, got 0"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_bad_input_is_refused(case: str) -> None:
    call, message = REFUSED[case]
    with pytest.raises(ActlasError, match=message.replace("?", r"\?")):
        call(convolutional())


def test_a_refusal_changes_nothing() -> None:
    model = convolutional()
    branches = [block.branch for block in model]
    for call in (lambda: stochastic_depth_(model, 2.0),
                 lambda: stochastic_depth_(model, blocks=[*model, nn.ReLU()])):  # fmt: skip
        with pytest.raises(ActlasError):
            call()
    assert [block.branch for block in model] == branches
