"""Character-level convolutional network of Zhang, Zhao and LeCun for text classification."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from actlas.catalogue import Paper
from actlas.errors import ActlasError
from actlas.models._parts import checked_probability
from actlas.models._registry import activation_factory, network
from actlas.models._tokens import need_sizes, need_tokens

# Section 2.2, with both hyphens of the paper and the line break at the end: 70 characters.
ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789-,;.!?:'\"/\\|_@#$%^&*~`+-=<>()[]{}\n"
KERNELS = (7, 7, 3, 3, 3, 3)  # table 1
POOLED = (0, 1, 5)  # the layers that max-pool by 3
SHORTEST = 123  # the length that leaves one frame

_PAPER = Paper("Zhang et al.", 2015, arxiv="1509.01626", title="Character-level Convolutional "
               "Networks for Text Classification")  # fmt: skip


def encode(text: str, length: int = 1014) -> Tensor:
    """Return a text as tokens: its first `length` characters, the last one first, then zeros.

    Token k stands for character k - 1 of ALPHABET and 0 for any other character; upper case
    counts as lower case.

    >>> encode("Ab!", 5)
    tensor([41,  2,  1,  0,  0])
    """
    need_sizes("encode", length=length)
    numbers = [ALPHABET.find(character) + 1 for character in text[:length].lower()]
    return torch.tensor(numbers[::-1] + [0] * (length - len(numbers)))


class CharCNN(nn.Module):
    """Six convolutions over one-hot characters, then three linear layers.

    Build it with `char_cnn`. Shape: tokens (N, length) -> scores (N, classes).
    """

    def __init__(
        self, make: Any, classes: int, frame: int, hidden: int, length: int, dropout: float
    ) -> None:
        super().__init__()
        self.length = length
        layers: list[nn.Module] = []
        channels = len(ALPHABET)
        for place, kernel in enumerate(KERNELS):
            layers += [nn.Conv1d(channels, frame, kernel), make()]
            layers += [nn.MaxPool1d(3)] if place in POOLED else []
            channels = frame
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Sequential(
            nn.Flatten(), nn.Linear(frames_left(length) * frame, hidden), make(),
            nn.Dropout(dropout), nn.Linear(hidden, hidden), make(), nn.Dropout(dropout),
            nn.Linear(hidden, classes),
        )  # fmt: skip

    def forward(self, tokens: Tensor) -> Tensor:
        need_tokens("char_cnn", tokens, len(ALPHABET) + 1, self.length)
        tokens = functional.pad(tokens, (0, self.length - tokens.shape[1]))
        one_hot = functional.one_hot(tokens.long(), len(ALPHABET) + 1)[..., 1:].mT
        weights = next(self.features.parameters())
        return self.classifier(self.features(one_hot.to(weights.dtype)))  # type: ignore[no-any-return]


def frames_left(length: int) -> int:
    """Return how many frames the last convolution leaves of `length` characters.

    >>> frames_left(1014)  # (1014 - 96) / 27, as section 2.3 has it
    34
    """
    for place, kernel in enumerate(KERNELS):
        length -= kernel - 1
        length = length // 3 if place in POOLED else length
    return length


@network(id="char_cnn", title="Character-level CNN", paper=_PAPER, takes="tokens", input=(258,),
         aliases=("character_cnn", "crepe"),
         parameters={"frame=256, hidden=1024, length=1014": 11_339_780,
                     "frame=1024, hidden=2048, length=1014, classes=5": 95_942_661},
         deviations=("The paper's alphabet has the hyphen twice; the second one is never used.",
                     "Biases start at 0; the paper speaks of the weights alone."))  # fmt: skip
def char_cnn(
    activation: Any = "relu", classes: int = 4, frame: int = 64, hidden: int = 128,
    length: int = 258, dropout: float = 0.5, generator: torch.Generator | None = None,
) -> CharCNN:  # fmt: skip
    """Classifier of texts that reads characters through six convolutions.

    Args:
        activation: after each convolution and the first two linear layers.
        classes: number of classes.
        frame: channels of every convolution; 256 in the paper's small network, 1024 in its large.
        hidden: width of the linear layers; 1024 and 2048 there.
        length: characters of a text, 123 or more; 1014 there. Shorter texts are filled up.
        dropout: after the first two linear layers.
        generator: random state of the weights; None takes PyTorch's.

    Weights are N(0, 0.05²), and N(0, 0.02²) for frames of 1024 and wider, as published; biases 0.

    Raises:
        ActlasError: for sizes below 1, a length below 123 or an unknown function.

    Source: Zhang et al. 2015, sections 2.2 to 2.5.

    >>> char_cnn("elu", frame=8, hidden=16, length=123)(encode("to be or", 123)[None]).shape
    torch.Size([1, 4])
    """
    need_sizes("char_cnn", classes=classes, frame=frame, hidden=hidden, length=length)
    if length < SHORTEST:
        raise ActlasError(f"char_cnn: length must be {SHORTEST} or more, got {length}")
    share = checked_probability(dropout, "char_cnn: dropout")
    net = CharCNN(activation_factory(activation), classes, frame, hidden, length, share)
    for layer in net.modules():
        if isinstance(layer, (nn.Conv1d, nn.Linear)):
            nn.init.normal_(layer.weight, 0, 0.05 if frame < 1024 else 0.02, generator=generator)
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
    return net
