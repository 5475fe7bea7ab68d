"""Data files: what is missing, damaged or altered is named, and downloads are all or nothing."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import struct
import tarfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from actlas.errors import ActlasError
from actlas.study import find_task
from actlas.study.tasks import _files as files
from actlas.study.tasks import cifar, idx_images

REAL_DATA = Path(os.environ.get("ACTLAS_DATA", "nowhere"))


def idx(array: np.ndarray) -> bytes:
    return struct.pack(f">4B{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.tobytes()


def data_file(folder: Path, content: bytes, name: str = "images.gz") -> files.DataFile:
    (folder / name).write_bytes(content)
    return files.DataFile(name, hashlib.sha256(content).hexdigest(), (folder / name).as_uri())


def test_idx_files_are_read(tmp_path: Path) -> None:
    array = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    file = data_file(tmp_path, gzip.compress(idx(array)))
    np.testing.assert_array_equal(files.read_idx(file, tmp_path), array)


def test_a_truncated_gzip_is_named(tmp_path: Path) -> None:
    whole = gzip.compress(idx(np.zeros((2, 3), np.uint8)))
    with pytest.raises(ActlasError, match=r"images\.gz cannot be unpacked"):
        files.read_idx(data_file(tmp_path, whole[:-6]), tmp_path)


@pytest.mark.parametrize(
    "content", [b"", b"\0\0\x08", b"\0\0\x0d\1\0\0\0\1x", b"\0\0\x08\1\0\0\0\5ab"]
)
def test_wrong_idx_content_is_named(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(ActlasError, match="not a complete idx file"):
        files.read_idx(data_file(tmp_path, gzip.compress(content)), tmp_path)


def test_an_altered_file_is_named(tmp_path: Path) -> None:
    file = data_file(tmp_path, b"right")
    (tmp_path / file.name).write_bytes(b"wrong")
    with pytest.raises(ActlasError, match=r"images\.gz is damaged or not the official file"):
        file.read(tmp_path)


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist-cnn", "cifar-10"])
def test_missing_files_and_folders_say_what_to_do(tmp_path: Path, name: str) -> None:
    with pytest.raises(ActlasError, match=r"cannot read .*--download"):
        find_task(name).data(tmp_path)
    with pytest.raises(ActlasError, match=r"--data-root .*ACTLAS_DATA"):
        find_task(name).data(None)


def small_images(folder: Path) -> idx_images.IdxImages:
    """Four small official files at a local address."""
    arrays = [np.full((6, 2, 2), 255), np.arange(6), np.zeros((3, 2, 2)), np.arange(3)]
    contents = [gzip.compress(idx(array.astype(np.uint8))) for array in arrays]
    for name, content in zip(idx_images._NAMES, contents, strict=True):
        (folder / name).write_bytes(content)
    sums = tuple(hashlib.sha256(content).hexdigest() for content in contents)
    return replace(idx_images.MNIST, address=f"{folder.as_uri()}/", sha256=sums)


def test_a_download_can_be_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(idx_images, "_VALIDATION", 2)
    (tmp_path / "server").mkdir()
    images = small_images(tmp_path / "server")
    images.download(tmp_path / "data")
    data = images.load(tmp_path / "data")
    assert [len(part) for part in (data.train, data.validation, data.test)] == [4, 2, 3]
    assert data.validation.targets.tolist() == [4, 5]
    bright = images.transform(data.train.inputs)
    assert bright.shape == (4, 1, 2, 2)
    assert bright[0].max().item() == pytest.approx((1 - 0.13066) / 0.30811)


def test_a_wrong_download_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "server").mkdir()
    images = replace(small_images(tmp_path / "server"), sha256=("0" * 64,) * 4)
    with pytest.raises(ActlasError, match="damaged or not the official file"):
        images.download(tmp_path / "data")
    assert not (tmp_path / "data").exists()


def test_a_download_that_fails_is_named(tmp_path: Path) -> None:
    images = replace(small_images(tmp_path), address=f"{(tmp_path / 'away').as_uri()}/")
    with pytest.raises(ActlasError, match="cannot download"):
        images.download(tmp_path / "data")


def encode(images: np.ndarray) -> np.ndarray:
    """Write uint8 RGB images (n, 3, h, w) in the encoding that `cifar.decode` reads."""
    planes = images.swapaxes(0, 1).copy()
    planes[0] -= planes[1]
    planes[2] -= planes[1]
    for axis in (2, 3):
        planes = np.diff(planes, axis=axis, prepend=np.uint8(0)).astype(np.uint8)
    return planes


def test_the_cifar_encoding_loses_nothing() -> None:
    images = np.random.default_rng(0).integers(0, 256, (5, 3, 32, 32), dtype=np.uint8)
    np.testing.assert_array_equal(cifar.decode(encode(images)), images)


def archive(rows: np.ndarray) -> tuple[bytes, tuple[files.DataFile, ...]]:
    """Return an archive of the official form with the same few images in every member."""
    packed = io.BytesIO()
    members = []
    with tarfile.open(fileobj=packed, mode="w:gz") as target:
        for member in cifar._MEMBERS:
            info = tarfile.TarInfo(f"cifar-10-batches-bin/{member.name}")
            info.size = rows.nbytes
            target.addfile(info, io.BytesIO(rows.tobytes()))
            members.append(replace(member, sha256=hashlib.sha256(rows.tobytes()).hexdigest()))
    return packed.getvalue(), tuple(members)


@pytest.fixture
def small_archive(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[bytes], Path]:
    """Serve an archive of two images a member from a local address; return its content's maker."""
    rows = np.random.default_rng(0).integers(0, 256, (2, 3073), dtype=np.uint8)
    rows[:, 0] = (3, 7)
    content, members = archive(rows)
    monkeypatch.setattr(cifar, "_MEMBERS", members)
    for name, value in (("_TRAIN", 10), ("_TEST", 2), ("_VALIDATION", 4)):
        monkeypatch.setattr(cifar, name, value)

    def serve(cut: bytes | None = None) -> Path:
        (tmp_path / "served.tar.gz").write_bytes(content if cut is None else content[: len(cut)])
        monkeypatch.setattr(cifar, "_ADDRESS", (tmp_path / "served.tar.gz").as_uri())
        return tmp_path / "data"

    return serve


