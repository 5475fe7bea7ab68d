"""What identifies a run, and what a finished run leaves behind."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any


class Phase(StrEnum):
    """The two parts of a study; only the confirmation reads the test set."""

    TUNING = "tuning"
    CONFIRMATION = "confirmation"


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What published studies do otherwise; the defaults are the protocol of a comparison.

    The keys of `Plan` of the same names say what each of them means.
    """

    initialisation: str = "own gain"
    start_bias: float = 0.0
    momentum: float = 0.9
    schedule: str = "cosine"
    warm_up: float = 0.05  # the same for every function, since it decides usable rates
    selection: str = "best epoch"
    fresh_optimizer: bool = False
    shape_rate: float = 1.0


@dataclass(frozen=True)
class RunSpec(Recipe):
    """Everything that determines the outcome of one run; equal specifications, equal outcomes.

    `twin` marks the second arm of the reference, which draws its own numbers for the same seed.
    `network` is None for the task's own. `activation` is empty where the network has functions of
    its own; its weights then stay as it makes them. `formula` pins the definition behind the name,
    and `code` the programs that evaluate it.
    """

    task: str
    activation: str
    parameters: tuple[tuple[str, Any], ...]
    formula: str
    optimizer: str
    learning_rate: float
    weight_decay: float
    gradient_clip: float
    epochs: int
    batch_size: int
    phase: Phase
    seed: int
    twin: bool = False
    network: str | None = None
    code: str = ""
    device: str = "cpu"
    splits: int = 1

    @property
    def key(self) -> str:
        """The content hash under which the finished run is stored.

        What a recipe leaves at its default is not hashed, and neither are the processor and the
        task's own split: stored runs keep their keys when the recipe gets another field.
        """
        quiet = {*Recipe.__dataclass_fields__, "device", "splits"}
        told = {
            name: value
            for name, value in asdict(self).items()
            if name not in quiet or value != getattr(RunSpec, name)
        }
        text = json.dumps(told, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:20]

    @property
    def is_network(self) -> bool:
        """Whether the run is that of a network with functions of its own."""
        return not self.activation

    @property
    def function(self) -> str:
        """The function with its parameters; empty for a network by itself."""
        given = ", ".join(f"{name}={value}" for name, value in self.parameters)
        return f"{self.activation}({given})" if given else self.activation

    @property
    def subject(self) -> str:
        """What is trained, in words: the function, and the network if one is named."""
        return " in ".join(filter(None, (self.function, self.network)))

    @property
    def stream(self) -> str:
        """The name of the random numbers of this run: the same for every function."""
        return f"{self.phase.value}/{'twin' if self.twin else 'paired'}/{self.seed}"


@dataclass(frozen=True)
class Record:
    """The outcome of one run: scores in the task's metric, one curve value per epoch.

    `test` is None where the test set was not read. A run with a non-finite loss has `diverged`
    set and the metric's worst value as its scores: it is kept, never dropped. `together` says how
    many runs were trained as one batched model; `seconds` is then this run's share of the time, and
    so is `step_seconds`, the time of a training step (the median of the epochs' means), None in
    records that were made before steps were timed. `calibration` is the expected calibration error
    on the test set in points, None where there is none: in a search, for other metrics.
    """

    spec: RunSpec
    validation: float
    test: float | None
    best_epoch: int
    validation_curve: tuple[float, ...]
    loss_curve: tuple[float, ...]
    diverged: bool
    gain: float
    learned: Mapping[str, Any]
    seconds: float
    machine: Mapping[str, str]
    together: int = 1
    step_seconds: float | None = None
    calibration: float | None = None

    def to_json(self) -> str:
        """Return the record as one line of strict JSON, beginning with its key."""
        return json.dumps({"key": self.spec.key, **asdict(self)}, allow_nan=False)

    @classmethod
    def from_json(cls, line: str) -> Record:
        """Read a line that `to_json` wrote; ValueError, KeyError or TypeError if it is not one."""
        fields = json.loads(line)
        del fields["key"]
        spec = fields.pop("spec")
        pairs = tuple((name, _frozen(value)) for name, value in spec.pop("parameters"))
        curves: dict[str, Any] = {
            name: tuple(fields.pop(name)) for name in ("validation_curve", "loss_curve")
        }
        phase = Phase(spec.pop("phase"))
        return cls(RunSpec(parameters=pairs, phase=phase, **spec), **curves, **fields)


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
