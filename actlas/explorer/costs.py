"""What a call costs: the part of a benchmark's result that cards show, kept small in the package.

`python -m actlas.explorer costs benchmarks/results` writes it anew.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from actlas.errors import ActlasError

NAME = "costs.json"
SIZE = 1_000_000
_MODES = ("forward", "forward+backward")
_SIDES = ("copy", "torch", "eager", "compile")  # beside actlas, as medians


def shipped() -> dict[str, Any]:
    """Return the costs that came with the package; {} where it came without."""
    place = files("actlas.explorer").joinpath(NAME)
    return json.loads(place.read_text(encoding="utf-8")) if place.is_file() else {}


def read(path: Path) -> dict[str, Any]:
    """Return the costs of a result of `actlas bench`, or of the newest one in a folder.

    Raises:
        ActlasError: if there is none, or it cannot be read.
    """
    paths = sorted(path.glob("engine-*.json")) if path.is_dir() else [path]
    try:
        results = [json.loads(place.read_text(encoding="utf-8")) for place in paths]
        return summary(max(results, key=lambda result: str(result["measured"])))
    except (OSError, ValueError, KeyError, TypeError):
        raise ActlasError(
            f"{path} holds no result of a benchmark; make one with: actlas bench"
        ) from None


def summary(result: Mapping[str, Any]) -> dict[str, Any]:
    """Return nanoseconds per element: quartiles of actlas, medians of others, by function and mode.

    Only calls on a million normal fp32 numbers count: the size at which memory does not hide what
    a formula costs.
    """
    functions: dict[str, dict[str, Any]] = {}
    for row in result["rows"]:
        usual = (row["size"], row["dtype"], row["inputs"]) == (SIZE, "fp32", "normal")
        if usual and row["mode"] in _MODES:
            ns = row["ns"]
            others = {side: ns[side][1] for side in _SIDES if side in ns}
            functions.setdefault(row["function"], {})[row["mode"]] = {
                "actlas": ns["actlas"],
                **others,
            }
    machine = result["machine"]
    return {
        "measured": str(result["measured"])[:10], "processor": machine["processor"],
        "instructions": result["engine"]["isa"], "threads": result["threads"],
        "torch": machine["torch"], "functions": functions,
    }  # fmt: skip


def text(costs: Mapping[str, Any]) -> str:
    """Return the file: one line for each function."""
    head = {name: value for name, value in costs.items() if name != "functions"}
    lines = ",\n  ".join(
        f"{json.dumps(name)}: {json.dumps(modes, separators=(',', ':'))}"
        for name, modes in costs["functions"].items()
    )
    return f'{json.dumps(head, indent=1)[:-2]},\n "functions": {{\n  {lines}\n }}\n}}\n'
