"""Claims: the verdict on a published lead, claim files, judging planted runs, keeping them."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from actlas.errors import ActlasError
from actlas.study.claims import Claim, judge, keep, kept_lines, read_claim, run_claim
from actlas.study.claims.judging import verdicts
from actlas.study.statistics import Interval
from actlas.study.statistics.claims import ClaimVerdict, claim_verdict


@pytest.mark.parametrize(
    ("lead", "published", "floor", "expected"),
    [
        ((1.0, 0.5, 1.5), 2.0, 0.0, "REPRODUCED"),  # just half
        ((3.0, 2.0, 4.0), 1.0, 0.0, "REPRODUCED"),  # more than was published
        ((0.2, 0.1, 0.25), 0.3, 0.0, "REPRODUCED"),  # small, and said to be small
        ((0.99, 0.5, 1.5), 2.0, 0.0, "DIRECTION ONLY"),
        ((5.0, 4.0, 6.0), None, 0.0, "DIRECTION ONLY"),  # how much could not be read
        ((0.1, 0.05, 0.2), 2.0, 0.0, "EQUIVALENT"),  # above 0, and too small to matter
        ((0.0, -0.2, 0.2), 2.0, 0.0, "EQUIVALENT"),
        ((-0.1, -0.2, -0.05), 2.0, 0.0, "EQUIVALENT"),
        ((-1.0, -1.5, -0.5), 2.0, 0.0, "REVERSED"),
        ((-1.0, -1.5, -0.5), None, 0.0, "REVERSED"),
        ((1.0, -0.5, 2.5), 1.0, 0.0, "NOT TESTABLE HERE"),  # holds 0, and is wide
        ((1.0, 0.5, 1.5), 1.0, 1.2, "NOT TESTABLE HERE"),  # two arms of one function differ more
        ((-1.0, -1.5, -0.5), 1.0, 1.2, "NOT TESTABLE HERE"),
    ],
)
def test_the_verdict_on_a_lead(
    lead: tuple[float, float, float], published: float | None, floor: float, expected: str
) -> None:
    found, reason = claim_verdict(Interval(*lead), published, practical=0.3, floor=floor)
    assert found.value == expected
    assert reason


def test_a_verdict_needs_sizes_above_0() -> None:
    for published, practical in ((0.0, 0.3), (-1.0, 0.3), (1.0, 0.0)):
        with pytest.raises(ActlasError, match="lie above 0"):
            claim_verdict(Interval(1.0, 0.5, 1.5), published, practical)


CLAIM = """
title = "serf leads"
paper = "somebody 2021"
statement = "serf is ahead"
function = "serf"
published = { mish = 1.0, relu = "not read" }
source = "nowhere"
limits = "all of it"

[as_published]
untestable = "the recipe could not be read"

[fair]
task = "digits"
activations = ["mish", "serf"]
seeds = 4
learning_rates = [0.1]
budget = 1
epochs = 1
tuning_seeds = 1
"""


def written(folder: Path, text: str, name: str = "serf_leads") -> Path:
    path = folder / f"{name}.toml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture
def claim(tmp_path: Path) -> Claim:
    return read_claim(written(tmp_path, CLAIM))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("limits =", "limts =", "limts: .*Did you mean 'limits'"),
        ("mish = 1.0", "mish = -1.0", "published"),
        ("mish = 1.0", 'mish = "unknown"', "published"),
        ('task = "digits"', 'taks = "digits"', "Did you mean 'task'"),
        ('untestable = "the recipe could not be read"', 'changes = "none"', "as_published: give"),
        ("title =", "= title", "is not TOML"),
        ('task = "digits"', 'task = "digits,mnist"', "task = 'digits,mnist' names several"),
        ("budget = 1", 'optimizer = "sgd, adamw"', "optimizer = 'sgd,adamw' names several"),
        ("budget = 1", 'initialisation = ["xavier", "framework"]', "'xavier,framework' names"),
        ("budget = 1", 'schedule = "cosine,constant,steps"', "schedule = .* names several"),
        ("tuning_seeds = 1", '[fair.against]\noptimizer = "sgd,adam"', "against: optimizer = "),
    ],
)
def test_wrong_claims_are_named(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in CLAIM
    with pytest.raises(ActlasError, match=message) as caught:
        read_claim(written(tmp_path, CLAIM.replace(old, new)))
    assert "serf_leads.toml" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_two_recipes_differ_in_what_is_said(tmp_path: Path) -> None:
    text = CLAIM + '\n[fair.against]\ninitialisation = "framework"\n'
    fair = read_claim(written(tmp_path, text)).fair
    assert fair.plan is not None
    assert fair.against is not None
    assert fair.plan.initialisation == "own gain"
    assert fair.against == fair.plan.model_copy(update={"initialisation": "framework"})


LARGER = (
    CLAIM.replace(
        'task = "digits"',
        """\
