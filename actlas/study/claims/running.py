"""Running a claim: its plans or its measurement, as lines of plain JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from actlas.errors import ActlasError, import_here
from actlas.study.claims.claim_file import Claim, Measure
from actlas.study.comparison import run_plan
from actlas.study.progress import Listener
from actlas.study.training import Record

Scored = Iterable[tuple[str, float]]


def run_claim(
    claim: Claim,
    setting: str,
    work: Path,
    data_root: Path | None = None,
    workers: int | None = None,
    progress: Listener | None = None,
) -> list[dict[str, Any]]:
    """Run one setting of a claim, and return its runs as lines to keep.

    Each line has `setting`, `side` ("claimed" or "against"), `label`, `seed`, and `test`, the
    score, which is null for runs of the learning-rate search; of a study the whole record besides.

    Args:
        claim: as read from its file.
        setting: "as_published" or "fair".
        work: where the studies are written; runs that are there are used again.
        data_root, workers, progress: as for `compare`.

    Raises:
        ActlasError: if the setting cannot be run here.
    """
    given = claim.setting(setting)
    if given.measure is not None:
        return list(_measured(given.measure, setting))
    if given.plan is None:
        reason = given.untestable or f"its runs are those of {given.runs_of}"
        raise ActlasError(f"{claim.name}, {setting} is not run: {reason}")
    lines = []
    for side, plan in (("claimed", given.plan), ("against", given.against)):
        if plan is not None:
            folder = work / claim.name / setting / side
            result = run_plan(plan, folder, data_root, workers, progress)
            lines += [
                _line(record, label, setting, side)
                for part in result.parts
                for label, record in part.outcome.labelled
            ]
    return lines


def report_of(claim: Claim, setting: str, work: Path) -> Path:
    """Return where the report of a setting was written."""
    return work / claim.name / setting / "claimed" / "report.html"


def _line(record: Record, label: str, setting: str, side: str) -> dict[str, Any]:
    head = {"setting": setting, "side": side, "label": label, "seed": record.spec.seed}
    return {**head, **json.loads(record.to_json())}


def _measured(measure: Measure, setting: str) -> Iterator[dict[str, Any]]:
    function = _function(measure.measure)
    for seed in range(measure.seeds):
        for label, score in function(seed):
            yield {
                "setting": setting, "side": "claimed", "label": label, "seed": seed, "test": score,
            }  # fmt: skip


def _function(name: str) -> Callable[[int], Scored]:
    module, _, attribute = name.partition(":")
    try:
        found: Callable[[int], Scored] = getattr(import_here(module), attribute)
    except (ActlasError, AttributeError) as error:
        raise ActlasError(f"cannot find the measurement {name!r}: {error}") from error
    return found
