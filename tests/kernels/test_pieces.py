"""Piecewise polynomials: found exactly, kept to the last place where pieces meet."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from actlas.backends import numpy as numpy_backend
from actlas.backends.pieces import fitted
from actlas.backends.polynomials import NotPieces, Piecewise, piecewise
from actlas.backends.program import program
from actlas.catalogue import Definition, find, unroll
from actlas.expr import Expr, const, derivative, substitute, symbol, where
from actlas.expr.node import make
from actlas.kernels.cpu.runtime import engine
from tests.conftest import over
from tests.kernels.test_accuracy import ONE, paths, roots, run  # noqa: F401

X = symbol("x")


def is_piecewise(root: Expr) -> bool:
    try:
        piecewise(numpy_backend.prepared(root, ("x",), ()))
    except NotPieces:
        return False
    return True


PIECEWISE = [entry for entry in ONE if any(map(is_piecewise, roots(entry)))]


def exactly(found: Piecewise, x: float) -> tuple[float, float]:
    """Return value and slope at a float, in rational numbers that are rounded once."""
    at = Fraction(x)
    cell = sum(knot < at for knot in found.knots) + sum(knot <= at for knot in found.knots)
    terms = list(enumerate(found.cells[cell]))
    value = sum((c * at**k for k, c in terms), Fraction(0))
    return float(value), float(sum((k * c * at ** (k - 1) for k, c in terms[1:]), Fraction(0)))


def allowed(x: np.ndarray, truth: np.ndarray, slope: np.ndarray) -> np.ndarray:
    """Return what four roundings of the result and of x are worth."""
    return 4 * 2.0**-24 * (np.abs(truth) + np.abs(x * slope)) + 1e-37


def beside(found: Piecewise) -> np.ndarray:
    """Return every knot, its neighbours, and some other floats."""
    x = np.array([float(knot) for knot in found.knots], np.float32)
    near = [np.nextafter(x, np.float32(end)) for end in (-np.inf, np.inf)]
    return np.concatenate([x, *near, np.linspace(-9, 9, 73), [0.0, -0.0, 1e-45, -1e-45]]).astype(
        np.float32
    )


@over(PIECEWISE)
def test_runs_in_registers(entry: Definition) -> None:
    """One step, and no table, where the function is a few polynomials; the chain rule included."""
    for root, factor in zip(roots(entry), ("", "grad"), strict=True):
        if is_piecewise(root):
            low = numpy_backend.prepared(root, ("x",), ())
            found = program((low,), ("x", factor) if factor else ("x",), factor)
            assert len(found.steps) <= 1
            assert not found.tables


@over(PIECEWISE)
def test_joints_and_ends_on_every_path(entry: Definition, paths: dict[str, Any]) -> None:  # noqa: F811
    """Beside a joint the result is that of rational arithmetic; so are zeros, signs and limits."""
    for root in filter(is_piecewise, roots(entry)):
        exact = piecewise(numpy_backend.prepared(root, ("x",), ()))
        x = beside(exact)
        truth, slope = np.array([exactly(exact, float(v)) for v in x]).T
        ends = numpy_backend.evaluate(root, ["x"], [-np.inf, np.inf])
        for isa, module in paths.items():
            module.use(isa)
            found = run(module, root, np.concatenate([x, [-np.inf, np.inf, np.nan]]).astype("f4"))
            error = np.abs(found[:-3] - truth)
            wrong = error > allowed(x, truth, slope)
            assert not wrong.any(), (isa, x[wrong], found[:-3][wrong])
            knots = np.isin(x, [float(k) for k in exact.knots])
            held = truth[knots].astype(np.float32)
            assert np.array_equal(found[:-3][knots], held), (isa, x[knots], found[:-3][knots])
            assert np.array_equal(found[-3:-1], ends.astype(np.float32)), (isa, found[-3:-1])
            assert np.isnan(found[-1]) or root.op == "const"


def test_what_joins_what() -> None:
    """Jumps, values at a point alone, joints that no float32 holds, and polynomials that cross."""
    third = const(Fraction(1, 3))
    jump = piecewise(where(make("ge", X, third), X * X, 1 - X))
    assert jump.knots == (Fraction(1, 3),)
    assert jump.cells[1] == (Fraction(1, 9),)
    assert piecewise(make("sign", X)).cells == ((Fraction(-1),), (), (Fraction(1),))
    assert piecewise(make("max", X * X, X)).knots == (0, 1)
    assert piecewise(make("max", X, X)).knots == ()
    assert piecewise(make("abs", make("abs", X) - 2)).knots == (-2, 0, 2)
    with pytest.raises(NotPieces):
        piecewise(make("max", X * X, const(2)))  # crosses at the root of two
    with pytest.raises(NotPieces):
        piecewise(make("tanh", X))


def test_a_part_keeps_what_guards_infinity() -> None:
    clipped = make("clip_low", X)
    assert piecewise(clipped).cells == ((Fraction(0), Fraction(1)),)
    with pytest.raises(NotPieces):
        piecewise(clipped, whole=False)


def test_random_polynomials_side_by_side(paths: dict[str, Any]) -> None:  # noqa: F811
    """Up to four joints, of degree three, with jumps: the float32 of rational arithmetic."""
    random = np.random.default_rng(0)
    for _ in range(40):
        degree, count = random.integers(0, 4), random.integers(0, 5)
        numbers = [Fraction(int(n), 8) for n in random.integers(-24, 25, 30)]
        pieces = [sum((n * X**k for k, n in enumerate(numbers[4 * i :][: degree + 1]) if k), X * 0
                  + numbers[4 * i]) for i in range(count + 1)]  # fmt: skip
        root = pieces[0]
        knots = sorted(set(numbers[len(numbers) - count :]))
        for knot, piece in zip(knots, pieces[1:], strict=False):
            root = where(make("ge", X, const(knot)), piece, root)
        compare(root, paths)


def compare(root: Expr, paths: dict[str, Any]) -> None:  # noqa: F811
    prepared = numpy_backend.prepared(root, ("x",), ())
    exact = piecewise(prepared)
    try:
        fitted(prepared)
    except NotPieces:
        return  # too many digits would be lost
    x = beside(exact)
    truth, slope = np.array([exactly(exact, float(v)) for v in x]).T
    for isa, module in paths.items():
        module.use(isa)
        error = np.abs(run(module, root, x) - truth)
        assert (error <= allowed(x, truth, slope)).all(), (isa, root)


def test_hard_sigmoid_by_hand() -> None:
    """The clamp alone, and no knot: x is moved to [-3, 3], which is where the pieces meet."""
    values = unroll(find("hard_sigmoid").bind({}))
    given = {symbol(name): const(value) for name, value in values.items()}
    root = substitute(find("hard_sigmoid").expression(), given)
    pieces = fitted(numpy_backend.prepared(root, ("x",), ()))
    assert (pieces.low, pieces.high, len(pieces.knots), pieces.degree) == (-3, 3, 0, 1)
    slope = fitted(numpy_backend.prepared(derivative(root, "x"), ("x",), ()))
    assert (len(slope.knots), slope.degree) == (2, 0)


def test_pieces_that_are_not_there_are_refused(paths: dict[str, Any]) -> None:  # noqa: F811
    """Numbers of pieces and factors are registers like others; tables of pieces have a size."""
    module = engine().module
    source = program((numpy_backend.prepared(make("max", X, const(0)) * 2, ("x",), ()),), ("x",))
    (operation, to, *_), (piece,) = source.steps[0], source.pieces
    for step in (
        (operation, to, 0, 0, 1, 0),
        (operation, to, 0, 9, 0, 1),
        (operation, to, 0, 0, 0, 9),
    ):
        with pytest.raises(ValueError, match="not there"):
            module.program(*replace(source, steps=(step,)).packed())
    five = replace(piece, knots=np.arange(5, dtype=np.float32), rows=np.zeros((6, 2), np.float32))
    short = replace(piece, knots=np.arange(2, dtype=np.float32), rows=np.zeros((2, 2), np.float32))
    for wrong in (five, short):
        with pytest.raises(ValueError, match="wrong number of knots"):
            module.program(*replace(source, pieces=(wrong,)).packed())
