"""The baseline gate: a reference that stays behind what others report is said, and only then."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import pytest

from actlas.errors import ActlasError
from actlas.study import ACCURACY, Metric, Published, Result, Task, find_task
from actlas.study.networks import renamed
from actlas.study.report import render
from actlas.study.report.details import entries
from actlas.study.report.limits import caveats
from actlas.study.report.markdown import markdown
from actlas.study.tasks._metrics import RELATIVE_ERROR
from tests.study.made_up import Planted, study
from tests.study.tiny_tasks import bumps, signs

SOURCE = ("a large network", "Somebody 2020, arXiv:2001.00001")


def on(*tasks: tuple[Task, float | None]) -> Result:
    """Return a study in which ReLU reaches 50 on every task, beside a published score for each."""
    planted = (
        Planted(replace(task, published=None if score is None else Published(score, *SOURCE)),
                {"gelu": 0.0}, noise=1e-3)
        for task, score in tasks
    )  # fmt: skip
    return study(*planted)


# task, what is published, whether 50 reaches it: accuracy in points, then an error
CASES = [
    (signs, 45.0, True),
    (signs, 50.7, True),
    (signs, 51.5, False),
    (signs, 95.0, False),
    (bumps, 60.0, True),
    (bumps, 49.7, True),
    (bumps, 49.3, False),
    (bumps, 5.0, False),
]


def check_gate(task: Task, score: float, reaches: bool) -> None:
    """A miss is the gravest limit of a study on one task; else the details hold the scores."""
    result = on((task, score))
    about = [text for text in caveats(result) if "published" in text]
    detail = entries(result)["published score"]
    assert len(about) == (not reaches)
    where = detail if reaches else caveats(result)[0]
    assert where.startswith(f"ReLU reaches a mean test {task.metric.name} of {50}.")
    assert f", {score:g} are published ({'; '.join(SOURCE)})" in where
    assert reaches or detail == "not reached, see what the study cannot say"


@pytest.mark.parametrize(("task", "score", "reaches"), CASES)
def test_a_reference_is_held_to_what_is_published(task: Task, score: float, reaches: bool) -> None:
    check_gate(task, score, reaches)


@pytest.mark.parametrize(
    ("rule", "case"),
    [
        (lambda self, score, metric: True, 3),
        (lambda self, score, metric: False, 0),
        (lambda self, score, metric: self.score - score <= 1.0, 7),  # the direction is forgotten
        (lambda self, score, metric: metric.sign * (self.score - score) <= 0.0, 1),
        (lambda self, score, metric: metric.sign * (self.score - score) <= 1.0, 6),
    ],
)
def test_a_wrong_rule_is_seen(
    monkeypatch: pytest.MonkeyPatch, rule: Callable[..., bool], case: int
) -> None:
    monkeypatch.setattr(Published, "reached_by", rule)
    with pytest.raises(AssertionError):
        check_gate(*CASES[case])


def test_every_form_says_it() -> None:
    behind, level, unknown = on((signs, 71.0)), on((signs, 50.2)), on((signs, None))
    for text in (render(behind), markdown(behind)):
        assert "the study says little about well-trained networks." in text
    for text in (render(level), markdown(level)):
        assert "50.2 are published" in text
        assert "well-trained" not in text
    for text in (render(unknown), markdown(unknown)):
        assert "none is known for these data and this metric" in text
        assert "are published" not in text


def test_of_several_tasks_each_is_named() -> None:
    result = on((signs, 71.0), (bumps, 50.0), (bumps, None))
    first, second, third = (part.plan.task for part in result.parts)
    assert [text for text in caveats(result) if "are published" in text] == [
        f"{first}: ReLU reaches a mean test accuracy of 50.0 points, 71 are published "
        f"({'; '.join(SOURCE)}): the study says little about well-trained networks."
    ]
    detail = entries(result)["published score"]
    for name in (first, second, third):
        assert f" ({name})" in detail
    assert detail.count("none is known") == detail.count("not reached") == 1


@pytest.mark.parametrize(
    ("metric", "score", "reaches"),
    [
        (ACCURACY, 69.01, True),
        (ACCURACY, 68.99, False),
        (replace(ACCURACY, unit="%"), 69.01, True),
        (replace(ACCURACY, unit="units"), 69.31, True),
        (replace(ACCURACY, unit="units"), 69.01, False),
        (RELATIVE_ERROR, 70.69, True),
        (RELATIVE_ERROR, 70.71, False),
    ],
)
def test_the_margin_is_a_point_or_a_percent(metric: Metric, score: float, reaches: bool) -> None:
    assert Published(70.0, *SOURCE).reached_by(score, metric) is reaches


@pytest.mark.parametrize("given", [(math.nan, *SOURCE), (1.0, "", "a"), (1.0, "a", "")])
def test_a_score_without_a_source_is_refused(given: tuple[float, str, str]) -> None:
    with pytest.raises(ActlasError, match="finite number with a network and a source"):
        Published(*given)


def test_the_score_stays_with_the_data() -> None:
    """Another network does not change what is known of the data; it says of which one it is."""
    task = find_task("fashion-mnist")
    assert task.published is not None
    assert renamed(task, "mlp").published == task.published


def test_nats_are_told_as_bits() -> None:
    published = find_task("tiny-shakespeare-full").published
    assert published is not None
    nats = float(published.source.partition(" nats")[0])
    assert published.score == round(nats / math.log(2), 3)
