"""How a new function starts: as the old one, at the right scale, without weight decay."""

from __future__ import annotations

import copy
import math
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - as models write it
from torch import Tensor, nn

import actlas
from actlas.catalogue import Definition
from actlas.errors import ActlasError
from actlas.surgery import param_groups
from actlas.surgery.replacement.warm_start import nearest_start
from tests.conftest import ENTRIES, over
from tests.surgery.replace_models import Forms, Twice, draw

LEARNED = [
    entry for entry in ENTRIES
    if len(entry.inputs) == 1 and any(p.learnable for p in entry.parameters.values())
]  # fmt: skip
OLD = {"relu": F.relu, "silu": F.silu, "tanh": torch.tanh, "leaky_relu": F.leaky_relu}


# ---------------------------------------------------------------- warm start


@over(LEARNED)
def test_the_difference_that_is_said_is_there(entry: Definition) -> None:
    """Against PyTorch's own function, between the points where it was measured."""
    random = np.random.default_rng(7)
    x = random.uniform(-10, 10, 4001)
    x[1000:] *= 10.0 ** random.uniform(-7, 0, 3001)  # narrow differences lie beside a kink
    for name, function in OLD.items():
        old = actlas.get(name)
        given = tuple(entry.bind({}).items())
        start = nearest_start(entry, given, (old.definition, old.values))
        assert all(value in entry.parameters[key].domain for key, value in start.parameters.items()
                   if isinstance(value, float))  # fmt: skip
        truth = function(torch.from_numpy(x)).numpy()
        apart = np.abs(actlas.get(entry.name, **start.parameters)(x) - truth).max()
        assert apart <= start.difference * 1.05 + 1e-9
        assert apart >= start.difference * 0.8 - 1e-9
        assert start.difference <= _at_defaults(entry, old) * 1.01 + 1e-9


def _at_defaults(entry: Definition, old: Any) -> float:
    x = np.linspace(-10, 10, 2001)
    return float(np.abs(actlas.get(entry.name)(x) - old(x)).max())


@pytest.mark.parametrize(
    ("new", "old", "parameters"),
    [("pvlu", "relu", {"alpha": 0.0, "beta": 1.0}), ("prelu", "relu", {"a": 0.0}),
     ("prelu", "leaky_relu", {"a": 0.01}), ("swish", "silu", {"beta": 1.0}),
     ("acon_c", "silu", {"p1": 1.0, "p2": 0.0, "beta": 1.0}),
     ("star_relu", "squared_relu", {"s": 1.0, "b": 0.0})],
)  # fmt: skip
def test_families_that_contain_the_old_function(
    new: str, old: str, parameters: dict[str, float]
) -> None:
    point = actlas.get(old)
    found = nearest_start(
        actlas.get(new).definition, tuple(actlas.get(new).values), (point.definition, point.values)
    )
    assert found.parameters == parameters
    assert found.difference == pytest.approx(0.0, abs=1e-12)


def test_a_bound_can_be_allowed() -> None:
    """Swish tends to ReLU as beta grows; the remaining difference is W(1/e)/beta."""
    with pytest.raises(ActlasError, match=r"swish\(beta=1000\), differs by 0.00028"):
        actlas.replace(Twice(), {"relu": "swish"}, warm_start=True)
    model, x = Twice(), draw(50, 4)
    before = model(x)
    report = actlas.replace(model, {"relu": "swish"}, warm_start=1e-3)
    assert report.difference == pytest.approx(0.2784645 / 1000, rel=0.01)
    assert not any(row.same_bits for row in report.replaced)
    assert 0 < (model(x) - before).abs().max() < 1e-3


def test_parameters_that_were_given_stay_where_they_help() -> None:
    report = actlas.replace(
        Twice(), {"relu": actlas.get("pvlu", beta=3.0)}, warm_start=True, dry_run=True
    )
    module = report.modules["actlas_calls.relu_1"]
    assert [p.item() for p in module.parameters()] == [0.0, 3.0]


