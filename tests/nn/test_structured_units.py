"""Maxout, mixtures, funnel, ACON and the random or data-dependent units."""

from __future__ import annotations

import math
import pickle
from collections.abc import Callable
from typing import Any

import mpmath
import pytest
import torch
from torch import Tensor, nn

from actlas.errors import ActlasError
from tests.nn.units import (
    INFINITY,
    LOGIC,
    build,
    normal,
    value_and_gradient,
)

# ---------------------------------------------------------------------------- grouping and mixtures


def test_groups_are_neighbouring_channels() -> None:
    x = normal((2, 6, 3))
    expected = torch.stack([x[:, 0:3].amax(1), x[:, 3:6].amax(1)], 1)
    assert torch.equal(build("maxout", num_pieces=3)(x), expected)
    last = build("maxout", num_pieces=3, dim=-1)(x.transpose(1, 2))
    assert torch.equal(last, expected.transpose(1, 2))


@pytest.mark.parametrize("name", [*LOGIC, "maxout", "logic_mix"])
def test_wrong_channel_counts_and_dimensions_are_refused(name: str) -> None:
    with pytest.raises(ActlasError, match=r"7 channels, which is not a multiple of .* 2"):
        build(name)(torch.zeros(2, 7))
    with pytest.raises(ActlasError, match=r"shape \(4,\) has no dimension 1"):
        build(name)(torch.zeros(4))


def test_maxout_sends_the_gradient_to_the_largest_piece_only() -> None:
    rows = [[1.0, 5.0, 2.0, 2.0]]
    _, gradient = value_and_gradient(build("maxout"), rows, torch.float64)
    assert gradient[0, :2].tolist() == [0, 1]
    assert sorted(gradient[0, 2:].tolist()) == [0, 1]


def test_maxout_linear_is_the_maximum_of_its_affine_pieces() -> None:
    layer = build("maxout_linear", num_pieces=3)
    x = normal((5, 6))
    pieces = x @ layer.weight.T + layer.bias
    expected = torch.stack([pieces[:, 3 * i : 3 * i + 3].amax(1) for i in range(4)], 1)
    torch.testing.assert_close(layer(x), expected)
    assert build("maxout_linear", bias=False).state_dict().keys() == {"weight"}
    with pytest.raises(ActlasError, match="last dimension must be 6"):
        layer(torch.zeros(5, 7))


def test_mixtures_partition_and_duplicate() -> None:
    x = normal((2, 10, 3))
    operators = ("or_ail", "xnor_il")
    either, parity = build("or_ail"), build("xnor_il")
    shared = build("logic_mix", operators=operators)(x)
    # Five groups for two operators: the first gets three, none is dropped.
    assert torch.equal(shared, torch.cat([either(x[:, :6]), parity(x[:, 6:])], 1))
    doubled = build("logic_mix", operators=operators, mode="duplicate")(x)
    assert torch.equal(doubled, torch.cat([either(x), parity(x)], 1))
    with pytest.raises(ActlasError, match="1 groups of 2 channels cannot be shared among 2"):
        build("logic_mix", operators=operators)(x[:, :2])


@pytest.mark.parametrize(
    ("options", "part"),
    [
        ({"operators": ("or_al",)}, "no logical unit called 'or_al'.* 'or_ail'"),
        ({"operators": "or_ail"}, "sequence of at least one id"),
        ({"operators": ()}, "sequence of at least one id"),
        ({"mode": "duplicat"}, "Did you mean 'duplicate'"),
        ({"k": 1}, "k must be an integer of at least 2, got 1"),
    ],
)
def test_bad_mixtures_are_refused(options: dict[str, Any], part: str) -> None:
    with pytest.raises(ActlasError, match=part):
        build("logic_mix", **options)


# ---------------------------------------------------------------------------------- funnel and ACON


def test_funnel_is_the_maximum_with_a_normalised_depthwise_convolution() -> None:
    module = build("frelu", bias=True).train()
    x = normal()
    window = nn.functional.conv2d(x, module.conv.weight, module.conv.bias, padding=1, groups=6)
    centred = window - window.mean((0, 2, 3), keepdim=True)
    condition = centred / (window.var((0, 2, 3), keepdim=True, unbiased=False) + 1e-5).sqrt()
    torch.testing.assert_close(module(x), torch.maximum(x, condition), rtol=1e-4, atol=1e-5)
    assert build("frelu").conv.bias is None
    assert sum(p.numel() for p in build("frelu").parameters()) == 9 * 6 + 2 * 6


def test_light_funnel_sums_a_row_and_a_column_window() -> None:
    module = build("frelu_light").eval()
    x = normal()
    row = nn.functional.conv2d(x, module.conv_row.weight, padding=(0, 1), groups=6)
    column = nn.functional.conv2d(x, module.conv_column.weight, padding=(1, 0), groups=6)
    expected = torch.maximum(x, (row + column) / math.sqrt(1 + 1e-5))
    torch.testing.assert_close(module(x), expected)
    assert module.conv_row.weight.shape == (6, 1, 1, 3)


