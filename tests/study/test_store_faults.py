"""Planted faults: a store that shares, keeps or looks wrongly must turn a check red."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from actlas.errors import ActlasError
from actlas.study import database
from actlas.study.store import Store
from actlas.study.training import Record, RunSpec
from tests.study import test_store as checks


@pytest.fixture
def record(make_spec: Callable[..., RunSpec]) -> checks.Make:
    def make(seed: int) -> Record:
        return Record(make_spec(seed=seed), 90.0, 91.0, 0, (90.0,), (1.0,), False, 1.0, {}, 0.1, {})

    return make


def _foreign(tmp_path: Path, record: checks.Make) -> None:
    checks.test_other_files_are_refused_and_left_as_they_are(
        tmp_path, record, checks.of_another_program, "it is the database of another program"
    )


def _overwrite(self: Store, found: Record) -> None:
    self._database.execute("DELETE FROM trials WHERE key = ?", (found.spec.key,))
    self._database.execute(
        "INSERT INTO trials (key, spec, record) VALUES (?, '{}', ?)",
        (found.spec.key, found.to_json()),
    )


FAULTS: tuple[tuple[str, object, str, object, Callable[[Path, checks.Make], Any]], ...] = (
    ("leases are not looked at", Store, "_is_held", lambda *_: False,
     checks.test_a_run_is_given_to_one_runner),
    ("leases are kept for ever", Store, "_is_held", lambda self, owner, *_: owner is not None,
     lambda folder, make: _with(checks.test_a_lease_ends_with_its_time, folder, make)),
    ("leases are not renewed", Store, "_renew", lambda _: None,
     lambda folder, make: _with(checks.test_a_lease_ends_with_its_time, folder, make)),
    ("a second result replaces the first", Store, "add", _overwrite,
     checks.test_the_first_result_stays),
    ("a file is opened without a look at it", database, "_check", lambda _: None, _foreign),
)  # fmt: skip


def _with(check: Callable[..., None], folder: Path, make: checks.Make) -> None:
    with pytest.MonkeyPatch.context() as patch:
        check(folder, make, patch)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault[0])
def test_a_planted_fault_turns_red(
    tmp_path: Path,
    record: checks.Make,
    monkeypatch: pytest.MonkeyPatch,
    fault: tuple[str, object, str, object, Callable[[Path, checks.Make], Any]],
) -> None:
    _, owner, name, wrong, check = fault
    check(tmp_path / "green", record)
    monkeypatch.setattr(owner, name, wrong)
    with pytest.raises((AssertionError, ActlasError, pytest.fail.Exception)):
        check(tmp_path / "red", record)
