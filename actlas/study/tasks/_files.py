"""Data files: where they lie, what they must contain, and the official address of each."""

from __future__ import annotations

import gzip
import hashlib
import urllib.request
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from actlas.errors import ActlasError


@dataclass(frozen=True)
class DataFile:
    """A file of a data set: its name, the SHA-256 of its bytes, and where it can be had."""

    name: str
    sha256: str
    address: str = ""

    def read(self, folder: Path) -> bytes:
        """Return the bytes; ActlasError if the file is missing, unreadable or altered."""
        content = read_bytes(folder / self.name, self.address)
        self.verify(content, folder / self.name)
        return content

    def verify(self, content: bytes, path: Path) -> None:
        """Raise ActlasError unless `content` has the right checksum."""
        found = hashlib.sha256(content).hexdigest()
        if found != self.sha256:
            raise ActlasError(
                f"{path} is damaged or not the official file: its SHA-256 begins with "
                f"{found[:12]}, the official one's with {self.sha256[:12]}; delete it and fetch it "
                f"again"
            )


def read_bytes(path: Path, address: str = "") -> bytes:
    """Return a file's bytes; ActlasError with the way out if it cannot be read.

    Args:
        path: of the file.
        address: where it can be fetched, if anywhere.
    """
    fetched = "or let `actlas compare --download` fetch it"
    try:
        return path.read_bytes()
    except OSError as error:
        raise ActlasError(
            f"cannot read {path}: {error.strerror}; put the file there, "
            f"{fetched if address else 'docs/tasks.md says where it comes from'}"
        ) from error


def fetch(address: str, target: Path, verify: Callable[[bytes, Path], None]) -> None:
    """Download `address` to `target` unless it is there: the only function that uses a network.

    The bytes go to a temporary name, and get their own one after `verify` found them right.
    """
    if target.exists():
        verify(read_bytes(target, address), target)
        return
    try:
        with urllib.request.urlopen(address, timeout=60) as response:
            content = response.read()
    except OSError as error:
        raise ActlasError(f"cannot download {address}: {error}") from error
    verify(content, Path(address))
    part = target.with_name(target.name + ".part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(content)
        part.replace(target)
    except OSError as error:
        raise ActlasError(f"cannot write {target}: {error.strerror}") from error


def data_folder(data_root: Path | None, name: str, title: str) -> Path:
    """Return the folder of a data set; ActlasError with the way out if no root was given."""
    if data_root is None:
        raise ActlasError(
            f"{title} needs a data folder: give --data-root FOLDER (data_root=...) or set the "
            f"environment variable ACTLAS_DATA; the files belong in FOLDER/{name}"
        )
    return data_root / name


def read_idx(file: DataFile, folder: Path) -> np.ndarray:
    """Return the uint8 array in a gzipped idx file, the format of MNIST and Fashion-MNIST."""
    packed = file.read(folder)
    try:
        content = gzip.decompress(packed)
    except (OSError, EOFError, zlib.error) as error:
        raise ActlasError(f"{folder / file.name} cannot be unpacked: {error}") from error
    return parse_idx(content, folder / file.name)


def parse_idx(content: bytes, path: Path) -> np.ndarray:
    """Return the array in the bytes of an idx file (unsigned bytes, big-endian sizes)."""
    dimensions = content[3] if content[:3] == b"\0\0\x08" and len(content) > 3 else 0
    start = 4 + 4 * dimensions
    shape: Sequence[int] = np.frombuffer(content[4:start], ">u4").tolist()
    if not dimensions or len(shape) < dimensions or len(content) != start + np.prod(shape):
        raise ActlasError(f"{path} is not a complete idx file of unsigned bytes")
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)
