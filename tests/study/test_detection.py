"""Boxes as targets of a study, and average precision on answers that are known."""

from __future__ import annotations

import itertools
import os
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from actlas.models.detector import Objects, assign
from actlas.study import find_task
from actlas.study.networks import with_network
from actlas.study.tasks import _detection as detection
from actlas.study.tasks import bccd

REAL_DATA = Path(os.environ.get("ACTLAS_DATA", "nowhere"))
FIRST, SECOND, ELSEWHERE = (0.0, 0.0, 4.0, 4.0), (10.0, 0.0, 14.0, 4.0), (30.0, 30.0, 34.0, 34.0)
NEAR_FIRST = (0.0, 0.0, 4.0, 3.0)  # overlaps it by 3/4


def image(*rows: tuple[tuple[float, ...], int, float]) -> Objects:
    return Objects(torch.tensor([box for box, _, _ in rows]).view(-1, 4),
                   torch.tensor([label for _, label, _ in rows], dtype=torch.int64),
                   torch.tensor([score for _, _, score in rows]))  # fmt: skip


REAL = [image((FIRST, 0, 1.0), (SECOND, 0, 1.0))]
CASES = {
    "all found": ([(FIRST, 0, 0.9), (SECOND, 0, 0.8)], 1.0),
    "nothing found": ([], 0.0),
    "half found": ([(FIRST, 0, 0.9)], 0.5),
    "a mistake after them": ([(FIRST, 0, 0.9), (SECOND, 0, 0.8), (ELSEWHERE, 0, 0.1)], 1.0),
    "a mistake between": ([(FIRST, 0, 0.9), (ELSEWHERE, 0, 0.8), (SECOND, 0, 0.7)], 0.5 + 1 / 3),
    "a mistake before": ([(ELSEWHERE, 0, 0.9), (FIRST, 0, 0.8), (SECOND, 0, 0.7)], 2 / 3),
    "found twice": ([(FIRST, 0, 0.9), (NEAR_FIRST, 0, 0.8), (SECOND, 0, 0.7)], 0.5 + 1 / 3),
    "not quite there": ([(NEAR_FIRST, 0, 0.9), (SECOND, 0, 0.7)], 1.0),
    "another label": ([(FIRST, 1, 0.9), (SECOND, 0, 0.7)], 0.5),
}


@pytest.mark.parametrize("name", CASES)
def test_average_precision_of_known_answers(name: str) -> None:
    rows, expected = CASES[name]
    assert detection.mean_average_precision([image(*rows)], REAL) == pytest.approx(expected)


def test_the_mean_is_over_the_labels_that_are_there() -> None:
    real = [image((FIRST, 0, 1.0)), image((SECOND, 2, 1.0))]
    found = [image((FIRST, 0, 0.9)), image((ELSEWHERE, 2, 0.9), (FIRST, 1, 0.9))]
    assert detection.mean_average_precision(found, real) == 0.5
    assert detection.mean_average_precision([image()], [image()]) == 0.0


def swept(found: list[Objects], real: list[Objects]) -> float:
    """Return the area another way: threshold by threshold, each box counted anew."""
    count = sum(len(truth.boxes) for truth in real)
    points = []
    for least in sorted({score for one in found for score in one.scores.tolist()}):
        kept = [_above(one, least) for one in found]
        hits = sum(int(detection._hits(one.boxes, truth.boxes, 0.5).sum())
                   for one, truth in zip(kept, real, strict=True))  # fmt: skip
        points.append((hits / count, hits / sum(len(one.boxes) for one in kept)))
    recalls = sorted({0.0, *(recall for recall, _ in points)})
    return sum((after - before) * max(p for r, p in points if r >= after)
               for before, after in itertools.pairwise(recalls))  # fmt: skip


def _above(one: Objects, least: float) -> Objects:
    order = one.scores.argsort(descending=True)
    kept = order[one.scores[order] >= least]
    return Objects(one.boxes[kept], one.labels[kept], one.scores[kept])


@pytest.mark.parametrize("seed", range(5))
def test_the_area_agrees_with_a_sweep_of_thresholds(seed: int) -> None:
    draws = torch.Generator().manual_seed(seed)

    def boxes(count: int) -> Tensor:
        corner = 20 * torch.rand(count, 2, generator=draws)
        return torch.cat((corner, corner + 3 + 6 * torch.rand(count, 2, generator=draws)), 1)

    real = [Objects(boxes(5), torch.zeros(5, dtype=torch.int64)) for _ in range(4)]
    found = [Objects(torch.cat((truth.boxes + torch.randn(5, 4, generator=draws), boxes(6))),
                     torch.zeros(11, dtype=torch.int64), torch.rand(11, generator=draws))
             for truth in real]  # fmt: skip
    area = detection.mean_average_precision(found, real)
    assert 0.05 < area < 0.95
    assert area == pytest.approx(swept(found, real), abs=1e-6)
    best = found[0].scores.argmax()
    found[0].scores[best] = -1.0  # planted: the surest box comes last
    assert area != pytest.approx(swept(found, real), abs=1e-6)