larger = { task = "mnist", seeds = 9, against = { schedule = "steps" } }
task = "digits\"""",
    )
    + '\n[fair.against]\ninitialisation = "framework"\n'
)


def test_the_larger_size_has_its_own_values_and_the_rest_of_the_recipe(tmp_path: Path) -> None:
    path = written(tmp_path, LARGER)
    small, large = read_claim(path), read_claim(path, larger=True, device="cuda")
    assert small.fair.plan is not None
    assert large.fair.plan is not None
    assert (small.fair.plan.task, small.fair.plan.device) == ("digits", "cpu")
    changed = {"task": "mnist", "seeds": tuple(range(9)), "device": "cuda"}
    assert large.fair.plan == small.fair.plan.model_copy(update=changed)
    against = {"initialisation": "framework", "schedule": "steps"}
    assert large.fair.against == large.fair.plan.model_copy(update=against)
    assert large.as_published == small.as_published


def test_a_size_that_is_not_there_is_told_in_words(tmp_path: Path) -> None:
    text = 'larger = "a week on a cluster"\n' + CLAIM
    with pytest.raises(ActlasError, match="fair: there is no table `larger`; in words: a week on"):
        read_claim(written(tmp_path, text), larger=True)
    with pytest.raises(ActlasError, match="Did you mean 'seeds'"):
        read_claim(written(tmp_path, LARGER.replace("seeds = 9", "seds = 9")), larger=True)


def planted(scores: dict[str, list[float]], side: str = "claimed") -> list[dict[str, Any]]:
    return [
        {"setting": "fair", "side": side, "label": label, "seed": seed, "test": score}
        for label, row in scores.items()
        for seed, score in enumerate(row)
    ]


BASE = [90.0, 91.0, 89.0, 90.5, 92.0, 88.0, 90.2, 91.3]
NOISE = [0.1, -0.1, 0.05, -0.05, 0.1, -0.1, 0.02, -0.02]


def scores_with(lead: float) -> dict[str, list[float]]:
    """Return runs in which serf leads by so much, seed by seed, and relu's second arm by 0.01."""
    serf = [base + lead + noise for base, noise in zip(BASE, NOISE, strict=True)]
    twin = [base + noise / 10 for base, noise in zip(BASE, NOISE, strict=True)]
    return {"mish": BASE, "relu": BASE, "relu (A/A)": twin, "serf": serf}


@pytest.mark.parametrize(
    ("lead", "expected"),
    [
        (2.0, ["REPRODUCED", "DIRECTION ONLY"]),
        (0.0, ["EQUIVALENT", "EQUIVALENT"]),
        (-2.0, ["REVERSED", "REVERSED"]),
    ],
)
def test_planted_runs_are_judged_right(claim: Claim, lead: float, expected: list[str]) -> None:
    findings = judge(claim, claim.fair, planted(scores_with(lead)))
    assert [finding.verdict for finding in findings] == expected
    assert findings[0].lead == pytest.approx(lead, abs=1e-9)
    assert findings[0].seeds == len(BASE)
    assert findings[0].level == pytest.approx(0.975)  # two leads are judged


