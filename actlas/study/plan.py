"""The registered plan: everything a study decides before its first run."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from actlas.errors import ActlasError, nearest
from actlas.study.arms import split_activations
from actlas.study.tasks import Task
from actlas.study.training import OPTIMIZERS

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1)]
Seeds = Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(min_length=1)]


class Plan(BaseModel):
    """A study, fixed in advance; None means "as the task says".

    Args:
        task: a task's name, or `module:attribute`.
        network: a network in place of the task's own: "wide_resnet(depth=10, width=1)",
            "timm:NAME", "torchvision:NAME"; `actlas models` lists ours.
        activations: the functions, with parameters where wanted: "leaky_relu(negative_slope=0.2)".
        reference: the function that the others are compared with.
        seeds: the seeds of the confirmation, at least 2; a number n stands for 0 ... n-1.
        tuning_seeds: the seeds of the learning-rate search; they draw other numbers than `seeds`.
        design: "fixed" runs every seed; "adaptive" looks as seeds are added, and stops a function
            as soon as its interval decides: `seeds` are then the most, at least 5.
        optimizer: "sgd" (momentum 0.9), "adam" or "adamw".
        budget: the most learning rates that are tried for a function: the same for every one.
        learning_rates: the first grid, instead of the task's; at most `budget` of them.
        epochs, batch_size, weight_decay: as usual.
        gradient_clip: the norm to which gradients are clipped.
        practical_difference: differences smaller than this do not matter, in the metric's unit.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    task: str = "digits"
    network: str | None = None
    activations: tuple[str, ...] = ("relu", "gelu", "silu", "mish", "telu", "serf")
    reference: str = "relu"
    seeds: Annotated[Seeds, Field(min_length=2)] = tuple(range(10))
    tuning_seeds: Seeds = (0, 1)
    design: Literal["fixed", "adaptive"] = "fixed"
    optimizer: str = "sgd"
    budget: Count = 5
    learning_rates: Annotated[tuple[Positive, ...], Field(min_length=1)] | None = None
    epochs: Count | None = None
    batch_size: Count | None = None
    weight_decay: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    gradient_clip: Positive = 1.0
    practical_difference: Positive | None = None

    @field_validator("activations", mode="before", json_schema_input_type=str | list[str])
    @classmethod
    def _names(cls, value: Any) -> Any:
        return split_activations(value) if isinstance(value, str) else value

    @field_validator("seeds", "tuning_seeds", mode="before", json_schema_input_type=int | list[int])
    @classmethod
    def _count_or_list(cls, value: Any) -> Any:
        return tuple(range(value)) if isinstance(value, int) and value >= 0 else value

    @field_validator("seeds", "tuning_seeds", "learning_rates")
    @classmethod
    def _each_once(cls, values: tuple[Any, ...] | None) -> tuple[Any, ...] | None:
        if values is not None and len(set(values)) < len(values):
            raise ValueError("each value may be given once")
        return values

    @field_validator("optimizer")
    @classmethod
    def _known_optimizer(cls, name: str) -> str:
        if name not in OPTIMIZERS:
            raise ValueError(f"allowed: {', '.join(OPTIMIZERS)}.{nearest(name, OPTIMIZERS)}")
        return name

    @model_validator(mode="after")
    def _within_budget(self) -> Plan:
        count = len(self.learning_rates or ())
        if count > self.budget:
            raise ValueError(f"learning_rates holds {count} rates, the budget is {self.budget}")
        return self

    def resolved(self, task: Task) -> Plan:
        """Return the plan with the task's values where none were given."""
        defaults: dict[str, Any] = {
            "epochs": task.epochs,
            "batch_size": task.batch_size,
            "weight_decay": OPTIMIZERS[self.optimizer].weight_decay,
            "practical_difference": task.practical_difference,
        }
        missing = {name: value for name, value in defaults.items() if getattr(self, name) is None}
        return self.model_copy(update=missing)


def make_plan(fields: Mapping[str, Any], source: str = "") -> Plan:
    """Return a checked plan; ActlasError with one sentence for the first thing that is wrong.

    Args:
        fields: values by the names of `Plan`; None values are taken as not given.
        source: the file that the values come from, for the message.

    >>> make_plan({"seeds": 3}).seeds
    (0, 1, 2)
    """
    given = {name: value for name, value in fields.items() if value is not None}
    try:
        return Plan(**given)
    except ValidationError as error:
        raise ActlasError(f"{source}{': ' if source else ''}{_sentence(error)}") from None


def read_plan(path: Path) -> Plan:
    """Read a plan from a TOML file whose keys are the names of `Plan`."""
    try:
        fields = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ActlasError(f"cannot read the study file {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ActlasError(f"the study file {path} is not TOML: {error}") from error
    return make_plan(fields, source=str(path))


def _sentence(error: ValidationError) -> str:
    problem = error.errors()[0]
    reason = problem["msg"].removeprefix("Value error, ")
    if not problem["loc"]:  # two values that do not go together
        return reason
    key = str(problem["loc"][0])
    if problem["type"] == "extra_forbidden":
        known = ", ".join(Plan.model_fields)
        return f"unknown key {key!r}; known: {known}.{nearest(key, Plan.model_fields)}"
    if key in {"seeds", "tuning_seeds"} and problem["type"] == "too_short":
        least = problem["ctx"]["min_length"]
        return f"{key} must hold at least {least}, got {problem['ctx']['actual_length']}"
    return f"{key} = {problem['input']!r} is not allowed: {reason[:1].lower()}{reason[1:]}"
