"""autoinit_: what is written, what is left, what is reported, and what is refused."""

from __future__ import annotations

import io
import json
import math
from typing import Any

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from rich.console import Console
from torch import Tensor, nn

import actlas
from actlas.catalogue import Definition
from actlas.errors import ActlasError
from actlas.init import Report, WeightedSum, autoinit_, gain
from tests.conftest import ENTRIES, over
from tests.init.networks import Block, Call, ResNet, mlp, normal, seeded

ONE = [entry for entry in ENTRIES if len(entry.inputs) == 1]


def scale_of(report: Report, name: str) -> float:
    (layer,) = (layer for layer in report.layers if layer.name == name)
    assert layer.scale is not None
    return layer.scale * math.sqrt(layer.fan_in)


# ---------------------------------------------------------------- what is written


@over(ONE)
def test_every_function_gets_its_gain(entry: Definition) -> None:
    net = nn.Sequential(nn.Linear(50, 40), actlas.nn.create(entry.name), nn.Linear(40, 60))
    wave = getattr(net[1], "omega", 1.0)
    report = autoinit_(net, generator=seeded())
    second = float((net[2].weight.detach() ** 2).mean()) * 40
    if wave == 1:
        assert scale_of(report, "2") == pytest.approx(gain(entry.name), rel=1e-4)
    assert second == pytest.approx(scale_of(report, "2") ** 2, rel=0.15)
    assert not net[2].bias.any()


@pytest.mark.parametrize("size", [(32, 0.959), (16, 0.918), (8, 0.840), (4, 0.694), (2, 0.444)])
def test_the_share_of_live_taps(size: tuple[int, float]) -> None:
    net = nn.Sequential(nn.Conv2d(4, 4, 3, padding=1))
    (layer,) = autoinit_(net, torch.zeros(1, 4, size[0], size[0]), dry_run=True).layers
    assert layer.live == pytest.approx(size[1], abs=6e-4)
    assert layer.scale == pytest.approx((36 * size[1]) ** -0.5, rel=1e-3)


LAYERS: dict[str, tuple[nn.Module, tuple[int, ...]]] = {
    "linear": (nn.Linear(100, 200), (1, 100)),
    "few inputs": (nn.Linear(4, 4000), (1, 4)),
    "convolution": (nn.Conv2d(16, 64, 3), (1, 16, 5, 5)),
    "grouped": (nn.Conv1d(32, 96, 5, groups=4), (1, 32, 8)),
    "transposed": (nn.ConvTranspose2d(16, 32, 3, 2), (1, 16, 4, 4)),
    "transposed and grouped": (nn.ConvTranspose2d(32, 64, 3, groups=4), (1, 32, 4, 4)),
}


@pytest.mark.parametrize("centred", [False, True], ids=["plain", "centred"])
@pytest.mark.parametrize("kind", ["truncated_normal", "normal", "uniform", "orthogonal"])
@pytest.mark.parametrize("name", LAYERS)
def test_distributions(name: str, kind: str, centred: bool) -> None:
    layer, shape = LAYERS[name]
    (row,) = autoinit_(layer, torch.zeros(shape), distribution=kind, centred=centred,
                       generator=seeded()).layers  # fmt: skip
    weight = layer.weight.detach()
    assert row.scale is not None
    assert float((weight**2).mean()) == pytest.approx(row.scale**2, rel=0.08)
    if kind == "truncated_normal" and not centred:
        assert float(weight.abs().max()) <= 2 * row.scale / 0.87962566 * (1 + 1e-6)
    if kind == "uniform" and not centred:
        assert float(weight.abs().max()) <= math.sqrt(3) * row.scale * (1 + 1e-6)
    if centred:
        sums = unit_sums(layer).detach()
        assert float(sums.abs().max()) < 1e-4


def unit_sums(layer: Any) -> Tensor:
    """Return the sum of the weights of every output unit, by the layer's own arithmetic."""
    bare = layer.__class__.__name__.startswith("ConvTranspose")
    if not bare:
        return layer.weight.flatten(1).sum(1)  # type: ignore[no-any-return]
    per_input = layer.weight.flatten(2).sum(2).unflatten(0, (layer.groups, -1))
    return per_input.sum(1)  # type: ignore[no-any-return]