@pytest.mark.parametrize("name", ["frelu", "frelu_light"])
def test_funnel_kernels_start_gaussian_and_inputs_are_checked(name: str) -> None:
    kernels = build(name, channels=3000).state_dict()
    weight = next(value for key, value in kernels.items() if "conv" in key)
    assert weight.std().item() == pytest.approx(0.01, rel=0.05)
    with pytest.raises(ActlasError, match=r"shape \(N, C, H, W\), got \(6, 6, 6\)"):
        build(name)(torch.zeros(6, 6, 6))
    with pytest.raises(ActlasError, match=r"made for 6 channels, but dimension 1 .* has 5"):
        build(name)(torch.zeros(1, 5, 6, 6))


def test_even_funnel_windows_are_refused() -> None:
    with pytest.raises(ActlasError, match="must be odd, got 4; try 5"):
        build("frelu", kernel_size=4)


def acon_by_definition(x: float, p1: float, p2: float, beta: float) -> float:
    with mpmath.workdps(400):  # the paper's form cancels in the tail
        difference = (mpmath.mpf(p1) - p2) * x
        return float(difference / (1 + mpmath.exp(-beta * difference)) + mpmath.mpf(p2) * x)


def test_acon_c_per_channel_against_the_papers_form() -> None:
    shapes = [(1.0, 0.0, 1.0), (1.1, -0.2, 1.5), (-0.4, 0.7, 1.0), (0.0, 1.0, 2.0)]
    module = build("acon_c_per_channel", num_parameters=4, dtype=torch.float64)
    with torch.no_grad():
        for parameter, values in zip(module.parameters(), zip(*shapes, strict=True), strict=True):
            parameter.copy_(torch.tensor(values))
        rows = torch.tensor([-300.0, -50.0, -3.0, -0.5, 0.0, 1e-9, 0.7, 60.0], dtype=torch.float64)
        found = module(rows[:, None].expand(8, 4))
    for place, x in enumerate(rows.tolist()):
        for channel, shape in enumerate(module.p1.tolist()):
            p2, beta = module.p2[channel].item(), module.beta[channel].item()
            truth = acon_by_definition(x, shape, p2, beta)
            assert found[place, channel].item() == pytest.approx(truth, rel=1e-13, abs=1e-300)


def test_acon_c_starts_as_swish_or_as_released() -> None:
    x = normal()
    torch.testing.assert_close(build("acon_c_per_channel")(x), nn.functional.silu(x))
    assert build("acon_c_per_channel")(x[0, 0, 0, 0]).shape == ()
    generator = torch.Generator().manual_seed(1)
    drawn = build("acon_c_per_channel", num_parameters=2000, init="official", generator=generator)
    assert drawn.p1.std().item() == pytest.approx(1, abs=0.06)
    assert not torch.equal(drawn.p1, drawn.p2)
    assert torch.equal(drawn.beta, torch.ones(2000))
    with pytest.raises(ActlasError, match="init must be one of 'swish', 'official', got 'swich'"):
        build("acon_c_per_channel", init="swich")
    with pytest.raises(ActlasError, match=r"made for 3 channels, but dimension 1 .* has 6"):
        build("acon_c_per_channel", num_parameters=3)(x)


@pytest.mark.parametrize("level", ["channel", "layer", "pixel"])
def test_meta_acon_computes_its_sharpness(level: str) -> None:
    module = build("meta_acon", level=level, init="official")
    x = normal()
    if level == "channel":
        fc1, fc2 = module.sharpness.fc1, module.sharpness.fc2
        hidden = x.mean((2, 3)) @ fc1.weight.T + fc1.bias
        logit = (hidden @ fc2.weight.T + fc2.bias)[:, :, None, None]
    else:
        logit = x if level == "pixel" else x.sum((1, 2, 3), keepdim=True)
    p1, p2 = (p.view(1, 6, 1, 1) for p in (module.p1, module.p2))
    difference = (p1 - p2) * x
    expected = difference * torch.sigmoid(torch.sigmoid(logit) * difference) + p2 * x
    torch.testing.assert_close(module(x), expected)


def test_meta_acon_batch_norms_width_and_ranks() -> None:
    module = build("meta_acon", channels=64, reduction=4, batch_norm=True)
    assert module.sharpness.fc1.weight.shape == (16, 64)
    assert build("meta_acon", channels=64).sharpness.fc1.weight.shape == (16, 64)
    x = normal((8, 64, 3))
    hidden = module.sharpness.bn1(module.sharpness.fc1(x.mean(2)))
    beta = torch.sigmoid(module.sharpness.bn2(module.sharpness.fc2(hidden)))[:, :, None]
    torch.testing.assert_close(module(x), x * torch.sigmoid(beta * x))
    assert module(x[:, :, 0]).shape == (8, 64)
    with pytest.raises(ActlasError, match="more than one sample while training"):
        module(x[:1])
    assert module.eval()(x[:1]).shape == (1, 64, 3)
    with pytest.raises(ActlasError, match="has no dimension 1"):
        module(torch.zeros(64))


# ------------------------------------------------------------------------ random and data-dependent


