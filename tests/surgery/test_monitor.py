"""The monitor's figures against what can be counted by hand, on models with planted troubles."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import pytest
import torch
from torch import Tensor, nn

import actlas
from actlas.surgery.monitor.report import SiteReport
from actlas.surgery.monitor.sampling import Picker
from actlas.surgery.monitor.session import Monitor

Layer = Callable[[], nn.Module]


@pytest.fixture(autouse=True)
def _seeded() -> Iterator[None]:
    """Weights and data are the same in every run, and the random state of the suite stays."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def only(watch: Monitor) -> SiteReport:
    [site] = watch.report().sites
    return site


def look(model: nn.Module, x: Tensor, **options: object) -> Monitor:
    """Return a monitor that has seen one pass with its backward pass, every element of it."""
    with actlas.monitor(model, every=1, sample=10**9, **options) as watch:  # type: ignore[arg-type]
        model(x).square().mean().backward()
    return watch


def relu_after(layer: nn.Module) -> nn.Sequential:
    return nn.Sequential(layer, nn.ReLU())


# ---------------------------------------------------------------- figures


def test_figures_are_those_of_the_whole_tensors() -> None:
    """With a sample as large as the tensors every figure is the one computed from all elements."""
    model = nn.Sequential(nn.Linear(5, 7), nn.Tanh(), nn.Linear(7, 3))
    x = 4 * draw(200, 5)
    site = only(look(model, x))
    before = model[0](x).detach()
    output = before.tanh().requires_grad_()
    model[2](output).square().mean().backward()
    assert output.grad is not None
    slope = 1 - before.double().tanh().square()
    scale = math.sqrt(actlas.get("tanh").facts.derivative_second_moment)
    share = (slope <= 0.01 * scale).double().mean().item()
    assert 0.1 < share < 0.9
    assert site.saturated == pytest.approx(share, abs=2e-3)
    assert site.linear == 0
    assert site.mean == pytest.approx(output.mean().item(), abs=1e-6)
    assert site.std == pytest.approx(output.std(correction=0).item(), rel=1e-5)
    gradient = output.grad.square().mean().sqrt().item()
    assert site.gradient == pytest.approx(gradient, rel=1e-5)
    at_input = (output.grad * slope).square().mean().sqrt().item()
    assert site.passed == pytest.approx(at_input / gradient, rel=1e-4)
    assert (site.channels, site.elements) == (7, 200)


def test_relu_is_saturated_or_linear() -> None:
    model = relu_after(nn.Linear(4, 6))
    x = draw(500, 4)
    site = only(look(model, x))
    assert site.saturated == pytest.approx((model[0](x) <= 0).float().mean().item(), abs=1e-6)
    assert site.saturated + site.linear == pytest.approx(1, abs=1e-6)


CHANNELS: dict[str, tuple[Layer, tuple[int, ...]]] = {
    "linear": (lambda: nn.Linear(4, 9), (32, 4)),
    "linear on tokens": (lambda: nn.Linear(4, 9), (8, 5, 4)),
    "linear, channels last": (lambda: nn.Linear(4, 9), (4, 5, 6, 4)),
    "conv1d": (lambda: nn.Conv1d(4, 9, 3), (8, 4, 11)),
    "conv2d": (lambda: nn.Conv2d(4, 9, 3), (8, 4, 11, 7)),
    "conv3d": (lambda: nn.Conv3d(4, 9, 2), (4, 4, 5, 6, 3)),
    "transposed": (lambda: nn.ConvTranspose2d(4, 9, 2), (4, 4, 5, 6)),
    "normalised": (
        lambda: nn.Sequential(nn.Conv2d(4, 9, 3, bias=False), nn.BatchNorm2d(9)), (8, 4, 9, 9)
    ),
    "one sample": (lambda: nn.Linear(4, 9), (4,)),
}  # fmt: skip


@pytest.mark.parametrize("kind", CHANNELS)
def test_dead_channels_are_counted_along_the_right_dimension(kind: str) -> None:
    make, shape = CHANNELS[kind]
    layer = make()
    last = [m for m in layer.modules() if isinstance(getattr(m, "bias", None), nn.Parameter)][-1]
    with torch.no_grad():
        last.bias += 3  # type: ignore[operator]
        last.bias[:4] = -1e3  # type: ignore[index]
    site = only(look(relu_after(layer), draw(*shape)))
    assert site.channels == 9
    assert site.dead == pytest.approx(4 / 9)


