"""The store of finished runs: one JSON line each, safe against a kill at any moment."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from actlas.errors import ActlasError
from actlas.study.training import Record

FILE_NAME = "results.jsonl"


class Store:
    """Finished runs by key, in memory and in `results.jsonl`.

    A line that was cut short by a kill is dropped; any other unreadable line is an ActlasError.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE_NAME
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file: IO[bytes] = self.path.open("a+b")
        except OSError as error:
            raise ActlasError(
                f"cannot write to the output folder {folder}: {error.strerror}; choose another "
                f"one with --out"
            ) from error
        try:
            self._records = dict(self._load())
        except ActlasError:
            self.close()
            raise

    def _load(self) -> Iterator[tuple[str, Record]]:
        self._file.seek(0)
        complete, newline, rest = self._file.read().rpartition(b"\n")
        if rest:
            self._file.truncate(len(complete) + len(newline))
        for number, line in enumerate(complete.decode(errors="replace").splitlines(), start=1):
            try:
                record = Record.from_json(line)
            except (ValueError, KeyError, TypeError, AttributeError):
                raise ActlasError(
                    f"{self.path}, line {number} is not a finished run; remove the line, or "
                    f"choose another folder with --out"
                ) from None
            yield record.spec.key, record

    def __contains__(self, key: str) -> bool:
        return key in self._records

    def __getitem__(self, key: str) -> Record:
        return self._records[key]

    def __len__(self) -> int:
        return len(self._records)

    def add(self, record: Record) -> None:
        """Append one record; it is on the disk when this returns."""
        self._file.write(record.to_json().encode() + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())
        self._records[record.spec.key] = record

    def close(self) -> None:
        """Close the file; the records stay readable."""
        self._file.close()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
