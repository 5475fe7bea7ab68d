"""MNIST and Fashion-MNIST: 28 x 28 grey images in the idx format."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from actlas.study.tasks._files import DataFile, data_folder, fetch, read_idx
from actlas.study.tasks._networks import cnn, mlp
from actlas.study.tasks._protocol import Data, Published, Split, Task
from actlas.study.tasks._registry import register

_VALIDATION = 10_000  # the last of the 60,000 training images

_NAMES = (
    "train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz",
    "t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz",
)  # fmt: skip


@dataclass(frozen=True)
class IdxImages:
    """A data set of four idx files; `mean` and `deviation` are of the training pixels / 255."""

    name: str
    title: str
    source: str
    address: str
    sha256: tuple[str, str, str, str]
    mean: float
    deviation: float

    @property
    def data_files(self) -> tuple[DataFile, ...]:
        return tuple(
            DataFile(name, sha256, self.address + name)
            for name, sha256 in zip(_NAMES, self.sha256, strict=True)
        )

    def load(self, data_root: Path | None) -> Data:
        """Read and check the four files; the images stay bytes."""
        folder = data_folder(data_root, self.name, self.title)
        train, train_labels, test, test_labels = (
            torch.tensor(read_idx(file, folder)) for file in self.data_files
        )
        first = len(train) - _VALIDATION
        return Data(
            Split(train[:first, None], train_labels[:first].long()),
            Split(train[first:, None], train_labels[first:].long()),
            Split(test[:, None], test_labels.long()),
        )

    def transform(self, images: Tensor) -> Tensor:
        """Return standardised pixels, float32 (n, 1, 28, 28)."""
        return images.float().sub_(255 * self.mean).div_(255 * self.deviation)

    def download(self, data_root: Path) -> None:
        """Fetch the files that are missing from their official address."""
        for file in self.data_files:
            fetch(file.address, data_root / self.name / file.name, file.verify)


MNIST = IdxImages(
    name="mnist",
    title="MNIST",
    source="LeCun et al. 1998",
    address="https://ossci-datasets.s3.amazonaws.com/mnist/",
    sha256=(
        "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
        "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
        "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
        "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
    ),
    mean=0.13066,
    deviation=0.30811,
)

FASHION_MNIST = IdxImages(
    name="fashion-mnist",
    title="Fashion-MNIST",
    source="Xiao, Rasul and Vollgraf, arXiv:1708.07747",
    address="http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    sha256=(
        "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
        "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
        "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
        "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
    ),
    mean=0.28604,
    deviation=0.35302,
)

_ARCHITECTURES = {"mlp": "MLP 784-128-128-10", "cnn": "2 convolutions of 32 and 64 channels"}
_EPOCHS = {"fashion-mnist-cnn": 10}  # five stay a point behind what is published
_LIMITS = {
    "mlp": "One small network without normalisation, two hidden layers of 128 units, few epochs.",
    "cnn": "One small convolutional network without normalisation or augmentation, few epochs.",
}
_FASHION_README = "README of github.com/zalandoresearch/fashion-mnist"
_PUBLISHED = {
    "mnist-mlp": Published(98.75, "MLP of 3 x 1024 ReLUs with dropout",
                           "Srivastava et al. 2014, JMLR 15, table 2"),
    "mnist-cnn": Published(99.05, "LeNet-5, no augmentation",
                           "LeCun et al. 1998, doi:10.1109/5.726791"),
    "fashion-mnist-mlp": Published(87.1, "scikit-learn's MLP, one hidden layer of 100 ReLUs",
                                   "Xiao, Rasul and Vollgraf 2017, arXiv:1708.07747, table 3"),
    "fashion-mnist-cnn": Published(91.6, "2 convolutions of 32 and 64 channels", _FASHION_README),
}  # fmt: skip


def _register(images: IdxImages, practical_difference: float) -> None:
    networks = {"mlp": mlp(784, 128, 128, 10), "cnn": cnn((1, 28, 28), 32, 64)}
    for kind, network in networks.items():
        register(
            Task(
                name=f"{images.name}-{kind}",
                aliases=(images.name,) if kind == "mlp" else (),
                title=f"{images.title} ({kind.upper()})",
                subject=images.title,
                source=images.source,
                folder=images.name,
                data=images.load,
                download=images.download,
                transform=images.transform,
                network=network,
                architecture=_ARCHITECTURES[kind],
                epochs=_EPOCHS.get(f"{images.name}-{kind}", 5),
                batch_size=128,
                practical_difference=practical_difference,
                exchangeable=True,
                limits=("The official split is fixed: no word on other samples.",),
                network_limits=(_LIMITS[kind],),
                published=_PUBLISHED[f"{images.name}-{kind}"],
            )
        )


_register(MNIST, practical_difference=0.2)
_register(FASHION_MNIST, practical_difference=0.3)
