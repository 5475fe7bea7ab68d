"""Balls hold what they promise: proved doubles at numbers, certain bounds over intervals."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator

import numpy as np
import pytest
from mpmath import mp, mpf

from actlas.backends import arb
from actlas.backends import mpmath as exact
from actlas.catalogue import Definition, find
from actlas.errors import ActlasError
from actlas.expr import (
    Expr,
    absolute,
    const,
    derivative,
    exp,
    minimum,
    pi,
    sign,
    sin,
    symbol,
    symbols,
    tanh,
    where,
)  # fmt: skip
from actlas.expr.node import make, sub
from actlas.expr.primitives import PRIMITIVES
from tests.backends.test_every_primitive import CASES, points_of
from tests.conftest import over
from tests.support.points import DOUBLE
from tests.support.tables import differ_by_less, exact_table, setting
from tests.support.truths import FROM_0, FROM_MINUS_1, TRUTHS, X, Y, node_of

_DIGITS = 450


def _nearest(found: float | None, truth: mpf) -> bool:
    """Say whether no double lies nearer to the truth."""
    if found is None or math.isinf(found):
        return found == float(truth)
    return bool(abs(mpf(found) - truth) <= mpf(float(np.spacing(abs(found)))) / 2)


# ---------------------------------------------------------------- numbers


@pytest.mark.parametrize("case", CASES)
def test_every_primitive_to_the_last_double(case: str) -> None:
    """Against the definitions of the suite, which are not written as the balls are."""
    root = node_of(case)
    for place in zip(*points_of(case), strict=True):
        found = arb.nearest_double(root, dict(zip(sorted(symbols(root)), place, strict=True)))
        with mp.workdps(_DIGITS):
            assert _nearest(found, TRUTHS[case](*map(mpf, place))), (place, found)


@over()
def test_every_function_to_the_last_double(entry: Definition) -> None:
    """Value, slope and curvature by balls and by 50 digits of mpmath, at points of all sizes."""
    at = setting(entry, "default")
    few = [place for place in at.places[::11] if 1e-12 < max(map(abs, _inputs(entry, place))) < 1e9]
    last = list(at.places[0])[-1]
    for wrt in ((), ("x",), ("x", "x"), (last,)):
        root = at.derived(wrt)[1]
        for place in few:
            found, wanted = arb.nearest_double(root, place), float(exact.reference(root, place))
            by_convention = found is None and wanted == 0  # 0 * log(0), which no ball proves
            assert found == wanted or by_convention, (wrt, place)


def _inputs(entry: Definition, place: dict[str, float]) -> list[float]:
    return [place[name] for name in entry.inputs]


@pytest.mark.parametrize(
    ("root", "at", "expected"),
    [
        ((X + 1) - X, 1e300, 1.0),
        (1 - tanh(X) * tanh(X), 300.0, 4 * math.exp(-600)),
        (exp(X) - 1, 5e-324, 5e-324),
        (exp(-exp(X)), 1e308, 0.0),
        (exp(exp(X)), 20.0, math.inf),
        (sin(X), 1.7976931348623157e308, 0.004961954789184062),
        (X / (3 * const(1) / 3) - X, 0.1, 0.0),
        (sin(X) / X, 0.0, None),
        (sub(exp(X) * exp(-X), 1) / X, 1.0, 0.0),
    ],
    ids=["1e300", "1-tanh²", "subnormal", "under", "over", "phase", "zero", "0/0", "cancelled"],
)
def test_precision_rises_as_far_as_needed(root: Expr, at: float, expected: float | None) -> None:
    assert arb.nearest_double(root, {"x": at}) == (
        expected if not expected or math.isinf(expected) else pytest.approx(expected, rel=1e-13)
    )


def test_a_slope_that_was_lost_in_digits() -> None:
    """1 + x/sqrt(x*x + b) at -1e154 is 2e-308: 70 digits find noise and 140 find 0."""
    slope = derivative(find("squareplus").expression(as_printed=True))
    at = {"x": -1e154, "b": 4.0}
    assert arb.nearest_double(slope, at) == 1e-308
    assert float(exact.reference(slope, at)) == 1e-308


def test_signs() -> None:
    at = {"x": 1e-300}
    assert [arb.sign_of(root, at) for root in (X, -X, X - X / 1, 1 - (1 + X))] == [1, -1, 0, -1]
    assert arb.sign_of(sin(pi * 1), {}) is None  # 0, which no precision can prove
    assert arb.sign_of(sin(X) / X, {"x": 0.0}) is None


def test_edges_of_a_decision() -> None:
    """Sides that differ by less than rounding are an edge; equal ones and clear ones are none."""
    assert differ_by_less(X + 2, const(2), {"x": -1e-308}, DOUBLE)
    assert differ_by_less(X + 2, const(2), {"x": 1e-16}, DOUBLE)
    assert not differ_by_less(X + 2, const(2), {"x": 0.0}, DOUBLE)
    assert not differ_by_less(X + 2, const(2), {"x": 1e-14}, DOUBLE)
    assert not differ_by_less(exp(X), exp(X) * 2 / 2, {"x": 0.0}, DOUBLE)


def test_tables_take_the_stable_form_at_a_joint() -> None:
    """A printed form may be 0/0 there, or choose the other side: both are settled as before."""
    at = setting(find("ssu"), "default")
    table = exact_table(at, ())
    assert np.isfinite(table).all()
    assert len(table) == len(at.places)


# ---------------------------------------------------------------- intervals


def _intervals(case: str) -> Iterator[tuple[float, float]]:
    """Yield intervals of all widths inside the domain of a primitive of one argument."""
    random = np.random.default_rng(7)
    for size in (1e-12, 1e-3, 0.5, 3.0, 40.0, 1e4):
        for width in (1e-9, 1e-3, 0.5, 3.0):
            low = size * random.uniform(-1, 1)
            if case in FROM_0 or case in FROM_MINUS_1 or case == "pow -3":
                low = abs(low)
            yield low, low + width * size


UNARY = [case for case in CASES if len(symbols(node_of(case))) == 1]
BINARY = [case for case in CASES if len(symbols(node_of(case))) == 2]


def _holds(found: arb.Ball, truth: mpf) -> bool:
    low, high = arb.bounds(found)
    return bool(mpf(low) <= truth <= mpf(high))


@pytest.mark.parametrize("case", UNARY)
def test_wide_balls_hold_every_value(case: str) -> None:
    """Enclosures hold the definition's values; of what is monotone or even they are no wider."""
    for low, high in _intervals(case):
        found = arb.enclose(node_of(case), {"x": arb.ball(low, high)})
        with mp.workdps(_DIGITS):
            inside = [mpf(low) + (mpf(high) - low) * k / 8 for k in range(9)]
            inside += [mpf(0)] if low < 0 < high else []
            values = [TRUTHS[case](u) for u in inside]
            assert all(_holds(found, value) for value in values), (low, high)
            if not {"sin", "cos", "sphj", "sign"} & {case.split()[0]}:
                span, size = float(max(values) - min(values)), float(max(map(abs, values)))
                least, most = arb.bounds(found)
                assert not most - least > 1.001 * span + 1e-8 * size + 1e-300, (low, high)


