"""The beginning of Penn Treebank for an Elman network of two layers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from actlas.study import Data, Split
from actlas.study.tasks import find_task
from actlas.study.tasks.penn_treebank import load

_WINDOWS = 300  # of 35 words, that validation and test read
_elman = find_task("ptb-elman")


def _data(data_root: Path | None) -> Data:
    data = load(data_root, vocabulary=2_000, length=40_000)
    return Data(data.train, _first(data.validation), _first(data.test))


def _first(split: Split) -> Split:
    return Split(split.inputs[:_WINDOWS].clone(), split.targets[:_WINDOWS].clone())


SMALL_ELMAN = replace(
    _elman,
    name="studies.tasks.words:SMALL_ELMAN",
    title="40,000 words of Penn Treebank (Elman)",
    aliases=(),
    data=_data,
    epochs=4,
)
