"""CIFAR-10: 32 x 32 colour images, from the official binary archive or a lossless npz encoding."""

from __future__ import annotations

import io
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from actlas.errors import ActlasError
from actlas.study.tasks._files import DataFile, data_folder, fetch, read_bytes
from actlas.study.tasks._networks import cnn, mlp
from actlas.study.tasks._protocol import Data, Published, Split, Task
from actlas.study.tasks._registry import register

_TRAIN, _TEST, _VALIDATION = 50_000, 10_000, 5_000  # validation: the last of the training images
_RECORD = 1 + 3 * 32 * 32  # one label, then the red, green and blue planes
_ARCHIVE = "cifar-10-binary.tar.gz"
_ADDRESS = f"https://www.cs.toronto.edu/~kriz/{_ARCHIVE}"

_MEMBERS = tuple(
    DataFile(name, sha256)
    for name, sha256 in (
        ("data_batch_1.bin",
         "cee916563c9f80d84e3cc88e17fdc0941787f1244f00a67874d45b261883ada5"),
        ("data_batch_2.bin",
         "a591ca11fa1708a91ee40f54b3da4784ccd871ecf2137de63f51ada8b3fa57ed"),
        ("data_batch_3.bin",
         "bbe8596564c0f86427f876058170b84dac6670ddf06d79402899d93ceea26f67"),
        ("data_batch_4.bin",
         "014e562d6e23c72197cc727519169a60359f5eccd8945ad5a09d710285ff4e48"),
        ("data_batch_5.bin",
         "755304fc0b379caeae8c14f0dac912fbc7d6cd469eb67a1029a08a39453a9add"),
        ("test_batch.bin",
         "8e2eb146ae340b09e24670f29cabc6326dba54da8789dab6768acf480273f65b"),
    )
)  # fmt: skip

# The encoded copy, in pieces: planes R-G, G, B-G, then differences along rows and columns, all
# modulo 256; `train_index` and `test_index` are the places in the official order.
_ENCODED = tuple(
    DataFile(name, sha256)
    for name, sha256 in (
        ("cifar10/cifar10_core.npz",
         "b515c70ad7d35b449e176fc813af0172f907d1ee730347a6fc660dea9d55f0ae"),
        ("cifar10-rest/cifar10_rest_train1.npz",
         "7705a07ad11f3151b8c9f2bc9ebf25629d029578e67ed219a309227209cfb3cb"),
        ("cifar10-rest/cifar10_rest_train2.npz",
         "783095bccb2aacc0b2bc364b022f9d5225276085f5d1db5a054e72e36cd06bac"),
        ("cifar10-rest/cifar10_rest_train3.npz",
         "c5c081eb58c38f2c9d840c2038dc4e813c106d9099f746c78d1aae86115122a6"),
        ("cifar10-rest/cifar10_rest_train4.npz",
         "a6c79bc4392f78dc415d3b4b820aa4222c5d94b4059b045a773910dcfc3b5fb3"),
        ("cifar10-rest/cifar10_rest_test.npz",
         "a37dde0a6fc20b2eb578c9ebaf46969141b3a685e04e6d022d13f6719d2ea16e"),
    )
)  # fmt: skip

_MEAN = torch.tensor([0.49139968, 0.48215841, 0.44653091]).view(3, 1, 1)
_DEVIATION = torch.tensor([0.24703223, 0.24348513, 0.26158784]).view(3, 1, 1)


def load(data_root: Path | None) -> Data:
    """Read CIFAR-10; the images stay bytes, (n, 3, 32, 32).

    The official archive is used where it lies in the folder, else the encoded copy.
    """
    archive = data_folder(data_root, "cifar10", "CIFAR-10") / _ARCHIVE
    encoded = archive.parent.parent
    if archive.exists() or not (encoded / _ENCODED[0].name).exists():
        parts = _read_archive(read_bytes(archive, _ADDRESS), archive)
    else:
        parts = _read_encoded(encoded)
    images, labels = (torch.cat(part) for part in zip(*parts, strict=True))
    sizes = (_TRAIN - _VALIDATION, _VALIDATION, _TEST)
    return Data(*map(Split, images.split(sizes), labels.long().split(sizes)))