def test_rows_that_fill_up_come_off_again() -> None:
    objects = [image((FIRST, 2, 1.0)), image(), image((FIRST, 0, 1.0), (SECOND, 1, 1.0))]
    rows = detection.padded(objects)
    assert rows.shape == (3, 2, 5)
    for one, again in zip(objects, detection.unpadded(rows), strict=True):
        assert torch.equal(one.boxes, again.boxes)
        assert torch.equal(one.labels, again.labels)


def right_numbers(rows: Tensor) -> Tensor:
    """Return raw numbers of a detector that is right about every cell that owns an object."""
    objects = detection.unpadded(rows)
    down, across = bccd.HEIGHT // 8, bccd.WIDTH // 8
    owned, boxes, labels = assign(objects, (down, across), 8, len(bccd.CELLS))
    raw = torch.zeros(len(rows), down, across, 8)
    raw[..., 0] = -20.0
    centres, sides = (boxes[:, :2] + boxes[:, 2:]) / 16, boxes[:, 2:] - boxes[:, :2]
    inside = (centres - centres.floor()).clamp(1e-4, 1 - 1e-4)
    sure = 20.0 * torch.nn.functional.one_hot(labels, len(bccd.CELLS))
    raw[owned] = torch.cat(
        (torch.full((len(boxes), 1), 20.0), inside.logit(), (sides / 8).log(), sure), 1
    )
    return raw.permute(0, 3, 1, 2)


def test_right_numbers_score_100_and_cost_nothing() -> None:
    """And with two labels exchanged, both fall."""
    rows = detection.padded([image(((20.0, 20.0, 46.0, 44.0), 0, 1.0),
                                   ((80.0, 60.0, 130.0, 110.0), 1, 1.0)),
                             image(((5.0, 90.0, 13.0, 99.0), 2, 1.0))])  # fmt: skip
    raw = right_numbers(rows)
    assert bccd.score(raw, rows) == pytest.approx(100.0)
    assert bccd.loss(raw, rows).item() == pytest.approx(0.0, abs=1e-3)
    wrong = raw[:, [0, 1, 2, 3, 4, 6, 5, 7]]
    assert bccd.score(wrong, rows) == pytest.approx(100.0 / 3)
    assert bccd.loss(wrong, rows).item() > 1


def test_boxes_go_where_their_pixels_go() -> None:
    """All four ways round turn up, and the dark box is where the row says; filling stays."""
    images = torch.ones(40, 3, bccd.HEIGHT, bccd.WIDTH)
    images[:, :, 10:30, 100:140] = 0
    rows = torch.tensor([[100.0, 10, 140, 30, 2], [0, 0, 0, 0, detection.NO_OBJECT]])
    turned, found = bccd.mirrored(images, rows.expand(40, 2, 5), torch.Generator().manual_seed(0))
    for image, objects in zip(turned, detection.unpadded(found), strict=True):
        ((left, top, right, bottom),) = objects.boxes.int().tolist()
        assert image[:, top:bottom, left:right].sum() == 0
        assert image.sum() == images[0].sum()
        assert objects.labels.tolist() == [2]
    assert len({tuple(boxes) for boxes in found[:, 0].tolist()}) == 4


@pytest.mark.skipif(not (REAL_DATA / "bccd").is_dir(), reason="needs ACTLAS_DATA")
def test_the_blood_cells() -> None:
    pytest.importorskip("PIL")
    data = find_task("bccd").data(REAL_DATA)
    parts = (data.train, data.validation, data.test)
    assert [len(part) for part in parts] == [205, 87, 72]
    boxes = sum(int((part.targets[..., 4] >= 0).sum()) for part in parts)
    assert 4_880 <= boxes <= 4_888  # a few are empty
    assert bccd.score(right_numbers(data.test.targets), data.test.targets) > 95
    other = with_network(find_task("bccd"), "detector(widths=(4, 8, 8))", data, check=True)
    assert other.network(nn.ReLU)(bccd.transform(data.train.inputs[:1])).shape == (1, 8, 15, 20)