@pytest.mark.parametrize(
    ("options", "slope"),
    [({}, 11 / 48), ({"convention": "paper"}, 1 / 5.5), ({"lower": 0.1, "upper": 0.3}, 0.2)],
)
def test_rrelu_in_evaluation(options: dict[str, Any], slope: float) -> None:
    x = torch.tensor([-2.0, 0.0, 3.0], dtype=torch.float64)
    found = build("rrelu", **options).eval()(x)
    assert found.tolist() == pytest.approx([-2 * slope, 0, 3], rel=1e-15)


@pytest.mark.parametrize(
    ("convention", "low", "high", "mean"),
    [("pytorch", 1 / 8, 1 / 3, 11 / 48), ("paper", 1 / 8, 1 / 3, math.log(8 / 3) / 5)],
)
def test_rrelu_in_training(convention: str, low: float, high: float, mean: float) -> None:
    module = build("rrelu", convention=convention, generator=torch.Generator().manual_seed(0))
    x = torch.full((100, 1000), -1.0, requires_grad=True)
    y = module(x)
    slopes = -y.detach()
    assert low <= slopes.min() < low + 1e-3
    assert high - 1e-3 < slopes.max() <= high
    assert slopes.mean().item() == pytest.approx(mean, rel=2e-3)
    (gradient,) = torch.autograd.grad(y.sum(), x)
    assert torch.equal(gradient, slopes)
    assert torch.equal(module(x.abs()), x.abs())
    assert not torch.equal(module(x), y)


def test_rrelu_in_place_gives_the_same_gradient() -> None:
    start = normal((30,)).requires_grad_()
    gradients = []
    for inplace in (False, True):
        generator = torch.Generator().manual_seed(2)
        module = build("rrelu", inplace=inplace, generator=generator)
        copied = start.clone()
        result = module(copied)
        assert (result is copied) == inplace
        gradients.append(torch.autograd.grad(result.square().sum(), start)[0])
    assert torch.equal(*gradients)


def test_rrelu_refuses_bad_ranges_and_keeps_its_generator() -> None:
    for options, part in [
        ({"lower": 0.5, "upper": 0.1}, "lower must not exceed upper, got 0.5 and 0.1"),
        ({"lower": 0.0, "convention": "paper"}, "divisors must be positive"),
        ({"lower": math.nan}, "lower must be a finite number"),
        ({"convention": "papr"}, "Did you mean 'paper'"),
    ]:
        with pytest.raises(ActlasError, match=part):
            build("rrelu", **options)
    module = build("rrelu", generator=torch.Generator().manual_seed(7))
    twin = pickle.loads(pickle.dumps(module))
    assert torch.equal(module(-torch.ones(9)), twin(-torch.ones(9)))


def test_abrelu_subtracts_the_mean_of_batch_or_sample() -> None:
    x = torch.tensor([[1.0, 3.0], [5.0, 11.0]])
    assert build("abrelu")(x).tolist() == [[0, 0], [0, 6]]
    assert build("abrelu", scope="sample")(x).tolist() == [[0, 1], [0, 3]]
    assert build("abrelu", alpha=0.5)(x).tolist() == [[0, 0.5], [2.5, 8.5]]
    with pytest.raises(ActlasError, match="at least two dimensions"):
        build("abrelu", scope="sample")(x[0])


def test_abrelu_mean_does_not_overflow() -> None:
    top = torch.finfo(torch.float32).max
    assert build("abrelu")(torch.tensor([top, top, 0.0, 0.0])).tolist() == [top / 2, top / 2, 0, 0]
    half = torch.tensor([60000.0, 60000.0, 0.0, 60000.0], dtype=torch.float16)
    assert build("abrelu")(half).tolist() == [15000, 15000, 0, 15000]


def test_squash_against_50_digits() -> None:
    with mpmath.workdps(50):
        for row in ([3.0, 4.0], [1e-5, -2e-5], [1e20, 1e20], [-0.3, 1e9]):
            length = mpmath.norm([mpmath.mpf(x) for x in row])
            truth = [float(length / (1 + length**2) * x) for x in row]
            found = build("squash")(torch.tensor(row, dtype=torch.float64))
            assert found.tolist() == pytest.approx(truth, rel=1e-14)


def test_squash_is_safe_at_zero_and_at_infinity() -> None:
    module: Callable[[Tensor], Tensor] = build("squash")
    zero = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    jacobian = torch.autograd.functional.jacobian(module, zero)
    assert torch.equal(jacobian, torch.zeros(3, 3, dtype=torch.float64))
    assert module(torch.tensor([INFINITY, 3.0])).tolist() == pytest.approx([1, 0], abs=1e-37)
    assert module(torch.tensor([1e30, -1e30])).tolist() == pytest.approx([0.5**0.5, -(0.5**0.5)])
    assert torch.isnan(module(torch.tensor([math.nan, 3.0]))).all()
    column = normal((3, 4))
    assert torch.equal(build("squash", dim=0)(column), module(column.T).T)
    with pytest.raises(ActlasError, match="has no dimension 2"):
        build("squash", dim=2)(column)
