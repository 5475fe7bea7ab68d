"""A claim as a TOML file: what a paper says, and the two recipes that test it."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from actlas.errors import ActlasError, nearest
from actlas.study.plan import Plan, make_plan
from actlas.study.recipes import SAID

SETTINGS = ("as_published", "fair")
_DESIGN = {"search": "grid", "design": "fixed"}
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class Measure(BaseModel):
    """A test that is not a comparison of functions on a task.

    Args:
        measure: `module:function`; called with a seed, it gives pairs of a label and a score.
        seeds: the seeds, at least 2; a measurement without chance may number its cases instead.
        unit: of the scores.
        practical_difference: what is too small to matter, in that unit.
        higher_is_better: the direction of the score.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    measure: str
    seeds: Annotated[int, Field(ge=2)]
    unit: str
    practical_difference: Positive
    higher_is_better: bool = True


class Setting(BaseModel):
    """One recipe: a plan, or two that are compared, or a measurement, or the reason for neither.

    Args:
        plan: runs the claimed functions and their rivals; or the claimed recipe.
        against: the recipe that the claimed one is compared with, function by function.
        measure: what is measured instead.
        runs_of: another claim, whose runs of the same setting are used.
        untestable: why the claim cannot be tested in this setting.
        changes: what differs from the paper, in words.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    plan: Plan | None = None
    against: Plan | None = None
    measure: Measure | None = None
    runs_of: str = ""
    untestable: str = ""
    changes: str = ""


class Claim(BaseModel):
    """A published claim.

    Args:
        name: that of its file.
        title: the claim in a few words.
        paper: authors, year, where.
        statement: what is claimed, in our words.
        function: what is claimed to be ahead: the label of a function; "" where two recipes are
            compared, function by function.
        published: the published lead over each rival, or for each function, in the unit of the
            metric; "not read" where the figure could not be read.
        source: where the published figures come from.
        limits: what the test cannot say.
        larger: the size for a GPU in words, where the recipes do not give it as values.
        as_published, fair: the two recipes.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    title: str
    paper: str
    statement: str
    function: str = ""
    published: dict[str, Positive | Literal["not read"]] = Field(min_length=1)
    source: str
    limits: str
    larger: str = ""
    as_published: Setting
    fair: Setting

    def setting(self, name: str) -> Setting:
        """Return one of the two recipes, "as_published" or "fair"."""
        found: Setting = getattr(self, name)
        return found


def read_claim(path: Path, *, larger: bool = False, device: str = "") -> Claim:
    """Read a claim; ActlasError with one sentence for the first thing that is wrong.

    The tables `as_published` and `fair` hold the keys of a study file; `against` in one of them
    the values of the other recipe that differ, and `larger` those of the size for a GPU, with an
    `against` of its own. A claim runs every seed and trains every learning rate in full unless it
    says otherwise: functions share runs, and recipes are compared with each other. It has one
    task, and each of the two sides one recipe.

    Args:
        path: the file.
        larger: whether to read the size for a GPU; an error if a recipe does not give it as values.
        device: where networks are trained; by default what the file says, or the processor.
    """
    try:
        fields = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ActlasError(f"cannot read the claim {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ActlasError(f"the claim {path} is not TOML: {error}") from error
    for name in SETTINGS:
        given = dict(fields.get(name, {}))
        changes = given.pop("larger", None)
        if larger and not {"runs_of", "untestable"} & set(given):
            given = _at_larger_size(given, changes, f"{path}, {name}", fields.get("larger", ""))
        fields[name] = _setting(given, f"{path}, {name}", device)
    try:
        return Claim(name=path.stem, **fields)
    except ValidationError as error:
        raise ActlasError(f"{path}: {_sentence(error)}") from None


def read_claims(folder: Path) -> tuple[Claim, ...]:
    """Return the claims of a folder, one for each TOML file, by name."""
    return tuple(read_claim(path) for path in sorted(folder.glob("*.toml")))


def _at_larger_size(
    given: Mapping[str, Any], changes: Mapping[str, Any] | None, source: str, words: str
) -> dict[str, Any]:
    """Return a recipe with the values of its larger size in the place of its own."""
    if changes is None:
        raise ActlasError(f"{source}: there is no table `larger`; in words: {words or 'nothing'}")
    against = {**given.get("against", {}), **changes.get("against", {})}
    return {**given, **changes, **({"against": against} if "against" in given else {})}


def _setting(fields: Mapping[str, Any], source: str, device: str) -> Setting:
    words = {key: fields[key] for key in ("runs_of", "untestable", "changes") if key in fields}
    rest = {key: value for key, value in fields.items() if key not in words}
    if "measure" in rest:
        try:
            return Setting(measure=Measure(**rest), **words)
        except ValidationError as error:
            raise ActlasError(f"{source}: {_sentence(error)}") from None
    if not rest:
        if not {"runs_of", "untestable"} & set(words):
            raise ActlasError(f"{source}: give a plan, measure, runs_of or untestable")
        return Setting(**words)
    other = rest.pop("against", None)
    rest = {**_DESIGN, **rest, **({"device": device} if device else {})}
    plan = _plan(rest, source)
    against = None if other is None else _plan({**rest, **other}, f"{source}.against")
    return Setting(plan=plan, against=against, **words)


def _plan(fields: Mapping[str, Any], source: str) -> Plan:
    """Return the plan of one task under one recipe: kept runs tell functions apart, not parts."""
    plan = make_plan(fields, source)
    for key in ("task", *SAID):
        if "," in (given := getattr(plan, key) or ""):
            raise ActlasError(
                f"{source}: {key} = {given!r} names several, allowed is one: a claim is judged on "
                "one task under one recipe; a second recipe goes into the table against"
            )
    return plan


def _sentence(error: ValidationError) -> str:
    """Say in one sentence what is wrong; an unknown key first, since it is often a missing one."""
    problems = sorted(error.errors(), key=lambda found: found["type"] != "extra_forbidden")
    problem = problems[0]
    key = ".".join(map(str, problem["loc"]))
    known = (*Claim.model_fields, *Measure.model_fields)
    hint = nearest(key, known) if problem["type"] == "extra_forbidden" else ""
    return f"{key}: {problem['msg'].lower()}.{hint}"
