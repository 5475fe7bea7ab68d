"""What cards of functions and of units have in common: status, names, notes and source."""

from __future__ import annotations

from actlas.catalogue import Definition, Paper
from actlas.docs._markdown import bullets, code, plain, section
from actlas.nn.structured import Unit

Entry = Definition | Unit


def status(entry: Entry) -> str:
    """Return one line: verified, or reconstructed and why; of a user's own, that it is one."""
    if not _is_published(entry.paper):
        return "**Status:** defined by the user"
    said = "verified against a primary source" if entry.status == "verified" else entry.status
    reason = f". {plain(entry.status_reason)}" if entry.status_reason else ""
    return f"**Status:** {said}{reason}"


def called(entry: Entry) -> str:
    """Return the names it answers to beside its title."""
    names = [entry.id if isinstance(entry, Unit) else entry.name, *entry.aliases]
    return "**Called:** " + ", ".join(f"`{name}`" for name in names)


def notes(entry: Entry) -> str:
    """Return the sections on name collisions and errata, or ""."""
    collisions = section("Name collisions", bullets(entry.collisions))
    errata = section("Errata", bullets(entry.errata))
    return "\n\n".join(part for part in (collisions, errata) if part)


def source(entry: Entry) -> str:
    """Return the section with the paper and its BibTeX entry."""
    paper = entry.paper
    if not _is_published(paper):
        return section("Source", "Defined by the user.")
    title = f": {plain(paper.title)}" if paper.title else ""
    link = f". <{paper.link}>" if paper.link else ""
    key = entry.id if isinstance(entry, Unit) else entry.name
    told = f"{plain(paper.short)}{title}{link}"
    return section("Source", told, code(paper.bibtex(key), "bibtex"))


def _is_published(paper: Paper) -> bool:
    """Say whether there is a source; `actlas.define` and `actlas.activation` put year 1."""
    return paper.year > 1
