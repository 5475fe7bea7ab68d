"""Objects in images as padded rows, and how well found ones match them (average precision)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from actlas.models._boxes import iou
from actlas.models.detector import Objects

NO_OBJECT = -1  # the label of a row that only fills up


def padded(objects: Sequence[Objects]) -> Tensor:
    """Return the objects of each image as rows x1, y1, x2, y2, label; empty rows follow, (N, K, 5).

    >>> one = Objects(torch.tensor([[0.0, 0.0, 2.0, 3.0]]), torch.tensor([1]))
    >>> padded([one, Objects(torch.zeros(0, 4), torch.zeros(0))])[:, 0, -1]
    tensor([ 1., -1.])
    """
    rows = torch.full((len(objects), max(len(image.labels) for image in objects), 5), 0.0)
    rows[..., 4] = NO_OBJECT
    for row, image in zip(rows, objects, strict=True):
        row[: len(image.labels)] = torch.cat((image.boxes, image.labels[:, None]), 1)
    return rows


def unpadded(rows: Tensor) -> list[Objects]:
    """Return what `padded` was given."""
    kept = [image[image[:, 4] != NO_OBJECT] for image in rows]
    return [Objects(image[:, :4], image[:, 4].long()) for image in kept]


def mean_average_precision(
    found: Sequence[Objects], real: Sequence[Objects], overlap: float = 0.5
) -> float:
    """Return the mean over the labels of the area under the curve of precision over recall.

    Args:
        found: what a detector gives for each image, with scores.
        real: what is in each image.
        overlap: the least intersection over union of a box that counts as found.

    Precision is the best at this recall or beyond, as in Pascal VOC since 2010 (Everingham et al.
    2015, section 4.2); a second box on an object is a mistake. 0 where there is no object.
    """
    labels = sorted({label for image in real for label in image.labels.tolist()})
    areas = [_average_precision(found, real, label, overlap) for label in labels]
    return sum(areas) / len(areas) if areas else 0.0


def _average_precision(
    found: Sequence[Objects], real: Sequence[Objects], label: int, overlap: float
) -> float:
    scores, right = [], []
    for image, truth in zip(found, real, strict=True):
        mine = image.labels == label
        assert image.scores is not None
        order = image.scores[mine].argsort(descending=True, stable=True)
        scores.append(image.scores[mine][order])
        boxes, wanted = image.boxes[mine][order], truth.boxes[truth.labels == label]
        right.append(_hits(boxes, wanted, overlap))
    count = sum(int((truth.labels == label).sum()) for truth in real)
    return _area(torch.cat(scores), torch.cat(right), count)


def _hits(boxes: Tensor, wanted: Tensor, overlap: float) -> Tensor:
    """Say of each box, the surest first, whether the object it fits best was still to be found."""
    hits = torch.zeros(len(boxes), dtype=torch.bool)
    if not len(boxes) or not len(wanted):
        return hits
    best, which = iou(boxes[:, None], wanted).max(1)
    taken: set[int] = set()
    for at, (share, one) in enumerate(zip(best.tolist(), which.tolist(), strict=True)):
        hits[at] = share >= overlap and one not in taken
        taken |= {one} if hits[at] else set()
    return hits


def _area(scores: Tensor, right: Tensor, count: int) -> float:
    """Return the area under precision over recall for boxes that are right or not."""
    hits = right[scores.argsort(descending=True, stable=True)].double()
    precision = hits.cumsum(0) / torch.arange(1, len(hits) + 1)
    best = precision.flip(0).cummax(0).values.flip(0) if len(hits) else precision
    return float((best * hits).sum() / count)  # recall grows by 1 / count at every hit
