"""Entailment between captions, derived from Multi30k's English sentences by a rule.

A caption without what follows its last preposition says less: "a man sits on a bench in the park"
becomes "a man sits on a bench". So the whole entails the short form (class 0), the short form
leaves open what the whole adds (neutral, class 1), and if a word of the hypothesis is exchanged
for its opposite ("man" for "woman", "sits" for "stands") both cannot hold (contradiction, class
2, half of them with the whole as the premise and half with the short form).

Every caption that is used gives one pair of each class, so that no word tells a class by being
there; "an" is written "a", which would betray an exchange. Captions of one part of Multi30k stay
in one part. Those with a word that turns the direction of entailment ("no", "every") are left out.
"""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import torch

from actlas.study.tasks._networks import named
from actlas.study.tasks._protocol import Data, Split, Task
from actlas.study.tasks._registry import register
from actlas.study.tasks._text import encode, split_words, unchanged, vocabulary
from actlas.study.tasks.multi30k import FILES, FOLDER, sentences

WORDS, LONGEST = 3_000, 20
CAPTIONS = 800  # of the part to train on, three pairs each
_LEAST = 4  # words that a short form keeps

_PREPOSITIONS = frozenset(split_words(
    "across against along around at behind beside by down from in inside into near next on onto "
    "outside over through towards under up while with"
))  # fmt: skip
_TURNING = frozenset(split_words("all any each every few no nobody none not only without"))
_PAIRS = (  # both common, and neither pair part of one phrase as black and white is
    "man woman", "men women", "boy girl", "boys girls", "male female", "young old", "large small",
    "red blue", "green yellow", "sits stands", "sitting standing", "walks runs",
    "walking running", "indoors outdoors", "two three", "left right",
)  # fmt: skip
OPPOSITES = {a: b for pair in _PAIRS for a, b in (pair.split(), pair.split()[::-1])}

Pair = tuple[list[str], list[str], int]  # premise, hypothesis, class


def shortened(words: list[str]) -> list[str] | None:
    """Return what stands before the last preposition; None if that is too little or would be false.

    >>> shortened("a man sits on a bench in the park".split())
    ['a', 'man', 'sits', 'on', 'a', 'bench']
    >>> shortened("a man without a hat sits on a bench".split())
    """
    places = [at for at, word in enumerate(words) if word in _PREPOSITIONS]
    if not places or places[-1] < _LEAST or _TURNING.intersection(words):
        return None
    return words[: places[-1]]


def opposed(words: list[str]) -> list[str] | None:
    """Return the words with the first that has an opposite exchanged for it; None if none has.

    >>> opposed("a man sits".split())
    ['a', 'woman', 'sits']
    """
    for at, word in enumerate(words):
        if word in OPPOSITES:
            return [*words[:at], OPPOSITES[word], *words[at + 1 :]]
    return None


def pairs(caption: list[str], turn: int) -> list[Pair]:
    """Return one pair of each class, or none if the caption does not lend itself to it.

    Args:
        caption: words in lower case.
        turn: in the contradiction the short form is the hypothesis if it is even, else the premise.
    """
    words = ["a" if word == "an" else word for word in caption if word.isalnum()]
    short = shortened(words)
    against = short and opposed(short)
    if not short or not against or len(words) > LONGEST:
        return []
    other = [*against, *words[len(short) :]]
    contradiction = (short, other, 2) if turn % 2 else (words, against, 2)
    return [(words, short, 0), (short, words, 1), contradiction]


def load(data_root: Path | None) -> Data:
    """Return pairs of sentences as tokens, (N, 2, LONGEST), premise first."""
    parts = []
    for part in FILES:
        captions = enumerate(sentences(part, 0, data_root))
        kept = filter(None, (pairs(words, turn) for turn, words in captions))
        parts.append([pair for three in islice(kept, CAPTIONS) for pair in three])
    numbers = vocabulary((premise for premise, _, _ in parts[0]), WORDS)

    def split(part: list[Pair]) -> Split:
        premises, hypotheses, labels = zip(*part, strict=True)
        sides = [encode(side, numbers, LONGEST) for side in (premises, hypotheses)]
        return Split(torch.stack(sides, 1), torch.tensor(labels))

    return Data(*map(split, parts))


_SIZES = {"vocabulary": WORDS, "classes": 3}

register(
    Task(
        name="entailment",
        aliases=("caption-entailment",),
        title="entailment of captions (two towers)",
        subject="entailment of captions",
        source="English captions of Multi30k (Elliott et al. 2016); classes derived by a rule",
        folder=FOLDER,
        architecture="two towers of LSTMs (32), a hidden layer of 64 with the function",
        data=load,
        transform=unchanged,
        network=named("two_tower", embedding=32, hidden=32, width=64, **_SIZES),
        sizes=_SIZES,
        epochs=3,
        batch_size=64,
        optimizer="adamw",
        learning_rates={"sgd": 0.2, "adam": 0.004, "adamw": 0.004},
        practical_difference=0.5,
        limits=(
            "The classes follow a rule and were not judged by people; which sentence is the longer "
            "tells two pairs of three.",
            "No published score: the task is our own, and an easy one (ReLU reaches 99 %), so that "
            "functions can hardly differ.",
        ),
        network_limits=("The function stands in one hidden layer, behind LSTMs with tanh.",),
    )
)
