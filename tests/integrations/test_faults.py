"""The tests of the registration's tests: faults are planted, and a check turns red."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from torch import nn

from actlas.integrations import Registration, _registration
from actlas.integrations import timm as actlas_timm
from actlas.integrations import transformers as actlas_transformers
from actlas.nn._module import ElementwiseModule
from tests.integrations import test_timm, test_transformers
from tests.support.peers import peer

pytestmark = pytest.mark.filterwarnings("ignore")
Check = Callable[[Path], None]


def registered(check: Callable[[Registration], None]) -> Check:
    def run(_: Path) -> None:
        registration = actlas_transformers.register()
        try:
            check(registration)
        finally:
            registration.undo()

    return run


def _lacking(folder: Path) -> None:
    registered(
        lambda r: test_transformers.test_what_a_checkpoint_lacks_gets_its_initial_value(r, folder)
    )(folder)


def shared_module(patch: pytest.MonkeyPatch) -> None:
    one = nn.Tanh()
    patch.setattr(_registration, "_layer", lambda entry: lambda: one)


FAULTS: dict[str, tuple[Callable[[pytest.MonkeyPatch], None], Check]] = {
    "what a checkpoint lacks stays what lay in memory": (
        lambda patch: patch.setattr(ElementwiseModule, "_is_hf_initialized", True, raising=False),
        _lacking,
    ),
    "names are overwritten in silence": (
        lambda patch: patch.setattr(_registration, "_foreign", lambda value: False),
        registered(test_transformers.test_names_of_transformers_keep_their_meaning),
    ),
    "all layers share one module": (
        shared_module, registered(test_transformers.test_names_of_transformers_keep_their_meaning),
    ),
    "undo forgets one table": (
        lambda patch: patch.setattr(Registration, "undo", lambda self: [
            change.table.pop(change.name) for change in self.changes
            if change.table is self.changes[0].table
        ] and None),
        lambda _: test_timm.test_registering_is_idempotent_and_undone(),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_turns_red(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    peer("transformers")
    before = [dict(table) for table in test_timm.tables()]
    plant, check = FAULTS[name]
    actlas_transformers.register().undo()
    check(tmp_path)
    try:
        with monkeypatch.context() as patch:
            plant(patch)
            with pytest.raises(AssertionError):
                check(tmp_path)
    finally:
        for table, contents in zip(test_timm.tables(), before, strict=True):
            table.clear()
            table.update(contents)
    assert actlas_timm.register().undo() is None
