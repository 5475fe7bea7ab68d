"""Residual networks: which way a block takes, blocks as a list, depths that fit."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

import actlas
from actlas.errors import ActlasError
from actlas.models import find_network, residual_blocks
from actlas.models._residual import PaddedShortcut, Residual, pre_activation
from actlas.models.preact_resnet import preact_resnet
from actlas.models.resnet import resnet, resnet9, resnet18
from actlas.models.wide_resnet import CIFAR_RECIPE, SVHN_RECIPE, wide_resnet


def numbers(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


def by_the_paper(block: Residual, x: Tensor) -> Tensor:
    """Compute a wide residual block from its tensors, as the authors' code does, in other words."""
    state = {name: value for name, value in block.state_dict().items() if value.ndim}
    kernels = [v for n, v in state.items() if v.ndim == 4 and not n.startswith("shortcut")]
    stride = x.shape[-1] // block.branch(block.before(x)).shape[-1]
    o1 = functional.relu(_normalised(x))
    y = functional.conv2d(o1, kernels[0], stride=stride, padding=1)
    z = functional.conv2d(functional.relu(_normalised(y)), kernels[1], padding=1)
    projection = state.get("shortcut.weight")
    return z + (x if projection is None else functional.conv2d(o1, projection, stride=stride))


def _normalised(x: Tensor) -> Tensor:
    mean, variance = x.mean((0, 2, 3), keepdim=True), x.var((0, 2, 3), correction=0, keepdim=True)
    return (x - mean) / (variance + 1e-5).sqrt()


