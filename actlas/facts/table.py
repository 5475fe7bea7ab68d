"""The property table: one row for every function, every fact a typed column.

>>> from actlas.catalogue import find
>>> row(find("relu"))["lipschitz"], row(find("relu"))["kinks"]
(1.0, [0.0])
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from actlas.catalogue import Definition
from actlas.facts import Extremum, Facts, facts_of
from actlas.facts.proofs import certificates_of

TEXT, WHOLE, NUMBER, YES_NO, NUMBERS = "text", "integer", "number", "boolean", "numbers"
Read = Callable[[Definition, Facts], Any]


@dataclass(frozen=True)
class Column:
    """A column: its type (one of the five above), what it says, and where it comes from.

    of_formula: it is a fact of one input, and empty for functions of two.
    """

    name: str
    type: str
    about: str
    read: Read
    of_formula: bool = True


def _entry(name: str, type: str, about: str, read: Callable[[Definition], Any]) -> Column:
    return Column(name, type, about, lambda entry, _: read(entry), of_formula=False)


def _fact(name: str, type: str, about: str, read: Callable[[Facts], Any] | None = None) -> Column:
    found = read or (lambda facts: getattr(facts, name))
    return Column(name, type, about, lambda _, facts: found(facts))


def _of(part: str, extremum: Extremum | None) -> float | None:
    return None if extremum is None else float(getattr(extremum, part))


def _tail(end: int, part: str, facts: Facts) -> Any:
    return getattr(facts.tails[end], part)


def _is_proved(claim: str, facts: Facts) -> bool:
    found = certificates_of(facts.curve.root).get(claim)
    return found is not None and found.proved


_CLAIMS = {
    "infimum": "range_low", "supremum": "range_high", "minimum": "minimum, minimum_at",
    "maximum": "maximum, maximum_at", "monotone_intervals": "monotone, monotone_pieces",
    "lipschitz": "lipschitz", "smoothness": "smoothness, kinks",
}  # fmt: skip

COLUMNS: tuple[Column, ...] = (
    _entry("id", TEXT, "The name under which actlas has it.", lambda e: e.name),
    _entry("title", TEXT, "The name that papers use.", lambda e: e.title),
    _entry("family", TEXT, "The family it stands in.", lambda e: e.family),
    _entry("year", WHOLE, "The year of its paper; empty for a user's own.",
           lambda e: e.paper.year if e.paper.year > 1 else None),
    _entry("status", TEXT, "verified, reconstructed or user.", lambda e: e.status),
    _entry("inputs", WHOLE, "The number of inputs; facts are of functions of one.",
           lambda e: len(e.inputs)),
    _entry("learnable", YES_NO, "Whether a network learns a parameter of it.",
           lambda e: e.learns),
    Column("parameters", TEXT, "The parameters that the facts are computed at, as JSON.",
           lambda e, _: "{}", of_formula=False),
    _fact("range_low", NUMBER, "inf f.", lambda f: f.range[0]),
    _fact("range_high", NUMBER, "sup f.", lambda f: f.range[1]),
    _fact("bounded", YES_NO, "Whether both are finite."),
    _fact("minimum", NUMBER, "The smallest value; empty where none is attained.",
          lambda f: _of("value", f.minimum)),
    _fact("minimum_at", NUMBER, "Where f takes it.", lambda f: _of("x", f.minimum)),
    _fact("maximum", NUMBER, "The greatest value; empty where none is attained.",
          lambda f: _of("value", f.maximum)),
    _fact("maximum_at", NUMBER, "Where f takes it.", lambda f: _of("x", f.maximum)),
    _fact("zeros", NUMBERS, "The isolated zeros in [-40, 40].", lambda f: list(f.zeros)),
    _fact("monotone", YES_NO, "Whether f never rises and falls both."),
    _fact("monotone_pieces", WHOLE, "The number of monotone pieces met in [-40, 40].",
          lambda f: len(f.monotone_intervals)),
    _fact("smoothness", TEXT, "C^inf, C^k (the derivative after the k-th jumps), discontinuous."),
    _fact("kinks", NUMBERS, "Where f' jumps.", lambda f: list(f.kinks)),
    _fact("left_tail", TEXT, "constant, linear, grows or oscillates, towards -inf.",
          partial(_tail, 0, "kind")),
    _fact("left_limit", NUMBER, "The limit of f at -inf.", partial(_tail, 0, "limit")),
    _fact("left_slope", NUMBER, "The limit of f' at -inf.", partial(_tail, 0, "slope")),
    _fact("right_tail", TEXT, "The same towards inf.", partial(_tail, 1, "kind")),
    _fact("right_limit", NUMBER, "The limit of f at inf.", partial(_tail, 1, "limit")),
    _fact("right_slope", NUMBER, "The limit of f' at inf.", partial(_tail, 1, "slope")),
    _fact("lipschitz", NUMBER, "sup |f'|."),
    _fact("f0", NUMBER, "f(0)."),
    _fact("df0", NUMBER, "f'(0); empty at a kink."),
    _fact("mean", NUMBER, "E f(z), z ~ N(0, 1)."),
    _fact("second_moment", NUMBER, "E f(z)^2."),
    _fact("derivative_second_moment", NUMBER, "E f'(z)^2."),
    _fact("gain", NUMBER, "1/sqrt(E f(z)^2)."),
    _fact("stability_slope", NUMBER, "d log E f(sqrt(q) z)^2 / d log q at q = 1."),
    *(_fact(f"{claim}_proved", YES_NO, f"Whether a certificate proves: {what}.",
            partial(_is_proved, claim)) for claim, what in _CLAIMS.items()),
)  # fmt: skip


def row(entry: Definition, parameters: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return the row of a function at the given parameters, others at their defaults.

    Raises:
        ActlasError: for an unknown parameter, or one outside its domain.
    """
    values = entry.bind(parameters or {})
    one = len(entry.inputs) == 1
    facts: Any = facts_of(entry, values) if one else None
    made = {c.name: c.read(entry, facts) if one or not c.of_formula else None for c in COLUMNS}
    return made | {"parameters": json.dumps(values)}


_JSON: Mapping[str, Mapping[str, Any]] = {
    TEXT: {"type": ["string", "null"]},
    WHOLE: {"type": ["integer", "null"]},
    NUMBER: {"anyOf": [{"type": ["number", "null"]}, {"enum": ["inf", "-inf"]}]},
    YES_NO: {"type": ["boolean", "null"]},
    NUMBERS: {"type": ["array", "null"], "items": {"type": "number"}},
}


def schema() -> dict[str, Any]:
    """Return the JSON Schema of the table: an array of rows with every column."""
    columns = {c.name: {"description": c.about, **_JSON[c.type]} for c in COLUMNS}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Facts of activation functions",
        "type": "array",
        "items": {
            "type": "object", "properties": columns, "required": list(columns),
            "additionalProperties": False,
        },
    }  # fmt: skip
