"""docs/performance.md: the goals, what was measured, and what was not, from kept records."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from actlas.bench.cells import BOTH, FORWARD, INTO, Cell
from actlas.bench.goals import Verdict, evaluate
from actlas.bench.peers import COPY
from actlas.bench.record import Record, Row, read, records
from actlas.bench.tables import ABSENT, Table, median, ratios, spread, verdicts
from actlas.errors import ActlasError

NAME = "performance.md"
_HEAD = """\
# Performance on a CPU

Every figure is a ratio: the time of something else over the time of actlas, so that above 1 actlas
is the faster. Both were timed in turns in the same process; the ratio is taken within a round, and
what stands here is the median over rounds with the quartiles in brackets. How:
[actlas/bench](../actlas/bench/README.md). This page is generated from
[{file}]({link}/{file}) by `python -m actlas.bench docs`; `make bench` measures anew.
"""
_LARGE = (16_000_000, 64_000_000)
_STEP_SIDES = ("torch", "eager")


def write(folder: Path, results: Path) -> Path:
    """Write the page of the newest record in `results` into a folder and return its path.

    Raises:
        ActlasError: if there is no record, or the folder cannot be written.
    """
    path = folder / NAME
    try:
        path.write_text(page(results), encoding="utf-8")
    except OSError as error:
        raise ActlasError(f"cannot write {path}: {error.strerror}") from None
    return path


def page(results: Path) -> str:
    """Return the page in Markdown, a function of the files in `results` alone."""
    file, *others = records(results)
    record, link = read(file), f"../{results.parent.name}/{results.name}"
    blocks = [_HEAD.format(file=file.name, link=link), _circumstances(record)]
    blocks += _goals(evaluate(record))
    for other in others:
        blocks += _elsewhere(other, link)
    blocks += [f"![time of each peer over the time of actlas]({link}/{file.stem}.png)"]
    blocks += _steps(results)
    for mode in (FORWARD, BOTH):
        blocks += _group(record, Cell("", mode))
    blocks += [*_large(record), *_allocators(results), *_gaps(record)]
    rest = f"All other sizes, types and kinds of input: [{file.stem}.md]({link}/{file.stem}.md)."
    return "\n\n".join([*blocks, rest]).replace("\n\n\n", "\n\n") + "\n"


def everything(record: Record, groups: Iterable[Cell]) -> str:
    """Return all tables of a record in Markdown."""
    blocks = [f"# {record.about['machine']['processor']}", _circumstances(record)]
    for like in groups:
        blocks += _group(record, like)
    return "\n\n".join([*blocks, *_gaps(record)]) + "\n"


def _circumstances(record: Record) -> str:
    about, machine = record.about, record.about["machine"]
    versions = ", ".join(f"{name} {number}" for name, number in about["versions"].items())
    load = ", ".join(f"{value:.2g}" for value in about["load_average_before_and_after"])
    return (f"{machine['processor']}, {about['threads']} of {machine['cores']} cores, engine "
            f"{about['engine']['isa']}; {machine['system']}, {machine['libc']}, huge pages: "
            f"{machine['huge_pages']}; {versions}; {about['measured'][:10]}, {about['seconds']} s; "
            f"load average before and after: {load}.")  # fmt: skip


# ---------------------------------------------------------------- goals


def _count(found: list[Verdict]) -> str:
    count = Counter(one.word for one in found)
    return ", ".join(f"{number} {word}" for word, number in sorted(count.items(), reverse=True))


def _elsewhere(file: Path, link: str) -> Iterator[str]:
    """Yield the goals as another machine, or another instruction set, has met them."""
    record = read(file)
    found = evaluate(record)
    yield f"### The same goals: {record.about['engine']['isa']}"
    tables = f"All tables: [{file.stem}.md]({link}/{file.stem}.md)."
    yield f"{_count(found)}. {_circumstances(record)} {tables}"
    yield verdicts(found).markdown()


def _goals(found: list[Verdict]) -> Iterator[str]:
    yield "## Goals"
    yield f"Measured is the function that is farthest from the goal. {_count(found)}."
    yield verdicts(found).markdown()
    missed = [one for one in found if one.missed]
    if missed:
        yield "### Missed"
        yield "\n".join(map(_miss, missed))


def _miss(one: Verdict) -> str:
    goal = one.goal
    listed = ", ".join(f"{found.function} {median(found.ratio)}" for found in one.missed)
    why = f" {goal.note}" if goal.note else ""
    return f"- {goal.against}, {goal.mode}, {goal.size:,} ({goal.bound}): {listed}.{why}"


# ---------------------------------------------------------------- tables


def _group(record: Record, like: Cell) -> Iterator[str]:
    table = ratios(record, like)
    if table.rows:
        yield f"## {table.title[0].upper()}{table.title[1:]}"
        yield table.markdown()


def _large(record: Record) -> Iterator[str]:
    """Yield actlas over copying: into a ready buffer, and with new memory on both sides."""
    columns = [Cell("", mode, size) for size in _LARGE for mode in (INTO, FORWARD)]
    found = [{row.cell.function: row for row in record.group(cell)} for cell in columns]
    names = [name for name in record.paths() if any(name in rows for rows in found)]
    if not names:
        return
    headings = ("function", *(f"{'ready' if c.mode == INTO else 'new'}, {c.size:,}"
                              for c in columns))  # fmt: skip
    body = tuple((name, *(_over_copy(rows.get(name)) for rows in found)) for name in names)
    yield "## Large tensors: time of actlas / time of copying"
    yield "Ready: `out=` against `copy_`. New: a fresh result against `clone()`."
    yield Table("", headings, body).markdown()


def _over_copy(row: Row | None) -> str:
    if row is None or COPY.name not in row.ratio:
        return ABSENT
    low, middle, high = (1 / value for value in reversed(row.ratio[COPY.name]))
    return spread((low, middle, high))


def _newest(results: Path, kind: str) -> Mapping[str, Any] | None:
    """Return the result of a kind that was measured last, or None."""
    texts = (path.read_text(encoding="utf-8") for path in results.glob(f"{kind}-*.json"))
    found: list[Mapping[str, Any]] = sorted(map(json.loads, texts), key=lambda one: one["measured"])
    return found[-1] if found else None


def _steps(results: Path) -> Iterator[str]:
    """Yield what a function costs in whole networks, where benchmarks/steps.py has been run."""
    found = _newest(results, "steps")
    if found is None:
        return
    yield "## Training steps of whole networks"
    yield (f"The time of a step, value and gradients, with another form of the function over that "
           f"with actlas ({found['machine']['processor']}, {found['threads']} threads, engine "
           f"{found['engine']['isa']}, {found['measured'][:10]}): PyTorch's own, and the formula "
           "as a user would write it. Where layers are small, a call of Python for every gradient "
           "costs more than its arithmetic, and PyTorch's own functions are ahead.")  # fmt: skip
    body = tuple(
        (row["network"], row["function"],
         *(spread(row["ratio"][side]) if side in row["ratio"] else ABSENT for side in _STEP_SIDES),
         f"{1e3 * row['seconds']['actlas'][1]:.3g}")
        for row in found["rows"]
    )  # fmt: skip
    yield Table("", ("network", "function", *_STEP_SIDES, "ms"), body).markdown()


def _allocators(results: Path) -> Iterator[str]:
    """Yield what allocator settings change, where benchmarks/allocators.py has been run."""
    found = _newest(results, "allocators")
    if found is None:
        return
    yield "## Where new memory comes from"
    yield (f"ns per element by setting of the process ({found['machine']['processor']}, "
           f"{found['threads']} threads, huge pages: {found['machine']['huge_pages']}); new "
           "memory costs page faults, and what removes them is seen here.")  # fmt: skip
    yield _settings(found["rows"]).markdown()


def _settings(rows: list[Mapping[str, Any]]) -> Table:
    """Return one line for every setting and size, one column for every call."""
    calls = tuple(dict.fromkeys(row["call"] for row in rows))
    found: dict[tuple[str, int], dict[str, str]] = {}
    for row in rows:
        found.setdefault((row["setting"], row["size"]), {})[row["call"]] = spread(row["ns"])
    body = tuple(
        (f"`{setting}`" if "=" in setting else setting, f"{size:,}",
         *(times.get(call, ABSENT) for call in calls))
        for (setting, size), times in sorted(found.items(), key=lambda item: item[0][1])
    )  # fmt: skip
    return Table("", ("setting", "elements", *calls), body)


# ---------------------------------------------------------------- what is not there


def _gaps(record: Record) -> Iterator[str]:
    about = record.about
    lines = [f"- {peer}: {why}" for peer, why in about["absent"].items()]
    lines += [f"- {peer} on {', '.join(names)}: {why}" for (peer, why), names in _failures(about)]
    if about["left_out"]:
        lines.append(f"- {about['left_out']} cells of the plan, for want of time.")
    if lines:
        yield "## Not measured"
        yield "\n".join(line.replace("|", "\\|") for line in lines)


def _failures(about: Mapping[str, Any]) -> list[tuple[tuple[str, str], list[str]]]:
    """Return the failures with one entry for each peer and reason."""
    found: dict[tuple[str, str], list[str]] = {}
    for peer, function, *where, why in about["failed"]:
        names = found.setdefault((peer, why), [])
        names.append(f"{function} ({' '.join(where)})" if where else function)
    return list(found.items())
