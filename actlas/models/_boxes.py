"""Boxes as (x1, y1, x2, y2): overlap, generalised overlap, and suppression of doubles."""

from __future__ import annotations

import torch
from torch import Tensor


def area(boxes: Tensor) -> Tensor:
    """Return the areas, (*, 4) -> (*); 0 for a box whose corners stand the wrong way round.

    >>> area(torch.tensor([0.0, 0.0, 2.0, 3.0]))
    tensor(6.)
    """
    sides = (boxes[..., 2:] - boxes[..., :2]).clamp(min=0)
    return sides[..., 0] * sides[..., 1]


def iou(a: Tensor, b: Tensor) -> Tensor:
    """Return intersection over union, elementwise with broadcasting; 0 where both are empty.

    >>> iou(torch.tensor([0.0, 0.0, 2.0, 2.0]), torch.tensor([1.0, 1.0, 3.0, 3.0]))
    tensor(0.1429)
    """
    shared, union = _shared_and_union(a, b)
    return shared / union.clamp(min=torch.finfo(union.dtype).tiny)


def generalized_iou(a: Tensor, b: Tensor) -> Tensor:
    """Return IoU less the share of the smallest box around both that neither covers, in (-1, 1].

    Source: Rezatofighi et al. 2019, arXiv:1902.09630, algorithm 1.

    >>> generalized_iou(torch.tensor([0.0, 0.0, 1.0, 1.0]), torch.tensor([2.0, 0.0, 3.0, 1.0]))
    tensor(-0.3333)
    """
    shared, union = _shared_and_union(a, b)
    corners = (torch.minimum(a[..., :2], b[..., :2]), torch.maximum(a[..., 2:], b[..., 2:]))
    around = area(torch.cat(corners, -1))
    tiny = torch.finfo(union.dtype).tiny
    return shared / union.clamp(min=tiny) - (around - union) / around.clamp(min=tiny)


def _shared_and_union(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    corners = (torch.maximum(a[..., :2], b[..., :2]), torch.minimum(a[..., 2:], b[..., 2:]))
    shared = area(torch.cat(corners, -1))
    return shared, area(a) + area(b) - shared


def suppress(boxes: Tensor, scores: Tensor, labels: Tensor, overlap: float) -> Tensor:
    """Return the indices of the boxes that stay, the best first (non-maximum suppression).

    A box goes when a better one of its label overlaps it by more than `overlap` (IoU).

    >>> boxes = torch.tensor([[0.0, 0, 2, 2], [0, 0, 2, 1.9], [5, 5, 6, 6]])
    >>> suppress(boxes, torch.tensor([0.5, 0.9, 0.1]), torch.tensor([0, 0, 0]), 0.5)
    tensor([1, 2])
    """
    order = scores.argsort(descending=True, stable=True)
    boxes, labels = boxes[order], labels[order]
    doubles = (iou(boxes[:, None], boxes) > overlap) & (labels[:, None] == labels)
    stays = torch.ones(len(order), dtype=torch.bool, device=boxes.device)
    for place in range(len(order)):
        if stays[place]:
            stays[place + 1 :] &= ~doubles[place, place + 1 :]
    return order[stays]
