"""Faults planted in `actlas.replace`, each with the check of the suite that must see it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from actlas.errors import ActlasError
from actlas.surgery.replacement import calls, changes, groups, recipes, warm_start, writing
from tests.surgery import test_replace, test_replace_calls, test_replace_start

Patch = pytest.MonkeyPatch


def _fast_path_stays_on(patch: Patch) -> None:
    patch.setattr(writing, "_fast_path", lambda model, plans: iter(()))


def _twins_are_not_told_apart(patch: Patch) -> None:
    patch.setattr(calls.CallSites, "_belongs", lambda self, owner, frame: True)


def _calls_share_one_module(patch: Patch) -> None:
    find = calls.CallSites.find

    def first(self: calls.CallSites, owner: Any, frame: Any) -> str | None:
        return find(self, owner, frame) and "relu_1"

    patch.setattr(calls.CallSites, "find", first)


def _compiled_calls_are_not_counted(patch: Patch) -> None:
    """Under torch.compile the order tells calls apart; here it is turned round."""
    original = writing._order
    patch.setattr(writing, "_order", lambda *found: (original(*found) or ())[::-1] or None)


def _attributes_are_not_put_back(patch: Patch) -> None:
    patch.setattr(changes.Item, "revert", lambda self: None)


def _classes_are_not_put_back(patch: Patch) -> None:
    patch.setattr(changes.Class, "revert", lambda self: None)


def _nothing_is_done_in_place(patch: Patch) -> None:
    def apply_at(self: Any, name: str, function: Any, args: Any, kwargs: Any) -> Any:
        return getattr(self, name)(args[0])

    patch.setattr(calls.CallSites, "apply_at", apply_at)


def _one_module_for_all(patch: Patch) -> None:
    """As when a registry holds instances instead of classes."""
    build, made = recipes._of_entry, []

    def shared(entry: Any, given: Any) -> recipes.Recipe:
        recipe = build(entry, given)

        def once(site: Any, options: Any) -> Any:
            made.append(made[0] if made else recipe.build(site, options))
            return made[0]

        return recipes.Recipe(recipe.label, once, recipe.entry, recipe.given)

    patch.setattr(recipes, "_of_entry", shared)


def _shapes_decay(patch: Patch) -> None:
    patch.setattr(groups, "_shapes", lambda model, functions: iter(()))


def _differences_on_a_coarse_grid(patch: Patch) -> None:
    """Where the first version of the search looked: it missed what lies beside a kink."""
    warm_start._on_grid.cache_clear()
    warm_start.nearest_start.cache_clear()
    patch.setattr(warm_start, "GRID", warm_start.GRID[::97])


def _differences() -> None:
    from actlas.catalogue import find

    warm_start._on_grid.cache_clear()
    warm_start.nearest_start.cache_clear()
    try:
        test_replace_start.test_the_difference_that_is_said_is_there(find("swish"))
    finally:
        warm_start._on_grid.cache_clear()
        warm_start.nearest_start.cache_clear()


FAULTS: dict[str, tuple[Callable[[Patch], None], Callable[[], None]]] = {
    "the fast path stays on": (
        _fast_path_stays_on, lambda: test_replace.check_fast_path("relu")),
    "twins are not told apart": (_twins_are_not_told_apart, test_replace_calls.check_twins),
    "calls share one module": (
        _calls_share_one_module, test_replace_calls.check_every_call_has_its_own),
    "compiled calls in the wrong order": (
        _compiled_calls_are_not_counted, test_replace_calls.check_compiled),
    "attributes are not put back": (
        _attributes_are_not_put_back, test_replace.test_undo_restores_everything),
    "classes are not put back": (
        _classes_are_not_put_back, test_replace.test_undo_restores_everything),
    "nothing is done in place": (
        _nothing_is_done_in_place, test_replace.test_in_place_stays_in_place),
    "one module for all": (
        _one_module_for_all, test_replace.test_every_place_has_its_own_instance),
    "learned shapes decay": (_shapes_decay, test_replace_start.check_decay),
    "differences on a coarse grid": (_differences_on_a_coarse_grid, _differences),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")
@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_is_seen(name: str) -> None:
    plant, check = FAULTS[name]
    check()
    with pytest.MonkeyPatch.context() as patch:
        plant(patch)
        with pytest.raises((AssertionError, ActlasError)):
            check()
    check()
