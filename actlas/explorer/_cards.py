"""What a card says of a function, and by which words it is found: data for the page."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from actlas.api import Activation, tags_of
from actlas.backends.sources import LANGUAGES
from actlas.catalogue import Parameter, unroll
from actlas.errors import ActlasError, need_extra
from actlas.explorer._curves import variants
from actlas.facts import Facts, facts_of
from actlas.facts.branches import branches
from actlas.facts.evidence import evidence
from actlas.facts.wording import fact_rows, finding, moment_rows

# The page has the JavaScript already: it is what draws.
TAUGHT = tuple(name for name in LANGUAGES if name != "javascript")
_LONGEST = 1200  # letters of LaTeX; a longer derivative helps nobody on a card


def card(function: Activation) -> dict[str, Any]:
    """Return everything the page knows about a function, ready for JSON.

    >>> from actlas.api import get
    >>> round(card(get("mish"))["numbers"]["minimum"], 9)
    -0.308843413
    """
    entry = function.definition
    told = {
        "id": entry.name, "title": entry.title, "aliases": entry.aliases,
        "family": entry.family.replace("_", " "), "about": entry.description,
        "status": entry.status, "reason": entry.status_reason, "inputs": entry.inputs,
        "collisions": entry.collisions, "errata": entry.errata, **_source(function),
        "parameters": _parameters(function),
        "choices": {n: p.choices for n, p in entry.parameters.items() if p.choices},
        "formula": mathml(function.latex), "slope": _slope(function), "latex": function.latex,
        "code": {chosen: _codes(variant) for chosen, variant in variants(function)},
        "words": [word.replace("_", "-") for word in tags_of(entry)],
    }  # fmt: skip
    if len(entry.inputs) == 1:
        told |= _findings(function)
        told["words"] += properties(function.facts)
    return told


def _codes(function: Activation) -> dict[str, str]:
    """Return a function as source; a runtime that all functions share stands on the page once."""
    return {
        name: function.source(name).removeprefix(f"{LANGUAGES[name].runtime}\n") for name in TAUGHT
    }


def mathml(latex: str) -> str:
    """Return a formula as MathML, which browsers set by themselves: no script, no fonts."""
    convert = need_extra("latex2mathml.converter", "explore").convert
    return str(convert(latex, display="block"))


def _source(function: Activation) -> dict[str, Any]:
    paper = function.paper
    known = paper.year > 1  # the user's own functions have none
    return {
        "year": paper.year if known else None, "by": paper.short, "authors": paper.author,
        "paper": paper.title,
        "link": paper.link if known else "", "bibtex": paper.bibtex(function.name) if known else "",
    }  # fmt: skip


def _slope(function: Activation) -> str:
    latex = function.derivative().latex
    return mathml(latex) if len(latex) <= _LONGEST else ""


def _parameters(function: Activation) -> list[dict[str, Any]]:
    """Return one row per number; the elements of a vector are numbers of their own."""
    rows = []
    for name, parameter in function.parameters.items():
        if not parameter.choices:
            for symbol, value in unroll({name: parameter.default}).items():
                rows.append(_row(symbol, value, name, parameter))
    return rows


def _row(symbol: str, value: float, name: str, parameter: Parameter) -> dict[str, Any]:
    domain = parameter.domain
    return {
        "symbol": symbol, "value": value, "of": name, "vector": parameter.is_vector,
        "low": domain.low, "high": domain.high, "open": domain.open, "domain": domain.text,
        "learnable": parameter.learnable,
    }  # fmt: skip


def _findings(function: Activation) -> dict[str, Any]:
    facts, entry = function.facts, function.definition
    defaults = facts_of(entry)
    return {
        "facts": [*fact_rows(facts), *moment_rows(facts)],
        "proofs": {name: (e.proved, e.detail) for name, e in evidence(facts).items()},
        "numbers": _numbers(facts),
        "claims": [(claim.statement, *finding(claim, defaults)) for claim in entry.claims],
        "memory": {"input": "", "output": _refused(function), "few-bit": ""},
    }


def _numbers(facts: Facts) -> dict[str, float | None]:
    """Return the facts that functions can be sorted by."""
    low, high = facts.range
    return {
        "gain": facts.gain, "Lipschitz constant": facts.lipschitz, "minimum": low, "maximum": high,
        "f(0)": facts.f0, "f′(0)": facts.df0, "E f(z)": facts.mean,
        "E f(z)²": facts.second_moment, "E f′(z)²": facts.derivative_second_moment,
        "stability slope": facts.stability_slope,
    }  # fmt: skip


def properties(facts: Facts) -> set[str]:
    """Return the words that a search by property understands.

    >>> from actlas.api import get
    >>> sorted(properties(get("tanh").facts))
    ['bounded', 'monotone', 'odd', 'saturating', 'smooth', 'zero-at-zero', 'zero-mean']
    """
    z = np.linspace(0.05, 6, 40)
    told = {
        "smooth": facts.smoothness == "C^inf", "kinked": bool(facts.kinks),
        "jumps": facts.smoothness == "discontinuous",
        "monotone": facts.monotone, "non-monotone": not facts.monotone,
        "bounded": facts.bounded, "unbounded": not facts.bounded,
        "bounded-below": math.isfinite(facts.range[0]) and not facts.bounded,
        "zero-mean": abs(facts.mean) < 1e-9, "zero-at-zero": facts.f0 == 0,
        "odd": bool(np.allclose(facts.curve(z), -facts.curve(-z), rtol=1e-9, atol=1e-12)),
        "even": bool(np.allclose(facts.curve(z), facts.curve(-z), rtol=1e-9, atol=1e-12)),
        "saturating": any(tail.kind == "constant" for tail in facts.tails),
        "oscillating": any(tail.kind == "oscillates" for tail in facts.tails),
    }  # fmt: skip
    return {word for word, holds in told.items() if holds}


def _refused(function: Activation) -> str:
    """Return why f' cannot be recovered from the output, or "" where it can.

    Only the branches are looked at: making the tables too would take minutes for all functions.
    """
    try:
        branches(function.facts, function.name)
    except ActlasError as error:
        return str(error)
    return ""
