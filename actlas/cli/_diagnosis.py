"""What `actlas doctor` looks at."""

from __future__ import annotations

import importlib.util
import os
import platform
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from rich.text import Text

import actlas
from actlas.api import get, names
from actlas.cli._engine import engine_rows
from actlas.errors import ActlasError
from actlas.nn.structured import units

Rows = dict[str, str]
_CHECKED_AT = (-20.0, -3.0, -1.0, -1e-3, 0.0, 0.5, 2.0, 30.0)
_TOLERANCE = 4 * 2.0**-52


@dataclass(frozen=True)
class Diagnosis:
    """The findings by section, and whether the self-check passed."""

    sections: dict[str, Rows]
    healthy: bool


def diagnose() -> Diagnosis:
    """Return what is found on this machine."""
    faults = self_check()
    checked = f"{len(names())} functions at {len(_CHECKED_AT)} places against 50 digits"
    verdict = f"failed for {', '.join(faults)}" if faults else f"right: {checked}"
    return Diagnosis(
        {
            "versions": _versions(),
            "devices": _devices(),
            "engine": engine_rows(),
            "extras": _extras(),
            "data sets": _data_sets(),
            "catalogue": _catalogue(),
            "self-check": {"values": verdict},
        },
        healthy=not faults,
    )


def print_diagnosis(screen: Console, diagnosis: Diagnosis) -> None:
    """Print the findings, section by section."""
    for title, rows in diagnosis.sections.items():
        table = Table.grid(padding=(0, 2))
        table.add_column(no_wrap=True, min_width=14)
        table.add_column(overflow="fold")
        for name, value in rows.items():
            table.add_row(Text("  " + name), Text(value, style=_style(value)))
        screen.print(Text(title, style="bold cyan"), table, sep="\n")


def _style(value: str) -> str:
    if value.startswith(("missing", "not ", "failed")):
        return "red" if value.startswith("failed") else "yellow"
    return "green" if value.startswith(("right", "complete")) else ""


def _versions() -> Rows:
    return {
        "actlas": actlas.__version__,
        "python": f"{platform.python_version()} on {platform.system()} {platform.machine()}",
        "torch": str(torch.__version__),
        "numpy": np.__version__,
    }


def _devices() -> Rows:
    rows = {"cpu": f"{torch.get_num_threads()} threads, {torch.backends.cpu.get_cpu_capability()}"}
    for index in range(torch.cuda.device_count()):
        rows[f"cuda:{index}"] = torch.cuda.get_device_name(index)
    if torch.backends.mps.is_available():
        rows["mps"] = "available"
    return rows if len(rows) > 1 else {**rows, "gpu": "not found"}


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _extras() -> Rows:
    """Read the extras from the package's own metadata: what each brings, what of it is missing."""
    rows: Rows = {}
    for extra, packages in sorted(declared_extras().items()):
        missing = [package for package in packages if _version(package) is None]
        if missing:
            rows[extra] = f'missing {", ".join(missing)}: pip install "actlas[{extra}]"'
        else:
            rows[extra] = ", ".join(f"{package} {_version(package)}" for package in packages)
    return rows


def declared_extras() -> dict[str, list[str]]:
    """Return the packages that each extra asks for, from this package's own metadata."""
    try:
        requirements = metadata.requires("actlas") or []
    except metadata.PackageNotFoundError:
        return {}
    found: dict[str, list[str]] = {}
    for requirement in requirements:
        extra = re.search(r"extra\s*==\s*['\"]([\w.-]+)", requirement)
        package = re.match(r"[\w.-]+", requirement)
        if extra and package and package.group() != "actlas":
            found.setdefault(extra.group(1), []).append(package.group())
    return found


def _data_sets() -> Rows:
    root = os.environ.get("ACTLAS_DATA")
    rows = {"ACTLAS_DATA": root or "not set; only tasks with embedded data run"}
    if importlib.util.find_spec("actlas.study") is None:
        return rows
    from actlas.study import find_task, task_names

    checked: dict[Callable[..., object], str] = {}
    for name in task_names():
        task = find_task(name)
        if name != task.name:
            continue
        if task.data not in checked:
            checked[task.data] = _readable(task.data, Path(root) if root else None)
        rows[task.name] = checked[task.data]
    return rows


def _readable(read: Callable[[Path | None], object], root: Path | None) -> str:
    try:
        read(root)
    except ActlasError as error:
        return f"missing: {error}" if root else "not found: needs ACTLAS_DATA"
    return "complete"


def _catalogue() -> Rows:
    known = [get(name) for name in names()]
    by_status = Counter(function.status for function in known)
    return {
        "functions": f"{len(known)} ({', '.join(f'{n} {word}' for word, n in by_status.items())})",
        "families": str(len({function.family for function in known})),
        "units": f"{len(units())} structured",
    }


def self_check() -> list[str]:
    """Return the names of functions whose values leave the 50-digit reference."""
    return [name for name in names() if not _is_right(name)]


def _is_right(name: str) -> bool:
    from mpmath import mp, mpf

    from actlas.backends import mpmath as exact
    from actlas.catalogue import unroll

    function = get(name)
    inputs = function.definition.inputs
    numbers = {key: mpf(value) for key, value in unroll(dict(function.values)).items()}
    slope = function.derivative()
    for x in _CHECKED_AT:
        with mp.workdps(50):
            at = {**numbers, **dict.fromkeys(inputs, mpf(x))}
            wanted = float(exact.evaluate(function.expression(as_printed=True), at))
            steep = 0.0 if len(inputs) > 1 else abs(x * slope(x))
        found = function(*[x] * len(inputs))
        if not abs(found - wanted) <= _TOLERANCE * 8 * (abs(wanted) + steep) + 1e-40:
            return False
        single = function(*[torch.tensor([x], dtype=torch.float32)] * len(inputs)).item()
        if not abs(single - wanted) <= 1e-5 * (abs(wanted) + steep + 1):
            return False
    return True
