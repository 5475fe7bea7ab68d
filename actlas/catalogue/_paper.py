"""Where a function comes from, and what its paper says of it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any


@dataclass(frozen=True)
class Paper:
    """A source: first author (or authors), year, and where to find it."""

    author: str
    year: int
    arxiv: str = ""
    title: str = ""
    venue: str = ""
    doi: str = ""
    url: str = ""

    @property
    def link(self) -> str:
        """The address of the paper, or "" where none is known."""
        if self.arxiv:
            return f"https://arxiv.org/abs/{self.arxiv}"
        return f"https://doi.org/{self.doi}" if self.doi else self.url

    @property
    def short(self) -> str:
        """The form for running text: "Misra 2019"."""
        return f"{self.author} {self.year}" if self.year else self.author

    def bibtex(self, key: str) -> str:
        """Return the BibTeX entry under the citation key `key`."""
        kind = "article" if self.venue else "misc"
        authors = self.author.replace(" et al.", ", others").replace(" and ", ", ").split(", ")
        fields = {
            "author": " and ".join(authors), "title": self.title, "year": str(self.year or ""),
            "journal": self.venue, "doi": self.doi, "url": self.url,
            "eprint": self.arxiv, "archiveprefix": "arXiv" if self.arxiv else "",
        }  # fmt: skip
        lines = [f"  {name} = {{{value}}}" for name, value in fields.items() if value]
        surname = re.sub(r"\W", "", authors[0].split()[-1]).lower()
        return f"@{kind}{{{surname}{self.year or ''}{key},\n" + ",\n".join(lines) + "\n}"


USER = Paper("defined by the user", 0)


@dataclass(frozen=True)
class Claim:
    """A statement of a paper and the test of it against the computed facts.

    `refuted` holds the reason where we find otherwise; the suite then demands that the test fails.
    """

    statement: str
    test: Callable[[Any], bool]
    refuted: str = ""


def refuted(claim: Claim, why: str) -> Claim:
    """Mark a claim that the computed facts contradict, with the reason in one sentence."""
    return replace(claim, refuted=why)


def _near(found: float | None, said: float, digits: int) -> bool:
    return found is not None and abs(found - said) <= 0.51 * 10.0**-digits


def _digits(value: float) -> int:
    return len(repr(value).partition(".")[2]) if "e" not in repr(value) else 12


def lower_bound(value: float) -> Claim:
    """The infimum of f is `value`, to the digits printed."""
    return Claim(f"bounded below by {value:g}",
                 lambda facts: _near(facts.range[0], value, _digits(value)))  # fmt: skip


def upper_bound(value: float) -> Claim:
    """The supremum of f is `value`, to the digits printed."""
    return Claim(f"bounded above by {value:g}",
                 lambda facts: _near(facts.range[1], value, _digits(value)))  # fmt: skip


def minimum_at(place: float) -> Claim:
    """The minimum of f lies at x = `place`, to the digits printed."""
    return Claim(
        f"minimum at x = {place:g}",
        lambda facts: facts.minimum is not None and _near(facts.minimum.x, place, _digits(place)),
    )


def slope_at_zero(value: float) -> Claim:
    """f'(0) is `value`, to the digits printed."""
    return Claim(f"f'(0) = {value:g}", lambda facts: _near(facts.df0, value, _digits(value)))


def lipschitz(value: float) -> Claim:
    """The largest |f'| is `value`, to the digits printed."""
    return Claim(f"Lipschitz constant {value:g}",
                 lambda facts: _near(facts.lipschitz, value, _digits(value)))  # fmt: skip


smooth = Claim("infinitely differentiable", lambda facts: facts.smoothness == "C^inf")
differentiable = Claim("continuously differentiable", lambda facts: facts.smoothness != "C^0")
not_smooth = Claim("not differentiable everywhere", lambda facts: facts.smoothness == "C^0")
monotone = Claim("monotone", lambda facts: facts.monotone)
not_monotone = Claim("not monotone", lambda facts: not facts.monotone)
bounded = Claim("bounded", lambda facts: facts.bounded)
unbounded_above = Claim("unbounded above", lambda facts: facts.range[1] == float("inf"))
zero_at_zero = Claim("f(0) = 0", lambda facts: facts.f0 == 0)
zero_mean = Claim("zero mean for standard normal input", lambda facts: abs(facts.mean) < 1e-9)
self_normalising = Claim(
    "keeps zero mean and unit variance",
    lambda facts: abs(facts.mean) < 1e-6 and abs(facts.second_moment - 1) < 1e-6,
)