def _read_archive(content: bytes, path: Path) -> list[tuple[Tensor, Tensor]]:
    """Return images and labels of every member of the official archive, the test batch last."""
    parts = []
    for member in _MEMBERS:
        raw = _extract(content, member.name, path)
        member.verify(raw, path / member.name)
        rows = torch.frombuffer(bytearray(raw), dtype=torch.uint8).view(-1, _RECORD)
        parts.append((rows[:, 1:].reshape(-1, 3, 32, 32), rows[:, 0]))
    return parts


def _extract(content: bytes, name: str, path: Path) -> bytes:
    try:
        with tarfile.open(fileobj=io.BytesIO(content), mode="r:gz") as archive:
            member = archive.extractfile(f"cifar-10-batches-bin/{name}")
            return member.read() if member else b""
    except (tarfile.TarError, OSError, EOFError, KeyError, zlib.error) as error:
        raise ActlasError(
            f"{path} is not the complete official archive ({error}); delete it and fetch it again"
        ) from error


def _read_encoded(root: Path) -> list[tuple[Tensor, Tensor]]:
    """Return images and labels of the encoded copy, training part first."""
    parts = []
    for part, size in (("train", _TRAIN), ("test", _TEST)):
        images, labels = np.empty((size, 3, 32, 32), np.uint8), np.empty(size, np.uint8)
        for arrays in _stored(root, part):
            index = arrays[f"{part}_index"]
            images[index] = decode(arrays[f"{part}_d"])
            labels[index] = arrays[f"{part}_y"]
        parts.append((torch.from_numpy(images), torch.from_numpy(labels)))
    return parts


def _stored(root: Path, part: str) -> Iterator[np.lib.npyio.NpzFile]:
    for file in _ENCODED:
        if part in file.name or "core" in file.name:
            yield np.load(io.BytesIO(file.read(root)))


def decode(differences: np.ndarray) -> np.ndarray:
    """Return uint8 RGB images (n, 3, h, w) from encoded planes (3, n, h, w)."""
    planes = np.cumsum(differences, 2, dtype=np.uint8)
    planes = np.cumsum(planes, 3, dtype=np.uint8)
    planes[0] += planes[1]
    planes[2] += planes[1]
    return planes.swapaxes(0, 1)


def transform(images: Tensor) -> Tensor:
    """Return standardised pixels, float32 (n, 3, 32, 32)."""
    mean, deviation = (one.to(images.device) for one in (_MEAN, _DEVIATION))
    return (images.float() / 255 - mean) / deviation


def download(data_root: Path) -> None:
    """Fetch the official archive from its address."""

    def verify(content: bytes, path: Path) -> None:
        _read_archive(content, path)

    fetch(_ADDRESS, data_root / "cifar10" / _ARCHIVE, verify)


_NETWORKS = {"mlp": mlp(3072, 256, 128, 10), "cnn": cnn((3, 32, 32), 32, 64, 128)}
_ARCHITECTURES = {"mlp": "MLP 3072-256-128-10", "cnn": "3 convolutions of 32, 64, 128 channels"}
_EPOCHS = {"mlp": 5, "cnn": 10}
_LIMITS = {
    "mlp": "A small network that does not know what an image is; few epochs, no augmentation.",
    "cnn": "Three convolutions without normalisation or augmentation: far from a modern network.",
}
_PUBLISHED = {
    "mlp": Published(53.35, "MLP of 3 x 512 ReLUs, no augmentation",
                     "Zhang et al. 2017, arXiv:1611.03530, table 1"),
    "cnn": Published(70.0, "3 convolutions of 32, 64 and 64 channels, 10 epochs: over 70",
                     "tensorflow.org/tutorials/images/cnn"),
}  # fmt: skip

for _kind, _network in _NETWORKS.items():
    register(
        Task(
            name=f"cifar-10-{_kind}",
            aliases=("cifar-10", "cifar10") if _kind == "mlp" else (),
            title=f"CIFAR-10 ({_kind.upper()})",
            subject="CIFAR-10",
            source="Krizhevsky 2009",
            folder="cifar10",
            data=load,
            download=download,
            transform=transform,
            network=_network,
            architecture=_ARCHITECTURES[_kind],
            epochs=_EPOCHS[_kind],
            batch_size=128,
            practical_difference=0.5,
            exchangeable=True,
            limits=("The official split is fixed: no word on other samples.",),
            network_limits=(_LIMITS[_kind],),
            published=_PUBLISHED[_kind],
        )
    )
