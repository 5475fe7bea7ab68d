"""The logic operators: values against 500 digits or plain loops, gradients, limits."""

from __future__ import annotations

import itertools
import math
from typing import Any

import mpmath
import pytest
import torch

from actlas.errors import ActlasError
from tests.nn.units import (
    EXACT,
    INFINITY,
    LOGIC,
    build,
    normal,
    value_and_gradient,
)

# ------------------------------------------------------------------------ the exact logic operators


def exact_by_definition(name: str, logits: tuple[float, ...]) -> Any:
    """Return logit(P) with P from probabilities, as the definition says."""
    p = [1 / (1 + mpmath.exp(-mpmath.mpf(x))) for x in logits]
    all_true, none_true = mpmath.fprod(p), mpmath.fprod(1 - q for q in p)
    even = (1 + mpmath.fprod(1 - 2 * q for q in p)) / 2
    truth = {"and_il": all_true, "or_il": 1 - none_true, "xnor_il": even}[name]
    return mpmath.log(truth) - mpmath.log(1 - truth)


POINTS = (-100.0, -20.0, -1.5, -1e-6, 0.0, 1e-9, 0.25, 1.0, 3.0, 40.0, 90.0)


@pytest.mark.parametrize("k", [2, 3, 4])
@pytest.mark.parametrize("name", EXACT)
def test_exact_operators_against_the_definition(name: str, k: int) -> None:
    rows = list(itertools.product(POINTS if k == 2 else POINTS[1::3], repeat=k))
    y, gradient = value_and_gradient(build(name, k=k), rows, torch.float64)
    with mpmath.workdps(500):
        for row, value, slopes in zip(rows, y.tolist(), gradient.tolist(), strict=True):
            truth = exact_by_definition(name, row)
            assert abs(value - truth) <= 4e-15 * abs(truth) + 1e-15
            for place, slope in enumerate(slopes):
                step = [x + (i == place) * mpmath.mpf(10) ** -60 for i, x in enumerate(row)]
                true_slope = (exact_by_definition(name, tuple(step)) - truth) * mpmath.mpf(10) ** 60
                assert abs(slope - true_slope) <= 1e-14 * abs(true_slope) + 1e-40


def test_xnor_keeps_its_digits_near_zero() -> None:
    y, gradient = value_and_gradient(build("xnor_il"), [[1e-8, -3e-9]], torch.float64)
    assert y.item() == pytest.approx(-1.5e-17, rel=1e-14)
    assert gradient[0].tolist() == pytest.approx([-1.5e-9, 5e-9], rel=1e-14)


@pytest.mark.parametrize(
    ("name", "row", "value", "slopes"),
    [
        # From the table of 25-digit values of the project.
        ("and_il", [-5, 2], -5.127730871634859325, [0.99919746161444346, 0.11990979548708082]),
        ("and_il", [10, -10], -10.00004540096027691, [4.53999296897e-05, 0.99999999793893995]),
        ("xnor_il", [0.1, 0.3], 0.01487638301836078, [0.14852165742492990, 0.04885366279997410]),
        ("xnor_il", [-100, 3], -3.0, [7.453451169647810e-43, -1.0]),
        # The released code stops at 16.118 with gradient 0.
        ("and_il", [20, 20], 20 - math.log(2), [0.5, 0.5]),
    ],
)
def test_exact_operators_against_tabulated_rows(
    name: str, row: list[float], value: float, slopes: list[float]
) -> None:
    y, gradient = value_and_gradient(build(name), [row], torch.float64)
    rel = 1e-8 if row == [20, 20] else 1e-12
    assert y.item() == pytest.approx(value, rel=rel)
    assert gradient[0].tolist() == pytest.approx(slopes, rel=rel)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", LOGIC)
def test_no_nan_at_any_pair_of_extremes(name: str, dtype: torch.dtype) -> None:
    top = torch.finfo(dtype).max
    ends = [sign * size for sign in (1, -1) for size in (0.0, 1e-30, 5.0, 1e30, top, INFINITY)]
    x = torch.tensor(list(itertools.product(ends, ends)), dtype=dtype, requires_grad=True)
    y = build(name)(x)
    (gradient,) = torch.autograd.grad(y.sum(), x, create_graph=True)
    assert not torch.isnan(y).any()
    assert torch.isfinite(gradient).all()
    if name in EXACT:
        (second,) = torch.autograd.grad(gradient.sum(), x)
        assert torch.isfinite(second).all()
    if "xnor" in name:  # never larger than the smaller magnitude: no overflow from x + y
        assert (y.flatten().abs() <= x.abs().amin(1)).all()


