"""Satellite images of buildings after a flood: a sample of Hurricane Harvey, or made-up ones.

Data: Cao and Choe, arXiv 1807.01688: RGB crops of 128 x 128 pixels centred on buildings, flooded
or damaged (1) or not (0). The sample, `harvey-damage/harvey_sample.zip` in the data folder, has
800 + 800 images to train on and 300 + 300 to test. Neighbouring tiles may fall into both parts,
so it serves demonstrations, not claims.

Deviations:
    The made-up images stand for the real ones where they are missing: brownish water over a
    faded roof, or a roof with clear edges on dry ground. What learns them proves the pipeline.
"""

from __future__ import annotations

import io
import os
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from actlas.errors import ActlasError, need_extra
from actlas.training._checks import positive_integer, probability

SAMPLE = "harvey-damage/harvey_sample.zip"
Part = tuple[Tensor, Tensor]  # images (N, 3, size, size) in [0, 1], labels (N,) of 0 and 1
_WATER = (0.46, 0.40, 0.30)
_GROUND = (0.34, 0.42, 0.28)


@dataclass(frozen=True)
class Buildings:
    """Images to train on, to choose by and to test on, and where they come from."""

    source: str
    train: Part
    validation: Part
    test: Part


def buildings(
    data_root: Path | str | None = None, size: int = 32, *, generator: torch.Generator
) -> Buildings:
    """Return the Harvey sample where it lies in the data folder, else made-up images.

    Args:
        data_root: the folder of data sets; by default the environment's ACTLAS_DATA.
        size: height and width in pixels, 16 to 128.
        generator: random state of the split and of made-up images.

    Raises:
        ActlasError: for a size outside 16 to 128, or a damaged file.
    """
    root = data_root or os.environ.get("ACTLAS_DATA")
    if root and (Path(root) / SAMPLE).is_file():
        return harvey(root, size, generator=generator)
    train, test = (synthetic(n, size, generator=generator) for n in (800, 400))
    return Buildings("synthetic", *_split(train, generator), test)


def harvey(data_root: Path | str, size: int = 32, *, generator: torch.Generator) -> Buildings:
    """Return the Harvey sample; a fifth of its training images are for validation.

    Raises:
        ActlasError: if the file is missing or unreadable, or without Pillow.
    """
    path = Path(data_root) / SAMPLE
    try:
        with zipfile.ZipFile(path) as archive:
            train, test = (_read(archive, f"{part}/", _size(size)) for part in ("train", "test"))
    except (OSError, zipfile.BadZipFile, RuntimeError) as error:
        raise ActlasError(f"cannot read {path} ({error}); put harvey_sample.zip there, or use "
                          "synthetic images")  from error  # fmt: skip
    return Buildings("Harvey sample", *_split(train, generator), test)


def _read(archive: zipfile.ZipFile, part: str, size: int) -> Part:
    names = [n for n in archive.namelist() if n.startswith(part) and n.endswith(".jpeg")]
    if not names:
        raise RuntimeError(f"no JPEG images in {part}")
    image = need_extra("PIL.Image", "plot")
    pixels = torch.stack([_pixels(image, archive.read(name), size) for name in names])
    return pixels, torch.tensor([int("/damage/" in name) for name in names])


def _pixels(image: Any, content: bytes, size: int) -> Tensor:
    """Return an image (3, size, size), each pixel the mean of those it stands for."""
    with image.open(io.BytesIO(content)) as opened:
        small = opened.convert("RGB").resize((size, size), image.Resampling.BOX)
    raw = torch.frombuffer(bytearray(small.tobytes()), dtype=torch.uint8)
    return raw.view(size, size, 3).permute(2, 0, 1).float() / 255


def _split(part: Part, generator: torch.Generator) -> tuple[Part, Part]:
    x, y = part
    order = torch.randperm(len(y), generator=generator)
    held, kept = order[: len(y) // 5], order[len(y) // 5 :]
    return (x[kept], y[kept]), (x[held], y[held])


def _size(size: int) -> int:
    if isinstance(size, bool) or not isinstance(size, int) or not 16 <= size <= 128:
        raise ActlasError(f"size is a whole number of pixels from 16 to 128, got {size!r}")
    return size


def synthetic(
    count: int, size: int = 32, damaged: float = 0.5, *, generator: torch.Generator
) -> Part:
    """Return made-up images of flooded (1) and dry (0) buildings, in random order.

    Args:
        count: the number of images.
        size: height and width in pixels, 16 to 128.
        damaged: the part that is flooded, from 0 to 1; 8/9 is the imbalance of the original.
        generator: random state.

    >>> x, y = synthetic(9, 16, damaged=8 / 9, generator=torch.Generator().manual_seed(0))
    >>> x.shape, int(y.sum())
    (torch.Size([9, 3, 16, 16]), 8)
    """
    n, size = positive_integer(count, "count"), _size(size)
    flooded = round(n * probability(damaged, "damaged"))
    y = (torch.arange(n) < flooded).long()[torch.randperm(n, generator=generator)]
    wet = y.view(n, 1, 1, 1).float()
    colours = torch.tensor([_WATER, _GROUND]).view(2, 3, 1, 1)
    land = wet * colours[0] + (1 - wet) * colours[1]
    roof = _roofs(n, size, generator) * (1 - 0.75 * wet)  # faded under water
    rough = _smooth(n, size, 4, generator) * 0.08 + _smooth(n, size, size, generator) * 0.03
    light = 0.85 + 0.3 * torch.rand(n, 1, 1, 1, generator=generator)
    return ((land + rough + roof) * light).clamp(0, 1), y


def _smooth(n: int, size: int, points: int, generator: torch.Generator) -> Tensor:
    """Return random fields that vary over about size/points pixels, (n, 1, size, size)."""
    coarse = torch.randn(n, 1, points, points, generator=generator)
    return interpolate(coarse, size=(size, size), mode="bilinear", align_corners=False)


def _roofs(n: int, size: int, generator: torch.Generator) -> Tensor:
    """Return striped rectangles around the centre, (n, 1, size, size); 0 outside."""
    draw = torch.rand(6, n, 1, 1, generator=generator)
    at = torch.linspace(-1, 1, size)
    u, v = at.view(1, size, 1) - 0.3 * (draw[0] - 0.5), at.view(1, 1, size) - 0.3 * (draw[1] - 0.5)
    inside = (u.abs() < 0.3 + 0.3 * draw[2]) & (v.abs() < 0.3 + 0.3 * draw[3])
    stripes = torch.sin((20 + 20 * draw[4]) * u)
    return (inside * (0.1 + 0.25 * draw[5] + 0.1 * stripes)).unsqueeze(1)
