"""Every primitive in every language: it is there, and it agrees with mpmath at 50 digits."""

from __future__ import annotations

from contextlib import suppress
from functools import cache

import numpy as np
import pytest
from mpmath import mp, mpf

from actlas.backends import mpmath as exact
from actlas.backends import numpy as numpy_backend
from actlas.backends import torch as torch_backend
from actlas.backends.c import C
from actlas.backends.javascript import JAVASCRIPT
from actlas.backends.latex import to_latex
from actlas.backends.printer import Language, print_function
from actlas.cli._formula import formula
from actlas.errors import ActlasError
from actlas.expr import derivative, symbols
from actlas.expr.node import make
from actlas.expr.primitives import PRIMITIVES, VOCABULARY
from tests.backends.batch import c_library, c_loop, c_table, javascript_tables
from tests.support.oracle import Truth, failures, report
from tests.support.points import DOUBLE, SINGLE, Precision
from tests.support.runners import compiler, node, on_numpy, on_torch
from tests.support.truths import FROM_0, FROM_MINUS_1, TRUTHS, X, cases, node_of

# What a language may lose to rounding, in units of eps (|f| + |x f'| + |y f_y|).
UNITS = {"numpy": 4.0, "torch-float64": 4.0, "torch-float32": 4.0, "c-float64": 4.0,
         "c-float32": 4.0, "javascript": 6.0}  # fmt: skip
CASES = cases()
_DIGITS = 450  # log(1 + exp(-740)) by its definition is 1 + 1e-322 on the way
_MAGNITUDES = (1e-30, 1e-12, 1e-5, 0.01, 0.3, 0.59, 0.61, 1, 1.7, 2.4, 3.6, 5.5, 8, 15, 40, 90, 300,
               740, 1e4, 1e15, 1e30)  # fmt: skip
_FEW = (1e-12, 0.3, 1, 2.4, 8, 90, 1e4)


def _slug(case: str) -> str:
    return "f_" + case.replace(" ", "_").replace("-", "minus_")


def _inputs(case: str) -> tuple[str, ...]:
    return tuple(sorted(symbols(node_of(case))))


def points_of(case: str) -> tuple[np.ndarray, ...]:
    """Return places by magnitude, both signs and zero, inside the primitive's domain."""
    sizes = _MAGNITUDES if len(_inputs(case)) == 1 else _FEW
    both = np.unique([0.0, *(np.float32(m) for m in sizes), *(-np.float32(m) for m in sizes)])
    if len(_inputs(case)) == 1:
        inside = both[both > (-1 if case in FROM_MINUS_1 else 0 if case in FROM_0 else -np.inf)]
        return (inside[(inside != 0) | (case not in ("pow -3", "sqrt"))].astype(np.float64),)
    x, y = (a.ravel().astype(np.float64) for a in np.meshgrid(both, both))
    kept = (x > 0) & (np.abs(y) < 20) if case == "powr" else (y != 0) | (case != "div")
    return x[kept], y[kept]