def test_the_old_parameters_count() -> None:
    model = nn.Sequential(nn.LeakyReLU(0.37), nn.PReLU(init=0.37))
    report = actlas.replace(model, {"leaky_relu": "prelu", nn.PReLU: "prelu"}, warm_start=True)
    assert [row.difference for row in report.replaced] == [0.0, pytest.approx(0, abs=1e-6)]
    assert model[0].weight.item() == pytest.approx(0.37)


def test_what_is_not_known_is_refused() -> None:
    class Leaky(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return F.leaky_relu(x, 0.3)

    with pytest.raises(ActlasError, match="parameters of the old function, which are not known"):
        actlas.replace(Leaky(), {"leaky_relu": "prelu"}, warm_start=True)
    with pytest.raises(ActlasError, match="warm start needs a function of the catalogue"):
        actlas.replace(Twice(), {"relu": nn.Mish}, warm_start=True)
    with pytest.raises(ActlasError, match="warm_start is True, False or the difference"):
        actlas.replace(Twice(), {"relu": "pvlu"}, warm_start=-1.0)
    several = nn.Sequential(nn.PReLU(3))
    with pytest.raises(ActlasError, match="parameters of the old function, which are not known"):
        actlas.replace(several, {nn.PReLU: "prelu"}, warm_start=True)


# ---------------------------------------------------------------- gains


def test_weights_are_rescaled_by_the_ratio_of_gains() -> None:
    """The second moment behind the new function is what it was behind the old one."""
    model = nn.Sequential(nn.Linear(64, 4096, bias=False), nn.ReLU()).double()
    with torch.no_grad():
        model[0].weight.copy_(draw(4096, 64, seed=1, dtype=torch.float64) / math.sqrt(32))
    saved, x = model[0].weight.detach().clone(), draw(64, 64, seed=2, dtype=torch.float64)
    ratio = actlas.init.gain("tanh") / math.sqrt(2)
    report = actlas.replace(model, {"relu": "tanh"}, rescale=True)
    assert report.replaced[0].rescaled == pytest.approx(ratio)
    torch.testing.assert_close(model[0].weight, saved * ratio)
    assert model[1](x / x.square().mean().sqrt()).isfinite().all()
    report.undo()
    assert torch.equal(model[0].weight, saved)


def test_trained_weights_are_scaled_back() -> None:
    model = nn.Sequential(nn.Linear(3, 3), nn.ReLU())
    report = actlas.replace(model, {"relu": "tanh"}, rescale=True)
    factor = report.replaced[0].rescaled
    with torch.no_grad():
        model[0].weight.fill_(1.0)
    report.undo()
    torch.testing.assert_close(model[0].weight, torch.full((3, 3), 1 / factor))  # type: ignore[operator]


def test_layers_are_found_from_the_code() -> None:
    model = Forms()
    saved = {name: p.detach().clone() for name, p in model.named_parameters()}
    report = actlas.replace(model, {"relu": "tanh"}, rescale=True)
    ratio = actlas.init.gain("tanh") / actlas.init.gain("relu")
    for name in ("a", "b", "c"):
        layer = getattr(model, name)
        torch.testing.assert_close(layer.weight, saved[f"{name}.weight"] * ratio)
        assert torch.equal(layer.bias, saved[f"{name}.bias"])
    assert len(report.replaced) == 3


def _tied() -> nn.Module:
    model = nn.Sequential(nn.Linear(3, 3), nn.ReLU(), nn.Linear(3, 3))
    model[2].weight = model[0].weight
    return model


@pytest.mark.parametrize(
    ("model", "why"),
    [(nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3), nn.ReLU()), "a normalisation"),
     (nn.Sequential(nn.ReLU()), "cannot be read from the code"),
     (nn.Sequential(nn.Linear(3, 3).requires_grad_(False), nn.ReLU()), "is frozen"),
     (nn.Sequential(nn.utils.parametrizations.weight_norm(nn.Linear(3, 3)), nn.ReLU()),
      "no plain weight"),
     (_tied(), "is tied")],
    ids=["norm", "unknown", "frozen", "computed", "tied"],
)  # fmt: skip
def test_why_a_weight_keeps_its_scale(model: nn.Module, why: str) -> None:
    before = copy.deepcopy(model.state_dict())
    row, *_ = actlas.replace(model, {"relu": "tanh"}, rescale=True).replaced
    assert row.rescaled is None
    assert f"not rescaled: {why}" in row.remark or why in row.remark
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())


