"""The detector: overlaps by hand and against counted pixels, decoding, assignment, learning."""

from __future__ import annotations

import itertools
import math
from typing import Any

import pytest
import torch
from torch import Tensor

from actlas.errors import ActlasError
from actlas.models import count_parameters
from actlas.models._boxes import area, generalized_iou, iou, suppress
from actlas.models.detector import Detector, Objects, assign, detector


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def boxes(*corners: tuple[float, ...]) -> Tensor:
    return torch.tensor(corners, dtype=torch.float64)


def random_boxes(count: int, seed: int) -> Tensor:
    first, size = torch.rand(2, count, 2, dtype=torch.float64, generator=seeded(seed))
    return torch.cat((first, first + size + 0.01), 1) * 50


# ---------------------------------------------------------------- overlaps

BY_HAND = [
    # first box, second box, IoU, generalised IoU
    ((0, 0, 2, 2), (0, 0, 2, 2), 1, 1),
    ((0, 0, 2, 2), (1, 1, 3, 3), 1 / 7, 1 / 7 - 2 / 9),
    ((0, 0, 4, 4), (1, 1, 3, 3), 1 / 4, 1 / 4),
    ((0, 0, 1, 1), (2, 0, 3, 1), 0, -1 / 3),
    ((0, 0, 2, 1), (1, 0, 3, 1), 1 / 3, 1 / 3),
    ((0, 0, 1, 1), (1, 1, 2, 2), 0, -1 / 2),
]


@pytest.mark.parametrize(("a", "b", "expected", "generalised"), BY_HAND)
def test_overlaps_by_hand(a: Any, b: Any, expected: float, generalised: float) -> None:
    for one, two in ((a, b), (b, a)):
        assert iou(boxes(one), boxes(two)).item() == pytest.approx(expected)
        assert generalized_iou(boxes(one), boxes(two)).item() == pytest.approx(generalised)


def test_empty_boxes_overlap_nothing() -> None:
    flat = boxes((1, 1, 1, 3))
    assert area(flat).item() == iou(flat, flat).item() == iou(flat, boxes((0, 0, 4, 4))).item() == 0
    assert generalized_iou(flat, flat).isfinite().all()


def pixels(box: Tensor) -> Tensor:
    """Return the unit squares that a box of whole numbers covers, as a mask."""
    x1, y1, x2, y2 = box.long().tolist()
    mask = torch.zeros(40, 40, dtype=torch.bool)
    mask[y1:y2, x1:x2] = True
    return mask


def test_overlaps_are_counts_of_pixels() -> None:
    some, others = (random_boxes(25, seed).mul(0.35).round() for seed in (1, 2))
    for a, b in zip(some, others, strict=True):
        one, two = pixels(a), pixels(b)
        around = boxes(
            tuple(torch.cat((torch.minimum(a, b)[:2], torch.maximum(a, b)[2:])).tolist())
        )
        shared, union, hull = (one & two).sum(), (one | two).sum(), pixels(around[0]).sum()
        assert iou(a, b).item() == pytest.approx((shared / union).item())
        expected = shared / union - (hull - union) / hull
        assert generalized_iou(a, b).item() == pytest.approx(expected.item(), abs=1e-6)


def test_suppression_by_hand() -> None:
    found = boxes((0, 0, 10, 10), (0, 0, 10, 8), (0, 0, 10, 5), (20, 20, 30, 30), (0, 0, 10, 9))
    scores = torch.tensor([0.9, 0.8, 0.7, 0.2, 0.6])
    one = torch.zeros(5, dtype=torch.long)
    # IoU with the first: 0.8, 0.5, 0, 0.9; the third overlaps the first by 0.5, not by more
    assert suppress(found, scores, one, 0.5).tolist() == [0, 2, 3]
    assert suppress(found, scores, one, 0.49).tolist() == [0, 3]
    assert suppress(found, scores, one, 0.85).tolist() == [0, 1, 2, 3]
    labels = torch.tensor([0, 1, 0, 0, 0])
    assert suppress(found, scores, labels, 0.5).tolist() == [0, 1, 2, 3]
    assert suppress(found[:0], scores[:0], one[:0], 0.5).tolist() == []