@cache
def exactly(case: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the definition's values, and |f| + |x f'| + |y f_y|, at the places."""
    values, sizes = [], []
    slopes = [derivative(node_of(case), name) for name in _inputs(case)]
    for place in zip(*points_of(case), strict=True):
        with mp.workdps(_DIGITS):
            value = TRUTHS[case](*map(mpf, place))
            at = dict(zip(_inputs(case), place, strict=True))
            parts = [v * exact.evaluate(s, at) for v, s in zip(place, slopes, strict=True)]
            values.append(float(value))
            sizes.append(float(abs(value) + sum(map(abs, parts))))
    return np.array(values), np.array(sizes)


def truth_of(case: str, precision: Precision, backend: str) -> Truth:
    """Return the table in the form in which the whole suite judges a backend."""
    value, size = exactly(case)
    allowed = UNITS[backend] * precision.eps * size + 4 * precision.tiny
    return Truth(node_of(case), _inputs(case), points_of(case), (), value, allowed, precision)


# ---------------------------------------------------------------- a row in every language


def test_there_are_primitives() -> None:
    assert len(PRIMITIVES) >= 30
    assert {case.split()[0] for case in CASES} == set(PRIMITIVES)
    assert set(VOCABULARY) - {"clamp", "sinc"} <= set(PRIMITIVES)
    assert all(primitive.about for primitive in PRIMITIVES.values())


@pytest.mark.parametrize("case", CASES)
def test_the_tests_know_its_definition(case: str) -> None:
    assert case in TRUTHS, f"describe the primitive {case!r} in tests/support/truths.py"


@pytest.mark.parametrize("language", [C, JAVASCRIPT], ids=lambda language: language.name)
@pytest.mark.parametrize("case", CASES)
def test_printers_have_it(case: str, language: Language) -> None:
    assert "return" in print_function(language, node_of(case), _inputs(case), "f")


@pytest.mark.parametrize("case", CASES)
def test_tapes_have_it(case: str) -> None:
    numpy_backend.compiled(node_of(case), _inputs(case))
    torch_backend.compiled(node_of(case), _inputs(case))


@pytest.mark.parametrize("case", CASES)
def test_people_can_read_it(case: str) -> None:
    assert to_latex(node_of(case))
    assert formula(node_of(case), "f(x)")


LOWERED = ("damp", "nan_like", "clip_low", "clip_high", "at_low", "at_high")


@pytest.mark.parametrize("operation", LOWERED)
def test_what_lowering_adds_is_everywhere(operation: str) -> None:
    for table in (numpy_backend.FUNCTIONS, torch_backend.FUNCTIONS, C.templates,
                  JAVASCRIPT.templates):  # fmt: skip
        assert operation in table


def test_a_lacking_primitive_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PRIMITIVES, "gamma", PRIMITIVES["tanh"])
    alien, inputs = make("gamma", X), ("x", "y")
    for language, call in {
        "c": lambda: print_function(C, alien, inputs, "f"),
        "javascript": lambda: print_function(JAVASCRIPT, alien, inputs, "f"),
        "numpy": lambda: numpy_backend.compiled(alien, inputs),
        "torch": lambda: torch_backend.compiled(alien, inputs),
        "latex": lambda: to_latex(alien),
        "mpmath": lambda: exact.evaluate(alien, {"x": 1.0}),
    }.items():
        with pytest.raises(ActlasError, match=f"the {language} backend has no primitive 'gamma'"):
            call()


# ---------------------------------------------------------------- and it is right


@pytest.mark.parametrize("case", CASES)
def test_mpmath(case: str) -> None:
    """The reference itself, to 45 digits."""
    with mp.workdps(50):
        for place in zip(*points_of(case), strict=True):
            found = exact.reference(node_of(case), dict(zip(_inputs(case), place, strict=True)))
            with mp.workdps(_DIGITS):
                wanted = TRUTHS[case](*map(mpf, place))
            assert abs(found - wanted) <= mpf(10) ** -45 * abs(wanted) + mpf(10) ** -400, place


@pytest.mark.parametrize("case", CASES)
def test_numpy(case: str) -> None:
    of = truth_of(case, DOUBLE, "numpy")
    assert not (bad := failures(of, on_numpy(of))), report(bad)


@pytest.mark.parametrize("precision", [DOUBLE, SINGLE], ids=lambda precision: precision.name)
@pytest.mark.parametrize("case", CASES)
def test_torch(case: str, precision: Precision) -> None:
    of = truth_of(case, precision, f"torch-{precision.name}")
    assert not (bad := failures(of, on_torch(of))), report(bad)


def _printed(language: Language) -> dict[str, str]:
    """Return the source of every primitive that the language has."""
    printed = {}
    for case in CASES:
        with suppress(ActlasError):  # test_printers_have_it names it
            printed[case] = print_function(language, node_of(case), _inputs(case), _slug(case))
    return printed


@pytest.mark.parametrize("precision", [DOUBLE, SINGLE], ids=lambda precision: precision.name)
@pytest.mark.parametrize("case", CASES)
def test_c(case: str, precision: Precision) -> None:
    if compiler() is None:
        pytest.skip("no C compiler on this machine")
    single = precision is SINGLE
    functions = "".join("static " + text + c_loop(_slug(name), len(_inputs(name)))
                        for name, text in _printed(C).items())  # fmt: skip
    library = c_library(functions, ("-DACTLAS_FLOAT",) if single else ())
    dtype = np.float32 if single else np.float64
    of = truth_of(case, precision, f"c-{precision.name}")
    assert not (bad := failures(of, c_table(library, _slug(case), of.points, dtype))), report(bad)


@cache
def _in_javascript() -> dict[str, np.ndarray]:
    printed = _printed(JAVASCRIPT)
    return javascript_tables(printed, {case: points_of(case) for case in printed})


@pytest.mark.parametrize("case", CASES)
def test_javascript(case: str) -> None:
    if node() is None:
        pytest.skip("no node on this machine")
    of = truth_of(case, DOUBLE, "javascript")
    assert not (bad := failures(of, _in_javascript()[case])), report(bad)
