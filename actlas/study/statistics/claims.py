"""What a repetition of a published comparison says about the claim."""

from __future__ import annotations

from enum import StrEnum

from actlas.errors import ActlasError
from actlas.study.statistics.intervals import Interval


class ClaimVerdict(StrEnum):
    """What a repetition says about a published claim."""

    REPRODUCED = "REPRODUCED"
    DIRECTION = "DIRECTION ONLY"
    EQUIVALENT = "EQUIVALENT"
    REVERSED = "REVERSED"
    NOT_TESTABLE = "NOT TESTABLE HERE"


def claim_verdict(
    lead: Interval, published: float | None, practical: float, floor: float = 0.0
) -> tuple[ClaimVerdict, str]:
    """Return the verdict on a published lead, with the reason in words.

    Reproduced: the interval lies above 0 and the mean is at least half the published lead. Else,
    equivalent: the interval lies within plus and minus `practical`. Else, direction only or
    reversed: the interval lies above or below 0. An interval that holds 0 and reaches beyond the
    region, or a mean within the noise floor, decides nothing.

    Args:
        lead: how far the claimed side is ahead, with its interval; more is better.
        published: the lead that was published, above 0; None where the figure could not be read.
        practical: what is too small to matter, above 0.
        floor: the effect that chance alone makes between two arms of one function.

    Raises:
        ActlasError: if `published` or `practical` is not above 0.

    >>> claim_verdict(Interval(1.2, 0.9, 1.5), published=2.0, practical=0.3)
    (<ClaimVerdict.REPRODUCED: 'REPRODUCED'>, 'the lead is 60 % of the published one')
    >>> claim_verdict(Interval(0.1, -0.1, 0.2), published=2.0, practical=0.3)[0].value
    'EQUIVALENT'
    """
    if practical <= 0 or (published is not None and published <= 0):
        raise ActlasError(
            f"a published lead and a practical difference lie above 0, got {published} and "
            f"{practical}"
        )
    decided = (lead.low > 0 or lead.high < 0) and abs(lead.mean) > floor
    share = None if published is None else lead.mean / published
    if decided and share is not None and share >= 0.5:
        return ClaimVerdict.REPRODUCED, f"the lead is {100 * share:.0f} % of the published one"
    if -practical < lead.low and lead.high < practical:
        return ClaimVerdict.EQUIVALENT, f"the interval lies within ±{practical:g}"
    if not decided:
        return ClaimVerdict.NOT_TESTABLE, _undecided(lead, practical, floor)
    if lead.mean < 0:
        return ClaimVerdict.REVERSED, "the interval lies below 0"
    if share is None:
        return ClaimVerdict.DIRECTION, "the interval lies above 0; the published size is not known"
    return ClaimVerdict.DIRECTION, f"the lead is {100 * share:.0f} % of the published one"


def _undecided(lead: Interval, practical: float, floor: float) -> str:
    if lead.low <= 0 <= lead.high:
        return f"undecided: the interval holds 0 and reaches beyond ±{practical:g}"
    return f"undecided: the lead is below the noise floor of {floor:.2g}"
