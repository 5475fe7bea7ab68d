"""Every example in a docstring runs and shows what it says; every public object has a docstring."""

from __future__ import annotations

import doctest
import importlib
import inspect
import pkgutil
from types import ModuleType

import pytest
import torch

import actlas

MODULES = sorted(
    found.name
    for found in pkgutil.walk_packages(actlas.__path__, "actlas.")
    if not found.name.endswith("__main__")
)


def test_there_are_modules_and_examples() -> None:
    assert len(MODULES) > 80
    finder = doctest.DocTestFinder(exclude_empty=True)
    tests = [test for name in MODULES for test in finder.find(importlib.import_module(name))]
    assert sum(bool(test.examples) for test in tests) >= 50


@pytest.mark.parametrize("name", ["actlas", *MODULES])
def test_examples_run(name: str) -> None:
    before, known = torch.get_default_dtype(), set(actlas.names())
    try:
        result = doctest.testmod(importlib.import_module(name), report=True)
    finally:
        forget_all(set(actlas.names()) - known)
    assert result.failed == 0, "see the output above"
    assert torch.get_default_dtype() is before


def forget_all(names: set[str]) -> None:
    """Take functions that an example defined out of the catalogue again."""
    from actlas.catalogue import forget

    for name in names:
        forget(name)


@pytest.mark.parametrize("name", actlas.__all__)
def test_public_objects_say_what_they_are(name: str) -> None:
    documented(getattr(actlas, name), f"actlas.{name}")


@pytest.mark.parametrize("name", MODULES)
def test_modules_and_public_functions_say_what_they_are(name: str) -> None:
    module = importlib.import_module(name)
    documented(module, name)
    for key, value in vars(module).items():
        own = inspect.isfunction(value) or inspect.isclass(value)
        if own and value.__module__ == name and not key.startswith("_") and public(module):
            documented(value, f"{name}.{key}")


def public(module: ModuleType) -> bool:
    return not any(part.startswith("_") for part in module.__name__.split("."))


def documented(value: object, name: str) -> None:
    assert (inspect.getdoc(value) or "").strip(), f"{name} has no docstring"
