"""The transfer protocol: grids, fixed features, fine-tuning; its statistics."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import actlas
from actlas.errors import ActlasError
from actlas.training import (
    FINE_TUNING_GRID,
    FINE_TUNING_STEPS,
    PENALTIES,
    SCRATCH_GRID,
    centred_logits,
    correlation,
    extract_features,
    fine_tune,
    fixed_features,
    logit,
    mean_per_class,
    standard_errors,
    top_1,
    train_over_grid,
    transfer_correlation,
)
from actlas.training.fine_tuning import batch_norm_momentum
from tests.training.networks import seeded


def clouds(n: int, seed: int, spread: float = 1.0) -> tuple[torch.Tensor, torch.Tensor]:
    """Return points around three centres, and which."""
    y = torch.arange(n) % 3
    centres = torch.tensor([[2.0, 0.0], [-1.0, 1.7], [-1.0, -1.7]])
    return centres[y] + spread * torch.randn(n, 2, generator=seeded(seed)), y


def examples(n: int, seed: int, spread: float = 1.0) -> tuple[Any, Any]:
    x, y = clouds(n, seed, spread)
    return x.numpy(), y.numpy()


# ---------------------------------------------------------- fixed features


def test_the_published_grids() -> None:
    assert (len(PENALTIES), PENALTIES[0], PENALTIES[-1]) == (45, 1e-6, 1e5)
    steps = np.diff(np.log10(PENALTIES))
    assert steps == pytest.approx(np.full(44, 0.25))
    assert FINE_TUNING_STEPS == 20_000
    assert len(FINE_TUNING_GRID) == 7 * 8
    rates = sorted({rate for rate, _ in FINE_TUNING_GRID})
    assert rates == pytest.approx([1e-4 * 10 ** (k / 2) for k in range(7)])
    products = sorted({round(rate * decay, 12) for rate, decay in FINE_TUNING_GRID})
    assert products == pytest.approx([0, *(1e-6 * 10 ** (k / 2) for k in range(7))], rel=1e-3)
    assert len(SCRATCH_GRID) == 56
    assert max(rate for rate, _ in SCRATCH_GRID) == 1.0


def objective(weights: torch.Tensor, x: torch.Tensor, y: torch.Tensor, penalty: float) -> Any:
    """The sum of the losses and half the penalty, in torch."""
    logits = x @ weights[:, :-1].T + weights[:, -1]
    return (nn.functional.cross_entropy(logits, y, reduction="sum")
            + penalty / 2 * weights[:, :-1].square().sum())  # fmt: skip


def test_the_penalty_acts_on_the_sum_of_losses() -> None:
    """The fitted weights are a minimum of the objective as torch computes it."""
    from actlas.training import transfer

    x, y = clouds(90, 0)
    for penalty in (0.1, 10.0):
        model = transfer._regression(5000)
        model.tol = 1e-10
        assert transfer._fit(model, penalty, (x.double().numpy(), y.numpy()))
        weights = torch.tensor(np.c_[model.coef_, model.intercept_], requires_grad=True)
        objective(weights, x.double(), y, penalty).backward()
        assert weights.grad is not None
        assert weights.grad.abs().max() < 2e-3


def test_validation_chooses_and_test_is_read_once() -> None:
    parts = [examples(n, seed, 1.5) for n, seed in ((30, 0), (60, 1), (600, 2))]
    read: list[int] = []

    def metric(labels: Any, predictions: Any) -> float:
        read.append(len(labels))
        return top_1(labels, predictions)

    found = fixed_features(*parts, penalties=(1e-4, 1.0, 1e4), metric=metric)
    assert read == [60, 60, 60, 600]
    assert found.validation.index(max(found.validation)) == (1e-4, 1.0, 1e4).index(found.choice)
    assert found.converged
    assert 0.6 < found.accuracy < 0.95


def test_warm_starts_change_nothing() -> None:
    parts = [examples(n, seed, 1.5) for n, seed in ((60, 3), (90, 4), (90, 5))]
    penalties = (1e-2, 1.0, 100.0)
    together = fixed_features(*parts, penalties=penalties).validation
    alone = [fixed_features(*parts, penalties=[p]).validation[0] for p in penalties]
    assert together == pytest.approx(alone, abs=1 / 90)


def test_the_whole_published_grid() -> None:
    found = fixed_features(*(examples(n, n, 0.7) for n in (60, 61, 300)))
    assert len(found.validation) == 45
    assert found.accuracy > 0.9


def test_too_few_iterations_are_told() -> None:
    parts = [examples(60, seed, 1.5) for seed in range(3)]
    assert not fixed_features(*parts, penalties=[1e-6], iterations=2).converged


def test_features_are_taken_in_evaluation_mode() -> None:
    model = nn.Sequential(nn.Dropout(0.9), nn.BatchNorm1d(2))
    model[1].eval()
    batches = [clouds(6, 0), clouds(3, 1)]
    x, y = extract_features(model, batches)
    expected = torch.cat([batch[0] for batch in batches]) / math.sqrt(1 + 1e-5)
    np.testing.assert_allclose(x, expected.numpy(), rtol=1e-6)
    assert y.tolist() == [0, 1, 2, 0, 1, 2, 0, 1, 2]
    assert (model.training, model[0].training, model[1].training) == (True, True, False)
    assert model[1].num_batches_tracked == 0


def test_metrics_beside_scikit_learn() -> None:
    sklearn = pytest.importorskip("sklearn.metrics")
    labels = torch.randint(0, 4, (200,), generator=seeded()).numpy()
    said = torch.randint(0, 4, (200,), generator=seeded(1)).numpy()
    assert top_1(labels, said) == pytest.approx(sklearn.accuracy_score(labels, said))
    assert mean_per_class(labels, said) == pytest.approx(
        sklearn.balanced_accuracy_score(labels, said))  # fmt: skip


# ------------------------------------------------------------- fine-tuning


def classifier(seed: int = 0, activation: str = "relu") -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(
            nn.Linear(2, 16), nn.BatchNorm1d(16), actlas.nn.create(activation), nn.Linear(16, 3)
        )


BATCHES = [clouds(24, seed) for seed in range(5)]


def test_the_recipe_step_by_step() -> None:
    """The same updates written out: Nesterov momentum, half a cosine, decay, batch-norm rate."""
    model, twin = classifier(), classifier()
    losses = fine_tune(model, BATCHES, steps=12, learning_rate=0.1, weight_decay=1e-2)
    assert model[1].momentum == twin[1].momentum == 0.1
    buffers = [torch.zeros_like(p) for p in twin.parameters()]
    for step in range(12):
        x, y = BATCHES[step % 5]
        loss = nn.functional.cross_entropy(twin(x), y)
        assert loss.item() == pytest.approx(losses[step], rel=1e-4)
        rate = 0.05 * (1 + math.cos(math.pi * step / 12))
        gradients = torch.autograd.grad(loss, list(twin.parameters()))
        with torch.no_grad():
            for p, g, b in zip(twin.parameters(), gradients, buffers, strict=True):
                g = g + 1e-2 * p
                b.mul_(0.9).add_(g)
                p.sub_(rate * (g + 0.9 * b))
    for one, other in zip(model.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


def test_batch_norm_averages() -> None:
    """PyTorch's momentum is what the paper's leaves over: 1 - max(1 - 10/s, 0.9)."""
    for steps in (1, 50, 100, 101, 1000, 20_000):
        assert batch_norm_momentum(steps) == pytest.approx(1 - max(1 - 10 / steps, 0.9))


def test_the_grid_is_searched_on_validation_data() -> None:
    built: list[nn.Module] = []

    def make() -> nn.Module:
        built.append(classifier())
        return built[-1]

    parts = (BATCHES, [clouds(60, 7)], [clouds(300, 8)])
    grid = ((1e-7, 0.0), (0.1, 1e-3), (1e-7, 1e-3))
    found = train_over_grid(make, *parts, grid=grid, steps=40)
    assert found.choice == (0.1, 1e-3)
    assert found.accuracy > 0.75
    assert len(built) == 3
    again = train_over_grid(make, *parts, grid=grid, steps=40, both=[*BATCHES, *parts[1]])
    assert len(built) == 7, "the final network is trained on both parts"
    assert again.choice == found.choice


@pytest.mark.slow
def test_pretraining_helps_on_few_images() -> None:
    """All three settings on digits: features from 0-4 classify 5-9."""
    datasets = pytest.importorskip("sklearn.datasets")
    digits = datasets.load_digits()
    x = torch.tensor(digits.images[:, None] / 16, dtype=torch.float32)
    y = torch.tensor(digits.target)

    def make(classes: int = 5) -> nn.Sequential:
        with torch.random.fork_rng():
            torch.manual_seed(0)
            return nn.Sequential(
                nn.Conv2d(1, 16, 3), nn.ReLU(), nn.Conv2d(16, 32, 3), nn.ReLU(), nn.Flatten(),
                nn.Linear(512, classes),
            )  # fmt: skip

    def batches(part: torch.Tensor, shift: int, size: int = 50) -> list[Any]:
        return [(x[i], y[i] - shift) for i in part.split(size)]

    source, target = (torch.nonzero(mask)[:, 0] for mask in (y < 5, y >= 5))
    pretrained = make()
    fine_tune(pretrained, batches(source, 0), steps=150, learning_rate=0.05)
    parts = [target[:50], target[50:150], target[150:]]
    features = fixed_features(
        *(extract_features(pretrained[:-1], batches(part, 5)) for part in parts),
        penalties=PENALTIES[::8],
    )
    trained = [
        train_over_grid(lambda start=start: copy.deepcopy(start), *(batches(p, 5) for p in parts),
                        grid=((0.01, 0.0), (0.05, 1e-4)), steps=60)
        for start in (pretrained, make())
    ]  # fmt: skip
    assert features.accuracy > 0.85
    assert all(found.accuracy > 0.7 for found in trained)


# -------------------------------------------------------------- statistics


def table(seed: int, networks: int = 16, sets: int = 12, noise: float = 0.05) -> tuple[Any, Any]:
    """Return accuracies with logit = a_d + logit(source) + noise, and the source's."""
    draw = np.random.default_rng(seed)
    source = draw.uniform(-0.5, 1.5, networks)
    logits = draw.normal(0, 1, sets) + source[:, None] + draw.normal(0, noise, (networks, sets))
    return 1 / (1 + np.exp(-logits)), 1 / (1 + np.exp(-source))


