"""A small one-stage, anchor-free detector: one box per cell of a grid, in the manner of YOLO."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from actlas.catalogue import Paper
from actlas.errors import ActlasError
from actlas.models._boxes import area, generalized_iou, suppress
from actlas.models._parts import checked_size
from actlas.models._registry import ActivationFactory, activation_factory, need_images, network
from actlas.models._start import start_

_PAPER = Paper("Redmon et al.", 2016, arxiv="1506.02640", title="You Only Look Once: Unified, "
               "Real-Time Object Detection")  # fmt: skip
_LARGEST = 8.0  # of the logarithm of a side in cells, so that exp stays finite


@dataclass(frozen=True)
class Objects:
    """The objects in one image: boxes (K, 4) as x1, y1, x2, y2 in pixels, labels (K,), scores."""

    boxes: Tensor
    labels: Tensor
    scores: Tensor | None = None


class Detector(nn.Module):
    """A pyramid of convolutions, and 5 + classes numbers for each of its cells.

    Build it with `detector`. `forward(images)` returns raw numbers, (N, C, H, W) ->
    (N, 5 + classes, H/stride, W/stride): objectness, the box (two offsets, two sides), the classes.
    `loss` trains it, `detect` finds objects.
    """

    def __init__(
        self, make: ActivationFactory, channels: int, classes: int, widths: Sequence[int]
    ) -> None:
        super().__init__()
        self.channels, self.classes, self.stride = channels, classes, 2 ** len(widths)
        layers: list[nn.Module] = []
        for inside, width in zip((channels, *widths[:-1]), widths, strict=True):
            layers += [*_convolution(inside, width, 2, make), *_convolution(width, width, 1, make)]
        self.backbone = nn.Sequential(*layers)
        self.head = nn.Conv2d(widths[-1], 5 + classes, 1)

    def forward(self, images: Tensor) -> Tensor:
        need_images(images, self.channels, self.stride, "detector")
        return self.head(self.backbone(images))  # type: ignore[no-any-return]

    def loss(self, images: Tensor, objects: Sequence[Objects]) -> dict[str, Tensor]:
        """Return the loss of a batch in three parts whose sum is to be minimised.

        Args:
            images: (N, C, H, W).
            objects: what is in each image, one Objects for each.

        "object": binary cross-entropy of objectness, summed over cells; "box": 1 - generalised
        IoU and "class": cross-entropy, both over the cells that own an object. Each is divided by
        the number of objects.
        """
        return losses(self(images), objects, self.stride)

    def boxes(self, raw: Tensor) -> Tensor:
        """Return the boxes that the numbers stand for, see `boxes_of`."""
        return boxes_of(raw, self.stride)

    @torch.no_grad()
    def detect(self, images: Tensor, least: float = 0.3, overlap: float = 0.5) -> list[Objects]:
        """Return the objects found in each image, the surest first; call `eval()` before.

        Args:
            images: (N, C, H, W).
            least: smallest score, objectness times the probability of the class, in [0, 1].
            overlap: of two boxes of a class with a larger IoU the surer one stays, in [0, 1].
        """
        for name, share in (("least", least), ("overlap", overlap)):
            if not 0 <= share <= 1:
                raise ActlasError(f"detector: {name} must lie in [0, 1], got {share!r}")
        return objects_of(self(images), self.stride, least, overlap)


def boxes_of(raw: Tensor, stride: int) -> Tensor:
    """Return the boxes that the numbers stand for, (N, 5 + C, h, w) -> (N, 4, h, w) in pixels.

    The centre lies in the cell, at the sigmoid of the two offsets; the sides are exponentials.
    """
    down, across = (torch.arange(n, device=raw.device, dtype=raw.dtype) for n in raw.shape[2:])
    cells = torch.stack(torch.meshgrid(across, down, indexing="xy"))
    centres = (cells + torch.sigmoid(raw[:, 1:3])) * stride
    halves = torch.exp(raw[:, 3:5].clamp(max=_LARGEST)) * (stride / 2)
    return torch.cat((centres - halves, centres + halves), 1)


def losses(raw: Tensor, objects: Sequence[Objects], stride: int) -> dict[str, Tensor]:
    """Return the loss of the raw numbers of a batch in three parts, see `Detector.loss`."""
    raw = _single(raw)
    grid = raw.shape[-2], raw.shape[-1]
    owned, boxes, labels = assign(objects, grid, stride, raw.shape[1] - 5)
    owned = owned.to(raw.device)
    count = owned.sum().clamp(min=1)
    there = functional.binary_cross_entropy_with_logits(raw[:, 0], owned.to(raw.dtype),
                                                        reduction="sum")  # fmt: skip
    found = raw.movedim(1, -1)[owned]
    mine = boxes_of(raw, stride).movedim(1, -1)[owned]
    apart = (1 - generalized_iou(mine, boxes.to(mine))).sum()
    wrong = functional.cross_entropy(found[:, 5:], labels.to(raw.device), reduction="sum")
    return {"object": there / count, "box": apart / count, "class": wrong / count}


def objects_of(raw: Tensor, stride: int, least: float, overlap: float) -> list[Objects]:
    """Return the objects that the raw numbers stand for, see `Detector.detect`."""
    raw = _single(raw)
    classes = raw[:, 5:].softmax(1) * torch.sigmoid(raw[:, :1])
    scores, labels = (part.flatten(1) for part in classes.max(1))
    boxes = boxes_of(raw, stride).flatten(2).mT
    return [_best(*image, least, overlap) for image in zip(boxes, scores, labels, strict=True)]


def _single(raw: Tensor) -> Tensor:
    """Return the raw numbers in single precision at least: a half holds no large pixel."""
    return raw.to(torch.promote_types(raw.dtype, torch.float32))


def _best(boxes: Tensor, scores: Tensor, labels: Tensor, least: float, overlap: float) -> Objects:
    sure = scores >= least
    boxes, scores, labels = boxes[sure], scores[sure], labels[sure]
    stays = suppress(boxes, scores, labels, overlap)
    return Objects(boxes[stays], labels[stays], scores[stays])


def assign(
    objects: Sequence[Objects], grid: tuple[int, int], stride: int, classes: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Give every object to the cell its centre lies in; of two in one cell the smaller has it.

    Args:
        objects: one for each image, with boxes inside the image.
        grid: cells down and across.
        stride: side of a cell in pixels.
        classes: labels run from 0 to classes - 1.

    Returns:
        owned (N, h, w) of bool, and the boxes (M, 4) and labels (M,) of the owned cells in order.

    Raises:
        ActlasError: for a box that is empty or has its centre outside, or an unknown label.
    """
    down, across = grid
    owner = torch.full((len(objects) * down * across,), -1)
    boxes = torch.cat([image.boxes.reshape(-1, 4).float().cpu() for image in objects])
    labels = torch.cat([image.labels.reshape(-1).long().cpu() for image in objects])
    images = torch.repeat_interleave(
        torch.arange(len(objects)), torch.tensor([len(image.boxes) for image in objects])
    )
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    _check_objects(boxes, centres, labels, (across * stride, down * stride), classes)
    x, y = (centres / stride).long().unbind(1)
    for which in area(boxes).argsort(descending=True):  # smaller ones overwrite
        owner[(images[which] * down + y[which]) * across + x[which]] = which
    which = owner[owner >= 0]
    return (owner >= 0).view(len(objects), down, across), boxes[which], labels[which]


