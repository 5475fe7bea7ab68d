"""Look-up tables as files: a C header, JSON, a NumPy array."""

from __future__ import annotations

import json
from pathlib import Path
from textwrap import fill
from typing import Any

import numpy as np

from actlas.errors import ActlasError, nearest
from actlas.export.onnx import Place
from actlas.export.tables import INTEGERS, LookupTable

SUFFIXES = {"c": ".h", "json": ".json", "npy": ".npy"}

_HEADER = """\
/* {label} for {dtype}, made by actlas. {meaning}
   Largest error over all {count} inputs: {error:.9g} ({steps:.4g} steps of the output){lost}. */
#ifndef {macro}_H
#define {macro}_H
#include <stdint.h>
{scales}
static const {entry} {name}_table[{count}] = {{
{body}
}};

static inline {entry} {name}({entry} {letter}) {{ return {name}_table[{index}]; }}
#endif
"""


def write_table(table: LookupTable, path: Place, form: str | None = None) -> None:
    """Write a table as C header, JSON or .npy; `form` is taken from the suffix of the path.

    Raises:
        ActlasError: for an unknown form or a path that cannot be written.

    >>> import tempfile
    >>> from actlas.export.tables import lookup_table
    >>> table = lookup_table("tanh", "int8", scale_in=0.05)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_table(table, Path(folder) / "tanh.h")
    ...     (Path(folder) / "tanh.h").read_text()[:19]
    '/* Tanh for int8, m'
    """
    target = Path(path)
    form = check_form(form, target)
    try:
        if form == "npy":
            with target.open("wb") as file:
                np.save(file, table.entries, allow_pickle=False)
        else:
            target.write_text(as_text(table, form), encoding="utf-8")
    except OSError as error:
        raise ActlasError(f"cannot write {target}: {error.strerror}") from None


def check_form(form: str | None, path: Path | None = None) -> str:
    """Return the form, else what the suffix of the path says, else "c"; refuse unknown ones."""
    if form is None and path is None:
        return "c"
    by_suffix = {suffix: name for name, suffix in SUFFIXES.items()}
    found = by_suffix.get(path.suffix) if form is None and path is not None else form
    if found not in SUFFIXES:
        given = found or str(path)
        raise ActlasError(f"a table is written as {', '.join(SUFFIXES)}, got {given!r}."
                          f"{nearest(given, SUFFIXES)}")  # fmt: skip
    return str(found)


def as_text(table: LookupTable, form: str) -> str:
    """Return a table as a C header ("c") or as JSON ("json")."""
    return to_c(table) if form == "c" else json.dumps(to_record(table)) + "\n"


def to_record(table: LookupTable) -> dict[str, Any]:
    """Return everything about a table as plain values, for JSON."""
    sides = {"input": table.input, "output": table.output}
    return {
        "function": table.formula.name,
        "parameters": dict(table.formula.values),
        "dtype": table.dtype,
        "first_input": _first(table),
        **{side: None if a is None else {"scale": a.scale, "zero_point": a.zero_point}
           for side, a in sides.items()},
        "max_error": table.max_error,
        "max_error_steps": table.max_error_steps,
        "saturated": table.saturated,
        "entries": table.entries.tolist(),
    }  # fmt: skip


def _first(table: LookupTable) -> int:
    """Return the integer, or bit pattern, that the first entry belongs to."""
    return int(np.iinfo(table.dtype).min) if table.dtype in INTEGERS else 0


def to_c(table: LookupTable) -> str:
    """Return a C99 header with the table and an inline function that reads it."""
    name = f"actlas_{table.formula.name}_{table.dtype}"
    first, entry = _first(table), f"{table.entries.dtype.name}_t"
    letter = "q" if table.input else "bits"
    return _HEADER.format(
        label=table.formula.label, dtype=table.dtype, meaning=_meaning(table),
        count=len(table.entries), error=table.max_error, steps=table.max_error_steps,
        lost=f"; {table.saturated} entries saturate" if table.saturated else "",
        macro=name.upper(), name=name, scales=_scales(table, name.upper()), entry=entry,
        letter=letter, index=f"(int32_t){letter} + {-first}" if first else letter,
        body=fill(", ".join(map(str, table.entries.tolist())), 98),
    )  # fmt: skip


def _meaning(table: LookupTable) -> str:
    if table.input is None:
        return "Inputs and entries are bit patterns; every entry is correctly rounded."
    return "An integer q stands for scale * (q - zero_point)."


def _scales(table: LookupTable, macro: str) -> str:
    lines = [
        f"#define {macro}_SCALE_{side} {affine.scale!r}\n"
        f"#define {macro}_ZERO_POINT_{side} ({affine.zero_point})\n"
        for side, affine in (("IN", table.input), ("OUT", table.output))
        if affine is not None
    ]
    return "".join(lines)