def the_pipeline_recovers_the_correlation() -> None:
    accuracy, source = table(0)
    found = transfer_correlation(accuracy, source)
    assert found.r > 0.998
    assert found.low > 0.99
    assert found.slope == pytest.approx(1, abs=0.05)
    assert found.networks == 16


def test_the_pipeline_recovers_the_correlation() -> None:
    the_pipeline_recovers_the_correlation()


def test_an_easier_data_set_changes_nothing() -> None:
    """A constant per data set, in logits, is taken away."""
    accuracy, source = table(1)
    shift = np.linspace(-2, 2, 12)
    moved = 1 / (1 + np.exp(-(np.log(accuracy / (1 - accuracy)) + shift)))
    one, other = transfer_correlation(accuracy, source), transfer_correlation(moved, source)
    assert one.r == pytest.approx(other.r, abs=1e-12)
    assert centred_logits(accuracy).mean(0) == pytest.approx(np.zeros(12), abs=1e-12)


def test_raw_accuracies_correlate_less() -> None:
    accuracy, source = table(0)
    raw = np.corrcoef(accuracy.mean(1), source)[0, 1]
    assert raw < transfer_correlation(accuracy, source).r


def test_correlation_beside_scipy() -> None:
    stats = pytest.importorskip("scipy.stats")
    draw = np.random.default_rng(0)
    x = draw.normal(size=30)
    y = 0.6 * x + draw.normal(size=30)
    found, theirs = correlation(x, y, 0.9), stats.pearsonr(x, y)
    interval = theirs.confidence_interval(0.9)
    assert (found.r, found.low, found.high) == pytest.approx((theirs.statistic, *interval))
    assert found.slope == pytest.approx(stats.linregress(x, y).slope)


