"""In which studies of published claims a function appears, and what they found."""

from __future__ import annotations

import json
import tomllib
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from actlas.catalogue import find
from actlas.errors import ActlasError

FOLDER = Path("studies", "results")
Entry = dict[str, Any]


def appearances(folder: Path | None) -> Mapping[str, list[Entry]]:
    """Return what studies say, by the id of the function.

    Args:
        folder: holds NAME/verdict.json for each claim, whose file is NAME.toml in the folder
            above; None, or a folder that is not there, holds none.

    Raises:
        ActlasError: if a file there is damaged.
    """
    found: dict[str, list[Entry]] = defaultdict(list)
    paths = sorted(folder.glob("*/verdict.json")) if folder is not None else []
    for path in paths:
        try:
            _enter(path, found)
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            raise ActlasError(f"{path} is not the verdict of a study") from None
    return found


def _enter(path: Path, found: dict[str, list[Entry]]) -> None:
    name = path.parent.name
    claim = tomllib.loads((path.parents[2] / f"{name}.toml").read_text(encoding="utf-8"))
    for setting, findings in json.loads(path.read_text(encoding="utf-8")).items():
        for each in findings:
            entry = {
                "study": name, "title": claim["title"], "setting": setting.replace("_", " "),
                "claimed": claim.get("function", ""), "against": each["against"],
                "verdict": each["verdict"], "lead": each.get("lead"), "low": each.get("low"),
                "high": each.get("high"), "unit": each.get("unit", ""),
            }  # fmt: skip
            for label in {entry["claimed"], entry["against"]}:
                if (known := _id(label)) is not None:
                    found[known].append(entry)


def _id(label: str) -> str | None:
    """Return the function that a label such as "elu(alpha=2)" means, or None for a recipe."""
    try:
        return find(label.partition("(")[0]).name
    except ActlasError:
        return None