@pytest.mark.parametrize(
    ("name", "row", "value", "slopes"),
    [
        ("and_il", [INFINITY, 2.0], 2.0, [0.0, 1.0]),
        ("and_il", [-INFINITY, 2.0], -INFINITY, None),
        ("or_il", [-INFINITY, 2.0], 2.0, [0.0, 1.0]),
        ("or_il", [INFINITY, INFINITY], INFINITY, None),
        ("xnor_il", [INFINITY, 2.0], 2.0, [0.0, 1.0]),
        ("xnor_il", [-INFINITY, 2.0], -2.0, [0.0, -1.0]),
        ("xnor_il", [1e30, -1e30], -1e30, None),
        ("or_il", [1e30, 5.0], 1e30, [1.0, 1 / (1 + math.exp(-5))]),
        ("xnor_ail", [-INFINITY, 2.0], -2.0, [0.0, -1.0]),
        ("and_ail", [INFINITY, -2.0], -2.0, [0.0, 1.0]),
    ],
)
def test_limits(name: str, row: list[float], value: float, slopes: list[float] | None) -> None:
    y, gradient = value_and_gradient(build(name), [row], torch.float64)
    assert y.item() == pytest.approx(value, rel=1e-15)
    assert slopes is None or gradient[0].tolist() == pytest.approx(slopes, rel=1e-15)


@pytest.mark.parametrize("name", LOGIC)
def test_nan_goes_through(name: str) -> None:
    rows = torch.tensor([[math.nan, 1.0], [1.0, math.nan], [-1.0, math.nan], [1.0, 2.0]])
    assert torch.isnan(build(name)(rows)).flatten().tolist() == [True, True, True, False]


