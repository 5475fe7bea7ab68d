"""The drop-ins for torch.nn.init, LeCun's rule and SIREN's."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import actlas
from actlas import init
from actlas.catalogue import Definition
from actlas.errors import ActlasError
from actlas.facts import facts_of
from tests.conftest import ENTRIES, over
from tests.init.networks import seeded

SHAPES = [(40, 30), (12, 6, 3), (8, 4, 3, 5), (4, 2, 3, 3, 3)]
# What PyTorch's own table has right.
AGREED: list[dict[str, Any]] = [
    {}, {"nonlinearity": "relu"}, {"a": 0.2}, {"a": math.sqrt(5)}, {"nonlinearity": "linear"},
    {"nonlinearity": "conv2d"}, {"nonlinearity": "conv_transpose1d"}, {"mode": "fan_out"},
    {"a": 0.1, "mode": "fan_out", "nonlinearity": "leaky_relu"},
]  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("options", AGREED, ids=str)
@pytest.mark.parametrize("kind", ["kaiming_normal_", "kaiming_uniform_"])
def test_kaiming_is_torchs_own(kind: str, options: dict[str, Any], shape: tuple[int, ...]) -> None:
    ours = getattr(init, kind)(torch.empty(shape), **options, generator=seeded())
    theirs = getattr(nn.init, kind)(torch.empty(shape), **options, generator=seeded())
    torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("kind", ["xavier_normal_", "xavier_uniform_"])
@pytest.mark.parametrize("gain", [1.0, 1.7])
def test_xavier_is_torchs_own(kind: str, gain: float) -> None:
    for shape in SHAPES:
        ours = getattr(init, kind)(torch.empty(shape), gain, generator=seeded())
        theirs = getattr(nn.init, kind)(torch.empty(shape), gain, generator=seeded())
        torch.testing.assert_close(ours, theirs)


ONE = [entry for entry in ENTRIES if len(entry.inputs) == 1]


@over(ONE)
def test_kaiming_takes_every_function(entry: Definition) -> None:
    facts, weight = facts_of(entry), torch.empty(50, 200)
    init.kaiming_normal_(weight, nonlinearity=entry.name, a=0, generator=seeded())
    parameters = {"negative_slope": 0.0} if "negative_slope" in entry.parameters else {}
    moment = facts_of(entry, parameters).second_moment
    assert float(weight.var() * 200 * moment) == pytest.approx(1, abs=0.06)
    if facts.derivative_second_moment:
        compromise = (facts.second_moment + facts.derivative_second_moment) / 2
        init.xavier_uniform_(weight, nonlinearity=entry.name, generator=seeded())
        bound = math.sqrt(6 / 250 / compromise)
        assert float(weight.abs().max()) == pytest.approx(bound, rel=1e-3)


@pytest.mark.parametrize(("options", "moment"), [
    ({"nonlinearity": "gelu", "centred": True}, 0.345644),
    ({"nonlinearity": "elu", "alpha": 0.5}, 0.5362363544),
    ({"nonlinearity": nn.Tanh()}, 0.394294),
    ({"nonlinearity": actlas.get("telu")}, 0.529094),
], ids=["centred", "with a parameter", "a module", "an Activation"])  # fmt: skip
def test_kaiming_with_options(options: dict[str, Any], moment: float) -> None:
    weight = init.kaiming_uniform_(torch.empty(64, 100), **options, generator=seeded())
    assert float(weight.abs().max()) == pytest.approx(math.sqrt(3 / 100 / moment), rel=2e-3)


def test_fan_out_takes_the_backward_gain() -> None:
    weight = init.kaiming_uniform_(torch.empty(64, 100), mode="fan_out", nonlinearity="tanh",
                                   generator=seeded())  # fmt: skip
    assert float(weight.abs().max()) == pytest.approx(math.sqrt(3 / 64 / 0.4644029), rel=2e-3)


def test_selu_is_lecun() -> None:
    selu = init.kaiming_normal_(torch.empty(64, 100), nonlinearity="selu", generator=seeded())
    lecun = init.lecun_normal_(torch.empty(64, 100), generator=seeded())
    torch.testing.assert_close(selu, lecun)
    assert float(lecun.std()) == pytest.approx(0.1, rel=0.02)
    assert "AlphaDropout" in str(init.lecun_normal_.__doc__)


def test_siren_bounds_and_signal() -> None:
    first = init.siren_uniform_(torch.empty(256, 2), first=True, generator=seeded())
    later = init.siren_uniform_(torch.empty(256, 256), 30.0, generator=seeded())
    assert 0.49 < float(first.abs().max()) <= 1 / 2
    assert float(later.abs().max()) == pytest.approx(math.sqrt(6 / 256) / 30, rel=1e-3)

    net = nn.Sequential(nn.Linear(2, 256), actlas.nn.create("siren", omega=30.0))
    for _ in range(4):
        net += nn.Sequential(nn.Linear(256, 256), actlas.nn.create("siren", omega=30.0))
    init.siren_(net, generator=seeded())
    for layer in net[::2]:
        nn.init.zeros_(layer.bias)
    x = 2 * torch.rand(2000, 2, generator=seeded()) - 1
    arguments: list[Tensor] = []
    for layer in net:
        x = layer(x)
        if isinstance(layer, nn.Linear):
            arguments.append(30 * x.detach())
    # The paper: the argument of every later sine is standard normal.
    assert [round(float(z.std())) for z in arguments[1:]] == [1, 1, 1, 1]


def test_random_state_is_the_given_one() -> None:
    before = torch.get_rng_state()
    for fill in (init.kaiming_normal_, init.kaiming_uniform_, init.xavier_normal_,
                 init.xavier_uniform_, init.lecun_normal_, init.siren_uniform_):  # fmt: skip
        one, other = (fill(torch.empty(5, 5), generator=seeded(3)) for _ in range(2))
        assert torch.equal(one, other)
    assert torch.equal(torch.get_rng_state(), before)


def test_parameters_and_other_formats() -> None:
    layer = nn.Linear(8, 8, dtype=torch.bfloat16)
    assert init.kaiming_normal_(layer.weight, nonlinearity="mish") is layer.weight
    assert layer.weight.requires_grad
    assert layer.weight.grad_fn is None


@pytest.mark.parametrize(("call", "says"), [
    (lambda w: init.kaiming_normal_(w, nonlinearity="gelo"), "Did you mean 'gelu'"),
    (lambda w: init.kaiming_normal_(w, mode="fan_inn"), "Did you mean 'fan_in'"),
    (lambda w: init.kaiming_normal_(w, 0.2, nonlinearity="relu"), "negative slope"),
    (lambda w: init.kaiming_normal_(w, nonlinearity="elu", beta=1), "no parameter 'beta'"),
    (lambda w: init.kaiming_normal_(w[0]), "two dimensions or more"),
    (lambda w: init.kaiming_normal_(w, generator=0), "generator must be a torch.Generator"),
    (lambda w: init.xavier_normal_(w, 2.0, nonlinearity="relu"), "either a gain or"),
    (lambda w: init.xavier_normal_(w, alpha=2.0), "need a nonlinearity"),
    (lambda w: init.lecun_normal_(w[0]), "two dimensions or more"),
    (lambda w: init.siren_uniform_(w, 0.0), "w0 must be a finite number above 0"),
    (lambda w: init.siren_(nn.ReLU()), "needs nn.Linear layers"),
    (lambda w: init.kaiming_normal_("w"), "got str"),
])  # fmt: skip
def test_bad_input_changes_nothing(call: Any, says: str) -> None:
    weight = torch.full((4, 4), 7.0)
    with pytest.raises(ActlasError, match=says):
        call(weight)
    assert (weight == 7).all()
