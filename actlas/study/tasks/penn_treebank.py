"""Penn Treebank: word by word, with a small GPT, an Elman network and an LSTM.

`ptb`, `ptb-elman` and `ptb-lstm` know the 2,000 commonest words and read the beginning of the
training text, a minute on one core; `ptb-full`, `ptb-elman-full` and `ptb-lstm-full` know all
10,000 and read all of it, with networks of the size that TeLU's paper (arXiv:2412.20269) has, for a
GPU. Validation and test part are whole in all of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch

from actlas.study.tasks._files import DataFile, data_folder
from actlas.study.tasks._networks import named
from actlas.study.tasks._next_token import NextToken, mean_surprise, perplexity, told
from actlas.study.tasks._protocol import Data, Published, Task
from actlas.study.tasks._registry import register
from actlas.study.tasks._text import read_text, unchanged, windows

FOLDER = "ptb"
FILES = tuple(
    DataFile(f"ptb.{part}.txt.gz", sha256)
    for part, sha256 in (
        ("train", "d1ec43563d7ce27da8b43f9069b2a58cb9e7f2656e96d7aab0ddc61ef728e176"),
        ("valid", "fdb970a6bddedf957366618daec55ab7beb159f8123600f8db16c34833dca93d"),
        ("test", "b9743208d38e095719ea30645a6456bd2cabe3b3dfe0815ad10a51d08b4e2a48"),
    )
)
CONTEXT = 35
WORDS = 10_000  # of the whole text


def load(data_root: Path | None, vocabulary: int = WORDS, length: int | None = None) -> Data:
    """Return the three parts in windows of CONTEXT words.

    Args:
        data_root: the folder of data sets.
        vocabulary: how many of the commonest words are known; the others count as <unk>.
        length: words of the training text, from its beginning; None takes all 929,589.
    """
    folder = data_folder(data_root, FOLDER, "Penn Treebank")
    texts = [read_text(file, folder).replace("\n", " <eos> ").split() for file in FILES]
    numbers = commonest(texts[0], vocabulary)
    other = numbers["<unk>"]
    parts = [torch.tensor([numbers.get(word, other) for word in text]) for text in texts]
    return Data(*(told(windows(part, CONTEXT)) for part in (parts[0][:length], *parts[1:])))


def commonest(text: list[str], size: int) -> dict[str, int]:
    """Number the commonest words from 0, equally common ones by the alphabet.

    >>> commonest("b a c a".split(), 2)
    {'a': 0, 'b': 1}
    """
    counts = Counter(text)
    order = sorted(counts, key=lambda word: (-counts[word], word))
    return {word: number for number, word in enumerate(order[:size])}


@dataclass(frozen=True)
class Size:
    """How much is read, by how large a network, how often."""

    ending: str
    vocabulary: int
    length: int | None
    epochs: int
    practical_difference: float
    options: Mapping[str, Mapping[str, Any]]
    limit: str


_RECURRENT = {"embedding": 64, "hidden": 64, "layers": 1, "dropout": 0.0}
_OF_TELU = {"embedding": 450, "hidden": 650, "layers": 2, "dropout": 0.2}
SIZES = (
    Size("", 2_000, 200_000, 3, 1.0,
         {"gpt": {"width": 64, "layers": 2}, "elman": _RECURRENT, "lstm": _RECURRENT},
         "2,000 words are known, a fifth of the text is read, by a tiny network (the GPT with ReLU "
         "reaches 93): perplexities compare with no published ones."),
    Size("-full", WORDS, None, 40, 1.5,
         {"gpt": {"width": 256, "layers": 4, "dropout": 0.2}, "elman": _OF_TELU,
          "lstm": _OF_TELU},
         "Sizes and epochs of TeLU's paper, without its schedule, meant for a GPU."),
)  # fmt: skip
_NETWORKS = {"gpt": "gpt", "elman": "elman_lm", "lstm": "lstm_lm"}
_RATES = {
    "gpt": {"sgd": 0.2, "adam": 0.004, "adamw": 0.004},
    "elman": {"sgd": 0.1, "adam": 0.002, "adamw": 0.002},
    "lstm": {"sgd": 0.1, "adam": 0.002, "adamw": 0.002},
}
_PUBLISHED = {  # on the whole text with all words, which is read through
    "gpt": Published(54.5, "Transformer-XL", "Dai et al. 2019, arXiv:1901.02860"),
    "elman": Published(124.7, "recurrent network", "Mikolov and Zweig 2012"),
    "lstm": Published(82.7, "LSTM, 2 layers of 650 with dropout",
                      "Zaremba et al. 2014, arXiv:1409.2329"),
}  # fmt: skip
_TITLES = {"gpt": "GPT", "elman": "Elman", "lstm": "LSTM"}


def _register(kind: str, size: Size, data: Callable[[Path | None], Data]) -> None:
    sizes = {"vocabulary": size.vocabulary, "context": CONTEXT}
    options = {**size.options[kind], "vocabulary": size.vocabulary}
    if kind == "gpt":
        options |= sizes
    register(
        Task(
            name=f"ptb{'' if kind == 'gpt' else f'-{kind}'}{size.ending}",
            aliases=() if kind != "gpt" else (f"penn-treebank{size.ending}",),
            title=f"Penn Treebank ({_TITLES[kind]}{', whole' if size.length is None else ''})",
            subject=f"Penn Treebank, {size.vocabulary:,} words",
            source="Marcus et al. 1993 in Mikolov's form (2010)",
            folder=FOLDER,
            architecture=", ".join(f"{option} {value}" for option, value in options.items()),
            data=data,
            transform=unchanged,
            network=named(_NETWORKS[kind], NextToken, **options),
            sizes=sizes,
            adapt=NextToken,
            loss=mean_surprise,
            metric=perplexity(size.vocabulary),
            epochs=size.epochs,
            batch_size=16,
            optimizer="adamw",
            learning_rates=_RATES[kind],
            practical_difference=size.practical_difference,
            evaluation_batch=32,
            limits=(
                "Windows of 35 words are told from an empty beginning: perplexities lie above "
                "those of a text that is read through.",
            ),
            network_limits=(size.limit,),
            published=_PUBLISHED[kind] if size.length is None else None,
        )
    )


for _size in SIZES:
    _data = partial(load, vocabulary=_size.vocabulary, length=_size.length)
    for _kind in _NETWORKS:
        _register(_kind, _size, _data)
