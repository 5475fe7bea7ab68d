"""The beginning of Penn Treebank for an Elman network and for an LSTM."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from actlas.study import Data, Split, Task
from actlas.study.tasks import find_task
from actlas.study.tasks.penn_treebank import load

_WINDOWS = 300  # of 35 words, that validation and test read


def _data(data_root: Path | None) -> Data:
    data = load(data_root, vocabulary=2_000, length=40_000)
    return Data(data.train, _first(data.validation), _first(data.test))


def _first(split: Split) -> Split:
    return Split(split.inputs[:_WINDOWS].clone(), split.targets[:_WINDOWS].clone())


def _small(name: str, title: str, task: str) -> Task:
    return replace(
        find_task(task),
        name=f"studies.tasks.words:{name}",
        title=f"40,000 words of Penn Treebank ({title})",
        aliases=(),
        data=_data,
        epochs=4,
    )


SMALL_ELMAN = _small("SMALL_ELMAN", "Elman", "ptb-elman")
SMALL_LSTM = _small("SMALL_LSTM", "LSTM", "ptb-lstm")
