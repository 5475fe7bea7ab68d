"""Tiny Shakespeare: a small GPT learns which character comes next."""

from __future__ import annotations

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
LENGTH = 320_000  # characters to train on, from the beginning
_SHARES = (0.9, 0.95)  # the usual nine tenths to train on; of the last tenth, half is the test set


def load(data_root: Path | None) -> Data:
    """Return the text in windows of CONTEXT characters, cut in order: 90, 5 and 5 %.

    Of the first part, LENGTH characters are kept.
    """
    text = read_text(FILE, data_folder(data_root, FOLDER, "Tiny Shakespeare"))
    numbers = {character: number for number, character in enumerate(sorted(set(text)))}
    tokens = torch.tensor([numbers[character] for character in text])
    cuts = [int(share * len(tokens)) for share in _SHARES]
    first, *others = tokens.tensor_split(cuts)
    return Data(*(told(windows(part, CONTEXT)) for part in (first[:LENGTH], *others)))


_SIZES = {"vocabulary": CHARACTERS, "context": CONTEXT}

register(
    Task(
        name="tiny-shakespeare",
        aliases=("shakespeare",),
        title="Tiny Shakespeare (GPT)",
        subject="Tiny Shakespeare, character by character",
        source="Karpathy, char-rnn: 1.1 million characters of Shakespeare's plays",
        folder=FOLDER,
        architecture="GPT, 2 layers of 64 with 4 heads",
        data=load,
        transform=unchanged,
        network=named("gpt", NextToken, width=64, layers=2, **_SIZES),
        sizes=_SIZES,
        adapt=NextToken,
        loss=mean_surprise,
        metric=bits_per_token("bits per character", CHARACTERS),
        epochs=3,
        batch_size=16,
        optimizer="adamw",
        learning_rates={"sgd": 0.2, "adam": 0.004, "adamw": 0.004},
        practical_difference=0.01,
        evaluation_batch=64,
        limits=(
            "One author and one split: no word on other texts.",
            "Windows of 64 characters are told from their own beginnings, without what precedes.",
        ),
        network_limits=(f"The first {LENGTH:,} characters, three times, and a tiny GPT.",),
        published=Published(
            2.12,
            "GPT, 6 layers of 384, on the last tenth of the text",
            "1.4697 nats in the README of github.com/karpathy/nanoGPT",
        ),
    )
)