def test_a_layer_that_feeds_two_functions() -> None:
    class Fork(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.one, self.two = nn.Linear(3, 3), nn.ReLU(), nn.Tanh()

        def forward(self, x: Tensor) -> Tensor:
            y = self.a(x)
            return self.one(y) + self.two(y)

    model = Fork()
    before = model.a.weight.detach().clone()
    report = actlas.replace(model, {"relu": "silu", "tanh": "gelu"}, rescale=True)
    assert torch.equal(model.a.weight, before)
    assert "feeds functions of other gains" in str(report)
    report.undo()
    actlas.replace(model, {"relu": "mish"}, rescale=True)
    assert not torch.equal(model.a.weight, before)


# ---------------------------------------------------------------- per channel, groups


def test_one_value_per_channel() -> None:
    model = nn.Sequential(
        nn.Conv2d(3, 5, 1), nn.BatchNorm2d(5), nn.ReLU(), nn.Flatten(), nn.Linear(20, 7), nn.ReLU()
    )
    actlas.replace(model, {"relu": "prelu"}, per_channel=True)
    assert (model[2].num_parameters, model[5].num_parameters) == (5, 7)
    assert model(draw(2, 3, 2, 2)).shape == (2, 7)
    sequence = nn.Sequential(nn.Linear(3, 7), nn.ReLU())
    actlas.replace(sequence, {"relu": "prelu"}, per_channel=True)
    with torch.no_grad():
        sequence[1].weight.copy_(torch.arange(7.0))
    x = draw(2, 4, 3)
    expected = sequence[0](x)
    expected = torch.where(expected > 0, expected, expected * torch.arange(7.0))
    torch.testing.assert_close(sequence(x), expected)
    with pytest.raises(ActlasError, match="one value per channel needs their number"):
        actlas.replace(nn.Sequential(nn.ReLU()), {"relu": "prelu"}, per_channel=True)


def test_learned_shapes_have_a_group_without_decay() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU(), nn.Conv2d(4, 4, 1), nn.PReLU())
    report = actlas.replace(model, {nn.ReLU: "pvlu"})
    rest, shapes = report.param_groups(weight_decay=0.1)
    assert (rest["weight_decay"], shapes["weight_decay"]) == (0.1, 0.0)
    assert {id(p) for p in shapes["params"]} == {
        id(p) for module in (model[1], model[3]) for p in module.parameters()
    }
    found = [id(p) for group in (rest, shapes) for p in group["params"]]
    assert sorted(found) == sorted(map(id, model.parameters()))
    with pytest.raises(ActlasError, match="weight_decay must be 0 or more"):
        param_groups(model, -1.0)


def check_decay() -> None:
    """Weights without a gradient shrink under decay, learned slopes stay."""
    model = nn.Sequential(nn.Linear(3, 3), nn.ReLU())
    report = actlas.replace(model, {nn.ReLU: "prelu"})
    optimizer = torch.optim.AdamW(report.param_groups(weight_decay=0.5), lr=0.1)
    slope, weight = model[1].weight.item(), model[0].weight.detach().clone()
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    assert model[1].weight.item() == slope
    assert (model[0].weight.abs() < weight.abs()).all()


def test_decay_leaves_slopes_alone() -> None:
    check_decay()