def test_the_channel_dimension_can_be_told() -> None:
    x = torch.ones(10, 4, 6)
    x[:, 0] = -1
    model = nn.Sequential(nn.ReLU())
    x.requires_grad_()
    assert only(look(model, x, channel_dim=1)).dead == 0.25
    assert only(look(model, x, channel_dim=-1)).dead == 0
    learns = nn.Sequential(nn.Linear(6, 6), actlas.nn.create("prelu", num_parameters=4))
    assert only(look(learns, x)).channels == 4  # its parameters lie along dimension 1


def test_dead_means_dead_for_a_whole_window() -> None:
    """A channel that wakes up is alive at once; one that falls asleep is dead a window later."""
    model = nn.Sequential(nn.ReLU())
    dead = []
    with actlas.monitor(model, every=1, window=4, sites="0", channel_dim=-1) as watch:
        for step in range(12):
            x = torch.ones(6, 2)
            x[:, 0] = 1.0 if step in (2, 3) else -1.0
            model(x)
            dead.append(only(watch).dead)
    assert dead == [0.5, 0.5, 0, 0, 0, 0, 0, 0.5, 0.5, 0.5, 0.5, 0.5]
    assert only(watch).elements == 24
    assert [one.dead for one in only(watch).history] == dead


def test_a_stuck_unit_of_any_kind_is_dead() -> None:
    """Where there is no slope, a channel is dead while it gives one and the same value."""
    model = nn.Sequential(nn.Linear(3, 8), actlas.nn.create("maxout", num_pieces=2))
    with torch.no_grad():
        model[0].weight[:4] = 0
    site = only(look(model, draw(50, 3)))
    assert site.dead == 0.5
    assert math.isnan(site.saturated)
    assert site.note == "it is not element-wise"


def test_work_in_place_changes_no_figure() -> None:
    """The input is read before the function overwrites it."""
    apart = nn.Sequential(nn.Linear(4, 6), nn.SiLU(), nn.Linear(6, 2))
    inplace = nn.Sequential(apart[0], nn.SiLU(inplace=True), apart[2])
    x = 3 * draw(300, 4)
    found, wanted = (only(look(model, x)) for model in (inplace, apart))
    assert not found.note
    for name in ("saturated", "linear", "mean", "gradient", "passed"):
        assert getattr(found, name) == pytest.approx(getattr(wanted, name), rel=1e-6), name


def test_learned_shapes_are_followed() -> None:
    """A parameter that moves is shown as it was at each step, and the slope follows it."""
    model = nn.Sequential(nn.Linear(4, 3), actlas.nn.create("leaky_relu"), nn.PReLU(3))
    x, seen = draw(300, 4), []
    with actlas.monitor(model, every=1, sites=nn.PReLU, window=1, sample=10**9) as watch:
        for value in (0.25, 0.5, 0.0):
            with torch.no_grad():
                model[2].weight.fill_(value)
                model[2].weight[0] = -value
            model(x).sum().backward()
            with torch.no_grad():
                model[2].weight.fill_(7.0)  # as an optimiser would, before anybody looks
            seen.append(only(watch))
    assert [site.shape["weight"][1:] for site in seen] == [(-0.25, 0.25), (-0.5, 0.5), (0, 0)]
    assert seen[0].saturated == seen[1].saturated == 0
    assert seen[2].saturated == pytest.approx((model[:2](x) <= 0).float().mean().item(), abs=1e-6)
    assert "2/weight" in watch.report().values()


def test_calls_of_a_shared_module_are_told_apart() -> None:
    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second, self.act = nn.Linear(4, 4), nn.Linear(4, 4), nn.ReLU()
            nn.init.constant_(self.second.bias, -1e3)

        def forward(self, x: Tensor) -> Tensor:
            return self.act(self.second(self.act(self.first(x))))

    sites = look(Block(), draw(64, 4)).report().sites
    assert [site.site for site in sites] == ["act", "act#2"]
    assert sites[0].dead < 1
    assert sites[1].dead == 1


