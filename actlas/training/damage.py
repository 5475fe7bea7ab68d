"""Damage assessment from satellite images: networks x initialisers x optimisers x activations.

Papers: Bao, arXiv 2209.02124 (three convolutional networks "paired with additional model
considerations", above 99 %); data and first network: Cao and Choe, arXiv 1807.01688 (above 97 %).

Every cell of the grid trains one network for the same number of epochs from weights drawn by its
initialiser; the loss gives both classes the same weight in all, and what is reported are metrics
that a rare class cannot hide from (imbalance.py).

Deviations:
    The first paper's networks, initialisers and optimisers could not be read; nothing here is
    attributed to it. The three networks are a plain one of four convolutions, a VGG-like one with
    batch norm and dropout, and a residual one; a pretrained network comes in as
    `networks={"name": builder}`.
    Optimisers have one learning rate each: the grid shows differences, it does not tune.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor, nn

from actlas.errors import ActlasError, nearest
from actlas.init import autoinit_, kaiming_normal_, lecun_normal_, xavier_normal_
from actlas.nn import create
from actlas.training._checks import positive_integer
from actlas.training._random import seed_from
from actlas.training.damage_data import Buildings, Part
from actlas.training.imbalance import Metrics, metrics

T = TypeVar("T")
Activation = str | Callable[[], nn.Module]
Make = Callable[[], nn.Module]
Initialise = Callable[[nn.Module, Make, Tensor, torch.Generator], object]


# ---------------------------------------------------------------- networks


def plain(make: Make, width: int = 16) -> nn.Module:
    """Return four convolutions with max pooling, then a linear layer to one logit."""
    layers: list[nn.Module] = []
    for fan_in, fan_out in itertools.pairwise((3, width, 2 * width, 4 * width, 4 * width)):
        layers += [nn.Conv2d(fan_in, fan_out, 3, padding=1), make(), nn.MaxPool2d(2)]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4 * width, 1))


def vgg(make: Make, width: int = 16) -> nn.Module:
    """Return three stages of two convolutions with batch norm, with dropout before the end."""
    layers: list[nn.Module] = []
    for fan_in, fan_out in itertools.pairwise((3, width, 2 * width, 4 * width)):
        layers += [*_normed(fan_in, fan_out), make(), *_normed(fan_out, fan_out), make(),
                   nn.MaxPool2d(2)]  # fmt: skip
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.3),
                         nn.Linear(4 * width, 1))  # fmt: skip


def _normed(fan_in: int, fan_out: int, stride: int = 1) -> tuple[nn.Module, nn.Module]:
    return (nn.Conv2d(fan_in, fan_out, 3, stride, padding=1, bias=False), nn.BatchNorm2d(fan_out))


class _Block(nn.Module):
    """A residual block of two convolutions; it halves the image."""

    def __init__(self, fan_in: int, fan_out: int, make: Make) -> None:
        super().__init__()
        self.branch = nn.Sequential(*_normed(fan_in, fan_out, 2), make(),
                                    *_normed(fan_out, fan_out))  # fmt: skip
        self.shortcut = nn.Conv2d(fan_in, fan_out, 1, 2)
        self.after = make()

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.after(self.shortcut(x) + self.branch(x))
        return y


def residual(make: Make, width: int = 16) -> nn.Module:
    """Return a convolution and three residual blocks."""
    widths = (width, width, 2 * width, 4 * width)
    blocks = [_Block(fan_in, fan_out, make) for fan_in, fan_out in itertools.pairwise(widths)]
    return nn.Sequential(*_normed(3, width), make(), *blocks, nn.AdaptiveAvgPool2d(1),
                         nn.Flatten(), nn.Linear(4 * width, 1))  # fmt: skip


NETWORKS: Mapping[str, Callable[[Make], nn.Module]] = {
    "plain": plain,
    "vgg": vgg,
    "residual": residual,
}


# ------------------------------------------------- initialisers, optimisers


def _each(draw: Callable[[Tensor, Make, torch.Generator], object]) -> Initialise:
    """Return an initialiser that draws every weight and sets every bias to 0."""

    def initialise(model: nn.Module, make: Make, _: Tensor, generator: torch.Generator) -> None:
        for module in model.modules():
            if isinstance(module, (nn.Conv2d, nn.Linear)):
                draw(module.weight, make, generator)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    return initialise


INITIALISERS: Mapping[str, Initialise] = {
    "glorot": _each(lambda w, _, g: xavier_normal_(w, generator=g)),
    "he": _each(lambda w, make, g: kaiming_normal_(w, nonlinearity=make(), generator=g)),
    "lecun": _each(lambda w, _, g: lecun_normal_(w, generator=g)),
    "autoinit": lambda model, _, example, g: autoinit_(model, example, generator=g),
}
OPTIMISERS: Mapping[str, Callable[[Iterable[nn.Parameter]], torch.optim.Optimizer]] = {
    "sgd": lambda p: torch.optim.SGD(p, lr=0.02, momentum=0.9),
    "rmsprop": lambda p: torch.optim.RMSprop(p, lr=1e-3),
    "adam": lambda p: torch.optim.Adam(p, lr=1e-3),
}


# -------------------------------------------------------------------- grid


@dataclass(frozen=True)
class Cell:
    """One choice of everything, and what it reached."""

    network: str
    initialiser: str
    optimiser: str
    activation: str
    validation: Metrics
    test: Metrics


def assess(
    data: Buildings,
    activations: Mapping[str, Activation] | Iterable[str] = ("relu",),
    *,
    networks: Mapping[str, Callable[[Make], nn.Module]] | Iterable[str] = NETWORKS,
    initialisers: Iterable[str] = ("he",),
    optimisers: Iterable[str] = ("adam",),
    epochs: int = 5,
    batch_size: int = 32,
    generator: torch.Generator,
) -> list[Cell]:
    """Train every cell of the grid, and return its metrics on validation and test images.

    Args:
        data: see `buildings`.
        activations: names of the catalogue, or {name: name or factory of modules}.
        networks: names of NETWORKS, or {name: builder}, where builder(make_activation) gives a
            network with one logit, of shape (N, 1).
        initialisers, optimisers: names of INITIALISERS and OPTIMISERS.
        epochs, batch_size: the same for every cell.
        generator: random state; every cell starts from the same one and sees the same batches.

    Raises:
        ActlasError: for an unknown name, with the nearest, or a part of the data with one class;
            nothing is trained then.
    """
    made = activations if isinstance(activations, Mapping) else {a: a for a in activations}
    makers = {name: _maker(activation) for name, activation in made.items()}
    builders = networks if isinstance(networks, Mapping) else _chosen(networks, NETWORKS, "network")
    starts = _chosen(initialisers, INITIALISERS, "initialiser")
    steps = _chosen(optimisers, OPTIMISERS, "optimiser")
    positive_integer(epochs, "epochs"), positive_integer(batch_size, "batch_size")
    _has_both_classes(data)
    seed = seed_from(generator)
    train, validation, test = _standardised(data)
    cells = []
    for network, start, step, name in itertools.product(builders, starts, steps, makers):
        with torch.random.fork_rng():  # dropout and the defaults of layers draw from PyTorch's own
            torch.manual_seed(seed)
            draws = torch.Generator().manual_seed(seed)
            model = builders[network](makers[name])
            starts[start](model, makers[name], train[0][:1], draws)
            _train(model, steps[step](model.parameters()), train, epochs, batch_size, draws)
        found = (_metrics(model, part) for part in (validation, test))
        cells.append(Cell(network, start, step, name, *found))
    return cells


def _chosen(names: Iterable[str], known: Mapping[str, T], what: str) -> dict[str, T]:
    for name in (names := list(names)):
        if name not in known:
            raise ActlasError(f"{what} is one of {', '.join(known)}, got {name!r}."
                              f"{nearest(str(name), known)}")  # fmt: skip
    return {name: known[name] for name in names}


def _maker(activation: Activation) -> Make:
    if isinstance(activation, str):
        create(activation)  # an unknown name is an error now
        return lambda: create(activation)
    if isinstance(activation, nn.Module) or not callable(activation):
        raise ActlasError(f"an activation is a name or a factory of modules, got {activation!r}")
    return activation


def _has_both_classes(data: Buildings) -> None:
    for name in ("train", "validation", "test"):
        found = getattr(data, name)[1].unique().tolist()
        if found != [0, 1]:
            raise ActlasError(f"the {name} images must have labels 0 and 1, both of them, got "
                              f"{found[:5]}")  # fmt: skip


def _standardised(data: Buildings) -> list[Part]:
    """Return all parts with the channels' mean and deviation of the training images taken out."""
    std, mean = torch.std_mean(data.train[0], (0, 2, 3), keepdim=True)
    return [((x - mean) / std, y) for x, y in (data.train, data.validation, data.test)]


def _train(
    model: nn.Module, optimiser: torch.optim.Optimizer, part: Part, epochs: int, size: int,
    generator: torch.Generator,
) -> None:  # fmt: skip
    x, y = part
    weight = (y == 0).sum() / (y == 1).sum()  # both classes count the same in all
    model.train()
    for _ in range(epochs):
        for index in torch.randperm(len(y), generator=generator).split(size):
            optimiser.zero_grad()
            logits = model(x[index])[:, 0]
            nn.functional.binary_cross_entropy_with_logits(
                logits, y[index].float(), pos_weight=weight
            ).backward()
            optimiser.step()


def _metrics(model: nn.Module, part: Part) -> Metrics:
    model.eval()
    with torch.no_grad():
        scores = torch.cat([model(x)[:, 0] for x in part[0].split(256)])
    return metrics(part[1].numpy(), scores.sigmoid().numpy())
