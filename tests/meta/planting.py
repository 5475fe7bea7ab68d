"""How a fault is planted: a wrong entry, or a wrong part of actlas for the length of a block."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import pytest

from actlas.catalogue import Definition, Paper, Parameter
from actlas.errors import ActlasError
from actlas.expr import Expr
from actlas.kernels.cpu.runtime import engine
from actlas.nn import _apply
from tests.catalogue import test_values

Check = Callable[[], None]
Plant = Callable[[pytest.MonkeyPatch], None]
RED = (AssertionError, ActlasError, RuntimeError, ValueError, pytest.fail.Exception)


def entry(
    body: Callable[..., Expr], formula: Callable[..., Expr] | None = None, **parameters: Parameter
) -> Definition:
    """Return an entry that stands in no catalogue and that no lint has seen."""
    declared = {name: replace(parameter, name=name) for name, parameter in parameters.items()}
    return Definition(
        name="planted", title="Planted", family="planted", description="Planted.", body=body,
        inputs=("x",), parameters=declared, paper=Paper("Nobody", 2020), formula=formula,
    )  # fmt: skip


def matches(backend: str, order: str = "value") -> Callable[[Definition], None]:
    """Return the 50-digit check of one backend and order, waiting for an entry."""
    return lambda of: test_values.test_matches_fifty_digits(entry=of, backend=backend, order=order)


@dataclass(frozen=True)
class Fault:
    """What is wrong, the check of the suite that must see it, and that check without the fault."""

    name: str
    says: str  # in the message, so that red is red for the right reason
    green: Check
    red: Check
    plant: Plant
    of_engine: bool = False  # it shows only where compiled code runs

    def show(self) -> None:
        """Raise unless the check is green without the fault and red with it, and says so."""
        with _fresh_caches():
            self.green()
        with _fresh_caches(), pytest.MonkeyPatch.context() as patch:
            self.plant(patch)
            with pytest.raises(RED, match=re.escape(self.says)):
                self.red()


@contextmanager
def _fresh_caches() -> Iterator[None]:
    """Forget what was compiled or computed, before and after."""
    forget_everything()
    try:
        yield
    finally:
        forget_everything()
        engine()  # is told anew what a plain tensor is


def forget_everything() -> None:
    """Clear every cache of actlas and of the suite's own references."""
    for name, module in list(sys.modules.items()):
        if name.split(".")[0] in ("actlas", "tests") and module is not None:
            for value in list(vars(module).values()):
                if callable(getattr(value, "cache_clear", None)):
                    value.cache_clear()
    _apply.SHORT.clear()


class Faults(list[Fault]):
    """The list of planted faults, filled by the two ways to plant one."""

    def part(
        self, name: str, says: str, check: Check, *, of_engine: bool = False
    ) -> Callable[[Plant], Plant]:
        """Plant by changing a part of actlas; the decorated function makes the change."""

        def enter(plant: Plant) -> Plant:
            self.append(Fault(name, says, check, check, plant, of_engine))
            return plant

        return enter

    def wrong(
        self, name: str, says: str, check: Callable[..., None], right: Any, wrong: Any
    ) -> None:
        """Plant by giving a check something wrong in place of something right."""
        self.append(Fault(name, says, lambda: check(right), lambda: check(wrong), lambda _: None))