@pytest.mark.parametrize("case", BINARY)
def test_wide_balls_of_two_hold_every_value(case: str) -> None:
    random = np.random.default_rng(8)
    for size in (0.01, 1.0, 30.0):
        for _ in range(8):
            (a, b), (c, d) = np.sort(random.uniform(-size, size, (2, 2)), axis=1).tolist()
            a, b = (abs(a), abs(a) + b - a) if case == "powr" else (a, b)
            c, d = (abs(c) + 0.01, abs(c) + 0.01 + d - c) if case == "div" else (c, d)
            found = arb.enclose(node_of(case), {"x": arb.ball(a, b), "y": arb.ball(c, d)})
            with mp.workdps(60):
                for u in (a, (a + b) / 2, b):
                    for v in (c, (c + d) / 2, d):
                        assert _holds(found, TRUTHS[case](mpf(u), mpf(v))), (a, b, c, d)


@over()
def test_enclosures_of_functions_hold_their_values(entry: Definition) -> None:
    """Over intervals across every joint, for value and slope; proved values stand for the truth."""
    at = setting(entry, "default")
    numbers = dict(at.numbers)
    decided = 0
    for root in (at.stable, derivative(at.stable)):
        for left in np.arange(-6.0, 6.0, 0.75).tolist():
            spans = {name: (left + 0.1 * k, left + 0.1 * k + 0.75)
                     for k, name in enumerate(entry.inputs)}  # fmt: skip
            balls = {name: arb.ball(*span) for name, span in spans.items()}
            found = arb.enclose(root, balls | numbers)
            decided += not found.is_nan()
            for part in (0.0, 0.31, 0.5, 0.77, 1.0):
                place = {name: low + part * (high - low) for name, (low, high) in spans.items()}
                value = arb.nearest_double(root, place | numbers)
                low, high = arb.bounds(found)
                assert found.is_nan() or value is None or low <= value <= high, (left, place)
    assert decided >= 24, "three quarters of the intervals must be bounded"


