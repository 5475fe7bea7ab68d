"""The networks of Maxout, FReLU, Meta-ACON and the logical units."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from actlas.errors import ActlasError
from actlas.models import count_parameters, find_network
from actlas.models._residual import residual_blocks
from actlas.models.frelu import frelu_resnet
from actlas.models.logic import logic_cnn, logic_mlp
from actlas.models.maxout import maxout_cnn, maxout_mlp
from actlas.models.meta_acon import meta_acon_resnet
from actlas.nn.structured.acon import ACONC
from actlas.nn.structured.frelu import FReLU
from actlas.nn.structured.logic_mix import LogicMix
from actlas.nn.structured.maxout import MaxoutLinear
from actlas.nn.structured.meta_acon import MetaACON


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def count(net: nn.Module, cls: type) -> int:
    return sum(isinstance(module, cls) for module in net.modules())


# ------------------------------------------------------------------------------------------ maxout


def test_maxout_with_pieces_1_and_minus_1_is_the_absolute_value() -> None:
    made = maxout_mlp(inputs=3, classes=2, hidden=(3,), pieces=2).eval()
    layer = made[2]
    assert isinstance(layer, MaxoutLinear)
    with torch.no_grad():
        layer.weight.copy_(torch.stack([torch.eye(3), -torch.eye(3)], 1).flatten(0, 1))
    x = torch.randn(4, 3, generator=seeded())
    torch.testing.assert_close(made(x), made[-1](x.abs()))


def test_maxout_starts_as_in_the_authors_scripts() -> None:
    made = maxout_mlp(hidden=(240, 240), generator=seeded())
    weights = [p.detach() for p in made.parameters() if p.ndim == 2]
    assert len(weights) == 3
    for weight in weights:
        assert float(weight.abs().max()) <= 0.005
        assert float(weight.std()) == pytest.approx(0.005 / 3**0.5, rel=0.05)
    assert all(not p.any() for p in made.parameters() if p.ndim == 1)


@pytest.mark.parametrize("size", [10, 28, 32, 33])
def test_maxout_takes_every_side_it_is_built_for(size: int) -> None:
    assert maxout_cnn(image_size=size)(torch.zeros(1, 3, size, size)).shape == (1, 10)
    with pytest.raises(ActlasError, match="images must be"):
        maxout_cnn(image_size=size)(torch.zeros(1, 3, size + 1, size + 1))


def test_images_that_would_vanish_in_maxout_are_refused() -> None:
    with pytest.raises(ActlasError, match="image_size must be at least 10, got 9"):
        maxout_cnn(image_size=9)


def test_an_activation_has_one_piece_per_unit() -> None:
    plain = maxout_mlp(activation="gelu")
    assert not count(plain, MaxoutLinear)
    assert count_parameters(plain) == 784 * 24 + 24 + 24 * 24 + 24 + 24 * 10 + 10


# ---------------------------------------------------------------------------- FReLU and Meta-ACON


def test_frelu_stands_everywhere_but_in_stem_and_last_stage() -> None:
    made = frelu_resnet(depth=26, generator=seeded())
    assert count(made, FReLU) == 3 * 6
    assert [count(block, FReLU) for block in residual_blocks(made)] == [3] * 6 + [0] * 2
    assert count(frelu_resnet(depth=26, funnel=False), FReLU) == 0


def test_the_funnel_keeps_its_own_start() -> None:
    made = frelu_resnet(depth=26, width=16, generator=seeded())
    kernels = [m.conv.weight for m in made.modules() if isinstance(m, FReLU)]
    spread = torch.cat([kernel.detach().flatten() for kernel in kernels]).std()
    assert float(spread) == pytest.approx(0.01, rel=0.1)


def test_an_idle_funnel_is_a_relu() -> None:
    """max(x, 0): with a zero kernel the condition of a fresh funnel is 0."""
    funnel = frelu_resnet(generator=seeded())
    plain = frelu_resnet(funnel=False, generator=seeded(1))
    with torch.no_grad():
        for module in funnel.modules():
            if isinstance(module, FReLU):
                module.conv.weight.zero_()
    own = [v for k, v in funnel.state_dict().items() if v.ndim != 4 or v.shape[1] != 1
           if ".bn." not in k]  # fmt: skip
    plain.load_state_dict(dict(zip(plain.state_dict(), own, strict=True)))
    x = torch.randn(2, 3, 32, 32, generator=seeded(2))
    torch.testing.assert_close(funnel.eval()(x), plain.eval()(x))


def test_meta_acon_stands_behind_the_middle_convolution() -> None:
    made = meta_acon_resnet(depth=26)
    assert [count(block.branch, MetaACON) for block in residual_blocks(made)] == [1] * 8
    for block in residual_blocks(made):
        assert isinstance(block.branch[5], MetaACON)  # type: ignore[index]
    assert count(meta_acon_resnet(depth=26, meta=False), ACONC) == 8


@pytest.mark.parametrize("build", [frelu_resnet, meta_acon_resnet])
def test_residual_networks_refuse_other_depths_and_images(build: Any) -> None:
    with pytest.raises(ActlasError, match="depth must be one of 14, 26, 50, 101, 152, got 18"):
        build(depth=18)
    with pytest.raises(ActlasError, match="multiples of 32"):
        build()(torch.zeros(2, 3, 28, 28))


# -------------------------------------------------------------------------------- logical networks


def test_operators_of_a_layer_see_their_share_or_everything() -> None:
    x = torch.randn(5, 12, generator=seeded())
    pairs = x.view(5, 6, 2)
    low, high = pairs.amin(-1), pairs.amax(-1)
    both = (pairs < 0).all(-1), (pairs > 0).all(-1)
    and_ = torch.where(both[0], pairs.sum(-1), low)
    or_ = torch.where(both[1], pairs.sum(-1), high)
    xnor = pairs.prod(-1).sign() * pairs.abs().amin(-1)
    mixes = {
        m: LogicMix(("or_ail", "and_ail", "xnor_ail"), m)(x) for m in ("partition", "duplicate")
    }
    torch.testing.assert_close(mixes["duplicate"], torch.cat([or_, and_, xnor], 1))
    shares = torch.cat([or_[:, :2], and_[:, 2:4], xnor[:, 4:]], 1)
    torch.testing.assert_close(mixes["partition"], shares)


@pytest.mark.parametrize("build", [logic_mlp, logic_cnn])
@pytest.mark.parametrize("mode", ["partition", "duplicate"])
@pytest.mark.parametrize("operators", [("xnor_ail",), ("or_ail", "and_ail", "xnor_ail")], ids=len)
def test_layers_fit_together(build: Any, mode: str, operators: tuple[str, ...]) -> None:
    made = build(mode=mode, operators=operators, normalized=True, generator=seeded())
    shape = (2, 784) if build is logic_mlp else (2, 1, 28, 28)
    made(torch.randn(shape, generator=seeded())).sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in made.parameters())


def test_normalised_units_keep_the_spread_of_signals() -> None:
    """Layers with gain 1 and normalised units: variance 1 in, about 1 out, at every layer."""
    made = logic_mlp(inputs=600, hidden=(600, 600, 600), normalized=True, generator=seeded())
    made.requires_grad_(False)
    x = torch.randn(512, 600, generator=seeded(1))
    for layer in made:
        x = layer(x)
        if isinstance(layer, LogicMix):
            assert abs(float(x.mean())) < 0.1
            assert 0.8 < float(x.std()) < 1.25


def test_one_xnor_unit_computes_xor() -> None:
    made = logic_mlp(inputs=2, classes=1, hidden=(2,), operators=("xnor_ail",))
    with torch.no_grad():
        made[1].weight.copy_(2 * torch.eye(2))  # type: ignore[union-attr, operator]
        made[1].bias.fill_(-1)  # type: ignore[union-attr, operator]
        made[-1].weight.fill_(-1)  # type: ignore[union-attr, operator]
        made[-1].bias.zero_()  # type: ignore[union-attr, operator]
    corners = torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    assert (made(corners).flatten() > 0).tolist() == [False, True, True, False]


def test_widths_that_cannot_be_paired_are_refused() -> None:
    for width in (7, 4):
        with pytest.raises(ActlasError, match="an even width of at least 6, got"):
            logic_mlp(hidden=(width,))
    with pytest.raises(ActlasError, match="no logical unit called 'nand'"):
        logic_mlp(operators=("nand",))


# ---------------------------------------------------------------------------- compiled and in half


BUILT = {
    "mocapsnet": {"blocks": 2}, "spiking_resnet": {"steps": 2}, "pynada_lenet": {},
    "maxout_cnn": {}, "frelu_resnet": {}, "meta_acon_resnet": {}, "logic_cnn": {},
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor:UserWarning")  # Dynamo's own
@pytest.mark.parametrize(
    ("name", "options"),
    [("mocapsnet", {"blocks": 2, "activation": nn.ReLU}), ("spiking_resnet", {"steps": 2})],
    ids=["mocapsnet", "spiking_resnet"],
)
def test_compiled_networks_give_the_same_values_and_gradients(
    name: str, options: dict[str, Any]
) -> None:
    """The reversible chain leaves the graph, and is run as it is."""
    entry = find_network(name)
    net = entry.build(**options, generator=seeded()).eval()
    x = torch.randn(2, *entry.input, generator=seeded(1))
    found = []
    for run in (net, torch.compile(net, backend="eager", fullgraph=name != "mocapsnet")):
        net.zero_grad()
        y = run(x)
        y.square().sum().backward()
        found.append([y.detach(), *(p.grad for p in net.parameters() if p.grad is not None)])
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("name", BUILT)
def test_networks_learn_under_autocast(name: str) -> None:
    entry = find_network(name)
    net = entry.build(**BUILT[name], generator=seeded())
    x = torch.randn(2, *entry.input, generator=seeded(1))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = net(x).float().square().sum()
    loss.backward()
    for parameter in net.parameters():
        assert parameter.grad is not None
        assert parameter.grad.dtype == torch.float32
        assert parameter.grad.isfinite().all()