def test_the_official_cifar_archive_is_read(small_archive: Callable[..., Path]) -> None:
    root = small_archive()
    cifar.download(root)
    data = cifar.load(root)
    assert [len(part) for part in (data.train, data.validation, data.test)] == [6, 4, 2]
    assert data.test.targets.tolist() == [3, 7]
    assert data.train.inputs.shape == (6, 3, 32, 32)
    assert torch.equal(data.train.inputs[:2], data.test.inputs)


def test_a_truncated_cifar_archive_is_named(small_archive: Callable[..., Path]) -> None:
    root = small_archive(cut=b"x" * 4000)
    with pytest.raises(ActlasError, match="not the complete official archive"):
        cifar.download(root)
    assert not root.exists()


@pytest.mark.skipif(not (REAL_DATA / "mnist").is_dir(), reason="needs ACTLAS_DATA")
@pytest.mark.parametrize(
    ("name", "first"), [("mnist", [5, 0, 4, 1, 9]), ("fashion-mnist", [9, 0, 0, 3, 0])]
)
def test_the_real_images(name: str, first: list[int]) -> None:
    task = find_task(name)
    data = task.data(REAL_DATA)
    assert [len(part) for part in (data.train, data.validation, data.test)] == [
        50_000,
        10_000,
        10_000,
    ]
    assert data.train.targets[:5].tolist() == first
    pixels = task.transform(data.train.inputs)
    assert pixels.mean().item() == pytest.approx(0.0, abs=0.01)
    assert pixels.std().item() == pytest.approx(1.0, abs=0.01)