def _check_objects(
    boxes: Tensor, centres: Tensor, labels: Tensor, size: tuple[int, int], classes: int
) -> None:
    outside = (centres < 0) | (centres >= torch.tensor(size))
    bad = outside.any(1) | (area(boxes) <= 0)
    if bad.any():
        first = boxes[bad][0].tolist()
        raise ActlasError(f"detector: a box is (x1, y1, x2, y2) with x1 < x2, y1 < y2 and its "
                          f"centre inside {size[0]}x{size[1]} pixels, got {first}")  # fmt: skip
    if len(labels) != len(boxes) or ((labels < 0) | (labels >= classes)).any():
        raise ActlasError(f"detector: every box needs a label in 0 to {classes - 1}, got "
                          f"{labels.tolist()} for {len(boxes)} boxes")  # fmt: skip


def _convolution(inside: int, out: int, stride: int, make: ActivationFactory) -> list[nn.Module]:
    convolution = nn.Conv2d(inside, out, 3, stride, padding=1, bias=False)
    return [convolution, nn.BatchNorm2d(out), make()]


@network(id="detector", title="One-stage detector", paper=_PAPER, takes="images",
         input=(3, 64, 64), aliases=("yolo_like",), parameters={"": 146_808},
         deviations=("One box per cell, without anchors, with sides as exponentials (YOLOX) and "
                     "the generalised IoU as its loss; the paper has two boxes and squared errors.",
                     "A cell knows its own object's class by cross-entropy."))  # fmt: skip
def detector(
    activation: Any = "leaky_relu", classes: int = 3, channels: int = 3,
    widths: Sequence[int] = (16, 32, 64, 64), generator: torch.Generator | None = None,
) -> Detector:  # fmt: skip
    """Small one-stage detector of objects, with one box for each cell of a grid.

    Args:
        activation: after every convolution but the last.
        classes: kinds of objects; blood cells (BCCD) have 3.
        channels: of an image.
        widths: channels of the stages, each of which halves the image; 4 stages make cells of 16
            pixels, whose multiple the sides of an image must be.
        generator: random state of the weights; None takes PyTorch's.

    Objectness starts at 0.01, so that the many empty cells do not drown the first steps (Lin et
    al. 2017, arXiv:1708.02002, section 3.3).

    Raises:
        ActlasError: for sizes below 1, no stage, or an unknown function; when called, for images
            of another shape.

    Source: Redmon et al. 2016, section 2, with the deviations that the network states.

    >>> detector("mish", widths=(4, 8))(torch.zeros(1, 3, 32, 48)).shape
    torch.Size([1, 8, 8, 12])
    """
    checked_size(classes, "detector: classes")
    checked_size(channels, "detector: channels")
    if not widths:
        raise ActlasError("detector: widths must name one stage or more, got none")
    for width in widths:
        checked_size(width, "detector: widths")
    make = activation_factory(activation)
    net = start_(Detector(make, channels, classes, widths), make(), generator)
    nn.init.constant_(net.head.bias[:1].detach(), -math.log(99))  # type: ignore[index]
    return net
