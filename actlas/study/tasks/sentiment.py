"""Sentiment of film reviews: Rotten Tomatoes sentences, and the phrases of SST-2.

A sentence is a row of word numbers, and the network is Kim's (2014) with learned word vectors.
"""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import torch

from actlas.errors import ActlasError
from actlas.study.tasks._files import DataFile, data_folder
from actlas.study.tasks._networks import named
from actlas.study.tasks._protocol import Data, Published, Split, Task
from actlas.study.tasks._registry import register
from actlas.study.tasks._text import encode, read_lines, unchanged, vocabulary

Labelled = list[tuple[list[str], int]]  # words of a text, which come apart already; 1 is positive

_REVIEWS = tuple(
    DataFile(f"rt-polarity.{name}.gz", sha256)
    for name, sha256 in (
        ("neg", "9f36c0de79ec493b239e4807ae1f0aec4172a75dd33ed0a25f15c95e2982130d"),
        ("pos", "c45b784f6eaf1ccd95c78f1f6c023decaebf58ccadc8256f3b6a5bbb1ad15e6b"),
    )
)
_PHRASES = tuple(
    DataFile(f"{name}.tsv.gz", sha256)
    for name, sha256 in (
        ("train", "df0ba9700b2f7a6ded34f3be832e0ba23cb27276f5a145e9796fc619cf63febe"),
        ("dev", "2b362b78d36eccad2d3304110e76d95a56654f860a5913f91fe4b12546d439b4"),
    )
)
_HELD = 1_066  # a tenth of the reviews each to validate and to test
_HELD_PHRASES = 2_000
WORDS, LONGEST = {"rotten-tomatoes": 8_000, "sst2": 10_000}, 40


def load_reviews(data_root: Path | None) -> Data:
    """Return 10,662 sentences, shuffled once and cut in 8,530, 1,066 and 1,066."""
    folder = data_folder(data_root, "rotten-tomatoes", "Rotten Tomatoes")
    texts = [(line.split(), label) for label, file in enumerate(_REVIEWS)
             for line in read_lines(file, folder)]  # fmt: skip
    order = np.random.default_rng(0).permutation(len(texts))
    mixed = [texts[at] for at in order]
    held = mixed[-2 * _HELD :]
    parts = (mixed[: -2 * _HELD], held[:_HELD], held[_HELD:])
    return _data(parts, WORDS["rotten-tomatoes"])


def load_phrases(data_root: Path | None) -> Data:
    """Return GLUE's SST-2: 65,349 and 2,000 phrases, and the 872 sentences of its validation set.

    The last is the test set here, since the labels of the official one are not public.
    """
    folder = data_folder(data_root, "sst2", "SST-2")
    phrases, test = (_table(file, folder) for file in _PHRASES)
    return _data((phrases[:-_HELD_PHRASES], phrases[-_HELD_PHRASES:], test), WORDS["sst2"])


def _table(file: DataFile, folder: Path) -> Labelled:
    rows = list(csv.reader(read_lines(file, folder), delimiter="\t", quoting=csv.QUOTE_NONE))
    if rows[0] != ["sentence", "label"]:
        raise ActlasError(f"{folder / file.name} must have the columns sentence and label, got "
                          f"{', '.join(rows[0])}")  # fmt: skip
    return [(sentence.split(), int(label)) for sentence, label in rows[1:]]


def _data(parts: tuple[Labelled, Labelled, Labelled], size: int) -> Data:
    numbers = vocabulary([words for words, _ in parts[0]], size)

    def split(part: Labelled) -> Split:
        tokens = encode([words for words, _ in part], numbers, LONGEST)
        return Split(tokens, torch.tensor([label for _, label in part]))

    return Data(*map(split, parts))


_LOADERS = {"rotten-tomatoes": load_reviews, "sst2": load_phrases}
_TITLES = {"rotten-tomatoes": "Rotten Tomatoes", "sst2": "SST-2"}
_SOURCES = {
    "rotten-tomatoes": "Pang and Lee 2005: 10,662 sentences, half of them positive",
    "sst2": "Socher et al. 2013 in the form of GLUE (Wang et al. 2019)",
}
_LIMITS = {
    "rotten-tomatoes": "The split is our own, and 1,066 test sentences make 0.09 points each.",
    "sst2": "Phrases to train on and to validate by come from the same sentences: validation "
            "flatters. The test set has 872 sentences, 0.11 points each.",
}  # fmt: skip
_KIM = "Kim 2014, arXiv:1408.5882, table 2"
_PUBLISHED = {
    "rotten-tomatoes": Published(76.1, "CNN-rand, ten folds", _KIM),
    "sst2": Published(82.7, "CNN-rand, the official test set", _KIM),
}
_EPOCHS = {"rotten-tomatoes": 16, "sst2": 3}

for _name, _load in _LOADERS.items():
    _sizes = {"vocabulary": WORDS[_name], "classes": 2}
    register(
        Task(
            name=_name,
            aliases=("sst-2",) if _name == "sst2" else ("mr",),
            title=f"{_TITLES[_name]} sentiment (CNN)",
            subject=f"{_TITLES[_name]} sentiment",
            source=_SOURCES[_name],
            folder=_name,
            architecture="sentence CNN, embedding 64, 3 x 32 filters, dropout 0.5",
            data=_load,
            transform=unchanged,
            network=named("text_cnn", embedding=64, filters=32, dropout=0.5, **_sizes),
            sizes=_sizes,
            epochs=_EPOCHS[_name],
            batch_size=50,
            optimizer="adamw",
            learning_rates={"sgd": 0.1, "adam": 0.0005, "adamw": 0.0005},
            practical_difference=0.5,
            exchangeable=True,
            limits=(_LIMITS[_name],),
            network_limits=("A small network that learns word vectors from these texts alone.",),
            published=_PUBLISHED[_name],
        )
    )
