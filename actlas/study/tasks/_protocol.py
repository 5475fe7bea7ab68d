"""The task protocol: what a study needs to know about a problem."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn

from actlas.errors import ActlasError
from actlas.study.statistics import calibration_error

NetworkFactory = Callable[[Callable[[], nn.Module]], nn.Module]
Selection = Literal["best epoch", "last epoch"]
Augment = Callable[[Tensor, Tensor, torch.Generator], tuple[Tensor, Tensor]]


@dataclass(frozen=True)
class Split:
    """Examples and their targets, the example number first."""

    inputs: Tensor
    targets: Tensor

    def __len__(self) -> int:
        return len(self.targets)


@dataclass(frozen=True)
class Data:
    """The three parts of a data set; a study reads the test part only to confirm.

    `further` are the other splits of the same data, where it comes with several.
    """

    train: Split
    validation: Split
    test: Split
    further: tuple[Data, ...] = field(default=(), kw_only=True)

    def of_seed(self, seed: int) -> Data:
        """Return the split that a seed trains on, the same for every function: they take turns.

        >>> split = Split(torch.zeros(2, 1), torch.zeros(2))
        >>> one, other = Data(split, split, split), Data(split, split, split)
        >>> Data(split, split, split, further=(one, other)).of_seed(5) is other
        True
        """
        splits = (self, *self.further)
        return splits[seed % len(splits)]


@dataclass(frozen=True)
class Metric:
    """A score of a network's outputs.

    `worst` is the finite score that a diverged run gets; no score may be worse, or a bad run
    would be better off diverged.
    """

    name: str
    unit: str
    score: Callable[[Tensor, Tensor], float]
    worst: float
    higher_is_better: bool = True

    def __post_init__(self) -> None:
        if not math.isfinite(self.worst):
            raise ActlasError(f"the worst score of {self.name} must be finite, got {self.worst}")

    def beats(self, one: float, other: float) -> bool:
        """Return whether `one` is the better score."""
        return one > other if self.higher_is_better else one < other

    @property
    def sign(self) -> int:
        """+1 where more is better, else -1: the factor that makes a difference an improvement."""
        return 1 if self.higher_is_better else -1


@dataclass(frozen=True)
class Published:
    """A score that others report for the same data and metric: what a study's baseline is held to.

    Args:
        score: in the metric's unit.
        network: what reached it, in a few words.
        source: a paper with its year, and an arXiv id, a DOI or an address where it has one.

    Raises:
        ActlasError: if the score is not finite, or network or source is empty.

    Source: rule 4 of the protocol, docs/decisions/0007.
    """

    score: float
    network: str
    source: str

    def __post_init__(self) -> None:
        if not (math.isfinite(self.score) and self.network and self.source):
            raise ActlasError("a published score is a finite number with a network and a source, "
                              f"got {self}")  # fmt: skip

    def reached_by(self, score: float, metric: Metric) -> bool:
        """Return whether a score is as good, or falls short of it by no more than a margin.

        The margin is 1 point where a score counts points (or %) and more is better, else 1 % of
        the published score.

        >>> published = Published(98.0, "a network", "a paper")
        >>> published.reached_by(97.5, ACCURACY), published.reached_by(96.5, ACCURACY)
        (True, False)
        """
        share = metric.higher_is_better and metric.unit in ("points", "%")
        margin = 1.0 if share else abs(self.score) / 100
        return metric.sign * (self.score - score) <= margin

    @property
    def origin(self) -> str:
        """Who reached it with what, as reports say it."""
        return f"{self.network}; {self.source}"


def _accuracy(outputs: Tensor, targets: Tensor) -> float:
    return 100.0 * (outputs.argmax(dim=1) == targets).sum().item() / len(targets)


ACCURACY = Metric("accuracy", "points", _accuracy, worst=0.0)


def _as_float(inputs: Tensor) -> Tensor:
    return inputs.float()


@dataclass(frozen=True)
class Task:
    """A problem on which functions are compared.

    Args:
        name: the id, as in `actlas compare --task NAME`.
        title: the name for people.
        data: called with the data folder (or None) and returns the three parts, or several splits
            in three parts. It must give the same tensors every time.
        network: called with a factory of activation modules and returns the network. Call the
            factory once for every place where the function stands; weights of linear and
            convolution layers are drawn anew for every run.
        epochs: passes over the training data.
        batch_size: examples per step.
        learning_rates: the centre of the learning-rate grid for each optimiser.
        optimizer: the one that a study takes unless it names another.
        weight_decay: for optimisers with which these data want another one than usual.
        selection: which epoch is tested: "best epoch" on the validation set, or "last epoch", for
            data whose validation set is too small to tell epochs apart.
        practical_difference: the difference in the metric that is too small to matter: half the
            width of the region of practical equivalence.
        limits: sentences on what a study on these data cannot say.
        network_limits: the same on its network; they go when another network is named.
        subject: the name of the data alone, where `title` names the network too.
        sizes: options of networks that the data decide, such as vocabulary; they are given to a
            network that is named in place of the task's own.
        adapt: what is put around such a network, where it cannot take the inputs as they are.
        metric: how outputs are scored.
        loss: what is minimised, of outputs and targets that lie side by side.
        transform: turns stored inputs into the network's, batch by batch.
        augment: changes transformed inputs and targets at random, while training, such as by
            mirroring images. It draws from the generator it is given, on the processor, and from
            nowhere else, so that every function meets the same changes.
        download: fetches the files into a data folder, where there is a place to fetch them from.
        aliases: other names.
        published: what others reach on these data in this metric with a network as near to the
            default as could be found; it stays when another network is named. None where nothing
            is published.
        source: where the data come from, for people: a paper, a generator.
        folder: where the files lie in the data folder; empty where none are needed.
        architecture: the network in a few words.
        evaluation_batch: examples that are scored at once; fewer need less memory.
        exchangeable: training and validation examples were drawn alike and one by one, so that a
            study may cut them anew: the `splits` of a plan.
    """

    name: str
    title: str
    data: Callable[[Path | None], Data]
    network: NetworkFactory
    epochs: int
    batch_size: int
    practical_difference: float
    limits: tuple[str, ...]
    learning_rates: Mapping[str, float] = field(
        default_factory=lambda: {"sgd": 0.05, "adam": 0.002, "adamw": 0.002}
    )
    optimizer: str = "sgd"
    weight_decay: Mapping[str, float] = field(default_factory=dict)
    selection: Selection = "best epoch"
    metric: Metric = ACCURACY
    loss: Callable[[Tensor, Tensor], Tensor] = torch.nn.functional.cross_entropy
    transform: Callable[[Tensor], Tensor] = _as_float
    augment: Augment | None = None
    download: Callable[[Path], None] | None = None
    aliases: tuple[str, ...] = ()
    network_limits: tuple[str, ...] = ()
    subject: str = ""
    sizes: Mapping[str, int] = field(default_factory=dict)
    adapt: Callable[[nn.Module], nn.Module] | None = None
    published: Published | None = None
    source: str = ""
    folder: str = ""
    architecture: str = ""
    evaluation_batch: int = 2000
    exchangeable: bool = False

    def training_batch(
        self, inputs: Tensor, targets: Tensor, draws: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """Return stored examples as a network is trained on them: transformed, then augmented.

        Args:
            inputs: as the data have them.
            targets: of these.
            draws: random state of the augmentation.
        """
        taken = self.transform(inputs)
        return self.augment(taken, targets, draws) if self.augment else (taken, targets)

    def calibration(self, outputs: Tensor, targets: Tensor) -> float | None:
        """Return the expected calibration error in points; None where outputs are no logits.

        Args:
            outputs: of the network, the classes in dimension 1.
            targets: the classes.
        """
        logits = self.loss is torch.nn.functional.cross_entropy
        if not logits or self.metric.score is not _accuracy:
            return None
        chances, found = outputs.double().softmax(dim=1).max(dim=1)
        if not bool(chances.isfinite().all()):
            return None
        right = (found == targets).flatten().cpu().numpy()
        return calibration_error(chances.clamp(max=1.0).flatten().cpu().numpy(), right)
