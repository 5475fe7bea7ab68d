"""How a program is called: a template that is checked, and filled in without a shell."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Collection, Iterable, Mapping
from string import Formatter
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import parse_qsl, quote

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from actlas.errors import ActlasError, nearest
from actlas.study.tasks import COMMAND
from actlas.study.training import Phase, RunSpec

if TYPE_CHECKING:
    from actlas.study.arms import Arm
    from actlas.study.plan import Plan

JSON = "json:"

_NOT_QUOTED = " !\"#$'()*-./:;<=>?@[\\]^_`{|}~"  # but "%", "&" and "+" of the form, "," of lists
_OTHER_SEEDS = 1_000_000  # apart from the seeds of the confirmation


class Command(BaseModel):
    """A training program of the user's own; the keys are those of a study file.

    Args:
        command: the call, with {activation}, {seed} and {lr} where their values belong; also
            {epochs}, {batch_size}, {weight_decay}, {optimizer} and {phase}. It is split as a shell
            would split it, but no shell runs; braces that stay are doubled.
        metric: the validation score in what the program prints: a regular expression, of which the
            first group (or all of it) is the number, or "json:KEY" for lines of JSON. The last one
            counts, those before it are the learning curve.
        test_metric: the same for the test score, which is read in the confirmation only; without
            it the validation score stands for it, and the report says so.
        lower_is_better: true for an error or a loss.
        worst: the score of a run that fails; 0 where more is better.
        timeout: the most seconds that one attempt may take.
        retries: further attempts after a crash or a time-out.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    command: Annotated[str, Field(min_length=1)]
    metric: Annotated[str, Field(min_length=1)]
    test_metric: Annotated[str, Field(min_length=1)] | None = None
    lower_is_better: bool = False
    worst: Annotated[float, Field(allow_inf_nan=False)] | None = None
    timeout: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    retries: Annotated[int, Field(ge=0)] = 0

    @field_validator("command")
    @classmethod
    def _template(cls, text: str) -> str:
        used = placeholders(text)
        for name in used:
            if name not in VALUES:
                raise ValueError(f"{{{name}}} is not a placeholder; known: "
                                 f"{', '.join(VALUES)}.{nearest(name, VALUES)}")  # fmt: skip
        for name in ("activation", "seed"):
            if name not in used:
                raise ValueError(f"{{{name}}} is missing; runs would not differ in it")
        return text

    @field_validator("metric", "test_metric")
    @classmethod
    def _pattern(cls, text: str | None) -> str | None:
        try:
            groups = 0 if text is None or text.startswith(JSON) else re.compile(text).groups
        except re.error as error:
            raise ValueError(f"it is no regular expression: {error}") from None
        if groups > 1:
            raise ValueError("it has more than one group; write (?:...) for the others")
        return text

    @model_validator(mode="after")
    def _worst_is_known(self) -> Command:
        if self.lower_is_better and self.worst is None:
            raise ValueError("lower_is_better needs worst: the score of a run that fails")
        return self

    @property
    def name(self) -> str:
        """The name of the task: the prefix and every value that was given, without a comma.

        The last "&" keeps a space at the end from those who strip names.
        """
        given = self.model_dump(exclude_defaults=True)
        return COMMAND + "".join(f"{key}={_escaped(value)}&" for key, value in given.items())


def keys() -> dict[str, Any]:
    """Return the fields of `Command`, in order: the keys of a study file."""
    return dict(Command.model_fields)


def _escaped(value: object) -> str:
    return quote(str(value), safe=_NOT_QUOTED)


def parsed(name: str) -> Command:
    """Return the command that a task's name holds; ActlasError if it holds none.

    >>> text = "python train.py {activation} {seed} {lr}"
    >>> parsed(Command(command=text, metric="json:accuracy", timeout=60).name).timeout
    60.0
    """
    return made(dict(parse_qsl(name.removeprefix(COMMAND), keep_blank_values=True)))


def made(fields: Mapping[str, Any]) -> Command:
    """Return a checked command; ActlasError with one sentence for the first thing wrong."""
    try:
        return Command(**fields)
    except ValidationError as error:
        raise ActlasError(_sentence(error)) from None


def _sentence(error: ValidationError) -> str:
    problem = error.errors()[0]
    reason = problem["msg"].removeprefix("Value error, ")
    if not problem["loc"]:
        return reason
    key = str(problem["loc"][0])
    if problem["type"] == "missing":
        return f"a command needs {key}: give --{key.replace('_', '-')}, or the key {key}"
    if problem["type"] == "extra_forbidden":
        return f"unknown key {key!r}; known: {', '.join(keys())}.{nearest(key, keys())}"
    return f"{key} = {problem['input']!r} is not allowed: {reason[:1].lower()}{reason[1:]}"


