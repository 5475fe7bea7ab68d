"""Multi30k: descriptions of pictures from English into German, with the right words so far given.

`multi30k` is a small transformer, `multi30k-lstm` the encoder-decoder of Dubey et al. 2022, where
the function stands after the two embeddings alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from actlas.models.translation import END, PADDING, START
from actlas.study.tasks._files import DataFile, data_folder
from actlas.study.tasks._networks import named
from actlas.study.tasks._next_token import mean_surprise, perplexity, reading, telling
from actlas.study.tasks._protocol import Data, Split, Task
from actlas.study.tasks._registry import register
from actlas.study.tasks._text import encode, read_lines, split_words, unchanged, vocabulary

FOLDER = "multi30k"
FILES = {  # part -> English, German
    "train": ("d79cfa999dd4c51d2cb42499b6796d5a882c3a8a961923c25a898c90f8bbd56f",
              "726e39b2fa9eb9ffb6dc763fb35a179f80fae06ffc5d28b6ace5faa883de28a6"),
    "val": ("14f7d25ddd868909a9213e361768460edcacdd6ab9d1e77b92560dc10c10dc28",
            "f0cba2f995189cf5770f29a8a9a537a3ad3f51657ad873405082ff6863a5e75a"),
    "test_2016_flickr": ("611d361c6334bc7246101d48097c13cf5c4413c5befc793cc629934359d532d9",
                         "9204244e408ccb38d2a55cfcd344df15005fc42a07a6e55ca6c52b6ababb8cc8"),
}  # fmt: skip
WORDS, LONGEST = 2_500, 24  # words of each language, and of a sentence
PAIRS = 6_000  # of the 29,000 to train on


def sentences(part: str, language: int, data_root: Path | None) -> Iterator[list[str]]:
    """Return the words of each sentence of one part; language 0 is English, 1 German.

    `part` is a key of FILES.
    """
    name = f"{part}.{('en', 'de')[language]}.gz"
    folder = data_folder(data_root, FOLDER, "Multi30k")
    return map(split_words, read_lines(DataFile(name, FILES[part][language]), folder))


def load(data_root: Path | None) -> Data:
    """Return English and German side by side, LONGEST tokens, then START, LONGEST words and END.

    The vocabularies are the commonest words of the part to train on.
    """
    texts = {part: [list(islice(sentences(part, side, data_root), PAIRS)) for side in (0, 1)]
             for part in FILES}  # fmt: skip
    english, german = (vocabulary(side, WORDS) for side in texts["train"])

    def packed(part: str) -> Split:
        source, target = texts[part]
        both = encode(source, english, LONGEST), framed(encode(target, german, LONGEST))
        return telling(torch.cat(both, 1), source=LONGEST)

    return Data(*map(packed, FILES))


def framed(rows: Tensor) -> Tensor:
    """Put START before and END after the words of each row, (N, T) -> (N, T + 2).

    >>> framed(torch.tensor([[7, 8], [9, 0]]))
    tensor([[1, 7, 8, 2],
            [1, 9, 2, 0]])
    """
    wide = torch.nn.functional.pad(rows, (1, 1), value=PADDING)
    wide[:, 0] = START
    ends = (rows != PADDING).sum(1) + 1
    return wide.scatter(1, ends[:, None], END)


_SIZES = {"vocabulary": WORDS, "target_vocabulary": WORDS}
_NETWORKS: dict[str, tuple[str, dict[str, Any], str, dict[str, float]]] = {
    "": ("transformer_translator", {"width": 64, "layers": 2, "dropout": 0.0},
         "transformer, 2 + 2 layers of 64 with 4 heads",
         {"sgd": 0.1, "adam": 0.003, "adamw": 0.003}),
    "-lstm": ("lstm_translator", {"embedding": 64, "hidden": 64, "dropout": 0.0},
              "LSTM encoder-decoder, embedding 64, state 64",
              {"sgd": 0.5, "adam": 0.005, "adamw": 0.005}),
}  # fmt: skip

for _ending, (_name, _options, _architecture, _rates) in _NETWORKS.items():
    register(
        Task(
            name=f"multi30k{_ending}",
            title=f"Multi30k English-German ({_architecture.split(',')[0]})",
            subject="Multi30k English-German",
            source="Elliott et al. 2016 (W16-3210), task 1, test set of 2016",
            folder=FOLDER,
            architecture=_architecture,
            data=load,
            transform=unchanged,
            network=named(_name, reading(LONGEST), **_options, **_SIZES),
            sizes=_SIZES,
            adapt=reading(LONGEST),
            loss=mean_surprise,
            metric=perplexity(WORDS),
            epochs=3,
            batch_size=32,
            optimizer="adamw",
            learning_rates=_rates,
            practical_difference=0.3,
            evaluation_batch=64,
            limits=(
                f"The first {PAIRS:,} of 29,000 pairs, {WORDS:,} words a language, other words "
                "unknown: perplexities compare with no published ones.",
                "The right words so far are given: no word on translations written freely (BLEU).",
            ),
            network_limits=(
                "One small network, three epochs, without dropout (the transformer with ReLU "
                "reaches 17).",
            ),
        )
    )