def test_rows_of_an_orthogonal_weight() -> None:
    layer = nn.Linear(64, 16)
    autoinit_(layer, distribution="orthogonal", generator=seeded())
    torch.testing.assert_close(layer.weight @ layer.weight.T, torch.eye(16), atol=1e-5, rtol=0)


def test_the_given_generator_decides_alone() -> None:
    one, other = Block(), Block()
    before = torch.get_rng_state()
    for net in (one, other):
        autoinit_(net, torch.zeros(2, 6, 64), generator=seeded(5))
    assert torch.equal(torch.get_rng_state(), before)
    for a, b in zip(one.parameters(), other.parameters(), strict=True):
        assert torch.equal(a, b)


def test_a_dry_run_reports_the_same_and_writes_nothing() -> None:
    net = ResNet()
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    generator = seeded()
    state = generator.get_state()
    dry = autoinit_(net, torch.zeros(1, 3, 32, 32), generator=generator, dry_run=True)
    assert torch.equal(generator.get_state(), state)
    for name, tensor in net.state_dict().items():
        assert torch.equal(tensor, before[name])
    real = autoinit_(net, torch.zeros(1, 3, 32, 32), generator=generator)
    assert (dry.layers, dry.written, real.written) == (real.layers, False, True)


def test_other_formats_and_devices() -> None:
    net = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64)).to(torch.bfloat16)
    autoinit_(net, torch.zeros(2, 64, dtype=torch.bfloat16), generator=seeded())
    assert float(net[2].weight.detach().float().std()) == pytest.approx(math.sqrt(2 / 64), rel=0.05)
    assert net[2].weight.dtype == torch.bfloat16


def test_signal_variance_and_data() -> None:
    net = mlp("relu", 3, 32)
    report = autoinit_(net, data_mean=1.0, data_variance=3.0, signal_variance=4.0, dry_run=True)
    assert scale_of(report, "0") == pytest.approx(1.0)  # 4 / (3 + 1**2)
    assert [layer.variance + layer.mean**2 for layer in report.layers] == pytest.approx([4, 2, 2])
    assert report.variance == pytest.approx(4)


# ---------------------------------------------------------------- a model of any make


def test_tracing_leaves_no_trace() -> None:
    class Careless(nn.Module):
        """Counts its calls, makes constants and changes buffers while it runs."""

        count: Tensor

        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("count", torch.zeros(()))
            self.norm, self.layer, self.calls = nn.BatchNorm1d(4), nn.Linear(4, 4), 0

        def forward(self, x: Tensor) -> Tensor:
            self.calls += 1
            self.count += 1
            self.seen = x
            return self.layer(self.norm(x) + torch.ones(4)) + torch.randn(4)

    model, rng = Careless().eval(), torch.get_rng_state()
    model.norm.train()
    before = [dict(vars(module)) for module in model.modules()]
    autoinit_(model, torch.zeros(1, 4), generator=seeded())
    after = [dict(vars(module)) for module in model.modules()]
    assert [sorted(a) for a in after] == [sorted(b) for b in before]
    assert (model.calls, float(model.count), float(model.norm.num_batches_tracked)) == (0, 0, 0)
    assert (model.training, model.norm.training) == (False, True)
    assert torch.equal(torch.get_rng_state(), rng)
    assert model(torch.ones(2, 4)).shape == (2, 4)


def test_frozen_weights_are_left_and_measured() -> None:
    net = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64))
    with torch.no_grad():
        net[0].weight.normal_(0, 0.5, generator=seeded())
        net[0].bias.fill_(2.0)
    kept = net[0].requires_grad_(False).weight.clone()
    report = autoinit_(net, generator=seeded())
    assert torch.equal(net[0].weight, kept)
    assert float(net[0].bias[0]) == 2
    assert report.layers[0].scale is None
    assert report.untouched == {"0.weight": "frozen, left as it is"}
    with torch.no_grad():
        seen = net[1](net[0](normal(4000, 64)))
    assert report.layers[1].mean == pytest.approx(float(seen.mean()), rel=0.1)
    assert report.layers[1].variance == pytest.approx(float(seen.var()), rel=0.1)


