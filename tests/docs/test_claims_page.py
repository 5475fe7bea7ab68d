"""Every figure on the page of claims follows from the raw runs that are kept."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from actlas.docs.claims import NOT_RUN, claims_page
from actlas.study.claims import SETTINGS, Claim, kept_lines, kept_verdicts, read_claims
from actlas.study.claims.judging import Line, verdicts
from actlas.study.claims.keeping import plain
from actlas.study.tasks import find_task

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "studies" / "results"
Kept = dict[str, list[Line]]


@pytest.fixture(scope="module")
def claims() -> Iterator[dict[str, Claim]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)  # tasks of claims are named from here
        yield {claim.name: claim for claim in read_claims(ROOT / "studies")}


@pytest.fixture(scope="module")
def lines() -> Kept:
    return kept_lines(RESULTS)


@pytest.fixture(scope="module")
def judged(claims: dict[str, Claim], lines: Kept) -> dict[str, Any]:
    return {name: plain(found) for name, found in verdicts(claims, lines).items()}


def test_the_verdicts_follow_from_the_kept_runs(judged: dict[str, Any]) -> None:
    assert kept_verdicts(RESULTS) == judged


def test_the_page_follows_from_the_verdicts(
    claims: dict[str, Claim], judged: dict[str, Any]
) -> None:
    page = (ROOT / "docs" / "claims.md").read_text(encoding="utf-8")
    assert page == claims_page(list(claims.values()), judged)


def test_at_least_ten_claims_have_a_verdict(judged: dict[str, Any]) -> None:
    decided = {
        name
        for name, settings in judged.items()
        if any(finding["lead"] is not None for found in settings.values() for finding in found)
    }
    assert len(decided) >= 10


def test_every_plan_can_be_run(claims: dict[str, Claim]) -> None:
    for claim in claims.values():
        for name in SETTINGS:
            setting = claim.setting(name)
            assert not setting.runs_of or claims[setting.runs_of].setting(name).plan
            for plan in (setting.plan, setting.against):
                if plan is not None:
                    assert plan.resolved(find_task(plan.task)).epochs, claim.name


def test_kept_runs_are_those_of_the_claims(claims: dict[str, Claim], lines: Kept) -> None:
    assert set(lines) <= set(claims)
    for name, kept in lines.items():
        for line in kept:
            assert claims[name].setting(line["setting"]).runs_of == ""
            if "spec" in line:
                setting = claims[name].setting(line["setting"])
                plan = setting.against if line["side"] == "against" else setting.plan
                assert plan is not None
                spec = line["spec"]
                assert (spec["task"], spec["network"]) == (plan.task, plan.network)
                assert spec["initialisation"] == plan.initialisation
                assert spec["seed"] in (*plan.seeds, *plan.tuning_seeds)


def test_kept_runs_are_small() -> None:
    sizes = sum(path.stat().st_size for path in RESULTS.rglob("*") if path.is_file())
    assert sizes < 3_000_000


# --------------------------------------------------------------------------- faults that are seen


def test_a_changed_score_changes_verdict_and_page(
    claims: dict[str, Claim], lines: Kept, judged: dict[str, Any]
) -> None:
    changed = copy.deepcopy(lines)
    name = next(name for name in changed if claims[name].function and claims[name].fair.plan)
    for line in changed[name]:
        if line["label"] == claims[name].function and line["test"] is not None:
            line["test"] += 0.01  # type: ignore[index]
    found = {key: plain(settings) for key, settings in verdicts(claims, changed).items()}
    assert found[name] != judged[name]
    assert claims_page(list(claims.values()), found) != claims_page(list(claims.values()), judged)


def test_a_claim_without_runs_is_said_not_to_be_run(
    claims: dict[str, Claim], judged: dict[str, Any]
) -> None:
    name = next(iter(judged))
    fewer = {key: settings for key, settings in judged.items() if key != name}
    page = claims_page(list(claims.values()), fewer)
    assert f"../studies/{name}.toml" in page.partition("## not run")[2]
    half = json.loads(json.dumps(judged))
    half[name].pop("fair")
    assert NOT_RUN in claims_page([claims[name]], half)