def folded(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a plan with the keys of a command, if there are any, as its task.

    >>> folded({"seeds": 3})
    {'seeds': 3}
    """
    own = {key: value for key, value in fields.items() if key in keys() and value is not None}
    rest = {key: value for key, value in fields.items() if key not in keys()}
    if not own:
        return rest
    task = rest.get("task")
    before = isinstance(task, str) and task.startswith(COMMAND)
    if task is not None and not before:
        raise ActlasError(f"give a task or a command; {task!r} and {', '.join(own)} are both there")
    return {**rest, "task": made({**(unfolded(str(task)) if before else {}), **own}).name}


def unfolded(name: str) -> dict[str, Any]:
    """Return the keys of a study file for a task's name; the task itself if it is no command.

    >>> unfolded("digits")
    {'task': 'digits'}
    """
    if not name.startswith(COMMAND):
        return {"task": name}
    return parsed(name).model_dump(exclude_defaults=True)


def check_plan(name: str, plan: Plan, several: Collection[str] = ()) -> None:
    """Raise ActlasError where a plan leaves open what only a built-in task would know.

    Args:
        name: the task's; nothing is asked of one that is not a command.
        plan: with the values that hold for this task.
        several: keys of which the study takes several values.
    """
    if not name.startswith(COMMAND):
        return
    used = placeholders(parsed(name).command)
    if plan.network is not None:
        raise ActlasError("a command has a network of its own; leave network out")
    if plan.splits > 1:
        raise ActlasError("a command has data of its own; leave splits out")
    for key in ("practical_difference", "learning_rates"):
        if getattr(plan, key) is None:
            raise ActlasError(f"a command needs {key} in the plan: {_MISSING[key]}")
    for key in ("epochs", "batch_size"):
        if key in used and getattr(plan, key) is None:
            raise ActlasError(f"the command uses {{{key}}}: give {key} in the plan")
    searched = ("lr", "weight_decay") if plan.search == "joint" else ()
    for key in (*several, *searched):
        if _PLACES.get(key, key) not in used:
            raise ActlasError(
                f"the study takes several values of {key}, and the command none: its runs would "
                f"not differ in it"
            )
    if "lr" not in used and len(plan.learning_rates or ()) > 1:
        raise ActlasError("several learning_rates are given and the command has no {lr}")


def need_no_network(arms: Iterable[Arm]) -> None:
    """Raise ActlasError for an arm that brings a network: a command has its own."""
    for arm in arms:
        if arm.network is not None:
            raise ActlasError(
                f"a command has a network of its own; name functions alone, not {arm.label!r}"
            )


_PLACES = {"length": "epochs"}  # what a program is told in another unit

_MISSING = {
    "practical_difference": "the difference in its metric that is too small to matter",
    "learning_rates": "the rates to try, or the one rate of a program without {lr}",
}


def placeholders(template: str) -> list[str]:
    """Return the names in braces, in order; ActlasError if the braces or quotes do not match.

    >>> placeholders("train --act {activation} {{}}")
    ['activation']
    """
    try:
        words = shlex.split(template)
        parts = [part for word in words for part in Formatter().parse(word)]
    except ValueError as error:
        raise ActlasError(f"the command {template!r} cannot be split: {error}") from None
    return [
        f"{name}{f'!{how}' if how else ''}{f':{form}' if form else ''}"
        for _, name, form, how in parts
        if name is not None
    ]


def arguments(template: str, spec: RunSpec) -> list[str]:
    """Return the words of the call; a value is always part of one word, whatever is in it."""
    values = {name: value(spec) for name, value in VALUES.items()}
    return [word.format_map(values) for word in shlex.split(template)]


def _seed(spec: RunSpec) -> int:
    """Return a seed that the other phase and the second arm of the reference do not use."""
    return spec.seed + _OTHER_SEEDS * ((spec.phase is Phase.TUNING) + 2 * spec.twin)


VALUES: Mapping[str, Callable[[RunSpec], object]] = {
    "activation": lambda spec: spec.function,
    "seed": _seed,
    "lr": lambda spec: repr(spec.learning_rate),
    "epochs": lambda spec: spec.epochs,
    "batch_size": lambda spec: spec.batch_size,
    "weight_decay": lambda spec: repr(spec.weight_decay),
    "optimizer": lambda spec: spec.optimizer,
    "phase": lambda spec: spec.phase.value,
    "device": lambda spec: spec.device,
}