def follows_the_paper(block: Residual, x: Tensor) -> bool:
    return torch.allclose(block(x), by_the_paper(block, x), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("index", range(4))
def test_wide_blocks_follow_the_paper(index: int) -> None:
    """The shortcut is the raw input, or a projection of the normalised, activated one."""
    blocks = residual_blocks(wide_resnet(16, 1).train())
    widths, projected = (16, 16, 16, 32), index == 2
    block = blocks[index]
    assert isinstance(block.shortcut, nn.Conv2d if projected else nn.Identity)
    assert isinstance(block.before, nn.Sequential if projected else nn.Identity)
    assert follows_the_paper(block, numbers(2, widths[index], 8, 8))


def test_widening_projects_in_the_first_stage_too() -> None:
    first, second, *_ = residual_blocks(wide_resnet(16, 2))
    assert isinstance(first.shortcut, nn.Conv2d)
    assert first.shortcut.stride == (1, 1)
    assert isinstance(second.shortcut, nn.Identity)


def test_a_shortcut_on_the_wrong_input_is_seen() -> None:
    block = residual_blocks(wide_resnet(10, 1).train())[1]
    x = numbers(2, 16, 8, 8)
    assert follows_the_paper(block, x)

    class Raw(nn.Module):
        """A projection of the raw input."""

        def forward(self, _: Tensor) -> Tensor:
            return projection(x)

    projection, block.shortcut = block.shortcut, Raw()
    assert not torch.allclose(block(x), by_the_paper_with(block, x, projection), atol=1e-3)


def by_the_paper_with(block: Residual, x: Tensor, projection: nn.Module) -> Tensor:
    """Compute the block with the projection where it belongs."""
    wrong, block.shortcut = block.shortcut, projection
    try:
        return by_the_paper(block, x)
    finally:
        block.shortcut = wrong


def test_a_missing_normalisation_is_seen() -> None:
    entry = find_network("wide_resnet")
    network = wide_resnet(16, 1)
    assert sum(p.numel() for p in network.parameters()) == entry.parameters["depth=16, width=1"]
    residual_blocks(network)[0].branch[0] = nn.Identity()
    assert sum(p.numel() for p in network.parameters()) != entry.parameters["depth=16, width=1"]


def test_the_padded_shortcut_has_no_weights_and_adds_zeros() -> None:
    shortcut, x = PaddedShortcut(16, 32, 2), numbers(2, 16, 7, 7)
    y = shortcut(x)
    assert not list(shortcut.parameters())
    assert torch.equal(y[:, :16], x[:, :, ::2, ::2])
    assert not y[:, 16:].any()


def test_the_average_shortcut_pools_and_adds_zeros() -> None:
    shortcut, x = residual_blocks(resnet(8, "average"))[1].shortcut, numbers(2, 16, 8, 8)
    y = shortcut(x)
    assert not list(shortcut.parameters())
    torch.testing.assert_close(y[:, :16], x.unfold(2, 2, 2).unfold(3, 2, 2).mean((-2, -1)))
    assert not y[:, 16:].any()


def test_without_its_branch_a_block_is_the_shortcut() -> None:
    network = resnet(8, activation="elu").eval()
    for block in residual_blocks(network):
        nn.init.zeros_(block.branch[-1].weight)
    x = numbers(2, 16, 8, 8)
    plain = residual_blocks(network)[0]
    torch.testing.assert_close(plain(x), functional.elu(x))
    narrow = residual_blocks(network)[1]
    torch.testing.assert_close(narrow(x), functional.elu(narrow.shortcut(x)))


@pytest.mark.parametrize(
    ("network", "count"),
    [
        (lambda: resnet(20), 9), (lambda: resnet18(), 8), (lambda: resnet18(34), 16),
        (lambda: resnet9(), 2), (lambda: preact_resnet(14), 6),
        (lambda: preact_resnet(29, bottleneck=True), 9), (lambda: wide_resnet(28, 10), 12),
    ],
    ids=["resnet20", "resnet18", "resnet34", "resnet9", "preact14", "preact29", "wrn-28-10"],
)  # fmt: skip
def test_blocks_are_a_list_in_the_order_they_run(network: object, count: int) -> None:
    with torch.device("meta"):
        built = network()
        blocks = residual_blocks(built)
        seen: list[nn.Module] = []
        for block in blocks:
            block.register_forward_pre_hook(lambda module, _: seen.append(module))
        built.eval()(torch.empty(1, 3, 32, 32))
    assert len(blocks) == count
    assert seen == blocks


def test_branches_can_be_wrapped() -> None:
    network, x = resnet(8).eval(), numbers(1, 3, 8, 8)
    before = network(x)
    for block in residual_blocks(network):
        block.branch = nn.Sequential(block.branch, nn.Identity())
    assert torch.equal(network(x), before)


def test_shortcuts_of_the_options() -> None:
    kinds = {
        "pad": PaddedShortcut,
        "average": nn.Sequential,
        "project": nn.Sequential,
    }
    for option, kind in kinds.items():
        shortcuts = [block.shortcut for block in residual_blocks(resnet(20, option))]
        assert [isinstance(s, kind) for s in shortcuts] == [i in (3, 6) for i in range(9)]


def test_pre_activation_keeps_both_ways_apart() -> None:
    """With an identity shortcut, what normalises and activates belongs to the branch alone."""
    block = pre_activation(4, 4, 1, [nn.Conv2d(4, 4, 1)], nn.ReLU)
    assert [type(m) for m in block.branch] == [nn.BatchNorm2d, nn.ReLU, nn.Conv2d]


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("resnet", {"depth": 18}, "6n+2 .* near it are 14 and 20"),
        ("resnet", {"depth": 2}, "n >= 1"),
        ("resnet18", {"depth": 50}, "18 or 34, got 50"),
        ("preact_resnet", {"depth": 163}, "6n+2 .* near it are 158 and 164"),
        ("preact_resnet", {"depth": 163, "bottleneck": True}, "9n+2 .* near it are 155 and 164"),
        ("wide_resnet", {"depth": 30}, "near it are 28 and 34"),
        ("wide_resnet", {"width": 0}, "at least 1, got 0"),
        ("densenet", {"depth": 101}, "near it are 100 and 106"),
        ("densenet", {"compression": 0.0}, r"\(0, 1\]"),
        ("vgg", {"depth": 11}, "9, 13, 16, 19"),
        ("vgg", {"dropout": (0.1, 0.2)}, "one probability or 5"),
        ("lenet", {"image_size": 30}, "28 or 32"),
        ("all_cnn", {"base": "D"}, "A, B, C"),
        ("all_cnn", {"variant": "stride"}, "Did you mean 'strided'"),
        ("all_cnn", {"input_dropout": 1}, "input_dropout must be a probability"),
        ("resnet", {"shortcut": "pat"}, "Did you mean 'pad'"),
        ("mlp", {"hidden": (10, 0)}, "at least 1, got 0"),
        ("resnet", {"classes": 2.5}, "whole number"),
    ],
)
def test_what_does_not_fit_the_family_is_refused(
    name: str, options: dict[str, object], said: str
) -> None:
    with pytest.raises(ActlasError, match=said.replace("+", r"\+")):
        find_network(name).build(**options)