def test_the_interval_covers() -> None:
    """95 % intervals hold the true correlation in 95 of 100 samples."""
    draw, true, inside = np.random.default_rng(3), 0.7, 0
    for _ in range(2000):
        x, e = draw.normal(size=(2, 12))
        found = correlation(x, true * x + math.sqrt(1 - true**2) * e)
        inside += found.low <= true <= found.high
    assert abs(inside / 2000 - 0.95) < 4 * math.sqrt(0.95 * 0.05 / 2000)


def test_moreys_correction() -> None:
    """The corrected variance of the centred values is that of the noise, without bias."""
    draw = np.random.default_rng(4)
    found = []
    for _ in range(400):
        logits = draw.normal(0, 2, 6) + draw.normal(0, 0.3, (4, 6))
        found.append(standard_errors(1 / (1 + np.exp(-logits))) ** 2)
    expected = 0.3**2 / 6
    assert np.mean(found) == pytest.approx(expected, rel=0.05)


def test_a_perfect_line_has_no_interval() -> None:
    found = correlation([1, 2, 3, 4], [2, 4, 6, 8])
    assert (found.r, found.low, found.high) == pytest.approx((1, 1, 1), abs=1e-6)


REFUSED: dict[str, tuple[Callable[[], Any], str]] = {
    "accuracy of 1": (lambda: logit([0.5, 1.0]), "above 0 and below 1, got 1"),
    "no table": (lambda: centred_logits([0.5, 0.6]), "networks x data sets"),
    "three numbers": (lambda: correlation([1, 2, 3], [1, 2, 3]), "four or more"),
    "constant": (lambda: correlation([1, 1, 1, 1], [1, 2, 3, 4]), "not all equal"),
    "level": (lambda: correlation([1, 2, 3, 4], [1, 2, 4, 3], 1.0), "level must be"),
    "one network": (lambda: standard_errors([[0.5, 0.6]]), "two networks and two data sets"),
    "penalty": (lambda: fixed_features(*[examples(6, 0)] * 3, penalties=[0]), "above 0"),
    "no steps": (lambda: fine_tune(classifier(), BATCHES, steps=0, learning_rate=1), "steps is"),
    "no batches": (lambda: fine_tune(classifier(), [], steps=1, learning_rate=1), "number of bat"),
    "no grid": (lambda: train_over_grid(classifier, BATCHES, BATCHES, BATCHES, grid=()), "grid"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_bad_input_is_refused(case: str) -> None:
    call, message = REFUSED[case]
    with pytest.raises(ActlasError, match=message):
        call()