def test_a_lead_below_what_two_equal_arms_differ_by_decides_nothing(claim: Claim) -> None:
    scores = scores_with(2.0)
    scores["relu (A/A)"] = [base + 5 for base in BASE]
    findings = judge(claim, claim.fair, planted(scores))
    assert {finding.verdict for finding in findings} == {"NOT TESTABLE HERE"}


def test_pairs_are_made_by_seed_whatever_the_order(claim: Claim) -> None:
    lines = planted(scores_with(2.0))
    shuffled = [lines[place] for place in np.random.default_rng(0).permutation(len(lines))]
    assert judge(claim, claim.fair, shuffled) == judge(claim, claim.fair, lines)
    turned = [
        {**line, "seed": 7 - line["seed"]} if line["label"] == "serf" else line for line in lines
    ]
    assert judge(claim, claim.fair, turned)[0].low < judge(claim, claim.fair, lines)[0].low


def test_two_recipes_are_compared_function_by_function(tmp_path: Path) -> None:
    text = CLAIM.replace('function = "serf"\n', "") + "\n[fair.against]\nstart_bias = -1.0\n"
    claim = read_claim(written(tmp_path, text))
    lines = planted({"mish": [b + 2 for b in BASE], "relu": BASE})
    lines += planted({"mish": BASE, "relu": [b + 2 for b in BASE]}, "against")
    found = [finding.verdict for finding in judge(claim, claim.fair, lines)]
    assert found == ["REPRODUCED", "REVERSED"]


def test_missing_runs_are_not_made_up(claim: Claim) -> None:
    scores = scores_with(2.0)
    del scores["mish"]
    with pytest.raises(ActlasError, match="no runs to judge 'mish' by"):
        judge(claim, claim.fair, planted(scores))


def test_what_cannot_be_tested_says_why(claim: Claim) -> None:
    lines = {claim.name: planted(scores_with(2.0))}
    found = verdicts({claim.name: claim}, lines)[claim.name]["as_published"]
    assert {finding.verdict for finding in found} == {ClaimVerdict.NOT_TESTABLE.value}
    assert {finding.reason for finding in found} == {"the recipe could not be read"}
    assert verdicts({claim.name: claim}, {}) == {}


def test_runs_are_kept_as_they_are(tmp_path: Path) -> None:
    lines = planted({"mish": BASE})
    keep(tmp_path, "one", "fair", lines)
    before = (tmp_path / "one" / "runs.jsonl.gz").read_bytes()
    keep(tmp_path, "one", "fair", list(reversed(lines)))
    assert (tmp_path / "one" / "runs.jsonl.gz").read_bytes() == before
    keep(tmp_path, "one", "as_published", [{**line, "setting": "as_published"} for line in lines])
    assert len(kept_lines(tmp_path)["one"]) == 2 * len(lines)
    (tmp_path / "one" / "runs.jsonl.gz").write_bytes(before[:-9])
    with pytest.raises(ActlasError, match="cannot be read"):
        kept_lines(tmp_path)


@pytest.mark.slow
def test_a_claim_runs_from_its_file(tmp_path: Path, claim: Claim) -> None:
    lines = run_claim(claim, "fair", tmp_path / "work", workers=1)
    tested = [line for line in lines if line["test"] is not None]
    assert {line["label"] for line in tested} == {"relu", "relu (A/A)", "mish", "serf"}
    assert {line["spec"]["phase"] for line in tested} == {"confirmation"}
    keep(tmp_path, claim.name, "fair", lines)
    text = gzip.decompress((tmp_path / claim.name / "runs.jsonl.gz").read_bytes()).decode()
    found = judge(claim, claim.fair, [json.loads(line) for line in text.splitlines()])
    assert [finding.seeds for finding in found] == [4, 4]
    with pytest.raises(ActlasError, match="is not run: the recipe"):
        run_claim(claim, "as_published", tmp_path / "work")