def stay(found: Tensor, scores: Tensor, labels: Tensor, overlap: float) -> list[int]:
    """Return what stays, in another form: the best is taken and its doubles leave, repeatedly."""
    left, taken = set(range(len(found))), []
    while left:
        best = max(left, key=lambda k: scores[k].item())
        taken.append(best)
        left = {k for k in left - {best}
                if labels[k] != labels[best] or iou(found[k], found[best]) <= overlap}  # fmt: skip
    return taken


@pytest.mark.parametrize("overlap", [0.1, 0.6])
def test_suppression_takes_the_best_and_drops_its_doubles(overlap: float) -> None:
    found, scores = random_boxes(60, 3), torch.rand(60, generator=seeded(4)).double()
    labels = torch.randint(3, (60,), generator=seeded(5))
    expected = stay(found, scores, labels, overlap)
    assert suppress(found, scores, labels, overlap).tolist() == expected
    assert 3 < len(expected) < 60
    wrong = suppress(found, -scores, labels, overlap).tolist()  # planted: the worst first
    assert wrong != expected


# ---------------------------------------------------------------- decoding and assignment


def numbers_for(net: Detector, objects: Objects, grid: tuple[int, int], sure: float) -> Tensor:
    """Return the raw numbers that stand for the objects: the inverse of decoding, by hand."""
    raw = torch.zeros(1, 5 + net.classes, *grid, dtype=torch.float64)
    raw[:, 0] = -sure
    for (x1, y1, x2, y2), label in zip(
        objects.boxes.tolist(), objects.labels.tolist(), strict=True
    ):
        x, y = (x1 + x2) / 2 / net.stride, (y1 + y2) / 2 / net.stride
        row, column = int(y), int(x)
        for channel, share in ((1, x - column), (2, y - row)):
            raw[0, channel, row, column] = math.log(share / (1 - share))
        raw[0, 3, row, column] = math.log((x2 - x1) / net.stride)
        raw[0, 4, row, column] = math.log((y2 - y1) / net.stride)
        raw[0, 0, row, column] = raw[0, 5 + label, row, column] = sure
    return raw


OBJECTS = Objects(boxes((3, 5, 21, 17), (30, 8, 46, 60), (50, 40, 62, 47)), torch.tensor([2, 0, 1]))


class Told(Detector):
    """A detector whose numbers are given."""

    raw: Tensor

    def forward(self, images: Tensor) -> Tensor:
        return self.raw