@pytest.mark.parametrize("side", [30, 2])
def test_images_of_the_wrong_size_are_refused(side: int) -> None:
    with pytest.raises(ActlasError, match="multiples of 4"):
        wide_resnet(10, 1)(numbers(1, 3, side, side))


@pytest.mark.parametrize("activation", ["relu", "telu", "sigmoid"])
def test_weights_start_with_the_gain_of_the_activation(activation: str) -> None:
    network = wide_resnet(10, 4, activation=activation, generator=torch.Generator().manual_seed(0))
    convolutions = [m for m in network.modules() if isinstance(m, nn.Conv2d)]
    for layer in convolutions[1:]:
        wanted = actlas.init.gain(activation) / layer.weight[0].numel() ** 0.5
        assert layer.weight.std().item() == pytest.approx(wanted, rel=0.05)
    head = network.head[-1]
    assert head.weight.std().item() == pytest.approx(256**-0.5, rel=0.05)
    assert not head.bias.any()


def test_the_recipe_of_wide_resnets() -> None:
    rates = [CIFAR_RECIPE.rate(epoch) for epoch in (0, 59, 60, 119, 120, 159, 160, 199)]
    assert rates == pytest.approx([0.1, 0.1, 0.02, 0.02, 0.004, 0.004, 0.0008, 0.0008])
    assert [SVHN_RECIPE.rate(epoch) for epoch in (79, 80, 120)] == pytest.approx([1e-2, 1e-3, 1e-4])
    parameter = nn.Parameter(torch.zeros(1))
    optimizer = CIFAR_RECIPE.optimizer([parameter])
    scheduler = CIFAR_RECIPE.scheduler(optimizer)
    group = optimizer.param_groups[0]
    assert (group["nesterov"], group["momentum"], group["weight_decay"]) == (True, 0.9, 5e-4)
    for epoch in range(CIFAR_RECIPE.epochs):
        assert group["lr"] == pytest.approx(CIFAR_RECIPE.rate(epoch))
        optimizer.step()
        scheduler.step()


def test_a_thin_wide_resnet_learns_digits() -> None:
    """WRN-10-1 on 897 small images: far above chance after three short epochs."""
    from actlas.study import find_task

    data, draws = find_task("digits").data(None), torch.Generator().manual_seed(0)
    x, y = data.train.inputs.view(-1, 1, 8, 8), data.train.targets
    network = wide_resnet(10, 1, channels=1, generator=draws)
    optimizer = CIFAR_RECIPE.optimizer(network.parameters())
    for _ in range(3):
        for batch in torch.randperm(len(x), generator=draws).split(69):
            optimizer.zero_grad()
            functional.cross_entropy(network(x[batch]), y[batch]).backward()
            optimizer.step()
    with torch.no_grad():
        answers = network.eval()(data.test.inputs.view(-1, 1, 8, 8)).argmax(1)
    assert (answers == data.test.targets).float().mean() > 0.7
