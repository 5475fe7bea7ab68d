"""What a function costs beside its score: time, memory kept for backward, speed of learning."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from actlas.errors import ActlasError
from actlas.study.arms import Arm, parse_activation
from actlas.study.training import Record

if TYPE_CHECKING:
    from actlas.study.result import TaskResult

_ROWS, _COLUMNS = 64, 256  # the tensor on which kept bytes are counted


@dataclass(frozen=True)
class Cost:
    """One arm's cost on one task.

    `step_seconds` holds the time of a training step, for every run that came to an end and was
    timed; `ratios` divides it by that of the reference's run of the same seed, where as many were
    trained as one model. `kept` are bytes for each
    value that backward needs beyond the output, in single precision; `kept_least` those of the
    plan "output", None where the function has none; both None for a network with functions of its
    own. `area` is the mean validation score over all epochs, `loss` the training loss of the last
    one, `calibration` the calibration error on the test set: means over the runs.
    """

    arm: Arm
    step_seconds: tuple[float, ...]
    ratios: tuple[float, ...]
    kept: float | None
    kept_least: float | None
    area: float | None
    loss: float | None
    calibration: float | None

    @property
    def milliseconds(self) -> float | None:
        """The median time of a training step; None where there is none."""
        return 1e3 * float(np.median(self.step_seconds)) if self.step_seconds else None

    @property
    def ratio(self) -> float | None:
        """The median time in units of the reference's; None where nothing can be compared."""
        return float(np.median(self.ratios)) if self.ratios else None


def costs(part: TaskResult) -> tuple[Cost, ...]:
    """Return the costs of every arm on a task, from its confirmation runs."""
    runs = part.outcome.confirmations
    reference = runs[part.arms[0].label]
    return tuple(_cost(arm, runs[arm.label], reference) for arm in part.arms)


def comparable(
    records: Sequence[Record], reference: Sequence[Record]
) -> list[tuple[Record, Record]]:
    """Return the runs whose times can be compared with the reference's, each with that of its seed.

    A run of many that were trained as one model has its share of their time, which says nothing
    beside the time of a run that was trained alone: both must have been as many.

    Args:
        records: runs of one arm.
        reference: those of the reference, on the same seeds at least.
    """
    by_seed = {record.spec.seed: record for record in reference}
    pairs = [(record, by_seed[record.spec.seed]) for record in records]
    return [(own, other) for own, other in pairs if own.together == other.together]


def _cost(arm: Arm, records: Sequence[Record], reference: Sequence[Record]) -> Cost:
    ended = [record for record in records if not record.diverged and record.loss_curve]
    timed = [record for record in ended if record.step_seconds]
    return Cost(
        arm=arm,
        step_seconds=tuple(record.step_seconds for record in timed if record.step_seconds),
        ratios=tuple(
            own.step_seconds / other.step_seconds
            for own, other in comparable(timed, reference)
            if own.step_seconds and other.step_seconds
        ),
        kept=None if arm.is_network else kept_bytes(arm.function),
        kept_least=None if arm.is_network else kept_bytes(arm.function, "output"),
        area=_mean([float(np.mean(record.validation_curve)) for record in ended]),
        loss=_mean([record.loss_curve[-1] for record in ended]),
        calibration=_mean([one.calibration for one in ended if one.calibration is not None]),
    )


def _mean(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if values else None


@cache
def kept_bytes(activation: str, plan: str = "input") -> float | None:
    """Return how many bytes backward needs for each value, beyond the output; None if illegal.

    The output is left out because the next layer keeps it anyway.

    Args:
        activation: the function, with parameters where wanted.
        plan: "input" (exact), or "output": see `actlas.nn.create`.

    >>> kept_bytes("gelu"), kept_bytes("leaky_relu(negative_slope=0.2)", plan="output")
    (4.0, 0.0)
    """
    import torch

    from actlas.nn import create

    name, parameters = parse_activation(activation)
    seen: dict[int, int] = {}

    def note(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        seen[storage.data_ptr()] = storage.nbytes()
        return tensor

    x = torch.linspace(-3, 3, _ROWS * _COLUMNS).reshape(_ROWS, _COLUMNS).requires_grad_()
    try:
        with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
            output = create(name, save=plan, **parameters)(x)
    except ActlasError:
        return None
    seen.pop(output.untyped_storage().data_ptr(), None)
    return round(sum(seen.values()) / x.numel(), 3)
