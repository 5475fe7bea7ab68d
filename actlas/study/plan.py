"""The registered plan: everything a study decides before its first run."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from actlas.errors import ActlasError, nearest
from actlas.study.arms import split_activations
from actlas.study.command import check_plan, folded, keys
from actlas.study.plan_values import agreed, beyond, each_once, each_one_of, joined, number, one_of
from actlas.study.recipes import SAID, Part, crossed
from actlas.study.statistics.adaptive import FEWEST
from actlas.study.tasks import Selection, Task
from actlas.study.training import OPTIMIZERS, SCHEDULES, START_WEIGHTS, Recipe, RunSpec

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1)]
LEAST_JOINT = 8  # points of a joint search: fewer leave a plane of rate and decay empty
Seeds = Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(min_length=1)]


class TaskValues(BaseModel):
    """What a study of several tasks may set for each of them; see `Plan` for the meaning."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    network: str | None = None
    optimizer: str | None = None
    learning_rates: Annotated[tuple[Positive, ...], Field(min_length=1)] | None = None
    epochs: Count | None = None
    batch_size: Count | None = None
    weight_decay: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    selection: Selection | None = None
    practical_difference: Positive | None = None

    @field_validator("learning_rates")
    @classmethod
    def _rates_once(cls, values: tuple[float, ...] | None) -> tuple[float, ...] | None:
        return each_once(values)

    @field_validator("optimizer")
    @classmethod
    def _known_optimizer(cls, name: str | None) -> str | None:
        return one_of(name, OPTIMIZERS)


def _design(given: dict[str, Any]) -> Literal["adaptive", "fixed"]:
    """Return the design of a study that names none."""
    return "adaptive" if len(given.get("seeds", ())) >= FEWEST else "fixed"


def _budget(given: dict[str, Any]) -> int:
    """Return the budget of a search that names none."""
    return 2 * LEAST_JOINT if given.get("search") == "joint" else 5


