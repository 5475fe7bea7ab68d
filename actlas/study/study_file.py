"""The study file: a plan as TOML, values given as key=value, and the JSON Schema for editors."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterable, Mapping
from typing import Any

from actlas.errors import ActlasError, nearest
from actlas.study.command import Command, keys, unfolded
from actlas.study.plan import Plan, make_plan

_HEAD = "# A study of actlas; what is not given is as the task says.\n"


def plan_text(plan: Plan) -> str:
    """Return the study file that stands for a plan; `plan_from_text` reads it back.

    >>> print(plan_text(Plan(seeds=3)).splitlines()[1])
    task = "digits"
    """
    tasks = unfolded(plan.task) if len(plan.tasks) == 1 else {"task": plan.task}
    shared = {**tasks, **plan.model_dump(exclude={"task", "for_task"})}
    apart = "".join(
        f"\n[for_task.{_quoted(task)}]\n{_lines(values.model_dump())}"
        for task, values in plan.for_task.items()
    )
    return f"{_HEAD}{_lines(shared)}{apart}"


def _lines(values: Mapping[str, Any]) -> str:
    return "".join(f"{k} = {_quoted(v)}\n" for k, v in values.items() if v is not None)


def _quoted(value: Any) -> str:
    """Return a value, or a key that needs no bare form, as TOML: what JSON writes is TOML too."""
    return json.dumps(value, ensure_ascii=False)


def plan_from_text(text: str, source: str = "") -> Plan:
    """Return the plan in a study file's text; ActlasError with one sentence if it is none."""
    try:
        return make_plan(tomllib.loads(text), source=source)
    except tomllib.TOMLDecodeError as error:
        raise ActlasError(f"the study file {source} is not TOML: {error}") from error


def changed(plan: Plan, settings: Iterable[str], options: Mapping[str, Any] | None = None) -> Plan:
    """Return the plan with other values, given as "key=value".

    Args:
        plan: the study to start from.
        settings: values in TOML; text may be left bare: "seeds=5", "optimizer=adam",
            "activations=relu,gelu", "learning_rates=[0.01, 0.1]"; of one task among several:
            "for_task.mnist.epochs=3".
        options: values of other options, by the names of `Plan`.

    >>> changed(Plan(), ["seeds=3", "activations=relu,gelu"]).activations
    ('relu', 'gelu')
    """
    fields = {**plan.model_dump(exclude_unset=True), **(options or {})}
    for setting in settings:
        name, equals, value = setting.partition("=")
        if not equals:
            hint = nearest(name, (*Plan.model_fields, *keys()))
            raise ActlasError(f"--set takes key=value, as in seeds=5; got {setting!r}.{hint}")
        _set(fields, name.strip(), _value(value.strip()))
    return make_plan(fields)


def _set(fields: dict[str, Any], name: str, value: Any) -> None:
    """Set a field, or "for_task.TASK.KEY"; the name of a task may hold dots itself."""
    table, _, rest = name.partition(".")
    task, dot, key = rest.rpartition(".")
    if table == "for_task" and dot:
        fields.setdefault(table, {}).setdefault(task, {})[key] = value
    else:
        fields[name] = value


def _value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def schema() -> dict[str, Any]:
    """Return the JSON Schema of a study file, with the meaning of every key.

    >>> sorted(schema()["properties"])[:3]
    ['activations', 'batch_size', 'budget']
    """
    found, own = Plan.model_json_schema(), Command.model_json_schema()
    found["properties"] |= own["properties"]
    found["description"] = "A study of actlas: everything that is decided before the first run."
    for described in (Plan, Command):
        for names, meaning in _documented(described):
            for name in names:
                found["properties"][name]["description"] = meaning
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **found}


def _documented(described: type) -> Iterable[tuple[list[str], str]]:
    """Return the keys and their meaning, from the list of arguments in a docstring."""
    arguments = (described.__doc__ or "").partition("Args:\n")[2]
    for names, meaning in re.findall(r"^ {8}(\w[\w, ]*): ((?:.|\n {12})+)", arguments, re.M):
        yield names.split(", "), " ".join(meaning.split())