@pytest.mark.parametrize("name", EXACT)
def test_exact_derivatives_hold_on_the_diagonal_and_at_zero(name: str) -> None:
    rows = [[0.0, 0.0], [1.3, 1.3], [-2.0, -2.0], [0.5, -0.5], [0.0, 2.0], [-1.0, 0.0], [1.0, 1.0]]
    x = torch.tensor(rows, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(build(name), (x,))
    assert torch.autograd.gradgradcheck(build(name), (x,))


# ------------------------------------------------------------------ the approximate logic operators


def approximate_by_definition(name: str, z: tuple[float, ...]) -> float:
    negative, positive = [x for x in z if x < 0], [x for x in z if x > 0]
    if name == "and_ail":
        return sum(negative) if negative else min(z)
    if name == "or_ail":
        return sum(positive) if positive else max(z)
    sign = math.prod((x > 0) - (x < 0) for x in z)
    return (-1) ** len(z) * sign * min(map(abs, z))


@pytest.mark.parametrize("k", [2, 3, 4])
@pytest.mark.parametrize("name", [n for n in LOGIC if n not in EXACT])
def test_approximate_operators_against_the_definition(name: str, k: int) -> None:
    rows = list(itertools.product((-3.0, -1.0, 0.0, 0.5, 2.0), repeat=k))
    y = build(name, k=k)(torch.tensor(rows, dtype=torch.float64)).flatten()
    assert y.tolist() == [approximate_by_definition(name, row) for row in rows]


@pytest.mark.parametrize(
    ("name", "row", "slopes"),
    [
        # On both sides of the zero the function is the line written behind the row.
        ("xnor_ail", [0.0, 3.0], [1.0, 0.0]),  # x
        ("xnor_ail", [0.0, -3.0], [-1.0, 0.0]),  # -x
        ("xnor_ail", [-3.0, 0.0], [0.0, -1.0]),  # -y
        ("xnor_ail", [-0.0, 3.0], [1.0, 0.0]),  # x
        ("xnor_ail", [2.0, 0.0, -3.0], [0.0, 1.0, 0.0]),  # y
        ("xnor_ail", [0.0, 0.0], [0.0, 0.0]),  # the partial derivatives
        ("xnor_ail", [0.0, 0.0, 5.0], [0.0, 0.0, 0.0]),
        ("and_ail", [0.0, 3.0], [1.0, 0.0]),  # x
        ("or_ail", [-3.0, 0.0], [0.0, 1.0]),  # y
        ("and_ail", [-1.0, -2.0], [1.0, 1.0]),
        ("or_ail", [1.0, 2.0, -4.0], [1.0, 1.0, 0.0]),
    ],
)
def test_gradient_at_exact_zeros(name: str, row: list[float], slopes: list[float]) -> None:
    _, gradient = value_and_gradient(build(name, k=len(row)), [row], torch.float64)
    assert gradient[0].tolist() == slopes


@pytest.mark.parametrize("kind", ["and", "or", "xnor"])
def test_the_approximation_stays_within_its_bound(kind: str) -> None:
    axis = torch.linspace(-12, 12, 97, dtype=torch.float64)
    pairs = torch.cartesian_prod(axis, axis)
    distance = (build(f"{kind}_il")(pairs) - build(f"{kind}_ail")(pairs)).abs().max().item()
    bound = math.log(2) if kind == "xnor" else math.log(3)
    assert 0.9 * bound < distance <= bound * (1 + 1e-12)


@pytest.mark.parametrize("form", ["il", "ail"])
def test_de_morgan(form: str) -> None:
    x = normal((50, 6))
    assert torch.equal(build(f"or_{form}", k=3)(x), -build(f"and_{form}", k=3)(-x))


def test_one_xnor_unit_solves_exclusive_or() -> None:
    corners = torch.tensor([[-1.0, -1], [-1, 1], [1, -1], [1, 1]])
    for name in ("xnor_il", "xnor_ail"):
        assert (build(name)(corners).flatten() > 0).tolist() == [True, False, False, True]


# ------------------------------------------------------------------------------------ normalisation


@pytest.mark.parametrize(
    ("name", "k", "mean", "deviation"),
    [
        # Closed forms for k = 2; otherwise the released Monte Carlo averages and their digits.
        ("and_ail", 2, -0.6810370721753108, 0.9722877400310958),
        ("xnor_ail", 2, 0.0, 0.6028102749890869),
        ("and_ail", 3, -1.15497, 1.0701),
        ("or_ail", 5, 1.988, 1.3167),
        ("and_ail", 16, -6.383, 2.335),
        ("xnor_ail", 8, 0.0, 0.1918),
        ("and_il", 2, -1.29895, 0.94834),
        ("or_il", 3, 2.27741, 1.00907),
        ("xnor_il", 2, 0.0, 0.36641),
        ("xnor_il", 4, 0.0, 0.06062),
    ],
)
def test_moments_against_closed_forms_and_released_figures(
    name: str, k: int, mean: float, deviation: float
) -> None:
    found = build(name, k=k).gaussian_moments(k)
    tolerance = 1e-14 if "ail" in name and k == 2 else 2e-4
    assert found == pytest.approx((mean, deviation), rel=tolerance)


def test_the_integrals_give_the_closed_forms_at_two() -> None:
    from actlas.nn.structured._logic_moments import _moment_of_minimum

    first = _moment_of_minimum(2, power=1, sides=1)
    assert first == pytest.approx(1 / math.sqrt(2 * math.pi) - 1 / (2 * math.sqrt(math.pi)), 1e-13)
    assert _moment_of_minimum(2, power=2, sides=2) == pytest.approx(1 - 2 / math.pi, rel=1e-13)


@pytest.mark.parametrize("k", [2, 3])
@pytest.mark.parametrize("name", LOGIC)
def test_normalised_units_have_mean_0_and_deviation_1(name: str, k: int) -> None:
    y = build(name, k=k, normalized=True)(normal((200_000, k), seed=5)).double()
    assert y.mean().item() == pytest.approx(0, abs=0.012)
    assert y.std().item() == pytest.approx(1, abs=0.015)


def test_exact_normalised_forms_end_at_five_inputs() -> None:
    with pytest.raises(ActlasError, match="up to k = 5, got k = 6; use the AIL form"):
        build("and_il", k=6, normalized=True)
    assert build("and_ail", k=24, normalized=True).gaussian_moments(24)[0] < -9
