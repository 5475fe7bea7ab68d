"""Which of the facts that are shown are proved, to which bound, and what is said of the others."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from actlas.facts import Facts
from actlas.facts.proofs import Certificate, certificates_of
from actlas.facts.wording import number

# The rows of `wording.fact_rows`, and the claims that together make one.
CLAIMS_OF: Mapping[str, tuple[str, ...]] = {
    "range": ("infimum", "supremum"), "minimum": ("minimum",), "maximum": ("maximum",),
    "monotone": ("monotone_intervals",), "smoothness": ("smoothness",),
    "Lipschitz constant": ("lipschitz",),
}  # fmt: skip
_DIGITS = 13


@dataclass(frozen=True)
class Evidence:
    """What stands behind one row of facts.

    word: "proved", or "computed, not proved". detail: bounds, precision and method, or the reason.
    """

    proved: bool
    detail: str

    @property
    def word(self) -> str:
        return "proved" if self.proved else "computed, not proved"


def evidence(facts: Facts) -> dict[str, Evidence]:
    """Return the evidence by the row of facts it stands behind.

    Rows that are never certified (zeros, tails, moments) have none, nor has any row at parameters
    other than those of the certificates.

    >>> from actlas.catalogue import find
    >>> from actlas.facts import facts_of
    >>> found = evidence(facts_of(find("relu")))
    >>> found["range"].word, found["minimum"].detail.split(";")[0]
    ('proved', 'value exactly 0 at x = 0')
    """
    there = certificates_of(facts.curve.root)
    told = {}
    for row, claims in CLAIMS_OF.items():
        found = [there[claim] for claim in claims if claim in there]
        if len(found) == len(claims):
            told[row] = _evidence(found)
    return told


def _evidence(found: list[Certificate]) -> Evidence:
    reasons = [certificate.reason for certificate in found if not certificate.proved]
    if reasons:
        return Evidence(False, "; ".join(reasons))
    first, boxes = found[0], sum(certificate.boxes for certificate in found)
    said = "; ".join(bound for certificate in found if (bound := _said(certificate)))
    how = f"{first.method}; {first.bits} bits, {boxes} boxes"
    return Evidence(True, f"{said}; {how}" if said else how)


def _said(found: Certificate) -> str:
    """Return what a certificate says in numbers."""
    if found.claim == "monotone_intervals":
        return f"{_turns(found)}{_where(found)}"
    if found.claim == "smoothness":
        return ""
    shown = found.claim if found.claim in ("infimum", "supremum") else "value"
    if found.claim == "lipschitz":
        shown = "sup |f′|"
    return f"{shown} {_bound(found)}{_place(found)}{_where(found)}"


def _bound(found: Certificate) -> str:
    low, high = found.bound
    if low == high:
        return ("" if math.isinf(low) else "exactly ") + number(low, _DIGITS)
    return f"from {number(low, _DIGITS)} to {number(high, _DIGITS)}"


def _place(found: Certificate) -> str:
    if found.claim not in ("minimum", "maximum"):
        return ""
    if len(found.places) == 1:
        return ", not attained"
    low, high = (number(x, _DIGITS) for x in found.places)
    return f" at x = {low}" if low == high else f", x from {low} to {high}"


def _where(found: Certificate) -> str:
    low, high = found.interval
    if math.isinf(low) and math.isinf(high):
        return ""
    only = ", the only one" if found.claim in ("minimum", "maximum") else ""
    return f"{only} in [{number(low)}, {number(high)}]"


def _turns(found: Certificate) -> str:
    if not found.places:
        return "one sense everywhere"
    return f"turns known to {number(found.width, 2)}" if found.width else "turns known exactly"
