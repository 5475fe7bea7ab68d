"""BCCD: red cells, white cells and platelets in pictures of blood, found by a small detector."""

from __future__ import annotations

import io
import xml.etree.ElementTree as ElementTree
import zipfile
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from actlas.errors import ActlasError, need_extra
from actlas.models.detector import Objects, losses, objects_of
from actlas.study.tasks._detection import mean_average_precision, padded, unpadded
from actlas.study.tasks._files import DataFile, data_folder
from actlas.study.tasks._networks import named
from actlas.study.tasks._protocol import Data, Metric, Published, Split, Task
from actlas.study.tasks._registry import register

FILE = DataFile("bccd.zip", "31ca156f3bb675812556519b573aa706aa985fb9edd112e421992b652cb30810")
FOLDER, CELLS = "bccd", ("RBC", "WBC", "Platelets")
SHRINK, WIDTH, HEIGHT = 4, 160, 120  # pixels of an image, 640 x 480 in the files
_WIDTHS = (16, 32, 64)
_STRIDE = 2 ** len(_WIDTHS)
_LEAST, _DOUBLES = 0.02, 0.5  # score and overlap (IoU) from which boxes are kept and left out


def load(data_root: Path | None) -> Data:
    """Return the official parts of 205, 87 and 72 images; the images stay bytes, (n, 3, 120, 160).

    Targets are boxes in pixels of the small images with their labels, see `padded`.
    """
    folder = data_folder(data_root, FOLDER, "BCCD")
    content = FILE.read(folder)
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return Data(*(_part(archive, part) for part in ("train", "val", "test")))
    except (zipfile.BadZipFile, KeyError, ElementTree.ParseError) as error:
        raise ActlasError(f"{folder / FILE.name} cannot be unpacked: {error}") from error


def _part(archive: zipfile.ZipFile, part: str) -> Split:
    image = need_extra("PIL.Image", "plot")
    names = archive.read(f"BCCD/ImageSets/Main/{part}.txt").decode().split()
    pixels = [_pixels(image, archive.read(f"BCCD/JPEGImages/{name}.jpg")) for name in names]
    objects = [_objects(archive.read(f"BCCD/Annotations/{name}.xml")) for name in names]
    return Split(torch.stack(pixels), padded(objects))


def _pixels(image: Any, content: bytes) -> Tensor:
    with image.open(io.BytesIO(content)) as opened:
        small = opened.convert("RGB").resize((WIDTH, HEIGHT), image.Resampling.BOX)
    raw = torch.frombuffer(bytearray(small.tobytes()), dtype=torch.uint8)
    return raw.view(HEIGHT, WIDTH, 3).permute(2, 0, 1)


def _objects(content: bytes) -> Objects:
    """Return what the annotation of an image names, without boxes that are empty."""
    found = [
        ([float(box.findtext(f"bndbox/{side}", "0")) / SHRINK for side in
          ("xmin", "ymin", "xmax", "ymax")], CELLS.index(box.findtext("name", "")))
        for box in ElementTree.fromstring(content).iter("object")
    ]  # fmt: skip
    real = [(box, label) for box, label in found if box[0] < box[2] and box[1] < box[3]]
    return Objects(torch.tensor([box for box, _ in real]).view(-1, 4),
                   torch.tensor([label for _, label in real]))  # fmt: skip


def transform(images: Tensor) -> Tensor:
    """Return pixels from -1 to 1, float32."""
    return images.float() / 127.5 - 1


def mirrored(images: Tensor, rows: Tensor, draws: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return images with their boxes, mirrored left to right or not, and upside down or not."""
    for size, dimension, near, far in ((WIDTH, 3, 0, 2), (HEIGHT, 2, 1, 3)):
        chosen = (torch.rand(len(images), generator=draws) < 0.5).to(images.device)
        images = torch.where(chosen.view(-1, 1, 1, 1), images.flip(dimension), images)
        other = rows.clone()
        other[..., near], other[..., far] = size - rows[..., far], size - rows[..., near]
        rows = torch.where(chosen.view(-1, 1, 1), other, rows)
    return images, rows


def loss(raw: Tensor, rows: Tensor) -> Tensor:
    """Return objectness, boxes and classes of the detector as one number."""
    return torch.stack(list(losses(raw, unpadded(rows), _STRIDE).values())).sum()


def score(raw: Tensor, rows: Tensor) -> float:
    """Return the mean average precision at an overlap of 0.5, in points."""
    found = objects_of(raw, _STRIDE, _LEAST, _DOUBLES)
    return 100 * mean_average_precision(found, unpadded(rows))


register(
    Task(
        name="bccd",
        aliases=("blood-cells",),
        title="BCCD blood cells (small detector)",
        subject="BCCD blood cells",
        source="Shenggan, BCCD_Dataset (MIT): 364 images, 4,888 boxes",
        folder=FOLDER,
        architecture="one-stage detector, 6 convolutions with batch norm, 16 to 64 channels",
        data=load,
        transform=transform,
        augment=mirrored,
        network=named("detector", classes=len(CELLS), widths=_WIDTHS),
        sizes={"classes": len(CELLS)},
        loss=loss,
        metric=Metric("average precision", "points", score, worst=0.0),
        epochs=32,
        batch_size=8,
        optimizer="adamw",
        learning_rates={"sgd": 0.01, "adam": 0.004, "adamw": 0.004},
        practical_difference=1.0,
        exchangeable=True,
        evaluation_batch=50,
        limits=(
            "205 images to train on and 72 to test, four times smaller than the originals.",
            "Platelets and white cells are rare: a few boxes move the mean by a point.",
        ),
        network_limits=("A tiny detector without pre-training; images are mirrored at random.",),
        published=Published(92.4, "YOLOv8n", "Chen et al. 2025, doi:10.1049/cvi2.12341"),
    )
)
