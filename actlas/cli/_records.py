"""Functions and units as dictionaries, for --json."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from actlas.api import Activation
from actlas.facts import facts_of
from actlas.facts.proofs import certificates_of
from actlas.facts.wording import finding
from actlas.nn.structured import Unit


def summary(function: Activation) -> dict[str, Any]:
    """Return what `actlas list` tells of a function, and nothing that takes long to compute."""
    entry = function.definition
    return {
        "id": entry.name,
        "title": entry.title,
        "family": entry.family,
        "description": entry.description,
        "inputs": entry.inputs,
        "parameters": {
            name: {
                "default": parameter.default,
                "value": dict(function.values)[name],
                "domain": " or ".join(parameter.choices) or parameter.domain.text,
                "learnable": parameter.learnable,
            }
            for name, parameter in entry.parameters.items()
        },
        "paper": {**vars(entry.paper), "link": entry.paper.link},
        "aliases": entry.aliases,
        "tags": entry.tags,
        "status": entry.status,
        "status_reason": entry.status_reason,
        "gain": gain(function),
    }


def function_record(function: Activation) -> dict[str, Any]:
    """Return everything that is known about a function."""
    entry = function.definition
    record = {
        **summary(function),
        "latex": function.latex,
        "derivative_latex": function.derivative().latex,
        "collisions": entry.collisions,
        "errata": entry.errata,
    }
    if len(entry.inputs) > 1:
        return record
    defaults = facts_of(entry)
    return {
        **record,
        "facts": function.facts.as_dict(),
        "proofs": [
            {**asdict(found), "proved": found.proved, "precision": found.width}
            for found in certificates_of(function.facts.curve.root).values()
        ],
        "claims": [
            {"statement": claim.statement, "holds": finding(claim, defaults)[0],
             "finding": finding(claim, defaults)[1]}
            for claim in entry.claims
        ],
    }  # fmt: skip


def unit_record(unit: Unit) -> dict[str, Any]:
    """Return what is known about a structured unit."""
    record = {key: value for key, value in vars(unit).items() if key not in ("cls", "paper")}
    record["paper"] = {**vars(unit.paper), "link": unit.paper.link}
    return {**record, "class": f"actlas.nn.{unit.cls.__name__}"}


def gain(function: Activation) -> float | None:
    """Return the gain, or None where a function has none: two inputs, or zero or infinite E f²."""
    if len(function.definition.inputs) > 1:
        return None
    moment = function.facts.second_moment
    return float(moment**-0.5) if 0 < moment < float("inf") else None
