"""Printed source as somebody copies it: compiles without a warning and computes the function."""

from __future__ import annotations

import keyword
import re

import numpy as np
import pytest

import actlas
from actlas.backends import numpy as numpy_backend
from actlas.backends.c import C
from actlas.backends.javascript import JAVASCRIPT
from actlas.backends.printer import print_function
from actlas.backends.sources import source
from actlas.catalogue import Definition, unroll
from actlas.errors import ActlasError
from actlas.expr import derivative, exp, symbol
from actlas.expr.node import Expr
from actlas.expr.parse import parse
from tests.backends.batch import c_library, c_loop, c_table, javascript_tables
from tests.conftest import ENTRIES, over
from tests.support.runners import compiler, node

X = np.array([-7.0, -1.3, -0.2, 0.4, 1.1, 6.0, 25.0])
needs_compiler = pytest.mark.skipif(compiler() is None, reason="no C compiler on this machine")
needs_node = pytest.mark.skipif(node() is None, reason="no node on this machine")


def _inputs(entry: Definition) -> tuple[str, ...]:
    return (*entry.inputs, *entry.scalars(entry.default_shape))


def _places(entry: Definition) -> tuple[np.ndarray, ...]:
    numbers = unroll({name: p.default for name, p in entry.parameters.items()}).values()
    inputs = [np.roll(X, shift) for shift in range(len(entry.inputs))]
    return (*inputs, *(np.full_like(X, number) for number in numbers))


def _expected(entry: Definition, root: Expr) -> np.ndarray:
    tape = numpy_backend.compiled(root, _inputs(entry))
    return numpy_backend.run(tape, *_places(entry))


@pytest.mark.parametrize("flags", [(), ("-DACTLAS_FLOAT",)], ids=["double", "float"])
@needs_compiler
def test_c_of_the_whole_catalogue_compiles_without_a_warning(flags: tuple[str, ...]) -> None:
    """Value and slope of every entry, under -Wall -Wextra -Wpedantic -Wshadow -Werror."""
    functions = [
        "static " + print_function(C, root, _inputs(entry), f"{entry.name}_{order}")
        + c_loop(f"{entry.name}_{order}", len(_inputs(entry)))
        for entry in ENTRIES
        for order, root in enumerate((entry.expression(), derivative(entry.expression())))
    ]  # fmt: skip
    library = c_library("".join(functions), flags)
    kind = np.float32 if flags else np.float64
    with np.errstate(all="ignore"):
        for entry in ENTRIES:
            found = c_table(library, f"{entry.name}_0", _places(entry), kind)
            wanted = _expected(entry, entry.expression())
            assert np.allclose(found, wanted, rtol=1e-4 if flags else 1e-12, atol=1e-30), entry.name


@needs_node
def test_javascript_of_the_whole_catalogue() -> None:
    """What `source` gives, runtime and all, in one process: no name gets in another's way."""
    printed = {e.name: source(e.expression(), _inputs(e), e.name, "javascript") for e in ENTRIES}
    tables = javascript_tables(printed, {e.name: _places(e) for e in ENTRIES}, runtime=False)
    for entry in ENTRIES:
        wanted = _expected(entry, entry.expression())
        assert np.allclose(tables[entry.name], wanted, rtol=1e-12, atol=1e-300), entry.name


@pytest.mark.parametrize("language", [C, JAVASCRIPT], ids=lambda language: language.name)
@over()
def test_no_printed_name_means_something_else(entry: Definition, language: object) -> None:
    """`function sigmoid(x) { return sigmoid(x); }` would call itself for ever."""
    assert language in (C, JAVASCRIPT)
    text = print_function(language, entry.expression(), _inputs(entry), entry.name)  # type: ignore[arg-type]
    head, _, body = text.partition("{")
    assert not re.search(rf"\b{head.split('(')[0].split()[-1]}\)?\(", body)


NASTY = ["t0", "t1", "exp", "log", "double", "var", "real", "ONE", "sigmoid", "erf", "r_sign"]


@pytest.mark.parametrize("name", NASTY)
def test_parameters_may_have_any_name(name: str) -> None:
    assert not keyword.iskeyword(name)
    root = parse(
        f"where(x > {name}, exp({name}*x)*sigmoid(exp({name}*x)), "
        "erf(exp(x)) + log(2 + x*x)*exp(x))",
        frozenset({"x", name}),
    )
    places = (np.array([0.3, 0.7, 1.9]), np.full(3, 0.5))
    wanted = numpy_backend.run(numpy_backend.compiled(root, ("x", name)), *places)
    if node() is not None:
        text = source(root, ("x", name), "mine", "javascript")
        found = javascript_tables({"mine": text}, {"mine": places}, runtime=False)["mine"]
        assert np.allclose(found, wanted, rtol=1e-13)
    if compiler() is not None:
        text = "static " + print_function(C, root, ("x", name), "mine") + c_loop("mine", 2)
        assert np.allclose(c_table(c_library(text), "mine", places, np.float64), wanted, rtol=1e-13)


def test_shared_parts_are_computed_once() -> None:
    part = exp(symbol("x") * 3 + 1)
    text = print_function(C, part * part + 1 / part, ("x",), "f")
    assert text.count("M(exp)") == 1


def test_an_unknown_language_is_answered_with_the_nearest() -> None:
    with pytest.raises(
        ActlasError, match=r"no printer for 'javscript'.* Did you mean 'javascript'"
    ):
        actlas.get("relu").source("javscript")