def test_a_shared_weight_is_right_for_the_mean_of_its_uses() -> None:
    class Recurrent(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.again = nn.Linear(256, 256), nn.Linear(256, 256)

        def forward(self, x: Tensor) -> Tensor:
            x = self.first(x)
            for _ in range(5):
                x = torch.tanh(self.again(x))
            return x

    net = Recurrent()
    report = autoinit_(net, generator=seeded())
    row = report.layers[1]
    assert (row.uses, row.status) == (5, "set")
    variance, fed = 1 / (row.mean**2 + row.variance), [1.0]  # of the weights, times the fan-in
    for _ in range(4):
        fed.append(float((torch.tanh(math.sqrt(variance * fed[-1]) * normal(200_000)) ** 2).mean()))
    assert row.variance == pytest.approx(sum(fed) / 5, rel=0.02)


def test_one_module_at_two_places_is_one_weight() -> None:
    shared = nn.Linear(8, 8)
    report = autoinit_(nn.Sequential(shared, nn.ReLU(), shared), generator=seeded())
    (row,) = report.layers
    assert (row.uses, row.variance + row.mean**2) == (2, pytest.approx(1 / math.sqrt(2), rel=0.3))


def test_tied_embeddings_computed_weights_and_recurrent_layers_are_left() -> None:
    class Tagger(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.table, self.inner = nn.Embedding(30, 16), nn.GRU(16, 16, batch_first=True)
            self.normed = nn.utils.parametrizations.weight_norm(nn.Linear(16, 16))
            self.head = nn.Linear(16, 30)
            self.head.weight = self.table.weight

        def forward(self, words: Tensor) -> Tensor:
            return self.head(self.normed(self.inner(self.table(words))[0]))

    model = Tagger()
    before = {name: tensor.clone() for name, tensor in model.named_parameters()}
    report = autoinit_(model, torch.zeros(2, 5, dtype=torch.long), generator=seeded())
    for name, tensor in model.named_parameters():
        assert torch.equal(tensor, before[name])
    reasons = " ".join(report.untouched.values())
    for reason in ("table of embeddings", "inside GRU", "computed from other tensors"):
        assert reason in reasons
    assert all(layer.scale is None for layer in report.layers)
    assert any("sampling" in note for note in report.notes)


def test_weighted_sums_keep_the_variance() -> None:
    class Sums(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = nn.ModuleList(nn.Linear(128, 128) for _ in range(8))
            self.sums = nn.ModuleList(WeightedSum(2) for _ in range(8))

        def forward(self, x: Tensor) -> Tensor:
            for layer, total in zip(self.layers, self.sums, strict=True):
                x = total(x, layer(F.relu(x)))
            return x

    net = Sums()
    report = autoinit_(net, data_variance=9.0, generator=seeded())
    assert report.variance == pytest.approx(1)
    assert net.sums[0].coefficients.tolist() == pytest.approx([1 / math.sqrt(18), 1 / math.sqrt(2)])
    with torch.no_grad():
        assert float((net(3 * normal(500, 128)) ** 2).mean()) == pytest.approx(1, rel=0.2)


def test_estimators_for_classes_of_your_own() -> None:
    class Strange(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return 3 * x if len(x.shape) == 3 else x[:, None, 0, :]

    net = nn.Sequential(nn.Linear(8, 8), Strange(), nn.Linear(8, 8))

    def triple(module: nn.Module, moments: tuple[float, float]) -> tuple[float, float]:
        assert isinstance(module, Strange)
        return 3 * moments[0], 9 * moments[1]

    report = autoinit_(net, estimators={Strange: triple}, dry_run=True)
    assert report.layers[1].variance == pytest.approx(9)
    unknown = autoinit_(net, dry_run=True)
    assert unknown.layers[1].variance == pytest.approx(1)
    assert any("Strange is not known here" in note for note in unknown.notes)
    sampled = autoinit_(net, torch.zeros(2, 4, 8), dry_run=True)
    assert sampled.layers[1].variance == pytest.approx(9, rel=0.1)
    assert "1: followed by sampling" in sampled.notes


@pytest.mark.parametrize("wrong", [None, 1.0, (0.0, -1.0), (0.0, math.nan), (0.0, "x")])
def test_an_estimator_that_gives_no_moments(wrong: Any) -> None:
    net = nn.Sequential(nn.Linear(8, 8), nn.ReLU())
    with pytest.raises(ActlasError, match="estimator of ReLU must return a mean and a variance"):
        autoinit_(net, estimators={nn.ReLU: lambda *_: wrong})


def test_integers_that_become_data_are_said_to_be_unknown() -> None:
    net = nn.Sequential(Call(lambda x: x.float() / 255), nn.Flatten(), nn.Linear(12, 8))
    report = autoinit_(net, torch.zeros(2, 3, 4, dtype=torch.uint8), generator=seeded())
    assert report.layers[0].status == "set"
    assert any("unknown values counts as standard normal" in note for note in report.notes)


def test_functions_of_the_catalogue_inside_a_forward() -> None:
    model = nn.Sequential(nn.Linear(8, 8), Call(actlas.functional.telu), nn.Linear(8, 8))
    report = autoinit_(model, torch.zeros(2, 8), dry_run=True)
    assert scale_of(report, "2") == pytest.approx(gain("telu"), rel=1e-4)


def test_in_place_functions_change_what_later_layers_see() -> None:
    class Reused(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = nn.Linear(8, 8), nn.Linear(8, 8)

        def forward(self, x: Tensor) -> Tensor:
            y = self.a(x)
            F.relu(y, inplace=True)
            return self.b(y)

    assert autoinit_(Reused(), dry_run=True).layers[1].mean == pytest.approx(0.398942, abs=1e-5)
    exported = autoinit_(Call(Reused()), torch.zeros(2, 8), dry_run=True)
    assert exported.layers[1].mean == pytest.approx(0.398942, abs=1e-5)


def test_selu_and_its_dropout() -> None:
    def net(dropout: nn.Module) -> nn.Sequential:
        return nn.Sequential(nn.Linear(8, 8), nn.SELU(), dropout, nn.Linear(8, 8))

    wrong = autoinit_(net(nn.Dropout(0.1)), dry_run=True)
    assert any("AlphaDropout" in note for note in wrong.notes)
    right = autoinit_(net(nn.AlphaDropout(0.1)), dry_run=True)
    assert right.notes == ()
    assert (right.layers[1].mean, right.layers[1].variance) == pytest.approx((0, 1), abs=1e-6)


def test_sine_networks_get_their_own_rule() -> None:
    def sine() -> nn.Module:
        return actlas.nn.create("siren", omega=30.0)

    net = nn.Sequential(nn.Linear(2, 256), sine(), nn.Linear(256, 256), sine(), nn.Linear(256, 1))
    report = autoinit_(net, data_variance=1 / 3, distribution="uniform", generator=seeded())
    assert float(net[0].weight.detach().abs().max()) == pytest.approx(1 / 2, rel=0.02)
    bound = math.sqrt(6 / 256) / 30  # of the paper, with E sin² = 1/2 for what comes in
    assert float(net[2].weight.detach().abs().max()) == pytest.approx(bound, rel=0.02)
    assert report.layers[2].variance == pytest.approx(0.432332, rel=1e-3)
    slow = nn.Sequential(nn.Linear(2, 8), actlas.nn.create("sine"), nn.Linear(8, 1))
    assert scale_of(autoinit_(slow, dry_run=True), "0") == pytest.approx(1)


def test_what_an_example_adds_is_said_without_it() -> None:
    notes = " ".join(autoinit_(ResNet(), dry_run=True).notes)
    assert "without example_input the share of the padding cannot be told" in notes
    assert autoinit_(ResNet(), torch.zeros(1, 3, 32, 32), dry_run=True).notes == ()


def test_export_follows_what_fx_cannot() -> None:
    layer = nn.TransformerEncoderLayer(32, 4, 64, batch_first=True)
    report = autoinit_(layer, torch.zeros(2, 6, 32), generator=seeded())
    assert [row.name for row in report.layers] == [
        "self_attn", "self_attn.out_proj", "linear1", "linear2",
    ]  # fmt: skip
    assert report.untouched == {}
    keywords = autoinit_(layer, {"src": torch.zeros(2, 6, 32)}, dry_run=True)
    assert keywords.layers == report.layers


# ---------------------------------------------------------------- the report


def test_the_report_is_plain_data_and_a_table() -> None:
    report = autoinit_(ResNet(), torch.zeros(1, 3, 32, 32), generator=seeded())
    plain = json.loads(json.dumps(report.as_dict()))
    assert {row["name"] for row in plain["layers"]} >= {"stem", "head", "blocks.0.conv1"}
    assert all(math.isfinite(value) for row in plain["steps"] for value in
               (row["mean"], row["variance"]))  # fmt: skip
    console = Console(file=io.StringIO(), width=120)
    console.print(report)
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    for text in ("blocks.1.shortcut", "variance in", "slope", "sensitivity"):
        assert text in shown
        assert text in str(report)


# ---------------------------------------------------------------- what is refused


class Branching(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(8, 8), nn.Linear(8, 8)

    def forward(self, x: Tensor) -> Tensor:
        return self.a(x) if x.sum() > 0 else self.b(x)


def quantised() -> nn.Module:
    from torch.ao.nn.quantized.dynamic import Linear

    return nn.Sequential(Linear(4, 4))


def exploding() -> nn.Module:
    return nn.Sequential(nn.Linear(8, 8), Call(lambda x: torch.exp(x**3)), nn.Linear(8, 8))


X = torch.zeros(2, 8)
REFUSED: list[tuple[Any, tuple[Any, ...], dict[str, Any], str]] = [
    ("relu", (), {}, "needs a torch.nn.Module, got str"),
    (Branching, (), {}, "cannot be traced .* give example_input"),
    (Branching, (X,), {}, "cannot be traced"),
    (lambda: nn.LazyLinear(3), (), {}, "is lazy"),
    (lambda: nn.Linear(3, 3, device="meta"), (), {}, "meta device"),
    (quantised, (), {}, "is quantised"),
    (lambda: torch.jit.script(nn.Linear(3, 3)), (), {}, "is a ScriptModule"),
    (exploding, (), {}, "second moment inf"),
    (lambda: mlp("relu", 2, 8), ("x",), {}, "example_input must be a tensor"),
    (lambda: mlp("relu", 2, 8), ((X, X),), {}, "does not fit Sequential"),
    (lambda: mlp("relu", 2, 8), (torch.zeros(2, 9),), {}, "layer '0' refuses it"),
    (lambda: mlp("relu", 2, 8), (), {"data_variance": 0}, "data_variance must be .* above 0"),
    (lambda: mlp("relu", 2, 8), (), {"signal_variance": math.nan}, "signal_variance must be"),
    (lambda: mlp("relu", 2, 8), (), {"data_mean": "0"}, "data_mean must be a finite number"),
    (lambda: mlp("relu", 2, 8), (), {"distribution": "norml"}, "Did you mean 'normal'"),
    (lambda: mlp("relu", 2, 8), (), {"generator": 1}, "generator must be a torch.Generator"),
    (lambda: mlp("relu", 2, 8), (), {"estimators": {"ReLU": 1}}, "subclasses of torch.nn.Module"),
]


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning")
@pytest.mark.parametrize(
    ("make", "args", "options", "says"), REFUSED, ids=[row[3][:40] for row in REFUSED]
)
def test_refusals_are_one_sentence_and_change_nothing(
    make: Any, args: tuple[Any, ...], options: dict[str, Any], says: str
) -> None:
    model = make if isinstance(make, str) else make()
    before = contents(model)
    with pytest.raises(ActlasError, match=says) as caught:
        autoinit_(model, *args, **options)
    assert "\n" not in str(caught.value)
    torch.testing.assert_close(contents(model), before, rtol=0, atol=0, equal_nan=True)


def contents(model: Any) -> list[Tensor]:
    if not isinstance(model, nn.Module):
        return []
    tensors = (*model.parameters(), *model.buffers())
    held = [t for t in tensors if not t.is_meta and not nn.parameter.is_lazy(t)]
    return [tensor.detach().clone() for tensor in held]


def test_a_failing_draw_leaves_the_model_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    from actlas.init import autoinit

    net, calls = mlp("relu", 4, 8), [0]
    before, draw = contents(net), autoinit.draw

    def fail_at_the_third(*args: Any, **kwargs: Any) -> Tensor:
        calls[0] += 1
        if calls[0] == 3:
            raise RuntimeError("out of memory")
        return draw(*args, **kwargs)

    monkeypatch.setattr(autoinit, "draw", fail_at_the_third)
    with pytest.raises(RuntimeError, match="out of memory"):
        autoinit_(net)
    assert all(torch.equal(a, b) for a, b in zip(contents(net), before, strict=True))


def test_a_model_without_weights_is_only_reported() -> None:
    report = autoinit_(nn.Sequential(nn.ReLU(), nn.BatchNorm1d(4)))
    assert report.layers == ()
    assert (report.mean, report.variance) == pytest.approx((0, 1), abs=1e-4)
