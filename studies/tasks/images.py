"""Parts of image sets that a claim needs, small enough for a processor."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from torch import Tensor, nn

from actlas.models.densenet import dense_blocks
from actlas.study import Data, Split, Task
from actlas.study.tasks import find_task

Activation = Callable[[], nn.Module]
Load = Callable[[Path | None], Data]

_SMALL = "{} training images of {}, one fixed split: nothing here speaks of large data."


def _unit(images: Tensor) -> Tensor:
    """Return pixels from 0 to 1, as the scripts of TeLU's paper take them."""
    return images.float().div_(255)


def _first(load: Load, train: int, validation: int, test: int) -> Load:
    def part(split: Split, count: int) -> Split:
        return Split(split.inputs[:count].clone(), split.targets[:count].clone())

    def first(data_root: Path | None) -> Data:
        data = load(data_root)
        return Data(
            part(data.train, train), part(data.validation, validation), part(data.test, test)
        )

    return first


def small_cnn(activation: Activation) -> nn.Module:
    """Return three 3 x 3 convolutions of stride 2 and a linear layer, for 32 x 32 images."""
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, stride=2, padding=1), activation(),
        nn.Conv2d(8, 16, 3, stride=2, padding=1), activation(),
        nn.Conv2d(16, 32, 3, stride=2, padding=1), activation(),
        nn.Flatten(), nn.Linear(32 * 16, 10),
    )  # fmt: skip


def normalised_cnn(activation: Activation) -> nn.Module:
    """Return the same network with batch normalisation in front of each function."""
    layers: list[nn.Module] = []
    for fan_in, fan_out in ((3, 8), (8, 16), (16, 32)):
        layers += [nn.Conv2d(fan_in, fan_out, 3, stride=2, padding=1), nn.BatchNorm2d(fan_out)]
        layers += [activation()]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(32 * 16, 10))


class _Block(nn.Module):
    """Two normalised convolutions and the sum with what skips them."""

    def __init__(self, channels: int, activation: Activation) -> None:
        super().__init__()
        self.branch = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1), nn.BatchNorm2d(channels), activation(),
            nn.Conv2d(channels, channels, 3, padding=1), nn.BatchNorm2d(channels),
        )  # fmt: skip
        self.after = activation()

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.after(x + self.branch(x))
        return y


def residual_cnn(activation: Activation) -> nn.Module:
    """Return the normalised network with a residual block behind its second and third step."""
    layers: list[nn.Module] = []
    for fan_in, fan_out in ((3, 8), (8, 16), (16, 32)):
        layers += [nn.Conv2d(fan_in, fan_out, 3, stride=2, padding=1), nn.BatchNorm2d(fan_out)]
        layers += [activation()]
        layers += [_Block(fan_out, activation)] if fan_in > 3 else []
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(32 * 16, 10))


def dense_cnn(activation: Activation) -> nn.Module:
    """Return three dense blocks of three layers of 8 channels behind the stem of DenseNet-121.

    The stem, made for ImageNet, leaves 8 x 8 of 32 x 32 pixels: TeLU's experiments have it so.
    """
    stem = (nn.Conv2d(3, 16, 7, stride=2, padding=3, bias=False), nn.BatchNorm2d(16), activation(),
            nn.MaxPool2d(3, 2, padding=1))  # fmt: skip
    layers, width = dense_blocks(16, 8, 3, activation)
    return nn.Sequential(
        *stem, *layers, nn.BatchNorm2d(width), activation(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        nn.Linear(width, 10),
    )  # fmt: skip


def _three_hidden(activation: Activation) -> nn.Module:
    """Return the network of TeLU's test with negative biases, 784-128-128-10."""
    return nn.Sequential(
        nn.Flatten(), nn.Linear(784, 128), activation(), nn.Linear(128, 128), activation(),
        nn.Linear(128, 10),
    )  # fmt: skip


_fashion, _mnist, _cifar = (find_task(name) for name in ("fashion-mnist", "mnist", "cifar-10-cnn"))

BIASED_FASHION = Task(
    name="studies.tasks.images:BIASED_FASHION",
    title="Fashion-MNIST with pixels from 0 to 1 (784-128-128-10)",
    data=_fashion.data,
    transform=_unit,
    network=_three_hidden,
    epochs=20,
    batch_size=128,
    practical_difference=1.0,
    limits=("The official split is fixed: no word on other samples.",),
)

SMALL_MNIST = Task(
    name="studies.tasks.images:SMALL_MNIST",
    title="5,000 images of MNIST",
    data=_first(_mnist.data, 5_000, 2_000, 5_000),
    transform=_mnist.transform,
    network=_mnist.network,
    epochs=20,
    batch_size=128,
    practical_difference=0.5,
    limits=(_SMALL.format("5,000", "MNIST"),),
)

SMALL_FASHION = Task(
    name="studies.tasks.images:SMALL_FASHION",
    title="10,000 images of Fashion-MNIST",
    data=_first(_fashion.data, 10_000, 2_000, 5_000),
    transform=_fashion.transform,
    network=_fashion.network,
    epochs=15,
    batch_size=64,
    practical_difference=0.3,
    limits=(_SMALL.format("10,000", "Fashion-MNIST"),),
)


def _cifar_part(title: str, name: str, network: Callable[[Activation], nn.Module]) -> Task:
    return Task(
        name=f"studies.tasks.images:{name}",
        title=title,
        data=_first(_cifar.data, 3_000, 1_000, 4_000),
        transform=_cifar.transform,
        network=network,
        epochs=6,
        batch_size=64,
        practical_difference=0.5,
        limits=(_SMALL.format("3,000", "CIFAR-10"),),
        network_limits=("Three convolutions of 8, 16 and 32 channels, 6 epochs, no augmentation.",),
    )


SMALL_CIFAR = _cifar_part("3,000 images of CIFAR-10 (small CNN)", "SMALL_CIFAR", small_cnn)
RESIDUAL_CIFAR = _cifar_part(
    "3,000 images of CIFAR-10 (small residual CNN)", "RESIDUAL_CIFAR", residual_cnn
)
NORMALISED_CIFAR = _cifar_part(
    "3,000 images of CIFAR-10 (small CNN with batch normalisation)", "NORMALISED_CIFAR",
    normalised_cnn,
)  # fmt: skip

DENSE_CIFAR = replace(
    SMALL_CIFAR,
    name="studies.tasks.images:DENSE_CIFAR",
    title="4,000 images of CIFAR-10 (small DenseNet)",
    data=_first(_cifar.data, 4_000, 1_000, 4_000),
    network=dense_cnn,
    epochs=8,
    limits=(_SMALL.format("4,000", "CIFAR-10"),),
    network_limits=("Three dense blocks of three layers, 8 epochs, no augmentation.",),
)
