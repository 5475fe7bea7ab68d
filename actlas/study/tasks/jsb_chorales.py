"""Bach's chorales, note by note: which of 88 keys sound in the next quarter (JSB chorales).

Split of Boulanger-Lewandowski et al. 2012 (arXiv:1206.6392): 229, 76 and 77 chorales. The score is
the negative log-likelihood of a step over all 88 keys, in nats.
"""

from __future__ import annotations

import gzip
import json
import math
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from actlas.errors import ActlasError
from actlas.models.recurrent import GRUCell, Recurrent
from actlas.study.tasks._files import DataFile, data_folder
from actlas.study.tasks._protocol import Data, Metric, Published, Split, Task
from actlas.study.tasks._registry import register

_FOLDER, _TITLE = "jsb-chorales", "JSB chorales"
_FILE = DataFile(
    "jsb-chorales-quarter.json.gz",
    "fa54dc09f753b2b76d7a9619e8752da012ec122028889fbf183623b7cf301976",
)
_KEYS, _LOWEST, _HIDDEN = 88, 21, 128
_SILENT, _PADDING = 0, -1
_COIN = _KEYS * math.log(2)  # what a step costs if every key is a toss of a coin

Chorale = Sequence[Sequence[int]]


def load(data_root: Path | None) -> Data:
    """Read the chorales: keys down now (n, T, 88), and in the next quarter, -1 after the end."""
    folder = data_folder(data_root, _FOLDER, _TITLE)
    content = _FILE.read(folder)
    try:
        parts = json.loads(gzip.decompress(content))
    except (OSError, EOFError, zlib.error, ValueError) as error:
        raise ActlasError(f"{folder / _FILE.name} cannot be unpacked: {error}") from error
    return Data(*(_split(parts[name]) for name in ("train", "valid", "test")))


def _split(chorales: Sequence[Chorale]) -> Split:
    """Return steps and the steps that follow them, padded to one length."""
    rolls = [piano_roll(chorale) for chorale in chorales]
    padded = nn.utils.rnn.pad_sequence(rolls, batch_first=True, padding_value=_PADDING)
    return Split(padded[:, :-1].clamp(min=_SILENT), padded[:, 1:])


def piano_roll(chorale: Chorale) -> Tensor:
    """Return which keys of the piano are down at each step, int8 (T, 88), from MIDI numbers.

    >>> piano_roll([[21, 108], []]).sum(1).tolist()
    [2, 0]
    """
    roll = torch.full((len(chorale), _KEYS), _SILENT, dtype=torch.int8)
    for step, notes in enumerate(chorale):
        roll[step, [note - _LOWEST for note in notes]] = 1
    return roll


class NextStep(nn.Module):
    """A GRU over the keys that are down, and a score for each key of the next step.

    Shape: (N, T, 88) -> (N, T, 88).
    """

    def __init__(self, activation: Callable[[], nn.Module]) -> None:
        super().__init__()
        self.layers = Recurrent([GRUCell(_KEYS, _HIDDEN, activation)])
        self.dropout, self.keys = nn.Dropout(0.3), nn.Linear(_HIDDEN, _KEYS)

    def forward(self, steps: Tensor) -> Tensor:
        read: Tensor = self.layers(steps)[0]
        return self.keys(self.dropout(read))  # type: ignore[no-any-return]


def loss(outputs: Tensor, targets: Tensor) -> Tensor:
    """Return the mean negative log-likelihood of a step; steps after the end do not count."""
    real = targets[..., 0] != _PADDING
    wanted = targets.clamp(min=_SILENT).float()
    each = functional.binary_cross_entropy_with_logits(outputs, wanted, reduction="none")
    return each.sum(-1)[real].mean()


def score(outputs: Tensor, targets: Tensor) -> float:
    """Return the loss, at most that of 88 coins."""
    return min(loss(outputs, targets).item(), _COIN)


register(
    Task(
        name="jsb-chorales",
        title=_TITLE,
        source="Boulanger-Lewandowski et al. 2012, as JSON by czhuang/JSB-Chorales-dataset",
        folder=_FOLDER,
        data=load,
        network=NextStep,
        architecture=f"GRU {_KEYS}-{_HIDDEN}-{_KEYS}",
        epochs=60,
        batch_size=32,
        optimizer="adam",
        learning_rates={"sgd": 0.3, "adam": 0.01, "adamw": 0.01},
        metric=Metric("loss", "nats", score, worst=_COIN, higher_is_better=False),
        loss=loss,
        practical_difference=0.05,
        limits=(
            "76 chorales validate and 77 test, of one composer: no word on other music.",
            "The official split is fixed: no word on other samples.",
        ),
        network_limits=(
            "One layer of 128 units; the function stands in the candidate, the gates keep their "
            "sigmoids.",
        ),
        published=Published(
            8.43, "GRU, 300,000 weights", "Bai et al. 2018, arXiv:1803.01271, table 1"
        ),
    )
)
