"""The page of claims: what papers say, and what became of it in two recipes.

    python -m actlas.docs.claims docs/claims.md

writes the page from `studies/*.toml` and from the verdicts that are kept beside the raw runs;
`python -m actlas.study.claims` makes those.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from actlas.docs._markdown import bullets, page, plain, section, table
from actlas.study.claims import SETTINGS, Claim, Setting, kept_verdicts, read_claims

Finding = Mapping[str, Any]
Verdicts = Mapping[str, Mapping[str, Sequence[Finding]]]
NOT_RUN = "NOT RUN"
_TITLES = {"as_published": "as published", "fair": "fair"}

_INTRODUCTION = """\
What papers claim, run again in two recipes: as published, flaws included, and under the protocol of
a comparison ([decision 0007](decisions/0007-protocol-of-the-comparison.md)), each at a size that a
processor finishes in minutes. Where the two verdicts differ, that is a result too. Every figure
follows from raw runs in `studies/results`; a test judges them again.
Made by `python -m actlas.docs.claims docs/claims.md`."""

_RULE = """\
The lead is the mean of the paired differences, seed by seed, with an interval; the intervals of one
claim hold together at 95 %. **REPRODUCED**: the interval lies above 0, and the lead is at least
half the published one. **EQUIVALENT**: else, the interval lies within what is too small to matter.
**DIRECTION ONLY**, **REVERSED**: else, the interval lies above or below 0. **NOT TESTABLE HERE**:
the runs do not decide, or the paper leaves out what is needed. A lead that is smaller than what
two arms of one function differ by decides nothing."""


def claims_page(claims: Sequence[Claim], verdicts: Verdicts) -> str:
    """Return the page in Markdown.

    Args:
        claims: every claim, run or not.
        verdicts: of those that were run, as the verdict files say them.
    """
    run = [claim for claim in claims if claim.name in verdicts]
    waiting = [claim for claim in claims if claim.name not in verdicts]
    return page(
        "Claims",
        _INTRODUCTION,
        section("verdicts", _RULE, _counted(run, verdicts), _overview(run, verdicts)),
        *(_claim(claim, verdicts[claim.name]) for claim in run),
        section("not run", _waiting(waiting)),
    )


def _counted(run: Sequence[Claim], verdicts: Verdicts) -> str:
    """Return how many claims were run, and how often each verdict was given."""
    counts = {
        setting: Counter(
            finding["verdict"] for claim in run for finding in verdicts[claim.name].get(setting, ())
        )
        for setting in SETTINGS
    }
    words = (
        f"{_TITLES[setting]}: "
        + ", ".join(f"{count} {verdict}" for verdict, count in counts[setting].most_common())
        for setting in SETTINGS
    )
    return f"{len(run)} claims were run. Leads, {'; '.join(words)}."


def _overview(run: Sequence[Claim], verdicts: Verdicts) -> str:
    rows = []
    for claim in run:
        head = (f"[{plain(claim.title)}](#{_anchor(claim.title)})", plain(claim.paper))
        for row in _rows(claim, verdicts[claim.name]):
            rows.append((*head, *_short(row)))
            head = ("", "")  # a claim is named once
    return table(("claim", "paper", "over", "published", *_TITLES.values()), rows)


def _short(row: tuple[str, str, Finding | None, Finding | None]) -> tuple[str, ...]:
    over, published, *findings = row
    return over, published, *(found["verdict"] if found else NOT_RUN for found in findings)


def _rows(
    claim: Claim, settings: Mapping[str, Sequence[Finding]]
) -> Iterator[tuple[str, str, Finding | None, Finding | None]]:
    """Give for every published lead: over what, its size, and the finding of each setting."""
    found = {
        (setting, finding["against"]): finding
        for setting, findings in settings.items()
        for finding in findings
    }
    for rival, size in claim.published.items():
        first, second = (found.get((setting, rival)) for setting in SETTINGS)
        over = f"`{rival}`" if claim.function else f"with `{rival}`"
        yield over, size if isinstance(size, str) else f"+{size:g}", first, second


def _claim(claim: Claim, settings: Mapping[str, Sequence[Finding]]) -> str:
    rows = (
        (over, published, *(_figure(finding) for finding in findings))
        for over, published, *findings in _rows(claim, settings)
    )
    subject = f"`{claim.function}` over" if claim.function else "claimed start or network"
    return section(
        plain(claim.title),
        f"{plain(claim.paper)}. {plain(claim.statement)}",
        table((subject, "published", *_TITLES.values()), rows),
        bullets([f"Published: {claim.source}.", *_changes(claim), f"Limits: {claim.limits}"]),
        f"Plan: [{claim.name}.toml](../studies/{claim.name}.toml).",
    )


def _changes(claim: Claim) -> Iterator[str]:
    for name in SETTINGS:
        setting = claim.setting(name)
        words = [text for text in (setting.changes, _borrowed(setting)) if text]
        if words:
            yield f"{_TITLES[name].capitalize()}: {' '.join(words)}"


def _borrowed(setting: Setting) -> str:
    return f"The runs are those of {setting.runs_of}." if setting.runs_of else ""


def _figure(finding: Finding | None) -> str:
    """Return a verdict with its figures, or why there are none."""
    if finding is None:
        return NOT_RUN
    if finding["lead"] is None:
        return f"**{finding['verdict']}**: {plain(finding['reason'])}"
    figures = (
        f"{finding['lead']:+.3g} [{finding['low']:+.3g}, {finding['high']:+.3g}] "
        f"{finding['unit']} ({finding['claimed']:.4g} and {finding['other']:.4g}; "
        f"{finding['seeds']} seeds)"
    )
    return f"**{finding['verdict']}** {plain(figures)}; {plain(finding['reason'])}"


def _waiting(claims: Sequence[Claim]) -> str:
    if not claims:
        return ""
    rows = (
        (f"[{plain(claim.title)}](../studies/{claim.name}.toml)", plain(claim.paper),
         plain(claim.statement), plain(_why_not(claim)))
        for claim in claims
    )  # fmt: skip
    return table(("claim", "paper", "what is claimed", "why it was not run"), rows)


def _why_not(claim: Claim) -> str:
    reasons = {text for name in SETTINGS if (text := claim.setting(name).untestable)}
    if len(reasons) == len(SETTINGS):
        return "; ".join(sorted(reasons))
    size = f" A size worth it: {claim.larger}" if claim.larger else ""
    return f"Not run yet; the plan is ready.{size}"


def _anchor(title: str) -> str:
    """Return the anchor that GitHub and MyST give a heading."""
    kept = "".join(letter for letter in title.lower() if letter.isalnum() or letter in " -_")
    return kept.replace(" ", "-")


def main(path: str, studies: str = "studies") -> None:
    """Write the page; the claims are read from the folder `studies`."""
    folder = Path(studies)
    text = claims_page(read_claims(folder), kept_verdicts(folder / "results"))
    Path(path).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