def test_many_calls_of_a_module_are_not_told_apart() -> None:
    class Recurrent(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer, self.act = nn.Linear(4, 4), nn.Tanh()

        def forward(self, x: Tensor) -> Tensor:
            for _ in range(12):
                x = self.act(self.layer(x))
            return x

    report = look(Recurrent(), draw(8, 4)).report()
    assert len(report.sites) == 8
    assert set(report.left_out) == {"act#9", "act#10", "act#11", "act#12"}


def test_sites_stand_in_the_order_in_which_they_run() -> None:
    class Backwards(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.late, self.early = nn.ReLU(), actlas.nn.create("telu")

        def forward(self, x: Tensor) -> Tensor:
            return self.late(self.early(x))

    sites = look(Backwards(), draw(8, 4).requires_grad_()).report().sites
    assert [(site.site, site.function) for site in sites] == [("early", "TeLU"), ("late", "ReLU")]


def test_every_place_is_read_before_one_is_read_again() -> None:
    """Rows of successive turns go through the whole tensor, and differ within a turn."""
    x = torch.arange(6.0 * 5 * 7).reshape(6, 1, 5, 7)
    seen: list[float] = []
    for turn in range(21):
        rows = Picker(channel_dim=1, budget=10, turn=turn).rows(x)
        assert rows.shape == (10, 1)
        seen += rows.flatten().tolist()
    assert sorted(seen) == x.flatten().tolist()
    few = Picker(channel_dim=-1, budget=10, turn=3).rows(x.to(torch.bfloat16))
    assert few.dtype is torch.float32
    assert few.shape == (8, 7)
    assert all(row in x.reshape(-1, 7).to(torch.bfloat16).float().tolist() for row in few.tolist())


def test_a_sample_agrees_with_the_whole() -> None:
    model = nn.Sequential(nn.Conv2d(3, 16, 3), nn.GELU())
    x = draw(32, 3, 20, 20)
    whole = only(look(model, x))
    with actlas.monitor(model, every=1) as watch:
        for _ in range(20):
            model(x).square().mean().backward()
    part = only(watch)
    assert part.elements == 20 * 128
    for name in ("saturated", "linear", "mean", "std", "passed"):
        assert getattr(part, name) == pytest.approx(getattr(whole, name), abs=0.01), name


# ---------------------------------------------------------------- which modules


class Odd(nn.Module):
    """An activation function of somebody else."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.where(x > 0, x, torch.zeros_like(x))


def zoo() -> nn.Sequential:
    return nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Dropout(0.1), Odd(), nn.Softmax(-1),
                         actlas.nn.create("mish"), nn.Identity())  # fmt: skip


def test_activations_are_found() -> None:
    report = look(zoo(), draw(16, 4)).report()
    assert [site.function for site in report.sites] == ["ReLU", "Mish"]
    assert report.left_out == {"4": "it is not element-wise"}


@pytest.mark.parametrize(("sites", "found"), [
    ("1", ["ReLU"]), (["[13]", "5"], ["ReLU", "Odd", "Mish"]), (nn.ReLU, ["ReLU"]),
    ([nn.ReLU, Odd], ["ReLU", "Odd"]), ("*", None),
    (lambda name, module: name == "5", ["Mish"]), ("4", ["Softmax"]),
], ids=["name", "patterns", "class", "classes", "all", "predicate", "asked for"])  # fmt: skip
def test_sites_can_be_named(sites: object, found: list[str] | None) -> None:
    model = zoo()
    report = look(model, draw(16, 4), sites=sites).report()
    shown = [site.function for site in report.sites]
    assert shown == (found or [type(m).__name__ for m in model])
    if sites == "4":
        assert report.sites[0].note == "it is not element-wise"


def test_a_module_of_somebody_else_has_a_slope() -> None:
    model = zoo()
    site = only(look(model, draw(64, 4), sites=model[3]))
    assert site.site == "3"
    assert site.saturated + site.linear == pytest.approx(1, abs=1e-6)


def test_what_cannot_be_copied_has_no_slope() -> None:
    class Unique(nn.ReLU):
        def __deepcopy__(self, memo: object) -> nn.Module:
            raise RuntimeError("there is only one")

    site = only(look(nn.Sequential(nn.Linear(4, 4), Unique()), draw(64, 4)))
    assert site.note == "it cannot be copied: RuntimeError: there is only one"
    assert math.isnan(site.saturated)
    assert site.gradient > 0


def test_what_depends_on_chance_has_no_slope() -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.RReLU(0.1, 0.9))
    site = only(look(model, draw(64, 4)))
    assert "not a function of its input alone" in site.note
    assert math.isnan(site.saturated)
    assert not math.isnan(site.std)
