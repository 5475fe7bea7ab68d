"""The page of systems: networks and methods of the papers, each with its check.

    python -m actlas.docs.systems docs/systems.toml

writes `systems.md` beside the file. Paper, file, deviations and parameter counts are read from the
code; the file has what a test has measured, [[check]] with system, what, expected, obtained and
the test; [method.NAME] with module and paper for what is no network; and [reconstructed], why.
"""

from __future__ import annotations

import importlib
import inspect
import sys
import tomllib
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import torch

from actlas.docs._markdown import page, plain, section, table
from actlas.models import Network, count_parameters, networks
from actlas.study.arms import parse_call


def systems_page(record: Mapping[str, Any]) -> str:
    """Return the page in Markdown.

    Args:
        record: the content of `systems.toml`.
    """
    checks: Sequence[Mapping[str, str]] = record.get("check", ())
    methods: Mapping[str, Mapping[str, str]] = record.get("method", {})
    reasons: Reasons = record.get("reconstructed", {})
    counted = [row for name in networks() for row in _counts(name)]
    return page(
        "Systems",
        "The networks, neurons and training methods of the papers. Each has a check with figures; "
        "`make test` runs them all. Verified: against printed figures or the authors' code. "
        "Made by `python -m actlas.docs.systems docs/systems.toml`.",
        section("networks", table(_HEAD, (_network(e, reasons) for e in networks().values()))),
        section("methods", table(_HEAD, (_method(*item, reasons) for item in methods.items()))),
        section("checks", table(("system", "check", "expected", "obtained", "test"),
                                map(_check, checks))),
        section("parameter counts", table(
            ("network", "options", "expected", "obtained"), counted)),
    )  # fmt: skip


_HEAD = ("system", "what it is", "paper", "file", "status", "deviations from the paper")


Reasons = Mapping[str, str]


def _status(name: str, reasons: Reasons) -> str:
    return f"reconstructed: {plain(reasons[name])}" if name in reasons else "verified"


def _network(entry: Network, reasons: Reasons) -> tuple[str, ...]:
    module = inspect.unwrap(entry.build).__module__
    said = " ".join(entry.deviations)
    return (f"`{entry.id}`", plain(entry.description), plain(entry.paper.short), _file(module),
            _status(entry.id, reasons), plain(said) or "none known")  # fmt: skip


def _method(name: str, facts: Mapping[str, str], reasons: Reasons) -> tuple[str, ...]:
    text = inspect.getdoc(importlib.import_module(facts["module"])) or ""
    _, found, deviations = text.partition("Deviations:")
    said = " ".join(deviations.split()) if found else "none known"
    return (f"`{name}`", plain(text.partition("\n")[0]), plain(facts["paper"]),
            _file(facts["module"]), _status(name, reasons), plain(said))  # fmt: skip


def _check(row: Mapping[str, str]) -> tuple[str, ...]:
    return (f"`{row['system']}`", plain(row["what"]), plain(row["expected"]),
            plain(row["obtained"]), f"`{row['test']}`")  # fmt: skip


@cache
def _counts(name: str) -> list[tuple[str, ...]]:
    entry = networks()[name]
    rows: list[tuple[str, ...]] = []
    for call, expected in entry.parameters.items():
        with torch.device("meta"):  # shapes alone: a thousand layers take no memory
            options = parse_call(f"{entry.id}({call})", "network", "mlp(hidden=(32,))")[1]
            obtained = count_parameters(entry.build(**options))
        rows.append((f"`{entry.id}`", f"`{call}`" if call else "default", f"{expected:,}",
                     f"{obtained:,}"))  # fmt: skip
    return rows


def _file(module: str) -> str:
    path = Path("..", *module.split(".")).as_posix()
    return f"[{module.removeprefix('actlas.')}]({path}.py)"


def main(path: str) -> None:
    """Write the page beside the file that is named."""
    source = Path(path)
    text = systems_page(tomllib.loads(source.read_text(encoding="utf-8")))
    source.with_suffix(".md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