def told(width: int = 96) -> tuple[Told, Tensor]:
    net, images = Told(torch.nn.ReLU, 3, 3, (4, 4, 4, 4)), torch.zeros(1, 3, 64, width)
    net.raw = numbers_for(net, OBJECTS, (4, width // 16), 20.0)
    return net, images


def test_decoding_gives_back_the_objects() -> None:
    net, images = told()
    (found,) = net.detect(images)
    order = found.labels.argsort()
    expected = OBJECTS.labels.argsort()
    torch.testing.assert_close(found.boxes[order], OBJECTS.boxes[expected])
    assert found.labels[order].tolist() == [0, 1, 2]
    assert found.scores is not None and (found.scores > 0.999).all()  # noqa: PT018


def test_rows_and_columns_that_change_places_are_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    meshgrid = torch.meshgrid
    monkeypatch.setattr(torch, "meshgrid", lambda x, y, indexing: meshgrid(x, y, indexing="ij"))
    net, images = told(width=64)
    with pytest.raises(AssertionError):
        torch.testing.assert_close(net.detect(images)[0].boxes, OBJECTS.boxes)


def test_the_loss_of_the_right_numbers_is_zero() -> None:
    net, images = told()
    assert all(part.item() < 1e-6 for part in net.loss(images, [OBJECTS]).values())


def test_the_loss_of_plain_numbers_by_hand() -> None:
    """All numbers 0: objectness 1/2 in 24 cells, classes equal, one 16-pixel box a cell."""
    net, images = told()
    net.raw = torch.zeros_like(net.raw)
    object_ = Objects(boxes((0, 0, 16, 16)), torch.tensor([1]))
    parts = net.loss(images, [object_])
    assert parts["object"].item() == pytest.approx(24 * math.log(2))
    assert parts["class"].item() == pytest.approx(math.log(3))
    assert parts["box"].item() == pytest.approx(0, abs=1e-12)  # the box is the cell
    moved = Objects(boxes((8, 0, 16, 16)), torch.tensor([1]))
    assert net.loss(images, [moved])["box"].item() == pytest.approx(1 / 2)


def test_objects_belong_to_the_cell_of_their_centre_and_the_smaller_wins() -> None:
    crowd = Objects(boxes((0, 0, 30, 30), (10, 10, 20, 20), (33, 1, 47, 15)),
                    torch.tensor([0, 1, 2]))  # fmt: skip
    nobody = Objects(torch.zeros(0, 4), torch.zeros(0, dtype=torch.long))
    owned, kept, labels = assign([nobody, crowd], (4, 6), 16, 3)
    assert owned.nonzero().tolist() == [[1, 0, 0], [1, 0, 2]]
    assert kept.tolist() == [[10, 10, 20, 20], [33, 1, 47, 15]]
    assert labels.tolist() == [1, 2]


def test_images_without_objects_have_a_loss() -> None:
    net = detector(generator=seeded())
    parts = net.loss(torch.rand(2, 3, 32, 32, generator=seeded()), [
        Objects(torch.zeros(0, 4), torch.zeros(0, dtype=torch.long))] * 2)  # fmt: skip
    assert parts["box"].item() == parts["class"].item() == 0
    sum(parts.values()).backward()  # type: ignore[union-attr]


def test_most_cells_start_empty() -> None:
    raw = detector(generator=seeded())(torch.rand(2, 3, 64, 64, generator=seeded()))
    assert torch.sigmoid(raw[:, 0]).median() < 0.05


def test_a_loss_of_halves_is_summed_in_single_precision() -> None:
    only = [Objects(boxes((601, 1, 605, 9)), torch.tensor([0]))]
    net = detector(generator=seeded()).eval()
    images = torch.zeros(1, 3, 64, 640)
    wide = (torch.bfloat16, torch.float32), (torch.float64, torch.float64)
    for given, kept in wide:
        net, images = net.to(given), images.to(given)
        assert {part.dtype for part in net.loss(images, only).values()} == {kept}
        assert net.detect(images, least=0.0)[0].boxes.dtype == kept


def test_the_parameters() -> None:
    """Two convolutions of 3x3 a stage, each with scale and shift, and 8 numbers a cell."""
    widths, count = (3, 16, 32, 64, 64), 64 * 8 + 8
    for inside, width in itertools.pairwise(widths):
        count += 9 * (inside + width) * width + 4 * width
    assert count_parameters(detector()) == count == 146_808


# ---------------------------------------------------------------- bad input


@pytest.mark.parametrize(("options", "said"), [
    ({"classes": 0}, "classes must"), ({"widths": ()}, "one stage or more"),
    ({"widths": (8, -8)}, "widths must"), ({"channels": -3}, "channels must"),
    ({"activation": "mich"}, "mish"),
])  # fmt: skip
def test_bad_options_are_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ActlasError, match=said):
        detector(**options)


@pytest.mark.parametrize(("found", "label", "said"), [
    ((5, 5, 5, 9), 0, "x1 < x2"), ((9, 9, 5, 5), 0, "x1 < x2"), ((60, 5, 90, 9), 0, "inside 64x64"),
    ((5, 5, 9, 9), 3, "label in 0 to 2"), ((5, 5, 9, 9), -1, "label in 0 to 2"),
])  # fmt: skip
def test_bad_objects_are_refused(found: Any, label: int, said: str) -> None:
    with pytest.raises(ActlasError, match=said):
        detector().loss(torch.zeros(1, 3, 64, 64), [Objects(boxes(found), torch.tensor([label]))])


def test_bad_calls_are_refused() -> None:
    with pytest.raises(ActlasError, match="multiples of 16"):
        detector()(torch.zeros(1, 3, 60, 64))
    with pytest.raises(ActlasError, match="least must lie in"):
        detector().detect(torch.zeros(1, 3, 64, 64), least=2)
