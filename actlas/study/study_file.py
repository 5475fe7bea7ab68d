"""The study file: a plan as TOML, values given as key=value, and the JSON Schema for editors."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterable
from typing import Any

from actlas.errors import ActlasError, nearest
from actlas.study.plan import Plan, make_plan

_HEAD = "# A study of actlas; what is not given is as the task says.\n"


def plan_text(plan: Plan) -> str:
    """Return the study file that stands for a plan; `plan_from_text` reads it back.

    >>> print(plan_text(Plan(seeds=3)).splitlines()[1])
    task = "digits"
    """
    given = {name: value for name, value in plan.model_dump().items() if value is not None}
    lines = (f"{name} = {json.dumps(value, ensure_ascii=False)}" for name, value in given.items())
    return _HEAD + "\n".join(lines) + "\n"


def plan_from_text(text: str, source: str = "") -> Plan:
    """Return the plan in a study file's text; ActlasError with one sentence if it is none."""
    try:
        return make_plan(tomllib.loads(text), source=source)
    except tomllib.TOMLDecodeError as error:
        raise ActlasError(f"the study file {source} is not TOML: {error}") from error


def changed(plan: Plan, settings: Iterable[str]) -> Plan:
    """Return the plan with other values, given as "key=value".

    Args:
        plan: the study to start from.
        settings: values in TOML; text may be left bare: "seeds=5", "optimizer=adam",
            "activations=relu,gelu", "learning_rates=[0.01, 0.1]".

    >>> changed(Plan(), ["seeds=3", "activations=relu,gelu"]).activations
    ('relu', 'gelu')
    """
    fields = plan.model_dump(exclude_unset=True)
    for setting in settings:
        name, equals, value = setting.partition("=")
        if not equals:
            hint = nearest(name, Plan.model_fields)
            raise ActlasError(f"--set takes key=value, as in seeds=5; got {setting!r}.{hint}")
        fields[name.strip()] = _value(value.strip())
    return make_plan(fields)


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
    found = Plan.model_json_schema()
    found["description"] = "A study of actlas: everything that is decided before the first run."
    for names, meaning in _documented():
        for name in names:
            found["properties"][name]["description"] = meaning
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **found}


def _documented() -> Iterable[tuple[list[str], str]]:
    """Return the keys and their meaning, from the list of arguments in the docstring of Plan."""
    arguments = (Plan.__doc__ or "").partition("Args:\n")[2]
    for names, meaning in re.findall(r"^ {8}(\w[\w, ]*): ((?:.|\n {12})+)", arguments, re.M):
        yield names.split(", "), " ".join(meaning.split())
