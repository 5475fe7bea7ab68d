"""Tiny Shakespeare: a small GPT learns which character comes next.

`tiny-shakespeare` reads a third of the text, half a minute on one core; `tiny-shakespeare-full`
reads all of it, with the network that nanoGPT's README names for a computer without a GPU. One of
6 layers of 384 that sees 256 characters reaches 2.12 bits there (1.4697 nats).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch

from actlas.study.tasks._files import DataFile, data_folder
from actlas.study.tasks._networks import named
from actlas.study.tasks._next_token import NextToken, bits_per_token, mean_surprise, told
from actlas.study.tasks._protocol import Data, Published, Task
from actlas.study.tasks._registry import register
from actlas.study.tasks._text import read_text, unchanged, windows

FILE = DataFile("input.txt.gz", "13125fe8f49092165d7d489e3944db52d1ba546e64a60080cc9523bcd0c5e46a")
FOLDER = "tinyshakespeare"
CHARACTERS, CONTEXT = 65, 64
_SHARES = (0.9, 0.95)  # the usual nine tenths to train on; of the last tenth, half is the test set


def load(length: int | None, data_root: Path | None) -> Data:
    """Return the text in windows of CONTEXT characters, cut in order: 90, 5 and 5 %.

    Of the first part, `length` characters are kept.
    """
    text = read_text(FILE, data_folder(data_root, FOLDER, "Tiny Shakespeare"))
    numbers = {character: number for number, character in enumerate(sorted(set(text)))}
    tokens = torch.tensor([numbers[character] for character in text])
    cuts = [int(share * len(tokens)) for share in _SHARES]
    first, *others = tokens.tensor_split(cuts)
    return Data(*(told(windows(part, CONTEXT)) for part in (first[:length], *others)))


@dataclass(frozen=True)
class Size:
    """How many characters are read, by how large a network, how often."""

    ending: str
    length: int | None
    width: int
    layers: int
    epochs: int
    rate: float
    limit: str
    published: Published | None = None


SIZES = (
    Size("", 320_000, 64, 2, 3, 0.004,
         "The first 320,000 characters, three times, and a tiny GPT: nothing published compares."),
    Size("-full", None, 128, 4, 2, 0.002, "The whole text, twice, and a small GPT.",
         Published(2.712, "GPT, 4 layers of 128, context 64, on the last tenth of the text",
                   "1.88 nats in the README of github.com/karpathy/nanoGPT")),
)  # fmt: skip


def _register(size: Size) -> None:
    sizes = {"vocabulary": CHARACTERS, "context": CONTEXT}
    options = {**sizes, "width": size.width, "layers": size.layers}
    register(
        Task(
            name=f"tiny-shakespeare{size.ending}",
            aliases=(f"shakespeare{size.ending}",),
            title=f"Tiny Shakespeare (GPT{', whole' if size.length is None else ''})",
            subject="Tiny Shakespeare, character by character",
            source="Karpathy, char-rnn: 1.1 million characters of Shakespeare's plays",
            folder=FOLDER,
            architecture=f"GPT, {size.layers} layers of {size.width} with 4 heads",
            data=partial(load, size.length),
            transform=unchanged,
            network=named("gpt", NextToken, **options),
            sizes=sizes,
            adapt=NextToken,
            loss=mean_surprise,
            metric=bits_per_token("bits per character", CHARACTERS),
            epochs=size.epochs,
            batch_size=16,
            optimizer="adamw",
            learning_rates={"sgd": 0.2, "adam": size.rate, "adamw": size.rate},
            practical_difference=0.01,
            evaluation_batch=64,
            limits=(
                "One author and one split: no word on other texts.",
                "Windows of 64 characters are told from their own beginnings, without what "
                "precedes.",
            ),
            network_limits=(size.limit,),
            published=size.published,
        )
    )


for _size in SIZES:
    _register(_size)
