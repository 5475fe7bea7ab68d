"""From kept runs to verdicts: plain JSON in, so that runs of earlier versions stay readable."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from actlas.errors import ActlasError
from actlas.study.claims.claim_file import SETTINGS, Claim, Setting
from actlas.study.statistics import noise_floor
from actlas.study.statistics.claims import ClaimVerdict, claim_verdict
from actlas.study.statistics.intervals import tail_interval
from actlas.study.tasks import find_task

Line = Mapping[str, Any]
Scores = Mapping[str, Mapping[int, float]]


@dataclass(frozen=True)
class Finding:
    """The verdict on one published lead: over a rival, or of one recipe for one function.

    `claimed` and `other` are the mean scores of the two sides; the interval is that of the paired
    difference, oriented so that the claim predicts more than 0.
    """

    against: str
    verdict: str
    reason: str
    published: float | None
    unit: str
    claimed: float | None = None
    other: float | None = None
    lead: float | None = None
    low: float | None = None
    high: float | None = None
    level: float | None = None
    seeds: int = 0


@dataclass(frozen=True)
class _Scale:
    """The metric of a setting: its unit, its direction, and what is too small to matter."""

    unit: str
    sign: int
    practical: float


def verdicts(
    claims: Mapping[str, Claim], lines: Mapping[str, Sequence[Line]]
) -> dict[str, dict[str, list[Finding]]]:
    """Return the findings of every claim that has runs, by claim and setting.

    Args:
        claims: by name.
        lines: the kept runs of each claim, by name.
    """
    found: dict[str, dict[str, list[Finding]]] = {}
    for name, claim in claims.items():
        settings = {}
        for setting in SETTINGS:
            owner = claims[claim.setting(setting).runs_of or name]
            own = [line for line in lines.get(owner.name, ()) if line["setting"] == setting]
            if own or claim.setting(setting).untestable:
                settings[setting] = judge(claim, owner.setting(setting), own)
        if any(lines.get(claim.setting(s).runs_of or name) for s in settings):
            found[name] = settings
    return found


def judge(claim: Claim, setting: Setting, lines: Iterable[Line]) -> list[Finding]:
    """Return the verdict on every published lead of a claim, from the runs of one setting.

    The intervals hold together at 95 %: each leaves out 5 % over their number.

    Args:
        claim: gives the published leads.
        setting: where the runs come from.
        lines: its runs, as `running.run_claim` gives them.
    """
    if setting.untestable:
        return [
            Finding(rival, ClaimVerdict.NOT_TESTABLE.value, setting.untestable, _size(size), "")
            for rival, size in claim.published.items()
        ]
    sides: dict[str, dict[str, dict[int, float]]] = {"claimed": {}, "against": {}}
    for line in lines:
        if (score := line["test"]) is not None:
            by_label = sides[line["side"]].setdefault(_label(line), {})
            by_label[int(line["seed"])] = float(score)
    scale = _scale(setting)
    floor = _floor(sides["claimed"], setting, scale)
    return [
        _finding(claim, rival, _pair(claim, sides, rival), scale, floor)
        for rival in claim.published
    ]


def _label(line: Line) -> str:
    return str(line["label"])


def _size(published: float | str) -> float | None:
    return published if isinstance(published, float) else None


def _scale(setting: Setting) -> _Scale:
    if setting.measure is not None:
        sign = 1 if setting.measure.higher_is_better else -1
        return _Scale(setting.measure.unit, sign, setting.measure.practical_difference)
    assert setting.plan is not None
    task = find_task(setting.plan.task)
    practical = setting.plan.resolved(task).practical_difference
    assert practical is not None
    return _Scale(task.metric.unit, task.metric.sign, practical)


def _floor(scores: Scores, setting: Setting, scale: _Scale) -> float:
    """Return what chance alone does between two arms of the reference; 0 where none was run."""
    reference = "" if setting.plan is None else setting.plan.reference
    one, twin = scores.get(reference, {}), scores.get(f"{reference} (A/A)", {})
    shared = sorted(set(one) & set(twin))
    return noise_floor([twin[seed] - one[seed] for seed in shared]) if len(shared) > 1 else 0.0


def _pair(claim: Claim, sides: Mapping[str, Scores], rival: str) -> tuple[Scores, Scores]:
    """Return the scores by seed of the claimed side, and of the other one."""
    one = sides["claimed"].get(claim.function or rival)
    other = (sides["against"] or sides["claimed"]).get(rival)
    if not one or not other:
        raise ActlasError(f"the claim {claim.name}: there are no runs to judge {rival!r} by")
    return one, other  # type: ignore[return-value]


def _finding(
    claim: Claim, rival: str, pair: tuple[Any, Any], scale: _Scale, floor: float
) -> Finding:
    one, other = pair
    seeds = sorted(set(one) & set(other))
    left, right = (np.array([side[seed] for seed in seeds]) for side in (one, other))
    lead = tail_interval(scale.sign * (left - right), 0.05 / len(claim.published))
    published = _size(claim.published[rival])
    verdict, reason = claim_verdict(lead, published, scale.practical, floor)
    claimed, against, mean, low, high, level = map(
        _rounded, (left.mean(), right.mean(), lead.mean, lead.low, lead.high, lead.level)
    )
    return Finding(
        rival, verdict.value, reason, published, scale.unit, claimed=claimed, other=against,
        lead=mean, low=low, high=high, level=level, seeds=len(seeds),
    )  # fmt: skip


def _rounded(value: float) -> float:
    return float(f"{value:.6g}")
