"""What is kept of a claim: its raw runs, compressed, and the verdicts that follow from them."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from actlas.errors import ActlasError
from actlas.study.claims.judging import Finding, Line

RUNS, VERDICT = "runs.jsonl.gz", "verdict.json"


def kept_lines(folder: Path) -> dict[str, list[Line]]:
    """Return the kept runs of every claim, by its name.

    Args:
        folder: holds one folder for each claim.

    Raises:
        ActlasError: if a file is damaged.
    """
    found: dict[str, list[Line]] = {}
    for path in sorted(folder.glob(f"*/{RUNS}")):
        try:
            text = gzip.decompress(path.read_bytes()).decode("utf-8")
            found[path.parent.name] = [json.loads(line) for line in text.splitlines()]
        except (OSError, EOFError, ValueError) as error:
            raise ActlasError(f"the runs {path} cannot be read: {error}") from error
    return found


def keep(folder: Path, name: str, setting: str, lines: Iterable[Line]) -> None:
    """Keep the runs of one setting of a claim, in the place of earlier ones.

    Equal runs give equal files: lines are sorted, and the file says nothing of its time.
    """
    others = [line for line in kept_lines(folder).get(name, []) if line["setting"] != setting]
    text = "".join(sorted(f"{json.dumps(line, sort_keys=True)}\n" for line in (*others, *lines)))
    target = folder / name / RUNS
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(gzip.compress(text.encode("utf-8"), mtime=0))


def kept_verdicts(folder: Path) -> dict[str, Any]:
    """Return what the verdict files say, by the claim's name."""
    paths = sorted(folder.glob(f"*/{VERDICT}"))
    return {path.parent.name: json.loads(path.read_text(encoding="utf-8")) for path in paths}


def plain(settings: Mapping[str, Sequence[Finding]]) -> dict[str, Any]:
    """Return the findings of a claim as JSON has them.

    >>> plain({"fair": []})
    {'fair': []}
    """
    return {name: [asdict(finding) for finding in found] for name, found in settings.items()}


def write_verdicts(folder: Path, found: Mapping[str, Mapping[str, Sequence[Finding]]]) -> None:
    """Write the verdict file of every claim."""
    for name, settings in found.items():
        path = folder / name / VERDICT
        path.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps(plain(settings), indent=1, ensure_ascii=False)
        path.write_text(text + "\n", encoding="utf-8")