def test_units_keep_their_matrices_in_the_usual_group() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU())
    report = actlas.replace(model, {"relu": "frelu"})
    assert model[1].channels == 4
    _, shapes = report.param_groups(weight_decay=0.1)
    assert shapes["params"] == [], "the kernel and the norm of FReLU are weights like others"
    frozen = nn.Sequential(nn.Linear(3, 3), nn.ReLU()).requires_grad_(False)
    row, *_ = actlas.replace(frozen, {"relu": "prelu"}).replaced
    assert "frozen like the layers around it" in row.remark
    assert not any(p.requires_grad for p in frozen.parameters())


# ---------------------------------------------------------------- a trained network


class Digits(nn.Module):
    """A small convolutional network for 8 x 8 images; ReLU as a function and as a module."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(1, 8, 3, padding=1), nn.Conv2d(8, 16, 3, padding=1)
        self.head = nn.Sequential(nn.Linear(64, 32), nn.ReLU(inplace=True), nn.Linear(32, 10))

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        return self.head(x.flatten(1))  # type: ignore[no-any-return]


def steps(model: nn.Module, optimizer: torch.optim.Optimizer, x: Tensor, y: Tensor, n: int) -> None:
    generator = torch.Generator().manual_seed(3)
    for _ in range(n):
        pick = torch.randint(len(x), (64,), generator=generator)
        optimizer.zero_grad()
        F.cross_entropy(model(x[pick]), y[pick]).backward()
        optimizer.step()


@pytest.fixture(scope="module")
def trained() -> tuple[Digits, Any]:
    """Return a network trained on the digits that travel with the package, and the data."""
    from actlas.study.tasks import load_data

    data = load_data("digits", None)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = Digits()
    x = data.train.inputs.reshape(-1, 1, 8, 8)
    steps(model, torch.optim.Adam(model.parameters(), 5e-3), x, data.train.targets, 150)
    return model, data


def accuracy(model: nn.Module, part: Any) -> float:
    with torch.no_grad():
        found = model(part.inputs.reshape(-1, 1, 8, 8)).argmax(1)
    return float((found == part.targets).float().mean())


def test_a_trained_network_goes_on_from_where_it_is(trained: tuple[Digits, Any]) -> None:
    """ReLU to PVLU at alpha = 0: the same logits, bit for bit, and then both parameters move."""
    model, data = copy.deepcopy(trained[0]), trained[1]
    x = data.test.inputs.reshape(-1, 1, 8, 8)
    with torch.no_grad():
        before = model(x)
        report = actlas.replace(model, {"relu": "pvlu"}, warm_start=True)
        assert len(report.replaced) == 3
        assert all(row.same_bits for row in report.replaced)
        assert torch.equal(model(x), before)
    start = accuracy(model, data.test)
    assert start > 0.9
    groups = report.param_groups(weight_decay=1e-2)
    train = data.train.inputs.reshape(-1, 1, 8, 8)
    steps(model, torch.optim.AdamW(groups, 1e-3), train, data.train.targets, 30)
    shapes = [p.item() for p in groups[1]["params"]]
    assert all(abs(alpha) > 1e-4 for alpha in shapes[::2]), "alpha has a gradient from the start"
    assert all(beta != 1.0 for beta in shapes[1::2]), "beta has one as soon as alpha moves"
    assert accuracy(model, data.test) > start - 0.02


def test_a_cold_start_is_seen(trained: tuple[Digits, Any]) -> None:
    """The same swap without the warm start does change the logits: the test above can fail."""
    model, data = copy.deepcopy(trained[0]), trained[1]
    x = data.test.inputs.reshape(-1, 1, 8, 8)
    with torch.no_grad():
        before = model(x)
        report = actlas.replace(model, {"relu": "pvlu"})
        assert not torch.allclose(model(x), before, atol=1e-2)
        report.undo()
        assert torch.equal(model(x), before)
