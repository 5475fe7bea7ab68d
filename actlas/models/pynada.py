"""The networks of PyNADA: neurons with an apical and a basal set of weights, and their control.

A neuron adds two layers on the same input, y = ADA(W1 x + b1) + ReLU(W2 x + b2), where
ADA(u) = max(0, u) exp(c - alpha u) rises and falls again. Every hidden layer consists of such
neurons, dense ones included; the last layer is linear. All parameters but the last layer's double,
so every builder has three forms, `neuron=`:

    "pynada"   two sets of weights, as in the paper;
    "single"   one set and one function, the paper's comparison;
    "control"  one set, widened until it has the parameters of "pynada": the paper's gap.

Source: Georgescu, Ionescu, Ristea and Sebe 2020, Non-linear Neurons with Human-like Apical
Dendrite Activations; sizes and constants as in the released scripts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise

import torch
from torch import Tensor, nn

from actlas.errors import ActlasError
from actlas.models._parts import Vectors, checked_probability, checked_size, dropping, scores
from actlas.models._registry import (
    ActivationFactory,
    activation_factory,
    count_parameters,
    network,
)
from actlas.models._sizes import OneSize, draw_
from actlas.models._tokens import need_sizes, need_tokens
from actlas.models.vgg import PYNADA_DROPOUT
from actlas.nn import create
from actlas.nn.structured._common import need_choice
from actlas.nn.structured.pynada import PAPER

Activation = str | type[nn.Module] | ActivationFactory
Neuron = Callable[[Callable[[], nn.Module]], nn.Module]
Body = Callable[[float, Neuron, Neuron], nn.Sequential]

NEURONS = ("pynada", "single", "control")
_DEVIATIONS = (
    "The paper compares PyNADA with networks of half its parameters; neuron='control' is the "
    "widened network that it lacks.",
    "A learned alpha is kept positive; nothing keeps it so in the released code.",
)


class PyNADA(nn.Module):
    """A layer of PyNADA neurons: apical(W1 x + b1) + basal(W2 x + b2).

    Args:
        layer: makes a linear or convolution layer; called twice.
        apical, basal: the functions behind the two.

    Source: Georgescu et al. 2020.

    >>> neurons = PyNADA(lambda: nn.Conv2d(1, 4, 3), create("ada"), nn.ReLU())
    >>> neurons(torch.zeros(2, 1, 8, 8)).shape
    torch.Size([2, 4, 6, 6])
    """

    def __init__(self, layer: Callable[[], nn.Module], apical: nn.Module, basal: nn.Module) -> None:
        super().__init__()
        self.apical_layer, self.apical = layer(), apical
        self.basal_layer, self.basal = layer(), basal

    def forward(self, x: Tensor) -> Tensor:
        """Return the sum of both dendrites."""
        y: Tensor = self.apical(self.apical_layer(x)) + self.basal(self.basal_layer(x))
        return y


def widened(build: Callable[[float], nn.Module], parameters: int) -> float:
    """Return the factor by which `build` must widen its layers to hold so many parameters.

    Args:
        build: makes the network for a factor; it is called on the meta device.
        parameters: the number wanted, at most 16 times as many as at 1; the nearest is found.

    >>> round(widened(lambda by: nn.Linear(10, round(10 * by)), 220), 1)
    2.0
    """
    low, high, tried = 1.0, 4.0, {}
    with torch.device("meta"):
        for _ in range(24):
            middle = (low + high) / 2
            tried[middle] = count_parameters(build(middle))
            low, high = (middle, high) if tried[middle] < parameters else (low, middle)
    return min(tried, key=lambda factor: abs(tried[factor] - parameters))


def _built(
    body: Body, neuron: str, apical: Sequence[ActivationFactory], basal: ActivationFactory,
    generator: torch.Generator | None,
) -> nn.Sequential:  # fmt: skip
    """Return the network of one form; `apical` makes the functions of its two kinds of layers."""
    need_choice(neuron, NEURONS, "neuron", "PyNADA networks")

    def double(function: ActivationFactory) -> Neuron:
        return lambda layer: PyNADA(layer, function(), basal())

    def single(function: ActivationFactory) -> Neuron:
        return lambda layer: nn.Sequential(layer(), function())

    doubles = [double(function) for function in apical]
    if neuron == "pynada":
        net = body(1.0, *doubles)
    elif neuron == "single":
        net = body(1.0, *[single(function) for function in apical])
    else:
        singles = [single(basal)] * 2
        with torch.device("meta"):
            wanted = count_parameters(body(1.0, *doubles))
        net = body(widened(lambda by: body(by, *singles), wanted), *singles)
    draw_(net, partial(nn.init.xavier_uniform_, generator=generator))
    for module in net.modules():
        if isinstance(module, nn.Embedding):
            nn.init.normal_(module.weight, generator=generator)
    return net


def _apical(
    activation: Activation | None, alpha: float, leak: float, learnable: bool
) -> ActivationFactory:
    """Return what makes the apical function; a learned alpha is one for the whole network."""
    if activation is not None:
        return activation_factory(activation)
    options = {"alpha": alpha, "c": 0.0, **({"leak": leak} if leak else {})}
    build = partial(create, "leaky_ada" if leak else "ada", **options)
    if learnable:
        shared = build()
        return lambda: shared
    return partial(build, learnable=False)


def _scaled(widths: Sequence[int], by: float) -> list[int]:
    return [max(1, round(checked_size(width, "width") * by)) for width in widths]


@network(
    id="pynada_mlp", title="PyNADA MLP", takes="features", input=(784,), paper=PAPER,
    parameters={
        "hidden=(100,)": 158_010,
        "neuron='single', hidden=(100, 10)": 79_620, "hidden=(100, 10)": 159_130,
    },
    deviations=_DEVIATIONS,
)  # fmt: skip
def pynada_mlp(
    *, inputs: int = 784, classes: int = 10, hidden: Sequence[int] = (100,),
    neuron: str = "pynada", activation: Activation | None = None, basal: Activation = "relu",
    alpha: float = 0.3, leak: float = 0.0, learnable: bool = False,
    generator: torch.Generator | None = None,
) -> nn.Sequential:  # fmt: skip
    """Perceptron with one or two hidden layers of PyNADA neurons.

    Args:
        inputs, classes: numbers per example, and outputs.
        hidden: widths of hidden layers; MLP-1 has (100,), MLP-2 (100, 10).
        neuron: "pynada", "single" or "control", see the file.
        activation: the apical function, or the only one of "single"; None for ADA with c = 0.
        basal: the basal function, also of "control".
        alpha: of ADA, positive.
        leak: slope on the left of ADA; 0.01 in the paper's leaky form.
        learnable: whether alpha is learned, one for the whole network.
        generator: random state of the weights, Glorot's uniform; None takes PyTorch's.

    >>> pynada_mlp(hidden=(20,))(torch.zeros(2, 784)).shape
    torch.Size([2, 10])
    """

    def body(by: float, hidden_neuron: Neuron, _: Neuron) -> nn.Sequential:
        front, widths = Vectors(inputs, "pynada_mlp"), [inputs, *_scaled(hidden, by)]
        layers = [hidden_neuron(partial(nn.Linear, *pair)) for pair in pairwise(widths)]
        return nn.Sequential(front, *layers, scores(widths[-1], classes))

    make = _apical(activation, alpha, leak, learnable)
    return _built(body, neuron, (make, make), activation_factory(basal), generator)


@network(
    id="pynada_lenet", title="PyNADA LeNet", takes="images", input=(1, 32, 32), paper=PAPER,
    parameters={"": 122_562, "neuron='single'": 61_706},
    deviations=(*_DEVIATIONS, "In the released LeNet with ADA alone the dense layers keep ReLU; "
                "neuron='single' has its one function everywhere."),
)  # fmt: skip
def pynada_lenet(
    *, channels: int = 1, classes: int = 10, neuron: str = "pynada",
    activation: Activation | None = None, basal: Activation = "relu", alpha: float = 0.3,
    leak: float = 0.0, learnable: bool = False, generator: torch.Generator | None = None,
) -> nn.Sequential:  # fmt: skip
    """LeNet of PyNADA neurons, for images padded to 32 x 32.

    The arguments are those of `pynada_mlp`; `channels` are the image's.

    >>> pynada_lenet()(torch.zeros(2, 1, 32, 32)).shape
    torch.Size([2, 10])
    """

    def body(by: float, seen: Neuron, dense: Neuron) -> nn.Sequential:
        first, second, third, fourth = _scaled((6, 16, 120, 84), by)
        return nn.Sequential(
            OneSize(channels, 32, "pynada_lenet"),
            seen(partial(nn.Conv2d, channels, first, 5)), nn.MaxPool2d(2),
            seen(partial(nn.Conv2d, first, second, 5)), nn.MaxPool2d(2), nn.Flatten(),
            dense(partial(nn.Linear, 25 * second, third)),
            dense(partial(nn.Linear, third, fourth)), scores(fourth, classes),
        )  # fmt: skip

    make = _apical(activation, alpha, leak, learnable)
    return _built(body, neuron, (make, make), activation_factory(basal), generator)


@network(
    id="pynada_vgg9", title="PyNADA VGG-9", takes="images", input=(1, 28, 28), paper=PAPER,
    parameters={"width=64": 18_443_786, "width=64, neuron='single'": 9_224_458},
    deviations=_DEVIATIONS,
)  # fmt: skip
def pynada_vgg9(
    *, channels: int = 1, image_size: int = 28, classes: int = 10, width: int = 8,
    neuron: str = "pynada", activation: Activation | None = None, basal: Activation = "relu",
    alpha: float = 0.5, leak: float = 0.0, learnable: bool = False,
    generator: torch.Generator | None = None,
) -> nn.Sequential:  # fmt: skip
    """VGG with eight convolutions of PyNADA neurons and one linear layer.

    Args:
        channels, image_size, classes: of the images; the side is halved five times, rounded up.
        width: channels of the first convolution; 64 in the paper, then 2, 4, 4, 8, 8, 8, 8 times.

    The other arguments are those of `pynada_mlp`.

    >>> pynada_vgg9()(torch.zeros(2, 1, 28, 28)).shape
    torch.Size([2, 10])
    """
    side = -(-checked_size(image_size, "image_size") // 32)

    def body(by: float, seen: Neuron, _: Neuron) -> nn.Sequential:
        layers: list[nn.Module] = [OneSize(channels, image_size, "pynada_vgg9")]
        before = channels
        stages = ((1,), (2,), (4, 4), (8, 8), (8, 8))
        for multiples, rate in zip(stages, PYNADA_DROPOUT, strict=True):
            for wide in _scaled([width * multiple for multiple in multiples], by):
                layers.append(seen(partial(nn.Conv2d, before, wide, 3, padding=1)))
                before = wide
            layers += [nn.MaxPool2d(2, ceil_mode=True), nn.Dropout(rate)]
        return nn.Sequential(*layers, nn.Flatten(), scores(before * side * side, classes))

    make = _apical(activation, alpha, leak, learnable)
    return _built(body, neuron, (make, make), activation_factory(basal), generator)


class CharacterMaps(nn.Module):
    """Embeds texts of one length and lays them out as maps, (N, length) -> (N, size, length)."""

    def __init__(self, vocabulary: int, size: int, length: int) -> None:
        super().__init__()
        self.length = length
        self.embedding = nn.Embedding(vocabulary, size)

    def forward(self, tokens: Tensor) -> Tensor:
        """Return the embedded characters, channels first."""
        need_tokens("pynada_char_cnn", tokens, self.embedding.num_embeddings)
        if tokens.shape[1] != self.length:
            raise ActlasError(f"pynada_char_cnn: made for texts of {self.length} characters, got "
                              f"{tokens.shape[1]}")  # fmt: skip
        maps: Tensor = self.embedding(tokens).transpose(1, 2)
        return maps


class Excitation(nn.Module):
    """Squeeze and excitation: scales every channel by what the means of all say of it."""

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.squeeze, self.excite = nn.Linear(channels, hidden), nn.Linear(hidden, channels)

    def forward(self, x: Tensor) -> Tensor:
        """Return x, (N, channels, length), with its channels scaled by numbers in (0, 1)."""
        scale = torch.sigmoid(self.excite(torch.relu(self.squeeze(x.mean(2)))))
        return x * scale.unsqueeze(2)


@network(
    id="pynada_char_cnn", title="PyNADA character-CNN", takes="tokens", input=(128,), paper=PAPER,
    parameters={
        "length=5000, size=256, width=128": 6_846_345,
        "length=5000, size=256, width=128, neuron='single'": 3_437_833,
    },
    deviations=(*_DEVIATIONS, "The released code draws the weights as Keras does, embeddings from "
                "U(-0.05, 0.05); here embeddings are N(0, 1), PyTorch's."),
)  # fmt: skip
def pynada_char_cnn(
    *, vocabulary: int = 106, length: int = 128, classes: int = 2, size: int = 16,
    width: int = 16, neuron: str = "pynada", activation: Activation | None = None,
    basal: Activation | None = None, alpha: float = 0.5, learnable: bool = True,
    dropout: float = 0.5, generator: torch.Generator | None = None,
) -> nn.Sequential:  # fmt: skip
    """Convolution network over characters, with squeeze and excitation, of PyNADA neurons.

    Args:
        vocabulary: characters and the one for "none"; 105 + 1 in the paper.
        length: characters of a text, at least 69; 5000 in the paper.
        size, width: of the embedding and of all layers; 256 and 128 in the paper.
        activation: the apical function everywhere; None for ADA in the convolutions and leaky
            ADA in the dense layers, both with c = 1 and one alpha.
        basal: the basal function; None for a ReLU with the threshold 1e-6.
        dropout: in front of the last layer.

    The other arguments are those of `pynada_mlp`.

    >>> pynada_char_cnn()(torch.zeros(2, 128, dtype=torch.long)).shape
    torch.Size([2, 2])
    """
    need_sizes("pynada_char_cnn", vocabulary=vocabulary, length=length, size=size)
    left = ((((length - 6) // 3) - 6) // 3 - 2) // 3
    if left < 1:
        raise ActlasError(f"pynada_char_cnn: length must be at least 69, got {length}")
    last = dropping(checked_probability(dropout, "dropout"))

    def body(by: float, seen: Neuron, dense: Neuron) -> nn.Sequential:
        wide, before = _scaled((width,), by)[0], size
        layers: list[nn.Module] = [CharacterMaps(vocabulary, size, length)]
        for kernel in (7, 7, 3):
            layers += [seen(partial(nn.Conv1d, before, wide, kernel)), nn.MaxPool1d(3),
                       Excitation(wide, max(1, wide // 64))]  # fmt: skip
            before = wide
        return nn.Sequential(
            *layers, nn.Flatten(), dense(partial(nn.Linear, wide * left, wide)),
            dense(partial(nn.Linear, wide, wide)), *last, scores(wide, classes),
        )  # fmt: skip

    rectifier = activation_factory(
        basal if basal is not None else lambda: create("thresholded_relu", theta=1e-6)
    )
    made = _dendrites(activation, alpha, learnable)
    return _built(body, neuron, made, rectifier, generator)


def _dendrites(
    activation: Activation | None, alpha: float, learnable: bool
) -> tuple[ActivationFactory, ActivationFactory]:
    """Return the makers of both apical functions of the character-CNN, c = 1, with one alpha."""
    if activation is not None:
        return (activation_factory(activation),) * 2
    peak, leaky = (create(name, alpha=alpha, learnable=learnable) for name in ("ada", "leaky_ada"))
    if learnable:
        leaky.register_parameter("alpha", peak.get_parameter("alpha"))
    return lambda: peak, lambda: leaky
