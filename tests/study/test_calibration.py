"""The calibration error: known answers, and kept for the tested weights alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch

from actlas.errors import ActlasError
from actlas.study import Data, Task, find_task
from actlas.study.statistics import calibration_error
from actlas.study.training import Phase, Record, RunSpec, train
from actlas.study.training.stacked import train_stacked
from tests.study.made_up import Planted, study


def by_bin(chances: list[float], right: list[int], bins: int) -> float:
    """Return the same, bin by bin, in plain words."""
    total = 0.0
    for index in range(bins):
        inside = [k for k, c in enumerate(chances)
                  if index / bins < c <= (index + 1) / bins or c == index == 0]  # fmt: skip
        if inside:
            accuracy = sum(right[k] for k in inside) / len(inside)
            confidence = sum(chances[k] for k in inside) / len(inside)
            total += len(inside) / len(chances) * abs(accuracy - confidence)
    return 100 * total


@pytest.mark.parametrize("bins", [1, 10, 15])
def test_it_is_the_mean_gap_over_bins(bins: int) -> None:
    generator = np.random.default_rng(3)
    chances = [0.0, 1.0, *generator.random(500).tolist()]
    right = [1, 0, *(generator.random(500) < 0.7).astype(int).tolist()]
    assert calibration_error(chances, right, bins) == pytest.approx(by_bin(chances, right, bins))


def test_known_answers() -> None:
    assert calibration_error([1.0] * 4, [1] * 4) == 0.0
    assert calibration_error([1.0] * 4, [0] * 4) == 100.0
    assert calibration_error([0.75] * 4, [1, 1, 1, 0]) == 0.0


@pytest.mark.parametrize(
    ("chances", "right", "bins"),
    [([], [], 15), ([0.5], [1, 0], 15), ([1.5], [1], 15), ([float("nan")], [1], 15),
     ([0.5], [1], 0)],
)  # fmt: skip
def test_wrong_input_is_refused(chances: list[float], right: list[int], bins: int) -> None:
    with pytest.raises(ActlasError):
        calibration_error(chances, right, bins)


def test_a_task_asks_for_logits(digits: Task) -> None:
    outputs, targets = torch.tensor([[9.0, 0.0], [9.0, 0.0]]), torch.tensor([0, 1])
    assert digits.calibration(outputs, targets) == pytest.approx(50.0, abs=0.1)
    assert digits.calibration(outputs * float("nan"), targets) is None
    hinge = replace(digits, loss=torch.nn.functional.multi_margin_loss)
    assert hinge.calibration(outputs, targets) is None
    assert find_task("uci-yacht").calibration(outputs, targets) is None


def test_the_confirmation_keeps_it(
    digits: Task, digits_data: Data, make_spec: Callable[..., RunSpec]
) -> None:
    record = train(make_spec(), digits, digits_data)
    assert record.calibration is not None
    assert 0.0 < record.calibration < 100.0
    assert Record.from_json(record.to_json()) == record
    assert train_stacked([make_spec()], digits, digits_data)[0].calibration == pytest.approx(
        record.calibration, abs=0.5
    )
    assert train(make_spec(phase=Phase.TUNING), digits, digits_data).calibration is None


def test_the_report_shows_it_where_there_is_any(digits: Task) -> None:
    from actlas.study.report.cost_sheet import cost

    part = study(Planted(digits, {"gelu": 1.0}), seeds=3).only
    assert "calibration error" not in cost(part).headings
    runs = {
        label: tuple(replace(record, calibration=2.0 + index) for record in group)
        for index, (label, group) in enumerate(part.outcome.confirmations.items())
    }
    known = replace(part, outcome=replace(part.outcome, confirmations=runs))
    place = cost(known).headings.index("calibration error")
    assert [row[place] for row in cost(known).rows] == ["2.0", "3.0", "4.0"]