def test_undecided_comparisons_give_both_branches() -> None:
    wide = {"x": arb.ball(-1, 2)}
    low, high = arb.bounds(arb.enclose(where(X > 0, const(5), const(-3)), wide))
    assert (low, high) == pytest.approx((-3, 5))
    assert arb.bounds(arb.enclose(sign(X), wide)) == pytest.approx((-1, 1))
    assert arb.bounds(arb.enclose(minimum(X, 1), wide)) == pytest.approx((-1, 1))
    low, high = arb.bounds(arb.enclose(absolute(X), wide))
    assert low >= -1e-8
    assert high == pytest.approx(2)


def test_a_square_is_not_a_product_of_two() -> None:
    """x*x has no negative value; x*y has, even where both are given as one ball."""
    both = arb.ball(-1, 1)
    assert arb.bounds(arb.enclose(X * X, {"x": both}))[0] >= -1e-8
    assert arb.bounds(arb.enclose(X * Y, {"x": both, "y": both}))[0] <= -1


def test_what_may_leave_a_domain_says_nothing() -> None:
    wide = {"x": arb.ball(-1, 2)}
    for name in ("log", "sqrt"):
        assert arb.enclose(make(name, X), wide).is_nan()
    assert arb.enclose(1 / X, wide).is_nan()
    assert arb.enclose(where(X > 5, 1 / X, X), {"x": arb.ball(-1, 2)}).is_finite()  # never taken


def _least(root: Expr, low: float, high: float, close: float) -> tuple[float, float]:
    """Return bounds of the minimum over an interval, `close` to each other, by bisection."""
    todo, best = [(low, high)], math.inf
    certain = math.inf
    while todo:
        a, b = todo.pop()
        bottom, _ = arb.bounds(arb.enclose(root, {"x": arb.ball(a, b)}))
        middle = (a + b) / 2
        best = min(best, arb.bounds(arb.enclose(root, {"x": middle}))[1])
        if not bottom >= best - close:
            todo += [(a, middle), (middle, b)]
        else:
            certain = min(certain, bottom)
    return min(certain, best - close), best


@pytest.mark.parametrize("name", ["telu", "mish", "gelu"])
def test_a_minimum_can_be_proved(name: str) -> None:
    """What the evaluator is for: a fact, computed in doubles, between two certain bounds."""
    import actlas

    below, above = _least(find(name).expression(), -30, 5, 1e-5)
    assert below <= actlas.get(name).facts.minimum.value <= above
    assert above - below < 2e-5


# ---------------------------------------------------------------- manners


def test_the_precision_of_others_is_left_alone() -> None:
    flint = pytest.importorskip("flint")
    before = flint.ctx.prec
    arb.nearest_double(sin(X) / X, {"x": 0.0})
    arb.enclose(make("tanhshrink", X), {"x": 0.5}, bits=999)
    with pytest.raises(KeyError):
        arb.enclose(X + Y, {"x": 1.0})
    assert flint.ctx.prec == before


def test_a_lacking_primitive_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PRIMITIVES, "gamma", PRIMITIVES["tanh"])
    with pytest.raises(ActlasError, match="the arb backend has no primitive 'gamma'"):
        arb.enclose(make("gamma", symbol("x")), {"x": 1.0})


def test_without_the_extra_one_sentence_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "flint", None)
    arb._flint.cache_clear()
    try:
        with pytest.raises(ActlasError, match=r'pip install "actlas\[prove\]"'):
            arb.enclose(X, {"x": 1.0})
    finally:
        arb._flint.cache_clear()