class Plan(TaskValues):
    """A study, fixed in advance; None means "as the task says".

    Args:
        task: a task's name, or `module:attribute`; several as a list, or with commas between them.
        network: a network in place of the task's own: "wide_resnet(depth=10, width=1)",
            "timm:NAME", "torchvision:NAME"; `actlas models` lists ours.
        activations: the functions, with parameters where wanted: "leaky_relu(negative_slope=0.2)".
            One can bring its network, "telu in mlp(hidden=(96,))", and a network with functions of
            its own stands by its name: "maxout_mlp(hidden=(32,))". "matched" in the place of a
            number is the width at which the network has the parameters of the reference's.
        reference: the function that the others are compared with.
        seeds: the seeds of the confirmation, at least 2; a number n stands for 0 ... n-1. They are
            the most that an adaptive study takes.
        splits: in how many ways training and validation examples are cut, at random; seed k takes
            cut k modulo their number, and the test set stays. Of tasks whose examples may change
            places.
        tuning_seeds: the seeds of the learning-rate search; they draw other numbers than `seeds`.
        search: "halving" tries all learning rates in runs of a quarter of the epochs, and trains
            the best third in full, two at least; "grid" trains every one in full; "joint" is
            halving on quasi-random points of the rate, the weight decay (a factor of 32 to each
            side) and, for functions with parameters of their own, `shape_rate` (a factor of 10).
        design: "adaptive" looks as seeds are added, from 5 on, and stops a function as soon as its
            interval decides; "fixed" runs every seed, as every study of fewer than 5 does.
        optimizer: "sgd" (momentum 0.9), "adam" or "adamw"; by default the task's. Of `optimizer`,
            `initialisation`, `schedule` and `length` several may be given, as a list or with commas
            between them: every task is then run under every combination, each a part of its own.
        budget: the most settings that are tried for a function, the same for every one: learning
            rates, 5 by default; points of a joint search, 16 by default and 8 at least.
        learning_rates: the first grid, instead of the task's; at most `budget` of them. A joint
            search takes them from the lowest to the highest.
        epochs, batch_size, weight_decay: as usual.
        length: the part of the epochs that is trained, with a schedule of that length: [0.25, 1]
            asks whether a shorter training says the same.
        shape_rate: the learning rate of the functions' own parameters, in units of the weights'.
        gradient_clip: the norm to which gradients are clipped; 0 for no clipping.
        initialisation: how start weights are drawn: "own gain" of each function, "relu gain" for
            all, "xavier" (uniform, times ReLU's gain) or "framework" (as PyTorch makes them).
            With "standardised" all functions have mean 0 and variance 1 for standard normal inputs,
            by a shift and a factor that stay, so that their shapes alone are compared.
        start_bias: where biases start.
        momentum: of "sgd"; the first beta of "adam" and "adamw".
        schedule: of the learning rate after the warm-up: "cosine", "constant", or "steps" (x0.2
            after 30, 60 and 80 % of the epochs).
        warm_up: the part of all steps in which the learning rate rises.
        selection: which epoch is tested: "best epoch" on the validation set, of equal scores that
            with the lowest loss there, or "last epoch"; by default the task's.
        fresh_optimizer: make the optimiser anew every epoch, as some published scripts do.
        device: where networks are trained: "cpu", or an accelerator by PyTorch's name: "cuda",
            "cuda:1", "mps". One process serves an accelerator unless `workers` says otherwise.
        practical_difference: differences smaller than this do not matter, in the metric's unit.
        for_task: of several tasks, by name, the values that hold for that task alone: network,
            optimizer, learning_rates, epochs, batch_size, weight_decay, selection,
            practical_difference. A task under one recipe of several is named "digits@adamw".
    """

    task: str = "digits"
    activations: tuple[str, ...] = ("relu", "gelu", "silu", "mish", "telu", "serf")
    reference: str = "relu"
    seeds: Annotated[Seeds, Field(min_length=2)] = tuple(range(20))
    splits: Count = RunSpec.splits
    tuning_seeds: Seeds = (0, 1)
    search: Literal["halving", "grid", "joint"] = "halving"
    design: Literal["adaptive", "fixed"] = Field(default_factory=_design)
    budget: Count = Field(default_factory=_budget)
    gradient_clip: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 1.0
    initialisation: str = Recipe.initialisation
    start_bias: Annotated[float, Field(allow_inf_nan=False)] = Recipe.start_bias
    momentum: Annotated[float, Field(ge=0, lt=1)] = Recipe.momentum
    schedule: str = Recipe.schedule
    length: str = "1"
    warm_up: Annotated[float, Field(ge=0, lt=1)] = Recipe.warm_up
    fresh_optimizer: bool = Recipe.fresh_optimizer
    shape_rate: Positive = Recipe.shape_rate
    device: Annotated[str, Field(pattern=r"^[a-z]+(:\d+)?$")] = RunSpec.device
    for_task: dict[str, TaskValues] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _own_program(cls, values: Any) -> Any:
        return folded(values) if isinstance(values, Mapping) else values

    @field_validator("optimizer", mode="before", json_schema_input_type=str | list[str] | None)
    @classmethod
    def _optimizers(cls, value: Any) -> Any:
        return joined(value, "optimizer")

    @field_validator("task", "initialisation", "schedule", mode="before",
                     json_schema_input_type=str | list[str])  # fmt: skip
    @classmethod
    def _names_with_commas(cls, value: Any, info: ValidationInfo) -> Any:
        return joined(value, str(info.field_name))

    @field_validator("optimizer")
    @classmethod
    def _known_optimizer(cls, name: str | None) -> str | None:
        """Take several, where a task alone takes one."""
        return each_one_of(name, OPTIMIZERS)

    @field_validator("length", mode="before",
                     json_schema_input_type=float | list[float] | str)  # fmt: skip
    @classmethod
    def _lengths(cls, value: Any) -> Any:
        several = value.split(",") if isinstance(value, str) else value
        several = several if isinstance(several, (list, tuple)) else [several]
        return joined([number(one) for one in several], "length")

    @field_validator("length")
    @classmethod
    def _parts_of_the_epochs(cls, lengths: str) -> str:
        for one in lengths.split(","):
            if not re.fullmatch(r"\d*\.?\d+", one) or not 0 < float(one) <= 1:
                raise ValueError("a length is a part of the epochs, above 0 and at most 1")
        return lengths

    @field_validator("initialisation")
    @classmethod
    def _known_initialisation(cls, name: str) -> str | None:
        return each_one_of(name, START_WEIGHTS)

    @field_validator("schedule")
    @classmethod
    def _known_schedule(cls, name: str) -> str | None:
        return each_one_of(name, SCHEDULES)

    @field_validator("activations", mode="before", json_schema_input_type=str | list[str])
    @classmethod
    def _names(cls, value: Any) -> Any:
        return split_activations(value) if isinstance(value, str) else value

    @field_validator("seeds", "tuning_seeds", mode="before", json_schema_input_type=int | list[int])
    @classmethod
    def _count_or_list(cls, value: Any) -> Any:
        return tuple(range(value)) if isinstance(value, int) and value >= 0 else value

    @field_validator("seeds", "tuning_seeds")
    @classmethod
    def _seeds_once(cls, values: tuple[int, ...]) -> tuple[int, ...] | None:
        return each_once(values)

    @model_validator(mode="after")
    def _within_budget(self) -> Plan:
        if self.search == "joint" and self.budget < LEAST_JOINT:
            raise ValueError(f"a joint search needs a budget of at least {LEAST_JOINT} points, "
                             f"got {self.budget}")  # fmt: skip
        for values in (self, *self.for_task.values()):
            count = len(values.learning_rates or ())
            if count > self.budget:
                raise ValueError(f"learning_rates holds {count} rates, the budget is {self.budget}")
        return self

    @model_validator(mode="after")
    def _known_tasks(self) -> Plan:
        recipes = {part.name: part.recipe for part in self.parts if part.recipe}
        for name, values in self.for_task.items():
            known = (*self.tasks, *recipes)
            if name not in known:
                raise ValueError(
                    f"for_task names {name!r}; the tasks are {', '.join(known)}."
                    f"{nearest(name, known)}"
                )
            fixed = {*recipes.get(name, ()), "practical_difference"} & values.model_fields_set
            if name in recipes and fixed:
                raise ValueError(f"for_task.{name} cannot set {fixed.pop()}: {_FIXED}")
        return self

    @model_validator(mode="after")
    def _programs_are_told_enough(self) -> Plan:
        for part in self.parts:
            check_plan(part.task, self.on(part.name), part.recipe)
        return self

    @property
    def trained_epochs(self) -> int:
        """The epochs that runs of a part are trained for.

        >>> make_plan({"epochs": 20, "length": 0.25}).trained_epochs
        5
        """
        return max(1, round((self.epochs or 1) * float(self.length)))

    @property
    def tasks(self) -> tuple[str, ...]:
        """The names of the tasks."""
        return tuple(self.task.split(","))

    @property
    def parts(self) -> tuple[Part, ...]:
        """Every task under every recipe, task by task: what is tuned, run and judged by itself.

        >>> [part.name for part in make_plan({"optimizer": ["sgd", "adamw"]}).parts]
        ['digits@sgd', 'digits@adamw']
        """
        return tuple(
            part
            for name in self.tasks
            for part in crossed(name, {key: getattr(self.on(name), key) for key in SAID})
        )

    def on(self, name: str) -> Plan:
        """Return the plan of one task, or of one part, with the values that hold for it alone.

        >>> plan = make_plan({"task": ["digits", "mnist"], "for_task": {"mnist": {"epochs": 3}}})
        >>> plan.on("mnist").epochs, plan.on("digits").epochs
        (3, None)
        """
        parts = () if name in self.tasks else self.parts
        part = next((part for part in parts if part.name == name), Part(name))
        own: dict[str, Any] = {}
        for level in (part.task, part.name):
            if level in self.for_task:
                own |= self.for_task[level].model_dump(exclude_none=True)
        return self.model_copy(update={**own, **part.recipe, "task": part.task, "for_task": {}})

    def resolved(self, task: Task) -> Plan:
        """Return the plan of one part with the task's values where none were given."""
        optimizer = self.optimizer or task.optimizer
        defaults: dict[str, Any] = {
            "optimizer": optimizer,
            "epochs": task.epochs,
            "batch_size": task.batch_size,
            "weight_decay": task.weight_decay.get(optimizer, OPTIMIZERS[optimizer].weight_decay),
            "selection": task.selection,
            "practical_difference": task.practical_difference,
        }
        missing = {name: value for name, value in defaults.items() if getattr(self, name) is None}
        return self.model_copy(update=missing)

    def frozen(self, resolved: Sequence[Plan]) -> Plan:
        """Return the plan with the values of all its parts filled in, once where they agree.

        Args:
            resolved: the plan of every part, as `resolved` gives it.
        """
        found = [
            (part, {key: getattr(one, key) for key in TaskValues.model_fields
                    if key not in part.recipe})
            for part, one in zip(self.parts, resolved, strict=True)
        ]  # fmt: skip
        several = {key: getattr(self, key) for part, _ in found for key in part.recipe}
        shared = {**dict.fromkeys(TaskValues.model_fields), **agreed([own for _, own in found]),
                  **several}  # fmt: skip
        for_task: dict[str, dict[str, Any]] = {}
        for part, own in found:
            on_task = agreed([other for one, other in found if one.task == part.task])
            for_task[part.task] = beyond(shared, on_task)
            if part.recipe:
                for_task[part.name] = beyond(on_task, own)
        apart = {name: TaskValues(**own) for name, own in for_task.items() if own}
        return self.model_copy(update={**shared, "for_task": apart})


_FIXED = "its name says the recipe, and what does not matter is the task's"


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
    key = ".".join(part for part in problem["loc"] if isinstance(part, str))
    if problem["type"] == "extra_forbidden":
        own = {**Plan.model_fields, **keys()}
        fields = own if len(problem["loc"]) == 1 else TaskValues.model_fields
        unknown = str(problem["loc"][-1])
        return f"unknown key {key!r}; known: {', '.join(fields)}.{nearest(unknown, fields)}"
    if key in {"seeds", "tuning_seeds"} and problem["type"] == "too_short":
        least = problem["ctx"]["min_length"]
        return f"{key} must hold at least {least}, got {problem['ctx']['actual_length']}"
    return f"{key} = {problem['input']!r} is not allowed: {reason[:1].lower()}{reason[1:]}"
