"""Text as numbers: reading, words and their vocabulary, padding, windows of a long text."""

from __future__ import annotations

import gzip
import re
import zlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from actlas.errors import ActlasError
from actlas.models.translation import END, PADDING, START
from actlas.study.tasks._files import DataFile

UNKNOWN = END + 1  # a word that the vocabulary does not hold
RESERVED = (PADDING, START, END, UNKNOWN)


def read_text(file: DataFile, folder: Path) -> str:
    """Return the text of a gzipped file in UTF-8; ActlasError if it is missing or damaged."""
    packed = file.read(folder)
    try:
        return gzip.decompress(packed).decode("utf-8")
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise ActlasError(f"{folder / file.name} cannot be unpacked: {error}") from error


def read_lines(file: DataFile, folder: Path) -> list[str]:
    """Return the lines of a gzipped text."""
    return read_text(file, folder).rstrip("\n").split("\n")


def split_words(sentence: str) -> list[str]:
    """Return the words of a sentence in lower case; a punctuation mark is a word of its own.

    >>> split_words("Two young, White males.")
    ['two', 'young', ',', 'white', 'males', '.']
    """
    return re.findall(r"\w+|[^\w\s]", sentence.lower())


def vocabulary(sentences: Iterable[Sequence[str]], size: int) -> dict[str, int]:
    """Number the commonest words, the commonest first; equally common ones by the alphabet.

    Args:
        sentences: of the training part alone.
        size: numbers in all, those of RESERVED included.

    >>> vocabulary([["a", "b"], ["b", "c"]], size=6)
    {'b': 4, 'a': 5}
    """
    counts = Counter(word for sentence in sentences for word in sentence)
    common = sorted(counts, key=lambda word: (-counts[word], word))[: size - len(RESERVED)]
    return {word: number for number, word in enumerate(common, start=len(RESERVED))}


def encode(sentences: Sequence[Sequence[str]], numbers: Mapping[str, int], length: int) -> Tensor:
    """Return sentences as rows of `length` tokens: cut where longer, filled up where shorter.

    >>> encode([["b", "x"]], {"b": 4}, length=3)
    tensor([[4, 3, 0]])
    """
    rows = [[numbers.get(word, UNKNOWN) for word in sentence[:length]] for sentence in sentences]
    return torch.tensor([row + [PADDING] * (length - len(row)) for row in rows])


def windows(tokens: Tensor, length: int) -> Tensor:
    """Cut a long text into rows of length + 1, each beginning with the last token of the one above.

    So every token but the first is told once, given those before it in its row. What does not
    fill a row is left out.

    >>> windows(torch.arange(8), 3)
    tensor([[0, 1, 2, 3],
            [3, 4, 5, 6]])
    """
    return tokens.unfold(0, length + 1, length).clone()


def unchanged(tokens: Tensor) -> Tensor:
    """Return tokens as they are: the transform of tasks whose networks read numbers of words."""
    return tokens
