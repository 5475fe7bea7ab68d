"""From the catalogue to certificates: what is proposed, proved, and kept in files."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from actlas.catalogue import Definition, load, unroll
from actlas.facts import facts_of
from actlas.facts.curve import Curve
from actlas.facts.proofs.certificate import Certificate, certificates_of, fingerprint, write
from actlas.facts.proofs.claims import CLAIMS, METHODS, Subject, check
from actlas.facts.proofs.models import UnprovedError
from actlas.facts.proofs.proposals import propose


def subject_of(entry: Definition) -> Subject:
    """Return what is proved things of: a function of one input at its default parameters."""
    values = entry.bind({})
    curve = facts_of(entry).curve
    if entry.formula is None:
        return Subject(curve, curve)
    printed = entry.expression(entry.shape_of(values), as_printed=True)
    return Subject(curve, Curve.of(printed, unroll(values)))


def prove(entry: Definition) -> list[Certificate]:
    """Return a certificate for every claim, proved or with the reason why not.

    Raises:
        ActlasError: python-flint is not installed.

    >>> from actlas.catalogue import find
    >>> [c.claim for c in prove(find("relu")) if not c.proved]
    []
    """
    subject = subject_of(entry)
    return [_prove(claim, entry, subject) for claim in CLAIMS]


def _prove(claim: str, entry: Definition, subject: Subject) -> Certificate:
    forms = propose(claim, facts_of(entry))
    reason = "" if forms else _UNTRIED[claim]
    for form in forms:
        try:
            return replace(form, boxes=check(form, subject), method=METHODS[claim])
        except UnprovedError as why:
            reason = str(why)
    return Certificate(claim, reason=reason)


_UNTRIED = defaultdict(
    lambda: "it is approached beside a jump",
    monotone_intervals="there are too many pieces to prove one by one",
)


def provable(entries: Iterable[Definition]) -> list[Definition]:
    """Return the published functions of one input."""
    return [e for e in entries if len(e.inputs) == 1 and e.status != "user"]


def write_all(folder: Path, *, afresh: bool = False) -> tuple[int, int]:
    """Write the certificates of the whole catalogue, one file for each family.

    Args:
        folder: where the files go; others in it are left alone.
        afresh: prove everything; else what is kept of an unchanged formula stays.

    Returns:
        How many claims there are, and how many of them are proved.
    """
    families: dict[str, dict[str, tuple[str, list[Certificate]]]] = defaultdict(dict)
    for entry in provable(load().values()):
        formula = fingerprint(facts_of(entry).curve.root)
        there = {} if afresh else certificates_of(facts_of(entry).curve.root)
        made = list(there.values()) if tuple(there) == CLAIMS else prove(entry)
        families[entry.family][entry.name] = formula, made
    folder.mkdir(exist_ok=True)
    for family, members in families.items():
        write(members, folder / f"{family}.json")
    every = [c for members in families.values() for _, found in members.values() for c in found]
    return len(every), sum(c.proved for c in every)
